"""Draws an array in a table: one row of the array a line, long rows and long arrays without their middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod

from verifier.case.components import Shape, by

MOST_IN_A_ROW = 3  # numbers that are shown of a row
MOST_ROWS = 6  # rows that are shown of an array
ENDS = 2  # rows that are shown before the middle


def array_rows(line: str, shape: Shape, cells: Sequence[Sequence[str]], worst: str) -> list[list[str]]:
    """The rows about an array: its statement with its shape and its worst error, then its numbers.

    `cells` has a value, an exact value and an error for each component, in C order.
    """
    length = shape[-1]
    count = prod(shape[:-1])
    labels = [f"  [{', '.join([*map(str, index), ':'])}]" for index in product(*map(range, shape[:-1]))]
    chosen = range(count) if count <= MOST_ROWS else [*range(ENDS), -1, count - 1]
    rows = [[line, by(shape), "", worst, ""]]
    for k in chosen:
        if k < 0:
            rows.append(["  ...", "", "", "", ""])
            continue
        part = cells[k * length : (k + 1) * length]
        rows.append([labels[k], *(_row([cell[i] for cell in part]) for i in range(3)), ""])
    return rows


def _row(texts: Sequence[str]) -> str:
    visible = list(texts) if len(texts) <= MOST_IN_A_ROW + 1 else [*texts[: MOST_IN_A_ROW - 1], "...", texts[-1]]
    return "  ".join(visible)


def worst_of(names: Sequence[str], ulps: Sequence[str], index: Callable[[str], str]) -> str:
    """The largest error among components, and where it is."""
    sized = [(abs(float(u)), name, u) for name, u in zip(names, ulps, strict=True) if u not in ("", "-")]
    if not sized:
        return ""
    largest, name, text = max(sized, key=lambda row: row[0])
    return f"worst {text} at {index(name)}" if largest else "0"
