"""Backprop as it is played on the page: the gates of a circuit in order, each with its value, its gradient, and what flows back through its wires."""

from __future__ import annotations

from verifier.report.details import PlayedGate
from verifier.report.diagram import Diagram, Figure
from verifier.report.wire_labels import short

DIGITS = 6  # significant ones: what fits on a board; the circuit and the lines have all of them
MOST_GATES = 120  # larger circuits are not played: nobody steps through them


def replay(diagram: Diagram) -> tuple[PlayedGate, ...]:
    """The gates of a circuit, each after those that it reads; none where there are more than MOST_GATES.

    Figures are those of the circuit: floats where the implementation computes them, else exact, in parentheses.
    """
    if len(diagram.gates) > MOST_GATES:
        return ()
    at = {g.key: i for i, g in enumerate(diagram.gates)}
    found = []
    for g in diagram.gates:
        wires = diagram.inputs_of(g.key)
        args = tuple(at[w.source] for w in wires)
        partials = tuple(short(w.local, DIGITS) if w.local.is_known else "" for w in wires)  # exact, always
        flows = tuple(short_text(w.gradient) for w in wires)
        found.append(PlayedGate(g.key, g.kind, g.symbol, g.name, g.text, args, short_text(g.value), short_text(g.gradient), partials, flows))
    return tuple(found)


def short_text(figure: Figure) -> str:
    """A figure with a few digits; in parentheses where the implementation does not compute it, empty where there is none."""
    if not figure.is_known:
        return ""
    text = short(figure, DIGITS)
    return text if figure.is_computed else f"({text})"
