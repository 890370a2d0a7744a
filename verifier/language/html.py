"""Small tables in HTML that carry their own style: all text in them is escaped, and no formula in it is typeset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

COLOURS = {"red": "#b3261e", "green": "#1a7f37", "yellow": "#8a6100"}  # dark enough for black-on-white notebooks; on dark ones the cell has a light ground
_CELL = ' style="text-align:left;vertical-align:top;padding:2px 10px 2px 0"'


def coloured(text: str, colour: str = "", *, bold: bool = False) -> str:
    """A text in one of COLOURS."""
    style = (f"color:{COLOURS[colour]};" if colour in COLOURS else "") + ("font-weight:bold;" if bold else "")
    return f'<span style="{style}">{escape(text)}</span>' if style else escape(text)


def table(rows: Iterable[Sequence[str]], *, head: Sequence[str] = ()) -> str:
    """Rows of cells that are HTML already; '' where there are none."""
    lines = [f"<tr>{''.join(f'<td{_CELL}>{cell}</td>' for cell in row)}</tr>" for row in rows]
    if not lines:
        return ""
    top = f"<tr>{''.join(f'<th{_CELL}>{escape(word)}</th>' for word in head)}</tr>" if head else ""
    return f'<table style="border-collapse:collapse;margin:4px 0;font-family:monospace;white-space:pre-wrap">{top}{"".join(lines)}</table>'


def box(*parts: str) -> str:
    """Parts that are HTML already, in one box; MathJax leaves the text in it alone."""
    return f'<div class="tex2jax_ignore mathjax_ignore" style="background:#fff;color:#1f1f1f;padding:6px 8px;overflow-x:auto">{"".join(parts)}</div>'


def line(html: str) -> str:
    """A line of its own."""
    return f'<div style="font-family:monospace;white-space:pre-wrap">{html}</div>'
