"""Laws of the ledger: the effects of the roundings add up to computed - real, identically, and two ledgers to their difference."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from flint import arb

from tests.laws.law import Setting, case_in, require, settings_of
from verifier.arithmetic import balls, rounding
from verifier.blame.rounding import ledger
from verifier.blame.rounding.ledger import DIFFERENCE_BITS, Ledger
from verifier.compare.at_point import checks_in
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.exact import one_sided
from verifier.exact.truth import Subject
from verifier.report import attribution

LARGEST_EXPONENT = 10_000  # beyond it `DIFFERENCE_BITS` do not hold the sum of midpoints exactly
FAINT = 40  # bits of the sum of both columns that a difference of ledgers is right to


def effects_add_up(text: str) -> int:
    """The effects sum to computed - real, their midpoints to the last bit, and real is the ball of the backward pass over the reals."""
    case, count = case_in(text), 0
    for setting in settings_of(case):
        for check in checks_in(case, setting.format):
            tested = check.subject
            planned = ledger.plan(tested.program, [name for _, name in tested.claims])
            rows = ledger.ledgers(planned, setting.points, fmt=setting.format, upstream=setting.upstream)
            for point, row in zip(setting.points, rows, strict=True):
                real = _real(tested, point, setting)
                for found in row:
                    if isinstance(found, Ledger):
                        _adds_up(found, real[tested.index(found.name)][0])
                        count += 1
    return count


def _real(tested: Subject, point: tuple[float, ...], setting: Setting) -> list[Any]:
    return balls.run(tested.exact[0], [[arb(x)] for x in point], bits=ledger.FIRST_BITS, strict=False, upstream=arb(setting.upstream))


def _adds_up(found: Ledger, real: Any) -> None:
    with balls.precision(DIFFERENCE_BITS):
        total = sum((e.effect for e in found.entries), arb(0))
        require(bool(total.overlaps(found.total)), lambda: f"{found.name}: the effects sum to {total}, computed - real is {found.total}")
        numbers = [found.real.mid(), arb(found.computed), *(e.effect.mid() for e in found.entries)]
        if all(n.is_zero() or abs(int(n.man_exp()[1])) < LARGEST_EXPONENT for n in numbers):
            middles = sum((rounding.rational(e.effect.mid()) for e in found.entries), Fraction(0))
            require(middles == Fraction(found.computed) - rounding.rational(found.real.mid()), lambda: f"{found.name}: the midpoints of the effects do not telescope")
    require(not real.is_finite() or bool(real.overlaps(found.real)), lambda: f"{found.name} over the reals is {found.real} in the ledger, {real} in balls")


def differences_add_up(text: str) -> int:
    """The rows of two ledgers side by side add up to the difference of the two computed gradients, where both are right."""
    case, count = case_in(text), 0
    for setting in settings_of(case):
        checks = [Checked(c, setting.points, compare(c, setting.points)) for c in checks_in(case, setting.format)]
        for at, point in enumerate(setting.points):
            for a, b in zip(*(c.rows[at] for c in checks), strict=True):
                sides = attribution.difference((checks[0], a.name), (checks[1], b.name), point)
                if not sides or not isinstance(a.exact, one_sided.Finite) or a.real_value is None or b.real_value is None:
                    continue
                with balls.precision(DIFFERENCE_BITS):
                    unit = rounding.ulp(setting.format, a.real_value)[0]
                    by_ledgers = sum((s.difference for s in sides), arb(0))
                    apart = (arb(a.computed) - arb(b.computed)) / unit
                    size = sum((abs(v) for s in sides for v in (s.first, s.second) if v is not None), arb(0)) + abs(apart)
                    slack = (size + 1) * arb(2) ** -FAINT + (abs(a.real_value - b.real_value) / unit)
                    require(bool(abs(by_ledgers - apart) <= slack.upper() + by_ledgers.rad()), lambda a=a, by_ledgers=by_ledgers, apart=apart: f"the ledgers of {a.name} differ by {by_ledgers} ulp, the gradients by {apart}, at {a.point}")  # type: ignore[misc]
                count += 1
    return count
