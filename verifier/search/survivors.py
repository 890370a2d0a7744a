"""For an edit of a backward pass that no point of the case catches: finds the simplest point that would, or proves that there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Balls
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.meant import Meant, listed_values, where_satisfied
from verifier.exact.prove import prove
from verifier.exact.truth import Subject
from verifier.language.formats import Format
from verifier.language.verdict import Verdict
from verifier.search.hunt import hunt, plainness, simplest

BITS = 512
SHORT_NUMBERS = (2.0, 3.0, 0.5, 1.0, -1.0, -2.0, 1.5, -0.5, 0.0, 5.0, -3.0, 10.0, 0.1, 30.0, -10.0)  # tried first, in every input
FEWEST_SHORT_NUMBERS = 4  # a domain with fewer of them also gets short numbers between its ends
MAX_SHORT_POINTS = 64  # points made of short numbers
MAX_CONFIRMED_POINTS = 6  # points at which the gradients differ over the reals and are then compared in full
HUNT_BUDGET = 1500  # points of a hunt for one edit
OTHER_UPSTREAM = 3.0  # by default: with upstream 1 a missing factor `dout`, or a division by it, has no effect


@dataclass(frozen=True)
class SearchResult:
    """The result of a search: a point (and the upstream, if it is not the case's), or that a proof shows the edit to be `equivalent`, or neither."""

    point: tuple[float, ...] | None = None
    upstream: float | None = None
    equivalent: bool = False


def search(
    original: Check, mutant: Check, listed: Sequence[tuple[float, ...]], *, domain: Sequence[tuple[float, float]], seed: str, known: Sequence[tuple[float, ...]] = (), meant: Meant | None = None, other: float = OTHER_UPSTREAM
) -> SearchResult:
    """The simplest point found at which the mutant is wrong and the original does not fail: short numbers are tried first, a hunt last.

    `known` are points that catch other mutants; they are tried first, so that few points catch many mutants. Points are looked for
    where the inputs are `meant` only: an edit that is wrong nowhere else is wrong nowhere. `other` is another gradient that flows in.
    """
    short = sorted(_meant(list(islice(short_points(domain, original.format), MAX_SHORT_POINTS)), meant), key=plainness)
    point = _first_catching(original, mutant, [*known, *short])
    if point is not None:
        return SearchResult(point)
    scaled, scaled_mutant = (replace(c, upstream=other) for c in (original, mutant))
    if (apart := _first_catching(scaled, scaled_mutant, [*listed, *short])) is not None:
        return SearchResult(apart, upstream=other)
    if all(prove(mutant.truth, mutant.subject, claim, fmt=mutant.format, upstream=mutant.upstream) is not None for claim in mutant.subject.claims):
        return SearchResult(equivalent=True)
    if meant is not None and not meant.is_anywhere:
        return SearchResult()
    for before, after in ((original, mutant), (scaled, scaled_mutant)):
        regions = hunt(after, domain, seed=seed, budget=HUNT_BUDGET, verdicts=(Verdict.WRONG,), meant=meant)
        hunted = sorted(_meant([r.point for r in regions if r.verdict is Verdict.WRONG], meant), key=plainness)
        point = next((p for p in hunted if _catches(before, after, p)), None)
        if point is not None:
            return SearchResult(point, upstream=None if after is mutant else other)
    return SearchResult()


def _meant(points: list[tuple[float, ...]], meant: Meant | None) -> list[tuple[float, ...]]:
    """The points at which the inputs are meant; where only some values are listed, with the nearest of them."""
    if meant is None:
        return points
    if not meant.is_anywhere:
        return []
    return where_satisfied(meant, list(dict.fromkeys(listed_values(meant, p) for p in points)))


def short_points(domain: Sequence[tuple[float, float]], fmt: Format) -> Iterator[tuple[float, ...]]:
    """Points of short numbers in a domain; from point to point every input takes its numbers in another order."""
    choices = []
    for low, high in domain:
        inside = [x for x in SHORT_NUMBERS if low <= x <= high]
        if len(inside) < FEWEST_SHORT_NUMBERS:
            quarters = [low + (high - low) * k / 8 for k in range(9)]
            inside += [simplest(a, b, fmt) for a, b in pairwise(quarters)]
        choices.append(inside)
    for k in range(max(map(len, choices)) ** min(2, len(choices))):
        yield tuple(row[(k * (2 * i + 1) + k // len(row) * i + i) % len(row)] for i, row in enumerate(choices))


def _first_catching(original: Check, mutant: Check, points: Sequence[tuple[float, ...]]) -> tuple[float, ...] | None:
    before, after = (real_columns(c.subject, points, fmt=c.format, upstream=c.upstream) for c in (original, mutant))
    apart = [p for k, p in enumerate(points) if any(differ(old[k], new[k], original.format) for old, new in zip(before, after, strict=True))]
    return next((p for p in apart[:MAX_CONFIRMED_POINTS] if _catches(original, mutant, p)), None)


def _catches(original: Check, mutant: Check, point: tuple[float, ...]) -> bool:
    """Whether the mutant is wrong at a point where the original does not fail."""
    before, after = (compare(c, [point], detail=False)[0] for c in (original, mutant))
    return not any(d.verdict.fails for d in before) and any(d.verdict is Verdict.WRONG for d in after)


def real_columns(subject: Subject, points: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float) -> list[Balls]:
    """Enclosures of every claimed gradient over the reals, at every point."""
    program, _ = subject.exact
    with balls.precision(BITS):
        columns = [[arb(p[i]) for p in points] for i in range(len(program.inputs))]
        return balls.run(program, columns, [subject.index(name) for _, name in subject.claims], strict=False, upstream=upstream, rounded_in=fmt)


def differ(a: Any, b: Any, fmt: Format) -> bool:
    """Whether two enclosed numbers certainly differ by more than two ulps of the format, or only the first has a value."""
    with balls.precision(BITS):
        return bool(a.is_finite()) and (not b.is_finite() or bool(abs(a - b) > 2 * rounding.ulp(fmt, a)[1]))
