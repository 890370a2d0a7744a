"""False alarms in float32, float16 and bfloat16: the same right formulas, judged by the checkers of torch and jax and by verifier.

    python benchmarks/low_precision.py                              print the table
    python benchmarks/low_precision.py --write benchmarks/tables.md   and put it into its section of the page

Needs the extra `peers`; a library that is not installed is left out, and the page says so. Every activation of the table of
gates, with the backward pass that the table gives for it, is run by each library with its own functions in that format.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import multiprocessing
import os
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from libraries import library, run
from machine import describe
from peers import Asked, callables, put, share, table, versions

from verifier.case.load import load_text
from verifier.circuit.backprop import with_backward
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.exact.one_sided import Finite
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS, Format, floor_log2, round_exact, ulp_exponent
from verifier.language.gates import GATES
from verifier.language.verdict import Verdict

HEADING = "## Low precision: false alarms side by side"
NARROW = ("float32", "float16", "bfloat16")
POINTS = 100  # an activation and format
SEED = 0
DOMAIN = (-8.0, 8.0)
DOMAINS = {("logit", "x"): (0.0, 1.0), ("huber", "d"): (0.0, 8.0), ("pseudo_huber", "d"): (0.0, 8.0)}  # where the activation ends, or its parameter is positive

CHECKERS = {"torch": "`torch.autograd.gradcheck`", "jax": "`jax.test_util.check_grads`"}
DEFAULTS = {
    "torch": "defaults: central differences, eps 1e-6, atol 1e-5, rtol 1e-3, in every format",
    "jax": "order 1 and reverse mode are requested, as only a backward pass is given; else defaults: one random direction, eps 1e-4 in every format, atol = rtol = 2e-3 in float32, 1e-2 in float16, 1e-1 in bfloat16",
}
PACKAGES = {"torch": ("torch",), "jax": ("jax", "jaxlib")}


class Judged(NamedTuple):
    """Verifier's worst verdict at one point, over all inputs, and whether every gradient is within 2^(p/3) ulp."""

    verdict: Verdict
    near: bool


@dataclass(frozen=True)
class Question:
    """An activation in one format: its program and its points (`asked`), and what verifier says of them."""

    activation: str
    format: str
    asked: Asked
    judged: tuple[Judged, ...]
    left_out: int  # points without a derivative


@dataclass
class Row:
    """One checker in one format."""

    checks: int = 0
    rejected: int = 0
    near: int = 0  # checks whose gradient is within 2^(p/3) ulp in that checker's floats
    alarms: int = 0  # rejected all the same
    far: int = 0
    noticed: int = 0  # not near, and rejected or warned of
    warned: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    by_activation: Counter[str] = field(default_factory=Counter)  # false alarms


def activations() -> list[str]:
    """The names of the table's activations."""
    return [g.name for g in GATES.values() if g.group == "activations"]


def question(activation: str, name: str) -> Question:
    """The activation at its points in that format."""
    fmt = FORMATS[name]
    required = len(GATES[activation].parameters) - len(GATES[activation].defaults)
    inputs = ("d", "x")[-required:]
    case = load_text(f"function: {activation}({', '.join(inputs)})\npoints: [{{{', '.join(f'{i}: 0.5' for i in inputs)}}}]").cases[0]
    draft = case.programs.drafts[0]
    whole = with_backward(draft.forward, draft.claims)
    draws = random.Random(f"{SEED} {activation} {name}")
    everywhere = [tuple(_draw(draws, fmt, *DOMAINS.get((activation, i), DOMAIN)) for i in case.inputs) for _ in range(POINTS)]
    rows = compare(Check("it", truth_of(case.programs.truth), Subject(whole, draft.claims), fmt), everywhere)
    smooth = [(p, row) for p, row in zip(everywhere, rows, strict=True) if all(isinstance(d.exact, Finite) for d in row)]
    exact = tuple(tuple(_rounded(d) for d in row) for _, row in smooth)
    asked = Asked(activation, "staged", whole, draft.claims, reads=True, upstream=1.0, points=tuple(p for p, _ in smooth), exact=exact)
    judged = tuple(Judged(_worst(row), _all_near(fmt, [d.computed for d in row], wanted)) for (_, row), wanted in zip(smooth, exact, strict=True))
    return Question(activation, name, asked, judged, len(everywhere) - len(smooth))


def _draw(draws: random.Random, fmt: Format, low: float, high: float) -> float:
    """A number of the format strictly between the ends."""
    while not low < (x := round_exact(fmt, Fraction(draws.uniform(low, high)))) < high:
        pass
    return x


def _rounded(discrepancy: Discrepancy) -> float:
    assert discrepancy.rounded is not None
    return discrepancy.rounded


def _worst(row: Sequence[Discrepancy]) -> Verdict:
    return max((d.verdict for d in row), key=lambda v: (v.fails, v.warns))


def _all_near(fmt: Format, computed: Sequence[float], wanted: Sequence[float]) -> bool:
    return all(v == g or (math.isfinite(v) and abs(v - g) <= fmt.rounding_limit * _ulp(fmt, g)) for v, g in zip(computed, wanted, strict=True))


def _ulp(fmt: Format, x: float) -> float:
    return math.ldexp(1.0, ulp_exponent(fmt, floor_log2(Fraction(x)))) if x else float(fmt.smallest)


class Answer(NamedTuple):
    """What a library made of one question: per point accepted, and near in its own floats; its own errors."""

    accepted: tuple[bool, ...]
    near: tuple[bool, ...]
    problems: tuple[str, ...]


def ask(name: str, q: Question) -> Answer:
    """One library's checker at every point of a question, in its format."""
    tool = library(name, q.format)
    fmt = FORMATS[q.format]
    gradients = [q.asked.program.names[g] for _, g in q.asked.claims]
    accepted, near, problems = [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for point, wanted in zip(q.asked.points, q.asked.exact, strict=True):
            try:
                accepted.append(tool.check(*callables(tool, q.asked, q.asked.program, point)))
            except Exception as error:  # noqa: BLE001 - what a library cannot run is counted, not guessed
                accepted.append(False)
                problems.append(f"{type(error).__name__}: {error}".splitlines()[0])
            computed = run(tool, q.asked.program, [tool.scalar(x) for x in point], tool.scalar(1.0), gradients)
            near.append(_all_near(fmt, [float(v) for v in computed], wanted))
    return Answer(tuple(accepted), tuple(near), tuple(problems))


def tally(questions: Sequence[Question], answers: Iterator[Answer]) -> dict[str, Row]:
    """`[format]`: a library's row."""
    rows = {f: Row() for f in NARROW}
    for q, answer in zip(questions, answers, strict=True):
        row = rows[q.format]
        row.problems.update(answer.problems)
        for accepted, near in zip(answer.accepted, answer.near, strict=True):
            _add(row, q.activation, rejected=not accepted, near=near, noticed=not accepted)
    return rows


def tally_verifier(questions: Sequence[Question]) -> dict[str, Row]:
    """`[format]`: verifier's row. What fails is rejected; a warning is none."""
    rows = {f: Row() for f in NARROW}
    for q in questions:
        for verdict, near in q.judged:
            rows[q.format].warned += verdict.warns
            _add(rows[q.format], q.activation, rejected=verdict.fails, near=near, noticed=verdict.fails or verdict.warns)
    return rows


def _add(row: Row, activation: str, *, rejected: bool, near: bool, noticed: bool) -> None:
    row.checks += 1
    row.rejected += rejected
    row.near += near
    row.alarms += rejected and near
    row.far += not near
    row.noticed += noticed and not near
    row.by_activation[activation] += rejected and near


def page(rows: dict[str, dict[str, Row]], questions: Sequence[Question], skipped: dict[str, str], *, time_taken: str) -> str:
    """The section, in Markdown."""
    names = activations()
    left = sum(q.left_out for q in questions)
    head = ["checker", "format", "points", "right formula rejected", "gradient near", "false alarms", "not near", "noticed", "warnings"]
    body = [
        [CHECKERS.get(n, n), f, str(r.checks), share(r.rejected, r.checks), str(r.near), share(r.alarms, r.near), str(r.far), share(r.noticed, r.far), str(r.warned) if n == "verifier" else ""]
        for f in NARROW
        for n, r in ((n, of[f]) for n, of in rows.items())
    ]
    lines = [
        HEADING,
        "",
        f"The {len(names)} activations of the table of gates, each with the backward pass that the table gives for it, at {POINTS} points a format: uniform in",
        "[-8, 8] and rounded to the format (logit: in (0, 1); the parameter of the two Huber losses: in (0, 8)), seeded. All formulas are right over the",
        "reals. The backward pass is the table's, run gate by gate with each library's own functions in that format, not the library's",
        "own derivative: so all checkers judge the same formula, and what differs is the checker. Inputs, forward and backward pass are all in that format,",
        f"as a user's are who calls the checker on a model in low precision. Points without a derivative (kinks) are left out: {left}.",
        "",
        "A rejection is a *false alarm* where the gradient, as that very library computes it, is *near*: within 2^(p/3) ulp of the exact one (float32 256, float16 13,",
        "bfloat16 6). Where it is not near, digits are lost to rounding, and a rejection is deserved; verifier warns there (`unstable`, `ill_conditioned`, `vanished`),",
        "as the formula is right. It rejects only what is `wrong`, `nonfinite` or `undecided`. *Noticed*: not near, and rejected or warned of; verifier's share is 100 % by",
        "definition.",
        "",
        *table(head, body),
        "",
    ]
    lines += [f"- {CHECKERS[n]}: {DEFAULTS[n]}. Versions: {versions(PACKAGES[n])}." for n in rows if n != "verifier"]
    lines += [f"- {n}: not asked, {reason}." for n, reason in skipped.items()]
    for n, of in rows.items():
        for f, r in of.items():
            worst = ", ".join(f"{a} ({k})" for a, k in r.by_activation.most_common(5) if k)
            if worst:
                lines.append(f"- {n}, {f}: most false alarms at {worst}.")
            if r.problems:
                lines.append(f"- {n}, {f}: {r.problems.total()} checks ended with an error of its own, counted as rejected: {'; '.join(t for t, _ in r.problems.most_common(2))}.")
    warned = Counter(q.activation for q in questions for j in q.judged if j.verdict.warns)
    lines.append(f"- verifier's warnings, over all formats: {', '.join(f'{a} ({k})' for a, k in warned.most_common())}.")
    failing = Counter(f"{q.activation}, {q.format}, {j.verdict.value}" for q in questions for j in q.judged if j.verdict.fails)
    if failing:
        lines.append(f"- verifier's rejections, each of a gradient that is not near: {'; '.join(f'{a} ({k})' for a, k in failing.most_common())}. They are real: the table's own backward pass leaves the range of the format.")
    lines += [f"- {describe()}; {time_taken}. `python benchmarks/low_precision.py` prints this table.", ""]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; 1 where verifier raised a false alarm (a rejection although the gradient is near the exact one)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: one per core)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the section into this Markdown page")
    options = parser.parse_args(argv)
    begin = time.perf_counter()
    questions = [question(a, f) for f in NARROW for a in activations()]
    print(f"{sum(len(q.judged) for q in questions)} points after {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    present = [n for n in CHECKERS if importlib.util.find_spec(n) is not None]
    skipped = {n: "it is not installed (`pip install backprop-verifier[peers]`)" for n in CHECKERS if n not in present}
    rows = {"verifier": tally_verifier(questions)}
    context = multiprocessing.get_context("spawn")  # a library with threads of its own does not survive a fork
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        futures = {n: [pool.submit(ask, n, q) for q in questions] for n in present}
        for n in present:
            rows[n] = tally(questions, (future.result() for future in futures[n]))
            print(f"{n} after {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    section = page(rows, questions, skipped, time_taken=f"{time.perf_counter() - begin:.0f} s")
    print(section)
    if options.write is not None:
        put(section, options.write)
    return 1 if any(r.alarms for r in rows["verifier"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
