"""Generated backward passes: right over the reals, written in the language, linear in the size of the forward pass."""

from __future__ import annotations

import re
import time

import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.arithmetic.test_floats import bits
from tests.texts import expression, forward, smooth_expressions
from verifier.arithmetic import balls, floats
from verifier.circuit.backprop import differentiated, with_backward
from verifier.circuit.program import Program
from verifier.circuit.statements import add_backward, build_program
from verifier.exact import derivatives
from verifier.language.formats import FORMATS
from verifier.language.source import Source

FLOAT64 = FORMATS["float64"]
CLAIMS = (("x", "dx"), ("y", "dy"))
coordinates = st.floats(-3, 3).map(lambda v: round(v, 3) + 0.0)


def lines(program: Program, *, backward: bool) -> list[str]:
    return [line.text for line in program.lines if line.backward == backward]


def over_the_reals(program: Program, name: str, point: dict[str, float], digits: int = 256) -> arb:
    exact, places = derivatives.primitive_with_places(program)
    with balls.precision(digits):
        return balls.run(exact, [[arb(point[n])] for n in program.inputs], bits=digits, strict=False)[places[program.names[name]]][0]


def exact_gradient(program: Program, position: int, point: dict[str, float], digits: int = 256) -> arb:
    gradient = derivatives.gradient(program)
    step = gradient.wrt(position)
    with balls.precision(digits):
        return arb(0) if step is None else balls.run(gradient.program, [[arb(point[n])] for n in program.inputs], bits=digits, strict=True)[step][0]


@given(smooth_expressions(), coordinates, coordinates)
@settings(max_examples=60)
def test_a_generated_backward_pass_is_the_exact_gradient_over_the_reals(text: str, x: float, y: float) -> None:
    program = expression(text, "x", "y")
    whole = with_backward(program, CLAIMS)
    point = {"x": x, "y": y}
    for position, (_, name) in enumerate(CLAIMS):
        staged, exact = over_the_reals(whole, name, point), exact_gradient(program, position, point)
        assert staged.overlaps(exact)
        assert exact.is_zero() or exact.rel_accuracy_bits() > 100 or abs(exact).upper() < 1e-30, "an overlap of wide balls would say nothing"


def test_the_overlap_test_catches_a_bent_backward_pass() -> None:
    program = expression("exp(x) * y", "x", "y")
    point = {"x": 1.0, "y": 2.0}
    source = Source("dx = out * (1 + 1e-30) * dout\ndy = exp(x) * dout", "t", 1, 1, "x")
    wrong, complaints = add_backward(program, source, CLAIMS)
    assert wrong is not None, complaints
    assert not over_the_reals(wrong, "dx", point).overlaps(exact_gradient(program, 0, point))
    assert over_the_reals(wrong, "dy", point).overlaps(exact_gradient(program, 1, point))


@given(smooth_expressions(leaves=6), coordinates, coordinates)
@settings(max_examples=60)
def test_the_written_lines_read_back_as_the_same_program(text: str, x: float, y: float) -> None:
    require_that_it_reads_back(with_backward(expression(text, "x", "y"), CLAIMS), {"x": x, "y": y})


def require_that_it_reads_back(whole: Program, point: dict[str, float]) -> None:
    """The lines of a generated backward pass, read again, are a program of the same floats."""
    front = "\n".join(lines(whole, backward=False))
    again, complaints = build_program(Source(front, "t", 1, 1, front), whole.inputs)
    assert again is not None, complaints
    back = "\n".join(lines(whole, backward=True))
    claimed = [c for c in CLAIMS if re.search(rf"^{c[1]}\b", back, re.MULTILINE)]
    both, complaints = add_backward(again, Source(back, "t", 1, 1, back), claimed)
    assert both is not None, complaints
    first, second = (floats.run(p, [[point[n]] for n in whole.inputs], fmt=FLOAT64, upstream=1.5) for p in (whole, both))
    for name in {n for n, i in whole.names.items() if i >= whole.backward_start} & {*both.names}:
        assert bits(first[whole.names[name]][0]) == bits(second[both.names[name]][0]), name


def test_the_lines_are_circuit_style_with_a_sum_at_a_fork() -> None:
    whole = with_backward(forward("den = x + y\nf = x / den", "x", "y"), CLAIMS)
    assert lines(whole, backward=True) == [
        "dx = 1 / den * df",
        "dden = -f / den * df",
        "dx += dden",
        "dy = dden",
    ]


WRITTEN = {  # a forward block: its generated backward lines, by the chain rule by hand
    "f = x*x\nf = f*y": "df_2 = y * df; dy = f * df; dx = x * df_2; dx += x * df_2",  # df is what flows in
    "f = x*x\nf = f*y\nf = f*x": "df_2 = x * df; dx = f_2 * df; df_3 = y * df_2; dy = f * df_2; dx += x * df_3; dx += x * df_3",
    "g = diff(x**3, x)\nf = g*y": "dg = y * df; dy = g * df; dg_x = dg; dt3 = 1 * dg_x; dt2 = 3 * dt3; dx = 2 * x * dt2",
    "g = diff(y, x)\nf = g*y": "dy = g * df; dx = 0",
    "f = x + x": "dx = df; dx += df; dy = 0",
    "f = y": "dy = df; dx = 0",
    "f = 2": "dx = 0; dy = 0",
    "a = x\nb = a\nf = b*y": "db = y * df; dy = b * df; da = db; dx = da",
    "f = -3 * x": "dx = (-3) * df; dy = 0",
    "a = -2\nf = a * x": "dx = a * df; dy = 0",
    "f = (x + y) - (x - y)": "dt1 = df; dt2 = -df; dx = dt2; dy = -dt2; dx += dt1; dy += dt1",
    "f = x / y": "dx = 1 / y * df; dy = -f / y * df",
    "f = sigmoid(x)": "dx = (1 - f) * f * df; dy = 0",
    "f = (x - y)**2": "dt1 = 2 * t1 * df; dx = dt1; dy = -dt1",
    "f = max(x, y)": "dx = where(x > y, df, where(x == y, df / 2, 0)); dy = where(x < y, df, where(x == y, df / 2, 0))",
    "f = x**3": "dx = 3 * x**2 * df; dy = 0",
    "f = x**2.50": "dx = 2.50 * x**1.5 * df; dy = 0",
    "f = x**2.0": "dx = 2.0 * x * df; dy = 0",
    "f = x**1": "dx = df; dy = 0",
    "f = x**0": "dx = 0; dy = 0",
    "f = x**(-2.5)": "dx = -2.5 * x**-3.5 * df; dy = 0",
    "f = x**-1": "dx = -1 * x**-2 * df; dy = 0",
    "f = x**1.234567890123456789": "dx = 1.234567890123456789 * x**0.234567890123456789 * df; dy = 0",  # 20 characters
    "f = x**2.2345678901234567891": "dx = where(2.2345678901234567891 == 0, where(x == 0, 0, 2.2345678901234567891 / x * x**2.2345678901234567891), 2.2345678901234567891 * x**(2.2345678901234567891 - 1)) * df; dy = 0",
    "f = x**1e2": "dx = where(1e2 == 0, where(x == 0, 0, 1e2 / x * x**1e2), 1e2 * x**(1e2 - 1)) * df; dy = 0",
    "f = where(x > 0, log(x), x*y)": "dt2 = where(t1, df, 0); dt3 = where(t1, 0, df); dx = where(t1, 0, y * dt3); dy = where(t1, 0, x * dt3); dx += where(t1, 1 / x * dt2, 0)",
    # a reader in the same branch keeps the guard, one in no branch takes it off
    "a = x*y\nf = where(x > 0, sin(a), a)": "dt2 = where(t1, df, 0); da = where(t1, 0, df); da += where(t1, cos(a) * dt2, 0); dx = y * da; dy = x * da",
    "a = x*y\nf = where(x > 0, sin(a) * a, y)": "dt3 = where(t1, df, 0); dy = where(t1, 0, df); dt2 = where(t1, a * dt3, 0); da = where(t1, t2 * dt3, 0); da += where(t1, cos(a) * dt2, 0); dx = where(t1, y * da, 0); dy += where(t1, x * da, 0)",
    # four branches, three of them written out: where the outermost is not taken dt4 is 0 already
    "f = where(x > 0, where(y > 0, where(x > 1, where(y > 1, x*x, 2), 2), 2), 2)": "dt8 = where(t1, df, 0); dt7 = where(t2, dt8, 0); dt6 = where(t3, dt7, 0); dt5 = where(t4, dt6, 0); dx = where(t2, where(t3, where(t4, x * dt5, 0), 0), 0); dx += where(t2, where(t3, where(t4, x * dt5, 0), 0), 0); dy = 0",
}  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN)
def test_the_lines_are_those_of_the_chain_rule_by_hand(text: str) -> None:
    whole = with_backward(forward(text, "x", "y"), CLAIMS)
    assert "; ".join(lines(whole, backward=True)) == WRITTEN[text]
    assert [n for n in ("dx", "dy") if n not in whole.names] == []


def test_a_name_that_is_written_again_is_its_last_step_and_a_line_has_the_text_that_it_was_written_from() -> None:
    program = forward("f = x*x\nf = f*y\nf = (f + 1)*x", "x", "y")
    whole = with_backward(program, CLAIMS)
    assert lines(whole, backward=False) == ["f = x * x", "f_2 = f * y", "t1 = f_2 + 1", "f_3 = t1 * x"]
    assert whole.names["f"] == whole.names["f_3"] == whole.output
    sources = [None if line.source is None else line.source.text[line.start : line.end] for line in whole.lines]
    assert sources[:4] == ["x*x", "f*y", "f + 1", "(f + 1)*x"]
    assert not any(line.source for line in whole.lines[4:])


def test_a_derivative_inside_the_function_has_a_line_for_every_step() -> None:
    """By hand: g = d(x^3 y)/dx = 3 x^2 y, and of f = g y: df/dx = 6 x y^2, df/dy = 2 g."""
    program = differentiated(forward("f = diff(x**3*y, x)*y", "x", "y"))
    assert lines(program, backward=False) == ["x**3", "x**3*y", "t3 = y", "g_t1 = t3 * 1", "t4 = x**2", "t5 = 3 * t4", "g_x = t5 * g_t1", "f = diff(x**3*y, x)*y"]
    assert [line.source.text[line.start : line.end] for line in program.lines if line.source] == ["x**3", "x**3*y", *["diff(x**3*y, x)"] * 5, "diff(x**3*y, x)*y"]
    whole = with_backward(program, CLAIMS)
    point = {"x": 2.0, "y": 3.0}
    assert over_the_reals(whole, "dx", point) == 6 * 2 * 9
    assert over_the_reals(whole, "dy", point) == 2 * 3 * 4 * 3


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """Forward blocks of a few lines: names that are written again, sums in place, branches in branches, powers, names that generated lines would take."""
    names, found = ["x", "y"], []
    for _ in range(draw(st.integers(1, 6))):
        a, b, c = (draw(st.sampled_from((*names[-3:], "x", "y"))) for _ in range(3))
        rule = draw(st.sampled_from((
            "{a} * {b}", "{a} - {b}", "{a} + {a}", "-{a}", "{a}", "sin({a})**3", "(2 + cos({a}))**-2", "(2 + sin({a}))**0.5", "{a} / (3 + sin({b}))", "tanh({a}) * {a}",
            "where({a} > {b}, {c}, {a} * {b})", "where({a} > 0.25, where({b} > 0.5, exp(-{a}) * {c}, {c}), {b})", "where({a} < {b}, log(3 + sin({c})), {c}) * {a}", "sigmoid({a}) - 0.5", "-2 * {a}",
        )))  # fmt: skip
        target = draw(st.sampled_from(("a", "a", "b", "t1", "t2", "da", "dt1", "a_2", "db")))
        symbol = "+=" if target in names and draw(st.booleans()) else "="
        found.append(f"{target} {symbol} {rule.format(a=a, b=b, c=c)}")
        names.append(target)
    last = draw(st.sampled_from(names))
    return "\n".join([*found, f"f = {last} * x"])


@given(blocks(), coordinates, coordinates)
@settings(max_examples=60)
def test_a_block_of_lines_has_the_exact_gradient_and_reads_back_as_it_is(text: str, x: float, y: float) -> None:
    """The exact gradient knows nothing of the generated lines: it is SymPy's derivative of every gate."""
    program, point = forward(text, "x", "y"), {"x": x, "y": y}
    whole = with_backward(program, CLAIMS)
    for position, (_, name) in enumerate(CLAIMS):
        exact = exact_gradient(program, position, point)
        assert not exact.is_finite() or over_the_reals(whole, name, point).overlaps(exact)
        assert not exact.is_finite() or exact.rel_accuracy_bits() > 100 or abs(exact).upper() < 1e-30
    run, again = (floats.run(p, [[x], [y]], fmt=FLOAT64) for p in (program, whole))
    assert [bits(run[i][0]) for i in program.names.values()] == [bits(again[whole.names[n]][0]) for n in program.names], "a name is its last step"
    require_that_it_reads_back(whole, point)


def test_an_output_that_is_an_input_and_an_input_that_is_unused() -> None:
    whole = with_backward(forward("f = x", "x", "y"), CLAIMS)
    values = floats.run(whole, [[3.0], [4.0]], fmt=FLOAT64, upstream=2.5)
    assert (values[whole.names["dx"]][0], values[whole.names["dy"]][0]) == (2.5, 0.0)


def test_names_of_the_user_are_never_taken() -> None:
    whole = with_backward(forward("dx = x * 2\nt1 = dx + y\ndout = sin(t1) * dx\nf = dout + t1", "x", "y"), (("x", "gx"), ("y", "dy")))
    point = {"x": 0.5, "y": 0.25}
    program = forward("dx = x * 2\nt1 = dx + y\ndout = sin(t1) * dx\nf = dout + t1", "x", "y")
    assert over_the_reals(whole, "gx", point).overlaps(exact_gradient(program, 0, point))
    assert over_the_reals(whole, "dy", point).overlaps(exact_gradient(program, 1, point))
    targets = [line.split(" ")[0] for line in lines(whole, backward=True)]
    assert not {"dx", "t1", "dout"} & set(targets)


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [  # by hand: (x^3)'' = 6x, (sin x)'''' = sin x, d/dx (x d/dx x^2) = 4x
        ("diff(x**3, x, 2)", 2.0, "12"), ("diff(sin(x), x, 4) - sin(x)", 0.7, "0"), ("diff(x * diff(x**2, x), x)", 3.0, "12"), ("diff(x * y, x, y)", 3.0, "1"),
    ],
)  # fmt: skip
def test_a_derivative_inside_the_function_is_written_out(text: str, x: float, value: str) -> None:
    program = differentiated(expression(text, "x", "y"))
    assert not any(s.gate == "diff" for s in program.steps)
    assert over_the_reals(program, "out", {"x": x, "y": 2.0}).overlaps(arb(value))


def test_a_second_derivative_can_be_differentiated_again() -> None:
    program = differentiated(expression("diff(exp(2 * x) * y, x)", "x", "y"))
    whole = with_backward(program, CLAIMS)
    with balls.precision(200):
        assert over_the_reals(whole, "dx", {"x": 0.5, "y": 3.0}).overlaps(12 * arb(1).exp())
        assert over_the_reals(whole, "dy", {"x": 0.5, "y": 3.0}).overlaps(2 * arb(1).exp())


def chain(n: int) -> Program:
    """A composition of n gates in which every value is used twice."""
    return forward("\n".join(["t0 = x", *(f"t{i + 1} = sin(t{i}) * t{i}" for i in range(n))]), "x")


def test_the_backward_pass_is_linear_in_the_forward_pass() -> None:
    sizes = [len(with_backward(chain(n), (("x", "dx"),))) for n in (100, 200, 400)]
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])


def test_ten_thousand_gates_take_seconds() -> None:
    start = time.process_time()
    whole = with_backward(chain(10_000), (("x", "dx"),))
    assert len(whole) > 40_000
    assert time.process_time() - start < 20
