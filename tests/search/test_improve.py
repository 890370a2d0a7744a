"""Better arrangements are found, proved, and as good as they are said to be; what is not proved, has a gap or is worse somewhere is refused."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import mpmath
import numpy as np
import pytest

from verifier.case import points
from verifier.case.case import Draft
from verifier.case.load import load_text
from verifier.compare.check import Check, checks_of
from verifier.compare.meant import Meant
from verifier.exact.truth import truth_of
from verifier.language.verdict import Verdict
from verifier.search.hunt import Region
from verifier.search.improve import arrangements, further_points
from verifier.search.improve import improve as improve_module
from verifier.search.improve.acceptance import Accepted, NotAccepted, _is_as_bad_beside, accepted, is_outside, judged, replaced_check
from verifier.search.improve.further_points import FurtherPoints, is_larger
from verifier.search.improve.guilty import replaceable
from verifier.search.improve.improve import improve, search_points
from verifier.search.improve.measure import drawn
from verifier.search.improve.rules import rules_of
from verifier.search.improve.suggestion import Suggestion
from verifier.search.paths import InputRanges

BUDGET = 60.0  # seconds: more than is needed, so that a slow machine finds the same
CASE = "name: improved\n{function}points: [{point}]\ndomain: {domain}\nimplementations:\n  mine:\n{forward}    gradients: {claims}\n    backward: |\n{backward}"


def question(function: str, backward: str, domain: dict[str, tuple[float, float]], *, forward: str = "", fmt: str = "float64") -> tuple[Check, Draft, list[InputRanges]]:
    """A check of one implementation, with the boxes of its domain."""
    text = CASE.format(
        function=f"function: {function}\n" if function else "",
        point="{" + ", ".join(f"{name}: {low + (high - low) * 0.37!r}" for name, (low, high) in domain.items()) + "}",
        domain="{" + ", ".join(f"{name}: [{low!r}, {high!r}]" for name, (low, high) in domain.items()) + "}",
        claims="{" + ", ".join(f"{name}: d{name}" for name in domain if f"d{name} =" in backward) + "}",
        forward="" if not forward else "    forward: |\n" + "".join(f"      {line}\n" for line in forward.split("; ")),
        backward="".join(f"      {line}\n" for line in backward.split("; ")),
    )
    loaded = load_text(text)
    assert loaded.complaints == ()
    (case,) = loaded.cases
    ((form, (check,)),) = checks_of(case, truth_of(case.programs.truth), (fmt,))
    return check, case.programs.drafts[0], list(points.boxes(case, form))


def suggested(function: str, backward: str, domain: dict[str, tuple[float, float]], *, forward: str = "", fmt: str = "float64") -> tuple[Suggestion, ...]:
    check, draft, boxes = question(function, backward, domain, forward=forward, fmt=fmt)
    return improve(check, draft, boxes, budget=BUDGET)


def fma(a: float, b: float, c: float) -> float:
    from fractions import Fraction

    return float(Fraction(a) * Fraction(b) + Fraction(c)) if all(map(math.isfinite, (a, b, c))) else a * b + c


FLOATS = {**{name: getattr(math, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "hypot", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf", "erfc", "pi")}, "cbrt": lambda x: float(np.cbrt(x)), "abs": abs, "max": max, "min": min, "fma": fma}


def in_floats(text: str, at: dict[str, float]) -> float:
    """A formula of the language, computed by CPython alone; where it raises, no number."""

    def where(condition: bool, a: Callable[[], float], b: Callable[[], float]) -> float:
        return a() if condition else b()

    try:
        return float(eval(_lazy(text), {**FLOATS, "where": where, "sign": lambda x: math.copysign(1.0, x) if x else 0.0}, dict(at)))
    except (OverflowError, ZeroDivisionError, ValueError):
        return math.nan


def _lazy(text: str) -> str:
    """where(c, a, b) as Python's conditional, so that only one branch is computed."""
    import ast

    class Conditional(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            if isinstance(node.func, ast.Name) and node.func.id == "where":
                return ast.IfExp(test=node.args[0], body=node.args[1], orelse=node.args[2])
            return node

    return ast.unparse(Conditional().visit(ast.parse(text, mode="eval")))


def bits_lost(text: str, exact: Callable[..., mpmath.mpf], at: list[dict[str, float]]) -> float:
    """The mean over points of log2(1 + what the error in ulps exceeds half an ulp by), measured with mpmath."""
    total = 0.0
    with mpmath.workdps(800):
        for point in at:
            value = exact(**{name: mpmath.mpf(x) for name, x in point.items()})
            computed = in_floats(text, point)
            unit = mpmath.mpf(math.ulp(float(value)))
            ulps = float(abs(mpmath.mpf(computed) - value) / unit) if math.isfinite(computed) else 2.0**64
            total += math.log2(1 + max(0.0, min(ulps, 2.0**64) - 0.5))
    return total / len(at)


FOUND = {  # function, line, domain, exact gradient in mpmath
    "sigmoid": ("1/(1 + exp(-x))", "dx = (1/(1 + exp(-x)))*(1 - 1/(1 + exp(-x)))", {"x": (-700.0, 700.0)}, lambda x: mpmath.exp(-abs(x)) / (1 + mpmath.exp(-abs(x))) ** 2),
    "tanh": ("tanh(x)", "dx = 1 - tanh(x)**2", {"x": (-300.0, 300.0)}, lambda x: mpmath.sech(x) ** 2),
    "softplus": ("log(1 + exp(x))", "dx = 1 - 1/(1 + exp(x))", {"x": (-700.0, 700.0)}, lambda x: mpmath.exp(x) / (1 + mpmath.exp(x))),
    "asinh": ("asinh(x)", "dx = 1/sqrt(x*x + 1)", {"x": (-1e300, 1e300)}, lambda x: 1 / mpmath.sqrt(x * x + 1)),
    "two roots": ("sqrt(x + 1) - sqrt(x)", "dx = 0.5/sqrt(x + 1) - 0.5/sqrt(x)", {"x": (1e-3, 1e90)}, lambda x: (1 / mpmath.sqrt(x + 1) - 1 / mpmath.sqrt(x)) / 2),
    "two fractions": ("1/(x + 1) - 1/x", "dx = 1/(x*x) - 1/((x + 1)*(x + 1))", {"x": (1e-3, 1e90)}, lambda x: 1 / (x * x) - 1 / (x + 1) ** 2),
    "difference of squares": ("log((x - y)/(x + y))/(2*y)", "dx = 1/(x*x - y*y)", {"x": (1.0, 1000.0), "y": (1.0, 1000.0)}, lambda x, y: 1 / (x * x - y * y) if x != y else mpmath.inf),
    "logistic density": ("(x - y) - 2*log(1 + exp(x - y))", "dx = 1 - 2*exp(x)/(exp(x) + exp(y))", {"x": (-500.0, 500.0), "y": (-500.0, 500.0)}, lambda x, y: mpmath.tanh((y - x) / 2)),
    "sinc": ("sin(x)/x", "dx = (cos(x) - sin(x)/x)/x", {"x": (-3.0, 3.0)}, lambda x: (mpmath.cos(x) - mpmath.sin(x) / x) / x),
    "angle of a sum": ("sin(x + y)", "dx = cos(x + y)", {"x": (-9e5, 9e5), "y": (-9e5, 9e5)}, lambda x, y: mpmath.cos(x + y)),
    "angle of a product": ("sin(x*y)", "dx = y*cos(x*y)", {"x": (-900.0, 900.0), "y": (-900.0, 900.0)}, lambda x, y: y * mpmath.cos(x * y)),
    "two angles": ("atan(x + 1) - atan(x)", "dx = (1/hypot(1, x + 1))**2 - (1/hypot(1, x))**2", {"x": (-1e6, 1e6)}, lambda x: -(2 * x + 1) / ((1 + x * x) * (1 + (x + 1) ** 2))),
    "two cube roots": ("(x + 1)**(1/3) - x**(1/3)", "dx = (x + 1)**(1/3 - 1)/3 - x**(1/3 - 1)/3", {"x": (1e-3, 1e12)}, lambda x: ((x + 1) ** (mpmath.mpf(-2) / 3) - x ** (mpmath.mpf(-2) / 3)) / 3),
    "logarithm at infinity": ("x*log(1 + 1/x)", "dx = log(1 + 1/x) - 1/(x + 1)", {"x": (1.0, 1e10)}, lambda x: mpmath.log1p(1 / x) - 1 / (x + 1)),
    "exponential quotient": ("(exp(x) - 1)/x", "dx = exp(x)/x - (exp(x) - 1)/(x*x)", {"x": (-30.0, 30.0)}, lambda x: mpmath.exp(x) / x - (mpmath.exp(x) - 1) / (x * x)),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_better_arrangement_is_found_and_mpmath_finds_it_better(name: str) -> None:
    function, line, domain, exact = FOUND[name]
    (found,) = suggested(function, line, domain)
    assert found.original == line
    assert found.source.text[found.start : found.end] == line
    assert found.gaps == ()
    draw = random.Random(name)
    at = []
    for _ in range(120):
        point = {k: min(max(draw.choice((low, high)) * 10.0 ** draw.uniform(-8, 0), low), high) for k, (low, high) in domain.items()}
        if len(point) > 1 and draw.random() < 0.5:  # nearly equal
            point["y"] = min(point["x"] * (1 + 10.0 ** draw.uniform(-14, -1)), domain["y"][1])
        if len(set(point.values())) == len(point):
            at.append(point)
    before, after = (bits_lost(text.partition("=")[2].strip(), exact, at) for text in (line, found.replacement))
    assert after <= before - 1, (before, after)
    assert after < 1
    assert found.after.mean_bits < found.before.mean_bits - 1
    assert found.after.worst_ulps < 2 ** (53 / 3)


@pytest.mark.parametrize("name", ["sigmoid", "two roots", "logistic density"])
def test_what_is_an_identity_is_proved(name: str) -> None:
    (found,) = suggested(*FOUND[name][:3])
    assert found.proof == "proved"
    assert found.proof_text.startswith("for all inputs")


@pytest.mark.parametrize("name", ["sinc", "exponential quotient"])
def test_a_series_is_certified_and_says_where(name: str) -> None:
    (found,) = suggested(*FOUND[name][:3])
    assert found.proof == "approximates"
    assert "ulp for abs(x) < " in found.proof_text
    assert len(found.regions) > 1


def test_a_series_in_1_over_x_says_from_where_on() -> None:
    (found,) = suggested(*FOUND["logarithm at infinity"][:3])
    assert found.proof == "approximates"
    assert "ulp for abs(x) >= " in found.proof_text
    assert "series in 1/x" in found.proof_text


def test_a_series_may_be_good_on_all_of_the_domain_and_says_where_it_is() -> None:
    (found,) = suggested("(exp(x) - 1)/x", "dx = exp(x)/x - (exp(x) - 1)/(x*x)", {"x": (0.01, 0.5)})
    assert found.proof == "approximates"
    assert "where(abs(x) < " in found.replacement
    assert found.after.worst_ulps < 4
    (found,) = suggested("x*log(1 + 1/x)", "dx = log(1 + 1/x) - 1/(x + 1)", {"x": (1000.0, 1e10)})
    assert "ulp for abs(x) >= " in found.proof_text
    assert found.after.worst_ulps < 4


def test_after_a_replacement_without_a_value_at_a_point_one_with_a_value_is_looked_for() -> None:
    """tan(x/2) has the slope 1/2 at 0, where the quotient and simple replacements of its gradient are 0/0."""
    (found,) = suggested("(1 - cos(x))/sin(x)", "dx = 1 - (1 - cos(x))/sin(x)/tan(x)", {"x": (-50.0, 50.0)})
    assert in_floats(found.replacement.partition("=")[2].strip(), {"x": 0.0}) == 0.5
    assert found.after.mean_bits < 0.5


def test_at_a_pole_the_infinity_of_the_line_is_wanted_of_others() -> None:
    """d/db (-b - sqrt(b*b - a*c))/a has poles where b*b = a*c; a denominator that is 0 there has no sign to be relied upon."""
    (found,) = suggested("(-b - sqrt(b*b - a*c))/a", "db = -1/a - b/sqrt(b*b - a*c)/a", dict.fromkeys(("a", "b", "c"), (-10000000000.0, 10000000000.0)))
    assert found.proof == "proved"
    assert found.after.mean_bits < 1 < found.before.mean_bits


def test_a_series_also_has_the_derivative_at_0_where_the_line_has_none() -> None:
    """sin(x)/x, continued by 1, has the derivative 0 at 0; the line is 0/0 there."""
    (found,) = suggested("where(x == 0, 1, sin(x)/x)", "dx = (cos(x) - sin(x)/x)/x", {"x": (-3.0, 3.0)})
    assert (found.verdict_before, found.verdict_after) == ("wrong", "rounding")
    assert "no value" not in found.proof_text
    assert in_floats(found.replacement.partition("=")[2].strip(), {"x": 0.0}) == 0


@pytest.mark.parametrize("ends", [(1e-8, 30.0), (-30.0, -1e-8), (-0.25, 30.0), (-30.0, 0.25)])
def test_a_series_is_used_where_it_is_certified_and_not_up_to_the_end_of_the_domain_only(ends: tuple[float, float]) -> None:
    """The domain may be widened later, and the text copied: far outside of it the replacement is the derivative all the same, (cos(x) - sin(x)/x)/x."""
    (found,) = suggested("sin(x)/x", "dx = (x*cos(x) - sin(x))/(x*x)", {"x": ends})
    assert found.proof == "approximates"
    text = found.replacement.partition("=")[2].strip()
    for x in (-100.0, -7.5, -2.0, -0.5, 1e-3, 2.0, 7.5, 100.0):
        assert in_floats(text, {"x": x}) == pytest.approx(float((mpmath.cos(x) - mpmath.sin(x) / x) / x), rel=1e-11), (x, text)


def test_a_good_line_is_left_alone() -> None:
    assert suggested("tanh(x)", "dx = 1/cosh(x)/cosh(x)", {"x": (-300.0, 300.0)}) == ()
    assert suggested("x*x", "dx = 2*x", {"x": (-300.0, 300.0)}) == ()


def test_the_guilty_statement_is_replaced_and_no_other() -> None:
    forward = "e = exp(-x); s = 1/(1 + e); f = s*y"
    (found,) = suggested("", "ds = df*y; slope = 1 - s; dx = ds*s*slope; dy = df*s", {"x": (-300.0, 300.0), "y": (1.0, 2.0)}, forward=forward)
    assert (found.gradient, found.original) == ("dx", "slope = 1 - s")
    assert found.replacement.startswith("slope = ")


def test_a_long_backward_pass_is_improved_through_the_ledger() -> None:
    """A backward pass of more than 300 steps, one of which loses its digits."""
    count = 60
    forward = "; ".join(["h = tanh(x)", "a0 = y", *(f"a{k} = a{k - 1}*0.875 + {k}" for k in range(1, count + 1)), f"f = h*a{count}"])
    backward = "; ".join([f"dh = df*a{count}", "slope = 1 - h*h", "dx = dh*slope", f"da{count} = df*h", *(f"da{k - 1} = da{k}*0.875" for k in range(count, 0, -1)), "dy = da0"])
    check, draft, boxes = question("", backward, {"x": (-300.0, 300.0), "y": (-3.0, 3.0)}, forward=forward)
    assert len(check.subject.program.steps) > 300
    (found,) = improve(check, draft, boxes, budget=BUDGET)
    assert found.original == "slope = 1 - h*h"
    assert found.candidates <= 500
    assert found.after.worst_ulps < 16


def test_the_gradient_of_a_function_that_is_a_derivative_has_statements_to_be_replaced() -> None:
    check, draft, _ = question("diff(tanh(x), x)", "dx = -2*tanh(x)*(1 - tanh(x)**2)", {"x": (-30.0, 30.0)})
    assert [s.text for s in replaceable(check.subject.program, draft.implementation.backward)] == ["dx = -2*tanh(x)*(1 - tanh(x)**2)"]


def test_the_gradient_that_flows_in_is_kept() -> None:
    (found,) = suggested("sin(x)/x", "dx = (cos(x) - sin(x)/x)/x*dout", {"x": (-3.0, 3.0)})
    assert "dout" in found.replacement
    assert found.proof == "approximates"


@pytest.mark.parametrize("fmt", ["float32", "float16"])
def test_narrower_formats_are_improved(fmt: str) -> None:
    (found,) = suggested("1/(1 + exp(-x))", "dx = (1/(1 + exp(-x)))*(1 - 1/(1 + exp(-x)))", {"x": (-9.0, 9.0)}, fmt=fmt)
    assert found.after.worst_ulps < 8 < found.before.worst_ulps


# ---------------------------------------------------------------- what is refused


def answer(function: str, line: str, other: str, domain: dict[str, tuple[float, float]]) -> Accepted | NotAccepted:
    """Whether another text may stand for the only line of a backward pass that sets dx."""
    check, draft, boxes = question(function, line, domain)
    (statement,) = [s for s in replaceable(check.subject.program, draft.implementation.backward) if s.name == "dx"]
    new = replaced_check(check, draft, statement, other)
    assert new is not None
    return accepted(check, new, "dx", drawn(boxes, check.format, count=60, seed=3), boxes, meant=Meant(tuple(boxes[0]), ((),) * len(domain)))


def test_a_replacement_without_a_value_in_a_part_of_the_domain_is_refused() -> None:
    """log(x*y) has a value where x and y are both negative, log(x) + log(y) has none there."""
    function, line, other = "x*log(x*y)", "dx = log(x*y) + 1; dy = x/y", "dx = log(x) + log(y) + 1"
    assert isinstance(answer(function, line, other, {"x": (-3.0, 3.0), "y": (-3.0, 3.0)}), NotAccepted)
    assert isinstance(answer(function, line, other, {"x": (0.5, 3.0), "y": (0.5, 3.0)}), Accepted), "the twin: no point of this domain is in the gap"


def test_a_condition_that_holds_nowhere_in_a_domain_is_no_gap() -> None:
    """x*x + 2*x + 2 is at least 1; intervals see that on small parts of the domain only. The twin: x*x + 2*x + 0.5 is negative at -1."""
    check, _, boxes = question("x*x", "dx = 2*x", {"x": (-50.0, 50.0)})
    assert is_outside(check, "x**2 + 2*x + 2 < 0", boxes)
    assert not is_outside(check, "x**2 + 2*x + 0.5 < 0", boxes)


def test_a_gap_far_outside_of_a_wide_domain_is_none() -> None:
    """sqrt(x - 1)*sqrt(x + 1) has no value below -1; a ball of 1.5 to 1e200 reaches there."""
    line, other = "dx = x/sqrt(x*x - 1)", "dx = x/(sqrt(x - 1)*sqrt(x + 1))"
    assert isinstance(answer("sqrt(x*x - 1)", line, other, {"x": (1.5, 1e200)}), Accepted)
    assert isinstance(answer("sqrt(x*x - 1)", line, other, {"x": (-1e200, -1.5)}), NotAccepted), "the twin: the gap is the domain"


def test_at_a_zero_of_the_gradient_it_is_chance_at_which_float_a_formula_vanishes() -> None:
    """log(x*y) + 1 and log(x) + log(y) + 1 are 0 at floats that are neighbours: no reason to refuse either of them."""
    function, line, domain = "x*log(x*y)", "dx = log(x*y) + 1; dy = x/y", {"x": (0.5, 3.0), "y": (0.5, 3.0)}
    old = question(function, line, domain)[0].alone("dx")
    near = [2 / math.e]
    for _ in range(16):
        near = [math.nextafter(near[0], 0), *near, math.nextafter(near[-1], 1)]
    zeros = [x for x in near if judged(old, [(x, 0.5)]) == [Verdict.VANISHED]]
    assert zeros, "log rounds to -1 at some float beside 1/e"
    found = Region("dx", Verdict.VANISHED, "x", zeros[0], zeros[0], (zeros[0], 0.5), math.inf)
    one, far = math.nextafter(zeros[0], 0), zeros[0] * (1 - 1e-9)
    assert _is_as_bad_beside(old, replace(found, point=(one, 0.5)))
    assert not _is_as_bad_beside(old, replace(found, point=(far, 0.5))), "the twin: there it does not vanish"
    assert not _is_as_bad_beside(old, replace(found, point=(one, 0.5), ends=((far, 0.5), (one, 0.5)))), "nor on all of such a stretch"
    assert isinstance(answer(function, line, "dx = log(x) + log(y) + 1", domain), Accepted)


def test_a_replacement_without_a_value_at_a_single_point_is_refused_even_where_the_line_has_none_either() -> None:
    """sin(x)/x, continued by 1, has the derivative 0 at 0, where both the line and the other text are 0/0."""
    function, line, other = "sin(x)/x", "dx = (x*cos(x) - sin(x))/(x*x)", "dx = (cos(x) - sin(x)/x)/x"
    refused = answer(function, line, other, {"x": (-5.0, 5.0)})
    assert isinstance(refused, NotAccepted)
    assert "x = 0.0" in refused.reason
    assert isinstance(answer(function, line, other, {"x": (0.5, 5.0)}), Accepted), "the twin: 0 is no point of this domain"


@pytest.mark.parametrize("other", ["dx = 1 - tanh(x)", "dx = 1/cosh(x)**2 + 1e-30", "dx = where(x < 250, 1/cosh(x)**2, 0.1)", "dx = where(abs(x) < 0.1, 1 - x*x, 1/cosh(x)**2)"])
def test_a_replacement_that_is_another_function_is_refused(other: str) -> None:
    assert isinstance(answer("tanh(x)", "dx = 1 - tanh(x)**2", other, {"x": (-300.0, 300.0)}), NotAccepted)


def test_a_replacement_that_overflows_where_the_original_does_not_is_refused() -> None:
    """Over the reals both are the gradient; (1 + exp(x))**2 is beyond the largest float from x = 355 on, where exp(-x) is harmless."""
    question = ("1/(1 + exp(-x))", "dx = exp(-x)/(1 + exp(-x))**2", "dx = exp(x)/(1 + exp(x))**2")
    refused = answer(*question, {"x": (-300.0, 720.0)})
    assert isinstance(refused, NotAccepted)
    assert refused.reason == "it is no number at a point", "infinity over infinity"
    assert refused.points
    assert min(refused.points) > (709.0,)
    refused = answer(*question, {"x": (-300.0, 700.0)})
    assert isinstance(refused, NotAccepted), "the square alone overflows, and the quotient is 0"
    assert min(refused.points) > (350.0,)
    assert isinstance(answer(*question, {"x": (-300.0, 300.0)}), Accepted)


@pytest.mark.parametrize(("other", "kind"), [("t = exp(x + 600)/exp(600)", NotAccepted), ("t = where(x < 0, exp(x), 3)", NotAccepted), ("t = exp(x/2)*exp(x/2)", Accepted)])
def test_a_replacement_that_spoils_another_gradient_is_refused(other: str, kind: type) -> None:
    """For dx all three are right, since it reads t where x is negative only; dy reads it everywhere."""
    check, draft, boxes = question("y*exp(x)", "t = exp(x); dx = where(x < 0, t*y, exp(x)*y); dy = t", {"x": (-300.0, 300.0), "y": (1.0, 2.0)})
    (statement,) = [s for s in replaceable(check.subject.program, draft.implementation.backward) if s.name == "t"]
    new = replaced_check(check, draft, statement, other)
    assert new is not None
    found = accepted(check, new, "dx", drawn(boxes, check.format, count=60, seed=3), boxes, meant=Meant(tuple(boxes[0]), ((), ())))
    assert isinstance(found, kind)


def test_an_infinite_gradient_at_a_corner_of_the_domain_has_its_sign() -> None:
    """sqrt(b*b - a*c) is 0 at the corner (-8, 8, -8): the derivative to a, -c/(2*root), is +inf from one side; a quotient of two negative zeros and numbers may be -inf."""
    function, domain = "sqrt(b*b - a*c)", {"a": (-8.0, 8.0), "b": (-8.0, 8.0), "c": (-8.0, 8.0)}
    check, _, boxes = question(function, "da = -c/(2*sqrt(b*b - a*c))", domain)
    assert (-8.0, 8.0, -8.0) in search_points(check, boxes, None, ())


def test_no_range_depends_on_the_gradient_that_flows_in() -> None:
    """It is 1 where the search measures, and any number in use."""
    for function, line, domain in (("(n + 1)*log(n + 1) - n*log(n) - 1", "dn = (log(n + 1) - log(n))*dout", {"n": (1e-9, 1e10)}), ("(-b + sqrt(b*b - a))/2", "db = (b/sqrt(b*b - a) - 1)*dout/2", {"a": (-1e10, 1e10), "b": (-1e10, 1e10)})):
        for found in suggested(function, line, domain):
            assert all("dout" not in region.condition for region in found.regions)


def test_a_narrow_range_of_bad_inputs_between_two_borders_is_seen() -> None:
    """A quotient by exp(x*(x/2)) gains a bit on average and is 0 from 37.68 on, where exp overflows; the line has a value up to 38.6, below the smallest normal number."""
    function, line, domain = "exp(-x*x/2)/sqrt(2*pi)", "dx = -x*exp(-x*x/2)/sqrt(2*pi)", {"x": (-40.0, 40.0)}
    check, draft, _ = question(function, line, domain)
    (statement,) = replaceable(check.subject.program, draft.implementation.backward)
    narrow = [(37.7 + k / 100,) for k in range(60)]
    bad = replaced_check(check, draft, statement, "dx = -(x/exp(x*(x/2))/sqrt(2*pi))")
    assert bad is not None
    assert Verdict.VANISHED in judged(bad, narrow), "the twin: it would be seen"
    for found in suggested(function, line, domain):
        new = replaced_check(check, draft, statement, found.replacement)
        assert new is not None
        assert all(v.passes for v in judged(new, narrow))
        assert found.after.worst_ulps <= found.before.worst_ulps


@pytest.mark.parametrize(("error", "others", "larger"), [(100.0, [1.0, 40.0], True), (79.0, [1.0, 40.0], False), (16.0, [0.5, 0.5], False), (17.0, [0.5, 0.5], True), (2.0**64, [2.0**64], False)])
def test_an_error_is_larger_by_a_bit_and_more_or_it_is_not(error: float, others: list[float], larger: bool) -> None:
    assert is_larger(error, max(others)) is larger


def beside(line: str, other: str) -> tuple[FurtherPoints, Check, Check]:
    """The line of a gradient of x*y at further points, and checks of it and of another one."""
    check, draft, boxes = question("x*y", line, {"x": (-1.0, 1.0), "y": (-1.0, 1.0)})
    (statement,) = replaceable(check.subject.program, draft.implementation.backward)
    new = replaced_check(check, draft, statement, other)
    assert new is not None
    return FurtherPoints.of(check, "dx", boxes, lambda at: at), check, new


def test_further_points_speak_against_what_is_worse_there_and_against_nothing_else() -> None:
    further, old, new = beside("dx = y", "dx = (y + x) - x")  # y is lost where x is much larger
    worse = further.against(new).worse
    assert worse
    assert all(before.passes and not after.passes for before, after in zip(judged(old, worse), judged(new, worse), strict=True))
    further, _, same = beside("dx = (y + x) - x", "dx = y")
    assert further.against(same).worse == ()


def test_a_hunt_from_the_worst_points_finds_worse_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_points, "FURTHER_POINTS", 20)
    monkeypatch.setattr(further_points, "EVENLY", 0)
    further, old, new = beside("dx = y", "dx = where(abs(x - y) < 1e-3*abs(x), (y + 1e4*x) - 1e4*x, y + (x - y) - (x - y))")
    sampled = [(abs(x) / abs(y)) for x, y in further.points if x and y]
    hunted = [p for p in further.against(new).worse if p not in further.points]
    assert hunted, "none of the 20 points need be so bad"
    assert max(abs(x) / abs(y) for x, y in hunted if y) > 10 * max(sampled)
    assert all(a.passes and not b.passes for a, b in zip(judged(old, hunted), judged(new, hunted), strict=True))


def test_a_line_that_loses_digits_at_few_points_is_suggested_if_hardly_any_are_left() -> None:
    """1 - q*cos(x) cancels where q is near 1 and x near 0, at a twentieth of the points: fewer than a bit on the mean. Its series in q*x is no other formula."""
    (found,) = suggested("x - q*sin(x)", "dx = 1 - q*cos(x)", {"x": (-3.0, 3.0), "q": (0.0, 1.0)})
    assert found.proof == "proved"
    assert found.before.mean_bits - found.after.mean_bits < 1
    assert found.before.worst_ulps > 1e6
    assert found.after.worst_ulps < 16


@pytest.mark.parametrize(
    ("function", "line", "domain"),
    [
        ("(u + v)/(1 + u*v)", "du = 1/(1 + u*v) - (u + v)*v/(1 + u*v)**2", {"u": (-1.0, 1.0), "v": (-1.0, 1.0)}),  # the sum of two velocities: 1 + u*v rounded once
        ("1/(1 - exp(x))", "dx = exp(x)/(1 - exp(x))**2", {"x": (-50.0, 50.0)}),  # 1/(4*sinh(x/2)**2)
        ("log(tan(x/2 + pi/4))", "dx = 0.5/(tan(x/2 + pi/4)*cos(x/2 + pi/4)**2)", {"x": (-1.57, 1.57)}),  # 1/cos(x)
    ],
)  # fmt: skip
def test_gradients_that_rules_of_a_kind_repair(function: str, line: str, domain: dict[str, tuple[float, float]]) -> None:
    (found,) = suggested(function, line, domain)
    assert found.proof == "proved"
    assert found.after.worst_ulps < 16


@pytest.mark.parametrize("row", ["tanh(a)*tanh(a) -> tanh(a)", "1 - a*a -> 1/(cosh(a)*cosh(a))", "1 - tanh(a)*tanh(a) -> 4*exp(-2*a)", "tanh(a) -> a"])
def test_an_unsound_rule_leads_to_no_suggestion(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrangements, "all_rules", lambda: rules_of(row))
    assert suggested("tanh(x)", "dx = 1 - tanh(x)**2", {"x": (-300.0, 300.0)}) == ()


def test_a_sound_rule_alone_leads_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the unsound ones."""
    monkeypatch.setattr(arrangements, "all_rules", lambda: rules_of("1 - tanh(a)*tanh(a) -> 1/(cosh(a)*cosh(a))"))
    (found,) = suggested("tanh(x)", "dx = 1 - tanh(x)**2", {"x": (-300.0, 300.0)})
    assert "1/cosh(x)**2" in found.replacement


def test_a_value_that_several_gradients_read_gets_one_better_line_and_one_search(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []

    def watched(check: Check, gradient: str, *rest: object, **options: object) -> object:
        searched.append(gradient)
        return arrangements.arrangements(check, gradient, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(improve_module, "arrangements", watched)
    lines = "s = 1/(1 + exp(-x*z)); du = s*(1 - s)*dout; dx = du*z; dz = du*x"
    first, second = suggested("1/(1 + exp(-x*z))", lines, {"x": (-300.0, 300.0), "z": (1.0, 2.0)})
    assert (first.gradient, second.gradient) == ("dx", "dz")
    assert first.original == second.original == "du = s*(1 - s)*dout"
    assert first.replacement == second.replacement
    assert set(searched) == {"dx"}
    assert second.after.worst_ulps < 16 < second.before.worst_ulps


def test_another_line_is_looked_for_where_that_of_the_first_gradient_does_not_do() -> None:
    """The twin: the second gradient loses its digits in a line of its own as well."""
    found = suggested("tanh(x)*(sqrt(z + 1) - sqrt(z))", "t = 1 - tanh(x)**2; dx = t*(sqrt(z + 1) - sqrt(z))*dout; dz = tanh(x)*(0.5/sqrt(z + 1) - 0.5/sqrt(z))*dout", {"x": (-300.0, 300.0), "z": (1.0, 1e9)})
    assert len({s.original for s in found}) == len(found) == 2


def test_a_point_at_which_a_replacement_has_no_value_is_learnt_of() -> None:
    """tan(x/2) has the derivative 1/2 at 0, where the line and the first formulas that are found are 0/0."""
    (found,) = suggested("(1 - cos(x))/sin(x)", "s = sin(x); dx = dout - (1 - cos(x))/s/s*cos(x)*dout", {"x": (-3.0, 3.0)})
    assert in_floats(found.replacement.partition(" = ")[2], {"x": 0.0, "dout": 1.0}) == 0.5
    assert math.isnan(in_floats("(1 - cos(x))/sin(x)/sin(x)*cos(x)", {"x": 0.0})), "the twin"
