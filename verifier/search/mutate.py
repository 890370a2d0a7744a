"""Single edits of a hand-written backward pass, and which of them a case's own points tell from the right one."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from verifier.arithmetic import balls, rounding
from verifier.arithmetic.types import Balls
from verifier.blame.formula import explain
from verifier.blame.formula.repairs import NEIGHBOURS, OTHER
from verifier.case import points
from verifier.case.case import Case, Draft
from verifier.case.components import PointText, base
from verifier.case.points import point_text
from verifier.circuit.backprop import differentiated
from verifier.circuit.program import Program
from verifier.circuit.statements import add_backward
from verifier.compare import linearity
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.meant import meant_in
from verifier.exact import one_sided
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import Format, format_named, round_exact
from verifier.language.gates import CONSTANTS, GATES, PRODUCTS, canonical
from verifier.language.grammar import block
from verifier.language.numeral import exact
from verifier.language.source import Source
from verifier.language.tokens import MODULES
from verifier.language.trees import Node, Statement, parse_program, span
from verifier.language.verdict import Verdict
from verifier.search.survivors import BITS, OTHER_UPSTREAM, real_columns, search
from verifier.trace.edit_rows import ReadableNames, axes, functions, slices, superfluous, transposes
from verifier.trace.edits import changes as array_changes

FLOWING = ("upstream", "dout")  # names of the gradient that flows in
PLANTED = (("array function", functions), ("axis", axes), ("transpose", transposes), ("slice", slices), ("term", superfluous))  # mistakes of array code, by the rows that repair them
ARRAY_SCOPE = ReadableNames(())  # the rows that plant need no names
CONSTANT_ERRORS = (2, 3, 4, 6, 8, 10, 12)  # a constant is off by 10^-k, in turn


@dataclass(frozen=True)
class Edit:
    """One edit: its kind, the index of the statement it changes, and the whole text after it."""

    kind: str
    statement: int
    text: str
    what: str


@dataclass(frozen=True)
class Mutant:
    """What became of one edit: whether the case's own points catch it, and if not, which point would (in the first of its formats)."""

    implementation: str
    edit: Edit
    line: int
    caught: bool
    line_named: bool
    diagnosed: str
    named: str = ""
    fate: str = "unknown"  # caught; survived, where `point` (with `upstream`) would tell; equivalent, by a proof; unknown, where no point was found
    point: PointText = ()
    upstream: str = ""

    @property
    def statement(self) -> str:
        """The edited line."""
        return self.edit.text.splitlines()[self.line - 1].strip()


def edits(text: str, names: Sequence[str], *, claims: Sequence[str] = (), flowing: Sequence[str] = FLOWING) -> Iterator[Edit]:
    """The single edits of a backward block. `names` are the forward names in scope, offered as wrong operands.

    `claims` are the names of the gradients, of which two may be exchanged; what is not among them and read by others is a helper.
    `flowing` are the names of the gradient that flows in, which may be forgotten.
    """
    statements, _ = parse_program(text)
    scope = list(names)
    turn = 0
    read = {text[n.start : n.end] for statement in statements for n in statement.nodes if n.op == "name"}
    yield from _exchanges(text, statements, claims)
    yield from _array_edits(text, statements)
    for number, statement in enumerate(statements):
        if statement.target in read and statement.target not in claims and not statement.augmented and not statement.target.startswith("d"):
            start, end = _value_span(text, statement)
            yield Edit("helper", number, f"{text[:start]} ({text[start:end].strip()})**2{text[end:]}", f"the helper {statement.target} squared")
        for kind, start, end, new, what in _statement_edits(text, statement):
            yield Edit(kind, number, text[:start] + new + text[end:], what)
        for node in statement.nodes:
            is_target = bool(statement.augmented) and node.start == statement.start
            if is_target or node.end > statement.end or node.end <= node.start:
                continue
            for kind, start, end, new, what in _node_edits(text, statement, node, scope, turn):
                yield Edit(kind, number, text[:start] + new + text[end:], what)
            if node.op == "name" and text[node.start : node.end] in flowing:
                yield Edit("upstream", number, f"{text[: node.start]}1{text[node.end :]}", f"{text[node.start : node.end]} forgotten")
            turn += 1
        if statement.target not in scope:
            scope.append(statement.target)


def _array_edits(text: str, statements: Sequence[Statement]) -> Iterator[Edit]:
    """Mistakes of array code: another axis, `keepdims`, a transpose, another part of an array, `=` for `+=`, a mean for a sum. Of each kind the first at every expression."""
    numbers = {s.start: k for k, s in enumerate(statements)}
    simple = [s for tree in block(text)[0] for s in ast.walk(tree) if isinstance(s, ast.Assign | ast.AugAssign)]
    for tree in simple:
        start, end = span(tree)
        if start not in numbers or not _is_of_arrays(tree):
            continue
        for kind, row in PLANTED:
            seen: set[int] = set()
            for change in array_changes(tree, ARRAY_SCOPE, (row,)):
                if id(change.wrong) not in seen and not change.after:
                    seen.add(id(change.wrong))
                    new = ast.unparse(change.statement)
                    yield Edit(kind if change.wrong is not None else "= or +=", numbers[start], text[:start] + new + text[end:], f"{text[start:end]} became {new}")


def _is_of_arrays(tree: ast.stmt) -> bool:
    """Whether a statement does what only arrays have: axes, parts, matrix products, methods."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.MatMult | ast.Slice) or (isinstance(n, ast.Attribute) and isinstance(n.value, ast.expr) and not (isinstance(n.value, ast.Name) and n.value.id in MODULES))]
    return bool(found) or any(isinstance(n, ast.Call) and n.keywords for n in ast.walk(tree))


def _exchanges(text: str, statements: Sequence[Statement], claims: Sequence[str]) -> Iterator[Edit]:
    """The values of two gradients exchanged, where each is the value of one statement."""
    single = [(k, s) for k, s in enumerate(statements) if s.target in claims and not s.augmented and sum(t.target == s.target for t in statements) == 1]
    for (first, a), (_, b) in pairwise(single):
        (start, end), (later, last) = _value_span(text, a), _value_span(text, b)
        changed = text[:start] + text[later:last] + text[end:later] + text[start:end] + text[last:]
        yield Edit("exchanged", first, changed, f"{a.target} and {b.target} exchanged")


TextChange = tuple[str, int, int, str, str]  # kind, start, end, new text, in words


def _value_span(text: str, statement: Statement) -> tuple[int, int]:
    start = text.index("=", statement.start) + 1
    return start, statement.end


def _statement_edits(text: str, statement: Statement) -> Iterator[TextChange]:
    start, end = _value_span(text, statement)
    value = text[start:end].strip()
    yield "sign", start, end, f" -({value})", "sign of the statement"
    yield "factor", start, end, f" 2*({value})", "factor 2"
    if statement.augmented:
        line = text[statement.start : statement.end]
        yield "dropped +=", statement.start, statement.end, f"{statement.target} = {statement.target}", "contribution dropped"
        yield "doubled +=", statement.start, statement.end, f"{line}; {line}", "contribution doubled"
        operator = text.rindex(line[len(statement.target) : start - statement.start].strip(), statement.start, start)
        yield "overwritten", operator, start, "=", "+= became ="


def _node_edits(text: str, statement: Statement, node: Node, scope: Sequence[str], turn: int) -> Iterator[TextChange]:
    here = text[node.start : node.end]
    if node.op == "number":
        k = CONSTANT_ERRORS[turn % len(CONSTANT_ERRORS)]
        changed = Decimal(here.replace("_", "")) * (1 + Decimal(10) ** -k) if Decimal(here.replace("_", "")) else Decimal(10) ** -k
        yield f"constant 1e-{k}", node.start, node.end, f"{changed:f}", f"{here} off by 1e-{k}"
    elif node.op == "name" and here not in CONSTANTS:
        others = [n for n in scope if n != here]
        if others:
            other = others[turn % len(others)]
            yield "operand", node.start, node.end, other, f"{here} became {other}"
    elif node.op in OTHER and len(node.args) == 2:
        yield from _operator_edits(text, statement, node)
    elif node.op == "where":
        yield from _branch_edits(text, node)
    elif canonical(node.op) is not None and here.endswith(")"):
        gate = canonical(node.op)
        neighbour = next((b if a == gate else a for a, b in NEIGHBOURS if gate in (a, b) and b in GATES and a in GATES), None)
        name = here[: here.index("(")]
        if neighbour is not None and node.op in name:
            yield "function", node.start, node.start + len(name), neighbour, f"{node.op} became {neighbour}"


def _operator_edits(text: str, statement: Statement, node: Node) -> Iterator[TextChange]:
    left, right = statement.nodes[node.args[0]], statement.nodes[node.args[1]]
    symbol = GATES[node.op].symbol
    at = text.find(symbol, left.end, max(right.start, left.end))
    if at < 0 or (symbol == "*" and text[at : at + 2] == "**"):
        return
    other = GATES[OTHER[node.op][0]].symbol
    if text[at + 1 : at + 2] == "=":
        return  # the operator of an augmented assignment
    before, after = text[node.start : at].strip(), text[at + 1 : node.end].strip()
    if node.op in PRODUCTS:
        yield "factor dropped", node.start, node.end, before, f"{symbol} {after} dropped"
        if node.op == "mul" and left.op not in PRODUCTS:
            yield "factor dropped", node.start, node.end, after, f"{before} {symbol} dropped"
    else:
        yield "sign of a term", node.start, node.end, f"-({before}) {symbol} {after}", f"sign of {before}"
    yield "operator", at, at + 1, other, f"{symbol} became {other}"


def _branch_edits(text: str, node: Node) -> Iterator[TextChange]:
    inside = text.index("(", node.start) + 1
    depth, cuts = 0, []
    for i in range(inside, node.end - 1):
        depth += (text[i] in "([") - (text[i] in ")]")
        if text[i] == "," and depth == 0:
            cuts.append(i)
    if len(cuts) == 2:
        a, b = text[cuts[0] + 1 : cuts[1]].strip(), text[cuts[1] + 1 : node.end - 1].strip()
        yield "branch", cuts[0] + 1, node.end - 1, f" {b}, {a}", "branches swapped"


def mutants(case: Case, *, most: int | None = None, survivors: bool = False) -> list[Mutant]:
    """The edits of the hand-written backward passes of a case that pass its gate, and what its own points and formats make of them.

    By default only those that some point tells from the original over the reals. With `survivors` all of them: for each that
    no point of the case tells apart one is looked for, or a proof that there is none. `most` bounds the number of edits.
    """
    found: list[Mutant] = []
    known: dict[tuple[float, ...], None] = {}
    for draft in case.programs.drafts:
        source = draft.implementation.backward
        if draft.whole is None or source is None:
            continue
        original = Subject(differentiated(draft.whole), draft.claims)
        settings = _settings(case, draft.implementation.name, original)
        if not settings or not (settings[0].smooth or (survivors and not settings[0].points)):
            continue  # wrong on purpose; or at kinks only, where another value may be as right
        names = [array_of(s.name or s.text, draft.forward) for s in draft.forward.steps if s.name or s.gate == "input"]
        for edit in edits(source.text, list(dict.fromkeys(names)), claims=[name for _, name in draft.claims], flowing=(*FLOWING, f"d{draft.whole.output_name}")):
            edited = _mutant(draft, source, edit)
            if edited is None or edited.whole is None:
                continue
            subject = Subject(differentiated(edited.whole), original.claims)
            if not survivors and not settings[0].distinguishes(subject) and not (linearity.uses_upstream(edited) and settings[0].distinguishes_elsewhere(subject)):
                continue
            mutant = _outcome(edited, edit, subject, settings)
            found.append(mutant if mutant.caught or not survivors else _survivor(case, mutant, subject, settings[0], known))
            if most is not None and len(found) >= most:
                return found
    return found


def array_of(name: str, forward: Program) -> str:
    """The array that a component belongs to, where it is one; else the name itself."""
    return base(name) if base(name) in forward.values else name


@dataclass(frozen=True)
class _Passed:
    """The original in one of the case's formats, where it passes: its points, those off kinks, and the gradients there over the reals."""

    check: Check
    points: list[tuple[float, ...]]
    smooth: list[tuple[float, ...]]
    before: Sequence[Balls]
    other: float  # another gradient that flows in

    def of(self, edited: Subject) -> Check:
        """The same question of another program."""
        return replace(self.check, subject=edited)

    def distinguishes(self, edited: Subject) -> bool:
        """Whether some point off the kinks tells another program from the original over the reals."""
        return _differs(self.before, real_columns(edited, self.smooth, fmt=self.check.format, upstream=self.check.upstream), self.check.format)

    def distinguishes_elsewhere(self, edited: Subject) -> bool:
        """The same for another gradient that flows in."""
        before, after = (real_columns(s, self.smooth, fmt=self.check.format, upstream=self.other) for s in (self.check.subject, edited))
        return _differs(before, after, self.check.format)


def _settings(case: Case, implementation: str, original: Subject) -> list[_Passed]:
    """The case's formats, in order, without those in which the original fails; none where it fails in the first."""
    truth, found = truth_of(case.programs.truth), []
    for name in case.formats:
        fmt = format_named(name)
        check = Check(implementation, truth, original, fmt, round_exact(fmt, exact(case.upstream)))
        listed = [*points.listed(case, fmt), *points.sampled(case, fmt)]
        rows = compare(check, listed, detail=False) if listed else []
        if not any(d.verdict.fails for row in rows for d in row):
            smooth = [p for p, row in zip(listed, rows, strict=True) if all(isinstance(d.exact, one_sided.Finite) for d in row)]
            before = real_columns(original, smooth, fmt=fmt, upstream=check.upstream) if smooth else []
            found.append(_Passed(check, listed, smooth, before, linearity.other_upstream(check.upstream, seed=case.name)))
        elif not found:
            return []
    return found


def _survivor(case: Case, mutant: Mutant, edited: Subject, where: _Passed, known: dict[tuple[float, ...], None]) -> Mutant:
    """A mutant that no listed point catches, with the point that would: one that is `known` to tell another, or a new one."""
    found = search(where.check, where.of(edited), where.points, domain=points.domain_of(case), seed=case.name, known=list(known), meant=meant_in(case, where.check.format), other=where.other if where.check.upstream == OTHER_UPSTREAM else OTHER_UPSTREAM)
    if found.point is None:
        return replace(mutant, fate="equivalent" if found.equivalent else "unknown")
    if (case.hunt or case.exhaustive) and found.upstream is None:
        return replace(mutant, caught=True, fate="caught")  # its own points are those that a hunt finds, or all there are
    if found.upstream is None:
        known[found.point] = None
    point = point_text(case, where.check.format, found.point)
    return replace(mutant, fate="survived", point=point, upstream="" if found.upstream is None else f"{found.upstream:g}")


def _mutant(draft: Draft, source: Source, edit: Edit) -> Draft | None:
    changed = replace(source, text=edit.text, span=edit.text, line=1, column=1, span_column=1)
    program, complaints = add_backward(draft.forward, changed, draft.claims, aliases=dict(draft.aliases))
    is_whole = program is not None and not complaints and all(name in program.names for _, name in draft.claims)  # not of another shape
    return replace(draft, whole=program, implementation=replace(draft.implementation, backward=changed)) if is_whole else None


def changes(original: Subject, mutant: Subject, listed: Sequence[tuple[float, ...]], *, fmt: Format, upstream: float) -> bool:
    """Whether some claimed gradient is another over the reals, by certainly more than two ulps of the format, at one of the points."""
    return _differs(real_columns(original, listed, fmt=fmt, upstream=upstream), real_columns(mutant, listed, fmt=fmt, upstream=upstream), fmt)


def _differs(before: Sequence[Balls], after: Sequence[Balls], fmt: Format) -> bool:
    with balls.precision(BITS):
        for old, new in zip(before, after, strict=True):
            for a, b in zip(old, new, strict=True):
                if a.is_finite() and b.is_finite() and abs(a - b) > 2 * rounding.ulp(fmt, a)[1]:
                    return True
    return False


def _outcome(draft: Draft, edit: Edit, edited: Subject, settings: Sequence[_Passed]) -> Mutant:
    """What the first format makes of an edit in which it fails at a point; wrong goes before not finite."""
    changed = _changed_lines(edit)
    caught = False
    for where in settings:
        check = where.of(edited)
        rows = compare(check, where.points, detail=False) if where.points else []
        wrong = [(d.name, d.point) for row in rows for d in row if d.verdict is Verdict.WRONG]
        caught = caught or any(d.verdict in (Verdict.WRONG, Verdict.NONFINITE) for row in rows for d in row)
        if wrong:
            explanations = explain.explanations(draft, wrong, fmt=check.format, upstream=check.upstream, beside=where.smooth or where.points)
            named = any(c.place.line in changed for c in explanations)
            if edit.kind in ("dropped +=", "overwritten", "doubled +="):
                target = parse_program(edit.text)[0][edit.statement].target
                named = named or any(target in c.statement.partition("=")[0] for c in explanations)
            words = next((c.words for c in explanations if not c.words.startswith("this line is wrong")), "")
            return Mutant(draft.implementation.name, edit, min(changed), True, named, words, explanations[0].statement if explanations else "", fate="caught")
        if not caught and linearity.uses_upstream(draft) and (found := linearity.not_linear(check, rows, other=where.other)):
            return _caught_by_upstream(draft, edit, check, found, changed, where.other)
    return Mutant(draft.implementation.name, edit, min(changed), caught, False, "", fate="caught" if caught else "unknown")


def _caught_by_upstream(draft: Draft, edit: Edit, check: Check, found: Sequence[Discrepancy], changed: set[int], other: float) -> Mutant:
    """An edit with which a gradient is right for the case's upstream, and not linear in it."""
    wrong = [(d.name, d.point) for d in found]
    explanations = explain.explanations(draft, wrong, fmt=check.format, upstream=other)
    words = next((c.words for c in explanations if not c.words.startswith("this line is wrong")), "")
    named = any(c.place.line in changed for c in explanations)
    return Mutant(draft.implementation.name, edit, min(changed), True, named, words, explanations[0].statement if explanations else "", fate="caught")


def _changed_lines(edit: Edit) -> set[int]:
    statements, _ = parse_program(edit.text)
    statement = statements[min(edit.statement, len(statements) - 1)]
    first = edit.text.count("\n", 0, statement.start) + 1
    return set(range(first, edit.text.count("\n", 0, statement.end) + 2))
