"""Work that a report can do without, and how it is attempted: within a limit of time, or however long it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Attempt = Callable[..., Any]  # of what is made, the work, what there is without it, and how many times the time of an attempt it may take


def at_once(_what: str, work: Callable[[], Any], _otherwise: Any, _share: float = 1.0) -> Any:
    """The result of some work, however long it takes."""
    return work()
