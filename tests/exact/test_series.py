"""Expansions along a ray: their coefficients are those of SymPy's series, their one-sided values SymPy's limits."""

from __future__ import annotations

import math
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


# ---------------------------------------------------------------- the parts, by hand


def of(terms: dict[tuple[int | Fraction, int], int | Fraction], order: float = series.INFINITE) -> Series:
    """Sum of c t^e L^l with L = log t."""
    return Series({k: fmpq(*Fraction(c).as_integer_ratio()) for k, c in terms.items()}, order)


# d/dt of t^e L^l is e t^(e-1) L^l + l t^(e-1) L^(l-1); so the integral of L/t is L^2/2, that of L is t L - t, of t L^2 it is t^2 (L^2/2 - L/2 + 1/4)
INTEGRALS = (
    ({(-1, 0): 3}, {(0, 1): 3}), ({(-1, 1): 4}, {(0, 2): 2}), ({(-1, 2): 6}, {(0, 3): 2}), ({(0, 0): 5}, {(1, 0): 5}), ({(2, 0): 6}, {(3, 0): 2}), ({(0, 1): 1}, {(1, 1): 1, (1, 0): -1}), ({(1, 2): 4}, {(2, 2): 2, (2, 1): -2, (2, 0): 1}),
    ({(-2, 0): 1}, {(-1, 0): -1}), ({(Fraction(-1, 2), 0): 1}, {(Fraction(1, 2), 0): 2}), ({(-2, 1): 1}, {(-1, 1): -1, (-1, 0): -1}),
)  # fmt: skip


@pytest.mark.parametrize(("slope", "whole"), INTEGRALS, ids=[str(s) for s, _ in INTEGRALS])
def test_an_integral_is_that_of_the_textbook_and_its_slope_the_integrand(slope: dict, whole: dict) -> None:
    found = series.integral(of(slope))
    assert {k: c for k, c in found.terms.items() if c != 0} == of(whole).terms
    assert series.derivative(found) == of(slope)
    assert series.integral(of(slope, 7)).order == 8


@pytest.mark.parametrize("terms", [{(-1, -1): 1}, {(0, -1): 1}, {(2, -3): 1}])
def test_an_integral_with_a_logarithm_below_is_none_of_these(terms: dict) -> None:
    """1/(t log t) is the slope of log(log t), 1/log t that of the logarithmic integral."""
    with pytest.raises(NoExpansion):
        series.integral(of(terms))


def test_an_integral_of_what_is_not_known_at_1_over_t_is_too_short() -> None:
    for order in (-1, -2):
        with pytest.raises(series.Short):
            series.integral(of({(-3, 0): 1}, order))
    assert series.integral(of({(-3, 0): 1}, Fraction(-1, 2))).order == Fraction(1, 2)


ORDERED = (  # the terms from the largest on, as t tends to 0: t^-1 L^2, t^-1, L, 1, 1/L, t L, t
    (-1, 2), (-1, 0), (0, 1), (0, 0), (0, -1), (1, 1), (1, 0),
)  # fmt: skip


def test_the_largest_term_leads_and_gives_the_sign() -> None:
    """L = log t is negative: an odd power of it turns the sign."""
    for i, key in enumerate(ORDERED):
        for sign in (1, -1):
            s = of({key: sign, **dict.fromkeys(ORDERED[i + 1 :], -5 * sign)})
            assert series.leading(s) == (key, fmpq(sign), sign)
            assert series.sign(s) == sign * (-1) ** key[1]
    assert series.sign(of({})) == 0
    with pytest.raises(series.Short):
        series.sign(of({}, 3))
    assert series.sign(of({(0, 0): 2, (1, 0): -9}, 2)) == 1


def test_terms_that_are_not_told_from_0_are_left_where_nothing_larger_hides_behind_them() -> None:
    with balls.precision(53):
        near = coefficients.Real(arb(0, 1e-10))
        for terms in ({(0, 0): near, (1, 0): fmpq(1)}, {(0, -1): near}, {(1, 0): near}, {(Fraction(1, 2), 3): near}):
            a = Series(terms, 4)
            assert series.without_zeros(a) is a
        for terms in ({(0, 1): near, (1, 0): fmpq(1)}, {(-1, 0): near, (0, 0): fmpq(1)}):
            with pytest.raises(Undecided):
                series.without_zeros(Series(terms, 4))
    with balls.precision(coefficients.PROOF_BITS):
        zero = coefficients.apply("sub", coefficients.apply("log", fmpq(4)), coefficients.apply("mul", fmpq(2), coefficients.apply("log", fmpq(2))))
        assert series.without_zeros(Series({(-1, 0): zero, (0, 1): zero, (0, 0): fmpq(3), (1, 0): fmpq(2)}, 4)) == of({(0, 0): 3, (1, 0): 2}, 4)
        assert series.without_zeros(Series({(-1, 0): zero})) == Series({})


def test_sums_and_products_of_expansions_are_known_to_the_lower_order() -> None:
    a, b = of({(0, 0): 1, (1, 0): 2}, 3), of({(1, 0): -2, (2, 1): 5}, 2)
    assert series.add(a, b) == of({(0, 0): 1}, 2)
    assert series.sub(a, a) == of({}, 3)
    assert series.mul(a, b) == of({(1, 0): -2}, 2)  # 1*O(t^2), and t*O(t^3)
    assert series.mul(a, of({(1, 0): 3})) == of({(1, 0): 3, (2, 0): 6}, 4)
    assert series.mul(of({}, 3), of({}, 2)) == of({}, 5)
    assert series.mul(of({}), of({}, 2)) == of({})
    assert series.mul(of({(0, 1): 2}), of({(0, 1): 3, (-1, 0): 1})) == of({(0, 2): 6, (-1, 1): 2})


@pytest.mark.parametrize(("terms", "r", "limit", "expected"), [
    ({(0, 0): 4, (1, 0): 4}, Fraction(1, 2), 2, {(0, 0): 2, (1, 0): 1, (2, 0): Fraction(-1, 4)}),  # 2 sqrt(1 + t)
    ({(2, 0): 9}, Fraction(1, 2), 2, {(1, 0): 3}), ({(2, 0): 8, (3, 0): 8}, Fraction(-1), 1, {(-2, 0): Fraction(1, 8), (-1, 0): Fraction(-1, 8)}), ({(1, 0): -2}, Fraction(9), 2, {(9, 0): -512}), ({(1, 0): -2}, Fraction(8), 2, {(8, 0): 256}), ({(3, 0): 1}, Fraction(0), 2, {(0, 0): 1}),
])  # fmt: skip
def test_powers_are_those_of_the_binomial_series(terms: dict, r: Fraction, limit: int, expected: dict) -> None:
    found = series.power(of(terms), r, limit)
    assert isinstance(found, Series)
    with balls.precision(BITS):
        for key, c in of(expected).terms.items():
            assert coefficients.ball(found.terms[key]) == coefficients.ball(c)
        assert not [k for k in found.terms if k[0] < max(e for e, _ in expected) and k not in of(expected).terms]


@pytest.mark.parametrize(("r", "reason"), [(Fraction(-1), "a negative power of zero"), (Fraction(-1, 2), "a negative power of zero"), (Fraction(1, 2), None), (Fraction(9), None)])
def test_a_power_of_0_is_0_or_has_no_value(r: Fraction, reason: str | None) -> None:
    found = series.power(of({}), r, 3)
    assert found == (of({}) if reason is None else Undefined(reason))


def test_exponentials_of_logarithms_are_powers() -> None:
    """exp(3 L) = t^3, exp(-L/2) = t^(-1/2), exp(-1/t) = O(every power); exp(1/t), exp(L^2) and exp(1/L) have no expansion of this kind."""
    assert series.exp(of({(0, 1): 3}), 4) == of({(3, 0): 1})
    assert series.exp(of({(0, 1): Fraction(-1, 2)}), 4) == of({(Fraction(-1, 2), 0): 1})
    assert series.exp(of({(-1, 0): -1, (0, 1): 7}), 4) == of({}, 5)
    for terms in ({(-1, 0): 1}, {(0, 2): 1}, {(0, 1): 1, (0, 2): 1}, {(0, -1): 1}, {(0, 0): 2, (0, -2): 1}):
        with pytest.raises(NoExpansion):
            series.exp(of(terms), 4)
    with pytest.raises(series.Short):
        series.exp(of({}, 0), 4)
    found = series.exp(of({(1, 0): 2}), 3)
    assert isinstance(found, Series)
    assert [found.terms[k, 0] for k in range(4)] == [1, 2, 2, fmpq(4, 3)]
    assert found.order == 4


def test_logarithms_of_powers() -> None:
    """log(t^2 (1 + t)) = 2 L + t - t^2/2 + t^3/3."""
    found = series.log(of({(2, 0): 1, (3, 0): 1}), 3)
    assert isinstance(found, Series)
    assert {k: c for k, c in found.terms.items() if k[0] < 4} == of({(0, 1): 2, (1, 0): 1, (2, 0): Fraction(-1, 2), (3, 0): Fraction(1, 3)}).terms
    assert series.log(of({}), 3) == Undefined("the logarithm of zero")
    assert series.log(of({(1, 0): -1}), 3) == Undefined("the logarithm of a negative number")
    assert series.inverse(of({}), 3) == Undefined("division by zero")


def test_a_rational_that_is_too_long_becomes_a_ball_and_too_many_terms_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with balls.precision(100):
        for q, is_rational in ((fmpq(2**20_000 - 1), True), (fmpq(2**20_000), False), (fmpq(1, 2**20_000), False), (fmpq(1, 2**20_000 - 1), True)):
            total = series.add(Series({(0, 0): q}), Series({(1, 0): fmpq(1)}))
            assert isinstance(total.constant, fmpq) is is_rational
    with pytest.raises(Undecided):
        series.add(Series({(0, 0): coefficients.Real(arb("inf"))}), of({}))
    monkeypatch.setattr(series, "MAX_TERMS", 3)
    assert len(series.add(of({(k, 0): 1 for k in range(3)}), of({})).terms) == 3
    with pytest.raises(NoExpansion):
        series.add(of({(k, 0): 1 for k in range(4)}), of({}))


@pytest.mark.parametrize("base", [Series({}, 3), Series({}), Series({(Fraction(0), 0): fmpq(2)}, 1), Series({(Fraction(-1), 0): fmpq(1)}), Series({(Fraction(1), 1): fmpq(1)})], ids=["O(t^3)", "0", "2 + O(t)", "1/t", "t log t"])
def test_the_power_0_is_1_whatever_is_known_of_the_base(base: Series) -> None:
    assert series.power(base, Fraction(0), 4) == series.number(fmpq(1))


@pytest.mark.parametrize("exponent", [1, 2, 8, 9])
def test_a_whole_power_is_a_product(exponent: int) -> None:
    """(2 + t)^n by the binomial theorem; up to 8 without an end."""
    found = series.power(Series({(Fraction(0), 0): fmpq(2), (Fraction(1), 0): fmpq(1)}), Fraction(exponent), 4)
    assert isinstance(found, Series)
    for k in range(min(exponent, 4) + 1):
        assert found.terms[Fraction(k), 0] == math.comb(exponent, k) * 2 ** (exponent - k)
    assert (found.order == series.INFINITE) is (exponent <= 8)


def test_an_exponent_may_be_too_large_for_a_float() -> None:
    """t^n * (1 + t) = t^n + t^(n + 1), for an n with 1,100 bits; n or its root, a Fraction."""
    for n in (2**1100, Fraction(2**1100 + 1, 2)):
        found = series.mul(Series({(n, 0): fmpq(1)}), Series({(0, 0): fmpq(1), (1, 0): fmpq(1)}))
        assert found == Series({(n, 0): fmpq(1), (n + 1, 0): fmpq(1)})
        assert series.mul(Series({(n, 0): fmpq(1)}), Series({(0, 0): fmpq(1)}, 3)).order == n + 3
