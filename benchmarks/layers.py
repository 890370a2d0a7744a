"""Layers of networks: who finds which mistake, in what time; and what a layer costs as it grows.

    python benchmarks/layers.py                              print the tables
    python benchmarks/layers.py --write benchmarks/tables.md   and put them into their section of the page
    python benchmarks/layers.py --state layers.jsonl         go on where an earlier run with this file ended

The mistakes are those of `cases/layers`, each in a case of its own; every checker runs the same texts at the same point. PyTorch runs them inside an
`autograd.Function`, the others as they are, with NumPy. Without PyTorch its row is left out. Only texts of this repository are executed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

from verifier.case.case import Case, Implementation, only
from verifier.case.load import load, load_text
from verifier.report.draw.paint import Paint
from verifier.report.draw.text import render
from verifier.report.outcome import CaseReport, Report
from verifier.verify import verify

ROOT = Path(__file__).resolve().parent.parent
HEADING = "## Layers"
MISTAKES = ", its well-known mistakes"  # how the cases with mistakes are named
MARK = "# wrong:"  # what stands on the wrong line
LIMIT = 1e-5  # of the relative error that the notebooks of cs231n call a mistake (they ask for 1e-7 and less, and see up to 1e-6 at kinks)
SIZES = (10, 100, 1_000)  # inputs of a layer
LONGEST = 120  # seconds for one case
NAMES: dict[str, Any] = {
    "np": np,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "softmax": lambda x, axis: np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True),
    "erf": np.vectorize(math.erf),
}


# ---------------------------------------------------------------- a layer as NumPy runs it


@dataclass(frozen=True)
class Layer:
    """An implementation and its point: the texts, run by NumPy."""

    forward_text: str
    backward_text: str
    inputs: Mapping[str, Any]
    known: Mapping[str, Any]
    outputs: tuple[str, ...]

    def forward(self, **inputs: Any) -> dict[str, Any]:
        """Every name after the forward pass."""
        names = {**NAMES, **self.known, **{k: np.array(v) for k, v in inputs.items()}}
        exec(self.forward_text, names)
        return names

    def backward(self, upstream: Sequence[Any], **inputs: Any) -> list[Any]:
        """The gradients, in the order of the inputs."""
        names = self.forward(**inputs)
        names |= {f"d{o}": np.array(u) for o, u in zip(self.outputs, upstream, strict=True)}
        exec(self.backward_text, names)
        return [names[f"d{k}"] for k in self.inputs]

    def values(self, **inputs: Any) -> list[Any]:
        """The outputs."""
        names = self.forward(**inputs)
        return [np.asarray(names[o], dtype=float) for o in self.outputs]

    @property
    def ignores_upstream(self) -> bool:
        """Whether the backward pass is that of a loss, which takes what flows in for 1."""
        return not any(f"d{o}" in self.backward_text for o in self.outputs)


def layer_of(document: Mapping[str, Any], name: str) -> Layer:
    """An implementation of a case as its YAML has it."""
    mine = document["implementations"][name]
    point = document["points"][0]
    forward = mine.get("forward") or document["forward"]
    known = {k: np.array(v) if isinstance(v, list) else float(v) if isinstance(v, str) else v for k, v in (document.get("parameters") or {}).items()}
    inputs = {k: np.array(v, dtype=float) for k, v in point.items()}
    names = {**NAMES, **known, **inputs}
    exec(forward, names)
    outputs = document.get("outputs") or [next(o for o in ("out", "loss", "next_h") if o in names)]
    return Layer(forward, mine["backward"], inputs, known, tuple(outputs))


# ---------------------------------------------------------------- the checkers


def differences(layer: Layer, *, ones: bool) -> bool:
    """Whether central differences accept a layer: those of the notebooks of cs231n, with random numbers or with ones flowing in."""
    rng = np.random.default_rng(231)
    shapes = [v.shape for v in layer.values(**layer.inputs)]
    upstream = [np.ones(s) if ones or not s else rng.standard_normal(s) for s in shapes]
    gradients = layer.backward(upstream, **layer.inputs)
    for name, gradient in zip(layer.inputs, gradients, strict=True):
        numeric = np.zeros(layer.inputs[name].shape)
        for index in np.ndindex(numeric.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = {k: v.copy() for k, v in layer.inputs.items()}
                moved[name][index] += step
                ends.append(sum(float(np.sum(u * v)) for u, v in zip(upstream, layer.values(**moved), strict=True)))
            numeric[index] = (ends[0] - ends[1]) / 2e-5
        if np.shape(gradient) != numeric.shape or np.max(np.abs(numeric - gradient) / np.maximum(1e-8, np.abs(numeric) + np.abs(gradient))) > LIMIT:
            return False
    return True


def gradcheck(layer: Layer) -> bool:
    """Whether `torch.autograd.gradcheck` accepts a layer, with its defaults."""
    import torch
    from torch.autograd.gradcheck import GradcheckError

    class Pasted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            found = layer.values(**{k: t.detach().numpy() for k, t in zip(layer.inputs, inputs, strict=True)})
            return tuple(torch.tensor(v) for v in found) if len(found) > 1 else torch.tensor(found[0])

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> Any:
            inputs = {k: t.detach().numpy() for k, t in zip(layer.inputs, ctx.saved_tensors, strict=True)}
            found = layer.backward([u.numpy() for u in upstream], **inputs)
            factor = float(upstream[0]) if layer.ignores_upstream else 1.0
            return tuple(torch.tensor(np.asarray(v, dtype=float) * factor) for v in found)

    inputs = [torch.tensor(v, requires_grad=True) for v in layer.inputs.values()]
    try:
        return bool(torch.autograd.gradcheck(Pasted.apply, inputs))
    except GradcheckError:
        return False


CHECKERS: dict[str, Callable[[Layer], bool]] = {
    "central differences, random numbers flow in": lambda layer: differences(layer, ones=False),
    "central differences, ones flow in": lambda layer: differences(layer, ones=True),
}


@dataclass
class Row:
    """What a checker made of all mistakes and of all right implementations."""

    found: int = 0
    missed: list[str] = field(default_factory=list)
    named: int = 0  # the wrong line, and no other
    alarms: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, name: str, *, found: bool, seconds: float) -> None:
        """Count one mistake."""
        self.found += found
        self.missed += [] if found else [name]
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)


def timed(work: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    """What a call gives, and its processor time."""
    start = time.process_time()
    found = work(argument)
    return found, time.process_time() - start


def marked_line(text: Sequence[str], case: Case, implementation: Implementation) -> int:
    """The line of the file that is marked as wrong."""
    start = next(i for i in range(case.place.line - 1, len(text)) if text[i].strip() == implementation.name + ":")
    return next(i + 1 for i in range(start, len(text)) if MARK in text[i])


@dataclass(frozen=True)
class State:
    """What was measured already, by its key, in a file with one line for each; without a file nothing is kept."""

    path: Path | None
    known: dict[str, Any] = field(default_factory=dict)

    def measured(self, key: str, work: Callable[[], Any]) -> Any:
        """What the file has, else what the work gives, which is written at once."""
        if key not in self.known:
            self.known[key] = work()
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([key, self.known[key]]) + "\n")
        return self.known[key]


def state_in(path: Path | None) -> State:
    """The state that a file holds; a last line that was not finished is measured again."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path is not None and path.exists() else []
    if path is not None and lines:
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return State(path, dict(json.loads(line) for line in lines))


def judged(case: Case, document: Mapping[str, Any], implementation: Implementation, text: Sequence[str]) -> dict[str, Any]:
    """What every checker makes of an implementation: accepted or not and in what time; and whether the marked line is named, and no other."""
    layer = layer_of(document, implementation.name)
    accepted = {n: timed(check, layer) for n, check in CHECKERS.items()}
    report, seconds = timed(verify, only(case, implementation.name))
    findings = [f for f in report.findings if f.severity == "error"]
    accepted["verifier"] = (not findings, seconds)
    is_planted = case.name.endswith(MISTAKES)
    return {"accepted": accepted, "planted": is_planted, "named": is_planted and {f.place.line for f in findings if f.place} == {marked_line(text, case, implementation)}}


def mistakes(paths: Sequence[Path], state: State) -> tuple[dict[str, Row], int, int]:
    """The row of every checker, the number of mistakes and of right implementations."""
    import yaml

    rows = {"verifier": Row(), **{name: Row() for name in CHECKERS}}
    planted = right = 0
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for case, document in zip(load(str(path)).cases, yaml.safe_load_all(text), strict=True):
            for implementation in case.implementations:
                name = f"{path.stem}: {implementation.name.replace('_', ' ')}"
                found = state.measured(f"{case.name}: {name}", partial(judged, case, document, implementation, text.splitlines()))
                accepted = {n: found["accepted"][n] for n in rows}
                if not found["planted"]:
                    right += 1
                    for n, (verdict, _) in accepted.items():
                        rows[n].alarms += not verdict
                    continue
                planted += 1
                for n, (verdict, took) in accepted.items():
                    rows[n].add(name, found=not verdict, seconds=took)
                rows["verifier"].named += found["named"]
                print(f"{name:60} {accepted['verifier'][1]:6.2f} s  " + ", ".join(n for n, (v, _) in accepted.items() if v), file=sys.stderr, flush=True)
    return rows, planted, right


# ---------------------------------------------------------------- cost against size


def numbers(shape: Sequence[int], rng: Any) -> str:
    """An array of numbers with four decimals (with two, some largest numbers of a row are equal), as a point has it."""
    return str(np.round(rng.uniform(-1, 1, shape), 4).tolist())


def grown(name: str, size: int) -> str:
    """The case of a layer, its short implementation only, with about `size` inputs."""
    import yaml

    document = next(yaml.safe_load_all((ROOT / "cases" / "layers" / f"{name}.yaml").read_text(encoding="utf-8")))
    n = max(2, round(math.sqrt(size)))
    k = max(1, round(math.sqrt(size / 3)))
    m = max(3, round(math.sqrt(max(size - 19, 9) / 2)))
    shapes: dict[str, dict[str, Sequence[int]]] = {
        "affine": {"x": (k, k), "w": (k, k), "b": (k,)},
        "softmax_loss": {"x": (max(2, size // 10), min(10, size // 2))},
        "layer_norm": {"x": (max(2, n - 2), n), "gamma": (n,), "beta": (n,)},
        "attention": {"q": (k, k), "k": (k, k), "v": (k, k)},
        "conv_naive": {"x": (1, 2, m, m), "w": (2, 2, 2 if size < 50 else 3, 2 if size < 50 else 3), "b": (2,)},
    }
    rng = np.random.default_rng(size)
    parameters = dict(document.get("parameters") or {})
    if "y" in parameters:
        rows, classes = shapes[name]["x"]
        parameters["y"] = [int(v) for v in rng.integers(0, classes, rows)]
    if name == "conv_naive":
        parameters |= {"stride": 1, "pad": 1}
    short = document["implementations"]["short"]
    point = ", ".join(f"{k}: {numbers(s, rng)}" for k, s in shapes[name].items())
    lines = [f"name: {document['name']}"]
    lines += ["parameters: {" + ", ".join(f"{k}: {v}" for k, v in parameters.items()) + "}"] if parameters else []
    lines += ["points:", f"  - {{{point}}}", "forward: |"]
    lines += ["  " + line for line in (short.get("forward") or document["forward"]).splitlines()]
    lines += ["implementations:", "  short:", "    backward: |", *("      " + line for line in short["backward"].splitlines())]
    return "\n".join(lines) + "\n"


def measured(name: str, size: int) -> None:
    """Read, verify and print one case; a line of figures."""
    text = grown(name, size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    verify(load_text("function: x * y\npoints: [{x: [1, 2], y: 3}]\nimplementations: {a: {forward: 'z = (x * y).sum()'}}".replace("function: x * y\n", "")).cases[0])  # imports
    start = time.process_time()
    (case,) = load_text(text, file="layer.yaml").cases
    loaded = time.process_time() - start
    report = verify(case)
    found = time.process_time() - start
    screen = render_text(report)
    total = time.process_time() - start
    draft = case.programs.drafts[0]
    steps = len(draft.whole or draft.forward)
    verdicts = sorted({r.verdict.value for r in report.results})
    proofs = sorted({str(v) for d in report.proofs.values() for v in d.values()})
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(len(report.results), steps, f"{loaded:.2f}", f"{found:.2f}", f"{total:.2f}", f"{memory:.0f}", len(screen.splitlines()), "+".join(verdicts), "+".join(proofs), sep="\t")


def render_text(report: CaseReport) -> str:
    """The report of one case as text."""
    return render(Report((report,)), paint=Paint(enabled=False))


def in_a_process(name: str, size: int) -> list[str]:
    """The figures of one case, measured in a process of its own."""
    try:
        done = subprocess.run([sys.executable, __file__, "--one", name, str(size)], capture_output=True, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return [f"more than {LONGEST} s"]
    return done.stdout.strip().split("\t") if done.returncode == 0 else ["failed: " + done.stderr.strip().splitlines()[-1]]


def growth(layers: Sequence[str], sizes: Sequence[int], state: State) -> list[list[str]]:
    """The rows of the table."""
    rows = []
    for name in layers:
        for size in sizes:
            fields = state.measured(f"{name} {size}", partial(in_a_process, name, size))
            print(name, size, *fields, file=sys.stderr, flush=True)
            rows.append([name.replace("_", " "), *fields])
    return rows


# ---------------------------------------------------------------- the page


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown: the first column to the left, the others to the right."""
    return ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1), *("| " + " | ".join(r) + " |" for r in rows)]


def page(rows: Mapping[str, Row], planted: int, right: int, grown_rows: Sequence[Sequence[str]]) -> str:
    """The section, in Markdown."""
    lines = [HEADING, "", f"`python benchmarks/layers.py`: the {planted} mistakes of `cases/layers`, each in a case of its own, and the {right} right implementations beside them. Every checker runs the same",
             "texts at the same point; PyTorch runs them in an `autograd.Function`, with `gradcheck`'s defaults. Central differences are those of cs231n's notebooks: a step of 1e-5, and a mistake where",
             f"the relative error exceeds {LIMIT:g}. Processor time without imports.", ""]  # fmt: skip
    lines += table(
        ["checker", "mistakes found", "the line named, and no other", "right ones rejected", "seconds a mistake", "slowest"],
        [[n, f"{r.found} of {planted}", str(r.named) if n == "verifier" else "", f"{r.alarms} of {right}", f"{r.seconds / max(planted, 1):.3f}", f"{r.slowest:.1f}"] for n, r in rows.items()],
    )
    lines += [""]
    lines += [f"- {n} {'misses' if r.missed else 'misses none'}{': ' + ', '.join(r.missed) if r.missed else ''}." for n, r in rows.items()]
    lines += ["", "What a right layer costs, one point, both passes and all claims (text to report, processor time without imports, one core):", ""]
    lines += table(["layer", "inputs", "steps", "read", "verified", "with the report", "MB", "lines of the report", "verdicts", "proofs"], grown_rows)
    return "\n".join(lines) + "\n"


def write(path: Path, section: str) -> None:
    """Put the section into a page, in the place of the one that is there."""
    text = path.read_text(encoding="utf-8")
    before, found, after = text.partition(HEADING + "\n")
    rest = after.partition("\n## ")
    path.write_text((before if found else text.rstrip("\n") + "\n\n") + section + (("\n## " + rest[2]) if rest[1] else ""), encoding="utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep what is measured in this file, and measure nothing twice")
    parser.add_argument("--only", nargs="*", default=[], metavar="LAYER", help="some of the layers")
    parser.add_argument("--one", nargs=2, metavar=("LAYER", "SIZE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        measured(arguments.one[0], int(arguments.one[1]))
        return
    if importlib.util.find_spec("torch"):
        CHECKERS["`torch.autograd.gradcheck`"] = gradcheck
    print(describe(), file=sys.stderr)
    paths = [p for p in sorted((ROOT / "cases" / "layers").glob("*.yaml")) if not arguments.only or p.stem in arguments.only]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        state = state_in(arguments.state)
        rows, planted, right = mistakes(paths, state)
    sizes = [n for n in ("affine", "softmax_loss", "layer_norm", "attention", "conv_naive") if not arguments.only or n in arguments.only]
    section = page(rows, planted, right, growth(sizes, SIZES, state))
    print(section)
    if arguments.write:
        write(arguments.write, section)


if __name__ == "__main__":
    main()
