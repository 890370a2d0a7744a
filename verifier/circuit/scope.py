"""What names stand for while a text is read, and how values become steps that stand at a place of it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from verifier.circuit.apply import BuildError, call_gate
from verifier.circuit.program import Builder, SizeError
from verifier.circuit.values import (
    Known,
    Selected,
    Unreadable,
    Value,
    array,
    assembled,
    described,
    is_array,
    is_wholes,
    same_steps,
    settled,
    wholes,
)
from verifier.language.gates import CONSTANTS, GATES, OVERLOADS, canonical
from verifier.language.source import suggestion
from verifier.language.trees import span

MAX_ROUNDS = 1_000_000  # of all loops of a block
MOST_NAMES = 8  # in a message
_TYPES = {"float": float, "int": int, "bool": bool, "float32": float, "float64": float, "float16": float, "int64": int, "int32": int, "long": int, "double": float, "intp": int}


@dataclass
class Scope:
    """What is needed to turn an expression into steps: the text, the line, and what its names stand for."""

    builder: Builder
    text: str
    line: int = -1
    later: Collection[str] = ()  # names that a line below assigns
    locals: dict[str, Value] | None = None  # of the function that is being inlined, or of a comprehension
    inline: Callable[..., Value] | None = None  # how a function of the case is called

    def as_step(self, value: Value, tree: ast.expr | ast.stmt) -> int:
        """The step that a value is; a literal where it is a whole number."""
        if type(value) is int:
            return value
        if isinstance(value, Known) and isinstance(value.value, int):
            found: int = self.at(tree, lambda: int(array(self.builder, value)))
            return found
        raise BuildError(tree.col_offset, f"{described(value)} where a number is expected")

    def at(self, tree: ast.expr | ast.stmt, work: Callable[[], Any]) -> Any:
        """The result of `work`. The steps that it appends get the place of `tree`, and an ArrayError that it raises becomes a BuildError there."""
        from verifier.circuit.arrays import ArrayError

        self.builder.place = (self.line, *span(tree))
        try:
            return work()
        except (ArrayError, SizeError) as error:
            raise BuildError(tree.col_offset, str(error)) from None
        except (ValueError, IndexError, TypeError, ZeroDivisionError):  # NumPy's, of arguments that do not fit
            start, end = span(tree)
            raise BuildError(start, f"the arguments do not fit in '{self.text[start:end][:60]}'") from None
        except MemoryError:
            raise BuildError(tree.col_offset, "this takes more memory than there is") from None

    def name(self, name: str, tree: ast.expr) -> Value:
        """What a name stands for. Raises BuildError."""
        builder = self.builder
        if self.locals is not None and name in self.locals:
            return self._readable(self.locals[name], tree)
        if name in builder.names:
            return builder.names[name]
        if name in builder.values:
            return self._readable(builder.values[name], tree)
        if elements := builder.elements(name):
            found = assembled(builder, name, elements)
            if found is None:
                raise BuildError(tree.col_offset, f"'{name}' is a vector: use its elements {elements[0]} to {elements[-1]}")
            return found
        start, end = span(tree)
        if name in CONSTANTS:
            return builder.append("constant", (), text=name, line=self.line, start=start, end=end)
        if name in self.later:
            raise BuildError(start, f"'{name}' is read before it is set")
        if name in _TYPES:
            return Known(_TYPES[name])
        if name == "newaxis":
            return Known(None)
        names = [*(self.locals or ()), *builder.names, *builder.values]
        raise BuildError(start, f"unknown name '{name}'{{where}}{suggestion(name, [*names, *CONSTANTS]) or _listed(names)}")

    def _readable(self, value: Value, tree: ast.expr) -> Value:
        if isinstance(value, Unreadable):
            raise BuildError(tree.col_offset, "")  # the line that set it has a complaint
        return value

    def is_variable(self, name: str) -> bool:
        """Whether a name stands for something."""
        return (self.locals is not None and name in self.locals) or name in self.builder.names or name in self.builder.values or bool(self.builder.elements(name))

    def gate(self, name: str, args: Sequence[Value], tree: ast.expr | ast.stmt, *, shown: str = "") -> Value:
        """A gate on numbers, or on every component of arrays."""
        if all(type(a) is int for a in args):
            return call_gate(self.builder, name, list(args), line=self.line, start=tree.col_offset, end=tree.end_col_offset or 0, shown=shown or name)  # type: ignore[arg-type]
        if selected := [a for a in args if isinstance(a, Selected)]:
            return self._under_mask(name, args, selected, tree, shown)
        if not any(is_array(a) or is_wholes(a) or isinstance(a, list | tuple) for a in args):
            steps = [self.as_step(a, tree) for a in args]
            return call_gate(self.builder, name, steps, line=self.line, start=tree.col_offset, end=tree.end_col_offset or 0, shown=shown or name)
        return settled(self.at(tree, lambda: self._elementwise(name, args, tree, shown or name)))

    def _under_mask(self, name: str, args: Sequence[Value], selected: Sequence[Selected], tree: ast.expr | ast.stmt, shown: str) -> Value:
        """A gate on `x[mask]` and numbers: on every component, of which those under the mask are used."""
        first = selected[0]
        if any(is_array(a) or is_wholes(a) for a in args) or not all(same_steps(self.builder, first.mask, s.mask) for s in selected[1:]):
            raise BuildError(tree.col_offset, "elements that a mask selects, where the mask depends on inputs, combine only with numbers and with elements of the same mask: write where(mask, a, b)")
        found = self.gate(name, [a.whole if isinstance(a, Selected) else a for a in args], tree, shown=shown)
        return Selected(found, first.mask) if is_array(found) else found

    def _elementwise(self, name: str, args: Sequence[Value], tree: ast.expr | ast.stmt, shown: str) -> Value:
        from verifier.circuit import arrays

        b = self.builder
        table = GATES[OVERLOADS.get((name, len(args))) or canonical(name) or name]
        if table.name == "where" and len(args) == 3 and isinstance(args[0], Known):
            mask = wholes(b, args[0])
            if mask is not None:
                return arrays.choose(b, mask.astype(bool), array(b, args[1]), array(b, args[2]))
        operands = [array(b, a) for a in args]
        if table.folds:
            while len(operands) > 2:
                operands = [arrays.elementwise(b, table.name, *operands[:2]), *operands[2:]]
        missing = len(table.parameters) - len(operands)
        if not 0 <= missing <= len(table.defaults):
            raise BuildError(tree.col_offset, f"'{shown}' takes {len(table.parameters)} arguments ({', '.join(table.parameters)}), not {len(operands)}")
        if missing:
            operands += [array(b, arrays.literal(b, text)) for text in table.defaults[-missing:]]
        return arrays.elementwise(b, table.name, *operands, shown=shown)

    def forget(self, value: Value, tree: ast.expr) -> None:
        """Remove the last step where it is the literal `tree`, which was read as a whole number."""
        if isinstance(tree, ast.Constant) and value == len(self.builder.steps) - 1 and self.builder.steps[-1].gate == "number":
            self.builder.steps.pop()

    def take_back(self, before: int) -> None:
        """Remove the steps from `before` on, of an expression whose value is known without them; none where a function of the case may have put one into a list."""
        if self.builder.first_removable <= before:
            del self.builder.steps[before:]

    def rounds(self, value: Value, tree: ast.expr | ast.stmt) -> list[Value]:
        """The elements that a loop over a value visits, in order."""
        if isinstance(value, list | tuple):
            return list(value)
        if isinstance(value, dict):
            return [Known(key) for key in value]
        source = value.value if isinstance(value, Known) else value
        if isinstance(source, range):
            if len(source) > MAX_ROUNDS:
                raise BuildError(tree.col_offset, f"a loop of {len(source)} rounds is too long: at most {MAX_ROUNDS}")
            return [Known(i) for i in source]
        if is_array(source) and source.ndim:
            if len(source) > MAX_ROUNDS:
                raise BuildError(tree.col_offset, f"a loop of {len(source)} rounds is too long: at most {MAX_ROUNDS}")
            return [Known(v) if isinstance(value, Known) else v for v in (source if source.ndim > 1 else source.tolist())]
        raise BuildError(tree.col_offset, f"{described(value)} has no elements to loop over or to assign one by one")

    def unpacked(self, value: Value, count: int, tree: ast.expr | ast.stmt) -> list[Value]:
        """The elements of a value that is assigned to several names."""
        parts = self.rounds(value, tree)
        if len(parts) != count:
            raise BuildError(tree.col_offset, f"{len(parts)} values are assigned to {count} names")
        return parts


def _listed(names: Iterable[str]) -> str:
    """The first names that are known, arrays as a whole, behind a message about one that is not."""
    known = list(dict.fromkeys(name.partition("[")[0] for name in names))
    return f"; known here: {', '.join(known[:MOST_NAMES])}{', ...' if len(known) > MOST_NAMES else ''}" if known else ""
