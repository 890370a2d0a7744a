"""A callable as a case with one implementation, and the truth that it is held against."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial

import numpy as np

from verifier.callable.claimed_where import condition_of
from verifier.callable.question import Question, held, points_of
from verifier.case import points
from verifier.case.case import DOMAIN, POINTS, Case, Draft, Implementation, Point, Programs
from verifier.case.certified import NO_CLAIM
from verifier.circuit import arrays
from verifier.circuit.expressions import build_expression
from verifier.circuit.program import TOTAL, Builder, Program
from verifier.circuit.statements import build_program
from verifier.compare.meant import meant_in, satisfied
from verifier.language.formats import Format
from verifier.language.source import CaseError, Source
from verifier.trace.record import Callee, Trace
from verifier.trace.recorder import components, upstream_name


def inputs_of(callee: Callee) -> Program:
    """A program without steps, whose inputs are those of every trace: the inputs of the callable, and then what flows in."""
    flows = {upstream_name(o): s for o, s in callee.upstreams.items()}
    names = tuple(c for group in (callee.inputs, flows) for n, s in group.items() for c in components(n, s))
    return Program((), names, {}, -1, parameters=frozenset(c for n, s in flows.items() for c in components(n, s)), shapes={n: s for n, s in {**callee.inputs, **flows}.items() if s})


def bare(question: Question, fmt: Format, point: tuple[float, ...] | None = None) -> Case:
    """The case of a callable without any implementation: its points, as far as they are known."""
    program = inputs_of(question.callee)
    return stated(question, program, point or (0.0,) * len(program.inputs), Programs(program, ()), (), None, fmt, scope=DOMAIN)


def drawn(question: Question, fmt: Format) -> list[tuple[float, ...]]:
    """The points of the sample."""
    if not question.sample:
        return []
    case = bare(question, fmt, points_of(question, fmt)[0])
    return held(question.callee, points.sampled(case, fmt, None if case.given is None else partial(satisfied, meant_in(case, fmt))), fmt)


def refuse_scope(question: Question) -> None:
    """Raise ValueError where `scope` is no condition on the inputs, or does not hold at the point that is given."""
    if question.scope in (None, POINTS):
        return
    fmt = question.callee.format_named(question.formats[0])
    point = points_of(question, fmt)[0]
    try:
        case = bare(question, fmt, point)
    except CaseError as error:
        raise ValueError(f"scope: {error.complaints[0].message.removesuffix(' in scope')}") from None
    if not satisfied(meant_in(case, fmt), [point])[0]:
        raise ValueError(f"scope: {question.scope} does not hold at the inputs that are given")


def case_of(question: Question, trace: Trace, fmt: Format) -> Case:
    """The traced callable as a case with one implementation."""
    callee, program = question.callee, trace.program
    function, truth = None, replace(program.forward_part(), parameters=program.parameters)
    if question.function is not None:
        function, truth = truth_of_function(question, program)
    implementation = Implementation(callee.name, callee.place)
    forward = truth if function is None else replace(program.forward_part(), parameters=program.parameters)
    draft = Draft(implementation, forward, program, trace.claims)
    scope = POINTS if question.scope == POINTS or trace.branches or trace.taken or (trace.iterations and question.function is None) else DOMAIN
    if scope == POINTS and question.scope != POINTS:
        question = without_bounds(question, "the code takes other ways at other values, and a bound would hold for one of them")
    return stated(question, trace.program, trace.point, Programs(truth, (draft,)), (implementation,), function, fmt, scope=scope)


def without_bounds(question: Question, reason: str) -> Question:
    """The question, of whose claims about the whole domain nothing can be shown."""
    return replace(question, certify=replace(question.certify, obstacle=reason))


def stated(question: Question, program: Program, point: tuple[float, ...], programs: Programs, implementations: tuple[Implementation, ...], function: Source | None, fmt: Format, scope: str) -> Case:
    """A case with these programs: its inputs, its point, its domain, and what it accepts."""
    callee = question.callee
    flows = {c for o, s in callee.upstreams.items() for c in components(upstream_name(o), s)}
    given: Source | None = None
    if question.scope not in (None, POINTS):
        given, condition = condition_of(str(question.scope), program)
        programs = replace(programs, given=condition)
    texts = tuple((n, repr(x)) for n, x in zip(program.inputs, point, strict=True))
    domain = {c: bounds for name, bounds in (question.domain or {}).items() for c in (components(name, callee.inputs[name]) if name in callee.inputs else [name])}
    fixed = {n: t for n, t in texts if n in flows}
    choices = {c: listed for name, listed in (question.choices or {}).items() for c in (components(name, callee.inputs[name]) if name in callee.inputs else [name])}
    return Case(
        callee.name,
        callee.place.file,
        callee.place,
        program.inputs,
        (Point(texts, callee.place),),
        implementations,
        programs,
        function=function,
        given=given,
        shapes=tuple((n, s) for n, s in program.shapes.items() if components(n, s) and components(n, s)[0] in program.inputs),
        domain=tuple((n, domain[n] if n in domain else (fixed[n], fixed[n])) for n in program.inputs if n in domain or n in fixed) if domain or question.sample else (),
        choices=(*((n, t) for n, t in choices.items() if n in program.inputs), *((n, (t,)) for n, t in fixed.items())),
        parameters=tuple(sorted(program.parameters)),
        outputs=tuple(callee.outputs),
        scope=scope,
        sample=question.sample,
        hunt=question.hunt,
        formats=(fmt.name,),
        accept=question.accept,
        expect=question.expect if implementations else (),
        certify=question.certify if implementations else NO_CLAIM,
        assume=question.assume,
    )


def truth_of_function(question: Question, program: Program) -> tuple[Source, Program]:
    """The function that the question states, as it is written and as a program over the inputs of a traced one. Raises CaseError."""
    assert question.function is not None
    return function_of(question.function, program, question.callee) if isinstance(question.function, str) else question.function(program, question.callee)


def function_of(text: str, program: Program, callee: Callee) -> tuple[Source, Program]:
    """`function` in the language of the case files as a program over the inputs of a traced one: its outputs, each times what flows in. Raises CaseError."""
    source = Source(text, "function", 1, 1, text, "function")
    built, complaints = (build_expression if _is_expression(text) else build_program)(source, program.inputs)
    if built is None:
        raise CaseError(complaints)
    b = Builder(built.inputs, list(built.steps), dict(built.names), list(built.lines))
    terms = []
    outputs = callee.outputs
    for name, shape in outputs.items():
        own = name if len(outputs) > 1 else built.output_name
        value = built.values.get(own, built.names.get(own))
        if value is None:
            raise CaseError([source.complaint(0, f"the function never sets '{name}', an output of the callable; a function of several lines sets each of them: {', '.join(outputs)}")])
        steps = np.asarray(value, dtype=np.int64)
        if steps.shape != shape:
            raise CaseError([source.complaint(0, f"the function has the shape {steps.shape}, the output '{name}' of the callable {shape}")])
        if name not in callee.upstreams:
            terms.append(steps.ravel())
            continue
        flow = np.array([program.inputs.index(c) for c in components(upstream_name(name), shape)], dtype=np.int64)
        terms.append(arrays.elementwise(b, "mul", flow, steps.ravel()))
    total = int(arrays.total(b, np.concatenate(terms)))
    return source, replace(b.program(total, output_name=TOTAL), parameters=program.parameters, shapes=dict(program.shapes))


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return False
    return True
