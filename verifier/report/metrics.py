"""Sizes of what a circuit is drawn with: pixels for SVG, characters for the terminal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metrics:
    """Sizes in the unit of a drawing. Texts are in a font in which all characters are equally wide."""

    character: float  # width of one, in labels
    symbol: float  # width of one, within a gate
    line: float  # height of a line of a label
    radius: float  # of a gate: half its height, and half its least width
    pad: float  # on both sides of a label, and within a gate
    fan: float  # between the ports of a gate and its circle
    gap: float  # least width between two layers
    between: float  # least height between two boxes
    port: float  # between two wires that lead to one gate
    passing: float  # height of a wire that passes a layer
    cut: float  # width of the mark at which a wire goes on in the next band
    is_grid: bool = False  # all places are whole numbers


PIXELS = Metrics(character=6.9, symbol=8.4, line=14, radius=17, pad=5, fan=16, gap=30, between=12, port=20, passing=12, cut=24)
CHARACTERS = Metrics(character=1, symbol=1, line=1, radius=0, pad=1, fan=1, gap=3, between=1, port=2, passing=1, cut=4, is_grid=True)
