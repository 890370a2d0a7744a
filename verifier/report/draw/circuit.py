"""Draws the circuit of a case for `show`: each line of forward and backward with its value, its exact value, its error in ulps and its adjoint."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.case import points
from verifier.case.case import Case
from verifier.case.components import bracketed
from verifier.compare.check import checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import one_sided
from verifier.exact.truth import truth_of
from verifier.report import attribution, by_array, figures
from verifier.report.draw import ledger_table
from verifier.report.draw.paint import Paint
from verifier.report.draw.text import table
from verifier.report.program_lines import program_lines

MOST_LEDGERS = 8  # gradients whose ledger is shown


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
    rows: list[list[str]] = [[paint(h, "dim") for h in ("line", "value", "exact", "ulps", "adjoint (exact)")]]
    is_backward = False
    for line in program_lines(checked, point):
        if line.is_backward and not is_backward:
            rows.append([paint("backward", "dim"), "", "", "", ""])
        is_backward = line.is_backward
        rows.append([line.text, line.value, line.exact, line.ulps, line.adjoint])
    return paint(f"\n{checked.check.implementation}", bold=True) + "\n" + "\n".join(table(rows, paint))


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
