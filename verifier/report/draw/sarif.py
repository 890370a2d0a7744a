"""The report as SARIF 2.1.0 (OASIS), for GitHub's code scanning and for editors. Findings that a case expects are no results."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any
from urllib.parse import quote

from verifier import __version__
from verifier.case.components import base
from verifier.report.baseline import OF_FIGURES, without_numbers
from verifier.report.catalogue import CATALOGUE, FindingKind
from verifier.report.draw.finding import at, unexpected
from verifier.report.draw.pages import explain
from verifier.report.draw.repository_paths import relative
from verifier.report.draw.sarif_fixes import fixes, hashes
from verifier.report.outcome import CaseReport, Finding, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LONGEST = 1000  # characters of a rule's description: GitHub takes 1024
FINGERPRINT = "verifierFinding/v1"
GITHUBS = "primaryLocationLineHash"  # the only fingerprint that GitHub reads
ROOT = "%SRCROOT%"


def render(report: Report) -> str:
    """The whole report as one run, with every kind of finding as a rule."""
    changed = {file: digest for case in report.cases for file, digest in hashes(case).items()}
    driver = {"name": "verifier", "semanticVersion": __version__, "rules": [_rule(e) for e in CATALOGUE.values()]}
    content = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"description": {"text": "The folder in which verifier ran; on GitHub, the root of the repository."}}},
                "invocations": [{"executionSuccessful": not report.is_interrupted, "exitCode": report.exit_status}],
                **({"artifacts": [{"location": _artifact(file), "hashes": {"sha-256": digest}} for file, digest in changed.items()]} if changed else {}),
                "results": _results(report),
            }
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _rule(e: FindingKind) -> dict[str, Any]:
    page = explain(e)
    markdown = f"{e.what}\n\n{e.why}\n\n```yaml\n{e.example}\n```\n\n{e.instead}\n"
    return {
        "id": e.code,
        "name": "".join(word.capitalize() for word in e.name.split("-")),
        "shortDescription": {"text": e.name.replace("-", " ")},
        "fullDescription": {"text": _sentences(e.what)},
        "help": {"text": page, "markdown": markdown},
        "defaultConfiguration": {"level": e.severity},
        "properties": {"tags": ["gradient"], "precision": "very-high", "problem.severity": e.severity},
    }


def _sentences(text: str) -> str:
    """As many sentences from the start as fit."""
    kept = ""
    for sentence in re.split(r"(?<=[.:;]) ", text):
        if len(kept) + len(sentence) >= LONGEST:
            break
        kept += f" {sentence}" if kept else sentence
    return kept


def _results(report: Report) -> list[dict[str, Any]]:
    index = {code: i for i, code in enumerate(CATALOGUE)}
    seen: dict[str, int] = {}
    found = []
    for case in report.cases:
        for f in unexpected(case):
            own = fingerprint(case, f)
            seen[own] = seen.get(own, 0) + 1  # the same finding in another format of numbers
            found.append(_result(case, f, index[f.code], own, seen[own]))
    return found


def _result(case: CaseReport, f: Finding, index: int, own: str, occurrence: int) -> dict[str, Any]:
    words = "\n".join([f.message + at(f.point), *f.details])
    region: dict[str, Any] = {"startLine": f.place.line, "startColumn": f.place.column}
    if f.width > 0:
        region["endColumn"] = f.place.column + f.width
    if f.source_line or f.statement:
        region["snippet"] = {"text": f.source_line or f.statement}
    found = fixes(case, f, _artifact)
    properties = {"case": case.name, "implementation": f.implementation, "gradient": f.gradient, "statement": f.statement}
    return {
        "ruleId": f.code,
        "ruleIndex": index,
        "level": f.severity,
        "message": {"text": words},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(f.place.file), "region": region}}],
        "partialFingerprints": {FINGERPRINT: f"{own}:{occurrence}", GITHUBS: f"{own}:{occurrence}"},
        **({"fixes": found} if found else {}),
        "properties": {key: value for key, value in properties.items() if value},
    }


def _artifact(file: str) -> dict[str, str]:
    path = relative(file)
    uri = quote(os.fsencode(path))  # a name may have bytes that are no text
    return {"uri": "file://" + uri} if path.startswith("/") else {"uri": uri, "uriBaseId": ROOT}


def fingerprint(case: CaseReport, f: Finding) -> str:
    """What makes a finding the same one tomorrow: its kind, case, gradient and statement. No number is in it, neither a figure nor a line nor a point nor a constant of a statement, for these change with every edit and every processor."""
    parts = (f.code, relative(f.place.file), case.name if case.name != case.file else "", f.implementation, base(f.gradient), without_numbers(f.statement), without_numbers(f.message) if f.code in OF_FIGURES else "")
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:16]
