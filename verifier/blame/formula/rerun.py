"""A backward pass executed again from any of its statements on, with other statements in it, beside the float64 values of all steps at a few points."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verifier.arithmetic import floats
from verifier.case.case import Draft
from verifier.circuit.execute import Executor
from verifier.circuit.program import Builder, Program, component_names
from verifier.circuit.statements import backward_builder
from verifier.circuit.targets import targets_of
from verifier.circuit.values import Known, array, is_array
from verifier.language.formats import FORMATS
from verifier.language.grammar import block
from verifier.language.source import Source
from verifier.language.trees import plain_name, span


@dataclass(frozen=True)
class Unit:
    """A statement of the block itself; a loop, a branch or a function with all its lines is one."""

    tree: ast.stmt
    text: str  # with the blanks before its first line, so that all lines stand as they did
    start: int  # where that text begins in the text of the block
    sets: frozenset[str]  # the names, of arrays as a whole
    reads: frozenset[str]
    is_written: bool = True  # as it stands; not what gives the arguments of a call to the names in the function


@dataclass(frozen=True)
class Held:
    """What a name stands for: its shape, and the steps of its components in C order."""

    shape: tuple[int, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Snapshot:
    """The environment before a unit."""

    steps: int
    lines: int
    names: dict[str, int]
    values: dict[str, Any]
    vectors: set[str]


def units_of(source: Source) -> list[Unit]:
    """The statements of a block, in order; a function that is called once, with plain lines and one `return` at its end, is written out where it is called."""
    text, found = source.text, []
    trees = block(text)[0]
    functions = {t.name: t for t in trees if isinstance(t, ast.FunctionDef) and _is_plain(t)}
    calls = Counter(n.func.id for t in trees for n in ast.walk(t) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
    inside: dict[str, list[Unit]] = {}
    for tree in trees:
        name = _called(tree)
        if isinstance(tree, ast.Assign) and name in functions and calls[name] == 1 and (written := _written_out(functions[name], tree, text)) is not None:
            inside[name] = written
    for tree in trees:
        if not (isinstance(tree, ast.FunctionDef) and tree.name in inside):
            found += inside[name] if (name := _called(tree)) in inside else [_unit(tree, text)]
    return found


def _called(tree: ast.stmt) -> str:
    """The function whose value a statement is; empty where it is none."""
    return tree.value.func.id if isinstance(tree, ast.Assign) and isinstance(tree.value, ast.Call) and isinstance(tree.value.func, ast.Name) else ""


def _unit(tree: ast.stmt, text: str) -> Unit:
    start, end = span(tree)
    if isinstance(tree, ast.For | ast.If | ast.FunctionDef):
        end = max(span(s)[1] for s in ast.walk(tree) if isinstance(s, ast.stmt))
    line = text.rfind("\n", 0, start) + 1
    begin = line if not text[line:start].strip() else start
    return Unit(tree, text[begin:end], begin, *_names(tree))


def _names(tree: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """What a statement sets, and what it reads."""
    sets = frozenset(n.partition("[")[0] for n in targets_of(tree)) | _changed(tree)
    return sets, frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and (isinstance(n.ctx, ast.Load) or isinstance(tree, ast.AugAssign)))


def _is_plain(tree: ast.FunctionDef) -> bool:
    """Whether a function returns a value with its last line, and nowhere else."""
    returns = [n for n in ast.walk(tree) if isinstance(n, ast.Return)]
    return len(returns) == 1 and tree.body[-1] is returns[0] and returns[0].value is not None and not tree.args.kwonlyargs


def _written_out(function: ast.FunctionDef, call: ast.Assign, text: str) -> list[Unit] | None:
    """The lines of a function in the place of its call; None where its arguments are not plainly given."""
    assert isinstance(call.value, ast.Call)
    names = [a.arg for a in function.args.args]
    given = dict(zip(names, call.value.args, strict=False)) | {k.arg: k.value for k in call.value.keywords if k.arg in names}
    defaults = dict(zip(names[len(names) - len(function.args.defaults) :], function.args.defaults, strict=True))
    last = function.body[-1]
    if not all(n in given or n in defaults for n in names) or len(call.value.args) > len(names) or not isinstance(last, ast.Return) or last.value is None:
        return None
    found = []
    for name in names:
        value = given.get(name, defaults.get(name))
        if value is not None and not (isinstance(value, ast.Name) and value.id == name):
            if any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(value)):
                return None  # f(b, a) of parameters a and b: one would be lost
            found.append(_assignment([ast.Name(name, ast.Store())], value, value, f"{name} = {text[slice(*span(value))]}"))
    found += [_unit(tree, text) for tree in function.body[:-1]]
    before = " = ".join(text[slice(*span(t))] for t in call.targets)
    if before.replace(" ", "") != text[slice(*span(last.value))].replace(" ", ""):
        found.append(_assignment(call.targets, last.value, last, f"{before} = {text[slice(*span(last.value))]}"))
    return found


def _assignment(targets: list[ast.expr], value: ast.expr, place: ast.expr | ast.stmt, text: str) -> Unit:
    tree = ast.Assign(targets, value, lineno=1, col_offset=span(place)[0], end_lineno=1, end_col_offset=span(place)[1])
    for target in targets:
        if not hasattr(target, "col_offset"):
            ast.copy_location(target, place)
    return Unit(tree, text, span(place)[0], *_names(tree), is_written=False)


def _changed(tree: ast.stmt) -> frozenset[str]:
    """The arrays that a statement changes by a call or in a part: `np.add.at(dw, ...)`, `dx[n][i] = ...`."""
    found = set()
    for node in ast.walk(tree):
        changed: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            changed = node
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            called = node.value
            changed = called.args[0] if node.value.func.attr == "at" and called.args else node.value.func.value
        while isinstance(changed, ast.Subscript):
            changed = changed.value
        if isinstance(changed, ast.Name):
            found.add(changed.id)
    return frozenset(found)


def statements_in(unit: Unit) -> list[ast.stmt]:
    """The simple statements of a unit, with places in the text of the block."""
    simple = (ast.Assign, ast.AugAssign, ast.Return, ast.Expr, ast.For)
    return sorted((s for s in ast.walk(unit.tree) if isinstance(s, simple)), key=lambda s: s.col_offset)


def set_to_zeros_only(source: Source) -> set[str]:
    """The names that a block sets once, to zeros, and reads nowhere: whatever they are, they stay 0."""
    nodes = [n for tree in block(source.text)[0] for n in ast.walk(tree)]
    often = Counter(n.id for n in nodes if isinstance(n, ast.Name))
    pairs = [(t, v) for n in nodes if isinstance(n, ast.Assign) for target in n.targets for t, v in _pairs(target, n.value)]
    return {t.id for t, v in pairs if isinstance(t, ast.Name) and often[t.id] == 1 and _is_zero(v)}


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _is_zero(value: ast.expr) -> bool:
    return plain_name(value.func) in ("zeros", "zeros_like") if isinstance(value, ast.Call) else isinstance(value, ast.Constant) and value.value == 0


def block_of(unit: Unit, tree: ast.stmt) -> tuple[list[ast.stmt], int]:
    """The list of statements in which one stands, and where."""
    for node in ast.walk(unit.tree):
        for name in ("body", "orelse"):
            held = getattr(node, name, None)
            if isinstance(held, list) and any(s is tree for s in held):
                return held, next(k for k, s in enumerate(held) if s is tree)
    return [tree], 0


@dataclass
class Rerun:
    """The statements of a backward pass, and what all names stand for before each of them, with the values of all steps.

    `exact` has for a unit the values that some names are given after it, whatever it computes; `copied` the names that get steps of their own there.
    """

    draft: Draft
    points: Sequence[tuple[float, ...]]
    upstream: float
    units: list[Unit] = field(default_factory=list)
    builder: Builder = field(init=False)
    seed: int = field(init=False)
    values: list[list[float]] = field(init=False)
    exact: dict[int, dict[str, list[list[float]]]] = field(default_factory=dict)
    copied: dict[int, set[str]] = field(default_factory=dict)
    held: dict[tuple[int, str], Held] = field(default_factory=dict)  # after each unit, the names that it sets
    ends: dict[int, int] = field(default_factory=dict)  # the number of steps after each unit
    before: list[Snapshot] = field(default_factory=list)

    def __post_init__(self) -> None:
        forward, source = self.draft.forward, self.draft.implementation.backward
        assert source is not None
        self.units = units_of(source)
        self.builder, self.seed = backward_builder(forward, dict(self.draft.aliases))
        columns = [[p[i] for p in self.points] for i in range(len(forward.inputs))]
        self.values = [floats.as_list(c) for c in floats.run(forward, columns, fmt=FORMATS["float64"], upstream=self.upstream)]
        self._append()

    def _append(self) -> None:
        floats.append_values(self.values, self.builder.steps, count=len(self.points), upstream=self.upstream)

    def run(self, first: int = 0, texts: Mapping[int, str] | None = None, *, is_worth: Callable[[int], bool] | None = None, remember: bool = False) -> bool:
        """Execute the units from `first` on; False where one of them is refused, or `is_worth` says after one of them that it is not worth while."""
        if first < len(self.before):
            self._restore(self.before[first])
        for number in range(first, len(self.units)):
            if remember and number >= len(self.before):
                self.before.append(self._state())
            if not self._execute(number, (texts or {}).get(number)):
                return False
            if is_worth is not None and not is_worth(number):
                return False
        return True

    def begin(self, exact: Mapping[int, Mapping[str, list[list[float]]]] | None = None, copied: Mapping[int, set[str]] | None = None) -> bool:
        """Execute all units as they stand, with other values or steps of some names, and remember what is before each; False where one is refused."""
        self.exact, self.copied = {n: dict(names) for n, names in (exact or {}).items()}, dict(copied or {})
        if self.before:
            self._restore(self.before[0])
            del self.before[:]
        self.held.clear()
        return self.run(remember=True)

    def _execute(self, number: int, text: str | None) -> bool:
        unit = self.units[number]
        trees = [unit.tree] if text is None else block(text)[0]
        source = Source(text if text is not None else self.draft.implementation.backward.text, "", 1, 1, "")  # type: ignore[union-attr]
        if text is not None and not trees and text.strip():
            return False
        executor = Executor(self.builder, source, backward=True)
        for tree in trees:
            executor.run(tree)
            if executor.complaints:
                return False
        for name in self.copied.get(number, ()) | self.exact.get(number, {}).keys():
            self._copy(name)
        self._append()
        for name in unit.sets:
            if (held := self.holds(name)) is not None:
                self.held[number, name] = held
        for name, columns in self.exact.get(number, {}).items():
            held = self.holds(name)
            if held is None or len(held.steps) != len(columns):
                return False
            for step, column in zip(held.steps, columns, strict=True):
                if column[0] == column[0]:  # else it is not known
                    self.values[step] = column
        self.ends[number] = len(self.builder.steps)
        return True

    def _copy(self, name: str) -> None:
        """Let a name stand for steps of its own."""
        held, builder = self.holds(name), self.builder
        if held is None:
            return
        new = [builder.append("copy", (step,)) for step in held.steps]
        if not held.shape:
            builder.names[name] = new[0]
        elif name in builder.values:
            import numpy as np

            builder.values[name] = np.array(new, dtype=np.int64).reshape(held.shape)
        else:
            builder.names.update(zip(component_names(name, held.shape), new, strict=True))

    def holds(self, name: str) -> Held | None:
        """What a name stands for at this moment; None where that is no number and no array of numbers."""
        builder = self.builder
        if name in builder.values:
            value = builder.values[name]
            if isinstance(value, list | tuple):
                from verifier.circuit.arrays import ArrayError

                try:
                    value = array(builder, value)
                except ArrayError:
                    return None
            return Held(tuple(value.shape), tuple(value.ravel().tolist())) if is_array(value) else None
        if name in builder.names:
            return Held((), (builder.names[name],))
        elements = builder.elements(name)
        indices = [e[len(name) :] for e in elements]
        if elements and sorted(indices) == sorted(f"[{i}]" for i in range(len(elements))):
            return Held((len(elements),), tuple(builder.names[f"{name}[{i}]"] for i in range(len(elements))))
        return None

    def environment(self, number: int) -> dict[str, Any]:
        """What all names stand for before a unit, as floats at the first point. Only of steps that are there at this moment."""
        state, values, found = self.before[number], self.values, {}
        vectors: dict[str, list[tuple[tuple[int, ...], int]]] = {}
        for name, step in state.names.items():
            if name.endswith("]"):
                array, _, index = name[:-1].partition("[")
                vectors.setdefault(array, []).append((tuple(map(int, index.split(","))), step))
            else:
                found[name] = values[step][0]
        for name, parts in vectors.items():
            found[name] = _vector(parts, values)
        found.update((name, _as_floats(value, values)) for name, value in state.values.items())
        return found

    def program(self) -> Program:
        """What was executed, as a Program."""
        forward = self.draft.forward
        return Program(tuple(self.builder.steps), forward.inputs, {}, forward.output, tuple(self.builder.lines), forward.output_name, self.seed, parameters=forward.parameters)

    def _state(self) -> Snapshot:
        b = self.builder
        return Snapshot(len(b.steps), len(b.lines), dict(b.names), _copied(b.values, {}), set(b.vectors))

    def _restore(self, state: Snapshot) -> None:
        b = self.builder
        del b.steps[state.steps :], b.lines[state.lines :], self.values[state.steps :]
        b.names, b.values, b.vectors = dict(state.names), _copied(state.values, {}), set(state.vectors)
        b.first_removable = 0


def _copied(value: Any, seen: dict[int, Any]) -> Any:
    """A value whose arrays, lists and dictionaries are its own; one that has two names has two names again."""
    if id(value) in seen:
        return seen[id(value)]
    found = value
    if is_array(value):
        found = value.copy()
    elif isinstance(value, list):
        found = [_copied(v, seen) for v in value]
    elif isinstance(value, tuple):
        found = tuple(_copied(v, seen) for v in value)
    elif isinstance(value, dict):
        found = {k: _copied(v, seen) for k, v in value.items()}
    seen[id(value)] = found
    return found


def _vector(parts: list[tuple[tuple[int, ...], int]], values: Sequence[list[float]]) -> Any:
    import numpy as np

    found = np.zeros(tuple(max(i) + 1 for i in zip(*(index for index, _ in parts), strict=False)))
    for index, step in parts:
        found[index] = values[step][0]
    return found


def _as_floats(value: Any, values: Sequence[list[float]]) -> Any:
    """A value with numbers in the place of steps."""
    if type(value) is int:
        return values[value][0]
    if is_array(value):
        import numpy as np

        flat = [values[i][0] for i in value.ravel().tolist()]
        return np.array(flat, dtype=bool if flat and all(isinstance(x, bool) for x in flat) else float).reshape(value.shape)
    if isinstance(value, list | tuple):
        return type(value)(_as_floats(v, values) for v in value)
    if isinstance(value, dict):
        return {k: _as_floats(v, values) for k, v in value.items()}
    return value.value if isinstance(value, Known) else value


def own(value: Any) -> Any:
    """A value that may be changed in place."""
    return _copied(value, {})
