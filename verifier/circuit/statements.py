"""Blocks of statements to programs: forward passes, and the hand-written backward passes that continue them."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from verifier.circuit.apply import as_number
from verifier.circuit.execute import Executor
from verifier.circuit.program import TOTAL, Builder, Program, component_names
from verifier.circuit.targets import targets_of
from verifier.circuit.values import array, assembled, is_array, is_whole, is_wholes, known_values
from verifier.language.gates import CONSTANTS
from verifier.language.grammar import block, expression
from verifier.language.source import Complaint, Source, suggestion
from verifier.language.tokens import MODULES, LanguageError
from verifier.language.trees import dotted, written


def _read(executor: Executor, source: Source, *, examples: dict[str, set[float]] | None = None) -> list[Complaint]:
    """Execute the block of a source; the complaints about it. `examples` as in `build_program`."""
    trees, errors = block(source.text)
    complaints = [source.complaint(e.offset, e.message) for e in errors]
    executor.scope.later = {name for tree in trees for name in targets_of(tree)}
    for tree in trees:
        if examples is not None and (values := _example(executor.builder, tree, source.text)) is not None:
            complaints += _example_complaints(source, tree, values, examples)
        else:
            executor.run(tree)
    return complaints + executor.complaints


# ---------------------------------------------------------------- example values


def _example(builder: Builder, tree: ast.stmt, text: str) -> dict[str, float] | None:
    """`x = 3` or `W = [2, -3, -3]` for an input that no earlier step has read or set: the values; None for any other statement."""
    if not (isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name)):
        return None
    target, value = tree.targets[0].id, tree.value
    if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in ("array", "asarray", "tensor") and len(value.args) == 1:
        value = value.args[0]
    names = {n: i for i, n in enumerate(builder.inputs) if n == target or n.startswith(target + "[")}
    is_known = target in builder.known and builder.values.get(target, builder.names.get(target)) is builder.known[target]
    if not names or (not is_known and (target in builder.values or any(builder.names.get(n) != i for n, i in names.items()))):
        return None
    indices = set(names.values())
    if any(indices.intersection(s.args) for s in builder.steps):
        return None
    return _literals(value, target, text)


def _literals(tree: ast.expr, name: str, text: str, index: tuple[int, ...] = ()) -> dict[str, float] | None:
    """The components of a nested list of numbers, or one number."""
    if isinstance(tree, ast.List | ast.Tuple):
        parts = [_literals(e, name, text, (*index, i)) for i, e in enumerate(tree.elts)]
        return None if None in parts else {k: v for part in parts for k, v in (part or {}).items()}
    sign = 1.0
    while isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd):
        sign, tree = -sign if isinstance(tree.op, ast.USub) else sign, tree.operand
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        return {f"{name}[{','.join(map(str, index))}]" if index else name: sign * float(written(tree, text).replace("_", ""))}
    return None


def _example_complaints(source: Source, tree: ast.stmt, values: dict[str, float], examples: dict[str, set[float]]) -> list[Complaint]:
    if set(values) <= set(examples) and all(v in examples[name] for name, v in values.items()):
        return []
    name = next(iter(targets_of(tree)))
    text = f"'{name}' is an input, and no point has this value: the values of inputs belong under 'points'; remove this line"
    return [source.complaint(tree.col_offset, text)]


# ---------------------------------------------------------------- passes


def build_program(
    source: Source,
    inputs: tuple[str, ...],
    *,
    examples: dict[str, set[float]] | None = None,
    known: Mapping[str, Any] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Program | None, list[Complaint]]:
    """The program of a forward block; its output is the last assigned name, whose shape is in `shapes` where it is an array.

    `examples` are the values each input takes in the points: a pasted cell may set an input to its example value, which is
    skipped where it is one of them and refused where it is not. `known` are whole numbers and decimal texts (or nested lists of them) by name, inputs among them;
    `shapes` those of array inputs, needed only where an array has no elements.
    """
    builder = Builder(inputs, shapes=dict(shapes or {}))
    builder.know(known_values(builder, known or {}))
    executor = Executor(builder, source, backward=False)
    complaints = _read(executor, source, examples=examples or {})
    if complaints:
        return None, complaints
    last = executor.names.last
    if not last:
        return None, [source.complaint(0, "the forward pass assigns nothing: its last assigned name is the output")]
    value = builder.values.get(last, builder.names.get(last))
    if isinstance(value, list):
        value = builder.values[last] = array(builder, value)
    if is_array(value):
        return _with_array_output(builder, source, last)
    if type(value) is not int:
        return None, [source.complaint(0, f"the output '{last}' is no number and no array of numbers")]
    if builder.boolean(value):
        return None, [source.complaint(0, f"the output '{last}' is a comparison: it has no gradient")]
    return builder.program(value, output_name=last), []


def _with_array_output(builder: Builder, source: Source, last: str) -> tuple[Program | None, list[Complaint]]:
    from verifier.circuit import arrays

    value = builder.values[last]
    if not value.size:
        return None, [source.complaint(0, f"the output '{last}' is an array without elements")]
    if arrays.truths(builder, value) is not None:
        return None, [source.complaint(0, f"the output '{last}' is a comparison: it has no gradient")]
    return builder.program(int(value.ravel()[-1]), output_name=last), []


def continued(forward: Program) -> Builder:
    """A Builder that goes on where a program ends. Its names, arrays and lists are copies: changing them in place leaves the program as it is."""
    builder = Builder(forward.inputs, list(forward.steps), dict(forward.names), list(forward.lines), values=copy.deepcopy(forward.values))
    for name, value in builder.values.items():
        if is_array(value):
            for component in component_names(name, value.shape):
                builder.names.pop(component, None)
            builder.vectors.discard(name)
    builder.shapes = {n: s for n, s in forward.shapes.items() if n not in builder.values}
    return builder


def backward_builder(forward: Program, aliases: Mapping[str, str]) -> tuple[Builder, int]:
    """A Builder in which a backward pass may begin, and its first step: the gradient that flows in, under the names that it has. `aliases` as in `add_backward`."""
    builder = continued(forward)
    seed = builder.append("upstream", (), text="upstream")
    for name, flow in aliases.items():
        if name not in builder.names and name not in builder.values and not builder.elements(name):
            _also_called(builder, name, flow)
    for name in ("upstream", "dout", f"d{forward.output_name}") if forward.output_name != TOTAL else ():
        if name in aliases:
            continue
        if (name not in forward.names and name not in forward.values and not builder.elements(name)) or (name == f"d{forward.output_name}" and not builder.elements(name)):
            builder.values.pop(name, None)
            builder.names[name] = seed
    return builder, seed


def add_backward(forward: Program, source: Source, claims: Sequence[tuple[str, str]], *, aliases: Mapping[str, str] | None = None) -> tuple[Program | None, list[Complaint]]:
    """The forward pass continued by a hand-written backward pass; every claimed gradient must be set, in whatever shape.

    `aliases` are further names of inputs that flow in, where the forward pass does not set them.
    """
    builder, start = backward_builder(forward, aliases or {})
    seed = start
    before = dict(builder.names)
    executor = Executor(builder, source, backward=True)
    complaints = _read(executor, source)
    if not complaints:
        for name in {name for _, name in claims}:
            _as_step(builder, name, executor.names.places)
        complaints += [source.complaint(executor.names.assigned.get(name, 0), text) for name, text in _as_arrays(builder, {name.partition("[")[0]: None for _, name in claims})]
    program = builder.program(forward.output, output_name=forward.output_name, backward_start=start)
    if not complaints:  # a line that could not be read may be the one that sets a gradient
        for variable, name in claims:
            is_set = name in executor.names.assigned or name.partition("[")[0] in executor.names.assigned
            if (name not in program.names and not _is_misshapen(program, executor, variable, name)) or not (is_set or before.get(name) == seed):
                complaints.append(source.complaint(0, _never_set(executor, variable, name)))
    if complaints:
        return None, list(dict.fromkeys(complaints))
    for _, name in claims:
        index = program.names.get(name, seed)
        if builder.boolean(index):  # dx = x > 0
            step = builder.steps[index]
            program.names[name] = as_number(builder, index, step.line, step.start, step.end, name=name)
    if len(builder.steps) > len(program.steps):
        names, program = program.names, builder.program(forward.output, output_name=forward.output_name, backward_start=start)
        program.names.update(names)
    return program, []


def _as_step(builder: Builder, name: str, places: Mapping[str, tuple[int, int, int]]) -> None:
    """Make a gradient a step that is a whole number, such as `dx = y` for a parameter y."""
    value = builder.values.get(name)
    if is_whole(value) and name in places:
        line, start, end = places[name]
        builder.names[name] = builder.append("copy", (int(array(builder, value)),), name=name, line=line, start=start, end=end)
        del builder.values[name]


def _as_arrays(builder: Builder, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Turn the lists that names stand for into arrays; the name and the reason where a list cannot be one."""
    for name in names:
        value = builder.values.get(name)
        if isinstance(value, list | tuple) or is_wholes(value):
            from verifier.circuit.arrays import ArrayError

            try:
                builder.values[name] = array(builder, value)
            except ArrayError as error:
                yield name, str(error)


def _also_called(builder: Builder, name: str, flow: str) -> None:
    """Let a name stand for what an input stands for."""
    if elements := builder.elements(flow):
        assembled(builder, flow, elements)
    if flow in builder.values:
        builder.values[name] = builder.values[flow].copy()
    elif flow in builder.names:
        builder.names[name] = builder.names[flow]


def _is_misshapen(program: Program, executor: Executor, variable: str, name: str) -> bool:
    """Whether a gradient is set, as a number or an array of another shape than what it is the gradient of."""
    base, of = (name.partition("[")[0], variable.partition("[")[0]) if variable.endswith("]") else (name, variable)
    if base not in executor.names.assigned:
        return False
    mine = program.shapes.get(base, () if base in program.names else None)
    return mine is not None and mine != program.shapes.get(of, ())


def _never_set(executor: Executor, variable: str, name: str) -> str:
    """That a claimed gradient is not there."""
    base, of = name.partition("[")[0], variable.partition("[")[0]
    assigned = list(executor.names.assigned)
    if base != name and base not in assigned and name not in assigned and not any(a.startswith(base + "[") for a in assigned):
        return f"the backward pass never sets '{base}', the gradient with respect to '{of}'{suggestion(base, assigned)}"
    return f"the backward pass never sets '{name}', the gradient with respect to '{variable}'{suggestion(name, assigned)}"


# ---------------------------------------------------------------- names


def free_names(source: Source, *, is_block: bool, constants: Collection[str] = CONSTANTS) -> tuple[str, ...]:
    """The names that a formula or a forward block reads and never set before: its inputs, in the order of their use. `constants` are no inputs."""
    found: dict[str, None] = {}
    assigned: set[str] = set()
    try:
        trees: Sequence[ast.AST] = block(source.text)[0] if is_block else [expression(source.text)]
    except LanguageError:
        return ()
    for tree in trees:
        for name in _names_read(tree):
            if name not in assigned and name.partition("[")[0] not in assigned and name not in constants:
                found[name] = None
        if isinstance(tree, ast.stmt):
            assigned.update(targets_of(tree))
    return tuple(found)


def _names_read(tree: ast.AST) -> Iterator[str]:
    """The names that a tree reads, in the order in which they are evaluated; not those of functions, modules and its own variables."""
    if isinstance(tree, ast.Name):
        if isinstance(tree.ctx, ast.Load):
            yield tree.id
        return
    if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name) and isinstance(tree.slice, ast.Constant) and type(tree.slice.value) is int:
        if isinstance(tree.ctx, ast.Load):
            yield f"{tree.value.id}[{tree.slice.value}]"
        return
    if isinstance(tree, ast.Attribute) and dotted(tree).rpartition(".")[0] in MODULES:
        return
    own: set[str] = set()
    if isinstance(tree, ast.FunctionDef):
        own = {a.arg for a in (*tree.args.args, *tree.args.kwonlyargs)} | {n for s in tree.body for n in targets_of(s)}
    elif isinstance(tree, ast.ListComp | ast.GeneratorExp):
        own = {n.id for g in tree.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
    elif isinstance(tree, ast.For):
        own = set(targets_of(tree))
    children: Sequence[ast.AST] = list(ast.iter_child_nodes(tree))
    if isinstance(tree, ast.Call):
        named = isinstance(tree.func, ast.Name) or dotted(tree.func).rpartition(".")[0] in MODULES
        children = [*(() if named else (tree.func,)), *tree.args, *(k.value for k in tree.keywords)]
    elif isinstance(tree, ast.AugAssign):
        children = [tree.target, tree.value]
        if isinstance(tree.target, ast.Name):
            yield tree.target.id
    elif isinstance(tree, ast.IfExp):
        children = [tree.body, tree.test, tree.orelse]
    for child in children:
        for name in _names_read(child):
            if name.partition("[")[0] not in own:
                yield name
