"""What the gradient checkers of torch, jax and autograd see of the mutants of `verifier mutate`, at the same points.

    python benchmarks/peers.py                              print the tables
    python benchmarks/peers.py --write benchmarks/tables.md   and put them into their section of the page

Needs the extra `peers`; a library that is not installed is left out, and the page says so. Each library runs the forward
and the backward program with its own functions, gate by gate, and is asked with its own defaults.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from libraries import Library, lacks, library, run
from machine import describe

from verifier.case import points
from verifier.case.case import Case, Draft
from verifier.case.load import load
from verifier.circuit.backprop import differentiated, with_backward
from verifier.circuit.program import Program
from verifier.circuit.statements import add_backward
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.linearity import reads_upstream
from verifier.exact import derivatives, one_sided
from verifier.exact.truth import Subject, Truth, truth_of
from verifier.language.formats import FORMATS, format_named, round_exact
from verifier.language.numeral import exact
from verifier.language.verdict import Verdict
from verifier.search.mutate import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
HEADING = "## Mutants: gradient checkers side by side"
FLOAT64 = FORMATS["float64"]
FAILING = frozenset(v.value for v in Verdict if v.fails)
MOST = 24  # mutants a case that the libraries are asked about: less than four minutes on two cores

CHECKERS = {
    "torch": "`torch.autograd.gradcheck`",
    "jax": "`jax.test_util.check_grads`",
    "autograd": "`autograd.test_util.check_grads`",
}
DEFAULTS = {
    "torch": "central differences, eps 1e-6, atol 1e-5, rtol 1e-3",
    "jax": "order 1 and reverse mode are requested, as only a backward pass is given (forward mode is on by default); one random direction, eps 1e-4, atol = rtol = 1e-5",
    "autograd": "order 1 and reverse mode are requested, as only a backward pass is given (order 2 and forward mode are on by default); one random direction, eps 1e-6, 1e-6 absolute or relative; NumPy's generator seeded with 0",
}
PACKAGES = {"torch": ("torch",), "jax": ("jax", "jaxlib"), "autograd": ("autograd",)}


# ---------------------------------------------------------------- what is asked


@dataclass(frozen=True)
class Asked:
    """A right implementation: its program, its points, and its mutants, to be asked of every library.

    `reads` says whether the backward pass reads the gradient that flows in; one that does not (`df = 1`) is the gradient
    of the function itself, and is multiplied by what flows in. `exact` has the gradients, rounded, at every point.
    """

    case: str
    implementation: str
    program: Program
    claims: tuple[tuple[str, str], ...]
    reads: bool
    upstream: float
    points: tuple[tuple[float, ...], ...]
    exact: tuple[tuple[float, ...], ...] = ()
    mutants: tuple[Program, ...] = ()


class Alarm(NamedTuple):
    """One check of a right implementation at one point: accepted, and whether the gradient in this library's floats is near the exact one."""

    accepted: bool
    near: bool


@dataclass(frozen=True)
class Answer:
    """What a library made of one `Asked`; empty where it `lacks` a gate."""

    library: str
    alarms: tuple[Alarm, ...] = ()  # one a point
    caught: tuple[bool | None, ...] = ()  # per mutant: rejected at some point; None where it lacks a gate
    told: tuple[bool | None, ...] = ()  # rejected at a point where the right implementation is accepted
    lacks: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


def callables(tool: Library, asked: Asked, program: Program, point: Sequence[float]) -> tuple[Callable[..., Any], Callable[..., Any], list[float]]:
    """Forward and backward as functions of the claimed inputs; the others stay what they are at this point."""
    positions = [program.inputs.index(variable) for variable, _ in asked.claims]
    gradients = [program.names[name] for _, name in asked.claims]
    unit = asked.upstream == 1.0
    still = [tool.scalar(x) for x in point]

    def at(xs: Sequence[Any]) -> list[Any]:
        values = list(still)
        for position, x in zip(positions, xs, strict=True):
            values[position] = x
        return values

    def forward(*xs: Any) -> Any:
        value = run(tool, program, at(xs), None, [program.output])[0]
        return value if unit else value * tool.scalar(asked.upstream)

    def backward(g: Any, *xs: Any) -> list[Any]:
        if asked.reads:
            return run(tool, program, at(xs), g if unit else g * tool.scalar(asked.upstream), gradients)
        return [g * v for v in run(tool, program, at(xs), tool.scalar(asked.upstream), gradients)]

    return forward, backward, [point[p] for p in positions]


loaded_library = cache(library)  # once a process: importing one takes seconds


def ask(name: str, asked: Asked) -> Answer:
    """Everything asked of one library: the right implementation at every point, then every mutant until it is caught."""
    import numpy as np

    tool = loaded_library(name)
    if missing := lacks(asked.program, tool.functions):
        return Answer(name, lacks=missing)
    problems: list[str] = []

    def tried(claim: Callable[..., bool], *arguments: Any) -> bool:
        try:
            return claim(tool, asked, *arguments)
        except Exception as error:  # noqa: BLE001 - what a library cannot run is counted, not guessed
            problems.append(f"{type(error).__name__}: {error}".splitlines()[0])
            return False

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        alarms = [Alarm(tried(_accepts, asked.program, p), tried(_near, p, g)) for p, g in zip(asked.points, asked.exact, strict=True)]
        good = [p for p, a in zip(asked.points, alarms, strict=True) if a.accepted]
        rest = [p for p, a in zip(asked.points, alarms, strict=True) if not a.accepted]
        caught: list[bool | None] = []
        told: list[bool | None] = []
        for mutant in asked.mutants:
            if lacks(mutant, tool.functions):
                caught.append(None)
                told.append(None)
                continue
            apart = any(not tried(_accepts, mutant, p) for p in good)
            told.append(apart)
            caught.append(apart or any(not tried(_accepts, mutant, p) for p in rest))
    return Answer(name, tuple(alarms), tuple(caught), tuple(told), frozenset(), tuple(problems))


def _accepts(tool: Library, asked: Asked, program: Program, point: Sequence[float]) -> bool:
    return tool.check(*callables(tool, asked, program, point))


def _near(tool: Library, asked: Asked, point: Sequence[float], wanted: Sequence[float]) -> bool:
    """Whether every gradient in the library's own floats has kept two thirds of its digits."""
    _, backward, inputs = callables(tool, asked, asked.program, point)
    computed = [float(v) for v in backward(tool.scalar(1.0), *(tool.scalar(x) for x in inputs))]
    return _all_near(computed, wanted)


def _all_near(computed: Sequence[float], wanted: Sequence[float]) -> bool:
    return all(v == g or abs(v - g) <= FLOAT64.rounding_limit * math.ulp(g) for v, g in zip(computed, wanted, strict=True))


# ---------------------------------------------------------------- mutants and right implementations


class Judged(NamedTuple):
    """Verifier's verdicts on a right implementation at one point, over all its gradients.

    `near`: its floats are near the exact gradients. `fits`: these are within the range of the floats.
    """

    fails: bool
    warns: bool
    near: bool
    fits: bool


@dataclass(frozen=True)
class Material:
    """What a case gives: right implementations with verifier's verdicts, the mutants with what verifier said of each."""

    asked: tuple[Asked, ...]
    judged: tuple[tuple[Judged, ...], ...]  # per asked, per point
    chosen: tuple[tuple[Mutant, ...], ...]  # per asked, in the order of its `mutants`
    count: int  # of mutants before a sample was drawn
    left_out: str = ""


def material(case: Case, *, most: int) -> Material:
    """The right implementations of a float64 case, and a sample of its mutants spread evenly over all of them."""
    programs = case.programs
    nothing = Material((), (), (), 0)
    if "float64" not in case.formats:
        return replace(nothing, left_out="not float64")
    upstream = round_exact(FLOAT64, exact(case.upstream))
    try:
        truth = truth_of(programs.truth)
        everywhere = [*points.listed(case, FLOAT64), *points.sampled(case, FLOAT64)]
        found = mutants(case) if format_named(case.formats[0]) is FLOAT64 else []
    except (points.PointError, derivatives.NotDifferentiable) as error:
        return replace(nothing, left_out=str(error))
    sample = [found[k * len(found) // most] for k in range(most)] if len(found) > most else found
    wrong = {e.implementation for e in case.expect if e.verdict in FAILING}
    asked, judged, chosen = [], [], []
    for draft in programs.drafts:
        name = draft.implementation.name
        mine = tuple(m for m in sample if m.implementation == name)
        if name in wrong or not everywhere:
            continue
        row = _asked(case, draft, truth, everywhere, upstream)
        if row is not None:
            asked.append(replace(row[0], mutants=tuple(_program(draft, m) for m in mine)))
            judged.append(row[1])
            chosen.append(mine)
    return Material(tuple(asked), tuple(judged), tuple(chosen), len(found))


def _asked(case: Case, draft: Draft, truth: Truth, everywhere: Sequence[tuple[float, ...]], upstream: float) -> tuple[Asked, tuple[Judged, ...]] | None:
    """An implementation at the points where the exact gradient exists (the very points that `verifier mutate` uses)."""
    whole = differentiated(draft.whole) if draft.whole is not None else with_backward(draft.forward, draft.claims)
    whole = differentiated(whole)
    rows = compare(Check("it", truth, Subject(whole, draft.claims), FLOAT64, upstream), everywhere, detail=False)
    smooth = [(p, row) for p, row in zip(everywhere, rows, strict=True) if row and all(isinstance(d.exact, one_sided.Finite) for d in row)]
    if not smooth:
        return None
    asked = Asked(
        case.name,
        draft.implementation.name,
        whole,
        draft.claims,
        reads_upstream(draft),
        upstream,
        tuple(p for p, _ in smooth),
        tuple(tuple(_rounded(d) for d in row) for _, row in smooth),
    )
    return asked, tuple(_judged(row) for _, row in smooth)


def _judged(row: Sequence[Discrepancy]) -> Judged:
    wanted = [_rounded(d) for d in row]
    near = _all_near([d.computed for d in row], wanted)
    return Judged(any(d.verdict.fails for d in row), any(d.verdict.warns for d in row), near, all(map(math.isfinite, wanted)))


def _rounded(d: Discrepancy) -> float:
    return math.nan if d.rounded is None else d.rounded


def _program(draft: Draft, mutant: Mutant) -> Program:
    """The program of a mutant, from its text."""
    source = draft.implementation.backward
    if source is None:
        raise ValueError("only a written backward pass has mutants")
    text = mutant.edit.text
    program, complaints = add_backward(draft.forward, replace(source, text=text, span=text, line=1, column=1, span_column=1), draft.claims)
    if program is None or complaints:
        raise ValueError(f"a mutant that does not build: {complaints}")
    return differentiated(program)


# ---------------------------------------------------------------- figures


@dataclass
class Tally:
    """One row of the tables: of verifier, or of a library."""

    mutants: int = 0
    caught: int = 0
    told: int = 0
    verifier: int = 0  # caught by verifier of the same mutants
    kinds: Counter[str] = field(default_factory=Counter)
    kinds_told: Counter[str] = field(default_factory=Counter)
    left_out: int = 0  # mutants with a gate the library lacks
    checks: int = 0  # right implementations x points
    rejected: int = 0
    near: int = 0  # checks whose gradient is near the exact one
    false_alarms: int = 0  # rejected all the same
    lost: int = 0  # checks whose gradient is not near
    noticed: int = 0  # and rejected
    implementations: int = 0
    alarmed: int = 0  # implementations with a false alarm
    skipped: int = 0  # implementations with a gate the library lacks
    lacking: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)


def tally(materials: Sequence[Material], answers: Iterator[Answer]) -> Tally:
    """The row of a library, from its answers in the order of the materials."""
    row = Tally()
    for m in materials:
        for judged, chosen in zip(m.judged, m.chosen, strict=True):
            answer = next(answers)
            row.problems.update(answer.problems)
            row.lacking.update(answer.lacks)
            if answer.lacks:
                row.skipped += 1
                row.left_out += len(chosen)
                continue
            _add_alarms(row, [(not a.accepted, a.near) for a, j in zip(answer.alarms, judged, strict=True) if j.fits])
            for mutant, caught, told in zip(chosen, answer.caught, answer.told, strict=True):
                if caught is None or told is None:
                    row.left_out += 1
                else:
                    _add_mutant(row, mutant, caught=caught, told=told)
    return row


def tally_verifier(materials: Sequence[Material]) -> Tally:
    """The same row for verifier: a gate that fails is a rejection; verdicts that warn are no rejection."""
    row = Tally()
    for m in materials:
        for judged, chosen in zip(m.judged, m.chosen, strict=True):
            _add_alarms(row, [(at.fails, at.near) for at in judged if at.fits])
            row.noticed += sum(at.warns and not at.fails and not at.near for at in judged if at.fits)
            for mutant in chosen:
                _add_mutant(row, mutant, caught=mutant.caught, told=mutant.caught)
    return row


def _add_mutant(row: Tally, mutant: Mutant, *, caught: bool, told: bool) -> None:
    row.mutants += 1
    row.caught += caught
    row.told += told
    row.verifier += mutant.caught
    row.kinds[mutant.edit.kind] += 1
    row.kinds_told[mutant.edit.kind] += told


def _add_alarms(row: Tally, checks: Sequence[tuple[bool, bool]]) -> None:
    row.implementations += 1
    row.checks += len(checks)
    row.rejected += sum(rejected for rejected, _ in checks)
    row.near += sum(near for _, near in checks)
    row.lost += sum(not near for _, near in checks)
    alarms = sum(rejected and near for rejected, near in checks)
    row.false_alarms += alarms
    row.noticed += sum(rejected and not near for rejected, near in checks)
    row.alarmed += alarms > 0


def share(part: int, whole: int) -> str:
    """`97.3 % (107)`; a share is never rounded up to 100 % or down to 0 %."""
    if not whole:
        return "none to ask"
    percent = f"{100 * part / whole:.1f}"
    if percent == "100.0" and part != whole:
        percent = "99.9"
    if percent == "0.0" and part:
        percent = "0.1"
    return f"{percent} % ({part})"


# ---------------------------------------------------------------- the page


def page(rows: dict[str, Tally], materials: Sequence[Material], skipped: dict[str, str], *, most: int, paths: str, time_taken: str) -> str:
    """The section, in Markdown."""
    count = sum(m.count for m in materials)
    cases = sum(m.count > 0 for m in materials)
    asked = sum(len(c) for m in materials for c in m.chosen)
    lines = [HEADING, ""]
    lines += [
        f"Every mutant is a single edit of a hand-written backward line of `{paths}` (`python -m verifier mutate`). Each is first shown to be a real",
        "change: in 512-bit balls some gradient moves by more than two ulp at some point of its case.",
        f"Of {count} mutants of {cases} cases {asked} are tried, at most {most} a case, spread evenly over all of its mutants.",
        "Every checker runs the same programs, gate by gate, with its own functions and defaults, at the same points: those of the case at which the",
        "exact gradient exists. A mutant is *caught* when it is rejected at one point at least, and *told apart* when the",
        "checker accepts the right implementation at that point: who rejects everything catches everything, too. Implementations that verifier",
        "fails are not mutated, so for verifier the two are the same.",
        "",
        *table(
            ["checker", "mutants", "caught", "told apart", "verifier, same mutants", "left out: a gate is missing"],
            [[_label(name), str(r.mutants), share(r.caught, r.mutants), share(r.told, r.mutants), share(r.verifier, r.mutants), str(r.left_out)] for name, r in rows.items()],
        ),
        "",
        "Told apart, by kind of edit:",
        "",
        *table(
            ["edit", "mutants", *(name for name in rows)],
            [[kind, str(rows["verifier"].kinds[kind]), *(share(r.kinds_told[kind], r.kinds[kind]) for r in rows.values())] for kind in sorted(rows["verifier"].kinds, key=_kind_order)],
        ),
        "",
        "### False alarms",
        "",
        "The right implementations of the float64 cases (none with an `expect` of a failing verdict), unmutated, generated backward passes included, at every",
        "listed and sampled point whose exact gradient exists and is within the range of float64. Many of these points are hard on purpose (tails, poles,",
        "1e-300, 1e300): no rate for everyday points. A rejection is a *false alarm* where the gradient, as that very library computes it, is within",
        "2^(53/3) = 208,064 ulp of the exact one. Where it is not, digits are *lost*, and a rejection is deserved; verifier calls these `unstable`,",
        "`ill_conditioned` or `vanished`: warnings, counted as noticed. Its share of them is 100 % by definition (its verdicts draw the line at the same place),",
        "and `cases/` is its own test suite: a false alarm of verifier there would have been a failing case before it was counted here.",
        "",
        *table(
            ["checker", "implementations", "points", "rejected", "gradient right", "false alarms", "implementations with one", "digits lost", "noticed", "left out: a gate is missing"],
            [
                [_label(n), str(r.implementations), str(r.checks), str(r.rejected), str(r.near), share(r.false_alarms, r.near), str(r.alarmed), str(r.lost), share(r.noticed, r.lost), str(r.skipped)]
                for n, r in rows.items()
            ],
        ),
        "",
    ]
    lines += [f"- {CHECKERS[n]}: {DEFAULTS[n]}. Versions: {versions(PACKAGES[n])}." for n in rows if n != "verifier"]
    lines += [f"- {n}: not asked, {reason}." for n, reason in skipped.items()]
    for n, r in rows.items():
        if r.problems:
            lines.append(f"- {n} ended {r.problems.total()} checks with an error of its own, counted as rejected: {'; '.join(t for t, _ in r.problems.most_common(3))}.")
        if r.lacking:
            lines.append(f"- {n} lacks, with implementations left out: {', '.join(f'{g} ({k})' for g, k in sorted(r.lacking.items()))}.")
    left = Counter(m.left_out for m in materials if m.left_out)
    if left:
        lines.append(f"- Cases left out for every tool: {'; '.join(f'{k} {reason}' for reason, k in left.items())}.")
    lines += [f"- {describe()}; {time_taken}. `python benchmarks/peers.py --most {most}` prints these tables.", ""]
    return "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, figures to the right."""
    widths = [max(len(r[k]) for r in (head, *rows)) for k in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) if k == 0 else c.rjust(w) for k, (c, w) in enumerate(zip(cells, widths, strict=True))) + " |"

    rule = "|" + "|".join("-" * (w + 2) if k == 0 else "-" * (w + 1) + ":" for k, w in enumerate(widths)) + "|"
    return [line(head), rule, *map(line, rows)]


def _label(name: str) -> str:
    return CHECKERS.get(name, name)


def _kind_order(kind: str) -> tuple[bool, int, str]:
    head, _, digits = kind.partition("1e-")
    return bool(digits), int(digits or 0), head


def versions(packages: Iterable[str]) -> str:
    """`numpy 2.4.6, scipy 1.17.1`."""
    return ", ".join(f"{p} {version(p)}" for p in packages)


def put(section: str, path: Path) -> None:
    """The section into the page: in the place of the one with its heading, or at the end; nothing else is touched."""
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    heading = section.partition("\n")[0]
    start = f"\n{text}".find(f"\n{heading}\n")
    if start < 0:
        text = f"{text.rstrip()}\n\n{section}"
    else:
        end = text.find("\n## ", start + len(heading))
        text = text[:start] + section + ("" if end < 0 else text[end:])
    path.write_text(text, encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; 1 where verifier missed a mutant or failed a right implementation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / "cases"], metavar="PATH", help="case files and folders (default: cases/)")
    parser.add_argument("--most", type=int, default=MOST, metavar="N", help=f"at most N mutants a case, spread evenly over all of its mutants (default: {MOST})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: one per core)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the section into this Markdown page")
    options = parser.parse_args(argv)
    begin = time.perf_counter()
    loaded = load(*map(str, options.paths))
    for complaint in loaded.complaints:
        print(complaint, file=sys.stderr)
    present = [n for n in CHECKERS if importlib.util.find_spec(n) is not None]
    skipped = {n: "it is not installed (`pip install backprop-verifier[peers]`)" for n in CHECKERS if n not in present}
    context = multiprocessing.get_context("spawn")  # a library with threads of its own does not survive a fork
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        waiting = [pool.submit(material, case, most=options.most) for case in loaded.cases]
        materials = [future.result() for future in waiting]
        print(f"{sum(m.count for m in materials)} mutants after {time.perf_counter() - begin:.0f} s", file=sys.stderr)
        futures = {n: [pool.submit(ask, n, asked) for m in materials for asked in m.asked] for n in present}
        rows = {"verifier": tally_verifier(materials)}
        for n in present:
            rows[n] = tally(materials, (future.result() for future in futures[n]))
            print(f"{n} after {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    paths = ", ".join(p.name + "/" * p.is_dir() for p in options.paths)
    taken = f"{time.perf_counter() - begin:.0f} s, {sum(os.times()[:4]):.0f} s of processor time"
    section = page(rows, materials, skipped, most=options.most, paths=paths, time_taken=taken)
    print(section)
    if options.write is not None:
        put(section, options.write)
    verifier = rows["verifier"]
    return 1 if loaded.complaints or verifier.caught < verifier.mutants or verifier.false_alarms else 0


if __name__ == "__main__":
    sys.exit(main())
