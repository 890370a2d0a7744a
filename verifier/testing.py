"""`assert_gradient`: a case judged at one point, for the tests of other projects."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from verifier.case.case import Case, only
from verifier.case.load import case_of, load_text
from verifier.compare.at_point import NamedValues, checks_in, in_order, judged_at
from verifier.compare.at_point import at as at_point
from verifier.compare.check import exceeds, keeps
from verifier.language.formats import format_named, round_exact
from verifier.language.source import CaseError
from verifier.language.verdict import Verdict
from verifier.report.assertion import assert_passed, refuse_unknown, warn


def assert_gradient(
    case: Case | str | None = None,
    point: NamedValues | None = None,
    *,
    function: str | None = None,
    forward: str | None = None,
    backward: str | None = None,
    at: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    gradients: Mapping[str, str] | None = None,
    formats: Sequence[str] | str | None = None,
    domain: Mapping[str, Any] | None = None,
    sample: int = 0,
    hunt: bool = False,
    accept: float | Mapping[str, Any] | None = None,
    upstream: Any = None,
    certify: str | Mapping[str, Any] | None = None,
    assume: Mapping[str, Any] | None = None,
    implementation: str | None = None,
    strict: bool = False,
    **unknown: Any,
) -> None:
    """Raise AssertionError, with the findings as text, where a gradient is not right.

    Either a case, or its text, is judged at a point (None: at the points of the case); or the texts of a case are given by
    themselves, as in a case file, and `at` is a point or a list of them:

        assert_gradient(function="sin(x)", backward="dx = cos(x) * dout", at={"x": 1})

    With `certify` and a `domain` no point is needed: the error is bounded for all numbers of the domain.

    A point has a number for every input, a list for an array. What warns is a GradientWarning; with `strict` it is not right either. Where nothing was checked, since every gradient is undefined, that is no pass. What the case
    expects of its own points is no excuse. Raises CaseError where the texts cannot be read, with the lines of the caller's file.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    if unknown:
        refuse_unknown(unknown, [n for n, p in inspect.signature(assert_gradient).parameters.items() if p.kind is p.KEYWORD_ONLY])
    _refuse_callables({"the case": case, "function": function, "forward": forward, "backward": backward, **{f"gradients[{k!r}]": v for k, v in (gradients.items() if isinstance(gradients, Mapping) else ())}})
    if case is None:
        case, point = _composed(sys._getframe(1), {"function": function, "forward": forward}, backward, at, gradients, {  # noqa: SLF001 - the file of whoever calls
            "formats": formats, "domain": domain, "sample": sample or None, "hunt": hunt or None, "accept": accept if accept is None or isinstance(accept, Mapping) else {"ulps": accept}, "upstream": upstream, "certify": certify, "assume": assume,
        }), None  # fmt: skip
    elif any(given for given in (function, forward, backward, at, gradients, formats, domain, sample, hunt, accept is not None, upstream is not None, certify is not None, assume is not None)):
        raise TypeError("give either a case, or its texts: function=, forward=, backward=, at=, ...")
    case = case_of(case) if isinstance(case, str) else case
    if implementation is not None:
        case = only(case, implementation)
    if point is not None:
        values = in_order(case, point)
        if (texts := _passes_at(case, values, strict=strict)) is not None:
            warn(texts)
            return
        case = at_point(case, values)
    from verifier.report.outcome import Report  # only for what fails: a first call must stay below Hypothesis' deadline for a test
    from verifier.verify import verify

    assert_passed(Report((verify(replace(case, expect=()), strict=strict),)))


def _composed(frame: FrameType, formulas: Mapping[str, str | None], backward: str | None, at: Any, gradients: Mapping[str, str] | None, values: Mapping[str, Any]) -> Case:
    """The case that the arguments of a call state."""
    from verifier.case.compose import CallSite, composed

    __tracebackhide__ = True
    if not any(formulas.values()):
        raise TypeError("give a case, or the function or the forward pass of one: assert_gradient(function='sin(x)', backward='dx = cos(x) * dout', at={'x': 1})")
    first, last, _, _ = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None, None, None, None))
    site = CallSite(frame.f_code.co_filename, first or frame.f_lineno, last or frame.f_lineno)
    points = None if at is None else _points(at)
    text, lines = composed(site, formulas, {"name": frame.f_code.co_name, "points": points, **values}, backward=backward, implementation="mine", gradients=gradients)
    loaded = load_text(text, file=_shown(site.file), lines=lines)
    if loaded.complaints:
        raise CaseError(loaded.complaints)
    return loaded.cases[0]


def _refuse_callables(given: Mapping[str, object]) -> None:
    """Raise TypeError where code stands for a text."""
    __tracebackhide__ = True
    for name, value in given.items():
        if callable(value):
            raise TypeError(f"{name} must be a text, such as 'sin(x)', not {value!r}; verifier.numpy.check(fn, *inputs, backward=...) checks functions of Python, and verifier.torch and verifier.jax check theirs")


def _points(at: object) -> list[Mapping[str, Any]]:
    """The points of a call, of which one may stand by itself. Raises TypeError where it is none."""
    __tracebackhide__ = True
    points: list[Any] = [at] if isinstance(at, Mapping) else list(at) if isinstance(at, Iterable) and not isinstance(at, str) else [at]
    for point in points:
        if not isinstance(point, Mapping):
            raise TypeError(f"at must be a point, with a number for every input, such as {{'x': 1}}, or a list of points; {point!r} is none")
    return points


def _shown(file: str) -> str:
    """A file as pytest shows it: relative to the current folder."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _passes_at(case: Case, values: tuple[float, ...], *, strict: bool) -> list[str] | None:
    """What is to be warned of at a point at which each gradient, quickly judged, is right; None where one may fail or none has a value."""
    found = []
    for name in case.formats:
        fmt = format_named(name)
        point = tuple(round_exact(fmt, Fraction(v)) or v for v in values)  # -0.0 stays -0.0
        if not all(map(math.isfinite, point)):
            return None  # `verify` says what is wrong with it
        for check in checks_in(case, fmt):
            judged = judged_at(check, point)
            if any(d.verdict.fails or (strict and d.verdict.warns) or exceeds(check.limit_for(d.name), d) for d in judged):
                return None
            found += [(d.verdict, f"{d.verdict.code} {check.implementation}.{d.name} {d.verdict.clause} ({name}, at {', '.join(f'{n}={v!r}' for n, v in zip(case.inputs, point, strict=True))})") for d in judged if not keeps(check.limit_for(d.name), d)]
    if found and all(verdict is Verdict.UNDEFINED for verdict, _ in found):
        return None
    return [text for verdict, text in found if verdict.code]
