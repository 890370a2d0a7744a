"""What `certify` and `assume` of `check` say, as the claims of a case: the rules are those of case files, only the form is Python's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from verifier.case.certified import (
    BEST,
    LIBRARY_FUNCTIONS,
    NO_CLAIM,
    UNITS,
    Certify,
    Claimed,
    unclaimed,
    wrong_assumption,
    wrong_budget,
    wrong_function,
    wrong_limit,
    wrong_units,
    wrong_word,
)
from verifier.case.components import base
from verifier.language.numeral import exact, number_problem
from verifier.language.source import suggestion

FORMS = "'best', {'ulps': 6}, {'absolute': 1e-12} or {'dx': {'ulps': 6}}"


def claimed_in(certify: str | Mapping[str, Any] | None, name: str, inputs: Sequence[str]) -> Certify:
    """The claims about a callable of this name and these inputs. Raises ValueError."""
    if certify is None:
        return NO_CLAIM
    if isinstance(certify, str):
        return Certify(_claim(certify, "certify"))
    stated = certify if isinstance(certify, Mapping) else {}
    gradients = [f"d{n}" for n in inputs]
    single = []
    for key in stated:
        if key in UNITS or key == "budget":
            continue
        if base(key) not in gradients:
            raise ValueError(f"certify: '{key}' is no gradient of {name}{suggestion(key, [*gradients, *UNITS, 'budget'])}; its gradients are {', '.join(gradients)}")
        single.append((name, key, _claim(stated[key], f"certify: '{key}'")))
    general = {k: v for k, v in stated.items() if k in UNITS}
    if not general and not single:
        raise ValueError(unclaimed("certify", FORMS))
    seconds = _number(stated["budget"], "certify: the budget", wrong_budget) if stated.get("budget") is not None else None
    return Certify(_claim(general, "certify") if general else None, tuple(single), None if seconds is None else float(exact(seconds)))


def assumed_in(assume: Mapping[str, float] | None) -> tuple[tuple[str, str], ...]:
    """What is assumed of library functions. Raises ValueError."""
    found = []
    for function, ulps in (assume or {}).items():
        if problem := wrong_function(function):
            raise ValueError(f"{problem}{suggestion(function, LIBRARY_FUNCTIONS)}")
        found.append((function, _number(ulps, f"assume: {function}", wrong_assumption)))
    return tuple(found)


def _claim(claim: Any, what: str) -> Claimed:
    """One claim; a number is one of ulps."""
    if isinstance(claim, str):
        _refuse(wrong_word(what, claim, FORMS))
        return Claimed()
    if not isinstance(claim, Mapping):
        return Claimed("ulp", _number(claim, what, wrong_limit))
    if (unknown := next((unit for unit in claim if unit not in UNITS), None)) is not None:
        raise ValueError(f"{what}: '{unknown}' is no unit{suggestion(unknown, tuple(UNITS))}; write {FORMS}")
    _refuse(wrong_units(what, list(claim)) or ("" if claim else unclaimed(what, FORMS)))
    unit, limit = next(iter(claim.items()))
    return Claimed(UNITS[unit], None if limit == BEST else _number(limit, f"{what}: the limit in {unit}", wrong_limit))


def _number(value: Any, what: str, problem: Callable[[str, str], str]) -> str:
    """The text of a number that obeys a rule of case files."""
    text = repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    if (complaint := number_problem(text)) is not None:
        raise ValueError(f"{what}: {complaint}")
    _refuse(problem(what, text))
    return text


def _refuse(problem: str) -> None:
    if problem:
        raise ValueError(problem)
