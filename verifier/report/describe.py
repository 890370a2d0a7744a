"""Describes a case for the page: what is shown when it is opened, computed where the case is verified.

Details are made there, and not where the page is written, for three reasons: the programs are at hand; cases are described on as many processes as they
are verified on; and what was described is saved with the report of the case, so that a case from the cache has the same page. They are made only for a
format that shows them. Each part has a limit of time; what fails or takes longer costs a note on the page and never a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from verifier.case import points
from verifier.case.case import Case, without_calls
from verifier.case.components import flat, shape_of
from verifier.compare.check import Check, checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.exact.truth import truth_of
from verifier.language.formats import Format
from verifier.language.verdict import Verdict
from verifier.report.attempts import Attempts
from verifier.report.details import Details, Formula, ImplementationDetails, RepairedLine
from verifier.report.outcome import CaseReport

SECONDS = 1.0  # of the processor, for each part of a case's details
MOST_IMPLEMENTATIONS = 4  # those with findings before others
MOST_STEPS = 3_000  # of a program that is shown line by line
MOST_CURVES = 4
MOST_DRAWN = 120_000  # characters of a circuit
DIGITS = 6  # on its wires: its titles have all of them
POINTS, COLUMNS = 4_000, 230  # of a curve, and of its drawing: half as fine as `plot` draws it


def described(report: CaseReport, case: Case) -> CaseReport:
    """The report with the details of its case; as it was where the case could not be checked."""
    if report.status not in ("passed", "failed"):
        return report
    attempts = Attempts(case.place, SECONDS)
    try:
        return replace(report, details=_details(report, without_calls(case), attempts))
    except MemoryError:
        return report  # a page without details is a page; a case without its verdict is none


def _details(report: CaseReport, case: Case, attempts: Attempts) -> Details:
    from verifier.report import typeset

    text = case.function.text.strip() if case.function is not None else ""
    formulas: tuple[Formula, ...] = (Formula("", text),) if text else ()
    shown: list[ImplementationDetails] = []
    plots: tuple[str, ...] = ()
    repairs: tuple[RepairedLine, ...] = ()
    if case.programs.drafts:
        formulas = attempts.of("formulas").make("the typeset formulas", partial(typeset.formulas, case), formulas)
        shown = attempts.of("checks").make("the programs line by line", lambda: list(_implementations(report, case, attempts)), shown, is_made_of_attempts=True)
        repairs = attempts.of("repairs").make("the repairs as diffs", partial(_repairs, report, case), repairs)
        if case.domain or case.hunt:
            plots = attempts.of("plots").make("the plots of the error", partial(_plots, report, case), plots)
    return Details(case.about.strip(), case.source.strip(), text, formulas, tuple(shown), plots, repairs, tuple(attempts.notes))


def _implementations(report: CaseReport, case: Case, attempts: Attempts) -> Iterator[ImplementationDetails]:
    ((fmt, checks),) = checks_of(case, truth_of(case.programs.truth), case.formats[:1])
    found = {f.implementation for f in report.findings}
    chosen = {c.implementation for c in sorted(checks, key=lambda c: c.implementation not in found)[:MOST_IMPLEMENTATIONS]}
    for check in (c for c in checks if c.implementation in chosen):
        point = _point(report, case, check, fmt)
        if point is None or len(check.subject.program) > MOST_STEPS:
            continue
        own = attempts.of(check.implementation)
        empty = ImplementationDetails(check.implementation, fmt.name, points.point_text(case, fmt, point))
        shown = own.make(f"the program of {check.implementation}", partial(_lines, empty, check, point), empty)
        yield own.make(f"the circuit of {check.implementation}", partial(_circuit, shown, case, check, point, report), shown)


def _point(report: CaseReport, case: Case, check: Check, fmt: Format) -> tuple[float, ...] | None:
    """The point at which an implementation is shown: that of its first finding, else the first at which it was judged."""
    own = [f.point for f in sorted(report.findings, key=lambda f: f.severity != "error") if f.implementation == check.implementation and f.point]
    own += [r.point for r in report.results if r.implementation == check.implementation and r.format == fmt.name][:1]
    wanted = set(case.inputs)
    for text in own[:1]:
        values = [v for _, value in text for v in flat(value)]
        if sum(1 if not shape_of(value) else len(list(flat(value))) for _, value in text) == len(wanted):
            return tuple(float(str(v)) for v in values)
    return next(iter(points.listed(case, fmt)), None)


def _lines(shown: ImplementationDetails, check: Check, point: tuple[float, ...]) -> ImplementationDetails:
    from verifier.report.program_lines import program_lines

    return replace(shown, lines=tuple(program_lines(Checked(check, [point], compare(check, [point])), point)))


def _circuit(shown: ImplementationDetails, case: Case, check: Check, point: tuple[float, ...], report: CaseReport) -> ImplementationDetails:
    from verifier.report.circuits import diagram_at
    from verifier.report.draw.circuit_svg import svg
    from verifier.report.played_gates import replay

    wrong = [f for f in report.findings if f.severity == "error"]  # what only warns is right: nothing of it is red
    diagram = diagram_at(case, check, point, findings=wrong)
    drawing = shortened(svg(diagram, standalone=False, digits=DIGITS))
    return replace(shown, gates=replay(diagram), circuit=drawing if len(drawing) <= MOST_DRAWN else "", notes=diagram.notes)


def shortened(drawing: str) -> str:
    """A circuit without what the page says elsewhere: the invisible paths (its script adds them), the description (its table of gates),
    of an array all numbers but the first, parts of pixels, and on wires what the title of their gate says.
    """
    drawing = re.sub(r'<path class="hit"[^>]*/>|<desc>.*?</desc>\n?|\n[^\n<]*\[(?!0\])\d+\] [^\n<]* exact [^\n<]*|\n\.\.\. [^\n<]* more numbers', "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'(?<= (?:cx|cy)=")[^"]*|(?<= [dxyr]=")[^"]*', lambda m: re.sub(r"\d+\.\d+", lambda n: str(round(float(n[0]))), m[0]), drawing)  # whole pixels
    return re.sub(r'(<g class="wire"[^>]*><title>).*?(local gradient [^<]*)?</title>', lambda m: m[1] + (m[2] or "") + "</title>", drawing, flags=re.DOTALL)


def _repairs(report: CaseReport, case: Case) -> tuple[RepairedLine, ...]:
    """The wrong lines for which a right one was found."""
    from verifier.report.repair import repaired

    wrong = [f for f in report.findings if f.code == "V101" and f.implementation]
    if not wrong:
        return ()
    ((fmt, checks),) = checks_of(case, truth_of(case.programs.truth), case.formats[:1])
    listed = points.listed(case, fmt)
    found = (repaired(case, check, f, listed) for f in wrong for check in checks if check.implementation == f.implementation)
    return tuple(r for r in found if r is not None)


# ---------------------------------------------------------------- the error over an input


def _plots(report: CaseReport, case: Case) -> tuple[str, ...]:
    """The error over the inputs that have a domain, with the regions of the hunt, as long as there is time."""
    from verifier.report import plot
    from verifier.report.draw import svg

    found: list[str] = []
    left = MOST_CURVES
    for over in _inputs(case):
        if left <= 0:
            break
        try:
            curves = plot.curves(case, over=over, most=POINTS)[:left]
        except ValueError:
            continue  # no implementation computes a gradient by this input
        curves = [replace(c, regions=_regions(report, c.implementation, c.gradient, over)) for c in curves]
        left -= len(curves)
        found += [svg.render([c], title=f"{case.name}: error of {c.implementation}.{c.gradient} over {over}", is_titled=False, columns=COLUMNS) for c in curves]
    return tuple(found)


def _inputs(case: Case) -> Sequence[str]:
    """The inputs that have a range; of a hunt over all floats the first one."""
    ranged = [name for name, (low, high) in case.domain if name in case.inputs and name not in dict(case.choices) and name not in case.parameters and low != high]
    return ranged or ([n for n in case.inputs if n not in case.parameters][:1] if case.hunt else [])


def _regions(report: CaseReport, implementation: str, gradient: str, over: str) -> tuple[tuple[Verdict, float, float], ...]:
    return tuple((r.verdict, float(r.low), float(r.high)) for r in report.regions if (r.implementation, r.gradient, r.input) == (implementation, gradient, over) and not r.along)
