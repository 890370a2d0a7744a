"""The commands that draw one case: show and plot."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.command.given import complain, load_texts, some_of
from verifier.language.source import suggestion
from verifier.language.user_files import writing
from verifier.options import USAGE_ERROR
from verifier.report.draw.deliver import deliver, painted, say, visible
from verifier.report.draw.destinations import STANDARD_OUTPUT
from verifier.report.draw.paint import Paint, paint_for

if TYPE_CHECKING:
    from verifier.case.case import Case
    from verifier.case.load import Loaded

NO_SVG = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf"))  # what these names promise is another format


def run_show(options: argparse.Namespace) -> int:
    """The circuit of a case, line by line or with characters; the exit status."""
    loaded = load_texts(options.path)
    complain(loaded)

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
    shown = some_of([f"'{name}'" for name in names])
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


def _show_problem(case: Case, options: argparse.Namespace) -> str:
    from verifier.case.case import is_certified, no_implementation

    if options.implementation is not None and (problem := no_implementation(case, options.implementation)):
        return problem

    count = _count_of_points(case)
    if not count and options.point == 1 and is_certified(case):
        return ""
    return f"{case.name} has {count} {'point' if count == 1 else 'points'}, so there is no --point {options.point}" if not 1 <= options.point <= count else ""


def run_plot(options: argparse.Namespace) -> int:
    """A picture of a case as SVG; the exit status."""
    loaded = load_texts(options.path)
    complain(loaded)
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
    from verifier.case.case import no_implementation
    from verifier.language.formats import format_named
    from verifier.report.draw import svg, waterfall
    from verifier.report.legs import waterfalls

    if options.implementation is not None and (problem := no_implementation(case, options.implementation)):
        raise ValueError(problem)
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
