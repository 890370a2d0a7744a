"""What a comparison finds: one computed gradient at one point, held against the exact one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verifier.arithmetic.types import Ball
from verifier.exact import one_sided
from verifier.language.verdict import Verdict


@dataclass(frozen=True)
class Discrepancy:
    """One computed gradient at one point, held against the exact one. Balls are enclosures; None is undefined."""

    input: str
    name: str
    point: tuple[float, ...]
    computed: float
    verdict: Verdict
    exact: one_sided.Derivative
    rounded: float | None = None
    residual: Ball | None = None  # computed - exact
    ulps: Ball | None = None  # |computed - exact| / ulp(exact); in units of the smallest subnormal where exact is 0
    formula_error: Ball | None = None  # |R - g| / ulp(g): exactly 0 where they overlap at high precision
    real_value: Ball | None = None  # R, the backward pass over the reals
    condition: Ball | None = None
    is_explained: bool | None = None  # whether the conditioning explains an error of many ulps, where that was asked and is known
    program_condition: Ball | None = None
    backward_error: Ball | None = None  # the computed gradient is, to first order, the exact one of an input so many ulps away
    backward_input: str = ""  # that input
    reason: str = ""
    bits: int = 0  # the precision at which it was settled
    lacks_conditions: bool = False  # condition numbers that no verdict needs were left for `with_conditions`

    def but(self, **changes: Any) -> Discrepancy:
        """The same with other values of some fields: what `dataclasses.replace` makes, in a quarter of its time, as there are many."""
        found = object.__new__(Discrepancy)
        found.__dict__.update(self.__dict__, **changes)
        return found
