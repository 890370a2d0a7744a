"""The difference of two reports in JSON: what got better, what got worse, what is new and what is gone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from verifier.case.components import base
from verifier.language.source import CampaignError
from verifier.language.user_files import content_of
from verifier.language.verdict import Verdict
from verifier.report.baseline import OF_VERDICTS, without_numbers
from verifier.report.bound_words import OPEN, PROVED, REFUTED, in_unit, meant_text, upward
from verifier.report.report_schema import VERSION
from verifier.report.worst import MORE, GradientName, Worst, together

BAD = {"passed": 0, "skipped": 0, "failed": 1, "error": 2}  # how bad a status is
OUTCOMES = (PROVED, OPEN, REFUTED)  # of a claim, from good to bad
CaseName = tuple[str, str, int]  # its file, its name, and which of the cases of that name it is


class BoundName(NamedTuple):
    """A gradient whose error is bounded in a box, in one of the units; of an array all components together."""

    gradient: GradientName
    unit: str
    box: str

    def __str__(self) -> str:
        return f"{self.gradient} for all {self.box}"


@dataclass(frozen=True, slots=True)
class WidestBound:
    """The worst outcome of the components, and their largest bound (inf where one has none), as it is printed."""

    outcome: str
    bound: float
    text: str

    def joined(self, other: WidestBound) -> WidestBound:
        """The worse of both, of each figure."""
        larger = max(self, other, key=lambda b: b.bound)
        return WidestBound(max(self.outcome, other.outcome, key=OUTCOMES.index), larger.bound, larger.text)

    def is_worse_than(self, before: WidestBound) -> bool:
        """A worse outcome, or a bound that is more than twice as large."""
        return OUTCOMES.index(self.outcome) > OUTCOMES.index(before.outcome) or self.bound > MORE * before.bound

    def __str__(self) -> str:
        return f"{self.outcome}, {self.text}"


@dataclass(frozen=True, slots=True)
class CaseInReport:
    """What of a case is compared: its status, the worst of each gradient and its bounds, its findings that count with their messages."""

    name: str
    status: str
    worst: dict[GradientName, Worst]
    bounds: dict[BoundName, WidestBound]
    errors: dict[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Changes:
    """Sentences about what changed; each begins with the file and the name of a case."""

    worse: tuple[str, ...] = ()
    better: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    compared: int = 0  # gradients in both reports


def read(path: str) -> dict[CaseName, CaseInReport]:
    """The cases of a report in JSON. Raises CampaignError."""
    try:
        content = json.loads(content_of(path))  # in UTF-8 or UTF-16, with or without a byte order mark: what a shell wrote
        if (version := str(content["schema"])).partition(".")[0] != VERSION.partition(".")[0]:
            raise CampaignError(f"'{path}' is a report of version {version} of the schema, and this tool reads version {VERSION}; write it anew with this tool")
        found: dict[CaseName, CaseInReport] = {}
        for case in content["cases"]:
            file, name, number = case["file"], case["name"], 1
            while (file, name, number) in found:
                number += 1
            found[file, name, number] = _case(case, f"{file}: {name}{f' ({number})' if number > 1 else ''}")
    except OSError as error:
        raise CampaignError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CampaignError(f"'{path}' is not a report in JSON; write one with python -m verifier PATH... --format json=REPORT.json") from None
    return found


def _case(case: dict[str, Any], name: str) -> CaseInReport:
    errors = {_finding(f): f["message"] for f in case["findings"] if f["severity"] == "error" and not f["expected"]}
    return CaseInReport(name, case["status"], together(_rows(case)), together(_bounds(case)), errors)


def _bounds(case: dict[str, Any]) -> Iterator[tuple[BoundName, WidestBound]]:
    for b in case.get("bounds", ()):
        name = BoundName(_name(b), b["unit"], meant_text(tuple((n, low, high) for n, (low, high) in b["box"].items()), b.get("listed", {}), b.get("given", "")))
        stated = b["bound"] is not None
        yield name, WidestBound(b["outcome"], float(b["bound"]) if stated else math.inf, f"at most {in_unit(upward(b['bound']), b['unit'])}" if stated else "no bound")


def _finding(f: dict[str, Any]) -> tuple[str, ...]:
    """What names a finding in both reports: nothing that changes with the figures."""
    is_of_verdict = f["code"] in OF_VERDICTS and f["code"] != Verdict.WRONG.code
    line = "" if is_of_verdict else without_numbers(f["statement"] or ("" if f["gradient"] else f["message"]))
    return (f["code"], f["implementation"], *sorted({base(g) for g in f["gradients"]}), line)


def _rows(case: dict[str, Any]) -> Iterator[tuple[GradientName, Worst]]:
    for r in case["results"]:
        yield _name(r), Worst(Verdict(r["verdict"]), _ulps(r))
    for s in case["sweeps"]:
        for verdict in s["verdicts"]:
            yield _name(s), Worst(Verdict(verdict), 0.0)
        if s["worst"] is not None:
            yield _name(s), Worst(Verdict(s["worst"]["verdict"]), _ulps(s["worst"]))
    for r in case.get("regions", ()):
        yield _name(r), Worst(Verdict(r["verdict"]), 0.0)


def _name(row: dict[str, Any]) -> GradientName:
    return GradientName(row["implementation"], base(row["gradient"]), row["format"])


def _ulps(result: dict[str, Any]) -> float:
    """The ulps of a result; where none are stated 0 for what passes or is undefined, and inf for the rest."""
    if result["ulps"] is not None:
        return abs(float(result["ulps"]))
    verdict = Verdict(result["verdict"])
    return 0.0 if verdict.passes or verdict is Verdict.UNDEFINED else math.inf


def between(old: dict[CaseName, CaseInReport], new: dict[CaseName, CaseInReport]) -> Changes:
    """What changed from one report to another."""
    worse: list[str] = []
    better: list[str] = []
    fresh = [f"{c.name}: {c.status}" for key, c in new.items() if key not in old]
    gone = [f"{c.name}: was {c.status}" for key, c in old.items() if key not in new]
    compared = 0
    for key, now in new.items():
        if key not in old:
            continue
        before = old[key]
        if BAD.get(now.status, 2) != BAD.get(before.status, 2):
            (worse if BAD.get(now.status, 2) > BAD.get(before.status, 2) else better).append(f"{now.name}: was {before.status}, is {now.status}")
        compared += len((now.worst.keys() & before.worst.keys()) | {n.gradient for n in now.bounds.keys() & before.bounds.keys()})
        for name, was, now_is in (*_in_both(before.worst, now.worst), *_in_both(before.bounds, now.bounds)):
            if now_is.is_worse_than(was):
                worse.append(f"{now.name}: {name}: was {was}, is {now_is}")
            elif was.is_worse_than(now_is):
                better.append(f"{now.name}: {name}: was {was}, is {now_is}")
        fresh += _only(now, now.worst.keys() - before.worst.keys(), now.worst)
        gone += _only(now, before.worst.keys() - now.worst.keys(), before.worst)
        worse += [f"{now.name}: {finding[0]} {message}" for finding, message in now.errors.items() if finding not in before.errors and not _is_told(finding, now, before)]
        better += [f"{now.name}: no longer {finding[0]} {message}" for finding, message in before.errors.items() if finding not in now.errors and not _is_told(finding, before, now)]
    return Changes(tuple(sorted(worse)), tuple(sorted(better)), tuple(sorted(fresh)), tuple(sorted(gone)), compared)


def _in_both(before: Mapping[Any, Any], now: Mapping[Any, Any]) -> list[tuple[Any, Any, Any]]:
    """What both reports say something of, with what the one and the other say."""
    return [(name, before[name], now[name]) for name in now.keys() & before.keys()]


def _only(case: CaseInReport, names: Iterable[GradientName], worst: dict[GradientName, Worst]) -> list[str]:
    return [f"{case.name}: {name}: {worst[name]}" for name in names]


def _is_told(finding: tuple[str, ...], there: CaseInReport, elsewhere: CaseInReport) -> bool:
    """Whether a finding that only one of two reports has follows from a gradient that is worse there, or that only one of them has."""
    names = [n for n in there.worst if n.implementation == finding[1] and n.gradient in finding[2:-1]]
    return any(n not in elsewhere.worst or there.worst[n].is_worse_than(elsewhere.worst[n]) for n in names)
