"""Laws of the verdicts: no right gradient is wrong, no real mistake is proved, and nothing that should not matter does."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from flint import arb

from tests.laws.law import case_in, require, settings_of
from tests.laws.slopes import is_regular
from verifier.arithmetic import balls, rounding
from verifier.compare.agreement import further_points
from verifier.compare.at_point import checks_in, judged_at
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact import one_sided
from verifier.exact.prove import prove
from verifier.language.verdict import Verdict
from verifier.report.outcome import CaseReport
from verifier.verify import verify

BITS = 512
MORE_BITS = 1024  # to start with, instead of 128 or 192
NO_EXPANSION = ("exp of a logarithm", "of something that tends to infinity")  # known gaps: exp2(log(x)) and li(x) at 0
OTHER_SEED = 7  # of points at which the prover did not look
OTHER_POINTS = 12
RENAMED = {"x": "second", "y": "first", "dx": "dsecond", "dy": "dfirst"}


def right_is_never_wrong(text: str) -> int:
    """What backprop generates, and any rearrangement of it, is `wrong` nowhere, in no format, wherever all its gates have finite slopes."""
    case, count = case_in(text), 0
    for setting in settings_of(case):
        points = [p for p in setting.points if all(is_regular(d.forward, p) for d in case.programs.drafts)]
        for check in checks_in(case, setting.format):
            for point in points:
                for d in judged_at(check, point):
                    require(d.verdict is not Verdict.WRONG, lambda d=d, check=check, setting=setting: f"{check.implementation}.{d.name} is wrong at {d.point} in {setting.format.name}: {d.reason or d.formula_error}; exact {d.exact}, real {d.real_value}")  # type: ignore[misc]
                    count += d.verdict not in (Verdict.UNDEFINED, Verdict.UNDECIDED)
    return count


def right_is_decided(text: str) -> int:
    """What backprop generates is `undecided` nowhere in float64 where it is finite: the precision suffices for drawn formulas."""
    case, count = case_in(text), 0
    for setting in settings_of(case):
        for point in setting.points:
            for d in judged_at(checks_in(case, setting.format)[0], point):
                is_known_gap = d.reason.endswith(NO_EXPANSION) or not math.isfinite(d.computed)
                require(d.verdict is not Verdict.UNDECIDED or is_known_gap, lambda d=d: f"{d.name} is undecided at {d.point}: {d.reason}")  # type: ignore[misc]
                count += 1
    return count


def reports_of_the_right_pass(text: str) -> int:
    """The whole report of right implementations: no finding `wrong`, no proof refuted, no failure of the tool."""
    case = case_in(text)
    if not all(is_regular(d.forward, p) for s in settings_of(case) for p in s.points for d in case.programs.drafts):
        return 0
    report = verify(case)
    wrong = [f.message for f in report.findings if f.code in ("V101", "V002") and "beyond the largest" not in f.message]
    require(not wrong, lambda: wrong[0])
    refuted = [(i, g) for i, kinds in report.proofs.items() for g, kind in kinds.items() if kind == "refuted"]
    require(not refuted, lambda: f"{refuted[0]} is refuted: {report.proof_notes[refuted[0][0]][refuted[0][1]]}")
    return len(report.results)


def mistakes_are_never_proved(text: str) -> int:
    """Where an edit certainly changes a gradient by more than two ulps over the reals, the verdict is `wrong` or `undecided`, and there is no proof."""
    case, count = case_in(text), 0
    report = verify(case)
    for setting in settings_of(case):
        checks = {c.implementation: c for c in checks_in(case, setting.format)}
        right, edited = checks["staged"], checks["mistaken"]
        for point in setting.points:
            rows = [judged_at(c, point) for c in (right, edited)]
            for a, b in zip(*rows, strict=True):
                if isinstance(a.exact, one_sided.Finite) and _differs((right, edited), a):
                    require(b.verdict in (Verdict.WRONG, Verdict.UNDECIDED), lambda b=b: f"mistaken.{b.name} at {b.point} is {b.verdict.value}, and differs by more than two ulps over the reals")  # type: ignore[misc]
                    kind = report.proofs["mistaken"][b.name]
                    require(kind != "proved", lambda b=b, kind=kind: f"mistaken.{b.name} is {kind}, and differs at {b.point}")  # type: ignore[misc]
                    count += 1
    return count


def _differs(which: tuple[Check, Check], d: Discrepancy) -> bool:
    """Whether two implementations differ over the reals by more than two ulps."""
    with balls.precision(BITS):
        values = []
        for check in which:
            program, _ = check.subject.exact
            values.append(balls.run(program, [[arb(x)] for x in d.point], bits=BITS, strict=False, rounded_in=check.format)[check.subject.index(d.name)][0])
        a, b = values
        return bool(a.is_finite() and b.is_finite() and abs(a - b) > 2 * rounding.ulp(which[0].format, a)[1])


def proofs_hold_elsewhere(text: str) -> int:
    """What is proved without conditions is `wrong` at no other point either, and what is refuted is `wrong` somewhere."""
    case, count = case_in(text), 0
    for setting in settings_of(case):
        others = further_points(setting.points, len(case.inputs), fmt=setting.format, seed=OTHER_SEED, most=OTHER_POINTS)
        for check in checks_in(case, setting.format):
            proved = {c[1] for c in check.subject.claims if (p := prove(check.truth, check.subject, c, fmt=check.format, upstream=check.upstream)) is not None and not p.conditions and not p.gaps}
            for point in others if proved else ():
                for d in judged_at(check, point):
                    if d.name in proved:
                        require(d.verdict is not Verdict.WRONG or not isinstance(d.exact, one_sided.Finite), lambda d=d: f"{d.name} is proved, and wrong at {d.point}")  # type: ignore[misc]
                        count += 1
    return count


# ---------------------------------------------------------------- what does not matter


def precision_changes_no_verdict(text: str) -> int:
    """The verdicts that 128 and 192 bits begin with are those that 1024 begin with."""
    case, count = case_in(text), 0
    for setting in settings_of(case):
        for check in checks_in(case, setting.format):
            runs = [
                compare(check, setting.points, detail=detail, first_bits=bits)
                for detail, bits in ((True, None), (False, None), (True, MORE_BITS))
            ]
            for rows in zip(*runs, strict=True):
                for found in zip(*rows, strict=True):
                    kinds = {d.verdict for d in found} - {Verdict.UNDECIDED}
                    require(len(kinds) <= 1, lambda found=found: f"{found[0].name} at {found[0].point} is {', '.join(d.verdict.value for d in found)} from 192 bits, 128 bits, 1024 bits")  # type: ignore[misc]
                    count += len(kinds)
    return count


def names_do_not_matter(text: str) -> int:
    """With other names for the inputs the report has the same verdicts, digits and proofs."""
    other = re.sub(r"\b(dx|dy|x|y)\b", lambda m: RENAMED[m[0]], text)
    back = {new: old for old, new in RENAMED.items()}
    first, second = (_figures(verify(case_in(t))) for t in (text, other))
    renamed = sorted((s[0], back[s[1]], s[2], tuple(sorted((back[n], v) for n, v in s[3])), *s[4:]) for s in second)
    return _equal(sorted(first), renamed, "with other names")


def order_does_not_matter(text: str) -> int:
    """With implementations and points in the opposite order the report has the same verdicts and digits."""
    case = case_in(text)
    drafts = case.programs.drafts[::-1]
    turned = replace(case, points=case.points[::-1], implementations=case.implementations[::-1], programs=replace(case.programs, drafts=drafts))
    return _equal(sorted(_figures(verify(case))), sorted(_figures(verify(turned))), "in another order")


Figures = tuple[str, str, str, tuple[tuple[str, str], ...], *tuple[str, ...]]  # implementation, gradient, format, point; verdict, computed, exact, rounded, ulps


def _figures(report: CaseReport) -> list[Figures]:
    return [(r.implementation, r.gradient, r.format, tuple(sorted((n, str(v)) for n, v in r.point)), r.verdict.value, r.computed, str(r.exact), str(r.rounded), str(r.ulps)) for r in report.results]


def _equal(first: list[Figures], second: list[Figures], how: str) -> int:
    require(len(first) == len(second), lambda: f"{how} there are {len(second)} results, not {len(first)}")
    for a, b in zip(first, second, strict=True):
        require(a == b, lambda a=a, b=b: f"{how} {a} becomes {b}")  # type: ignore[misc]
    return len(first)
