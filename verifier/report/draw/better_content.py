"""The better lines of a case as the page shows them: both statements, the proof, the errors before and after for every region, the cost, the patch."""

from __future__ import annotations

import shlex
from typing import Any

from verifier.language.verdict import Verdict
from verifier.report.draw.better_lines import nothing, ulps
from verifier.report.outcome import CaseReport, ErrorFigures, Replacement

VERDICTS = {v.value: v for v in Verdict}


def better(c: CaseReport) -> dict[str, Any]:
    """The better lines, or why there are none; nothing where nobody asked for them."""
    if c.suggestions is None:
        return {}
    return {"better": [_one(s) for s in c.suggestions]} if c.suggestions else {"unimproved": nothing(c)}


def _one(s: Replacement) -> dict[str, Any]:
    regions = [(r.condition or "else", r.formula, r.before, r.after) for r in s.regions] if len(s.regions) > 1 else []
    return {
        "who": f"{s.implementation}.{s.gradient}", "format": s.format, "place": f"{s.file}:{s.line}:{s.column}", "line": s.line,
        "old": s.original.strip(), "new": s.replacement.strip(), "proof": s.proof, "words": s.proof_text,
        "rows": [_row(*row) for row in (("all inputs", "", s.before, s.after), *regions)],
        "before": [s.verdict_before, _kind(s.verdict_before)], "after": [s.verdict_after, _kind(s.verdict_after)],
        "cost": s.cost, "patch": s.patch, "why": s.why_no_patch, "command": "" if s.why_no_patch else _command(s),
    }  # fmt: skip


def _row(where: str, formula: str, before: ErrorFigures, after: ErrorFigures) -> list[str]:
    pairs = ((ulps(getattr(before, name)), ulps(getattr(after, name))) for name in ("worst_ulps", "median_ulps"))
    return [where, formula, f"{after.points:,}", *(figure for pair in pairs for figure in pair), before.mean_bits, after.mean_bits]


def _kind(verdict: str) -> str:
    known = VERDICTS.get(verdict)
    return "known" if known is None else "fail" if known.fails else "warn" if known.warns else "pass"


def _command(s: Replacement) -> str:
    """How to look for it again, and write it."""
    return f"python -m verifier improve {shlex.quote(s.file)} --implementation {shlex.quote(s.implementation)} --gradient {shlex.quote(s.gradient)} --write"
