"""Errors of computed gradients at many points, from floats and double-doubles: what bounds over boxes must never be below."""

from __future__ import annotations

import numpy as np

from verifier import load_text
from verifier.arithmetic.double_double import run as double_doubles
from verifier.arithmetic.types import DoubleArray
from verifier.compare.boxes import branch
from verifier.compare.boxes.bounds import Assumptions, Box, ErrorClaim, assumed, box_of
from verifier.compare.boxes.enclosures import RoundingPlan
from verifier.compare.boxes.operations import operations
from verifier.compare.boxes.split import nearest_numbers
from verifier.compare.check import Check, checks_of
from verifier.compare.sweep.columns import computed_columns
from verifier.exact.truth import truth_of
from verifier.language.formats import Format, numbers, places

Domain = dict[str, tuple[float, float]]


def question(function: str, domain: Domain, form: str = "float64", *, backward: str = "", forward: str = "") -> tuple[Check, Box]:
    """The check of one implementation, and its box."""
    text = f"function: {function}\ndomain: {{{', '.join(f'{n}: [{a}, {b}]' for n, (a, b) in domain.items())}}}\npoints: [{{{', '.join(f'{n}: 1' for n in domain)}}}]\n"
    if backward:
        text += f"implementations:\n  mine:\n    forward: |\n{_indented(forward)}    backward: |\n{_indented(backward)}"
    case = load_text(text).cases[0]
    fmt, checks = checks_of(case, truth_of(case.programs.truth), [form])[0]
    box = box_of(case, checks[0].subject.program.inputs, fmt)
    assert isinstance(box, Box), box
    return checks[0], box


def _indented(text: str) -> str:
    return "".join(f"      {line}\n" for line in text.strip().splitlines())


def plan_of(check: Check, *, cuts: tuple[int, ...] = (), assumptions: Assumptions = Assumptions()) -> RoundingPlan:  # noqa: B008
    """The plan of a search for all gradients of a check."""
    done = operations(check.subject.program, [check.subject.program.names[name] for _, name in check.subject.claims], check.format)
    ulps = {o.gate: float(found.ulps) for o in done.operations if o.rounding == "library" and (found := assumed(o.gate, check.format, assumptions)) is not None}
    return RoundingPlan(done, ulps, upstream=check.upstream, cuts=cuts)


def errors(check: Check, points: DoubleArray) -> list[tuple[DoubleArray, DoubleArray]]:
    """Per gradient at least |computed - real|, as it is and in ulps of the real value; -1 where the real value is not known."""
    columns = [np.ascontiguousarray(points[:, i]) for i in range(points.shape[1])]
    with np.errstate(all="ignore"):
        computed = computed_columns(check, columns)
        found = []
        for c, (_, name) in zip(computed, check.subject.claims, strict=True):
            real = double_doubles.numbers(check.subject.exact[0], columns, [check.subject.index(name)], strict=False, upstream=check.upstream)[0]
            off = np.abs((c - real.hi) - real.lo) - real.err
            off = np.where(np.isfinite(real.hi), np.where(np.isfinite(c), off, np.inf), -1.0)
            found.append((off, off / ulps_of(check.format, real.hi)))
        return found


def ulps_of(fmt: Format, values: DoubleArray) -> DoubleArray:
    """2^(max(floor(log2 |x|), emin) - p + 1), by the definition (Muller et al., Handbook of Floating-Point Arithmetic)."""
    exponent = np.where(values == 0, fmt.emin, np.frexp(np.where(values == 0, 1.0, values))[1] - 1)
    return np.ldexp(1.0, np.maximum(exponent, fmt.emin) - fmt.precision + 1)


def everything(check: Check, box: Box) -> DoubleArray:
    """All numbers of the format in a box of one dimension."""
    first, last = places(check.format, box.low[0], box.high[0])
    return numbers(check.format, np.arange(first, last + 1))[:, None]


def random_boxes(fmt: Format, box: Box, count: int, random: np.random.Generator) -> tuple[DoubleArray, DoubleArray]:
    """Boxes in a box, from as wide as it is to 2^-45 of it, some of them next to 0."""
    low, high = np.array(box.low), np.array(box.high)
    dimensions = len(low)
    width = (high - low) * np.exp2(-random.integers(0, 45, (count, 1)).astype(float)) * random.random((count, dimensions))
    center = low + (high - low) * random.random((count, dimensions))
    center = np.where(random.random((count, dimensions)) < 0.1, center * np.exp2(-random.integers(0, 900, (count, dimensions)).astype(float)), center)
    return nearest_numbers(fmt, np.clip(center - width / 2, low, high)), nearest_numbers(fmt, np.clip(center + width / 2, low, high))


def points_in(fmt: Format, low: DoubleArray, high: DoubleArray, each: int, random: np.random.Generator) -> DoubleArray:
    """Numbers of the format in boxes, also at their ends: (boxes, each, dimensions)."""
    shape = (len(low), each, low.shape[1])
    found = low[:, None, :] + (high - low)[:, None, :] * random.random(shape)
    edge = random.random(shape)
    found = np.where(edge < 0.1, low[:, None, :], np.where(edge > 0.9, high[:, None, :], found))
    return nearest_numbers(fmt, np.clip(found, low[:, None, :], high[:, None, :]))


def bounds_of(check: Check, plan: RoundingPlan, low: DoubleArray, high: DoubleArray, unit: str) -> DoubleArray:
    """The bounds of boxes as the search has them: (boxes, gradients)."""
    claims = [ErrorClaim(unit, None) for _ in plan.done.outputs]  # type: ignore[arg-type]
    search = branch.begin(plan, plan.done.outputs, check.format, claims, (low[:1], high[:1]))
    open_ends = np.full((len(low), len(plan.cuts)), np.inf)
    return branch.evaluate(search, np.hstack([low, -open_ends]), np.hstack([high, open_ends]))[0]
