"""The options of every command, with their help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from verifier import __version__
from verifier.config import MOST_JOBS
from verifier.language.numeral import number_problem
from verifier.language.source import suggestion
from verifier.report.draw import FORMATS
from verifier.report.draw.deliver import deliver_text, say
from verifier.report.draw.destinations import Output, output
from verifier.report.draw.paint import WHEN

COMMANDS = ("check", "hunt", "improve", "fuzz", "certify", "show", "plot", "mutate", "diff", "explain", "gates", "schema", "serve", "new", "init", "completion")
SHELLS = ("bash", "zsh", "fish")
USAGE_ERROR = 2
IMPROVE_SECONDS = 10.0  # of a search for better arrangements, for each implementation, if nothing is said
PORT, MOST_PORT = 8642, 65_535  # of `serve`
CAMPAIGN = 1000  # examples of `fuzz`, if nothing is said

EXAMPLES = """\
examples:
  python -m verifier cases/                      check every case of a folder
  python -m verifier check my.yaml --format json the report as JSON on stdout
  python -m verifier cases/ --strict             cases that lose too many digits fail, too
  python -m verifier cases/ --baseline known.json    what is known there does not fail, unless it gets worse
  python -m verifier hunt my.yaml                find the inputs at which a gradient goes wrong
  python -m verifier improve my.yaml             better arrangements of the lines that lose digits, each with its proof
  python -m verifier fuzz my.yaml --save cases   try random points; each failure is simplified and saved as a case
  python -m verifier certify my.yaml --ulps 6    is every number of the domain within 6 ulp? proved, refuted or open
  python -m verifier show cases/cs231n/neuron.yaml   the circuit, line by line
  python -m verifier mutate my.yaml              edit your backward pass: do your points catch every mistake?
  python -m verifier diff old.json new.json      what got better and worse between two reports
  python -m verifier explain V101                what a finding or a word of a report means
  python -m verifier gates                       the table of gates
  python -m verifier new cases/softplus          write a case with comments, to begin with
  python -m verifier init                        a configuration, a case and a workflow for a repository
  python -m verifier cases/ --format html=report.html    a page to look at, to project, to attach
  python -m verifier serve my.yaml               that page, renewed whenever the case file changes
  python -m verifier schema                      the JSON Schema of case files, for editors

exit status: 0 nothing wrong; 1 at least one case fails; 2 something could not be read or checked; 130 interrupted (docs/ci.md)
"""

EXAMPLE_OF = {  # of every command, below its options
    "check":   "python -m verifier check cases/ --format junit=report.xml --format github",
    "hunt":    "python -m verifier hunt my.yaml --budget 5000",
    "improve": "python -m verifier improve my.yaml --budget 20",
    "fuzz":    "python -m verifier fuzz my.yaml --max-examples 200 --save cases/found",
    "certify": "python -m verifier certify cases/certified --budget 10",
    "show":    "python -m verifier show cases/cs231n/neuron.yaml --implementation staged --point 1",
    "plot":    "python -m verifier plot my.yaml --over x --output error.svg",
    "mutate":  "python -m verifier mutate my.yaml --most 50",
    "explain": "python -m verifier explain unstable",
    "gates":   "python -m verifier gates",
    "schema":  "python -m verifier schema > case.schema.json",
    "serve":   "python -m verifier serve my.yaml --port 8642",
    "diff":    "python -m verifier diff main.json branch.json",
    "new":     "python -m verifier new cases/softplus",
    "init":    "python -m verifier init .",
    "completion": 'eval "$(python -m verifier completion bash)"',
}  # fmt: skip

_PATHS = "case files and folders (default: the paths of the configuration)"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        say(f"verifier: {message}\ntry: {self.prog} --help")
        sys.exit(USAGE_ERROR)

    def _print_message(self, message: str, _file: object = None) -> None:
        """Write a help or the version. Raises OutputClosed, where argparse would be silent."""
        deliver_text(message)


def parsed(words: Sequence[str], run: Mapping[str, Callable[[argparse.Namespace], int]]) -> argparse.Namespace:
    """The options of a command line; one that is wrong ends the process with a message. Raises OutputClosed."""
    parser = parser_for(run)
    options, rest = parser.parse_known_args(words)
    if rest:
        command = options.commands[words[0]]
        command.error(_unknown(rest[0], command))
    return options


def _unknown(word: str, command: argparse.ArgumentParser) -> str:
    """What is wrong with a word for which a command has no place."""
    if word.startswith("-"):
        name = word.partition("=")[0]
        return f"there is no option '{name}'{suggestion(name, command._option_string_actions)}"  # noqa: SLF001
    return f"'{word}' is one word too many"


def parser_for(run: Mapping[str, Callable[[argparse.Namespace], int]]) -> argparse.ArgumentParser:
    """The parser of the command line, with the function that runs each command."""
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
    check.add_argument("--improve", action="store_true", help="look for better arrangements of the lines that lose digits, too: see the command improve")
    _add_permission(check)
    _add_cache(check)
    _add_workers(check)
    check.set_defaults(run=run["check"])
    hunt = commands.add_parser("hunt", help="find the inputs at which a gradient goes wrong, in the domain of the case (default: all floats); its points are ignored, and it needs none")
    hunt.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    hunt.add_argument("--budget", type=_positive, default=20_000, metavar="N", help="points to check for each implementation (default: 20000)")
    _add_formats(hunt)
    _add_strict(hunt, "unstable, ill-conditioned and vanished gradients fail")
    _add_selection(hunt)
    _add_verbose(hunt)
    _add_permission(hunt)
    _add_cache(hunt)
    _add_workers(hunt)
    hunt.set_defaults(run=run["hunt"], quiet=False, baseline=None, baseline_update=False)
    improve = commands.add_parser("improve", help="find better arrangements of the lines that lose a gradient's digits: each is proved to be equal, measured, and shown as a change of the file (docs/improving.md)")
    improve.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    improve.add_argument("--implementation", default="", metavar="NAME", help="only that implementation")
    improve.add_argument("--gradient", default="", metavar="NAME", help="only that gradient, such as dx")
    improve.add_argument("--budget", type=_seconds, default=IMPROVE_SECONDS, metavar="S", help=f"seconds of the processor that the search may take for each implementation (default: {IMPROVE_SECONDS:g})")
    improve.add_argument("--write", action="store_true", help="write the replacements into the case files, if nothing gets worse by that")
    _add_formats(improve)
    _add_strict(improve, "unstable, ill-conditioned and vanished gradients fail")
    _add_selection(improve)
    _add_verbose(improve)
    _add_permission(improve)
    _add_workers(improve)
    improve.set_defaults(run=run["improve"], quiet=False, baseline=None, baseline_update=False, no_cache=True)
    fuzz = commands.add_parser("fuzz", help="try random points; each failure is simplified, and saved as a case where --save names a folder")
    fuzz.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    fuzz.add_argument("--max-examples", type=_positive, default=CAMPAIGN, metavar="N", help=f"points for each implementation and format (default: {CAMPAIGN})")
    fuzz.add_argument("--max-time", type=_seconds, default=float("inf"), metavar="S", help="seconds for each case (default: no limit)")
    fuzz.add_argument("--seed", type=_whole, default=0, metavar="K", help="the seed of the random points (default: 0)")
    fuzz.add_argument("--save", metavar="DIR", help="a folder in which each failure is saved as a case (default: none is saved)")
    _add_strict(fuzz, "unstable and vanished gradients count as failures, too")
    _add_workers(fuzz)
    fuzz.set_defaults(run=run["fuzz"])
    certify = commands.add_parser("certify", help="bound the error of every gradient for all numbers of the domain of the case: proved, refuted or open; its points are ignored, and it needs none")
    certify.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    claim = certify.add_mutually_exclusive_group()
    claim.add_argument("--ulps", type=_limit, metavar="N", help="claim an error of at most N ulps (default: what the case claims, else --best)")
    claim.add_argument("--absolute", type=_limit, metavar="E", help="claim an absolute error of at most E")
    claim.add_argument("--best", choices=("ulps", "absolute"), nargs="?", const="ulps", help="claim nothing: find the best bound, in ulps or of the absolute error")
    certify.add_argument("--budget", type=_seconds, metavar="S", help="seconds of the processor for each implementation and format (default: the budget of the case)")
    certify.add_argument("--gradient", metavar="NAME", help="only the gradient of that name, an array or a component")
    _add_formats(certify)
    _add_strict(certify, "a best bound that does not hold in the whole domain fails")
    _add_selection(certify)
    _add_cache(certify)
    _add_workers(certify)
    _add_permission(certify)
    certify.set_defaults(run=run["certify"], quiet=False, verbose=True, baseline=None, baseline_update=False)
    show = commands.add_parser("show", help="print the circuit of a case: every line with its value, adjoint, exact value and ulps")
    show.add_argument("path", metavar="CASE", help="a case file")
    show.add_argument("--case", metavar="NAME", help="only the case of that name")
    show.add_argument("--implementation", metavar="NAME", help="only that implementation")
    show.add_argument("--point", type=_positive, default=1, metavar="K", help="at the K-th point (default: 1)")
    show.add_argument("--circuit", action="store_true", help="draw it as a circuit instead: gates, and on each wire the value and the gradient")
    _add_circuit(show)
    show.set_defaults(run=run["show"])
    plot = commands.add_parser("plot", help="draw as SVG the error in ulps over one input, the effect of each rounding at one point, or the circuit")
    plot.add_argument("path", metavar="CASE", help="a case file")
    what = plot.add_mutually_exclusive_group(required=True)
    what.add_argument("--over", metavar="INPUT", help="the error over this input: over its domain, or over all floats")
    what.add_argument("--ledger", action="store_true", help="the effect of each statement's rounding on a gradient at one point, in every implementation")
    what.add_argument("--circuit", action="store_true", help="the circuit of an implementation at one point: gates, and on each wire the value and the gradient")
    _add_circuit(plot)
    plot.add_argument("--case", metavar="NAME", help="the case of that name (default: the first one)")
    plot.add_argument("--implementation", metavar="NAME", help="only that implementation")
    plot.add_argument("--gradient", metavar="NAME", help="the gradient (default: the one with respect to the input; with --ledger the first)")
    plot.add_argument("--in", dest="form", metavar="FORMAT", help="the format (default: the first of the case)")
    plot.add_argument("--point", type=_positive, default=1, metavar="K", help="the K-th point; with --over the other inputs take its values (default: 1)")
    plot.add_argument("--output", metavar="FILE", help="write to a file (default, and -: standard output)")
    plot.set_defaults(run=run["plot"])
    mutate = commands.add_parser("mutate", help="make single edits in hand-written backward passes: which of them do your points not catch, and which points would?")
    mutate.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    mutate.add_argument("--most", type=_positive, metavar="N", help="at most N edits in each case")
    mutate.add_argument("--all", action="store_true", help="list every edit, also those that were caught and explained")
    _add_format(mutate, [name for name, row in FORMATS.items() if row.edits])
    _add_workers(mutate)
    mutate.set_defaults(run=run["mutate"])
    diff = commands.add_parser("diff", help="what got better, what got worse, what is new and gone between two reports of --format json")
    diff.add_argument("old", metavar="OLD.json", help="the report before, such as that of the branch a pull request goes to")
    diff.add_argument("new", metavar="NEW.json", help="the report after")
    diff.set_defaults(run=run["diff"])
    explain = commands.add_parser("explain", help="what a finding, a verdict or any other word of a report means")
    explain.add_argument("word", nargs="*", metavar="WORD", help="codes, names or words, such as V101, wrong-gradient or unstable; the beginning of a code, such as V1, or nothing lists them")
    explain.add_argument("--markdown", action="store_true", help="all verdicts and findings as docs/verdicts.md")
    explain.set_defaults(run=run["explain"])
    gates = commands.add_parser("gates", help="list the table of gates")
    gates.add_argument("--markdown", action="store_true", help="as docs/gates.md")
    gates.set_defaults(run=run["gates"])
    schema = commands.add_parser("schema", help="print the JSON Schema of case files, for editors; or that of reports")
    schema.add_argument("--report", action="store_true", help="the schema of what --format json writes")
    schema.set_defaults(run=run["schema"])
    serve = commands.add_parser("serve", help="show the page of case files in a browser on this machine, and check again whatever changes")
    serve.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    serve.add_argument("--port", type=_port, default=PORT, metavar="N", help=f"the port on this machine; 0 takes any free one (default: {PORT})")
    _add_strict(serve, "unstable, ill-conditioned and vanished gradients fail")
    _add_selection(serve)
    _add_permission(serve)
    serve.set_defaults(run=run["serve"], baseline=None, baseline_update=False, format=[])
    new = commands.add_parser("new", help="write a case file with comments, to be changed line by line; no file is overwritten")
    new.add_argument("name", metavar="NAME", help="the file, such as cases/softplus (.yaml is added)")
    new.set_defaults(run=run["new"])
    init = commands.add_parser("init", help="make a repository with a gate: the configuration, a case that pytest runs, too, and a workflow for GitHub; no file is overwritten")
    init.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="the repository (default: this folder)")
    init.set_defaults(run=run["init"])
    completion = commands.add_parser("completion", help='print a script that completes commands and options: eval "$(verifier completion bash)"')
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    completion.set_defaults(run=run["completion"])
    for name, command in commands.choices.items():
        command.set_defaults(commands=commands.choices)
        command.add_argument("--color", choices=WHEN, default=WHEN[0], help="colours: on a terminal unless NO_COLOR is set, or where FORCE_COLOR is (auto); always; never")
        command.epilog = f"example:\n  {EXAMPLE_OF[name]}\n"
        command.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


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
        help=f"how the report is drawn: {', '.join(FORMATS)}; to a file, if one is named (- is standard output). May be given several times. (default: the formats of the configuration, else {next(iter(FORMATS))} on standard output)",
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


def _add_circuit(command: argparse.ArgumentParser) -> None:
    command.add_argument("--ulps", action="store_true", help="with --circuit: a line for the errors in ulps on each wire")
    command.add_argument("--open", action="append", default=[], metavar="NAME", help="with --circuit: this array component by component; '*' opens all; may be given several times")


def _add_workers(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("processes, limits and saved results (docs/campaigns.md)")
    group.add_argument("--jobs", type=_jobs, metavar="N", help="processes to use (default: as many as save time, at most one per core; 1: no further process)")
    group.add_argument("--executor", default="", metavar="MODULE:FACTORY", help="a concurrent.futures.Executor to use instead, such as verifier.run.dask:local")
    group.add_argument("--timeout", type=_seconds, metavar="S", help="seconds that a case, or a part of a sweep, may take (default: an hour, where processes are used)")
    group.add_argument("--memory", type=_mebibytes, metavar="MB", help="memory that a process may use, in mebibytes (default: no limit but the machine's)")
    group.add_argument("--state", metavar="DIR", help="a folder in which results are saved as they come; the next run continues from there")
    group.add_argument("--debug", action="store_true", help="a fault of the tool ends the run with its traceback, instead of being reported with its case; all work in this process")


def _codes(text: str) -> tuple[str, ...]:
    return tuple(code for code in text.replace(" ", "").split(",") if code)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 on")
    return int(text)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number of seconds")
    return seconds


def _limit(text: str) -> str:
    if number_problem(text) is not None or text.strip().startswith("-"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 on")
    return text.strip()


def _mebibytes(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive whole number of mebibytes")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_PORT:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 0 to {MOST_PORT}")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_JOBS:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of processes from 0 to {MOST_JOBS}")
    return int(text)
