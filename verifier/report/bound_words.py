"""A certified bound in words: figures that are rounded to the safe side, shares and boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from verifier.case.components import base
from verifier.language.numeral import exact
from verifier.report.outcome import BoundResult, BoxText

FIGURES = 4  # digits of a bound in a sentence, rounded up
MOST_LINES = 3  # statements, by their share of the bound
MOST_INPUTS = 6  # of a box, in a sentence
MOST_PLACES = 3  # without volume, in a sentence
OF_PROGRAM = "the formula is not proved: this is the error against the program's own real value"
PROVED, REFUTED, OPEN = "proved", "refuted", "open"


def badness(b: BoundResult) -> float:
    """How bad an answer is beside others of the same outcome: by the error that refutes, the share that is open, or the bound."""
    if b.outcome == REFUTED:
        return math.inf if b.seen is None else float(b.seen)  # no figure: the gradient is not finite there
    return float(b.open) if b.outcome == OPEN else float(b.bound or "inf")


def upward(figure: str, digits: int = FIGURES) -> str:
    """A few digits of a positive figure, rounded up, so that a bound stays one.

    >>> upward("5.98711"), upward("1.0000001e-12"), upward("106")
    ('5.988', '1.001e-12', '106')
    """
    value = exact(figure)
    if not value:
        return "0"
    text = f"{float(value):.{digits}g}"
    if exact(text) < value:
        exponent = math.floor(math.log10(float(value))) - digits + 1
        text = f"{float(exact(text) + Fraction(10) ** exponent):.{digits}g}"
    return text


def in_unit(figure: str, unit: str) -> str:
    """A figure with its unit, which an absolute one has none of."""
    return f"{figure} ulp" if unit == "ulp" else figure


def domain_text(b: BoundResult) -> str:
    """For which inputs a bound holds, in words; '' where there is no box."""
    return meant_text(b.box, dict(b.listed), b.given)


def meant_text(box: BoxText, listed: Mapping[str, Sequence[str]], given: str) -> str:
    """A box with the only values of some inputs, and the condition, in words."""
    values = [f"{name} in {{{', '.join(texts[:MOST_INPUTS])}{f' and {len(texts) - MOST_INPUTS} more' if len(texts) > MOST_INPUTS else ''}}}" for name, texts in listed.items()]
    intervals = box_text(tuple(row for row in box if row[0] not in listed))
    return ", ".join(filter(None, (intervals, *values))) + (f" where {' '.join(given.split())}" if given and box else "")


def box_text(box: BoxText) -> str:
    """A box in words: intervals before single numbers, an array by its name where all its components have the same."""
    alike: dict[tuple[str, str], list[str]] = {}
    ends: dict[str, set[tuple[str, str]]] = {}
    for name, low, high in box:
        ends.setdefault(base(name), set()).add((low, high))
    for name, low, high in sorted(box, key=lambda row: row[1] == row[2]):
        shortest = base(name) if len(ends[base(name)]) == 1 else name
        if shortest not in (names := alike.setdefault((low, high), [])):
            names.append(shortest)
    shown = [f"{_names(names)} = {low}" if low == high else f"{_names(names)} in [{low}, {high}]" for (low, high), names in alike.items()]
    return ", ".join(shown[:MOST_INPUTS]) + (f" and {len(shown) - MOST_INPUTS} more intervals" if len(shown) > MOST_INPUTS else "")


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_INPUTS]) + (f" and {len(names) - MOST_INPUTS} more" if len(names) > MOST_INPUTS else "")


def left_text(b: BoundResult) -> str:
    """Where a bound is open, in words: on a share of the domain, or on a part of it that has no volume, such as a face."""
    if float(b.open) or not b.open_boxes:
        return f"on {percent(b.open)}"
    wide = {name for name, low, high in b.box if low != high}
    places = list(dict.fromkeys(box_text(tuple(row for row in box if row[0] in wide and row[1] == row[2])) for box in b.open_boxes))
    return f"at {' and at '.join(places[:MOST_PLACES])}" + (" and elsewhere" if len(places) > MOST_PLACES or b.open_count > len(b.open_boxes) else "")


def percent(share: str) -> str:
    """A share in percent: of what is left open never 0, of what is not all never 100."""
    value = 100 * float(share)
    return "100 %" if value >= 100 else "less than 0.001 %" if 0 < value < 0.001 else f"{min(value, 99.9):.2g} %" if value < 99.5 else "more than 99 %"


def in_percent(share: str) -> str:
    """A share in whole percent, a small one with two digits."""
    value = 100 * float(share)
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def downward(figure: str | None) -> str:
    """A few digits of an error that was seen, rounded down."""
    if figure is None:
        return "further"
    value, text = exact(figure), f"{float(figure):.{FIGURES}g}"
    return text if exact(text) <= value else f"{float(exact(text) - Fraction(10) ** (math.floor(math.log10(float(value))) - FIGURES + 1)):.{FIGURES}g}"
