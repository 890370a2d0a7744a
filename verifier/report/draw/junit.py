"""The report as JUnit's XML, as Jenkins, GitLab and GitHub's actions read it: a suite for every file, a test for every case."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from verifier import __version__
from verifier.report.draw.deliver import visible
from verifier.report.draw.finding import lines, unexpected
from verifier.report.draw.paint import Paint
from verifier.report.draw.repository_paths import relative
from verifier.report.outcome import CaseReport, Report

_PLAIN = Paint(enabled=False)
_NO_CHARACTERS = re.compile("[\ufffe\uffff]")  # of XML 1.0, beside those that `visible` writes out


def render(report: Report) -> str:
    """The whole report. What fails has the text of its findings; what warns has it as the output of a test that passed."""
    root = Element("testsuites", name="verifier", tests=str(len(report.cases)), failures=str(report.failed), errors=str(report.errors))
    ordered = sorted(report.cases, key=lambda c: c.file)  # stable: the cases of a file stay in their order
    for file, cases in groupby(ordered, key=lambda c: c.file):
        _suite(root, relative(file), list(cases))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, file: str, cases: list[CaseReport]) -> None:
    counts = {word: str(sum(c.status == status for c in cases)) for word, status in (("failures", "failed"), ("errors", "error"), ("skipped", "skipped"))}
    suite = SubElement(root, "testsuite", {"name": _text(file), "file": _text(file), "tests": str(len(cases)), **counts})
    SubElement(SubElement(suite, "properties"), "property", name="verifier", value=__version__)
    for name, case in zip(distinct(file if c.name == c.file else c.name for c in cases), cases, strict=True):
        _test(SubElement(suite, "testcase", name=_text(name), classname=_text(class_name(file))), case)


def distinct(names: Iterable[str]) -> list[str]:
    """The names, each once: a second `x` is `x #2`, since readers put tests of one name together."""
    found: dict[str, int] = {}
    result = []
    for name in names:
        found[name] = found.get(name, 0) + 1
        result.append(name if found[name] == 1 else f"{name} #{found[name]}")
    return result


def class_name(file: str) -> str:
    """`cases/net/relu.yaml` as `cases.net.relu`: readers group tests by the dots.

    >>> class_name("cases/net/relu.yaml")
    'cases.net.relu'
    """
    parts = [part for part in re.sub(r"\.ya?ml$", "", file).split("/") if part not in ("", ".", "..")]
    return ".".join(part.replace(".", "_") for part in parts) or file


def _test(test: Element, case: CaseReport) -> None:
    errors, warnings = unexpected(case, "error"), unexpected(case, "warning")
    if case.status in ("failed", "error"):
        first = errors[0] if errors else None
        outcome = SubElement(test, "failure" if case.status == "failed" else "error")
        outcome.set("type", f"{first.code} {first.name}" if first is not None else case.status)
        outcome.set("message", _text(first.message if first is not None else case.status) + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""))
        outcome.text = _text("\n" + "\n".join(line for f in errors for line in lines(f, _PLAIN)) + "\n")
    elif case.status == "skipped":
        SubElement(test, "skipped", message=_text("; ".join(case.notes) or "nothing of this case could be run here"))
    if warnings:
        SubElement(test, "system-out").text = _text("\n" + "\n".join(line for f in warnings for line in lines(f, _PLAIN)) + "\n")


def _text(text: str) -> str:
    """A text whose characters XML has."""
    return _NO_CHARACTERS.sub(lambda m: ascii(m.group())[1:-1], visible(text))
