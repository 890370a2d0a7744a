"""The findings: each with a stable code and name, what it says, why it matters, an example, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verifier.language.source import Place
from verifier.report.outcome import Finding


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of finding."""

    code: str
    name: str
    severity: str
    what: str
    why: str
    example: str
    instead: str


CATALOGUE = {
    entry.code: entry
    for entry in (
        Entry(
            "V001", "unreadable-case", "error",
            "A case file, or one document of it, cannot be used; the place is that of the mistake.",
            "Nothing in it was checked. The other documents and files were.",
            "fucntion: x**2        # unknown key 'fucntion'; did you mean 'function'?",
            "Correct the line that the message names; docs/case-format.md lists every key.",
        ),
        Entry(
            "V002", "unusable-case", "error",
            "The case could be read, but what it asks for cannot be computed (a point beyond the format, a derivative that does not exist in the table).",
            "The case was not checked, so it cannot pass.",
            "points: [{x: 1e6}] with formats: [float16], whose largest number is 65504",
            "Change the point, the format or the formula as the message says.",
        ),
        Entry(
            "V003", "unfinished-case", "error",
            "The process that checked the case died, took longer than --timeout or needed more than --memory, also when it was tried again alone; of many points, those where it happened are named.",
            "The case was not checked to its end, so it cannot pass. The others were.",
            "a Bessel function at 1e300, a power tower, a program of a million steps",
            "Allow more with --timeout and --memory, or change the point or the formula. A process that dies with much of both left is a bug of ours or of a library: please report it.",
        ),
        Entry(
            "V101", "wrong-gradient", "error",
            "The formula is wrong: run over the real numbers, the backward pass differs from the exact gradient by more than one ulp, or has no value where the gradient has one. This is certified; rounding plays no part in it.",
            "Training, optimisation or sensitivity analysis follows a wrong direction, however many digits are used.",
            "dx = sin(x) * dout        # for f = sin(x): the derivative is cos(x)",
            "Derive the named line again. A formula that is meant to be approximate must stay within one ulp of the format it runs in.",
        ),
        Entry(
            "V102", "nonfinite-gradient", "error",
            "The formula is right over the reals, but in this format it ends in NaN or infinity where the exact gradient is a number (or misses an infinity).",
            "One NaN in a gradient destroys a training run.",
            "dx = exp(x) / (1 + exp(x))        # inf/inf from x = 710 on",
            "Rearrange so that no step overflows or divides by zero: 1 / (1 + exp(-x)).",
        ),
        Entry(
            "V103", "undecided-gradient", "error",
            "At the highest precision tried, the formula could be told neither right nor wrong.",
            "What is not decided is never counted as a pass.",
            "a comparison whose two sides are equal to thousands of digits without being provably equal",
            "Give another point, or write the formula so that ties are between exact numbers.",
        ),
        Entry(
            "V104", "limit-exceeded", "error",
            "The formula is right, but the error in ulps is above the limit that the case sets under `accept`.",
            "The limit is the case's own promise.",
            "accept: {ulps: 4} and a computed gradient 7.3 ulp off",
            "Rearrange the lines that cost the digits, or raise the limit with a reason.",
        ),
        Entry(
            "V105", "wrong-forward", "error",
            "The forward pass, run over the real numbers, is not the function of the case: it differs by more than one ulp.",
            "A gradient of another function is no gradient of this one.",
            "function: tanh(x)   forward: out = (exp(x) - exp(-x)) / (exp(x) + exp(x))",
            "Correct the named line, or state the function that is meant.",
        ),
        Entry(
            "V106", "not-linear-in-upstream", "error",
            "The backward pass reads the gradient of the output, and is right for the case's `upstream` but not for another: it is not linear in it.",
            "In a larger network the gradient that flows in is never 1.",
            "dx = cos(x) * dout**2",
            "Every contribution must carry the gradient that flows in exactly once, as a factor.",
        ),
        Entry(
            "V107", "refuted-elsewhere", "error",
            "The gradient is right at every point of the case, and certified to be wrong at another point of its `domain`.",
            "The points of the case do not tell this mistake from the right formula.",
            "dx = 2*x        # for f = x**2 + where(x > 3, sin(x), 0), with domain: {x: [0, 10]} and a point at x = 1 only",
            "Add the point to the case; correct the formula, or narrow the domain it is meant for.",
        ),
        Entry(
            "V201", "unstable-gradient", "warning",
            "The formula is right; more than a third of the digits is lost, and the conditioning of the problem does not explain it.",
            "Another arrangement of the same formula would keep the digits.",
            "dx = 1 - tanh(x)**2        # cancels for large x; (1 / cosh(x))**2 does not",
            "Rearrange. An error with --strict or above a limit under `accept`.",
        ),
        Entry(
            "V202", "ill-conditioned-gradient", "warning",
            "The formula is right; more than a third of the digits is lost, as the condition number of the gradient explains.",
            "If the inputs carry errors of half an ulp, no arrangement can do better; if they are exact, a rearrangement may.",
            "the gradient of sin(x) near a multiple of pi/2, at x = 1e10",
            "Ask for fewer digits, use a wider format, or rearrange if the inputs are exact. An error with --strict or above a limit under `accept`.",
        ),
        Entry(
            "V203", "vanished-gradient", "warning",
            "The formula is right and the exact gradient rounds to a nonzero number, but the computed one is 0.",
            "A parameter with gradient 0 never learns: saturation without saturation.",
            "dx = 1 - tanh(x)**2        # 0 at x = 20, where the gradient is 1.7e-17",
            "Rearrange so that nothing cancels or underflows. An error with --strict or above a limit under `accept`.",
        ),
        Entry(
            "V204", "undefined-gradient", "warning",
            "The function has no derivative here and no one-sided bounds: a pole, a jump, or a point outside the domain.",
            "The point says nothing about the implementation: neither pass nor fail.",
            "function: log(x)   points: [{x: -1}]",
            "Remove the point, or write the function so that it has a value there.",
        ),
        Entry(
            "V301", "residual-differs", "error",
            "A residual between implementations does not have the value that the case expects.",
            "Residuals are compared bit for bit: the arithmetic, the library or the code has changed.",
            "fused.dz - staged.dz: -2.7755575615628914e-17",
            "Look at which implementation moved; correct the expected value only if the change is meant.",
        ),
        Entry(
            "V302", "published-differs", "error",
            "A figure printed in the source, rounded to as many digits, is not what was computed.",
            "Either the case does not reproduce the source, or the source is wrong.",
            "published: {by_hand.dx: 2.05956979557}",
            "Compare the pasted statements and the point with the source.",
        ),
        Entry(
            "V303", "expectation-unmet", "error",
            "A verdict that the case says must occur did not occur at any point.",
            "A case that is wrong on purpose guards the tool: it must be caught.",
            "expect: {by_hand.dy: wrong} and every dy is right",
            "Correct the expectation, or give the point at which the mistake shows.",
        ),
    )
}  # fmt: skip


def finding(code: str, message: str, place: Place, **fields: Any) -> Finding:
    """A finding of the catalogue; its severity is the entry's unless another is given."""
    known = CATALOGUE[code]
    return Finding(code, known.name, fields.pop("severity", known.severity), message, place, **fields)


def entry(code: str) -> Entry | None:
    """The entry of a code or a name, in any case; None where there is none."""
    wanted = code.strip().lower()
    return next((e for e in CATALOGUE.values() if wanted in (e.code.lower(), e.name)), None)
