"""The floating-point formats: rounding of exact values, ulps and decimal text. Values of every format are held as Python floats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verifier.errors import suggestion


@dataclass(frozen=True, slots=True)
class Format:
    """A binary format: precision in bits with the hidden one, exponent range of normal numbers, decimal digits it holds."""

    name: str
    precision: int
    emin: int
    emax: int
    digits: int  # floor((p - 1) log10 2): decimal literals with at least this many digits are constants rounded when written

    @property
    def smallest(self) -> Fraction:
        """The smallest subnormal number."""
        return Fraction(2) ** (self.emin - self.precision + 1)

    @property
    def rounding_limit(self) -> float:
        """2^(p/3) ulp: at most a third of the digits is lost (design, section 3)."""
        return math.pow(2, self.precision / 3)

    @property
    def unit_roundoff(self) -> Fraction:
        """u = 2^-p."""
        return Fraction(1, 2**self.precision)


# name, precision, emin, emax (IEEE 754-2019 table 3.5; bfloat16: Intel white paper 338302), digits as the design states them
FORMATS = {
    f.name: f
    for f in (
        Format("float64", 53, -1022, 1023, 15),
        Format("float32", 24, -126, 127, 7),
        Format("float16", 11, -14, 15, 4),
        Format("bfloat16", 8, -126, 127, 3),
    )
}


def format_named(name: str) -> Format:
    """The format of that name; ValueError with a suggestion where there is none."""
    if name not in FORMATS:
        raise ValueError(f"unknown format '{name}'{suggestion(name, FORMATS)}")
    return FORMATS[name]


def exact(text: str) -> Fraction:
    """The exact value of a decimal or hexadecimal number."""
    return Fraction(float.fromhex(text)) if "0x" in text.lower() else Fraction(text.replace("_", ""))


def floor_log2(value: Fraction) -> int:
    """floor(log2 |value|) of a nonzero rational."""
    n, d = abs(value.numerator), value.denominator
    guess = n.bit_length() - d.bit_length()
    smaller = n < (d << guess) if guess >= 0 else (n << -guess) < d
    return guess - smaller


def round_exact(fmt: Format, value: Fraction) -> float:
    """`value` rounded once to the format, to nearest, ties to even; ±inf beyond the largest number."""
    if fmt.precision == 53:  # float64: CPython's own division of integers rounds correctly
        try:
            return value.numerator / value.denominator
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if value == 0:
        return 0.0
    quantum = max(floor_log2(value), fmt.emin) - fmt.precision + 1
    scaled = value / Fraction(2) ** quantum
    whole = round(scaled)  # Fraction rounds half to even
    if abs(whole) >= 2**fmt.precision and quantum == fmt.emax - fmt.precision + 1:
        return math.copysign(math.inf, whole)
    if quantum > fmt.emax - fmt.precision + 1:
        return math.copysign(math.inf, whole)
    result = math.ldexp(whole, quantum)
    return -0.0 if result == 0 and value < 0 else result


def ulp_exponent(fmt: Format, log2: int) -> int:
    """The exponent of ulp(x) for x with floor(log2 |x|) = log2 (Muller et al., Handbook of Floating-Point Arithmetic)."""
    return max(log2, fmt.emin) - fmt.precision + 1


def dtype(fmt: Format) -> Any:
    """The NumPy dtype of a format."""
    import numpy as np

    if fmt.name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(fmt.name)


def text(fmt: Format, value: float) -> str:
    """`repr` of the float: the shortest decimal that reads back as the same number of the format."""
    if fmt.precision == 53 or not math.isfinite(value):
        return repr(value)
    digits = next(d for d in range(1, 18) if round_exact(fmt, Fraction(f"{value:.{d - 1}e}")) == value)
    return repr(float(f"{value:.{digits - 1}e}"))
