"""What the coverage of a framework is made of: a row for every callable, kept as it is had, and the tables of docs/frameworks.md."""

from __future__ import annotations

import json
import math
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "frameworks.md"
RANK = ("no sample", "traced", "refused", "sampled", "wrong")  # of several samples the last one counts
ORDER = ("traced", "sampled", "wrong", "refused", "no sample")  # of the table
BAD = ("wrong", "nonfinite", "vanished", "unstable")  # verdicts of the list of faults, the worst first
SILENT = ("undefined", "subgradient")  # verdicts without an error in ulps that says something


class TooLongError(Exception):
    """A callable that took longer than it may."""


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

    def enter(self, report: Any, kind: str) -> None:
        """Enter the report of a sample."""
        status = "sampled" if report.basis == "sampled" else "wrong" if any(r.verdict.value == "wrong" for r in report.results) else "traced"
        if report.basis == "sampled" and report.status == "error":
            status = "refused"
        self.status = max(self.status, status, key=RANK.index)
        if status != "traced":
            notes = [n for n in report.notes if n.startswith(("not traced", "the trace is not believed"))]
            self.why = self.why or next(iter([*notes, *(f.message for f in report.findings)]), "")
        for result in report.results:
            self.verdicts[result.verdict.value] = self.verdicts.get(result.verdict.value, 0) + 1
            self._fault(result, kind)
            if result.error is not None and math.isfinite(result.error) and result.verdict.value not in SILENT:
                self.ulps[kind] = max(self.ulps.get(kind, 0.0), result.error)

    def enter_hunt(self, report: Any, kind: str) -> None:
        """Enter the report of a hunt."""
        causes = {r.verdict.value: r.cause for r in report.regions if r.cause}
        for result in report.results:
            self._fault(result, kind, causes.get(result.verdict.value, ""))
            if result.error is not None and math.isfinite(result.error) and result.verdict.value not in SILENT:
                self.hunted[kind] = max(self.hunted.get(kind, 0.0), result.error)

    def _fault(self, result: Any, kind: str, cause: str = "") -> None:
        verdict = result.verdict.value
        if verdict not in BAD:
            return
        error = result.error if result.error is not None and math.isfinite(result.error) else None
        known = next((f for f in self.faults if (f.verdict, f.format) == (verdict, kind)), None)
        if known is not None and (known.ulps or math.inf) >= (error or math.inf):
            return
        self.faults = [f for f in self.faults if f is not known]
        point = ", ".join(f"{n} = {x}" for n, x in list(result.point)[:4]) + (", ..." if len(result.point) > 4 else "")
        self.faults.append(Fault(verdict, kind, error, point, cause))


# ---------------------------------------------------------------- rows that are had already


def known_rows(state: Path | None, version: str) -> dict[str, Row]:
    """The rows of an earlier run with the same version of the framework."""
    if state is None or not state.exists():
        return {}
    found = {}
    for line in state.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        if data.pop("version") == version:
            found[data["name"]] = Row(**{**data, "faults": [Fault(**f) for f in data["faults"]]})
    return found


def keep(state: Path | None, version: str, row: Row) -> None:
    """Add a row to those of this run."""
    if state is not None:
        with state.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"version": version, **asdict(row)}) + "\n")


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raise TooLongError in what takes longer."""

    def stop(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def timed(row: Row, work: Callable[[], None], seconds: int) -> Row:
    """A row that some work fills, within a time; what it has by then stays."""
    begin = time.perf_counter()
    try:
        with limit(seconds):
            work()
    except TooLongError:
        if row.status == "no sample":
            row.status, row.why = "refused", f"more than {seconds} s"
    row.seconds = round(time.perf_counter() - begin, 2)
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
    """The list of what is wrong, nonfinite, vanished or unstable in the released library: of each function and verdict the widest format that shows it."""
    lines = ["| callable | verdict | formats | ulps | at | cause |", "|---|---|---|---|---|---|"]
    found = []
    for row in rows:
        if row.status not in ("traced", "wrong"):
            continue
        for verdict in BAD:
            own = [f for f in row.faults if f.verdict == verdict]
            if own:
                own.sort(key=lambda f: ("float64", "float32", "float16", "bfloat16").index(f.format))
                found.append((BAD.index(verdict), row.name, own))
    for rank, name, own in sorted(found, key=lambda f: f[:2]):
        worst = own[0]
        lines.append(f"| `{name}` | {BAD[rank]} | {', '.join(f.format for f in own)} | {figure(worst.ulps)} | {plain(worst.point)} | {plain(worst.cause)} |")
    return "\n".join(lines)


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
