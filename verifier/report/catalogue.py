"""The catalogue of findings: for each kind a stable code and name, what it says, why it matters, an example, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verifier.language.source import Place
from verifier.report.outcome import Finding


@dataclass(frozen=True, slots=True)
class FindingKind:
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
        FindingKind(
            "V001", "unreadable-case", "error",
            "A case file, or one document of it, cannot be used; the place is that of the mistake.",
            "Nothing in it was checked. The other documents and files were.",
            "fucntion: x**2        # unknown key 'fucntion'; did you mean 'function'?",
            "Correct the line that the message names; docs/case-format.md lists every key.",
        ),
        FindingKind(
            "V002", "unusable-case", "error",
            "The case could be read, but not computed: a point is beyond the range of the format, or a gate has no derivative.",
            "The case was not checked, so it cannot pass.",
            "points: [{x: 1e6}] with formats: [float16], whose largest number is 65504",
            "Change the point, the format or the formula as the message says.",
        ),
        FindingKind(
            "V003", "unfinished-case", "error",
            "The process that checked the case died, or the case took longer than --timeout or more memory than --memory, and again when it ran alone. In a case of many points the message names the points at which it happened.",
            "The case was not checked completely, so it cannot pass. The other cases are not affected.",
            "a Bessel function at 1e300, a power tower, a program of a million steps",
            "Allow more with --timeout and --memory, or change the point or the formula. A process that dies with much of both left is a bug of ours or of a library: please report it.",
        ),
        FindingKind(
            "V101", "wrong-gradient", "error",
            "The formula is wrong: run over the real numbers, the backward pass differs from the exact gradient by more than one ulp, or has no value where the gradient has one (a framework's gradient: and its floats are not that one). This is certified; rounding plays no part in it. The line in the finding is wrong although everything that it reads has been replaced by its exact value; what only reads a wrong value is listed as `propagated`. A diagnosis says which edit makes it right - two gradients exchanged, a factor or term missing or too much, another exponent, sign, operand or constant, two mistakes in one line - and is said only where the edit holds at other points, for other signs and for another gradient that flows in.",
            "Training, optimisation or sensitivity analysis follows a wrong direction, however many digits are used.",
            "dx = sin(x) * dout        # for f = sin(x): the derivative is cos(x)",
            "Make the edit of the diagnosis, or derive the named line again: `needed` is the value that it should have, `expected` its local gradient. A formula that is meant to be approximate must stay within one ulp of the format it runs in.",
        ),
        FindingKind(
            "V102", "nonfinite-gradient", "error",
            "The formula is right over the reals, but in this format the result is NaN or infinite where the exact gradient is a finite number (or finite where it is infinite).",
            "One NaN in a gradient destroys a training run.",
            "dx = exp(x) / (1 + exp(x))        # inf/inf from x = 710 on",
            "Rearrange so that no step overflows or divides by zero: 1 / (1 + exp(-x)).",
        ),
        FindingKind(
            "V103", "undecided-gradient", "error",
            "The formula could be shown neither right nor wrong at the highest precision tried.",
            "An undecided gradient never counts as a pass.",
            "a comparison whose two sides are equal to thousands of digits without being provably equal",
            "Give another point, or write the formula so that ties are between exact numbers.",
        ),
        FindingKind(
            "V104", "limit-exceeded", "error",
            "The formula is right, but the error in ulps is above the limit that the case sets under `accept`.",
            "The case itself asks for this accuracy.",
            "accept: {ulps: 4} and a computed gradient 7.3 ulp off",
            "Rearrange the lines that cost the digits, or raise the limit with a reason.",
        ),
        FindingKind(
            "V105", "wrong-forward", "error",
            "The forward pass, run over the real numbers, is not the function of the case: it differs by more than one ulp. Gradients that are right for this forward pass (an `eps` in it, say), or come right when its line is corrected, are named in the same finding and blamed on no other line.",
            "A gradient of another function is no gradient of this one.",
            "function: tanh(x)   forward: out = (exp(x) - exp(-x)) / (exp(x) + exp(x))",
            "Correct the named line, or the function of the case; where the forward pass is meant as it stands, write it as the `function`.",
        ),
        FindingKind(
            "V106", "not-linear-in-upstream", "error",
            "The backward pass is right for the case's `upstream` and wrong for another one: it is not linear in the gradient that flows into the output.",
            "In a larger network the gradient that flows in is hardly ever 1.",
            "dx = cos(x) * dout**2",
            "Every contribution must carry the gradient that flows in exactly once, as a factor.",
        ),
        FindingKind(
            "V107", "refuted-elsewhere", "error",
            "The gradient is right at every point of the case and certified to be wrong at another one, which the finding names: the exact gradient has a value there, and the formula has another one, or none. The point lies in the `domain` where one is given.",
            "The points of the case cannot distinguish this formula from the right one.",
            "dx = x**2*exp(y)*dout        # for f = x**2*exp(y): at x = 2 it is 2*x*exp(y), and nowhere else",
            "Correct the formula. Where it is meant for some inputs only, say so: a `domain` (also of listed values: {t: {0, 1}}), a constraint (`given: p[0] + p[1] == 1`), or `scope: points`.",
        ),
        FindingKind(
            "V108", "wrong-shape", "error",
            "The gradient has another shape than what it is the gradient of. The finding says what is missing (a transpose, a sum over an axis) where the gradient is certified to be exact after it; the other gradients are judged all the same.",
            "A gradient has one component for every component of its input; broadcasting would hide the mistake, or an update would fail with it.",
            "dx = w.dot(dout.T)        # dx is (4, 3), x is (3, 4)",
            "Transpose or sum over the axis that is too many: dx = dout.dot(w.T), db = dout.sum(axis=0).",
        ),
        FindingKind(
            "V109", "bound-refuted", "error",
            "The case claims under `certify` that the error stays within a limit for every number of its domain, and there is a point at which it is larger: the finding names it, and balls have judged it. A case expects it as `bound_refuted`.",
            "The claim is false, however many other points keep it.",
            "certify: {ulps: 3}        # for 1 / (1 + exp(-x)) on [-10, 10]: 4.28 ulp were seen",
            "Claim a bound that holds (`certify: best` finds one), narrow the domain, or rearrange the lines that make the bound: they are listed with their shares.",
        ),
        FindingKind(
            "V110", "bound-open", "error",
            "The case claims under `certify` that the error stays within a limit for every number of its domain, and on a part of the domain that could be neither proved nor refuted. The finding says how large the part is, where it is, and what would decide it. A case expects it as `bound_open`.",
            "What is not proved does not pass.",
            "certify: {ulps: 1000}        # for the gradient of x * sigmoid(x), which is 0 at -1.278: no bound in ulps exists there",
            "Give more time (`certify: {ulps: 1000, budget: 60}`), leave the part out of the domain, claim more, or claim an absolute bound where the exact gradient passes through 0.",
        ),
        FindingKind(
            "V111", "unreliable-callable", "error",
            "A callable does not do what a gradient needs: it changes its inputs, gives other bits when it is called again, another output when it is differentiated, or gradients that are not linear in the one that flows in.",
            "A program that calls it would get something else than what was checked.",
            "def forward(x): x *= 2; return x.sum(), x        # the caller's x is changed",
            "Work on copies, and draw random numbers from a generator that the caller passes in.",
        ),
        FindingKind(
            "V112", "untraced-callable", "error",
            "A callable does something of which no formula can be recorded, and there is no `function` to take the exact gradient from. The message names the operation and its line.",
            "Nothing was checked, so it cannot pass.",
            "return ctypes_kernel(x)        # no formula can be seen in it",
            "Give `function=`, the formula in the language of the case files: the floats of the callable are then compared with its exact gradient.",
        ),
        FindingKind(
            "V201", "unstable-gradient", "warning",
            "The formula is right; more than a third of the digits is lost, and the conditioning of the problem does not explain it.",
            "Another arrangement of the same formula would keep the digits.",
            "dx = 1 - tanh(x)**2        # cancels for large x; (1 / cosh(x))**2 does not",
            "Rearrange. An error with --strict or above a limit under `accept`.",
        ),
        FindingKind(
            "V202", "ill-conditioned-gradient", "warning",
            "The formula is right; more than a third of the digits is lost, as the condition number of the gradient explains.",
            "If the inputs carry errors of half an ulp, no arrangement of the formula can do better; if they are exact, another one may.",
            "the gradient of sin(x) near a multiple of pi/2, at x = 1e10",
            "Ask for fewer digits, use a wider format, or rearrange if the inputs are exact. An error with --strict or above a limit under `accept`.",
        ),
        FindingKind(
            "V203", "vanished-gradient", "warning",
            "The formula is right and the exact gradient rounds to a nonzero number, but the computed one is 0.",
            "A parameter whose gradient is 0 is never updated, although the function is not flat there.",
            "dx = 1 - tanh(x)**2        # 0 at x = 20, where the gradient is 1.7e-17",
            "Rearrange so that nothing cancels or underflows. An error with --strict or above a limit under `accept`.",
        ),
        FindingKind(
            "V204", "undefined-gradient", "warning",
            "The function has neither a derivative nor one-sided derivatives here: a pole, a jump, or a point outside the domain.",
            "The point shows nothing about the implementation, so it counts neither as a pass nor as a failure.",
            "function: log(x)   points: [{x: -1}]",
            "Remove the point, or write the function so that it has a value there.",
        ),
        FindingKind(
            "V205", "upstream-ignored", "warning",
            "The backward pass never reads the gradient that flows in (dout): it is right for upstream 1 and wrong for any other. An error where the case gives an `upstream`.",
            "Inside a larger program the gradient that flows in is hardly ever 1, and what comes out is off by that factor.",
            "da = exp(a - out)        # for f = logaddexp(a, b): the factor dout is missing",
            "Multiply by dout. A backward pass that is meant for upstream 1 only says so with `dout = 1` as its first line; a note then replaces this finding.",
        ),
        FindingKind(
            "V206", "bound-incomplete", "warning",
            "The best bound was asked for (`certify: best`), and on a part of the domain none could be shown. The bound of the report holds outside of that part.",
            "Where the exact gradient passes through 0 there is no bound in ulps; elsewhere more time may find one.",
            "certify: best        # for the gradient of x * sigmoid(x) on [-10, 10]",
            "Give more time, leave the part out of the domain, or ask for an absolute bound: {absolute: best}. An error with --strict.",
        ),
        FindingKind(
            "V207", "no-joint-subgradient", "warning",
            "At a kink that several inputs share each gradient lies between the one-sided derivatives, and passes; but no choice of the branches gives all of them together.",
            "The largest of several equal inputs has the gradient 1 once: given to each of them it counts as often as there are equals, given to none it is lost.",
            "dx = where(x == m, dm, 0)        # for m = max(x), where two elements are equal",
            "Give it to one of them, or share it: dx = where(x == m, dm / sum(x == m), 0). An error with --strict.",
        ),
        FindingKind(
            "V301", "residual-differs", "error",
            "A residual between implementations does not have the value that the case expects.",
            "Residuals are compared bit for bit, so the arithmetic, a library or the code has changed.",
            "fused.dz - staged.dz: -2.7755575615628914e-17",
            "Find out which implementation changed. Correct the expected value only if the change is intended.",
        ),
        FindingKind(
            "V302", "published-differs", "error",
            "The computed value, rounded to as many digits as the source prints, is not the printed figure.",
            "Either the case does not reproduce the source, or the source is wrong.",
            "published: {by_hand.dx: 2.05956979557}",
            "Compare the pasted statements and the point with the source.",
        ),
        FindingKind(
            "V303", "expectation-unmet", "error",
            "A verdict that the case expects did not occur at any point.",
            "A case that is wrong on purpose is a test of the verifier: its mistake must be found.",
            "expect: {by_hand.dy: wrong}, but dy is right at every point",
            "Correct the expectation, or give the point at which the mistake shows.",
        ),
    )
}  # fmt: skip


def finding(code: str, message: str, place: Place, **fields: Any) -> Finding:
    """A finding of this code, with the severity of its kind unless another is given."""
    known = CATALOGUE[code]
    return Finding(code, known.name, fields.pop("severity", known.severity), message, place, **fields)


def codes_from(text: str) -> list[FindingKind]:
    """The kinds of findings whose codes begin so, such as V2; none where it is the whole of a code."""
    key = text.strip().upper()
    return [e for e in CATALOGUE.values() if key.startswith("V") and e.code.startswith(key) and e.code != key]


def entry(code: str) -> FindingKind | None:
    """The kind of finding with this code or name (capital letters do not matter); None where there is none."""
    key = code.strip().lower()
    return next((e for e in CATALOGUE.values() if key in (e.code.lower(), e.name)), None)
