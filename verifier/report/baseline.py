"""The baseline: findings that are known. They do not fail their case as long as they are no worse than they were when the baseline was written."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from verifier import __version__
from verifier.case.components import base
from verifier.language.source import CampaignError
from verifier.language.user_files import content_of
from verifier.language.verdict import Verdict
from verifier.report.outcome import CaseReport, Finding
from verifier.report.selection import with_findings
from verifier.report.worst import GradientName, Worst, together, worst_of

VERSION = 1  # of the file
OF_VERDICTS = frozenset(v.code for v in Verdict if v.code)  # one kind: what was wrong and is only unstable is a known finding that got better
OF_FIGURES = ("V301", "V302", "V303")  # known as long as every figure in them is the same
NUMERAL = re.compile(r"(?<![\w.])(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?")
LABEL = "baseline"


@dataclass(frozen=True)
class KnownFinding:
    """What is known of the findings of one kind in one implementation of a case."""

    file: str  # from the folder of the baseline, with /
    case: str
    implementation: str
    kind: str  # `gradient`, or a code
    worst: tuple[tuple[GradientName, Worst], ...]
    lines: frozenset[str]  # wrong statements, without their numbers

    @property
    def fingerprint(self) -> str:
        """What names it: nothing in it changes with the figures, the lines of the file or the points."""
        return hashlib.sha256(json.dumps((self.file, self.case, self.implementation, self.kind)).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.file}: {self.case}{f': {self.implementation}' if self.implementation else ''} ({'gradients' if self.kind == 'gradient' else self.kind})"


@dataclass(frozen=True)
class Baseline:
    """The known findings, by their fingerprints, and the file in which they stand."""

    file: Path
    known: dict[str, KnownFinding]


def of_finding(finding: Finding, case: CaseReport, folder: Path) -> KnownFinding:
    """A finding as a baseline holds it."""
    names = {base(g) for g in finding.gradients or (finding.gradient,)}
    worst = tuple((k, v) for k, v in worst_of(case).items() if k.implementation == finding.implementation and k.gradient in names)
    kind = "gradient" if finding.code in OF_VERDICTS else finding.code
    return KnownFinding(_relative(case.file, folder), case.name, finding.implementation, kind, worst, frozenset(_line(finding)))


def _line(finding: Finding) -> list[str]:
    """What must be the same in a finding; nothing for a verdict that only names where most of the error comes from."""
    if finding.code in OF_FIGURES:
        return [finding.message]
    if finding.code in OF_VERDICTS and finding.code != Verdict.WRONG.code:
        return []
    return [without_numbers(finding.statement)]


def without_numbers(text: str) -> str:
    """A statement or a message without its numerals: names such as `x1` stay.

    >>> without_numbers("x1 = 0.398*exp(-x**2 / 2.)")
    'x1 = #*exp(-x**# / #)'
    """
    return NUMERAL.sub("#", " ".join(text.split()))


def _relative(file: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(Path(file).resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive of Windows
        return Path(file).resolve().as_posix()


def _joined(first: KnownFinding, second: KnownFinding) -> KnownFinding:
    return replace(first, worst=tuple(together([*first.worst, *second.worst]).items()), lines=first.lines | second.lines)


# ---------------------------------------------------------------- the gate


def excused(case: CaseReport, baseline: Baseline) -> CaseReport:
    """The report of a case in which what is known counts as expected; what got worse says how."""
    findings: list[Finding] = []
    count = 0
    for finding in case.findings:
        now = of_finding(finding, case, baseline.file.parent)
        before = baseline.known.get(now.fingerprint)
        if before is None or finding.expected:
            findings.append(finding)
        elif reasons := _worse(now, before):
            findings.append(replace(finding, details=(*finding.details, *(f"{LABEL:<9} {r}" for r in reasons))))
        else:
            count += 1
            findings.append(replace(finding, expected=True, is_known=True))
    if tuple(findings) == case.findings:
        return case
    note = f"{count} known {'finding' if count == 1 else 'findings'}, no worse than in {baseline.file.name}" if count else f"worse than in {baseline.file.name}"
    return with_findings(case, tuple(findings), note)


def _worse(now: KnownFinding, before: KnownFinding) -> list[str]:
    """In what a finding is worse than the one that is known."""
    known = dict(before.worst)
    reasons = [f"another line than the known one: {line}" for line in sorted(now.lines - before.lines)]
    for name, worst in now.worst:
        if name not in known and not worst.verdict.passes:
            reasons.append(f"{name} is not in the baseline")
        elif name in known and worst.is_worse_than(known[name]):
            reasons.append(f"worse than known: {name} was {known[name]}, is {worst}")
    return reasons


def stale(cases: Sequence[CaseReport], baseline: Baseline) -> list[KnownFinding]:
    """What the baseline holds and these cases no longer show, of files that were checked, or are gone."""
    folder = baseline.file.parent
    seen = {of_finding(f, c, folder).fingerprint for c in cases for f in c.findings}
    return [k for k in baseline.known.values() if k.fingerprint not in seen and _is_settled(k, cases, folder)]


def _is_settled(known: KnownFinding, cases: Sequence[CaseReport], folder: Path) -> bool:
    """Whether a run says something about a known finding: its file was read and its case checked, or it is gone."""
    there = [c for c in cases if _relative(c.file, folder) == known.file]
    if not there:
        return not (folder / known.file).exists()
    return all(c.status in ("passed", "failed") and not c.is_interrupted for c in there if c.name in (known.case, c.file))


def updated(cases: Sequence[CaseReport], baseline: Baseline) -> Baseline:
    """The baseline of these cases: their findings, and what is known of files that were not checked."""
    folder = baseline.file.parent
    found: dict[str, KnownFinding] = {}
    for case in cases:
        if case.status in ("passed", "failed"):
            for known in (of_finding(f, case, folder) for f in case.findings if not f.expected):
                found[known.fingerprint] = _joined(found[known.fingerprint], known) if known.fingerprint in found else known
    others = {k: v for k, v in baseline.known.items() if k not in found and not _is_settled(v, cases, folder)}
    return Baseline(baseline.file, found | others)


# ---------------------------------------------------------------- the file


def read(path: str | os.PathLike[str], *, is_required: bool = True) -> Baseline:
    """The baseline in a file. Raises CampaignError where it is none, or there is none and it is required."""
    file = Path(path)
    if not file.exists() and not is_required:
        if not file.parent.is_dir():
            raise CampaignError(f"there is no folder '{file.parent}' to write the baseline '{file.name}' to")
        return Baseline(file, {})
    try:
        content = json.loads(content_of(file))  # in UTF-8 or UTF-16, with or without a byte order mark
        if content["baseline"] != VERSION:
            raise CampaignError(f"'{file}' is a baseline of version {content['baseline']}, and this tool reads version {VERSION}; delete it, and --baseline-update writes it anew")
        known = [_known(entry) for entry in content["findings"]]
    except FileNotFoundError:
        raise CampaignError(f"there is no baseline '{file}'; --baseline-update writes it") from None
    except OSError as error:
        raise CampaignError(f"the baseline '{file}' cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CampaignError(f"'{file}' is not a baseline; --baseline-update writes one to a file that does not exist yet") from None
    return Baseline(file, {k.fingerprint: k for k in known})


def _known(entry: dict[str, Any]) -> KnownFinding:
    rows = [(GradientName(entry["implementation"], w["gradient"], w["format"]), Worst(Verdict(w["verdict"]), float(w["ulps"]))) for w in entry["worst"]]
    return KnownFinding(entry["file"], entry["case"], entry["implementation"], entry["kind"], tuple(rows), frozenset(entry["lines"]))


def written(baseline: Baseline) -> str:
    """The text of the file, in a stable order."""
    return json.dumps({"verifier": __version__, "baseline": VERSION, "findings": [_entry(k) for k in _sorted(baseline.known.values())]}, indent=1, ensure_ascii=False) + "\n"


def _sorted(known: Iterable[KnownFinding]) -> list[KnownFinding]:
    return sorted(known, key=lambda k: (k.file, k.case, k.implementation, k.kind))


def _entry(k: KnownFinding) -> dict[str, Any]:
    worst = [{"gradient": name.gradient, "format": name.format, "verdict": w.verdict.value, "ulps": repr(w.ulps)} for name, w in sorted(k.worst, key=lambda row: row[0])]
    return {"fingerprint": k.fingerprint, "file": k.file, "case": k.case, "implementation": k.implementation, "kind": k.kind, "worst": worst, "lines": sorted(k.lines)}
