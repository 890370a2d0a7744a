"""The statements that lose a gradient's digits: found by the ledger of roundings at the worst points, and written as terms."""

from __future__ import annotations

import ast
import bisect
import heapq
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flint import arb

from verifier.arithmetic import balls, floats, reals, rounding
from verifier.arithmetic.types import Ball
from verifier.blame.rounding.ledger import Ledger, LedgerPlan, ledgers, native, real_run
from verifier.case.points import FloatPoint
from verifier.circuit.program import Program, ancestors, ancestors_among
from verifier.circuit.targets import targets_of
from verifier.compare.check import Check
from verifier.language.grammar import block
from verifier.language.source import Source
from verifier.language.trees import parse_program, span
from verifier.search.improve.terms import Pool, Term

LOST_ULPS = 16.0  # an error above it is a loss
BLAMED_ULPS = 4.0  # of the gradient: the effect of a rounding that is blamed
BITS = 1024  # at which steps are run over the reals where there is no ledger
MOST_EXPANDED = 60  # gates to which a statement's names are expanded


@dataclass(frozen=True)
class Replaceable:
    """A statement of a backward pass that sets one name, once."""

    name: str
    step: int  # its value
    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The statement."""
        return self.source.text[self.start : self.end]


def replaceable(program: Program, source: Source | None) -> list[Replaceable]:
    """The statements of a backward pass for which others may stand: those that set one name and run once."""
    if source is None:
        return []
    spans = [span(t) for t in block(source.text)[0] if isinstance(t, ast.Assign | ast.AugAssign)]
    starts = [start for start, _ in spans]
    within: dict[tuple[tuple[int, int], str], list[int]] = {}
    for i, s in enumerate(program.steps):
        if not s.name or s.line < 0 or program.lines[s.line].source is not source:
            continue
        line = program.lines[s.line]  # a statement, or a part of one where a `diff` was written out
        k = bisect.bisect(starts, line.start) - 1
        if k >= 0 and line.end <= spans[k][1]:
            within.setdefault((spans[k], s.name), []).append(i)
    found = []
    for ((start, end), name), steps in within.items():
        statements, errors = parse_program(source.text[start:end])
        if len(steps) == 1 and not errors and len(statements) == 1 and statements[0].target == name:
            found.append(Replaceable(name, steps[0], source, start, end))
    return found


def guilty(check: Check, gradient: str, statements: Sequence[Replaceable], points: Sequence[FloatPoint]) -> list[Replaceable]:
    """The statements at which the digits are lost at some points, the most frequent first."""
    program = check.subject.program
    output = program.names[gradient]
    needed = ancestors(program, output)
    own = [s for s in statements if s.step in needed]
    plan = LedgerPlan(program, [(gradient, output)])
    votes: Counter[int] = Counter()
    for point, (found,) in zip(points, ledgers(plan, points, fmt=check.format, upstream=check.upstream), strict=True):
        if isinstance(found, Ledger):
            unit, _ = rounding.ulp(check.format, arb(found.computed))
            blamed = {e.step for e in found.entries if abs(e.effect) > BLAMED_ULPS * unit}
            real, computed = found.run.real, found.run.computed
        else:
            computed = native(program, floats.at(program, point, fmt=check.format, upstream=check.upstream))
            with balls.precision(BITS):
                real = real_run(plan, computed, check.upstream)
            blamed = set()
        for k, s in enumerate(own):
            if (not blamed or blamed & ancestors(program, s.step)) and is_lost(check, computed[s.step], real[s.step]):
                votes[k] += 1
                break
    return [own[k] for k, _ in votes.most_common()]


def is_lost(check: Check, computed: float, real: Ball) -> bool:
    """Whether a float has lost its exact value: it is not finite or further off than LOST_ULPS, and the format could hold it."""
    if not reals.is_known(real) or isinstance(real, bool):
        return False
    fmt = check.format
    if bool(abs(real) > fmt.largest):
        return False
    if computed - computed != 0:
        return True
    unit, _ = rounding.ulp(fmt, real if not real.contains(0) else arb(computed))
    return bool(abs(arb(computed) - real) > LOST_ULPS * unit)


# ---------------------------------------------------------------- terms


@dataclass(frozen=True)
class StatementTerm:
    """A statement as a term over the names that it may read: the step of each of these, and the texts of parts that have a name already."""

    term: Term
    leaves: Mapping[Term, int]
    names: Mapping[Term, str]


def written(program: Program, statement: Replaceable, pool: Pool, *, most: int = MOST_EXPANDED) -> StatementTerm | None:
    """The term of a statement, its names expanded until it has so many gates; None where a part of it has no text."""
    visible = _visible(program, statement)
    expanded = _expanded(program, statement.step, visible, most)
    terms: dict[int, Term] = {}
    leaves: dict[Term, int] = {}
    names: dict[Term, str] = {}
    for i in sorted(expanded):
        step = program.steps[i]
        if expanded[i]:
            if step.gate in ("number", "constant"):
                terms[i] = pool.leaf(step.gate, step.text)
            elif step.text:
                return None
            else:
                terms[i] = pool.make(step.gate, *(terms[a] for a in step.args))
            if i in visible and i != statement.step:
                names.setdefault(terms[i], visible[i])
        elif i in visible:
            terms[i] = pool.leaf("name", visible[i])
            leaves[terms[i]] = i
        else:
            return None
    return StatementTerm(terms[statement.step], leaves, names)


def _visible(program: Program, statement: Replaceable) -> dict[int, str]:
    """The steps that have a name at a statement, with that name."""
    latest: dict[str, int] = {name: i for i, name in enumerate(program.inputs)}
    first = min(ancestors_of_statement(program, statement))
    for name, i in program.names.items():
        if program.steps[i].gate in ("upstream", "input"):
            latest.setdefault(name, i)
    written_names = _names_in_texts(program)
    for i in range(first):
        if {program.steps[i].name, program.steps[i].name.partition("[")[0]} & written_names:
            latest[program.steps[i].name] = i
    found: dict[int, str] = {}
    for name, i in latest.items():
        if i not in found or (len(name), name) < (len(found[i]), found[i]):
            found[i] = name
    return found


def ancestors_of_statement(program: Program, statement: Replaceable) -> Collection[int]:
    """The steps that a statement itself makes."""
    own = program.steps[statement.step].line
    lines = {k for k, line in enumerate(program.lines) if line.source is statement.source and statement.start <= line.start and line.end <= statement.end} | {own}
    return [i for i in ancestors_among(program.steps, statement.step) if program.steps[i].line in lines] or [statement.step]


def _names_in_texts(program: Program) -> set[str]:
    """The names that statements set; what a `diff` was written out to has names that no text has."""
    sources = {id(line.source): line.source for line in program.lines if line.source is not None}
    return {name for source in sources.values() for tree in _statements_of(source) for name in targets_of(tree)}


def _statements_of(source: Source) -> list[ast.stmt]:
    """The statements of a text; of a file of Python code those of its functions."""
    if not source.file.endswith(".py"):
        return block(source.text)[0]
    return [s for s in ast.walk(ast.parse(source.text)) if isinstance(s, ast.Assign | ast.AugAssign)]


def _expanded(program: Program, step: int, visible: Mapping[int, str], most: int) -> dict[int, bool]:
    """The steps of which a term is made, and whether each is written out: the nearest ones first."""
    found: dict[int, bool] = {}
    pending = [-step]
    gates = 0
    while pending:
        i = -heapq.heappop(pending)
        if i in found:
            continue
        s = program.steps[i]
        leaf = s.gate in ("input", "upstream") or (i != step and i in visible and (gates >= most or (bool(s.text) and bool(s.args))))
        found[i] = not leaf
        if not leaf:
            gates += 1
            for a in s.args:
                heapq.heappush(pending, -a)
    return found


__all__ = ["Replaceable", "StatementTerm", "guilty", "is_lost", "replaceable", "written"]
