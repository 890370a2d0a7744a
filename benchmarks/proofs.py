"""Which share of the right implementations in cases/ is proved, in what time; and what the mutation run over cases/ says.

    python benchmarks/proofs.py [PATH ...]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter

from machine import describe

from verifier import load
from verifier.case import points
from verifier.compare import agreement
from verifier.compare.check import Check
from verifier.exact import prove
from verifier.exact.truth import subject, truth_of
from verifier.language.formats import format_named, round_exact
from verifier.language.numeral import exact
from verifier.search.mutate import mutants


def proofs(paths: list[str]) -> tuple[Counter, list[float]]:
    """Outcomes of all gradients that no expectation says to be wrong, and the milliseconds of each proof."""
    kinds, spent = Counter(), []
    for case in load(*paths).cases:
        fmt = format_named(case.formats[0])
        truth, upstream = truth_of(case.programs.truth), round_exact(fmt, exact(case.upstream))
        wrong = {(e.implementation, e.gradient) for e in case.expect if e.verdict in ("wrong", "undecided")}
        for draft in case.programs.drafts:
            tested = subject(draft)
            for claim in tested.claims:
                if (draft.implementation.name, claim[1]) in wrong:
                    continue
                start = time.perf_counter()
                found = prove.prove(truth, tested, claim, fmt=fmt, upstream=upstream)
                spent.append((time.perf_counter() - start) * 1e3)
                if found is not None:
                    kinds["proved"] += 1
                    continue
                outcome = agreement.outcomes(Check("it", truth, tested, fmt, upstream), points.listed(case, fmt))[claim[1]]
                kinds[outcome.kind] += 1
    return kinds, spent


def main() -> None:
    paths = sys.argv[1:] or ["cases"]
    print(describe())
    kinds, spent = proofs(paths)
    total = sum(kinds.values())
    print(f"gradients not expected to be wrong: {total}; " + ", ".join(f"{kind} {n} ({100 * n / total:.1f} %)" for kind, n in kinds.most_common()))
    print(f"time per attempt: median {statistics.median(spent):.2f} ms, 95 % {sorted(spent)[int(0.95 * len(spent))]:.2f} ms, largest {max(spent):.1f} ms")
    found = [m for case in load(*paths).cases for m in mutants(case)]
    count = len(found)
    shares = {"caught": sum(m.caught for m in found), "wrong line named": sum(m.line_named for m in found), "diagnosed in words": sum(bool(m.diagnosed) for m in found)}
    print(f"single edits of right backward passes: {count}; " + ", ".join(f"{word} {n} ({100 * n / count:.2f} %)" for word, n in shares.items()))


if __name__ == "__main__":
    main()
