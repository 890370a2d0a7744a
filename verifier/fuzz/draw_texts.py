"""Texts of the language, drawn: formulas, staged programs, right backward passes in any arrangement, mistakes, cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import assume
from hypothesis import strategies as st

from verifier.backprop import with_backward
from verifier.blocks import build_program, free_names
from verifier.build import build_expression
from verifier.case import Source
from verifier.gates import GATES, Gate
from verifier.language import parse_expression, parse_program
from verifier.mutate import Edit, edits
from verifier.program import Program

LEAVES = 6  # inputs among the leaves, for as many numbers as there are
NUMBERS = ("1", "2", "0.5", "3")
ORDERS = ("1", "2", "3")  # constants that every gate with an order takes
INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "and": "and", "or": "or"}
POSITIVE, NONNEGATIVE, UNIT, SHARE, LARGE = ("(1 + abs({}))", "exp({})"), ("abs({})", "square({})"), ("tanh({})", "sin({})"), ("sigmoid({})",), ("(2 + abs({}))", "(1 + cosh({}))")
INSIDE: dict[str, dict[str, tuple[str, ...]]] = {  # the `where` of a gate -> what brings each of its arguments inside
    "b != 0": {"b": POSITIVE}, "a != 0": {"a": POSITIVE}, "a > 0": {"a": POSITIVE}, "b > 0": {"b": POSITIVE}, "delta > 0": {"delta": POSITIVE},
    "a > 0 or (a == 0 and b >= 0) or (a < 0 and b == floor(b))": {"a": POSITIVE}, "a > 0 or a != floor(a)": {"a": POSITIVE},
    "a > 0 and b > 0": {"a": POSITIVE, "b": POSITIVE}, "a > 0 and a + b > 0": {"a": POSITIVE, "b": POSITIVE}, "a >= 0 and b > 0": {"a": NONNEGATIVE, "b": POSITIVE},
    "a != 0 or b != 0": {"b": POSITIVE}, "a > -1 and b > -1 and a - b > -1": {"a": LARGE, "b": SHARE},
    "a >= 0": {"a": NONNEGATIVE}, "delta >= 0": {"delta": NONNEGATIVE}, "a > -1": {"a": NONNEGATIVE}, "b > -1": {"b": NONNEGATIVE}, "a >= -exp(-1)": {"a": NONNEGATIVE},
    "a >= -1 and a <= 1": {"a": UNIT}, "a > -1 and a < 1": {"a": UNIT}, "a < 1": {"a": UNIT},
    "a > 0 and a < 1": {"a": SHARE}, "a > 0 and a < 2": {"a": SHARE}, "a >= 0 and a <= 1": {"a": SHARE},
    "a >= 1": {"a": LARGE}, "a != 1": {"a": LARGE}, "a > 0 and a != 1": {"a": LARGE},
}  # fmt: skip
_WORD = re.compile(r"[^\W\d]\w*(?:\[\d+\])?")


# ---------------------------------------------------------------- formulas


def formulas(gates: Sequence[str] | None = None, *, inputs: Sequence[str] = ("x",), size: int = 8) -> st.SearchStrategy[str]:
    """Well-typed formulas of at most `size` gates of the table, each as likely; arguments are mostly brought into a gate's domain.

    They shrink towards one gate applied to the first input.
    """
    names = tuple(GATES if gates is None else gates)
    strange = [n for n in names if n not in GATES]
    if strange:
        raise ValueError(f"the table has no gate {', '.join(strange)}")
    return _Grammar(names, tuple(inputs)).applied.filter(lambda text: gate_count(text) <= size)


class _Grammar:
    """Strategies that refer to each other. Each gate has less than one compound argument on average, so formulas stay small."""

    def __init__(self, names: tuple[str, ...], inputs: tuple[str, ...]) -> None:
        self.leaf = st.sampled_from((*inputs * (1 + LEAVES // len(inputs)), *NUMBERS))
        self.applied: st.SearchStrategy[str] = st.deferred(lambda: st.sampled_from(names).flatmap(self.call))
        self.number = st.one_of(self.leaf, self.applied, self.applied)
        self.truth = st.sampled_from([n for n in names if GATES[n].boolean and not GATES[n].conditions] or ["lt"]).flatmap(self._plain)

    def call(self, name: str) -> st.SearchStrategy[str]:
        """A gate applied to drawn arguments; a truth value is used to choose."""
        if GATES[name].boolean:
            return st.tuples(self._plain(name), self.leaf, self.leaf).map(lambda t: f"where({t[0]}, {t[1]}, {t[2]})")
        return self._plain(name)

    def _plain(self, name: str) -> st.SearchStrategy[str]:
        gate = GATES[name]
        return st.tuples(*(self._argument(gate, k) for k in range(len(gate.parameters)))).map(lambda args: _written(name, args))

    def _argument(self, gate: Gate, position: int) -> st.SearchStrategy[str]:
        if position in gate.conditions:
            return self.truth
        if position in gate.orders:
            return st.sampled_from(ORDERS)
        compound = len(gate.parameters) - len(gate.orders) - len(gate.conditions)
        number = st.one_of(*[self.leaf] * min(compound - 1, 2), self.number)
        inside = INSIDE.get(gate.where, {}).get(gate.parameters[position])
        if inside is None:
            return number
        return st.tuples(st.sampled_from(("{}", *inside, *inside)), number).map(lambda pair: pair[0].format(pair[1]))


def _written(name: str, args: Sequence[str]) -> str:
    if name == "not":
        return f"(not {args[0]})"
    if name == "neg":
        return f"(-{args[0]})"
    return f"({args[0]} {INFIX[name]} {args[1]})" if name in INFIX else f"{name}({', '.join(args)})"


def gate_count(text: str) -> int:
    """How many gates a formula has."""
    return sum(bool(node.args) for node in parse_expression(text))


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
class _Statement:
    target: str
    value: str
    adds: bool = False

    def __str__(self) -> str:
        return f"{self.target} {'+=' if self.adds else '='} {self.value}"


@st.composite
def backward(draw: st.DrawFn, program: str, *, inputs: Sequence[str] = ()) -> str:
    """Right backward passes of a forward text: the generated one, its sums reordered, its products turned round, its lines fused or staged.

    `inputs` are, if not given, the names that the text reads and never sets. The text may be a formula; the gradient of
    `x` is `dx`, and `dout` flows in.
    """
    forward = _forward(program, tuple(inputs))
    lines = with_backward(forward, [(name, f"d{name}") for name in forward.inputs]).lines
    missing = [line.text for line in lines if not line.backward and line.text and line.text.partition(" = ")[0] not in forward.names]
    written = [_Statement(t.rstrip(" +"), v, t.endswith("+")) for t, _, v in (line.text.partition("= ") for line in lines if line.backward and line.text)]
    written = [replace(s, target=s.target.strip()) for s in written]
    written += [_Statement(f"d{name}", "0") for name in forward.inputs if all(s.target != f"d{name}" for s in written)]
    keep = {f"d{name}" for name in forward.inputs}
    statements = _fused(draw, _reordered(draw, written), keep)
    return "\n".join([*missing, *(str(s) for statement in statements for s in _turned(draw, statement))])


def _reordered(draw: st.DrawFn, written: list[_Statement]) -> list[_Statement]:
    """The contributions to every adjoint moved to the last of them, where all can be computed, in a drawn order."""
    result: list[_Statement] = []
    for k, statement in enumerate(written):
        if any(s.target == statement.target for s in written[k + 1 :]):
            continue
        group = [s for s in written if s.target == statement.target]
        ordered = draw(st.permutations(group)) if len(group) > 1 else group
        if len(ordered) > 1 and draw(st.booleans()):
            result.append(_Statement(statement.target, " + ".join(_bracketed(s.value) for s in ordered)))
        else:
            result += [replace(s, adds=i > 0) for i, s in enumerate(ordered)]
    return result


def _fused(draw: st.DrawFn, written: list[_Statement], keep: set[str]) -> list[_Statement]:
    """Some adjoints put into the lines that read them."""
    result: list[_Statement] = []
    values: dict[str, str] = {}
    for statement in written:
        value = _WORD.sub(lambda m: values.get(m[0], m[0]), statement.value)
        alone = sum(s.target == statement.target for s in written) == 1 and statement.target not in keep
        readers = sum(statement.target in _WORD.findall(s.value) for s in written)
        if alone and readers == 1 and len(value) < 200 and draw(st.booleans()):
            values[statement.target] = f"({value})"
        else:
            result.append(replace(statement, value=value))
    return result


def _turned(draw: st.DrawFn, statement: _Statement) -> list[_Statement]:
    """`p * d` as it is, as `d * p`, or with `p` on a line of its own."""
    root = parse_expression(statement.value)[-1]
    left, star, right = statement.value.rpartition(" * ")
    if root.op != "mul" or not star or not _WORD.fullmatch(right):
        return [statement]
    way = draw(st.sampled_from(("as it is", "turned", "staged")))
    if way == "turned":
        return [replace(statement, value=f"{right} * ({left})")]
    part = f"part_{statement.target}".replace("[", "_").replace("]", "")
    return [statement] if way == "as it is" else [_Statement(part, left), replace(statement, value=f"{part} * {right}")]


def _bracketed(value: str) -> str:
    return value if parse_expression(value)[-1].op not in ("add", "sub", "where") else f"({value})"


@st.composite
def mistakes(draw: st.DrawFn, program: str, *, inputs: Sequence[str] = ()) -> Edit:
    """Right backward passes with one edit of a person's kind: `edit.text`, `edit.what`. Few edits change nothing."""
    text = draw(backward(program, inputs=inputs))
    found = list(edits(text, list(_forward(program, tuple(inputs)).names)))
    found = [e for e in found if not parse_program(e.text)[1]]
    assume(found)
    return draw(st.sampled_from(found))


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
