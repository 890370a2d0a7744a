"""The primitive gates as functions of Arb balls: every result encloses the exact value.

A truth value is True, False, or None where the balls do not decide it. A number that is undefined, or not enclosed at this
precision, is NaN. The strict functions are undecided at a kink and on a boundary: there a derivative cannot be read off one branch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import factorial

from flint import acb, arb, arb_series, ctx

from verifier.arithmetic.ball_functions import SPECIAL, bounded
from verifier.arithmetic.precision import precision
from verifier.arithmetic.types import NAN, ONE, ZERO, Ball, GateFunction, RealValue, Truth3
from verifier.circuit.program import Step
from verifier.language.gates import COMPARISONS, GATES
from verifier.language.primitives import incomplete

REFLECTED = -8  # to the left of it polygamma is reflected
MOST_REFLECTED = 1000  # its order: so many terms of a series
HUGE = arb(2) ** 60  # beyond it Arb's exp gives up; `_exp` goes on to 2^1100, past the largest float64
_TINY = arb(2) ** arb(-(2**1000))
UNDERFLOW = arb(_TINY, _TINY)  # encloses exp(a) for every a < -2^1099


def integer(ball: Ball) -> int | None:
    """The integer a ball is exactly, or None."""
    if not (ball.is_exact() and ball.is_integer()):
        return None
    return int(ball.fmpz())


# ---------------------------------------------------------------- truth values


def _less(a: Ball, b: Ball) -> Truth3:
    if a < b:
        return True
    if a > b or _same(a, b):
        return False
    return None if not a >= b else False


def _less_equal(a: Ball, b: Ball) -> Truth3:
    if a <= b:
        return True
    return False if a > b else None


def _same(a: Ball, b: Ball) -> bool:
    """Whether two balls are certainly the same number: both exact and equal, or the same infinity."""
    return bool(a == b)


def _equal(a: Ball, b: Ball) -> Truth3:
    if _same(a, b):
        return True
    return False if (a < b or a > b) else None


def _and(a: Truth3, b: Truth3) -> Truth3:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def _or(a: Truth3, b: Truth3) -> Truth3:
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def _not(a: Truth3) -> Truth3:
    return None if a is None else not a


def _where(c: Truth3, a: RealValue, b: RealValue) -> RealValue:
    if c is None:
        return NAN
    return a if c else b


_TRUTHS: dict[str, Callable[..., Truth3]] = {
    "lt": _less,
    "gt": lambda a, b: _less(b, a),
    "le": _less_equal,
    "ge": lambda a, b: _less_equal(b, a),
    "eq": _equal,
    "ne": lambda a, b: _not(_equal(a, b)),
}
REFLEXIVE = frozenset(name for name in COMPARISONS if 0 in GATES[name].holds)  # they hold between a number and itself


def is_with_itself(step: Step) -> bool:
    """Whether a step compares a number with itself (both operands are one step): decided wherever that number is finite."""
    return step.gate in _TRUTHS and step.args[0] == step.args[1]


@cache
def with_itself(gate: str) -> Callable[..., Truth3]:
    """The comparison of a number with itself."""
    return lambda a, _: gate in REFLEXIVE if a.is_finite() else None


_LOGIC: dict[str, GateFunction] = {"and": _and, "or": _or, "not": _not, "where": _where}


def _off_boundary(compare: Callable[..., Truth3]) -> Callable[..., Truth3]:
    """The same comparison, undecided on a tie."""

    def decide(a: Ball, b: Ball) -> Truth3:
        return compare(a, b) if a < b or a > b else None

    return decide


# ---------------------------------------------------------------- kinks


def _abs_strict(a: Ball) -> Ball:
    return abs(a) if a != 0 else NAN


def _sign(a: Ball) -> Ball:
    if a != 0:
        return a.sgn()
    return ZERO if _same(a, ZERO) else NAN


def _sign_strict(a: Ball) -> Ball:
    return a.sgn() if a != 0 else NAN


def _step(function: Callable[[Ball], Ball]) -> Callable[[Ball], Ball]:
    def decide(a: Ball) -> Ball:
        result = function(a)
        return result if result.is_exact() else NAN

    return decide


def _step_strict(function: Callable[[Ball], Ball]) -> Callable[[Ball], Ball]:
    def decide(a: Ball) -> Ball:
        return function(a) if a.is_finite() and not a.contains_integer() else NAN

    return decide


def _max(a: Ball, b: Ball) -> Ball:
    return a if a >= b else b if b >= a else a.max(b)


def _min(a: Ball, b: Ball) -> Ball:
    return a if a <= b else b if b <= a else a.min(b)


def _max_strict(a: Ball, b: Ball) -> Ball:
    return a if a > b else b if b > a else NAN


def _min_strict(a: Ball, b: Ball) -> Ball:
    return a if a < b else b if b < a else NAN


# ---------------------------------------------------------------- functions Arb needs help with


def _exp(a: Ball) -> Ball:
    result = a.exp()
    if not a.is_finite() or abs(a) < HUGE:
        return result
    magnitude = abs(a).upper()
    if not magnitude < arb(2) ** 1100:
        return UNDERFLOW if a < -(arb(2) ** 1099) else result
    with precision(ctx.prec + 1200):  # e^a = 2^k e^(a - k log 2)
        k = (a / arb.const_log2()).mid().floor().fmpz()
        reduced = (a - arb(k) * arb.const_log2()).exp()
        return reduced * arb(2) ** arb(k)


def _expm1(a: Ball) -> Ball:
    return a.expm1() if abs(a) < HUGE else _exp(a) - 1


def _sinh(a: Ball) -> Ball:
    return a.sinh() if abs(a) < HUGE else (_exp(a) - _exp(-a)) / 2


def _cosh(a: Ball) -> Ball:
    return a.cosh() if abs(a) < HUGE else (_exp(a) + _exp(-a)) / 2


def _pow(a: Ball, b: Ball) -> Ball:
    if a.is_zero():
        return ONE if b.is_zero() else ZERO if b > 0 else NAN
    if not a.is_finite() and not a.rad().is_finite():  # nothing is known of it: FLINT's arb_pow calls itself without end where the middle is an infinity too
        return NAN
    if a.is_nan():  # NaN**0 would be 1
        return NAN
    result = a**b
    if not result.is_finite() and a > 0 and b.is_finite():
        return _exp(b * a.log())
    return result


def _cbrt(a: Ball) -> Ball:
    if a.is_zero():
        return ZERO
    if a > 0:
        return a.root(3)
    return -((-a).root(3)) if a < 0 else NAN


def _lgamma(a: Ball) -> Ball:
    if integer(a) in (1, 2):
        return ZERO
    return a.lgamma() if a > 0 else abs(a.gamma()).log()


def _polygamma(n: Ball, a: Ball) -> Ball:
    order = integer(n)
    if order is None or order < 0 or (a.is_exact() and a.is_integer() and a <= 0):
        return NAN
    if order == 0:
        return a.digamma()
    if a < REFLECTED and order > MOST_REFLECTED:
        return NAN
    if a < REFLECTED and a.is_finite():  # DLMF 5.15.6: Arb's own shifts the argument step by step, and gives up far to the left
        cotangent: Ball = arb_series([a, 1], order + 1).cot_pi()[order]
        poles = arb.pi() * cotangent * factorial(order)
        return (-1 if order % 2 else 1) * _real(acb(1 - a).polygamma(order)) - poles
    return _real(acb(a).polygamma(order))


def _real(z: acb) -> Ball:
    """The real part where the imaginary part may be zero; NaN where it is certainly not."""
    return z.real if z.imag.contains(0) else NAN


def _atan2(y: Ball, x: Ball) -> Ball:
    known = y.is_finite() and x.is_finite() and not (y.is_zero() and x.is_zero())  # Arb's atan2 of NaN is a finite ball
    return arb.atan2(y, x) if known else NAN


def _div(a: Ball, b: Ball) -> Ball:
    return a / b


# The primitives of the gate table: Arb's functions under the gates' names.
PRIMITIVES: dict[str, GateFunction] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _div,
    "neg": lambda a: -a,
    "pow": _pow,
    "copy": lambda a: a,
    "exp": _exp,
    "expm1": _expm1,
    "log": arb.log,
    "log1p": arb.log1p,
    "sqrt": arb.sqrt,
    "cbrt": _cbrt,
    "sin": arb.sin,
    "cos": arb.cos,
    "tan": arb.tan,
    "asin": arb.asin,
    "acos": arb.acos,
    "atan": arb.atan,
    "atan2": _atan2,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": arb.tanh,
    "asinh": arb.asinh,
    "acosh": arb.acosh,
    "atanh": arb.atanh,
    "erf": arb.erf,
    "erfinv": arb.erfinv,
    "gamma": arb.gamma,
    "lgamma": _lgamma,
    "digamma": arb.digamma,
    "polygamma": bounded("polygamma", _polygamma),
    **SPECIAL,
    "abs": abs,
    "sign": _sign,
    "floor": _step(arb.floor),
    "ceil": _step(arb.ceil),
    "max": _max,
    "min": _min,
    **_TRUTHS,
    **_LOGIC,
}
_STRICT: dict[str, GateFunction] = {
    "abs": _abs_strict,
    "sign": _sign_strict,
    "floor": _step_strict(arb.floor),
    "ceil": _step_strict(arb.ceil),
    "atan2": lambda y, x: _atan2(y, x) if x > 0 or y != 0 else NAN,
    "max": _max_strict,
    "min": _min_strict,
    **{name: _off_boundary(compare) for name, compare in _TRUTHS.items()},
}
KINKED = frozenset(_STRICT)  # gates of which a strict run may leave undecided what another decides
for _name, _operator in (("add", arb.__add__), ("sub", arb.__sub__), ("mul", arb.__mul__), ("div", arb.__truediv__), ("neg", arb.__neg__)):
    PRIMITIVES[_name] = _operator  # without a frame of Python: half of all the work of a sweep


@cache
def function_of(gate: str, *, strict: bool) -> GateFunction:
    """The function that encloses a primitive gate."""
    if strict and gate in _STRICT:
        return _STRICT[gate]
    if gate not in PRIMITIVES:
        raise incomplete(gate)
    return PRIMITIVES[gate]
