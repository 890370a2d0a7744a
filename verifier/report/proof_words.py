"""The four words that a report says of a gradient's formula as a whole, beside the verdicts at points: what each means, with an example."""

from __future__ import annotations

from typing import NamedTuple


class ProofWord(NamedTuple):
    """What a word states, what it does not state, and an example."""

    means: str
    limits: str
    example: str


PROOF_WORDS = {
    "proved": ProofWord(
        "The formula and the exact gradient are shown to be equal at every point at which both are defined.",
        "Borders, on which a sign or a step changes, are named in the note where they were looked at by points only; single points at which the implementation has no value are named, too. "
        "Rounding is no part of it: a proved formula may lose digits. Every proof is first challenged by enclosures of both sides in and on the borders of all pieces.",
        "dx = (1 - sigmoid(x)) * sigmoid(x) * dout        # for sigmoid(x)",
    ),
    "agrees": ProofWord(
        "At all points that were tried the enclosures of the formula and of the exact gradient overlap, to the number of digits in the note.",
        "Nothing is known of other points: no rule of the prover leads from one formula to the other.",
        "dx = diff(sqrt(2/(pi*x))*sin(x), x) * dout        # for besselj(1/2, x): equal, by a theorem that the prover does not know",
    ),
    "approximates": ProofWord(
        "The formula is not the exact gradient, and it is off by at most one ulp of the format: at the points tried, or, where the note says so, at all numbers of the format.",
        "In a format with more digits the same formula may be wrong.",
        "dx = where(x > 40, 1, sigmoid(x)) * dout        # for softplus(x): off by less than an ulp at all numbers of float64",
    ),
    "refuted": ProofWord(
        "At the point in the report, the witness, the formula is certified to differ from the exact gradient by more than one ulp, or to have no value where the gradient has one.",
        "It may be right at the points of the case, and nearly everywhere.",
        "dx = (log(x) + log(y) + 1) * dout        # for x*log(x*y): no value where x and y are negative",
    ),
}
