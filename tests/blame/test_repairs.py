"""What a repair says is what it does: the edit that the words name, made in the text of the statement, gives the value that was tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import mpmath
import pytest
from flint import arb

from tests.blame.test_locate import FLOAT64
from verifier import load_text
from verifier.arithmetic import balls
from verifier.blame.formula import locate, repairs
from verifier.blame.formula.statement import RepairTarget
from verifier.case import points
from verifier.case.case import Draft
from verifier.language.gates import GATES

POINTS = ((0.7, -1.3), (-0.4, 0.9), (1.75, 0.3))
UPSTREAM = 2.5
NAMES = ("upstream", "out", "y", "x")  # in scope, the nearest first
CONSTANTS = {"2": 2, "3": 3, "4": 4, "pi": mpmath.pi, "sqrt(2)": 2**0.5, "sqrt(pi)": mpmath.sqrt(mpmath.pi), "log(2)": mpmath.log(2), "log(10)": mpmath.log(10)}
FUNCTIONS = {name: getattr(mpmath, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sinh", "cosh", "expm1", "log1p", "asin", "acos", "atan", "atanh", "cbrt", "sign", "pi", "gamma", "digamma", "erf", "erfc")} | {
    "where": lambda c, a, b: a if c else b, "abs": abs, "max": max, "min": min, "exp2": lambda a: mpmath.mpf(2) ** a, "log2": lambda a: mpmath.log(a, 2), "log10": lambda a: mpmath.log(a, 10), "sqrt": mpmath.sqrt,
    "floor": mpmath.floor, "ceil": mpmath.ceil, "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)), "softplus": lambda a: mpmath.log1p(mpmath.exp(a)), "logsigmoid": lambda a: -mpmath.log1p(mpmath.exp(-a)), "relu": lambda a: max(a, 0),
    "square": lambda a: a * a, "reciprocal": lambda a: 1 / a, "rsqrt": lambda a: 1 / mpmath.sqrt(a), "lgamma": lambda a: mpmath.log(abs(mpmath.gamma(a))), "trigamma": lambda a: mpmath.psi(1, a),
    "maximum": max, "minimum": min, "atan2": mpmath.atan2, "asinh": mpmath.asinh, "acosh": mpmath.acosh, "i0": lambda a: mpmath.besseli(0, a), "i1": lambda a: mpmath.besseli(1, a),
    "j0": lambda a: mpmath.besselj(0, a), "j1": lambda a: mpmath.besselj(1, a), "y0": lambda a: mpmath.bessely(0, a), "y1": lambda a: mpmath.bessely(1, a), "k0": lambda a: mpmath.besselk(0, a), "k1": lambda a: mpmath.besselk(1, a),
    "airyai": mpmath.airyai, "airybi": mpmath.airybi, "airyaiprime": lambda a: mpmath.airyai(a, derivative=1), "airybiprime": lambda a: mpmath.airybi(a, derivative=1), "ellipk": mpmath.ellipk, "ellipe": mpmath.ellipe,
}  # fmt: skip
STATEMENTS = ("x*sin(y)", "x**2 + 1", "where(x > 0.5, y, 7)", "x - 3*y", "exp(y)/x", "2**x", "max(x, y) + 0.5", "atan2(y, x)", "y**3*x", "tanh(x) + y*2", "where(x <= 1.5, exp(y), 7)", "x/(1 + y)")
CASE = "function: {}\npoints: [{}]\nupstream: {}\nimplementations:\n  it:\n    backward: |\n      dx = {}\n    gradients: {{x: dx}}\n"
GENERAL = (repairs.signs, repairs.gates, repairs.swaps, repairs.constant_factors, repairs.factors_of_names, repairs.operands, repairs.leaves, repairs.exponents, repairs.squares, repairs.reciprocals, repairs.factors, repairs.composite_factors, repairs.drops, repairs.literal_terms, repairs.operand_shapes, repairs.shapes)  # fmt: skip


def isolated_in(function: str, statement: str) -> tuple[Draft, locate.IsolatedRun, locate.Mistake]:
    """A backward pass of the one statement `dx = ...`, wrong for the gradient of a function of x and y; what is wrong in it; the only mistake."""
    given = ", ".join(f"{{x: {x}, y: {y}}}" for x, y in POINTS)
    (case,) = load_text(CASE.format(function, given, UPSTREAM, statement)).cases
    draft = case.programs.drafts[0]
    isolated = locate.isolate(draft.whole, draft.implementation, draft.claims, points.listed(case, FLOAT64), fmt=FLOAT64, upstream=UPSTREAM)
    assert isolated is not None
    (mistake,) = isolated.mistakes
    return draft, isolated, mistake


def target_of(statement: str, function: str = "log(2 + x*x)*y") -> RepairTarget:
    """The statement `dx = ...` as what is to be repaired."""
    draft, isolated, mistake = isolated_in(function, statement)
    with balls.precision(isolated.reference.bits):
        return RepairTarget(draft.whole, isolated, mistake, FLOAT64)


def evaluated(text: str, x: float, y: float) -> object:
    """A text by mpmath; None where it has no real value."""
    names = {"x": mpmath.mpf(x), "y": mpmath.mpf(y), "upstream": mpmath.mpf(UPSTREAM), "out": mpmath.log(2 + mpmath.mpf(x) ** 2) * y}
    exact = re.sub(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", lambda m: f"m({m[0]!r})", text)
    try:
        found = eval(exact, {"__builtins__": {}}, {**FUNCTIONS, **names, "m": mpmath.mpf})
    except (ValueError, ZeroDivisionError):
        return None
    return None if (isinstance(found, mpmath.mpc) and found.imag != 0) or not mpmath.isfinite(found) else found.real


QUOTED = r"`([^`]*)`"
EDITS: tuple[tuple[str, Callable[..., tuple[str, str]]], ...] = (  # words -> what stands in the statement, what stands there after the edit
    (rf"the sign of {QUOTED} is flipped", lambda t: (t, f"(-({t}))")),
    (r"the sign is flipped", lambda: ("", "(-({}))")),
    (rf"the wrong branch: the branches of {QUOTED} are swapped", lambda t: (t, re.sub(r"where\((.*), (.*), (.*)\)", r"where(\1, \3, \2)", t))),
    (rf"the wrong branch: {QUOTED} where {QUOTED} is meant in {QUOTED}", lambda a, b, t: (t, t.replace(a, b, 1))),
    (rf"the operands of {QUOTED} are swapped", lambda t: (t, swapped(t))),
    (rf"(?:the exponent of) {QUOTED} is 1 too (high|low)", lambda t, h: (t, f"({t.rpartition('**')[0]})**({t.rpartition('**')[2]} {'-' if h == 'high' else '+'} 1)")),
    (rf"{QUOTED} should be squared in {QUOTED}", lambda a, t: (t, word(a, f"({a}**2)", t))),
    (rf"{QUOTED} should be its reciprocal in {QUOTED}", lambda a, t: (t, word(a, f"(1/{a})", t))),
    (rf"{QUOTED} should be squared", lambda t: (t, f"(({t})**2)")),
    (rf"{QUOTED} should be its reciprocal", lambda t: (t, f"(1/({t}))")),
    (rf"{QUOTED} should be its square root", lambda t: (t, f"sqrt({t})")),
    (rf"the gradient that flows in, {QUOTED}, is ignored in {QUOTED}", lambda u, t: (t, f"(({t})*{u})")),
    (rf"the gradient that flows in, {QUOTED}, is ignored", lambda u: ("", f"({{}})*{u}")),
    (rf"the gradient that flows in, {QUOTED}, is a factor once too often in {QUOTED}", lambda u, t: (t, f"(({t})/{u})")),
    (rf"the gradient that flows in, {QUOTED}, is a factor once too often", lambda u: ("", f"({{}})/{u}")),
    (rf"the factor {QUOTED} is missing in {QUOTED}", lambda f, t: (t, f"(({t})*({f}))")),
    (rf"the factor {QUOTED} is missing", lambda f: ("", f"({{}})*({f})")),
    (rf"a division by {QUOTED} is missing in {QUOTED}", lambda f, t: (t, f"(({t})/({f}))")),
    (rf"a division by {QUOTED} is missing", lambda f: ("", f"({{}})/({f})")),
    (rf"the (?:factor|term) {QUOTED} is superfluous in {QUOTED}", lambda f, t: (t, without(f, t))),
    (rf"{QUOTED} is superfluous in {QUOTED}", lambda f, t: (t, t.removeprefix(f))),
    (rf"the term {QUOTED} is missing in {QUOTED}", lambda f, t: (t, f"(({t}) + {f})")),
    (rf"the term {QUOTED} is missing \(with a minus\) in {QUOTED}", lambda f, t: (t, f"(({t}) - {f})")),
    (rf"the factor {QUOTED} is missing at {QUOTED} in {QUOTED}", lambda f, a, t: (t, word(a, f"({a}*({f}))", t))),
    (rf"a division by {QUOTED} is missing at {QUOTED} in {QUOTED}", lambda f, a, t: (t, word(a, f"({a}/({f}))", t))),
    (rf"the sign of {QUOTED} is flipped in {QUOTED}", lambda a, t: (t, word(a, f"(-{a})", t))),
    (rf"{QUOTED} where {QUOTED} is meant in {QUOTED}", lambda a, b, t: (t, function_or_operand(a, b, t))),
    (rf"{QUOTED} where {QUOTED} is meant", lambda a, b: (a, f"({b})")),
)  # fmt: skip


def word(a: str, b: str, text: str) -> str:
    found, count = re.subn(rf"(?<![\w.]){re.escape(a)}(?![\w.(])", b.replace("\\", ""), text)
    assert count == 1, (a, text)
    return found


def function_or_operand(a: str, b: str, text: str) -> str:
    if a in GATES and f"{a}(" in text:
        return text.replace(f"{a}(", f"{b}(", 1)
    if a in "+-*/":
        return re.sub(rf"(?<!\*){re.escape(a)}(?!\*)", b, text, count=1)
    return text.replace(a, f"({b})", 1) if not a.isidentifier() else word(a, f"({b})", text)


def swapped(text: str) -> str:
    if (call := re.fullmatch(r"(\w+)\((.*), (.*)\)", text)) is not None:
        return f"{call[1]}({call[3]}, {call[2]})"
    sides = re.fullmatch(r"(.+?)\s*(\*\*|(?<! )/|-)\s*(.+)", text)
    assert sides is not None, text
    return f"(({sides[3]}) {sides[2]} ({sides[1]}))"


def without(part: str, text: str) -> str:
    for side in (f"{part}*", f"*{part}", f"{part} + ", f" + {part}", f" - {part}", f"/{part}", f"/({part})", f"{part}/", f"{part} - "):
        if (text.startswith(side) and not side.startswith((" ", "*", "/"))) or (text.endswith(side) and side.startswith((" ", "*", "/"))):
            left = text.removeprefix(side) if text.startswith(side) else text.removesuffix(side)
            return f"(1/({left}))" if side == f"{part}/" else f"(-({left}))" if side == f"{part} - " else f"({left})"
    raise AssertionError((part, text))


def edited(words: str, statement: str) -> str:
    """The statement after the edit that the words name."""
    for pattern, edit in EDITS:
        if (found := re.fullmatch(pattern, words)) is not None:
            old, new = edit(*found.groups())
            if not old:
                return new.format(statement)
            assert statement.count(old) >= 1, (old, statement)
            return f"({new})" if old == statement else word(old, f"({new})", statement) if re.fullmatch(r"\d+(?:\.\d+)?", old) else statement.replace(old, f"({new})", 1)
    raise AssertionError(words)


def found_of(s: RepairTarget, kind: object) -> Iterator[tuple[int, list[object], str]]:
    for k in s.cone:
        for column, words in kind(s, k):  # type: ignore[operator]
            yield k, column, words


@pytest.mark.parametrize("kind", GENERAL, ids=[k.__name__ for k in GENERAL])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_edit_that_is_said_has_the_value_that_was_tried(statement: str, kind: object) -> None:
    s = target_of(statement)
    with balls.precision(s.isolated.reference.bits), mpmath.workdps(40):
        for k, column, words in found_of(s, kind):
            values = s.with_changed({k: column})  # type: ignore[dict-item]
            new = edited(words, statement)
            for value, (x, y) in zip(values, POINTS, strict=False):
                expected = evaluated(new, x, y)
                if expected is None or not (isinstance(value, bool) or value.is_finite()):
                    assert expected is None or kind in (repairs.gates, repairs.swaps) or new.count("sqrt") or "cbrt" in new, (words, new)
                    continue
                assert abs(value - arb(mpmath.nstr(expected, 35))) < 1e-25, (words, new, value, expected)


def all_words(statement: str, kind: object) -> list[str]:
    s = target_of(statement)
    with balls.precision(s.isolated.reference.bits):
        return [words for _, _, words in found_of(s, kind)]


OTHER_NAMES = [n for n in NAMES if n != "out"]

# statement, kind, everything that is tried, in order; by the list of common mistakes
TRIED = (
    ("x*sin(y)", repairs.signs, ["the sign of `sin(y)` is flipped", "the sign is flipped"]),
    ("x*sin(y)", repairs.gates, ["`sin` where `cos` is meant in `sin(y)`", "`sin` where `tan` is meant in `sin(y)`", "`*` where `/` is meant in `x*sin(y)`", "`*` where `+` is meant in `x*sin(y)`"]),
    ("x + y", repairs.gates, ["`+` where `-` is meant in `x + y`", "`+` where `*` is meant in `x + y`"]),
    ("x + 1", repairs.gates, ["`+` where `-` is meant in `x + 1`"]),
    ("1.0 + x", repairs.gates, ["`+` where `-` is meant in `1.0 + x`"]),
    ("x + 2", repairs.gates, ["`+` where `-` is meant in `x + 2`", "`+` where `*` is meant in `x + 2`"]),
    ("x - y", repairs.gates, ["`-` where `+` is meant in `x - y`"]),
    ("x - y", repairs.swaps, ["the operands of `x - y` are swapped"]),
    ("x/y", repairs.gates, ["`/` where `*` is meant in `x/y`"]),
    ("x/y", repairs.swaps, ["the operands of `x/y` are swapped"]),
    ("x**y", repairs.swaps, ["the operands of `x**y` are swapped"]),
    ("atan2(y, x)", repairs.swaps, ["the operands of `atan2(y, x)` are swapped"]),
    ("hypot(y, x)", repairs.gates, []),
    ("hypot(y, x)", repairs.swaps, []),
    ("max(y, x)", repairs.gates, ["`max` where `min` is meant in `max(y, x)`"]),
    ("where(x > y, y, 7)", repairs.gates, [*(f"the wrong branch: `>` where `{o}` is meant in `x > y`" for o in ("<", "<=", ">=")), "the wrong branch: the branches of `where(x > y, y, 7)` are swapped"]),
    ("where(x == y, y, 7)", repairs.gates, ["the wrong branch: the branches of `where(x == y, y, 7)` are swapped"]),
    ("y", repairs.gates, []),
    ("x*sin(y)", repairs.leaves, []),
    ("y", repairs.leaves, []),
    ("7*y", repairs.leaves, [f"`7` where `{name}` is meant" for name in NAMES]),
    ("7*y", repairs.operands, [f"`y` where `{name}` is meant in `7*y`" for name in OTHER_NAMES if name != "y"]),
    ("7*y", repairs.operands_by_output, ["`y` where `out` is meant in `7*y`"]),
    ("x*sin(y)", repairs.operands, [*(f"`y` where `{n}` is meant in `sin(y)`" for n in OTHER_NAMES if n != "y"), *(f"`x` where `{n}` is meant in `x*sin(y)`" for n in OTHER_NAMES if n != "x"), *(f"`sin(y)` where `{n}` is meant in `x*sin(y)`" for n in OTHER_NAMES)]),
    ("x*sin(y)", repairs.operands_by_output, ["`y` where `out` is meant in `sin(y)`", "`x` where `out` is meant in `x*sin(y)`", "`sin(y)` where `out` is meant in `x*sin(y)`"]),
    ("where(x > y, y, x)", repairs.operands, ["`x` where `y` is meant in `x > y`", "`y` where `x` is meant in `x > y`", "`y` where `upstream` is meant in `where(x > y, y, x)`", "`x` where `upstream` is meant in `where(x > y, y, x)`"]),
    ("where(x > y, y, x)", repairs.operands_by_output, ["`x` where `out` is meant in `x > y`", "`y` where `out` is meant in `x > y`", "`y` where `out` is meant in `where(x > y, y, x)`", "`x` where `out` is meant in `where(x > y, y, x)`"]),
    ("y**3*x", repairs.exponents, ["the exponent of `y**3` is 1 too high", "the exponent of `y**3` is 1 too low"]),
    ("y*3*x", repairs.exponents, []),
    ("x*sin(y)", repairs.squares, ["`sin(y)` should be squared", "`y` should be squared in `sin(y)`", "`x*sin(y)` should be squared", "`x` should be squared in `x*sin(y)`"]),
    ("x*sin(y)", repairs.reciprocals, ["`sin(y)` should be its reciprocal", "`y` should be its reciprocal in `sin(y)`", "`x*sin(y)` should be its reciprocal", "`x` should be its reciprocal in `x*sin(y)`"]),
    ("x*sin(y)", repairs.drops, ["`sin` is superfluous in `sin(y)`", "the factor `sin(y)` is superfluous in `x*sin(y)`", "the factor `x` is superfluous in `x*sin(y)`"]),
    ("x + sin(y)", repairs.drops, ["`sin` is superfluous in `sin(y)`", "the term `sin(y)` is superfluous in `x + sin(y)`", "the term `x` is superfluous in `x + sin(y)`"]),
    ("x/y", repairs.drops, ["the factor `y` is superfluous in `x/y`", "`x/y` where `y` is meant", "the factor `x` is superfluous in `x/y`"]),
    ("x - y", repairs.drops, ["the term `y` is superfluous in `x - y`", "`x - y` where `y` is meant", "the term `x` is superfluous in `x - y`"]),
    ("-x*y", repairs.drops, ["`neg` is superfluous in `-x`", "the factor `y` is superfluous in `-x*y`", "the factor `-x` is superfluous in `-x*y`", "the factor `x` is superfluous in `-x*y`"]),
    ("max(x, y)", repairs.drops, []),
    ("x + 2", repairs.literal_terms, ["the term `2` is superfluous in `x + 2`"]),
    ("2 + x", repairs.literal_terms, ["the term `2` is superfluous in `2 + x`"]),
    ("x - 2", repairs.literal_terms, ["the term `2` is superfluous in `x - 2`"]),
    ("2 - x", repairs.literal_terms, []),
    ("2*x", repairs.literal_terms, []),
    ("x + y", repairs.literal_terms, []),
    ("2*x", repairs.operand_shapes, [f"`x` where `{new}` is meant in `2*x`" for new in ("1 + x", "1 - x", "1 - x**2", "1 + x**2", "sign(x)", "abs(x)")]),
    ("sin(y)", repairs.shapes, [*(f"`sin(y)` where `{new}` is meant" for new in ("1 - sin(y)", "1 + sin(y)", "1 - sin(y)**2")), "`sin(y)` should be its square root", "`sin(y)` where `abs(sin(y))` is meant", "`sin(y)` where `sign(sin(y))` is meant", *(f"the term `{n}` is missing{how} in `sin(y)`" for n in ("out", "y", "x") for how in ("", " (with a minus)")), *(f"the term `{n}` is missing in `sin(y)`" for n in (1, -1, 2, -2))]),
    ("sin(y)", repairs.factors, ["the gradient that flows in, `upstream`, is ignored", "the gradient that flows in, `upstream`, is a factor once too often", *(w.format(n) for n in NAMES[1:] for w in ("the factor `{}` is missing", "a division by `{}` is missing"))]),
    ("sin(y)", repairs.constant_factors, [w.format(n) for n in CONSTANTS for w in ("the factor `{}` is missing", "a division by `{}` is missing")]),
    ("x*sin(y)", repairs.factors_of_names, [text for name, whole in (("y", "sin(y)"),) for text in (f"the sign of `{name}` is flipped in `{whole}`", *(f"{w.format(c)} at `{name}` in `{whole}`" for c in CONSTANTS for w in ("the factor `{}` is missing", "a division by `{}` is missing")))]),
    ("y**x", repairs.factors_of_names, []),
    ("sin(y)", repairs.composite_factors, [w.format(c.format(n)) for n in NAMES[1:] for c in ("1 - {}", "1 + {}", "{}**2", "1 - {}**2", "1 + {}**2") for w in ("the factor `{}` is missing", "a division by `{}` is missing")]),
    ("where(x > y, y, 7)", repairs.signs, ["the sign of `7` is flipped", "the sign is flipped"]),
)  # fmt: skip


@pytest.mark.parametrize(("statement", "kind", "words"), TRIED, ids=[f"{s} {k.__name__}" for s, k, _ in TRIED])
def test_every_common_mistake_is_tried(statement: str, kind: object, words: list[str]) -> None:
    assert all_words(statement, kind) == words


@pytest.mark.parametrize("pair", repairs.NEIGHBOURS, ids="-".join)
def test_each_function_may_be_meant_by_its_neighbour(pair: tuple[str, str]) -> None:
    for name, other in (pair, pair[::-1]):
        operands = "abs(x) + 1, y" if len(GATES[name].parameters) == 2 else "1/(1 + abs(x) + abs(y))"
        statement = f"{name}({operands})"
        s = target_of(statement)
        words = f"`{name}` where `{other}` is meant in `{statement}`"
        with balls.precision(s.isolated.reference.bits), mpmath.workdps(40):
            column = next(c for k, c, w in found_of(s, repairs.gates) if w == words)
            for value, (x, y) in zip(column, POINTS, strict=False):
                expected = evaluated(statement.replace(name, other, 1), x, y)
                assert expected is None or abs(value - arb(mpmath.nstr(expected, 35))) < 1e-25


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_factor_is_the_constant_that_is_said(name: str) -> None:
    with balls.precision(200), mpmath.workdps(40):
        assert abs(repairs._constant(name) - arb(mpmath.nstr(evaluated(name, 0, 0), 35))) < 1e-30


def test_the_other_branch_is_taken_where_the_statement_is_wrong() -> None:
    """relu'(x) y is y at x > 0 and 0 elsewhere: the wrong branch is taken at the second point only."""
    s = target_of("where(x > -1, y, 0)*dout", function="relu(x)*y")
    with balls.precision(s.isolated.reference.bits):
        (at,) = (k for k in s.cone if s.steps[k].gate == "where")
        ((column, words),) = repairs.other_branch(s, at)
        assert words == "the wrong branch is taken: the other one of `where(x > -1, y, 0)` is right"
        assert [float(v) for v in column] == [-1.3, 0.0, 0.3]
        ((column, words),) = repairs.masks(s, s.root)
        assert words == "the contribution should be 0 at this point: a branch is missing here"
        assert [float(v) for v in column] == pytest.approx([-1.3 * UPSTREAM, 0.0, 0.3 * UPSTREAM], rel=1e-15)
        assert [list(repairs.masks(s, k)) for k in s.cone if k != s.root] == [[]] * (len(s.cone) - 1)
        assert [list(repairs.other_branch(s, k)) for k in s.cone if k != at] == [[]] * (len(s.cone) - 1)


def test_the_factor_of_the_chain_rule_is_the_local_gradient() -> None:
    """d sin(x)/dx = cos(x) is missing; the statement times it is right."""
    s = target_of("y*dout", function="sin(x)*y")
    with balls.precision(s.isolated.reference.bits), mpmath.workdps(40):
        ((column, words),) = repairs.chain_factors(s, s.root)
        assert words == "the factor of the chain rule, the local gradient of `sin(x)`, is missing"
        for value, (x, y) in zip(column, POINTS, strict=False):
            assert abs(value - arb(mpmath.nstr(mpmath.cos(x) * mpmath.mpf(y) * UPSTREAM, 35))) < 1e-25
        assert [list(repairs.chain_factors(s, k)) for k in s.cone if k != s.root] == [[]] * (len(s.cone) - 1)


def test_a_value_from_before_a_name_was_reassigned_is_a_factor_and_part_of_no_expression() -> None:
    text = "points: [{x: 0.7, y: -1.3}, {x: 1.9, y: 0.6}]\nimplementations:\n  it:\n    forward: |\n      h = x*y\n      h = sin(h)\n      out = h*y\n    backward: |\n      dx = cos(h)*y*y*dout\n      dy = (x*cos(x*y)*y + h)*dout\n"
    (case,) = load_text(text).cases
    draft = case.programs.drafts[0]
    isolated = locate.isolate(draft.whole, draft.implementation, draft.claims, points.listed(case, FLOAT64), fmt=FLOAT64, upstream=1.0)
    assert isolated is not None
    (mistake,) = isolated.mistakes
    with balls.precision(isolated.reference.bits):
        s = RepairTarget(draft.whole, isolated, mistake, FLOAT64)
        old = "h before it was reassigned"
        assert old in dict(s.atoms)
        words = {kind: [w for _, _, w in found_of(s, kind)] for kind in GENERAL}
        assert f"the factor `{old}` is missing" in words[repairs.factors]
        assert f"`h` is stale: `cos(h)` needs the value of {old}" in words[repairs.operands]
        assert not any("before" in w for kind in (repairs.composite_factors, repairs.shapes, repairs.operand_shapes) for w in words[kind])


def test_the_other_branch_is_tried_where_the_statement_has_no_value():
    """where(c, nan, 2) for 2, and where(c, 3, 5) for 3, which is right; where(c, 3, 5) for 5."""
    columns = {0: [True, True, True], 1: [arb("nan"), arb(3), arb(3)], 2: [arb(2), arb(5), arb(5)], 3: [arb("nan"), arb(3), arb(3)]}
    target = SimpleNamespace(steps=[None, None, None, SimpleNamespace(gate="where", args=(0, 1, 2))], args=lambda _: (0, 1, 2), value=columns.get, root=3, mistake=SimpleNamespace(needed=[arb(2), arb(3), arb(5)]), fmt=FLOAT64, text=lambda _: "w")
    ((column, words),) = repairs.other_branch(target, 3)
    assert column == [arb(2), arb(3), arb(5)]
    assert words.startswith("the wrong branch is taken")
