"""The maximum that a softmax subtracts has no kink: which maxima are such shifts, and what is said of gradients where they tie. Expected derivatives are those of the functions without a shift, by mpmath."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction

import mpmath
import pytest

from tests.laws.by_mpmath import NO_ANSWER, rules
from tests.texts import check, expression
from verifier.circuit.program import SHIFT, Program, Step
from verifier.exact import derivatives, one_sided, shifts
from verifier.language.gates import GATES
from verifier.language.verdict import Verdict

MP = mpmath.mp.clone()
MP.dps = 60


def primitives(text: str, *inputs: str) -> Program:
    return derivatives.primitive(expression(text, *inputs))


def count(text: str) -> int:
    program = primitives(text, "x", "y", "t")
    return len(shifts.cancelling(program.steps, program.output))


LOG_SUM = "({m} + log(exp(x - {m}) + exp(y - {m})))"
M = "max(x, y)"
SHIFTS = {  # formula -> the maxima and minima of it that cancel
    LOG_SUM.format(m=M): 1,
    LOG_SUM.format(m="min(x, y)"): 1,
    LOG_SUM.format(m="max(max(x, y), -inf)"): 2,
    LOG_SUM.format(m=f"(2*{M})"): 1,
    LOG_SUM.format(m=f"(-min(-x, -y) + {M})"): 2,
    f"exp(x - {M})/(exp(x - {M}) + exp(y - {M}))": 1,
    f"x - {M} - log(exp(x - {M}) + exp(y - {M}))": 1,
    f"t*({M}/t + log(exp((x - {M})/t) + exp((y - {M})/t)))": 1,
    f"({M} + t*log(exp((x - {M})/t) + exp((y - {M})/t)))*y": 1,
    f"{M}*sqrt((x/{M})**2 + (y/{M})**2)": 1,
    f"where(exp(x - {M}) < exp(y - {M}), x, y)": 1,
    f"where(exp(x - {M}) > 0, exp(x - {M}), 0)/exp(y - {M})": 1,
    f"log(abs(exp(x - {M})/exp(y - {M})))": 1,
    f"{M}*(x/{M}) + cbrt({M}**3)/{M}": 1,
    "max(exp(x - max(x, y)), exp(y - max(x, y)))": 0,
}
NO_SHIFTS = (
    M,
    f"exp(x - {M}) + exp(y - {M})",
    f"1.5*{M} + log(exp(x - {M}) + exp(y - {M}))",
    f"{M} + log(exp(x - {M}) + 1)",
    f"{M} + log1p(exp(x - {M}))",
    f"exp(x - {M})/(exp(x - {M}) + exp(y - {M})) + {M}",
    f"exp(x - {M})/(exp(2*(x - {M})) + exp(y - {M}))",
    f"exp((x - {M})*t)/exp((y - {M})/t)",
    f"{M}*sqrt(1 + (y/{M})**2)",
    f"where(x - {M} < -1, 1, x)*exp(x - {M})/exp(y - {M})",
    f"floor(exp(x - {M})/2)*exp(y - {M})",
    f"exp(x - {M})/exp(sin({M}))",
)


@pytest.mark.parametrize(("text", "found"), SHIFTS.items())
def test_a_maximum_on_which_a_function_does_not_depend_is_found(text: str, found: int) -> None:
    assert count(text) == found


@pytest.mark.parametrize("text", NO_SHIFTS)
def test_a_maximum_on_which_it_depends_is_none(text: str) -> None:
    assert count(text) == 0


def value(steps: Sequence[Step], output: int, apart: Mapping[int, float]) -> mpmath.mpf:
    """The value of a step by mpmath at x = 0.7, y = 1.3, t = 0.6, with some steps moved by a number, or by a factor where it is positive."""
    table, values = rules(MP), []
    for i, step in enumerate(steps[: output + 1]):
        if step.gate == "input":
            found = MP.mpf({"x": "0.7", "y": "1.3", "t": "0.6"}[step.text])
        elif not step.args:
            found = MP.inf if step.text == "inf" else MP.mpf(step.text)
        else:
            found = table[step.gate](*(values[a] for a in step.args))
        values.append(found + MP.mpf(apart[i]) if i in apart else found)
    return MP.mpf(values[output])


def is_independent(steps: Sequence[Step], output: int, shift: int) -> bool:
    """Whether a value stays as it is when a step is moved, or multiplied."""
    here, most = value(steps, output, {}), value(steps, shift, {})
    moved = [value(steps, output, {shift: by}) for by in (MP.mpf("0.137"), -MP.mpf("0.37"), most * MP.mpf("0.23"))]
    return all(v == here or abs(v - here) <= MP.mpf(10) ** -40 * (1 + abs(here)) for v in moved)


@pytest.mark.parametrize("text", [t for t, n in SHIFTS.items() if n])
def test_a_shift_may_be_any_number(text: str) -> None:
    """The law itself: with another number in the place of the maximum the function has the same value."""
    program = primitives(text, "x", "y", "t")
    held = shifts.cancelling(program.steps, program.output)
    for root in (i for i in held if not held.issuperset(program.readers[i])):
        assert is_independent(program.steps, program.output, root)


def random_steps(rng: random.Random) -> list[Step]:
    """A function of x and y in which a maximum is subtracted, or divides, and something is made of the rest."""
    steps = [Step("input", (), "x"), Step("input", (), "y"), Step("number", (), "2"), Step("number", (), "0.5"), Step(rng.choice(("max", "min")), (0, 1))]
    steps += [Step(rng.choice(("sub", "sub", "div")), (a, 4)) for a in (0, 1)]
    steps += [Step(rng.choice(("exp", "exp", "abs", "neg")), (a,)) for a in (5, 6)]
    for _ in range(rng.randint(2, 9)):
        a, b = (rng.randrange(max(0, len(steps) - 5), len(steps)) if rng.random() < 0.7 else rng.randrange(len(steps)) for _ in range(2))
        gate = rng.choice(("exp", "log", "neg", "abs", "sqrt", "add", "sub", "mul", "div", "add", "sub", "mul", "div", "max", "pow"))
        steps.append(Step(gate, (a, rng.choice((2, 3)) if gate == "pow" else b) if len(GATES[gate].parameters) == 2 else (a,)))
    return steps


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_found_is_a_shift(seed: int) -> None:
    rng, found = random.Random(seed), 0
    for _ in range(1000):
        steps = random_steps(rng)
        output = len(steps) - 1
        if 4 not in shifts.cancelling(steps, output):
            continue
        with contextlib.suppress(*NO_ANSWER):
            assert is_independent(steps, output, 4), steps
            found += 1
    assert found > 5, "some are"


def test_marks_are_of_what_is_differentiated() -> None:
    """Of the sum of exponentials, the maximum is none that may be left out: of its logarithm, it is."""
    program = primitives(LOG_SUM.format(m=M), "x", "y")
    whole = derivatives.gradient(program)
    assert [s.gate for s in whole.program.steps if s.text == SHIFT] == ["max"]
    total = next(i for i, s in enumerate(program.steps) if s.gate == "log") - 1
    part = derivatives.gradient(program, output=total)
    assert not any(s.text == SHIFT for s in part.program.steps)


FORMS = {
    "shifted": "max({a}, {b}) + log(exp({a} - max({a}, {b})) + exp({b} - max({a}, {b})))",
    "log1p": "max({a}, {b}) + log1p(exp(-abs({a} - {b})))",
    "gate": "logaddexp({a}, {b})",
}


def nested(form: str) -> str:
    """The logarithm of a sum of exponentials, round after round: in each of them both terms are equal, and no ball tells."""
    write = FORMS[form].format
    a, b = "(sin(x)**2 + cos(x)**2 + x)", "(exp(x)/exp(x) + x)"
    for _ in range(2):
        a, b = f"({write(a=a, b=b)})", f"({write(a=b, b=a)})"
    return write(a=a, b=b)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("slope", "verdict"), [("1", Verdict.CORRECT), ("0.999999999999", Verdict.WRONG), ("0.5", Verdict.WRONG), ("0", Verdict.WRONG)])
def test_ties_that_no_ball_tells_leave_the_gradient_certified(form: str, slope: str, verdict: Verdict) -> None:
    """Of log(e^(1 + x) + e^(1 + x)) = 1 + x + log 2 and its like the slope is 1."""
    report = check(f"function: {nested(form)}\npoints: [{{x: 0.3}}, {{x: -1.2}}]\nimplementations: {{mine: {{backward: dx = {slope}*dout}}}}\n")
    assert {r.verdict for r in report.results} == {verdict}


@pytest.mark.parametrize("text", ["exp(x - max(x, y))", "max(x, y) + log1p(exp(-abs(x - 2*y)))", "max(x, y) - log1p(exp(-abs(x - y)))", "max(x, y) + log1p(exp(abs(x - y)))"])
def test_a_real_kink_stays_one(text: str) -> None:
    report = check(f"function: {text}\npoints: [{{x: 1, y: 1}}]\nimplementations: {{staged: {{}}}}\n")
    assert {r.verdict for r in report.results} == {Verdict.SUBGRADIENT}


@pytest.mark.parametrize("text", [t for t, n in SHIFTS.items() if n and "where" not in t])
def test_at_a_tie_the_gradient_is_the_limit_beside_it(text: str) -> None:
    program = shifts.marked(primitives(text, "x", "y", "t"))
    tie = (Fraction(3, 4), Fraction(3, 4), Fraction(1, 2))
    for position in range(2):
        here = one_sided.derivative(program, tie, position, bits=200)
        beside = one_sided.derivative(program, tuple(v + Fraction(1, 2**80) * (i == position) for i, v in enumerate(tie)), position, bits=400)
        assert isinstance(here, one_sided.Finite)
        assert isinstance(beside, one_sided.Finite)
        assert abs(here.ball - beside.ball) < 1e-20
