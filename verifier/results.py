"""Discrepancies as text: results and sweeps, with what the case accepts of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from verifier import formats, ledger, limits, rounding, summary
from verifier.arithmetic import balls, floats
from verifier.case import OVER_LIMIT, Case
from verifier.discrepancy import Discrepancy
from verifier.formats import Format
from verifier.judge import FEWEST_DIGITS
from verifier.outcome import HuntedRegion, PointText, Result, Sweep
from verifier.subject import Subject
from verifier.verdict import Verdict

if TYPE_CHECKING:
    from verifier.hunt import Region
    from verifier.sweep import Swept

DIGIT_COUNTS = (30, 28, 27, 26, FEWEST_DIGITS)
RESIDUAL_COUNTS = (20, 17, 14, 11, 8, 5, 2)
CODES = {
    Verdict.WRONG: "V101",
    Verdict.NONFINITE: "V102",
    Verdict.UNDECIDED: "V103",
    Verdict.UNSTABLE: "V201",
    Verdict.ILL_CONDITIONED: "V202",
    Verdict.VANISHED: "V203",
    Verdict.UNDEFINED: "V204",
}


@dataclass(frozen=True)
class Check:
    """What was computed of one implementation in one format."""

    implementation: str
    format: Format
    subject: Subject
    points: Sequence[tuple[float, ...]]
    listed: list[list[Discrepancy]]
    upstream: float
    swept: Sequence[Swept] = ()

    @cached_property
    def values(self) -> list[Any]:
        """The column of every step at the listed points."""
        columns = [[p[i] for p in self.points] for i in range(len(self.subject.program.inputs))]
        return floats.run(self.subject.program, columns, self.format, upstream=self.upstream)

    @cached_property
    def plan(self) -> ledger.Plan:
        """What the ledgers of the claimed gradients share."""
        return ledger.plan(self.subject.program, [name for _, name in self.subject.claims])

    @cached_property
    def ledgers(self) -> dict[Any, list[ledger.Ledger | ledger.NoLedger]]:
        """Ledgers that are known already."""
        return {}

    def value(self, name: str, point: int) -> float | None:
        """The float that a name holds at a listed point; None where there is no such name."""
        index = self.subject.program.names.get(name)
        return None if index is None else float(self.values[index][point])


@dataclass(frozen=True)
class Judged:
    """A discrepancy with its place in the run, and whether the case accepts it."""

    check: Check
    discrepancy: Discrepancy
    result: Result
    severity: str  # "", warning, error
    code: str
    expected: bool
    is_listed: bool = True
    count: int = 1  # the points of a sweep that this one stands for
    over: bool = False  # the error is above what the case accepts


def point_text(case: Case, fmt: Format, values: Sequence[float]) -> PointText:
    """A point as text, vectors gathered."""
    return _point_text(case.inputs, case.vectors, fmt, tuple(values), tuple(math.copysign(1.0, v) for v in values))


@lru_cache(maxsize=64)  # the gradients of one point follow each other
def _point_text(inputs: tuple[str, ...], vectors: tuple[tuple[str, int], ...], fmt: Format, values: tuple[float, ...], signs: tuple[float, ...]) -> PointText:
    del signs  # they tell the points 0.0 and -0.0 apart, which are equal keys
    texts = dict(zip(inputs, (formats.text(fmt, v) for v in values), strict=True))
    lengths = dict(vectors)
    gathered: dict[str, str | tuple[str, ...]] = {}
    for name, text in texts.items():
        vector = name.partition("[")[0]
        if vector not in lengths:
            gathered[name] = text
        elif vector not in gathered:
            gathered[vector] = tuple(texts[f"{vector}[{i}]"] for i in range(lengths[vector]))
    return tuple(gathered.items())


def region_text(case: Case, fmt: Format, implementation: str, region: Region) -> HuntedRegion:
    """A region that a hunt found, as text."""
    return HuntedRegion(
        implementation,
        region.gradient,
        fmt.name,
        region.verdict,
        region.input,
        formats.text(fmt, region.low),
        formats.text(fmt, region.high),
        point_text(case, fmt, region.point),
        region.along,
        region.cause,
    )


def result_of(case: Case, check: Check, d: Discrepancy) -> Result:
    """A discrepancy as text."""
    fmt = check.format
    with balls.precision(max(d.bits, 192)):
        exact = d.exact
        text = _exact_text(exact)
        zero = isinstance(exact, limits.Finite) and exact.ball.is_zero()
        bounds = (_bound_text(exact.low), _bound_text(exact.high)) if isinstance(exact, limits.Kink) else None
        return Result(
            check.implementation,
            d.name,
            fmt.name,
            point_text(case, fmt, d.point),
            formats.text(fmt, d.computed),
            text,
            None if d.rounded is None else formats.text(fmt, d.rounded),
            _signed_digits(d.residual),
            _formula_text(d.formula_error),
            None if d.ulps is None or zero else rounding.significant(d.ulps, 6),
            None if d.condition is None else rounding.significant(d.condition, 6),
            None if d.program_condition is None else rounding.significant(d.program_condition, 6),
            d.verdict,
            d.reason,
            bounds,
            _as_float(d),
            backward_error_ulps=None if d.backward_error is None else rounding.significant(d.backward_error, 4),
            backward_error_input=d.backward_input or None,
            subnormals=rounding.significant(d.ulps, 6) if zero and d.ulps is not None else None,
        )


def _as_float(d: Discrepancy) -> float:
    if d.ulps is not None:
        return float(d.ulps.abs_upper()) if d.ulps.is_finite() else math.inf
    return math.inf if d.verdict.fails else 0.0


def _exact_text(exact: limits.Derivative) -> str | None:
    if isinstance(exact, limits.Infinite):
        return "inf" if exact.sign > 0 else "-inf"
    return digits(exact.ball, DIGIT_COUNTS) if isinstance(exact, limits.Finite) else None


def digits(ball: Any, counts: Iterable[int] = DIGIT_COUNTS) -> str | None:
    """The most digits of the counts that the ball certifies."""
    return next((text for count in counts if (text := rounding.digits(ball, count)) is not None), None)


def _bound_text(bound: Any) -> str:
    if not bound.is_finite():
        return "inf" if bound > 0 else "-inf"
    return digits(bound, DIGIT_COUNTS) or bound.str(FEWEST_DIGITS)


def _signed_digits(residual: Any) -> str | None:
    return None if residual is None else digits(residual, RESIDUAL_COUNTS)


def _formula_text(error: Any) -> str | None:
    if error is None:
        return None
    return "0" if error.is_zero() else rounding.significant(error, 6)


def judged(case: Case, check: Check, d: Discrepancy, limit: str | None, *, strict: bool, is_listed: bool) -> Judged:
    """A discrepancy with its severity: what its verdict, --strict and the case's `accept` make of it."""
    over = limit is not None and exceeds(d, limit)
    expected = any(e.implementation == check.implementation and e.gradient == d.name and (e.verdict == d.verdict.value or (over and e.verdict == OVER_LIMIT)) for e in case.expect)
    severity, code = "", CODES.get(d.verdict, "")
    if d.verdict.fails:
        severity = "error"
    elif d.verdict.warns:
        severity = "error" if strict else "warning"
    elif d.verdict is Verdict.UNDEFINED:
        severity = "warning"
    if over:
        severity, code = "error", "V104" if d.verdict.passes else code
    elif limit is not None and d.ulps is not None and d.verdict.warns:
        severity = ""  # within what the case accepts
    return Judged(check, d, result_of(case, check, d), severity, code, expected, is_listed, over=over)


def exceeds(d: Discrepancy, limit: str) -> bool:
    """Whether a gradient whose formula is right is further off than a case accepts."""
    return d.ulps is not None and (d.verdict.passes or d.verdict.warns) and not d.ulps <= float(limit)


def sampled(case: Case, check: Check, limit: str | None, *, strict: bool) -> list[Judged]:
    """The examples of the swept points; the worst of each group stands for all that are no examples."""
    found = []
    for swept in check.swept:
        for group, rows in swept.examples:
            for i, d in enumerate(rows):
                j = judged(case, check, d, limit, strict=strict, is_listed=False)
                found.append(j if i else replace(j, count=group.count - len(rows) + 1))
    return found


def interrupted(checks: Sequence[Check]) -> bool:
    """Whether a sweep ended before all its points were seen."""
    return any(s.tally.points < s.total for c in checks for s in c.swept)


def sweeps(case: Case, checks: Sequence[Check], sampled: Sequence[Judged]) -> list[Sweep]:
    """The swept points, summed up per gradient."""
    return [_sweep(case, check, swept, [j for j in sampled if j.check is check and j.discrepancy.name == swept.name]) for check in checks for swept in check.swept]


def _sweep(case: Case, check: Check, swept: Swept, examples: Sequence[Judged]) -> Sweep:
    counts: dict[str, int] = {}
    for group in swept.tally.groups:
        counts[group.verdict.value] = counts.get(group.verdict.value, 0) + group.count
    worst = max(examples, key=lambda j: (j.discrepancy.verdict.fails, j.result.error), default=None)
    largest = max((j.result.error for j in examples if math.isfinite(j.result.error) and j.discrepancy.ulps is not None), default=None)

    def quantile(share: float) -> str | None:
        error = swept.tally.quantile(share)
        return None if error is None or largest is None else f"{min(error, largest):.4g}"

    return Sweep(
        check.implementation,
        swept.name,
        check.format.name,
        swept.tally.points,
        counts,
        worst.result if worst else None,
        quantile(0.5),
        quantile(0.99),
        None if largest is None else f"{largest:.6g}",
        total=swept.total,
        is_exhaustive=swept.is_exhaustive,
        statement=summary.text(case, check, swept) if swept.is_exhaustive else "",
        regions=summary.regions(case, check, swept),
    )
