"""Shows the progress of a long sweep on the terminal: share, rate, time left. A pipe gets nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 24  # of the bar
PAUSE = 0.2  # seconds between two drawings


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
            self.stream.write("\r\x1b[K")
            self.last = 0
        elif now - self.drawn >= PAUSE:
            self.drawn = now
            self.stream.write("\r\x1b[K" + line(done, total, now - self.started))
        self.stream.flush()


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
