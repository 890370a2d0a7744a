"""Powers, exponentials, logarithms and trigonometric functions of elements, in kernels that make equal functions equal.

Every line here is an identity of real functions that holds wherever its left side is defined, in the branch of signs
under consideration; `tests/exact/test_field.py` holds each gate against its enclosure.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from math import floor

from verifier.arithmetic import balls
from verifier.exact.identities import signs
from verifier.exact.identities.elements import Element, Field, GiveUp, NoRealValue, Polynomial, primes
from verifier.exact.identities.signs import known_sign, sign

MAX_ROOT = 12  # the degree of an algebraic root; x**0.001 is exp(0.001*log(x)) instead
MAX_MULTIPLE = 60  # of the unit of an exponential
MAX_ANGLE = 16  # of the unit of an angle
ONE_HALF = Fraction(1, 2)
LONGEST_TEXT = 6  # terms of a polynomial that is written out


def pi(field: Field) -> Element:
    """The number pi."""
    return field.kernel("constant", text="pi")


# ---------------------------------------------------------------- powers and roots


def power(field: Field, a: Element, c: Fraction) -> Element:
    """a**c for a rational c; where c is no integer a is positive (or zero)."""
    if c.denominator == 1:
        return field.power(a, c.numerator)
    if a.num.is_zero():
        if c > 0:
            return field.zero
        raise NoRealValue("a negative power of zero")
    if known_sign(field, a) == -1:
        raise NoRealValue("a fractional power of a negative number")
    content, factors = field.factors(a)
    result = field.one
    for number, direction in ((abs(content.numerator), 1), (content.denominator, -1)):
        for p, e in primes(number):
            result = field.mul(result, absolute_power(field, field.context.constant(p), e * direction * c))
    for p, e in factors:
        result = field.mul(result, absolute_power(field, p, e * c))
    return result


def absolute_power(field: Field, p: Polynomial, c: Fraction) -> Element:
    """|p|**c for an irreducible polynomial (or prime number) p."""
    n, rest = floor(c), c - floor(c)
    if rest == 0 and n % 2 == 0:
        return field.power(field.polynomial(p), n)
    i = field.single(field.polynomial(p))
    kernel = field.kernels[i] if i is not None else None
    if rest and kernel is not None and kernel.kind == "exp":
        return exp(field, field.scaled(kernel.args[0], kernel.scale * c))
    if rest and kernel is not None and kernel.kind == "root":
        return power(field, kernel.args[0], c / kernel.scale)
    s = 1 if p.is_constant() else sign(field, field.polynomial(p))
    whole = field.power(field.polynomial(p * s), n)
    if rest == 0:
        return whole
    if rest.denominator > MAX_ROOT:
        key = field.kernel("log", field.polynomial(p))
        return field.mul(whole, _exponential(field, rest, key))
    multiple, unit = field.plan.multiple("root", str(p), rest, first=Fraction(1, rest.denominator))
    if unit.denominator > MAX_ROOT:
        raise GiveUp("roots of many degrees")
    root = field.kernel("root", field.polynomial(p * s), scale=Fraction(unit.denominator))
    return field.mul(whole, field.power(root, multiple))


def square_root(field: Field, a: Element) -> Element:
    """The root of a nonnegative element."""
    return power(field, a, ONE_HALF)


def cube_root(field: Field, a: Element) -> Element:
    """The real cube root, odd."""
    if a.num.is_zero():
        return a
    s = sign(field, a)
    return field.scaled(power(field, field.scaled(a, s), Fraction(1, 3)), s)


def general_power(field: Field, a: Element, b: Element) -> Element:
    """a**b: a power where b is rational, else exp(b*log(a)) on the condition that a > 0."""
    c = field.rational(b)
    if c is not None:
        return power(field, a, c)
    if a.num.is_zero():
        raise GiveUp("a symbolic power of zero")
    s = known_sign(field, a)
    if s != 1:
        field.conditions[f"{text(field, a)} > 0"] = None
    if s == -1:
        if field.is_constant(b) and not _is_between_integers(field, b):
            raise GiveUp("an exponent that may be an integer")
        raise NoRealValue("a symbolic power of a negative number")
    return exp(field, field.mul(b, log(field, a)))


def _is_between_integers(field: Field, c: Element) -> bool:
    """Whether a constant is certainly no integer."""
    with balls.precision(signs.CONSTANT_BITS):
        value = signs.enclose(field, c, [balls.NAN] * len(field.inputs))
        return bool(value.is_finite() and not value.contains_integer())


# ---------------------------------------------------------------- exponentials and logarithms


def exp(field: Field, a: Element) -> Element:
    """exp(a): a product over the terms of a; exp(c*log|f|) is |f|**c."""
    result = field.one
    for c, key in field.terms(a):
        result = field.mul(result, _exp_term(field, c, key))
    return result


def _exp_term(field: Field, c: Fraction, key: Element) -> Element:
    i = field.single(key)
    kernel = field.kernels[i] if i is not None else None
    if kernel is not None and kernel.kind == "log":
        return absolute_power(field, kernel.args[0].num, c)
    if kernel is not None and kernel.kind == "lambertw" and c.denominator == 1:
        return field.power(field.div(kernel.args[0], key), c.numerator)
    return _exponential(field, c, key)


def _exponential(field: Field, c: Fraction, key: Element) -> Element:
    multiple, unit = field.plan.multiple("exp", _text(key), c)
    if abs(multiple) > MAX_MULTIPLE:
        raise GiveUp("exponents without a common measure")
    return field.power(field.kernel("exp", key, scale=unit), multiple)


def log(field: Field, a: Element) -> Element:
    """log(a), which has a value where a > 0: a sum over the factors of a."""
    if a.num.is_zero() or known_sign(field, a) == -1:
        raise NoRealValue("the logarithm of a number that is not positive")
    return log_absolute(field, a)


def log_absolute(field: Field, a: Element) -> Element:
    """log|a| of a nonzero element."""
    content, factors = field.factors(a)
    result = field.zero
    for number, direction in ((abs(content.numerator), 1), (content.denominator, -1)):
        for p, e in primes(number):
            result = field.add(result, field.scaled(field.kernel("log", field.number(p)), e * direction))
    for p, e in factors:
        i = field.single(field.polynomial(p))
        kernel = field.kernels[i] if i is not None else None
        if kernel is not None and kernel.kind == "exp":
            term = field.scaled(kernel.args[0], kernel.scale)
        elif kernel is not None and kernel.kind == "root":
            term = field.scaled(log_absolute(field, kernel.args[0]), 1 / kernel.scale)
        else:
            term = field.kernel("log", field.polynomial(p))
        result = field.add(result, field.scaled(term, e))
    return result


def _text(a: Element) -> str:
    return f"{a.num}/{a.den}"


def sinh(field: Field, a: Element) -> Element:
    """(e^a - e^-a) / 2."""
    e = exp(field, a)
    return field.scaled(field.sub(e, field.power(e, -1)), ONE_HALF)


def cosh(field: Field, a: Element) -> Element:
    """(e^a + e^-a) / 2."""
    e = exp(field, a)
    return field.scaled(field.add(e, field.power(e, -1)), ONE_HALF)


def tanh(field: Field, a: Element) -> Element:
    """(e^2a - 1) / (e^2a + 1)."""
    e = exp(field, field.scaled(a, 2))
    return field.div(field.sub(e, field.one), field.add(e, field.one))


def asinh(field: Field, a: Element) -> Element:
    """log(a + sqrt(a^2 + 1)); odd."""
    if a.num.is_zero():
        return a
    if a.num.leading_coefficient() < 0:
        return field.neg(asinh(field, field.neg(a)))
    return log_absolute(field, field.add(a, square_root(field, field.add(field.mul(a, a), field.one))))


def acosh(field: Field, a: Element) -> Element:
    """log(a + sqrt(a - 1) sqrt(a + 1)), for a >= 1."""
    root = field.mul(square_root(field, field.sub(a, field.one)), square_root(field, field.add(a, field.one)))
    return log_absolute(field, field.add(a, root))


def atanh(field: Field, a: Element) -> Element:
    """(log(1 + a) - log(1 - a)) / 2."""
    return field.scaled(field.sub(log(field, field.add(field.one, a)), log(field, field.sub(field.one, a))), ONE_HALF)


# ---------------------------------------------------------------- angles

Angle = tuple[Element, Element]  # cosine and sine


def cosine_and_sine(field: Field, a: Element) -> Angle:
    """cos(a), sin(a): by the addition formulas from the terms of a."""
    return reduce(lambda u, v: _sum_of_angles(field, u, v), (_angle(field, c, key) for c, key in field.terms(a)), (field.one, field.zero))


def _sum_of_angles(field: Field, u: Angle, v: Angle) -> Angle:
    return (
        field.sub(field.mul(u[0], v[0]), field.mul(u[1], v[1])),
        field.add(field.mul(u[1], v[0]), field.mul(u[0], v[1])),
    )


def _angle(field: Field, c: Fraction, key: Element) -> Angle:
    i = field.single(key)
    kernel = field.kernels[i] if i is not None else None
    if kernel is not None and kernel.text == "pi":
        exact = angle_of_pi(field, c)
        if exact is not None:
            return exact
    multiple = c.numerator
    if kernel is not None and kernel.kind in ("asin", "atan") and c.denominator == 1:
        sine, square = kernel.args[0], field.mul(kernel.args[0], kernel.args[0])
        if kernel.kind == "asin":
            cosine = square_root(field, field.sub(field.one, square))
        else:
            cosine = field.power(square_root(field, field.add(field.one, square)), -1)
            sine = field.mul(sine, cosine)
    else:
        multiple, unit = field.plan.multiple("tan", _text(key), c)
        t = field.kernel("tan", key, scale=unit)
        square = field.mul(t, t)
        below = field.add(field.one, square)
        cosine, sine = field.div(field.sub(field.one, square), below), field.div(field.scaled(t, 2), below)
    if abs(multiple) > MAX_ANGLE:
        raise GiveUp("angles without a common measure")
    if multiple < 0:
        sine, multiple = field.neg(sine), -multiple
    return reduce(lambda u, _: _sum_of_angles(field, u, (cosine, sine)), range(multiple - 1), (cosine, sine))


def angle_of_pi(field: Field, c: Fraction) -> Angle | None:
    """The cosine and sine of c*pi where c is a multiple of 1/4 or 1/6."""
    half = field.number(ONE_HALF)
    table: dict[Fraction, Callable[[], Angle]] = {
        Fraction(0): lambda: (field.one, field.zero),
        Fraction(1, 6): lambda: (field.scaled(square_root(field, field.number(3)), ONE_HALF), half),
        Fraction(1, 4): lambda: (square_root(field, half), square_root(field, half)),
        Fraction(1, 3): lambda: (half, field.scaled(square_root(field, field.number(3)), ONE_HALF)),
    }
    quarters, rest = divmod(c % 2, ONE_HALF)
    if rest not in table:
        return None
    cosine, sine = table[rest]()
    for _ in range(int(quarters)):
        cosine, sine = field.neg(sine), cosine
    return cosine, sine


def branch(field: Field) -> str:
    """The assumptions of the present branch in words."""
    return " and ".join(f"{text(field, field.polynomial(p))} {'>' if s > 0 else '<'} 0" for p, s in field.assumptions.values())


def text(field: Field, a: Element, *, depth: int = 3) -> str:
    """An element in words of the program, for conditions; what is long or deep is left out."""
    if a.den.is_one():
        return _polynomial_text(field, a.num, depth)
    return f"({_polynomial_text(field, a.num, depth)})/({_polynomial_text(field, a.den, depth)})"


def _polynomial_text(field: Field, p: Polynomial, depth: int) -> str:
    if len(p) > LONGEST_TEXT or depth == 0:
        return "..."
    words = []
    for m, c in zip(p.monoms(), p.coeffs(), strict=True):
        powers = [_name(field, i, depth - 1) + (f"**{m[i]}" if m[i] > 1 else "") for i in field.used(p) if m[i]]
        head = [] if abs(c) == 1 and powers else [str(abs(c))]
        words.append(("- " if c < 0 else "+ ") + "*".join(head + powers))
    joined = " ".join(words)
    return joined[2:] if joined.startswith("+ ") else "-" + joined[2:]


def _name(field: Field, i: int, depth: int) -> str:
    kernel = field.kernels[i]
    if kernel.text:
        return kernel.text
    inside = ", ".join(text(field, a, depth=depth) for a in kernel.args)
    if kernel.kind == "root":
        return f"({inside})**(1/{kernel.scale})"
    if kernel.kind in ("exp", "tan"):
        scale = kernel.scale / (2 if kernel.kind == "tan" else 1)
        return f"{kernel.kind}({inside})" if scale == 1 else f"{kernel.kind}({scale}*({inside}))"
    return f"log|{inside}|" if kernel.kind == "log" else f"{kernel.kind}({inside})"
