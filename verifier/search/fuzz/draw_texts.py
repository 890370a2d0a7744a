"""Texts of the language, drawn: staged programs, right backward passes in any arrangement, mistakes, cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import assume, reject
from hypothesis import strategies as st

from verifier.circuit.backprop import with_backward
from verifier.circuit.expressions import build_expression
from verifier.circuit.program import Program
from verifier.circuit.statements import add_backward, build_program, free_names
from verifier.exact.truth import Subject
from verifier.language.formats import FORMATS
from verifier.language.gates import GATES, is_operator
from verifier.language.source import Source
from verifier.language.trees import parse_expression
from verifier.search.fuzz.arrange import arranged, bare, text_of, tree_of
from verifier.search.fuzz.draw_formulas import formulas, gate_count
from verifier.search.mutate import Edit, changes, edits

__all__ = ["backward", "block", "cases", "formulas", "gate_count", "mistakes", "programs"]

LONGEST = 200  # characters of an adjoint that is put into the line that reads it
ORDINARY = ((0.75, -1.5, 1.25, 2.5), (-0.625, 0.875, -1.75, 0.375), (3.25, 2.125, -0.5, 1.5))  # points at which a mistake must be one
_WORD = re.compile(r"[^\W\d]\w*(?:\[\d+\])?")


# ---------------------------------------------------------------- programs


@st.composite
def programs(draw: st.DrawFn, gates: Sequence[str] | None = None, *, inputs: Sequence[str] = ("x", "y"), size: int = 3) -> str:
    """Forward passes, one gate a line, of 1 to `size` formulas that use each other; the last line sets `out`."""
    names, lines = list(inputs), []
    for k in range(draw(st.integers(1, size))):
        name = f"v{k + 1}"
        lines.append(f"{name} = {draw(formulas(gates, inputs=names[::-1], size=4))}")
        names.append(name)
    lines.append(f"out = {' + '.join(names[len(inputs) :])} + {' * '.join(inputs)}")
    program = _forward("\n".join(lines), tuple(inputs))
    return "\n".join(line.text for line in with_backward(program, ()).lines if not line.backward and line.text)


def _forward(text: str, inputs: tuple[str, ...] = ()) -> Program:
    """A forward text as a program over its inputs: those given, or all names that it reads and never sets. Raises ValueError."""
    source = Source(text, "<program>", 1, 1, text)
    is_block = any(line.partition("=")[0].strip().isidentifier() for line in text.splitlines() if "=" in line)
    found = inputs or free_names(source, is_block=is_block)
    program, complaints = build_program(source, found) if is_block else build_expression(source, found)
    if program is None:
        raise ValueError("\n".join(map(str, complaints)))
    return program


# ---------------------------------------------------------------- backward passes


@dataclass(frozen=True)
class _Assignment:
    target: str
    value: str
    adds: bool = False

    def __str__(self) -> str:
        return f"{self.target} {'+=' if self.adds else '='} {self.value}"

    @property
    def reads(self) -> set[str]:
        """The names that are read, its own among them where it adds to it."""
        return {*_WORD.findall(self.value), *((self.target,) if self.adds else ())}


@st.composite
def backward(draw: st.DrawFn, program: str, *, inputs: Sequence[str] = ()) -> str:
    """Right backward passes of a forward text: the generated one, its sums reordered, its products expanded or factored, its lines and gates fused or staged.

    `inputs` are, if not given, the names that the text reads and never sets. The text may be a formula; the gradient of
    `x` is `dx`, and `dout` flows in.
    """
    forward = _forward(program, tuple(inputs))
    keep = {f"d{name}" for name in forward.inputs}
    written = _generated(forward)
    written = _fused(draw, _reordered(draw, written), keep)
    written = [s for statement in written for s in _rearranged(draw, statement)]
    return "\n".join(map(str, _read(written, keep)))


def _generated(forward: Program) -> list[_Assignment]:
    """The lines of the generated backward pass, after the forward lines that only it has."""
    lines = [line for line in with_backward(forward, [(name, f"d{name}") for name in forward.inputs]).lines if line.text]
    found = []
    for line in lines:
        target, _, value = line.text.partition("= ")
        name = target.rstrip(" +")
        if line.backward or name not in forward.names:
            found.append(_Assignment(name, value, target.endswith("+")))
    missing = [f"d{name}" for name in forward.inputs if all(s.target != f"d{name}" for s in found)]
    return [*found, *(_Assignment(name, "0") for name in missing)]


def _reordered(draw: st.DrawFn, written: list[_Assignment]) -> list[_Assignment]:
    """The contributions to every adjoint moved to the last of them, where all can be computed, in a drawn order."""
    result: list[_Assignment] = []
    for k, statement in enumerate(written):
        if any(s.target == statement.target for s in written[k + 1 :]):
            continue
        group = [s for s in written if s.target == statement.target]
        ordered = draw(st.permutations(group)) if len(group) > 1 else group
        if len(ordered) > 1 and draw(st.booleans()):
            result.append(_Assignment(statement.target, " + ".join(_bracketed(s.value) for s in ordered)))
        else:
            result += [replace(s, adds=i > 0) for i, s in enumerate(ordered)]
    return result


def _fused(draw: st.DrawFn, written: list[_Assignment], keep: set[str]) -> list[_Assignment]:
    """Some names put into the only line that reads them."""
    result: list[_Assignment] = []
    values: dict[str, str] = {}
    for statement in written:
        value = _WORD.sub(lambda m: values.get(m[0], m[0]), statement.value)
        alone = sum(s.target == statement.target for s in written) == 1 and statement.target not in keep
        readers = sum(statement.target in _WORD.findall(s.value) for s in written)
        if alone and readers == 1 and len(value) < LONGEST and draw(st.booleans()):
            values[statement.target] = f"({value})"
        else:
            result.append(replace(statement, value=value))
    return result


def _rearranged(draw: st.DrawFn, statement: _Assignment) -> list[_Assignment]:
    """The value in another arrangement, or with a factor of it on a line of its own."""
    way = draw(st.sampled_from(("as it is", "arranged", "arranged", "staged")))
    tree = tree_of(statement.value)
    if way == "arranged":
        return [replace(statement, value=bare(text_of(arranged(draw, tree)[0])))]
    if way == "staged" and tree[0] == "mul" and not isinstance(tree[1], str):
        part = f"part_{statement.target}".replace("[", "_").replace("]", "")
        return [_Assignment(part, bare(text_of(tree[1]))), replace(statement, value=f"{part} * {text_of(tree[2])}")]
    return [statement]


def _read(written: list[_Assignment], keep: set[str]) -> list[_Assignment]:
    """Without the lines that no gradient depends on."""
    needed, result = set(keep), []
    for statement in reversed(written):
        if statement.target in needed:
            result.append(statement)
            needed = (needed if statement.adds else needed - {statement.target}) | statement.reads
    return result[::-1]


def _bracketed(value: str) -> str:
    root = parse_expression(value)[-1].op
    loose = root == "where" or (is_operator(root) and GATES[root].binds <= GATES["add"].binds)
    return f"({value})" if loose else value


@st.composite
def mistakes(draw: st.DrawFn, program: str, *, inputs: Sequence[str] = (), points: Sequence[Sequence[float]] = ()) -> Edit:
    """Right backward passes with one edit of a person's kind: `edit.text`, `edit.what`.

    The edit changes some gradient over the reals, by more than two ulps of float64 at one of the points (ordinary ones if none are given).
    """
    forward = _forward(program, tuple(inputs))
    text = draw(backward(program, inputs=forward.inputs))
    found = list(edits(text, list(forward.names)))
    assume(found)
    first = draw(st.integers(0, len(found) - 1))
    looked = [tuple(p) for p in points] or [tuple(row[i % len(row)] for i in range(len(forward.inputs))) for row in ORDINARY]
    right = _subject(forward, text)
    for edit in (*found[first:], *found[:first]):
        bent = _subject(forward, edit.text)
        if right is not None and bent is not None and changes(right, bent, looked, fmt=FORMATS["float64"], upstream=1.0):
            return edit
    return reject()


def _subject(forward: Program, text: str) -> Subject | None:
    """A forward pass with a backward text; None where that is no text of the language."""
    claims = tuple((name, f"d{name}") for name in forward.inputs)
    program, complaints = add_backward(forward, Source(text, "<backward>", 1, 1, text), claims)
    return None if program is None or complaints else Subject(program, claims)


# ---------------------------------------------------------------- cases


@st.composite
def cases(draw: st.DrawFn, gates: Sequence[str] | None = None, *, inputs: Sequence[str] = ("x", "y"), size: int = 3) -> str:
    """Whole case texts: a program, the generated backward pass beside a right one in another arrangement, one to three points."""
    program = draw(programs(gates, inputs=inputs, size=size))
    value = st.floats(-10, 10).map(lambda x: float(f"{x:.3g}"))
    drawn = draw(st.lists(st.tuples(*(value for _ in inputs)), min_size=1, max_size=3))
    rows = [f"  - {{{', '.join(f'{n}: {x!r}' for n, x in zip(inputs, point, strict=True))}}}" for point in drawn]
    forward = block("forward", program)
    hand = block("backward", draw(backward(program, inputs=inputs)))
    return "\n".join(["name: drawn", "points:", *rows, "implementations:", "  staged:", *forward, "  by_hand:", *forward, *hand, ""])


def block(key: str, text: str) -> list[str]:
    """Lines of a block scalar in an implementation."""
    return [f"    {key}: |", *(f"      {line}" if line.strip() else "" for line in text.splitlines())]
