"""The operations of a program as its floats do them, each with its format and its rounding, and over the reals its partial derivatives from SymPy.

Gates without a kernel of their own are written out as the floats run them, equal operations are one, a name that is stored in a narrower format is rounded once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import isfinite
from typing import Literal, NamedTuple

from verifier.arithmetic import floats
from verifier.circuit.dag import Dag
from verifier.circuit.expand import write_gate
from verifier.circuit.expressions import definition
from verifier.circuit.program import LEAVES, Program, Step, ancestors_among
from verifier.exact import derivatives
from verifier.language.formats import FORMATS, Format, computing
from verifier.language.gates import GATES
from verifier.language.numeral import exact
from verifier.language.primitives import NoGate

RoundingKind = Literal["none", "nearest", "library", "unknown"]
NEAREST = frozenset(("add", "sub", "mul", "div", "sqrt", "fma", "square", "reciprocal"))  # rounded once to the nearest, where there is a kernel
HALVES = frozenset(("max", "min", "where"))
SAME = {"maximum": "max", "minimum": "min"}
JUMPS = frozenset(("sign", "floor", "ceil", "trunc", "round"))


class Operation(NamedTuple):
    """One step: a gate of the table, `cast`, or a leaf. `args` are earlier operations; `origin` is the step of the program that it belongs to."""

    gate: str
    args: tuple[int, ...]
    text: str
    format: Format  # of the result
    rounding: RoundingKind
    origin: int

    @property
    def is_leaf(self) -> bool:
        """Whether it reads nothing."""
        return not self.args


@dataclass(frozen=True)
class Operations:
    """What is computed, in which format, and `reals`: a program whose inputs are the values of the operations, with the nodes of what each means over the reals.

    `exact[k]` is the node of operation k of its operands, `partials[k]` those of its partial derivatives (None: 0 or a choice, which is treated by
    itself), `elasticities[k]` those of d log(result) / d log(operand), `logarithmic[k]` those of d log(result) / d operand.
    """

    format: Format
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    reals: Program
    exact: tuple[int, ...]
    partials: tuple[tuple[int | None, ...], ...]
    elasticities: tuple[tuple[int | Literal["sum"] | None, ...], ...]
    logarithmic: tuple[tuple[int | None, ...], ...]

    def lacking(self) -> list[str]:
        """The gates of whose rounding nothing is known."""
        return sorted({o.gate for o in self.operations if o.rounding == "unknown"})


def operations(program: Program, outputs: Sequence[int], fmt: Format) -> Operations:
    """The operations that some steps of a program need, as the floats of a format do them."""
    written = _OperationWriter(fmt)
    needed = set().union(*(ancestors_among(program.steps, o) for o in outputs)) if outputs else set()
    at: dict[int, int] = {}
    for i, step in enumerate(program.steps):
        if step.gate == "input" or i in needed:
            at[i] = written.step(step, [at[a] for a in step.args], i)
            if fmt.computed_in and step.name and step.gate != "input" and not _is_truth(step.gate):
                at[i] = written.cast(at[i], FORMATS[fmt.stored_in], i)
    return _with_reals(fmt, written.operations, [at[o] for o in outputs])


def is_wider(wide: Format, narrow: Format) -> bool:
    """Whether a format has every number of another one."""
    return wide.precision >= narrow.precision and wide.smallest <= narrow.smallest and wide.largest >= narrow.largest


def _is_truth(gate: str) -> bool:
    return gate in GATES and GATES[gate].boolean


class _OperationWriter:
    def __init__(self, fmt: Format) -> None:
        self.format, self.inner = fmt, computing(fmt)
        self.operations: list[Operation] = []
        self.index: dict[tuple[str, tuple[int, ...], str, str], int] = {}

    def _add(self, gate: str, args: tuple[int, ...], text: str, fmt: Format, rounding: RoundingKind, origin: int) -> int:
        key = (gate, args, text, fmt.name)
        if key not in self.index:
            self.index[key] = len(self.operations)
            self.operations.append(Operation(gate, args, text, fmt, rounding, origin))
        return self.index[key]

    def cast(self, arg: int, to: Format, origin: int) -> int:
        """A value rounded to another format."""
        if is_wider(to, self.operations[arg].format):
            return arg
        return self._add("cast", (arg,), to.name, to, "nearest", origin)

    def step(self, step: Step, args: Sequence[int], origin: int) -> int:
        """Write one step; the operation of its value."""
        if step.gate in LEAVES:
            stored = FORMATS[self.format.stored_in] if step.gate in ("input", "upstream") else self.inner
            return self._add(step.gate, (), step.text, stored, "none" if step.gate in ("input", "upstream") or is_exact(step, self.inner) else "nearest", origin)
        if step.gate == "copy":
            return args[0]
        if step.gate in SAME:
            return self.step(step._replace(gate=SAME[step.gate]), args, origin)
        if step.gate in FORMATS:
            narrow = self.cast(args[0], FORMATS[step.gate], origin)
            return self.cast(narrow, self.inner, origin)  # it is held in the format of the program
        gate = GATES[step.gate]
        path = gate.float64 if self.inner.name == "float64" else gate.arrays
        if path is None:
            inner = definition(step.gate)
            at: list[int] = []
            for s in inner.steps:
                at.append(args[len(at)] if s.gate == "input" else self.step(s, [at[a] for a in s.args], origin))
            return at[inner.output]
        if not gate.boolean:
            args = [a if i in gate.conditions else self._number(a, origin) for i, a in enumerate(args)]
        rounding: RoundingKind = "none" if gate.exact else "nearest" if step.gate in NEAREST else "library"
        return self._add(step.gate, tuple(args), "", self.inner, rounding, origin)


    def _number(self, a: int, origin: int) -> int:
        """A truth value that is calculated with: 1 or 0."""
        o = self.operations[a]
        if not _is_truth(o.gate):
            return a
        one, zero = (self._add("number", (), text, self.inner, "none", origin) for text in ("1", "0"))
        return self._add("where", (a, one, zero), "", self.inner, "none", origin)


# ---------------------------------------------------------------- over the reals


def _with_reals(fmt: Format, done: Sequence[Operation], outputs: Sequence[int]) -> Operations:
    """The operations with what they mean over the reals."""
    dag = Dag(tuple(f"v{k}" for k in range(len(done))))
    exact_nodes, partials, elasticities, logarithmic = [], [], [], []
    for k, o in enumerate(done):
        args = list(o.args)
        value = _value(dag, o, k)
        exact_nodes.append(value)
        slopes = _partials(dag, o, [_literal(done[a]) for a in args])
        partials.append(tuple(slopes))
        elasticities.append(tuple(_elasticity(dag, o, i, slope, value) for i, slope in enumerate(slopes)))
        logarithmic.append(tuple(None if slope is None else _over(dag, o, slope, value) for slope in slopes))
    program = Program(tuple(dag.steps), dag.inputs, {}, len(dag.steps) - 1)
    return Operations(fmt, tuple(done), tuple(outputs), program, tuple(exact_nodes), tuple(partials), tuple(elasticities), tuple(logarithmic))


def _value(dag: Dag, o: Operation, k: int) -> int:
    if o.gate in ("input", "upstream"):
        return k
    if o.gate in LEAVES:
        return dag.leaf(o.gate, o.text)
    return o.args[0] if o.gate == "cast" else write_gate(dag, o.gate, list(o.args))


def is_exact(step: Step, fmt: Format) -> bool:
    """Whether a literal is a number of the format."""
    if step.gate != "number":
        return False
    value = floats.literal(step.text, fmt)
    return isfinite(value) and Fraction(value) == exact(step.text)


def _literal(o: Operation) -> str | None:
    """The text of a number that a partial may take as it is: the float is that number, too."""
    if o.gate != "number" or o.rounding != "none" or len(o.text) > derivatives.MAX_LITERAL or {"e", "x"} & set(o.text.lower()):
        return None
    return o.text


def _partials(dag: Dag, o: Operation, literals: Sequence[str | None]) -> list[int | None]:
    """The nodes of an operation's partial derivatives; None for those of a choice or a step, which need no formula."""
    if not o.args or o.gate in JUMPS or o.gate in HALVES or _is_truth(o.gate) or o.gate == "abs":
        return [None for _ in o.args]
    if o.gate == "cast":
        return [dag.number("1")]
    local = _local(o.gate, tuple(literals) if o.gate == "pow" else (None,) * len(literals))
    return [None if p is None else dag.splice(p, o.args, exist=True)[p.output] for p in local]


@cache
def _local(gate: str, literals: tuple[str | None, ...]) -> tuple[Program | None, ...]:
    """The partial derivatives of a gate as programs of primitives over its parameters."""
    if GATES[gate].means is None:
        return derivatives.local_gradient(gate, literals)
    parameters = GATES[gate].parameters
    steps = (*(Step("input", (), p) for p in parameters), Step(gate, tuple(range(len(parameters)))))
    moving = set(range(len(parameters))).difference(GATES[gate].orders, GATES[gate].conditions)
    found = derivatives.gradient(Program(steps, parameters, {}, len(parameters)), variables=moving)
    zero = Program((*steps[:-1], Step("number", (), "0")), parameters, {}, len(parameters))
    return tuple(None if i not in moving else zero if (at := found.adjoint.get(i)) is None else _only(found.program, at) for i in range(len(parameters)))


def _only(program: Program, output: int) -> Program:
    return Program(program.steps[: output + 1], program.inputs, {}, output)


def _elasticity(dag: Dag, o: Operation, position: int, slope: int | None, value: int) -> int | Literal["sum"] | None:
    """d log(result) / d log(operand): SymPy's where its formula is short, else operand * partial / result."""
    if o.gate in ("add", "sub"):
        return "sum"
    if slope is None:
        return None
    if o.gate == "cast":
        return slope
    short = _short(o.gate, position, of_logarithm=True)
    if short is not None:
        return dag.splice(short, o.args, exist=True)[short.output]
    return dag.gate("div", dag.gate("mul", o.args[position], slope, exist=True), value)


def _over(dag: Dag, o: Operation, slope: int, value: int) -> int:
    """d log(result) / d operand."""
    short = _short(o.gate, 0, of_logarithm=False) if len(o.args) == 1 and o.gate != "cast" else None
    if short is not None:
        return dag.splice(short, o.args, exist=True)[short.output]
    return dag.gate("div", slope, value)


MOST_STEPS = 3  # of a formula that is taken instead of a quotient


@cache
def _short(gate: str, position: int, *, of_logarithm: bool) -> Program | None:
    """f' a / f, or f' / f, of a primitive as SymPy simplifies it by itself, where that is a number, an operand or little more."""
    import sympy

    from verifier.exact import sympy_gates

    if gate not in sympy_gates.PRIMITIVES or gate in derivatives.DERIVATIVES or GATES[gate].means is not None:
        return None
    parameters = GATES[gate].parameters
    symbols = [sympy.Symbol(p, real=True) for p in parameters]
    meaning = sympy_gates.PRIMITIVES[gate](*symbols)
    formula = sympy.diff(meaning, symbols[position]) / meaning * (symbols[position] if of_logarithm else 1)
    dag = Dag(parameters)
    indices = {s: i for i, s in enumerate(symbols)}
    try:
        output = sympy_gates.emit(formula, indices, lambda name, *args: dag.gate(name, *args, exist=True), dag.number, lambda text: dag.leaf("constant", text))
    except NoGate:
        return None
    found = Program(tuple(dag.steps), parameters, {}, output)
    return found if len(found.steps) <= len(parameters) + MOST_STEPS else None
