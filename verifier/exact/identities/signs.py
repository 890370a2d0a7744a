"""The sign of an element: proved, assumed in the present branch, or undecided, which splits the branch in two; and whether assumptions contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from flint import arb, fmpz

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball
from verifier.exact.identities.elements import Element, Field, GiveUp, Kernel, Polynomial, SignNeeded, primes
from verifier.exact.identities.independence import are_independent

CONSTANT_BITS = 256  # at which the sign of a constant must show
LARGEST_SYSTEM = 80  # inequalities of a system whose contradiction is looked for
LARGEST_ROW = 12  # terms of an inequality in it
INCREASING = frozenset(("asin", "atan", "erf", "erfi", "erfinv", "shi", "lambertw"))  # kernels that are 0 at 0 and increase


def sign(field: Field, a: Element) -> int:
    """The sign of an element in the present branch, off its zeros, which lie on no open set.

    Raises SignNeeded where the branch does not decide it, GiveUp where an element may vanish on an interval.
    """
    if a.num.is_zero():
        return 0
    content, factors = field.factors(a)
    result = 1 if content > 0 else -1
    undecided: SignNeeded | None = None
    for p, e in factors:
        if e % 2:
            try:
                result *= _factor_sign(field, p)
            except SignNeeded as split:
                undecided = undecided or split
        elif not is_rarely_zero(field, p):
            raise GiveUp("a factor may vanish on an interval")
    if undecided is None or result == 0:
        return result
    raise undecided


def known_sign(field: Field, a: Element) -> int | None:
    """The sign of an element; None where the branch would have to be split for it."""
    try:
        return sign(field, a)
    except (SignNeeded, GiveUp):
        field.plan.spend(0)
        return None


def is_zero(field: Field, a: Element) -> bool:
    """Whether an element is zero, off isolated zeros. Raises GiveUp where a hidden zero is not excluded on every open set."""
    if a.num.is_zero():
        return True
    if field.is_constant(a):
        _constant_sign(field, a.num)
        return False
    _, factors = field.factors(field.polynomial(a.num))
    if all(is_rarely_zero(field, p) for p, _ in factors):
        return False
    raise GiveUp("an equality that is not decided")


def _factor_sign(field: Field, p: Polynomial) -> int:
    """The sign of an irreducible polynomial, off its zeros. Raises SignNeeded, GiveUp."""
    if str(p) in field.assumptions:
        return field.assumptions[str(p)][1]
    if field.is_constant(field.polynomial(p)):
        return _constant_sign(field, p)
    simpler = _simpler(field, p)
    if simpler is not None:
        return sign(field, simpler)
    known, is_strict = _polynomial_sign(field, p)
    if known is not None and is_strict:
        return known
    if not is_rarely_zero(field, p):
        raise GiveUp("a sign of what may vanish on an interval")
    if known is None:
        raise SignNeeded(p)
    return known


def is_rarely_zero(field: Field, p: Polynomial) -> bool:
    """Whether a polynomial certainly vanishes on no open set of the present branch."""
    if str(p) in field.assumptions:
        return True
    if field.is_constant(field.polynomial(p)):
        return _certain_sign(field, p) is not None
    return _is_nonzero(field, p) or _polynomial_sign(field, p)[1] or _is_sign_of_another(field, p)


def _is_sign_of_another(field: Field, p: Polynomial) -> bool:
    simpler = _simpler(field, p)
    return simpler is not None and not simpler.num.is_zero() and all(is_rarely_zero(field, q) for q, _ in field.factors(simpler)[1])


def _simpler(field: Field, p: Polynomial) -> Element | None:
    """An element that has the same sign and the same zeros as an irreducible polynomial, by a function that increases; None where no rule is known."""
    i = field.single(field.polynomial(p))
    if i is not None:
        kernel = field.kernels[i]
        if kernel.kind in INCREASING:
            return kernel.args[0]
        inside = known_sign(field, kernel.args[0]) if kernel.kind == "log" else None
        return None if not inside else field.sub(field.scaled(kernel.args[0], inside), field.one)
    if len(p) != 2 or any(field.kernels[j].kind != "exp" for j in field.used(p)):
        return None
    first, second = (int(c) for c in p.coeffs())
    if first * second > 0:
        return None
    exponents = [_exponent(field, m) for m in p.monoms()]
    difference = field.sub(*exponents)  # of logarithms: first e^u > second e^v where u - v + log(first/second) > 0
    for number, direction in ((abs(first), 1), (abs(second), -1)):
        for q, e in primes(number):
            difference = field.add(difference, field.scaled(field.kernel("log", field.number(q)), e * direction))
    return difference if first > 0 else field.neg(difference)


def _exponent(field: Field, monomial: Any) -> Element:
    result = field.zero
    for i, e in enumerate(monomial):
        if e:
            kernel = field.kernels[i]
            result = field.add(result, field.scaled(kernel.args[0], kernel.scale * int(e)))
    return result


def _is_nonzero(field: Field, p: Polynomial) -> bool:
    """Whether a polynomial certainly vanishes on no open set: a coefficient of its independent kernels is not zero.

    Functions of steps count as constants of unknown value, so with them the kernels of that term must move.
    """
    key = str(p)
    if key not in field.rarely_zero:
        field.rarely_zero[key] = _has_free_term(field, p)
    return field.rarely_zero[key]


def _has_free_term(field: Field, p: Polynomial) -> bool:
    used = field.used(p)
    steps = [i for i in used if field.kernels[i].stepped]
    moving = [i for i in used if not field.kernels[i].constant and i not in steps]
    if not are_independent(field, moving):
        return False
    groups: dict[tuple[int, ...], dict[tuple[int, ...], fmpz]] = {}
    for m, c in zip(p.monoms(), p.coeffs(), strict=True):
        rest = tuple(0 if i in moving else e for i, e in enumerate(m))
        groups.setdefault(tuple(int(m[i]) for i in moving), {})[rest] = c
    for powers, terms in groups.items():
        is_free = not steps or (any(powers) and not any(m[i] for m in terms for i in steps))
        if is_free and _certain_sign(field, field.context.from_dict(terms)) is not None:
            return True
    return False


def _polynomial_sign(field: Field, p: Polynomial) -> tuple[int | None, bool]:
    """The sign that an irreducible polynomial has or else is zero, None where it is not known; and whether it certainly vanishes on no open set."""
    signs = {i: _generator_sign(field, i) for i in field.used(p)}
    strict = {i: _is_generator_strict(field, i) for i in signs}
    field.plan.spend(len(p) * (4 + len(signs)))
    result, is_strict = 0, False
    for m, c in zip(p.monoms(), p.coeffs(), strict=True):
        s: int | None = 1 if c > 0 else -1
        for i, known in signs.items():
            if m[i] and int(m[i]) % 2:
                s = None if known is None or s is None else s * known
        if s is None or result == -s:
            balance = _sign_with_root(field, p)
            return balance, balance is not None
        result = s
        is_strict = is_strict or all(strict[i] for i in signs if m[i])
    return result, is_strict


def _is_generator_strict(field: Field, i: int) -> bool:
    """Whether a generator certainly vanishes on no open set."""
    kernel = field.kernels[i]
    if kernel.kind in ("exp", "input") or str(field.generators[i]) in field.assumptions:
        return True
    if kernel.constant:
        return _certain_sign(field, field.generators[i]) is not None
    return _is_nonzero(field, field.generators[i])


def _sign_with_root(field: Field, p: Polynomial) -> int | None:
    """The sign of A + B*rho where rho is a square root: that of A or of B, whichever is larger in size; None where that is not known. With a sign it has no zeros."""
    for i in reversed(field.roots):
        if field.kernels[i].scale == 2 and p.degrees()[i] == 1:
            free: dict[tuple[int, ...], Any] = {}
            bound: dict[tuple[int, ...], Any] = {}
            for m, c in zip(p.monoms(), p.coeffs(), strict=True):
                (bound if m[i] else free)[*m[:i], 0, *m[i + 1 :]] = c
            a, b = (field.polynomial(field.context.from_dict(terms)) for terms in (free, bound))
            square = field.sub(field.mul(a, a), field.mul(field.mul(b, b), field.kernels[i].args[0]))
            balance = known_sign(field, square)
            return known_sign(field, a if balance == 1 else b) if balance else None
    return None


def _generator_sign(field: Field, i: int) -> int | None:
    kernel = field.kernels[i]
    if kernel.kind in ("exp", "root"):
        return 1
    if kernel.constant:
        return _constant_sign(field, field.generators[i])
    assumed = field.assumptions.get(str(field.generators[i]))
    return None if assumed is None else assumed[1]


def _constant_sign(field: Field, p: Polynomial) -> int:
    found = _certain_sign(field, p)
    if found is None:
        raise GiveUp("a constant that may be zero")
    return found


def _certain_sign(field: Field, p: Polynomial) -> int | None:
    with balls.precision(CONSTANT_BITS):
        value = enclose(field, field.polynomial(p), [balls.NAN] * len(field.inputs))
        return 1 if value > 0 else -1 if value < 0 else None


# ---------------------------------------------------------------- values


def enclose(field: Field, a: Element, point: Sequence[Ball]) -> Ball:
    """An element's value at a point, in balls at flint's current precision; NaN where it is not enclosed."""
    values: dict[int, Ball] = dict(enumerate(point))
    return _value(field, a, values)


def _value(field: Field, a: Element, values: dict[int, Ball]) -> Ball:
    return _sum(field, a.num, values) / _sum(field, a.den, values)


def _sum(field: Field, p: Polynomial, values: dict[int, Ball]) -> Ball:
    used = field.used(p)
    for i in used:
        if i not in values:
            values[i] = _kernel_value(field, field.kernels[i], values)
    total = balls.ZERO
    for m, c in zip(p.monoms(), p.coeffs(), strict=True):
        term = arb(c)
        for i in used:
            if m[i]:
                term *= values[i] ** int(m[i])
        total += term
    return total


def _kernel_value(field: Field, kernel: Kernel, values: dict[int, Ball]) -> Ball:
    if kernel.kind == "constant":
        return balls.constant(kernel.text)
    args = [_value(field, a, values) for a in kernel.args]
    if kernel.kind == "log":
        return abs(args[0]).log()
    if kernel.kind == "root":
        return args[0].root(int(kernel.scale))
    scale = arb(kernel.scale.numerator) / kernel.scale.denominator
    if kernel.kind == "tan":
        return (args[0] * scale / 2).tan()
    function: Callable[..., Ball] = balls.PRIMITIVES[kernel.kind]
    return function(args[0] * scale) if kernel.kind == "exp" else function(*args)


# ---------------------------------------------------------------- assumptions


def contradictory(field: Field, assumptions: Sequence[tuple[Polynomial, int]]) -> bool:
    """Whether no point satisfies all the assumptions; False where that is not certain.

    Every monomial counts as a variable of its own, so the inequalities are linear and strict: Fourier-Motzkin elimination.
    """
    system: list[dict[tuple[int, ...], Fraction]] = []
    monomials: set[tuple[int, ...]] = set()
    for p, s in assumptions:
        if len(p) > LARGEST_ROW:
            continue
        row = {tuple(map(int, m)): Fraction(int(c) * s) for m, c in zip(p.monoms(), p.coeffs(), strict=True)}
        monomials.update(row)
        system.append(row)
    for m in monomials:
        if any(m) and _is_positive(field, m):
            system.append({m: Fraction(1)})
    one = (0,) * len(field.generators)
    for m in monomials - {one}:
        above = [r for r in system if r.get(m, 0) > 0]
        below = [r for r in system if r.get(m, 0) < 0]
        rest = [r for r in system if not r.get(m)]
        field.plan.spend(40 * (len(above) * len(below) + len(system)))
        if len(above) * len(below) + len(rest) > LARGEST_SYSTEM:
            return False
        system = rest
        for r in above:
            for q in below:
                combined = {k: r.get(k, Fraction(0)) / r[m] - q.get(k, Fraction(0)) / q[m] for k in r.keys() | q.keys()}
                system.append({k: v for k, v in combined.items() if v})
    return any(r.get(one, Fraction(0)) <= 0 for r in system)  # 0 > 0 or -1 > 0


def _is_positive(field: Field, m: tuple[int, ...]) -> bool:
    return all(_is_generator_strict(field, i) and (e % 2 == 0 or field.kernels[i].kind in ("exp", "root")) for i, e in enumerate(m) if e)
