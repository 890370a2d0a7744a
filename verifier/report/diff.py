"""The difference of two reports in JSON: what got better, what got worse, what is new and what is gone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from verifier.case.components import base
from verifier.language.source import CampaignError
from verifier.language.user_files import content_of
from verifier.language.verdict import Verdict
from verifier.report.baseline import OF_VERDICTS, without_numbers
from verifier.report.worst import GradientName, Worst, together

BAD = {"passed": 0, "skipped": 0, "failed": 1, "error": 2}  # how bad a status is
CaseName = tuple[str, str, int]  # its file, its name, and which of the cases of that name it is


@dataclass(frozen=True, slots=True)
class CaseInReport:
    """What of a case is compared: its status, the worst of each gradient, its findings that count with their messages."""

    name: str
    status: str
    worst: dict[GradientName, Worst]
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
        content = json.loads(content_of(path).decode("utf-8"))
        found: dict[CaseName, CaseInReport] = {}
        for case in content["cases"]:
            file, name, number = case["file"], case["name"], 1
            while (file, name, number) in found:
                number += 1
            found[file, name, number] = _case(case, f"{file}: {name}{f' ({number})' if number > 1 else ''}")
    except OSError as error:
        raise CampaignError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CampaignError(f"'{path}' is not a report in JSON; write one with python -m verifier PATH... --format json > {path}") from None
    return found


def _case(case: dict[str, Any], name: str) -> CaseInReport:
    errors = {_finding(f): f["message"] for f in case["findings"] if f["severity"] == "error" and not f["expected"]}
    return CaseInReport(name, case["status"], together(_rows(case)), errors)


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
        for name in now.worst.keys() & before.worst.keys():
            compared += 1
            was, now_is = before.worst[name], now.worst[name]
            said = f"{now.name}: {name}: was {was}, is {now_is}"
            if now_is.is_worse_than(was):
                worse.append(said)
            elif was.is_worse_than(now_is):
                better.append(said)
        fresh += _only(now, now.worst.keys() - before.worst.keys(), now.worst)
        gone += _only(now, before.worst.keys() - now.worst.keys(), before.worst)
        worse += [f"{now.name}: {finding[0]} {message}" for finding, message in now.errors.items() if finding not in before.errors and not _is_told(finding, now, before)]
        better += [f"{now.name}: no longer {finding[0]} {message}" for finding, message in before.errors.items() if finding not in now.errors and not _is_told(finding, before, now)]
    return Changes(tuple(sorted(worse)), tuple(sorted(better)), tuple(sorted(fresh)), tuple(sorted(gone)), compared)


def _only(case: CaseInReport, names: Iterable[GradientName], worst: dict[GradientName, Worst]) -> list[str]:
    return [f"{case.name}: {name}: {worst[name]}" for name in names]


def _is_told(finding: tuple[str, ...], there: CaseInReport, elsewhere: CaseInReport) -> bool:
    """Whether a finding that only one of two reports has follows from a gradient that is worse there, or that only one of them has."""
    names = [n for n in there.worst if n.implementation == finding[1] and n.gradient in finding[2:-1]]
    return any(n not in elsewhere.worst or there.worst[n].is_worse_than(elsewhere.worst[n]) for n in names)
