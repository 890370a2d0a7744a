"""Fuzzing and single edits of many cases, each case an item of work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from verifier.case.case import Case
from verifier.run.chunks import Lost
from verifier.run.workers import Workers, cores
from verifier.search.fuzz.campaign import Campaign, campaign
from verifier.search.mutate import Mutant, mutants


def campaigns(cases: Sequence[Case], workers: Workers, *, max_examples: int, max_time: float, number: int, strict: bool) -> Iterator[Campaign]:
    """The fuzzing campaign of each case, in order. One that did not come to its end has a `problem`."""
    work = partial(campaign, max_examples=max_examples, max_time=max_time, number=number, strict=strict)
    key = partial(_named, ("fuzz", max_examples, max_time, number, strict))
    for case, (found,) in zip(cases, workers.run(work, cases, worth=min(cores(), len(cases)), key=key, kind=Campaign), strict=True):
        yield Campaign(case.name, problem=found.reason) if isinstance(found, Lost) else found


def mutations(cases: Sequence[Case], workers: Workers, *, most: int | None) -> Iterator[list[Mutant] | str]:
    """The edits of each case, survivors with a point, in order; why there are none where it did not come to its end."""
    key = partial(_named, ("mutate", most))
    for (found,) in workers.run(partial(mutants, most=most, survivors=True), cases, worth=min(cores(), len(cases)), key=key, kind=list[Mutant]):
        yield found.reason if isinstance(found, Lost) else found


def _named(what: tuple[object, ...], case: Case) -> str:
    from verifier.run.state import key

    return key(*what, case)
