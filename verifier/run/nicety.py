"""What a report can do without: work beside the verdict, with a limit on its time, whose failure costs nothing but itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 2.0  # of processor time, for all the niceties of a case
EVENTS = 64  # the clock is looked at once in so many calls of functions


class _Overtime(BaseException):
    """The time is over. No `except Exception` on the way out may catch it."""


class Budget:
    """Processor time that several pieces of work share."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.left = seconds

    def attempt(self, work: Callable[[], T], otherwise: T) -> T:
        """The result of a piece of work; `otherwise` where it raises an exception or the time runs out, and where none is left."""
        if self.left <= 0:
            return otherwise
        start = time.process_time()
        before = sys.getprofile()
        if before is not None:  # it is measured itself, or is a part of such work
            try:
                return work()
            except Exception:  # noqa: BLE001 - whatever goes wrong costs this piece of work only
                return otherwise
        sys.setprofile(_alarm(start + self.left))
        try:
            return work()
        except (_Overtime, Exception):  # noqa: BLE001 - likewise
            return otherwise
        finally:
            sys.setprofile(None)
            self.left -= time.process_time() - start


def _alarm(deadline: float) -> Callable[[FrameType, str, Any], None]:
    """A profile function that ends the work after the deadline, but no import half-way."""
    count = 0

    def hook(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += 1
        if count % EVENTS == 0 and time.process_time() > deadline and not _is_importing(frame):
            raise _Overtime

    return hook


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
