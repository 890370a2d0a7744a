"""A Program is the list of Steps, one gate each, in single-assignment form; a Builder appends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from itertools import product, repeat
from typing import Any, NamedTuple

from verifier.language.gates import GATES
from verifier.language.source import Source

TOTAL = "outputs_together"  # the name of the sum of several outputs, or of the components of one, each times the gradient that flows into it
LEAVES = frozenset(("input", "upstream", "number", "constant"))
MAX_STEPS = 2_000_000
MOST_SHAPES = 64  # of arrays, that are remembered: the same names are asked for again and again


class SizeError(Exception):
    """A program of more than MAX_STEPS steps; raised before they are made."""


class Step(NamedTuple):
    """One gate. `args` are the indices of its operands, which are earlier steps; `text` is the name of an input or a constant, or a literal."""

    gate: str
    args: tuple[int, ...]
    text: str = ""
    name: str = ""  # the name the statement assigns, where this step is the statement's value
    line: int = -1  # index into Program.lines
    start: int = 0  # the span in that line's source text
    end: int = 0


SHIFT = "shift"  # the text of a maximum or minimum on which the function does not depend, so that its kink is none of the function's (`exact.shifts`)

_step = partial(tuple.__new__, Step)  # of all fields, without a call in Python: programs of arrays have many


@dataclass(frozen=True)
class Line:
    """The text of one statement, and where it stands in the case file; `source` is None for a line that a transform wrote."""

    text: str
    source: Source | None = None
    start: int = 0
    end: int = 0
    backward: bool = False


@dataclass(frozen=True)
class Program:
    """Steps in order; the first `len(inputs)` are the inputs. `names` maps every assigned name to its last version.

    An array has a name for every component, `x[1,2]`, and its shape in `shapes`; `values` is what names stand for that
    are no steps when the last line is done: arrays (of steps), whole numbers, tuples, lists, functions.
    """

    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    names: dict[str, int]
    output: int
    lines: tuple[Line, ...] = ()
    output_name: str = "out"
    backward_start: int = -1  # index of the first backward step; -1 where there is none
    parameters: frozenset[str] = frozenset()  # inputs that are constants: no derivative with respect to them is asked for
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def longest_literal(self) -> int:
        """The largest number of significant digits of a literal; 0 without literals. A literal of many digits may be a constant that was rounded."""
        return max((significant_digits(s.text) for s in self.steps if s.gate == "number"), default=0)

    @cached_property
    def constants(self) -> dict[tuple[object, ...], Mapping[int, Any]]:
        """The values of the steps that depend on no input, as an arithmetic has them: each puts its own here once, under a key of its own."""
        return {}

    @cached_property
    def step_index(self) -> dict[tuple[str, tuple[int, ...], str], int]:
        """The index of each step by its gate, operands and text, in a program in which no two steps are equal."""
        return {(s.gate, s.args, s.text): i for i, s in enumerate(self.steps)}

    @cached_property
    def readers(self) -> list[list[int]]:
        """The steps that read each step."""
        found: list[list[int]] = [[] for _ in self.steps]
        for i, step in enumerate(self.steps):
            for a in step.args:
                found[a].append(i)
        return found

    @cached_property
    def needed(self) -> set[int]:
        """The steps that the output depends on, itself included."""
        return ancestors(self, self.output)

    def forward_part(self) -> Program:
        """The program without its backward steps."""
        if self.backward_start < 0:
            return self
        end = self.backward_start
        names = {n: i for n, i in self.names.items() if i < end}
        shapes = {n: shape for n, shape in self.shapes.items() if 0 in shape or n + "[" + ",".join("0" * len(shape)) + "]" in names}
        return Program(self.steps[:end], self.inputs, names, self.output, self.lines, self.output_name, parameters=self.parameters, shapes=shapes)


def ancestors(program: Program, step: int) -> set[int]:
    """The steps that a step depends on, itself included."""
    return ancestors_among(program.steps, step)


def ancestors_among(steps: Sequence[Step], step: int) -> set[int]:
    """`ancestors` in a list of steps that is no Program yet."""
    found = {step}
    pending = [step]
    while pending:
        for a in steps[pending.pop()].args:
            if a not in found:
                found.add(a)
                pending.append(a)
    return found


def descendants(program: Program, steps: Iterable[int]) -> list[int]:
    """The steps that depend on any of some steps, these included, in order."""
    found = set(steps)
    pending = list(found)
    while pending:
        for reader in program.readers[pending.pop()]:
            if reader not in found:
                found.add(reader)
                pending.append(reader)
    return sorted(found)


def only_for(program: Program, step: int) -> Program:
    """A program that computes one step only: the steps it depends on, with the inputs that these read, and without names."""
    needed = sorted(ancestors(program, step))
    at = {old: new for new, old in enumerate(needed)}
    steps = tuple(program.steps[i]._replace(args=tuple(at[a] for a in program.steps[i].args)) for i in needed)
    return Program(steps, tuple(program.inputs[i] for i in needed if i < len(program.inputs)), {}, at[step], program.lines)


def reads_upstream(program: Program, outputs: Iterable[int]) -> bool:
    """Whether any of some steps depends on the gradient that flows in."""
    found = set(outputs)
    for i in range(max(found, default=-1), -1, -1):
        if i in found:
            if program.steps[i].gate == "upstream":
                return True
            found.update(program.steps[i].args)
    return False


def significant_digits(text: str) -> int:
    """How many significant digits a decimal literal has: `0.0447150` has 6, `1.0` has 2 but is exact all the same. A hexadecimal one is itself: 0."""
    if text.startswith(("0x", "0X")):
        return 0
    mantissa = text.lower().partition("e")[0].lstrip("+-").replace("_", "")
    if "." not in mantissa:
        return len(mantissa.strip("0"))
    return len(mantissa.replace(".", "").strip("0"))


def component_names(name: str, shape: tuple[int, ...]) -> list[str]:
    """The names of an array's components in C order: `x[0,0]`, `x[0,1]`, ..."""
    return [f"{name}[{','.join(index)}]" for index in product(*([str(i) for i in range(n)] for n in shape))]


def element_shape(elements: Iterable[str]) -> tuple[int, ...] | None:
    """The shape of the array whose components have these names; None where one is missing or they are of different depth."""
    return _element_shape(tuple(elements))


@lru_cache(maxsize=MOST_SHAPES)
def _element_shape(elements: tuple[str, ...]) -> tuple[int, ...] | None:
    indices = [tuple(map(int, e[e.index("[") + 1 : -1].split(","))) for e in elements]
    if not indices or len({len(i) for i in indices}) > 1:
        return None
    shape = tuple(max(i) + 1 for i in zip(*indices, strict=True))
    size = 1
    for n in shape:
        size *= n
    return shape if size == len(indices) else None


@dataclass
class Builder:
    """Appends steps to a program. `names` maps every name to the step it stands for now, `values` the names that stand for no step (arrays, whole numbers, lists)."""

    inputs: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    truths: set[int] = field(default_factory=set)  # inputs that are truth values (the condition of `where`)
    is_table: bool = False  # a row of the gate table: the order of a Bessel function is a parameter there
    values: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of inputs whose shape their names do not tell: (0, 3)
    first_removable: int = 0  # steps before this one stay: a list may hold what a function that was inlined appended
    vectors: set[str] = field(default_factory=set)  # names that have components in `names`
    known: dict[str, Any] = field(default_factory=dict)  # what `know` was given
    rounds: int = 0  # of all comprehensions so far
    place: tuple[int, int, int] = (-1, 0, 0)  # line, start and end of the steps that `append_all` makes

    def __post_init__(self) -> None:
        if not self.steps:
            for name in self.inputs:
                self.names[name] = self.append("input", (), text=name)
        self.vectors.update([name.partition("[")[0] for name in self.names if name.endswith("]")])

    def know(self, values: dict[str, Any]) -> None:
        """Let names stand for values that are known while the Program is built. They may be names of inputs, which no step reads then."""
        for name, value in values.items():
            for element in (name, *self.elements(name)):
                self.names.pop(element, None)
            self.vectors.discard(name)
            self.known[name] = value
            if isinstance(value, int):  # a step
                self.names[name] = value
            else:
                self.values[name] = value

    def append(self, gate: str, args: tuple[int, ...], *, text: str = "", name: str = "", line: int = -1, start: int = 0, end: int = 0) -> int:
        """Add a step; its index."""
        self.steps.append(Step(gate, args, text, name, line, start, end))
        return len(self.steps) - 1

    def reserve(self, count: int) -> None:
        """Raise SizeError where so many further steps are too many."""
        if len(self.steps) + count > MAX_STEPS:
            raise SizeError(f"the program has more than {MAX_STEPS} steps")

    def append_all(self, gate: str, operands: Iterable[tuple[int, ...]], count: int) -> range:
        """Add `count` steps of one gate at `place`; their indices."""
        self.reserve(count)
        first, (line, start, end) = len(self.steps), self.place
        self.steps.extend(map(_step, zip(repeat(gate), operands, repeat(""), repeat(""), repeat(line), repeat(start), repeat(end))))
        return range(first, len(self.steps))

    def append_here(self, gate: str, *args: int, text: str = "") -> int:
        """Add a step at `place`; its index."""
        self.reserve(1)
        line, start, end = self.place
        return self.append(gate, args, text=text, line=line, start=start, end=end)

    def elements(self, name: str) -> list[str]:
        """The names of the components of an array; none where a line has read the array as a whole."""
        return [n for n in self.names if n.startswith(name + "[")] if name in self.vectors else []

    def program(self, output: int, *, output_name: str = "out", backward_start: int = -1, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Program:
        """The program of all steps so far, whose value is the step `output`; `shapes` are those of its arrays where they are known, else those that names and values tell."""
        names, shapes = dict(self.names), self._shapes() if shapes is None else dict(shapes)
        for name, value in self.values.items():
            if getattr(value, "shape", None):  # an array of steps
                shapes[name] = tuple(value.shape)
                names.update(zip(component_names(name, shapes[name]), value.ravel().tolist(), strict=True))
        return Program(tuple(self.steps), self.inputs, names, output, tuple(self.lines), output_name, backward_start, shapes=shapes, values=dict(self.values))

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the inputs."""
        found = dict(self.shapes)
        vectors: dict[str, list[str]] = {}
        for name in self.inputs:
            if name.endswith("]"):
                vectors.setdefault(name.partition("[")[0], []).append(name)
        for base, elements in vectors.items():
            if base not in self.values and (shape := element_shape(elements)) is not None:
                found[base] = shape
        return found

    def boolean(self, index: int) -> bool:
        """Whether a step's value is a truth value."""
        while self.steps[index].gate == "copy":
            index = self.steps[index].args[0]
        gate = GATES.get(self.steps[index].gate)
        return index in self.truths or (gate is not None and gate.boolean)
