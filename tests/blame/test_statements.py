"""Statements that are wrong together, too much, or too little; what is compared, and on which branch: the expected values are read off the programs by hand."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import mpmath
import pytest
from flint import arb

from tests.blame.test_adjoint_values import draft_of
from tests.blame.test_guilty_lines import findings
from tests.blame.test_locate import FLOAT64, two_lines
from tests.blame.test_repairs import target_of
from tests.texts import expression
from verifier.arithmetic import balls
from verifier.blame.formula import diagnose, locate
from verifier.blame.formula.adjoint_values import agrees, same
from verifier.exact import adjoints

TWO = "{x: 0.7, w: -1.3}, {x: 1.9, w: 0.6}"
THREE = "{x: 0.7, w: 0.5, y: 0.4}, {x: 1.9, w: 0.6, y: 1.1}"
PRODUCT = ("a = x*w", "b = sin(x)", "out = a*b")
BACK = ("da = b*dout", "db = a*dout")
# forward lines, backward lines, and of every wrong line the words: one row a way in which statements fit together
WAYS: tuple[tuple[tuple[str, ...], tuple[str, ...], dict[str, str]], ...] = (
    (PRODUCT, (*BACK, "dx = w*da", "dx += cos(x)*db", "dw = x*da"), {}),
    (PRODUCT, (*BACK, "dx = w*da + cos(x)*db", "dx += x*w*dout", "dw = x*da"), {"dx += x*w*dout": "this contribution is superfluous: the others add up to the whole gradient"}),
    (PRODUCT, (*BACK, "dx = w*da + cos(x)*db", "dx -= x*w*dout", "dw = x*da"), {"dx -= x*w*dout": "this contribution is superfluous: the others add up to the whole gradient"}),
    (PRODUCT, (*BACK, "dx = w*da + cos(x)*db + x*w*dout", "dw = x*da"), {"dx = w*da + cos(x)*db + x*w*dout": "this contribution is superfluous: the others add up to the whole gradient"}),
    (PRODUCT, (*BACK, "dx = w*w*da", "dx += sin(x)*db", "dw = x*da"), {"dx = w*w*da": "the factor `w` is superfluous in `w*w`", "dx += sin(x)*db": "`sin` where `cos` is meant in `sin(x)`"}),
    (PRODUCT, (*BACK, "dx = w*w*da + sin(x)*db", "dw = x*da"), {"dx = w*w*da + sin(x)*db": "two mistakes: `sin` where `cos` is meant in `sin(x)`; the factor `w` is superfluous in `w*w`"}),
    (PRODUCT, (*BACK, "dx = w*da", "dw = x*da"), {"dx = w*da": "the contribution through `b = sin(x)` is missing"}),
    (PRODUCT, (*BACK, "dx = cos(x)*db", "dw = x*da"), {"dx = cos(x)*db": "the contribution through `a = x*w` is missing"}),
    (PRODUCT, (*BACK, "dx = w*da", "dx += cos(x)*db", "dx += cos(x)*db", "dw = x*da"), {"dx += cos(x)*db": "this contribution is already added by another line"}),
    (PRODUCT, (*BACK, "dx = w*da", "dx = cos(x)*db", "dw = x*da"), {"dx = cos(x)*db": "`=` overwrites an earlier contribution where `+=` is meant: the contribution through `a = x*w` is lost"}),
    (PRODUCT, (*BACK, "dx = w*da", "dx += 2*cos(x)*db", "dw = x*da"), {"dx += 2*cos(x)*db": "the factor `2` is superfluous"}),
    (PRODUCT, (*BACK, "dx = 3*w*da", "dx -= cos(x)*db", "dw = x*da"), {"dx = 3*w*da": "the factor `3` is superfluous", "dx -= cos(x)*db": "the sign is flipped"}),
    (("a = x*w", "b = sin(a)", "out = a*b"), (*BACK, "dx = w*da", "da += cos(a)*db", "dw = x*da"), {"dx = w*da": "`da` is read here before `da += cos(a)*db` is added to it"}),
    (("a = x*w", "b = sin(a)", "out = a*b"), (*BACK, "da += cos(a)*db", "dx = x*da", "dw = w*da"), {"dx = x*da": "`dx` and `dw` are exchanged: each holds the gradient of the other", "dw = w*da": "`dw` and `dx` are exchanged: each holds the gradient of the other"}),
    (("out = x*x*w",), ("dx = 2*x*w*dout", "dx += w*dout", "dw = x*x*dout"), {"dx += w*dout": "superfluous: the others add up"}),
    (("h = sin(x)", "out = h*w + x*x"), ("dh = w*dout", "dx = cos(x)*dh", "dx += 2*x*dout", "dx += x*w*dout", "dw = h*dout"), {"dx += x*w*dout": "superfluous: the others add up"}),
)  # fmt: skip


@pytest.mark.parametrize(("forward", "backward", "wrong"), WAYS, ids=["; ".join(b) for _, b, _ in WAYS])
def test_statements_that_are_wrong_together_are_told_apart(forward: tuple[str, ...], backward: tuple[str, ...], wrong: dict[str, str]) -> None:
    found = findings(two_lines(forward, backward, point=TWO))
    assert {f.statement for f in found} == set(wrong)
    for f in found:
        assert wrong[f.statement] in f.message, f.message


def test_two_temporaries_that_are_wrong_at_once_are_both_named() -> None:
    """y (exp(-x) + exp(w)): each of the first two gradients reads one of them, the third both."""
    backward = ["t = exp(-2*x)", "s = exp(w*w)", "dx = -y*t*dout", "dw = y*s*dout", "dy = (t + s)*dout"]
    found = findings(two_lines(["out = y*(exp(-x) + exp(w))"], backward, point=THREE))
    assert {f.statement for f in found} == set(backward[:2])
    assert {f.statement: f.gradients for f in found} == {backward[0]: ("dx", "dy"), backward[1]: ("dw", "dy")}


@pytest.mark.parametrize("at", range(3))
def test_what_reads_one_wrong_value_is_not_wrong_itself(at: int) -> None:
    """All names after the wrong one hold adjoints still: none of them is dropped."""
    lines = ["dh = 2*h*dout", "dz = (1 - h*h)*dh", "dx = w*dz", "dw = x*dz"]
    lines[at] = lines[at].replace("= ", "= 3*", 1)
    (found,) = findings(two_lines(["z = w*x", "h = tanh(z)", "out = h*h"], lines, point=TWO))
    assert found.statement == lines[at]
    assert "`3` is superfluous" in found.message or "constant `3`" in found.message or "`6`" in found.message or "factor" in found.message


def test_a_branch_that_is_not_taken_is_not_to_blame() -> None:
    """0/0 stands in the branch that is not taken at 0; the branch that is taken is wrong."""
    (found,) = findings("function: x*abs(x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = where(x == 0, 1, 2*x*x/abs(x))'}}")
    assert "no real value" not in found.message
    assert "at this point, and right beside it" in found.message
    (taken,) = findings("function: x*abs(x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = where(x == 0, x/x, 2*abs(x))'}}")
    assert "has no real value here: 0/0" in taken.message
    assert taken.source_line[taken.place.column - 1 :][: taken.width] == "x/x"


# what is chosen at the points x = -1, 0, 2; y = 1, 1, 2: for a choice whether each operand is positive, and larger than the first
CHOICES = (
    ("abs(x)", []),  # x sign(x) for both signs
    ("max(x, y)", [[((False, True), (False, True)), ((False, True), (False, True)), ((True, True), (False, False))]]),
    ("x*y + exp(x)", []),
    ("x > y", [["False", "False", "False"]]),
    ("floor(x)", [["-1.00000000000000", "0", "2.00000000000000"]]),
)  # fmt: skip


@pytest.mark.parametrize(("text", "taken"), CHOICES, ids=[t for t, _ in CHOICES])
def test_every_choice_between_formulas_is_seen(text: str, taken: list[list[object]]) -> None:
    program = expression(f"where({text}, x, y)" if ">" in text else text, "x", "y")
    columns = [[arb(-1), arb(0), arb(2)], [arb(1), arb(1), arb(2)]]
    values = balls.run(program, columns, bits=53, strict=False)
    assert locate._branches(program, values)[: len(taken) or None] == taken


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (arb(1), arb(1), True), (arb(1), arb(2), False), (arb("nan"), arb("nan"), False), (arb("inf"), arb("inf"), False), (arb(0), arb(0), True), (arb(0), arb(1), False),
        (arb(1, 2.0**-42), arb(1), True), (arb(1, 2.0**-30), arb(1), False), (arb(1, 2.0**-42), arb(1, 2.0**-41), True), (arb(1, 2.0**-42), arb(1, 2.0**-42), True), (arb(1, 2.0**-40), arb(1, 2.0**-40), False),
        (arb(0, 2.0**-100), arb(0, 2.0**-99), True), (arb(0, 2.0**-20), arb(0), False),
        (True, True, True), (False, False, True), (True, False, False), (True, arb(1), False), (arb(0), False, False), (None, None, True), (None, arb(1), False), (arb(1), None, False),
    ],
)  # fmt: skip
def test_two_values_are_the_same_where_they_overlap_and_are_narrow(a: object, b: object, expected: bool) -> None:
    with balls.precision(120):
        assert same([a], [b]) is expected  # type: ignore[list-item]
        assert same([arb(1), a], [arb(1), b]) is expected  # type: ignore[list-item]


UNIT = 2.0**-52


@pytest.mark.parametrize(
    ("computed", "exact", "expected"),
    [
        (arb(1), arb(1), True), (arb(1 + UNIT), arb(1), True), (arb(1 + 2 * UNIT), arb(1), False), (arb(1 - UNIT), arb(1), True), (arb(1 - 2 * UNIT), arb(1), False), (arb(-1 - UNIT), arb(-1), True),
        (arb(0), arb(0), True), (arb(2.0**-300), arb(0), False), (arb(1), arb("nan"), True), (arb("nan"), arb(1), False), (arb("inf"), arb(1), False), (True, arb(1), False), (True, arb("inf"), True),
        (arb(1, 2.0**-60), arb(1), True), (arb(1, 2.0**-10), arb(1), False), (arb(3), arb(3, 2.0**-20), True), (arb(4), arb(3, 2.0**-20), False), (arb(0, 2.0**-90), arb(0), True), (arb(0, 2.0**-70), arb(0), False),
    ],
)  # fmt: skip
def test_a_value_agrees_within_an_ulp_of_the_exact_one(computed: object, exact: arb, expected: bool) -> None:
    """An exact value that cancelled to fewer bits than the format has decides nothing but whether it is near."""
    with balls.precision(120):
        assert agrees([computed], [exact], FLOAT64) is expected  # type: ignore[list-item]
        assert agrees([arb(1), computed], [arb(1), exact], FLOAT64) is expected  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("gate", "position", "args", "expected"),
    [  # partials by the rules of the table in a calculus book
        ("mul", 0, (2, 3), 3), ("mul", 1, (2, 3), 2), ("div", 0, (2, 4), 0.25), ("div", 1, (2, 4), -0.125), ("pow", 0, (0, 2), 0), ("pow", 0, (3, 2), 6), ("pow", 0, (0, 1), 1), ("sub", 1, (2, 3), -1), ("copy", 0, (5,), 1),
        ("where", 1, (True, 2, 3), 1), ("where", 2, (True, 2, 3), 0), ("where", 1, (False, 2, 3), 0), ("where", 2, (False, 2, 3), 1), ("where", 0, (True, 2, 3), None), ("lt", 0, (2, 3), None), ("besselj", 0, (1, 2), None), ("floor", 0, (2.5,), 0), ("pow", 0, (2, 0), 0),
    ],
)  # fmt: skip
def test_a_local_gradient_is_that_of_the_book(gate: str, position: int, args: tuple[object, ...], expected: float | None) -> None:
    with balls.precision(120):
        found = adjoints.partial(gate, position, [[a if isinstance(a, bool) else arb(a)] for a in args], strict=True)
        assert found is None if expected is None else found is not None and found[0] == expected


def test_names_that_hold_adjoints_are_found_in_the_claims() -> None:
    draft = draft_of(two_lines(["out = x*w"], ["dx = w*dout", "dw = x*dout"], point=TWO))
    isolated = locate.isolate(draft.whole, draft.implementation, draft.claims, [(0.7, -1.3)], fmt=FLOAT64, upstream=1.0)
    assert isolated is not None
    assert isolated.mistakes == ()
    assert isolated.claimed == {draft.whole.names["dx"], draft.whole.names["dw"]}


# forward lines, backward lines with one wrong, the derivative that is shown for it, by hand, and the names that it may be written in
SHOWN = (
    (("h = sin(x)*exp(x)", "out = h*w"), ("dh = w*dout", "dx = cos(x)*dh", "dw = h*dout"), "d(h)/d(x)", lambda x, w: math.exp(x) * (math.sin(x) + math.cos(x)), {"x"}),  # noqa: ARG005 - a function of both inputs
    (("a = x*w", "h = a/(1 + a*a)", "out = h*w"), ("dh = w*dout", "da = dh/(1 + a*a)", "dx = w*da", "dw = x*da + h*dout"), "d(h)/d(a)", lambda x, w: (1 - (x * w) ** 2) / (1 + (x * w) ** 2) ** 2, {"a"}),
    (("out = sin(x*w)*x",), ("dx = sin(x*w)*dout", "dw = x*x*cos(x*w)*dout"), "d(out)/d(x)", lambda x, w: math.sin(x * w) + x * w * math.cos(x * w), {"x", "w"}),
    (("a = x*w", "out = exp(a)*a"), ("da = exp(a)*a*dout", "dx = w*da", "dw = x*da"), "d(out)/d(a)", lambda x, w: math.exp(x * w) * (1 + x * w), {"a", "out"}),
    (("out = log(1 + x*x)/w",), ("dx = 2*x/(1 + x*x)*dout", "dw = -log(1 + x*x)/w**2*dout"), "d(out)/d(x)", lambda x, w: 2 * x / (1 + x * x) / w, {"x", "w"}),
)  # fmt: skip


@pytest.mark.parametrize(("forward", "backward", "left", "value", "names"), SHOWN, ids=[b[0] + "; " + b[1] for _, b, _, _, _ in SHOWN])
def test_the_derivative_that_is_shown_is_the_right_one_in_names_of_the_program(forward: tuple[str, ...], backward: tuple[str, ...], left: str, value: Callable[[float, float], float], names: set[str]) -> None:
    found = findings(two_lines(forward, backward, point="{x: 0.7, w: 1.3}, {x: 1.9, w: 0.6}"))
    (shown,) = {d.removeprefix("expected  ") for f in found for d in f.details if d.startswith("expected")}
    assert shown.startswith(f"{left} = ")
    formula = shown.partition(" = ")[2].partition(", from ")[0]
    words = set(re.findall(r"[A-Za-z_]\w*", formula))
    assert words <= names | {"sin", "cos", "exp", "log"}
    for x, w in ((0.7, 1.3), (1.9, 0.6)):
        scope = {"x": x, "w": w, "a": x * w, "out": math.exp(x * w) * x * w, **{n: getattr(math, n) for n in ("sin", "cos", "exp", "log")}}
        assert eval(formula, {"__builtins__": {}}, scope) == pytest.approx(value(x, w), rel=1e-12)


def test_a_run_that_the_right_values_repair_is_the_last() -> None:
    """dh is wrong and all that follows is right on exact operands: it holds the adjoint of h, though its value is another."""
    draft = draft_of(two_lines(["z = w*x", "h = tanh(z)", "out = h*h"], ["dh = 3*h*dout", "dz = (1 - h*h)*dh", "dx = w*dz", "dw = x*dz"], point=TWO))
    isolated = locate.isolate(draft.whole, draft.implementation, draft.claims, [(0.7, -1.3), (1.9, 0.6)], fmt=FLOAT64, upstream=1.0)
    assert isolated is not None
    assert [(m.target, m.kind) for m in isolated.mistakes] == [("dh", "wrong")]
    assert {draft.whole.steps[i].name for i in isolated.meaning} == {"dh", "dz", "dx", "dw"}
    assert len(isolated.propagated) == 3


def test_two_edits_one_around_the_other_are_a_value_and_a_factor() -> None:
    """In -exp(cos(x))*y, sin for cos and three times the exponential: -3*exp(sin(x))*y."""
    s = target_of("-exp(cos(x))*(y - 1)")
    with balls.precision(s.isolated.reference.bits), mpmath.workdps(40):
        at = {s.text(k): k for k in s.cone}
        inner, outer, apart = at["cos(x)"], at["exp(cos(x))"], at["y - 1"]
        (x,) = (i for i, step in enumerate(s.steps) if step.gate == "input" and step.text == "x")
        sine, thrice, five = [v.sin() for v in s.value(x)], [3 * v for v in s.value(outer)], [arb(5)] * len(s.value(x))
        both = diagnose._both(s, (inner, sine), (outer, thrice))
        beside = diagnose._both(s, (inner, sine), (apart, five))
        for k, (a, b) in enumerate(((0.7, -1.3), (-0.4, 0.9))):
            assert abs(both[k] - arb(mpmath.nstr(-3 * mpmath.exp(mpmath.sin(a)) * (mpmath.mpf(b) - 1), 35))) < 1e-25
            assert abs(beside[k] - arb(mpmath.nstr(-5 * mpmath.exp(mpmath.sin(a)), 35))) < 1e-25
        assert diagnose._both(s, (outer, thrice), (inner, sine)) == s.mistake.computed, "the other order is tried by itself"
        zero = target_of("exp(cos(0*x)*0)*y*0 + x")
        nothing = {zero.text(k): k for k in zero.cone}
        assert diagnose._both(zero, (nothing["cos(0*x)"], zero.value(x)), (nothing["cos(0*x)*0"], zero.value(x))) == zero.mistake.computed, "what is 0 has no factor"


@pytest.mark.parametrize("backward", [("dz = sin(x*w)*x*dout", "dx = w*dz + sin(x*w)*dout", "dw = x*dz"), ("dz = sin(x*w)*dout", "dx = w*dz + sin(x*w)*dout", "dw = x*dz")])
def test_the_derivative_with_respect_to_an_inner_step_is_written_out(backward: tuple[str, ...]) -> None:
    """d(sin(z) x)/dz = x cos(z) with x*w for z, by hand."""
    text = two_lines(("out = sin(x*w)*x",), backward, point="{x: 0.7, w: 1.3}, {x: 1.9, w: 0.6}").rstrip("\n") + "\n    adjoints: {dz: x*w}\n"
    (shown,) = (d.removeprefix("expected  ") for f in findings(text) for d in f.details if d.startswith("expected"))
    assert shown.startswith("d(out)/d(x*w) = ")
    formula = shown.partition(" = ")[2].partition(", from ")[0]
    assert eval(formula, {"__builtins__": {}}, {"x": 0.7, "w": 1.3, "cos": math.cos}) == pytest.approx(0.7 * math.cos(0.7 * 1.3), rel=1e-12)


def test_an_inner_step_of_an_inner_step_is_written_out_as_well() -> None:
    """d(exp(z)*x)/dz = x exp(z) with sin(x*w) for z, by hand."""
    text = two_lines(("out = exp(sin(x*w))*x",), ("dz = cos(sin(x*w))*x*dout", "dx = w*cos(x*w)*dz + exp(sin(x*w))*dout", "dw = x*cos(x*w)*dz"), point="{x: 0.7, w: 1.3}, {x: 1.9, w: 0.6}").rstrip("\n") + "\n    adjoints: {dz: sin(x*w)}\n"
    (shown,) = (d.removeprefix("expected  ") for f in findings(text) for d in f.details if d.startswith("expected"))
    formula = shown.partition(" = ")[2].partition(", from ")[0]
    assert eval(formula, {"__builtins__": {}}, {"x": 0.7, "w": 1.3, "sin": math.sin, "exp": math.exp}) == pytest.approx(0.7 * math.exp(math.sin(0.7 * 1.3)), rel=1e-12)
