"""Findings that name the guilty line: of a wrong backward pass, of a wrong forward pass, of one that is not linear in `upstream`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flint import arb

from verifier.arithmetic import balls, rounding
from verifier.blame.formula import branches, derivation, diagnose, locate, temporaries
from verifier.blame.formula.adjoint_values import BITS, Terrain
from verifier.blame.formula.diagnose import Diagnosis
from verifier.case.case import Draft
from verifier.circuit.program import Program, ancestors
from verifier.compare import judge
from verifier.exact import derivatives
from verifier.language.formats import Format
from verifier.language.source import Place

MOST_POINTS = 3  # points at which a wrong gradient is looked into; neighbours of each are added
SHIFTS = (1 / 16, -1 / 32, 3 / 64)  # relative shifts of the neighbours (absolute where an input is 0)
SIZES = (0.625, -1.375, 900.0, 0.0009765625)  # of the inputs at ordinary points
FIGURES = 20
UNEXPLAINED = "this line is wrong"


@dataclass(frozen=True)
class Charge:
    """A guilty line, what is wrong with it in words, and the gradients that follow it."""

    place: Place
    statement: str
    words: str
    gradients: tuple[str, ...]
    details: tuple[str, ...]
    source_line: str = ""
    width: int = 0  # of the guilty subexpression, in columns


def neighbours(points: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Points near the given ones: at a single point much is equal by coincidence."""
    return [tuple(x * (1 + shift * (1 + i % 3)) if x else shift for i, x in enumerate(p)) for p in points for shift in SHIFTS]


def ordinary(count: int) -> list[tuple[float, ...]]:
    """Points of several sizes and signs. Where the backward pass is right at one, a repair must leave it right."""
    return [tuple(size * (1 + 0.17 * (i % 7)) for i in range(count)) for size in SIZES]


def charges(draft: Draft, wrong: Sequence[tuple[str, tuple[float, ...]]], *, fmt: Format, upstream: float, beside: Sequence[tuple[float, ...]] = ()) -> list[Charge]:
    """The guilty statements behind some wrong gradients, given as (name, point). `beside` are other points: what repairs the wrong ones must hold there too."""
    program = draft.whole
    if program is None:
        return []
    found: list[Charge] = []
    chosen = list(dict.fromkeys(point for _, point in wrong))
    right = [p for p in dict.fromkeys(beside) if p not in chosen][:MOST_POINTS] + ordinary(len(program.inputs))
    chosen = chosen[:MOST_POINTS]
    trial = locate.investigate(program, draft.implementation, draft.claims, [*chosen, *neighbours(chosen)], beside=right, fmt=fmt, upstream=upstream)
    names = {name for name, _ in wrong}
    for guilt in temporaries.relocated(program, trial, fmt=fmt) if trial is not None else ():
        affected = tuple(n for _, n in draft.claims if n in names and _reaches(program, guilt.definition, n))
        if affected and trial is not None:
            found.append(_charge(program, trial, guilt, affected, fmt))
    accused = {name for charge in found for name in charge.gradients}
    for name, point in wrong:
        if name not in accused and (corner := branches.corner(draft, name, point, fmt=fmt, upstream=upstream)) is not None:
            accused.add(name)
            found.append(_corner_charge(program, corner, name))
    merged: dict[tuple[Place, str], Charge] = {}
    for charge in found:  # one wrong temporary read by several adjoints is one mistake
        key = (charge.place, charge.words)
        before = merged.get(key)
        gradients = tuple(dict.fromkeys([*(before.gradients if before else ()), *charge.gradients]))
        merged[key] = replace(before or charge, gradients=gradients)
    return list(merged.values())


def _corner_charge(program: Program, corner: branches.Corner, name: str) -> Charge:
    line, found = program.lines[corner.line], corner.diagnosis
    words = found.words if found is not None else f"{UNEXPLAINED} at this point, and right beside it"
    start, end = (found.start, found.end) if found is not None else (line.start, line.end)
    place = line.source.place(start) if line.source is not None else Place("", 0, 0)
    shown = line.source.line_text(start) if line.source is not None else ""
    return Charge(place, line.text.strip(), words, (name,), (f"diagnosis {words}",) if found is not None else (), shown, end - start)


def _reaches(program: Program, step: int, claim: str) -> bool:
    """Whether a claimed gradient depends on a backward step."""
    return step in ancestors(program, program.names[claim])


def _charge(program: Program, trial: locate.Trial, guilt: locate.Guilt, affected: tuple[str, ...], fmt: Format) -> Charge:
    found = diagnose.diagnose(program, trial, guilt, fmt=fmt)
    line = program.lines[found.line if found is not None else guilt.line]
    place = line.source.place(found.start if found is not None else line.start) if line.source is not None else Place("", 0, 0)
    details = [f"diagnosis {found.words}"] if found is not None else []
    with balls.precision(BITS):
        details += _figures(guilt)
    if (formula := derivation.expected_formula(program, guilt)) is not None:
        details.append(f"expected  {formula}")
    followers = [i for i in trial.propagated if _line_reaches(program, guilt.definition, i)]
    if followers:
        lines = sorted({_line_number(program, i) for i in followers})
        details.append(f"propagated to line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}")
    words = found.words if found is not None else f"{UNEXPLAINED}, though everything it reads is exact"
    start, end = (found.start, found.end) if found is not None else (line.start, line.end)
    shown = line.source.line_text(start) if line.source is not None else ""
    return Charge(place, line.text.strip(), words, affected, tuple(details), shown, end - start)


def _line_reaches(program: Program, step: int, line: int) -> bool:
    """Whether the statement on a line reads, directly or not, what a guilty step holds."""
    last = max(i for i in range(program.backward_start, len(program.steps)) if program.steps[i].line == line)
    return step != last and step in ancestors(program, last)


def _line_number(program: Program, line: int) -> int:
    record = program.lines[line]
    return record.source.place(record.start).line if record.source is not None else 0


def _figures(guilt: locate.Guilt) -> list[str]:
    """The value of the statement on exact operands, and the value it should have, at the first point."""
    needed, computed = guilt.needed[0], guilt.computed[0]
    rows = []
    if isinstance(needed, arb) and guilt.kind in ("wrong", "missing"):
        rows.append(f"needed    {_digits(needed)}" if guilt.kind == "wrong" else f"missing   {_digits(needed)}")
    if guilt.kind == "wrong":
        ratio = ""
        if isinstance(computed, arb) and computed.is_finite() and needed != 0 and computed.is_finite():
            share = computed / needed
            near = abs(share - 1) < 1e-6
            said = f"1 {'+' if share > 1 else '-'} {_digits(abs(share - 1), 4)}" if near else _digits(share, 8)
            ratio = f"   ({said} times the right value)" if not share.contains(1) else ""
        rows.append(f"this line {_digits(computed)}{ratio}")
    return rows


def _digits(value: Any, count: int = FIGURES) -> str:
    if not isinstance(value, arb):
        return str(value)
    return rounding.digits(value, count) or (value.str(count, radius=False) if value.is_finite() else "no real value")


# ---------------------------------------------------------------- the forward pass


@dataclass(frozen=True)
class ForwardError:
    """A forward pass that is not the function: at which point, by how many ulps, and the guilty line where it can be told."""

    point: tuple[float, ...]
    computed: str
    exact: str
    ulps: str
    diagnosis: Diagnosis | None


def forward_error(function: Program, forward: Program, points: Sequence[tuple[float, ...]], *, fmt: Format) -> ForwardError | None:
    """Where a forward pass, run over the reals, is off the function by more than one ulp; None where it never is."""
    exact_function, exact_forward = derivatives.primitive(function), derivatives.primitive(forward)
    for bits in (judge.FIRST_BITS, 1024, 4096):
        with balls.precision(bits):
            columns = [[arb(p[i]) for p in points] for i in range(len(function.inputs))]
            wanted = balls.run(exact_function, columns, bits=bits, strict=False, rounded_in=fmt)[exact_function.output]
            found = balls.run(exact_forward, columns, bits=bits, strict=False, rounded_in=fmt)[exact_forward.output]
            for at, (f, r) in enumerate(zip(wanted, found, strict=True)):
                if not f.is_finite() or not r.is_finite():
                    continue
                unit = rounding.ulp(fmt, f)[1]
                if abs(r - f) > unit:
                    off = rounding.significant(abs(r - f) / unit, 6)
                    return ForwardError(points[at], _digits(r), _digits(f), off, _forward_diagnosis(exact_function, forward, points[at], fmt))
    return None


def _forward_diagnosis(function: Program, forward: Program, point: tuple[float, ...], fmt: Format) -> Diagnosis | None:
    """The single edit of a forward line that makes it the function."""
    points = [point, *neighbours([point])]
    with balls.precision(BITS):
        columns = [[arb(p[i]) for p in points] for i in range(len(forward.inputs))]
        needed = balls.run(function, columns, bits=BITS, strict=False)[function.output]
        good = [at for at, v in enumerate(needed) if v.is_finite()]
        start = len(forward.inputs)
        whole = Program(forward.steps, forward.inputs, forward.names, forward.output, forward.lines, forward.output_name, start)
        kept = tuple(points[at] for at in good)
        inputs = tuple([c[at] for at in good] for c in columns)
        land = Terrain(whole, kept, inputs, (), (), arb(1), len(kept), BITS)
        values = locate.run_over_reals(whole, land, {}, fmt)
        trial = locate.Trial(land, values, values, {}, (), ())
        line = next((s.line for s in (forward.steps[forward.output],)), -1)
        guilt = locate.Guilt(forward.output_name, line, "wrong", forward.output, [needed[at] for at in good], values[forward.output])
        return diagnose.diagnose(whole, trial, guilt, fmt=fmt)
