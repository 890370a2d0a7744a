"""The difference of two reports as text: the worse first, a line for each change, and their numbers at the end."""

from __future__ import annotations

from verifier.report.diff import Changes
from verifier.report.draw.paint import Paint


def render(changes: Changes, paint: Paint) -> str:
    """What got worse, what got better, what is new, what is gone."""
    lines = []
    for word, colour, rows in (("worse", "red", changes.worse), ("better", "green", changes.better), ("new", "yellow", changes.new), ("gone", "yellow", changes.gone)):
        lines += [f"{paint(f'{word:<6}', colour, bold=True)}  {row}" for row in rows]
    counts = f"{len(changes.worse)} worse, {len(changes.better)} better, {len(changes.new)} new, {len(changes.gone)} gone; {changes.compared} gradients compared"
    return "\n".join([*lines, *([""] if lines else []), paint(counts, "red" if changes.worse else "green", bold=True)]) + "\n"
