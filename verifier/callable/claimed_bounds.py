"""What `certify` and `assume` of `check` say, as the claims of a case."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from verifier.case.certified import BEST, LIBRARY_FUNCTIONS, NO_CLAIM, UNITS, Certify, Claimed
from verifier.case.components import base
from verifier.language.source import suggestion

FORMS = "'best', {'ulps': 6}, {'absolute': 1e-12} or {'dx': {'ulps': 6}}"


def claimed_in(certify: str | Mapping[str, Any] | None, name: str, inputs: Sequence[str]) -> Certify:
    """The claims about a callable of this name and these inputs. Raises ValueError."""
    if certify is None:
        return NO_CLAIM
    if isinstance(certify, str):
        return Certify(_best(certify))
    gradients = [f"d{n}" for n in inputs]
    single = []
    for key in certify:
        if key in UNITS or key == "budget":
            continue
        if base(key) not in gradients:
            raise ValueError(f"certify: '{key}' is no gradient of {name}{suggestion(key, [*gradients, *UNITS, 'budget'])}; its gradients are {', '.join(gradients)}")
        claim = _claim(certify[key])
        if claim is None:
            raise ValueError(f"certify: '{key}' must say what is claimed: {FORMS}")
        single.append((name, key, claim))
    general = _claim({k: v for k, v in certify.items() if k in UNITS})
    if general is None and not single:
        raise ValueError(f"certify must say what is claimed: {FORMS}")
    return Certify(general, tuple(single), _seconds(certify))


def assumed_in(assume: Mapping[str, float] | None) -> tuple[tuple[str, str], ...]:
    """What is assumed of library functions. Raises ValueError."""
    found = []
    for function, ulps in (assume or {}).items():
        if function not in LIBRARY_FUNCTIONS:
            raise ValueError(f"assume: '{function}' is no function of a library{suggestion(function, LIBRARY_FUNCTIONS)}")
        if not 0.5 <= float(ulps) < math.inf:
            raise ValueError(f"assume: {function} is {ulps} ulp; a result that is rounded may be off by 0.5 ulp")
        found.append((function, repr(float(ulps))))
    return tuple(found)


def _claim(claim: Any) -> Claimed | None:
    """One claim; a number is one of ulps."""
    if isinstance(claim, str):
        return _best(claim)
    if not isinstance(claim, Mapping):
        return Claimed("ulp", _limit(claim))
    if len(claim) > 1:
        raise ValueError(f"certify: a gradient has one claim, in one of the units {' and '.join(UNITS)}")
    for unit, limit in claim.items():
        if unit not in UNITS:
            raise ValueError(f"certify: '{unit}' is no unit{suggestion(unit, tuple(UNITS))}; write {FORMS}")
        return Claimed(UNITS[unit], None if limit == BEST else _limit(limit))
    return None


def _best(text: str) -> Claimed:
    if text != BEST:
        raise ValueError(f"certify is '{text}'; write {FORMS}")
    return Claimed()


def _limit(limit: Any) -> str:
    if not isinstance(limit, int | float) or isinstance(limit, bool) or not 0 <= limit < math.inf:
        raise ValueError(f"certify: the limit is {limit!r}; write a number that is not negative, or '{BEST}'")
    return repr(float(limit))


def _seconds(certify: Mapping[str, Any]) -> float | None:
    seconds = certify.get("budget")
    if seconds is not None and not 0 < float(seconds) < math.inf:
        raise ValueError(f"certify: the budget is {seconds}; it must be a positive number of seconds")
    return None if seconds is None else float(seconds)
