"""Signs of elements: known, assumed in the present branch, or a reason to split; and which assumptions contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import arb

from verifier.arithmetic import balls
from verifier.arithmetic.values import Ball
from verifier.exact.identities.elements import Element, Field, GiveUp, Kernel, Polynomial, Split
from verifier.exact.identities.independence import are_independent
from verifier.language.gates import of_kind

CONSTANT_BITS = 256  # at which the sign of a constant must show
LARGEST_SYSTEM = 80  # inequalities of a system whose contradiction is looked for
LARGEST_ROW = 12  # terms of an inequality in it
STEPS = of_kind("step")  # kernels that are constant on intervals: the only ones that may vanish on one


def sign(field: Field, a: Element) -> int:
    """The sign of an element in the present branch, off its zeros. Raises Split where the branch does not decide it."""
    if a.num.is_zero():
        return 0
    content, factors = field.factors(a)
    result = 1 if content > 0 else -1
    undecided = None
    for p, e in factors:
        if any(field.kernels[i].kind in STEPS for i in field.used(p)) and not _is_nonzero(field, p):
            raise GiveUp("a step function may stay on the boundary")
        if e % 2:
            s = _polynomial_sign(field, p)
            undecided = p if s is None and undecided is None else undecided
            result *= s or 1
    if undecided is None:
        return result
    raise Split(undecided)


def known_sign(field: Field, a: Element) -> int | None:
    """The sign of an element where it is known without a split."""
    try:
        return sign(field, a)
    except Split:
        return None


def is_zero(field: Field, a: Element) -> bool:
    """Whether an element is zero. Raises GiveUp where a hidden zero is not excluded on every open set."""
    if a.num.is_zero():
        return True
    if field.is_constant(a):
        _constant_sign(field, a.num)
        return False
    _, factors = field.factors(field.polynomial(a.num))
    if all(_is_bounded_away(field, p) or _is_nonzero(field, p) for p, _ in factors):
        return False
    raise GiveUp("an equality that is not decided")


def _is_nonzero(field: Field, p: Polynomial) -> bool:
    """Whether a polynomial certainly vanishes on no open set: a coefficient of its independent kernels is not zero.

    Step functions count as constants of unknown value, so with them the kernels of that term must move.
    """
    used = field.used(p)
    steps = [i for i in used if field.kernels[i].kind in STEPS]
    moving = [i for i in used if not field.kernels[i].constant and i not in steps]
    if not are_independent(field, moving):
        return False
    groups: dict[tuple[int, ...], dict[tuple[int, ...], Ball]] = {}
    for m, c in zip(p.monoms(), p.coeffs(), strict=True):
        rest = tuple(0 if i in moving else e for i, e in enumerate(m))
        groups.setdefault(tuple(int(m[i]) for i in moving), {})[rest] = c
    for powers, terms in groups.items():
        is_free = not steps or (any(powers) and not any(m[i] for m in terms for i in steps))
        if is_free and _certain_sign(field, field.context.from_dict(terms)) is not None:
            return True
    return False


def _is_bounded_away(field: Field, p: Polynomial) -> bool:
    """Whether a polynomial has a sign, and a term that is never zero in this branch: exponentials, roots and what is assumed to have a sign."""
    if str(p) in field.assumptions:
        return True
    never = [i for i in field.used(p) if field.kernels[i].kind in ("exp", "root") or str(field.generators[i]) in field.assumptions]
    one_term = any(all(i in never for i, e in enumerate(m) if e) for m in p.monoms())
    return one_term and _polynomial_sign(field, p) is not None


def _polynomial_sign(field: Field, p: Polynomial) -> int | None:
    """The sign of an irreducible polynomial, off its zeros; None where it is not known."""
    if not p.is_constant() and field.is_constant(field.polynomial(p)):
        return _constant_sign(field, p)
    assumed = field.assumptions.get(str(p))
    if assumed is not None:
        return assumed[1]
    signs = {i: _generator_sign(field, i) for i in field.used(p)}
    field.plan.spend(len(p) * (4 + len(signs)))
    result = 0
    for m, c in zip(p.monoms(), p.coeffs(), strict=True):
        s: int | None = 1 if c > 0 else -1
        for i, known in signs.items():
            if m[i]:
                odd = int(m[i]) % 2
                unknown = s is None or (odd and known is None) or field.kernels[i].kind in STEPS
                s = None if unknown or s is None else s * (known or 1) ** odd
        if s is None or result == -s:
            return _sign_with_root(field, p)
        result = s
    return result


def _sign_with_root(field: Field, p: Polynomial) -> int | None:
    """The sign of A + B*rho where rho is a square root: that of A or of B, whichever outweighs the other."""
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
    if kernel.kind == "exp":
        return balls.PRIMITIVES["exp"](args[0] * scale)
    if kernel.kind == "tan":
        return (args[0] * scale / 2).tan()
    return balls.PRIMITIVES[kernel.kind](*args)


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
    return all(e % 2 == 0 or field.kernels[i].kind in ("exp", "root") for i, e in enumerate(m) if e) and not any(
        e and field.kernels[i].kind in STEPS for i, e in enumerate(m)
    )
