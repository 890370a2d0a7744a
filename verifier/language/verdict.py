"""The verdicts of a comparison: what each does to its case, how bad it is, the finding that it leads to, and what it means in words."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

PASS, WARNING, FAIL, NEITHER = "pass", "warning", "fail", "neither"


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
        return ROWS[self].effect == PASS

    @property
    def warns(self) -> bool:
        """The formula is right and digits are lost: a warning, an error with --strict or above an accepted limit."""
        return ROWS[self].effect == WARNING

    @property
    def fails(self) -> bool:
        """The case fails."""
        return ROWS[self].effect == FAIL

    @property
    def rank(self) -> int:
        """How bad it is: the higher the worse."""
        return ROWS[self].rank

    @property
    def code(self) -> str:
        """The code of the finding that it leads to; empty where there is none."""
        return ROWS[self].code

    @property
    def clause(self) -> str:
        """What a gradient does that has it, after *where it*; empty where that is nothing to speak of."""
        return ROWS[self].clause

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return ROWS[self].meaning


class VerdictRow(NamedTuple):
    """The facts about a verdict."""

    effect: str
    rank: int
    code: str
    clause: str
    meaning: str


ROWS = {
    #                                    effect   rank  finding  clause
    Verdict.CORRECT:         VerdictRow(PASS,    0, "",     "",
        "the computed gradient is the exact one, correctly rounded"),
    Verdict.ROUNDING:        VerdictRow(PASS,    1, "",     "",
        "the formula is right; at most a third of the digits is lost to rounding"),
    Verdict.SUBGRADIENT:     VerdictRow(PASS,    2, "",     "",
        "the function has no derivative here, and the computed gradient lies between the one-sided derivatives"),
    Verdict.UNDEFINED:       VerdictRow(NEITHER, 3, "V204", "is not defined",
        "the function has neither a derivative nor one-sided derivatives here: neither right nor wrong"),
    Verdict.ILL_CONDITIONED: VerdictRow(WARNING, 4, "V202", "is ill-conditioned",
        "the formula is right; more than a third of the digits is lost, as the conditioning of the problem explains"),
    Verdict.UNSTABLE:        VerdictRow(WARNING, 5, "V201", "is unstable",
        "the formula is right; more digits are lost than the conditioning explains: the arrangement is to blame"),
    Verdict.VANISHED:        VerdictRow(WARNING, 6, "V203", "vanishes",
        "the formula is right; the exact gradient rounds to a nonzero number, but the computed one is 0"),
    Verdict.UNDECIDED:       VerdictRow(FAIL,    7, "V103", "could not be decided",
        "the formula could be shown neither right nor wrong: it never counts as a pass"),
    Verdict.NONFINITE:       VerdictRow(FAIL,    8, "V102", "is NaN or infinite, or misses an infinity",
        "the formula is right over the reals, but the computed gradient is NaN or infinite (or finite where the exact one is infinite)"),
    Verdict.WRONG:           VerdictRow(FAIL,    9, "V101", "is wrong",
        "the formula is wrong: over the reals it differs from the exact gradient by more than one ulp"),
}  # fmt: skip
