"""A case of which only the whole domain is asked: what `certify` on the command line makes of it."""

from __future__ import annotations

from dataclasses import replace

from verifier.case.case import BOUND_WORDS, Case, calls_of, is_certified
from verifier.case.certified import NO_CLAIM, Certify, Claimed, box_problems
from verifier.case.components import covers
from verifier.language.source import Complaint, suggestion


def claiming(case: Case, *, claim: Claimed | None = None, seconds: float | None = None, gradient: str | None = None) -> Case:
    """The case without its points, with a claim for all gradients in place of its own, if one is given; a case that claims nothing asks for the best bound.

    `seconds` go before the budget of the case. With `gradient` there are no claims but that of this one.
    """
    otherwise = None if is_certified(case) else Claimed()
    implementations, single = [], []
    for i in case.implementations:
        own = Certify(claim) if claim is not None else case.certify.of(i.name, i.certify)
        own = replace(own, general=own.general or otherwise)
        if gradient is not None:
            of_it = own.claim_for(gradient)
            own = Certify(None, () if of_it is None else ((i.name, gradient, of_it),))
        single += list(own.single)
        implementations.append(replace(i, certify=replace(NO_CLAIM, general=own.general, place=i.certify.place)))
    return replace(
        case,
        points=(),
        sample=0,
        hunt=False,
        exhaustive=False,
        residuals=(),
        published=(),
        implementations=tuple(implementations),
        certify=Certify(None, tuple(single), seconds or case.certify.seconds, case.certify.place),
        expect=tuple(e for e in case.expect if e.verdict in BOUND_WORDS and claim is None and (gradient is None or covers(gradient, e.gradient))),
    )


def problems(case: Case, gradient: str | None = None) -> list[Complaint]:
    """Why nothing can be certified of a case: it has no box, or no gradient of that name."""
    found = box_problems(case.inputs, dict(case.domain))
    names = list(dict.fromkeys(name for draft in case.programs.drafts for _, name in draft.claims))
    if gradient is not None and not calls_of(case) and not any(covers(gradient, name) for name in names):
        found.append(f"no implementation has a gradient '{gradient}'{suggestion(gradient, names)}")
    return [Complaint(case.place, f"{case.name}: {text}") for text in found]
