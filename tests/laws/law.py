"""What a law is: a sentence about the tool, texts of cases that are drawn to break it, and a check that raises Broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from verifier.case import points
from verifier.case.case import Case
from verifier.case.load import load_text
from verifier.language.formats import Format, format_named, round_exact
from verifier.language.numeral import exact


class Broken(Exception):
    """An example that a law does not hold for."""


@dataclass(frozen=True)
class Law:
    """`texts` draws the text of a case; `check` says how many comparisons it made (0: the text says nothing) or raises Broken."""

    name: str
    sentence: str
    texts: Callable[[], st.SearchStrategy[str]]
    check: Callable[[str], int]
    seconds: float = 30.0  # of CPU time that an example may take


def require(holds: bool, message: Callable[[], str]) -> None:
    """Raise Broken where something does not hold."""
    if not holds:
        raise Broken(message())


def case_in(text: str) -> Case:
    """The only case of a drawn text. What is drawn is legitimate, so a complaint is broken, too."""
    loaded = load_text(text)
    if loaded.complaints or len(loaded.cases) != 1:
        raise Broken("a legitimate text is refused: " + "; ".join(c.message for c in loaded.complaints))
    return loaded.cases[0]


@dataclass(frozen=True)
class Setting:
    """One format of a case, with its upstream gradient and its points as numbers of it."""

    format: Format
    upstream: float
    points: list[tuple[float, ...]]


def settings_of(case: Case) -> Iterator[Setting]:
    """The formats of a case. Raises points.PointError where a point is no number of one."""
    for name in case.formats:
        fmt = format_named(name)
        yield Setting(fmt, round_exact(fmt, exact(case.upstream)), points.listed(case, fmt))
