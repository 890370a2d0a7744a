"""Draws the ledger of a gradient as a table, with the effect of each statement in ulps and as a bar; or two ledgers side by side."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Ball
from verifier.blame.rounding import by_statement
from verifier.blame.rounding.by_statement import Item, SharedRow
from verifier.blame.rounding.ledger import DIFFERENCE_BITS, Entry, Ledger, NoLedger
from verifier.circuit.program import Program
from verifier.report.draw.paint import Paint
from verifier.report.draw.text import table

BAR = 20  # characters of a whole share
LONGEST_BAR = 30
MOST_ROWS = 40


def shape(found: Ledger | NoLedger, items: Sequence[Item], unit: Ball) -> tuple[str, ...]:
    """A key that is equal for two ledgers that differ in their signs only."""
    if isinstance(found, NoLedger):
        return (found.reason, str(found.step))
    with balls.precision(DIFFERENCE_BITS):
        total = abs(found.total / unit)
        return (_ulps(total), *(f"{i.statement} {_share(i.share)[0]}" for i in items))


def render(who: str, gradient: str, found: Ledger | NoLedger, items: Sequence[Item], unit: Ball, exact: Ball, *, program: Program, paint: Paint) -> list[str]:
    """The lines of one ledger; a statement whose roundings come from several steps has a row for each of them."""
    if isinstance(found, NoLedger):
        where = "" if found.step < 0 else f": the first is `{by_statement.step_text(program, found.step)}`"
        return [paint(f"no ledger for {who}.{gradient}: {found.reason}{where}", "dim")]
    with balls.precision(DIFFERENCE_BITS):
        total = found.total / unit
        title = f"where the {_ulps(total)} of {who}.{gradient} come from{' (to first order)' if found.first_order else ''}"
        if not any(i.entries for i in items):
            return [f"{who}.{gradient}: no step rounded, so there is no error to explain"]
        rows = [[paint(h, "dim") for h in ("statement", "line", "own rounding", f"effect on {gradient}", "share", "", "")]]
        rows_of_items = sorted(items, key=lambda i: abs(i.effect).upper(), reverse=True)[:MOST_ROWS] if len(items) > MOST_ROWS else items
        largest = {id(i) for i in rows_of_items}
        for item in (i for i in items if id(i) in largest):
            rows.append(_row(item))
            if len(item.entries) > 1:
                rows += [_step(entry, item, found, unit) for entry in item.entries]
        if len(items) > len(rows_of_items):
            rest = sum(i.effect for i in items if id(i) not in largest)
            rows.append([f"{len(items) - len(rows_of_items)} more statements", "", "", _ulps(rest / unit), "", "", ""])
        if found.first_order:
            rows.append(["remainder", "", "", _ulps(found.remainder / unit), "", "", ""])
        rows.append(["sum", "", "", _ulps(total), "100 %" if not total.contains(0) else "", "", ""])
        formula = (found.real - exact) / unit
        if abs(formula) > by_statement.SHOWN_ULPS:
            rows.append(["the formula itself, over the reals", "", "", _ulps(formula), "", "", ""])
    return [title, *table(_right(rows), paint)]


def _row(item: Item) -> list[str]:
    place = str(item.place.line) if item.place is not None else ""
    own = "" if item.own is None or not item.entries else f"{float(item.own.mid()):+.4f}"
    condition = "" if item.condition is None else f"condition {_figure(item.condition)}"
    return [item.statement, place, own, _ulps(item.ulps), *_share(item.share), condition]


def _step(entry: Entry, item: Item, found: Ledger, unit: Ball) -> list[str]:
    share = None if item.share is None else entry.effect / found.total
    own = "" if entry.own is None else f"{float((entry.own / rounding.ulp(found.run.format, entry.value)[1]).mid()):+.4f}"
    return [f"    {by_statement.step_text(found.run.program, entry.step)}", "", own, _ulps(entry.effect / unit), _share(share)[0], "", ""]


def _share(share: Ball | None) -> tuple[str, str]:
    """A share in percent and as a bar: of # where it increases the error, of - where it reduces it."""
    if share is None:
        return "", ""
    value = float(share.mid())
    length = min(LONGEST_BAR, round(abs(value) * BAR))
    return f"{100 * value:.1f} %", ("#" if value > 0 else "-") * length


def _ulps(ball: Ball) -> str:
    value = float(ball.mid())
    return f"{value:+.4f} ulp" if abs(value) < 1e6 else f"{value:+.4e} ulp"


def _figure(ball: Ball) -> str:
    return "inf" if not ball.is_finite() else f"{float(ball.mid()):.4g}"


def _right(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Columns of numbers flush right."""
    columns = [list(c) for c in zip(*rows, strict=True)]
    for number in (1, 2, 3, 4):
        bare = [Paint(enabled=False).width(cell) for cell in columns[number]]
        columns[number] = [" " * (max(bare) - width) + cell for cell, width in zip(columns[number], bare, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def compared(first: str, second: str, sides: Sequence[SharedRow], *, paint: Paint) -> list[str]:
    """Two ledgers of one gradient side by side; the last column is first − second."""
    rows = [[paint(h, "dim") for h in ("statement", first, second, "difference", "")]]
    with balls.precision(DIFFERENCE_BITS):
        for s in sides:
            rows.append([s.statement, *("" if v is None else _ulps(v) for v in (s.first, s.second)), _ulps(s.difference), ""])
        totals = [sum(v for v in column if v is not None) for column in ([s.first for s in sides], [s.second for s in sides], [s.difference for s in sides])]
        rows.append(["sum", *(_ulps(t) if not isinstance(t, int) else "0" for t in totals), ""])
    return [f"{first} and {second}, side by side", *table(_right(rows), paint)]
