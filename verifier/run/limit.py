"""Limit the processor time of a block of work: it is interrupted after so many seconds of this process."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AT_ONCE = 1e-6  # seconds: the shortest time that sets a timer (0 would stop it)
SOON = 1e-3  # seconds until a callback of the garbage collector is over
AGAIN = 1.0  # seconds until a block that went on regardless is interrupted once more


class OutOfTime(BaseException):
    """The block took too long. No `Exception`: nothing inside the block takes it for a failure of its own."""


@contextmanager
def limited_work(seconds: float) -> Iterator[None]:
    """Raise OutOfTime inside the block when it has used so many seconds of the processor (inf: never).

    Blocks may stand in one another: each ends at its own limit, and an inner one no later than the outer one.
    Only the main thread can be interrupted, and only where the system has such a timer (not on Windows): elsewhere there is no limit.
    """
    if seconds == float("inf") or not hasattr(signal, "ITIMER_VIRTUAL") or threading.current_thread() is not threading.main_thread():
        yield
        return
    armed, collecting = [True], [False]

    def before_others(*_: object) -> None:
        collecting[0] = True

    def after_others(phase: str, _: object) -> None:
        collecting[0] = phase == "start"

    def ring(_: int, frame: FrameType | None) -> None:
        if armed[0] and (collecting[0] or _is_in_a_destructor(frame)):
            signal.setitimer(signal.ITIMER_VIRTUAL, SOON, AGAIN)  # what is raised in there is lost
        elif armed[0]:
            raise OutOfTime

    gc.callbacks.insert(0, before_others)
    gc.callbacks.append(after_others)
    before = signal.signal(signal.SIGVTALRM, ring)
    started = _used()
    left, again = signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN)  # of the block that this one stands in; 0 where there is none
    if 0 < left < seconds:
        signal.setitimer(signal.ITIMER_VIRTUAL, left, AGAIN)
    try:
        yield
    finally:
        armed[0] = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        gc.callbacks.remove(before_others)
        gc.callbacks.remove(after_others)
        if left:
            signal.setitimer(signal.ITIMER_VIRTUAL, max(left - (_used() - started), AT_ONCE), again)


def _is_in_a_destructor(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _used() -> float:
    """The seconds of the processor that the timer counts: those outside the system's own calls."""
    return os.times().user
