"""The command line: parse, call verify, choose a report, exit status."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.config import Config, ConfigError, config_for
from verifier.language.source import CampaignError, Complaint, suggestion
from verifier.language.user_files import writing
from verifier.options import COMMANDS, IMPROVE_SECONDS, USAGE_ERROR, parsed, parser_for
from verifier.report.draw import FORMATS, drawn_edits
from verifier.report.draw.deliver import OutputClosed, abandon, deliver, painted, safe, say, visible
from verifier.report.draw.destinations import STANDARD_OUTPUT, Output, output, together, write, write_case
from verifier.report.draw.paint import Paint, paint_for
from verifier.report.draw.progress import live

if TYPE_CHECKING:
    from verifier.case.case import Case, ImproveRequest
    from verifier.case.load import Loaded
    from verifier.report.draw.mutants import CaseEdits
    from verifier.report.gate import CiGate
    from verifier.report.outcome import CaseReport
    from verifier.run.workers import Workers
    from verifier.search.mutate import Mutant

MOST_NAMES = 6  # of cases in a message
INTERRUPTED = 130  # as shells have it: 128 + SIGINT
NO_SVG = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf"))  # what these names promise is another format
COLLECTOR = (100_000, 50, 100)  # programs are tuples without cycles: at CPython's defaults a third of the time of 100,000 steps goes into looking for some


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    gc.set_threshold(*COLLECTOR)
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] not in COMMANDS and not words[0].startswith("-") and not os.path.exists(words[0]):  # noqa: PTH110
        hint = suggestion(words[0], COMMANDS)
        if hint and os.sep not in words[0] and "." not in words[0]:
            say(f"verifier: unknown command '{words[0]}'{hint}")
            return USAGE_ERROR
    try:
        if not words and not _is_configured():
            parser_for(RUNS).print_help()
            return USAGE_ERROR
        is_check = not words or words[0] not in (*COMMANDS, "-h", "--help", "--version")
        options = parsed(["check", *words] if is_check else words, RUNS)
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except OutputClosed as error:
        if str(error):
            say(f"verifier: {error}")
        abandon()
        return USAGE_ERROR
    except OSError as error:
        say(f"verifier: {error}" if error.filename is None else f"verifier: '{error.filename}': {error.strerror}")
        return USAGE_ERROR
    except CampaignError as error:
        say(f"verifier: {error}")
        return USAGE_ERROR
    except ConfigError as error:
        for complaint in error.complaints:
            say(str(complaint))
        return USAGE_ERROR
    except KeyboardInterrupt:
        say("verifier: interrupted")
        return INTERRUPTED


def _workers(options: argparse.Namespace) -> Workers:
    from verifier.run.workers import Workers

    workers = Workers(options.jobs, executor=options.executor, timeout=options.timeout, memory=options.memory, state=options.state, debug=options.debug)
    if workers.note:
        say(f"verifier: {workers.note}")
    return workers


def _is_configured() -> bool:
    """Whether a run without any word is one of a project: it checks the paths of the configuration, or says that there are none."""
    try:
        return config_for().file is not None
    except ConfigError:
        return True  # the run will tell


def _configured(options: argparse.Namespace) -> Config:
    """The configuration; the options that the command line leaves open take its values. Raises ConfigError, CampaignError."""
    config = config_for(options.paths)
    if config.select or config.ignore:
        from verifier.report.selection import check_codes

        check_codes(config)
    if not options.paths:
        options.paths = [config.path(p) for p in config.paths]
        if not options.paths:
            raise CampaignError("there is nothing to check: name case files and folders, or write paths = [...] under [tool.verifier] in pyproject.toml")
    for name in ("strict", "jobs", "select", "ignore"):
        if getattr(options, name, None) is None:
            setattr(options, name, getattr(config, name))
    options.strict, options.jobs = bool(options.strict), options.jobs or 0
    if hasattr(options, "baseline") and options.baseline is None and config.baseline is not None:
        options.baseline = config.path(config.baseline)
    if getattr(options, "format", None) is None and config.is_own:  # they may write files
        options.format = [_configured_output(config, text) for text in config.formats]
    return config


def _configured_output(config: Config, text: str) -> Output:
    """A format of the configuration, whose file stands in its folder. Raises ConfigError."""
    try:
        found = output(text)
    except ValueError as error:
        raise ConfigError([Complaint(config.place("formats"), f"formats: {error}")]) from None
    return replace(found, file=config.path(found.file)) if found.file else found


def _load(*paths: str, config: Config | None = None, needs_points: bool = True) -> Loaded:
    """The texts of the cases: callables are left out, and cases that have nothing else."""
    from verifier.case.case import without_calls
    from verifier.case.load import load

    loaded = load(*paths, allow_call=True, needs_points=needs_points, in_folders=_case_files(config))  # to read of them runs nothing
    return replace(loaded, cases=tuple(without_calls(c) for c in loaded.cases if c.programs.drafts))


def _case_files(config: Config | None) -> Callable[[str], bool] | None:
    return config.is_case_file if config is not None and config.files else None


def _load_with_calls(options: argparse.Namespace, config: Config, *, needs_points: bool = True) -> Loaded:
    """The cases with their callables, where these are allowed."""
    from verifier.case.callables import is_allowed_by_project
    from verifier.case.load import load

    allowed = is_allowed_by_project if options.allow_call is None else options.allow_call
    return load(*options.paths, allow_call=allowed, needs_points=needs_points, in_folders=_case_files(config))


def _complain(loaded: Loaded) -> None:
    for complaint in loaded.complaints:
        say(str(complaint))


def _hunt(options: argparse.Namespace) -> int:
    config = _configured(options)

    def loaded() -> Loaded:
        from verifier.case.case import without_claims

        found = _load_with_calls(options, config, needs_points=False)
        return replace(found, cases=tuple(replace(without_claims(c), hunt=True, points=(), sample=0, budget=options.budget, residuals=(), published=()) for c in found.cases))

    return _verified(loaded, config, options, what=("hunt", options.budget, options.strict))


def _certify(options: argparse.Namespace) -> int:
    config = _configured(options)

    def loaded() -> Loaded:
        from verifier.case.certified import UNITS, Claimed
        from verifier.case.claiming import claiming, problems

        stated = [Claimed(unit, getattr(options, name)) for name, unit in UNITS.items() if getattr(options, name) is not None]
        claim = stated[0] if stated else None if options.best is None else Claimed(UNITS[options.best])
        found = _load(*options.paths, config=config, needs_points=False)
        wrong = {i: told for i, c in enumerate(found.cases) if (told := problems(c, options.gradient))}
        cases = tuple(claiming(c, claim=claim, seconds=options.budget, gradient=options.gradient) for i, c in enumerate(found.cases) if i not in wrong)
        return replace(found, cases=cases, complaints=(*found.complaints, *(complaint for told in wrong.values() for complaint in told)))

    return _verified(loaded, config, options, what=("certify", options.ulps, options.absolute, options.best, options.budget, options.gradient, options.strict))


def _fuzz(options: argparse.Namespace) -> int:
    config = _configured(options)
    if options.save and os.path.lexists(options.save) and not Path(options.save).is_dir():
        raise CampaignError(f"--save {options.save}: this is a file; name a folder")
    loaded = _load(*options.paths, config=config)
    _complain(loaded)
    from verifier.many import campaigns
    from verifier.report.draw import finds
    from verifier.search.fuzz.campaign import save

    run = []
    with live([c.name for c in loaded.cases], sys.stderr) as shown, _workers(options) as workers:
        for found in campaigns(loaded.cases, workers, max_examples=options.max_examples, max_time=options.max_time, seed=options.seed, strict=options.strict):
            run.append(found)
            with shown.hidden():
                deliver(visible(finds.campaign(found, save(found.finds, options.save) if options.save else None)))
            shown.next()
    deliver(finds.summary(run, is_saved=bool(options.save)))
    if loaded.complaints or not loaded.cases or any(c.problem for c in run):
        return USAGE_ERROR
    return 1 if any(c.finds for c in run) else 0


def _check(options: argparse.Namespace) -> int:
    config = _configured(options)
    wish = _wish(options) if options.improve else None

    def loaded() -> Loaded:
        found = _load_with_calls(options, config)
        return found if wish is None else replace(found, cases=tuple(replace(c, improve=wish) for c in found.cases))

    options.no_cache |= wish is not None  # what a search finds depends on the time it has
    return _verified(loaded, config, options, what=("check", options.strict))


def _wish(options: argparse.Namespace) -> ImproveRequest:
    from verifier.case.case import ImproveRequest

    return ImproveRequest(getattr(options, "budget", IMPROVE_SECONDS), getattr(options, "implementation", ""), getattr(options, "gradient", ""))


def _improve(options: argparse.Namespace) -> int:
    config = _configured(options)
    wish = _wish(options)

    def loaded() -> Loaded:
        found = _load_with_calls(options, config, needs_points=False)
        cases = tuple(replace(c, improve=wish) for c in found.cases)
        if problem := _nothing_named(cases, wish):
            raise CampaignError(problem)
        return replace(found, cases=cases)

    written: list[CaseReport] = []
    status = _verified(loaded, config, options, what=("improve", wish), then=written.extend)
    if not options.write or status == INTERRUPTED:
        return status
    from verifier.adopt import adopt

    outcome = adopt(written, strict=options.strict)
    for line in outcome.lines:
        say(f"verifier: {line}")
    return USAGE_ERROR if outcome.is_refused else status if not outcome.files else outcome.status if status < USAGE_ERROR else status


def _nothing_named(cases: Sequence[Case], wish: ImproveRequest) -> str:
    """What is wrong with the names that the command line has of an implementation and a gradient."""
    names = list(dict.fromkeys(i.name for c in cases for i in c.implementations))
    if cases and wish.implementation and wish.implementation not in names:
        return f"there is no implementation '{wish.implementation}'{suggestion(wish.implementation, names) or f'; there are {_some(names)}'}"
    gradients = list(dict.fromkeys(g for c in cases for d in c.programs.drafts if wish.implementation in ("", d.implementation.name) for _, g in d.claims))
    if gradients and wish.gradient and wish.gradient not in gradients and all(i.call is None for c in cases for i in c.implementations):
        return f"there is no gradient '{wish.gradient}'{suggestion(wish.gradient, gradients) or f'; there are {_some(gradients)}'}"
    return ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def _nobody(_: Sequence[CaseReport]) -> None:
    """Nobody reads the reports afterwards."""


def _verified(load: Callable[[], Loaded], config: Config, options: argparse.Namespace, *, what: tuple[object, ...], then: Callable[[Sequence[CaseReport]], None] = _nobody) -> int:
    from verifier import reuse
    from verifier.report.outcome import Report
    from verifier.run.cache import Cache, opened

    try:
        wanted = together(options.format or ())
    except ValueError as error:
        say(f"verifier: {error}")
        return USAGE_ERROR
    gate, look, paint = _gate(options), {"quiet": options.quiet, "verbose": options.verbose}, paint_for(sys.stdout, options.color)
    has_cache = not (options.no_cache or options.state or options.debug or config.cache is False)  # a state has results of its own
    cache = opened() if has_cache else Cache(Path(), None)
    details = any(FORMATS[o.format].details for o in wanted)
    what = (*what, details)
    digests = reuse.digests_of(options.paths, cache, in_folders=_case_files(config))
    known = reuse.unchanged(digests, cache, what=what)
    if known is not None:
        report = Report(known)
        for case in known:
            write_case(gate.of(case), wanted, paint=paint, look=look)
    else:
        loaded = load()
        if all(o.file or FORMATS[o.format].is_alone for o in wanted):
            _complain(loaded)  # else they stand in the report, where people read it
        with live([c.name for c in loaded.cases], sys.stderr) as shown:

            def each(case: CaseReport) -> None:
                with shown.hidden():
                    write_case(gate.of(case), wanted, paint=paint, look=look)
                shown.next()

            report = reuse.verify_changed(loaded.cases, loaded.complaints, cache=cache, strict=options.strict, workers=partial(_workers, options), progress=shown.points, each=each, details=details)
        reuse.remember(digests, cache, what=what, cases=loaded.cases, complaints=loaded.complaints, strict=options.strict, details=details)
    if not report.is_interrupted:
        for line in gate.settle(report.cases):
            say(f"verifier: {line}")
    report = replace(report, cases=tuple(gate.of(c) for c in report.cases))
    write(report, wanted, paint=paint, look=look)
    then(report.cases)
    return INTERRUPTED if report.is_interrupted else report.exit_status


def _serve(options: argparse.Namespace) -> int:
    config = _configured(options)
    from verifier.serve import Watch, serve

    watch = Watch(options.paths, partial(_load_with_calls, options, config), _gate(options), options.strict, _case_files(config))
    serve(watch, port=options.port, say=lambda text: deliver(visible(f"{text}\n")))
    return 0


def _gate(options: argparse.Namespace) -> CiGate:
    """Which findings fail. Raises CampaignError."""
    from verifier.report.gate import gate_of

    if options.baseline is None and options.baseline_update:
        raise CampaignError("--baseline-update needs the file: --baseline FILE, or the key baseline under [tool.verifier] in pyproject.toml")
    return gate_of(options.select, options.ignore, options.baseline, writes=options.baseline_update)


def _diff(options: argparse.Namespace) -> int:
    from verifier.report import diff
    from verifier.report.draw.diff_text import render

    found = diff.between(diff.read(options.old), diff.read(options.new))
    deliver(painted(partial(render, found), paint_for(sys.stdout, options.color)))
    return 1 if found.worse else 0


def _show(options: argparse.Namespace) -> int:
    loaded = _load(options.path)
    _complain(loaded)

    cases = [c for c in loaded.cases if options.case in (None, c.name)]
    if not cases:
        _say_no_case(loaded, options)
        return USAGE_ERROR
    for case in cases:
        problem = _show_problem(case, options) or _no_array(cases, options)
        if problem:
            say(f"verifier: {problem}")
            return USAGE_ERROR
        draw = _gates_and_wires(case, options) if options.circuit else partial(_circuit, case, options)
        deliver(painted(draw, paint_for(sys.stdout, options.color)))
    return USAGE_ERROR if loaded.complaints else 0


def _say_no_case(loaded: Loaded, options: argparse.Namespace) -> None:
    """Say why there is nothing to show or to plot, where no complaint has said it."""
    names = [c.name for c in loaded.cases]
    if not names:
        if not loaded.complaints:
            say(f"verifier: '{options.path}' has no case that can be drawn: its implementations are callables")
        return
    shown = _some([f"'{name}'" for name in names])
    say(f"verifier: '{options.path}' has no case named '{options.case}'{suggestion(options.case, names) or f'; it has {shown}'}")


def _circuit(case: Case, options: argparse.Namespace, paint: Paint) -> str:
    from verifier.case.case import is_certified
    from verifier.report.draw import circuit

    parts = [circuit.render(case, paint=paint, implementation=options.implementation, point=options.point)] if _count_of_points(case) else []
    return "\n".join([*parts, _worst_cases(case, options, paint)]) if is_certified(case) else "".join(parts)


def _worst_cases(case: Case, options: argparse.Namespace, paint: Paint) -> str:
    """The certified bounds of a case, with all statements that make them."""
    from verifier.case.case import only
    from verifier.case.claiming import claiming
    from verifier.report.draw.bound_rows import ALL_LINES, bound_lines
    from verifier.verify import verify

    chosen = case if options.implementation is None else only(case, options.implementation)
    return "\n".join([f"{paint(case.name, bold=True)}  the worst case", *bound_lines(verify(claiming(chosen)), paint, most=ALL_LINES), ""])


def _count_of_points(case: Case) -> int:
    from verifier.case.points import real_points

    return len(real_points(case)) + case.sample


def _gates_and_wires(case: Case, options: argparse.Namespace) -> Callable[[Paint], str]:
    """What draws the circuits of a case with characters."""
    from verifier.report.circuits import diagram_of
    from verifier.report.draw import circuit_text

    names = [d.implementation.name for d in case.programs.drafts if options.implementation in (None, d.implementation.name)]
    found = [diagram_of(case, implementation=name, point=options.point, opened=frozenset(options.open)) for name in names]
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return lambda paint: "\n".join(circuit_text.render(d, paint=paint, ulps=options.ulps, encoding=encoding) for d in found)


def _no_array(cases: Sequence[Case], options: argparse.Namespace) -> str:
    """What is wrong with the arrays that are to be opened: one that no case has."""
    if not options.open:
        return ""
    from verifier.report.circuits import arrays_of

    known = [*dict.fromkeys(n for c in cases for n in arrays_of(c, options.implementation)), "*"]
    return next((f"{cases[0].name} has no array '{name}' to open{suggestion(name, known)}" for name in options.open if name not in known), "")


def _as_it_is(text: str, _: Paint) -> str:
    return text


def _plot(options: argparse.Namespace) -> int:
    loaded = _load(options.path)
    _complain(loaded)
    case = next((c for c in loaded.cases if options.case in (None, c.name)), None)
    if case is None:
        _say_no_case(loaded, options)
        return USAGE_ERROR
    if Path(options.output or "").suffix.lower() in NO_SVG:
        say(f"verifier: a drawing is SVG, so '{options.output}' would not open; write it to '{Path(options.output).with_suffix('.svg')}'")
        return USAGE_ERROR
    try:
        drawing = _drawing(case, options)
    except ValueError as error:
        say(f"verifier: {error}")
        return USAGE_ERROR
    if options.output and options.output != STANDARD_OUTPUT:
        with writing(options.output):
            Path(options.output).write_text(drawing, encoding="utf-8")
    else:
        deliver(visible(drawing))
    return USAGE_ERROR if loaded.complaints else 0


def _drawing(case: Case, options: argparse.Namespace) -> str:
    """A plot as SVG. ValueError says what is not there."""
    from verifier.language.formats import format_named
    from verifier.report.draw import svg, waterfall
    from verifier.report.legs import waterfalls

    names = [i.name for i in case.implementations]
    if options.implementation is not None and options.implementation not in names:
        raise ValueError(f"{case.name} has no implementation '{options.implementation}'{suggestion(options.implementation, names)}")
    format_named(options.form or case.formats[0])
    if options.circuit:
        from verifier.report.circuits import diagram_of
        from verifier.report.draw import circuit_svg

        problem = _no_array([case], options)
        if problem:
            raise ValueError(problem)
        found = diagram_of(case, implementation=options.implementation, point=options.point, form=options.form, opened=frozenset(options.open))
        return circuit_svg.svg(found, ulps=options.ulps)
    chosen = {"implementation": options.implementation, "gradient": options.gradient, "form": options.form, "point": options.point}
    if options.ledger:
        return waterfall.render(waterfalls(case, **chosen), title=f"{case.name}: from the exact gradient to the computed one")
    from verifier.report.plot import curves

    return svg.render(curves(case, over=options.over, **chosen), title=f"{case.name}: error of the gradient over {options.over}")


def _show_problem(case: Case, options: argparse.Namespace) -> str:
    names = [i.name for i in case.implementations]
    if options.implementation is not None and options.implementation not in names:
        return f"{case.name} has no implementation '{options.implementation}'{suggestion(options.implementation, names)}"
    from verifier.case.case import is_certified

    count = _count_of_points(case)
    if not count and options.point == 1 and is_certified(case):
        return ""
    return f"{case.name} has {count} {'point' if count == 1 else 'points'}, so there is no --point {options.point}" if not 1 <= options.point <= count else ""


def _mutate(options: argparse.Namespace) -> int:
    config = _configured(options)
    loaded = _load(*options.paths, config=config)
    _complain(loaded)
    from verifier.many import mutations

    total: list[Mutant] = []
    is_whole = True

    def edited() -> Iterator[CaseEdits]:
        nonlocal is_whole
        for case, found in zip(loaded.cases, mutations(loaded.cases, workers, most=options.most), strict=True):
            if isinstance(found, str):
                is_whole = False
                with shown.hidden():
                    say(f"verifier: {case.place}: {case.name}: {found}")
            else:
                total.extend(found)
                yield case.name, case.file, found
            shown.next()

    with live([c.name for c in loaded.cases], sys.stderr) as shown, _workers(options) as workers:
        for part in drawn_edits(options.format, edited(), every=options.all):
            with shown.hidden():
                deliver(safe(FORMATS[options.format].kind, partial(_as_it_is, part), paint_for(sys.stdout)))
    if loaded.complaints or not loaded.cases or not is_whole:
        return USAGE_ERROR
    return 1 if any(m.fate == "survived" for m in total) else 0


def _explain(options: argparse.Namespace) -> int:
    from verifier.report.catalogue import CATALOGUE, FindingKind, codes_from
    from verifier.report.draw import pages
    from verifier.report.glossary import WORDS, explained_all

    if options.markdown:
        deliver(pages.verdicts_markdown())
        return 0
    text = " ".join(options.word)
    if not text.strip():
        deliver(f"{pages.overview(CATALOGUE.values())}\nwords: {', '.join(WORDS)}\n")
        return 0
    if begun := codes_from(text):
        deliver(pages.overview(begun))
        return 0
    found = explained_all(text)
    if isinstance(found, str):
        known = [*CATALOGUE, *(e.name for e in CATALOGUE.values()), *WORDS]
        hint = suggestion(found.upper(), known) or suggestion(found, known)
        say(f"verifier: no finding and no word of a report is called '{found}'{hint or ';'} 'python -m verifier explain' lists them")
        return USAGE_ERROR
    deliver("\n".join(pages.explain(f) if isinstance(f, FindingKind) else pages.word(*f) for f in found))
    return 0


def _gates(options: argparse.Namespace) -> int:
    from verifier.report.draw import pages

    deliver(pages.gates_markdown() if options.markdown else pages.gates_text())
    return 0


def _schema(options: argparse.Namespace) -> int:
    import json

    from verifier.case.schema import case_schema
    from verifier.report.report_schema import report_schema

    deliver(json.dumps(report_schema() if options.report else case_schema(), indent=2) + "\n")
    return 0


def _new(options: argparse.Namespace) -> int:
    from verifier.start.new import new_case

    written = new_case(options.name)
    deliver(visible("".join(f"wrote {path}\n" for path in written) + f"check it: python -m verifier {shlex.quote(str(written[0]))}\n"))
    return 0


def _init(options: argparse.Namespace) -> int:
    from verifier.start.init import new_project

    there = "" if os.path.realpath(options.folder) == os.path.realpath(os.curdir) else f"go there: cd {shlex.quote(options.folder)}\n"
    deliver(visible("".join(f"{line}\n" for line in new_project(options.folder)) + f"{there}check its cases: python -m verifier\nrun its tests: python -m pytest cases\n"))
    return 0


def _completion(options: argparse.Namespace) -> int:
    from verifier.start.completion import script

    deliver(script(options.shell, options.commands))
    return 0


RUNS = {
    "check": _check,
    "hunt": _hunt,
    "improve": _improve,
    "fuzz": _fuzz,
    "certify": _certify,
    "show": _show,
    "plot": _plot,
    "mutate": _mutate,
    "diff": _diff,
    "explain": _explain,
    "gates": _gates,
    "schema": _schema,
    "serve": _serve,
    "new": _new,
    "init": _init,
    "completion": _completion,
}
