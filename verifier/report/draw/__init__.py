"""Draw a Report; decide nothing. FORMATS lists what `--format` knows: a new format is a file in this folder and a row here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifier.report.diagram import Diagram
    from verifier.report.draw.mutants import CaseEdits
    from verifier.report.draw.paint import Paint
    from verifier.report.outcome import CaseReport, Report


@dataclass(frozen=True)
class Renderer:
    """What draws a format, as `module.function` of this folder, imported when it is called.

    `report` is a function Report -> text, with the keywords in `takes`: `paint` (the colours of where the text goes), `quiet` (only cases that
    fail or warn) and `verbose` (all about those that pass). A format that can be written as the reports of the cases come has `case`, a function
    CaseReport -> text, and `end`, Report -> text, with the same keywords: together they are the text of `report`.
    `edits`, empty where a format has none, draws what `mutate` found: (cases, every=...) -> parts of a text.
    `summary`, empty where a format has none, draws what goes into the summary of a step on GitHub. `kind` says what its
    characters must be safe for: a terminal, or a reader of JSON or of XML. `is_alone`: nothing else stands in the same stream. `details`: it shows
    what is made only for it (`report/describe.py`).
    """

    report: str
    takes: frozenset[str] = frozenset()
    edits: str = ""
    case: str = ""
    end: str = ""
    summary: str = ""
    kind: str = "text"
    is_alone: bool = True
    details: bool = False


FORMATS = {
    #                  a Report        beside it                                          the edits of `mutate`     a case as it comes, and the end
    "text":   Renderer("text.render",  takes=frozenset({"paint", "quiet", "verbose"}), edits="mutants.as_text", case="text.case", end="text.end", is_alone=False),
    "json":   Renderer("json.render",                                                  edits="mutants.as_json",                                   kind="json"),
    "junit":  Renderer("junit.render",                                                                                                            kind="xml"),
    "sarif":  Renderer("sarif.render",                                                                                                            kind="json"),
    "github": Renderer("github.render", summary="github.summary",                                                                                 is_alone=False),
    "html":   Renderer("page.render",                                                                                                             kind="html", details=True),
}  # fmt: skip


def drawn(name: str, report: Report, *, paint: Paint, quiet: bool = False, verbose: bool = True) -> str:
    """A report in a format."""
    return _drawn(name, FORMATS[name].report, report, paint=paint, quiet=quiet, verbose=verbose)


def drawn_case(name: str, case: CaseReport, *, paint: Paint, quiet: bool = False, verbose: bool = True) -> str:
    """The report of one case as soon as it is there; empty in a format that is written at the end."""
    place = FORMATS[name].case
    return _drawn(name, place, case, paint=paint, quiet=quiet, verbose=verbose) if place else ""


def drawn_end(name: str, report: Report, *, paint: Paint, quiet: bool = False, verbose: bool = True) -> str:
    """What is written when all cases were checked: in a format that has no `case` the whole report."""
    return _drawn(name, FORMATS[name].end or FORMATS[name].report, report, paint=paint, quiet=quiet, verbose=verbose)


def _drawn(name: str, place: str, what: Report | CaseReport, **look: Any) -> str:
    text: str = _function(place)(what, **{key: look[key] for key in FORMATS[name].takes})
    return text


def step_summary(name: str, report: Report) -> str:
    """What a format writes into the summary of a step on GitHub; "" where it writes nothing there."""
    place = FORMATS[name].summary
    text: str = _function(place)(report) if place else ""
    return text


def drawn_edits(name: str, cases: Iterable[CaseEdits], *, every: bool) -> Iterator[str]:
    """The edits of cases in a format, in parts, each as soon as it can be drawn; with `every` also those that the case's points tell apart."""
    parts: Iterator[str] = _function(FORMATS[name].edits)(cases, every=every)
    return parts


def in_notebook(found: CaseReport | Report) -> str:
    """HTML for the output of a notebook's cell."""
    html: str = _function("notebook_html.html")(found)
    return html


def in_terminal(found: CaseReport | Report) -> str:
    """Text without colours, as `print` shows it."""
    text: str = _function("notebook_html.plain")(found)
    return text


def circuit_in_notebook(found: Diagram) -> str:
    """SVG for the output of a notebook's cell."""
    drawing: str = _function("circuit_svg.svg")(found)
    return drawing


def circuit_in_terminal(found: Diagram) -> str:
    """The circuit with characters, without colours."""
    from verifier.report.draw.notebook_html import PLAIN

    drawing: str = _function("circuit_text.render")(found, paint=PLAIN)
    return drawing


def _function(place: str) -> Callable[..., Any]:
    module, _, function = place.partition(".")
    found: Callable[..., Any] = getattr(import_module(f"{__name__}.{module}"), function)
    return found
