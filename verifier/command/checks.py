"""The commands that judge cases and end with a report: check, hunt, certify, improve, serve."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.case.components import base
from verifier.command.given import case_files, complain, configured, gate_for, load_with_calls, some_of, workers_for
from verifier.config import Config
from verifier.language.source import CampaignError, suggestion
from verifier.options import IMPROVE_SECONDS, USAGE_ERROR
from verifier.report.draw import FORMATS
from verifier.report.draw.deliver import deliver, say, visible
from verifier.report.draw.destinations import together, write, write_case
from verifier.report.draw.paint import paint_for
from verifier.report.draw.progress import live

if TYPE_CHECKING:
    from verifier.case.case import Case, ImproveRequest
    from verifier.case.load import Loaded
    from verifier.report.outcome import CaseReport

MOST_FURTHER_RUNS = 3  # of a search for better lines, in files in which some were written
INTERRUPTED = 130  # as shells have it: 128 + SIGINT



def run_check(options: argparse.Namespace) -> int:
    """Check cases at their points; the exit status."""
    config = configured(options)
    wish = _wish(options) if options.improve else None

    def loaded(paths: Sequence[str]) -> Loaded:
        found = load_with_calls(options, config, paths)
        return found if wish is None else replace(found, cases=tuple(replace(c, improve=wish) for c in found.cases))

    options.no_cache |= wish is not None  # what a search finds depends on the time it has
    return _verified(loaded, config, options, what=("check", options.strict))


def run_hunt(options: argparse.Namespace) -> int:
    """Look for inputs at which a gradient is not right, without the points of the cases; the exit status."""
    config = configured(options)

    def loaded(paths: Sequence[str]) -> Loaded:
        from verifier.case.case import without_claims

        found = load_with_calls(options, config, paths, needs_points=False)
        return replace(found, cases=tuple(replace(without_claims(c), hunt=True, points=(), sample=0, budget=options.budget, residuals=(), published=()) for c in found.cases))

    return _verified(loaded, config, options, what=("hunt", options.budget, options.strict))


def run_certify(options: argparse.Namespace) -> int:
    """Bound the errors for all numbers of a domain; the exit status."""
    config = configured(options)

    def loaded(paths: Sequence[str]) -> Loaded:
        from verifier.case.certified import UNITS, Claimed
        from verifier.case.claiming import claiming, problems

        stated = [Claimed(unit, getattr(options, name)) for name, unit in UNITS.items() if getattr(options, name) is not None]
        claim = stated[0] if stated else None if options.best is None else Claimed(UNITS[options.best])
        found = load_with_calls(options, config, paths, needs_points=False)
        wrong = {i: told for i, c in enumerate(found.cases) if (told := problems(c, options.gradient))}
        cases = tuple(claiming(c, claim=claim, seconds=options.budget, gradient=options.gradient) for i, c in enumerate(found.cases) if i not in wrong)
        return replace(found, cases=cases, complaints=(*found.complaints, *(complaint for told in wrong.values() for complaint in told)))

    return _verified(loaded, config, options, what=("certify", options.ulps, options.absolute, options.best, options.budget, options.gradient, options.strict))


def _wish(options: argparse.Namespace) -> ImproveRequest:
    from verifier.case.case import ImproveRequest

    return ImproveRequest(getattr(options, "budget", IMPROVE_SECONDS), getattr(options, "implementation", ""), getattr(options, "gradient", ""))


def run_improve(options: argparse.Namespace) -> int:
    """Look for better arrangements of lines, and with `--write` put them into the case files; the exit status."""
    config = configured(options)
    wish = _wish(options)

    def loaded(paths: Sequence[str]) -> Loaded:
        found = load_with_calls(options, config, paths, needs_points=False)
        cases = tuple(replace(c, improve=wish) for c in found.cases)
        if problem := _nothing_named(cases, wish):
            raise CampaignError(problem)
        return replace(found, cases=cases)

    written: list[CaseReport] = []
    status = _verified(loaded, config, options, what=("improve", wish), then=written.extend)
    if not options.write or status == INTERRUPTED:
        return status
    from verifier.adopt import adopt
    from verifier.many import verify_all

    outcome = now = adopt(written, strict=options.strict)
    with workers_for(options) as workers:
        for _ in range(MOST_FURTHER_RUNS):  # a line that is better now may show another that is not
            if not now.files:
                break
            now = adopt(verify_all(loaded(now.files).cases, strict=options.strict, workers=workers).cases, strict=options.strict)
            outcome = outcome.followed_by(now)
    for line in outcome.lines:
        say(f"verifier: {line}")
    return USAGE_ERROR if outcome.is_refused else status if not outcome.files else int(bool(outcome.failing)) if status < USAGE_ERROR else status


def _nothing_named(cases: Sequence[Case], wish: ImproveRequest) -> str:
    """What is wrong with the names that the command line has of an implementation and a gradient."""
    names = list(dict.fromkeys(i.name for c in cases for i in c.implementations))
    if cases and wish.implementation and wish.implementation not in names:
        return f"there is no implementation '{wish.implementation}'{suggestion(wish.implementation, names) or f'; there are {some_of(names)}'}"
    gradients = list(dict.fromkeys(name for c in cases for d in c.programs.drafts if wish.implementation in ("", d.implementation.name) for _, g in d.claims for name in (base(g), g)))
    if gradients and wish.gradient and wish.gradient not in gradients and all(i.call is None for c in cases for i in c.implementations):
        return f"there is no gradient '{wish.gradient}'{suggestion(wish.gradient, gradients) or f'; there are {some_of(gradients)}'}"
    return ""


def _nobody(_: Sequence[CaseReport]) -> None:
    """Nobody reads the reports afterwards."""


def _verified(load: Callable[[Sequence[str]], Loaded], config: Config, options: argparse.Namespace, *, what: tuple[object, ...], then: Callable[[Sequence[CaseReport]], None] = _nobody) -> int:
    from verifier import reuse
    from verifier.report.outcome import Report
    from verifier.run.cache import Cache, opened

    try:
        wanted = together(options.format or ())
    except ValueError as error:
        say(f"verifier: {error}")
        return USAGE_ERROR
    gate, look, paint = gate_for(options), {"quiet": options.quiet, "verbose": options.verbose}, paint_for(sys.stdout, options.color)
    has_cache = not (options.no_cache or options.state or options.debug or config.cache is False)  # a state has results of its own
    cache = opened() if has_cache else Cache(Path(), None)
    details = any(FORMATS[o.format].details for o in wanted)
    what = (*what, details)
    digests = reuse.digests_of(options.paths, cache, in_folders=case_files(config))
    known = reuse.unchanged(digests, cache, what=what)
    if len(known) < len(digests) and what[0] == "improve":
        known = {}  # the names that it is asked for may stand in any file
    if digests and len(known) == len(digests):
        report = Report(tuple(case for cases in known.values() for case in cases))
        for case in report.cases:
            write_case(gate.of(case), wanted, paint=paint, look=look)
    else:
        loaded = load([f for f in digests if f not in known] or options.paths)
        if all(o.file or FORMATS[o.format].is_alone for o in wanted):
            complain(loaded)  # else they stand in the report, where people read it
        with live([c.name for c in loaded.cases], sys.stderr) as shown:

            def given(case: CaseReport) -> None:
                with shown.hidden():
                    write_case(gate.of(case), wanted, paint=paint, look=look)

            ordered = reuse.InOrder(digests, known, given)

            def each(case: CaseReport) -> None:
                ordered.give(case)
                shown.next()

            ordered.give_before(loaded.cases[0].file if loaded.cases else None)
            report = reuse.verify_changed(loaded.cases, loaded.complaints, cache=cache, strict=options.strict, workers=partial(workers_for, options), progress=shown.points, each=each, details=details)
            ordered.give_before(None)  # those behind the last, or behind an interruption
            report = replace(report, cases=tuple(ordered.given))
        reuse.remember(digests, cache, what=what, cases=loaded.cases, complaints=loaded.complaints, strict=options.strict, details=details)
    if not report.is_interrupted:
        for line in gate.settle(report.cases):
            say(f"verifier: {line}")
    report = replace(report, cases=tuple(gate.of(c) for c in report.cases))
    write(report, wanted, paint=paint, look=look)
    then(report.cases)
    return INTERRUPTED if report.is_interrupted else report.exit_status


def run_serve(options: argparse.Namespace) -> int:
    """Serve the page of the cases on this machine until it is interrupted; the exit status."""
    config = configured(options)
    from verifier.serve import Watch, serve

    watch = Watch(options.paths, partial(load_with_calls, options, config, options.paths), gate_for(options), options.strict, case_files(config))
    serve(watch, port=options.port, say=lambda text: deliver(visible(f"{text}\n")))
    return 0
