"""Names for the types of the values that flow through the arithmetics, used in annotations, and the simplest balls.

A Ball and a decision have types that are checked. A Value and a Column have none: which kind of value a step has follows from
its gate, which types do not know, and a column may be an array, a list, or one NumPy scalar for all points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from flint import arb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Ball: TypeAlias = arb  # an enclosure of a real number; NaN where nothing is known of it
Truth3: TypeAlias = bool | None  # a comparison over the reals: true, false, or None where it is not decided
Value: TypeAlias = Any  # of one step at one point: a float, a Ball or a Truth3
Balls: TypeAlias = Sequence[Value]  # of one step over the reals: a Ball or a Truth3 for every point
Column: TypeAlias = Any  # of one step in floats: an array (or a list) with one entry for every point, or one number for all of them
Doubles: TypeAlias = "np.float64 | NDArray[np.float64]"  # one float64 for every point, or one for all of them
Mask: TypeAlias = "np.bool_ | NDArray[np.bool_]"  # whether something holds at every point, or at all of them
Truths: TypeAlias = "np.int8 | NDArray[np.int8]"  # decisions at every point, or one for all of them: 1 true, 0 false, -1 not known
NAN: Ball = arb("nan")
ZERO: Ball = arb(0)
ONE: Ball = arb(1)
