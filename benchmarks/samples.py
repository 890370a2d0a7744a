"""How sharp are samples? The share of the single edits of `mutate` that 20, 100 and 1,000 sampled points catch, in two ways of drawing them.

Mixed: each input of a point is drawn in a way of its own, as `sample` draws (uniform over the floats, over the magnitudes, over the reals).
Alike: all inputs of a point are drawn in the same way. The edits are those that some listed or sampled point of their case tells from the
original; listed points are then left out. Points at which the original itself fails catch nothing. Cases of one input are left out: there both
ways are one. The mean of several samples of each size. `python benchmarks/samples.py --domain -10 10 cases/museum` gives all inputs a domain.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from machine import describe

from verifier.case import points
from verifier.case.case import Case, Draft, calls_of
from verifier.case.load import load
from verifier.circuit.backprop import differentiated
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import Format, format_named, round_exact
from verifier.language.numeral import exact
from verifier.search import mutate

SIZES = (20, 100, 1000)
PART = 20  # points that are judged before it is asked whether they catch the edit


def drawn(case: Case, fmt: Format, size: int, seed: int, *, mixed: bool) -> list[tuple[float, ...]]:
    """A sample of the domain; where it is not mixed, every input is the first of a case of its own, whose kinds come in a fixed order."""
    asked = replace(case, name=f"{case.name} {seed}", sample=size, points=())
    if mixed:
        return points.sampled(asked, fmt)
    columns = [points.sampled(replace(asked, name=f"{asked.name} {name}", inputs=(name,), shapes=()), fmt) for name in case.inputs]
    return [tuple(row[0] for row in rows) for rows in zip(*columns, strict=True)]


def fails(check: Check, listed: Sequence[tuple[float, ...]]) -> list[bool]:
    """At which points some gradient fails."""
    return [any(d.verdict.fails for d in row) for row in compare(check, list(listed), detail=False)]


def real_edits(case: Case, draft: Draft) -> Iterator[Subject]:
    """The edited programs of an implementation that some point of the case tells from the original."""
    source = draft.implementation.backward
    if source is None:
        return
    for m in mutate.mutants(replace(case, programs=replace(case.programs, drafts=(draft,)))):
        edited = mutate._mutant(draft, source, m.edit)  # noqa: SLF001
        if edited is not None and edited.whole is not None:
            yield Subject(differentiated(edited.whole), draft.claims)


def measured(case: Case, seeds: int, domain: Sequence[str] | None) -> Counter[str]:
    """The edits of a case, and how many of them the samples of each size catch, all together."""
    found: Counter[str] = Counter()
    fmt, truth = format_named(case.formats[0]), truth_of(case.programs.truth)
    for draft in case.programs.drafts:
        subjects = list(real_edits(case, draft))
        if not subjects or draft.whole is None:
            continue
        within = case if domain is None else replace(case, domain=tuple((n, (domain[0], domain[1])) for n in case.inputs), choices=())
        check = Check(draft.implementation.name, truth, Subject(differentiated(draft.whole), draft.claims), fmt, round_exact(fmt, exact(case.upstream)))
        found["edits"] += len(subjects)
        for size in SIZES:
            for way, seed in itertools.product(("mixed", "alike"), range(seeds)):
                sample = drawn(within, fmt, size, seed, mixed=way == "mixed")
                usable = [p for p, is_lost in zip(sample, fails(check, sample), strict=True) if not is_lost]
                for subject in subjects:
                    edited = replace(check, subject=subject)
                    found[f"{way} {size}"] += any(any(fails(edited, usable[k : k + PART])) for k in range(0, len(usable), PART))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["cases/museum", "cases/cs231n"])
    parser.add_argument("--samples", type=int, default=5, help="samples of each size")
    parser.add_argument("--domain", nargs=2, metavar=("LOW", "HIGH"), help="the domain of every input, in place of the case's own")
    options = parser.parse_args()
    print(describe())
    total: Counter[str] = Counter()
    for case in load(*options.paths).cases:
        if len(case.inputs) < 2 or case.exhaustive or case.hunt or calls_of(case):
            continue
        start = time.process_time()
        try:
            found = measured(case, options.samples, options.domain)
        except points.PointError as error:
            print(f"{case.name}: {error}")
            continue
        total += found
        if found["edits"]:
            print(f"{case.name}: {dict(found)}, {time.process_time() - start:.1f} s", flush=True)
    for way in ("alike", "mixed"):
        print(way, ", ".join(f"{size} points {100 * total[f'{way} {size}'] / max(options.samples * total['edits'], 1):.1f} %" for size in SIZES))
    print(total["edits"], "edits")


if __name__ == "__main__":
    main()
