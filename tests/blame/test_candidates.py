"""Expressions that may be meant are found by their values, and parts of statements are solved for. Values and roots are mpmath's."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace

import mpmath
import pytest
from flint import arb

from tests.blame.test_adjoint_values import draft_of
from tests.blame.test_locate import FLOAT64, two_lines
from tests.blame.test_repairs import evaluated, target_of
from verifier.arithmetic import balls
from verifier.blame.formula import candidates, locate
from verifier.blame.formula.candidates import POWERS, Expressions, parts, repairs_by_expressions
from verifier.blame.formula.known_values import is_varied
from verifier.blame.formula.statement import RepairTarget
from verifier.blame.formula.temporaries import MAX_SECANT_STEPS, ROOT_BITS, solve, widen

BITS = 400
X, Y = (0.7, 1.9, 2.6), (1.3, 0.4, 0.9)
VALUES = {"x": X, "y": Y}


def column(text: str) -> list[arb]:
    """A text at the points, by mpmath to 60 digits."""
    with mpmath.workdps(60):
        functions = {n: getattr(mpmath, n) for n in ("sin", "cos", "exp", "log", "sqrt", "pi", "atan")} | {"sigmoid": lambda a: 1 / (1 + mpmath.exp(-a))}
        rows = [eval(re.sub(r"(?<![\w.])\d+(?![\w.])", lambda m: f"m({m[0]})", text), {"__builtins__": {}}, {**functions, "m": mpmath.mpf, "x": mpmath.mpf(x), "y": mpmath.mpf(y)}) for x, y in zip(X, Y, strict=True)]
        return [arb(mpmath.nstr(+row, 55)) + arb(0, arb(10) ** -40) for row in rows]


def expressions(*names: str, shapes: dict[str, tuple[int, ...]] | None = None) -> Expressions:
    """The expressions of a statement with these names in scope and nothing else in the program."""
    atoms = [*((name, column(name)) for name in names), ("dout", column("3*x")), ("x before it was reassigned", column("x + 5"))]
    program = SimpleNamespace(backward_start=0, lines=(), shapes=shapes or {})
    return Expressions(SimpleNamespace(atoms=atoms, steps=(), root=-1, program=program, is_upstream=lambda name: name == "dout"))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _precise():
    with balls.precision(BITS):
        yield


# values that are looked for, and the expression that has them
FOUND = (
    ("x", "x"), ("y", "y"), ("1 - x", "1 - x"), ("1 + y", "1 + y"), ("x*x", "x**2"), ("1 - y*y", "1 - y**2"), ("sqrt(x)", "sqrt(x)"), ("log(y)", "log(y)"), ("cos(x)", "cos(x)"), ("sin(y)", "sin(y)"), ("exp(x)", "exp(x)"),
    ("2*x", "2*x"), ("-x", "-x"), ("-(1 - x)", "-(1 - x)"), ("x/3", "1/3*x"), ("pi*x", "pi*x"), ("2*(1 + x)", "2*(1 + x)"), ("x*y", "x*y"), ("x*exp(y)", "x*exp(y)"), ("(1 - x)*(1 + y)", "(1 - x)*(1 + y)"), ("x**2*sin(y)", "x**2*sin(y)"),
)  # fmt: skip
QUOTIENTS = (("x/y", "x/y"), ("y/sin(x)", "y/sin(x)"), ("x/(1 + y)", "x/(1 + y)"), ("exp(x)/(1 - y)", "exp(x)/(1 - y)"))
NOT_FOUND = ("x + y", "atan(x)", "x*y*sin(x)", "x - x", "2 + 0*x", "3*x*y*exp(x)", "x + 5*y")


@pytest.mark.parametrize(("values", "text"), FOUND, ids=[t for _, t in FOUND])
def test_an_expression_is_found_by_its_values(values: str, text: str) -> None:
    found = expressions("x", "y").product(column(values))
    assert found is not None
    assert len(found.text) == len(text)
    assert all(a.overlaps(b) for a, b in zip(column(found.text.replace("1/3*x", "x/3")), column(values), strict=True))
    assert all(a.overlaps(b) for a, b in zip(found.column, column(values), strict=True))


@pytest.mark.parametrize("values", NOT_FOUND)
def test_what_no_expression_has_is_not_found(values: str) -> None:
    assert expressions("x", "y").product(column(values)) is None


@pytest.mark.parametrize(("values", "text"), QUOTIENTS, ids=[t for _, t in QUOTIENTS])
def test_a_quotient_may_be_a_factor_and_is_no_operand(values: str, text: str) -> None:
    e = expressions("x", "y")
    assert e.factor(column(values)).text == text  # type: ignore[union-attr]
    assert e.product(column(values)) is None
    assert e.factor(column("x*y*sin(x)")) is None


def test_a_product_is_one_at_all_points() -> None:
    """It is looked up by its values at two points, where another pair may do."""
    e = expressions("x", "y")
    bent = [*column("x*y")[:2], column("x*y")[2] * 2]
    assert e.product(bent) is None
    assert e.product([]) is None


def test_all_expressions_that_are_made_have_the_value_of_their_text() -> None:
    for text, made in (("x", candidates._made_of("x", column("x"))), ("x*y", candidates._made_of("x*y", column("x*y"))), ("x - y", candidates._made_of("x - y", column("x - y")))):
        found = list(made)
        positive = text != "x - y"
        assert len(found) == (10 if positive else 8)
        for one in found:
            assert all(a.overlaps(b) for a, b in zip(one.column, column(one.text), strict=True)), one.text


@pytest.mark.parametrize(("ratios", "name"), [(("2",), "2"), (("2", "2"), "2"), (("2", "2", "3"), None), (("3", "2", "2"), None), (("1", "1"), None), (("-1", "-1"), "-1"), ((), None), (("0.5", "0.5"), "1/2")])
def test_a_constant_is_one_number_at_all_points_and_not_1(ratios: tuple[str, ...], name: str | None) -> None:
    assert candidates._constant([arb(r) for r in ratios]) == name


def test_neither_the_gradient_that_flows_in_nor_an_old_value_is_part_of_an_expression() -> None:
    assert {e.text for e in expressions("x", "y").by_value.values()} == {e.format(n) for n in VALUES for e in ("{}", "1 - {}", "1 + {}", "{}**2", "1 - {}**2", "sqrt({})", "log({})", "cos({})", "sin({})", "exp({})", "sigmoid({})")}


def test_of_two_expressions_with_one_value_the_shorter_is_said() -> None:
    e = expressions("x")
    atoms = [("a_long_name", column("x")), ("x", column("x")), ("another_name", column("x"))]
    program = SimpleNamespace(backward_start=0, lines=(), shapes={})
    e = Expressions(SimpleNamespace(atoms=atoms, steps=(), root=-1, program=program, is_upstream=lambda _: False))  # type: ignore[arg-type]
    assert e.equal(column("x")).text == "x"  # type: ignore[union-attr]
    assert e.equal(column("1 - x")).text == "1 - x"  # type: ignore[union-attr]


def test_an_old_longer_list_of_components_is_not_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    assert expressions("x", "y", shapes={"x": (2,)}).product(column("x*y")) is not None
    monkeypatch.setattr(candidates, "MOST_PAIRED", 21)
    assert expressions("x", "y", shapes={"x": (2,)}).product(column("x*y")) is None
    assert expressions("x", "y", shapes={"x": (2,)}).product(column("2*x")) is not None
    assert expressions("x", "y").product(column("x*y")) is not None
    monkeypatch.setattr(candidates, "MOST_PAIRED", 22)
    assert expressions("x", "y", shapes={"x": (2,)}).product(column("x*y")) is not None


@pytest.mark.parametrize(("text", "inside"), [("x", "x"), ("-x", "-x"), ("x + y", "(x + y)"), ("x - y", "(x - y)"), ("f(x - y)", "f(x - y)"), ("(x - y)*z", "(x - y)*z"), ("a[i + 1]", "a[i + 1]"), ("(a)(b) + c", "((a)(b) + c)"), ("-x - y", "(-x - y)"), ("x*y", "x*y"), ("[a, b] - c", "([a, b] - c)")])
def test_a_sum_is_put_in_parentheses_in_a_product(text: str, inside: str) -> None:
    assert candidates._in_product(text) == inside


@pytest.mark.parametrize("power", POWERS)
def test_each_power_is_recognised(power: str) -> None:
    value = column("x")
    assert candidates._power(value, column(f"x**(m({power.replace('/', ')/m(')}))" if "/" in power else f"x**m({power})")) == power


@pytest.mark.parametrize(
    ("value", "needed"),
    [("x", "x"), ("x", "x**4"), ("x", "x**0"), ("x", "2*x"), ("-x", "x*x"), ("x", "-x*x"), ("x/x", "x**0"), ("2 + 0*x", "4 + 0*x"), ("x", "y")],
)
def test_what_is_no_power_of_varied_positive_numbers_other_than_1_is_none(value: str, needed: str) -> None:
    assert candidates._power(column(value), column(needed)) is None


def test_a_power_at_all_points_but_one_is_none() -> None:
    needed = column("x*x")
    assert candidates._power(column("x"), [*needed[:2], needed[2] * 2]) is None
    assert candidates._power([*column("x")[:2], arb(1)], [*needed[:2], arb(1)]) is None, "1**p says nothing about p"


@pytest.mark.parametrize(("ratios", "name"), [("pi + 0*x", "pi"), ("1/m(3) + 0*x", "1/3"), ("-2 + 0*x", "-2"), ("1 + 0*x", None), ("x", None)])
def test_a_ratio_that_is_the_same_everywhere_is_a_constant(ratios: str, name: str | None) -> None:
    assert candidates._constant(column(ratios)) == name


def test_nothing_has_no_ratio() -> None:
    assert candidates._constant([]) is None
    value = column("x")
    assert candidates._constant([arb.pi(), arb.pi(), value[0]]) is None


# ---------------------------------------------------------------- parts of a statement, and their repairs

# a right statement for d(log(2 + x*x)*y)/dx = 2*x*y/(2 + x*x), bent at one place; what is said first, and another reading that is said as well
REPAIRED = (
    ("x*y/(2 + x*x)*dout", "the factor `2` is missing in `x*y`", "the term `x*y` is missing in `x*y`"),
    ("2*x*y/(2 + x*x)*exp(y)*dout", "a division by `exp(y)` is missing", "the term `-y` is missing at `y` in `exp(y)`"),
    ("2*x*y*cos(x)/(2 + x*x)*dout", "a division by `cos(x)` is missing", "a division by `cos(x)` is missing at `x` in `2*x`"),
    ("2*x*y/(2 + x*x)**2*dout", "the factor `2 + x*x` is missing", "`2*x` where `(2 + x*x)*2*x` is meant in `2*x`"),
    ("2*x*y/sqrt(2 + x*x)*dout", "`2 + x*x` should be squared", "a division by `sqrt(2 + x*x)` is missing at `x` in `2*x`"),
    ("2*x*y/(x*x)*dout", "`x*x` where `2 + x*x` is meant in `x*x`", "`x*x` where `2 + x*x` is meant in `x*x`"),
    ("2*x*y/(2 + x)*dout", "`x` where `x*x` is meant in `2 + x`", "the term `-x*(1 - x)` is missing at `x` in `2 + x`"),
    ("2*x*(y + x)/(2 + x*x)*dout", "the term `-x` is missing in `y + x`", "`2*x*(y + x)` where `y*2*x` is meant in `2*x*(y + x)`"),
    ("2*x*y/(2 + x*x)", "the factor `5/2` is missing in `2*x`", "`x` where `5/2*x` is meant in `2*x`"),
)  # fmt: skip


@pytest.mark.parametrize(("statement", "first", "other"), REPAIRED, ids=[r[0] for r in REPAIRED])
def test_every_repair_by_an_expression_holds_at_all_points_and_the_shortest_is_said(statement: str, first: str, other: str) -> None:
    s = target_of(statement)
    with balls.precision(s.isolated.reference.bits):
        found = list(repairs_by_expressions(s))
        assert [w for k, c, w in found if not s.is_repaired_by(k, c)] == []
        words = [w for _, _, w in found]
        assert words[0] == first
        assert other in words
        assert not any("--" in w for w in words)


@pytest.mark.parametrize("statement", ["x*y/(2 + x*x)*dout", "2*x*y/(3 + x*x)*dout", "2*x*exp(y)/(2 + x*x)*dout", "2*x**3*y/(2 + x*x)*dout"])
def test_a_part_given_the_value_that_it_should_have_makes_the_statement_right(statement: str) -> None:
    s = target_of(statement)
    with balls.precision(s.isolated.reference.bits), mpmath.workdps(50):
        found = list(parts(s))
        assert found[0].step == s.root
        assert len(found) >= 4
        for part in found:
            k, changed = part.change(widen(part.needed))
            for value, (x, y) in zip(s.with_changed({k: changed}), ((0.7, -1.3), (-0.4, 0.9), (1.75, 0.3)), strict=False):
                expected = evaluated("2*x*y/(2 + x*x)*upstream", x, y)
                assert abs(value - arb(mpmath.nstr(expected, 45))) < 1e-20, part.text
            k, same = part.change(part.value)
            assert all(a.overlaps(b) for a, b in zip(s.with_changed({k: same}), s.value(s.root), strict=True)), part.text


# ---------------------------------------------------------------- the secant method

ROOTS: tuple[tuple[str, Callable[[arb], arb], Callable[[object], object], float], ...] = (
    ("x**2 = 2", lambda x: x * x, mpmath.sqrt, 1.4),
    ("exp(x) = 2", lambda x: x.exp(), mpmath.log, 0.5),
    ("x**3 = 2", lambda x: x * x * x, mpmath.cbrt, 1.2),
    ("1/x = 2", lambda x: 1 / x, lambda w: 1 / w, 0.4),
    ("x + 0.5 = 2", lambda x: x + 0.5, lambda w: w - 0.5, 7.0),
    ("x*3 = 2", lambda x: x * 3, lambda w: w / 3, 0.0),
    ("tan(x) = 2", lambda x: x.tan(), mpmath.atan, 1.0),
)


@pytest.mark.parametrize(("_name", "function", "inverse", "start"), ROOTS, ids=[r[0] for r in ROOTS])
def test_the_root_that_is_found_is_that_of_mpmath(_name: str, function: Callable[[arb], arb], inverse: Callable[[object], object], start: float) -> None:
    found = solve(lambda column: [function(x) for x in column], [arb(start), arb(start)], [arb(2), arb("2.125")], first=2)
    assert found is not None
    with mpmath.workdps(60):
        for root, w, ball in zip(found, ("2", "2.125"), widen(found), strict=True):
            expected = arb(mpmath.nstr(inverse(mpmath.mpf(w)), 55))
            assert abs(root - expected) <= abs(expected) * arb(2) ** (5 - ROOT_BITS)
            assert ball.overlaps(expected)
            assert ball.rad() <= abs(expected) * arb(2) ** (11 - ROOT_BITS)


def square(column: list[arb]) -> list[arb]:
    return [x * x for x in column]


@pytest.mark.parametrize(
    ("start", "target"),
    [([arb(1)], [arb(-1)]), ([arb("nan")], [arb(2)]), ([arb(1)], [arb("inf")]), ([True], [arb(2)])],
)
def test_where_there_is_no_root_there_is_none(start: list[arb], target: list[arb]) -> None:
    assert solve(square, start, target, first=1) is None


def test_a_function_that_ignores_its_argument_has_no_root_and_one_without_values_neither() -> None:
    assert solve(lambda c: [arb(3) for _ in c], [arb(1)], [arb(2)], first=1) is None
    assert solve(lambda c: [x.log() for x in c], [arb(-1)], [arb(2)], first=1) is None
    assert solve(lambda c: [True for _ in c], [arb(1)], [arb(2)], first=1) is None


def test_beyond_the_first_points_a_failure_leaves_the_start() -> None:
    found = solve(square, [arb(1), arb(1)], [arb(2), arb(-1)], first=1)
    assert found is not None
    assert abs(found[0] * found[0] - 2) < 1e-25
    assert found[1] == 1
    assert solve(square, [arb(1), arb(1)], [arb(2), arb(-1)], first=2) is None
    assert solve(square, [arb(1), arb(1)], [arb(-1), arb(2)], first=1) is None


def test_a_start_that_is_a_root_is_left_as_it_is() -> None:
    """Also where it is a ball: the root is then not asked for."""
    found = solve(square, [arb(3), arb(2)], [arb(9), arb("4.5")], first=2)
    assert found is not None
    assert found[0] == 3
    assert abs(found[1] * found[1] - 4.5) < 1e-25


def test_the_method_ends() -> None:
    tried = []

    def slow(column: list[arb]) -> list[arb]:
        tried.append(column)
        return [x**9 for x in column]

    solve(slow, [arb(1)], [arb(0)], first=1)
    assert len(tried) <= MAX_SECANT_STEPS + 2


def test_widened_balls_hold_what_is_near_and_no_more() -> None:
    (ball,) = widen([arb(3)])
    assert ball.contains(arb(3) + arb(2) ** (9 - ROOT_BITS))
    assert not ball.contains(arb(3) + arb(2) ** (13 - ROOT_BITS))
    assert widen([arb(0)]) == [0]
    (ball,) = widen([arb(-3)])
    assert ball.contains(arb(-3) + arb(2) ** (9 - ROOT_BITS))


# finite, other than 0, not all the same
@pytest.mark.parametrize(("values", "varied"), [((1, 2), True), ((1, 1), False), ((1, 1, 2), True), ((0, 2), False), ((1, 0), False), (("nan", 1), False), ((1, "inf"), False), ((True, 2), False), ((-1, 1), True)])
def test_a_column_tells_something_where_it_varies(values: tuple[object, ...], varied: bool) -> None:
    assert is_varied([v if isinstance(v, bool) else arb(v) for v in values]) is varied


# ---------------------------------------------------------------- what stands in a program


def test_what_is_looked_up_are_the_names_in_scope_and_the_expressions_that_stand_before_the_statement() -> None:
    """Read off the program: names from the nearest on, then expressions from the first line on; no number, no name, nothing of the statements below."""
    draft = draft_of(two_lines(["a = x*w", "b = sin(a) + 1", "out = a*b**2"], ["t = cos(a)*w", "u = 3", "dx = (b**2*w + b*t)*dout", "dw = 2*x*b*dout"], point="{x: 0.7, w: -1.3}, {x: 1.9, w: 0.6}"))
    isolated = locate.isolate(draft.whole, draft.implementation, draft.claims, [(0.7, -1.3), (1.9, 0.6)], fmt=FLOAT64, upstream=1.0)
    assert isolated is not None
    with balls.precision(isolated.reference.bits):
        s = RepairTarget(draft.whole, isolated, isolated.mistakes[0], FLOAT64)
        written = [text for text, _ in candidates._written(s)]
        assert written[:7] == ["u", "t", "out", "b", "a", "w", "x"]
        assert written[7:] == ["x*w", "sin(a)", "sin(a) + 1", "b**2", "a*b**2", "cos(a)", "cos(a)*w", "b**2", "b**2*w", "b*t", "b**2*w + b*t"]


def test_an_exponent_and_a_number_are_no_parts() -> None:
    s = target_of("2*x**3*y/(2 + x*x)*dout")
    with balls.precision(s.isolated.reference.bits):
        found = [part.text for part in parts(s)]
        assert any(s.steps[part.step].gate == "pow" and part.text == "x" for part in parts(s)), "a base is one"
        assert found[0] == s.text(s.root)
        assert "3" not in found
        assert "2" not in found
        assert {"x**3", "2*x**3", "2*x**3*y", "y"} <= set(found)


def test_a_product_of_an_expression_and_its_inverse_is_no_factor() -> None:
    program = SimpleNamespace(backward_start=0, lines=(), shapes={})
    e = Expressions(SimpleNamespace(atoms=[("x", column("x")), ("r", column("1/x"))], steps=(), root=-1, program=program, is_upstream=lambda _: False))  # type: ignore[arg-type]
    assert e.product(column("1 + 0*x")) is None
    assert e.product(column("3 + 0*x")) is None
    assert e.equal(column("1 + 0*x")) is None
