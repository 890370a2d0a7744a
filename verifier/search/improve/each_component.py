"""Arrays whose components all have one formula: the same case of numbers, in which that formula is improved, and whether what was found there holds for every component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from verifier.case import points
from verifier.case.case import Case, Draft, Point
from verifier.case.components import Shape, base, components
from verifier.case.inputs import Inputs
from verifier.case.outputs import upstream_name
from verifier.case.points import FloatPoint
from verifier.case.programs import programs_of
from verifier.circuit.program import LEAVES, TOTAL, Program, ancestors
from verifier.compare.check import Check, checks_of
from verifier.compare.meant import meant_in
from verifier.exact.truth import Subject, truth_of
from verifier.search.improve.acceptance import PROVED, NotAccepted, identity_of, is_worse, judged_all, replaced_check
from verifier.search.improve.generated_lines import with_pass
from verifier.search.improve.guilty import Replaceable
from verifier.search.improve.improve import improve
from verifier.search.improve.measure import drawn
from verifier.search.improve.suggestion import Suggestion
from verifier.search.paths import InputRanges

MOST_LISTED = 40  # points of the numbers: components of listed ones
MOST_WORST = 200  # components of points at which the arrays do not pass
FURTHER_ARRAYS = 40  # drawn, at which all components are judged before and after
FEWEST_ARRAYS = 2
MOST_JUDGED_COMPONENTS = 2_000  # of all points
FOR_ALL = "every component has this formula"


@dataclass(frozen=True)
class ArrayShapes:
    """The shapes of a case's arrays, and the name of its output, an array."""

    shapes: Mapping[str, Shape]
    output: str

    @property
    def shape(self) -> Shape:
        return self.shapes[self.output]

    def component(self, name: str) -> str:
        """`[1,2]` of `x[1,2]`."""
        return name[len(base(name)) :]

    def belongs(self, leaf: str, component: str) -> bool:
        """Whether an input is what a component of the output may read: a number, or the component of an array that broadcasting puts beside it."""
        own = self.shapes.get(base(leaf))
        if own is None:
            return True
        wanted, read = (tuple(map(int, c[1:-1].split(","))) for c in (component, self.component(leaf)))
        return len(own) <= len(wanted) and all(i == (0 if size == 1 else k) for i, size, k in zip(read, own, wanted[len(wanted) - len(own) :], strict=True))


def improve_components(case: Case, check: Check, draft: Draft, *, budget: float, bad: Sequence[FloatPoint] = ()) -> tuple[Suggestion, ...]:
    """Suggestions for the statements about arrays of an implementation: each is proved for numbers, and every component is shown to be that formula of the components beside it. `bad` are points at which a gradient does not pass."""
    layout = _layout(case, draft)
    numbers = None if layout is None else _of_numbers(case, draft, layout, check.format.name)
    if layout is None or numbers is None:
        return ()
    own, (single,) = numbers, numbers.programs.drafts
    ((fmt, (one,)),) = checks_of(own, truth_of(own.programs.truth), (check.format.name,))
    if not is_one_function(case.programs.truth, one.truth.source, layout):
        return ()
    wanted = {base(name) for _, name in check.subject.claims}
    worst = of_components(bad, check.subject.program.inputs, own.inputs, layout)
    boxes = points.boxes(case, fmt)
    found = improve(replace(one, subject=Subject(one.subject.program, tuple(c for c in one.subject.claims if c[1] in wanted))), single, points.boxes(own, fmt), budget=budget, meant=meant_in(own, fmt), points=worst)
    kept = []
    for s in found:
        whole, alone = (_replaced(c, d, s) for c, d in ((check, draft), (one, single)))
        if whole is None or alone is None or not _is_one_gradient(whole, alone, s.gradient, layout):
            continue
        if draft.whole is not None and not _is_one_gradient(check, one, s.gradient, layout):
            continue  # the line is another formula for arrays, and may be wrong: backprop's is neither
        if _holds(check, whole, s, boxes, bad):
            kept.append(replace(s, proof_text=f"{s.proof_text}; {FOR_ALL}" if s.proof_text else FOR_ALL))
    return tuple(kept)


def _replaced(check: Check, draft: Draft, s: Suggestion) -> Check | None:
    """The question with a suggestion followed; None where its text means nothing there."""
    if draft.whole is None:
        return None if s.new_pass is None else with_pass(check, draft, s.new_pass)
    return replaced_check(check, draft, Replaceable(s.gradient, -1, s.source, s.start, s.end), s.replacement)


# ---------------------------------------------------------------- the case of numbers


def _layout(case: Case, draft: Draft) -> ArrayShapes | None:
    """The arrays of a case with one output, an array that its inputs can be broadcast to; None for any other case."""
    if len(case.programs.outputs) != 1 or draft.forward.output_name != TOTAL or case.given is not None or any(c.input.endswith("]") or c.name.endswith("]") for c in draft.implementation.gradients or ()):
        return None
    (output,) = case.programs.outputs
    flow = upstream_name(output)
    shapes = {**dict(case.shapes), output: dict(case.shapes).get(flow, ())}
    shape = shapes[output]
    if not shape or not prod(shape) or flow in map(base, case.fixed) or any(name in dict(case.shapes) for name in map(base, case.fixed)):
        return None
    try:
        if any(np.broadcast_shapes(own, shape) != shape for own in shapes.values()):
            return None
    except ValueError:
        return None
    return ArrayShapes(shapes, output)


def _of_numbers(case: Case, draft: Draft, layout: ArrayShapes, fmt: str) -> Case | None:
    """The case with numbers in the place of arrays, and one implementation; None where its texts mean nothing of numbers."""
    flow = upstream_name(layout.output)
    names = tuple(dict.fromkeys(base(name) for name in case.inputs if base(name) != flow))
    bounds: dict[str, list[tuple[str, str]]] = {}
    for name, ends in case.domain:
        bounds.setdefault(base(name), []).append(ends)
    counts = {name: prod(layout.shapes.get(name, ())) for name in names}
    domain = tuple((name, (min((low for low, _ in found), key=float), max((high for _, high in found), key=float))) for name in names if len(found := bounds.get(name, [])) == counts[name])
    if any((low, high) == (low, low) and counts[name] > 1 for name, (low, high) in domain):
        return None
    choices: dict[str, tuple[str, ...]] = {}
    for name, values in case.choices:
        choices[base(name)] = tuple(dict.fromkeys((*choices.get(base(name), ()), *values)))
    listed: list[Point] = []
    for point in case.points:
        texts = dict(point.values)
        for component in components("", layout.shape):
            listed.append(Point(tuple((name, next(texts[c] for c in components(name, layout.shapes.get(name, ())) if layout.belongs(c, component))) for name in names), point.place))
    inputs = Inputs(
        names,
        (),
        tuple(listed[:: max(1, len(listed) // MOST_LISTED)]),
        domain,
        tuple((name, choices[name]) for name in names if name in choices),
        tuple(name for name in names if name in set(map(base, case.parameters))),
        tuple(name for name in names if name in set(map(base, case.fixed))),
    )
    implementation = replace(draft.implementation, formats=())
    programs, inputs, complaints = programs_of(inputs, function=case.function, implementations=(implementation,))
    if programs is None or complaints or len(programs.drafts[0].claims) == 0 or programs.drafts[0].misshapen:
        return None
    return replace(
        case, inputs=inputs.names, points=inputs.points, implementations=(implementation,), programs=programs, shapes=(), domain=inputs.domain, choices=inputs.choices,
        parameters=inputs.parameters, fixed=inputs.fixed, outputs=(), formats=(fmt,), upstream="1", residuals=(), published=(), expect=(),
    )  # fmt: skip


def of_components(found: Sequence[FloatPoint], inputs: Sequence[str], names: Sequence[str], layout: ArrayShapes) -> tuple[FloatPoint, ...]:
    """The points of numbers that the components of points of arrays are."""
    parts = components("", layout.shape)
    columns = [[next(i for i, leaf in enumerate(inputs) if base(leaf) == name and layout.belongs(leaf, part)) for name in names] for part in parts]
    return tuple(dict.fromkeys(tuple(p[i] for i in column) for p in found for column in columns))[:MOST_WORST]


# ---------------------------------------------------------------- whether it holds for every component


def _is_one_gradient(arrays: Check, number: Check, gradient: str, layout: ArrayShapes) -> bool:
    """Whether every component of a gradient is the same gates as that of numbers, of the inputs that stand beside it."""
    claims = [c for c in arrays.subject.claims if base(c[1]) == gradient]
    variables = {base(v) for v, _ in claims}
    program, names = arrays.subject.program, number.subject.program.names
    if not claims or len(variables) != 1 or layout.shapes.get(next(iter(variables))) != layout.shape or gradient not in names:
        return False
    return are_one_formula([(program, program.names[name], layout.component(variable)) for variable, name in claims], (number.subject.program, names[gradient], ""), layout)


def _holds(check: Check, new: Check, s: Suggestion, boxes: Sequence[InputRanges], bad: Sequence[FloatPoint]) -> bool:
    """Whether a replacement that every component has is proved for one of them, whatever flows in, and makes no verdict worse where all components are judged."""
    claims = [c for c in new.subject.claims if base(c[1]) == s.gradient]
    most = max(FEWEST_ARRAYS, MOST_JUDGED_COMPONENTS // len(check.subject.claims))
    tried = [*bad[:most], *drawn([tuple(b) for b in boxes], check.format, count=min(FURTHER_ARRAYS, most), seed=5)]
    if s.proof == PROVED and isinstance(identity_of(new, claims[0], boxes), NotAccepted):
        return False
    return not _is_worse_somewhere(check, replace(new, subject=Subject(new.subject.program, check.subject.claims)), tried)


def _is_worse_somewhere(check: Check, new: Check, tried: Sequence[FloatPoint]) -> bool:
    """Whether some component has a worse verdict than before at some of the points."""
    both = zip(judged_all(new, tried), judged_all(check, tried), strict=True)
    return any(is_worse(a, b) for after, before in both for a, b in zip(after, before, strict=True))


def is_one_function(arrays: Program, number: Program, layout: ArrayShapes) -> bool:
    """Whether every component of the output is the function of numbers of what stands beside it."""
    whole = [(arrays, arrays.names.get(name, -1), layout.component(name)) for name in components(layout.output, layout.shape)]
    return all(step >= 0 for _, step, _ in whole) and are_one_formula(whole, (number, number.output, ""), layout)


def are_one_formula(parts: Sequence[tuple[Program, int, str]], one: tuple[Program, int, str], layout: ArrayShapes) -> bool:
    """Whether some steps, each that of a component, are the same gates as another one, or as a step of a program of numbers (whose component is empty), of the inputs that belong to the component."""
    flow = upstream_name(layout.output)
    known: dict[tuple[object, ...], int] = {}

    def numbered(program: Program, step: int, component: str) -> int:
        at: dict[int, int] = {}
        for i in sorted(ancestors(program, step)):
            s = program.steps[i]
            if s.gate == "copy":
                at[i] = at[s.args[0]]
                continue
            name = s.text
            if s.gate == "input" and component:
                if not layout.belongs(name, component):
                    return -1
                name = base(name)
            gate, name = ("upstream", "") if s.gate == "upstream" or (s.gate == "input" and name == flow) else (s.gate, name if s.gate in LEAVES else "")
            at[i] = known.setdefault((gate, name, *(at[a] for a in s.args)), len(known))
        return at[step]

    wanted = numbered(*one)
    return wanted >= 0 and all(numbered(*part) == wanted for part in parts)


__all__ = ["FOR_ALL", "ArrayShapes", "are_one_formula", "improve_components", "is_one_function", "of_components"]
