"""Computed gradients against the exact ones: precision grows until every point has its Discrepancy, certified, or the cap is met."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

from flint import arb, fmpq

from verifier.arithmetic import balls, floats, rounding
from verifier.arithmetic.types import Ball, Balls
from verifier.circuit.program import Program
from verifier.compare import conditioning
from verifier.compare.check import Check
from verifier.compare.conditioning import conditioned
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.judge import FIRST_BITS, UNKNOWN_BITS, judge
from verifier.compare.lanes import Lanes
from verifier.compare.limited_gates import why_limited
from verifier.compare.overflow import OverflowRuns, judge_beyond
from verifier.exact import coefficients, one_sided
from verifier.exact.inexact_steps import inexact_steps
from verifier.exact.series import Undefined
from verifier.language.formats import Format
from verifier.language.verdict import Verdict

SWEEP_BITS = 128  # enough for a verdict at nearly every point
LARGEST_BITS = 1 << 16
WORK = 1 << 31  # steps x bits a point may cost at the cap: bounds the time for long programs
ZERO_BITS = 512  # a gradient that is not told from 0 at this precision is tried for a proof that it is 0
LEAST_CAP = 1024  # bits that every program is run at where fewer do not tell
SHORT_EXPONENT = 1200  # of a binary number that a gradient is tried to be
MOST_VALUES = 2_000_000  # steps times points that are computed at a time where gradients are wanted here and there
ABSOLUTE = frozenset(("exp", "expm1", "sinh", "cosh", "sin", "cos", "tan"))  # of whose arguments it matters how large an error is, not how large beside the argument
EXACT_BITS = 128  # of a gradient that is tried for a proof that it is a short number, except at the last precision: a wider ball holds such a number by chance
ABSOLUTE_BITS = 16  # after the point, of such an argument: fewer leave little of exp, and nothing of what is divided by it
SPARE_BITS = 8  # that a few operations lose
MOST_AWAITED = 2400  # bits that arguments are waited for with: products of two floats have up to 2,048, towers of exponentials any number
CONDITION_STEPS = 20_000  # programs longer than this, times their gradients, get condition numbers only where a verdict needs them; that of the program never does


@dataclass(frozen=True, slots=True)
class Task:
    """A computed gradient that waits for its verdict: the indices of its point and its claim."""

    point: int
    claim: int
    computed: float


def compare(
    check: Check, points: Sequence[tuple[float, ...]], *, detail: bool = True, first_bits: int | None = None, most_bits: int = LARGEST_BITS, conditions: bool = True, later: bool = False
) -> list[list[Discrepancy]]:
    """The discrepancy of every claimed gradient at every point: `result[point][claim]`.

    `points` are numbers of the format. With `detail`, condition numbers and formula errors are computed for all results,
    else only what a verdict needs of them. `first_bits` is the precision to begin with (default: what suffices at nearly every point),
    `most_bits` the last one that is tried: what it does not tell is undecided. Without `conditions` no condition number is computed, as in `compare_some`.
    With `later` those that no verdict needs are left to `with_conditions`, where each lane is not compared by itself.
    """
    count = len(check.subject.claims)
    if points and check.lanes is not None and (rows := _by_lanes(check, check.lanes, points, detail=detail, first_bits=first_bits, most_bits=most_bits, conditions=conditions)) is not None:
        return rows
    pairs = [(p, c) for p in range(len(points)) for c in range(count)]
    found = _compare_pairs(check, points, pairs, _computed(check, points), detail=detail, first_bits=first_bits, most_bits=most_bits, conditions=conditions, later=later)
    return [found[p * count : (p + 1) * count] for p in range(len(points))]


def compare_some(
    check: Check,
    wanted: Sequence[tuple[tuple[float, ...], int]],
    *,
    detail: bool = True,
    first_bits: int | None = None,
    most_bits: int = LARGEST_BITS,
    conditions: bool = True,
    later: bool = False,
) -> list[Discrepancy]:
    """What `compare` says of some gradients, each the number of a claim at a point of its own: every point is computed once, whatever is wanted of it.

    Without `conditions` no condition number is computed: what is unstable or ill-conditioned is then called unstable. `later` is that of `compare`.
    """
    points, numbers = _numbered([point for point, _ in wanted])
    claims: list[dict[int, None]] = [{} for _ in points]
    for number, (_, claim) in zip(numbers, wanted, strict=True):
        claims[number][claim] = None
    found: dict[tuple[int, int], Discrepancy] = {}
    size = max(1, MOST_VALUES // (len(check.truth.gradient.program) + len(check.subject.program)))
    for start in range(0, len(points), size):
        some = points[start : start + size]
        pairs = [(p, c) for p in range(len(some)) for c in claims[start + p]]
        rows = _compare_pairs(check, some, pairs, _computed(check, some), detail=detail, first_bits=first_bits, most_bits=most_bits, conditions=conditions, later=later)
        found |= zip([(start + p, c) for p, c in pairs], rows, strict=True)
    return [found[number, claim] for number, (_, claim) in zip(numbers, wanted, strict=True)]


def _numbered(points: Sequence[tuple[float, ...]]) -> tuple[list[tuple[float, ...]], list[int]]:
    """The distinct points, and the number of each among them. A point that stands there many times, as one object, is hashed once: it may have many coordinates."""
    known: dict[tuple[float, ...], int] = {}
    by_identity: dict[int, int] = {}
    numbers = []
    for point in points:
        number = by_identity.get(id(point))
        if number is None:
            number = by_identity[id(point)] = known.setdefault(point, len(known))
        numbers.append(number)
    return list(known), numbers


def _compare_pairs(
    check: Check,
    points: Sequence[tuple[float, ...]],
    pairs: Sequence[tuple[int, int]],
    computed: Sequence[Sequence[float]],
    *,
    detail: bool,
    first_bits: int | None = None,
    most_bits: int = LARGEST_BITS,
    conditions: bool = True,
    lanes: int = 1,
    later: bool = False,
) -> list[Discrepancy]:
    """The discrepancies of some claims at some points, each a pair of their numbers, those of a point one after the other; the check is one of so many `lanes`."""
    truth, subject = check.truth, check.subject
    results: dict[tuple[int, int], Discrepancy] = {}
    pending = [Task(p, c, computed[c][p]) for p, c in pairs]
    cap = min(most_bits, worthwhile_bits(check))
    bits = first_bits or (FIRST_BITS if detail else SWEEP_BITS)
    while pending:
        pending = _level(check, points, pending, results, bits=bits, cap=cap, detail=detail)
        bits = min(UNKNOWN_BITS if bits < UNKNOWN_BITS < 2 * bits else 2 * bits, max(bits, cap))  # all ways give up at the same precision
    if not conditions:
        return [results[pair] for pair in pairs]
    everywhere = detail and len(truth.gradient.program) * lanes * len(subject.claims) * lanes <= CONDITION_STEPS
    left = {pair for pair in pairs if results[pair].verdict is not Verdict.UNSTABLE} if everywhere and later else set()
    done: list[Discrepancy] = []
    for p, several in groupby(pairs, key=lambda pair: pair[0]):
        runs = conditioning.PointRuns(check, tuple(points[p]))
        done += [results[pair].but(lacks_conditions=True) if pair in left else _conditioned(check, results[pair], runs, needed=not everywhere, of_program=everywhere) for pair in several]
    return done


def with_conditions(check: Check, found: Discrepancy) -> Discrepancy:
    """A discrepancy with the condition numbers that were left for later."""
    if not found.lacks_conditions:
        return found
    return _conditioned(check, found.but(lacks_conditions=False), conditioning.PointRuns(check, found.point), needed=False, of_program=True)


def _by_lanes(check: Check, lanes: Lanes, points: Sequence[tuple[float, ...]], *, detail: bool, first_bits: int | None, most_bits: int, conditions: bool) -> list[list[Discrepancy]] | None:
    """What `compare` finds, each lane by itself; None where some lane has no gradient that is a number: then the sum of them has no value either, and no other lane a gradient."""
    computed, one, count = _computed(check, points), check.of_lane, len(lanes.subject.claims)
    columns = [[computed[own[c]][p] for p in range(len(points)) for own in lanes.claims] for c in range(count)]
    pairs = [(k, c) for k in range(len(columns[0])) for c in range(count)]
    found = _compare_pairs(one, [lane for p in points for lane in lanes.points(p)], pairs, columns, detail=detail, first_bits=first_bits, most_bits=most_bits, conditions=conditions, lanes=len(lanes.claims))
    if any(not isinstance(d.exact, one_sided.Finite) or any(name in d.reason for name in one.subject.program.inputs) for d in found):
        return None
    rows: list[list[Discrepancy]] = []
    rest, names, at = iter(found), check.subject.program.inputs, {name: k for k, name in enumerate(one.subject.program.inputs)}
    for point in points:
        row: list[Discrepancy | None] = [None] * len(check.subject.claims)
        for own, inputs in zip(lanes.claims, lanes.inputs, strict=True):
            for number in own:
                d, (variable, name) = next(rest), check.subject.claims[number]
                row[number] = d.but(input=variable, name=name, point=tuple(point), backward_input=names[inputs[at[d.backward_input]]] if d.backward_input in at else d.backward_input)
        rows.append([d for d in row if d is not None])
    return rows


def without_reals(check: Check, points: Sequence[tuple[float, ...]]) -> list[list[Discrepancy]]:
    """The discrepancies at points one of whose inputs is an infinity or NaN: what is computed there, and that there is no gradient."""
    if not points:
        return []
    computed, inputs = _computed(check, points), check.subject.program.inputs
    rows = []
    for k, point in enumerate(points):
        reason = " and ".join(f"{name} = {x!r}" for name, x in zip(inputs, point, strict=True) if not math.isfinite(x)) + " is no real number"
        rows.append([Discrepancy(variable, name, tuple(point), computed[i][k], Verdict.UNDEFINED, one_sided.Nowhere(reason), reason=reason) for i, (variable, name) in enumerate(check.subject.claims)])
    return rows


def _computed(check: Check, points: Sequence[tuple[float, ...]]) -> list[Sequence[float]]:
    """The column of every claimed gradient: by the floats of its program, or by whoever else computes it."""
    subject = check.subject
    if check.computed is not None:
        found = check.computed(points)
        return [found[name] for _, name in subject.claims]
    columns = [[p[i] for p in points] for i in range(len(subject.program.inputs))]
    run = floats.run(subject.program, columns, fmt=check.format, upstream=check.upstream)
    return [floats.as_floats(run[subject.program.names[name]]) for _, name in subject.claims]


def _conditioned(check: Check, found: Discrepancy, runs: conditioning.PointRuns, *, needed: bool, of_program: bool) -> Discrepancy:
    """A discrepancy with its condition numbers; as it was, which is never better, where they cannot be had."""
    try:
        return conditioned(check, found, needed=needed, of_program=of_program, runs=runs)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a figure that fails costs no verdict
        failed = f"the condition numbers could not be computed ({type(error).__name__})"
        return found.but(reason=f"{found.reason}; {failed}" if found.reason else failed)


def worthwhile_bits(check: Check) -> int:
    """The highest precision at which running both sides at a point is worth its time."""
    return max(LEAST_CAP, WORK // (8 * check.weight))


def _level(
    check: Check,
    points: Sequence[tuple[float, ...]],
    pending: list[Task],
    results: dict[tuple[int, int], Discrepancy],
    *,
    bits: int,
    cap: int,
    detail: bool,
) -> list[Task]:
    """Settle what this precision settles; what is left. At the last precision, `cap`, that is nothing."""
    last = bits >= cap
    truth, subject, fmt, upstream = check.truth, check.subject, check.format, check.upstream
    where = sorted({t.point for t in pending})
    rank = {p: i for i, p in enumerate(where)}
    with balls.precision(bits):
        columns = [[arb(points[p][i]) for p in where] for i in range(len(subject.program.inputs))]
        seed = arb(upstream)
        exact_run, real_run = _both_sides(check, columns, bits)
        program, places = subject.exact
        exact_hulls, real_hulls = exact_run, real_run  # for all constants that the literals may have been rounded from
        if check.has_literals:
            exact_hulls, real_hulls = _both_sides(check, columns, bits, rounded_in=fmt)
        unit = upstream == 1.0
        careful = _CarefulRuns(check, points, bits)
        left = []
        for task in pending:
            at = rank[task.point]
            position = check.positions[task.claim]
            component = truth.gradient.adjoint.get(position)
            exact: one_sided.Derivative | None
            hull: Any  # a ball, at a kink a Kink
            value_is_real = exact_run[truth.gradient.value][at].is_finite()
            if component is None:
                exact = one_sided.Finite(arb(0)) if value_is_real else None
                hull = arb(0)
            else:
                g, hull = exact_run[component][at], exact_hulls[component][at]
                if not unit:
                    g, hull = g * seed, hull * seed
                exact = one_sided.Finite(g) if g.is_finite() and value_is_real else None
            if exact is None and bits < careful.worthwhile(task.point, exact_run, at) <= min(cap, MOST_AWAITED):
                left.append(task)
                continue
            if exact is None and component is not None and (steady := careful.partial(task.point, position, component)) is not None:
                exact, hull = one_sided.Finite(steady[0] * seed), steady[1] * seed
            if exact is None:
                exact = _scaled(truth.limit(careful.place(task.point, truth.function), tuple(points[task.point]), position), seed)
                hull = exact.ball if isinstance(exact, one_sided.Finite) else arb("nan")
                if check.has_literals and isinstance(exact, one_sided.Kink):
                    hull = _scaled(careful.place(task.point, truth.function, rounded_in=fmt).derivative(position), seed)
            elif component is not None and bits >= ZERO_BITS and exact.ball.contains(0) and truth.vanishes(component, points[task.point]):
                exact, hull = one_sided.Finite(arb(0)), arb(0)
            elif component is not None and (last or exact.ball.rel_accuracy_bits() >= EXACT_BITS) and _looks_exact(exact.ball, task.computed, fmt, bits=bits, detail=detail):
                exact = _exactly(check, careful, task.point, component, exact, partial(_at_one_point, exact_run, at))
            variable, name = subject.claims[task.claim]
            step = places[subject.program.names[name]]
            enclosed, real_hull = real_run[step][at], real_hulls[step][at]
            real: Ball | Undefined | None = enclosed
            if not enclosed.is_finite() and (detail or not isinstance(exact, one_sided.Nowhere)):  # where there is no gradient a verdict needs nothing else
                real = careful.place(task.point, program, upstream=fmpq(*upstream.as_integer_ratio())).value(subject.index(name))
            blank = Discrepancy(variable, name, tuple(points[task.point]), task.computed, Verdict.UNDECIDED, exact, real_value=real if isinstance(real, arb) else None, bits=bits)
            if isinstance(exact, one_sided.Unknown) and (beyond := judge_beyond(blank, careful.beyond(task.point), component)) is not None:
                results[task.point, task.claim] = beyond
                continue
            found = judge(blank, real, hulls=(hull, real_hull) if check.has_literals else None, fmt=fmt, last=last, detail=detail, is_given=check.computed is not None)
            if found is None:
                left.append(task)
                continue
            if found.verdict is Verdict.UNDECIDED and (why := why_limited(((truth.gradient.program, exact_run), (program, real_run)), at, bits)):
                found = found.but(reason="; ".join(r for r in (found.reason, why) if r))
            results[task.point, task.claim] = found
    return left


def _both_sides(check: Check, columns: Sequence[Balls], bits: int, *, rounded_in: Format | None = None) -> tuple[list[Balls], list[Balls]]:
    """Every step of the exact gradient, undecided on kinks, and of the computed one over the reals."""
    seed = arb(check.upstream)
    if check.joined is not None:
        program, (of_exact, of_computed) = check.joined
        both = balls.run(program, columns, bits=bits, strict=False, upstream=seed, rounded_in=rounded_in)
        return [both[i] for i in of_exact], [both[i] for i in of_computed]
    exact = balls.run(check.truth.gradient.program, columns, bits=bits, strict=True, rounded_in=rounded_in)
    return exact, balls.run(check.subject.exact[0], columns, bits=bits, strict=False, upstream=seed, rounded_in=rounded_in)


def _looks_exact(ball: Ball, computed: float, fmt: Format, *, bits: int, detail: bool) -> bool:
    """Whether a gradient may be exactly the computed float, a power of two, or half way between two floats."""
    if ball.is_exact():
        return False
    if detail and (ball.overlaps(arb(computed)) or not rounding.has_one_ulp(fmt, ball)):
        return True
    return bits > FIRST_BITS and rounding.round_ball(fmt, ball) is None


Found = TypeVar("Found")


@dataclass
class _CarefulRuns:
    """Programs run carefully at one point after the other, at a precision: once at a point, whatever is asked of it."""

    check: Check
    points: Sequence[tuple[float, ...]]
    bits: int
    at: int = -1
    known: dict[object, Any] = field(default_factory=dict)  # of this point

    def _once(self, point: int, key: object, work: Callable[[], Found]) -> Found:
        if point != self.at:
            self.at, self.known = point, {}
        if key not in self.known:
            self.known[key] = work()
        found: Found = self.known[key]
        return found

    def place(self, point: int, program: Program, *, upstream: fmpq | None = None, rounded_in: Format | None = None) -> one_sided.CarefulRun:
        """A program at the point of this number; with `rounded_in` for all constants that its literals may have been rounded from."""
        fractions = [Fraction(x) for x in self.points[point]]
        found: one_sided.CarefulRun = self._once(point, (id(program), rounded_in), lambda: one_sided.CarefulRun(program, fractions, self.bits, upstream, rounded_in))
        return found

    def beyond(self, point: int) -> OverflowRuns:
        """Both sides beyond the range of balls."""
        found: OverflowRuns = self._once(point, "beyond", lambda: OverflowRuns(self.check, self.points[point], self.bits))
        return found

    def inexact(self, point: int, enclosed: Callable[[int], Ball]) -> list[bool]:
        """Of which steps of the exact gradient the value certainly is not found exactly at a point."""
        return self._once(point, "inexact", lambda: inexact_steps(self.check.truth.gradient.program, enclosed))

    def worthwhile(self, point: int, run: Sequence[Balls], at: int) -> int:
        """The precision below which functions such as exp are hardly enclosed at a point: what depends on them need not be looked at carefully before."""
        return self._once(point, "worthwhile", lambda: _least_bits(self.check.truth.gradient.program, run, at))

    def partial(self, point: int, position: int, component: int) -> tuple[Ball, Ball] | None:
        """A component of the gradient, and its hull for rounded literals, where a kink lies in what its input does not move only; None elsewhere."""
        if self.check.joined is not None:
            return None
        found = self.place(point, self.check.truth.gradient.program)
        if not found.is_steady_along(position, component):
            return None
        hulls = self._once(point, "hulls", lambda: self._hulls(point)) if self.check.has_literals else found.enclosed
        return found.enclosed[component], hulls[component]

    def _hulls(self, point: int) -> list[Ball]:
        columns = [[arb(x)] for x in self.points[point]]
        return [v[0] for v in balls.run(self.check.truth.gradient.program, columns, bits=self.bits, strict=False, rounded_in=self.check.format)]


def _least_bits(program: Program, run: Sequence[Balls], at: int) -> int:
    """The bits that an argument of a function such as exp takes at a point, where some are hardly known: of the largest of them. 0 where all are known."""
    arguments = [run[step.args[0]][at] for step in program.steps if step.gate in ABSOLUTE]
    wide = [abs(a).upper().man_exp() for a in arguments if a is not None and a.is_finite() and a.rad() > arb((1, -ABSOLUTE_BITS))]
    return max((int(exponent) + int(mantissa).bit_length() + ABSOLUTE_BITS + SPARE_BITS for mantissa, exponent in wide), default=0)


def _at_one_point(run: Sequence[Balls], at: int, step: int) -> Ball:
    return run[step][at]


def _exactly(check: Check, careful: _CarefulRuns, point: int, component: int, found: one_sided.Finite, enclosed: Callable[[int], Ball]) -> one_sided.Finite:
    """A gradient that seems to be a short binary number: the number itself, where a run in exact rationals or an identity proves it. `enclosed` gives the steps at this point."""
    truth, upstream = check.truth, check.upstream
    if upstream == 1.0 and not careful.inexact(point, enclosed)[component]:
        value = careful.place(point, truth.gradient.program).value(component)
        if isinstance(value, arb) and value.is_exact():
            return one_sided.Finite(value)
    candidate = coefficients.simple(found.ball)
    if candidate is None or abs(candidate.man_exp()[1]) > SHORT_EXPONENT:
        return found
    return one_sided.Finite(candidate) if truth.equals(component, careful.points[point], rounding.rational(candidate), upstream) else found


def _scaled(exact: one_sided.Derivative, seed: Ball) -> one_sided.Derivative:
    if seed == 1:
        return exact  # with all its bits
    if isinstance(exact, one_sided.Finite):
        return one_sided.Finite(exact.ball * seed)
    if seed == 0:
        return one_sided.Finite(arb(0)) if isinstance(exact, one_sided.Kink | one_sided.Infinite) else exact
    negative = bool(seed < 0)
    if isinstance(exact, one_sided.Infinite):
        return one_sided.Infinite(-exact.sign if negative else exact.sign)
    if isinstance(exact, one_sided.Kink):
        ends = (exact.low * seed, exact.high * seed)
        return one_sided.Kink(*(reversed(ends) if negative else ends))
    return exact
