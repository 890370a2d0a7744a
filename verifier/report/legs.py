"""The ledger of a gradient as a path that leads, statement by statement, from the exact value to the computed float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Ball
from verifier.blame.rounding import by_statement
from verifier.blame.rounding.by_statement import Item
from verifier.blame.rounding.ledger import DIFFERENCE_BITS, Ledger, NoLedger
from verifier.case import points
from verifier.case.case import Case
from verifier.compare.check import checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.exact.one_sided import Finite
from verifier.exact.truth import truth_of
from verifier.language.formats import Format, numbers, places
from verifier.language.verdict import Verdict
from verifier.report import attribution
from verifier.report.results import digits

MOST_STATEMENTS = 16  # a path shows so many statements, those with the largest effects; the others are one leg
DIGITS = 25  # of the exact gradient
MOST_FLOATS = 12  # the numbers of the format are listed where a path spans at most so many ulps
FORMULA = "the formula itself, over the reals"
REMAINDER = "remainder (the shares are to first order)"


@dataclass(frozen=True)
class Leg:
    """The effect of one statement, in ulps of the exact gradient."""

    statement: str
    line: int | None
    ulps: float
    condition: str = ""  # of the sum, where contributions are added at a fork


@dataclass(frozen=True)
class Waterfall:
    """One gradient of one implementation at one point: the legs lead from the exact value, 0, to `end`, the computed one."""

    implementation: str
    gradient: str
    format: str
    point: tuple[tuple[str, float], ...]
    exact: str
    computed: float
    rounded: float | None
    verdict: Verdict
    legs: tuple[Leg, ...]
    end: float
    floats: tuple[tuple[float, float], ...]  # the numbers of the format nearby, with their distances in ulps; none where there are too many


def waterfalls(
    case: Case, *, implementation: str | None = None, gradient: str | None = None, form: str | None = None, point: int = 1
) -> list[Waterfall]:
    """The path of a gradient (default: the first that is claimed) in every implementation or one. ValueError names what the case does not have."""
    ((fmt, checks),) = checks_of(case, truth_of(case.programs.truth), [form or case.formats[0]])
    listed = [*points.listed(case, fmt), *points.sampled(case, fmt)]
    if not 1 <= point <= len(listed):
        raise ValueError(f"{case.name} has {len(listed)} {'point' if len(listed) == 1 else 'points'}, not {point}")
    at = listed[point - 1]
    found, variable = [], None
    for whole in checks:
        name = whole.implementation
        claims = [c for c in whole.subject.claims if c[1] == gradient or (gradient is None and variable in (None, c[0]))][:1]
        if not claims or implementation not in (None, name):
            continue
        variable = claims[0][0]
        check = whole.alone(claims[0][1])
        ((d,),) = compare(check, [at])
        unit = attribution.unit_of(check, d)
        _, ledger, items = attribution.rows(Checked(check, [at], [[d]]), d)
        if unit is None or not isinstance(d.exact, Finite) or isinstance(ledger, NoLedger):
            raise ValueError(f"{name}.{d.name} has no ledger at point {point}: {ledger.reason if isinstance(ledger, NoLedger) else 'there is no exact gradient'}")
        with balls.precision(DIFFERENCE_BITS):
            legs = _legs(ledger, items, d.exact.ball, unit)
            end = float(((arb(d.computed) - d.exact.ball) / unit).mid())
            nearby = _floats(fmt, d.exact.ball, unit, legs)
            text = digits(d.exact.ball, (DIGITS,)) or digits(d.exact.ball) or "-"
        point_text = tuple(zip(case.inputs, at, strict=True))
        found.append(Waterfall(name, d.name, fmt.name, point_text, text, d.computed, d.rounded, d.verdict, legs, end, nearby))
    if not found:
        raise ValueError(f"no implementation of {case.name} computes the gradient {gradient!r}" if gradient else f"{case.name} has no implementation {implementation!r}")
    return found


def _legs(ledger: Ledger, items: Sequence[Item], exact: Ball, unit: Ball) -> tuple[Leg, ...]:
    """The legs in order: the formula's own error where it has one, the statements with the largest effects, all other statements together, the remainder."""
    largest = {id(i) for i in sorted(items, key=lambda i: abs(i.effect).upper(), reverse=True)[:MOST_STATEMENTS]}
    formula = float(((ledger.real - exact) / unit).mid())
    legs = [Leg(FORMULA, None, formula)] if abs(formula) > by_statement.SHOWN_ULPS else []
    legs += [Leg(i.statement, None if i.place is None else i.place.line, float(i.ulps.mid()), "" if i.condition is None else rounding.significant(i.condition, 4)) for i in items if id(i) in largest]
    if len(items) > len(largest):
        legs.append(Leg(f"{len(items) - len(largest)} more statements", None, sum(float(i.ulps.mid()) for i in items if id(i) not in largest)))
    if ledger.first_order:
        legs.append(Leg(REMAINDER, None, float((ledger.remainder / unit).mid())))
    return tuple(legs)


def reach(legs: Sequence[Leg]) -> tuple[float, float]:
    """The lowest and the highest point of a path, in ulps from the exact value, where it starts."""
    at = np.cumsum([0.0, *(leg.ulps for leg in legs)])
    return float(at.min()), float(at.max())


def _floats(fmt: Format, exact: Ball, unit: Ball, legs: Sequence[Leg]) -> tuple[tuple[float, float], ...]:
    low, high = reach(legs)
    if high - low > MOST_FLOATS:
        return ()
    ends = [rounding.round_ball(fmt, ((exact + side * unit).mid())) for side in (low - 2, high + 2)]
    if None in ends or not np.all(np.isfinite(np.array(ends, dtype=float))):
        return ()
    first, last = places(fmt, *map(float, ends))  # type: ignore[arg-type]
    values = numbers(fmt, np.arange(first, last + 1, dtype=np.int64)).tolist()
    return tuple((v, float(((arb(v) - exact) / unit).mid())) for v in values)
