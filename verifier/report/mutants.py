"""`mutate`: the edits of backward passes, and how many were caught, named and diagnosed."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.mutate import Mutant


def case(name: str, mutants: Sequence[Mutant], *, every: bool) -> str:
    """The edits of one case: those that were missed somewhere, or all."""
    if not mutants:
        return ""
    lines = [f"{name}: {_shares(mutants)}"]
    for m in mutants:
        missed = [word for word, ok in (("not caught", m.caught), ("line not named", m.line_named), ("no diagnosis", bool(m.diagnosed))) if not ok]
        if every or missed:
            statement = m.edit.text.splitlines()[m.line - 1].strip()
            lines.append(f"  {m.implementation}:{m.line}  {m.edit.kind}: {m.edit.what}   `{statement}`")
            lines.append(f"      {', '.join(missed) if missed else m.diagnosed}")
    return "\n".join(lines) + "\n"


def summary(mutants: Sequence[Mutant]) -> str:
    """One line for all."""
    return f"all edits: {_shares(mutants)}\n" if mutants else "no hand-written backward pass that passes its gate: nothing to edit\n"


def _shares(mutants: Sequence[Mutant]) -> str:
    count = len(mutants)
    figures = (("caught", sum(m.caught for m in mutants)), ("guilty line named", sum(m.line_named for m in mutants)), ("diagnosed", sum(bool(m.diagnosed) for m in mutants)))
    return f"{count} edits, " + ", ".join(f"{n} {word} ({100 * n / count:.1f} %)" for word, n in figures)
