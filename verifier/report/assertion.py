"""What a report does in somebody's test: it raises where it is not of a pass, and warns of what warns."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from verifier.report.outcome import Report

PACKAGE = str(Path(__file__).resolve().parents[1])


class GradientWarning(UserWarning):
    """A gradient that is no failure and yet not as it should be: unstable, ill-conditioned, vanished, or not defined at the point."""


def assert_passed(report: Report) -> None:
    """Raise AssertionError, with the findings as text, where a case fails, could not be checked, or nothing of it was; what warns is a warning of Python."""
    __tracebackhide__ = True  # pytest shows the line of the test
    if report.exit_status or report.is_interrupted:
        from verifier.report.draw.failure import failure

        raise AssertionError(failure(report))
    if report.warnings:
        from verifier.report.draw.failure import warned

        warn(warned(report))


def warn(texts: Iterable[str]) -> None:
    """Python's warnings, at the line outside of this package that made the call."""
    frame, level = sys._getframe(), 1  # noqa: SLF001 - `skip_file_prefixes` of `warnings.warn` came with Python 3.12
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    for text in texts:
        warnings.warn(text, GradientWarning, stacklevel=level)


__all__ = ["GradientWarning", "assert_passed", "warn"]
