"""Records a run on steps: a Builder whose steps have the places of the user's file, the floats read beside them, the branches taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.circuit.program import TOTAL, Builder, Line, Program, component_names
from verifier.language.numeral import exact
from verifier.language.source import Place
from verifier.trace.places import StatementPlace, file_of, spot_of
from verifier.trace.record import Branch, Floats, Reading, Spot, Stop, Taken, Trace, Values, flat

EITHER = 25  # digits of a constant that stands for a float and for every number that rounds to it
SHORT = 14  # digits of a constant that is written as a decimal: fewer than any rounded constant of float64 has


def components(name: str, shape: tuple[int, ...]) -> list[str]:
    """The names of the components of an array; the name itself for a number."""
    return component_names(name, shape) if shape else [name]


def upstream_name(output: str) -> str:
    """The name of the gradient that flows into an output."""
    return f"d{output}"


class Recorder:
    """Steps with places. `inputs` and `upstreams` (by output) are the arrays of steps that a run begins with.

    A door calls `at` (or `here`) before it makes steps, `done` with the steps of every result and the floats that the framework
    has for them, `end_forward` when the forward pass is over, and `trace` at the end. `outputs` are those into which a gradient
    flows; an output of `end_forward` that is not among them counts as it is.
    """

    def __init__(self, inputs: Mapping[str, tuple[int, ...]], outputs: Mapping[str, tuple[int, ...]], *, holds: bool = False, dtype: Any = None) -> None:
        self.holds = holds  # whether what the code says is a constant is one
        self.dtype = dtype  # of the run, whose numbers are decimals of the source
        self.shapes = {**inputs, **{upstream_name(o): s for o, s in outputs.items()}}
        self.builder = Builder(tuple(c for name, shape in self.shapes.items() for c in components(name, shape)))
        self.arrays: dict[str, Array] = {}
        first = 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape, dtype=np.int64))
            self.arrays[name] = np.arange(first, first + size, dtype=np.int64).reshape(shape)
            first += size
        self.inputs = {name: self.arrays[name] for name in inputs}
        self.upstreams = {o: self.arrays[upstream_name(o)] for o in outputs}
        self.outputs: dict[str, Array] = {}
        self.readings: list[Reading] = []
        self.branches: list[Branch] = []
        self.notes: list[str] = []
        self.has_symmetric_gradients = False  # whether the gradients of all symmetric matrices among the inputs are symmetric
        self.stops: list[Stop] = []
        self.taken: list[Taken] = []
        self.pivots: list[tuple[int, ...]] = []
        self.backward_start = -1
        self.undo: list[Callable[[], None]] = []  # what puts back what the run changed of the user's
        self.written_at: Place | None = None  # where it changed an array first
        self._decimals: set[float] = set()  # floats that were met as decimals which are other numbers, in the format of the run
        self._data: set[float] = set()  # floats that were met as data
        self._moving: dict[int, bool] = {}  # whether a step depends on an input, as far as it was asked
        self._statement: StatementPlace | None = None
        self._span = (-1, -1)
        self._runs: dict[tuple[int, str, int, bool], tuple[int, int]] = {}  # (frame, file, statement, backward) -> line of the program, last instruction
        self._fresh = 0

    # ------------------------------------------------------------ places

    def here(self, frame: FrameType | None) -> None:
        """The steps that follow stand where this frame of the user's code is."""
        if frame is not None:
            self.at(spot_of(frame), run=id(frame), instruction=frame.f_lasti)

    def at(self, spot: Spot, *, run: int = 0, instruction: int = -1) -> None:
        """The steps that follow stand at this spot. `run` tells calls apart, `instruction` grows while one statement is executed."""
        self._fresh = len(self.builder.steps)
        file = file_of(spot.file)
        if file is None:
            self._statement, self._span = None, (-1, -1)
            self.builder.place = (self._line(("", 0), Line(f"{spot.file}:{spot.line}"), run, instruction), 0, 0)
            return
        if spot.column > 0:
            start, end = file.offset(spot.line, spot.column), file.offset(spot.end_line, spot.end_column)
        else:
            start = file.starts[min(spot.line, len(file.starts)) - 1]
            text = file.source.text[start:].partition("\n")[0]
            start, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip())
        found = file.statement(start, end)
        self._statement, self._span = found, (start, end)
        line = file.line(found, backward=self.backward_start >= 0)
        self.builder.place = (self._line((spot.file, found.start), line, run, instruction), start, end)

    def _line(self, where: tuple[str, int], line: Line, run: int, instruction: int) -> int:
        """The line of the program for this execution of a statement."""
        key = (run, *where, self.backward_start >= 0)
        known = self._runs.get(key)
        if known is None or instruction < known[1]:  # the first time, or once more in a loop
            self.builder.lines.append(line)
            known = (len(self.builder.lines) - 1, instruction)
        self._runs[key] = (known[0], instruction)
        return known[0]

    def place(self) -> Place | None:
        """Where the recorder is at this moment, in the user's file."""
        index, start, _ = self.builder.place
        line = self.builder.lines[index] if index >= 0 else None
        return line.source.place(start) if line is not None and line.source is not None else None

    # ------------------------------------------------------------ values

    def number(self, value: float | np.floating[Any]) -> int:
        """The step of a number of Python or of NumPy: the decimal that is its shortest text, as if it stood in the source; either, where the same float was met as data."""
        if not math.isfinite(value):
            return self._constant(float(value))
        text = (str(value) if isinstance(value, np.floating) else repr(value)).removesuffix(".0")
        return arrays.literal(self.builder, self._written(text))

    def numbers(self, values: npt.ArrayLike) -> Array:
        """The steps of an array of numbers, each as it is written; one step for each distinct value."""
        data = np.asarray(values, dtype=np.float64)
        known = {v: self.number(v) for v in dict.fromkeys(flat(data))}
        return np.array([known[v] for v in flat(data)], dtype=np.int64).reshape(data.shape)

    def _written(self, text: str) -> str:
        """The text of a number that is written as a decimal."""
        value = self._rounded(float(text))
        if value in self._data:
            return f"{float(text):.{EITHER}g}"
        if value != exact(text):
            self._decimals.add(value)
        return text

    def _rounded(self, value: float) -> float:
        """A number in the format of the run."""
        return value if self.dtype is None else float(self.dtype.type(value))

    def _constant(self, value: float) -> int:
        line, start, end = self.builder.place
        step = self.builder.append("constant", (), text="nan" if math.isnan(value) else "inf", line=line, start=start, end=end)
        return self.builder.append("neg", (step,), line=line, start=start, end=end) if value < 0 else step

    def constants(self, values: npt.ArrayLike) -> Array:
        """The steps of data: every float is itself, exactly, or also the decimal that it was met as before; one step for each distinct value."""
        data = np.asarray(values)
        if data.dtype.kind in "bui":
            return arrays.numbers(self.builder, data.astype(np.int64))
        known: dict[float, int] = {}
        found = [known[v] if v in known else known.setdefault(v, self._exact(v)) for v in flat(data)]
        return np.array(found, dtype=np.int64).reshape(data.shape)

    def decimals(self, texts: Sequence[str], shape: tuple[int, ...]) -> Array:
        """The steps of numbers that are written in a case file: the decimals themselves, as a function in that file has them."""
        return np.array([arrays.literal(self.builder, self._written(t)) for t in texts], dtype=np.int64).reshape(shape)

    def _exact(self, value: float) -> int:
        if not math.isfinite(value):
            return self._constant(value)
        if value in self._decimals:
            return arrays.literal(self.builder, f"{value:.{EITHER}g}")
        self._data.add(value)
        short = f"{value:.{SHORT}g}"
        text = repr(value).removesuffix(".0") if float(short) == value and len(repr(value)) <= SHORT and float(value).is_integer() else value.hex()
        return arrays.literal(self.builder, text)

    def depends(self, steps: Array) -> bool:
        """Whether any of these steps depends on an input, or on a gradient that flows in."""
        return any(map(self._moves, steps.ravel().tolist()))

    def _moves(self, step: int) -> bool:
        steps, known, pending = self.builder.steps, self._moving, [step]
        while pending:
            i = pending[-1]
            args = steps[i].args
            if i in known or not args or any(map(known.get, args)):
                known.setdefault(i, bool(args) or steps[i].gate == "input")
            elif missing := [a for a in args if a not in known]:
                pending.append(missing[0])
                continue
            else:
                known[i] = False
            pending.pop()
        return known[step]

    def done(self, steps: Array, floats: npt.ArrayLike | None = None, what: str = "", *, fmt: str = "") -> Array:
        """A result of the statement at hand: its steps get the name that the statement assigns, and the framework's floats are read (`fmt`: their format, where their dtype does not tell)."""
        statement = self._statement
        if statement is not None and statement.target and not statement.is_part and self._span == statement.value:
            self.name(steps, statement.target)
        if floats is not None:
            self.readings.append(Reading(steps.copy(), np.array(floats, dtype=np.float64), what, fmt or np.asarray(floats).dtype.name))
        return steps

    def name(self, steps: Array, name: str) -> None:
        """Give the steps that were made at the present place the names of the components of an array."""
        if steps.ndim and steps.base is not None:
            steps = steps.copy()
        for part, i in zip(components(name, steps.shape), steps.ravel().tolist(), strict=True):
            step = self.builder.steps[i]
            if i >= self._fresh and not step.name and step.args:
                self.builder.steps[i] = step._replace(name=part)

    def stop(self, by: str, steps: Array, values: npt.ArrayLike) -> Array:
        """The code says here that these steps, which have these values, count as a constant. The steps that go on: the same, or constants where these are held."""
        held = None
        if self.holds:
            line, start, end = self.builder.place
            own = [self.builder.append("copy", (c,), line=line, start=start, end=end) for c in self.constants(values).ravel().tolist()]  # each a step of its own
            held = np.array(own, dtype=np.int64).reshape(steps.shape)
        self.stops.append(Stop(by, "stops the gradient", self.place(), steps.copy(), held))
        return steps if held is None else held

    def leave_out(self, by: str, does: str) -> None:
        """The operation at hand leaves out a part of the gradient, as it is asked to."""
        self.stops.append(Stop(by, does, self.place()))

    def branch(self, step: int, *, holds: bool, text: str = "") -> None:
        """The code went on as this condition was at the point."""
        place = self.place() or Place("", 0, 0)
        found = Branch(step, holds, place, text or (self.builder.lines[self.builder.place[0]].text if self.builder.place[0] >= 0 else ""))
        if found not in self.branches:
            self.branches.append(found)

    # ------------------------------------------------------------ the end

    def end_forward(self, outputs: Mapping[str, Array]) -> None:
        """The forward pass is over: what follows is the backward pass."""
        b = self.builder
        self.outputs = {name: np.asarray(steps, dtype=np.int64) for name, steps in outputs.items()}
        b.lines.append(Line(" + ".join(o if o not in self.upstreams else f"sum({upstream_name(o)} * {o})" if s.shape else f"{upstream_name(o)} * {o}" for o, s in self.outputs.items())))
        b.place = (len(b.lines) - 1, 0, 0)
        terms = [arrays.elementwise(b, "mul", self.upstreams[o], arrays.as_numbers(b, s)) if o in self.upstreams else arrays.as_numbers(b, s) for o, s in self.outputs.items()]
        total = arrays.total(b, np.concatenate([t.ravel() for t in terms]))
        self._output = int(total) if b.steps[int(total)].args else b.append("copy", (int(total),), line=len(b.lines) - 1)
        b.steps[self._output] = b.steps[self._output]._replace(name=TOTAL)
        b.names[TOTAL] = self._output
        self.backward_start = len(b.steps)
        self._statement, self._span = None, (-1, -1)

    def forward(self) -> Program | None:
        """The forward pass, where it is over; what flows in are parameters."""
        if self.backward_start < 0:
            return None
        flows = frozenset(c for o in self.upstreams for c in components(upstream_name(o), self.shapes[upstream_name(o)]))
        return replace(self.builder.program(self._output, output_name=TOTAL, backward_start=self.backward_start), parameters=flows).forward_part()

    def trace(self, gradients: Mapping[str, Array], point: Sequence[float], *, computed: Values, outputs: Values, names: Mapping[str, str] | None = None) -> Trace:
        """The trace of a run whose gradients, by input, are these steps; `names` are those of the gradients (default: d + the input)."""
        b = self.builder
        claims: list[tuple[str, str]] = []
        values: list[float] = []
        taken: set[int] = set()
        for variable, steps in gradients.items():
            shape = self.shapes[variable]
            name = (names or {}).get(variable, f"d{variable}")
            numbers = arrays.as_numbers(b, np.broadcast_to(np.asarray(steps, dtype=np.int64), shape))
            for part, own, step in zip(components(variable, shape), components(name, shape), numbers.ravel().tolist(), strict=True):
                b.names[own] = self._claimed(step, own, taken)
                claims.append((part, own))
            values += flat(np.broadcast_to(computed[variable], shape))
        flows = frozenset(c for o in self.upstreams for c in components(upstream_name(o), self.shapes[upstream_name(o)]))
        for variable, steps in gradients.items():
            self.readings.append(Reading(np.broadcast_to(steps, self.shapes[variable]), floats_of(computed[variable]), f"the gradient of {variable}"))
        for output, steps in self.outputs.items():
            self.readings.append(Reading(steps, floats_of(outputs[output]), f"the output {output}"))
        shapes = {n: s for n, s in self.shapes.items() if s} | {(names or {}).get(v, f"d{v}"): self.shapes[v] for v in gradients if self.shapes[v]}
        program = b.program(self._output, output_name=TOTAL, backward_start=self.backward_start, shapes=shapes)
        program = replace(program, parameters=flows | frozenset(c for v in self.inputs if v not in gradients for c in components(v, self.shapes[v])))
        seen = {name: np.asarray(v, dtype=np.float64) for name, v in outputs.items()}
        return Trace(program, tuple(claims), tuple(point), tuple(values), seen, tuple(self.readings), self._varying(), tuple(self.notes), dict(self.outputs), stops=tuple(self.stops), taken=tuple(self.taken), pivots=tuple(self.pivots))

    def _varying(self) -> tuple[Branch, ...]:
        """The branches whose conditions depend on an input: any other is the same everywhere."""
        if not self.branches:
            return ()
        depends: list[bool] = []
        for step in self.builder.steps:
            depends.append(step.gate == "input" or any(depends[a] for a in step.args))
        return tuple(b for b in self.branches if b.step < 0 or depends[b.step])

    def _claimed(self, step: int, name: str, taken: set[int]) -> int:
        """The step of a gradient under its name; a copy where the step is a leaf, of the forward pass, or has another name."""
        b = self.builder
        found = b.steps[step]
        if step >= self.backward_start and found.args and step not in taken and found.name in ("", name):
            b.steps[step] = found._replace(name=name)
            taken.add(step)
            return step
        return b.append("copy", (step,), name=name, line=found.line, start=found.start, end=found.end)


def point_of(recorder: Recorder, inputs: Values, upstreams: Values) -> tuple[float, ...]:
    """The values of all inputs of the program, in their order."""
    found: list[float] = []
    for name in recorder.inputs:
        found += flat(inputs[name])
    for output in recorder.upstreams:
        found += flat(upstreams[output])
    return tuple(found)


def floats_of(values: Any) -> Floats:
    """An array of a framework, its numbers as the float64 that they are."""
    return np.asarray(values, dtype=np.float64)
