"""Both sides of a check in one arithmetic: the exact gradients, and the computed ones over the reals.

A literal is the decimal that is written. That it may be a constant which was rounded is asked, by `compare`, where the two sides differ by more than an ulp: where they do not, the formula is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from verifier.circuit.program import Program
from verifier.compare.check import Check

AnyColumn = TypeVar("AnyColumn")  # of an input, as an arithmetic takes it
AnyEnclosure = TypeVar("AnyEnclosure")  # of a step at these points, as it gives it


class Runner(NamedTuple, Generic[AnyColumn, AnyEnclosure]):
    """An arithmetic at some points: its `run`, and the points' column of every input."""

    run: Callable[..., Sequence[AnyEnclosure]]  # (program, columns, outputs, *, strict, upstream)
    columns: Sequence[AnyColumn]
    zero: AnyEnclosure
    times_upstream: Callable[[AnyEnclosure], AnyEnclosure]
    meet: Callable[[AnyEnclosure, AnyEnclosure], AnyEnclosure]  # two enclosures of the same numbers made one; not known where the first is not


class Sides(NamedTuple, Generic[AnyEnclosure]):
    """The function's value, and per claim the exact gradient, the computed one over the reals; whether these are one step."""

    value: AnyEnclosure
    exact: Sequence[AnyEnclosure]
    real: Sequence[AnyEnclosure]
    same: Sequence[bool]


def rewritten(check: Check, run: Callable[..., Sequence[AnyEnclosure]]) -> Callable[..., Sequence[AnyEnclosure]]:
    """An arithmetic's `run`, on programs without cancellation in complements such as 1 - tanh(a)."""

    def call(program: Program, columns: Sequence[object], outputs: Sequence[int], **options: object) -> Sequence[AnyEnclosure]:
        found = check.without_cancellation(program)
        return run(program, columns, outputs, **options) if found is None else run(found[0], columns, [found[1][o] for o in outputs], **options)

    return call


def both_sides(check: Check, runner: Runner[AnyColumn, AnyEnclosure], *, apart: bool = False) -> Sides[AnyEnclosure]:
    """Both sides in one arithmetic. Where the two are proved to be the same function the computed one, which may cancel less, helps to enclose the gradient.

    With `apart` it does so as well where that is proved off the kinks of the computed side only, and no kink is there. Where both sides, run strictly, have a value, both are
    continuous; a border of such a proof is isolated, and on both sides of it they are equal, so they are equal on it.
    """
    found = _both_sides(check, runner)
    if not (check.proved or (apart and check.proved_apart)):
        return found
    helped = [name in check.proved and not same for (_, name), same in zip(check.subject.claims, found.same, strict=True)]
    exact = [runner.meet(g, r) if help_ else g for g, r, help_ in zip(found.exact, found.real, helped, strict=True)]
    if apart and check.proved_apart:
        smooth = _real(check, runner, strict=True)
        exact = [runner.meet(g, r) if name in check.proved_apart else g for (_, name), g, r in zip(check.subject.claims, exact, smooth, strict=True)]
    return found._replace(exact=exact)


def _real(check: Check, runner: Runner[AnyColumn, AnyEnclosure], *, strict: bool) -> Sequence[AnyEnclosure]:
    """The computed gradients over the reals."""
    names = [check.subject.index(name) for _, name in check.subject.claims]
    return runner.run(check.subject.exact[0], runner.columns, names, strict=strict, upstream=check.upstream)


def _both_sides(check: Check, runner: Runner[AnyColumn, AnyEnclosure]) -> Sides[AnyEnclosure]:
    """As one program where that is possible."""
    claims = range(len(check.subject.claims))
    if check.shared is not None:
        s = check.shared
        found = runner.run(s.program, runner.columns, (s.value, *s.exact, *s.real), strict=True, upstream=check.upstream)
        exact, real = found[1 : 1 + len(s.exact)], found[1 + len(s.exact) :]
        return Sides(found[0], exact, real, [s.exact[k] == s.real[k] for k in claims])
    gradient = check.truth.gradient
    steps = [gradient.adjoint.get(p) for p in check.positions]
    outputs = (gradient.value, *(s if s is not None else gradient.value for s in steps))
    value, *found = runner.run(gradient.program, runner.columns, outputs, strict=True)
    scaled = found if check.upstream == 1.0 else [runner.times_upstream(g) for g in found]
    exact = [runner.zero if s is None else g for s, g in zip(steps, scaled, strict=True)]
    return Sides(value, exact, _real(check, runner, strict=False), [False for _ in claims])
