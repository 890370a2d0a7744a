"""Finds the single edit that repairs a wrong statement, by trying edits over the reals at every test point, and puts it in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.values import Ball
from verifier.blame.formula import repairs
from verifier.blame.formula.adjoint_values import agrees
from verifier.blame.formula.locate import IsolatedRun, Mistake
from verifier.blame.formula.statement import MAX_CONE, RepairTarget, forward_text
from verifier.blame.formula.temporaries import solve, widen
from verifier.circuit.program import Program, significant_digits
from verifier.exact.constants import identify, is_decimal
from verifier.language.formats import Format
from verifier.language.numeral import exact

NEAR_RELATIVE = 0.05  # a literal that is off by less than 5 % is taken for a misprint
MAX_SHORT_DIGITS = 8  # a misprinted literal is tried with up to so many digits


@dataclass(frozen=True)
class Diagnosis:
    """The edit that would repair a wrong statement, in words, and the span of the line's text that it changes."""

    words: str
    line: int
    start: int
    end: int


def diagnose(program: Program, isolated: IsolatedRun, mistake: Mistake, *, fmt: Format) -> Diagnosis | None:
    """The simplest single edit that repairs the statement at every test point; None where there is none."""
    with balls.precision(isolated.reference.bits):
        structural = _structural(program, mistake)
        if structural is not None:
            return structural
        statement = RepairTarget(program, isolated, mistake, fmt)
        return _first_repair(statement) if len(statement.cone) <= MAX_CONE else None


def _structural(program: Program, mistake: Mistake) -> Diagnosis | None:
    line = program.lines[mistake.line]
    through = " and ".join(f"`{forward_text(program, e)}`" for e in mistake.edges)
    words = {
        "missing": f"the contribution through {through} is missing",
        "overwritten": f"`=` overwrites an earlier contribution where `+=` is meant: the contribution through {through} is lost",
        "doubled": "this contribution is already added by another line",
        "premature": f"`{program.steps[mistake.other].name}` is read here before `{_line_text(program, mistake.other)}` is added to it" if mistake.other >= 0 else "",
    }.get(mistake.kind)
    return None if words is None else Diagnosis(words, mistake.line, line.start, line.end)


def _line_text(program: Program, step: int) -> str:
    line = program.steps[step].line
    return program.lines[line].text.strip() if line >= 0 else program.steps[step].name


def _first_repair(s: RepairTarget) -> Diagnosis | None:
    """The first edit that repairs the statement. The likelier kinds are tried first, and within a kind the whole statement before its parts."""
    order = sorted(s.cone, key=lambda i: (i != s.root, not s.steps[i].name, s.steps[i].line != s.mistake.line, i))
    gates = [i for i in order if s.steps[i].args and i not in s.conditions]
    choices = [i for i in order if s.steps[i].args and i in s.conditions]  # what only chooses a branch comes last
    copied = s.bare or s.steps[s.root].gate == "copy"
    kinds: list[Callable[[], Diagnosis | None]] = [
        lambda: _try_edits(s, [s.root], (repairs.signs,)),
        lambda: _try_edits(s, gates, (repairs.gates, repairs.signs)),
        lambda: _literal_edit(s, near=True),
        lambda: _try_edits(s, gates, (repairs.exponents,)),
        lambda: _try_edits(s, [s.root] if s.bare else [], (repairs.leaves,)),
        lambda: _try_edits(s, [s.root] if copied else [], (repairs.factors, repairs.chain_factors)),
        lambda: _try_edits(s, gates, (repairs.drops, repairs.powers, repairs.operands, repairs.factors, repairs.chain_factors)),
        lambda: _renamed_everywhere(s),
        lambda: _try_edits(s, gates, (repairs.other_branch,)),
        lambda: _try_edits(s, choices, (repairs.gates, repairs.drops, repairs.operands)),
        lambda: _literal_edit(s, near=False),
        lambda: _try_edits(s, gates, (repairs.operand_shapes, repairs.composite_factors, repairs.shapes)),
        lambda: _try_edits(s, order, (repairs.signs, repairs.leaves, repairs.masks)),
        lambda: _constant_factor(s),
        lambda: _literal_edit(s, near=False, unnamed=True),
    ]
    return next((found for kind in kinds if (found := kind()) is not None), None) or _superfluous(s)


def _try_edits(s: RepairTarget, order: Sequence[int], kinds: Sequence[Callable[[RepairTarget, int], Iterator[repairs.Repair]]]) -> Diagnosis | None:
    for kind in kinds:
        for k in order:
            for column, words in kind(s, k):
                if s.is_repaired_by(k, column):
                    return _diagnosis_at(s, k, words)
    return None


def _renamed_everywhere(s: RepairTarget) -> Diagnosis | None:
    """A name that the statement reads several times, replaced everywhere by another."""
    read = [a for i in s.cone for a in s.args(i) if a not in s.values]
    for a in dict.fromkeys(a for a in read if read.count(a) > 1):
        for name, column in s.atoms:
            if not s.is_upstream(name) and s.is_repaired_by(a, column):
                return _diagnosis_at(s, s.root, f"`{s.text(a)}` where `{name}` is meant, {read.count(a)} times")
    return None


def _diagnosis_at(s: RepairTarget, k: int, words: str) -> Diagnosis:
    step = s.steps[k]
    line = s.mistake.line if k == s.root or step.line < 0 else step.line
    here = s.program.lines[line]
    inside = step.line == line and step.end > step.start
    return Diagnosis(words, line, step.start if inside else here.start, step.end if inside else here.end)


def _literal_edit(s: RepairTarget, *, near: bool, unnamed: bool = False) -> Diagnosis | None:
    """A literal replaced by another one, the same at every test point; where one change is not enough, all equal literals change together."""
    numbers = [k for k in s.cone if s.steps[k].gate == "number"]
    if s.isolated.reference.count < 2 or s.bare:
        return None
    groups = [[k] for k in numbers]
    for text in dict.fromkeys(s.steps[k].text for k in numbers):
        alike = [k for k in numbers if s.steps[k].text == text]
        if len(alike) > 1:
            groups.append(alike)
    for group in groups if near else ():
        text = s.steps[group[0]].text
        for shorter in _shorter(text):
            value = exact(shorter)
            if agrees(s.with_changed(dict.fromkeys(group, [arb(fmpq(value.numerator, value.denominator))] * s.isolated.reference.count)), s.mistake.needed, s.fmt):
                relative = abs(float(exact(text) / value) - 1)
                return _diagnosis_at(s, group[0], f"`{text}` has a relative error of {relative:.2g}: it should be {shorter}")
    found = [(group[0], words) for group in groups if (words := _literal_words(s, group, near=near, unnamed=unnamed)) is not None]
    found.sort(key=lambda pair: not pair[1].rpartition(" ")[2].isdigit())  # a whole number is the likeliest
    return _diagnosis_at(s, *found[0]) if found else None


def _literal_words(s: RepairTarget, group: list[int], *, near: bool, unnamed: bool) -> str | None:
    text = s.steps[group[0]].text
    needed = _solve_literal(s, group)
    if needed is None:
        return None
    written = exact(text)
    relative = float(abs(needed / arb(fmpq(written.numerator, written.denominator)) - 1).mid()) if written else math.inf
    name = "0" if needed.is_zero() else identify(needed)
    if name is None and not unnamed:
        return None
    if not 0 < relative < NEAR_RELATIVE:
        return f"the constant `{text}` should be {name or needed.str(17, radius=False)}" if not near else None
    if name is None:
        return f"`{text}` has a relative error of {relative:.2g}: {needed.str(17, radius=False)} is needed, which is no constant that is known here"
    agreeing = max(1, round(-math.log10(relative)))
    likeness = f"it should be {name}" if is_decimal(name) else f"the constant looks like {name} to {agreeing} digits"
    return f"`{text}` has a relative error of {relative:.2g}: {likeness}"


def _solve_literal(s: RepairTarget, group: list[int]) -> Ball:
    """The value of a literal that repairs the statement, the same at all test points; None where there is none."""
    start = s.value(group[0])
    found = solve(lambda x: s.with_changed(dict.fromkeys(group, x)), start, s.mistake.needed, first=s.isolated.reference.first)
    if found is None:
        return None
    moved = s.with_changed({k: [x * (1 + arb(2) ** -20) for x in start] for k in group})
    before = s.value(s.root)
    telling = [x for x, m, b in list(zip(widen(found), moved, before, strict=True))[: s.isolated.reference.first] if not m.overlaps(b)]  # 1**n says nothing about n
    if len(telling) < 2:
        return None
    ball = telling[0]
    for other in telling[1:]:
        if not other.overlaps(ball):  # an approximate formula: within an ulp of the format
            ball = ball.union(other)
    slack = arb(2) ** (3 - s.fmt.precision)
    holds = ball.rad() <= abs(ball) * slack and agrees(s.with_changed(dict.fromkeys(group, [ball] * len(found))), s.mistake.needed, s.fmt)
    return ball if holds else None


def _constant_factor(s: RepairTarget) -> Diagnosis | None:
    ratios = []
    for n, c in zip(s.mistake.needed, s.mistake.computed, strict=True):
        if not isinstance(c, arb) or not c.is_finite() or c.contains(0) or n.contains(0):
            return None
        ratios.append(n / c)
    if len(ratios) < 2 or not all(ratios[0].overlaps(r) for r in ratios):
        return None
    return _diagnosis_at(s, s.root, f"the factor {identify(ratios[0]) or ratios[0].str(10, radius=False)} is missing")


def _superfluous(s: RepairTarget) -> Diagnosis | None:
    return _diagnosis_at(s, s.root, "this contribution is superfluous: the others add up to the whole gradient") if s.mistake.kind == "extra" else None


def _shorter(text: str) -> list[str]:
    """A literal rounded to fewer digits as long as it stays near: 3 may have been meant by 3.0000003."""
    written = exact(text)
    found = [f"{float(written):.{digits}g}" for digits in range(1, min(MAX_SHORT_DIGITS, significant_digits(text) - 1) + 1)]
    return [t for t in dict.fromkeys(found) if written and 0 < abs(exact(t) / written - 1) < NEAR_RELATIVE]
