"""Are the wrong lines named, and no others, and is the mistake said in words? Mistakes planted in known formulas, as people make them.

Arguments: part of a formula's name (all), or `--verbose` for what is said of each.
"""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass

from machine import describe

from tests.planted_lines import Plant, planted
from verifier import load_text
from verifier.verify import verify


@dataclass(frozen=True)
class Outcome:
    """What was said of a planted mistake: the lines that were accused, the messages, and the processor time."""

    plant: Plant
    lines: tuple[str, ...]
    messages: tuple[str, ...]
    seconds: float

    @property
    def lines_are_right(self) -> bool:
        """Whether the guilty lines are accused, and no others."""
        return sorted(set(self.lines)) == sorted(self.plant.guilty)

    @property
    def words_are_right(self) -> bool:
        """Whether, at the right lines, every message says what the mistake is."""
        return self.lines_are_right and all(re.search(self.plant.words, m) for m in self.messages)


def outcome(plant: Plant) -> Outcome:
    """Check the case with a planted mistake."""
    start = time.process_time()
    (case,) = load_text(plant.text).cases
    found = [f for f in verify(case).findings if f.code in ("V101", "V105", "V107")]
    return Outcome(plant, tuple(f.statement for f in found), tuple(f.message for f in found), time.process_time() - start)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    print(describe())
    found = []
    for plant in planted():
        if options.name in plant.formula.name:
            found.append(o := outcome(plant))
            if options.verbose or not o.words_are_right:
                print(f"{'line' if o.lines_are_right else 'LINE'} {'words' if o.words_are_right else 'WORDS'} {o.seconds:5.2f} s  {plant.name}")
                for line, message in zip(o.lines, o.messages, strict=True):
                    print(f"      {line}\n         {message}")
    count = len(found)
    print(f"{count} planted mistakes: the line is right in {sum(o.lines_are_right for o in found) / count:.1%}, the words in {sum(o.words_are_right for o in found) / count:.1%}")
    print(f"{max(o.seconds for o in found):.1f} s of processor time at most, {sum(o.seconds for o in found):.0f} s in all")


if __name__ == "__main__":
    main()
