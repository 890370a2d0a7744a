"""Assignments: names, components and parts of arrays are given values, and steps their names."""

from __future__ import annotations

import ast

from verifier.circuit.apply import BuildError
from verifier.circuit.evaluate import evaluate, subscript_of
from verifier.circuit.program import LEAVES, Builder, Step, component_names
from verifier.circuit.scope import Scope
from verifier.circuit.values import Known, Value, described, is_array
from verifier.language.trees import written


class Assignments:
    """Assigns values in a scope, and remembers which names of the block itself were assigned."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.last = ""  # the name that was assigned last
        self.assigned: dict[str, int] = {}  # every name, and the offset of its last assignment
        self.places: dict[str, tuple[int, int, int]] = {}  # and its line, with the first and last column

    def bind(self, scope: Scope, target: ast.expr, value: Value, line: int, tree: ast.stmt) -> None:
        """Assign a value to the left side of a statement: a name, several names, or a part of an array."""
        if isinstance(target, ast.Name):
            self.set(scope, target.id, value, line, tree)
        elif isinstance(target, ast.Tuple | ast.List):
            parts = scope.unpacked(value, len(target.elts), tree)
            for part, v in zip(target.elts, parts, strict=True):
                self.bind(scope, part, v, line, tree)
            if target.elts and isinstance(target.elts[0], ast.Name) and scope.locals is None:
                self.last = target.elts[0].id  # out, cache = affine_forward(x, w, b)
        elif isinstance(target, ast.Subscript):
            self._put(scope, target, value, line, tree)
        else:
            raise BuildError(target.col_offset, "the left side of '=' must be a name, as in 'dx = ...' or 'dW[0] = ...'")

    def set(self, scope: Scope, name: str, value: Value, line: int, tree: ast.stmt) -> None:
        """Let a name stand for a value."""
        builder = self.builder
        if scope.locals is None:
            self.last = name
            self.assigned[name] = tree.col_offset
            self.places[name] = (line, tree.col_offset, tree.end_col_offset or 0)
        if type(value) is int:
            value = self._named(value, name, line, tree)
        elif is_array(value):
            self.name_components(name, value, line)
        if scope.locals is not None:
            scope.locals[name] = value
            return
        if "[" not in name:
            builder.values.pop(name, None)
            if type(value) is not int:
                builder.names.pop(name, None)
            for element in builder.elements(name):
                builder.names.pop(element)
            builder.vectors.discard(name)
        else:
            builder.vectors.add(name.partition("[")[0])
        if type(value) is int:
            builder.names[name] = value
        else:
            builder.values[name] = value

    def _named(self, index: int, name: str, line: int, tree: ast.stmt) -> int:
        """The step that a name stands for: that of the value, or a copy where the value is a leaf or the step of another statement."""
        step = self.builder.steps[index]
        if step.gate in LEAVES or step.name or step.line != line:  # y = x: a name for an existing step
            return self.builder.append("copy", (index,), name=name, line=line, start=tree.col_offset, end=tree.end_col_offset or 0)
        self.builder.steps[index] = step._replace(name=name)
        return index

    def name_components(self, name: str, value: Value, line: int) -> None:
        """Give the steps that this statement made for an array the names of its components."""
        steps = self.builder.steps
        flat = value.ravel().tolist()  # type: ignore[union-attr]
        if not flat or all(steps[i].line != line for i in (flat[0], flat[-1], flat[len(flat) // 2])):
            return
        for part, i in zip(component_names(name, value.shape), flat, strict=True):  # type: ignore[union-attr]
            self._name(i, part, line)

    def _name(self, index: int, name: str, line: int) -> None:
        step = self.builder.steps[index]
        if step.line == line and not step.name and step.args:
            self.builder.steps[index] = Step(step.gate, step.args, step.text, name, line, step.start, step.end)

    def changed(self, scope: Scope, target: ast.expr, tree: ast.stmt) -> None:
        """Record that a part of an array was set, as in `out[n][i] = ...`: the array counts as assigned."""
        while isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Name) and scope.locals is None and is_array(self.builder.values.get(target.id)):
            self.last, self.assigned[target.id] = target.id, tree.col_offset

    def in_place(self, scope: Scope, base: Value, subscript: object, value: Value, line: int, tree: ast.stmt, name: str) -> None:
        """Write a value into a part of an array, and name the steps that this made."""
        from verifier.circuit import indexing

        place = Known(...) if subscript is ... else subscript
        if subscript is ... and is_array(value) and value.shape != base.shape:  # type: ignore[union-attr]
            raise BuildError(tree.col_offset, f"{described(value)} does not fit into '{name}' of shape {base.shape}")  # type: ignore[union-attr]
        changed = scope.at(tree, lambda: indexing.put(self.builder, base, place, value))  # type: ignore[arg-type]
        for part, index in changed:
            self._name(index, name + part, line)

    def element(self, scope: Scope, target: ast.Subscript) -> str | None:
        """`dW[0]` as the name of one component, where no array is meant."""
        if not (isinstance(target.value, ast.Name) and isinstance(target.slice, ast.Constant) and type(target.slice.value) is int):
            return None
        base = target.value.id
        if (scope.locals is not None) or base in self.builder.values:
            return None
        return f"{base}[{target.slice.value}]"

    def _put(self, scope: Scope, target: ast.Subscript, value: Value, line: int, tree: ast.stmt) -> None:
        key = self.element(scope, target)
        if key is not None:
            base = key.partition("[")[0]
            if base in self.builder.names:
                raise BuildError(target.col_offset, f"'{base}' is a scalar and has no subscript")
            if key in self.builder.names or not any(n.startswith(base + "[") for n in self.builder.inputs if base in self.builder.vectors):
                self.set(scope, key, scope.as_step(value, tree), line, tree)
                return
        base_value = evaluate(scope, target.value)
        subscript = subscript_of(scope, target.slice)
        self.in_place(scope, base_value, subscript, value, line, tree, written(target.value, scope.text))
        self.changed(scope, target, tree)
