"""What a callable comes to at one point: a Program with the places of the user's file, and the floats that the framework computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from verifier.circuit.program import Program
from verifier.language.formats import Format, format_named
from verifier.language.source import Place

Floats: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = Mapping[str, Floats]  # arrays by name: numbers of the format, each as the float64 that it is

UNSTEADY = "gives other bits when it is called again"  # a fault after which nothing else can be said

MISSHAPEN = "V108"  # the code of a gradient of another shape than its input


class Refusal(Exception):
    """A callable that cannot be traced: which operation, where it stands, and what to do. `forward` is the traced forward pass, where that much was had."""

    def __init__(self, what: str, place: Place | None = None, advice: str = "", forward: Program | None = None) -> None:
        super().__init__(f"{f'{place}: ' if place is not None else ''}{what}{f'; {advice}' if advice else ''}")
        self.what, self.place, self.advice, self.forward = what, place, advice, forward


@dataclass(frozen=True)
class Spot:
    """Where an operation stands: lines count from 1, columns in characters from 1; -1 where it is not known."""

    file: str
    line: int
    column: int = -1
    end_line: int = -1
    end_column: int = -1
    function: str = ""


@dataclass(frozen=True, eq=False)
class Reading:
    """Steps with the floats that the framework computed for them; `what` is the operation in the framework's words, `format` that of the floats ('' where it is that of the run)."""

    steps: npt.NDArray[np.int64]
    floats: Floats
    what: str
    format: str = ""


@dataclass(frozen=True)
class Branch:
    """A condition that the code followed as it was at this point: the Program holds where it is the same."""

    step: int
    holds: bool
    place: Place
    text: str


@dataclass(frozen=True)
class Trace:
    """A callable at a point. The inputs of the program are those of the callable and then the gradients that flow in (`parameters`).

    The output of the program is the sum of all components of all outputs, each times the gradient that flows into it.
    `claims` are the components of the inputs, each with the name of its gradient. `computed` are the framework's own
    gradients, in the order of the claims, and `outputs` its outputs, at `point` (the values of all inputs of the program).
    """

    program: Program
    claims: tuple[tuple[str, str], ...]
    point: tuple[float, ...]
    computed: tuple[float, ...]
    outputs: dict[str, Floats]
    readings: tuple[Reading, ...] = ()
    branches: tuple[Branch, ...] = ()
    notes: tuple[str, ...] = ()
    results: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)  # the steps of the outputs
    stops: tuple[Stop, ...] = ()  # where the code leaves out a part of the gradient on purpose
    taken: tuple[Taken, ...] = ()  # numbers that the code took out of arrays, which the trace has as constants
    iterations: tuple[Iteration, ...] = ()  # whose derivative is a rule of its own
    pivots: tuple[tuple[int, ...], ...] = ()  # steps of the pivots of eliminations, each with those of the elements that it was chosen from


@dataclass(frozen=True, eq=False)
class Stop:
    """Where the code leaves out a part of the gradient on purpose: what it is that does so, what it does, and where.

    Where it says that a value counts as a constant, the steps of that value, and, in a trace that holds it constant, the steps that stand in their place.
    """

    by: str
    does: str
    place: Place | None
    steps: npt.NDArray[np.int64] | None = None
    held: npt.NDArray[np.int64] | None = None

    @property
    def note(self) -> str:
        """What the report says of it."""
        return f"{f'{self.place}: ' if self.place is not None else ''}{self.by} {self.does}; the exact gradient is that of the function that is computed, with this part"


@dataclass(frozen=True)
class Iteration:
    """A loop that is not differentiated, as its result has a derivative rule of its own: where it stands, how many rounds it runs, and whether it chooses between values by a condition on an input."""

    spot: Spot
    rounds: int
    chooses: bool


@dataclass(frozen=True)
class Taken:
    """A number that the code took out of an array that depends on the inputs, and where."""

    place: Place | None
    number: float


@dataclass(frozen=True)
class Ran:
    """What the framework computed at a point, without any tracing: its outputs and its gradients, by the names of outputs and inputs."""

    outputs: dict[str, Floats]
    gradients: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class Occasion:
    """A run: in which format, at which values of the inputs, with which gradients flowing in."""

    format: str
    values: Values
    flows: Values

    def is_the(self, fmt: Format, values: Values, flows: Values) -> bool:
        """Whether it is the run in this format at these values, to the last bit."""
        return fmt.name == self.format and _are_same(values, self.values) and _are_same(flows, self.flows)


def _are_same(first: Values, second: Values) -> bool:
    return first.keys() == second.keys() and all(np.asarray(v, dtype=np.float64).tobytes() == np.asarray(second[n], dtype=np.float64).tobytes() for n, v in first.items())


TraceWith: TypeAlias = Callable[[Values, Values, Format], Trace]  # the values of the inputs, the gradients that flow in (by output), the format
GoOnWith: TypeAlias = Callable[[Values, Values, Format, int], Trace]
RunWith: TypeAlias = Callable[[Values, Values, Format], Ran]


@dataclass(frozen=True)
class Callee:
    """A callable at the door: where it stands, its inputs and outputs with their shapes, and how it is run and traced.

    `trace` raises Refusal where it cannot; `run` is the framework alone.
    """

    name: str
    place: Place
    framework: str  # with its version, such as "NumPy 2.1.0"
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    run: RunWith
    trace: TraceWith
    flows: tuple[str, ...] | None = None  # the outputs into which a gradient flows; None: all of them
    notes: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()  # what the door itself found: (code of the finding, message)
    functions: tuple[Any, ...] = ()  # of the user, whose code may be edited to see what repairs it
    unremembered: Callable[[], AbstractContextManager[tuple[RunWith, TraceWith]]] | None = None  # within it: how code is run and traced that is edited again and again, where `run` and `trace` remember what they have run
    anew: TraceWith | None = None  # the trace of code that was edited since it was traced, where `trace` remembers what it has traced
    together: RunWith | None = None  # a callable of numbers at many points in one call: each value and each gradient is a column of numbers. Raises Refusal where an operation is not one of each element alone
    go_on: GoOnWith | None = None  # the trace in which iterations with a rule of their own run so many times as many rounds more
    held: TraceWith | None = None  # the trace in which what the code says is a constant (detach, stop_gradient) is one, with the number that it has at the point
    linear_at: Occasion | None = None  # where the door has seen the gradients to be linear in what flows in, to the last bit
    silent: tuple[str, ...] = ()  # inputs for which there is no gradient at all (None), which counts as 0
    numbers_in: Mapping[str, str] = field(default_factory=dict)  # by format: that in which the framework holds the numbers of the code, where it is a wider one
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by format of the run: the inputs that keep a narrower format of their own, which is that of their gradients too
    narrow: Mapping[str, str] = field(default_factory=dict)  # outputs that have a format of their own: what flows into them is rounded to it

    @property
    def is_steady(self) -> bool:
        """Whether it gives the same numbers when it is called again, for all that a door has seen."""
        return not any(text == UNSTEADY for _, text in self.faults)

    def tries(self) -> AbstractContextManager[tuple[RunWith, TraceWith]]:
        """How code with edits is run and traced, within a `with`."""
        return nullcontext((self.run, self.trace)) if self.unremembered is None else self.unremembered()

    def format_named(self, name: str) -> Format:
        """The format of that name, with that of the numbers in the code."""
        found = format_named(name)
        return replace(found, numbers_in=self.numbers_in[name]) if name in self.numbers_in else found

    def kept_in(self, fmt: Format) -> dict[str, Format]:
        """The inputs that keep a narrower format of their own in a run."""
        return {name: self.format_named(own) for name, own in self.kept.get(fmt.name, {}).items()}

    @property
    def can_be_judged(self) -> bool:
        """Whether it is steady, and its gradients have the shapes of what they are the gradients of."""
        return self.is_steady and not any(code == MISSHAPEN for code, _ in self.faults)

    @property
    def upstreams(self) -> dict[str, tuple[int, ...]]:
        """The outputs into which a gradient flows, with their shapes."""
        return {o: s for o, s in self.outputs.items() if self.flows is None or o in self.flows}


def flat(values: Any) -> list[float]:
    """The components of an array, in C order."""
    return [float(v) for v in np.asarray(values, dtype=np.float64).ravel()]
