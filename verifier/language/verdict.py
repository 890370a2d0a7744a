"""The verdicts of a comparison, each with what it means and whether the gate passes."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What is said of one computed gradient at one point (design, section 3)."""

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
    Verdict.VANISHED: "the formula is right, the exact gradient is not zero, and the computed one is",
    Verdict.NONFINITE: "the formula is right over the reals, but the floats end in NaN or infinity (or miss an infinity)",
    Verdict.WRONG: "the formula is wrong: over the reals it differs from the exact gradient by more than one ulp",
    Verdict.SUBGRADIENT: "no derivative here, and the computed value lies between the one-sided ones",
    Verdict.UNDEFINED: "no derivative and no one-sided bounds here: neither right nor wrong",
    Verdict.UNDECIDED: "not separated at the highest precision tried: never counted as right",
}
