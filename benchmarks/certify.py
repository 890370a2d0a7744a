"""Certified bounds of the gradients of FPBench's straight-line cores with a box, and of the three networks of the lectures.

    PYTHONPATH=. python benchmarks/certify.py                    absolute bounds of every gradient component
    PYTHONPATH=. python benchmarks/certify.py --unit ulp         the same in ulps
    PYTHONPATH=. python benchmarks/certify.py --unit ulp --claim 1000    is the claim decided, in one and two dimensions?
    PYTHONPATH=. python benchmarks/certify.py --budget 3 --only sine --only kepler

Each component alone, with a budget of its own. `bound` holds for all float64 numbers of the box; `seen` is the largest error found at a point.
FPTaylor's figures are those that were measured once, on another machine, with its configuration `config-c`, fed with the same steps; - where there is none.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from machine import describe

from verifier.case.load import load_text
from verifier.compare.boxes.bounds import Assumptions, BoundOutcome, Box, ErrorBound, ErrorClaim, ErrorUnit, box_of
from verifier.compare.boxes.certify import certify
from verifier.compare.check import Check, checks_of
from verifier.exact.truth import truth_of

# The cores of FPBench (https://fpbench.org/benchmarks.html), straight-line and with a box, as statements; the last line is the output.
CORES = {
    "doppler1": ("t1 = 331.4 + 0.6*T\nf = -t1*v / ((t1 + u)*(t1 + u))", "u: [-100, 100], v: [20, 20000], T: [-30, 50]"),
    "doppler2": ("t1 = 331.4 + 0.6*T\nf = -t1*v / ((t1 + u)*(t1 + u))", "u: [-125, 125], v: [15, 25000], T: [-40, 60]"),
    "doppler3": ("t1 = 331.4 + 0.6*T\nf = -t1*v / ((t1 + u)*(t1 + u))", "u: [-30, 120], v: [320, 20300], T: [-50, 30]"),
    "rigidBody1": ("f = -(x1*x2) - 2*(x2*x3) - x1 - x3", "x1: [-15, 15], x2: [-15, 15], x3: [-15, 15]"),
    "rigidBody2": ("f = 2*((x1*x2)*x3) + (3*x3)*x3 - ((x2*x1)*x2)*x3 + (3*x3)*x3 - x2", "x1: [-15, 15], x2: [-15, 15], x3: [-15, 15]"),
    "turbine1": ("f = 3 + 2/(r*r) - ((0.125*(3 - 2*v))*(((w*w)*r)*r))/(1 - v) - 4.5", "v: [-4.5, -0.3], w: [0.4, 0.9], r: [3.8, 7.8]"),
    "turbine2": ("f = 6*v - ((0.5*v)*(((w*w)*r)*r))/(1 - v) - 2.5", "v: [-4.5, -0.3], w: [0.4, 0.9], r: [3.8, 7.8]"),
    "turbine3": ("f = 3 - 2/(r*r) - ((0.125*(1 + 2*v))*(((w*w)*r)*r))/(1 - v) - 0.5", "v: [-4.5, -0.3], w: [0.4, 0.9], r: [3.8, 7.8]"),
    "verhulst": ("f = (4.0*x) / (1 + x/1.11)", "x: [0.1, 0.3]"),
    "predatorPrey": ("f = ((4.0*x)*x) / (1 + (x/1.11)*(x/1.11))", "x: [0.1, 0.3]"),
    "carbonGas": ("f = (3.5e7 + (0.401*(1000/v))*(1000/v))*(v - 1000*42.7e-6) - (1.3806503e-23*1000)*300", "v: [0.1, 0.5]"),
    "sine": ("f = x - (x*x*x)/6 + (x*x*x*x*x)/120 - (x*x*x*x*x*x*x)/5040", "x: [-1.57079632679, 1.57079632679]"),
    "sineOrder3": ("f = 0.954929658551372*x - 0.12900613773279798*(x*x*x)", "x: [-2, 2]"),
    "sqroot": ("f = 1 + 0.5*x - (0.125*x)*x + ((0.0625*x)*x)*x - (((0.0390625*x)*x)*x)*x", "x: [0, 1]"),
    "jetEngine": (
        "t = 3*x1*x1 + 2*x2 - x1\nd = x1*x1 + 1\ns = t/d\ns42 = (3*x1*x1 - 2*x2 - x1)/d\nf = x1 + (((2*x1)*s*(s - 3) + x1*x1*(4*s - 6))*d + 3*x1*x1*s + x1*x1*x1 + x1 + 3*s42)",
        "x1: [-5, 5], x2: [-20, 5]",
    ),
    "kepler0": ("f = x2*x5 + x3*x6 - x2*x3 - x5*x6 + x1*(-x1 + x2 + x3 - x4 + x5 + x6)", ", ".join(f"x{k}: [4, 6.36]" for k in range(1, 7))),
    "kepler1": ("f = x1*x4*(-x1 + x2 + x3 - x4) + x2*(x1 - x2 + x3 + x4) + x3*(x1 + x2 - x3 + x4) - x2*x3*x4 - x1*x3 - x1*x2 - x4", ", ".join(f"x{k}: [4, 6.36]" for k in range(1, 5))),
    "kepler2": (
        "f = x1*x4*(-x1 + x2 + x3 - x4 + x5 + x6) + x2*x5*(x1 - x2 + x3 + x4 - x5 + x6) + x3*x6*(x1 + x2 - x3 + x4 + x5 - x6) - x2*x3*x4 - x1*x3*x5 - x1*x2*x6 - x4*x5*x6",
        ", ".join(f"x{k}: [4, 6.36]" for k in range(1, 7)),
    ),
    "delta4": ("f = -x2*x3 - x1*x4 + x2*x5 + x3*x6 - x5*x6 + x1*(-x1 + x2 + x3 - x4 + x5 + x6)", ", ".join(f"x{k}: [4, 6.3504]" for k in range(1, 7))),
    "himmilbeau": ("a = x1*x1 + x2 - 11\nb = x1 + x2*x2 - 7\nf = a*a + b*b", "x1: [-5, 5], x2: [-5, 5]"),
    "sphere": ("f = x + (r*sin(lat))*cos(lon)", "x: [-10, 10], r: [0, 10], lat: [-1.570796, 1.570796], lon: [-3.14159265, 3.14159265]"),
    "azimuth": (
        "dLon = lon2 - lon1\nf = atan(cos(lat2)*sin(dLon) / (cos(lat1)*sin(lat2) - (sin(lat1)*cos(lat2))*cos(dLon)))",
        "lat1: [0, 0.4], lat2: [0.5, 1.0], lon1: [0, 3.14159265], lon2: [-3.14159265, -0.5]",
    ),
    "logexp": ("f = log(1 + exp(x))", "x: [-8, 8]"),
    "t_div_t1": ("f = t / (t + 1)", "t: [0, 999]"),
    "hypot": ("f = sqrt(x*x + y*y)", "x: [1, 100], y: [1, 100]"),
    "x_by_xy": ("f = x / (x + y)", "x: [1, 4], y: [1, 4]"),
    "nonlin2": ("t = x*y\nf = (t - 1) / (t*t - 1)", "x: [1.001, 2], y: [1.001, 2]"),
    "test03_nonlin2": ("f = (x + y) / (x - y)", "x: [0, 1], y: [-1, -0.1]"),
    "test05_nonlin1_r4": ("f = (x - 1) / (x*x - 1)", "x: [1.00001, 2]"),
    "test05_nonlin1_test2": ("f = 1 / (x + 1)", "x: [1.00001, 2]"),
    "exp1x": ("f = (exp(x) - 1) / x", "x: [0.01, 0.5]"),
    "exp1x_log": ("f = (exp(x) - 1) / log(exp(x))", "x: [0.01, 0.5]"),
    "bspline3": ("f = -((u*u)*u) / 6", "u: [0, 1]"),
    "i4": ("f = sqrt(x + y*y)", "x: [0.1, 10], y: [-5, 5]"),
    "i6": ("f = sin(x*y)", "x: [0.1, 10], y: [-5, 5]"),
    "sum": ("p0 = (x0 + x1) - x2\np1 = (x1 + x2) - x0\np2 = (x2 + x0) - x1\nf = (p0 + p1) + p2", "x0: [1, 2], x1: [1, 2], x2: [1, 2]"),
}  # fmt: skip

FPTAYLOR = {
    "doppler1": {"du": 1.87e-15, "dT": 1.13e-15}, "doppler3": {"du": 8.82e-16, "dT": 4.98e-16}, "rigidBody1": {"dx2": 6.2e-15}, "verhulst": {"dx": 9.73e-16},
    "predatorPrey": {"dx": 1.042e-15}, "carbonGas": {"dv": 4.70e-8}, "jetEngine": {"dx1": 8.95e-12, "dx2": 2.05e-13}, "turbine1": {"dr": 4.7e-15, "dv": 1.14e-14}, "sine": {"dx": 7.57e-16},
    "sqroot": {"dx": 2.17e-16}, "sineOrder3": {"dx": 9.72e-16}, "kepler0": {"dx1": 5.1e-15, "dx2": 1.6e-15}, "sphere": {"dlat": 4.0e-15, "dlon": 4.0e-15}, "logexp": {"dx": 4.49e-16}, "t_div_t1": {"dt": 3.34e-16},
}  # fmt: skip

NEURON = "dot = W0*X0 + W1*X1\ndotplusw2 = dot + W2\nminus_dot = -dotplusw2\nexp_dot = exp(minus_dot)\nf = 1.0 / (1 + exp_dot)"
NETWORKS = {
    "neuron, staged": (NEURON, "W0: [-5, 5], W1: [-5, 5], W2: [-5, 5], X0: [-5, 5], X1: [-5, 5]"),
    "two sigmoids": ("sigy = 1.0 / (1 + exp(-y))\nnum = x + sigy\nsigx = 1.0 / (1 + exp(-x))\nxpy = x + y\nxpysqr = xpy*xpy\nden = sigx + xpysqr\ninvden = 1.0 / den\nf = num * invden", "x: [-10, 10], y: [-10, 10]"),
    "sigmoid": ("f = 1 / (1 + exp(-x))", "x: [-10, 10]"),
}

MOST_INPUTS = 2  # with --claim
UNDECIDED = 0.01  # of the volume


@dataclass(frozen=True, slots=True)
class Row:
    """What was certified of one gradient component of a core."""

    core: str
    steps: int
    bound: ErrorBound
    fptaylor: float | None


def question_of(name: str, text: str, domain: str) -> tuple[Check, Box]:
    """The check of backprop's own backward pass of some statements, and the box."""
    forward = "".join(f"  {line}\n" for line in text.splitlines())
    loaded = load_text(f"forward: |\n{forward}domain: {{{domain}}}\ncertify: best\n", file=f"{name}.yaml")
    if loaded.complaints:
        raise ValueError(str(loaded.complaints[0]))
    (case,) = loaded.cases
    ((fmt, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    box = box_of(case, check.subject.program.inputs, fmt)
    if isinstance(box, str):
        raise ValueError(box)  # noqa: TRY004 - why there is no box
    return check, box


def rows(name: str, text: str, domain: str, *, unit: ErrorUnit, budget: float, others: dict[str, float], claim: float | None = None) -> Iterator[Row]:
    """Every gradient component of a core, each with a budget of its own."""
    check, box = question_of(name, text, domain)
    proved = frozenset(gradient for _, gradient in check.subject.claims)  # backprop's own backward passes
    for _, gradient in check.subject.claims:
        (found,) = certify(replace(check.alone(gradient), proved=proved), box, {gradient: ErrorClaim(unit, claim)}, assumptions=Assumptions(), budget=budget)
        yield Row(name, len(check.subject.program), found, others.get(gradient))


def figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


HEAD = "| core | gradient | bound | at a point | seen | bound / seen | s | FPTaylor | ratio |\n|---|---|---:|---:|---:|---:|---:|---:|---:|"


def line(row: Row) -> str:
    """A row of the table."""
    b = row.bound
    share = "" if not b.open_share else f", open on {100 * b.open_share:.2g} %"
    ratio = figure(b.bound / b.seen) if b.bound and b.seen and not b.open_share else "-"
    other = figure(b.bound / row.fptaylor) if b.bound is not None and row.fptaylor and not b.open_share else "-"
    return f"| {row.core} | {b.gradient} | {figure(b.bound)}{share} | {figure(b.at_a_point)} | {figure(b.seen)} | {ratio} | {b.seconds:.2f} | {figure(row.fptaylor)} | {other} |"


def summary(found: Sequence[Row], unit: str) -> Iterator[str]:
    closed = [row for row in found if not row.bound.open_share and row.bound.bound is not None]
    ratios = [row.bound.bound / row.bound.seen for row in closed if row.bound.bound and row.bound.seen]
    others = [row.bound.bound / row.fptaylor for row in closed if row.bound.bound and row.fptaylor] if unit == "absolute" else []
    yield f"{len(found)} components: bounded in all of the box {len(closed)} ({100 * len(closed) / max(1, len(found)):.0f} %), median seconds {statistics.median(row.bound.seconds for row in found):.2f}"
    if found and found[0].bound.claim.limit is not None:
        decided = [row for row in found if row.bound.outcome == "refuted" or row.bound.open_share <= UNDECIDED]
        outcomes = ", ".join(f"{sum(row.bound.outcome == outcome for row in found)} {outcome}" for outcome in get_args(BoundOutcome))
        yield f"claims of {found[0].bound.claim.limit:g}: {outcomes}; decided on 99 % of the volume {len(decided)} of {len(found)}"
    if ratios:
        yield f"bound / seen: median {statistics.median(ratios):.2f}, largest {max(ratios):.2f}"
    if others:
        yield f"bound / FPTaylor's: median {statistics.median(others):.2f}, largest {max(others):.2f}, not above 1.1 in {sum(o <= 1.1 for o in others)} of {len(others)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unit", choices=get_args(ErrorUnit), default="absolute")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of the processor for each component")
    parser.add_argument("--claim", type=float, help="claim so much of the gradients of at most two inputs, in place of the best bound")
    parser.add_argument("--only", action="append", help="only cores whose names begin so")
    options = parser.parse_args()
    print(describe(), flush=True)
    for title, cores in (("FPBench", CORES), ("Networks", NETWORKS)):
        found: list[Row] = []
        for name, (text, domain) in cores.items():
            if options.claim is not None and domain.count(":") > MOST_INPUTS:
                continue
            if options.only is None or any(name.startswith(start) for start in options.only):
                for row in rows(name, text, domain, unit=options.unit, budget=options.budget, others=FPTAYLOR.get(name, {}) if options.unit == "absolute" else {}, claim=options.claim):
                    print(line(row) if found else f"\n{title}, {options.unit}\n\n{HEAD}\n{line(row)}", flush=True)
                    found.append(row)
        if found:
            print("\n" + "\n".join(summary(found, options.unit)), flush=True)


if __name__ == "__main__":
    main()
