"""Makes the diagram of a case: the floats of an implementation on the wires of its forward pass, beside the exact values and gradients.

The gates are those of the forward pass. What the implementation computes of the gradient of a wire is found in its backward pass: by names (`dX`, the key
`adjoints`), by values, and at forks by the contributions that are added up (`blame.formula`). Where it computes none, the exact one stands there, and says so.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from math import prod

from verifier.case import points
from verifier.case.case import Case, Draft
from verifier.case.components import base
from verifier.circuit.program import component_names
from verifier.compare.check import Check, checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.exact.truth import truth_of
from verifier.language.gates import GATES
from verifier.report.bundles import MOST_GATES, Bundle, Bundles, ShownForward, bundles_of
from verifier.report.diagram import NO_FIGURE, CircuitGate, Diagram, Figure, Wire
from verifier.report.guilt import Guilt, findings_at, guilt_of
from verifier.report.outcome import Finding
from verifier.report.symbols import operation, symbol
from verifier.report.wire_figures import WireFigures, figures_at


def diagram_of(
    case: Case, *, implementation: str | None = None, point: int = 1, form: str | None = None, findings: Sequence[Finding] | None = None, opened: Container[str] = (), most: int = MOST_GATES
) -> Diagram:
    """The circuit of an implementation of a case (default: the first that is a text) at one of its points (listed ones first, then those of the sample), in a format (default: the first).

    `findings` are those of the case's report, for the gates and wires that are to blame; where they are not given, the point is judged. Arrays named in `opened` are drawn component by
    component (`*`: all of them). ValueError says what the case does not have.
    """
    draft = next((d for d in case.programs.drafts if implementation in (None, d.implementation.name)), None)
    if draft is None:
        which = "" if implementation is None else f"'{implementation}' "
        raise ValueError(f"{case.name} has no implementation {which}that is a text")
    name = draft.implementation.name
    ((fmt, checks),) = checks_of(case, truth_of(case.programs.truth), [form or next(iter(draft.implementation.formats), case.formats[0])])
    check = next((c for c in checks if c.implementation == name), None)
    if check is None:
        raise ValueError(f"{name} of {case.name} is not asked about in {fmt.name}, only in {', '.join(draft.implementation.formats)}")
    known = [*points.listed(case, fmt), *points.sampled(case, fmt)]
    if not 1 <= point <= len(known):
        raise ValueError(f"{case.name} has {len(known)} {'point' if len(known) == 1 else 'points'}, not {point}")
    return diagram_at(case, check, known[point - 1], findings=findings, opened=opened, most=most)


def arrays_of(case: Case, implementation: str | None = None) -> list[str]:
    """The names that may be opened: the arrays of an implementation of a case, or of all of them."""
    steps = [s for d in case.programs.drafts if implementation in (None, d.implementation.name) for s in d.forward.steps]
    names = [n for s in steps for n in (s.name, s.text if s.gate == "input" else "") if n and n.endswith("]")]
    return list(dict.fromkeys(base(n) for n in names))


def diagram_at(case: Case, check: Check, point: Sequence[float], *, findings: Sequence[Finding] | None = None, opened: Container[str] = (), most: int = MOST_GATES) -> Diagram:
    """The circuit of the implementation that a check asks about, at a point of its format."""
    at = tuple(point)
    draft = next(d for d in case.programs.drafts if d.implementation.name == check.implementation)
    checked = Checked(check, [at], compare(check, [at]))
    known = findings_at(case, checked) if findings is None else [f for f in findings if f.implementation in ("", check.implementation)]
    return diagram_from(case, draft, checked, known, opened=opened, most=most)


def diagram_from(case: Case, draft: Draft, checked: Checked, findings: Sequence[Finding], *, opened: Container[str] = (), most: int = MOST_GATES) -> Diagram:
    """The circuit at the first point of what was found in answer to a check."""
    check, point = checked.check, checked.points[0]
    program = check.subject.program
    hidden = frozenset(n for n in program.inputs if case.outputs and n in case.parameters and _flows_in(case, n))
    forward = ShownForward(program, hidden, frozenset((*case.parameters, *program.parameters)))
    bundles = bundles_of(forward, opened=opened, most=most)
    figures = figures_at(draft, checked, forward)
    guilt = guilt_of(program, figures, findings)
    gates, wires = _gates(bundles, figures, guilt), _wires(bundles, figures, guilt)
    ends, to_ends = _outputs(case, bundles, figures, len(gates), len(wires))
    gates = [*gates, *ends]
    wires = _with_branches([*wires, *to_ends])
    folded = sum(g.count for g in gates if g.kind == "fold")
    notes = (f"{folded:,} of {sum(g.count for g in gates if g.kind not in ('input', 'output')):,} gates stand within folds",) if folded else ()
    return Diagram(case.name, check.implementation, check.format.name, points.point_text(case, check.format, point), tuple(gates), tuple(wires), notes, folded)


def _flows_in(case: Case, name: str) -> bool:
    """Whether an input is the gradient that flows into an output."""
    return name.partition("[")[0] in {f"d{o}" for o in case.outputs}


def _gates(bundles: Bundles, figures: WireFigures, guilt: Guilt) -> list[CircuitGate]:
    forward, found = bundles.forward, []
    for k, b in enumerate(bundles.found):
        inside, leaving = set(b.steps), _leaving(bundles, k)
        names = list(dict.fromkeys(n for i in leaving for n in forward.names.get(i, []))) if b.kind != "input" else [forward.program.steps[i].text for i in leaving]
        gates = [i for i in b.steps if forward.program.steps[i].gate != "input"]
        blamed = [i for i in b.steps if i in guilt.gates]
        line = forward.program.lines[forward.program.steps[gates[0]].line] if gates and forward.program.steps[gates[0]].line >= 0 else None
        shape = _shape(forward, leaving, names)
        found.append(
            CircuitGate(
                f"g{k}",
                b.kind,
                _symbol(bundles, b, names, figures),
                _together(names),
                forward.text(gates[-1]) if gates and b.kind != "fold" else "",
                line.source.place(line.start).line if line is not None and line.source is not None else None,
                figures.values(leaving, shape),
                figures.adjoints(leaving, shape),
                (*b.steps, *dict.fromkeys(c for i in b.steps for c in forward.constants_of(i) if c not in inside)),
                len(gates),
                b.kind == "gate" and not _commutes(forward.program.steps[b.steps[0]].gate),
                tuple(dict.fromkeys(forward.program.lines[forward.program.steps[i].line].text.strip() for i in gates if forward.program.steps[i].line >= 0)) if b.kind == "fold" else (),
                next((guilt.gates[i] for i in blamed if guilt.gates[i]), ""),
                bool(blamed),
            )
        )
    return found


def _commutes(gate: str) -> bool:
    return gate in GATES and GATES[gate].commutes


def _leaving(bundles: Bundles, k: int) -> list[int]:
    """The steps of a gate that something else reads; all that nothing reads where that is none."""
    forward, b = bundles.forward, bundles.found[k]
    if b.kind == "input" or len(b.steps) == 1:
        return list(b.steps)
    readers = forward.readers
    outside = [i for i in b.steps if any(bundles.at.get(r) != k for r in readers.get(i, ())) or i in forward.outputs]
    return outside or [i for i in b.steps if not readers.get(i)]


def _shape(forward: ShownForward, steps: Sequence[int], names: Sequence[str]) -> tuple[int, ...]:
    """The shape of what leaves a gate: that of the array whose components it is, else its length."""
    if len(steps) == 1:
        return ()
    for b in dict.fromkeys(n.partition("[")[0] for n in names if n.endswith("]")):
        shape = forward.program.shapes.get(b, ())
        if shape and prod(shape) == len(steps) and {n for n in names if n.partition("[")[0] == b} >= set(component_names(b, shape)):
            return shape
    return (len(steps),)


def _together(names: Sequence[str]) -> str:
    """The names of a gate's value: an array once."""
    several = len(names) > 1
    return ", ".join(dict.fromkeys(n.partition("[")[0] if several else n for n in names))


def _symbol(bundles: Bundles, b: Bundle, names: Sequence[str], figures: WireFigures) -> str:
    forward = bundles.forward
    if b.kind == "input":
        own = [forward.program.steps[i].text for i in b.steps]
        return _together(own)
    if b.kind == "gate":
        return symbol(forward.program, b.steps[0], figures.computed)
    if b.kind == "array":
        return operation(forward.program, b.steps, forward.text(b.steps[-1]), figures.computed)
    return _together(names) or "..."


def _wires(bundles: Bundles, figures: WireFigures, guilt: Guilt) -> list[Wire]:
    """One wire for each operand of a step that is a gate of its own; one for all that a gate of several steps reads of another."""
    forward = bundles.forward
    found: list[Wire] = []
    for k, b in enumerate(bundles.found):
        edges: dict[tuple[int, int], list[tuple[int, int, int]]] = {}  # (source gate, position) -> (operand, reader, position)
        first: dict[int, int] = {}
        for i in b.steps:
            for position, a in forward.operands(i):
                source = bundles.at[a]
                if source != k:
                    place = position if b.kind == "gate" else first.setdefault(source, len(first))
                    edges.setdefault((source, place), []).append((a, i, position))
        for (source, place), several in edges.items():
            operands = list(dict.fromkeys(a for a, _, _ in several))
            names = [forward.program.steps[a].text for a in operands] if bundles.found[source].kind == "input" else [n for a in operands for n in forward.names.get(a, [])]
            shape = _shape(forward, operands, names)
            blamed = [e for e in several if e in guilt.edges]
            found.append(
                Wire(
                    f"w{len(found)}",
                    f"g{source}",
                    f"g{k}",
                    place,
                    figures.values(operands, shape),
                    figures.contributions(several, operands, shape),
                    figures.local(*several[0][1:]) if b.kind == "gate" else NO_FIGURE,
                    guilt=next((guilt.edges[e] for e in blamed if guilt.edges[e]), ""),
                    is_guilty=bool(blamed),
                )
            )
    return found


def _outputs(case: Case, bundles: Bundles, figures: WireFigures, first_gate: int, first_wire: int) -> tuple[list[CircuitGate], list[Wire]]:
    """The ends of the wires that leave the circuit, each with the gradient that flows in there."""
    forward = bundles.forward
    gates: list[CircuitGate] = []
    wires: list[Wire] = []
    for name, steps, shape in forward.ends(case.outputs):
        key = f"g{first_gate + len(gates)}"
        gates.append(CircuitGate(key, "output", name, name, value=figures.values(steps, shape), gradient=figures.inflow(steps, name, shape), count=0))
        sources: dict[int, list[int]] = {}
        for s in steps:
            if s in bundles.at:
                sources.setdefault(bundles.at[s], []).append(s)
        for place, (source, parts) in enumerate(sources.items()):
            own = shape if len(parts) == len(steps) else (len(parts),)
            wires.append(Wire(f"w{first_wire + len(wires)}", f"g{source}", key, place, figures.values(parts, own), figures.inflow(parts, name, own)))
    return gates, wires


def _with_branches(wires: Sequence[Wire]) -> list[Wire]:
    """The wires, those that leave a fork marked."""
    count: dict[str, int] = {}
    for w in wires:
        count[w.source] = count.get(w.source, 0) + 1
    return [replace(w, is_branch=count[w.source] > 1) for w in wires]


__all__ = ["CircuitGate", "Diagram", "Figure", "Mapping", "Wire", "arrays_of", "diagram_at", "diagram_from", "diagram_of"]
