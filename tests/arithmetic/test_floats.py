"""Floats: bit for bit what CPython computes, IEEE's result where CPython raises, one rounding per operation in narrow formats."""

from __future__ import annotations

import contextlib
import math
import struct
from fractions import Fraction

import gmpy2
import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.texts import expression, forward
from verifier.arithmetic import floats, kernels
from verifier.language.formats import FORMATS, Format, dtype, format_named, round_exact

FLOAT64 = FORMATS["float64"]
CPYTHON = {n: getattr(math, n) for n in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "asinh", "erf", "erfc", "cbrt", "log2", "exp2")}
NAMESPACE = {**CPYTHON, "math": math, "abs": abs, "__builtins__": {}}
doubles = st.floats(allow_nan=False)
moderate = st.floats(-50, 50)


def bits(value: float) -> str:
    """The 64 bits; all NaNs are one."""
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


def run(text: str, **inputs: float) -> float:
    program = expression(text, *inputs)
    return floats.run(program, [[v] for v in inputs.values()], fmt=FLOAT64)[program.output][0]


_texts = st.recursive(
    st.sampled_from(("x", "y", "x", "0.1", "2", "1e-3", "3.5", "math.pi")),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(("+", "-", "*", "/", "**")), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(sorted(CPYTHON)), inner).map(lambda t: f"{t[0]}({t[1]})"),
        inner.map(lambda a: f"(-{a})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} < {t[2]} else {t[1]})"),
    ),
    max_leaves=10,
)


@given(_texts, moderate, moderate)
@example("(x ** y)", 2.0, 0.5)
@example("(0.1 + (0.1 + 0.1))", 0.0, 0.0)
@example("(-x ** 2)", -3.0, 0.0)
def test_an_expression_has_the_bits_that_cpython_gives_it(text: str, x: float, y: float) -> None:
    expected = None
    with contextlib.suppress(ArithmeticError, ValueError):  # the next tests say what takes the place of an exception
        expected = eval(text, NAMESPACE, {"x": x, "y": y})
    assume(expected is not None)
    if isinstance(expected, complex):
        expected = math.nan
    assert bits(run(text, x=x, y=y)) == bits(float(expected))


def test_statements_have_the_bits_that_cpython_gives_them() -> None:
    block = "a = math.exp(-x) + 1\nb = 1.0 / a\na = b * b\na += x ** 3\na *= 0.1\nf = a - b / 3"
    for x in (0.1, -2.7, 11.0, 1e-8):
        namespace = {"math": math, "x": x}
        exec(block, namespace)
        program = forward(block, "x")
        values = floats.run(program, [[x]], fmt=FLOAT64)
        assert {n: bits(values[program.names[n]][0]) for n in "abf"} == {n: bits(namespace[n]) for n in "abf"}


def test_the_comparison_of_bits_sees_one_ulp_and_the_sign_of_zero() -> None:
    assert bits(run("x * 3", x=0.1)) != bits(0.3)
    assert bits(0.0) != bits(-0.0)


@pytest.mark.parametrize(
    ("text", "x", "ieee"),
    [  # IEEE 754-2019: 7.3 division by zero, 7.4 overflow, 7.2 invalid, 9.2.1 exceptional cases of functions
        ("1 / x", 0.0, math.inf), ("1 / x", -0.0, -math.inf), ("-1 / x", 0.0, -math.inf), ("(x - x) / x", 0.0, math.nan),
        ("exp(x)", 710.0, math.inf), ("exp(-x)", 800.0, 0.0), ("expm1(x)", 1000.0, math.inf), ("x ** 2", 1e200, math.inf),
        ("x ** 3", -1e200, -math.inf), ("x ** -1", 0.0, math.inf), ("x ** -1", -0.0, -math.inf), ("x ** -2", -0.0, math.inf),
        ("x ** 0.5", -1.0, math.nan), ("x ** (1 / 3)", -8.0, math.nan), ("log(x)", 0.0, -math.inf), ("log(x)", -1.0, math.nan),
        ("log1p(x)", -1.0, -math.inf), ("log2(x)", 0.0, -math.inf), ("sqrt(x)", -1.0, math.nan), ("sqrt(x)", -0.0, -0.0),
        ("sin(1 / x)", 0.0, math.nan), ("cosh(x)", 1000.0, math.inf), ("sinh(x)", -1000.0, -math.inf), ("atanh(x)", 1.0, math.inf),
        ("asin(x)", 2.0, math.nan), ("x * x", 1e200, math.inf), ("x - x", math.inf, math.nan), ("fmod(1, x)", 0.0, math.nan),
        ("floor(1 / x)", 0.0, math.inf), ("lgamma(x)", -1.0, math.inf), ("exp2(x)", 2000.0, math.inf),
    ],
)  # fmt: skip
def test_where_cpython_raises_the_ieee_result_stands(text: str, x: float, ieee: float) -> None:
    assert bits(run(text, x=x)) == bits(ieee)


@given(doubles, doubles, st.sampled_from(("x + y", "x - y", "x * y", "x / y")))
@example(1.0, 0.0, "x / y")
@example(-0.0, 0.0, "x + y")
@example(1e308, 1e308, "x + y")
@example(5e-324, 0.5, "x * y")
def test_arithmetic_is_that_of_numpy_for_all_floats(x: float, y: float, text: str) -> None:
    a, b = np.float64(x), np.float64(y)
    with np.errstate(all="ignore"):
        expected = {"+": a + b, "-": a - b, "*": a * b, "/": a / b}[text[2]]
    assert bits(run(text, x=x, y=y)) == bits(float(expected))


@given(doubles, doubles, doubles)
@example(0.1, 10.0, -1.0)
@example(1e308, 10.0, -1e308)
@example(5e-324, 0.5, 0.0)
@example(1.0, -1.0, 1.0)
@example(-0.0, 1.0, -0.0)
@example(2.0**-1074, 2.0**-1, 2.0**-1074)
def test_fma_is_that_of_mpfr(a: float, b: float, c: float) -> None:
    with gmpy2.context(gmpy2.ieee(64)):
        expected = float(gmpy2.fma(gmpy2.mpfr(a), gmpy2.mpfr(b), gmpy2.mpfr(c)))
    assert bits(run("fma(a, b, c)", a=a, b=b, c=c)) == bits(expected)


@given(doubles, doubles)
@example(0.1, 10.0)
@example(3.0, 0.5)  # exact: 0.0, not -0.0
@example(-0.1, 1e-300)
@example(1.1e-160, -1.7e-161)  # what is lost is no float
@example(1.1e300, 1.3)
@example(1.1e200, 1.7e100)
def test_fma_finds_what_a_product_lost(a: float, b: float) -> None:
    with gmpy2.context(gmpy2.ieee(64)):
        expected = float(gmpy2.fma(gmpy2.mpfr(a), gmpy2.mpfr(b), gmpy2.mpfr(-(a * b))))
    assert bits(run("fma(a, b, c)", a=a, b=b, c=-(a * b))) == bits(expected)


def test_fma_is_not_a_product_and_a_sum() -> None:
    assert run("fma(a, b, c)", a=0.1, b=10.0, c=-1.0) == 2.0**-54  # 0.1 is (1 + 2**-54) / 10
    assert run("a * b + c", a=0.1, b=10.0, c=-1.0) == 0.0


def mpfr(fmt: Format) -> gmpy2.context:
    """MPFR with a format's precision and exponents (its mantissas lie in [1/2, 1)) and gradual underflow."""
    return gmpy2.context(precision=fmt.precision, emax=fmt.emax + 1, emin=fmt.emin - fmt.precision + 2, subnormalize=True)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
@given(st.data())
def test_every_operation_of_a_narrow_format_is_rounded_once(name: str, data: st.DataObject) -> None:
    fmt = FORMATS[name]
    a, b = (round_exact(fmt, Fraction(data.draw(doubles.filter(math.isfinite)))) for _ in range(2))
    text, operation = data.draw(st.sampled_from((("x + y", gmpy2.add), ("x - y", gmpy2.sub), ("x * y", gmpy2.mul), ("x / y", gmpy2.div), ("sqrt(x)", lambda p, _: gmpy2.sqrt(p)))))
    with mpfr(fmt):
        expected = float(operation(gmpy2.mpfr(a), gmpy2.mpfr(b)))
    program = expression(text, "x", "y")
    got = floats.as_floats(floats.run(program, [[a], [b]], fmt=fmt)[program.output])[0]
    assert bits(got) == bits(expected)


def test_a_narrow_run_keeps_its_format_in_every_step() -> None:
    program = forward("a = exp(x) * 0.1\nb = where(a > 1, erf(a), sigmoid(a))\nf = b / 3 + pi", "x")
    for name in ("float32", "float16", "bfloat16"):
        fmt = FORMATS[name]
        for step, column in zip(program.steps, floats.run(program, [[0.7, -1.3]], fmt=fmt), strict=True):
            assert column.dtype in (dtype(fmt), bool), step


def test_literals_are_rounded_once_to_the_format() -> None:
    # 1 + 2**-24 + 2**-60 lies above the tie of float32: rounding by way of float64 (1 + 2**-24) would go to even, 1
    text = "1.00000005960464477626"
    assert Fraction(text) > 1 + Fraction(1, 2**24)
    assert float(np.float32(float("1.0000000596046447754"))) == 1.0
    assert floats.literal(text, FORMATS["float32"]) == 1 + 2.0**-23


@given(st.lists(moderate, min_size=1, max_size=5))
def test_a_column_of_points_is_the_points_one_by_one(xs: list[float]) -> None:
    program = expression("1 / (x - 1) + log(x) * exp(10 * x)", "x")
    together = floats.run(program, [xs], fmt=FLOAT64)[program.output]
    single = [floats.run(program, [[x]], fmt=FLOAT64)[program.output][0] for x in xs]
    assert list(map(bits, together)) == list(map(bits, single)), "an exception at one point must not change the others"


def test_scipys_own_divisions_by_zero_in_hyp0f1_are_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """SciPy 1.17 writes a traceback to stderr here, raises nothing, and returns 0."""
    kernels.hyp0f1(1.0, 1e300)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("a", [-999.75, -1000.25, -12345.5, -1e9 + 0.25, -(2.0**51) - 0.5])
def test_polygamma_far_to_the_left_is_mpmaths_by_reflection(n: int, a: float) -> None:
    """DLMF 5.15.6; SciPy adds up -a terms."""
    with mpmath.workprec(200):
        slope = mpmath.diff(lambda z: mpmath.cot(mpmath.pi * z), mpmath.mpf(a) - mpmath.floor(a), n)
        expected = float((-1) ** n * mpmath.polygamma(n, 1 - mpmath.mpf(a)) - mpmath.pi * slope)
    assert kernels.polygamma(float(n), a) == pytest.approx(expected, rel=1e-11)
    assert kernels.polygamma(np.float32([n, n]), np.float32([a, 2.0])).dtype == np.float32
    assert math.isinf(kernels.polygamma(float(n), math.floor(a)))


@pytest.mark.parametrize(("n", "a"), [(2.5, 1.0), (0.5, 0.25), (1.5, 7.0), (3.0, 0.0)])
def test_exponential_integrals_of_any_order_are_mpmaths(n: float, a: float) -> None:
    """SciPy cuts an order off to an integer."""
    assert kernels.expn(n, a) == pytest.approx(float(mpmath.expint(n, a)), rel=1e-14)
    assert kernels.expn(np.float32([n, 2.0]), np.float32([a, 1.0])).tolist() == pytest.approx([float(mpmath.expint(n, a)), float(mpmath.expint(2, 1))], rel=1e-6)


@pytest.mark.parametrize("form", ["float64", "float32", "bfloat16", "float32->bfloat16"])
def test_steps_that_no_output_needs_change_nothing(form: str) -> None:
    """The gradient of a forward pass that is never looked at, and its twin with all steps."""
    program = expression("sigmoid(x) * y + gelu(y) - x**3 / y", "x", "y")
    points = [[0.3, -2.0, 800.0, 0.0], [1.5, 0.25, -3.0, 0.0]]
    every = floats.run(program, points, fmt=format_named(form))
    for step in range(len(program.steps)):
        (alone,) = floats.run(program, points, [step], fmt=format_named(form))
        assert np.array_equal(np.asarray(alone), np.asarray(every[step]), equal_nan=True)
    for found, expected in zip(floats.arrays(program, points, range(len(program.steps)), fmt=format_named(form)), every, strict=True):
        assert np.array_equal(np.asarray(found, dtype=float), np.asarray(expected, dtype=float), equal_nan=True)


def test_which_steps_an_output_needs() -> None:
    program = expression("(x + y) * (x - y)", "x", "y")
    first = next(i for i, s in enumerate(program.steps) if s.gate == "add")
    assert floats.needed_for(program, [first]) == [s.gate in ("input", "add") for s in program.steps]
    assert all(floats.needed_for(program, None))


def test_powers_that_are_complex_or_raise_are_those_of_ieee_in_arrays_too() -> None:
    program = expression("x ** y", "x", "y")
    points = [[-8.0, 2.0, 1e300, 0.0, -2.0], [1 / 3, 0.5, 2.0, -1.0, 3.0]]
    (found,) = floats.arrays(program, points, [program.output], fmt=format_named("float64"))
    assert np.array_equal(found, [np.nan, 2.0**0.5, np.inf, np.inf, -8.0], equal_nan=True)


@pytest.mark.parametrize("order", [-1.0, 0.5, math.inf, math.nan])
def test_a_derivative_of_zeta_whose_order_is_no_whole_number_has_no_value(order: float) -> None:
    """An order that is computed may be any float; of order 1 it is -0.3852 at 2.5, by mpmath."""
    found = kernels.zetaderiv(np.array([order, 1.0]), np.array([2.5, 2.5]))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(float(mpmath.zeta(2.5, derivative=1)), rel=1e-12)


def test_fma_of_a_column_is_that_of_each_row() -> None:
    source = np.random.default_rng(1)
    scale = np.array([0, 0, 1, 10, 60, 300, 500, 900, 1020])  # powers of two
    a, b, c = (source.uniform(-1, 1, 20_000) * np.ldexp(1.0, source.choice(scale, 20_000) * source.choice((-1, 1), 20_000)) for _ in range(3))
    with np.errstate(all="ignore"):
        c[::3] = -(a * b)[::3]
        c[1::9] = np.nextafter(-(a * b)[1::9], np.inf)
        a[::97], b[::89], c[::83] = 0.0, np.inf, np.nan
        expected = [floats.fma(*row) for row in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)]
        found = floats.fma_column(a, b, c)
    assert [bits(x) for x in found.tolist()] == [bits(x) for x in expected]
