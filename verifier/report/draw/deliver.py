"""Text to standard output and standard error: whatever their encoding, nothing raw that steers a terminal, and never a traceback."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace

from verifier.report.draw.paint import Paint, fitted, paint_for

# Control characters but tab and line feed; marks that turn the direction of the text (Unicode's bidirectional controls); ends of lines that are none here; halves of characters.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# What our reports are written with, where the encoding of the output has no such character.
_PLAIN = {"κ": "kappa", "→": "->", "×": "x", "±": "+-", "≤": "<=", "≥": ">=", "≫": ">>", "−": "-", "–": "-", "—": "-", "…": "...", "∞": "inf", "·": ".", "²": "2", "√": "sqrt", "π": "pi", "½": "1/2", "ȳ": "y-bar", "Δ": "delta", "Σ": "sum", "█": "#", "│": "|", "─": "-", "└": "+", "├": "+", "┌": "+", "┐": "+", "┘": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "∇": "grad"}  # fmt: skip


class OutputClosed(Exception):
    """Standard output took nothing more: it is full, or closed."""


def visible(text: str) -> str:
    r"""The text with every character that steers a terminal written out.

    >>> visible("red\x1b[31m")
    'red\\x1b[31m'
    """
    return _STEERING.sub(lambda m: ascii(m.group())[1:-1], text)


def painted(draw: Callable[[Paint], str], paint: Paint) -> str:
    """What is drawn, in colours if nothing in it steers a terminal by itself, and on a terminal in lines that fit."""
    return fitted(_painted(draw, paint), paint.columns)


def _painted(draw: Callable[[Paint], str], paint: Paint) -> str:
    plain = draw(replace(paint, enabled=False))
    if _STEERING.search(plain):
        return visible(plain)
    return draw(paint) if paint.enabled else plain


def json_safe(text: str, encoding: str = "") -> str:
    """JSON whose texts have no such character either: what stands outside of them is white space and ASCII."""
    safe = _STEERING.sub(lambda m: f"\\u{ord(m.group()):04x}", text)
    return safe if _fits(safe, encoding or _encoding()) else "".join(c if c.isascii() else _escaped(c) for c in safe)


def xml_safe(text: str, encoding: str = "") -> str:
    """XML in which characters that the encoding lacks are references."""
    return text if _fits(text, encoding or _encoding()) else text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def safe(kind: str, draw: Callable[[Paint], str], paint: Paint, *, encoding: str = "") -> str:
    """A report, without anything that steers a terminal; `kind` is text, json or xml, `encoding` that of standard output unless another is given."""
    match kind:
        case "json":
            return json_safe(draw(paint), encoding)
        case "xml":
            return xml_safe(draw(paint), encoding)
    return _painted(draw, paint)


def deliver(text: str) -> None:
    """Write to standard output. Raises OutputClosed."""
    stream = sys.stdout
    if stream is None:
        raise OutputClosed("standard output is closed")
    try:
        stream.write(_encodable(text, _encoding()))
        stream.flush()
    except BrokenPipeError:
        raise OutputClosed("") from None  # whoever read it wants no more, and knows
    except (OSError, ValueError) as error:
        raise OutputClosed(f"the report could not be written: {getattr(error, 'strerror', None) or error}") from None


def deliver_text(text: str) -> None:
    """Write text for a person to standard output, on a terminal in lines that fit. Raises OutputClosed."""
    deliver(fitted(text, paint_for(sys.stdout).columns))


def say(text: str) -> None:
    """A line to standard error, if anybody takes it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        print(_encodable(visible(text), encoding), file=sys.stderr, flush=True)


def abandon() -> None:
    """Standard output is lost: what is still to be flushed at the end goes nowhere, in silence."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _encodable(text: str, encoding: str) -> str:
    if _fits(text, encoding):
        return text
    return "".join(c if _fits(c, encoding) else _PLAIN.get(c) or _escaped(c) for c in text)


def _escaped(character: str) -> str:
    """A character as JSON writes it in ASCII."""
    point = ord(character)
    halves = (point,) if point < 0x10000 else (0xD800 + ((point - 0x10000) >> 10), 0xDC00 + ((point - 0x10000) & 0x3FF))
    return "".join(f"\\u{half:04x}" for half in halves)
