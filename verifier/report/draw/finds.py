"""Draws what a fuzzing campaign found, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.search.fuzz.campaign import Campaign, Find

MOST_INPUTS = 3  # regions are shown for cases of at most so many inputs


def campaign(run: Campaign, paths: Sequence[Path] | None) -> str:
    """A line for the case, and two for each find; `paths` are those of the saved cases, None where nothing is saved."""
    state = "ERROR" if run.problem else "FOUND" if run.finds else "ok   "
    lines = [f"{state} {run.case}  {run.problem or _looked_at(run)}"]
    for find, path in zip(run.finds, [None] * len(run.finds) if paths is None else paths, strict=True):
        lines += [f"  {_cause(find)}  at {', '.join(f'{name}={value}' for name, value in find.point)}", *_region(find), *([] if path is None else [f"    --> {path}"])]
    return "\n".join(lines) + "\n"


def _looked_at(run: Campaign) -> str:
    return f"{run.examples} examples{f', {run.screened} further points' if run.screened else ''}"


def _region(find: Find) -> list[str]:
    """The interval of each input in which the gradient fails alike; empty for a case of many inputs."""
    parts = [f"{name} from {low} to {high}" for name, low, high in find.region if low != high]
    return [f"    for {', or '.join(parts)}"] if parts and len(find.region) <= MOST_INPUTS else []


def _cause(find: Find) -> str:
    c = find.fault
    return f"{c.implementation}.{c.gradient}  {'above the limit' if c.over else c.verdict.value}" + (f"  line {c.line}" if c.line else "")


def summary(runs: Sequence[Campaign], *, is_saved: bool = True) -> str:
    """One line that sums up the campaign, and how to save what it found."""
    found = sum(len(r.finds) for r in runs)
    hint = "" if is_saved or not found else "add --save DIR to save each find as a case\n"
    return f"\n{len(runs)} {'case' if len(runs) == 1 else 'cases'}, {sum(r.examples for r in runs)} examples, {found} {'find' if found == 1 else 'finds'}\n{hint}"
