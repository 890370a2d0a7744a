"""`verifier.torch` and `verifier.jax` against gradcheck and check_grads: who tells a mistaken backward pass from a right one, and in what time.

    python -m benchmarks.frameworks            # two tables in Markdown: verdicts and times
    python -m benchmarks.frameworks --quick    # fewer functions, 1,000 points instead of 10,000
    python -m benchmarks.frameworks --state results.json    # what is measured is written there, and is not measured again

Each function is a custom `autograd.Function` and a `custom_vjp` whose backward pass is right, or has one planted mistake: a
factor of 1 + 1e-2 to 1 + 1e-9, a sign, a missing term, a tail in which the slope is left out. All checkers get the same
callable and the same points: those at which `verifier` looked. gradcheck and check_grads have their own default tolerances and run in float64.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

POINTS = 100
MANY = 10_000
RANGE = 16.0  # of the points
TAIL = 12.0  # beyond which the wrong tails leave the slope out: it is below 1e-5 there, an absolute tolerance
RUNS = 9  # of which the median is shown
LONG = 2.0  # seconds, of which what a first run does once is a small part
FACTORS = tuple(10.0**-k for k in range(2, 10))


@dataclass(frozen=True)
class Function:
    """A function of one number with its slope, in the words that NumPy, torch and JAX share; `less` is the slope with a term missing."""

    name: str
    value: Callable[[Any, Any], Any]  # (library, x)
    slope: Callable[[Any, Any], Any]
    less: Callable[[Any, Any], Any] | None


def _sigmoid(m: Any, x: Any) -> Any:
    return 1 / (1 + m.exp(-x))


FUNCTIONS = (
    Function("sigmoid", _sigmoid, lambda m, x: _sigmoid(m, x) * _sigmoid(m, -x), _sigmoid),
    Function("silu", lambda m, x: x * _sigmoid(m, x), lambda m, x: _sigmoid(m, x) * (1 + x * _sigmoid(m, -x)), _sigmoid),
    Function("softplus", lambda m, x: m.log1p(m.exp(x)), _sigmoid, None),
    Function("arctan times x", lambda m, x: x * m.arctan(x), lambda m, x: m.arctan(x) + x / (1 + x * x), lambda m, x: m.arctan(x)),
    Function("sine of a square", lambda m, x: m.sin(x * x / 8), lambda m, x: m.cos(x * x / 8) * x / 4, lambda m, x: m.cos(x * x / 8) / 4),
)


def mistakes(function: Function) -> dict[str, Callable[[Any, Any], Any]]:
    """The slope with each of the mistakes; first the right one."""

    def tail(m: Any, x: Any) -> Any:
        return m.where(abs(x) > TAIL, 0 * x, function.slope(m, x))

    found: dict[str, Callable[[Any, Any], Any]] = {"right": function.slope}
    for f in FACTORS:
        found[f"factor 1 + {f:.0e}"] = partial(lambda m, x, f: (1 + f) * function.slope(m, x), f=f)
    found["sign"] = lambda m, x: -function.slope(m, x)
    if function.less is not None:
        found["missing term"] = function.less
    found["wrong tail"] = tail
    return found


# ---------------------------------------------------------------- the callables


def in_torch(function: Function, slope: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A custom autograd.Function."""
    import torch

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return function.value(torch, x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * slope(torch, x)

    return Planted.apply


def in_jax(function: Function, slope: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A custom_vjp."""
    import jax
    import jax.numpy as jnp

    def Planted(x: Any) -> Any:  # noqa: N802 - the sample of points goes by the name
        return function.value(jnp, x)

    planted = jax.custom_vjp(Planted)

    def forward(x: Any) -> Any:
        return planted(x), x

    def backward(x: Any, g: Any) -> Any:
        return (g * slope(jnp, x),)

    planted.defvjp(forward, backward)
    return planted


# ---------------------------------------------------------------- the checkers: whether each calls a callable wrong


class Points(list[float]):
    """The points of a sample of so many that was asked for; a number that was drawn twice stands in it once."""

    asked: int = 0


def _is_wrong(report: Any) -> bool:
    return any(f.code == "V101" for f in report.findings)


def verifier_torch(call: Any, points: Any) -> bool:
    import torch

    from verifier.torch import check

    return _is_wrong(check(call, torch.tensor(points[0], dtype=torch.float64), domain={"x": (-RANGE, RANGE)}, sample=points.asked))


def verifier_first(call: Any, points: Any) -> bool:
    from verifier.exact.truth import forget

    forget()  # what earlier runs derived of this program
    return verifier_torch(call, points)


def verifier_vector(call: Any, points: Any) -> bool:
    import torch

    from verifier.torch import check

    return _is_wrong(check(call, torch.tensor(list(points), dtype=torch.float64)))


def verifier_jax(call: Any, points: Any) -> bool:
    from verifier.jax import check

    return _is_wrong(check(call, np.float64(points[0]), formats="float64", domain={"x": (-RANGE, RANGE)}, sample=points.asked))


def gradcheck(call: Any, points: Any, *, fast: bool = False, one_by_one: bool = False) -> bool:
    import torch

    given = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in (points if one_by_one else [list(points)])]
    return not all(torch.autograd.gradcheck(call, (x,), fast_mode=fast, raise_exception=False) for x in given)


def check_grads(call: Any, points: Any, *, one_by_one: bool = False) -> bool:
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_grads as check

    with jax.enable_x64(True):
        try:
            for p in points if one_by_one else [list(points)]:
                check(call, (jnp.asarray(p, dtype=jnp.float64),), order=1, modes=["rev"])
        except AssertionError:
            return True
    return False


CHECKERS: dict[str, tuple[Callable[..., Any], Callable[..., bool]]] = {
    "verifier.torch": (in_torch, verifier_torch),
    "gradcheck, slow": (in_torch, gradcheck),
    "gradcheck, fast": (in_torch, partial(gradcheck, fast=True)),
    "verifier.jax": (in_jax, verifier_jax),
    "check_grads": (in_jax, check_grads),
}


def drawn(count: int) -> Points:
    """The points at which verifier looks when it is asked for so many of the range."""
    import torch

    from verifier.callable import cases
    from verifier.callable.question import ask, points_of
    from verifier.language.formats import FORMATS
    from verifier.torch import opened_at
    from verifier.trace.torch.callee import numbers_of

    call = in_torch(FUNCTIONS[0], FUNCTIONS[0].slope)
    first = torch.tensor(0.375, dtype=torch.float64)
    question = ask(opened_at(call, [first]), function=None, formats=None, domain={"x": (-RANGE, RANGE)}, sample=count - 1, hunt=False, accept=None, upstream=None, strict=False, numbers=numbers_of)
    fmt = FORMATS["float64"]
    found = Points(dict.fromkeys(p[0] for p in [*points_of(question, fmt), *cases.drawn(question, fmt)]))
    found.asked = count - 1
    return found


class Results:
    """What has been measured, by name; kept in a file where one is given, so that an interrupted run goes on where it was."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.known: dict[str, float] = json.loads(file.read_text()) if file is not None and file.exists() else {}

    def of(self, name: str, measure: Callable[[], float]) -> float:
        """The figure of this name, measured where it is not known."""
        if name not in self.known:
            self.known[name] = measure()
            if self.file is not None:
                self.file.write_text(json.dumps(self.known, indent=0))
        return self.known[name]


def verdicts(functions: tuple[Function, ...], points: Points, results: Results) -> str:
    """The table of who tells which mistakes apart."""
    told: dict[str, dict[str, list[float]]] = {}
    for function in functions:
        for mistake, slope in mistakes(function).items():
            for name, (make, judge) in CHECKERS.items():
                told.setdefault(mistake, {}).setdefault(name, []).append(results.of(f"{function.name}, {mistake}, {name}", lambda make=make, judge=judge, function=function, slope=slope: float(judge(make(function, slope), points))))
    lines = ["| planted | callables | " + " | ".join(CHECKERS) + " |", "|---" * (len(CHECKERS) + 2) + "|"]
    for mistake, found in told.items():
        label = "nothing: called wrong" if mistake == "right" else mistake
        count = len(next(iter(found.values())))
        lines.append(f"| {label} | {count} | " + " | ".join(f"{sum(found[n]):.0f}" for n in CHECKERS) + " |")
    return "\n".join(lines)


def seconds(work: Callable[[], Any]) -> float:
    """The time of the processor that some work takes: the median of several runs after a first one; that of the first where it is long."""
    first = _once(work)
    return first if first > LONG else median(_once(work) for _ in range(RUNS))


def _once(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def times(functions: tuple[Function, ...], few: Points, many: Points, results: Results) -> str:
    """The table of times, of the right callables, and how many times that of `verifier.torch` they are."""
    ways: dict[str, tuple[Callable[..., Any], Callable[..., bool]]] = {  # how the callable is made, the checker
        "verifier.torch, `sample=`": (in_torch, verifier_torch),
        "the same, of a callable that was not checked before": (in_torch, verifier_first),
        "verifier.jax, `sample=`": (in_jax, verifier_jax),
        "verifier.torch, the points as one vector": (in_torch, verifier_vector),
        "gradcheck, slow, a call a point": (in_torch, partial(gradcheck, one_by_one=True)),
        "gradcheck, slow, the points as one vector": (in_torch, gradcheck),  # a Jacobian of so many numbers squared: 1.6 GB for 10,000
        "gradcheck, fast, the points as one vector (one random direction)": (in_torch, partial(gradcheck, fast=True)),
        "check_grads, the points as one vector (one random direction)": (in_jax, check_grads),
    }
    lines = [f"| checker | {len(few)} points: ms | times verifier.torch | {len(many):,} points: ms | times verifier.torch |", "|---|---|---|---|---|"]
    own: list[list[float]] = []
    for name, (make, judge) in ways.items():
        cells: list[str] = []
        for k, points in enumerate((few, many)):
            spent = [results.of(f"seconds of {f.name} at {len(points)} points, {name}", lambda f=f, points=points, make=make, judge=judge: seconds(partial(judge, make(f, f.slope), points))) for f in functions]
            if len(own) == k:
                own.append(spent)
            ratios = [s / o for s, o in zip(spent, own[k], strict=True)]
            cells += [_span(1000 * s for s in spent), _span(ratios)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _span(figures: Iterable[float]) -> str:
    low, *_, high = sorted([*figures] * 2)
    return f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two functions, 1,000 points instead of 10,000")
    parser.add_argument("--state", type=Path, help="a file that keeps what is measured")
    options = parser.parse_args()
    results = Results(options.state)
    functions = FUNCTIONS[:2] if options.quick else FUNCTIONS
    warnings.simplefilter("ignore")
    few, many = drawn(POINTS), drawn(MANY // 10 if options.quick else MANY)
    print(f"{len(few)} points of [-{RANGE:g}, {RANGE:g}], float64\n", flush=True)
    print(verdicts(functions, few, results), flush=True)
    print("\ntime of the processor, from the quickest function to the slowest\n\n" + times(functions, few, many, results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
