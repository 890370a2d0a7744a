"""What the page shows of a case beside its report: plain data, made where the case is verified and sent with its CaseReport."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.case.components import PointText


@dataclass(frozen=True, slots=True)
class ProgramLine:
    """One row: a statement with its figures, or some numbers of the array that it sets."""

    text: str
    value: str
    exact: str
    ulps: str
    adjoint: str
    is_backward: bool
    line: int = 0  # in the case file; 0 where a transform wrote the statement, and of the numbers of an array


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula as text and, where SymPy could typeset it in time, as MathML; `name` is empty for the function itself."""

    name: str
    text: str
    mathml: str = ""


@dataclass(frozen=True, slots=True)
class PlayedGate:
    """One gate of a circuit, as it is played on the page. All figures are text; empty where there is none.

    `partials` and `flows` have an entry for each operand: the local gradient, and what flows back through that wire.
    """

    key: str  # in the circuit
    kind: str  # input, gate, array, fold, output
    symbol: str
    name: str
    text: str
    args: tuple[int, ...]  # the gates that it reads
    value: str
    gradient: str = ""
    partials: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairedLine:
    """A wrong line, the lines in its place with which the gradients are right (empty: no line), and the place of the finding about it."""

    implementation: str
    place: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ImplementationDetails:
    """An implementation at one point: its program line by line, its gates in order, its circuit as SVG (empty where there is none)."""

    name: str
    format: str
    point: PointText
    lines: tuple[ProgramLine, ...] = ()
    gates: tuple[PlayedGate, ...] = ()
    circuit: str = ""
    notes: tuple[str, ...] = ()  # what the circuit leaves out


@dataclass(frozen=True, slots=True)
class Details:
    """Everything about one case that is shown when it is opened."""

    about: str = ""
    source: str = ""
    function: str = ""
    formulas: tuple[Formula, ...] = ()
    implementations: tuple[ImplementationDetails, ...] = ()
    plots: tuple[str, ...] = ()  # SVG
    repairs: tuple[RepairedLine, ...] = ()
    notes: tuple[str, ...] = ()
