"""A notebook cell as a case: where its forward pass ends, what its inputs are, and which names hold their gradients."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType, ModuleType

from verifier.case.case import Case, Claim, Implementation, Point
from verifier.case.components import MOST_COMPONENTS, ArrayTexts, base, components, described
from verifier.case.inputs import Inputs, with_parameters
from verifier.case.programs import programs_of
from verifier.circuit.statements import free_names
from verifier.circuit.targets import targets_of
from verifier.language.gates import CONSTANTS
from verifier.language.grammar import block
from verifier.language.source import CaseError, Complaint, Place, Source
from verifier.language.trees import dotted

NAME = "cell"  # of the only implementation
NARROW = ("float32", "float16", "bfloat16")  # formats of arrays in which a cell is checked as it runs
_NUMBERED = re.compile(r"(\w*?[A-Za-z])_?(\d+)")  # w0 and w_0 stand for w[0]


def case_of_cell(text: str, values: Mapping[str, object], *, file: str = NAME, output: str = "", formats: tuple[str, ...] = (), stated: tuple[str, ...] = (), line: int = 1) -> tuple[Case, tuple[str, ...]]:
    """The case that a cell states, and how it was read, in sentences. Raises CaseError.

    `values` has what the names stand for that the cell reads and does not set. `output` names the output of the forward pass where the cell
    does not show where that pass ends. Without `formats` it is that of the arrays, float64 where they are lists or numbers. The names in
    `stated` are meant to be read from `values`: a cell that sets one of them to a number is refused. `line` is the number
    of the first line of the text.
    """
    whole = _source(text, file, line)
    trees, errors = block(text)
    if errors:
        raise CaseError(whole.complaint(e.offset, e.message) for e in errors)
    _refuse_own_functions(whole, trees, values)
    first = _after(whole, trees, output) if output else _first_backward(whole, trees)
    forward, backward = _part(whole, 0, trees[first].col_offset), _part(whole, trees[first].col_offset, len(text))
    out = output or list(targets_of(trees[first - 1]))[-1]
    flows_in = ("upstream", "dout", f"d{out}")
    words = {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}
    known = {name: texts for name in values if name in words and (texts := _texts(values[name])) is not None}
    literal = _literals(trees[:first])
    if both := [n for n in literal if n in stated]:
        raise CaseError(whole.complaint(_first_use(trees, n), f"'{n}' has a value here and one on the line of %%verify; leave one of them") for n in both)
    read = _names(forward, known) + [n for n in _names(backward, known) if n not in _targets(trees[:first])]
    wanted = [n for n in dict.fromkeys([*literal, *(n for n in stated if n in read), *read]) if n not in flows_in]
    found = {n: literal[n] if n in literal else known[n] for n in wanted if n in literal or n in known}
    if missing := [n for n in wanted if n not in found]:
        raise CaseError(_no_value(whole, trees, n, values) for n in missing)
    place = Place(file, line, 1)
    claims = _claims(found, trees, first, place)
    found = {n: v for n, v in found.items() if n in claims or n not in literal}  # what the cell sets and has no gradient is a line like any other
    if not claims:
        raise CaseError([backward.complaint(0, f"no line sets the gradient of an input: for an input x it is called dx; the inputs are {', '.join(found) or 'none'}")])
    upstream, flow = _upstream(backward, known, flows_in)
    if flow is not None and flow.shape:
        found[f"d{out}"] = flow
    inputs = _inputs(found, claims, place)
    implementation = Implementation(NAME, place, forward=forward, backward=backward, gradients=tuple(c for named in claims.values() for c in named))
    programs, inputs, complaints = programs_of(inputs, function=None, implementations=(implementation,), residuals=(), upstream=upstream)
    if programs is None:
        raise CaseError(complaints)
    inputs = with_parameters(inputs, programs.truth.parameters)
    case = Case(
        name=file,
        file=file,
        place=place,
        inputs=inputs.names,
        points=inputs.points,
        implementations=(implementation,),
        programs=programs,
        shapes=inputs.shapes,
        domain=inputs.domain,
        choices=inputs.choices,
        parameters=inputs.parameters,
        outputs=programs.outputs,
        formats=formats or _format_of(values[n] for n in found if n not in literal and n in values),
        upstream="1" if programs.outputs else upstream,
        has_upstream=flow is not None,
    )
    unread = [f"{name} is set on the line of %%verify, and no line of the cell reads it" for name in stated if name not in words]
    return case, (*_reading(whole, trees, first, out, found, claims), *unread)


# ---------------------------------------------------------------- where the backward pass begins


def _targets(trees: Sequence[ast.stmt]) -> dict[str, None]:
    """The names that statements set, components under the name of their array."""
    return {base(name): None for tree in trees for name in targets_of(tree)}


def _first_backward(whole: Source, trees: Sequence[ast.stmt]) -> int:
    """The first statement that sets dX for an X that is read or set above it. Raises CaseError where that is not certain."""
    known: set[str] = set()
    first = 0
    for first, tree in enumerate(trees):
        own = [] if isinstance(tree, ast.FunctionDef) else list(targets_of(tree))
        if any(_is_gradient(name, known) for name in own):
            break
        known.update(base(n) for n in free_names(_part(whole, tree.col_offset, _end(trees, first, whole)), is_block=True))
        known.update(map(base, own))
    else:
        raise CaseError([whole.complaint(trees[0].col_offset if trees else 0, "the cell sets no gradient: below the forward pass a line must set dx for an input x, or df for the output f")])
    if first == 0 or not _targets(trees[:first]):
        raise CaseError([whole.complaint(trees[first].col_offset, "no forward pass stands above the first gradient: the cell must have its lines, too")])
    every = _targets(trees)
    above = [] if isinstance(trees[first - 1], ast.FunctionDef) else list(_targets(trees[first - 1 : first]))
    if above and all(len(n) > 1 and n.startswith("d") and f"d{n}" not in every for n in above):
        text = f"'{above[0]}' may be the output of the forward pass or the first name of the backward pass: say which name is the output, as in %%verify --output {above[0]}"
        raise CaseError([whole.complaint(trees[first - 1].col_offset, text)])
    last = list(targets_of(trees[-1]))
    if list(_targets(trees[:first])) == list(_literals(trees[:first])) or (last and not any(n[0] == "d" or base(n) in known for n in last)):  # `dt = 0.1` is a step, not a gradient
        at = next(iter(targets_of(trees[first])))
        text = f"it is not certain that the backward pass begins here, with '{at}': say which name is the output of the forward pass, as in %%verify --output f"
        raise CaseError([whole.complaint(trees[first].col_offset, text)])
    return first


def _is_gradient(name: str, known: set[str]) -> bool:
    """Whether a name is that of the gradient of a known name: dx, dW[0], dw0."""
    if len(name) < 2 or name[0] != "d":
        return False
    variable = base(name)[1:]
    numbered = _NUMBERED.fullmatch(variable)
    return variable in known or (numbered is not None and numbered[1].lower() in {n.lower() for n in known})


def _after(whole: Source, trees: Sequence[ast.stmt], output: str) -> int:
    """The statement below the first one that sets the output, where its lines end."""
    setting = [i for i, tree in enumerate(trees) if output in _targets([tree])]
    if not setting:
        raise CaseError([whole.complaint(0, f"no line sets '{output}', the name after --output")])
    last = setting[0]
    while last + 1 in setting:  # out = ..., out += ...
        last += 1
    if last + 1 == len(trees):
        raise CaseError([whole.complaint(trees[last].col_offset, f"no line stands below the one that sets '{output}': the backward pass is missing")])
    return last + 1


def _source(text: str, file: str, line: int) -> Source:
    """A text that begins in a line of a file. The span of a Source begins with its first character that is not blank."""
    start = len(text) - len(text.lstrip())
    at = start - text[:start].rfind("\n")
    return Source(text, file, line + text[:start].count("\n"), at, text[start:], "", at)


def _part(whole: Source, start: int, end: int) -> Source:
    """The text of a cell between two offsets, with its place in the cell."""
    text = whole.text[start:end]
    start += len(text) - len(text.lstrip())
    place = whole.place(start)
    return Source(text, whole.file, place.line, place.column, text.lstrip(), "", place.column)


def _end(trees: Sequence[ast.stmt], i: int, whole: Source) -> int:
    return trees[i + 1].col_offset if i + 1 < len(trees) else len(whole.text)


# ---------------------------------------------------------------- names and their values


def _names(part: Source, known: Mapping[str, ArrayTexts]) -> list[str]:
    """The names that a part reads and does not set before. A constant such as `e` is one where the notebook has set it."""
    return list(dict.fromkeys(base(n) for n in free_names(part, is_block=True, constants=[c for c in CONSTANTS if c not in known])))


def _literals(trees: Sequence[ast.stmt]) -> dict[str, ArrayTexts]:
    """The names that a forward pass sets to numbers or lists of numbers, before it reads or sets them otherwise."""
    found: dict[str, ArrayTexts] = {}
    seen: set[str] = set()
    for tree in trees:
        if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name) and tree.targets[0].id not in seen:
            value = tree.value
            if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in ("array", "asarray", "tensor") and len(value.args) == 1:
                value = value.args[0]
            try:
                texts = _texts(ast.literal_eval(value))
            except (ValueError, TypeError, SyntaxError):
                texts = None
            if texts is not None:
                found[tree.targets[0].id] = texts
        seen.update(_targets([tree]))
        seen.update(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
    return found


def _texts(value: object) -> ArrayTexts | None:
    """A number, a list of numbers or an array as texts; None where it is something else, or no real number."""
    if isinstance(value, ModuleType) or math.prod(_shape(value)) > MOST_COMPONENTS:
        return None
    if hasattr(value, "tolist"):  # arrays of NumPy, PyTorch and JAX, and their scalars
        value = value.tolist()
    shape: list[int] = []
    row = value
    while isinstance(row, list | tuple) and row:
        shape.append(len(row))
        row = row[0]
    numbers = list(_numbers(value, tuple(shape)))
    texts = tuple(repr(x) for x in numbers if isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x))
    return ArrayTexts(tuple(shape), texts) if len(texts) == math.prod(shape) == len(numbers) else None


def _shape(value: object) -> tuple[int, ...]:
    """The shape of an array; () of anything else."""
    shape = getattr(value, "shape", ())
    return tuple(shape) if isinstance(shape, tuple) and all(isinstance(n, int) for n in shape) else ()


def _numbers(value: object, shape: tuple[int, ...]) -> Iterator[object]:
    """The numbers of nested lists of a shape, in order; nothing where a row has another length."""
    if not shape:
        yield float(value) if isinstance(value, float) else value
    elif isinstance(value, list | tuple) and len(value) == shape[0]:
        for row in value:
            yield from _numbers(row, shape[1:])


def _format_of(values: Iterator[object]) -> tuple[str, ...]:
    """The format of the arrays among some values where they have one narrow one, else float64."""
    kinds = {str(v.dtype).rpartition(".")[2] for v in values if _shape(v) and hasattr(v, "dtype")}
    kinds = {k for k in kinds if "float" in k}
    return tuple(kinds) if len(kinds) == 1 and kinds <= set(NARROW) else ("float64",)


def _no_value(whole: Source, trees: Sequence[ast.stmt], name: str, values: Mapping[str, object]) -> Complaint:
    at = _first_use(trees, name)
    if name in values:
        return whole.complaint(at, f"'{name}' is {_kind(values[name])}: the lines of the cell may read real numbers, lists of them and arrays")
    return whole.complaint(at, f"'{name}' has no value: set it in the notebook, or say it on the first line, as in %%verify {name}=1.5")


def _first_use(trees: Sequence[ast.stmt], name: str) -> int:
    return min((n.col_offset for t in trees for n in ast.walk(t) if isinstance(n, ast.Name) and n.id == name), default=0)


def _kind(value: object) -> str:
    if math.prod(shape := _shape(value)) > MOST_COMPONENTS:
        return f"an array of shape {shape}, and more than {MOST_COMPONENTS:,} numbers are too many: check a smaller one"
    dtype = str(getattr(value, "dtype", "")).rpartition(".")[2]
    return f"of the type {type(value).__name__}{f' of {dtype}' if dtype else ''}" if not isinstance(value, FunctionType) else "a function"


def _refuse_own_functions(whole: Source, trees: Sequence[ast.stmt], values: Mapping[str, object]) -> None:
    """Raise CaseError where the cell calls a function of the notebook: a gate of that name may be another function."""
    inside = {t.name for t in trees if isinstance(t, ast.FunctionDef)}
    called = [n.func for t in trees for n in ast.walk(t) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    own = [f for f in called if f.id not in inside and isinstance(value := values.get(f.id), FunctionType) and value.__module__ == "__main__"]
    if own:
        raise CaseError(whole.complaint(f.col_offset, f"'{f.id}' is a function of the notebook: copy its definition into the cell, so that it is read") for f in own)


# ---------------------------------------------------------------- gradients


def _claims(found: Mapping[str, ArrayTexts], trees: Sequence[ast.stmt], first: int, place: Place) -> dict[str, tuple[Claim, ...]]:
    """For every input whose gradient the backward pass sets, the names that hold it: dW, or dW[0], dW[1], or dW0 and dw0 where no variable is called so."""
    below = {name for tree in trees[first:] for name in targets_of(tree)}
    forward = {*_targets(trees[:first]), *found}
    claims: dict[str, tuple[Claim, ...]] = {}
    for name, values in found.items():
        if f"d{name}" in below:
            claims[name] = (Claim(name, f"d{name}", place),)
        elif values.shape:
            parts = [(part, f"d{part}") for part in components(name, values.shape) if f"d{part}" in below]
            if not parts and len(values.shape) == 1:
                parts = [(f"{name}[{k}]", g) for k in range(values.shape[0]) for g in _numbered(name, k, below, forward)]
            if parts:
                claims[name] = tuple(Claim(part, gradient, place) for part, gradient in parts)
    return claims


def _numbered(name: str, k: int, below: set[str], forward: set[str]) -> list[str]:
    """The name among `below` that holds the gradient with respect to `name[k]`: one at the most."""
    spellings = dict.fromkeys([name, *([] if name.lower() in forward - {name} else [name.lower()])])
    found = [f"d{short}" for n in spellings for short in (f"{n}{k}", f"{n}_{k}") if f"d{short}" in below and short not in forward]
    return found[:1]


def _upstream(backward: Source, known: Mapping[str, ArrayTexts], flows_in: Sequence[str]) -> tuple[str, ArrayTexts | None]:
    """What flows in, where the backward pass reads it and the notebook has a value for it: a number as text, and its values."""
    name = next((n for n in _names(backward, known) if n in flows_in and n in known), None)
    if name is None:
        return "1", None
    return known[name].texts[0] if not known[name].shape else "1", known[name]


def _inputs(found: Mapping[str, ArrayTexts], claims: Mapping[str, object], place: Place) -> Inputs:
    pairs = [(part, text) for name, values in found.items() for part, text in zip(components(name, values.shape), values.texts, strict=True)]
    parameters = tuple(part for part, _ in pairs if base(part) not in claims)
    fixed = [(part, text) for part, text in pairs if base(part) not in claims]
    return Inputs(
        names=tuple(part for part, _ in pairs),
        shapes=tuple((name, values.shape) for name, values in found.items() if values.shape),
        points=(Point(tuple(pairs), place),),
        domain=tuple((part, (text, text)) for part, text in fixed),
        choices=tuple((part, (text,)) for part, text in fixed),
        parameters=parameters,
    )


def _reading(whole: Source, trees: Sequence[ast.stmt], first: int, out: str, found: Mapping[str, ArrayTexts], claims: Mapping[str, Sequence[Claim]]) -> Iterator[str]:
    """How a cell was read, in sentences."""
    begins, ends, last = (whole.place(trees[i].col_offset).line for i in (first, first - 1, -1))
    yield f"forward pass down to line {ends}, its output is {out}; backward pass from line {begins} to line {last}"
    constant = [n for n in found if n not in claims and n != f"d{out}"]
    if constant:
        yield f"no line sets {' or '.join(f'd{n}' for n in constant)}: {', '.join(constant)} {'is' if len(constant) == 1 else 'are'} taken as constant, and {'its gradient is' if len(constant) == 1 else 'their gradients are'} not checked"
    for name, named in claims.items():
        parts = components(name, found[name].shape)
        left = [p for p in parts if p not in {c.input for c in named}] if named[0].input != name else []
        if left:
            yield f"no line sets the gradient of {', '.join(left[:6])}{' and others' if len(left) > 6 else ''}, of {name}, {described(found[name].shape)}: not checked"
