"""`assert_gradient`: a case judged at one point, for the tests of other projects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from verifier.case.case import Case, only
from verifier.case.load import case_of
from verifier.compare.at_point import NamedValues, at, checks_in, in_order, judged_at
from verifier.compare.check import exceeds
from verifier.language.formats import format_named, round_exact


def assert_gradient(case: Case | str, point: NamedValues | None = None, *, implementation: str | None = None, strict: bool = False) -> None:
    """Raise AssertionError, with the findings as text, where a gradient is not right at the point (None: at the points of the case).

    `point` has a number for every input, a list for a vector. With `strict` what warns is not right either. What the case
    expects of its own points is no excuse.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    case = case_of(case) if isinstance(case, str) else case
    if implementation is not None:
        case = only(case, implementation)
    if point is not None:
        values = in_order(case, point)
        if not any(_has_failure_at(case, values, strict=strict)):
            return
        case = at(case, values)
    from verifier.report.outcome import Report  # only for what fails: a first call must stay below Hypothesis' deadline for a test
    from verifier.verify import verify

    report = verify(replace(case, expect=()), strict=strict)
    if report.status != "passed":
        from verifier.report.draw.paint import Paint
        from verifier.report.draw.text import render

        raise AssertionError(render(Report((report,)), paint=Paint(enabled=False)))


def _has_failure_at(case: Case, values: tuple[float, ...], *, strict: bool) -> Iterator[bool]:
    """Whether each gradient, quickly judged, may fail at a point."""
    for name in case.formats:
        fmt = format_named(name)
        point = tuple(round_exact(fmt, Fraction(v)) or v for v in values)  # -0.0 stays -0.0
        if not all(map(math.isfinite, point)):
            yield True  # `verify` says what is wrong with it
            continue
        for check in checks_in(case, fmt):
            yield from (d.verdict.fails or (strict and d.verdict.warns) or exceeds(check.limit_for(d.name), d) for d in judged_at(check, point))
