"""Whether the gradients are linear in what flows in, as every backward pass must be; and gradients that are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from verifier.callable.question import Question, points_of, split
from verifier.language.formats import Format
from verifier.report.outcome import CaseReport
from verifier.trace.flows import OTHER
from verifier.trace.record import Callee, Floats
from verifier.trace.recorder import components


def not_linear(question: Question, fmt: Format) -> str:
    """What is said where the gradients are not linear in what flows in; '' where they are up to rounding, or nothing flows in."""
    callee = question.callee
    if not callee.upstreams:
        return ""
    values, flows = split(callee, points_of(question, fmt)[0])
    if callee.linear_at is not None and callee.linear_at.is_the(fmt, values, flows):
        return ""
    try:
        once = callee.run(values, flows, fmt).gradients
        again = callee.run(values, {o: OTHER * v for o, v in flows.items()}, fmt).gradients
    except Exception:  # noqa: BLE001 - the user's code: what it raises is said when it is judged
        return ""
    return next((text for name in once if (text := _said(name, once, again, fmt))), "")


def _said(name: str, once: Mapping[str, Floats], again: Mapping[str, Floats], fmt: Format) -> str:
    before, after = np.ravel(once[name]), np.ravel(again[name])
    if not before.size or not np.isfinite(before).all() or not np.isfinite(after).all():
        return ""
    apart = np.abs(after - OTHER * before)
    size = max(np.abs(after).max(), np.abs(OTHER * before).max())
    if apart.max() <= 2.0 ** (-2 * fmt.precision / 3) * size or size < 2.0 ** (fmt.emin + fmt.precision):  # as many digits as the verdict `rounding` may lose; what underflows loses more
        return ""
    k = int(apart.argmax())
    gradient = components(f"d{name}", np.shape(once[name]))[k]
    return f"is not linear in the gradient that flows in: with {OTHER:g} times as much, {gradient} goes from {float(before[k])!r} to {float(after[k])!r}, not to {OTHER * float(before[k])!r}"


def with_silence(report: CaseReport, callee: Callee, claims: tuple[tuple[str, str], ...], computed: tuple[float, ...]) -> CaseReport:
    """The report, in which findings of gradients that are 0 in every component, and should not be, say so."""
    zero: dict[str, bool] = {}
    for (variable, _), value in zip(claims, computed, strict=True):
        name = variable.partition("[")[0]
        zero[name] = zero.get(name, True) and value == 0
    said = {f"d{n}": f"the backward pass returns None for {n}, which counts as 0" if n in callee.silent else f"the backward pass gives 0 for all of {n} (None counts as 0)" for n, all_zero in zero.items() if all_zero}
    return replace(report, findings=tuple(replace(f, message=f"{f.message}; {said[name]}") if f.code == "V101" and (name := f.gradient.partition("[")[0]) in said else f for f in report.findings))
