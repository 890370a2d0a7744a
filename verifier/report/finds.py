"""What a fuzzing campaign found, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.fuzz.campaign import Campaign, Find
    from verifier.fuzz.itself import Held


def campaign(run: Campaign, paths: Sequence[Path]) -> str:
    """A line for the case, and two for each find."""
    state = "ERROR" if run.problem else "FOUND" if run.finds else "ok   "
    lines = [f"{state} {run.case}  {run.problem or f'{run.examples} examples'}"]
    for find, path in zip(run.finds, paths, strict=True):
        lines += [f"  {_cause(find)}  at {', '.join(f'{name}={value}' for name, value in find.point)}", f"    --> {path}"]
    return "\n".join(lines) + "\n"


def _cause(find: Find) -> str:
    c = find.cause
    return f"{c.implementation}.{c.gradient}  {c.verdict.value}" + (f"  line {c.line}" if c.line else "")


def summary(runs: Sequence[Campaign]) -> str:
    """One line that says it all."""
    found = sum(len(r.finds) for r in runs)
    return f"\n{len(runs)} {'case' if len(runs) == 1 else 'cases'}, {sum(r.examples for r in runs)} examples, {found} {'find' if found == 1 else 'finds'}\n"


def laws(held: Sequence[Held], paths: Sequence[Sequence[Path]]) -> str:
    """A line for each law, and what broke it under it; a law without a comparison was not held."""
    width = max(len(h.law) for h in held)
    lines = []
    for h, kept in zip(held, paths, strict=True):
        state = "FOUND" if h.finds else "ok   " if h.comparisons else "IDLE "
        lines.append(f"{state} {h.law:<{width}}  {h.examples:>6,} cases  {h.idle:>6,} idle  {h.comparisons:>9,} comparisons  {h.seconds:8.1f} s, {h.slowest:5.2f} at most")
        for find, path in zip(h.finds, kept, strict=True):
            lines += [f"  {find.message}", *(f"    | {line}" for line in find.text.splitlines()), f"    --> {path}"]
    found = sum(len(h.finds) for h in held)
    lines.append(f"\n{len(held)} {'law' if len(held) == 1 else 'laws'}, {sum(h.examples for h in held):,} cases, {sum(h.comparisons for h in held):,} comparisons, {found} {'find' if found == 1 else 'finds'}")
    return "\n".join(lines) + "\n"
