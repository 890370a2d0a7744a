"""Which forward step a backward name stands for: by its name, by the `adjoints` key, by value over the reals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb

from verifier import symbolic
from verifier.arithmetic import balls
from verifier.case import Implementation
from verifier.language import LanguageError, parse_expression
from verifier.program import Builder, BuildError, Program, add_tree

BITS = 256
PREFIXES = ("d", "grad_", "d_", "g_", "dL_d", "dout_d")
Column = list[Any]  # one ball (or truth value) per test point


@dataclass(frozen=True)
class Terrain:
    """The exact values at some test points: of every step of a program's forward part, and of its adjoints."""

    program: Program
    points: tuple[tuple[float, ...], ...]
    values: tuple[Column, ...]  # of the forward steps
    adjoints: tuple[Column, ...]  # of the forward steps: upstream * d(output)/d(step)
    upstream: Any

    @property
    def count(self) -> int:
        """How many test points there are."""
        return len(self.points)


def terrain(program: Program, points: Sequence[tuple[float, ...]], *, upstream: float) -> Terrain:
    """Exact values and adjoints at those of the points where all that matter exist."""
    forward = program.forward_part()
    gradient = symbolic.gradient(forward)
    with balls.precision(BITS):
        run = balls.run(gradient.program, [[arb(p[i]) for p in points] for i in range(len(program.inputs))], bits=BITS, strict=True)
        seed = arb(upstream)
        output = run[gradient.value]
        claims = [run[gradient.adjoint[i]] for i in range(len(program.inputs)) if i in gradient.adjoint]
        good = [at for at in range(len(points)) if output[at].is_finite() and all(c[at].is_finite() for c in claims)]
        values = tuple([run[place][at] for at in good] for place in gradient.at)
        zero = arb(0)
        adjoints = []
        for place in gradient.at:
            step = gradient.adjoint.get(place)
            adjoints.append([zero] * len(good) if step is None else [run[step][at] * seed for at in good])
    return Terrain(program, tuple(tuple(points[at]) for at in good), values, tuple(adjoints), seed)


def same(a: Column, b: Column) -> bool:
    """Whether two columns of balls may be equal everywhere and are narrow enough to say so."""
    return all(_close(x, y) for x, y in zip(a, b, strict=True))


def _close(x: Any, y: Any) -> bool:
    if isinstance(x, bool) or isinstance(y, bool) or x is None or y is None:
        return x is y
    if not (x.is_finite() and y.is_finite() and x.overlaps(y)):
        return False
    size = abs(x).upper()
    return bool(size.is_zero() or x.rad() + y.rad() < size / 2**40 or size < arb(2) ** -600)


def by_name(target: str, program: Program, claims: Sequence[tuple[str, str]]) -> int | None:
    """The forward step that a name such as `dden` or `grad_den` stands for."""
    for variable, name in claims:
        if name == target:
            return program.inputs.index(variable)
    for prefix in PREFIXES:
        known = target[len(prefix) :]
        if target.startswith(prefix) and known:
            index = _forward_version(program, known)
            if index is not None:
                return index
    return None


def _forward_version(program: Program, name: str) -> int | None:
    """The last forward step of that name."""
    found = program.inputs.index(name) if name in program.inputs else None
    for index in range(program.backward_start):
        if program.steps[index].name == name:
            found = index
    return found


def by_key(implementation: Implementation, program: Program) -> dict[str, int]:
    """The `adjoints` key: each name, and the forward step that its expression is."""
    forward = program.forward_part()
    dag = symbolic.Dag(forward.inputs)
    at = symbolic.write(dag, forward)
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
        expression = symbolic.primitive(builder.program(index))
        place = dag.splice(expression, [at[i] for i in names.values()])[expression.output]
        if place < known and place in at:
            found[target] = at.index(place)
    return found


def by_value(column: Column, land: Terrain) -> int | None:
    """The forward step whose exact adjoint a column equals at every test point (two or more, and not zero)."""
    if land.count < 2 or not any(isinstance(x, arb) and x.is_finite() and x != 0 for x in column):
        return None
    for index in range(len(land.adjoints) - 1, -1, -1):
        if land.program.steps[index].args and same(column, land.adjoints[index]):
            return index
    return None
