"""A suggestion: a statement that loses the digits of a gradient, another text for it, why that is right, and what is gained."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.language.source import Source


@dataclass(frozen=True, slots=True)
class Errors:
    """How far a gradient is off at a number of points. Errors of more than 2**64 ulps, and values that are no numbers, count as 2**64."""

    points: int
    worst_ulps: float
    median_ulps: float
    mean_bits: float  # the mean of log2 of what an error in ulps exceeds half an ulp by, plus 1


@dataclass(frozen=True, slots=True)
class ImprovedRegion:
    """The inputs for which one formula of a replacement is used: a condition in the language (empty: all inputs), and the errors there."""

    condition: str
    formula: str
    before: Errors
    after: Errors


@dataclass(frozen=True, slots=True)
class NewPass:
    """The lines that can be written where backprop generates them: a forward pass (none: the implementation's own is read), and a backward pass."""

    forward: tuple[str, ...]
    backward: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A statement of an implementation, and a text in the language that computes the gradient more exactly."""

    implementation: str
    gradient: str
    source: Source  # the text in which the statement stands
    line: int  # of the file, from 1
    start: int  # the span of the statement in source.text
    end: int
    original: str  # the statement, source.text[start:end]
    replacement: str  # what may stand in its place: one statement
    proof: str  # "proved", or "approximates"
    proof_text: str  # in words: for which inputs; or within how many ulps, and where
    gaps: tuple[str, ...]  # where the replacement has no value and the function's gradient has one: none, or it is not suggested
    before: Errors
    after: Errors
    regions: tuple[ImprovedRegion, ...]
    cost: float  # the time that the statement takes afterwards, over what it took before
    verdict_before: str  # the worst verdict at the points tried
    verdict_after: str
    candidates: int = 0  # formulas that were measured
    new_pass: NewPass | None = None  # the passes with the replacement, where backprop generates the lines that are improved


__all__ = ["Errors", "ImprovedRegion", "NewPass", "Suggestion"]
