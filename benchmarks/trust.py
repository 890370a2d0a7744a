"""How far torch's kernels are from the traced lines, for right operations: how many callables would be doubted with other constants.

    python -m benchmarks.trust          # every fourth callable of torch's table of operators, in float64 and float32
    python -m benchmarks.trust --all    # all of them

`compare/trust.py` allows a kernel so many ulps for an operation before it doubts the trace; this counts the callables with a
doubt for several such numbers, and the bits in which kernel and trace then still agree: those that the doubt calls a kernel that loses digits, and
those for which the trace is not believed.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from typing import Any

from benchmarks.coverage_torch import entries, samples
from verifier.compare import trust
from verifier.language.formats import format_named

ULPS = (1, 2, 4, 8, 16, 64)
FORMATS = ("float64", "float32")


def traces(name: str) -> Any:
    """The trace of a callable at its first sample, in every format; nothing where it is not traced."""
    import torch
    from torch.utils._pytree import tree_map

    from verifier.callable.question import pattern, rounded
    from verifier.trace.torch.callee import callee, values_of
    from verifier.trace.torch.tensor_inputs import called

    for call, arguments in samples(entries()[name][0]):
        for kind in FORMATS:
            number, fmt = getattr(torch, kind), format_named(kind)

            def cast(v: Any, number: Any = number) -> Any:
                return v.detach().to(number).requires_grad_(v.requires_grad) if isinstance(v, torch.Tensor) and v.dtype.is_floating_point else v

            try:
                own = called(call, tree_map(cast, arguments))
                door = callee(own)
                values = {n: rounded(v, fmt) for n, v in values_of(own).items()}
                yield fmt, door.trace(values, {o: rounded(rounded(pattern(s, k), format_named(door.narrow.get(o, fmt.name))), fmt) for k, (o, s) in enumerate(door.upstreams.items())}, fmt)
            except Exception:  # noqa: BLE001 - the coverage says why
                continue


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = [n for n in entries() if not options.names or any(re.search(p, n) for p in options.names)]
    doubted: dict[int, set[str]] = {u: set() for u in ULPS}
    disbelieved: dict[int, set[str]] = {u: set() for u in ULPS}
    count = 0
    for name in names if options.all or options.names else names[::4]:
        for fmt, trace in traces(name):
            count += 1
            for ulps in ULPS:
                trust.LIBRARY_ULPS = ulps
                found = trust.disagreements(trace, fmt)
                if found:
                    doubted[ulps].add(f"{name} ({fmt.name}, {min(d.bits for d in found):.0f} bits)")
                if not all(d.explains(fmt) for d in found):
                    disbelieved[ulps].add(f"{name} ({fmt.name})")
                if not found:
                    break  # more is allowed from here on
    print(f"{count} traces of torch's callables\n\n| ulps that are allowed | with a doubt | not believed | which |\n|---|---|---|---|")
    for ulps in ULPS:
        print(f"| {ulps} | {len(doubted[ulps])} | {len(disbelieved[ulps])} | {', '.join(sorted(doubted[ulps])[:6])} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
