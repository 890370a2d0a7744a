"""Places counted from the texts that they are in, so that a diagnosis holds wherever these texts come to stand in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from verifier.case.case import Draft
from verifier.language.source import Source

if TYPE_CHECKING:
    from verifier.blame.formula.explain import Explanation

TEXT = "\0text "  # and its number: what stands for the file of a place


def sources_of(draft: Draft) -> list[Source]:
    """The texts that an implementation is made of."""
    own = [s for s in (draft.implementation.backward, draft.implementation.forward) if s is not None]
    lines = [line.source for p in (draft.whole, draft.forward) if p is not None for line in p.lines if line.source is not None]
    return list(dict.fromkeys([*own, *lines]))


def relative(found: Explanation, sources: Sequence[Source]) -> Explanation | None:
    """An explanation with its lines counted from the first line of the text that its place is in; None where it is in none of them."""
    place = found.place
    inside = next((k for k, s in enumerate(sources) if s.file == place.file and s.line <= place.line <= s.line + s.span.count("\n")), None)
    if inside is None:
        return None
    first = sources[inside].line
    return replace(found, place=replace(place, file=f"{TEXT}{inside}", line=place.line - first), lines=frozenset(n - first for n in found.lines))


def absolute(found: Explanation, sources: Sequence[Source]) -> Explanation:
    """The explanation from which `relative` made this one."""
    source = sources[int(found.place.file.removeprefix(TEXT))]
    return replace(found, place=replace(found.place, file=source.file, line=found.place.line + source.line), lines=frozenset(n + source.line for n in found.lines))
