"""Groups a ledger by statements: the effect of each in ulps and as a share, the worst one, what cancels; two ledgers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Ball
from verifier.blame.rounding import sensitivity
from verifier.blame.rounding.ledger import DIFFERENCE_BITS, INVISIBLE, Entry, Ledger, LedgerPlan
from verifier.blame.rounding.sensitivity import Cancellation
from verifier.circuit.program import Program
from verifier.language.gates import GATES, Gate, applied, is_operator
from verifier.language.source import Place

SHOWN_ULPS = 1e-4  # an error of the formula below it is not shown
COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
MOST_TEXT = 400  # characters of an operand: a step that many others share would be written out as often as it is read


@dataclass(frozen=True)
class Item:
    """One statement: what its roundings do to the gradient. `own` is the rounding of its value in ulps of that value."""

    line: int  # index into Program.lines
    statement: str
    place: Place | None  # where a person wrote it
    effect: Ball
    ulps: Ball  # the effect, in ulps of the exact gradient
    share: Ball | None  # of computed − real; None where that is 0
    own: Ball | None = None
    condition: Ball | None = None  # of the sum, where contributions are added at a fork
    entries: tuple[Entry, ...] = ()


def items(planned: LedgerPlan, ledger: Ledger, unit: Ball) -> list[Item]:
    """The statements that rounded, and every fork, in the order of the program; `unit` is ulp of the exact gradient."""
    program = ledger.run.program
    line_of = lines_of(program)
    grouped: dict[int, list[Entry]] = {}
    for entry in ledger.entries:
        grouped.setdefault(line_of[entry.step], []).append(entry)
    with balls.precision(ledger.run.bits):
        added = sensitivity.sums_among(ledger.run, planned.needed_for(ledger.output))
    forks = {line_of[i]: one for i, one in added.items() if sensitivity.is_fork(program, i)}
    members: dict[int, list[int]] = {}
    for i in planned.needed:
        if line_of[i] in grouped:
            members.setdefault(line_of[i], []).append(i)
    found = []
    total = ledger.total
    with balls.precision(DIFFERENCE_BITS):
        for line in sorted({*grouped, *forks}):
            entries = tuple(grouped.get(line, ()))
            effect = sum((e.effect for e in entries), arb(0))
            if line not in forks and abs(effect).upper() <= unit * INVISIBLE:
                continue
            found.append((line, entries, effect))
    with balls.precision(ledger.run.bits):
        return [
            Item(
                line, *statement_of(program, line), effect, effect / unit, None if total.contains(0) else effect / total,
                _own(planned, ledger, members[line]) if entries else arb(0),
                forks[line].condition if line in forks else None, entries,
            )
            for line, entries, effect in found
        ]  # fmt: skip


def lines_of(program: Program) -> list[int]:
    """The line of every step; a literal without one belongs to the statement that reads it."""
    found = [s.line for s in program.steps]
    for i in range(len(program.steps) - 1, -1, -1):
        for a in program.steps[i].args:
            if program.steps[a].line < 0:
                found[a] = found[i]
    return found


def statement_of(program: Program, line: int) -> tuple[str, Place | None]:
    """The text of a line, and its place where a person wrote it."""
    if line < 0:
        return "", None
    written = program.lines[line]
    return " ".join(written.text.split()), written.source.place(written.start) if written.source is not None else None


def step_text(program: Program, step: int) -> str:
    """A step as it stands in its statement; the statement, or the gate, where a transform wrote it."""
    s = program.steps[step]
    if not s.args:
        return s.text
    line = program.lines[s.line] if s.line >= 0 else None
    if line is not None and line.source is not None and s.end > s.start and not sensitivity.is_fork(program, step):
        text = line.source.text[s.start : s.end]
        if text in line.text:
            return " ".join(text.split())
    return " ".join(line.text.split()) if line is not None and s.name else expression_text(program, step)


def expression_text(program: Program, step: int, least: int = 0, known: dict[tuple[int, int], str] | None = None) -> str:
    """A step that a transform wrote, with the names of its operands; in parentheses where it binds less strongly than `least`. An operand of more than MOST_TEXT characters is `...`; `known` are texts that were made."""
    known = {} if known is None else known
    if (step, least) not in known:
        known[step, least] = _expression_text(program, step, least, known)
    return known[step, least]


def _expression_text(program: Program, step: int, least: int, known: dict[tuple[int, int], str]) -> str:
    def operand(a: int, binds: int) -> str:
        text = expression_text(program, a, binds, known)
        return text if len(text) <= MOST_TEXT else "..."

    s = program.steps[step]
    if least and (s.name or s.text):
        return s.name or s.text
    if s.gate == "copy":
        return expression_text(program, s.args[0], least or 1, known)
    if not is_operator(s.gate):
        return applied(s.gate, [operand(a, 1) for a in s.args])
    gate = GATES[s.gate]
    text = applied(s.gate, [operand(a, _least(gate, k)) for k, a in enumerate(s.args)])
    return f"({text})" if gate.binds < least else text


def _least(gate: Gate, position: int) -> int:
    """How strongly an operand of an operator must bind at least to stand without parentheses."""
    is_next_to_its_like = not gate.boolean and len(gate.parameters) == 2 and (position == 1) == (gate.name == "pow")  # (a - b) - c, a**(b**c)
    return gate.binds if is_next_to_its_like else gate.binds + 1


def _own(planned: LedgerPlan, ledger: Ledger, members: Sequence[int]) -> Ball | None:
    """The rounding of a statement's value: its float minus its exact value on float operands, in ulps of that value; None for a decision."""
    run = ledger.run
    values: dict[int, Ball] = {}
    for i in members:
        step, function = run.program.steps[i], planned.functions[i]
        if function is None:
            values[i] = run.real[i]
        else:
            values[i] = function(*[values[a] if a in values else run.computed[a] if isinstance(run.computed[a], bool) else arb(run.computed[a]) for a in step.args])
    exact, computed = values[members[-1]], run.computed[members[-1]]
    if isinstance(computed, bool) or exact is None or isinstance(exact, bool) or not exact.is_finite():
        return None
    error: Ball = arb(computed) - exact
    return error / rounding.ulp(run.format, exact)[1]


# ---------------------------------------------------------------- figures


def worst_entry(entries: Sequence[Entry]) -> Entry:
    """The entry with the largest effect."""
    return max(entries, key=lambda e: _size(e.effect))


def worst(rows: Sequence[Item]) -> Item | None:
    """The statement with the largest effect."""
    return max((r for r in rows if r.entries), key=lambda r: _size(r.effect), default=None)


def _size(ball: Ball) -> Ball:
    return abs(ball).upper()


def cancellation_words(found: Cancellation, program: Program) -> str:
    """What cancels where, and how much that magnifies."""
    amount = "nothing is left" if not found.condition.is_finite() else f"condition {rounding.significant(found.condition, 4)}"
    if found.fork:
        statement = " ".join(program.lines[program.steps[found.step].line].text.split())
        return f"{COUNTS.get(found.terms, str(found.terms))} contributions cancel at the fork `{statement}`: {amount}"
    return f"the terms of `{step_text(program, found.step)}` cancel: {amount}"


# ---------------------------------------------------------------- two implementations


@dataclass(frozen=True)
class SharedRow:
    """One row of two ledgers side by side, effects in ulps of the exact gradient; None where a ledger has no such statement."""

    statement: str
    first: Ball | None
    second: Ball | None

    @property
    def difference(self) -> Ball:
        """first − second."""
        return (balls.ZERO if self.first is None else self.first) - (balls.ZERO if self.second is None else self.second)


def side_by_side(first: Sequence[Item], second: Sequence[Item]) -> list[SharedRow]:
    """Two ledgers of one gradient: statements that both have in one row, in the order of the first. The differences add up to first − second."""
    left: dict[str, Ball] = {}
    right: dict[str, Ball] = {}
    for rows, into in ((first, left), (second, right)):
        for r in rows:
            into[r.statement] = into[r.statement] + r.ulps if r.statement in into else r.ulps
    return [SharedRow(s, left.get(s), right.get(s)) for s in dict.fromkeys([*left, *right])]
