"""Better arrangements of gradients that are right over the reals and lose digits: what is found, proved and gained, on formulas of the museum and of FPBench.

    PYTHONPATH=. python benchmarks/improve.py                    the 43 formulas, as a table
    PYTHONPATH=. python benchmarks/improve.py --points 1000000   each replacement is judged at so many points besides
    PYTHONPATH=. python benchmarks/improve.py --fpbench          gradients of FPBench's straight-line cores, written by backprop: Hamming's chapter 3, and all others with few inputs
    PYTHONPATH=. python benchmarks/improve.py --literature       gradients of the literature, in one statement or several
    PYTHONPATH=. python benchmarks/improve.py --held-out         forty that no rule was written for when they were first run
    PYTHONPATH=. python benchmarks/improve.py --only tanh        those whose name begins so

The errors are measured at fresh points, not at those of the search, and against the exact gradient of the function, not of the formula.
"""

from __future__ import annotations

import argparse
import ast
import math
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from certify import CORES
from fpbench_cores import FURTHER_CORES, GIVEN, LARGE, REPEATED, SMALL
from held_out_gradients import HELD_OUT
from literature_gradients import LITERATURE

from verifier import load_text
from verifier.case import points
from verifier.case.case import Case
from verifier.compare.check import Check, checks_of
from verifier.compare.compare import compare
from verifier.compare.meant import meant_in, satisfied
from verifier.compare.sweep.classify import VERDICTS
from verifier.compare.sweep.columns import judge_columns
from verifier.exact.truth import subject, truth_of
from verifier.language.formats import Format
from verifier.language.source import CaseError
from verifier.language.verdict import Verdict
from verifier.search.improve.acceptance import is_worse
from verifier.search.improve.improve import improve
from verifier.search.improve.measure import drawn_columns

FRESH_POINTS = 200
MOST_ROUNDS = 100  # of so many points, where most do not satisfy a constraint
MOST_ULPS = 2.0**64
LIMIT = 2.0 ** (53 / 3)  # ulps: the project's own bound between rounding and unstable in float64
FEW_ULPS = 16.0
MAGNITUDES = 30.0  # powers of two around 1, and from the ends of a domain

# The name; the function; the inputs with their domains; the input whose gradient it is; the gradient as it was written.
#   name                function                                     domains                                  of   as written
FORMULAS = (
    ("tanh",             "tanh(x)",                                  "x: [-700, 700]",                        "x", "1 - tanh(x)**2"),
    ("tanh_jax",         "tanh(x)",                                  "x: [-700, 700]",                        "x", "(1 + tanh(x))*(1 - tanh(x))"),
    ("sigmoid",          "1/(1 + exp(-x))",                          "x: [-700, 700]",                        "x", "(1/(1 + exp(-x)))*(1 - (1/(1 + exp(-x))))"),
    ("sigmoid_diff",     "1/(1 + exp(-x))",                          "x: [-700, 700]",                        "x", "exp(x)/(1 + exp(x)) - exp(x)*exp(x)/(1 + exp(x))**2"),
    ("sigmoid_sq",       "1/(1 + exp(-x))",                          "x: [-700, 700]",                        "x", "(1/(1 + exp(-x)))**2*exp(-x)"),
    ("surrogate",        "1/(1 + exp(-25*x))",                       "x: [-28, 28]",                          "x", "25*exp(-25*x)/(exp(-25*x) + 1)**2"),
    ("expm1",            "expm1(x)",                                 "x: [-700, 700]",                        "x", "expm1(x) + 1"),
    ("softplus_chainer", "log(1 + exp(x))",                          "x: [-700, 700]",                        "x", "1 - 1/(1 + exp(x))"),
    ("softplus_burn",    "log(1 + exp(5*x))/5",                      "x: [-140, 200]",                        "x", "exp(5*x)/(exp(5*x) + 1)"),
    ("log_sigmoid",      "-log(1 + exp(x))",                         "x: [-700, 700]",                        "x", "-(1 - exp(log(1/(1 + exp(x)))))"),
    ("logaddexp",        "log(exp(x) + exp(y))",                     "x: [-300, 300], y: [-300, 300]",        "y", "1 - 1/(1 + exp(-(x - y)))"),
    ("logistic_lpdf",    "x - 2*log(exp(x) + exp(y))",               "x: [-700, 700], y: [-700, 700]",        "x", "1 - 2*exp(x)/(exp(x) + exp(y))"),
    ("logsumexp_stan",   "log(exp(x) + exp(y))",                     "x: [-300, 300], y: [-300, 300]",        "x", "exp(x - (max(x, y) + log(exp(x - max(x, y)) + exp(y - max(x, y)))))"),
    ("logsoftmax",       "x - log(exp(x) + exp(y))",                 "x: [-300, 300], y: [-300, 300]",        "x", "(1/(1 + exp(y - x)))*(1/(1/(1 + exp(y - x))) - (1/(1 + exp(y - x)))/(1/(1 + exp(y - x))))"),
    ("asinh",            "asinh(x)",                                 "x: [-1e300, 1e300]",                    "x", "1/sqrt(x*x + 1)"),
    ("asinh_log",        "asinh(x)",                                 "x: [-1e300, 1e300]",                    "x", "(1 + x/sqrt(x*x + 1))/(x + sqrt(x*x + 1))"),
    ("acosh",            "acosh(x)",                                 "x: [1, 1e300]",                         "x", "1/sqrt(x*x - 1)"),
    ("atanh",            "atanh(x)",                                 "x: [-1, 1]",                            "x", "1/(1 - x*x)"),
    ("logit",            "log(x/(1 - x))",                           "x: [0, 1]",                             "x", "1/(x - x*x)"),
    ("atan2",            "atan(x/y)",                                "x: [-1e300, 1e300], y: [-1e300, 1e300]", "x", "y/(x*x + y*y)"),
    ("norm",             "sqrt(x*x + y*y)",                          "x: [-1e300, 1e300], y: [-1e300, 1e300]", "x", "x/sqrt(x*x + y*y)"),
    ("sinc",             "sin(pi*x)/(pi*x)",                         "x: [-50, 50]",                          "x", "(pi*x*cos(pi*x) - sin(pi*x))/(pi*x*x)"),
    ("sinc_enzyme",      "sin(x)/x",                                 "x: [-50, 50]",                          "x", "(cos(x) - sin(x)/x)/x"),
    ("gelu",             "0.5*x*(1 + erf(x/sqrt(2)))",               "x: [-30, 30]",                          "x", "0.5*(1 + erf(x/sqrt(2))) + x*exp(-0.5*x*x)/sqrt(2*pi)"),
    ("gelu_tanh",        "0.5*x*(1 + tanh(0.7978845608028654*(x + 0.044715*x*x*x)))", "x: [-20, 20]",         "x",
     "0.5*(1 + tanh(0.7978845608028654*(x + 0.044715*x*x*x))) + 0.5*x*(1 - tanh(0.7978845608028654*(x + 0.044715*x*x*x))**2)*0.7978845608028654*(1 + 3*0.044715*x*x)"),
    ("phi_approx",       "1/(1 + exp(-(0.07056*x**3 + 1.5976*x)))",  "x: [-20, 20]",                          "x",
     "(1/(1 + exp(-(0.07056*x**3 + 1.5976*x))))*(1 - 1/(1 + exp(-(0.07056*x**3 + 1.5976*x))))*(3*0.07056*x**2 + 1.5976)"),
    ("swish_b",          "x/(1 + exp(-b*x))",                        "x: [-25, 25], b: [-25, 25]",            "b", "(x*(1/(1 + exp(-b*x))))*(x - x*(1/(1 + exp(-b*x))))"),
    ("glu_y",            "x/(1 + exp(-y))",                          "x: [-700, 700], y: [-700, 700]",        "y", "(1 - 1/(1 + exp(-y)))*(1/(1 + exp(-y)))*x"),
    ("log1mexp",         "x + log(1 - exp(-x))",                     "x: [0, 700]",                           "x", "1/(1 - exp(-x))"),
    ("log1mexp_out",     "log(1 - exp(x))",                          "x: [-700, 0]",                          "x", "-exp(x - log(1 - exp(x)))"),
    ("silu",             "x/(1 + exp(-x))",                          "x: [-350, 350]",                        "x", "(1 + exp(-x) + x*exp(-x))/(1 + exp(-x))**2"),
    ("silu2",            "diff(x/(1 + exp(-x)), x)",                 "x: [-350, 350]",                        "x", "(1/(1 + exp(-x)))*(1 - (1/(1 + exp(-x))))*(2 + x*(1 - 2*(1/(1 + exp(-x)))))"),
    ("logaddexp2",       "1/(1 + exp(y - x))",                       "x: [-150, 150], y: [-150, 150]",        "x", "exp(y - x)/(1 + exp(y - x))**2"),
    ("fork",             "x/(x + 1)",                                "x: [-1e300, 1e300]",                    "x", "1/(x + 1) - x/(x + 1)/(x + 1)"),
    ("2sqrt",            "sqrt(x + 1) - sqrt(x)",                    "x: [0, 1e300]",                         "x", "0.5/sqrt(x + 1) - 0.5/sqrt(x)"),
    ("2frac",            "1/(x + 1) - 1/x",                          "x: [-1e150, 1e150]",                    "x", "1/(x*x) - 1/((x + 1)*(x + 1))"),
    ("cos2",             "(1 - cos(x))/(x*x)",                       "x: [-50, 50]",                          "x", "sin(x)/(x*x) - 2*(1 - cos(x))/(x*x*x)"),
    ("expq",             "(exp(x) - 1)/x",                           "x: [-700, 700]",                        "x", "exp(x)/x - (exp(x) - 1)/(x*x)"),
    ("diffsq",           "log(abs((x - y)/(x + y)))/(2*y)",          "x: [-1e10, 1e10], y: [-1e10, 1e10]",    "x", "1/(x*x - y*y)"),
    ("celu",             "a*(exp(x/a) - 1)",                         "x: [-300, 0], a: [0.5, 4]",             "x", "(a*(exp(x/a) - 1))/a + 1"),
    ("quad_b",           "(-b + sqrt(b*b - 4*(a*c)))/(2*a)",         "a: [-1e10, 1e10], b: [-1e10, 1e10], c: [-1e10, 1e10]", "b", "(b/sqrt(b*b - 4*(a*c)) - 1)/(2*a)"),
    ("quad_a",           "(-b + sqrt(b*b - 4*(a*c)))/(2*a)",         "a: [-1e10, 1e10], b: [-1e10, 1e10], c: [-1e10, 1e10]", "a", "(-c)/(sqrt(b*b - 4*(a*c))*a) - (sqrt(b*b - 4*(a*c)) - b)/(2*a*a)"),
    ("cotx",             "1/x - 1/tan(x)",                           "x: [-50, 50]",                          "x", "1/(sin(x)*sin(x)) - 1/(x*x)"),
)  # fmt: skip

# Hamming, Numerical Methods for Scientists and Engineers, chapter 3: the problems in FPBench (hamming-ch3-*), whose gradients no rule was written for.
HAMMING = (
    ("ch3-0", "sqrt(x + 1) - sqrt(x)"), ("ch3-1", "sin(x + eps) - sin(x)"), ("ch3-2", "(1 - cos(x))/sin(x)"), ("ch3-3", "atan(n + 1) - atan(n)"), ("ch3-4", "1/sqrt(x) - 1/sqrt(x + 1)"),
    ("ch3-5", "1/(x + 1) - 1/x"), ("ch3-6", "tan(x + eps) - tan(x)"), ("ch3-7", "1/(x + 1) - 2/x + 1/(x - 1)"), ("ch3-8", "(x + 1)**(1/3) - x**(1/3)"), ("ch3-9", "cos(x + eps) - cos(x)"),
    ("ch3-10", "log(n + 1) - log(n)"), ("ch3-11", "exp(x) - 2 + exp(-x)"), ("ch3-12", "(-b + sqrt(b*b - 4*(a*c)))/(2*a)"), ("ch3-13", "(-b - sqrt(b*b - 4*(a*c)))/(2*a)"),
    ("ch3-14", "(-b + sqrt(b*b - a*c))/a"), ("ch3-15", "(-b - sqrt(b*b - a*c))/a"), ("ch3-17", "(n + 1)*log(n + 1) - n*log(n) - 1"), ("ch3-18", "1/x - 1/tan(x)"), ("ch3-19", "log(1 - x)/log(1 + x)"),
    ("ch3-20", "(1 - cos(x))/(x*x)"), ("ch3-21", "eps*(exp((a + b)*eps) - 1)/((exp(a*eps) - 1)*(exp(b*eps) - 1))"), ("ch3-22", "log((1 - eps)/(1 + eps))"), ("ch3-23", "sqrt((exp(2*x) - 1)/(exp(x) - 1))"),
    ("ch3-24", "(x - sin(x))/(x - tan(x))"), ("ch3-25", "(x + 1)**(1/n) - x**(1/n)"), ("ch3-26", "exp(a*x) - 1"), ("ch3-27", "exp(x)/(exp(x) - 1)"),
)  # fmt: skip
HAMMING_INPUTS = ("x", "n", "eps", "a", "b", "c")
KINDS = ("wrong", "worse", "further_off")
NARROW_WORDS = ("exp", "sin", "cos", "tan(", "**")  # with which a formula has the smaller domain


@dataclass(frozen=True)
class Errors:
    """Errors at fresh points, in ulps."""

    ulps: tuple[float, ...]

    @property
    def worst(self) -> float:
        """The largest."""
        return max(self.ulps, default=0.0)

    @property
    def bits(self) -> float:
        """The mean of the bits that are lost."""
        return statistics.fmean(math.log2(1 + max(0.0, min(u, MOST_ULPS) - 0.5)) for u in self.ulps) if self.ulps else 0.0

    @property
    def share_of_large(self) -> float:
        """The share of points above 16 ulps."""
        return sum(u > FEW_ULPS for u in self.ulps) / max(1, len(self.ulps))


@dataclass(frozen=True)
class Judged:
    """What became of a replacement at further points: those at which it is wrong, at which its verdict is worse than that of the line, and at which it is off by more than 16 ulps and twice as far as the line."""

    tried: int = 0
    wrong: tuple[tuple[float, ...], ...] = ()
    worse: tuple[tuple[float, ...], ...] = ()
    further_off: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Row:
    """What became of one gradient."""

    name: str
    before: Errors
    after: Errors
    proof: str  # "" where nothing is suggested
    text: str
    seconds: float
    verdict: str = ""  # the worst at fresh points
    judged: Judged = Judged()


def case_text(name: str, function: str, domains: str, gradient: str, lines: Sequence[str], forward: Sequence[str] = (), given: str = "") -> str:
    """A case with one implementation, whose forward pass, where one is stated, and backward pass have these lines. The function is an expression, or statements on lines of their own; `given` is a constraint."""
    passes = "".join(f"    {key}: |" + "".join(f"\n      {line}" for line in body) + "\n" for key, body in (("forward", forward), ("backward", lines)) if body)
    constraint = f"given: {given}\n" if given else ""
    return f"name: {name}\n{stated(function)}domain: {{{domains}}}\n{constraint}hunt: true\nimplementations:\n  it:\n    gradients: {{{gradient}: d{gradient}}}\n{passes}"


def stated(function: str) -> str:
    """A function in a case: an expression, or statements."""
    return "forward: |\n" + "".join(f"  {line}\n" for line in function.splitlines()) if " = " in function else f"function: '{function}'\n"


def only_case(text: str) -> Case:
    """The case in a text. Raises CaseError."""
    loaded = load_text(text)
    if loaded.complaints:
        raise CaseError(loaded.complaints)
    return loaded.cases[0]


def check_of(case: Case) -> Check:
    """The question of a case with one implementation."""
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return check


def fresh_points(case: Case, fmt: Format, seed: str) -> list[tuple[float, ...]]:
    """Points of the domain: each input uniform over the reals, over the magnitudes, or near an end; sometimes two of them nearly equal. With a constraint, those that satisfy it."""
    source = random.Random(seed)
    bounds, meant = points.domain_of(case), meant_in(case, fmt)
    found: list[tuple[float, ...]] = []
    for _ in range(MOST_ROUNDS):
        drawn = [fresh_point(source, bounds) for _ in range(FRESH_POINTS)]
        found += [point for point, holds in zip(drawn, satisfied(meant, drawn), strict=True) if holds]
        if len(found) >= FRESH_POINTS:
            break
    return found[:FRESH_POINTS]


def fresh_point(source: random.Random, bounds: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """One point of a box."""
    point = []
    for low, high in bounds:
        kind = source.randrange(3)
        size = max(abs(low), abs(high))
        x = source.uniform(low, high) if kind == 0 or high - low == math.inf else source.choice((low, high)) + source.choice((-1, 1)) * (high - low) * 2.0 ** -source.uniform(0, MAGNITUDES)
        top = math.log2(size)
        x = source.choice((-1, 1)) * 2.0 ** source.uniform(-MAGNITUDES, source.choice((top, min(top, MAGNITUDES)))) if kind == 1 else x
        point.append(min(max(x, low), high))
    if len(point) == 2 and source.random() < 0.25:
        ((low, high),) = bounds[1:]
        point[1] = min(max(point[0] * (1 + source.choice((-1, 1)) * 2.0 ** -source.uniform(1, 52)), low), high)
    return tuple(point)


def errors_of(case: Case, at: Sequence[tuple[float, ...]]) -> tuple[Errors, str]:
    """The errors of the only gradient where the function's has a value, and the worst verdict."""
    rows = compare(check_of(case), at, detail=False)
    judged = [d for (d,) in rows if d.verdict.value not in ("undefined", "undecided")]
    ulps = tuple(min(float(d.ulps.abs_upper()), MOST_ULPS) if d.ulps is not None and d.ulps.is_finite() else 0.0 if d.verdict.passes else MOST_ULPS for d in judged)  # a pole, or below the smallest number
    worst = max((d.verdict for d in judged), key=lambda v: v.rank, default=None)
    return Errors(ulps), "" if worst is None else worst.value


def judged_at(old: Case, new: Case, count: int) -> Judged:
    """The new gradient beside the old one at so many points of the domain: all by columns, and the old one where the new one does not pass, or is off by more than a few ulps."""
    checks = [check_of(case) for case in (new, old)]
    fmt = checks[0].format
    columns = drawn_columns([tuple(b) for b in points.boxes(new, fmt)], fmt, count=count, seed=7)
    holds = np.array(satisfied(meant_in(new, fmt), list(zip(*(c.tolist() for c in columns), strict=True))))
    columns = [c[holds] for c in columns]
    at = list(zip(*(c.tolist() for c in columns), strict=True))
    passes = np.array([v.passes for v in VERDICTS])
    (after,) = judge_columns(checks[0], columns)
    left = np.flatnonzero(~(passes[after.verdict] & (after.verdict >= 0)) | (after.error > FEW_ULPS))
    if not len(left):
        return Judged(len(at))
    (before,) = judge_columns(checks[1], [c[left] for c in columns])
    pairs = [(at[k], VERDICTS[a], VERDICTS[b]) for k, a, b in zip(left.tolist(), after.verdict[left].tolist(), before.verdict.tolist(), strict=True)]
    off = after.error[left] > np.maximum(2 * before.error, FEW_ULPS)  # False where one of them is no number
    return Judged(
        len(at), tuple(p for p, a, _ in pairs if a is Verdict.WRONG), tuple(p for p, a, b in pairs if a is not Verdict.WRONG and is_worse(a, b)),
        tuple(p for (p, a, b), is_off in zip(pairs, off.tolist(), strict=True) if is_off and a is not Verdict.WRONG and not is_worse(a, b)),
    )  # fmt: skip


def improved(name: str, text: str, *, seconds: float, tried: int = 0) -> Row:
    """The row of one gradient: its best arrangement, searched for so many seconds, and judged at `tried` points besides."""
    case = only_case(text)
    check = check_of(case)
    started = time.process_time()
    fmt = check.format
    found = improve(check, case.programs.drafts[0], points.boxes(case, fmt), budget=seconds, meant=meant_in(case, fmt))
    taken = time.process_time() - started
    at = fresh_points(case, fmt, name)
    before, verdict = errors_of(case, at)
    if not found:
        return Row(name, before, before, "", "", taken, verdict)
    s = found[0]
    backward = case.implementations[0].backward
    assert backward is not None
    new = backward.text[: s.start] + s.replacement + backward.text[s.end :]
    better = only_case(text.partition("    backward: |")[0] + "    backward: |\n" + "".join(f"      {line}\n" for line in new.splitlines()))
    after, verdict = errors_of(better, at)
    return Row(name, before, after, s.proof, s.replacement, taken, verdict, judged_at(case, better, tried) if tried else Judged())


def museum(prefix: str) -> Iterator[tuple[str, str]]:
    """The names and the cases of the 43 formulas."""
    for name, function, domains, variable, formula in FORMULAS:
        if name.startswith(prefix):
            yield name, case_text(name, function, domains, variable, [f"d{variable} = {formula}"])


def in_lines(gradients: Sequence[tuple[str, str, str, str, tuple[str, ...]]], prefix: str) -> Iterator[tuple[str, str]]:
    """The names and the cases of gradients that are written in one line or several."""
    return ((name, case_text(name, function, domains, variable, lines)) for name, function, domains, variable, lines in gradients if name.startswith(prefix))


def staged(name: str, function: str, domains: str) -> Iterator[tuple[str, str]]:
    """The names and the cases of the gradients of a function: the lines that backprop writes, one case for each input."""
    program = subject(only_case(f"{stated(function)}domain: {{{domains}}}\nhunt: true\n").programs.drafts[0]).program
    forward, backward = ([line.text for line in program.lines if line.backward is wanted] for wanted in (False, True))
    for variable in program.inputs:
        yield f"{name} {variable}", case_text(f"{name} {variable}", function, domains, variable, backward, forward, GIVEN.get(name, ""))


def fpbench(prefix: str) -> Iterator[tuple[str, str]]:
    """The names and the cases of the gradients of FPBench's straight-line cores."""
    cores = []
    for name, function in HAMMING:
        inputs = list(dict.fromkeys(node.id for node in ast.walk(ast.parse(function, mode="eval")) if isinstance(node, ast.Name) and node.id in HAMMING_INPUTS))
        domain = SMALL if any(word in function for word in NARROW_WORDS) else LARGE
        cores.append((name, function, ", ".join(f"{n}: {domain}" for n in inputs)))
    others = {**FURTHER_CORES, **CORES}
    cores += [(name, *core) for name, core in {**others, **{name: others[same] for name, same in REPEATED.items()}}.items()]
    for core in cores:
        if core[0].startswith(prefix) or prefix.startswith(core[0]):
            yield from ((name, text) for name, text in staged(*core) if name.startswith(prefix))


def summary(rows: Sequence[Row]) -> list[str]:
    """The table's last lines: both columns in figures."""
    lines = ["", "| | mean bits | worst <= 2^(p/3) | worst <= 16 ulp | under 1 % above 16 ulp | proved | certified within an ulp | nothing found | seconds | median s |", "|---|---|---|---|---|---|---|---|---|---|"]
    for name in ("before", "after"):
        errors = [getattr(r, name) for r in rows]
        counts = [sum(e.worst <= limit for e in errors) for limit in (LIMIT, FEW_ULPS)] + [sum(e.share_of_large < 0.01 for e in errors)]
        proofs = [sum(r.proof == kind for r in rows) for kind in ("proved", "approximates", "")] if name == "after" else ["", "", ""]
        times = [f"{sum(r.seconds for r in rows):.0f}", f"{statistics.median(r.seconds for r in rows):.2f}"] if name == "after" else ["", ""]
        lines.append(f"| {name} | {statistics.fmean(e.bits for e in errors):.2f} | {' | '.join(map(str, [*counts, *proofs, *times]))} |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fpbench", action="store_true", help="the gradients of FPBench's cores instead of the 43")
    parser.add_argument("--literature", action="store_true", help="gradients of the literature instead of the 43")
    parser.add_argument("--held-out", action="store_true", help="forty held-out gradients instead of the 43")
    parser.add_argument("--only", default="", metavar="NAME", help="formulas whose names begin so")
    parser.add_argument("--budget", type=float, default=5.0, metavar="S", help="seconds of the search for each (default: 5)")
    parser.add_argument("--points", type=int, default=0, metavar="N", help="judge every replacement at so many points of its domain besides, and count those at which it is wrong, its verdict worse than that of the line, or its error twice as large")
    options = parser.parse_args()
    lines = LITERATURE if options.literature else HELD_OUT if options.held_out else None
    chosen = in_lines(lines, options.only) if lines is not None else (fpbench if options.fpbench else museum)(options.only)
    rows = []
    print("| gradient | before: worst ulps, bits | after | worst verdict | proof | s | replacement |\n|---|---|---|---|---|---|---|")
    for name, text in chosen:
        row = improved(name, text, seconds=options.budget, tried=options.points)
        rows.append(row)
        print(f"| {name} | {row.before.worst:.2g}, {row.before.bits:.2f} | {row.after.worst:.2g}, {row.after.bits:.2f} ({100 * row.after.share_of_large:.1f} %) | {row.verdict} | {row.proof or '-'} | {row.seconds:.2f} | `{row.text}` |", flush=True)
        for kind in KINDS:
            found = getattr(row.judged, kind)
            if found:
                print(f"{kind.upper()} {name} at {len(found)} of {row.judged.tried:,} points: {', '.join(map(str, found[:3]))}", flush=True)
    print("\n".join(summary(rows)))
    judged = [r.judged for r in rows if r.judged.tried]
    if judged:
        counts = [f"{kind.replace('_', ' ')} at {sum(len(getattr(j, kind)) for j in judged):,} of {sum(bool(getattr(j, kind)) for j in judged)}" for kind in KINDS]
        print(f"\n{sum(j.tried for j in judged):,} points at which {len(judged)} replacements were judged: {', '.join(counts)}")


if __name__ == "__main__":
    main()
