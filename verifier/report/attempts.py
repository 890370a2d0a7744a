"""Everything beside the verdicts (causes, proofs, diagnoses) is computed within a limit of time; what fails or takes too long costs a note and no verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from verifier.arithmetic import balls
from verifier.case.case import Case
from verifier.language.source import Place
from verifier.report.outcome import Finding
from verifier.run.cache import NO_CACHE, Cache
from verifier.run.limit import OutOfTime, limited_work

S = TypeVar("S")
T = TypeVar("T")
SECONDS = 2.0  # of the processor, for each attempt in a small case
ATTEMPTS = 2  # that may take so long: all together have no more than that
SECONDS_A_STEP = 0.001  # and point: large cases get more
MOST_SECONDS = 8.0  # for an attempt in the largest case: what takes longer is left out, so that no verdict waits for it
LEAST = 0.1  # seconds, for an attempt after all that time is spent
MESSAGE_LENGTH = 120  # characters of a failure's own text that are shown


@dataclass
class Attempts:
    """The attempts of one case, with the notes and findings about those that failed."""

    place: Place
    seconds: float = SECONDS
    raises: bool = False  # a failure is a fault of the tool and ends the run with its traceback
    spent: float = 0.0  # seconds, by all attempts so far
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    parts: dict[str, Attempts] = field(default_factory=dict)
    cache: Cache = NO_CACHE  # what earlier runs proved and diagnosed

    def of(self, owner: str) -> Attempts:
        """The attempts about one implementation: with a time of their own, so that the report on it does not depend on the others."""
        if owner not in self.parts:
            self.parts[owner] = Attempts(self.place, self.seconds, self.raises, notes=self.notes, findings=self.findings, cache=self.cache)
        return self.parts[owner]

    def make(self, what: str, work: Callable[[], T], otherwise: S, share: float = 1.0, *, is_made_of_attempts: bool = False) -> T | S:
        """The result of some work beside the verdicts; `otherwise`, and a note, where it fails or takes too long: longer than its share of the time.

        Work that is made of attempts itself has no limit of its own.
        """
        problem, start = "", time.process_time()
        seconds = max(0.0, min(share * self.seconds, ATTEMPTS * self.seconds - self.spent)) or LEAST
        if is_made_of_attempts:
            seconds = float("inf")
        with balls.precision(balls.current_precision()):  # whatever is interrupted leaves it as it was
            try:
                with limited_work(seconds):
                    return work()
            except OutOfTime:
                problem = f"it took more than {seconds:.3g} s"
            except MemoryError:
                raise  # which may be that of the process, not of the case
            except Exception as error:
                if self.raises:
                    raise
                problem = f"the tool failed with {_named(error)}; please report it"
            finally:
                self.spent += 0.0 if is_made_of_attempts else time.process_time() - start
        self.notes += [note for note in [f"left out: {what}: {problem}; the verdicts do not depend on it"] if note not in self.notes]
        return otherwise

    def check(self, what: str, work: Callable[[], list[T]]) -> list[T]:
        """The results of a check that may fail the case; none, and an error, where the tool fails: what is not checked does not pass."""
        try:
            return work()
        except MemoryError:
            raise
        except Exception as error:
            if self.raises:
                raise
            message = f"not checked completely: {what}: the tool failed with {_named(error)}; please report it"
            self.findings.append(Finding("V003", "unfinished-case", "error", message, self.place))
            return []


def attempts_for(case: Case, *, raises: bool = False, cache: Cache = NO_CACHE) -> Attempts:
    """The attempts of a case, with the time that its size asks for."""
    steps = sum(len(d.whole if d.whole is not None else d.forward) for d in case.programs.drafts) * max(1, len(case.points)) * len(case.formats)
    return Attempts(case.place, min(MOST_SECONDS, max(SECONDS, SECONDS_A_STEP * steps)), raises, cache=cache)


def _named(error: Exception) -> str:
    text = " ".join(str(error).split())
    return type(error).__name__ + (f" ({text[:MESSAGE_LENGTH]})" if text else "")
