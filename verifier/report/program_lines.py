"""The program of an implementation at a point, line by line: value, exact value, error in ulps, adjoint. `show` and the page draw these rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb

from verifier.arithmetic import balls, floats, rounding
from verifier.case.components import base
from verifier.circuit.program import Program, component_names, element_shape
from verifier.compare.checked import Checked
from verifier.exact import derivatives, one_sided
from verifier.exact.truth import Subject
from verifier.language import formats
from verifier.language.formats import Format
from verifier.report import by_array
from verifier.report.details import ProgramLine
from verifier.report.draw.array_rows import array_rows, worst_of

BITS = 256
DIGITS = 20
FEW = 3  # elements of a vector that are shown in rows of their own
LONG_FIGURE = 1e6  # ulps: from there on in scientific notation


def program_lines(checked: Checked, point: Sequence[float]) -> list[ProgramLine]:
    """The rows of a program: a claimed gradient beside the exact gradient, other lines beside what the program is over the reals."""
    check = checked.check
    program, fmt, upstream = check.subject.program, check.format, check.upstream
    computed = floats.at(program, point, fmt=fmt, upstream=upstream)
    exact = _exact_values(check.subject, point, upstream)
    for d in checked.rows[0]:
        exact[program.names[d.name]] = d.exact.ball if isinstance(d.exact, one_sided.Finite) else arb("nan")
    adjoints = _exact_adjoints(program, point, upstream)
    start = program.backward_start
    together = _arrays(program)
    found: list[ProgramLine] = []

    def cells(index: int) -> tuple[str, str, str]:
        value = computed[index]
        text = str(bool(value)) if program.steps[index].gate in derivatives.TRUTHS else formats.text(fmt, float(value))
        return (text, *_against(fmt, value, exact[index]))

    for index, step in enumerate(program.steps):
        if not step.name or step.line < 0:
            continue
        is_backward = 0 <= start <= index
        written = program.lines[step.line]
        place = written.source.place(written.start).line if written.source is not None else 0
        array = together.get((step.line, base(step.name))) if step.name.endswith("]") else None
        if array is None:
            at = adjoints.get(index)
            found.append(ProgramLine(written.text, *cells(index), "" if at is None or is_backward else at, is_backward, place))
        elif index == max(array.values()):  # the array is complete
            shown = {name: cells(i) for name, i in array.items()}
            worst = worst_of(list(shown), [c[2] for c in shown.values()], by_array.index)
            first, *others = array_rows(written.text, element_shape(array) or (), list(shown.values()), worst)
            found.append(ProgramLine(*_five(first), is_backward, place))
            found += [ProgramLine(*_five(row), is_backward) for row in others]
    return found


def _five(row: Sequence[str]) -> tuple[str, str, str, str, str]:
    text, value, exact, ulps, adjoint = row
    return text, value, exact, ulps, adjoint


def _arrays(program: Program) -> dict[tuple[int, str], dict[str, int]]:
    """The arrays that statements set, by line and name: the last step of each component, in C order. Not those of few components, nor parts of arrays."""
    found: dict[tuple[int, str], dict[str, int]] = {}
    for index, step in enumerate(program.steps):
        if step.line >= 0 and step.name.endswith("]"):
            found.setdefault((step.line, base(step.name)), {})[step.name] = index
    whole: dict[tuple[int, str], dict[str, int]] = {}
    for key, parts in found.items():
        shape = element_shape(parts)
        if shape is not None and (len(shape) > 1 or len(parts) > FEW):
            whole[key] = {name: parts[name] for name in component_names(key[1], shape)}
    return whole


def _exact_values(tested: Subject, point: Sequence[float], upstream: float) -> list[Any]:
    program, places = tested.exact
    return balls.at(program, point, places, strict=False, upstream=upstream, bits=BITS)


def _exact_adjoints(program: Program, point: Sequence[float], upstream: float) -> dict[int, str]:
    """The exact adjoint of every forward step, as text."""
    gradient = derivatives.gradient(program.forward_part())
    with balls.precision(BITS):
        run = balls.at(gradient.program, point, strict=True)
        found = {}
        for index in range(len(gradient.at)):
            step = gradient.wrt(index)
            value = arb(0) if step is None else run[step] * arb(upstream)
            found[index] = rounding.digits(value, DIGITS) or "-"
    return found


def _against(fmt: Format, value: Any, enclosure: Any) -> tuple[str, str]:
    if isinstance(enclosure, bool) or enclosure is None or not enclosure.is_finite():
        return ("" if isinstance(enclosure, bool) else "-"), ""
    with balls.precision(BITS):
        digits = rounding.digits(enclosure, DIGITS) or "-"
        if value != value or abs(value) == float("inf"):  # noqa: PLR0124 - NaN
            return digits, "-"
        error = (arb(float(value)) - enclosure) / rounding.ulp(fmt, enclosure)[1]
        return digits, _figure(float(error.mid())) if not error.is_zero() else "0"


def _figure(ulps: float) -> str:
    return f"{ulps:+.3f}" if abs(ulps) < LONG_FIGURE else f"{ulps:+.4g}"
