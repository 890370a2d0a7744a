"""The texts of cases that the laws are held against, drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import assume
from hypothesis import strategies as st

from verifier.circuit.statements import free_names
from verifier.language.formats import format_named
from verifier.language.gates import GATES
from verifier.language.source import Source
from verifier.search.fuzz.draw_texts import backward, block, formulas, gate_count, mistakes, programs

FORMATS = ("float64", "float64", "float64", "float32", "float16", "bfloat16", "float8_e4m3", "float32->bfloat16")
SPECIAL = ("0.0", "1", "-1", "0.5", "-0.5", "2", "-2", "3", "1e-3", "1e-8", "20", "-40", "100", "-710", "1e-200", "1e200", "-0.0")
UPSTREAMS = ("1", "1", "1", "-2.5", "1e-3", "0")
ELEMENTARY = tuple(n for n, g in GATES.items() if g.group in ("arithmetic", "exponentials, logarithms and roots", "trigonometric and hyperbolic", "activations") and not g.orders)


@st.composite
def values(draw: st.DrawFn, largest: float, *, special: bool = True) -> str:
    """Short decimals from -10 to 10, and values at which formulas change their ways."""
    short = st.floats(-10, 10).map(lambda x: f"{x:.3g}")
    text = draw(st.one_of(short, st.sampled_from(SPECIAL)) if special else short)
    assume(abs(float(text)) <= largest)
    return text


@st.composite
def rows(draw: st.DrawFn, inputs: Sequence[str], fmt: str, *, most: int = 2, special: bool = True) -> list[str]:
    """The lines of `points`."""
    largest = min(format_named(fmt).largest, math.sqrt(1.7e308))
    found = draw(st.lists(st.tuples(*(values(largest, special=special) for _ in inputs)), min_size=1, max_size=most, unique=True))
    return ["points:", *(f"  - {{{', '.join(f'{n}: {v}' for n, v in zip(inputs, row, strict=True))}}}" for row in found)]


def inputs_of(formula: str) -> tuple[str, ...]:
    """The names that a formula reads."""
    return free_names(Source(formula, "<formula>", 1, 1, formula), is_block=False)


@st.composite
def functions(
    draw: st.DrawFn, gates: Sequence[str] | None = None, *, size: int = 5, formats: Sequence[str] = ("float64",), special: bool = True, upstream: bool = False, second: bool = False, inputs: Sequence[str] = ("x", "y")
) -> str:
    """Cases that are a formula, with `second` sometimes its derivative."""
    formula = draw(formulas(gates, inputs=inputs, size=size))
    found = inputs_of(formula)
    assume(found)
    if second and draw(st.integers(0, 5)) == 0:
        assume(gate_count(formula) <= 3)
        formula = f"diff({formula}, {found[0]})"
    fmt = draw(st.sampled_from(formats))
    lines = [f"function: {formula}", *draw(rows(found, fmt, special=special)), f"formats: [{fmt}]"]
    if upstream:
        lines.append(f"upstream: {draw(st.sampled_from(UPSTREAMS))}")
    return "\n".join([*lines, ""])


@st.composite
def staged(draw: st.DrawFn, gates: Sequence[str] | None = None, *, size: int = 2, formats: Sequence[str] = ("float64",), special: bool = True) -> str:
    """Cases with a forward pass, one gate a line, whose backward pass is generated."""
    fmt = draw(st.sampled_from(formats))
    forward = draw(programs(gates, size=size))
    return "\n".join([*draw(rows(("x", "y"), fmt, special=special)), f"formats: [{fmt}]", "implementations:", "  staged:", *block("forward", forward), ""])


@st.composite
def arranged(draw: st.DrawFn, gates: Sequence[str] | None = None, *, size: int = 2, formats: Sequence[str] = ("float64",), wrong: bool = False) -> str:
    """The same, and beside it a right backward pass in another arrangement (`by_hand`), or one with a mistake (`mistaken`)."""
    fmt = draw(st.sampled_from(formats))
    forward = draw(programs(gates, size=size))
    hand = draw(mistakes(forward)).text if wrong else draw(backward(forward))
    name = "mistaken" if wrong else "by_hand"
    lines = [*draw(rows(("x", "y"), fmt)), f"formats: [{fmt}]", "implementations:", "  staged:", *block("forward", forward)]
    return "\n".join([*lines, f"  {name}:", *block("forward", forward), *block("backward", hand), ""])
