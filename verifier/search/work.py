"""What a hunt may cost, counted in steps of programs and not in seconds: so the same case is searched alike on every machine.

One unit is a step at one point in balls, about a microsecond.
"""

from __future__ import annotations

from verifier.circuit.program import descendants
from verifier.compare.check import Check
from verifier.search.moving import MovingPart

OF_A_POINT = 100  # units for each point of a budget; small programs need less, and are bounded by their points alone: of an LSTM with 258 inputs three times as many find the same kinds of regions
LEAST = 2_000_000  # units of any hunt
WATCHING = 150  # units of each step that moves, to find the borders of a path: some fifteen runs
CALL = 12  # units of a step in a column, whatever the number of points
ENTRY = 0.2  # units of a step in a column, for each point
CLAIM = 30  # units of one verdict
EXPANSION = 120  # units of a step in both one-sided expansions
EXACTLY = 25.0  # units of a step in exact numbers
MOST_AT_A_POINT = 200_000  # units for the gradients of one point that columns leave open


def allowed(budget: int) -> float:
    """The units of a hunt that may judge so many points."""
    return float(max(LEAST, OF_A_POINT * budget))


def of_watching(part: MovingPart) -> float:
    """The units of finding the borders of a path."""
    return float(WATCHING * len(part.program))


def of_columns(check: Check, points: int) -> float:
    """The units of judging points in columns."""
    return _steps(check) * (CALL + ENTRY * points)


def of_point(check: Check) -> float:
    """The units of judging all gradients at one point in balls."""
    return float(_steps(check) + CLAIM * len(check.subject.claims))


def of_one(check: Check) -> float:
    """The units of one gradient at a point, with what tells whether it is exactly a short number."""
    return EXACTLY * len(check.truth.gradient.program)


def of_gradient(check: Check, claim: int) -> float:
    """The units of one gradient at a point that columns leave open: where a kink may decide, of its expansions on both sides."""
    if check.joined is not None:
        return float(CLAIM)
    function = check.truth.function
    return float(EXPANSION * len(descendants(function, [check.positions[claim]])))


def _steps(check: Check) -> int:
    return len(check.truth.gradient.program) + len(check.subject.exact[0])
