"""The text of a number in a case file: what is accepted, and the exact value it stands for."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

MAX_EXPONENT = 5_000  # 10**5000 is far outside every format and still cheap to convert
MAX_DIGITS = 1_000
_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?(\d+))?", re.ASCII)
_HEXADECIMAL = re.compile(r"([+-]?)0[xX](?=\.?[0-9a-fA-F])([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?\.?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)
BEYOND = (2**54 - 1) * 2**970  # rounds to infinity in the widest format; `float.fromhex` raises OverflowError there
MOST_KNOWN = 4_096  # numerals whose values are remembered: those of a program are read again and again
_MARKS = 16  # characters of a numeral that are not digits of it: sign, point, prefix, exponent


def number_problem(text: str) -> str | None:
    """Why `text` is not the text of a finite number of a sensible size, or None where it is one.

    Everything is decided on the text: converting "1e9999999" first would take seconds.

    >>> number_problem("-1e-3"), number_problem("0x1.8p-3")
    (None, None)
    >>> number_problem("nan")
    "'nan' is not a finite number; only finite numbers are accepted"
    """
    shown = f"'{text}'" if len(text) <= 40 else f"'{text[:40]}...'"
    if len(text) > MAX_DIGITS + _MARKS:
        return f"{shown} has {len(text)} characters; a number has at most {MAX_DIGITS} digits"
    if _NOT_FINITE.fullmatch(text):
        return f"{shown} is not a finite number; only finite numbers are accepted"
    decimal, hexadecimal = _DECIMAL.fullmatch(text), _HEXADECIMAL.fullmatch(text)
    if decimal is None and hexadecimal is None:
        return f"{shown} is not a number; write decimal text such as 3, -0.5 or 1e-3, or hexadecimal such as 0x1.8p-3"
    exponent = (decimal[1] if decimal is not None else hexadecimal[4] if hexadecimal is not None else "") or "0"
    if abs(int(exponent)) > MAX_EXPONENT:
        return f"the exponent of {shown} is beyond {MAX_EXPONENT}"
    if hexadecimal is not None and abs(exact(text)) >= BEYOND:
        return f"{shown} is beyond the largest number of every format"
    return None


def special(text: str) -> float | None:
    """The infinity or NaN that a text stands for, as Python, YAML and C write them; None where it is none.

    >>> special("-inf"), special(".inf"), special("1e3")
    (-inf, inf, None)
    """
    return float(text.replace(".", "")) if _NOT_FINITE.fullmatch(text) else None


@lru_cache(maxsize=MOST_KNOWN)
def exact(text: str) -> Fraction:
    """The value of a numeral that has no `number_problem`, exactly; single underscores between its digits may stand in a formula.

    >>> exact("1e-3"), exact("0x1.8p-3")
    (Fraction(1, 1000), Fraction(3, 16))
    """
    match = _HEXADECIMAL.fullmatch(text)
    if match is None:
        return Fraction(text)
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", match[4] or "0"
    power = int(exponent) - 4 * len(fraction)
    magnitude = Fraction(int(whole + fraction, 16)) * Fraction(2) ** power
    return -magnitude if sign == "-" else magnitude
