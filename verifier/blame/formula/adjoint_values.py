"""Finds the forward step whose adjoint a backward name holds: by its name, by the `adjoints` key, or by its value over the reals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flint import arb

from verifier.arithmetic import balls, reals
from verifier.arithmetic.types import Ball, Balls
from verifier.case.case import Implementation
from verifier.circuit.apply import BuildError
from verifier.circuit.dag import Dag
from verifier.circuit.expressions import add_expression
from verifier.circuit.program import Builder, Program, Step
from verifier.exact import derivatives
from verifier.exact.adjoints import adjoints as adjoints_over_reals
from verifier.language.formats import Format
from verifier.language.tokens import LanguageError

BITS = 512
MAX_BITS = 4096
CERTAIN_BITS = 200  # the relative accuracy that the adjoints of the inputs must have
SLACK_BITS = 8  # a ball with a radius of up to 2^8 ulps (rounded literals make it wide) may still count as equal
KEY_DIGITS = 10  # equal columns are looked up by so many digits of their first numbers
PREFIXES = ("d", "grad_", "d_", "g_", "dL_d", "dout_d")

Trial = tuple[tuple[float, ...], float]  # a point, and the gradient that flows in


@dataclass(frozen=True)
class Reference:
    """The exact values at some test points: those of every step of a program's forward part, and those of its adjoints."""

    program: Program
    points: tuple[tuple[float, ...], ...]
    values: tuple[Balls, ...]  # of the forward steps
    adjoints: tuple[Balls, ...]  # of the forward steps: upstream * d(output)/d(step)
    totals: tuple[Balls, ...]  # the adjoints again; those of nameless steps that are the same expression are added
    upstream: Balls  # the gradient that flows in, at every test point
    first: int  # the number of points at which something is wrong; they come first
    bits: int  # the precision of these values and of everything that is compared with them

    @property
    def count(self) -> int:
        """How many test points there are."""
        return len(self.points)

    def value_of(self, step: Step, args: Sequence[Balls], fmt: Format) -> Balls:
        """A step over the reals, of its operands; a literal as it may have been rounded to the format."""
        if step.gate == "upstream":
            return self.upstream
        return reals.value_of(self.program, step, args) if step.args else [reals.leaf(step, rounded_in=fmt)] * self.count

    def at(self, chosen: Sequence[int], *, first: int) -> Reference:
        """The same values at some of the test points, in the order given; something is wrong at the first of them."""

        def of(columns: Sequence[Balls]) -> tuple[Balls, ...]:
            return tuple([c[i] for i in chosen] for c in columns)

        points = tuple(self.points[i] for i in chosen)
        return replace(self, points=points, values=of(self.values), adjoints=of(self.adjoints), totals=of(self.totals), upstream=[self.upstream[i] for i in chosen], first=first)

    @cached_property
    def uses(self) -> dict[int, list[tuple[int, int]]]:
        """For each forward step the forward steps that read it, and as which operand."""
        found: dict[int, list[tuple[int, int]]] = {}
        for index in range(self.program.backward_start):
            for position, argument in enumerate(self.program.steps[index].args):
                found.setdefault(argument, []).append((index, position))
        return found

    @cached_property
    def _by_adjoint(self) -> dict[str, list[int]]:
        steps = self.program.steps
        return _index((i, c) for i, column in enumerate(self.adjoints) for c in (column, self.totals[i]) if steps[i].args)

    @cached_property
    def _by_value(self) -> dict[str, list[int]]:
        return _index((i, c) for i, c in enumerate(self.values) if self.program.steps[i].args or self.program.steps[i].gate == "input")

    def step_of_adjoint(self, column: Balls) -> int | None:
        """The last forward step whose exact adjoint equals this column; None if there is none, or fewer than two test points."""
        found = [i for i in self._by_adjoint.get(key_of(column), ()) if same(column, self.adjoints[i]) or same(column, self.totals[i])]
        return max(found, default=None) if self.count > 1 and _is_distinctive(column) else None

    def step_of_value(self, column: Balls) -> int | None:
        """The first forward step whose exact value equals this column; None if there is none, or fewer than two test points."""
        found = [i for i in self._by_value.get(key_of(column), ()) if same(column, self.values[i])]
        return min(found, default=None) if self.count > 1 and _is_distinctive(column) else None

    def exact(self, step: int, computed: Balls, fmt: Format) -> Balls:
        """The adjoint of a forward step; where the program computed the sum over all steps that are the same expression, that sum."""
        return self.totals[step] if not agrees(computed, self.adjoints[step], fmt) and agrees(computed, self.totals[step], fmt) else self.adjoints[step]


def _index(columns: Iterable[tuple[int, Balls]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, column in columns:
        found.setdefault(key_of(column), []).append(i)
    return found


def key_of(column: Balls) -> str:
    """The first digits of a column, by which equal columns are looked up."""
    return " ".join(f"{float(x.mid()):.{KEY_DIGITS}e}" if isinstance(x, arb) else str(x) for x in column[:2])


def _is_distinctive(column: Balls) -> bool:
    """Whether equality with this column identifies a step: it holds finite numbers that are not zero at the first two points."""
    return all(isinstance(x, arb) and x.is_finite() for x in column) and all(x != 0 for x in column[:2])


def reference_values(program: Program, points: Sequence[tuple[float, ...]], beside: Sequence[tuple[float, ...]] = (), *, upstream: float | Sequence[float]) -> Reference:
    """Exact values and adjoints at the points where the output and the gradients exist; `beside` are further points, at which nothing is wrong.

    `upstream` is the gradient that flows in, the same at all points or one for each of them, those of `beside` included.
    """
    bits = BITS
    together = [*points, *beside]
    flowing = [upstream] * len(together) if isinstance(upstream, (int, float)) else list(upstream)
    while True:
        reference = _reference_values(program, together, len(points), flowing, bits)
        accuracy = [min((c[at].rel_accuracy_bits() for c in reference.adjoints[: len(program.inputs)] if not c[at].is_zero()), default=CERTAIN_BITS) for at in range(reference.count)]
        if bits >= MAX_BITS or min(accuracy[: reference.first], default=CERTAIN_BITS) >= CERTAIN_BITS:
            good = [at for at, bits_here in enumerate(accuracy) if at < reference.first or bits_here >= CERTAIN_BITS]
            return reference if len(good) == reference.count else reference.at(good, first=reference.first)
        bits *= 2


def _reference_values(program: Program, points: Sequence[tuple[float, ...]], first: int, upstream: Sequence[float], bits: int) -> Reference:
    forward = program.forward_part()
    with balls.precision(bits):
        seed = [arb(u) for u in upstream]
        columns = [[arb(p[i]) for p in points] for i in range(len(program.inputs))]
        exact, places = derivatives.primitive_with_places(forward)
        run = balls.run(exact, columns, strict=True)
        values = [list(run[place]) for place in places]
        if any(s.gate == "diff" for s in forward.steps):
            adjoints = totals = _merged_adjoints(forward, columns, seed)
        else:
            by_step = adjoints_over_reals(forward, dict(enumerate(values)), forward.output, seed, strict=True)
            adjoints = [by_step.get(i, [arb(0)] * len(seed)) for i in range(len(forward.steps))]
            totals = _totals(forward, adjoints, places)
    wanted = [values[forward.output], *adjoints[: len(program.inputs)]]
    good = [at for at in range(len(points)) if all(c[at].is_finite() for c in wanted)]

    def at_good_points(found: Sequence[Balls]) -> tuple[Balls, ...]:
        return tuple([c[at] for at in good] for c in found)

    return Reference(program, tuple(tuple(points[at]) for at in good), at_good_points(values), at_good_points(adjoints), at_good_points(totals), [seed[at] for at in good], sum(at < first for at in good), bits)


def _merged_adjoints(forward: Program, columns: Sequence[Balls], seed: Balls) -> list[Balls]:
    """The adjoint of every step where the forward pass contains derivatives; equal steps are treated as one."""
    gradient = derivatives.gradient(forward)
    run = balls.run(gradient.program, columns, strict=True)
    found = [gradient.adjoint.get(place) for place in gradient.at]
    return [[arb(0)] * len(columns[0]) if step is None else [x * u for x, u in zip(run[step], seed, strict=True)] for step in found]


def _totals(forward: Program, adjoints: Sequence[Balls], places: Sequence[int]) -> list[Balls]:
    """Each step's adjoint plus those of the nameless steps that are the same expression, since no backward name of their own can hold those."""
    alike: dict[int, list[int]] = {}
    for i, place in enumerate(places):
        alike.setdefault(place, []).append(i)
    nameless = {place: _sum([adjoints[i] for i in several if not forward.steps[i].name]) for place, several in alike.items() if len(several) > 1}  # once for all of them
    found: list[Balls] = []
    for i, place in enumerate(places):
        step = forward.steps[i]
        if step.gate == "copy":
            found.append(found[step.args[0]])  # another name for the same value
        elif not nameless.get(place):
            found.append(adjoints[i])
        else:
            found.append(_sum([adjoints[i], nameless[place]]) if step.name else nameless[place])
    return found


def _sum(columns: Sequence[Balls]) -> list[Ball]:
    """The sum of columns; empty where there are none."""
    return [sum(rest, first) for first, *rest in zip(*columns, strict=True)]


# ---------------------------------------------------------------- equality over the reals


def same(a: Balls, b: Balls) -> bool:
    """Whether two columns of balls overlap at every test point and are narrow enough to count as equal."""
    return all(_close(x, y) for x, y in zip(a, b, strict=True))


def _close(x: Ball, y: Ball) -> bool:
    if isinstance(x, bool) or isinstance(y, bool) or x is None or y is None:
        return x is y
    if not (x.is_finite() and y.is_finite() and x.overlaps(y)):
        return False
    size = abs(x).upper()
    return bool(size.is_zero() or x.rad() + y.rad() < size / 2**40 or size < arb(2) ** (-3 * balls.current_precision() // 4))


def agrees(computed: Balls, exact: Balls, fmt: Format) -> bool:
    """Whether a column is within one ulp of the exact one, at every test point where the exact value exists."""
    unit = arb(2) ** (1 - fmt.precision)
    for c, x in zip(computed, exact, strict=True):
        if not x.is_finite():
            continue
        if not isinstance(c, arb) or not c.is_finite():
            return False
        if abs(c - x) <= abs(x) * unit:
            continue
        if not x.is_exact() and x.rel_accuracy_bits() < fmt.precision and c.overlaps(x):
            continue  # the exact value cancelled to too few bits: this point decides nothing
        wide = c.rad() > abs(x) * unit * 2**SLACK_BITS and not abs(c) < arb(2) ** (40 - balls.current_precision())
        if wide or not c.overlaps(x):
            return False
    return True


# ---------------------------------------------------------------- names


def forward_versions(name: str, program: Program) -> list[int]:
    """The forward steps whose adjoint a name such as `dden` or `grad_den` may hold: all versions of `den`, in order."""
    for prefix in PREFIXES:
        known = name[len(prefix) :]
        if name.startswith(prefix) and known:
            found = [program.inputs.index(known)] if known in program.inputs else []
            found += [i for i in range(len(program.inputs), program.backward_start) if program.steps[i].name == known]
            if found:
                return found
    return []


def by_key(implementation: Implementation, program: Program) -> dict[str, int]:
    """The `adjoints` key as a table: each backward name with the forward step that computes its expression."""
    forward = program.forward_part()
    dag = Dag(forward.inputs)
    at = derivatives.write(dag, forward)
    names = dict(zip(forward.inputs, range(len(forward.inputs)), strict=True))
    names.update({s.name: i for i, s in enumerate(forward.steps) if s.name})
    found = {}
    for target, source in implementation.adjoints:
        builder = Builder(tuple(names))
        try:
            index = add_expression(builder, source.text)
        except (LanguageError, BuildError):
            continue
        expression = derivatives.primitive(builder.program(index))
        place = dag.splice(expression, [at[i] for i in names.values()])[expression.output]
        if place in at:
            found[target] = at.index(place)
    return found
