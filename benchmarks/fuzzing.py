"""Fuzz throughput on one core: points of the notebook networks, and random programs of about 20 gates, judged; and whose time it is.

Processor time. The shares are of the time in a library's own modules and of what they call, told by cProfile (which slows
Python down more than C: they are read against each other, not against the rates).
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from machine import describe

from verifier.case.case import Case
from verifier.case.load import load
from verifier.circuit.backprop import with_backward
from verifier.circuit.statements import build_program
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact.derivatives import NotDifferentiable
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS
from verifier.language.source import Source
from verifier.search.fuzz import campaign as campaigns
from verifier.search.fuzz import programs
from verifier.search.fuzz.draw_points import borders_of, drawn

CASES = Path(__file__).parent.parent / "cases" / "cs231n"
FLOAT64 = FORMATS["float64"]
POINTS, PROGRAMS = 1000, 300
INPUTS = ("x", "y")
ORDINARY = st.integers(-9999, 9999).map(lambda n: n / 1000)
CLAIMS = tuple((name, f"d{name}") for name in INPUTS)
SIZE = 12  # formulas of a program, at most: 20 gates in the middle


def networks() -> None:
    """The whole campaign of each network, hard points and simplification of the finds included."""
    for name in ("neuron", "two_sigmoids"):
        case = load(CASES / f"{name}.yaml").cases[0]
        run, seconds = timed(lambda case=case: campaigns.campaign(case, max_examples=POINTS))  # type: ignore[misc]
        simplified = sum(row.cumulative for row in rows(lambda case=case: campaigns.campaign(case, max_examples=POINTS), "simplify.py", "simplified"))  # type: ignore[misc]
        with_columns = POINTS + run.screened / len(case.implementations)
        alone, seconds_alone = timed(lambda case=case: without_columns(case))  # type: ignore[misc]
        print(f"{case.name}: {with_columns / seconds:,.0f} points/s, each judged for {len(case.implementations)} implementations: {run.examples / seconds:,.0f} examples/s, {len(run.finds)} finds ({simplified:.0%} of the time in simplifying them); without further points {POINTS / seconds_alone:,.0f} points/s, {len(alone.finds)} finds")
        shares(lambda case=case: campaigns.campaign(case, max_examples=POINTS))  # type: ignore[misc]


def without_columns(case: Case) -> campaigns.Campaign:
    """The same campaign with the points of Hypothesis alone."""
    before, campaigns.EXAMPLES_A_BLOCK = campaigns.EXAMPLES_A_BLOCK, POINTS + 1
    try:
        return campaigns.campaign(case, max_examples=POINTS)
    finally:
        campaigns.EXAMPLES_A_BLOCK = before


def random_programs(*, at: str) -> None:
    """A program is drawn, differentiated both ways and judged at a point: an ordinary one, or one where gradients break."""
    gates: list[int] = []

    def one(data: object) -> None:
        text = data.draw(programs(inputs=INPUTS, size=SIZE))  # type: ignore[attr-defined]
        forward, _ = build_program(Source(text, "<program>", 1, 1, text), INPUTS)
        if forward is None:
            raise AssertionError(text)
        whole = Subject(with_backward(forward, CLAIMS), CLAIMS)
        points = st.tuples(*(ORDINARY for _ in INPUTS)) if at == "ordinary" else drawn([(-10.0, 10.0)] * len(INPUTS), borders_of([whole.program]), fmt=FLOAT64)
        point = data.draw(points)  # type: ignore[attr-defined]
        gates.append(sum(bool(s.args) for s in forward.steps))
        try:
            compare(Check("it", truth_of(forward), whole, FLOAT64), [point], detail=False)
        except NotDifferentiable:
            return

    options = settings(max_examples=PROGRAMS, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    work = seed(0)(options(given(st.data())(one)))
    work()  # SymPy's partials of every gate are derived once
    gates.clear()
    _, seconds = timed(work)
    print(f"random programs at {at} points: {len(gates) / seconds:,.0f} programs/s, {mean(gates):.1f} gates on average (of all {len(set(gates))} sizes up to {max(gates)})")
    shares(work)


def timed(work: Callable[[], object]) -> tuple[object, float]:
    """What some work returns, and its processor time."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


class Row:
    """A function's share of all the time, with what it calls."""

    def __init__(self, cumulative: float) -> None:
        self.cumulative = cumulative


def rows(work: Callable[[], object], file: str, function: str) -> list[Row]:
    """A function in a profile."""
    stats, total = profile(work)
    return [Row(entry[3] / total) for (where, _, name), entry in stats.items() if where.endswith(file) and name == function]


def profile(work: Callable[[], object]) -> tuple[dict[tuple[str, int, str], tuple[int, int, float, float, object]], float]:
    """The profile of some work, and its whole time."""
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    work()
    profiler.disable()
    stats = pstats.Stats(profiler)
    return stats.stats, stats.total_tt  # type: ignore[attr-defined]


def shares(work: Callable[[], object]) -> None:
    """Own time of Hypothesis, SymPy, the interpreter of balls with Arb, the floats, and the rest of the tool."""
    stats, total = profile(work)
    groups = {"Hypothesis": "hypothesis", "SymPy": "sympy", "Arb and its interpreter": "arithmetic/balls", "the rest of verifier": "verifier"}
    found = dict.fromkeys([*groups, "other"], 0.0)
    for (where, _, _), (_, _, own, _, callers) in stats.items():
        group = next((g for g, part in groups.items() if part in where), "")
        if group:
            found[group] += own
            continue
        for (caller, _, _), entry in callers.items():  # type: ignore[attr-defined]
            by = next((g for g, part in groups.items() if part in caller), "other")  # a built-in's time is its caller's
            found[by] += entry[2]
    print("  " + ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in found.items()))


def main() -> None:
    """Print the rates and the shares."""
    print(describe())
    networks()
    random_programs(at="ordinary")
    random_programs(at="special")


if __name__ == "__main__":
    main()
