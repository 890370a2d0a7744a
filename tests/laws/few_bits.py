"""The law of few bits: *a ball may say unknown*. With 8, 16 and 24 bits nearly nothing is decided early, and what is decided is what many bits decide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
from flint import arb

from tests.laws.law import Setting, case_in, require, settings_of
from verifier.arithmetic import balls, rounding
from verifier.case.case import Case
from verifier.compare import challenge, compare, conditioning
from verifier.compare.at_point import checks_in
from verifier.compare.check import Check
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.judge import INVISIBLE
from verifier.compare.sweep import balls as columns_of_balls
from verifier.compare.sweep.classify import CODE, OPEN, VERDICTS, all_open
from verifier.compare.sweep.columns import computed_columns
from verifier.exact import one_sided
from verifier.exact.identities import signs
from verifier.exact.identities.field import is_zero_at
from verifier.exact.prove import prove
from verifier.exact.truth import Truth
from verifier.language.verdict import Verdict

FEW = (8, 16, 24)
MANY = 320
FIGURES = ("residual", "ulps", "formula_error", "condition", "program_condition", "backward_error")
CONDITIONED = {Verdict.UNSTABLE, Verdict.ILL_CONDITIONED}  # told apart by a condition number, which has bits of its own
MOST_STEPS = 60  # of a program whose zeros are looked for
Constants = tuple[tuple[Any, str], ...]
CONDITION: Constants = ((conditioning, "FEWEST_BITS"), (conditioning, "MOST_BITS"))
PROOF: Constants = ((signs, "CONSTANT_BITS"),)
CHALLENGE: Constants = ((challenge, "CHALLENGE_BITS"),)


@contextmanager
def at_bits(bits: int, constants: Constants) -> Iterator[None]:
    """The engine with these precisions."""
    with ExitStack() as stack:
        for module, name in constants:
            stack.enter_context(patch.object(module, name, bits))
        yield


# ---------------------------------------------------------------- values


def values_agree(text: str) -> int:
    """`values_of` of the only case of a text."""
    return values_of(case_in(text))


def values_of(case: Case) -> int:
    """Every step of function, gradient and backward pass: the balls overlap, the truth values do not contradict each other; derivatives by limits and zeros likewise."""
    count = 0
    for setting in settings_of(case):
        truth = checks_in(case, setting.format)[0].truth
        programs = [(truth.gradient.program, True), (truth.gradient.program, False), *((c.subject.exact[0], False) for c in checks_in(case, setting.format))]
        columns = [[arb(p[i]) for p in setting.points] for i in range(len(case.inputs))]
        for program, strict in programs:
            reference = balls.run(program, columns, bits=MANY, strict=strict, upstream=arb(setting.upstream))
            for bits in FEW:
                coarse = balls.run(program, columns, bits=bits, strict=strict, upstream=arb(setting.upstream))
                for step, few, many in zip(program.steps, coarse, reference, strict=True):
                    for a, b in zip(few, many, strict=True):
                        count += _agree(step.gate, a, b, bits)
        count += _limits_agree(truth, setting) + _zeros_agree(truth, setting)
    return count


def _agree(what: str, a: Any, b: Any, bits: int) -> int:
    """Two enclosures of one number, or two answers to one question."""
    if a is None or b is None:
        return 0
    if isinstance(a, bool) or isinstance(b, bool):
        require(a is b, lambda: f"{what} is {a} at {bits} bits, and {b} at {MANY}")
        return 1
    if not (a.is_finite() and b.is_finite()):
        return 0
    require(bool(a.overlaps(b)), lambda: f"{what} is {a} at {bits} bits, and {b} at {MANY}")
    return 1


def _limits_agree(truth: Truth, setting: Setting) -> int:
    count = 0
    for point in setting.points:
        fractions = [Fraction(x) for x in point]
        for position, name in enumerate(truth.function.inputs):
            many = one_sided.derivative(truth.function, fractions, position, bits=MANY)
            for bits in FEW:
                few = one_sided.derivative(truth.function, fractions, position, bits=bits)
                if isinstance(few, one_sided.Unknown) or isinstance(many, one_sided.Unknown):
                    continue
                require(_are_alike(few, many), lambda few=few, many=many, bits=bits, name=name, point=point: f"the derivative by {name} at {point} is {few} at {bits} bits, and {many} at {MANY}")  # type: ignore[misc]
                count += 1
    return count


def _are_alike(a: one_sided.Derivative, b: one_sided.Derivative) -> bool:
    """Whether two derivatives may be the same."""
    if isinstance(a, one_sided.Finite) and isinstance(b, one_sided.Finite):
        return bool(a.ball.overlaps(b.ball))
    if isinstance(a, one_sided.Kink) and isinstance(b, one_sided.Kink):
        return bool(_meet(a.low, b.low) and _meet(a.high, b.high))
    return type(a) is type(b) and (not isinstance(a, one_sided.Infinite) or a == b)


def _meet(a: Any, b: Any) -> bool:
    return bool(a.overlaps(b)) if a.is_finite() and b.is_finite() else bool(a == b)


def _zeros_agree(truth: Truth, setting: Setting) -> int:
    """What is proved to be zero with few bits contains 0 with many."""
    program, count = truth.gradient.program, 0
    if len(program) > MOST_STEPS:
        return 0
    for point in setting.points:
        columns = [[arb(x)] for x in point]
        many = balls.run(program, columns, bits=MANY, strict=True)
        for component in {*truth.gradient.adjoint.values()}:
            for bits in FEW:
                with at_bits(bits, PROOF):
                    is_zero = is_zero_at(program, component, point)
                value = many[component][0]
                if isinstance(value, bool) or value is None or not value.is_finite():
                    continue
                require(not is_zero or value.contains(0), lambda point=point, value=value, bits=bits: f"{value} at {point} is proved to be 0 with {bits} bits")  # type: ignore[misc]
                count += 1
    return count


# ---------------------------------------------------------------- verdicts and figures


def verdicts_agree(text: str) -> int:
    """`verdicts_of` of the only case of a text."""
    return verdicts_of(case_in(text))


def verdicts_of(case: Case) -> int:
    """The verdict that begins with few bits, and the one that has no more, is the usual one or none; figures overlap; sweeps decide alike."""
    count = 0
    for setting in settings_of(case):
        for check in checks_in(case, setting.format):
            usual = compare.compare(check, setting.points)
            for bits in FEW:
                for most in (compare.LARGEST_BITS, bits):
                    for detail in (True, False):
                        found = compare.compare(check, setting.points, detail=detail, first_bits=bits, most_bits=most)
                        with at_bits(bits, CONDITION):
                            coarse = [[conditioning.conditioned(check, d, needed=False) for d in row] for row in found]
                        for rows in (found, coarse):
                            for first, second in zip(rows, usual, strict=True):
                                for a, b in zip(first, second, strict=True):
                                    count += _same_verdict(check, a, b, bits, capped=most == bits)
                count += _sweep_agrees(check, setting.points, usual, bits)
    return count


def _same_verdict(check: Check, few: Discrepancy, many: Discrepancy, bits: int, *, capped: bool) -> int:
    at = f"{check.implementation}.{few.name} at {few.point} in {check.format.name}"
    kinds = {few.verdict, many.verdict} - {Verdict.UNDECIDED}
    require(len(kinds) <= 1 or kinds == CONDITIONED, lambda: f"{at} is {few.verdict.value} {'with' if capped else 'from'} {bits} bits, and {many.verdict.value} else: {few.reason}; {many.reason}")
    require(few.rounded is None or many.rounded is None or few.rounded == many.rounded, lambda: f"{at} is rounded to {few.rounded} with {bits} bits, and to {many.rounded} else")
    explained = {few.is_explained, many.is_explained} - {None}
    require(len(explained) <= 1, lambda: f"whether the conditioning explains the error of {at} is {few.is_explained} with {bits} bits, and {many.is_explained} else")
    for name in FIGURES:
        a, b = getattr(few, name), getattr(many, name)
        if a is None or b is None or not (a.is_finite() and b.is_finite()):
            continue
        if name == "formula_error" and (a.is_zero() or b.is_zero()):
            continue  # a formula error of 0 says that none is seen
        if name == "ulps" and (a.is_zero() or b.is_zero()):
            require(bool(max(a, b) < INVISIBLE), lambda a=a, b=b: f"the error of {at} is {a} ulp with {bits} bits, and {b} else")  # type: ignore[misc]
            continue  # what cannot be seen is said to be 0
        if name == "formula_error" and check.has_literals:
            continue  # the least for all choices of the constants: a lower bound
        least = name in ("ulps", "formula_error") and not (_has_one_ulp(check, few) and _has_one_ulp(check, many))
        require(bool(not a > b if least else a.overlaps(b)), lambda name=name, a=a, b=b: f"the {name} of {at} is {a} with {bits} bits, and {b} else")  # type: ignore[misc]
    return len(kinds)


def _has_one_ulp(check: Check, d: Discrepancy) -> bool:
    """Whether the ulp of the exact gradient is known: elsewhere an error is the least that it may be."""
    with balls.precision(d.bits):
        return isinstance(d.exact, one_sided.Finite) and bool(rounding.has_one_ulp(check.format, d.exact.ball))


def _sweep_agrees(check: Check, points: list[tuple[float, ...]], usual: list[list[Discrepancy]], bits: int) -> int:
    """Columns of balls of few bits decide what `compare` does, or leave it open."""
    if not points:
        return 0
    columns = [np.array([p[i] for p in points]) for i in range(len(points[0]))]
    found, count = [all_open(len(points)) for _ in check.subject.claims], 0
    with patch.object(columns_of_balls, "PRECISIONS", (bits,)), np.errstate(all="ignore"):
        columns_of_balls.by_balls(check, columns, computed_columns(check, columns), found)
    for c, judged in enumerate(found):
        for k, row in enumerate(usual):
            code, other = int(judged.verdict[k]), row[c].verdict
            if code == OPEN or other is Verdict.UNDECIDED:
                continue
            require(code == CODE[other], lambda code=code, other=other, k=k, c=c: f"{check.subject.claims[c][1]} at {points[k]} is {VERDICTS[code].value} in columns of {bits} bits, and {other.value} else")  # type: ignore[misc]
            count += 1
    return count


# ---------------------------------------------------------------- proofs


def proofs_agree(text: str) -> int:
    """`proofs_of` of the only case of a text."""
    return proofs_of(case_in(text))


def proofs_of(case: Case) -> int:
    """A proof with few bits is a proof with many, and what a challenge with few bits holds against a gradient many bits hold against it, too."""
    count = 0
    for setting in settings_of(case):
        for check in checks_in(case, setting.format):
            count += _proofs_agree(check) + _challenges_agree(check, setting.points)
    return count


def _proofs_agree(check: Check) -> int:
    count = 0
    for claim in check.subject.claims:
        many = prove(check.truth, check.subject, claim, fmt=check.format, upstream=check.upstream)
        for bits in FEW:
            with at_bits(bits, PROOF):
                few = prove(check.truth, check.subject, claim, fmt=check.format, upstream=check.upstream)
            require(few is None or many is not None, lambda claim=claim, bits=bits: f"{claim[1]} is proved with {bits} bits only")  # type: ignore[misc]
            count += few is not None
    return count


def _challenges_agree(check: Check, points: list[tuple[float, ...]]) -> int:
    names = [name for _, name in check.subject.claims]

    def met() -> dict[str, set[tuple[float, ...]]]:
        found = challenge.challenge(check.truth, check.subject, names, points, fmt=check.format, upstream=check.upstream)
        return {name: {c.point for c in found[name].found if c.kind is not challenge.Kind.TIE} for name in names}

    many, count = met(), 0
    for bits in FEW:
        with at_bits(bits, CHALLENGE):
            few = met()
        for name in names:
            extra = few[name] - many[name]
            require(not extra, lambda name=name, extra=extra, bits=bits: f"{name} is contradicted at {min(extra)} with {bits} bits only")  # type: ignore[misc]
            count += 1
    return count
