"""Names for the types of the values that flow through the arithmetics, used in annotations, and the simplest balls.

Which kind of value a step has follows from its gate, which types do not know: a column over the reals is checked as one of
numbers, and that of a comparison has a Truth3 at every point instead. Where either may come, a parameter is a RealValue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from flint import arb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Ball: TypeAlias = arb  # an enclosure of a real number; NaN where nothing is known of it
Truth3: TypeAlias = bool | None  # a comparison over the reals: true, false, or None where it is not decided
RealValue: TypeAlias = "Ball | Truth3"  # of one step at one point, over the reals
GateFunction: TypeAlias = Callable[..., Any]  # of a gate known by its name only, of its operands at one point: a Ball, or a Truth3 where it compares
Balls: TypeAlias = Sequence[Ball]  # of one step over the reals: a Ball for every point
Column: TypeAlias = "list[float] | NDArray[Any]"  # of one step in floats, one entry for every point: a list in float64, else an array of the format; of truth values for comparisons
Doubles: TypeAlias = "np.float64 | NDArray[np.float64]"  # one float64 for every point, or one for all of them
DoubleArray: TypeAlias = "NDArray[np.float64]"  # one float64 for every point
Mask: TypeAlias = "np.bool_ | NDArray[np.bool_]"  # whether something holds at every point, or at all of them
MaskArray: TypeAlias = "NDArray[np.bool_]"  # whether something holds, for every point
Truths: TypeAlias = "np.int8 | NDArray[np.int8]"  # decisions at every point, or one for all of them: 1 true, 0 false, -1 not known
NAN: Ball = arb("nan")
ZERO: Ball = arb(0)
ONE: Ball = arb(1)


def is_true(value: RealValue) -> bool:
    """Whether a truth value is certainly true."""
    return value is True
