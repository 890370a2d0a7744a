"""Statements to steps: assignments to names and parts, loops written out round by round, functions inlined where they are called."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from verifier.circuit import operators
from verifier.circuit.apply import BuildError
from verifier.circuit.assign import Assignments
from verifier.circuit.evaluate import evaluate, subscript_of
from verifier.circuit.program import MAX_STEPS, Builder, Line
from verifier.circuit.scope import MAX_ROUNDS, Scope
from verifier.circuit.targets import targets_of, variables
from verifier.circuit.values import Function, Known, Unreadable, Value, described, is_array, truth
from verifier.language.source import Complaint, Source
from verifier.language.trees import BINARY, dotted, span, written

MAX_CALLS = 20  # of functions inside functions

_SYMBOLS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}


class _Return(Exception):
    """The value of a function that is inlined."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class _Continue(Exception):
    """The rest of a round of a loop is left out."""


class _Break(Exception):
    """The rest of a loop is left out."""


class Executor:
    """Executes the statements of one block; `complaints` is what was wrong."""

    def __init__(self, builder: Builder, source: Source, *, backward: bool, later: Collection[str] = ()) -> None:
        self.builder = builder
        self.source = source
        self.backward = backward
        self.scope = Scope(builder, source.text, later=later, inline=self._inline)
        self.complaints: list[Complaint] = []
        self.names = Assignments(builder)
        self.lines: dict[tuple[int, int], int] = {}
        self.count = 0  # rounds of all loops
        self.calls = 0  # functions that are being inlined
        self.loops = 0  # loops that are being gone through

    def run(self, tree: ast.stmt) -> None:
        """Execute a statement of the block itself; what is wrong with it becomes a complaint."""
        try:
            self._execute(tree)
        except BuildError as error:
            if error.message:
                self.complaints.append(self.source.complaint(error.offset, error.message))
            self._refuse_names(tree)
        except RecursionError:
            self.complaints.append(self.source.complaint(tree.col_offset, "functions are nested too deep"))
            self._refuse_names(tree)

    def _refuse_names(self, tree: ast.stmt) -> None:
        """Let the names that a refused statement sets stand for Unreadable, so that lines that read them get no complaint of their own."""
        self.scope.locals = None
        self.calls = self.loops = 0
        for name in targets_of(tree):
            self.names.assigned[name] = tree.col_offset
            self.builder.names.pop(name, None)
            if "[" not in name:
                self.builder.values[name] = Unreadable()
            else:
                self.builder.names[name] = self.builder.append("number", (), text="0")
                self.builder.vectors.add(name.partition("[")[0])
            self.names.last = name

    # ------------------------------------------------------------ statements

    def _execute(self, tree: ast.stmt) -> None:
        if len(self.builder.steps) > MAX_STEPS:
            raise BuildError(tree.col_offset, f"the program has more than {MAX_STEPS} steps")
        match tree:
            case ast.Assign():
                self._assign(tree)
            case ast.AugAssign():
                self._augment(tree)
            case ast.For():
                self._loop(tree)
            case ast.If():
                holds = self._holds(tree.test)
                for inner in tree.body if holds else tree.orelse:
                    self._execute(inner)
            case ast.FunctionDef():
                self._define(tree)
            case ast.Return():
                if self.scope.locals is None or not self.calls:
                    raise BuildError(tree.col_offset, "'return' is not part of the language: the last assigned name is the output")
                self._line(tree)
                raise _Return(Known(None) if tree.value is None else evaluate(self.scope, tree.value))
            case ast.Expr():
                self._call(tree)
            case ast.Pass():
                pass
            case ast.Continue() | ast.Break():
                if not self.loops:
                    raise BuildError(tree.col_offset, f"'{written(tree, self.scope.text)}' stands inside a loop")  # type: ignore[arg-type]
                raise _Continue if isinstance(tree, ast.Continue) else _Break
            case ast.Raise():
                raise BuildError(tree.col_offset, "the program ends at this line, which raises an error; change the inputs or remove this line")
            case _:
                raise BuildError(tree.col_offset, f"'{written(tree, self.scope.text).split()[0]}' is not part of the language")  # type: ignore[arg-type]

    def _holds(self, test: ast.expr) -> bool:
        before = len(self.builder.steps)
        found = truth(self.builder, evaluate(self.scope, test))
        if found is None:
            raise BuildError(test.col_offset, "'if' needs one condition that does not depend on the inputs: write the choice as where(condition, a, b)")
        self.scope.take_back(before)
        return found

    def _line(self, tree: ast.stmt, number: int = 0) -> int:
        """The index of a statement's line; the same in every round of a loop."""
        key = (id(tree), number)
        found = self.lines.get(key)
        if found is None:
            start, end = span(tree)
            found = self.lines[key] = len(self.builder.lines)
            self.builder.lines.append(Line(self.source.text[start:end], self.source, start, end, self.backward))
        self.scope.line = found
        return found

    def _assign(self, tree: ast.Assign) -> None:
        line = self._line(tree)
        value = evaluate(self.scope, tree.value)
        for number, target in enumerate(reversed(tree.targets)):
            if number and type(value) is int:  # a = b = expression: each has steps of its own
                line = self._line(tree, number)
                value = evaluate(self.scope, tree.value)
            self.names.bind(self.scope, target, value, line, tree)

    def _augment(self, tree: ast.AugAssign) -> None:
        scope, builder = self.scope, self.builder
        line = self._line(tree)
        name = written(tree.target, scope.text)
        if isinstance(tree.target, ast.Name):
            if not scope.is_variable(name):
                raise BuildError(tree.col_offset, f"'{name}' is read before it is set: '{name} {_SYMBOLS.get(type(tree.op), '')}= ...' needs a value to start from")
            old = scope.name(name, tree.target)
            value = evaluate(scope, tree.value)
            if is_array(old) and type(tree.op) in BINARY and not isinstance(tree.op, ast.MatMult):
                self.names.in_place(scope, old, ..., operators.binary(scope, type(tree.op), old, value, tree), line, tree, name)
                if scope.locals is None:
                    self.names.last, self.names.assigned[name] = name, tree.col_offset
                return
            if isinstance(old, list) and isinstance(tree.op, ast.Add):
                old.extend(scope.rounds(value, tree))
                return
            self.names.set(scope, name, operators.binary(scope, type(tree.op), old, value, tree), line, tree)
            return
        if not isinstance(tree.target, ast.Subscript):
            raise BuildError(tree.col_offset, "the left side of '=' must be a name, as in 'dx = ...' or 'dW[0] = ...'")
        key = self.names.element(scope, tree.target)
        if key is not None and key in builder.names:
            old = builder.names[key]
            self.names.set(scope, key, operators.binary(scope, type(tree.op), old, evaluate(scope, tree.value), tree), line, tree)
            return
        if key is not None and not scope.is_variable(key.partition("[")[0]):
            raise BuildError(tree.col_offset, f"'{key}' is read before it is set: '{key} {_SYMBOLS.get(type(tree.op), '')}= ...' needs a value to start from")
        from verifier.circuit import indexing

        base, subscript = evaluate(scope, tree.target.value), subscript_of(scope, tree.target.slice)
        mask = indexing.mask_of(builder, subscript)
        old = base if mask is not None else scope.at(tree, lambda: indexing.part(builder, base, subscript))
        value = operators.binary(scope, type(tree.op), old, evaluate(scope, tree.value), tree)
        if mask is not None and is_array(value):
            spread = mask.reshape(mask.shape + (1,) * (old.ndim - mask.ndim))  # type: ignore[union-attr]
            value = scope.gate("where", [spread, value, old], tree)
            subscript = Known(...)
        self.names.in_place(scope, base, subscript, value, line, tree, written(tree.target.value, scope.text))
        self.names.changed(scope, tree.target, tree)

    def _call(self, tree: ast.Expr) -> None:
        """Execute a statement that is a call: `caches.append(...)`, `np.add.at(...)`."""
        call = tree.value
        if not isinstance(call, ast.Call):
            self._line(tree)
            evaluate(self.scope, call)  # a mistake inside the expression is the better message
            raise BuildError(tree.col_offset, "a line must assign to a name: 'name = expression' or 'name += expression'")
        line = self._line(tree)
        scope = self.scope
        name = dotted(call.func)
        if name.endswith((".add.at", "subtract.at")) and len(call.args) == 3:
            from verifier.circuit import indexing

            base, subscript, value = evaluate(scope, call.args[0]), subscript_of(scope, call.args[1]), evaluate(scope, call.args[2])
            if not is_array(base):
                raise BuildError(call.args[0].col_offset, f"'{name}' adds to an array, not to {described(base)}")
            gate = "sub" if "subtract" in name else "add"
            scope.at(tree, lambda: indexing.add_at(self.builder, base, subscript, value, gate=gate))  # type: ignore[arg-type]
            self.names.name_components(written(call.args[0], scope.text), base, line)
            return
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if method in ("append", "extend", "insert", "pop", "reverse", "update", "setdefault"):
            evaluate(scope, call)
            return
        if isinstance(call.func, ast.Attribute) and method in ("fill", "zero_", "fill_", "add_", "sub_", "mul_", "div_", "copy_"):
            base = evaluate(scope, call.func.value)
            args = [evaluate(scope, a) for a in call.args]
            gates: dict[str, type[ast.operator]] = {"add_": ast.Add, "sub_": ast.Sub, "mul_": ast.Mult, "div_": ast.Div}
            new: Value = Known(0) if method == "zero_" else operators.binary(scope, gates[method], base, args[0], tree) if method in gates else args[0]
            self.names.in_place(scope, base, Known(...), new, line, tree, written(call.func.value, scope.text))
            return
        evaluate(scope, call)
        raise BuildError(tree.col_offset, "a line must assign to a name: 'name = expression' or 'name += expression'")

    # ------------------------------------------------------------ loops and functions

    def _loop(self, tree: ast.For) -> None:
        line = self._line(tree)
        values = self.scope.rounds(evaluate(self.scope, tree.iter), tree.iter)
        self.count += len(values)
        if (not self.loops and self.count + self._estimate(tree, len(values)) > MAX_ROUNDS) or self.count > MAX_ROUNDS:
            raise BuildError(tree.col_offset, f"all loops together have more than {MAX_ROUNDS} rounds")
        last, assigned = self.names.last, dict(self.names.assigned) if self.scope.locals is None else {}
        self.loops += 1
        for value in values:
            self._bind_round(tree.target, value, line, tree)
            try:
                for inner in tree.body:
                    self._execute(inner)
            except _Continue:
                continue
            except _Break:
                break
        self.loops -= 1
        if self.scope.locals is None and self.names.last in variables(tree.target) and self.names.last not in assigned:
            self.names.last = last

    def _estimate(self, tree: ast.For, rounds: int) -> int:
        """How many rounds the loops inside a loop have in all, as far as their `range` can be read before the first of them."""
        total = 0
        for inner in tree.body:
            if isinstance(inner, ast.For) and isinstance(inner.iter, ast.Call) and dotted(inner.iter.func) == "range":
                before = len(self.builder.steps)
                try:
                    count = len(self.scope.rounds(evaluate(self.scope, inner.iter), inner.iter))
                except BuildError:
                    count = 1  # it depends on a name that the loop sets
                self.scope.take_back(before)
                total += rounds * count + self._estimate(inner, rounds * count)
        return total

    def _bind_round(self, target: ast.expr, value: Value, line: int, tree: ast.stmt) -> None:
        """Let a loop variable stand for an element; no step is appended."""
        if isinstance(target, ast.Name):
            self.names.last, before = self.names.last, self.names.last
            if self.scope.locals is not None:
                self.scope.locals[target.id] = value
            elif type(value) is int:
                self.builder.values.pop(target.id, None)
                self.builder.names[target.id] = value
            else:
                self.builder.names.pop(target.id, None)
                self.builder.values[target.id] = value
            self.names.last = before
        elif isinstance(target, ast.Tuple | ast.List):
            for part, v in zip(target.elts, self.scope.unpacked(value, len(target.elts), tree), strict=True):
                self._bind_round(part, v, line, tree)
        else:
            raise BuildError(target.col_offset, "a loop variable must be a name")

    def _define(self, tree: ast.FunctionDef) -> None:
        parameters = tree.args.args[len(tree.args.args) - len(tree.args.defaults) :]
        self._line(tree)
        defaults = {p.arg: evaluate(self.scope, d) for p, d in zip(parameters, tree.args.defaults, strict=True)}
        defaults |= {p.arg: evaluate(self.scope, d) for p, d in zip(tree.args.kwonlyargs, tree.args.kw_defaults, strict=True) if d is not None}
        found = Function(tree, self.source, defaults)
        if self.scope.locals is not None:
            self.scope.locals[tree.name] = found
        else:
            self.builder.names.pop(tree.name, None)
            self.builder.values[tree.name] = found

    def _inline(self, function: Function, args: Sequence[Value], keywords: dict[str, Value], tree: ast.expr) -> Value:
        """The value of a call of a function of the case: its statements, executed on the arguments."""
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise BuildError(tree.col_offset, f"functions call each other more than {MAX_CALLS} deep")
        scope = self._bound(function, args, keywords, tree)
        before, source, loops, self.loops = self.scope, self.source, self.loops, 0
        self.scope = Scope(self.builder, function.source.text, locals=scope, inline=self._inline)
        self.source = function.source
        result: Value = Known(None)
        try:
            for inner in function.tree.body:
                self._execute(inner)
        except _Return as found:
            result = found.value
        except BuildError as error:
            if error.message and function.source is not source:
                self.complaints.append(function.source.complaint(error.offset, error.message))
                raise BuildError(tree.col_offset, "") from None
            raise
        finally:
            self.builder.first_removable = len(self.builder.steps)
            self.scope, self.source, self.loops = before, source, loops
            self.calls -= 1
        return result

    def _bound(self, function: Function, args: Sequence[Value], keywords: dict[str, Value], tree: ast.expr) -> dict[str, Value]:
        names = [a.arg for a in function.tree.args.args]
        allowed = [*names, *(a.arg for a in function.tree.args.kwonlyargs)]
        scope = {**function.defaults, **dict(zip(names, args, strict=False)), **keywords}
        missing = [n for n in allowed if n not in scope]
        unknown = [k for k in keywords if k not in allowed]
        if len(args) > len(names) or missing or unknown:
            raise BuildError(tree.col_offset, f"'{function.tree.name}' takes ({', '.join(allowed)})")
        return scope
