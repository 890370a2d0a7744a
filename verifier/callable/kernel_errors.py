"""Whether the trace is what the framework computes, and whose fault it is where a kernel loses digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.trust import Disagreement
from verifier.language.formats import Format
from verifier.language.source import Place
from verifier.language.verdict import Verdict
from verifier.report.outcome import CaseReport, Finding
from verifier.trace.record import Callee, Trace

MOST_OF_A_LINE = 100  # characters of a line that branches on a value
MOST_KERNELS = 3  # that are named in notes
LOSSES = ("V102", "V104", "V201", "V202", "V203")  # findings about lost digits, zeros and what is not finite
FORMULA = (Verdict.WRONG, Verdict.UNDEFINED, Verdict.UNDECIDED)  # verdicts that no kernel explains


def is_believed(doubts: Sequence[Disagreement], fmt: Format) -> bool:
    """Whether kernels that lose digits explain everything that the framework and the trace differ by."""
    return all(d.explains(fmt) for d in doubts)


def believed_forward(trace: Trace, doubts: Sequence[Disagreement], fmt: Format) -> Program | None:
    """The forward pass of a trace that is not believed, if the framework and the trace agree on all of it; None where it may be that of another function."""
    program = trace.program
    return program.forward_part() if all(d.step >= program.backward_start for d in doubts if not d.explains(fmt)) else None


def doubt(trace: Trace, doubts: Sequence[Disagreement], callee: Callee) -> str:
    """Why a trace is not believed."""
    worst = min(doubts, key=lambda d: d.bits)
    place = _place_of(trace, worst.step)
    at = f" at {place}" if place is not None else ""
    return f"the trace is not believed: {callee.framework} computes {worst.framework!r} for {worst.what or 'a step'}{at}, the traced lines give {worst.trace!r}; please report it"


def _place_of(trace: Trace, step: int) -> Place | None:
    one = trace.program.steps[step]
    line = trace.program.lines[one.line] if one.line >= 0 else None
    return line.source.place(one.start) if line is not None and line.source is not None else None


def kernel_notes(trace: Trace, doubts: Sequence[Disagreement], callee: Callee) -> tuple[str, ...]:
    """What is said of kernels that lose digits, and of branches that the values decide."""
    notes = []
    for d in list({d.framework: d for d in reversed(doubts)}.values())[::-1][:MOST_KERNELS]:  # an output that is the kernel's own is said once
        place = _place_of(trace, d.step)
        notes.append(f"{callee.framework}: {d.what or 'a kernel'}{f' at {place}' if place is not None else ''} gives {d.framework!r}, the real value is near {d.trace!r}: its kernel loses digits")
    if trace.branches:
        said = dict.fromkeys(f"{b.place.line}: {_beginning(b.text.strip())}" for b in trace.branches if b.place.line)  # what is the framework's own has no line
        notes.append(f"the code branches on values{f' ({shown})' if (shown := '; '.join(list(said)[:3])) else ''}: the results hold only for inputs that take the same branches as these points")
    return (*notes, *trace.notes)


def _beginning(statement: str) -> str:
    """A statement as it stands, or as much of its first line as is worth a note."""
    first = statement.partition("\n")[0]
    return statement if first == statement and len(first) <= MOST_OF_A_LINE else f"{first[:MOST_OF_A_LINE].rstrip()} ..."


def with_kernels(report: CaseReport, own: Check, checked: Checked, callee: Callee) -> CaseReport:
    """The report, with what the same lines give in IEEE arithmetic where the framework's gradient is much worse: then its kernel is to blame, not the formula."""
    notes: dict[str, str] = {}  # by gradient
    for point, row in zip(checked.points, checked.rows, strict=True):
        bad = [d for d in row if not d.verdict.passes and d.verdict not in FORMULA]
        if not bad:
            continue
        mine = {d.name: d for d in compare(own, [point], detail=False)[0]}
        for d in bad:
            if mine[d.name].verdict.passes:
                notes.setdefault(d.name, _comparison(d, mine[d.name], callee))
    findings = tuple(_of_the_kernel(f, notes[f.gradient]) if f.code in LOSSES and f.gradient in notes else f for f in report.findings)
    return replace(report, notes=(*report.notes, *notes.values()), findings=findings)


def _of_the_kernel(found: Finding, text: str) -> Finding:
    """A finding about lost digits that are the kernel's: no line of the user lost them."""
    return replace(found, message=f"{found.message}: the kernel loses them, not the formula", details=(*(d for d in found.details if not d.startswith(("worst", "nearest"))), f"kernel    {text.partition(': ')[2]}"))


def _comparison(d: Discrepancy, other: Discrepancy, callee: Callee) -> str:
    loses = f"loses {float(d.ulps):.3g} ulp" if d.ulps is not None and d.ulps.is_finite() else f"gives {d.computed!r}"
    same = f"{float(other.ulps):.2g} ulp" if other.ulps is not None and other.ulps.is_finite() else f"give {other.computed!r}"
    return f"{d.name}: the kernel of {callee.framework} {loses}; the same lines in IEEE arithmetic {same}"
