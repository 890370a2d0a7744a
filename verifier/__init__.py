"""Tell whether a gradient computed in floating point is right, how far off it is, and which line is to blame."""

from __future__ import annotations

__version__ = "0.1.0"
