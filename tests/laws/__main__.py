"""Hold random cases against the laws of the tool itself: `python -m tests.laws`. A find is a bug of ours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.laws.finds import broken, laws
from tests.laws.run import run, save
from tests.laws.table import LAWS
from verifier.run.workers import Workers


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 1 where a law is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.laws", description=__doc__)
    parser.add_argument("--law", action="append", default=[], metavar="NAME", choices=LAWS, help="only this law (may be repeated)")
    parser.add_argument("--max-examples", type=int, default=100, metavar="N", help="cases for each law (default: 100)")
    parser.add_argument("--max-time", type=float, default=float("inf"), metavar="S", help="seconds for all (default: no limit)")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="another seed draws other cases (default: 0)")
    parser.add_argument("--save", default="cases/regressions", metavar="DIR", help="where finds are kept (default: cases/regressions)")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="processes to use (default: as many as pay)")
    options = parser.parse_args(argv)
    with Workers(options.jobs) as workers:
        held = run(
            options.law, workers=workers, max_examples=options.max_examples, max_time=options.max_time, seed=options.seed,
            report=lambda find: print(broken(find, save(find, options.save)), flush=True),
        )  # fmt: skip
    sys.stdout.write(laws(held))
    return 1 if any(h.finds for h in held) else 0


if __name__ == "__main__":
    sys.exit(main())
