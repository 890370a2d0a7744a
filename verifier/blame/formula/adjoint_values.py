"""Which forward step a backward name stands for: by its name, by the `adjoints` key, by value over the reals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from flint import arb

from verifier.arithmetic import balls
from verifier.case.case import Implementation
from verifier.circuit.dag import Dag
from verifier.circuit.expressions import BuildError, add_tree
from verifier.circuit.program import Builder, Program, Step
from verifier.exact import derivatives
from verifier.language.formats import Format
from verifier.language.gates import GATES
from verifier.language.grammar import parse_expression
from verifier.language.tokens import LanguageError

BITS = 512
MOST_BITS = 4096
CERTAIN_BITS = 200  # relative accuracy of the adjoints of the inputs that is asked for
SPARE = 8  # bits by which a ball may be wider than an ulp (it may hold rounded literals) and still tell
KEY_DIGITS = 10  # of a number by which equal columns are looked up
PREFIXES = ("d", "grad_", "d_", "g_", "dL_d", "dout_d")
Column = list[Any]  # one ball (or truth value) per test point


@dataclass(frozen=True)
class Terrain:
    """The exact values at some test points: of every step of a program's forward part, and of its adjoints."""

    program: Program
    points: tuple[tuple[float, ...], ...]
    values: tuple[Column, ...]  # of the forward steps
    adjoints: tuple[Column, ...]  # of the forward steps: upstream * d(output)/d(step)
    totals: tuple[Column, ...]  # the same, with those of nameless steps that are the same expression
    upstream: Any
    first: int  # so many of the points, the first ones, are those where something is wrong
    bits: int  # the precision at which all this, and what is held against it, is computed

    @property
    def count(self) -> int:
        """How many test points there are."""
        return len(self.points)

    @cached_property
    def _by_adjoint(self) -> dict[str, list[int]]:
        steps = self.program.steps
        return _index((i, c) for i, column in enumerate(self.adjoints) for c in (column, self.totals[i]) if steps[i].args)

    @cached_property
    def _by_value(self) -> dict[str, list[int]]:
        return _index((i, c) for i, c in enumerate(self.values) if self.program.steps[i].args or self.program.steps[i].gate == "input")

    def step_of_adjoint(self, column: Column) -> int | None:
        """The last forward step whose exact adjoint a column is, at two or more test points; None if there is none."""
        found = [i for i in self._by_adjoint.get(_key(column), ()) if same(column, self.adjoints[i]) or same(column, self.totals[i])]
        return max(found, default=None) if self.count > 1 and _tells(column) else None

    def step_of_value(self, column: Column) -> int | None:
        """The first forward step whose exact value a column is, at two or more test points; None if there is none."""
        found = [i for i in self._by_value.get(_key(column), ()) if same(column, self.values[i])]
        return min(found, default=None) if self.count > 1 and _tells(column) else None

    def exact(self, step: int, computed: Column, fmt: Format) -> Column:
        """The adjoint of a forward step; of all steps that are the same expression, where that is what was computed."""
        return self.totals[step] if not agrees(computed, self.adjoints[step], fmt) and agrees(computed, self.totals[step], fmt) else self.adjoints[step]


def _index(columns: Any) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, column in columns:
        found.setdefault(_key(column), []).append(i)
    return found


def _key(column: Column) -> str:
    return " ".join(f"{float(x.mid()):.{KEY_DIGITS}e}" if isinstance(x, arb) else str(x) for x in column[:2])


def _tells(column: Column) -> bool:
    """Whether equality with this column means anything: numbers, and not zero at the first two points."""
    return all(isinstance(x, arb) and x.is_finite() for x in column) and all(x != 0 for x in column[:2])


def terrain(program: Program, points: Sequence[tuple[float, ...]], beside: Sequence[tuple[float, ...]] = (), *, upstream: float) -> Terrain:
    """Exact values and adjoints at those of the points where all that matter exist; `beside` are points where nothing is wrong."""
    bits = BITS
    while True:
        land = _terrain(program, [*points, *beside], len(points), upstream, bits)
        accuracy = [x.rel_accuracy_bits() for c in land.adjoints[: len(program.inputs)] for x in c if not x.is_zero()]
        if bits >= MOST_BITS or min(accuracy, default=CERTAIN_BITS) >= CERTAIN_BITS:
            return land
        bits *= 2


def _terrain(program: Program, points: Sequence[tuple[float, ...]], first: int, upstream: float, bits: int) -> Terrain:
    forward = program.forward_part()
    with balls.precision(bits):
        seed = arb(upstream)
        columns = [[arb(p[i]) for p in points] for i in range(len(program.inputs))]
        exact, places = derivatives.primitive_with_places(forward)
        run = balls.run(exact, columns, bits=bits, strict=True)
        values = [list(run[place]) for place in places]
        if any(s.gate == "diff" for s in forward.steps):
            adjoints = totals = _merged_adjoints(forward, columns, seed)
        else:
            adjoints = _adjoints(forward, values, [seed] * len(points))
            totals = _totals(forward, adjoints, places)
    wanted = [values[forward.output], *adjoints[: len(program.inputs)]]
    good = [at for at in range(len(points)) if all(c[at].is_finite() for c in wanted)]

    def kept(found: Sequence[Column]) -> tuple[Column, ...]:
        return tuple([c[at] for at in good] for c in found)

    return Terrain(program, tuple(tuple(points[at]) for at in good), kept(values), kept(adjoints), kept(totals), seed, sum(at < first for at in good), bits)


def _adjoints(forward: Program, values: Sequence[Column], seed: Column) -> list[Column]:
    """Every step's own adjoint, in reverse, with SymPy's local gradients."""
    zero = [arb(0)] * len(seed)
    found: list[Column] = [zero] * len(forward.steps)
    found[forward.output] = seed
    for i in range(forward.output, -1, -1):
        step = forward.steps[i]
        if found[i] is zero:
            continue
        for position, argument in enumerate(step.args):
            partial = local_partial(step.gate, position, [values[a] for a in step.args])
            if partial is not None:
                carried = through(partial, found[i])
                found[argument] = carried if found[argument] is zero else [a + b for a, b in zip(found[argument], carried, strict=True)]
    return found


def _merged_adjoints(forward: Program, columns: Sequence[Column], seed: Any) -> list[Column]:
    """The same where the forward pass contains derivatives: equal steps are one."""
    gradient = derivatives.gradient(forward)
    run = balls.run(gradient.program, columns, bits=balls.current_precision(), strict=True)
    found = [gradient.adjoint.get(place) for place in gradient.at]
    return [[arb(0)] * len(columns[0]) if step is None else [x * seed for x in run[step]] for step in found]


def _totals(forward: Program, adjoints: Sequence[Column], places: Sequence[int]) -> list[Column]:
    """Each step's adjoint and those of the nameless steps that are the same expression: nothing else can stand for them."""
    alike: dict[int, list[int]] = {}
    for i, place in enumerate(places):
        alike.setdefault(place, []).append(i)
    found: list[Column] = []
    for i, place in enumerate(places):
        step = forward.steps[i]
        column = adjoints[i] if step.gate != "copy" else found[step.args[0]]  # another name for the same value
        for other in alike[place] if len(alike[place]) > 1 and step.gate != "copy" else ():
            if other != i and not forward.steps[other].name:
                column = [a + b for a, b in zip(column, adjoints[other], strict=True)]
        found.append(column)
    return found


def through(partial: Column, adjoint: Column) -> Column:
    """partial * adjoint; 0 where nothing flows back, whatever the partial is there."""
    return [a if a.is_zero() else p * a for p, a in zip(partial, adjoint, strict=True)]


@cache
def _local(gate: str) -> derivatives.Gradient:
    row = GATES[gate]
    parameters = row.parameters
    steps = tuple(Step("input", (), p) for p in parameters)
    free = {i for i in range(len(parameters)) if i not in (*row.orders, *row.conditions)}
    return derivatives.gradient(Program((*steps, Step(gate, tuple(range(len(parameters))))), parameters, {}, len(parameters)), variables=free)


def local_partial(gate: str, position: int, args: Sequence[Column]) -> Column | None:
    """The exact partial derivative of a gate, a column at a time; None where it has none (a condition)."""
    if gate == "copy":
        return [arb(1)] * len(args[0])
    if gate not in GATES or position in GATES[gate].conditions or position in GATES[gate].orders or GATES[gate].boolean:
        return None
    if gate == "where":
        return [arb(1 if (c is True) == (position == 1) else 0) for c in args[0]]
    if gate == "pow" and position == 0:  # SymPy's a**b*b/a is 0/0 at 0, where x**2 is smooth
        power = balls.function_of("pow", strict=True)
        return [b if b.is_zero() else b * power(a, b - 1) for a, b in zip(*args, strict=True)]
    local = _local(gate)
    step = local.adjoint.get(position)
    if step is None:
        return [arb(0)] * len(args[0])
    return list(balls.run(local.program, list(args), bits=balls.current_precision(), strict=True)[step])


# ---------------------------------------------------------------- equality over the reals


def same(a: Column, b: Column) -> bool:
    """Whether two columns of balls may be equal everywhere and are narrow enough to say so."""
    return all(_close(x, y) for x, y in zip(a, b, strict=True))


def _close(x: Any, y: Any) -> bool:
    if isinstance(x, bool) or isinstance(y, bool) or x is None or y is None:
        return x is y
    if not (x.is_finite() and y.is_finite() and x.overlaps(y)):
        return False
    size = abs(x).upper()
    return bool(size.is_zero() or x.rad() + y.rad() < size / 2**40 or size < arb(2) ** (-3 * balls.current_precision() // 4))


def agrees(computed: Column, exact: Column, fmt: Format) -> bool:
    """Whether a column is the exact one within one ulp of the format, at every test point where the exact value exists."""
    unit = arb(2) ** (1 - fmt.precision)
    for c, x in zip(computed, exact, strict=True):
        if not x.is_finite():
            continue
        if not isinstance(c, arb) or not c.is_finite():
            return False
        if abs(c - x) <= abs(x) * unit:
            continue
        if not x.is_exact() and x.rel_accuracy_bits() < fmt.precision and c.overlaps(x):
            continue  # it cancelled: this point says nothing
        wide = c.rad() > abs(x) * unit * 2**SPARE and not abs(c) < arb(2) ** (40 - balls.current_precision())
        if wide or not c.overlaps(x):
            return False
    return True


# ---------------------------------------------------------------- names


def forward_versions(name: str, program: Program) -> list[int]:
    """The forward steps that a name such as `dden` or `grad_den` may stand for: all versions of `den`, in order."""
    for prefix in PREFIXES:
        known = name[len(prefix) :]
        if name.startswith(prefix) and known:
            found = [program.inputs.index(known)] if known in program.inputs else []
            found += [i for i in range(len(program.inputs), program.backward_start) if program.steps[i].name == known]
            if found:
                return found
    return []


def by_key(implementation: Implementation, program: Program) -> dict[str, int]:
    """The `adjoints` key: each name, and the forward step that its expression is."""
    forward = program.forward_part()
    dag = Dag(forward.inputs)
    at = derivatives.write(dag, forward)
    names = dict(zip(forward.inputs, range(len(forward.inputs)), strict=True))
    names.update({s.name: i for i, s in enumerate(forward.steps) if s.name})
    known = len(dag.steps)
    found = {}
    for target, source in implementation.adjoints:
        builder = Builder(tuple(names))
        try:
            index = add_tree(builder, parse_expression(source.text))
        except (LanguageError, BuildError):
            continue
        expression = derivatives.primitive(builder.program(index))
        place = dag.splice(expression, [at[i] for i in names.values()])[expression.output]
        if place < known and place in at:
            found[target] = at.index(place)
    return found
