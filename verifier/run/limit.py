"""A block of work that is given up after so many seconds of this process's time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN = 1.0  # seconds until a block that went on regardless is interrupted once more


class OutOfTime(BaseException):
    """The block took too long. No `Exception`: nothing inside the block takes it for a failure of its own."""


@contextmanager
def limited_work(seconds: float) -> Iterator[None]:
    """Raise OutOfTime inside the block when it has used so many seconds of the processor (inf: never).

    Only the main thread can be interrupted, and only where the system has such a timer (not on Windows): elsewhere there is no limit.
    """
    if seconds == float("inf") or not hasattr(signal, "ITIMER_VIRTUAL") or threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = [True]

    def ring(*_: object) -> None:
        if armed[0]:
            raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN)
        yield
    finally:
        armed[0] = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
