"""Whether two programs agree for all inputs: proved, or as far as points tell."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import one_sided
from verifier.exact.prove import CHECK_BITS, CHECKED_POINTS, DIGITS_PER_BIT, FURTHER_POINTS, NEAR, Proof, prove
from verifier.language.formats import Format, round_exact
from verifier.language.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a computed gradient agrees with the exact one: proved, agrees, approximates, refuted, or undecided where nothing could be compared."""

    kind: str
    note: str
    witness: dict[str, float] | None = None


def outcomes(
    check: Check,
    points: Sequence[tuple[float, ...]],
    *,
    domain: Sequence[tuple[float, float] | None] | None = None,
    seed: int = 0,
    listed: Sequence[Sequence[Discrepancy]] | None = None,
) -> dict[str, Outcome]:
    """The outcome of every claimed gradient, by its name.

    `points` are numbers of the format; `domain` has one entry for each input; `listed` is what `compare` found at the
    points, where that is known already. A proof says nothing about boundaries: where a listed point is wrong, that counts.
    """
    subject, fmt = check.subject, check.format
    count = len(subject.program.inputs)
    few = further_points(points, count, fmt=fmt, domain=domain, seed=seed, most=CHECKED_POINTS)
    proofs = _believed(check, (*points, *few))
    rows = list(listed) if listed is not None else compare(check, points) if points else []
    wrong = {row[i].name for row in rows for i in range(len(row)) if row[i].verdict is Verdict.WRONG}
    open_claims = [name for _, name in subject.claims if name not in proofs]
    if any(name not in wrong for name in open_claims):
        rows += compare(check, further_points(points, count, fmt=fmt, domain=domain, seed=seed))
    result = {}
    for i, (_, name) in enumerate(subject.claims):
        proof = proofs.get(name)
        if proof is not None and name not in wrong:
            result[name] = Outcome("proved", proof.text())
        else:
            seen = _compared([row[i] for row in rows], subject.program.inputs)
            result[name] = seen if proof is None else replace(seen, note=f"{seen.note}; off boundaries it is proved {proof.text()}")
    return result


def further_points(
    points: Sequence[tuple[float, ...]], count: int, *, fmt: Format, domain: Sequence[tuple[float, float] | None] | None = None, seed: int = 0, most: int = FURTHER_POINTS
) -> list[tuple[float, ...]]:
    """Random points of the format: in the domain where one is given, else near the listed points."""
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    centres = list(points) or [(0.0,) * count]
    result = []
    for k in range(most):
        row = []
        for i, x in enumerate(centres[k % len(centres)]):
            interval = domain[i] if domain is not None else None
            if interval is not None:
                value = Fraction(draw.uniform(*interval))
            else:
                value = Fraction(x) * Fraction(1 + draw.uniform(-NEAR, NEAR)) if x else Fraction(draw.uniform(-1, 1) if not points else draw.uniform(-NEAR, NEAR))
            near = round_exact(fmt, value)
            row.append(near if math.isfinite(near) else x)  # next to the largest number
        result.append(tuple(row))
    return result


def _believed(check: Check, points: Sequence[tuple[float, ...]]) -> dict[str, Proof]:
    """The proofs that the enclosures at the points do not contradict; one that meets no point where both are defined is none."""
    truth, subject, fmt, upstream = check.truth, check.subject, check.format, check.upstream
    proofs = {name: proof for variable, name in subject.claims if (proof := prove(truth, subject, (variable, name), fmt=fmt, upstream=upstream)) is not None}
    if not proofs:
        return {}
    program, _ = subject.exact
    columns = [[arb(p[i]) for p in points] for i in range(len(program.inputs))]
    with balls.precision(CHECK_BITS):
        seed = arb(upstream)
        exact = balls.run(truth.gradient.program, columns, bits=CHECK_BITS, strict=True, rounded_in=fmt)
        computed = balls.run(program, columns, bits=CHECK_BITS, strict=False, upstream=seed, rounded_in=fmt)
        believed = {}
        for variable, name in subject.claims:
            component = truth.gradient.adjoint.get(program.inputs.index(variable))
            real = computed[subject.index(name)]
            right = exact[component] if component is not None else [arb(0)] * len(points)
            rows = [(r, g * seed) for r, g, value in zip(real, right, exact[truth.gradient.value], strict=True) if value.is_finite() and g.is_finite()]
            if name in proofs and _is_consistent(proofs[name], rows):
                believed[name] = proofs[name]
    return believed


def _is_consistent(proof: Proof, rows: Sequence[tuple[Any, Any]]) -> bool:
    """Whether the enclosures (computed, exact) meet, at one point at least, and a proof with gaps has none at these points."""
    both = [(r, g) for r, g in rows if r.is_finite()]
    if proof.gaps and len(both) < len(rows):
        return False
    return bool(both) and not any(r != g for r, g in both)


def _compared(found: Sequence[Discrepancy], inputs: tuple[str, ...]) -> Outcome:
    """The outcome that the points show."""
    wrong = next((d for d in found if d.verdict is Verdict.WRONG), None)
    if wrong is not None:
        return Outcome("refuted", wrong.reason or "over the reals it is another number", dict(zip(inputs, wrong.point, strict=True)))
    known = [d for d in found if isinstance(d.exact, one_sided.Finite) and d.formula_error is not None and d.verdict is not Verdict.UNDECIDED]
    if not known:
        return Outcome("undecided", "no point where both could be compared")
    place = f"at {len(known)} {'point' if len(known) == 1 else 'points'}"
    off = [d for d in known if not d.formula_error.is_zero()]
    if off:
        largest = max(off, key=lambda d: float(d.formula_error.mid()))
        return Outcome("approximates", f"within {rounding.significant(largest.formula_error)} ulp {place}", dict(zip(inputs, largest.point, strict=True)))
    digits = [_digits(d) for d in known]
    shown = [n for n in digits if n is not None]
    return Outcome("agrees", f"to {min(shown)} digits {place}" if shown else f"exactly, {place}")


def _digits(found: Discrepancy) -> int | None:
    """The decimal digits to which both enclosures are known; None where they are exact."""
    both = [b for b in (found.real_value, found.exact.ball if isinstance(found.exact, one_sided.Finite) else None) if b is not None and not b.is_exact()]
    return max(0, int(min(b.rel_accuracy_bits() for b in both) * DIGITS_PER_BIT)) if both else None
