"""Whether the conditioning explains an error, for a column of points: what the arithmetics of vectors share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from verifier.arithmetic.types import DoubleArray, Doubles, MaskArray
from verifier.circuit.program import Program
from verifier.compare.check import Check
from verifier.compare.conditioning import CONDITION_FACTOR
from verifier.compare.sweep.classify import CODE, OPEN
from verifier.language.verdict import Verdict

Ends: TypeAlias = tuple[Doubles, Doubles]  # the least and the largest value that something may have
Sizes: TypeAlias = Callable[[Program, Sequence[DoubleArray], Sequence[int]], Iterable[Ends]]  # of the absolute values of some steps


def explained(check: Check, claim: int, columns: Sequence[DoubleArray], size: Ends, known: MaskArray, error: Ends, sizes: Sizes) -> NDArray[np.int8]:
    """`unstable` or `ill_conditioned` where the condition number decides it: error > 8 u (|g| + sum |x_j H_ij|). `size` holds |g|, `known` is where it may be used."""
    row = check.truth.hessian_row(check.positions[claim])
    low = high = np.zeros(len(known))
    steps = [] if row is None else [(j, s) for j in range(len(columns)) if (s := row.adjoint.get(j)) is not None]
    if row is not None:
        for (j, _), (least, most) in zip(steps, sizes(row.program, columns, [s for _, s in steps]), strict=True):
            x = np.abs(columns[j])
            low, high = low + np.where(x == 0, 0.0, x * least), high + np.where(x == 0, 0.0, x * most)
    factor, upstream = CONDITION_FACTOR * float(check.format.unit_roundoff), abs(check.upstream)
    slack = 2.0**-44 + len(steps) * 2.0**-52  # for the few roundings here, and one of each sum
    bound_low, bound_high = (size[0] + upstream * low) * factor * (1 - slack), (size[1] + upstream * high) * factor * (1 + slack)
    is_explained, is_not = known & (error[1] <= np.nextafter(bound_low, -np.inf)), known & (error[0] > np.nextafter(bound_high, np.inf))
    return np.where(is_explained, CODE[Verdict.ILL_CONDITIONED], np.where(is_not, CODE[Verdict.UNSTABLE], OPEN)).astype(np.int8)
