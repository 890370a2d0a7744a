"""What the coverage of a framework is made of: a row for every callable, kept as it is had, and the tables of docs/frameworks.md."""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from verifier.callable.cases import case_of
from verifier.callable.computed import Calls
from verifier.callable.question import Question, pattern, rounded
from verifier.callable.report import report_of
from verifier.case import points
from verifier.compare.check import checks_of
from verifier.compare.compare import compare
from verifier.compare.meant import meant_in
from verifier.compare.trust import Disagreement, disagreements
from verifier.exact.truth import truth_of
from verifier.language.formats import Format, format_named
from verifier.run.limit import OutOfTime, limited_work
from verifier.search.hunt import hunted_in
from verifier.trace.record import Callee, Refusal, Trace, Values

PAGE = Path(__file__).resolve().parent.parent / "docs" / "frameworks.md"
RANK = ("no sample", "traced", "refused", "sampled", "wrong")  # of several samples the last one counts
ORDER = ("traced", "sampled", "wrong", "refused", "no sample")  # of the table
BAD = ("wrong", "nonfinite", "vanished", "unstable")  # verdicts of the list of faults, the worst first
SHOWN = 4  # numbers of a point
BUDGET = 1_000  # points that a hunt may judge
SILENT = ("undefined", "subgradient")  # verdicts without an error in ulps that says something


@dataclass
class Fault:
    """A gradient of a released library that is wrong, vanished, nonfinite or unstable, at a point that shows it."""

    verdict: str
    format: str
    ulps: float | None
    point: str
    cause: str = ""


@dataclass
class Row:
    """What one callable came to."""

    name: str
    status: str = "no sample"
    ulps: dict[str, float] = field(default_factory=dict)  # the worst at its samples, by format
    hunted: dict[str, float] = field(default_factory=dict)  # the worst at the points of its own hunt, by format
    verdicts: dict[str, int] = field(default_factory=dict)  # at the samples
    faults: list[Fault] = field(default_factory=list)  # the worst of every verdict and format
    why: str = ""
    seconds: float = 0.0

    def enter(self, judged: Judged, kind: str) -> None:
        """Enter what was found at the points of a sample."""
        status = "wrong" if judged.basis == "traced" and any(d.verdict.value == "wrong" for d in judged.found) else judged.basis
        self.status = max(self.status, status, key=RANK.index)
        self.why = self.why or judged.why
        for d in judged.found:
            self.verdicts[d.verdict.value] = self.verdicts.get(d.verdict.value, 0) + 1
            self._fault(d.verdict.value, kind, _ulps(d), judged.at(d.point))
            if d.verdict.value not in SILENT:
                self.ulps[kind] = max(self.ulps.get(kind, 0.0), _ulps(d) or 0.0)
        for r in judged.regions:
            self._fault(r.verdict.value, kind, r.ulps, judged.at(r.point), r.cause)
            if math.isfinite(r.ulps) and r.verdict.value not in SILENT:
                self.hunted[kind] = max(self.hunted.get(kind, 0.0), r.ulps)

    def _fault(self, verdict: str, kind: str, error: float | None, point: str, cause: str = "") -> None:
        if verdict not in BAD:
            return
        known = next((f for f in self.faults if (f.verdict, f.format) == (verdict, kind)), None)
        if known is not None and (known.ulps or math.inf) >= (error or math.inf):
            return
        self.faults = [f for f in self.faults if f is not known]
        self.faults.append(Fault(verdict, kind, error if error is not None and math.isfinite(error) else None, point, cause))


# ---------------------------------------------------------------- judging


@dataclass(frozen=True)
class Judged:
    """What was found of a callable in a format."""

    basis: str  # traced, sampled or refused
    names: tuple[str, ...] = ()  # of the inputs of the program
    found: tuple[Any, ...] = ()  # the discrepancies
    regions: tuple[Any, ...] = ()  # of its hunt
    why: str = ""

    def at(self, point: Sequence[float]) -> str:
        """A point as a text."""
        pairs = [f"{n} = {x!r}" for n, x in zip(self.names, point, strict=False)]
        return ", ".join(pairs[:SHOWN]) + (", ..." if len(pairs) > SHOWN else "")


def judge(callee: Callee, values: Values, fmt: Format, *, hunt: bool = False) -> Judged:
    """A callable at a point, and at the points of its own hunt: the verdicts alone, without the blame and the proofs of a report."""
    values = {n: rounded(v, fmt) for n, v in values.items()}
    flows = {o: rounded(rounded(pattern(s, k), format_named(callee.narrow.get(o, fmt.name))), fmt) for k, (o, s) in enumerate(callee.upstreams.items())}
    question = Question(callee, values, flows, (fmt.name,))
    try:
        trace = callee.trace(values, flows, fmt)
    except Refusal as refusal:
        return _opaque(question, fmt, f"{refusal.place or ''}: {refusal.what}".removeprefix(": "))
    doubts = disagreements(trace, fmt)
    if doubts and not all(d.explains(fmt) for d in doubts):
        return _opaque(question, fmt, f"the trace is not believed: {doubts[0].what} gives {doubts[0].framework!r}, the trace {doubts[0].trace!r}")
    case = case_of(question, trace, fmt)
    ((_, (own,)),) = checks_of(case, truth_of(case.programs.truth))
    check = replace(own, computed=Calls(callee, trace.claims, trace.program.inputs, fmt, rows={trace.point: trace.computed}))
    found = tuple(d for row in compare(check, [trace.point]) for d in row)
    regions: tuple[Any, ...] = ()
    if hunt and not trace.branches:
        regions = tuple(hunted_in(check, points.boxes(case, fmt), seed=callee.name, budget=BUDGET, meant=meant_in(case, fmt)).regions)
    return Judged("traced", trace.program.inputs, found, regions, _doubts(trace, doubts, fmt))


def _doubts(trace: Trace, doubts: Sequence[Disagreement], fmt: Format) -> str:
    """The kernel that loses the most digits, where one does."""
    del trace
    worst = min(doubts, key=lambda d: d.bits, default=None)
    return "" if worst is None else f"{fmt.name}: a kernel loses digits: {worst.what} gives {worst.framework!r} for {worst.trace!r}"


def _opaque(question: Question, fmt: Format, why: str) -> Judged:
    """By the ladder of formats, where the forward pass was had."""
    try:
        report = report_of(question)
    except Exception as error:  # noqa: BLE001 - the framework has no kernel in one of the formats of the ladder
        return Judged("refused", why=f"{fmt.name}: not traced: {why}; {type(error).__name__}")
    return Judged("refused" if report.status == "error" else "sampled", (), tuple(r for r in report.results), (), f"not traced: {why}")


def _ulps(found: Any) -> float | None:
    """The error of a discrepancy, or of a result of a report, as a number."""
    error = found.error if hasattr(found, "error") else None if found.ulps is None else float(found.ulps.abs_upper())
    return error if error is not None and math.isfinite(error) else None


# ---------------------------------------------------------------- rows that are had already


def known_rows(state: Path | None, version: str) -> dict[str, Row]:
    """The rows of an earlier run with the same version of the framework."""
    if state is None or not state.exists():
        return {}
    found = {}
    for line in state.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        key = data.pop("key")
        if data.pop("version") == version:
            found[key] = Row(**{**data, "faults": [Fault(**f) for f in data["faults"]]})
    return found


def keep(state: Path | None, version: str, row: Row, key: str = "") -> None:
    """Add a row to those of this run; `key` is its name in the list where that is another one."""
    if state is not None:
        with state.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"version": version, "key": key or row.name, **asdict(row)}) + "\n")


def timed(row: Row, work: Callable[[], None], seconds: int) -> Row:
    """A row that some work fills, within a time of the processor; what it has by then stays."""
    begin = time.process_time()
    try:
        with limited_work(seconds):
            work()
    except OutOfTime:
        if row.status == "no sample":
            row.status, row.why = "refused", f"more than {seconds} s"
    row.seconds = round(time.process_time() - begin, 2)
    return row


# ---------------------------------------------------------------- the page


def figure(value: float | None) -> str:
    """An error in ulps with three digits."""
    return "" if value is None else f"{value:.3g}"


def table(rows: list[Row], formats: tuple[str, ...], hunted: tuple[str, ...]) -> str:
    """The table of all callables: traced or not, the worst errors of samples and of hunts."""
    heads = ["callable", "basis", *(f"samples, {f}" for f in formats), *(f"hunt, {f}" for f in hunted), "verdicts at the samples", "why not traced"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for r in sorted((r for r in rows if r.status != "no sample"), key=lambda r: (ORDER.index(r.status), r.name)):
        basis = "traced" if r.status == "wrong" else r.status
        counts = ", ".join(f"{v} {n}" for v, n in sorted(r.verdicts.items(), key=lambda pair: -pair[1]))
        why = "" if r.status in ("traced", "wrong") else plain(r.why)
        lines.append("| " + " | ".join([f"`{r.name}`", basis, *(figure(r.ulps.get(f)) for f in formats), *(figure(r.hunted.get(f)) for f in hunted), counts, why]) + " |")
    return "\n".join(lines)


def faults(rows: list[Row]) -> str:
    """The list of what is wrong, nonfinite, vanished or unstable in the released library, of each function and verdict the widest format that shows it; what is `sampled` is inferred."""
    sampled = {r.name for r in rows if r.status == "sampled"}
    lines = ["| callable | verdict | formats | ulps | at | cause |", "|---|---|---|---|---|---|"]
    found = []
    for row in rows:
        if row.status not in ("traced", "wrong", "sampled"):
            continue
        for verdict in BAD:
            own = [f for f in row.faults if f.verdict == verdict]
            if own:
                own.sort(key=lambda f: ("float64", "float32", "float16", "bfloat16").index(f.format))
                found.append((BAD.index(verdict), row.name, own))
    for rank, name, own in sorted(found, key=lambda f: f[:2]):
        worst = own[0]
        lines.append(f"| `{name}` | {BAD[rank]}{', inferred' if name in sampled else ''} | {', '.join(f.format for f in own)} | {figure(worst.ulps)} | {plain(worst.point)} | {plain(_caused(name, worst.cause))} |")
    return "\n".join(lines)


def _caused(name: str, cause: str) -> str:
    """A cause, in which the call of this benchmark is that of the callable."""
    return re.sub(r"(op\.op|function|call)\((?:x|\*\w+)[^`]*\)", f"{name.rpartition('.')[2]}(x)", cause)


def plain(text: str) -> str:
    """A text as a cell of a table: no paths, no bars, one line."""
    return re.sub(r"\S*/([\w.]+:\d+)(:\d+)?", r"\1", text).replace("|", "\\|").replace("\n", " ")[:160]


def counted(rows: list[Row]) -> Counter[str]:
    """How many callables came to what."""
    return Counter(r.status for r in rows)


def write(name: str, text: str) -> None:
    """Put a part into the page, between its marks."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    page = PAGE.read_text(encoding="utf-8")
    if begin not in page:
        raise SystemExit(f"{PAGE.name} has no place for {name}: {begin}")
    before, _, rest = page.partition(begin)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
