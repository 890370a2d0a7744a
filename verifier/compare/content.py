"""What a question is about, as text: programs and checks by their content, wherever in a file they stand. Equal texts have equal answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.meant import Meant


def content_of_program(program: Program | None) -> str:
    """A hash of the steps of a program, of what its names stand for, and of the texts of its lines."""
    if program is None:
        return ""
    lines = [(line.text, line.start, line.end, line.backward) for line in program.lines]
    parts = (list(map(tuple, program.steps)), program.inputs, sorted(program.names.items()), program.output, program.output_name, program.backward_start, sorted(program.parameters), sorted(program.shapes.items()), lines)
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def content_of_check(check: Check) -> tuple[object, ...]:
    """What a proof is about: the function, the computed gradients that are claimed, the format, and what flows in."""
    truth = check.truth
    return content_of_program(truth.source), content_of_program(check.subject.program), check.subject.claims, check.format.name, check.upstream


def content_of_meant(meant: Meant | None) -> tuple[object, ...]:
    """Where gradients are claimed."""
    return () if meant is None else (meant.domain, meant.choices, content_of_program(meant.given), meant.is_anywhere)


def content_of_rows(rows: Sequence[Sequence[Discrepancy]]) -> tuple[object, ...]:
    """At which points gradients were compared, and with which verdicts."""
    return tuple((row[0].point, tuple(d.verdict.value for d in row)) for row in rows if row)
