"""How many of torch's differentiable callables are traced: every entry of torch's own table of operators, at its own sample inputs.

    python benchmarks/coverage_torch.py             # a line for each callable that is not traced, and the counts
    python benchmarks/coverage_torch.py --write     # docs/frameworks.md as well: its table of torch
    python benchmarks/coverage_torch.py gelu conv   # only callables whose names have one of these

The table is `torch.testing._internal.common_methods_invocations.op_db`, which needs the package `expecttest`. A callable is
`traced` where its operations were had and its gradient was judged; `sampled` where it was not, and a `function=` would have
to say the truth; `wrong` where its gradient was certified wrong; `refused` where it could not be run on tensors of floats.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import signal
import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "frameworks.md"
BEGIN, END = "<!-- torch: begin -->", "<!-- torch: end -->"
FORMATS = ("float64", "float32")
MOST_ELEMENTS = 12  # of the inputs of a sample: verdicts cost time for every one
MOST_SAMPLES = 1
UNARY = 6  # elements of the sample of a function of one number
SECONDS = 30  # that a callable may take
ORDER = ("traced", "sampled", "wrong", "refused", "no sample")


@dataclass
class Row:
    """What one callable came to."""

    name: str
    status: str
    ulps: dict[str, float] = field(default_factory=dict)  # the worst by format, over its samples
    verdicts: Counter[str] = field(default_factory=Counter)
    why: str = ""


class TooLongError(Exception):
    """A callable that took more than SECONDS."""


@cache
def entries() -> dict[str, list[Any]]:
    """The differentiable callables by name, each with the variants that torch tests."""
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, list[Any]] = {}
    for op in op_db:
        if op.supports_autograd and torch.float64 in op.dtypes:
            found.setdefault(op.name, []).append(op)
    return found


def samples(op: Any) -> list[Any]:
    """The smallest of torch's own sample inputs."""
    import torch
    from torch.testing._internal.opinfo.core import SampleInput, UnaryUfuncInfo
    from torch.utils._pytree import tree_leaves

    found = []
    for given in op.sample_inputs("cpu", torch.float64, requires_grad=True):
        sample = given
        tensors = [t for t in tree_leaves((sample.input, sample.args, sample.kwargs)) if isinstance(t, torch.Tensor)]
        if len(tensors) == 1 and isinstance(op, UnaryUfuncInfo):
            few = sample.input.detach().reshape(-1)[:UNARY].clone().requires_grad_()
            sample, tensors = SampleInput(few, args=sample.args, kwargs=sample.kwargs), [few]
        size = sum(t.numel() for t in tensors if t.dtype.is_floating_point)
        if size and not any(t.is_complex() or t.layout != torch.strided for t in tensors):
            found.append((size, sample))
        if len(found) > 60:
            break
    found.sort(key=lambda pair: pair[0])
    return [s for size, s in found if size <= max(MOST_ELEMENTS, found[0][0] if found[0][0] < 400 else 0)][:MOST_SAMPLES] if found else []


def judged(op: Any, sample: Any, kind: str) -> Any:
    """The report of a callable at a sample in a format; None where it has no float output there."""
    import torch
    from torch.utils._pytree import tree_leaves, tree_map

    from verifier.torch import check
    from verifier.trace.record import Refusal

    number = getattr(torch, kind)

    def cast(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.dtype.is_floating_point:
            return value.detach().to(number).requires_grad_(value.requires_grad)
        return value

    arguments, options = tree_map(cast, ((sample.input, *sample.args), sample.kwargs))

    def call(*given: Any) -> Any:
        result = op.gradcheck_wrapper(op.op, *given, **options)  # symmetric and triangular matrices are made so, as torch's own tests do
        return sample.output_process_fn_grad(result) if sample.output_process_fn_grad else result

    call.__name__ = re.sub(r"\W", "_", op.name)
    with torch.no_grad():
        tensors = [t for t in tree_leaves(call(*arguments)) if isinstance(t, torch.Tensor)]
    if not any(t.dtype.is_floating_point for t in tensors) or any(t.is_complex() for t in tensors):
        return None
    try:
        return check(call, *arguments)
    except Refusal as refusal:
        if "no output depends" in refusal.what:
            return None
        raise


def row_of(name: str, variants: list[Any]) -> Row:
    """A callable at the samples of all its variants, in every format."""
    row = Row(name, "no sample")
    for op in variants:
        for sample in samples(op):
            for kind in FORMATS:
                try:
                    report = judged(op, sample, kind)
                except TooLongError:
                    raise
                except Exception as error:  # noqa: BLE001 - one callable must not cost the others
                    if kind == FORMATS[0]:
                        row.status = max(row.status, "refused", key=_rank)
                        row.why = row.why or f"{type(error).__name__}: {error}"[:200]
                    continue
                if report is None:
                    continue
                _enter(row, report, kind)
    return row


def _rank(status: str) -> int:
    return ("no sample", "traced", "refused", "sampled", "wrong").index(status)


def _enter(row: Row, report: Any, kind: str) -> None:
    status = "sampled" if report.basis == "sampled" else "wrong" if any(r.verdict.value == "wrong" for r in report.results) else "traced"
    row.status = max(row.status, status, key=_rank)
    if status != "traced":
        row.why = row.why or next((n for n in [*report.notes, *(f.message for f in report.findings)] if "not traced" in n or "believed" in n), "") or next((f.message for f in report.findings), "")
    for result in report.results:
        row.verdicts[result.verdict.value] += 1
        if result.ulps is not None and result.verdict.value not in ("undefined", "subgradient"):
            row.ulps[kind] = max(row.ulps.get(kind, 0.0), float(result.ulps))


def _one(name: str) -> Row:
    def stop(*_: object) -> None:
        raise TooLongError

    warnings.simplefilter("ignore")
    known = entries()[name]
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        return row_of(name, known)
    except TooLongError:
        return Row(name, "refused", why=f"more than {SECONDS} s")
    finally:
        signal.alarm(0)


def table(rows: list[Row]) -> str:
    """The page's table."""
    import torch

    counts = Counter(r.status for r in rows)
    total = sum(counts[s] for s in ("traced", "sampled", "wrong", "refused"))
    lines = [
        (
            f"PyTorch {torch.__version__}: {counts['traced']} of {total} differentiable callables are traced ({counts['traced'] / max(total, 1):.0%}), "
            f"{counts['sampled']} can only be sampled, {counts['wrong']} are wrong at a sample of torch's own, {counts['refused']} are refused."
        ),
        "",
        "| callable | | " + " | ".join(f"worst ulp, {f}" for f in FORMATS) + " | verdicts | why |",
        "|---|---|" + "---|" * len(FORMATS) + "---|---|",
    ]
    for r in sorted(rows, key=lambda r: (ORDER.index(r.status), r.name)):
        if r.status == "no sample":
            continue
        ulps = " | ".join(f"{r.ulps[f]:.3g}" if f in r.ulps else "" for f in FORMATS)
        why = re.sub(r"\S*/([\w.]+:\d+)(:\d+)?", r"\1", r.why).replace("|", "\\|").replace("\n", " ")[:160]
        lines.append(f"| `{r.name}` | {r.status} | {ulps} | {', '.join(f'{n} {v}' for v, n in r.verdicts.most_common())} | {why} |")
    return "\n".join(lines)


def write(text: str) -> None:
    """Put the table into the page, between its marks."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Frameworks: what is traced, and how far off it is\n"
    if BEGIN not in page:
        page += f"\n## PyTorch\n\nGenerated by `benchmarks/coverage_torch.py --write`.\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    try:
        known = entries()
    except ModuleNotFoundError as error:
        print(f"{error}: the table of torch's operators needs torch and expecttest", file=sys.stderr)
        return 2
    names = [n for n in known if not options.names or any(re.search(p, n) for p in options.names)]
    rows = []
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for row in pool.imap_unordered(_one, names):
            rows.append(row)
            if row.status != "traced" or options.names:
                print(row.status, row.name, row.ulps, dict(row.verdicts), row.why, flush=True)
    print(Counter(r.status for r in rows))
    if options.write:
        write(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
