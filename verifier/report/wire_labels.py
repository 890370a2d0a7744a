"""The texts beside a gate: its value, its gradient, their errors, its name, and what is wrong with it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from verifier.case.components import by
from verifier.report.diagram import CircuitGate, Figure, Wire

FEW = 3  # numbers of an array that are all written
ARRAY_DIGITS = 3  # of the numbers of an array
LONGEST_NAME = 24
MOST_LINES = 4  # of a text about what is wrong; the whole of it is in the title

KindAndText = tuple[str, str]  # kind and text


@dataclass(frozen=True)
class GateTexts:
    """The texts of one gate: above and below the wire that leaves it, below each wire that arrives (by key), and under the gate."""

    symbol: str
    above: tuple[KindAndText, ...]
    below: tuple[KindAndText, ...]
    arriving: tuple[tuple[str, tuple[KindAndText, ...]], ...]
    names: tuple[str, ...]
    guilt: tuple[str, ...]


def lines_of(g: CircuitGate, arriving: Sequence[Wire], *, digits: int, ulps: bool, wrap: int) -> GateTexts:
    """The texts of a gate. What comes back through a wire is written at its end only where the source has other wires, too."""
    above: list[KindAndText] = []
    below: list[KindAndText] = []
    if g.kind != "output":
        above = [("value", short(g.value, digits))] if g.value.is_known else []
        below = gradient_lines(g.gradient, digits, "gradient")
        if ulps and (text := ulps_of(g.value, g.gradient)):
            below.append(("ulps", text))
    branches = []
    for w in arriving:
        texts = gradient_lines(w.gradient, digits, "contribution") if w.is_branch else []
        if ulps and texts and (error := worst(w.gradient)):
            texts.append(("ulps", f"{error} ulp"))
        branches.append((w.key, tuple(texts)))
    name = f"{g.count:,} gates" if g.kind == "fold" else g.name if g.kind not in ("input", "output") else ""
    if len(g.value.shape) > 1:
        name = f"{name} {by(g.value.shape)}".strip()
    guilt = next((t for t in (g.guilt, *(w.guilt for w in arriving)) if t), "")
    written = textwrap.wrap(guilt, wrap)
    if len(written) > MOST_LINES:
        written = [*written[: MOST_LINES - 1], written[MOST_LINES - 1][: wrap - 1] + "…"]
    return GateTexts(cut(g.symbol, LONGEST_NAME), tuple(above), tuple(below), tuple(branches), (cut(name, LONGEST_NAME),) if name else (), tuple(written))


def gradient_lines(figure: Figure, digits: int, kind: str) -> list[KindAndText]:
    """The line of a gradient; in brackets where the implementation does not compute it."""
    if not figure.is_known:
        return []
    return [(kind, short(figure, digits))] if figure.is_computed else [(f"exact_{kind}", f"({short(figure, digits)})")]


def short(figure: Figure, digits: int) -> str:
    """The numbers of a figure with so many significant digits; of an array the first and the last."""
    numbers = [c if c is not None else e for c, e in zip(figure.computed, figure.exact, strict=True)]
    if not figure.is_array:
        return number(numbers[0], digits)
    few = min(ARRAY_DIGITS, digits)
    if len(numbers) <= FEW:
        return "[" + ", ".join(number(n, few) for n in numbers) + "]"
    return f"[{number(numbers[0], few)} … {number(numbers[-1], few)}]"


def number(text: str | None, digits: int) -> str:
    """A number, rounded to so many significant digits.

    >>> number("0.19661193324148188", 12), number("2.0", 12), number("-7.9656e-648", 3), number("nan", 3), number(None, 12)
    ('0.196611933241', '2', '-7.97e-648', 'nan', '-')
    """
    if text is None:
        return "-"
    if text in ("True", "False"):
        return text.lower()
    try:
        value = float(text)
    except ValueError:
        return text
    if text.lower().strip("-") in ("inf", "nan"):
        return text
    if math.isfinite(value) and (value or not set(text.partition("e")[0]) & set("123456789")):
        return f"{value:.{digits}g}"
    return f"{Decimal(text):.{digits}g}".lower()  # beyond the floats


def worst(figure: Figure) -> str:
    """The largest error of a figure in ulps; empty where there is none to speak of."""
    found = [u for u in figure.ulps if u is not None]
    return max(found, key=lambda u: abs(float(u)), default="")


def ulps_of(value: Figure, gradient: Figure) -> str:
    """The errors of a value and of its gradient, in a line."""
    found = [(mark, worst(f)) for mark, f in (("value", value), ("gradient", gradient)) if f.is_known]
    parts = [f"{'∇ ' if mark == 'gradient' else ''}{error}" for mark, error in found if error]
    return ", ".join(parts) + " ulp" if parts else ""


def cut(text: str, most: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= most else text[: most - 1] + "…"
