"""The gradients that the framework computes, point by point: each is the call that the user would make there.

A batch is never run as one call: a kernel of many points may round differently from the kernel of one (another order of summation,
another vector width), and the verdict is about the user's own call. What need not be done again at every point is not: a framework may
record a call once and replay it, where the floats are the same bits (`trace/jax/replay.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from verifier.callable.question import split
from verifier.compare.check import Computed
from verifier.language.formats import Format
from verifier.trace.record import Callee, flat

MOST_NAMED = 4  # coordinates of a point in a note


def computed_by(callee: Callee, claims: Sequence[tuple[str, str]], inputs: Sequence[str], fmt: Format, *, known: dict[tuple[float, ...], tuple[float, ...]] | None = None, raised: dict[str, None]) -> Computed:
    """The framework's gradients at points of the program; those that it computed already are `known`. Where the callable raises they are NaN, which `raised` says."""
    names = [name for _, name in claims]
    variables = list(dict.fromkeys(c.partition("[")[0] for c, _ in claims))
    rows = {} if known is None else known

    def computed(found: Sequence[tuple[float, ...]]) -> dict[str, list[float]]:
        for p in found:
            if p not in rows:
                try:
                    ran = callee.run(*split(callee, p), fmt)
                    rows[p] = tuple(x for v in variables for x in flat(ran.gradients[v]))
                except Exception as error:  # noqa: BLE001 - the user's code: whatever it raises, it has no gradient there
                    raised[f"{callee.name} raises {type(error).__name__} at {_where(inputs, p)}: its gradients count as NaN there"] = None
                    rows[p] = (math.nan,) * len(names)
        return {name: [rows[p][k] for p in found] for k, name in enumerate(names)}

    return computed


def _where(inputs: Sequence[str], point: Sequence[float]) -> str:
    at = ", ".join(f"{n}={x!r}" for n, x in zip(inputs[:MOST_NAMED], point, strict=False))
    return f"{at}{', ...' if len(point) > MOST_NAMED else ''}"
