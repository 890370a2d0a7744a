"""The command line: parse, call verify, choose a report, exit status."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from verifier import __version__
from verifier.config import MOST_JOBS, Config, ConfigError, config_for
from verifier.language.source import CampaignError, Complaint, suggestion
from verifier.report.draw import FORMATS, drawn_edits
from verifier.report.draw.deliver import OutputClosed, abandon, deliver, painted, safe, say, visible
from verifier.report.draw.outputs import Output, output, together, write, write_case
from verifier.report.draw.paint import WHEN, Paint, paint_for
from verifier.report.draw.progress import live

if TYPE_CHECKING:
    from verifier.case.case import Case
    from verifier.case.load import Loaded
    from verifier.report.draw.mutants import CaseEdits
    from verifier.report.gate import Gate
    from verifier.report.outcome import CaseReport
    from verifier.run.workers import Workers
    from verifier.search.mutate import Mutant

COMMANDS = ("check", "hunt", "fuzz", "show", "plot", "mutate", "diff", "explain", "gates", "schema", "new", "init", "completion")
SHELLS = ("bash", "zsh", "fish")
USAGE_ERROR = 2
INTERRUPTED = 130  # as shells have it: 128 + SIGINT
CAMPAIGN = 1000  # examples of `fuzz`, if nothing is said
COLLECTOR = (100_000, 50, 100)  # programs are tuples without cycles: at CPython's defaults a third of the time of 100,000 steps goes into looking for some

EXAMPLES = """\
examples:
  python -m verifier cases/                      check every case of a folder
  python -m verifier check my.yaml --format json the report as JSON on stdout
  python -m verifier cases/ --strict             cases that lose too many digits fail, too
  python -m verifier cases/ --baseline known.json    what is known there does not fail, unless it gets worse
  python -m verifier hunt my.yaml                find the inputs at which a gradient goes wrong
  python -m verifier fuzz my.yaml --save cases   try random points; each failure is simplified and saved as a case
  python -m verifier show cases/cs231n/neuron.yaml   the circuit, line by line
  python -m verifier mutate my.yaml              edit your backward pass: do your points catch every mistake?
  python -m verifier diff old.json new.json      what got better and worse between two reports
  python -m verifier explain V101                what a finding or a word of a report means
  python -m verifier gates                       the table of gates
  python -m verifier new cases/softplus          write a case with comments, to begin with
  python -m verifier init                        a configuration, a case, a test and a workflow for a repository
  python -m verifier schema                      the JSON Schema of case files, for editors

exit status: 0 nothing wrong; 1 at least one case fails; 2 something could not be read or checked; 130 interrupted (docs/ci.md)
"""

EXAMPLE_OF = {  # of every command, below its options
    "check":   "python -m verifier check cases/ --format junit=report.xml --format github",
    "hunt":    "python -m verifier hunt my.yaml --budget 5000",
    "fuzz":    "python -m verifier fuzz my.yaml --max-examples 200 --save cases/found",
    "show":    "python -m verifier show cases/cs231n/neuron.yaml --implementation staged --point 1",
    "plot":    "python -m verifier plot my.yaml --over x --output error.svg",
    "mutate":  "python -m verifier mutate my.yaml --most 50",
    "explain": "python -m verifier explain unstable",
    "gates":   "python -m verifier gates",
    "schema":  "python -m verifier schema > case.schema.json",
    "diff":    "python -m verifier diff main.json branch.json",
    "new":     "python -m verifier new cases/softplus",
    "init":    "python -m verifier init .",
    "completion": 'eval "$(python -m verifier completion bash)"',
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"verifier: {message}\ntry: python -m verifier --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    gc.set_threshold(*COLLECTOR)
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] not in COMMANDS and not words[0].startswith("-") and not os.path.exists(words[0]):  # noqa: PTH110
        hint = suggestion(words[0], COMMANDS)
        if hint and os.sep not in words[0] and "." not in words[0]:
            say(f"verifier: unknown command '{words[0]}'{hint}")
            return USAGE_ERROR
    parser = _parser()
    if words and (words[0] in COMMANDS or words[0] in ("-h", "--help", "--version")):
        options = parser.parse_args(words)
    elif not words and not _has_paths():
        parser.print_help()
        return USAGE_ERROR
    else:
        options = parser.parse_args(["check", *words])
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except OutputClosed as error:
        if str(error):
            say(f"verifier: {error}")
        abandon()
        return USAGE_ERROR
    except OSError as error:
        say(f"verifier: {error}")
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m verifier", description="Tell whether a gradient computed in floating point is right, how far off it is, and which line is to blame.", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"verifier {__version__}")
    commands = parser.add_subparsers(title="commands", metavar=" | ".join(COMMANDS), parser_class=_Parser)
    check = commands.add_parser("check", help="check case files and folders of them (the default command)")
    check.add_argument("paths", nargs="*", metavar="PATH", help="a case file, or a folder that is walked for *.yaml and *.yml (default: the paths of the configuration)")
    _add_formats(check)
    _add_strict(check, "unstable, ill-conditioned and vanished gradients fail")
    check.add_argument("--quiet", action="store_true", help="show only cases that fail or warn")
    check.add_argument("--baseline", metavar="FILE", help="findings that this file holds do not fail, as long as they get no worse")
    check.add_argument("--baseline-update", action="store_true", help="write the findings of this run to the baseline: then they are known")
    _add_selection(check)
    _add_verbose(check)
    _add_permission(check)
    _add_cache(check)
    _add_workers(check)
    check.set_defaults(run=_check)
    hunt = commands.add_parser("hunt", help="find the inputs at which a gradient goes wrong, in the domain of the case (default: all floats); its points are ignored, and it needs none")
    hunt.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    hunt.add_argument("--budget", type=int, default=20_000, metavar="N", help="points to check for each implementation (default: 20000)")
    _add_formats(hunt)
    _add_strict(hunt, "unstable, ill-conditioned and vanished gradients fail")
    _add_selection(hunt)
    _add_verbose(hunt)
    _add_permission(hunt)
    _add_cache(hunt)
    _add_workers(hunt)
    hunt.set_defaults(run=_hunt, quiet=False, baseline=None, baseline_update=False)
    fuzz = commands.add_parser("fuzz", help="try random points; each failure is simplified, and saved as a case where --save names a folder")
    fuzz.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    fuzz.add_argument("--max-examples", type=int, default=CAMPAIGN, metavar="N", help=f"points for each implementation and format (default: {CAMPAIGN})")
    fuzz.add_argument("--max-time", type=float, default=float("inf"), metavar="S", help="seconds for each case (default: no limit)")
    fuzz.add_argument("--seed", type=int, default=0, metavar="K", help="the seed of the random points (default: 0)")
    fuzz.add_argument("--save", metavar="DIR", help="a folder in which each failure is saved as a case (default: none is saved)")
    _add_strict(fuzz, "unstable and vanished gradients count as failures, too")
    _add_workers(fuzz)
    fuzz.set_defaults(run=_fuzz)
    show = commands.add_parser("show", help="print the circuit of a case: every line with its value, adjoint, exact value and ulps")
    show.add_argument("path", metavar="CASE", help="a case file")
    show.add_argument("--case", metavar="NAME", help="only the case of that name")
    show.add_argument("--implementation", metavar="NAME", help="only that implementation")
    show.add_argument("--point", type=int, default=1, metavar="K", help="at the K-th point (default: 1)")
    show.set_defaults(run=_show)
    plot = commands.add_parser("plot", help="draw the error in ulps over one input, or the effect of each rounding at one point, as SVG")
    plot.add_argument("path", metavar="CASE", help="a case file")
    what = plot.add_mutually_exclusive_group(required=True)
    what.add_argument("--over", metavar="INPUT", help="the error over this input: over its domain, or over all floats")
    what.add_argument("--ledger", action="store_true", help="the effect of each statement's rounding on a gradient at one point, in every implementation")
    plot.add_argument("--case", metavar="NAME", help="the case of that name (default: the first one)")
    plot.add_argument("--implementation", metavar="NAME", help="only that implementation")
    plot.add_argument("--gradient", metavar="NAME", help="the gradient (default: the one with respect to the input; with --ledger the first)")
    plot.add_argument("--in", dest="form", metavar="FORMAT", help="the format (default: the first of the case)")
    plot.add_argument("--point", type=int, default=1, metavar="K", help="the K-th point; with --over the other inputs take its values (default: 1)")
    plot.add_argument("--output", metavar="FILE", help="write to a file (default: standard output)")
    plot.set_defaults(run=_plot)
    mutate = commands.add_parser("mutate", help="make single edits in hand-written backward passes: which of them do your points not catch, and which points would?")
    mutate.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    mutate.add_argument("--most", type=int, metavar="N", help="at most N edits in each case")
    mutate.add_argument("--all", action="store_true", help="list every edit, also those that were caught and explained")
    _add_format(mutate, [name for name, row in FORMATS.items() if row.edits])
    _add_workers(mutate)
    mutate.set_defaults(run=_mutate)
    diff = commands.add_parser("diff", help="what got better, what got worse, what is new and gone between two reports of --format json")
    diff.add_argument("old", metavar="OLD.json", help="the report before, such as that of the branch a pull request goes to")
    diff.add_argument("new", metavar="NEW.json", help="the report after")
    diff.set_defaults(run=_diff)
    explain = commands.add_parser("explain", help="what a finding, a verdict or any other word of a report means")
    explain.add_argument("word", nargs="*", metavar="WORD", help="a code, a name or a word, such as V101, wrong-gradient or unstable; none: list them")
    explain.add_argument("--markdown", action="store_true", help="all verdicts and findings as docs/verdicts.md")
    explain.set_defaults(run=_explain)
    gates = commands.add_parser("gates", help="list the table of gates")
    gates.add_argument("--markdown", action="store_true", help="as docs/gates.md")
    gates.set_defaults(run=_gates)
    schema = commands.add_parser("schema", help="print the JSON Schema of case files, for editors; or that of reports")
    schema.add_argument("--report", action="store_true", help="the schema of what --format json writes")
    schema.set_defaults(run=_schema)
    new = commands.add_parser("new", help="write a case file with comments, to be changed line by line; no file is overwritten")
    new.add_argument("name", metavar="NAME", help="the file, such as cases/softplus (.yaml is added)")
    new.set_defaults(run=_new)
    init = commands.add_parser("init", help="make a repository with a gate: the configuration, a case, a test and a workflow for GitHub; no file is overwritten")
    init.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="the repository (default: this folder)")
    init.set_defaults(run=_init)
    completion = commands.add_parser("completion", help='print a script that completes commands and options: eval "$(verifier completion bash)"')
    completion.add_argument("shell", choices=SHELLS, help="the shell")
    completion.set_defaults(run=_completion, commands=commands.choices)
    for name, command in commands.choices.items():
        command.add_argument("--color", choices=WHEN, default=WHEN[0], help="colours: on a terminal unless NO_COLOR is set, or where FORCE_COLOR is (auto); always; never")
        command.epilog = f"example:\n  {EXAMPLE_OF[name]}\n"
        command.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


_PATHS = "case files and folders (default: the paths of the configuration)"


def _add_format(command: argparse.ArgumentParser, names: Sequence[str]) -> None:
    command.add_argument("--format", choices=names, default=names[0], help=f"how the report is drawn (default: {names[0]})")


def _add_strict(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--strict", action=argparse.BooleanOptionalAction, help=what)


def _add_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument("--select", type=_codes, metavar="CODES", help="only findings whose codes begin so count, such as V1,V203 (default: all)")
    command.add_argument("--ignore", type=_codes, metavar="CODES", help="findings whose codes begin so do not count, such as V202")


def _add_formats(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--format", action="append", type=_output, default=None, metavar="FORMAT[=FILE]",
        help=f"how the report is drawn: {', '.join(FORMATS)}; to a file, if one is named. May be given several times. (default: the formats of the configuration, else {next(iter(FORMATS))} on standard output)",
    )  # fmt: skip


def _output(text: str) -> Output:
    try:
        return output(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_verbose(command: argparse.ArgumentParser) -> None:
    command.add_argument("--verbose", action="store_true", help="every gradient of cases that pass, too, not one line a case")


def _add_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument("--no-cache", action="store_true", help="check also those cases anew that are as they were when they were checked before (.verifier_cache/; docs/campaigns.md)")


def _add_permission(command: argparse.ArgumentParser) -> None:
    command.add_argument("--allow-call", action=argparse.BooleanOptionalAction, help="run the callables that case files name under 'call': code of the folders of these files, in a process of its own")


def _add_workers(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("processes, limits and saved results (docs/campaigns.md)")
    group.add_argument("--jobs", type=_jobs, metavar="N", help="processes to use (default: as many as save time, at most one per core; 1: no further process)")
    group.add_argument("--executor", default="", metavar="MODULE:FACTORY", help="a concurrent.futures.Executor to use instead, such as verifier.run.dask:local")
    group.add_argument("--timeout", type=_seconds, metavar="S", help="seconds that a case, or a part of a sweep, may take (default: an hour, where processes are used)")
    group.add_argument("--memory", type=_mebibytes, metavar="MB", help="memory that a process may use, in mebibytes (default: no limit but the machine's)")
    group.add_argument("--state", metavar="DIR", help="a folder in which results are saved as they come; the next run continues from there")
    group.add_argument("--debug", action="store_true", help="a fault of the tool ends the run with its traceback, instead of being reported with its case; all work in this process")


def _workers(options: argparse.Namespace) -> Workers:
    from verifier.run.workers import Workers

    workers = Workers(options.jobs, executor=options.executor, timeout=options.timeout, memory=options.memory, state=options.state, debug=options.debug)
    if workers.note:
        say(f"verifier: {workers.note}")
    return workers


def _codes(text: str) -> tuple[str, ...]:
    return tuple(code for code in text.replace(" ", "").split(",") if code)


def _has_paths() -> bool:
    """Whether a run without any word has something to check: the paths of the configuration."""
    try:
        return bool(config_for().paths)
    except ConfigError:
        return True  # the run will tell


def _configured(options: argparse.Namespace) -> Config:
    """The configuration; the options that the command line leaves open take its values. Raises ConfigError, CampaignError."""
    config = config_for(options.paths)
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


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number of seconds")
    return seconds


def _mebibytes(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive whole number of mebibytes")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isdigit() or int(text) > MOST_JOBS:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of processes from 0 to {MOST_JOBS}")
    return int(text)


def _load(*paths: str, config: Config | None = None) -> Loaded:
    """The texts of the cases: callables are left out, and cases that have nothing else."""
    from verifier.case.case import without_calls
    from verifier.case.load import load

    loaded = load(*paths, allow_call=True, in_folders=_case_files(config))  # to read of them runs nothing
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
        found = _load_with_calls(options, config, needs_points=False)
        return replace(found, cases=tuple(replace(c, hunt=True, points=(), sample=0, budget=options.budget, residuals=(), published=()) for c in found.cases))

    return _verified(loaded, config, options, what=("hunt", options.budget, options.strict))


def _fuzz(options: argparse.Namespace) -> int:
    config = _configured(options)
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
    return _verified(partial(_load_with_calls, options, config), config, options, what=("check", options.strict))


def _verified(load: Callable[[], Loaded], config: Config, options: argparse.Namespace, *, what: tuple[object, ...]) -> int:
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

            report = reuse.verify_changed(loaded.cases, loaded.complaints, cache=cache, strict=options.strict, workers=partial(_workers, options), progress=shown.points, each=each)
        reuse.remember(digests, cache, what=what, cases=loaded.cases, complaints=loaded.complaints, strict=options.strict)
    if not report.is_interrupted:
        for line in gate.settle(report.cases):
            say(f"verifier: {line}")
    report = replace(report, cases=tuple(gate.of(c) for c in report.cases))
    write(report, wanted, paint=paint, look=look)
    return INTERRUPTED if report.is_interrupted else report.exit_status


def _gate(options: argparse.Namespace) -> Gate:
    """Which findings fail. Raises CampaignError."""
    from verifier.report.gate import gate_of

    if options.baseline is None and options.baseline_update:
        raise CampaignError("--baseline-update needs the file: --baseline FILE, or the key baseline under [tool.verifier] in pyproject.toml")
    return gate_of(options.select, options.ignore, options.baseline, writes=options.baseline_update)


def _diff(options: argparse.Namespace) -> int:
    from verifier.report import changes
    from verifier.report.draw.changes import render

    found = changes.between(changes.read(options.old), changes.read(options.new))
    deliver(painted(partial(render, found), paint_for(sys.stdout, options.color)))
    return 1 if found.worse else 0


def _show(options: argparse.Namespace) -> int:
    loaded = _load(options.path)
    _complain(loaded)

    cases = [c for c in loaded.cases if options.case in (None, c.name)]
    if not cases:
        names = [c.name for c in loaded.cases]
        say(f"verifier: no case to show{f' named {options.case!r}{suggestion(options.case, names)}' if options.case else ''}")
        return USAGE_ERROR
    for case in cases:
        problem = _show_problem(case, options)
        if problem:
            say(f"verifier: {problem}")
            return USAGE_ERROR
        deliver(painted(partial(_circuit, case, options), paint_for(sys.stdout, options.color)))
    return USAGE_ERROR if loaded.complaints else 0


def _circuit(case: Case, options: argparse.Namespace, paint: Paint) -> str:
    from verifier.report.draw import circuit

    return circuit.render(case, paint=paint, implementation=options.implementation, point=options.point)


def _as_it_is(text: str, _: Paint) -> str:
    return text


def _plot(options: argparse.Namespace) -> int:
    loaded = _load(options.path)
    _complain(loaded)
    case = next((c for c in loaded.cases if options.case in (None, c.name)), None)
    if case is None:
        names = [c.name for c in loaded.cases]
        say(f"verifier: no case to plot{f' named {options.case!r}{suggestion(options.case, names)}' if options.case else ''}")
        return USAGE_ERROR
    try:
        drawing = _drawing(case, options)
    except ValueError as error:
        say(f"verifier: {error}")
        return USAGE_ERROR
    if options.output:
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
    chosen = {"implementation": options.implementation, "gradient": options.gradient, "form": options.form, "point": options.point}
    if options.ledger:
        return waterfall.render(waterfalls(case, **chosen), title=f"{case.name}: from the exact gradient to the computed one")
    from verifier.report.plot import curves

    return svg.render(curves(case, over=options.over, **chosen), title=f"{case.name}: error of the gradient over {options.over}")


def _show_problem(case: Case, options: argparse.Namespace) -> str:
    names = [i.name for i in case.implementations]
    if options.implementation is not None and options.implementation not in names:
        return f"{case.name} has no implementation '{options.implementation}'{suggestion(options.implementation, names)}"
    from verifier.case.points import real_points

    count = len(real_points(case)) + case.sample
    return f"{case.name} has {count} points, not {options.point}" if not 1 <= options.point <= count else ""


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
    from verifier.report.catalogue import CATALOGUE, FindingKind
    from verifier.report.draw import pages
    from verifier.report.glossary import WORDS, explained

    if options.markdown:
        deliver(pages.verdicts_markdown())
        return 0
    text = " ".join(options.word)
    if not text:
        for e in CATALOGUE.values():
            deliver(f"{e.code}  {e.name:<26} {e.severity:<8} {e.what.partition('. ')[0].partition(':')[0]}\n")
        deliver(f"\nwords: {', '.join(WORDS)}\n")
        return 0
    found = explained(text)
    if found is None:
        known = [*CATALOGUE, *(e.name for e in CATALOGUE.values()), *WORDS]
        say(f"verifier: no finding and no word of a report is called '{text}'{suggestion(text.upper(), known) or suggestion(text, known)}; 'python -m verifier explain' lists them")
        return USAGE_ERROR
    deliver(pages.explain(found) if isinstance(found, FindingKind) else pages.word(*found))
    return 0


def _gates(options: argparse.Namespace) -> int:
    from verifier.report.draw import pages

    deliver(pages.gates_markdown() if options.markdown else pages.gates_text())
    return 0


def _schema(options: argparse.Namespace) -> int:
    import json

    from verifier.case.schema import case_schema
    from verifier.report.schema import report_schema

    deliver(json.dumps(report_schema() if options.report else case_schema(), indent=2) + "\n")
    return 0


def _new(options: argparse.Namespace) -> int:
    from verifier.start.new import new_case

    written = new_case(options.name)
    deliver(visible("".join(f"wrote {path}\n" for path in written) + f"check it: python -m verifier {written[0]}\n"))
    return 0


def _init(options: argparse.Namespace) -> int:
    from verifier.start.init import new_project

    deliver(visible("".join(f"wrote {path}\n" for path in new_project(options.folder)) + "check its cases: python -m verifier\nrun its tests: python -m pytest tests/test_gradients.py\n"))
    return 0


def _completion(options: argparse.Namespace) -> int:
    from verifier.start.completion import script

    deliver(script(options.shell, options.commands))
    return 0
