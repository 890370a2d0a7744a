"""What is judged at many points: an implementation in a format, and both its sides in one arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from verifier.arithmetic.intervals import run as intervals
from verifier.circuit.dag import Dag
from verifier.circuit.program import Program
from verifier.exact import derivatives
from verifier.exact.truth import Subject, Truth
from verifier.language.formats import Format


@dataclass(frozen=True)
class Work:
    """What is judged: an implementation in a format. `limit` is what the case accepts, in ulps; `proved` the gradients whose formula is proved."""

    truth: Truth
    subject: Subject
    format: Format
    upstream: float = 1.0
    limit: float | None = None
    proved: frozenset[str] = frozenset()

    @cached_property
    def has_literals(self) -> bool:
        """Some literal may be a constant that was rounded when written: then the formula is not one number, but an interval."""
        return max(self.truth.function.longest_literal, self.subject.program.longest_literal) >= self.format.digits

    @cached_property
    def positions(self) -> list[int]:
        return [self.subject.program.inputs.index(variable) for variable, _ in self.subject.claims]

    @cached_property
    def shared(self) -> Shared | None:
        """Both sides as one program, where they may be run as one: no literal to be widened, nothing that a kink decides."""
        exact, computed = self.truth.gradient.program, self.subject.exact[0]
        if self.has_literals or any(s.gate in intervals.STRICT or s.gate == "atan2" for p in (exact, computed) for s in p.steps):
            return None
        dag = Dag(exact.inputs)
        left, right = derivatives.write(dag, exact), derivatives.write(dag, computed)
        seed = None if self.upstream == 1.0 else dag.leaf("upstream", "upstream")
        g = []
        for position in self.positions:
            at = self.truth.gradient.adjoint.get(position)
            step = dag.number("0") if at is None else left[at]
            g.append(step if seed is None else dag.gate("mul", step, seed))
        real = [right[self.subject.index(name)] for _, name in self.subject.claims]
        steps = tuple(s if s.gate != "upstream" or self.upstream != 1.0 else s._replace(gate="number", text="1") for s in dag.steps)
        return Shared(Program(steps, exact.inputs, {}, g[0] if g else 0), left[self.truth.gradient.value], tuple(g), tuple(real))


@dataclass(frozen=True)
class Shared:
    """One program with the steps of the function's value, of the exact gradients and of the computed ones over the reals."""

    program: Program
    value: int
    exact: tuple[int, ...]
    real: tuple[int, ...]


class Runner(NamedTuple):
    """An arithmetic at some points. `run` takes a program, the steps that are asked for, and the options `strict`, `upstream` and `rounded_in`."""

    run: Callable[..., list[Any]]
    zero: Any
    times_upstream: Callable[[Any], Any]
    meet: Callable[[Any, Any], Any]  # two enclosures of the same numbers made one; not known where the first is not


class Sides(NamedTuple):
    """The function's value, and per claim the exact gradient, the same with its literals as they were rounded, the computed one over the reals; whether these are one step."""

    value: Any
    exact: Sequence[Any]
    literal: Sequence[Any]
    real: Sequence[Any]
    same: Sequence[bool]


def both_sides(work: Work, runner: Runner) -> Sides:
    """Both sides of a work in one arithmetic. Where the two are proved to be the same function the computed one, which may cancel less, helps to enclose the gradient."""
    found = _both_sides(work, runner)
    if work.has_literals or not work.proved:
        return found
    helped = [name in work.proved and not same for (_, name), same in zip(work.subject.claims, found.same, strict=True)]
    exact = [runner.meet(g, r) if help_ else g for g, r, help_ in zip(found.exact, found.real, helped, strict=True)]
    return found._replace(exact=exact, literal=exact)


def _both_sides(work: Work, runner: Runner) -> Sides:
    """As one program where that is possible."""
    claims = range(len(work.subject.claims))
    if work.shared is not None:
        s = work.shared
        found = runner.run(s.program, (s.value, *s.exact, *s.real), strict=True, upstream=work.upstream)
        exact, real = found[1 : 1 + len(s.exact)], found[1 + len(s.exact) :]
        return Sides(found[0], exact, exact, real, [s.exact[k] == s.real[k] for k in claims])
    gradient = work.truth.gradient
    steps = [gradient.adjoint.get(p) for p in work.positions]
    outputs = (gradient.value, *(s if s is not None else gradient.value for s in steps))

    def exactly(rounded_in: Format | None) -> list[Any]:
        value, *found = runner.run(gradient.program, outputs, strict=True, rounded_in=rounded_in)
        scaled = found if work.upstream == 1.0 else [runner.times_upstream(g) for g in found]
        return [value, *(runner.zero if s is None else g for s, g in zip(steps, scaled, strict=True))]

    plain = exactly(None)
    literal = exactly(work.format) if work.truth.function.longest_literal >= work.format.digits else plain
    names = [work.subject.index(name) for _, name in work.subject.claims]
    real = runner.run(work.subject.exact[0], names, strict=False, upstream=work.upstream, rounded_in=work.format)
    return Sides(plain[0], plain[1:], literal[1:], real, [False for _ in claims])
