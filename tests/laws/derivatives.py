"""Laws of the exact gradient: SymPy's of the whole function, differences in high precision, and formulas that are equal."""

from __future__ import annotations

import math
from typing import Any

from flint import arb

from tests.laws import by_mpmath
from tests.laws.enclosures import as_arb
from tests.laws.law import Broken, case_in, require, settings_of
from verifier.arithmetic import balls
from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import build_expression
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact import derivatives, one_sided
from verifier.exact.truth import Subject, truth_of
from verifier.language.source import Source

BITS = 300
DIGITS = 40  # of SymPy's values
MOST_STEPS = 30  # beyond, SymPy's derivative of the whole explodes
STEP_BITS = (100, 160)  # differences over 2^-100 of the input, then 2^-160: kinks are not so near
SURE_BITS = 80  # to which a difference quotient and the gradient agree
EQUAL = ("(-(-({0})))", "({0}) + 0*{1}", "1 * ({0})", "where({1} + {1} <= 2 * {1}, {0}, 0)", "(({0}) - 0) / 1")  # the same function everywhere


def sympy_agrees(text: str) -> int:
    """sympy.diff of the whole function, evaluated to 40 digits, lies in the ball that we accumulate gate by gate."""
    import sympy

    from verifier.exact import sympy_gates

    case, count = case_in(text), 0
    truth = truth_of(case.programs.truth)
    if len(truth.function) > MOST_STEPS:
        return 0
    symbols = [sympy.Symbol(f"x{i}", real=True) for i in range(len(case.inputs))]
    try:
        whole = sympy_gates.run(truth.function, symbols)[truth.function.output]
    except (ValueError, TypeError):  # the larger of two numbers of which one is complex, or infinite
        return 0
    for setting in settings_of(case):
        for position, symbol in enumerate(symbols):
            derivative = sympy.diff(whole, symbol)
            for point in setting.points:
                ball = _ball(truth.gradient, position, point, BITS)
                if ball is None:
                    continue
                at = {s: sympy.Rational(*x.as_integer_ratio()) for s, x in zip(symbols, point, strict=True)}
                value = _evaluated(sympy, derivative, at)
                if value is None:
                    continue
                with balls.precision(2 * BITS):
                    other = value
                    close = ball.overlaps(other + arb(0, (abs(other) + arb(10) ** -DIGITS) * arb(10) ** (10 - DIGITS)))
                require(close, lambda point=point, position=position, ball=ball, value=value: f"d{case.inputs[position]} is {ball} and by SymPy {value}, at {point}")  # type: ignore[misc]
                count += 1
    return count


def _evaluated(sympy: Any, derivative: Any, at: Any) -> Any:
    """A derivative as a real number; None where SymPy has none, or loses digits and does not know."""
    try:
        expression = derivative.subs(at)
        values = [sympy.N(expression, digits, maxn=2000) for digits in (DIGITS, 2 * DIGITS)]
    except (ValueError, TypeError, ZeroDivisionError, OverflowError, AttributeError, NotImplementedError, RecursionError):
        return None  # at its poles, and where it would compare what has no order
    if not all(v.is_Float and v.is_finite for v in values):
        return None
    with balls.precision(2 * BITS):
        near, value = (_exactly(v) for v in values)
        return value if abs(near - value) <= abs(value) * arb(10) ** (10 - DIGITS) else None


def _exactly(value: Any) -> Any:
    sign, mantissa, exponent, _ = value._mpf_
    return arb(-int(mantissa) if sign else int(mantissa)) * arb(2) ** int(exponent)


def _ball(gradient: derivatives.Gradient, position: int, point: tuple[float, ...], bits: int) -> Any:
    """A component of the gradient, enclosed; None where it, or the function, is not."""
    run = balls.run(gradient.program, [[arb(x)] for x in point], bits=bits, strict=True)
    if not run[gradient.value][0].is_finite():
        return None
    component = gradient.adjoint.get(position)
    found = arb(0) if component is None else run[component][0]
    return found if found.is_finite() else None


def differences_agree(text: str) -> int:
    """Central differences of the function, by mpmath with hundreds of bits, meet the ball of the exact gradient."""
    import mpmath

    case, count = case_in(text), 0
    truth = truth_of(case.programs.truth)
    m = mpmath.MPContext()
    for setting in settings_of(case):
        for point in setting.points:
            for position in range(len(case.inputs)):
                ball = _ball(truth.gradient, position, point, BITS)
                if ball is not None:
                    count += _differs(m, truth.function, point, position, ball)
    return count


def _differs(m: Any, function: Program, point: tuple[float, ...], position: int, ball: Any) -> int:
    found = None
    size = math.frexp(point[position])[1] if point[position] else 0
    for step in STEP_BITS:
        m.prec = 5 * step + 3 * abs(size)
        quotients = [_quotient(m, function, point, position, m.ldexp(1, min(size, 0) - step - k)) for k in (0, 1)]
        if None in quotients:
            return 0
        with balls.precision(2 * m.prec):
            coarse, found = (as_arb(q) for q in quotients)
            if abs(coarse - found) > abs(found) * arb(2) ** -SURE_BITS + arb(2) ** (-2 * SURE_BITS):
                return 0  # not differentiable so far, or mpmath's digits are lost
            if abs(ball - found) <= abs(found) * arb(2) ** (8 - SURE_BITS) + arb(2) ** (8 - 2 * SURE_BITS) + 2 * ball.rad():
                return 1
    raise Broken(f"the gradient with respect to input {position} is {ball}, the difference quotient {found}, at {point}")


def _quotient(m: Any, function: Program, point: tuple[float, ...], position: int, h: Any) -> Any:
    ends = []
    for sign in (1, -1):
        at = [m.mpf(x) + (sign * h if i == position else 0) for i, x in enumerate(point)]
        ends.append(by_mpmath.run(function, m, at)[function.output])
    return None if None in ends else (ends[0] - ends[1]) / (2 * h)


def equal_formulas_agree(text: str) -> int:
    """f, -(-f), f + 0*x, where(x + x <= 2*x, f, 0) and the like have the same derivative, kinks and infinities included, wherever they are looked at."""
    case, count = case_in(text), 0
    assert case.function is not None
    name = case.inputs[0]
    for setting in settings_of(case):
        first = None
        for form in ("{0}", *EQUAL):
            written = form.format(case.function.text, name)
            program, _ = build_expression(Source(written, "<law>", 1, 1, written), case.inputs)
            if program is None:
                raise Broken(f"{written} is refused")
            claims = tuple((v, f"d{v}") for v in case.inputs)
            rows = compare(Check("it", truth_of(program), Subject(with_backward(program, claims), claims), setting.format), setting.points, detail=False)
            found = [d for row in rows for d in row]
            if first is None:
                first = found
            for a, b in zip(first, found, strict=True):
                require(_is_same(a.exact, b.exact), lambda a=a, b=b, written=written: f"{a.name} at {a.point} is {a.exact}, and of {written} {b.exact}")  # type: ignore[misc]
                count += not isinstance(a.exact, one_sided.Unknown)
    return count


def _is_same(a: one_sided.Derivative, b: one_sided.Derivative) -> bool:
    if isinstance(a, one_sided.Unknown) or isinstance(b, one_sided.Unknown):
        return True
    if isinstance(a, one_sided.Finite) and isinstance(b, one_sided.Finite):
        return bool(a.ball.overlaps(b.ball))
    if isinstance(a, one_sided.Kink) and isinstance(b, one_sided.Kink):
        return bool(a.low.overlaps(b.low) and a.high.overlaps(b.high))
    if isinstance(a, one_sided.Infinite) and isinstance(b, one_sided.Infinite):
        return a.sign == b.sign
    return isinstance(a, one_sided.Nowhere) and isinstance(b, one_sided.Nowhere)
