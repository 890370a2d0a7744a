"""The question about a callable: at which numbers, in which formats, against which truth; and the head that the doors of all frameworks share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from verifier.callable.claimed_bounds import assumed_in, claimed_in
from verifier.callable.claimed_where import WORDS
from verifier.case.accept import NO_LIMIT, Accept
from verifier.case.case import DOMAIN, Expectation, ImproveRequest
from verifier.case.certified import NO_CLAIM, Certify
from verifier.circuit.program import Program
from verifier.language.formats import Format, format_named, round_exact
from verifier.language.source import Source, suggestion
from verifier.run.cache import NO_CACHE, Cache
from verifier.trace.flows import pattern
from verifier.trace.record import Callee, Floats, Values, flat
from verifier.trace.recorder import components

COMPUTED = ("float64", "float32", "float16", "bfloat16")  # formats in which frameworks compute

TruthOf: TypeAlias = Callable[[Program, Callee], tuple[Source, Program]]  # the traced program -> the function as it is written, and as a program over the same inputs


@dataclass(frozen=True)
class Opened:
    """A callable with the numbers that it is given, as a door has it."""

    callee: Callee
    values: Values
    format: str  # of the inputs


@dataclass(frozen=True)
class Question:
    """What is asked about a callable: where, in which formats, against which truth."""

    callee: Callee
    values: Values
    upstream: Values
    formats: tuple[str, ...]
    function: str | TruthOf | None = None
    domain: Mapping[str, tuple[str, str]] | None = None  # decimal text, of an input or of one of its components
    sample: int = 0
    hunt: bool = False
    accept: Accept = NO_LIMIT
    strict: bool = False
    further: tuple[Values, ...] = ()  # values at the points that are listed beside the first
    choices: Mapping[str, tuple[str, ...]] | None = None  # of an input or a component whose values are listed
    expect: tuple[Expectation, ...] = ()  # of this implementation
    budget: int = 2_000  # points that a hunt may judge: each is a call
    improve: ImproveRequest | None = None  # better arrangements are asked for
    certify: Certify = NO_CLAIM  # what is claimed of the error in the whole domain
    assume: tuple[tuple[str, str], ...] = ()  # per library function, within how many ulps it is: for `certify`
    scope: str | None = None  # where the gradients are claimed beside the points: a condition; "points": nowhere; None: everywhere
    cache: Cache = NO_CACHE  # what earlier runs proved and diagnosed


def ask(
    opened: Opened,
    *,
    function: str | None,
    formats: Sequence[str] | str | None,
    domain: Mapping[str, tuple[float, float]] | None,
    scope: str | None = None,
    sample: int,
    hunt: bool,
    accept: float | Mapping[str, float] | None,
    upstream: Any,
    strict: bool,
    numbers: Callable[[Any], Floats],
    improve: float | None = None,
    certify: str | Mapping[str, Any] | None = None,
    assume: Mapping[str, float] | None = None,
) -> Question:
    """The question that the arguments of `check` ask; `numbers` gives the numbers of the framework's arrays. Raises ValueError where an argument makes no sense."""
    callee, values = opened.callee, opened.values
    chosen = (formats,) if isinstance(formats, str) else tuple(formats) if formats is not None else (opened.format,)
    for name in chosen:
        if name not in COMPUTED:
            raise ValueError(f"formats: '{name}' is no format that a framework computes in; there are {', '.join(COMPUTED)}{suggestion(name, COMPUTED)}")
    for name, array in values.items():
        if not np.all(np.isfinite(array)):
            raise ValueError(f"the input '{name}' has a value that is not finite: there is no gradient at it; pass a mask as a constant, by functools.partial or a closure")
    for name, bounds in (domain or {}).items():
        if name not in callee.inputs:
            raise ValueError(f"domain: '{name}' is no input of {callee.name}{suggestion(name, callee.inputs)}; its inputs are {', '.join(callee.inputs)}")
        if len(bounds) != 2 or not float(bounds[0]) <= float(bounds[1]):
            raise ValueError(f"domain: '{name}' must have a lowest and a highest value, such as (-10, 10)")
    if improve is not None and not 0.0 < improve < math.inf:
        raise ValueError(f"improve is {improve}; it must be a number of seconds")
    claims = claimed_in(certify, callee.name, list(callee.inputs))
    if claims.claims_something and not domain:
        raise ValueError("certify is for all numbers of a domain; state it, such as domain={'x': (-10, 10)}")
    if claims.claims_something and scope not in (None, *WORDS):
        raise ValueError("certify is for all numbers of the domain, and scope leaves some out; give a domain inside of it")
    if sample < 0:
        raise ValueError(f"sample is {sample}; it must be a number of points")
    limit = accept["ulps"] if isinstance(accept, Mapping) else accept
    return Question(
        callee,
        values,
        flowing(callee, upstream, numbers),
        chosen,
        function,
        {**(_fixed(callee, values, domain) if claims.claims_something else {}), **{n: (repr(float(low)), repr(float(high))) for n, (low, high) in domain.items()}} if domain else None,
        sample=sample,
        hunt=hunt,
        accept=Accept(None if limit is None else repr(float(limit))),
        strict=strict,
        scope=None if scope == DOMAIN else scope,
        improve=None if improve is None else ImproveRequest(float(improve)),
        certify=claims,
        assume=assumed_in(assume),
    )


def _fixed(callee: Callee, values: Values, domain: Mapping[str, tuple[float, float]]) -> dict[str, tuple[str, str]]:
    """The inputs that have no interval, each component at the number that is given."""
    rest = [name for name in callee.inputs if name not in domain]
    return {c: (repr(x), repr(x)) for name in rest for c, x in zip(components(name, callee.inputs[name]), map(float, flat(values[name])), strict=True)}


def flowing(callee: Callee, upstream: Any, numbers: Callable[[Any], Floats]) -> dict[str, Floats]:
    """The gradients that flow in: those that are given, by name, in order or the only one; where none is, numbers without pattern."""
    found = {o: pattern(s, k) for k, (o, s) in enumerate(callee.upstreams.items())}
    given: dict[str, Any] = {}
    if isinstance(upstream, Mapping):
        given = dict(upstream)
    elif upstream is not None:
        listed = list(upstream) if isinstance(upstream, tuple | list) and len(found) != 1 else [upstream]
        if len(listed) != len(found):
            raise ValueError(f"upstream has {len(listed)} gradients, and {callee.name} has {len(found)} outputs: {', '.join(found)}")
        given = dict(zip(found, listed, strict=True))
    for name, value in given.items():
        if name not in found:
            raise ValueError(f"upstream: '{name}' is no output of {callee.name}{suggestion(name, found)}; its outputs are {', '.join(found)}")
        try:
            found[name] = np.broadcast_to(numbers(value), found[name].shape)
        except ValueError:
            raise ValueError(f"upstream: what flows into '{name}' has the shape {tuple(np.shape(value))}, and '{name}' has {found[name].shape}") from None
        if not np.all(np.isfinite(found[name])):
            raise ValueError(f"upstream: what flows into '{name}' has a value that is not finite")
    return {o: rounded(v, format_named(callee.narrow[o])) if o in callee.narrow else v for o, v in found.items()}


# ---------------------------------------------------------------- values


def rounded(values: Any, fmt: Format) -> Floats:
    """An array, each number rounded once to the format."""
    if fmt.name == "float64" and np.all(np.isfinite(values)):
        return np.array(values, dtype=np.float64)
    found = [round_exact(fmt, Fraction(v)) or v for v in flat(values)]
    return np.array(found, dtype=np.float64).reshape(np.shape(values))


def split(callee: Callee, point: Sequence[float]) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """The values of the inputs, and the gradients that flow in, of a point of the program."""
    values: dict[str, Floats] = {}
    flows: dict[str, Floats] = {}
    at = 0
    for target, shapes in ((values, callee.inputs), (flows, callee.upstreams)):
        for name, shape in shapes.items():
            size = math.prod(shape)
            target[name] = np.array(point[at : at + size], dtype=np.float64).reshape(shape)
            at += size
    return values, flows


def points_of(question: Question, fmt: Format) -> list[tuple[float, ...]]:
    """The points that are listed, as points of the program: rounded to the format."""
    flows = [x for v in question.upstream.values() for x in flat(rounded(v, fmt))]
    own = question.callee.kept_in(fmt)
    return [(*(x for n, v in values.items() for x in flat(rounded(v, own.get(n, fmt)))), *flows) for values in (question.values, *question.further)]


def held(callee: Callee, found: Sequence[tuple[float, ...]], fmt: Format) -> list[tuple[float, ...]]:
    """Points, each input in the format that it keeps."""
    own = callee.kept_in(fmt)
    if not own:
        return list(found)
    pairs = (split(callee, p) for p in found)
    return [tuple(x for values in pair for n, v in values.items() for x in flat(rounded(v, own.get(n, fmt)))) for pair in pairs]
