"""The floating-point formats: rounding of exact values, ulps and decimal text. Values of every format are held as Python floats.

A format may be two: `float32->bfloat16` is computed in float32 and stored in bfloat16. Its precision and range are those of
the stored numbers, by which gradients are judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from verifier.language.source import suggestion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Format:
    """A binary format: precision in bits with the hidden one, exponent range of normal numbers, decimal digits it holds."""

    name: str
    precision: int
    emin: int
    emax: int
    digits: int  # decimal literals with at least this many digits are constants rounded when written
    largest: float  # the largest finite number
    infinite: bool = True  # it has infinities; else what is too large is NaN
    signed_zero: bool = True
    computed_in: str = ""  # the format of the operations, where that is another one
    numbers_in: str = ""  # the format of the numbers that stand in the code, where that is a wider one

    @property
    def of_numbers(self) -> Format:
        """The format to which numbers in the code are rounded."""
        return FORMATS[self.numbers_in] if self.numbers_in else self

    @property
    def smallest(self) -> Fraction:
        """The smallest subnormal number."""
        return Fraction(2) ** (self.emin - self.precision + 1)

    @property
    def stored_in(self) -> str:
        """The name of the format in which inputs, assigned names and gradients are kept."""
        return self.name.rpartition("->")[2]

    @property
    def width(self) -> int:
        """Bits of a stored number."""
        return 8 if self.stored_in.startswith("float8") else 16 if self.stored_in.endswith("16") else 32 if self.stored_in == "float32" else 64

    def overflow(self, sign: float) -> float:
        """What a number beyond the range becomes: infinity, or NaN in formats that have none."""
        return math.copysign(math.inf, sign) if self.infinite else math.nan

    @property
    def rounding_limit(self) -> float:
        """2^(p/3) ulp: at most a third of the digits is lost (design, section 3)."""
        return math.pow(2, self.precision / 3)

    @property
    def unit_roundoff(self) -> Fraction:
        """u = 2^-p."""
        return Fraction(1, 2**self.precision)


def _ieee(name: str, precision: int, emin: int, emax: int, digits: int) -> Format:
    return Format(name, precision, emin, emax, digits, math.ldexp(2 - math.ldexp(2, -precision), emax))


# name, precision, emin, emax, digits: floor((p - 1) log10 2), and one more where p is small; but 3 at least: `0.5` is a half in
# every format. IEEE 754-2019 table 3.5; bfloat16: Intel white paper 338302; float8: OCP OFP8 1.0 (e4m3fn, e5m2), and the README
# of ml_dtypes. "fn" has no infinities, "uz" no negative zero; what is too large is NaN there, as in ml_dtypes' casts.
FORMATS = {
    f.name: f
    for f in (
        _ieee("float64",     53, -1022, 1023, 15),
        _ieee("float32",     24,  -126,  127,  7),
        _ieee("float16",     11,   -14,   15,  4),
        _ieee("bfloat16",     8,  -126,  127,  3),
        _ieee("float8_e3m4",  5,    -2,    3,  3),
        _ieee("float8_e4m3",  4,    -6,    7,  3),
        _ieee("float8_e5m2",  3,   -14,   15,  3),
        Format("float8_e4m3fn",      4,  -6,  8, 3,   448.0, infinite=False),
        Format("float8_e4m3fnuz",    4,  -7,  7, 3,   240.0, infinite=False, signed_zero=False),
        Format("float8_e4m3b11fnuz", 4, -10,  4, 3,    30.0, infinite=False, signed_zero=False),
        Format("float8_e5m2fnuz",    3, -15, 15, 3, 57344.0, infinite=False, signed_zero=False),
    )
}  # fmt: skip
ARROW = "->"
SPELLINGS = {  # what others call them
    "double": "float64", "fp64": "float64", "single": "float32", "float": "float32", "fp32": "float32", "half": "float16", "fp16": "float16", "bf16": "bfloat16",
    "float8": "float8_e4m3fn", "fp8": "float8_e4m3fn", "e4m3": "float8_e4m3fn", "e5m2": "float8_e5m2",
}  # fmt: skip
REFUSED = {  # types of ml_dtypes and NumPy that are no format here, and why
    "float8_e8m0fnu": "it has powers of two only, no sign and no zero: it holds scales, not gradients",
    **dict.fromkeys(("float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn"), "it has neither infinity nor NaN, so what is not finite would pass for a number"),
    **dict.fromkeys(("float128", "float96", "float80", "longdouble", "float256"), "its width depends on the machine"),
    "tf32": "it is a way of multiplying matrices of float32, not a format in which numbers are stored",
}  # fmt: skip


@cache
def format_named(name: str) -> Format:
    """The format of that name, or of two joined by `->`. ValueError where there is none."""
    problem = format_problem(name)
    if problem is not None:
        raise ValueError(problem)
    computed, _, stored = name.partition(ARROW)
    if not stored:
        return FORMATS[name]
    return FORMATS[stored] if computed == stored else replace(FORMATS[stored], name=name, computed_in=computed)


def format_problem(name: str) -> str | None:
    """Why a name is no format; None where it is one."""
    parts = name.split(ARROW, 1)
    for part in parts:
        if part in REFUSED:
            return f"'{part}' is no format here: {REFUSED[part]}"
        if part not in FORMATS:
            return f"unknown format '{part}'" + (f"; did you mean '{SPELLINGS[part]}'?" if part in SPELLINGS else suggestion(part, FORMATS))
    wide, narrow = FORMATS[parts[0]], FORMATS[parts[-1]]
    if narrow.precision > wide.precision or narrow.smallest < wide.smallest or narrow.largest > wide.largest:
        return f"'{name}' computes in {wide.name}, which does not have every {narrow.name} number; the format of the operations comes first: 'float32{ARROW}bfloat16'"
    return None


def floor_log2(value: Fraction) -> int:
    """floor(log2 |value|) of a nonzero rational."""
    n, d = abs(value.numerator), value.denominator
    guess = n.bit_length() - d.bit_length()
    smaller = n < (d << guess) if guess >= 0 else (n << -guess) < d
    return guess - smaller


def round_exact(fmt: Format, value: Fraction) -> float:
    """`value` rounded once to the format, to nearest, ties to even; beyond the largest number ±inf, or NaN where there is none."""
    if fmt.precision == 53:  # float64: CPython's own division of integers rounds correctly
        try:
            return value.numerator / value.denominator
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if value == 0:
        return 0.0
    log2 = floor_log2(value)
    if log2 > fmt.emax:
        return fmt.overflow(1.0 if value > 0 else -1.0)
    quantum = max(log2, fmt.emin) - fmt.precision + 1
    result = math.ldexp(round(value / Fraction(2) ** quantum), quantum)  # Fraction rounds half to even
    if abs(result) > fmt.largest:
        return fmt.overflow(1.0 if value > 0 else -1.0)
    return -0.0 if result == 0 and value < 0 and fmt.signed_zero else result


def round_array(fmt: Format, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`round_exact` of an array of float64 (no NaNs), as float64."""
    import numpy as np

    if fmt.precision == 53:
        return values
    with np.errstate(all="ignore"):
        if fmt.stored_in in ("float32", "float16"):
            return values.astype(fmt.stored_in).astype(np.float64)
        quantum = np.maximum(np.frexp(values)[1], fmt.emin + 1) - fmt.precision
        result = np.ldexp(np.rint(np.ldexp(values, -quantum)), quantum)  # rint rounds half to even; both powers of two are exact
        result = np.where(np.isinf(values), values, result)
        beyond = np.abs(result) > fmt.largest
        if beyond.any():
            result = np.where(beyond, np.copysign(np.inf if fmt.infinite else np.nan, result), result)
        return result if fmt.signed_zero else result + 0.0


def ulp_exponent(fmt: Format, log2: int) -> int:
    """The exponent of ulp(x) for x with floor(log2 |x|) = log2 (Muller et al., Handbook of Floating-Point Arithmetic)."""
    return max(log2, fmt.emin) - fmt.precision + 1


def dtype(fmt: Format) -> np.dtype[Any]:
    """The NumPy dtype in which the numbers of a format are stored."""
    import numpy as np

    name = fmt.stored_in
    if name in ("float64", "float32", "float16"):
        return np.dtype(name)
    import ml_dtypes

    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return found


def computing(fmt: Format) -> Format:
    """The format of the operations."""
    return FORMATS[fmt.computed_in] if fmt.computed_in else fmt


def too_many(fmt: Format, inputs: int) -> str | None:
    """Why not all inputs of a format can be looked at: all of one input up to 32 bits, of two in 8 bits; None where they can."""
    width = fmt.width
    if width > 32:
        return f"there are too many {fmt.stored_in} numbers to look at all of them; 'exhaustive' is for formats of 8, 16 and 32 bits"
    most = 2 if width == 8 else 1
    if inputs > most:
        return f"'exhaustive' looks at all {fmt.stored_in} numbers of {'one input' if most == 1 else 'one or two inputs'}, and the case has {inputs}; use 'sample'"
    return None


def last_place(fmt: Format) -> int:
    """The place of the largest finite number: see `numbers`."""
    import numpy as np

    return int(np.array([fmt.largest]).astype(dtype(fmt)).view(f"int{8 * dtype(fmt).itemsize}")[0])


def first_place(fmt: Format) -> int:
    """The place of the most negative finite number."""
    return -last_place(fmt) - (1 if fmt.signed_zero else 0)


def numbers(fmt: Format, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """The finite numbers of a format by their place in the order (an array of int64), as float64: 0 at 0, then the smallest subnormal.

    Below them come -0.0 at -1 (where there is one) and the negative numbers.
    """
    import numpy as np

    kind = dtype(fmt)
    width = 8 * kind.itemsize
    below = places >> 63  # all bits of negative numbers, whose complement is -n - 1
    bits = places ^ below
    if not fmt.signed_zero:
        bits -= below
    bits |= below << (width - 1)
    with np.errstate(all="ignore"):
        found: NDArray[np.float64] = bits.astype(f"uint{width}", copy=False).view(kind).astype(np.float64, copy=False)
    return found


def consecutive(fmt: Format, first: int, count: int) -> NDArray[np.float64]:
    """`numbers` of so many places from `first` on. On either side of 0 the bits of 32-bit floats are consecutive, too: they are counted up, or down."""
    import numpy as np

    if fmt.stored_in != "float32" or first < 0 < first + count:
        return numbers(fmt, np.arange(first, first + count, dtype=np.int64))
    bits = np.arange(count, dtype=np.uint32)
    bits = bits + np.uint32(first) if first >= 0 else np.uint32(0x80000000 - first - 1) - bits
    return bits.view(np.float32).astype(np.float64)


@cache
def places(fmt: Format, low: float, high: float) -> tuple[int, int]:
    """The first and the last place of the finite numbers in [low, high]; the first is after the last where there are none."""
    import numpy as np

    def least(bound: float) -> int:
        """The place of the first number that is not below the bound: near that of the bound, rounded."""
        if not -float(fmt.largest) <= bound <= float(fmt.largest):
            return first_place(fmt) if bound < 0 else last_place(fmt) + 1
        kind = dtype(fmt)
        magnitude = int(np.array([abs(bound)]).astype(kind).view(f"uint{8 * kind.itemsize}")[0])
        near = magnitude if bound >= 0 else -magnitude - (1 if fmt.signed_zero else 0)
        window = np.arange(max(near - 2, first_place(fmt)), min(near + 2, last_place(fmt)) + 1)
        return int(window[np.flatnonzero(numbers(fmt, window) >= bound)[0]])

    return (0 if low == 0 else least(low)), (0 if high == 0 else least(math.nextafter(high, math.inf)) - 1)


def text(fmt: Format, value: float) -> str:
    """`repr` of the float: the shortest decimal that reads back as the same number of the format; in 8 bits the number itself.

    >>> text(FORMATS["float16"], 0.0999755859375), text(FORMATS["float8_e4m3"], 192.0)  # where 2e2 would read back, too
    ('0.1', '192.0')
    """
    if fmt.precision in (3, 4, 5, 53) or not math.isfinite(value):
        return repr(value)
    digits = next((d for d in range(1, 18) if round_exact(fmt, Fraction(f"{value:.{d - 1}e}")) == value), None)
    if digits is None:  # code that is to compute in this format, and computes in a wider one
        return repr(value)
    return repr(float(f"{value:.{digits - 1}e}"))
