"""Expansions along a ray: their coefficients are those of SymPy's series, their one-sided values SymPy's limits."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy
from flint import arb, arb_series, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.texts import expression, smooth_expressions
from verifier.arithmetic import balls
from verifier.circuit.program import Program
from verifier.exact import coefficients, derivatives, expansions, series
from verifier.exact.series import NoExpansion, Series, Undecided, Undefined

BITS = 300


def expand(text: str, at: Fraction, *, direction: int = 1, limit: int = 6) -> Series | Undefined:
    """text(at + direction t) in powers of t > 0."""
    program = derivatives.primitive(expression(text, "x"))
    with balls.precision(BITS):
        x = series.add(series.number(fmpq(at.numerator, at.denominator)), Series({(Fraction(1), 0): fmpq(direction)}))
        return expansions.run(program, [x], limit)[program.output]


def coefficient(value: Series | Undefined, power: Fraction | int, logs: int = 0) -> arb:
    assert isinstance(value, Series)
    assert power < value.order, "beyond what the expansion says"
    with balls.precision(BITS):
        return coefficients.ball(value.terms.get((Fraction(power), logs), fmpq(0)))


def close(enclosure: arb, expected: sympy.Expr) -> bool:
    """The enclosure is tight and contains SymPy's value (rounded to 60 digits)."""
    value = sympy.N(expected, 60)
    with balls.precision(BITS):
        return bool(enclosure.rad() < arb(10) ** -60 * (1 + abs(enclosure))) and bool(abs(enclosure - arb(str(value))) <= arb(10) ** -55 * (1 + abs(enclosure)))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("exp(x)", 0), ("exp(x) / (1 + x)", 1), ("log(x)", 2), ("sqrt(x)", 3), ("sin(x) / x", 0), ("(exp(x) - 1) / x", 0), ("(1 - cos(x)) / x**2", 0),
        ("log(1 + x) / x", 0), ("x / tan(x)", 0), ("atan(x) * cosh(x)", 1), ("x**-2", 2), ("erf(x) / x", 0), ("(x - sin(x)) / x**3", 0), ("tanh(x) / sinh(x)", 0),
        ("asinh(x)", 0), ("x**5 - 3 * x + 1", -1), ("gamma(x)", 3), ("digamma(x) * x", 2), ("besselj(1, x) / x", 0), ("cbrt(x)", 8),
    ],
)  # fmt: skip
def test_coefficients_are_those_of_sympys_series(text: str, at: int) -> None:
    program = derivatives.primitive(expression(text, "x"))
    from verifier.exact import sympy_gates

    t = sympy.Symbol("t", positive=True)
    function = sympy_gates.run(program, [at + t])[program.output].replace(sympy.Abs, lambda a: a).replace(sympy.sign, lambda _: sympy.Integer(1))
    expected = sympy.series(function, t, 0, 4).removeO()
    for power in range(3):
        assert close(coefficient(expand(text, Fraction(at)), power), expected.coeff(t, power)), power


@pytest.mark.parametrize(
    ("text", "direction", "key", "value"),
    [  # Puiseux and logarithmic terms, by hand
        ("sqrt(x)", 1, (Fraction(1, 2), 0), "1"), ("x**0.25", 1, (Fraction(1, 4), 0), "1"), ("x * log(x)", 1, (Fraction(1), 1), "1"),
        ("sqrt(x**2 + x**3)", 1, (Fraction(2), 0), "1/2"), ("sqrt(x**2)", -1, (Fraction(1), 0), "1"), ("cbrt(x)", -1, (Fraction(1, 3), 0), "-1"),
        ("abs(x)", -1, (Fraction(1), 0), "1"), ("log(x)**2", 1, (Fraction(0), 2), "1"), ("1 / x", -1, (Fraction(-1), 0), "-1"), ("x**x", 1, (Fraction(1), 1), "1"),
        ("floor(x)", -1, (Fraction(0), 0), "-1"), ("sign(x)", -1, (Fraction(0), 0), "-1"), ("max(x, 2 * x)", -1, (Fraction(1), 0), "-1"),
    ],
)  # fmt: skip
def test_terms_that_are_no_power_series(text: str, direction: int, key: tuple[Fraction, int], value: str) -> None:
    assert coefficient(expand(text, Fraction(0), direction=direction), *key) == arb(fmpq(*map(int, [*value.split("/"), "1"][:2])))


@given(smooth_expressions(("x",), leaves=5), st.sampled_from((0.5, -1.25, 0.0, 2.0)))
@settings(max_examples=30)
def test_a_smooth_function_has_the_taylor_series_of_flint(text: str, at: float) -> None:
    program = derivatives.primitive(expression(text, "x"))
    with balls.precision(BITS):
        before = series_of_flint(program, at)
    mine = expand(text, Fraction(at), limit=4)
    for power in range(3):
        assert coefficient(mine, power).overlaps(before[power])


def series_of_flint(program: Program, at: float) -> arb_series:
    """The program run in FLINT's own power series, four terms."""
    from flint import ctx

    rules = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "neg": lambda a: -a,
        "exp": arb_series.exp, "sin": arb_series.sin, "cos": arb_series.cos, "atan": arb_series.atan, "erf": arb_series.erf,
        "log1p": lambda a: (1 + a).log(), "asinh": lambda a: (a + (1 + a * a).sqrt()).log(),
        "tanh": lambda a: ((2 * a).exp() - 1) / ((2 * a).exp() + 1), "pow": lambda a, b: a ** int(b[0].unique_fmpz()), "copy": lambda a: a,
    }  # fmt: skip
    cap, ctx.cap = ctx.cap, 4
    try:
        values = []
        for step in program.steps:
            if step.gate == "input":
                values.append(arb_series([arb(at), 1], 4))
            elif step.args:
                values.append(rules[step.gate](*(values[a] for a in step.args)))
            else:
                values.append(arb_series([balls.literal(step.text)], 4))
        return values[program.output]
    finally:
        ctx.cap = cap


def test_rational_coefficients_stay_exact_so_a_tie_is_a_tie() -> None:
    value = expand("(x - 1/3) * 3 - (3 * x - 1)", Fraction(1, 7))
    assert isinstance(value, Series)
    assert series.is_zero(value)
    assert not series.is_zero(expand("(x - 1/3) * 3 - (3 * x - 1) + x / 10**40", Fraction(1, 7)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "direction", "reason"),
    [("log(x)", -1, "the logarithm of a negative number"), ("sqrt(x)", -1, "a fractional power of a negative number"), ("1 / (x - x)", 1, "division by zero"), ("asin(x + 2)", 1, "outside the domain of asin")],
)
def test_outside_a_domain_there_is_no_real_value(text: str, direction: int, reason: str) -> None:
    value = expand(text, Fraction(0), direction=direction)
    assert isinstance(value, Undefined)
    assert value.reason == reason


def test_what_has_no_expansion_is_said_to_have_none() -> None:
    with pytest.raises(NoExpansion):
        expand("exp(1 / x)", Fraction(0))
    assert expand("exp(-1 / x)", Fraction(0)) == Series({}, Fraction(7)), "smaller than every power: O(t^7)"


def test_a_sign_that_the_precision_does_not_tell_is_undecided() -> None:
    with pytest.raises(Undecided):
        expand("where(sin(1)**2 + cos(1)**2 > 1, x, -x)", Fraction(0))
