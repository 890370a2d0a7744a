"""The tool fuzzed: random cases are held against its laws; an example that breaks one, or crashes, or takes too long, is shrunk and saved."""

from __future__ import annotations

import contextlib
import hashlib
import math
import signal
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis.errors import Unsatisfiable

from tests.laws.law import Broken, Law
from tests.laws.table import LAWS
from verifier.case.load import load_text
from verifier.case.points import PointError
from verifier.exact.derivatives import NotDifferentiable
from verifier.run.chunks import Lost
from verifier.run.workers import Workers

CHUNK = 20  # examples of a law in one item of work, its turn
SHARE = 10.0  # seconds of CPU time that the turns of a law take which are handed out at once,
TURNS = 40  # and their number, at most
MOST_FINDS = 20  # of one law: more of them are one bug
NAME_LENGTH = 12  # characters of the hash that names a file
SHRINKING = 60  # seconds of CPU time in which a find is made smaller
SEARCH = (Phase.generate, Phase.shrink)
REFUSED = (PointError, NotDifferentiable)  # a point beyond the format, an order that depends on an input: the text says nothing about the law


class TooSlow(BaseException):
    """An example that took longer than it may: not caught by whoever expects failures."""


@dataclass(frozen=True)
class LawFind:
    """A text that breaks a law, and how; `name` is the file it is saved in: a case, or a text that is none."""

    law: str
    message: str
    text: str

    @property
    def name(self) -> str:
        """A hash of the content; not *.yaml where the text cannot be read as a case."""
        return f"{hashlib.sha256(self.text.encode()).hexdigest()[:NAME_LENGTH]}{'.txt' if load_text(self.text).complaints else '.yaml'}"


@dataclass(frozen=True)
class Held:
    """How a law held: examples tried, those that compared nothing, comparisons made, the CPU time of all and of the slowest, and what broke it."""

    law: str
    examples: int = 0
    idle: int = 0
    comparisons: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    finds: tuple[LawFind, ...] = ()


@dataclass
class _Search:
    law: Law
    deadline: float
    examples: int = 0
    idle: int = 0
    comparisons: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    shrunk: float = 0.0
    slow: list[LawFind] = field(default_factory=list)
    cause: tuple[str, ...] = ()
    shown: LawFind | None = None

    def look(self, text: str) -> None:
        """Hold a text against the law; raises what breaks it. While shrinking, only what breaks it in the same place."""
        shrinking = self.shown is not None
        if (self.shrunk > SHRINKING) if shrinking else (time.time() > self.deadline):
            return
        start, count = time.process_time(), 0
        try:
            with _limited(self.law.seconds):
                count = self.law.check(text)
        except TooSlow as error:
            if not shrinking:
                self.slow.append(LawFind(self.law.name, str(error), text))
        except REFUSED:
            pass
        except Exception as error:  # a crash is what is looked for
            cause = _cause(error)
            if not shrinking or cause == self.cause:
                self.cause, self.shown = cause, LawFind(self.law.name, _message(error), text)
                raise
        finally:
            spent = time.process_time() - start
            if shrinking:
                self.shrunk += spent
            else:
                self.examples += 1
                self.idle += count == 0
                self.comparisons += count
                self.seconds += spent
                self.slowest = max(self.slowest, spent)


def _cause(error: Exception) -> tuple[str, ...]:
    """What makes two breaks one: the exception, and the place that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return type(error).__name__, last.filename, str(last.lineno)


def _message(error: Exception) -> str:
    if isinstance(error, Broken):
        return str(error)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "verifier" in Path(f.filename).parts]
    where = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"the tool crashed: {type(error).__name__}: {error}{where}"


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise TooSlow in a block that takes more CPU time (where the system has such a timer, and in the main thread)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> NoReturn:
        raise TooSlow(f"it takes more than {seconds} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def run(
    names: Sequence[str] = (), *, workers: Workers, max_examples: int, max_time: float = math.inf, seed: int = 0, report: Callable[[LawFind], None] = lambda _: None
) -> list[Held]:
    """Hold the laws of those names (none: all) against `max_examples` cases each; the same `seed` draws the same. `report` is called with each find at once.

    The laws take turns. Of those that take little time more are handed out at once, so that with `max_time` (seconds) each has its share.
    """
    deadline = time.time() + max_time
    held = {name: Held(name) for name in names or LAWS}
    left = {name: range(-(-max_examples // CHUNK)) for name in held}
    work = partial(_chunk, seed=seed, most=max_examples, deadline=deadline)
    while any(left.values()) and time.time() <= deadline:
        turns = {name: left[name][: _turns(held[name])] for name in held}
        left = {name: left[name][len(turns[name]) :] for name in held}
        items = sorted(((name, turn) for name in held for turn in turns[name]), key=lambda item: item[1] - turns[item[0]][0])
        for (name, turn), results in zip(items, workers.run(work, items), strict=True):
            for found in results:
                one = Held(name, finds=(LawFind(name, f"turn {turn} of seed {seed} is lost: {found.reason}", ""),)) if isinstance(found, Lost) else found
                known = {f.text for f in held[name].finds}
                held[name] = _joined(held[name], one)
                for find in held[name].finds:
                    if find.text not in known:
                        report(find)
    return list(held.values())


def _turns(held: Held) -> int:
    """How many turns of a law take about the time that each law gets at once."""
    a_turn = CHUNK * held.seconds / held.examples if held.examples else SHARE
    return max(1, min(TURNS, int(SHARE / a_turn))) if a_turn else TURNS


def _chunk(item: tuple[str, int], *, seed: int, most: int, deadline: float) -> Held:
    """Some examples of one law, until it breaks: its turn."""
    name, turn = item
    size = min(CHUNK, most - turn * CHUNK)
    search = _Search(LAWS[name], deadline)
    options = settings(max_examples=size, database=None, deadline=None, derandomize=False, phases=SEARCH, print_blob=False, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
    look = with_seed(zlib.crc32(f"{name} {seed} {turn}".encode()))(options(given(LAWS[name].texts())(search.look)))
    try:
        look()
    except Unsatisfiable:
        pass  # nothing was drawn: the count says so
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a find
        if search.shown is None:
            search.shown = LawFind(name, f"nothing could be drawn: {_message(error)}", "")
    finds = [*search.slow, *([search.shown] if search.shown is not None else [])]
    return Held(name, search.examples, search.idle, search.comparisons, search.seconds, search.slowest, tuple(finds))


def _joined(a: Held, b: Held) -> Held:
    finds = tuple({f.text: f for f in (*a.finds, *b.finds)}.values())[:MOST_FINDS]
    return Held(a.law, a.examples + b.examples, a.idle + b.idle, a.comparisons + b.comparisons, a.seconds + b.seconds, max(a.slowest, b.slowest), finds)


def save(find: LawFind, folder: str) -> Path:
    """Write what broke a law to its file under a folder; the path."""
    path = Path(folder) / find.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(find.text.encode("utf-8", "surrogatepass"))
    return path
