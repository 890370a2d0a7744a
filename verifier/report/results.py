"""Turns discrepancies into results, with figures as text and with the severity that follows from the verdict and from `accept`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Ball
from verifier.blame.rounding.by_statement import Item, SharedRow, _size, step_text, worst_entry
from verifier.blame.rounding.ledger import DIFFERENCE_BITS, Ledger
from verifier.case.case import OVER_LIMIT, Case
from verifier.case.components import covers
from verifier.case.points import point_text
from verifier.circuit.program import Program
from verifier.compare.check import Check, exceeds, keeps
from verifier.compare.checked import Checked
from verifier.compare.compare import with_conditions
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.judge import FEWEST_DIGITS
from verifier.exact import one_sided
from verifier.language import formats
from verifier.language.verdict import Verdict
from verifier.report.outcome import Difference, HuntedRegion, Result, Share
from verifier.search.hunt import Region

DIGIT_COUNTS = (30, 28, 27, 26, FEWEST_DIGITS)
SMALLEST, LARGEST = 1e-290, 1e290  # values between them are formatted as floats
RESIDUAL_COUNTS = (20, 17, 14, 11, 8, 5, 2)


@dataclass(frozen=True)
class Rating:
    """A discrepancy with its place in the run, and whether the case accepts it."""

    case: Case
    checked: Checked
    discrepancy: Discrepancy
    severity: str  # "", warning, error
    code: str
    expected: bool
    is_listed: bool = True
    count: int = 1  # the points of a sweep that this one stands for
    over: bool = False  # the error is above what the case accepts
    blame: tuple[Share, ...] = ()

    @cached_property
    def result(self) -> Result:
        """The discrepancy as text, with the condition numbers that were left for later; made where it is read."""
        check = self.checked.check
        found = result_of(self.case, check, with_conditions(check, self.discrepancy))
        return replace(found, blame=self.blame) if self.blame else found

    @property
    def implementation(self) -> str:
        """The name of the implementation."""
        return self.checked.check.implementation

    @property
    def gradient(self) -> str:
        """The name of the gradient."""
        return self.discrepancy.name

    @property
    def format(self) -> str:
        """The name of the format."""
        return self.checked.check.format.name

    @cached_property
    def error(self) -> float:
        """The error in ulps, to sort by: inf where it is undefined."""
        return _as_float(self.discrepancy)


def region_text(case: Case, check: Check, region: Region) -> HuntedRegion:
    """A region that a hunt found, as text."""
    fmt = check.format
    return HuntedRegion(
        check.implementation,
        region.gradient,
        fmt.name,
        region.verdict,
        region.input,
        formats.text(fmt, region.low),
        formats.text(fmt, region.high),
        point_text(case, fmt, region.point),
        region.along,
        region.cause,
        region.everywhere,
    )


def result_of(case: Case, check: Check, d: Discrepancy) -> Result:
    """A discrepancy as text."""
    fmt = check.format
    with balls.precision(max(d.bits, 192)):
        exact = d.exact
        text = _exact_text(exact)
        zero = isinstance(exact, one_sided.Finite) and exact.ball.is_zero()
        bounds = (_bound_text(exact.low), _bound_text(exact.high)) if isinstance(exact, one_sided.Kink) else None
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


def _exact_text(exact: one_sided.Derivative) -> str | None:
    if isinstance(exact, one_sided.Infinite):
        return "inf" if exact.sign > 0 else "-inf"
    return digits(exact.ball, DIGIT_COUNTS) if isinstance(exact, one_sided.Finite) else None


def digits(ball: Ball, counts: Iterable[int] = DIGIT_COUNTS) -> str | None:
    """The ball as decimal text with the first of these counts of digits that it certifies; None where it certifies none."""
    return next((text for count in counts if (text := rounding.digits(ball, count)) is not None), None)


def _bound_text(bound: Ball) -> str:
    if not bound.is_finite():
        return "inf" if bound > 0 else "-inf"
    return digits(bound, DIGIT_COUNTS) or bound.str(FEWEST_DIGITS)


def _signed_digits(residual: Ball | None) -> str | None:
    return None if residual is None else digits(residual, RESIDUAL_COUNTS)


def _formula_text(error: Ball | None) -> str | None:
    if error is None:
        return None
    return "0" if error.is_zero() else rounding.significant(error, 6)


def judged(case: Case, checked: Checked, d: Discrepancy, *, strict: bool, is_listed: bool) -> Rating:
    """A discrepancy with its severity, which follows from its verdict, `strict` and the case's `accept`."""
    check = checked.check
    over = exceeds(check.limit_for(d.name), d)
    expected = any(e.implementation == check.implementation and covers(e.gradient, d.name) and (e.verdict == d.verdict.value or (over and e.verdict == OVER_LIMIT)) for e in case.expect)
    severity, code = "", d.verdict.code
    if d.verdict.fails:
        severity = "error"
    elif d.verdict.warns:
        severity = "error" if strict else "warning"
    elif d.verdict is Verdict.UNDEFINED:
        severity = "warning"
    if over:
        severity, code = "error", "V104" if d.verdict.passes else code
    elif d.verdict.warns and keeps(check.limit_for(d.name), d):
        severity = ""  # within what the case accepts
    return Rating(case, checked, d, severity, code, expected, is_listed, over=over)


FIGURES = 6  # digits of effects and shares, rounded and not certified
CONTRIBUTION_FIGURES = 12  # as many as `ledger.NARROW` is sure of


def shares(found: Ledger, rows: Sequence[Item], unit: Ball, *, most: int) -> tuple[Share, ...]:
    """A ledger as text: the statements with the largest effects, in program order, the sum of the others, and the remainder of first-order shares."""
    largest = {id(i) for i in sorted(rows, key=lambda i: _size(i.effect), reverse=True)[:most]}
    rows_out = [share_of(i, found.run.program) for i in rows if id(i) in largest]
    with balls.precision(DIFFERENCE_BITS):
        if len(rows) > most:
            rows_out.append(_share(f"({len(rows) - most} more statements)", sum((i.effect for i in rows if id(i) not in largest), arb(0)), found.total, unit))
        if found.first_order:
            rows_out.append(_share("(remainder: the shares are to first order)", found.remainder, found.total, unit))
    return tuple(rows_out)


def _share(statement: str, effect: Ball, total: Ball, unit: Ball) -> Share:
    return Share(None, statement, "0" if total.contains(0) else signed(effect / total), signed(effect, CONTRIBUTION_FIGURES), ulps=signed(effect / unit))


def share_of(item: Item, program: Program) -> Share:
    """An item as text."""
    with balls.precision(DIFFERENCE_BITS):
        return Share(
            None if item.place is None else item.place.line,
            item.statement,
            "0" if item.share is None else signed(item.share),
            signed(item.effect, CONTRIBUTION_FIGURES),
            own_ulps=None if item.own is None else signed(item.own),
            ulps=signed(item.ulps),
            step=None if not item.entries else step_text(program, worst_entry(item.entries).step),
            condition=None if item.condition is None else signed(item.condition),
        )


def signed(ball: Ball, count: int = FIGURES) -> str:
    """A few digits of a ball, with its sign; `0` where the ball contains 0."""
    if ball.contains(0):
        return "0"
    middle = float(ball.mid())
    if SMALLEST < abs(middle) < LARGEST:
        return f"{middle:.{count}g}"
    text = rounding.significant(ball, count)
    return f"-{text}" if ball < 0 else text


def difference_of(side: SharedRow) -> Difference:
    """A row as text, for the report."""
    with balls.precision(DIFFERENCE_BITS):
        first, second = (None if v is None else signed(v) for v in (side.first, side.second))
        return Difference(side.statement, first, second, signed(side.difference))
