"""Laws that span the modules: enclosures enclose, independent engines agree, wider formats lose less, symmetry is kept."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import mpmath
import pytest
import sympy
from flint import arb, arb_series, ctx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.exact.test_series import series_of_flint
from tests.texts import SMOOTH, expression, smooth_expressions
from verifier.arithmetic import balls, floats
from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import partial
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact import derivatives, sympy_gates
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS, round_exact
from verifier.language.gates import GATES, Gate
from verifier.language.verdict import Verdict

FLOAT64 = FORMATS["float64"]
CLAIMS = (("x", "dx"), ("y", "dy"))
coordinates = st.floats(-3, 3).map(lambda v: round(v, 4) + 0.0)


def gradient(program: Program, point: tuple[float, ...], bits: int) -> list[arb]:
    found = derivatives.gradient(program)
    with balls.precision(bits):
        run = balls.run(found.program, [[arb(v)] for v in point], bits=bits, strict=True)
        return [arb(0) if (s := found.wrt(i)) is None else run[s][0] for i in range(len(point))]


def within(enclosure: arb, text: str, digits: int) -> bool:
    """The value of an independent engine, good to so many digits, lies in the enclosure widened by its error."""
    with balls.precision(600):
        value = arb(text)
        return abs(enclosure - value) <= (abs(value) + arb(10) ** -digits) * arb(10) ** -digits + 2 * enclosure.rad()


# ---------------------------------------------------------------- enclosures


@given(smooth_expressions(), coordinates, coordinates)
@settings(max_examples=60)
def test_an_enclosure_contains_the_value_at_twice_the_precision(text: str, x: float, y: float) -> None:
    program = expression(text, "x", "y")
    for bits in (64, 113):
        for coarse, fine in zip(gradient(program, (x, y), bits), gradient(program, (x, y), 2 * bits), strict=True):
            assert coarse.overlaps(fine)
            with balls.precision(4 * bits):
                assert not coarse.is_finite() or coarse.contains(fine.mid()) or coarse.rad() <= fine.rad()


def test_the_law_of_enclosure_would_see_a_ball_beside_the_value() -> None:
    (right, _) = gradient(expression("exp(x) * y", "x", "y"), (1.0, 2.0), 113)
    with balls.precision(300):
        moved = right + 4 * right.rad()
    (fine, _) = gradient(expression("exp(x) * y", "x", "y"), (1.0, 2.0), 226)
    assert not moved.overlaps(fine)


def by_mpmath(program: Program, context: mpmath.MPContext, values: list[object]) -> object:
    """A program of primitives run in mpmath."""
    rules = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "neg": lambda a: -a, "pow": lambda a, b: a**b,
        "exp": context.exp, "sin": context.sin, "cos": context.cos, "tanh": context.tanh, "atan": context.atan, "asinh": context.asinh, "erf": context.erf,
        "log1p": lambda a: context.log(1 + a), "log": context.log, "sqrt": context.sqrt, "copy": lambda a: a,
    }  # fmt: skip
    done: list[object] = []
    for step in program.steps:
        if step.gate == "input":
            done.append(values[len(done)])
        elif step.args:
            done.append(rules[step.gate](*(done[a] for a in step.args)))
        else:
            done.append(context.mpf(step.text))
    return done[program.output]


@given(smooth_expressions(leaves=6), coordinates, coordinates)
@settings(max_examples=25)
def test_the_gradient_is_the_numerical_derivative_of_mpmath(text: str, x: float, y: float) -> None:
    program = derivatives.primitive(expression(text, "x", "y"))
    context = mpmath.MPContext()
    context.dps = 80
    for position, enclosure in enumerate(gradient(expression(text, "x", "y"), (x, y), 400)):
        order = (1, 0) if position == 0 else (0, 1)
        value = context.diff(lambda *v: by_mpmath(program, context, list(v)), (context.mpf(x), context.mpf(y)), order)
        assert within(enclosure, context.nstr(value, 60), 30)


@given(smooth_expressions(("x",), leaves=6), coordinates)
@settings(max_examples=40)
def test_the_gradient_is_the_second_coefficient_of_flints_power_series(text: str, x: float) -> None:
    program = derivatives.primitive(expression(text, "x"))
    with balls.precision(300):
        assert gradient(expression(text, "x"), (x,), 300)[0].overlaps(series_of_flint(program, x)[1])


@given(smooth_expressions(leaves=4), coordinates, coordinates)
@settings(max_examples=20)
def test_the_gradient_is_sympys_derivative_of_the_whole_function(text: str, x: float, y: float) -> None:
    program = derivatives.primitive(expression(text, "x", "y"))
    p, q = sympy.symbols("x y", real=True)
    whole = sympy_gates.run(program, [p, q])[program.output]
    for enclosure, symbol in zip(gradient(expression(text, "x", "y"), (x, y), 300), (p, q), strict=True):
        at = {p: sympy.Rational(*x.as_integer_ratio()), q: sympy.Rational(*y.as_integer_ratio())}
        assert within(enclosure, str(sympy.N(sympy.diff(whole, symbol).subs(at), 60, maxn=2000)), 40)


def test_flints_global_settings_are_left_as_they_were() -> None:
    before = (ctx.prec, ctx.cap)
    gradient(expression("exp(x) * erf(y)", "x", "y"), (0.5, 0.25), 500)
    assert (ctx.prec, ctx.cap) == before
    assert arb_series([1, 2]).length() == 2


# ---------------------------------------------------------------- formats


@given(smooth_expressions(leaves=5), st.integers(-384, 384).map(lambda n: n / 128), st.integers(-384, 384).map(lambda n: n / 128))
@settings(max_examples=60)
@example("(x * y)", 1.0, 1.0)
def test_a_wider_format_never_loses(text: str, x: float, y: float) -> None:
    """At one point, float64 is nearer than a narrow format; where the narrow one was lucky, far nearer than it is sure to be."""
    program = expression(text, "x", "y")
    x, y = (round_exact(FORMATS["bfloat16"], Fraction(v)) for v in (x, y))
    subject, truth = Subject(with_backward(program, CLAIMS), CLAIMS), truth_of(program)
    wide = compare(Check("it", truth, subject, FLOAT64), [(x, y)])[0]
    for name in ("float32", "float16", "bfloat16"):
        fmt = FORMATS[name]
        for far, near in zip(compare(Check("it", truth, subject, fmt), [(x, y)])[0], wide, strict=True):
            assert far.verdict is not Verdict.WRONG
            if near.program_condition is None or far.residual is None or near.residual is None:
                continue
            sure = near.program_condition * abs(near.exact.ball) * arb(2) ** -fmt.precision
            assert abs(near.residual) <= abs(far.residual) or abs(near.residual) <= sure / 2**20 + arb(2) ** -1060


@pytest.mark.parametrize("name", FORMATS)
@given(st.data())
@settings(max_examples=30)
def test_a_run_in_a_format_is_never_better_than_correct_rounding(name: str, data: st.DataObject) -> None:
    fmt = FORMATS[name]
    x, y = (round_exact(fmt, Fraction(data.draw(coordinates))) for _ in range(2))
    program = expression("sigmoid(x) * sin(y) + x * y", "x", "y")
    for found in compare(Check("it", truth_of(program), Subject(with_backward(program, CLAIMS), CLAIMS), fmt), [(x, y)])[0]:
        if found.ulps is None or found.rounded is None:
            continue
        best = abs(arb(found.rounded) - found.exact.ball)
        assert not abs(found.residual) < best
        assert (found.computed == found.rounded) == (found.verdict is Verdict.CORRECT)


# ---------------------------------------------------------------- symmetry


@given(smooth_expressions(leaves=5), coordinates, coordinates)
@settings(max_examples=40)
def test_swapping_two_symmetric_inputs_swaps_their_adjoints(text: str, x: float, y: float) -> None:
    swapped = text.replace("x", "#").replace("y", "x").replace("#", "y")
    swapped = swapped.replace("eyp", "exp")
    program = expression(f"({text}) * ({swapped})", "x", "y")
    (dx, dy), (ex, ey) = gradient(program, (x, y), 200), gradient(program, (y, x), 200)
    assert dx.overlaps(ey)
    assert dy.overlaps(ex)


def test_an_asymmetric_function_breaks_the_symmetry() -> None:
    program = expression("exp(x) * y", "x", "y")
    (dx, _), (_, ey) = gradient(program, (0.5, 2.0), 200), gradient(program, (2.0, 0.5), 200)
    assert not dx.overlaps(ey)


@given(st.sampled_from(SMOOTH), coordinates)
def test_the_chain_rule_holds_in_enclosures(gate: str, x: float) -> None:
    whole = gradient(expression(f"{gate}(sin(x) + 2 * x)", "x"), (x,), 300)[0]
    with balls.precision(300):
        inner = arb(x).sin() + 2 * arb(x)
        outer = derivatives.gradient(expression(f"{gate}(t)", "t"))
        slope = balls.run(outer.program, [[inner]], bits=300, strict=True)[outer.wrt(0)][0]  # type: ignore[index]
        assert whole.overlaps(slope * (arb(x).cos() + 2))


@given(smooth_expressions(leaves=4), smooth_expressions(leaves=4), coordinates, coordinates)
@settings(max_examples=30)
def test_the_gradient_is_linear_in_the_function(f: str, g: str, x: float, y: float) -> None:
    both = gradient(expression(f"3 * ({f}) - ({g})", "x", "y"), (x, y), 200)
    parts = zip(gradient(expression(f, "x", "y"), (x, y), 200), gradient(expression(g, "x", "y"), (x, y), 200), strict=True)
    with balls.precision(200):
        for whole, (a, b) in zip(both, parts, strict=True):
            assert whole.overlaps(3 * a - b)


# ---------------------------------------------------------------- every bent partial of the table


def _bendable(gate: Gate) -> bool:
    primitive = not (gate.boolean or gate.orders or gate.conditions or gate.where or gate.means)
    return primitive or gate.name in ("sigmoid", "silu", "softplus", "gelu", "mish")


BENDABLE = [(name, i) for name, gate in GATES.items() if _bendable(gate) for i, text in enumerate(gate.partials) if text not in (None, "0")]


@pytest.mark.parametrize(("name", "position"), BENDABLE, ids=[f"{n}-{GATES[n].parameters[i]}" for n, i in BENDABLE])
def test_a_bent_partial_is_caught_as_wrong_through_the_whole_pipeline(name: str, position: int, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = GATES[name]
    inputs = tuple("xyz"[: len(gate.parameters)])
    program = expression(f"{name}({', '.join(inputs)})", *inputs)
    claims = tuple((v, f"d{v}") for v in inputs)
    truth = truth_of(program)
    for point in ((0.7, 1.3, 0.4)[: len(inputs)], (1.3, 0.7, 0.4)[: len(inputs)]):  # max and min have slope 0 on one side
        honest = compare(Check("it", truth, Subject(with_backward(program, claims), claims), FLOAT64), [point])[0][position]
        assert honest.verdict.passes
        if honest.computed:
            break
    bent = f"({gate.partials[position]}) * (1 + 2**-40)"
    monkeypatch.setitem(GATES, name, dataclasses.replace(gate, partials=(*gate.partials[:position], bent, *gate.partials[position + 1 :])))
    partial.cache_clear()
    try:
        found = compare(Check("it", truth, Subject(with_backward(program, claims), claims), FLOAT64), [point])[0][position]
    finally:
        partial.cache_clear()
    assert found.verdict is Verdict.WRONG


# ---------------------------------------------------------------- floats against balls


@given(smooth_expressions(leaves=6), coordinates, coordinates)
@settings(max_examples=40)
def test_floats_stay_within_the_condition_of_the_program(text: str, x: float, y: float) -> None:
    program = expression(text, "x", "y")
    value = floats.run(program, [[x], [y]], fmt=FLOAT64)[program.output][0]
    exact = derivatives.primitive(program)
    with balls.precision(200):
        enclosure = balls.run(exact, [[arb(x)], [arb(y)]], bits=200, strict=False)[exact.output][0]
        sizes = balls.run(exact, [[arb(x)], [arb(y)]], bits=200, strict=False)
        largest = max((abs(v[0]) for v in sizes), key=lambda b: float(b.mid()))
        assert abs(arb(value) - enclosure) < (1 + largest) ** 4 * len(exact) * arb(2) ** -40
