"""The circuit of one implementation at one point, as data: gates, wires, and on each wire the forward value and the gradient that comes back.

Data only, with all figures as text: `report.bundles` says which steps are one gate, `report.layout` where they stand, `report.draw.circuit_svg` and
`report.draw.circuit_text` draw them. A figure that the implementation computes is a float; one that it does not compute is the exact number, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from verifier.case.components import PointText, Shape


@dataclass(frozen=True)
class Figure:
    """Numbers that belong together: one, or those of an array in C order. None stands for a number that nobody computed, or that does not exist."""

    shape: Shape = ()  # (): one number
    computed: tuple[str | None, ...] = ()  # floats, as their format writes them
    exact: tuple[str | None, ...] = ()  # decimal digits, all of them certified
    ulps: tuple[str | None, ...] = ()  # computed - exact, with its sign
    is_known: bool = True  # False: there is nothing to show, as for the gradient of a truth value

    @property
    def is_computed(self) -> bool:
        """Whether the implementation computes these numbers."""
        return self.is_known and all(c is not None for c in self.computed)

    @property
    def is_array(self) -> bool:
        """Whether these are several numbers."""
        return len(self.computed) != 1 or self.shape != ()


NO_FIGURE = Figure(is_known=False)


@dataclass(frozen=True)
class CircuitGate:
    """A gate of the picture: an input, a step, the steps that one operation on arrays is, or a fold of several gates."""

    key: str  # unique in the diagram, and the same in every run: g0, g1, ...
    kind: str  # input, gate, array (one operation on arrays), fold, output
    symbol: str  # what stands in the circle: +, *, 1/x, exp, *-1; of an input and an output its name
    name: str = ""  # the name that the program gives to its value
    text: str = ""  # the expression as it is written
    line: int | None = None  # of the file
    value: Figure = NO_FIGURE
    gradient: Figure = NO_FIGURE  # of the output with respect to its value: the sum over all wires that leave it
    steps: tuple[int, ...] = ()  # of the program: all that it stands for
    count: int = 1  # gates that it stands for
    is_ordered: bool = False  # its operands may not change places
    holds: tuple[str, ...] = ()  # the statements that a fold holds
    guilt: str = ""  # one line about what is wrong here; empty: nothing
    is_guilty: bool = False


@dataclass(frozen=True)
class Wire:
    """What a gate reads from another one."""

    key: str  # w0, w1, ...
    source: str
    target: str
    position: int  # among the operands of the target
    value: Figure = NO_FIGURE
    gradient: Figure = NO_FIGURE  # what comes back through this wire
    local: Figure = NO_FIGURE  # the local gradient: of the target's value with respect to this operand; exact. Unknown where the target is more than one step
    is_branch: bool = False  # the source has other wires: what comes back through them all adds up
    guilt: str = ""
    is_guilty: bool = False


@dataclass(frozen=True)
class Diagram:
    """The circuit of one implementation at one point in one format. Gates stand in an order in which everything is computed before it is read."""

    case: str
    implementation: str
    format: str
    point: PointText
    gates: tuple[CircuitGate, ...]
    wires: tuple[Wire, ...]
    notes: tuple[str, ...] = ()  # what the picture leaves out
    folded: int = 0  # gates that stand within folds
    by_key: dict[str, CircuitGate] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.by_key.update({g.key: g for g in self.gates})

    @property
    def title(self) -> str:
        """What the picture shows, in a line."""
        from verifier.case.components import bracketed

        at = ", ".join(f"{name} = {bracketed(value)}" for name, value in self.point)
        who = self.case if self.implementation == self.case else f"{self.case}: {self.implementation}"
        return f"{who}, {self.format}" + (f", at {at}" if at else "")

    def inputs_of(self, gate: str) -> list[Wire]:
        """The wires that lead to a gate, in the order of its operands."""
        return sorted((w for w in self.wires if w.target == gate), key=lambda w: w.position)

    def outputs_of(self, gate: str) -> list[Wire]:
        """The wires that leave a gate."""
        return [w for w in self.wires if w.source == gate]

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        from verifier.report.draw import circuit_in_notebook

        return circuit_in_notebook(self)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """What IPython shows in a terminal."""
        from verifier.report.draw import circuit_in_terminal

        printer.text(circuit_in_terminal(self))
