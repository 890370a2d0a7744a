"""Shows on the terminal how far a command is: the cases that are done, of a long sweep share, rate, time left. A pipe gets nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from verifier.report.draw.deliver import visible
from verifier.report.draw.paint import columns_of

WIDTH = 24  # of the bar
PAUSE = 0.2  # seconds between two drawings
FIRST = 0.4  # seconds that a command may take before it says how far it is: with its start about one
BEAT = 0.5  # seconds between two drawings of the cases
WIPE = "\r\x1b[K"
COLUMNS = 80  # where the terminal does not say


def progress_on(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Callable[[int, int], None] | None:
    """A function that draws progress on a stream; None where the stream is no terminal."""
    return _Bar(stream, clock).draw if stream.isatty() else None


class _Bar:
    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self.stream = stream
        self.clock = clock
        self.started = clock()
        self.first = 0  # points that were done at the start
        self.last = 0
        self.drawn = -PAUSE

    def draw(self, done: int, total: int) -> None:
        """Draw where the last drawing is old enough; wipe the line at the end."""
        now = self.clock()
        if done <= self.last:  # the next sweep
            self.started, self.first, self.drawn = now, 0, -PAUSE
        self.last = done
        if done >= total:
            self.stream.write(WIPE)
            self.last = 0
        elif now - self.drawn >= PAUSE:
            self.drawn = now
            self.stream.write(WIPE + line(done, total, now - self.started))
        self.stream.flush()


class Live:
    """One line on standard error about the cases of a command, where that is a terminal; without a stream nothing is drawn."""

    def __init__(self, names: Sequence[str], stream: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.names, self.stream, self.clock = names, stream, clock
        self.started, self.done = clock(), 0
        self.points = progress_on(stream, clock) if stream is not None else None  # of a sweep
        self._is_shown = self._is_hidden = False

    def next(self) -> None:
        """One more case is done."""
        self.done += 1
        self.draw()

    def draw(self) -> None:
        """Draw the line, if the command takes long and nobody else is writing."""
        seconds = self.clock() - self.started
        if self.stream is None or self._is_hidden or seconds < FIRST or self.done >= len(self.names):
            return
        self._write(WIPE + of_cases(self.names, self.done, seconds, (columns_of(self.stream) or COLUMNS) - 1))
        self._is_shown = True

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Wipe the line while something else is written."""
        self._is_hidden = True
        if self._is_shown:
            self._write(WIPE)
            self._is_shown = False
        try:
            yield
        finally:
            self._is_hidden = False

    def _write(self, text: str) -> None:
        """Past the stream's buffer, which whoever is interrupted may be writing to."""
        with contextlib.suppress(OSError, ValueError):
            if self.stream is not None:
                os.write(self.stream.fileno(), text.encode(self.stream.encoding or "utf-8", "replace"))


@contextmanager
def live(names: Sequence[str], stream: TextIO | None) -> Iterator[Live]:
    """The line about the cases of these names, drawn twice a second from the first half second on (on Windows when a case is done); wiped at the end."""
    shown = Live(names, stream if stream is not None and stream.isatty() else None)
    has_timer = shown.stream is not None and hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()

    def ring(_: int, __: FrameType | None) -> None:
        shown.draw()

    before = signal.signal(signal.SIGALRM, ring) if has_timer else None
    if has_timer:
        signal.setitimer(signal.ITIMER_REAL, FIRST, BEAT)
    try:
        yield shown
    finally:
        if has_timer:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        with shown.hidden():
            pass


def of_cases(names: Sequence[str], done: int, seconds: float, columns: int) -> str:
    """One line about the cases of a command, no longer than the terminal is wide.

    >>> of_cases(["a", "b", "sigmoid neuron", "d"], 2, 3.4, 80)
    '2 of 4 cases  3 s  at sigmoid neuron'
    >>> of_cases(["sigmoid neuron"], 0, 70.0, 20)
    '1 min 10 s  at sigmo'
    """
    share = f"{done:,} of {len(names):,} cases  " if len(names) > 1 else ""
    return f"{share}{duration(seconds)}  at {visible(names[done])}"[:columns]


def line(done: int, total: int, seconds: float) -> str:
    """One line.

    >>> line(1_500_000, 6_000_000, 3.0)
    '[######                  ] 25 %  1,500,000 of 6,000,000  500,000/s  9 s left'
    """
    full = WIDTH * done // total
    rate = done / seconds if seconds > 0 else 0.0
    left = f"  {duration((total - done) / rate)} left" if rate else ""
    return f"[{'#' * full}{' ' * (WIDTH - full)}] {100 * done // total} %  {done:,} of {total:,}  {rate:,.0f}/s{left}"


def duration(seconds: float) -> str:
    """Seconds, minutes, hours.

    >>> [duration(s) for s in (9.4, 100, 7300)]
    ['9 s', '1 min 40 s', '2 h 1 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
