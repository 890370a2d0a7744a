"""The verdicts of columns of points: what `compare` says of each, decided for many at once where that is possible.

Four ways, each for what the one before left open: vectors of float64 intervals (formats of 32 bits and less), whole ranges of
one input in which the floats do not change, columns of balls, and `compare` point by point. Every decision is certified, so the ways cannot
contradict each other; only what one leaves undecided another may decide.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from verifier import symbolic
from verifier.arithmetic import balls, floats, intervals, ranges
from verifier.compare import SWEEP_BITS, compare
from verifier.conditioning import CONDITION_FACTOR
from verifier.discrepancy import Discrepancy
from verifier.formats import Format, round_array
from verifier.program import Program
from verifier.subject import Subject, Truth
from verifier.verdict import Verdict

VERDICTS = tuple(Verdict)
CODE = {verdict: i for i, verdict in enumerate(VERDICTS)}
OPEN = -1  # a verdict that is not known yet
FAINT = 2.0**-10  # ulps; an error below it is as good as none
STEPS = 512  # an error is known to a 512th of its power of two, rounded up
OFFSET = 0.382  # errors are often short numbers themselves, which must not lie on the border between two steps
NARROW = 24  # bits: intervals of float64 decide formats of that precision and less
EXTRA = 2.0**-51  # for a rounding or two of float64; its square for those of 128 bits
HALF = 0.5  # ulps: what is closer is the number rounded
FEWEST = 48  # points of a range; fewer are quicker one by one
BLOCK = 1 << 15  # points in one pass of NumPy: what stays in the cache


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
        dag = symbolic.Dag(exact.inputs)
        left, right = symbolic.write(dag, exact), symbolic.write(dag, computed)
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


@dataclass
class Judged:
    """One gradient at a column of points: codes of verdicts, errors in ulps (see `edge`; NaN where there are none), and whether above the limit."""

    verdict: Any
    error: Any
    over: Any

    @property
    def open(self) -> Any:
        """The points that are not judged yet."""
        return self.verdict == OPEN


def judge(work: Work, columns: Sequence[Any], *, way: str = "any") -> list[Judged]:
    """Every claimed gradient at every point. `columns` has one array of float64 per input; `way` starts with `balls` or `points` instead of intervals."""
    count = len(columns[0])
    parts = [_judge_block(work, [c[i : i + BLOCK] for c in columns], way) for i in range(0, count, BLOCK)]
    if len(parts) == 1:
        return parts[0]
    return [Judged(*(np.concatenate([getattr(p[k], name) for p in parts]) for name in ("verdict", "error", "over"))) for k in range(len(work.subject.claims))]


def _judge_block(work: Work, columns: list[Any], way: str) -> list[Judged]:
    with np.errstate(all="ignore"):  # what overflows here is an end of an interval
        return _judged_block(work, columns, way)


def _judged_block(work: Work, columns: list[Any], way: str) -> list[Judged]:
    count = len(columns[0])
    found = [Judged(np.full(count, OPEN, np.int8), np.full(count, np.nan), np.zeros(count, bool)) for _ in work.subject.claims]
    computed = computed_columns(work, columns)
    if way == "any" and work.format.precision <= NARROW:
        if len(columns) == 1 and count >= FEWEST and _is_constant(computed) and _judge_range(work, np.argsort(columns[0], kind="stable"), columns[0], computed, found):
            return found
        _by_intervals(work, columns, computed, found)
        if len(columns) == 1:
            _by_ranges(work, columns[0], computed, found)
    for step in (_by_balls, _by_points) if way != "points" else (_by_points,):
        left = np.flatnonzero(np.any([j.open for j in found], axis=0)) if found else np.zeros(0, int)
        if len(left):
            part = [Judged(j.verdict[left], j.error[left], j.over[left]) for j in found]
            step(work, [c[left] for c in columns], [c[left] for c in computed], part)
            for j, p in zip(found, part, strict=True):
                j.verdict[left], j.error[left], j.over[left] = p.verdict, p.error, p.over
    return found


def computed_columns(work: Work, columns: Sequence[Any]) -> list[Any]:
    """The staged gradients, as arrays of float64."""
    run = floats.run(work.subject.program, columns, work.format, upstream=work.upstream)
    return [np.asarray(run[work.subject.program.names[name]]).astype(np.float64) for _, name in work.subject.claims]


def edge(ulps: Any) -> Any:
    """Errors rounded up to nine bits and OFFSET; 0 below FAINT. Two ways that enclose an error by different intervals nearly always agree on it."""
    mantissa, exponent = np.frexp(ulps)
    return np.where(ulps <= FAINT, 0.0, np.ldexp((np.ceil(mantissa * STEPS - OFFSET) + OFFSET) / STEPS, exponent))


# ---------------------------------------------------------------- from enclosures to verdicts


@dataclass
class _Enclosed:
    """What is known of one gradient: g rounded (NaN: not known), |computed - g| and its ulps, where the formula is right, where it is certainly wrong."""

    computed: Any
    rounded: Any
    is_rounded: Any
    ulps_low: Any
    ulps_high: Any
    right: Any
    wrong: Any


def _classify(work: Work, e: _Enclosed, found: Judged) -> Any:
    """Write the verdicts that are certain; the points where only the condition number is missing."""
    c, r = e.computed, e.rounded
    low, high = edge(e.ulps_low), edge(e.ulps_high)
    has_ulps = np.isfinite(c)
    over = np.zeros(len(c), bool)
    sure = ~has_ulps | (low == high)
    if work.limit is not None:
        over = has_ulps & (e.ulps_low > work.limit)
        sure &= ~has_ulps | over | (e.ulps_high <= work.limit)
    settled = e.is_rounded & (e.right | e.wrong) & sure & found.open
    same = (c == r) | (np.isnan(c) & np.isnan(r))
    nonfinite = ~has_ulps | ~np.isfinite(r)
    bound = work.format.rounding_limit
    verdict = np.full(len(c), OPEN, np.int8)
    verdict[e.ulps_high <= bound] = CODE[Verdict.ROUNDING]
    verdict[same] = CODE[Verdict.CORRECT]
    verdict[(r != 0) & (c == 0)] = CODE[Verdict.VANISHED]
    verdict[nonfinite] = np.where(same, CODE[Verdict.CORRECT], CODE[Verdict.NONFINITE])[nonfinite]
    unstable = settled & (verdict == OPEN) & (e.ulps_low > bound) & ~e.wrong
    verdict[e.wrong] = CODE[Verdict.WRONG]
    ready = settled & (verdict != OPEN)
    found.verdict[ready] = verdict[ready]
    fill = ready | unstable
    found.error[fill] = np.where(has_ulps, low, np.nan)[fill]
    found.over[fill] = over[fill]
    return unstable


def _from_ends(work: Work, c: Any, low: Any, high: Any) -> tuple[_Enclosed, tuple[Any, Any], tuple[Any, Any]]:
    """What float64 ends of g tell in a narrow format; bounds of its ulp (NaN where it is not known), and of |computed - g|."""
    fmt = work.format
    first, last = round_array(fmt, low), round_array(fmt, high)
    known = ~(np.isnan(low) | np.isnan(high))
    is_rounded = known & ((first == last) | (np.isnan(first) & np.isnan(last) & ((low > 0) | (high < 0))))  # NaN: too large on one side
    one, other = _exponent(fmt, low), _exponent(fmt, high)
    smaller = np.where((low < 0) & (high > 0), fmt.emin, np.minimum(one, other))
    small, large = (np.where(known, np.ldexp(1.0, e - fmt.precision + 1), np.nan) for e in (smaller, np.maximum(one, other)))
    above, below = c - high, c - low
    part = above - c  # Knuth's two-sum: is the difference exact?
    exact = (low == high) & ((c - (above - part)) + (-high - part) == 0)
    d_low = np.where(exact, above, intervals.down(above))
    d_high = np.where(exact, below, intervals.up(below))
    least = np.maximum(np.maximum(d_low, -d_high), 0.0)
    most = np.maximum(np.abs(d_low), np.abs(d_high))
    none = np.zeros(len(c), bool)
    return _Enclosed(c, np.where(is_rounded, first, np.nan), is_rounded, least / large, most / small, none, none), (small, large), (least, most)


def _exponent(fmt: Format, x: Any) -> Any:
    return np.where(x == 0, fmt.emin, np.maximum(np.frexp(x)[1] - 1, fmt.emin))


# ---------------------------------------------------------------- intervals


def _by_intervals(work: Work, columns: list[Any], computed: list[Any], found: list[Judged]) -> None:
    count = len(columns[0])

    def full(a: Any) -> Any:
        return np.broadcast_to(a, (count,)) if np.ndim(a) == 0 else a

    value, exact, literal, real, same = _interval_runs(work, columns)
    never = None if value.never is None else full(value.never)
    has_value = full(~np.isnan(value.low))
    for k, j in enumerate(found):
        if never is not None:
            j.verdict[never] = CODE[Verdict.UNDEFINED]
        g, r, lit = ([full(end) for end in a[k][:2]] for a in (exact, real, literal))
        e, unit, error = _from_ends(work, computed[k], g[0], g[1])
        e.is_rounded = e.is_rounded & has_value
        if same[k] or work.subject.claims[k][1] in work.proved:
            e.right = ~np.isnan(r[0])
        else:
            e.right = np.maximum(intervals.up(r[1] - lit[0]), intervals.up(lit[1] - r[0])) <= unit[0]
            if not work.has_literals:
                e.wrong = np.maximum(intervals.down(r[0] - lit[1]), intervals.down(lit[0] - r[1])) > unit[1]
        unstable = _classify(work, e, j)
        if unstable.any():
            at = np.flatnonzero(unstable)
            j.verdict[at] = _conditioned(work, k, [c[at] for c in columns], g[0][at], g[1][at], error[0][at], error[1][at])


def _interval_runs(work: Work, columns: list[Any]) -> tuple[Any, list[Any], list[Any], list[Any], list[bool]]:
    """Of the value, and per claim of the exact gradient, of the same with its literals as they were rounded, and of the computed one; which are one step."""
    claims = range(len(work.subject.claims))
    if work.shared is not None:
        s = work.shared
        run = intervals.run(s.program, columns, (s.value, *s.exact, *s.real), strict=True, upstream=work.upstream)
        exact, real = run[1 : 1 + len(s.exact)], run[1 + len(s.exact) :]
        return run[0], exact, exact, real, [s.exact[k] == s.real[k] for k in claims]
    gradient = work.truth.gradient
    steps = [gradient.adjoint.get(p) for p in work.positions]
    outputs = (gradient.value, *(s if s is not None else gradient.value for s in steps))

    def exactly(rounded_in: Format | None) -> list[Any]:
        run = intervals.run(gradient.program, columns, outputs, strict=True, rounded_in=rounded_in)
        zero = intervals.Interval(np.float64(0.0), np.float64(0.0))
        scaled = [zero if s is None else a for s, a in zip(steps, run[1:], strict=True)]
        seed = np.float64(work.upstream)
        if work.upstream != 1.0:
            scaled = [intervals.FUNCTIONS["mul"](a, intervals.Interval(seed, seed)) for a in scaled]
        return [run[0], *scaled]

    plain = exactly(None)
    literal = exactly(work.format) if work.truth.function.longest_literal >= work.format.digits else plain
    program = work.subject.exact[0]
    real = intervals.run(program, columns, [work.subject.index(n) for _, n in work.subject.claims], strict=False, upstream=work.upstream, rounded_in=work.format)
    return plain[0], plain[1:], literal[1:], real, [False for _ in claims]


def _conditioned(work: Work, claim: int, columns: list[Any], low: Any, high: Any, least: Any, most: Any) -> Any:
    """`unstable` or `ill_conditioned` where the condition number decides it: error > 8 u (|g| + sum |x_j H_ij|)."""
    row = work.truth.hessian_row(work.positions[claim])
    zero = (low == 0) & (high == 0)
    away = (low > 0) | (high < 0)
    total_low = total_high = np.zeros(len(low))
    if row is not None:
        steps = [(j, s) for j in range(len(columns)) if (s := row.adjoint.get(j)) is not None]
        run = intervals.run(row.program, columns, [s for _, s in steps], strict=False)
        for (j, _), h in zip(steps, run, strict=True):
            size = intervals.FUNCTIONS["abs"](h)
            x = np.abs(columns[j])
            total_low = total_low + np.where(x == 0, 0.0, intervals.down(intervals.down(x * size.low)))
            total_high = total_high + np.where(x == 0, 0.0, intervals.up(intervals.up(x * size.high)))
    factor = CONDITION_FACTOR * float(work.format.unit_roundoff)
    g_low, g_high = np.minimum(np.abs(low), np.abs(high)), np.maximum(np.abs(low), np.abs(high))
    slack = 2.0**-44  # for the few roundings here
    bound_low = (g_low + abs(work.upstream) * total_low) * factor * (1 - slack)
    bound_high = (g_high + abs(work.upstream) * total_high) * factor * (1 + slack)
    explained = away & (most <= bound_low)
    unexplained = zero | (away & (least > bound_high))
    return np.where(explained, CODE[Verdict.ILL_CONDITIONED], np.where(unexplained, CODE[Verdict.UNSTABLE], OPEN)).astype(np.int8)


# ---------------------------------------------------------------- ranges


def _by_ranges(work: Work, column: Any, computed: list[Any], found: list[Judged]) -> None:
    """Judge ranges of the input in which all computed gradients stay the same: tails, where float64 overflows, in a few steps."""
    left = np.flatnonzero(np.any([j.open for j in found], axis=0))
    if len(left) < FEWEST:
        return
    left = left[np.argsort(column[left], kind="stable")]
    changes = np.zeros(len(left) - 1, bool)
    for c in computed:
        one, next_one = c[left[:-1]], c[left[1:]]
        changes |= (one != next_one) & ~(np.isnan(one) & np.isnan(next_one))
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(left)]])
    pending = [left[a:b] for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True) if b - a >= FEWEST]
    while pending:
        points = pending.pop()
        if not _judge_range(work, points, column, computed, found) and len(points) >= 2 * FEWEST:
            pending += [points[: len(points) // 2], points[len(points) // 2 :]]


def _is_constant(computed: list[Any]) -> bool:
    return all(np.array_equal(c, np.broadcast_to(c[0], c.shape), equal_nan=True) for c in computed)


def _judge_range(work: Work, points: Any, column: Any, computed: list[Any], found: list[Judged]) -> bool:
    """Whether every gradient is judged at all these points (indices, in the order of the input), between which the floats do not change."""
    first = points[:1]
    inputs = [(float(column[points[0]]), float(column[points[-1]]))]
    value, exact, literal, real, same = _range_runs(work, inputs)
    settled = True
    for k, j in enumerate(found):
        g, r, lit = (_float_ends(a) for a in (exact[k], real[k], literal[k]))
        e, unit, _ = _from_ends(work, computed[k][first], *(np.array([end]) for end in g))
        e.is_rounded = e.is_rounded & (value is not None)
        if same[k] or work.subject.claims[k][1] in work.proved:
            e.right = np.array([real[k] is not None])
        else:
            e.right = np.nextafter(np.maximum(r[1] - lit[0], lit[1] - r[0]), np.inf) <= unit[0]
        one = Judged(np.full(1, OPEN, np.int8), np.full(1, np.nan), np.zeros(1, bool))
        _classify(work, e, one)
        if one.verdict[0] == OPEN:
            settled = False
        else:
            at = points[j.verdict[points] == OPEN]
            j.verdict[at], j.error[at], j.over[at] = one.verdict[0], one.error[0], one.over[0]
    return settled


def _range_runs(work: Work, inputs: list[tuple[float, float]]) -> tuple[Any, list[Any], list[Any], list[Any], list[bool]]:
    """As `_interval_runs`, over a range."""
    claims = range(len(work.subject.claims))
    if work.shared is not None:
        s = work.shared
        run = ranges.run(s.program, inputs, (s.value, *s.exact, *s.real), strict=True, upstream=work.upstream)
        exact, real = run[1 : 1 + len(s.exact)], run[1 + len(s.exact) :]
        return run[0], exact, exact, real, [s.exact[k] == s.real[k] for k in claims]
    gradient = work.truth.gradient
    steps = [gradient.adjoint.get(p) for p in work.positions]
    zero = ranges.Range(balls.ZERO, balls.ZERO)
    seed = arb(work.upstream)

    def exactly(rounded_in: Format | None) -> list[Any]:
        run = ranges.run(gradient.program, inputs, [gradient.value, *(s or 0 for s in steps)], strict=True, rounded_in=rounded_in)
        scaled = [zero if s is None else a for s, a in zip(steps, run[1:], strict=True)]
        return [run[0], *(None if a is None else ranges.FUNCTIONS["mul"](a, ranges.Range(seed, seed)) for a in scaled)]

    with balls.precision(ranges.BITS):
        plain = exactly(None)
        literal = exactly(work.format) if work.truth.function.longest_literal >= work.format.digits else plain
    real = ranges.run(work.subject.exact[0], inputs, [work.subject.index(n) for _, n in work.subject.claims], strict=False, upstream=work.upstream, rounded_in=work.format)
    return plain[0], plain[1:], literal[1:], real, [False for _ in claims]


def _float_ends(a: ranges.Range | None) -> tuple[float, float]:
    if a is None:
        return float("nan"), float("nan")
    low, high = float(a.low), float(a.high)
    if a.low == low and a.high == high:
        return low, high
    return float(np.nextafter(low, -np.inf)), float(np.nextafter(high, np.inf))


# ---------------------------------------------------------------- balls


def _by_balls(work: Work, columns: list[Any], computed: list[Any], found: list[Judged]) -> None:
    lists = [list(map(arb, c.tolist())) for c in columns]
    with balls.precision(SWEEP_BITS):
        value, exact, literal, real, same = _ball_runs(work, lists)
        has_value = np.fromiter(map(arb.is_finite, value), bool, len(value))
        for k, j in enumerate(found):
            e, unit = (_from_balls if work.format.precision > NARROW else _from_wide_balls)(work, computed[k], exact[k])
            e.is_rounded = e.is_rounded & has_value
            if same[k]:
                e.right = has_value
            elif work.subject.claims[k][1] in work.proved:
                e.right = np.fromiter(map(arb.is_finite, real[k]), bool, len(value))
            else:
                distance = list(map(operator.sub, real[k], literal[k]))
                e.right = np.nextafter(_floats(map(arb.abs_upper, distance)), np.inf) <= unit[0]
                if not work.has_literals and not e.right.all():
                    at = np.flatnonzero(~e.right)
                    e.wrong = np.zeros(len(value), bool)
                    e.wrong[at] = np.nextafter(_floats(distance[i].abs_lower() for i in at.tolist()), 0.0) > unit[1][at]
            _classify(work, e, j)


def _floats(values: Any) -> Any:
    return np.array(list(map(float, values)), dtype=np.float64)


def _from_wide_balls(work: Work, c: Any, g: list[Any]) -> tuple[_Enclosed, tuple[Any, Any]]:
    """What balls tell in a narrow format: their ends in float64."""
    low, high = _floats(map(arb.lower, g)), _floats(map(arb.upper, g))
    thin = low == high
    thin[thin] = [g[i] == low[i] for i in np.flatnonzero(thin).tolist()]
    return _from_ends(work, c, np.where(thin, low, np.nextafter(low, -np.inf)), np.where(thin, high, np.nextafter(high, np.inf)))[:2]


def _from_balls(work: Work, c: Any, g: list[Any]) -> tuple[_Enclosed, tuple[Any, Any]]:
    """What balls tell in float64, from the residual in balls, its radius, and the float next to g's midpoint.

    That float is g rounded where g is certainly less than half an ulp away. Where the computed one is more than that away it is
    not the rounded one, whichever that is.
    """
    fmt = work.format
    near, radius = _floats(g), _floats(map(arb.rad, g))
    residual = np.abs(_floats(map(operator.sub, map(arb, np.where(np.isfinite(c), c, 0.0).tolist()), g)))
    slack = np.nextafter(radius * (1 + EXTRA) + (np.abs(near) + np.abs(residual)) * EXTRA**2, np.inf)
    least, most = np.maximum(residual * (1 - EXTRA) - slack, 0.0), np.nextafter(residual * (1 + EXTRA) + slack, np.inf)
    mantissa, exponent = np.frexp(near)
    unknown = ~np.isfinite(near) | (np.abs(near) > fmt.largest / 2) | (near == 0) | np.isnan(radius)
    for i in np.flatnonzero(np.abs(mantissa) == 0.5).tolist():  # a power of two: is g on it, above, or below?
        if abs(g[i]) < abs(near[i]):
            exponent[i] -= 1
        elif not abs(g[i]) >= abs(near[i]):
            unknown[i] = True
    for i in np.flatnonzero(near == 0).tolist():
        unknown[i] = not g[i].is_zero()
    exponent = np.where(near == 0, fmt.emin, np.maximum(exponent - 1, fmt.emin)) - fmt.precision + 1
    unit = np.where(unknown, np.nan, np.ldexp(1.0, exponent))
    ulps_low, ulps_high = np.ldexp(least, -exponent), np.ldexp(most, -exponent)
    zero = (near == 0) & ~unknown
    exact = (radius == 0) & (residual == 0)
    ulps_low, ulps_high = (np.where(zero | exact, np.ldexp(residual, -exponent), u) for u in (ulps_low, ulps_high))
    is_rounded = (slack < unit / 4) & (zero | np.where(c == near, ulps_high < HALF, ulps_low > HALF)) & np.isfinite(c)
    none = np.zeros(len(c), bool)
    return _Enclosed(c, np.where(is_rounded, near, np.nan), is_rounded, ulps_low, ulps_high, none, none), (unit, unit)


def _ball_runs(work: Work, columns: list[list[Any]]) -> tuple[list[Any], list[list[Any]], list[list[Any]], list[list[Any]], list[bool]]:
    """As `_interval_runs`, in balls."""
    claims = range(len(work.subject.claims))
    seed = arb(work.upstream)
    if work.shared is not None:
        s = work.shared
        run = balls.run(s.program, columns, bits=SWEEP_BITS, strict=True, upstream=seed)
        exact = [run[i] for i in s.exact]
        return run[s.value], exact, exact, [run[i] for i in s.real], [s.exact[k] == s.real[k] for k in claims]
    gradient = work.truth.gradient
    steps = [gradient.adjoint.get(p) for p in work.positions]

    def exactly(rounded_in: Format | None) -> list[list[Any]]:
        run = balls.run(gradient.program, columns, bits=SWEEP_BITS, strict=True, rounded_in=rounded_in)
        zero = [arb(0)] * len(columns[0])
        scaled = [zero if s is None else run[s] for s in steps]
        if work.upstream != 1.0:
            scaled = [[g * seed for g in column] for column in scaled]
        return [run[gradient.value], *scaled]

    plain = exactly(None)
    literal = exactly(work.format) if work.truth.function.longest_literal >= work.format.digits else plain
    run = balls.run(work.subject.exact[0], columns, bits=SWEEP_BITS, strict=False, upstream=seed, rounded_in=work.format)
    return plain[0], plain[1:], literal[1:], [run[work.subject.index(n)] for _, n in work.subject.claims], [False for _ in claims]


# ---------------------------------------------------------------- point by point


def _by_points(work: Work, columns: list[Any], computed: list[Any], found: list[Judged]) -> None:
    del computed
    points = list(zip(*(c.tolist() for c in columns), strict=True))
    rows = compare(work.truth, work.subject, points, fmt=work.format, upstream=work.upstream, detail=False)
    for k, j in enumerate(found):
        for i, row in enumerate(rows):
            if j.verdict[i] == OPEN:
                j.verdict[i], j.error[i], j.over[i] = CODE[row[k].verdict], *_figures(row[k], work.limit)


def _figures(d: Discrepancy, limit: float | None) -> tuple[float, bool]:
    """The edge of the error (NaN where there are no ulps), and whether it is above the limit."""
    if d.ulps is None:
        return (0.0 if d.verdict in (Verdict.CORRECT, Verdict.ROUNDING) and np.isfinite(d.computed) and _is_finite(d) else np.nan), False
    upper = d.ulps.abs_upper()
    return float(edge(np.float64(float(upper)))), limit is not None and not d.ulps <= limit


def _is_finite(d: Discrepancy) -> bool:
    return d.rounded is not None and bool(np.isfinite(d.rounded))


__all__ = ["CODE", "VERDICTS", "Judged", "Work", "computed_columns", "edge", "judge"]
