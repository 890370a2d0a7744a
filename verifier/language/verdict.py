"""The verdicts of a comparison, each with what it means and whether the gate passes."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """The answer for one computed gradient at one point."""

    CORRECT = "correct"
    ROUNDING = "rounding"
    ILL_CONDITIONED = "ill_conditioned"
    UNSTABLE = "unstable"
    VANISHED = "vanished"
    NONFINITE = "nonfinite"
    WRONG = "wrong"
    SUBGRADIENT = "subgradient"
    UNDEFINED = "undefined"
    UNDECIDED = "undecided"

    @property
    def passes(self) -> bool:
        """Right as it stands."""
        return self in (Verdict.CORRECT, Verdict.ROUNDING, Verdict.SUBGRADIENT)

    @property
    def warns(self) -> bool:
        """The formula is right and digits are lost: a warning, an error with --strict or above an accepted limit."""
        return self in (Verdict.UNSTABLE, Verdict.ILL_CONDITIONED, Verdict.VANISHED)

    @property
    def fails(self) -> bool:
        """The gate fails."""
        return self in (Verdict.WRONG, Verdict.NONFINITE, Verdict.UNDECIDED)

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return MEANINGS[self]


MEANINGS = {
    Verdict.CORRECT: "the computed gradient is the exact one, correctly rounded",
    Verdict.ROUNDING: "the formula is right; at most a third of the digits is lost to rounding",
    Verdict.ILL_CONDITIONED: "the formula is right; more than a third of the digits is lost, as the conditioning of the problem explains",
    Verdict.UNSTABLE: "the formula is right; more digits are lost than the conditioning explains: the arrangement is to blame",
    Verdict.VANISHED: "the formula is right; the exact gradient rounds to a nonzero number, but the computed one is 0",
    Verdict.NONFINITE: "the formula is right over the reals, but the computed gradient is NaN or infinite (or finite where the exact one is infinite)",
    Verdict.WRONG: "the formula is wrong: over the reals it differs from the exact gradient by more than one ulp",
    Verdict.SUBGRADIENT: "the function has no derivative here, and the computed gradient lies between the one-sided derivatives",
    Verdict.UNDEFINED: "the function has neither a derivative nor one-sided derivatives here: neither right nor wrong",
    Verdict.UNDECIDED: "the formula could be shown neither right nor wrong: it never counts as a pass",
}
