"""Planted bugs: for each gate of the table one partial is bent in four ways; how many are found within 200 examples, and how small is the formula?

An example is a formula of the bent gate and eight others, with a point; the generated gradient of it is judged, bent and
unbent. Arguments: names of gates (all), or `--jobs 2`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from hypothesis import HealthCheck, find, settings
from hypothesis.errors import NoSuchExample
from machine import describe

from tests.laws.planted import Bug, bugs, examples, shows
from verifier.language.gates import GATES
from verifier.search.fuzz.draw_formulas import gate_count

EXAMPLES = 200
SEARCH = settings(max_examples=EXAMPLES, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Outcome:
    """What became of a bug: the example that shows it first (0: none), and the minimal formula and point."""

    bug: Bug
    first: int
    formula: str
    point: tuple[float, ...]
    seconds: float


def search(bug: Bug) -> Outcome:
    """Look for a bug."""
    looked, first = 0, 0

    def is_shown(example: tuple[str, tuple[float, ...]]) -> bool:
        nonlocal looked, first
        looked += 1
        shown = shows(*example, bug)
        first = first or (looked if shown else 0)
        return shown

    start = time.process_time()
    try:
        formula, point = find(examples(bug), is_shown, settings=SEARCH)
    except NoSuchExample:
        formula, point = "", ()
    return Outcome(bug, first, formula, point, time.process_time() - start)


def outcomes(gate: str) -> list[Outcome]:
    """Every bend of the first partial of a gate that is not 0."""
    found = (list(bugs(gate, k)) for k in range(len(GATES[gate].partials)))
    return [search(bug) for bug in next((b for b in found if b), [])]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gates", nargs="*")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    gates = options.gates or list(GATES)
    with ProcessPoolExecutor(options.jobs) as pool:
        run = []
        for gate, group in zip(gates, pool.map(outcomes, gates), strict=True):
            run.append(group)
            print(gate, *(f"{o.bug.kind}: {f'{o.first} {o.formula}' if o.first else 'not found'}" for o in group), sep="  ", file=sys.stderr, flush=True)
    print(describe())
    print(f"{sum(map(bool, run))} of {len(gates)} gates have a partial that is not 0")
    found = [o for group in run for o in group]
    kinds = Counter("threshold" if o.bug.kind.startswith("beyond") else o.bug.kind for o in found)
    for kind, count in kinds.items():
        these = [o for o in found if o.bug.kind == kind or (kind == "threshold" and o.bug.kind.startswith("beyond"))]
        shown = [o for o in these if o.first]
        sizes = [gate_count(o.formula) for o in shown]
        print(f"{kind:10} {len(shown):4} of {count} found, after {statistics.median(o.first for o in shown):g} examples (median; {max(o.first for o in shown)} at most); gates of the formula: {statistics.median(sizes):g} (median), {max(sizes)} at most")
    for o in found:
        if not o.first or gate_count(o.formula) > 2:
            print(f"  {o.bug.gate} {o.bug.kind}: {'not found' if not o.first else f'{o.formula} at {o.point}'}")
    print(f"{sum(o.seconds for o in found):.0f} s of processor time")


if __name__ == "__main__":
    main()
