"""The special functions as kernels: parity, recurrences and reflections bring each to a normal form; what has no rule is opaque.

Numbers in brackets are those of the NIST Digital Library of Mathematical Functions (DLMF).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import factorial, floor
from typing import Any

from flint import arb

from verifier.exact.identities import exponentials as el
from verifier.exact.identities.elements import STEPS, Element, Field, GiveUp, Infinity, NoRealValue
from verifier.exact.identities.independence import are_independent
from verifier.exact.identities.signs import enclose, is_zero, sign

MAX_STEPS = 16  # of a recurrence
ONE_HALF = Fraction(1, 2)
ANGLES = (Fraction(1, 6), Fraction(1, 4), Fraction(1, 3), ONE_HALF)  # in units of pi; tan has a pole at the last
Rule = Callable[..., Element]


def opaque(gate: str) -> Rule:
    """A function about which only this is known: equal arguments give equal values."""
    return lambda field, *args: field.kernel(gate, *args)


def _is_negative(a: Element) -> bool:
    """Whether an argument counts as negative, by its first term: of a and -a one does, 0 does not."""
    return not a.num.is_zero() and bool(a.num.leading_coefficient() < 0)


def _odd(gate: str) -> Rule:
    def rule(field: Field, a: Element) -> Element:
        if a.num.is_zero():
            return a
        return field.neg(field.kernel(gate, field.neg(a))) if _is_negative(a) else field.kernel(gate, a)

    return rule


def _inverse(gate: str) -> Rule:
    """asin or atan: of numbers like 1, 1/2 and sqrt(3) it is a multiple of pi, as `angle_of_pi` has them."""
    odd = _odd(gate)

    def rule(field: Field, a: Element) -> Element:
        if field.is_constant(a) and not a.num.is_zero():
            value = enclose(field, a, ())
            for c in ANGLES:
                near = arb(c.numerator) / c.denominator * arb.pi()
                angle = el.angle_of_pi(field, c) if abs(value).overlaps(near.sin() if gate == "asin" else near.tan()) else None
                if angle is not None:
                    cosine, sine = angle if value > 0 else (angle[0], field.neg(angle[1]))
                    if is_zero(field, field.sub(a if gate == "asin" else field.mul(a, cosine), sine)):
                        return field.scaled(el.pi(field), c if value > 0 else -c)
        return odd(field, a)

    return rule


def _shift(field: Field, a: Element) -> tuple[Element, int]:
    """(a - n, n): the integer part of a's constant term taken off, where that is not far (of a quotient: of the term that n * den leads with)."""
    lead = a.den.monoms()[0]
    constant = next((c for m, c in zip(a.num.monoms(), a.num.coeffs(), strict=True) if m == lead), 0)
    n = floor(Fraction(int(constant), int(a.den.leading_coefficient())))
    if field.rational(a) == n:
        n -= 1  # integers come down to 1, not to 0
    return (field.sub(a, field.number(n)), n) if abs(n) <= MAX_STEPS else (a, 0)


def _is_pole(field: Field, a: Element) -> bool:
    q = field.rational(a)
    return q is not None and q.denominator == 1 and q <= 0


# ---------------------------------------------------------------- gamma functions


def gamma(field: Field, a: Element) -> Element:
    """Γ(a) by Γ(a + 1) = a Γ(a) (5.5.1) and Γ(a) Γ(1 - a) = π / sin(πa) (5.5.3)."""
    if _is_pole(field, a):
        raise NoRealValue("a pole of gamma")
    q = field.rational(a)
    if q is None and _is_negative(a):
        return field.div(el.pi(field), field.mul(_sine_of_pi(field, a), gamma(field, field.sub(field.one, a))))
    base, n = _shift(field, a)
    q = field.rational(base)
    result = field.one if q == 1 else el.square_root(field, el.pi(field)) if q == ONE_HALF else field.kernel("gamma", base)
    for k in range(n):
        result = field.mul(result, field.add(base, field.number(k)))
    for k in range(1, -n + 1):
        result = field.div(result, field.sub(base, field.number(k)))
    return result


def _sine_of_pi(field: Field, a: Element) -> Element:
    return el.cosine_and_sine(field, field.mul(el.pi(field), a))[1]


def _polygamma(field: Field, m: int, a: Element) -> Element:
    """The m-th derivative of digamma, by its recurrence (5.15.5) and, to the third, its reflection (5.15.6)."""
    if _is_pole(field, a):
        raise NoRealValue("a pole of a polygamma function")
    if field.rational(a) is None and _is_negative(a) and m <= 2:
        cosine, sine = el.cosine_and_sine(field, field.mul(el.pi(field), a))
        reflected = _polygamma(field, m, field.sub(field.one, a))
        ratio = field.div(el.pi(field), sine)
        if m == 0:
            return field.sub(reflected, field.mul(ratio, cosine))
        if m == 1:
            return field.sub(field.power(ratio, 2), reflected)
        return field.sub(reflected, field.scaled(field.mul(field.power(ratio, 3), cosine), 2))
    base, n = _shift(field, a)
    factor = (-1) ** m * factorial(m)
    result = _polygamma_base(field, m, base)
    for k in range(n):
        result = field.add(result, field.scaled(field.power(field.add(base, field.number(k)), -m - 1), factor))
    for k in range(1, -n + 1):
        result = field.sub(result, field.scaled(field.power(field.sub(base, field.number(k)), -m - 1), factor))
    return result


def _polygamma_base(field: Field, m: int, base: Element) -> Element:
    if m == 0 and field.rational(base) == 1:
        return field.neg(field.kernel("constant", text="euler_gamma"))
    return field.kernel("digamma", base) if m == 0 else field.kernel("polygamma", field.number(m), base)


def _polygamma_gate(field: Field, m: Element, a: Element) -> Element:
    order = field.rational(m)
    if order is None or order.denominator != 1 or order < 0:
        raise GiveUp("the order of a polygamma function")
    if order > 1000:
        raise GiveUp("a large order")
    return _polygamma(field, int(order), a)


def _log_gamma(field: Field, a: Element) -> Element:
    return el.log_absolute(field, gamma(field, a))


# ---------------------------------------------------------------- Bessel functions and exponential integrals


def _bessel(gate: str, up: int, ratio: int, *, even: bool) -> Rule:
    """C(n+1) = ratio 2n/a C(n) + up C(n-1) (10.6.1, 10.29.1); where `even`, integer orders have the parity of n in a."""

    def rule(field: Field, n: Element, a: Element) -> Element:
        order = field.rational(n)
        if order is None or field.rational(a) is not None:
            return field.kernel(gate, n, a)
        if even and order.denominator == 1 and _is_negative(a):
            return field.scaled(rule(field, n, field.neg(a)), -1 if int(order) % 2 else 1)
        base = order - floor(order)
        if abs(floor(order)) > MAX_STEPS:
            return field.kernel(gate, n, a)
        low, high = (field.kernel(gate, field.number(base + k), a) for k in (0, 1))
        while base + 1 < order:  # (low, high) are the orders base and base + 1
            step = field.mul(field.scaled(field.div(field.one, a), 2 * (base + 1) * ratio), high)
            low, high, base = high, field.add(step, field.scaled(low, up)), base + 1
        while base > order:
            step = field.mul(field.scaled(field.div(field.one, a), 2 * base * ratio), low)
            low, high, base = field.scaled(field.sub(high, step), Fraction(1, up)), low, base - 1
        return low if base == order else high

    return rule


_besseli = _bessel("besseli", 1, -1, even=True)
_besselk = _bessel("besselk", 1, 1, even=False)


def _ive(field: Field, n: Element, a: Element) -> Element:
    return field.mul(el.exp(field, field.scaled(a, -sign(field, a))), _besseli(field, n, a))


def _kve(field: Field, n: Element, a: Element) -> Element:
    return field.mul(el.exp(field, a), _besselk(field, n, a))


def _expn(field: Field, n: Element, a: Element) -> Element:
    """E(n) by n E(n+1) + a E(n) = exp(-a) (8.19.12)."""
    order = field.rational(n)
    if order is None or order.denominator != 1 or abs(order) > MAX_STEPS:
        return field.kernel("expn", n, a)
    decay = el.exp(field, field.neg(a))
    result = field.kernel("expn", field.one, a) if order >= 1 else field.div(decay, a)
    for k in range(1, int(order)):
        result = field.scaled(field.sub(decay, field.mul(a, result)), Fraction(1, k))
    for k in range(-1, int(order) - 1, -1):
        result = field.div(field.sub(decay, field.scaled(result, k)), a)
    return result


# ---------------------------------------------------------------- hypergeometric functions


def _hyp2f1(field: Field, p: Element, q: Element, r: Element, z: Element) -> Element:
    """2F1, by Euler's transformation (15.8.1) to the parameters where r >= p + q."""
    a, b, c = (field.rational(v) for v in (p, q, r))
    if a is None or b is None or c is None or (c.denominator == 1 and c <= 0):
        return field.kernel("hyp2f1", p, q, r, z)
    if z.num.is_zero():
        return field.one
    one_minus = field.sub(field.one, z)
    excess = c - a - b
    if excess < 0:
        return field.mul(el.power(field, one_minus, excess), _hyp2f1(field, field.number(c - a), field.number(c - b), r, z))
    a, b = sorted((a, b))
    if a == 1 and b == 1 and c == 2:
        return field.neg(field.div(el.log(field, one_minus), z))  # (15.4.1)
    return field.kernel("hyp2f1", field.number(a), field.number(b), r, z)


def _hyp0f1(field: Field, p: Element, z: Element) -> Element:
    """0F1; with p = 3/2 it is sin(w)/w at z = -w**2/4 and sinh(w)/w at z = w**2/4 (10.16.9)."""
    if z.num.is_zero():
        return field.one
    if field.rational(p) == Fraction(3, 2):
        root = _exact_root(field, field.scaled(z, 4))
        if root is not None:
            return field.div(el.sinh(field, root), root)
        root = _exact_root(field, field.scaled(z, -4))
        if root is not None:
            return field.div(el.cosine_and_sine(field, root)[1], root)
    return field.kernel("hyp0f1", p, z)


def _exact_root(field: Field, a: Element) -> Element | None:
    """An element whose square is a, of either sign, where there is one without roots."""
    content, factors = field.factors(a)
    if content <= 0 or any(e % 2 for _, e in factors):
        return None
    result = el.square_root(field, field.number(content))
    for p, e in factors:
        result = field.mul(result, field.power(field.polynomial(p), e // 2))
    return result


# ---------------------------------------------------------------- error functions

_erf, _erfi, _erfinv = _odd("erf"), _odd("erfi"), _odd("erfinv")


def _erfc(field: Field, a: Element) -> Element:
    return field.sub(field.one, _erf(field, a))


def _gaussian(field: Field, a: Element, direction: int) -> Element:
    """exp(±a²)."""
    return el.exp(field, field.scaled(field.mul(a, a), direction))


def _erfcx(field: Field, a: Element) -> Element:
    return field.mul(_gaussian(field, a, 1), _erfc(field, a))


def _dawson(field: Field, a: Element) -> Element:
    root = el.square_root(field, el.pi(field))
    return field.scaled(field.mul(root, field.mul(_gaussian(field, a, -1), _erfi(field, a))), ONE_HALF)


def _log_ndtr(field: Field, a: Element) -> Element:
    scaled = field.mul(a, el.square_root(field, field.number(ONE_HALF)))
    return el.log_absolute(field, field.scaled(_erfc(field, field.neg(scaled)), ONE_HALF))


# ---------------------------------------------------------------- steps


def _floor(field: Field, a: Element) -> Element:
    """The integer below: floor(a + 1) = floor(a) + 1, and floor(-a) = -1 - floor(a) where `a` is an integer on no interval."""
    q = field.rational(a)
    if q is not None:
        return field.number(floor(q))
    whole, rest = _integer_part(field, a)
    if rest is not None:
        return field.add(whole, field.number(floor(rest)))
    if _is_negative(a) and _is_rarely_integer(field, a):
        field.borders[f"{el.text(field, field.neg(a))} is an integer"] = None
        return field.sub(field.number(-1), _floor(field, field.neg(a)))
    base, n = _shift(field, a)
    return field.add(field.kernel("floor", base), field.number(n))


def _integer_part(field: Field, a: Element) -> tuple[Element, Fraction | None]:
    """(n, q) with a = n + q, n an integer wherever it is defined and q a number; q is None where there is no such sum."""
    if not a.den.is_constant():
        return field.zero, None
    below = int(a.den.leading_coefficient())
    whole, rest = field.zero, Fraction(0)
    for m, c in zip(a.num.monoms(), a.num.coeffs(), strict=True):
        if not any(m):
            rest = Fraction(int(c), below)
        elif int(c) % below or any(e and field.kernels[i].kind not in STEPS for i, e in enumerate(m)):
            return field.zero, None
        else:
            whole = field.add(whole, field.polynomial(field.context.from_dict({tuple(m): int(c) // below})))
    return whole, rest


def _is_rarely_integer(field: Field, a: Element) -> bool:
    """Whether an element that is no number certainly is an integer on no open set: it moves, in independent kernels without steps."""
    used = {i for p in a for i in field.used(p)}
    if any(field.kernels[i].stepped for i in used) or field.is_constant(a):
        return False
    return are_independent(field, [i for i in used if not field.kernels[i].constant]) and _moves(field, a)


def _moves(field: Field, a: Element) -> bool:
    """Whether a numerator has a term that its denominator has not, but for constants: no multiple of the one is the other."""
    moving = [i for p in a for i in field.used(p) if not field.kernels[i].constant]
    above, below = ({tuple(int(m[i]) for i in moving) for m in p.monoms()} for p in a)
    return above != below or all(not field.kernels[i].constant for p in a for i in field.used(p))


def _ceil(field: Field, a: Element) -> Element:
    return field.neg(_floor(field, field.neg(a)))


def _choice(direction: int) -> Rule:
    def rule(field: Field, a: Element, b: Element) -> Element:
        if isinstance(a, Infinity) or isinstance(b, Infinity):
            return _extreme(a, b, direction)
        return a if sign(field, field.sub(a, b)) * direction >= 0 else b

    return rule


def _extreme(a: Any, b: Any, direction: int) -> Any:
    """The larger (direction 1) or smaller of two, of which one at least is infinite."""
    if not isinstance(a, Infinity):
        a, b = b, a
    return a if a.sign == direction else b


def _arccosine(field: Field, a: Element) -> Element:
    return field.sub(field.scaled(el.pi(field), ONE_HALF), _inverse("asin")(field, a))


def _tangent(field: Field, a: Element) -> Element:
    cosine, sine = el.cosine_and_sine(field, a)
    return field.div(sine, cosine)


def _circle(field: Field, a: Element) -> tuple[Element, Element]:
    return el.cosine_and_sine(field, field.mul(el.pi(field), a))


RULES: dict[str, Any] = {
    "add": lambda f, a, b: f.add(a, b),
    "sub": lambda f, a, b: f.sub(a, b),
    "mul": lambda f, a, b: f.mul(a, b),
    "div": lambda f, a, b: f.div(a, b),
    "neg": lambda f, a: f.neg(a),
    "copy": lambda _, a: a,
    "pow": el.general_power,
    "sqrt": el.square_root,
    "cbrt": el.cube_root,
    "exp": el.exp,
    "expm1": lambda f, a: f.sub(el.exp(f, a), f.one),
    "log": el.log,
    "log1p": lambda f, a: el.log(f, f.add(f.one, a)),
    "sin": lambda f, a: el.cosine_and_sine(f, a)[1],
    "cos": lambda f, a: el.cosine_and_sine(f, a)[0],
    "tan": _tangent,
    "sinpi": lambda f, a: _circle(f, a)[1],
    "cospi": lambda f, a: _circle(f, a)[0],
    "asin": _inverse("asin"),
    "acos": _arccosine,
    "atan": _inverse("atan"),
    "sinh": el.sinh,
    "cosh": el.cosh,
    "tanh": el.tanh,
    "asinh": el.asinh,
    "acosh": el.acosh,
    "atanh": el.atanh,
    "abs": lambda f, a: f.scaled(a, sign(f, a)),
    "sign": lambda f, a: f.number(sign(f, a)),
    "max": _choice(1),
    "min": _choice(-1),
    "floor": _floor,
    "ceil": _ceil,
    "erf": _erf,
    "erfc": _erfc,
    "erfi": _erfi,
    "erfinv": _erfinv,
    "erfcinv": lambda f, a: _erfinv(f, f.sub(f.one, a)),
    "erfcx": _erfcx,
    "dawson": _dawson,
    "log_ndtr": _log_ndtr,
    "gamma": gamma,
    "rgamma": lambda f, a: f.zero if _is_pole(f, a) else f.power(gamma(f, a), -1),
    "lgamma": _log_gamma,
    "digamma": lambda f, a: _polygamma(f, 0, a),
    "polygamma": _polygamma_gate,
    "besselj": _bessel("besselj", -1, 1, even=True),
    "bessely": _bessel("bessely", -1, 1, even=False),
    "besseli": _besseli,
    "besselk": _besselk,
    "ive": _ive,
    "kve": _kve,
    "expn": _expn,
    "hyp2f1": _hyp2f1,
    "hyp0f1": _hyp0f1,
    "si": _odd("si"),
    "shi": _odd("shi"),
    "fresnels": _odd("fresnels"),
    "fresnelc": _odd("fresnelc"),
}
"""What each gate does to elements. A primitive that is not listed, and has numbers for arguments, is opaque."""
