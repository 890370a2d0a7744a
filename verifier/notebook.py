"""`%load_ext verifier`: the cell magic `%%verify`, which checks the forward and backward lines of a cell as they are, and then runs them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from verifier.case.cell import case_of_cell
from verifier.language.formats import format_problem
from verifier.language.source import CaseError
from verifier.language.tokens import LanguageError, logical_lines
from verifier.report.outcome import CaseReport
from verifier.verify import verify

USAGE = "%%verify [name=value ...] [--output NAME] [--formats NAME,NAME] [--strict] [--no-run]"


@dataclass(frozen=True)
class Options:
    """What stands on the line of `%%verify`."""

    values: dict[str, object] = field(default_factory=dict)
    output: str = ""
    formats: tuple[str, ...] = ()
    is_strict: bool = False
    runs: bool = True


class UsageError(ValueError):
    """A line of `%%verify` that cannot be read."""


def load_ipython_extension(shell: Any) -> None:
    """Give a session of IPython the cell magic `%%verify`."""

    def check_cell(line: str, cell: str) -> CaseReport:
        """Check the gradients that the cell computes, show what is found, and run the cell.

        %%verify [name=value ...] [--output NAME] [--formats NAME,NAME] [--strict] [--no-run]

        The cell has a forward pass and below it a backward pass, which sets dx for an input x. Inputs have the values that the cell gives them,
        or those on this line (w=[2,-3,-3], set in the notebook as well), or those of the notebook.

            --output NAME   the output of the forward pass, where the cell does not show where that pass ends
            --formats ...   float64, float32, ...; those of the arrays where left out
            --strict        what warns fails
            --no-run        check the cell and do not run it
        """
        from IPython.core.error import UsageError as Refused
        from IPython.display import display

        try:
            options = options_of(line, shell.user_ns)
            number = len(shell.user_ns.get("In", "")) - 1
            report = report_of(cell, shell.user_ns, options, file=f"In[{number}]" if number > 0 else "cell", line=2)
        except (UsageError, CaseError) as error:
            raise Refused(str(error)) from None
        if options.runs:
            try:
                shell.user_ns.update(options.values)
                _run(shell, cell, number)
            except BaseException as error:
                display(report)
                if isinstance(error, NameError) and error.name and error.name not in shell.user_ns:
                    error.add_note(f"the run needs '{error.name}': give it a value, as in %%verify {error.name}=1.0, or only check the cell, with --no-run")
                raise
        return report

    shell.register_magic_function(check_cell, "cell", "verify")


def report_of(cell: str, values: Mapping[str, object], options: Options, *, file: str = "cell", line: int = 1) -> CaseReport:
    """What is found about a cell, whose first line is number `line`. Raises CaseError where it cannot be read."""
    case, reading = case_of_cell(cell, {**values, **options.values}, file=file, output=options.output, formats=options.formats, stated=tuple(options.values), line=line)
    report = verify(case, strict=options.is_strict)
    at_the_end = [f for f in report.findings if f.code == "V205" and f.severity == "warning" and not options.is_strict]  # a cell ends in a loss more often than not
    return replace(report, notes=(*reading, *report.notes, *(f.message for f in at_the_end)), findings=tuple(f for f in report.findings if f not in at_the_end))


def options_of(line: str, values: Mapping[str, object]) -> Options:
    """The line of `%%verify`, whose values are literals or names of `values`. Raises UsageError."""
    found = Options()
    words = iter(_words(line))
    for word in words:
        name, equals, text = word.partition("=")
        if word == "--strict":
            found = replace(found, is_strict=True)
        elif word == "--no-run":
            found = replace(found, runs=False)
        elif name in ("--output", "--formats"):
            text = text if equals else next(words, "")
            if not text:
                raise UsageError(f"a name must stand after {name}; usage: {USAGE}")
            if name == "--output":
                found = replace(found, output=text)
            else:
                found = replace(found, formats=tuple(dict.fromkeys(text.split(","))))
                for problem in filter(None, map(format_problem, found.formats)):
                    raise UsageError(problem)
        elif equals and name.isidentifier():
            found.values[name] = _value(name, text, values)
        else:
            raise UsageError(f"'{word}' is not read; usage: {USAGE}")
    return found


def _words(line: str) -> list[str]:
    """The words of a line; blanks inside brackets divide none."""
    words, depth = [""], 0
    for character in line:
        depth += (character in "([{") - (character in ")]}")
        if character.isspace() and depth <= 0:
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word]


def _value(name: str, text: str, values: Mapping[str, object]) -> object:
    if text in values:
        return values[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise UsageError(f"{name}={text}: the value must be a number, a list of numbers, or the name of a variable of the notebook") from None


def _run(shell: Any, cell: str, number: int) -> None:
    """Run cell `number` among the notebook's variables, as it would run without the magic. `print a, b` of Python 2 is a call."""
    text = shell.transform_cell(cell)
    try:
        ast.parse(text)
    except SyntaxError:
        text = shell.transform_cell(with_calls(cell))
    text = "\n" + text  # the line of %%verify
    file = shell.compile.cache(text, max(number, 0))  # so that a traceback shows the lines
    exec(compile(text, file, "exec"), shell.user_ns)  # noqa: S102 - the user's own cell, in the user's own kernel


def with_calls(cell: str) -> str:
    """The cell with the statements `print a, b` of Python 2 as calls."""
    try:
        _, lines = logical_lines(cell)
    except LanguageError:
        return cell
    for tokens in (line.tokens for line in reversed(lines)):
        if tokens[0].text == "print" and len(tokens) > 1 and tokens[1].text != "(":
            cell = f"{cell[: tokens[0].end]}({cell[tokens[1].start : tokens[-1].end]}){cell[tokens[-1].end :]}"
    return cell
