"""A campaign: points of a case until a budget is spent, guided towards errors and borders; every fault is simplified once and saved as a case."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import seed as with_seed
from hypothesis.configuration import set_hypothesis_home_dir, storage_directory

from verifier.arithmetic import floats
from verifier.arithmetic.types import Ball
from verifier.blame.formula import explain
from verifier.blame.rounding.origin import origin
from verifier.case.case import OVER_LIMIT, Case
from verifier.case.components import covers
from verifier.case.points import FloatPoint, PointError, ordinal
from verifier.compare.at_point import checks_in, judged_at
from verifier.compare.check import Check, exceeds, keeps
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact.derivatives import NotDifferentiable
from verifier.language.formats import Format, format_named
from verifier.language.gates import GATES
from verifier.language.verdict import Verdict
from verifier.search.fuzz.draw_points import Bounds, bounds_of, tuples
from verifier.search.fuzz.keep import Fault, Find, find_of, save
from verifier.search.fuzz.screen import further_points, is_quick, possible_finds
from verifier.search.fuzz.simplify import WIDEST_GAP, are_joined, simplified

__all__ = ["Campaign", "Fault", "Find", "campaign", "save"]

MOST_CAUSES = 20  # of one implementation in one format: more of them are one mistake
MOST_REGIONS = 4  # of one fault
MOST_LOOKS = 8  # at points that show the same by the same branches and are in no known region
EXAMPLES_A_BLOCK = 64  # points that Hypothesis draws for each block of further ones: these add an eighth to a half of the time
MOST_POSSIBLE = 4  # points of a block at which one gradient has one verdict, in no known region: those that are looked at
MOST_MARGINS = 8  # comparisons of one implementation whose borders are sought
STRICT = (Verdict.VANISHED, Verdict.UNSTABLE)  # ill-conditioned is the problem's own, not the gradient's
LARGEST = 1100.0  # bits: what is not finite


@dataclass(frozen=True)
class Campaign:
    """What a case's campaign found; `problem` where it could not be run."""

    case: str
    finds: tuple[Find, ...] = ()
    examples: int = 0
    screened: int = 0  # further points, judged by columns
    problem: str = ""


class _TimeIsOver(Exception):
    """The search ends here."""


def campaign(case: Case, *, max_examples: int, max_time: float = math.inf, seed: int = 0, strict: bool = False, clock: Callable[[], float] = time.monotonic) -> Campaign:
    """Search a case: `max_examples` points for each implementation and format, for at most `max_time` seconds of the clock. The same `seed` gives the same finds."""
    deadline = clock() + max_time
    try:
        finds, examples, screened = [], 0, 0
        for name in case.formats:
            checks = checks_in(case, format_named(name))
            search = _FormatCampaign(case, checks, strict, seed, lambda: clock() > deadline)
            search.run(max_examples)
            finds += [find_of(case, checks, k.fault, k.point, k.region) for k in search.faults]
            examples += search.examples * len(checks)
            screened += search.screened
    except (PointError, NotDifferentiable, ValueError) as error:
        return Campaign(case.name, problem=str(error))
    return Campaign(case.name, tuple({f.text: f for f in finds}.values()), examples, screened)


@contextmanager
def _no_traces() -> Iterator[None]:
    """Hypothesis writes its caches to a folder that is removed at the end, not to the current one."""
    before: Any = storage_directory(intent_to_write=False)  # in older versions the folder itself
    with TemporaryDirectory(prefix="verifier-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(getattr(before, "home_directory", before))


@dataclass(frozen=True)
class _Sight:
    """What a point shows: of which implementation (its index), which gradient, what, and which way its comparisons go."""

    index: int
    gradient: str
    verdict: Verdict
    over: bool
    branches: tuple[bool, ...]


@dataclass(frozen=True)
class _Simplified:
    """A fault with its simplest point and its region."""

    fault: Fault
    sight: _Sight
    point: FloatPoint
    region: tuple[Bounds, ...]


@dataclass
class _FormatCampaign:
    """All implementations in one format: what is known of them."""

    case: Case
    checks: Sequence[Check]
    strict: bool
    seed: int
    is_over: Callable[[], bool]
    faults: list[_Simplified] = field(default_factory=list)
    looks: Counter[_Sight] = field(default_factory=Counter)
    examples: int = 0
    screened: int = 0

    @property
    def format(self) -> Format:
        """The format of all checks."""
        return self.checks[0].format

    def run(self, max_examples: int) -> None:
        """Look at points until the budget is spent."""
        options = settings(max_examples=max_examples, database=None, deadline=None, derandomize=False, phases=(Phase.generate, Phase.target), print_blob=False, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
        with suppress(_TimeIsOver), _no_traces():
            with_seed(self.seed)(options(given(tuples(self.case, self.format))(self.look)))()

    def look(self, point: FloatPoint) -> None:
        """Judge a point, record what is new, and tell Hypothesis how near the point is to what it does not show."""
        if self.is_over():
            raise _TimeIsOver
        self.examples += 1
        if self.examples % EXAMPLES_A_BLOCK == 0:
            self.screen(self.examples // EXAMPLES_A_BLOCK)
        guides: dict[str, float] = {}
        for k, check in enumerate(self.checks):
            run = _run_at(check, point)
            row = self.judge(k, point, run)
            for label, value in _guides(check, row, run):
                guides[f"{check.implementation}: {label}"] = max(value, guides.get(f"{check.implementation}: {label}", -LARGEST))
        for label, value in guides.items():
            target(value, label=label)

    def judge(self, index: int, point: FloatPoint, run: Sequence[float]) -> list[Discrepancy]:
        """The discrepancies of an implementation at a point; what is new is recorded."""
        check = self.checks[index]
        row = judged_at(check, point)
        for d in row:
            if self.is_find(check, d):
                self.note(_Sight(index, d.name, d.verdict, exceeds(check.limit_for(d.name), d), _branches(check, run)), d)
        return row

    def screen(self, number: int) -> None:
        """Judge a block of further points by columns, and look at those that may show something new."""
        verdicts = frozenset(v for v in Verdict if v.fails or (self.strict and v in STRICT))
        quick = [k for k, check in enumerate(self.checks) if is_quick(check)]
        columns = further_points(self.case, self.format, self.seed, number) if quick else []
        for k in quick if columns else ():
            check = self.checks[k]
            self.screened += len(columns[0])
            seen: Counter[tuple[str, Verdict]] = Counter()
            for s in possible_finds(check, columns, verdicts):
                is_known = any((f.sight.index, f.sight.gradient, f.sight.verdict) == (k, s.gradient, s.verdict) and _is_inside(s.point, f.region) for f in self.faults)
                if not is_known and seen[s.gradient, s.verdict] < MOST_POSSIBLE:
                    seen[s.gradient, s.verdict] += 1
                    self.judge(k, s.point, _run_at(check, s.point))

    def is_find(self, check: Check, d: Discrepancy) -> bool:
        """Whether a gradient is not right, and the case does not say so itself."""
        over = exceeds(check.limit_for(d.name), d)
        expected = {e.verdict for e in self.case.expect if e.implementation == check.implementation and covers(e.gradient, d.name)}
        accepted = d.verdict.value in expected or (over and OVER_LIMIT in expected)
        return not accepted and (d.verdict.fails or over or (self.strict and d.verdict in STRICT and not keeps(check.limit_for(d.name), d)))

    # ------------------------------------------------------------ what is new

    def note(self, sight: _Sight, d: Discrepancy) -> None:
        """Record the fault that a point shows, at its simplest point, unless the point lies in a region of the same fault."""
        if any(k.sight == sight and _is_inside(d.point, k.region) for k in self.faults) or self.looks[sight] >= MOST_LOOKS or len(self.faults) >= MOST_CAUSES * len(self.checks):
            return
        self.looks[sight] += 1
        check = self.checks[sight.index]
        fault = self.fault(sight, d.point)
        gap = 0 if sight.verdict.fails else WIDEST_GAP
        alike = [k for k in self.faults if k.fault.key == fault.key]
        if len(alike) >= MOST_REGIONS or any(are_joined(k.point, d.point, lambda points: self.shows_same(sight, points), fmt=self.format, gap=gap) for k in alike):
            return

        def shows(points: Sequence[FloatPoint]) -> list[bool]:
            return [good and _branches(check, _run_at(check, p)) == sight.branches for good, p in zip(self.shows_same(sight, points), points, strict=True)]

        bounds = bounds_of(self.case, self.format)
        point, region = simplified(d.point, bounds, shows, is_same=lambda p: self.fault(sight, p).key == fault.key, fmt=self.format, gap=gap)
        if all((k.fault.key, k.point) != (fault.key, point) for k in self.faults):
            self.faults.append(_Simplified(fault, sight, point, region))

    def shows_same(self, sight: _Sight, points: Sequence[FloatPoint]) -> list[bool]:
        """For each of some points, whether the same gradient has the same verdict there, on any branch."""
        check = self.checks[sight.index].alone(sight.gradient)
        return [d.verdict is sight.verdict and exceeds(check.limit_for(d.name), d) == sight.over for (d,) in compare(check, points, detail=False)]

    def fault(self, sight: _Sight, point: FloatPoint) -> Fault:
        """The fault that a point shows, with its line: of a wrong gradient the wrong one, of a lost gradient the one at which it is lost."""
        draft, check = self.case.programs.drafts[sight.index], self.checks[sight.index]
        program = check.subject.program
        line = 0
        if sight.verdict is Verdict.WRONG:
            explanations = explain.explanations(draft, [(sight.gradient, point)], fmt=check.format, upstream=check.upstream) if draft.whole is not None else []
            line = explanations[0].place.line if explanations else 0
        elif sight.verdict in (Verdict.NONFINITE, Verdict.VANISHED):
            failure = origin(program, program.names[sight.gradient], point, check.format, upstream=check.upstream)
            record = program.lines[program.steps[failure.step].line] if failure is not None and draft.whole is not None else None
            line = record.source.place(record.start).line if record is not None and record.source is not None else 0
        return Fault(check.implementation, sight.gradient, sight.verdict, line, sight.over)


def _run_at(check: Check, point: FloatPoint) -> list[float]:
    """The floats of all steps of an implementation."""
    return floats.at(check.subject.program, point, fmt=check.format, upstream=check.upstream)


def _branches(check: Check, run: Sequence[float]) -> tuple[bool, ...]:
    """Which way each comparison of an implementation goes."""
    return tuple(bool(v) for step, v in zip(check.subject.program.steps, run, strict=True) if step.gate in GATES and GATES[step.gate].boolean)


def _is_inside(point: FloatPoint, region: Sequence[Bounds]) -> bool:
    return all(low <= x <= high for x, (low, high) in zip(point, region, strict=True))


# ---------------------------------------------------------------- where to go


def _guides(check: Check, row: Iterable[Discrepancy], run: Sequence[float]) -> Iterator[tuple[str, float]]:
    """What the search climbs: errors, in bits, and how near a point is to where something changes."""
    for d in row:
        yield "ulps", _bits(d.ulps) if d.ulps is not None else 0.0
        if d.formula_error is not None and not d.formula_error.is_zero():
            yield "formula error", _bits(d.formula_error)  # wrong from 1 ulp
    sizes = [math.frexp(abs(v))[1] for v in run if not isinstance(v, bool) and v and math.isfinite(v)]
    if sizes:
        yield "overflow", float(max(sizes))
        yield "underflow", float(-min(sizes))
    compared = [s for s in check.subject.program.steps if s.gate in GATES and GATES[s.gate].boolean and not GATES[s.gate].conditions]
    for number, step in enumerate(compared[:MOST_MARGINS]):
        a, b = (float(run[i]) for i in step.args)
        if math.isfinite(a) and math.isfinite(b):
            yield f"border {number}", -math.log2(1 + abs(ordinal(a) - ordinal(b)))


def _bits(error: Ball) -> float:
    """An error in ulps as bits; what is not finite is the largest."""
    size = float(error.abs_upper())
    return math.log2(max(size, 2.0**-60)) if math.isfinite(size) else LARGEST
