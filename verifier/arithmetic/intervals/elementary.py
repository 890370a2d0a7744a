"""Enclosures of the elementary functions: NumPy's and SciPy's kernels with bounds of their error, or correctly rounded ones where `ival` is installed.

`ival` (the package `crival`) gives the tightest interval; without it a kernel is widened by a bound that is several times the
worst ever seen. Either way the result encloses, so nothing but the time and the share of undecided points depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType

import numpy as np

from verifier.arithmetic.intervals.by_shape import ColumnFunction, IntervalFunction, decreasing, even, increasing, on, wave
from verifier.arithmetic.intervals.interval import Interval, add, div, down, exactly, is_single, is_thin, mul, neg, power, sub, up
from verifier.arithmetic.types import Doubles


@cache
def tight() -> ModuleType | None:
    """The library of correctly rounded interval functions, where it is installed."""
    try:
        import ival
    except (ImportError, OSError):  # OSError: a package whose shared library is missing
        return None
    return ival  # type: ignore[no-any-return]


def _either(name: str, own: IntervalFunction) -> IntervalFunction:
    """The function from the library of tight intervals where it is installed, else from a bounded kernel.

    At the ends of its domain the library cuts the argument; `shapes.on`, around it, makes that unknown.
    """

    def enclose(a: Interval) -> Interval:
        library = tight()
        if library is None:
            return own(a)
        found = getattr(library, name)(library.Interval(a.low, a.high))
        return Interval(np.asarray(found.lo)[()], np.asarray(found.hi)[()])

    return enclose


def scipy_kernel(name: str, *orders: float, part: int | None = None) -> ColumnFunction:
    """A function of scipy.special, with its leading arguments, and which of its results where it gives several; imported when it is called."""

    def call(a: Doubles) -> Doubles:
        from scipy import special

        found = getattr(special, name)(*orders, a)
        result: Doubles = found if part is None else found[part]
        return result

    return call


def _sqrt(a: Interval) -> Interval:
    root = np.sqrt(a.low)
    if is_thin(a) and is_single(root) and np.array_equal(root * root, a.low):
        return exactly(root)
    return Interval(np.maximum(down(root), 0.0), up(root if is_thin(a) else np.sqrt(a.high)))


def _squared(x: Doubles) -> Doubles:
    """erfc squares its argument: an ulp of the square is that many ulps of the result."""
    return 40.0 + 2.0 * np.minimum(x * x, 1e4)


def _functions(either: Callable[[str, IntervalFunction], IntervalFunction]) -> dict[str, Callable[..., Interval]]:
    """The enclosures of all elementary functions, of which `either` chooses each from its name in the library and its bounded kernel.

    The number is the bound of the kernel's error, in units of 2^-52 of the result; the worst ever seen is below a quarter of it.
    """
    found: dict[str, Callable[..., Interval]] = {
        "add": add,
        "sub": sub,
        "mul": mul,
        "div": div,
        "neg": neg,
        "copy": lambda a: a,
        "pow": power,
        "exp": either("exp", increasing(np.exp, 4, low=0.0)),
        "expm1": either("expm1", increasing(np.expm1, 4, low=-1.0)),
        "log": on(either("log", increasing(np.log, 4)), 0.0, np.inf, poles=True),
        "log1p": on(either("log1p", increasing(np.log1p, 4)), -1.0, np.inf, poles=True),
        "sqrt": on(_sqrt, 0.0, np.inf),
        "cbrt": either("cbrt", increasing(np.cbrt, 4)),
        "sin": either("sin", wave(np.sin)),
        "cos": either("cos", wave(np.cos)),
        "asin": on(either("asin", increasing(np.arcsin, 4)), -1.0, 1.0),
        "acos": on(either("acos", decreasing(np.arccos, 4, low=0.0)), -1.0, 1.0),
        "atan": either("atan", increasing(np.arctan, 4)),
        "sinh": either("sinh", increasing(np.sinh, 4)),
        "cosh": either("cosh", even(increasing(np.cosh, 4, low=1.0))),
        "tanh": either("tanh", increasing(np.tanh, 4, low=-1.0, high=1.0)),
        "asinh": either("asinh", increasing(np.arcsinh, 4)),
        "acosh": on(either("acosh", increasing(np.arccosh, 4, low=0.0)), 1.0, np.inf),
        "atanh": on(either("atanh", increasing(np.arctanh, 4)), -1.0, 1.0, poles=True),
        "erf": either("erf", increasing(scipy_kernel("erf"), 8, low=-1.0, high=1.0)),
        "erfc": either("erfc", decreasing(scipy_kernel("erfc"), _squared, low=0.0, high=2.0)),
    }
    found["tan"] = lambda a: div(found["sin"](a), found["cos"](a))
    return found


ELEMENTARY = _functions(_either)
KERNELS = _functions(lambda _, own: own)  # for columns of points: a kernel takes a tenth of the library's time, and what it leaves open is decided in double-doubles
