"""Which generators are algebraically independent as functions: a polynomial in those vanishes on no open set.

Logarithms of distinct irreducible polynomials, and exponentials of arguments that are linearly independent over the
rationals modulo constants, also together with the logarithms, are independent; tangents are quotients of exponentials of
imaginary arguments. Ax, On Schanuel's conjectures, Annals of Mathematics 93 (1971), theorem 3; Risch, Algebraic
properties of the elementary functions of analysis, American Journal of Mathematics 101 (1979). Roots of distinct
irreducible polynomials are of full degree over the others. One function that is not elementary may stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flint import fmpz_mat

from verifier.exact.identities.elements import Element, Field

MAX_KEYS = 12
SINGLE = frozenset(
    ("asin", "atan", "erf", "erfi", "gamma", "digamma", "polygamma", "zeta", "lambertw", "si", "ci", "shi", "chi", "expi", "expn", "fresnels", "fresnelc", "spence", "besselj", "bessely", "besseli", "besselk")
)
"""Functions that are, one at a time, of a rational function, transcendental over the elementary kernels: those that are not elementary
(what is algebraic over elementary functions is elementary), and the arcs, which are logarithms. Two of them may depend on each other."""


def are_independent(field: Field, generators: Iterable[int]) -> bool:
    """Whether generators that are not constant are certainly independent (the roots among them: of full degree over the rest)."""
    rest = list(generators)
    single = [i for i in rest if _is_single(field, i)]
    if len(single) > 1:  # of two nothing is known: atan(x) and atan(1/x)
        return False
    closure = _closure(field, [i for i in rest if i not in single])
    if closure is None:
        return False
    kinds: dict[str, list[Element]] = {"exp": [], "tan": []}
    for i in closure:
        kernel = field.kernels[i]
        if kernel.kind == "log":
            kinds["exp"].append(field.generator(i))  # its exponential is an algebraic function
        if kernel.kind in ("log", "root"):
            inside = field.used(kernel.args[0].num)
            if any(field.kernels[j].constant or field.kernels[j].kind == "root" for j in inside):
                return False
        elif kernel.kind in kinds:
            key = _without_constants(field, kernel.args[0])
            if key is None or any(field.kernels[j].kind == "root" for j in field.used(key.den)):
                return False
            kinds[kernel.kind].append(key)
    return all(_linearly_independent(field, keys) for keys in kinds.values())


def _is_single(field: Field, i: int) -> bool:
    """Whether a generator is a function in SINGLE of a rational function of the inputs, its parameters integers."""
    kernel = field.kernels[i]
    if kernel.kind not in SINGLE or kernel.constant:
        return False
    *parameters, inside = kernel.args
    is_integer = all((q := field.rational(a)) is not None and q.denominator == 1 for a in parameters)
    return is_integer and all(field.kernels[j].kind == "input" for p in inside for j in field.used(p))


def _closure(field: Field, generators: Iterable[int]) -> set[int] | None:
    """The generators with all that occur inside them; None where one is not elementary."""
    found: set[int] = set()
    pending = list(generators)
    while pending:
        i = pending.pop()
        kernel = field.kernels[i]
        if i in found or kernel.constant:
            continue
        if kernel.kind not in ("input", "log", "root", "exp", "tan"):
            return None
        found.add(i)
        pending += [j for a in kernel.args for p in a for j in field.used(p)]
    return found


def _without_constants(field: Field, key: Element) -> Element | None:
    """A key with its constant factors left out; None where they are no factors."""
    parts = []
    for p in key:
        constants = [i for i in field.used(p) if field.kernels[i].constant]
        if constants and len(p) > 1:
            return None
        parts.append(field.context.from_dict({tuple(0 if i in constants else e for i, e in enumerate(m)): c for m, c in p.to_dict().items()}))
    return Element(*parts)


def _linearly_independent(field: Field, keys: Sequence[Element]) -> bool:
    """Whether the keys and 1 are linearly independent over the rationals."""
    if len(keys) > MAX_KEYS:
        return False
    below = field.one_poly
    for key in keys:
        below *= key.den / below.gcd(key.den)
    rows: list[dict[Any, Any]] = [below.to_dict(), *((key.num * (below / key.den)).to_dict() for key in keys)]
    monomials = sorted(set().union(*rows))
    field.plan.spend(len(rows) * len(monomials) * len(rows))
    return bool(fmpz_mat([[row.get(m, 0) for m in monomials] for row in rows]).rank() == len(rows))
