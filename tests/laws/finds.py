"""What came of the laws, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.laws.run import Held, LawFind


def broken(find: LawFind, path: Path) -> str:
    """A law that does not hold: how, for which text, and in which file that text is saved."""
    return "\n".join([f"BROKEN {find.law}: {find.message}", *(f"  | {line}" for line in find.text.splitlines()), f"  --> {path}"])


def laws(held: Sequence[Held]) -> str:
    """A line for each law; one without a comparison was not held."""
    width = max(len(h.law) for h in held)
    lines = [
        f"{'FOUND' if h.finds else 'ok   ' if h.comparisons else 'IDLE '} {h.law:<{width}}  {h.examples:>6,} cases  {h.idle:>6,} idle  {h.comparisons:>10,} comparisons"
        f"  {h.seconds:8.1f} s, {h.slowest:5.2f} at most" + (f"  {len(h.finds)} {'find' if len(h.finds) == 1 else 'finds'}" if h.finds else "")
        for h in held
    ]
    found = sum(len(h.finds) for h in held)
    total = f"{len(held)} {'law' if len(held) == 1 else 'laws'}, {sum(h.examples for h in held):,} cases, {sum(h.comparisons for h in held):,} comparisons, {found} {'find' if found == 1 else 'finds'}"
    return "\n".join([*lines, "", total]) + "\n"
