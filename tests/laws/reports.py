"""Laws of reports: text and JSON say the same, twice the same, and what sweeps, hunts and campaigns find is there when one looks again."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

from tests.laws.law import case_in, require, settings_of
from verifier.case import points
from verifier.case.load import load_text
from verifier.compare.at_point import checks_in
from verifier.compare.compare import compare
from verifier.compare.sweep.classify import VERDICTS
from verifier.compare.sweep.columns import judge_columns
from verifier.compare.sweep.sample import Sample
from verifier.compare.sweep.sweep import sums
from verifier.compare.sweep.tally import joined, tally
from verifier.language.verdict import Verdict
from verifier.report.draw import json as as_json
from verifier.report.draw import text as as_text
from verifier.report.draw.paint import Paint
from verifier.report.outcome import CaseReport, Report
from verifier.search.fuzz.campaign import campaign
from verifier.search.hunt import hunt
from verifier.verify import verify

SWEPT = 24  # points of a sweep
EXAMPLES = 15  # of a campaign
WAYS = ("any", "balls", "points")
BUDGET = 40  # points of a hunt
RESULT_KEYS = {"implementation", "gradient", "format", "point", "computed", "exact", "rounded", "residual", "formula_error_ulps", "ulps", "condition", "program_condition", "verdict", "blame"}
FINDING_KEYS = {"code", "name", "severity", "message", "file", "line", "column", "implementation", "gradient", "statement", "point"}
CASE_KEYS = {"name", "file", "line", "status", "proofs", "results", "sweeps", "residuals", "findings"}
PLAIN = Paint(enabled=False)


def text_and_json_agree(text: str) -> int:
    """Both reports of one run have the same counts, verdicts, codes and places; the JSON has the keys of the contract and its numbers read back."""
    report = Report((verify(case_in(text)),))
    as_data, as_lines = json.loads(as_json.render(report)), as_text.render(report, paint=PLAIN)
    require(as_data["summary"] == {"cases": 1, "passed": report.passed, "failed": report.failed, "errors": report.errors, "warnings": report.warnings}, lambda: f"the summary is {as_data['summary']}")
    (case,) = as_data["cases"]
    _has(case, CASE_KEYS)
    for word, count in (("passed", report.passed), ("failed", report.failed)):
        require(not count or f"{count} {word}" in as_lines, lambda word=word: f"the text does not say how many {word}")  # type: ignore[misc]
    for r in case["results"]:
        _has(r, RESULT_KEYS)
        _read_back(r)
    for name, verdicts in _by_row(case).items():
        line = next((row for row in as_lines.splitlines() if row.startswith(f"  {name} ")), "")
        for verdict, n in verdicts.items():
            phrase = verdict if sum(verdicts.values()) == 1 else f"{n:,} {verdict}"
            require(phrase in line, lambda name=name, phrase=phrase, line=line: f"the JSON has {phrase} of {name}; the text says {line!r}")  # type: ignore[misc]
    for f in case["findings"]:
        _has(f, FINDING_KEYS)
        require(f["expected"] or (f"{f['code']} {f['name']}" in as_lines and f"{f['file']}:{f['line']}:{f['column']}" in as_lines), lambda f=f: f"the text has no {f['code']} at line {f['line']}")  # type: ignore[misc]
    require(as_lines.count("    --> ") == sum(not f["expected"] for f in case["findings"]), lambda: "the text has not as many findings as the JSON")
    return len(case["results"])


def _has(row: dict[str, Any], keys: set[str]) -> None:
    require(keys <= row.keys(), lambda: f"the JSON lacks {', '.join(sorted(keys - row.keys()))}")


def _read_back(r: dict[str, Any]) -> None:
    for key in ("computed", "rounded"):
        require(r[key] is None or repr(float(r[key])) == r[key], lambda key=key: f"{key} is {r[key]!r}, no repr of a float")  # type: ignore[misc]
    wide = r["format"] == "float64" and r["verdict"] == "correct" and r["exact"] not in (None, "inf", "-inf")
    require(not wide or float(r["exact"]) == float(r["computed"]), lambda: f"correct, and exact {r['exact']} reads back as another float than {r['computed']}")


def _by_row(case: dict[str, Any]) -> dict[str, Counter[str]]:
    rows: dict[str, Counter[str]] = {}
    for r in case["results"]:
        rows.setdefault(f"{r['implementation']}.{r['gradient']}", Counter())[r["verdict"]] += 1
    return rows


def a_report_is_repeated(text: str) -> int:
    """The same text gives the same bytes again, by itself and after other cases."""
    first = as_json.render(Report((verify(case_in(text)),)))
    verify(case_in("function: tanh(x) * y\npoints: [{x: 0.5, y: 2}]\nformats: [float16, float64]\n"))
    second = as_json.render(Report((verify(case_in(text)),)))
    require(first == second, lambda: "a second run says something else: " + next(f"{a.strip()} became {b.strip()}" for a, b in zip(first.splitlines(), second.splitlines(), strict=False) if a != b))
    return 1


# ---------------------------------------------------------------- many points


def sweeps_take_no_notice_of_the_way(text: str) -> int:
    """Intervals, balls and points give a sweep the same verdicts; one part or two give the same sums."""
    case, count = case_in(text), 0
    sampled = replace(case, sample=SWEPT)
    for setting in settings_of(case):
        columns = points.sample_columns(sampled, setting.format)
        for check in checks_in(case, setting.format):
            ways = [judge_columns(check, columns, method=method) for method in WAYS]
            for c, (_, name) in enumerate(check.subject.claims):
                for k in range(SWEPT):
                    found = [VERDICTS[int(method[c].verdict[k])] for method in ways]
                    require(len({*found} - {Verdict.UNDECIDED}) <= 1, lambda found=found, k=k, name=name, columns=columns: f"{name} at {[float(x[k]) for x in columns]} is {', '.join(f'{v.value} by {w}' for v, w in zip(found, WAYS, strict=True))}")  # type: ignore[misc]
                    count += 1
            half = SWEPT // 2
            whole = list(sums(check, Sample(columns)).tallies)
            halves = [[tally(j, part, start) for j in judge_columns(check, part)] for start, part in ((0, [c[:half] for c in columns]), (half, [c[half:] for c in columns]))]
            require(whole == [joined(list(pair)) for pair in zip(*halves, strict=True)], lambda: "two halves of a sweep do not add up to the whole")
    return count


def regions_have_their_verdict(text: str) -> int:
    """The ends of a region that a hunt finds, and its simplest point, have the region's verdict when they are judged again."""
    case, count = case_in(text), 0
    domain = points.domain_of(case)
    for setting in settings_of(case):
        for check in checks_in(case, setting.format):
            for r in hunt(check, domain, seed=case.name, budget=BUDGET):
                claim = [name for _, name in check.subject.claims].index(r.gradient)
                for point in (r.point, *r.ends):
                    (row,) = compare(check, [point])
                    require(row[claim].verdict is r.verdict or Verdict.UNDECIDED in (row[claim].verdict, r.verdict), lambda r=r, point=point, row=row, claim=claim: f"{r.gradient} is {r.verdict.value} for {r.input} from {r.low!r} to {r.high!r}, and {row[claim].verdict.value} at {point}")  # type: ignore[misc]
                    count += 1
    return count


def finds_replay(text: str) -> int:
    """What a campaign finds loads, is found again byte for byte, and holds what it expects."""
    case = case_in(text)
    found = campaign(case, max_examples=EXAMPLES)
    require(not found.problem, lambda: found.problem)
    again = campaign(case_in(text), max_examples=EXAMPLES)
    require([f.text for f in found.finds] == [f.text for f in again.finds], lambda: "a second campaign finds something else")
    for find in found.finds:
        loaded = load_text(find.text)
        require(not loaded.complaints, lambda loaded=loaded: f"a find does not load: {loaded.complaints[0].message}")  # type: ignore[misc]
        report: CaseReport = verify(loaded.cases[0])
        require(report.status == "passed", lambda report=report, find=find: f"a find does not replay: {report.findings[0].message}\n{find.text}")  # type: ignore[misc]
    return len(found.finds)
