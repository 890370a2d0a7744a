"""Are the wrong lines named, and no others, and is the mistake said in words? Mistakes planted in known formulas, as people make them.

Arguments: part of a formula's name (all), or `--verbose` for what is said of each. With `--held-out` those that were written before the
search saw them (`--held-out again`: the second set): their right twins, which must pass, are checked as well.
"""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass

from machine import describe

from tests import held_out, held_out_again, held_out_arrays
from tests.held_out import HeldOut
from tests.planted_lines import Plant, planted
from verifier import load_text
from verifier.verify import verify

HELD_OUT = {"first": (*held_out.FORMULAS, *held_out_arrays.ARRAYS), "again": held_out_again.FORMULAS}


@dataclass(frozen=True)
class Outcome:
    """What was said of a case: the lines that were accused, the messages, and the processor time."""

    name: str
    guilty: dict[str, str]  # the lines to blame, and the words for each
    lines: tuple[str, ...]
    messages: tuple[str, ...]
    seconds: float

    @property
    def lines_are_right(self) -> bool:
        """Whether the guilty lines are accused, and no others."""
        return set(self.lines) == set(self.guilty)

    @property
    def words_are_right(self) -> bool:
        """Whether, at the right lines, every message says what the mistake is."""
        return self.lines_are_right and all(re.search(self.guilty[line], message) for line, message in zip(self.lines, self.messages, strict=True))


def outcome(name: str, text: str, guilty: dict[str, str]) -> Outcome:
    """Check the case with a mistake."""
    start = time.process_time()
    (case,) = load_text(text).cases
    found = [f for f in verify(case).findings if f.code in ("V101", "V105", "V107")]
    return Outcome(name, guilty, tuple(f.statement for f in found), tuple(f.message for f in found), time.process_time() - start)


def alarm(case: HeldOut) -> str:
    """What is wrongly said of a right pass; empty if nothing is."""
    (right,) = load_text(case.right).cases
    return "; ".join(f.message for f in verify(right).findings if f.severity == "error")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--held-out", nargs="?", const="first", choices=tuple(HELD_OUT))
    options = parser.parse_args()
    print(describe())
    named: list[Plant | HeldOut] = [p for p in (HELD_OUT[options.held_out] if options.held_out else planted()) if options.name in p.name]
    found = []
    for plant in named:
        found.append(o := outcome(plant.name, plant.text, plant.guilty if isinstance(plant, HeldOut) else dict.fromkeys(plant.guilty, plant.words)))
        if options.verbose or not o.words_are_right:
            print(f"{'line' if o.lines_are_right else 'LINE'} {'words' if o.words_are_right else 'WORDS'} {o.seconds:5.2f} s  {o.name}", flush=True)
            for line, message in zip(o.lines, o.messages, strict=True):
                print(f"      {line}\n         {message}")
    count = len(found)
    print(f"{count} planted mistakes: the line is right in {sum(o.lines_are_right for o in found) / count:.1%}, the words in {sum(o.words_are_right for o in found) / count:.1%}")
    print(f"{max(o.seconds for o in found):.1f} s of processor time at most, {sum(o.seconds for o in found):.0f} s in all")
    if options.held_out:
        alarms = [f"{p.name}: {said}" for p in named if isinstance(p, HeldOut) and (said := alarm(p))]
        print(f"{len(alarms)} false alarms on the right twins", *alarms, sep="\n")


if __name__ == "__main__":
    main()
