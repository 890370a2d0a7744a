"""The callables of case files: each is loaded from its file and checked by the door of its framework, in a process that may be lost."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import io
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from verifier.callable.case_function import truth_over
from verifier.callable.question import Opened, Question, flowing
from verifier.callable.report import UNMET, expectation_of, report_of
from verifier.case import points
from verifier.case.case import POINTS, Call, Case, Implementation, calls_of, without_calls
from verifier.case.components import base
from verifier.case.outputs import upstream_name
from verifier.language.formats import format_named
from verifier.language.numeral import exact
from verifier.language.verdict import Verdict
from verifier.report import assemble
from verifier.report.outcome import CaseReport, Finding, joined_suggestions
from verifier.run.cache import NO_CACHE, Cache
from verifier.run.limit import OutOfTime
from verifier.trace.places import raised_at
from verifier.trace.record import Floats, Refusal
from verifier.trace.recorder import components
from verifier.verify import verify

PACKAGES = {"numpy": ("numpy", "NumPy"), "torch": ("torch", "PyTorch"), "jax": ("jax", "JAX")}  # what is imported, and its name
SHARED = ("builtins", "math", "random", "numpy", "numpy.linalg", "numpy.random", "torch", "torch.nn.functional", "torch.autograd", "jax", "jax.numpy", "jax.nn", "jax.lax")  # libraries whose names must stay what they are
SEED = 20_240_229  # of the weights that a module draws when it is made


MOST_TEXT = 300  # characters of an error of the user's code


class CallProblem(ValueError):
    """Why a callable cannot be called as its case says."""


def shared_state(case: Case) -> dict[str, object]:
    """What the code of one case might change for the next one in the same process: names of the libraries, the current folder, settings of Python and NumPy."""
    for framework in {i.call.framework for i in calls_of(case) if i.call is not None}:
        if importlib.util.find_spec(PACKAGES[framework][0]) is not None:
            importlib.import_module(f"verifier.{framework}")
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(SEED)  # whose first call replaces it
    found: dict[str, object] = {f"{library}.{name}": id(value) for library in SHARED if library in sys.modules for name, value in list(vars(sys.modules[library]).items())}
    handlers = {s.name: signal.getsignal(s) for s in signal.Signals}
    return found | {"folder": str(Path.cwd()), "errors of NumPy": np.geterr(), "recursion": sys.getrecursionlimit(), "signals": handlers, "output": (id(sys.stdout), id(sys.stderr)), "trace": sys.gettrace()}


def verify_with_calls(case: Case, *, strict: bool = False, cache: Cache = NO_CACHE) -> CaseReport:
    """The report of a case some of whose implementations are callables: of its texts, and of every callable whose framework is installed.

    The callables are run in any case; `cache` has the proofs and diagnoses of earlier runs, each by the content of the program that was traced.
    """
    texts = without_calls(case)
    whole = verify(texts, strict=strict, cache=cache) if case.programs.drafts else CaseReport(case.name, case.file, case.place.line, "passed", basis="traced")
    parts, missing = [], []
    for implementation in calls_of(case):
        assert implementation.call is not None
        package, name = PACKAGES[implementation.call.framework]
        if importlib.util.find_spec(package) is None:
            missing.append(f"{implementation.name} was not checked: {name} is not installed")
            continue
        if len(points.real_points(case)) < len(case.points):
            missing.append(f"{implementation.name} was not checked at points with an infinity or NaN: a callable is checked at finite points only")
        with _output_on_the_error_stream():
            parts += _reports(case, implementation, implementation.call, strict=strict, cache=cache)
    return _joined(case, whole, parts, missing)


# ---------------------------------------------------------------- one callable


def _reports(case: Case, implementation: Implementation, call: Call, *, strict: bool, cache: Cache) -> list[CaseReport]:
    """The reports of one callable: one for each combination of the parameters' values."""
    try:
        return [_report(case, implementation, call, group, strict=strict, cache=cache) for group in _groups(case)]
    except OutOfTime:
        raise
    except BaseException as error:  # SystemExit as well: whatever the user's code raises costs its own case
        if isinstance(error, KeyboardInterrupt) and multiprocessing.parent_process() is None:
            raise  # somebody's Ctrl-C, which no other process gets
        place = raised_at(error, innermost=True)
        if isinstance(error, CallProblem | Refusal) or (place is None and isinstance(error, ValueError | TypeError)):
            return [_unusable(case, implementation, f"{call.text}: {error}")]
        text = _text_of(error)
        return [_unusable(case, implementation, f"{call.text} raises {type(error).__name__}{': ' if text else ''}{text}{f', at {place}' if place is not None else ''}")]


def _text_of(error: BaseException) -> str:
    """The text of an error of the user's code; '' where it has none that can be read."""
    try:
        return str(error)[:MOST_TEXT]
    except Exception:  # noqa: BLE001 - the user's own class
        return ""


def _unusable(case: Case, implementation: Implementation, message: str) -> CaseReport:
    report = assemble.unusable(case, message)
    return replace(report, findings=tuple(replace(f, place=implementation.place, implementation=implementation.name) for f in report.findings))


@dataclass(frozen=True)
class _Batch:
    """The points with the same values of the parameters: components of the inputs by point, and the parameters as they are passed."""

    rows: tuple[dict[str, float], ...]
    parameters: Mapping[str, tuple[str, ...]]  # the texts of the components


def _groups(case: Case) -> list[_Batch]:
    """The listed points, by the values of their parameters; where none is listed one of the sample, or of the domain."""
    flows = {upstream_name(o) for o in case.outputs}
    named = [n for n in case.parameters if base(n) not in flows]
    real = points.real_points(case)
    if case.points and not real:
        raise CallProblem("every listed point has an infinity or NaN, and a callable is checked at finite points only; list a finite point")
    rows = [dict(p.values) for p in real] or [_start(case)]
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[n] for n in named), []).append(row)
    found = []
    for texts, members in groups.items():
        parameters: dict[str, tuple[str, ...]] = {}
        for name, text in zip(named, texts, strict=True):
            parameters[base(name)] = (*parameters.get(base(name), ()), text)
        found.append(_Batch(tuple({n: float(exact(t)) for n, t in row.items()} for row in members), parameters))
    return found


def _start(case: Case) -> dict[str, str]:
    """A point of the domain, where none is listed: the first of the sample, or one in the middle."""
    fmt = format_named(case.formats[0])
    if case.sample:
        return dict(zip(case.inputs, map(repr, points.sampled(case, fmt)[0]), strict=True))
    choices = dict(case.choices)
    found = {}
    for k, (name, ends) in enumerate(zip(case.inputs, points.domain_of(case), strict=True)):
        low, high = max(ends[0], -2.0 + min(ends[1], 0.0)), min(ends[1], 2.0 + max(ends[0], 0.0))
        found[name] = choices[name][0] if name in choices else repr(low + (high - low) * ((3 * k + 2) % 7 + 1) / 8)
    return found


def _report(case: Case, implementation: Implementation, call: Call, group: _Batch, *, strict: bool, cache: Cache) -> CaseReport:
    formats = implementation.formats or case.formats
    opened = _opened(case, call, group, formats[0])
    if isinstance(opened, CaseReport):
        expected = {base(e.gradient) for e in case.expect if e.implementation == implementation.name and e.verdict == Verdict.WRONG.value}
        findings = tuple(replace(f, implementation=implementation.name, expected=f.gradient in expected) for f in opened.findings)
        return replace(opened, findings=findings, status="failed" if any(not f.expected for f in findings) else "passed")
    callee = replace(opened.callee, name=implementation.name)
    values = [{n: _array(row, n, shape) if n in case.inputs or components(n, shape)[0] in case.inputs else opened.values[n] for n, shape in callee.inputs.items()} for row in group.rows]
    bounds, choices = dict(case.domain), dict(case.choices)
    own = {c: repr(float(v)) for n, s in callee.inputs.items() if components(n, s)[0] not in case.inputs for c, v in zip(components(n, s), np.ravel(opened.values[n]), strict=True)}
    question = Question(
        callee,
        values[0],
        _upstream(case, opened, group.rows[0]),
        formats,
        truth_over(case, group.parameters) if case.programs.truth.output >= 0 else None,
        {**bounds, **{c: (t, t) for c, t in own.items()}} if bounds or own else None,
        case.sample,
        case.hunt,
        case.accept.of(implementation.name, implementation.accept),
        strict,
        tuple(values[1:]),
        {**choices, **{c: (t,) for c, t in own.items()}},
        tuple(e for e in case.expect if e.implementation == implementation.name),
        min(case.budget, Question.budget),
        case.improve,
        case.certify.of(implementation.name, implementation.certify),
        case.assume,
        scope=POINTS if case.scope == POINTS else None,
        cache=cache,
    )
    return report_of(question)


def _array(row: Mapping[str, float], name: str, shape: tuple[int, ...]) -> Floats:
    return np.array([row[c] for c in components(name, shape)], dtype=np.float64).reshape(shape)


def _upstream(case: Case, opened: Opened, row: Mapping[str, float]) -> dict[str, Floats]:
    """What flows in: the numbers of the case, where it has some, else numbers without pattern."""
    callee = opened.callee
    if case.outputs and len(case.outputs) == len(callee.upstreams):
        given = {o: _array(row, upstream_name(n), s) for n, (o, s) in zip(case.outputs, callee.upstreams.items(), strict=True) if set(components(upstream_name(n), s)) <= set(row)}
        return flowing(callee, given, np.asarray)
    if case.has_upstream or (case.programs.truth.output >= 0 and list(callee.upstreams.values()) == [()]):
        return {o: np.full(s, float(exact(case.upstream))) for o, s in callee.upstreams.items()}
    return flowing(callee, None, np.asarray)


# ---------------------------------------------------------------- loading and calling


def _opened(case: Case, call: Call, group: _Batch, fmt: str) -> Opened | CaseReport:
    """The callable at the door of its framework, with the inputs and parameters of a point."""
    folder = Path(case.file).parent if Path(case.file).is_file() else Path()
    door = importlib.import_module(f"verifier.{call.framework}")
    if call.framework == "torch":
        import torch

        torch.manual_seed(SEED)
    fn = _ready(_found(folder, call.file, call.name), call.framework)
    backward = _found(folder, *call.backward) if call.backward is not None else None
    shapes = dict(case.shapes)
    inputs = {n: shapes.get(n, ()) for n in dict.fromkeys(map(base, case.inputs))}
    constants = {n: _constant(texts, inputs[n]) for n, texts in group.parameters.items()}
    names = _in_order(fn, [n for n in inputs if n not in {upstream_name(o) for o in case.outputs}])
    given: dict[str, Any] = {n: constants[n] if n in constants else _array(group.rows[0], n, inputs[n])[()] for n in names}
    options: dict[str, Any] = {"backward": backward, "names": names}
    if call.framework == "torch":
        given = {n: _tensor(v, is_input=n not in constants) for n, v in given.items()}
        options["names"] = [n for n in names if n not in constants or getattr(given[n], "dtype", None) is torch.float64]
        options["fixed"] = {n: group.parameters[n] for n in options["names"] if n in case.fixed}
    else:
        given = {n: float(v) if isinstance(v, np.floating) else v for n, v in given.items()}
        options["fixed"] = dict(group.parameters)
    if call.framework == "jax":
        options["fmt"] = fmt
    return door.opened_at(fn, list(given.values()), **options)  # type: ignore[no-any-return]


def _tensor(value: Any, *, is_input: bool) -> Any:
    import torch

    if is_input:
        return torch.tensor(value, dtype=torch.float64, requires_grad=True)
    return torch.tensor(value) if isinstance(value, np.ndarray) else value


def _constant(texts: Sequence[str], shape: tuple[int, ...]) -> Any:
    """A parameter as it is passed: whole numbers as such, others as floats."""
    is_whole = all(t.removeprefix("-").isdecimal() for t in texts)
    numbers = [int(t) if is_whole else float(exact(t)) for t in texts]
    return np.array(numbers).reshape(shape) if shape else numbers[0]


_loaded: dict[str, ModuleType] = {}


def _found(folder: Path, file: str, name: str) -> Any:
    """What has this name in a file. Raises CallProblem."""
    path = str(folder / file)
    if path not in _loaded:
        own = f"_called_{len(_loaded)}_{Path(file).stem}"
        spec = importlib.util.spec_from_file_location(own, path)
        if spec is None or spec.loader is None:
            raise CallProblem("the file cannot be loaded as Python")
        module = importlib.util.module_from_spec(spec)
        sys.modules[own] = module
        own_folder = str(Path(path).resolve().parent)
        before = list(sys.path)
        sys.path.insert(0, own_folder)  # for what it imports from there
        try:
            spec.loader.exec_module(module)
        finally:
            with contextlib.suppress(ValueError):  # the code may have changed the list
                sys.path.remove(own_folder)
            sys.path += [p for p in before if p not in sys.path]  # what is loaded where it is needed, as SymPy, is found there
        _loaded[path] = module
    found: Any = _loaded[path]
    for part in name.split("."):
        if not hasattr(found, part):
            raise CallProblem(f"'{path}' has no '{name}'")
        found = getattr(found, part)
    return found


def _ready(fn: Any, framework: str) -> Any:
    """The callable of a class: its instance, or the `apply` of a torch Function; a module computes in float64 where nothing else is asked for."""
    if framework == "torch":
        import torch

        if isinstance(fn, type) and issubclass(fn, torch.autograd.Function):
            return getattr(fn, "apply")  # noqa: B009 - torch's classes have no types here
        fn = fn() if isinstance(fn, type) else fn
        return fn.double() if isinstance(fn, torch.nn.Module) else fn
    return fn() if isinstance(fn, type) else fn


def _in_order(fn: Any, names: list[str]) -> list[str]:
    """The names of the case in the order of the callable's arguments; in that of the case, where the arguments have other names."""
    plain = inspect.unwrap(fn)
    owner = getattr(plain, "__self__", None)
    if isinstance(owner, type) and hasattr(owner, "forward") and plain.__name__ == "apply":
        plain = owner.forward
    elif not inspect.isroutine(plain) and hasattr(plain, "forward"):
        plain = plain.forward
    try:
        known = [n for n, p in inspect.signature(plain).parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        return names
    return [n for n in known if n in names] if set(names) <= set(known) else names


# ---------------------------------------------------------------- one report


def _joined(case: Case, whole: CaseReport, parts: Sequence[CaseReport], missing: Sequence[str]) -> CaseReport:
    """The report of the texts and those of the callables as one."""
    everything = [whole, *parts]
    findings = _once_met([f for r in everything for f in r.findings], parts)
    proofs = _proofs(everything)
    is_checked = bool(parts) or bool(case.programs.drafts)
    fails = any(f.severity == "error" and not f.expected for f in findings)
    status = "error" if any(r.status == "error" for r in everything) else "failed" if fails else "passed" if is_checked else "skipped"
    return replace(
        whole,
        status=status,
        proofs=proofs,
        proof_notes={name: {g: note for g, note in notes.items() if g in proofs.get(name, {})} for r in everything for name, notes in r.proof_notes.items()},
        results=tuple(x for r in everything for x in r.results),
        sweeps=tuple(x for r in everything for x in r.sweeps),
        findings=tuple(dict.fromkeys(findings)),
        notes=tuple(dict.fromkeys([*(x for r in everything for x in r.notes), *missing])),
        regions=tuple(x for r in everything for x in r.regions),
        bounds=tuple(x for r in everything for x in r.bounds),
        suggestions=joined_suggestions(everything),
        basis="sampled" if any(r.basis == "sampled" for r in parts) else "traced" if parts else whole.basis,
        computed_by=", ".join(dict.fromkeys(r.computed_by for r in parts if r.computed_by)),
    )


def _proofs(reports: Sequence[CaseReport]) -> dict[str, dict[str, str]]:
    """What is proved of every gradient: with some values of the parameters refuted is refuted; else what is said with all of them."""
    found: dict[str, dict[str, set[str]]] = {}
    count = Counter(name for r in reports for name in r.proofs)
    for report in reports:
        for name, proofs in report.proofs.items():
            for gradient, kind in proofs.items():
                found.setdefault(name, {}).setdefault(gradient, set()).add(kind)
    runs = Counter((name, gradient) for r in reports for name, proofs in r.proofs.items() for gradient in proofs)
    return {
        name: {g: "refuted" if "refuted" in kinds else min(kinds) for g, kinds in proofs.items() if "refuted" in kinds or (len(kinds) == 1 and runs[name, g] == count[name])}
        for name, proofs in found.items()
    }


def _once_met(findings: Sequence[Finding], parts: Sequence[CaseReport]) -> list[Finding]:
    """The findings, an expected verdict that does not occur only where it occurs with no values of the parameters."""
    reports = Counter(p.name for p in parts)
    unmet = Counter(expectation_of(f) for p in parts for f in dict.fromkeys(p.findings) if f.code == UNMET)
    return [f for f in findings if f.code != UNMET or unmet[expectation_of(f)] in (0, reports[f.implementation])]


@contextlib.contextmanager
def _output_on_the_error_stream() -> Iterator[None]:
    """What callables print goes to the error stream: the report alone stands on the standard output.

    In a process of its own that holds for good, also for what a library writes by itself.
    """
    if multiprocessing.parent_process() is not None:
        os.dup2(2, 1)
    with contextlib.redirect_stdout(sys.stderr if sys.stderr is not None else io.StringIO()):
        yield

