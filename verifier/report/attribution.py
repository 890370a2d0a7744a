"""The rounding blame in a report: ledgers of the worst listed points, and the cause of lost digits that a finding names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from verifier.arithmetic import balls, rounding
from verifier.blame.rounding import by_statement, ledger, sensitivity
from verifier.blame.rounding.by_statement import Item, SharedRow
from verifier.blame.rounding.ledger import Ledger, LedgerPlan, NoLedger
from verifier.blame.rounding.origin import largest_inside, origin
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import one_sided
from verifier.language.source import Place
from verifier.language.verdict import Verdict
from verifier.report import results
from verifier.report.by_array import arrays
from verifier.report.results import Rating

MOST_STEPS = 300  # longer programs get first-order shares: the cost of a ledger is steps² / 2
MOST_WORK = 250_000  # steps² of the ledgers of a case's results beside the worst ones: half a second
MOST_LONG_WORK = 300_000  # steps x gradients of first-order shares in a case
MOST_SHARES = 50  # statements of one gradient in a report: the worst
FAR_BITS = 4  # an input that moves by more than 1/16 of itself is not near: a first-order estimate means little there
ROUNDED = frozenset(v for v in Verdict if (v.passes or v.warns) and v is not Verdict.SUBGRADIENT)  # the formula is right, and the error is that of roundings
LOST = frozenset((Verdict.NONFINITE, Verdict.VANISHED))


@dataclass(frozen=True)
class Cause:
    """Why a gradient lost its digits: the statement, its place, and the lines of text for a finding."""

    statement: str
    place: Place | None
    words: str
    details: tuple[str, ...]


def ledger_at(checked: Checked, name: str, point: tuple[float, ...]) -> tuple[LedgerPlan, Ledger | NoLedger]:
    """The ledger of a name of an implementation at a point; first-order where the program is long."""
    check = checked.check
    program = check.subject.program
    claimed = [n for _, n in check.subject.claims]
    long = len(program) > MOST_STEPS
    names = [name] if long or name not in claimed else claimed
    if names is claimed and "plan" not in checked.ledgers:
        checked.ledgers["plan"] = ledger.plan(program, names)
    planned: LedgerPlan = checked.ledgers["plan"] if names is claimed else ledger.plan(program, names)
    key = (tuple(names), tuple(x.hex() for x in point))
    if key not in checked.ledgers:
        ledgers = sensitivity.first_order(planned, point, fmt=check.format, upstream=check.upstream) if long else ledger.ledgers(planned, [point], fmt=check.format, upstream=check.upstream)[0]
        checked.ledgers[key] = ledgers
    return planned, checked.ledgers[key][names.index(name)]


def unit_of(check: Check, d: Discrepancy) -> Any:
    """One ulp of the exact gradient (the smallest subnormal where it is 0); None where there is no exact gradient."""
    return rounding.ulp(check.format, d.exact.ball)[1] if isinstance(d.exact, one_sided.Finite) else None


def rows(checked: Checked, d: Discrepancy) -> tuple[LedgerPlan, Ledger | NoLedger, list[Item]]:
    """The ledger of a discrepancy, with its entries grouped by statement."""
    planned, found = ledger_at(checked, d.name, d.point)
    unit = unit_of(checked.check, d)
    return planned, found, [] if isinstance(found, NoLedger) or unit is None else by_statement.items(planned, found, unit)


def with_blame(listed: Sequence[Rating]) -> list[Rating]:
    """The results, with ledgers for the worst point of each gradient (of an array: for its worst component) and for as many others as MOST_WORK allows, in order."""
    worst: dict[tuple[str, str, str], Rating] = {}
    known = {c.check.implementation: arrays(name for _, name in c.check.subject.claims) for c in {id(j.checked): j.checked for j in listed}.values()}
    for j in listed:
        array = known[j.implementation].get(j.gradient)
        key = (j.implementation, array.name if array is not None else j.gradient, j.format)
        if j.discrepancy.verdict in ROUNDED and (key not in worst or j.error > worst[key].error):
            worst[key] = j
    chosen = {id(j) for j in worst.values()}
    left, left_long = MOST_WORK, MOST_LONG_WORK
    with_shares: dict[int, Rating] = {}
    for j in sorted((j for j in listed if j.discrepancy.verdict in ROUNDED), key=lambda j: (not j.discrepancy.verdict.warns, id(j) not in chosen)):
        steps = len(j.checked.check.subject.program)
        if steps > MOST_STEPS:
            allowed = id(j) in chosen and steps <= left_long
            left_long -= steps if allowed else 0
        else:
            allowed = id(j) in chosen or steps * steps <= left
            left -= steps * steps
        if allowed:
            with_shares[id(j)] = _with_shares(j)
    return [with_shares.get(id(j), j) for j in listed]


def _with_shares(j: Rating) -> Rating:
    _, found, items = rows(j.checked, j.discrepancy)
    unit = unit_of(j.checked.check, j.discrepancy)
    if isinstance(found, NoLedger) or not items:
        return j
    return replace(j, blame=results.shares(found, items, unit, most=MOST_SHARES))


def cause(worst: Rating) -> Cause | None:
    """Where a gradient was lost; of one that only lost digits the statement with the largest effect, and the cancelling sum that magnified it."""
    d, check = worst.discrepancy, worst.checked.check
    program = check.subject.program
    lost = origin(program, program.names[d.name], d.point, check.format, upstream=check.upstream) if d.verdict in LOST else None
    if lost is not None:
        statement, place = by_statement.statement_of(program, by_statement.lines_of(program)[lost.step])
        return Cause(statement, place, str(lost), (f"first     {lost}", *(_worst_details(worst) if d.verdict.warns else ())))
    if not d.verdict.warns:
        return None
    planned, found, items = rows(worst.checked, d)
    worst_item = by_statement.worst(items)
    if isinstance(found, NoLedger):
        return None if found.step < 0 else _overflow(check, found.step)
    if worst_item is None:
        return None
    details = _worst_details(worst)
    inner = largest_inside(program, by_statement.worst_entry(worst_item.entries).step, found.run.computed, check.format)
    if inner.what:
        details.insert(1, f"inside    {inner}")
    cancels = sensitivity.cancellation(planned, found)
    if cancels is None:
        return Cause(worst_item.statement, worst_item.place, str(inner) if inner.what else "", tuple(details))
    words = by_statement.cancellation_words(cancels, program)
    statement, place = by_statement.statement_of(program, by_statement.lines_of(program)[cancels.step])
    return Cause(statement, place, words, tuple(details))


def _worst_details(worst: Rating) -> list[str]:
    """The statement with the largest effect, and how far away the input is that has the computed gradient."""
    check = worst.checked.check
    _, found, items = rows(worst.checked, worst.discrepancy)
    item = by_statement.worst(items)
    if isinstance(found, NoLedger) or item is None:
        return []
    with balls.precision(found.run.bits):
        line = f", line {item.place.line}" if item.place is not None else ""
        share = "" if item.share is None else f", {float(item.share.mid()):.1%} of the error"
        effect = f"{results.signed(item.effect)} from the exact 0" if worst.result.subnormals is not None else f"{float(item.ulps.mid()):+.4g} ulp"
        details = [f"worst     `{item.statement}`{line}: {effect}{share}{' (to first order)' if found.first_order else ''}"]
    if worst.result.backward_error_ulps is not None and float(worst.result.backward_error_ulps) < math.ldexp(1, check.format.precision - FAR_BITS):
        details.append(f"nearest   it is the exact gradient for a value of {worst.result.backward_error_input} that is {worst.result.backward_error_ulps} ulp away (to first order)")
    return details


def _overflow(check: Check, step: int) -> Cause:
    statement, place = by_statement.statement_of(check.subject.program, by_statement.lines_of(check.subject.program)[step])
    return Cause(statement, place, "", (f"cause     `{by_statement.step_text(check.subject.program, step)}` is not finite here",))


def difference(first: tuple[Checked, str], second: tuple[Checked, str], point: tuple[float, ...]) -> list[SharedRow]:
    """The ledgers of one value in two implementations, side by side, in ulps of the first one's real value; empty where one of them has none."""
    sides: list[list[Item]] = []
    unit = None
    for checked, name in (first, second):
        planned, found = ledger_at(checked, name, point)
        if isinstance(found, NoLedger):
            return []
        unit = rounding.ulp(checked.check.format, found.real)[1] if unit is None else unit
        sides.append(by_statement.items(planned, found, unit))
    return by_statement.side_by_side(*sides)
