"""What a report does in somebody's test: it raises where it is not of a pass, and warns of what warns."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from verifier.language.source import suggestion
from verifier.report.outcome import CaseReport, Report

PACKAGE = str(Path(__file__).resolve().parents[1])
LIBRARIES = ("site-packages", "dist-packages", "<frozen", str(Path(inspect.__file__).parent))  # where no code of the user stands


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


def assert_of(check: Callable[..., CaseReport], fn: Any, inputs: Sequence[Any], options: Mapping[str, Any]) -> None:
    """`assert_gradient` of a framework, by its `check`. An error of the user's code is raised without the lines of this package in between."""
    __tracebackhide__ = True
    known = [n for n, p in inspect.signature(check).parameters.items() if p.kind is p.KEYWORD_ONLY]
    refuse_unknown(options, known)
    try:
        report = check(fn, *inputs, **options)
    except Exception as error:  # noqa: BLE001 - raised again
        raise error.with_traceback(_of_the_user(error.__traceback__))  # noqa: B904 - the same error
    assert_passed(Report((report,)))


def refuse_unknown(options: Iterable[str], known: Sequence[str]) -> None:
    """Raise TypeError where an option is none, with the one that may be meant."""
    __tracebackhide__ = True
    for name in options:
        if name not in known:
            raise TypeError(f"assert_gradient() has no option '{name}'{suggestion(name, known)}; it has {', '.join(known)}")


def _of_the_user(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from the first line of the user's code on, without those of this package; all of it where no line is the user's."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    found: TracebackType | None = None
    own = [t for t in frames if not t.tb_frame.f_code.co_filename.startswith(PACKAGE)]
    first = next((k for k, t in enumerate(own) if not any(part in t.tb_frame.f_code.co_filename for part in LIBRARIES)), None)
    if first is None:
        return frames[0] if frames else None
    for t in reversed(own[first:]):
        found = TracebackType(found, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return found


def warn(texts: Iterable[str]) -> None:
    """Python's warnings, at the line outside of this package that made the call."""
    frame, level = sys._getframe(), 1  # noqa: SLF001 - `skip_file_prefixes` of `warnings.warn` came with Python 3.12
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    for text in texts:
        warnings.warn(text, GradientWarning, stacklevel=level)


__all__ = ["GradientWarning", "assert_of", "assert_passed", "refuse_unknown", "warn"]
