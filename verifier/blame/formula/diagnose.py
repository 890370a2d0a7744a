"""Finds the single edit that repairs a wrong statement, by trying edits over the reals at every test point, and puts it in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations

from flint import arb, fmpq

from verifier.arithmetic import balls
from verifier.arithmetic.types import Ball, Balls
from verifier.blame.formula import repairs
from verifier.blame.formula.adjoint_values import agrees, key_of
from verifier.blame.formula.candidates import Expressions, repairs_by_expressions
from verifier.blame.formula.locate import IsolatedRun, Mistake
from verifier.blame.formula.statement import MAX_CONE, RepairTarget, forward_text, parameter_name
from verifier.blame.formula.temporaries import solve, widen
from verifier.circuit.program import Program, significant_digits
from verifier.exact.constants import identify, is_decimal
from verifier.language.formats import Format
from verifier.language.numeral import exact

NEAR_RELATIVE = 0.05  # a literal that is off by less than 5 % is taken for a misprint
MAX_NAMES = 8  # of a statement, of which two may be exchanged
MAX_EDITS = 1500  # single edits of which two are combined
LIKE_RELATIVE = 0.2  # an approximation is off by less
FAR_RELATIVE = 0.5  # a line whose sign is wrong is off by more
MAX_SHORT_DIGITS = 8  # a misprinted literal is tried with up to so many digits


OF_VALUES = (repairs.signs, repairs.constant_factors, repairs.factors, repairs.squares, repairs.reciprocals, repairs.composite_factors, repairs.shapes, repairs.number_terms)  # they change a value as a whole


@dataclass(frozen=True)
class Diagnosis:
    """The edit that would repair a wrong statement, in words, and the span of the line's text that it changes."""

    words: str
    line: int
    start: int
    end: int
    step: int = -1  # the step that has another value after the edit,
    column: Balls = ()  # and that value


def diagnose(program: Program, isolated: IsolatedRun, mistake: Mistake, *, fmt: Format) -> Diagnosis | None:
    """The simplest single edit that repairs the statement at every test point; None where there is none."""
    with balls.precision(isolated.reference.bits):
        structural = _structural(program, isolated, mistake, fmt)
        if structural is not None:
            return structural
        statement = RepairTarget(program, isolated, mistake, fmt)
        return _first_repair(statement) if len(statement.cone) <= MAX_CONE else None


def _structural(program: Program, isolated: IsolatedRun, mistake: Mistake, fmt: Format) -> Diagnosis | None:
    line = program.lines[mistake.line]
    through = " and ".join(dict.fromkeys(f"`{forward_text(program, e)}`" for e in mistake.edges))  # several edges of an array are one line
    words = {
        "overwritten": f"`=` overwrites an earlier contribution where `+=` is meant: the contribution through {through} is lost",
        "doubled": "this contribution is already added by another line",
        "exchanged": f"`{program.steps[mistake.definition].name}` and `{program.steps[mistake.other].name}` are exchanged: each holds the gradient of the other" if mistake.other >= 0 else "",
        "premature": f"`{program.steps[mistake.other].name}` is read here before `{_line_text(program, mistake.other)}` is added to it" if mistake.other >= 0 else "",
    }.get(mistake.kind)
    if mistake.kind == "missing":
        whole = _as_one_statement(program, isolated, mistake, fmt)
        if whole is not None and (found := _simple_edit(whole)) is not None:
            return found
        words = f"{_missing_term(whole) if whole is not None else ''}the contribution through {through} is missing"
    return None if words is None else Diagnosis(words, mistake.line, line.start, line.end)


def _as_one_statement(program: Program, isolated: IsolatedRun, mistake: Mistake, fmt: Format) -> RepairTarget | None:
    """The only statement of an adjoint in which a contribution is missing, as one that is wrong; None where there are several."""
    step = program.steps[mistake.definition]
    if step.line != mistake.line or mistake.contribution != mistake.definition or mistake.forward < 0 or sum(s.name == step.name for s in program.steps[program.backward_start :]) != 1:
        return None
    whole = replace(mistake, kind="wrong", needed=isolated.reference.adjoints[mistake.forward], computed=isolated.own.get(mistake.definition, mistake.computed))
    telling = RepairTarget(program, isolated, whole, fmt).where_it_tells()
    return telling if telling is not None and len(telling.cone) <= MAX_CONE else None


def _simple_edit(s: RepairTarget) -> Diagnosis | None:
    """An edit that changes a sign, an operator, a number or an exponent, so that nothing is missing after all."""
    gates = [k for k in reversed(s.cone) if s.steps[k].args and k not in s.conditions and s.steps[k].line == s.mistake.line]
    numbers = [k for k in s.cone if s.steps[k].line == s.mistake.line]
    literal = (found for near in (True, False) if (found := _literal_edit(s, numbers, near=near)) is not None)
    return _try_edits(s, gates, (repairs.gates, repairs.signs)) or next(literal, None) or _try_edits(s, gates, (repairs.exponents, repairs.constant_factors, repairs.factors_of_names, repairs.number_terms))


def _missing_term(s: RepairTarget) -> str:
    """The term that is missing in a statement, in front of the edge that it belongs to."""
    rows = ((column, words, k) for k, column, words in repairs_by_expressions(s) if words.startswith("the term") or " where " in words)
    shaped = ((column, words, k) for k in reversed(s.cone) if s.steps[k].args for column, words in repairs.shapes(s, k) if "missing" in words)
    return next((f"{words}: " for column, words, k in chain(shaped, rows) if s.is_repaired_by(k, column)), "")


def _line_text(program: Program, step: int) -> str:
    """The statement that a step of the backward pass stands in."""
    return program.lines[program.steps[step].line].text.strip()


def _first_repair(s: RepairTarget) -> Diagnosis | None:
    """The first edit that repairs the statement: one of its own line, else one of its helper lines, too. The likelier kinds are tried first, and within a kind the whole statement before its parts."""
    if s.mistake.kind == "extra":
        return _diagnosis_at(s, s.root, "this contribution is superfluous: the others add up to the whole gradient")
    order = sorted(s.cone, key=lambda i: (i != s.root, s.steps[i].line != s.mistake.line, not s.steps[i].name, i))
    own = [i for i in order if s.steps[i].line == s.mistake.line]
    kinds = [*(_plain_kinds(s, own) if len(own) < len(order) else []), *_plain_kinds(s, order)]
    if _has_no_value_only(s):
        return next((found for kind in kinds if (found := kind()) is not None), None)
    return next((found for kind in (*kinds, *_other_kinds(s, order)) if (found := kind()) is not None), None) or _nearly(s)


def _has_no_value_only(s: RepairTarget) -> bool:
    """Whether a statement is right wherever it has a value: what is told from these points alone is no repair of it."""
    if all(isinstance(v, arb) and v.is_finite() for v in s.value(s.root)):
        return False
    telling = s.where_it_tells()
    return telling is not None and agrees(telling.value(telling.root), telling.mistake.needed, s.fmt)


def _plain_kinds(s: RepairTarget, order: Sequence[int]) -> list[Callable[[], Diagnosis | None]]:
    """The likely mistakes in some steps: a sign, an operator, a number, an exponent, a name, a factor."""
    gates = [i for i in order if s.steps[i].args and i not in s.conditions]
    outer = sorted(gates, key=lambda i: (i != s.root, s.steps[i].line != s.mistake.line, not s.steps[i].name, -i))  # the whole before its parts
    copied = s.bare or s.steps[s.root].gate == "copy"
    return [
        lambda: _try_edits(s, [s.root], (repairs.signs,)),
        lambda: _try_edits(s, gates, (repairs.literal_terms,)),
        lambda: _try_edits(s, gates, (repairs.gates,)),
        lambda: _try_edits(s, outer, (repairs.signs, repairs.swaps)),
        lambda: _literal_edit(s, order, near=True),
        lambda: _try_edits(s, gates, (repairs.exponents,)),
        lambda: _try_edits(s, [s.root] if s.bare else [], (repairs.leaves,)),
        lambda: _try_edits(s, [s.root] if copied else [], (repairs.constant_factors, repairs.factors)),
        lambda: _chain_factor(s) if copied else None,
        lambda: _try_edits(s, gates, (repairs.drops, repairs.squares, repairs.operands)),
        lambda: _try_edits(s, outer, (repairs.constant_factors,)),
        lambda: _try_edits(s, gates, (repairs.factors_of_names,)),
        lambda: _try_edits(s, outer, (repairs.factors,)),
        lambda: _try_edits(s, gates, (repairs.names_of_names, repairs.operands_by_output)),
    ]


def _other_kinds(s: RepairTarget, order: Sequence[int]) -> list[Callable[[], Diagnosis | None]]:
    """The mistakes that are less likely."""
    gates = [i for i in order if s.steps[i].args and i not in s.conditions]
    choices = [i for i in order if s.steps[i].args and i in s.conditions]  # what only chooses a branch comes last
    return [
        lambda: _chain_factor(s),
        lambda: _try_edits(s, gates, (repairs.reciprocals,)),
        lambda: _renamed_everywhere(s),
        lambda: _try_edits(s, gates, (repairs.other_branch,)),
        lambda: _try_edits(s, choices, (repairs.gates, repairs.swaps, repairs.drops, repairs.operands, repairs.operands_by_output)),
        lambda: _literal_edit(s, order, near=False),
        lambda: _try_edits(s, gates, (repairs.operand_shapes, repairs.composite_factors, repairs.shapes)),
        lambda: _by_expression(s),
        lambda: _names_exchanged(s),
        lambda: _try_edits(s, order, (repairs.signs, repairs.leaves, repairs.masks)),
        lambda: _literal_edit(s, order, near=True, unnamed=True),
        lambda: _constant_factor(s),
        lambda: _two_mistakes(s, gates),
        lambda: _literal_edit(s, order, near=False, unnamed=True),
    ]


def _try_edits(s: RepairTarget, order: Sequence[int], kinds: Sequence[Callable[[RepairTarget, int], Iterator[repairs.Repaired]]]) -> Diagnosis | None:
    for kind in kinds:
        for k in order:
            for column, words in kind(s, k):
                if s.is_repaired_by(k, column):
                    return replace(_diagnosis_at(s, s.root if kind in OF_VALUES and s.is_read_here(k) else k, words), step=k, column=column)
    return None


def _chain_factor(s: RepairTarget) -> Diagnosis | None:
    """The factor that the chain rule asks for, as an expression where there is one."""
    found = next((words for column, words in repairs.chain_factors(s, s.root) if s.is_repaired_by(s.root, column)), None)
    if found is None:
        return None
    telling = s.where_it_tells()
    factor = Expressions(telling).product(_ratio(telling.mistake.needed, telling.value(telling.root))) if telling is not None else None
    return _diagnosis_at(s, s.root, found if factor is None else f"the factor `{factor.text}` is missing: {found}")


def _renamed_everywhere(s: RepairTarget) -> Diagnosis | None:
    """A name that the statement reads several times, replaced everywhere by another."""
    read = [a for i in s.cone for a in s.args(i) if a not in s.values]
    for a in dict.fromkeys(a for a in read if read.count(a) > 1):
        for name, column in s.atoms:
            if not s.is_upstream(name) and s.is_repaired_by(a, column):
                return _diagnosis_at(s, s.root, f"`{s.text(a)}` where `{name}` is meant, {read.count(a)} times")
    return None


def _by_expression(s: RepairTarget) -> Diagnosis | None:
    """A factor, a term or another operand that stands somewhere in the program."""
    telling = s.where_it_tells() if not s.bare else None
    if telling is None:
        return None
    return next((_diagnosis_at(s, k, words) for k, column, words in repairs_by_expressions(telling) if telling.is_repaired_by(k, column)), None)


def _names_exchanged(s: RepairTarget) -> Diagnosis | None:
    """Two names that the statement reads, each in the place of the other."""
    read = sorted({a for i in s.cone for a in s.args(i) if a not in s.values and all(isinstance(v, arb) for v in s.value(a))})
    for a, b in combinations(read[:MAX_NAMES], 2):
        if agrees(s.with_changed({a: s.value(b), b: s.value(a)}), s.mistake.needed, s.fmt):
            return _diagnosis_at(s, s.root, f"`{s.text(a)}` and `{s.text(b)}` are exchanged")
    return None


def _two_mistakes(s: RepairTarget, gates: Sequence[int]) -> Diagnosis | None:
    """Two edits of the statement's own line that repair it together: in two factors, or in two terms."""
    s = s.where_it_tells() or s
    own = [k for k in gates if s.steps[k].line == s.mistake.line]
    computed, needed = s.value(s.root), s.mistake.needed
    if not own or not all(isinstance(v, arb) and v.is_finite() for v in (*computed, *needed)) or any(v.contains(0) for v in (*computed, *needed)):
        return None
    edits: list[tuple[int, Balls, str, Balls]] = []
    for kind in (repairs.signs, repairs.gates, repairs.swaps, repairs.exponents, repairs.drops, repairs.squares, repairs.reciprocals, repairs.operands, repairs.operands_by_output, repairs.operand_shapes, repairs.constant_factors, repairs.factors):
        for k in own:
            for column, words in kind(s, k):
                if len(edits) >= MAX_EDITS:
                    break
                root = s.with_changed({k: column})
                if all(isinstance(v, arb) and v.is_finite() and not v.contains(0) for v in root):
                    edits.append((k, column, words, root))
    for combine, left in ((_ratio, _ratio(needed, computed)), (_difference, _difference(needed, computed))):
        by_effect = {key_of(combine(root, computed)): (k, column, words) for k, column, words, root in reversed(edits)}
        for k, column, words, root in edits:
            other = by_effect.get(key_of(combine(left, combine(root, computed))))
            if other is None or other[0] == k:
                continue
            if any(agrees(_both(s, *pair), needed, s.fmt) for pair in (((k, column), other[:2]), (other[:2], (k, column)))):
                return _diagnosis_at(s, s.root, f"two mistakes: {words}; {other[2]}")
    return None


def _both(s: RepairTarget, inner: tuple[int, Balls], outer: tuple[int, Balls]) -> Balls:
    """The statement after two edits; the second, where it is around the first, as the factor that it is."""
    k, column = inner
    at, changed = outer
    if k not in s.inside(at):
        return s.with_changed({k: column, at: changed}) if at not in s.inside(k) else s.mistake.computed
    return s.with_changed({k: column}, scaled={at: _ratio(changed, s.value(at))}) if not any(v.contains(0) for v in s.value(at)) else s.mistake.computed


def _ratio(a: Balls, b: Balls) -> Balls:
    return [x / y for x, y in zip(a, b, strict=True)]


def _difference(a: Balls, b: Balls) -> Balls:
    return [x - y for x, y in zip(a, b, strict=True)]


def _diagnosis_at(s: RepairTarget, k: int, words: str) -> Diagnosis:
    step = s.steps[k]
    line = s.mistake.line if k == s.root or step.line < 0 else step.line
    here = s.program.lines[line]
    inside = step.line == line and step.end > step.start
    return Diagnosis(words, line, step.start if inside else here.start, step.end if inside else here.end)


def _literal_edit(s: RepairTarget, among: Sequence[int], *, near: bool, unnamed: bool = False) -> Diagnosis | None:
    """A literal, one of some steps, replaced by another one, the same at every test point; where one change is not enough, all equal literals change together."""
    numbers = [k for k in s.cone if k in among and s.steps[k].gate == "number" and not parameter_name(s.program, k)]
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
                return _diagnosis_at(s, group[0], f"`{text}` has a relative error of {relative:.2g}: it should be {shorter}{_places(group)}")
    found = [(group[0], *meant) for group in groups if (meant := _literal_meant(s, group, near=near, unnamed=unnamed)) is not None]
    if not found:
        return None
    # a whole number is the likeliest, then the shortest one; of numbers without a name what has many digits is likelier mistyped
    k, _, words = min(found, key=lambda row: (not row[1].lstrip("-").isdigit(), -significant_digits(s.steps[row[0]].text) if unnamed else len(row[1])))
    return _diagnosis_at(s, k, words)


def _places(group: list[int]) -> str:
    """Where a literal has to be changed, of which one place is marked."""
    return "" if len(group) == 1 else f" in {'both' if len(group) == 2 else f'all {len(group)}'} places"


def _literal_meant(s: RepairTarget, group: list[int], *, near: bool, unnamed: bool) -> tuple[str, str] | None:
    """The number that is needed in the place of a literal, and that in words; None where none is, or none that has a name."""
    text = s.steps[group[0]].text
    needed = _solve_literal(s, group)
    if needed is None:
        return None
    written = exact(text)
    relative = float(abs(needed / arb(fmpq(written.numerator, written.denominator)) - 1).mid()) if written else math.inf
    name = "0" if needed.is_zero() else identify(needed)
    if name is None and not unnamed:
        return None
    number = name or needed.str(17, radius=False)
    if not 0 < relative < NEAR_RELATIVE:
        return (number, f"the constant `{text}` should be {number}{_places(group)}") if not near else None
    if name is None:
        return number, f"`{text}` has a relative error of {relative:.2g}: {number} is needed, which is no constant that is known here"
    agreeing = max(1, round(-math.log10(relative)))
    likeness = f"it should be {name}" if is_decimal(name) else f"the constant looks like {name} to {agreeing} digit{'s' if agreeing > 1 else ''}"
    return number, f"`{text}` has a relative error of {relative:.2g}: {likeness}{_places(group)}"


def _solve_literal(s: RepairTarget, group: list[int]) -> Ball | None:
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
    telling = s.where_it_tells()
    ratios = _ratio(telling.mistake.needed, telling.value(telling.root)) if telling is not None else []
    if len(ratios) < 2 or not all(ratios[0].overlaps(r) for r in ratios):
        return None
    return _diagnosis_at(s, s.root, f"the factor {identify(ratios[0]) or ratios[0].str(10, radius=False)} is missing")


def _nearly(s: RepairTarget) -> Diagnosis | None:
    """A sign with which the line, an approximation, comes as near as it is meant to."""
    telling = s.where_it_tells()
    if telling is None:
        return None
    for k in sorted(telling.cone, key=lambda i: i != telling.root):
        for column, words in repairs.signs(telling, k):
            after = telling.with_changed({k: column})
            off, before = ([abs(x / n - 1) for x, n in zip(values, telling.mistake.needed, strict=True)] if all(isinstance(x, arb) for x in values) else [] for values in (after, telling.value(telling.root)))
            if off and all(x < LIKE_RELATIVE for x in off) and all(x > FAR_RELATIVE for x in before):
                digits = min(max(1, math.floor(-math.log10(float(x.upper())))) if x > 0 else MAX_SHORT_DIGITS for x in off)
                return _diagnosis_at(s, k, f"{words}; without that the line, an approximation, would be right to {digits} digit{'s' if digits > 1 else ''}")
    return None


def _shorter(text: str) -> list[str]:
    """A literal rounded to fewer digits as long as it stays near: 3 may have been meant by 3.0000003."""
    written = exact(text)
    found = [f"{float(written):.{digits}g}" for digits in range(1, min(MAX_SHORT_DIGITS, significant_digits(text) - 1) + 1)]
    return [t for t in dict.fromkeys(found) if written and 0 < abs(exact(t) / written - 1) < NEAR_RELATIVE]
