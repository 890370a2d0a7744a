"""How many of torch's differentiable callables are traced, and how far off they are: every entry of torch's own table of operators.

    python -m benchmarks.coverage_torch             # a line for each callable that is not traced or has a fault, and the counts
    python -m benchmarks.coverage_torch --write     # docs/frameworks.md as well: its part about torch
    python -m benchmarks.coverage_torch gelu conv   # only callables whose names have one of these
    python -m benchmarks.coverage_torch --state build/torch.jsonl   # keeps every row, and goes on where it was stopped

The table is `torch.testing._internal.common_methods_invocations.op_db`; each callable is judged at the smallest of torch's
own sample inputs, and functions of one number at the points of their own hunt. A callable is `traced` where its operations
were had and its gradient was judged; `sampled` where they were not, but its floats could be held against the exact gradient
of its forward pass; `wrong` where its gradient was certified wrong; `refused` where nothing can be said without `function=`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import sys
import types
import unittest
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.coverage import RANK, Judged, Row, counted, faults, judge, keep, known_rows, table, timed, write
from verifier.language.formats import format_named
from verifier.trace.record import Refusal

FORMATS = ("float64", "float32")
HUNTED = ("float64", "float32", "bfloat16")
MOST_ELEMENTS = 12  # of the inputs of a sample: verdicts cost time for every one
MOST_IN_ALL = 200  # of the smallest sample that torch has: larger ones are replaced by OWN
MOST_LOOKED_AT = 60  # samples
UNARY = 6  # elements of the sample of a function of one number
SECONDS = 30  # that a callable may take in all


@cache
def entries() -> dict[str, list[Any]]:
    """The differentiable callables by name, each with the variants that torch tests."""
    import torch

    if "expecttest" not in sys.modules:  # torch's table imports its own test cases, whose base class is all that it needs of this package
        stub = types.ModuleType("expecttest")
        stub.TestCase = unittest.TestCase  # type: ignore[attr-defined]
        sys.modules["expecttest"] = stub
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, list[Any]] = {}
    for op in op_db:
        if op.supports_autograd and (torch.float64 in op.dtypes or torch.complex128 in op.dtypes):
            found.setdefault(op.name, []).append(op)
    return found


def _numbers(*shape: int) -> Any:
    """Numbers without pattern between -1.5 and 1.5."""
    import torch

    count = 1
    for n in shape:
        count *= n
    return (((torch.arange(count, dtype=torch.float64) * 7 + 3) % 17 + torch.arange(count) / 31) / 17 * 3 - 1.5).reshape(shape)


@cache
def own_samples() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Small inputs for callables of which torch's own samples are large."""
    import torch

    functional, aten = torch.nn.functional, torch.ops.aten
    n = _numbers
    grid = torch.tensor([[[[0.1, 0.2], [-0.3, 0.95]]]], dtype=torch.float64)
    return {
        "bmm": (torch.bmm, (n(2, 2, 3), n(2, 3, 2))),
        "corrcoef": (torch.corrcoef, (n(2, 3),)),
        "clamp": (torch.clamp, (n(4), n(4) - 1, n(4).flip(0) + 2)),
        "flip": (lambda x: torch.flip(x, (0,)) * x, (n(2, 3),)),
        "fliplr": (lambda x: torch.fliplr(x) * x, (n(2, 3),)),
        "flipud": (lambda x: torch.flipud(x) * x, (n(2, 3),)),
        "msort": (torch.msort, (n(3, 2),)),
        "kron": (torch.kron, (n(2, 2), n(2, 3))),
        "linalg.pinv": (torch.linalg.pinv, (n(3, 2),)),
        "addbmm": (torch.addbmm, (n(2, 2), n(2, 2, 3), n(2, 3, 2))),
        "baddbmm": (torch.baddbmm, (n(2, 2, 2), n(2, 2, 3), n(2, 3, 2))),
        "stft": (lambda x: torch.stft(x, 4, hop_length=2, return_complex=True, center=False), (n(6),)),
        "istft": (lambda x: torch.istft(torch.view_as_complex(x), 4, hop_length=1, length=5), (n(3, 6, 2),)),
        "slice_scatter": (lambda x, y: torch.slice_scatter(x, y, 0, 1, 3), (n(4, 2), n(2, 2))),
        "to": (lambda x: x.to(torch.float32), (n(3),)),
        "grid_sampler_2d": (lambda x, g: aten.grid_sampler_2d(x, g, 0, 0, False), (n(1, 1, 3, 3), grid)),
        "grid_sampler_3d": (lambda x, g: aten.grid_sampler_3d(x, g, 0, 1, True), (n(1, 1, 2, 2, 3), n(1, 1, 1, 2, 3) / 2)),
        "nn.functional.grid_sample": (lambda x, g: functional.grid_sample(x, g, padding_mode="reflection", align_corners=False), (n(1, 1, 3, 3), grid * 2)),
        "nn.functional.ctc_loss": (lambda x: functional.ctc_loss(x.log_softmax(-1), torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2])), (n(4, 1, 3),)),
        "nn.functional.channel_shuffle": (lambda x: functional.channel_shuffle(x, 2) * x, (n(1, 4, 1, 2),)),
        "nn.functional.adaptive_avg_pool3d": (lambda x: functional.adaptive_avg_pool3d(x, (1, 2, 2)), (n(1, 1, 2, 2, 3),)),
        "nn.functional.adaptive_max_pool3d": (lambda x: functional.adaptive_max_pool3d(x, (1, 2, 2)), (n(1, 1, 2, 2, 3),)),
        "nn.functional.dropout3d": (lambda x: functional.dropout3d(x, 0.5), (n(1, 3, 1, 2, 2),)),
        "nn.functional.scaled_dot_product_attention": (functional.scaled_dot_product_attention, (n(1, 1, 2, 2), n(1, 1, 3, 2), n(1, 1, 3, 2))),
        "_upsample_bilinear2d_aa": (lambda x: aten._upsample_bilinear2d_aa(x, (2, 2), False), (n(1, 1, 3, 3),)),  # noqa: SLF001 - as torch's table names it
        "_upsample_bicubic2d_aa": (lambda x: aten._upsample_bicubic2d_aa(x, (2, 2), False), (n(1, 1, 3, 3),)),  # noqa: SLF001
        "torch.ops.aten._safe_softmax.default": (lambda x: aten._safe_softmax(x, -1), (n(2, 3),)),  # noqa: SLF001
    }


def samples(op: Any) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """A callable on tensors and its arguments: the smallest of torch's own sample inputs."""
    import torch
    from torch.testing._internal.opinfo.core import SampleInput, UnaryUfuncInfo
    from torch.utils._pytree import tree_leaves

    if op.name in own_samples():
        yield own_samples()[op.name]
        return
    found = []
    number = torch.float64 if torch.float64 in op.dtypes else torch.complex128
    for given in op.sample_inputs("cpu", number, requires_grad=True):
        sample = given
        tensors = [t for t in tree_leaves((sample.input, sample.args, sample.kwargs)) if isinstance(t, torch.Tensor)]
        if len(tensors) == 1 and isinstance(op, UnaryUfuncInfo):
            few = sample.input.detach().reshape(-1)[:UNARY].clone().requires_grad_()
            sample, tensors = SampleInput(few, args=sample.args, kwargs=sample.kwargs), [few]
        numbers = [t for t in tensors if t.dtype.is_floating_point or t.dtype.is_complex]
        size = sum(t.numel() * (2 if t.is_complex() else 1) for t in numbers)
        if size and not any(t.layout != torch.strided for t in tensors) and all(bool(torch.isfinite(t).all()) for t in numbers):
            found.append((size, sample))
        if len(found) > MOST_LOOKED_AT:
            break
    if not found:
        return
    found.sort(key=lambda pair: (pair[0] > MOST_ELEMENTS, -pair[0] if pair[0] <= MOST_ELEMENTS else pair[0]))  # the largest of the small ones
    size, sample = found[0]
    if size > MOST_IN_ALL:
        return

    def call(*given: Any) -> Any:
        result = op.gradcheck_wrapper(op.op, *given, **sample.kwargs)  # symmetric and triangular matrices are made so, as torch's own tests do
        return sample.output_process_fn_grad(result) if sample.output_process_fn_grad else result

    yield call, (sample.input, *sample.args)


def judged(name: str, call: Callable[..., Any], arguments: tuple[Any, ...], kind: str, *, hunt: bool = False) -> Judged | None:
    """What is found of a callable at a sample in a format; None where it has no float output there."""
    import torch
    from torch.utils._pytree import tree_map

    from verifier.trace.torch.callee import callee, values_of
    from verifier.trace.torch.tensor_inputs import called

    number = getattr(torch, kind)

    def cast(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and (value.dtype.is_floating_point or value.dtype.is_complex):
            return value.detach().to(number.to_complex() if value.dtype.is_complex else number).requires_grad_(value.requires_grad)
        return value

    def named(*given: Any) -> Any:
        return call(*given)

    named.__name__ = re.sub(r"\W", "_", name)
    try:
        own = called(named, tree_map(cast, arguments))
        return judge(callee(own), values_of(own), format_named(kind), hunt=hunt)
    except Refusal as refusal:
        if "no output depends" in refusal.what:
            return None
        raise


def _filled(row: Row) -> None:
    """Fill a row: the samples of all variants in every format, then the hunt of a function of one number."""
    for op in entries()[row.name]:
        for call, arguments in samples(op):
            for kind in FORMATS:
                _entered(row, call, arguments, kind)
    if row.status != "traced":
        return
    for call, start in _of_one_number(row.name):
        for kind in HUNTED:
            _entered(row, call, (start,), kind, hunt=True)


def _entered(row: Row, call: Callable[..., Any], arguments: tuple[Any, ...], kind: str, *, hunt: bool = False) -> None:
    try:
        found = judged(row.name, call, arguments, kind, hunt=hunt)
    except Exception as error:  # noqa: BLE001 - one callable must not cost the others, and torch has not every kernel in every format
        if kind == FORMATS[0] and not hunt:
            row.status = max(row.status, "refused", key=RANK.index)
            row.why = row.why or f"{type(error).__name__}: {error}"[:200]
        return
    if found is not None:
        row.enter(found, kind)


def _of_one_number(name: str) -> Iterator[tuple[Callable[..., Any], Any]]:
    """A function of one number and a number; nothing for other callables."""
    import torch
    from torch.testing._internal.opinfo.core import UnaryUfuncInfo

    op = entries()[name][0]
    if isinstance(op, UnaryUfuncInfo) and torch.float64 in op.dtypes:
        sample = next(iter(op.sample_inputs("cpu", torch.float64, requires_grad=True)))
        yield lambda x: op.op(x, *sample.args, **sample.kwargs), sample.input.detach().reshape(-1)[0].clone()


def row_of(name: str) -> Row:
    """What a callable comes to."""
    warnings.simplefilter("ignore")
    entries()
    row = Row(name)
    return timed(row, lambda: _filled(row), SECONDS)


def part(rows: list[Row]) -> str:
    """The page's part about torch."""
    import torch

    counts = counted(rows)
    total = sum(counts.values())
    traced = counts["traced"] + counts["wrong"]
    first = (
        f"PyTorch {torch.__version__}, of whose differentiable callables {total} were judged on a CPU: {traced} are traced ({traced / max(total, 1):.1%}), "
        f"{counts['sampled']} can only be sampled, {counts['refused'] + counts['no sample']} need a `function=` or could not be run. "
        f"{counts['wrong']} of them are certified wrong at a sample of torch's own."
    )
    return "\n\n".join([first, "### Wrong, vanished or unstable in PyTorch\n\n" + faults(rows), "### All callables of PyTorch\n\n" + table(rows, FORMATS, HUNTED)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--state", type=Path)
    options = parser.parse_args()
    import torch

    names = [n for n in entries() if not options.names or any(re.search(p, n) for p in options.names)]
    known = known_rows(options.state, torch.__version__)
    rows = [known[n] for n in names if n in known]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for row in pool.imap_unordered(row_of, [n for n in names if n not in known]):
            rows.append(row)
            keep(options.state, torch.__version__, row)
            if row.status != "traced" or options.names:
                print(row.status, row.name, row.ulps, row.hunted, row.verdicts, f"{row.seconds} s", row.why, flush=True)
    print(counted(rows), f"{sum(r.seconds for r in rows):.0f} s")
    if options.write:
        write("torch", part(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
