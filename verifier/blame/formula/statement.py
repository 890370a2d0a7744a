"""A guilty statement as something to try edits on: its steps, their values over the reals, the names in scope."""

from __future__ import annotations

from flint import arb

from verifier.blame.formula.adjoint_values import Column, agrees, same
from verifier.blame.formula.locate import Guilt, Trial, cone, leaf_value, real_value
from verifier.circuit.program import Program
from verifier.language.formats import Format
from verifier.language.gates import GATES

MAX_CONE = 200  # steps of a statement (with the temporaries it reads) that are tried
MAX_ATOMS = 60  # names that are tried as operands and factors


def forward_text(program: Program, step: int) -> str:
    """The forward line of a step; the step's own part of it where the function is one formula."""
    record = program.steps[step]
    if record.line < 0:
        return record.gate
    line = program.lines[record.line]
    if line.source is not None and "=" not in line.text and record.end > record.start:
        return line.source.text[record.start : record.end].strip()
    return line.text.strip()


class Statement:
    """The steps that a contribution is computed by, with the temporaries that it reads; edits change the value of one of them."""

    def __init__(self, program: Program, trial: Trial, guilt: Guilt, fmt: Format) -> None:
        self.program, self.trial, self.guilt, self.fmt = program, trial, guilt, fmt
        self.steps = program.steps
        self.root = guilt.contribution
        bare = self.steps[self.root].line != guilt.line or self.root < program.backward_start  # `dx += du`: the name itself is the contribution
        self.cone = [self.root] if bare else cone(program, trial.operands, self.root)
        self.bare = bare
        self.values: dict[int, Column] = {}
        for i in self.cone if len(self.cone) <= MAX_CONE else ():
            self.values[i] = trial.values[i] if bare else self._recomputed(i)
        self.atoms = self._atoms()
        self.conditions = self._conditions()
        self.twins = self._twins()

    def _recomputed(self, i: int) -> Column:
        step = self.steps[i]
        return real_value(step.gate, [self.value(a) for a in step.args]) if step.args else leaf_value(step, self.trial.land, self.fmt)

    def value(self, i: int) -> Column:
        """The value of a step, operands exact."""
        return self.values.get(i, self.trial.values[i])

    def args(self, k: int) -> tuple[int, ...]:
        """The operands of a step that may be edited."""
        return () if self.bare else self.steps[k].args

    def with_changed(self, changes: dict[int, Column]) -> Column:
        """The value of the statement when some of its steps have other values."""
        changed = dict(changes)
        for i in self.cone:
            if i not in changed and any(a in changed for a in self.args(i)):
                changed[i] = real_value(self.steps[i].gate, [changed.get(a, self.value(a)) for a in self.steps[i].args])
        return changed.get(self.root, self.value(self.root))

    def repaired(self, k: int, column: Column) -> bool:
        """Whether the statement is right when step k has this value, or all steps that are written alike have it."""
        if not all(isinstance(c, arb) and c.is_finite() for c in column) and not all(isinstance(c, bool) for c in column):
            return False
        twins = self.twins.get(k, ())
        return any(agrees(self.with_changed(dict.fromkeys(changed, column)), self.guilt.needed, self.fmt) for changed in ([k], twins) if changed)

    def _atoms(self) -> list[tuple[str, Column]]:
        """The names in scope at the statement, nearest first, without truth values."""
        atoms: dict[str, Column] = {}
        own = [i for i in self.cone if self.steps[i].line == self.guilt.line]
        start = own[0] if own else max((i for i, step in enumerate(self.steps) if step.line == self.guilt.line), default=self.root)
        for i in range(max(start, self.root) - 1, -1, -1):
            step = self.steps[i]
            name = step.name or (step.text if step.gate in ("input", "upstream") else "")
            if not name or not all(isinstance(v, arb) and v.is_finite() for v in self.value(i)):
                continue
            if name not in atoms:
                atoms[name] = self.value(i)
            elif step.gate not in ("input", "upstream") and not same(self.value(i), atoms[name]):
                atoms.setdefault(f"{name} before it was reassigned", self.value(i))
            if len(atoms) >= MAX_ATOMS:
                break
        atoms.setdefault("upstream", [self.trial.land.upstream] * self.trial.land.count)
        return list(atoms.items())

    def is_upstream(self, name: str) -> bool:
        """Whether a name is one of those that hold the gradient that flows in."""
        return name in ("upstream", "dout", f"d{self.program.output_name}")

    def text(self, i: int) -> str:
        """The source text of a step."""
        step = self.steps[i]
        if step.name and (i not in self.values or self.bare):
            return step.name
        if not 0 <= step.line < len(self.program.lines):
            return step.name or step.text
        line = self.program.lines[step.line]
        if line.source is None:
            return step.name or line.text
        text = line.source.text[step.start : step.end]
        if step.start == line.start and step.end == line.end:
            text = text.partition("=")[2]
        return text.strip() or step.name or step.text

    def _twins(self) -> dict[int, list[int]]:
        """Steps that are the same expression: what was mistaken once was mistaken each time."""
        groups: dict[tuple[str, tuple[int, ...], str], list[int]] = {}
        merged: dict[int, int] = {}
        for i in self.cone:
            step = self.steps[i]
            group = groups.setdefault((step.gate, tuple(merged.get(a, a) for a in step.args), step.text), [])
            group.append(i)
            merged[i] = group[0]
        return {i: group for group in groups.values() if len(group) > 1 for i in group}

    def _conditions(self) -> set[int]:
        """The steps that only serve to choose a branch."""
        found = {i for i in self.cone if i != self.root and self.steps[i].gate in GATES and GATES[self.steps[i].gate].boolean}
        users: dict[int, set[int]] = {}
        for i in self.cone:
            for a in self.args(i):
                users.setdefault(a, set()).add(i)
        for i in reversed(self.cone):
            if users.get(i) and users[i] <= found:
                found.add(i)
        return found
