"""Draws the circuit of a case for `show`: each line of forward and backward with its value, its exact value, its error in ulps and its adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb

from verifier.arithmetic import balls, floats, rounding
from verifier.case import points
from verifier.case.case import Case
from verifier.case.components import base, bracketed
from verifier.circuit.program import Program, component_names, element_shape
from verifier.compare.check import checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import derivatives, one_sided
from verifier.exact.truth import Subject, truth_of
from verifier.language import formats
from verifier.language.formats import Format
from verifier.report import attribution, by_array, figures
from verifier.report.draw import ledger_table
from verifier.report.draw.array_rows import array_rows, worst_of
from verifier.report.draw.paint import Paint
from verifier.report.draw.text import table

BITS = 256
MOST_LEDGERS = 8  # gradients whose ledger is shown
DIGITS = 20
FEW = 3  # elements of a vector that are shown in rows of their own
LONG_FIGURE = 1e6  # ulps: from there on in scientific notation


def render(case: Case, *, paint: Paint, implementation: str | None = None, point: int = 1) -> str:
    """The circuits of a case's implementations at one of its points, in its first format."""
    ((fmt, checks),) = checks_of(case, truth_of(case.programs.truth), case.formats[:1])
    chosen = [*points.listed(case, fmt), *points.sampled(case, fmt)][point - 1]
    blocks = [paint(case.name, bold=True) + "  " + "  ".join(f"{n}={bracketed(v)}" for n, v in points.point_text(case, fmt, chosen)) + f"  {fmt.name}"]
    found: dict[str, Checked] = {}
    for check in checks:
        if implementation in (None, check.implementation):
            found[check.implementation] = Checked(check, [chosen], compare(check, [chosen]))
            blocks.append(_circuit(found[check.implementation], chosen, paint))
            blocks += _ledgers(found[check.implementation], paint)
    blocks += _residuals(case, found, chosen, paint)
    return "\n".join(blocks) + "\n"


def _circuit(checked: Checked, point: Sequence[float], paint: Paint) -> str:
    """Line by line: a claimed gradient beside the exact gradient, other lines beside what the program is over the reals."""
    check = checked.check
    program, fmt, upstream = check.subject.program, check.format, check.upstream
    computed = floats.at(program, point, fmt=fmt, upstream=upstream)
    exact = _exact_values(check.subject, point, upstream)
    for d in checked.rows[0]:
        exact[program.names[d.name]] = d.exact.ball if isinstance(d.exact, one_sided.Finite) else arb("nan")
    adjoints = _exact_adjoints(program, point, upstream)
    start = program.backward_start
    rows: list[list[str]] = [[paint(h, "dim") for h in ("line", "value", "exact", "ulps", "adjoint (exact)")]]
    together = _arrays(program)

    def cells(index: int) -> tuple[str, str, str]:
        value = computed[index]
        text = str(bool(value)) if program_boolean(program.steps[index].gate) else formats.text(fmt, float(value))
        return (text, *_against(fmt, value, exact[index]))

    for index, step in enumerate(program.steps):
        if index == start:
            rows.append([paint("backward", "dim"), "", "", "", ""])
        if not step.name or step.line < 0:
            continue
        at = adjoints.get(index)
        array = together.get((step.line, base(step.name))) if step.name.endswith("]") else None
        if array is None:
            rows.append([program.lines[step.line].text, *cells(index), "" if at is None or 0 <= start <= index else at])
        elif index == max(array.values()):  # the array is complete
            shown = {name: cells(i) for name, i in array.items()}
            worst = worst_of(list(shown), [c[2] for c in shown.values()], by_array.index)
            rows += array_rows(program.lines[step.line].text, element_shape(array) or (), list(shown.values()), worst)
    return paint(f"\n{check.implementation}", bold=True) + "\n" + "\n".join(table(rows, paint))


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


def _ledgers(checked: Checked, paint: Paint) -> list[str]:
    """The ledgers of the gradients; those that differ in their signs only are shown once."""
    check = checked.check
    blocks: list[list[str]] = []
    alike: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
    for d in _worst_of_arrays(checked)[:MOST_LEDGERS]:
        unit = attribution.unit_of(check, d)
        if unit is None or not isinstance(d.exact, one_sided.Finite):
            continue
        _, ledger, items = attribution.rows(checked, d)
        before = alike.get(ledger_table.shape(ledger, items, unit))
        if before is not None:
            before[1].append(d.name)
            continue
        blocks.append(["", *ledger_table.render(check.implementation, d.name, ledger, items, unit, d.exact.ball, program=check.subject.program, paint=paint)])
        alike[ledger_table.shape(ledger, items, unit)] = (blocks[-1], [])
    for lines, others in alike.values():
        if others:
            lines.append(paint(f"  the same for {', '.join(others)}, up to the sign", "dim"))
    return ["\n".join(b) for b in blocks]


def _worst_of_arrays(checked: Checked) -> list[Discrepancy]:
    """The gradients whose ledgers are shown: of an array the worst component."""
    known = by_array.arrays(name for _, name in checked.check.subject.claims)
    chosen: dict[str, Discrepancy] = {}
    for d in checked.rows[0]:
        name = known[d.name].name if d.name in known else d.name
        before = chosen.get(name)
        if before is None or (d.ulps is not None and d.ulps.is_finite() and (before.ulps is None or d.ulps.mid() > before.ulps.mid())):
            chosen[name] = d
    return list(chosen.values())


def _residuals(case: Case, checks: dict[str, Checked], point: tuple[float, ...], paint: Paint) -> list[str]:
    """The ledgers behind the residuals of two implementations, side by side."""
    blocks = []
    for residual, program in case.programs.residuals:
        if not residual.component and all(name.partition(".")[0] in checks for name in program.inputs) and (sides := figures.difference(program, checks, point)):
            first, second = (program.inputs[a] for a in program.steps[program.output].args)
            blocks.append("\n" + "\n".join(ledger_table.compared(first, second, sides, paint=paint)))
    return blocks


def program_boolean(gate: str) -> bool:
    """Whether a gate's value is a truth value."""
    return gate in derivatives.TRUTHS


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
