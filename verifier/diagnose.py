"""Why a guilty line is wrong, in words: the single edit that repairs it, tried over the reals at every test point."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb, fmpq

from verifier import symbolic
from verifier.adjoints import BITS, Column, same
from verifier.arithmetic import balls
from verifier.blame import Guilt, Trial, leaf_value, real_value
from verifier.constants import identify
from verifier.formats import Format, exact
from verifier.gates import GATES
from verifier.program import Program

MAX_CONE = 200  # steps of a statement (with the temporaries it reads) that are tried
MAX_ATOMS = 60  # names that are tried as operands and factors
MAX_FORMULA = 60  # steps of a formula that SymPy differentiates for the message
NEIGHBOURS = (
    ("sin", "cos"), ("sinh", "cosh"), ("tan", "tanh"), ("tanh", "sinh"), ("tanh", "cosh"), ("asin", "acos"), ("asinh", "acosh"), ("atan", "atanh"),
    ("exp", "expm1"), ("exp", "exp2"), ("exp", "log"), ("log", "log1p"), ("log", "log2"), ("log", "log10"), ("log2", "log10"),
    ("sqrt", "rsqrt"), ("sqrt", "cbrt"), ("sqrt", "square"), ("square", "reciprocal"), ("erf", "erfc"), ("gamma", "lgamma"), ("lgamma", "digamma"), ("digamma", "trigamma"),
    ("max", "min"), ("maximum", "minimum"), ("floor", "ceil"), ("abs", "sign"), ("sigmoid", "tanh"), ("sigmoid", "softplus"), ("sigmoid", "logsigmoid"), ("relu", "softplus"),
    ("i0", "i1"), ("j0", "j1"), ("y0", "y1"), ("k0", "k1"), ("airyai", "airybi"), ("airyai", "airyaiprime"), ("airybi", "airybiprime"), ("ellipk", "ellipe"), ("sin", "tan"), ("cos", "tan"),
)  # fmt: skip
UNNAMED = " (no constant of that value is known)"
CONSTANT_FACTORS = ("2", "3", "4", "pi", "sqrt(2)", "sqrt(pi)", "log(2)", "log(10)")


@dataclass(frozen=True)
class Diagnosis:
    """What would repair a guilty statement: in words, and the span it concerns in the text of a line."""

    words: str
    line: int
    start: int
    end: int


def diagnose(program: Program, trial: Trial, guilt: Guilt, *, fmt: Format) -> Diagnosis | None:
    """The simplest single edit that repairs the statement at every test point; None where there is none."""
    with balls.precision(BITS):
        structural = _structural(program, guilt)
        if structural is not None:
            return structural
        search = _Search(program, trial, guilt, fmt)
        if len(search.cone) > MAX_CONE:
            return None
        return search.first()


def _structural(program: Program, guilt: Guilt) -> Diagnosis | None:
    line = program.lines[guilt.line]
    through = " and ".join(f"`{_forward_text(program, e)}`" for e in guilt.edges)
    words = {
        "missing": f"the contribution through {through} is missing",
        "overwritten": f"`=` overwrites an earlier contribution where `+=` is meant: what came through {through} is lost",
        "doubled": "this contribution is already added by another line",
    }.get(guilt.kind)
    return None if words is None else Diagnosis(words, guilt.line, line.start, line.end)


def _forward_text(program: Program, step: int) -> str:
    line = program.steps[step].line
    return program.lines[line].text.strip() if line >= 0 else program.steps[step].gate


class _Search:
    """Tries edits of the steps that a contribution is computed by, in the order in which people make mistakes."""

    def __init__(self, program: Program, trial: Trial, guilt: Guilt, fmt: Format) -> None:
        self.program, self.trial, self.guilt, self.fmt = program, trial, guilt, fmt
        self.root = guilt.contribution
        self.cone = self._cone()
        self.values: dict[int, Column] = {}
        for i in self.cone:
            self.values[i] = self._recomputed(i, self.values)
        self.users: dict[int, set[int]] = {i: set() for i in self.cone}
        for i in self.cone:
            for a in self.program.steps[i].args:
                if a in self.users:
                    self.users[a].add(i)
        self.atoms = self._atoms()

    def _cone(self) -> list[int]:
        """The steps of the statement and of the temporaries that it reads, in order; adjoints and forward values are its operands."""
        steps, start = self.program.steps, self.program.backward_start
        found, pending = set(), [self.root]
        while pending:
            i = pending.pop()
            if i in found or i < start or (i != self.root and steps[i].name in self.trial.meaning) or steps[i].gate == "upstream":
                continue
            found.add(i)
            pending.extend(steps[i].args)
        return sorted(found)

    def _recomputed(self, i: int, values: dict[int, Column]) -> Column:
        step = self.program.steps[i]
        if not step.args:
            return leaf_value(step, self.trial.land, self.fmt)
        return real_value(step.gate, [values.get(a, self.trial.values[a]) for a in step.args])

    def value(self, i: int) -> Column:
        """The value of a step, operands exact."""
        return self.values.get(i, self.trial.values[i])

    def repaired(self, k: int, column: Column) -> bool:
        """Whether the statement is right when step k has this value."""
        if not all(isinstance(c, arb) and c.is_finite() for c in column) and not all(isinstance(c, bool) for c in column):
            return False
        changed = {k: column}
        for i in self.cone:
            if i > k and any(a in changed for a in self.program.steps[i].args):
                changed[i] = real_value(self.program.steps[i].gate, [changed.get(a, self.value(a)) for a in self.program.steps[i].args])
        return self.root in changed and same(changed[self.root], self.guilt.needed)

    def _atoms(self) -> list[tuple[str, Column]]:
        """The names in scope at the statement, nearest first, without truth values."""
        atoms: dict[str, Column] = {}
        steps = self.program.steps
        for i in range(self.root - 1, -1, -1):
            step = steps[i]
            name = step.name or (step.text if step.gate in ("input", "upstream") else "")
            if name and name not in atoms and i not in self.cone and all(isinstance(v, arb) and v.is_finite() for v in self.trial.values[i]):
                atoms[name] = self.trial.values[i]
            elif name and name in atoms and step.gate not in ("input", "upstream") and not same(self.trial.values[i], atoms[name]):
                atoms.setdefault(f"{name} before it was reassigned", self.trial.values[i])
        seed = [self.trial.land.upstream] * self.trial.land.count
        if not any(steps[i].gate == "upstream" for i in range(self.root)):
            atoms.setdefault("the gradient that flows in", seed)
        return list(atoms.items())[:MAX_ATOMS]

    def text(self, i: int) -> str:
        """The source text of a step."""
        step = self.program.steps[i]
        if step.name and i not in self.cone:
            return step.name
        if not 0 <= step.line < len(self.program.lines):
            return step.name or step.text
        line = self.program.lines[step.line]
        if line.source is None:
            return step.name or line.text
        text = line.source.text[step.start : step.end]
        if step.start == line.start and step.end == line.end:
            text = text.partition("=")[2].strip()
        return text.strip() or step.name or step.text

    def first(self) -> Diagnosis | None:
        """The first edit that repairs the statement."""
        order = sorted(self.cone, key=lambda i: (i != self.root, self.program.steps[i].line != self.guilt.line, i))
        literals = self._literals()
        for found in (
            self._tried([self.root], (self._signs,)),
            self._tried(order, (self._gates, self._signs)),
            next((d for d in literals if not d.words.endswith(UNNAMED)), None),
            self._tried(order, (self._powers, self._drops, self._factors, self._operands, self._composite_factors, self._shapes)),
        ):
            if found is not None:
                return found
        if literals:
            return literals[0]
        words = self._constant_factor()
        return self._at(self.root, words) if words is not None else None

    def _tried(self, order: Sequence[int], kinds: Sequence[Callable[[int], Iterator[tuple[Column, str]]]]) -> Diagnosis | None:
        for edits in kinds:
            for k in order:
                for column, words in edits(k):
                    if self.repaired(k, column):
                        return self._at(k, words)
        return None

    def _at(self, k: int, words: str) -> Diagnosis:
        step = self.program.steps[k]
        line = step.line if step.line >= 0 else self.guilt.line
        start, end = (step.start, step.end) if step.end > step.start else (self.program.lines[line].start, self.program.lines[line].end)
        return Diagnosis(words, line, start, end)

    # ------------------------------------------------------------ edits: pairs of a new value of step k and the words for it

    def _signs(self, k: int) -> Iterator[tuple[Column, str]]:
        value = self.value(k)
        if all(isinstance(v, arb) for v in value):
            yield [-v for v in value], f"the sign of `{self.text(k)}` is flipped" if k != self.root else "the sign is flipped"

    def _gates(self, k: int) -> Iterator[tuple[Column, str]]:
        step = self.program.steps[k]
        args = [self.value(a) for a in step.args]
        if step.gate in ("add", "sub", "mul", "div"):
            symbols = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
            for other in ("sub", "add") if step.gate in ("add", "sub") else ("div", "mul"):
                if other != step.gate:
                    yield real_value(other, args), f"`{symbols[step.gate]}` where `{symbols[other]}` is meant in `{self.text(k)}`"
        if len(args) == 2 and step.gate in ("sub", "div", "pow", "atan2", "copysign", "fmod", "xlogy"):
            yield real_value(step.gate, args[::-1]), f"the operands of `{self.text(k)}` are swapped"
        if step.gate == "where":
            yield real_value("where", [args[0], args[2], args[1]]), f"the wrong branch: the branches of `{self.text(k)}` are swapped"
        for pair in NEIGHBOURS:
            if step.gate in pair:
                other = pair[1] if step.gate == pair[0] else pair[0]
                if other in GATES and len(GATES[other].parameters) == len(args):
                    yield real_value(other, args), f"`{step.gate}` where `{other}` is meant in `{self.text(k)}`"
        if step.gate in ("lt", "le", "gt", "ge"):
            for other in ("lt", "le", "gt", "ge"):
                if other != step.gate:
                    yield real_value(other, args), f"the wrong branch: the comparison `{self.text(k)}` is turned round"

    def _operands(self, k: int) -> Iterator[tuple[Column, str]]:
        step = self.program.steps[k]
        args = [self.value(a) for a in step.args]
        for position, a in enumerate(step.args):
            if not all(isinstance(v, arb) for v in args[position]):
                continue
            for name, column in self.atoms:
                if not same(column, args[position]):
                    stale = name.partition(" ")[0] == self.text(a) or name == self.text(a)
                    words = f"`{self.text(a)}` is stale: `{self.text(k)}` needs the value of {name}" if stale else f"`{self.text(a)}` where `{name}` is meant in `{self.text(k)}`"
                    yield real_value(step.gate, [*args[:position], column, *args[position + 1 :]]), words
        if not step.args and step.gate != "upstream":
            for name, column in self.atoms:
                yield column, f"`{self.text(k)}` where `{name}` is meant"

    def _powers(self, k: int) -> Iterator[tuple[Column, str]]:
        value = self.value(k)
        operands = [(self.text(a), self.value(a), p) for p, a in enumerate(self.program.steps[k].args) if a not in self.values]
        if all(isinstance(v, arb) for v in value):
            yield [v * v for v in value], f"`{self.text(k)}` should be squared"
            yield [1 / v for v in value], f"`{self.text(k)}` should be its reciprocal"
        for text, column, position in operands:  # names are no steps of the statement: `den` where `den**2` is meant
            if all(isinstance(v, arb) for v in column):
                args = [self.value(a) for a in self.program.steps[k].args]
                for changed, words in (([v * v for v in column], f"`{text}` should be squared"), ([1 / v for v in column], f"`{text}` should be its reciprocal")):
                    yield real_value(self.program.steps[k].gate, [*args[:position], changed, *args[position + 1 :]]), f"{words} in `{self.text(k)}`"

    def _factors(self, k: int) -> Iterator[tuple[Column, str]]:
        constants = [(text, [_constant(text)] * self.trial.land.count) for text in CONSTANT_FACTORS]
        return self._with_factors(k, [*self.atoms, *constants])

    def _composite_factors(self, k: int) -> Iterator[tuple[Column, str]]:
        one = arb(1)
        composite: list[tuple[str, Column]] = []
        for name, column in self.atoms:
            if " " in name:
                continue
            composite += [
                (f"1 - {name}", [one - c for c in column]),
                (f"1 + {name}", [one + c for c in column]),
                (f"{name}**2", [c * c for c in column]),
                (f"1 - {name}**2", [one - c * c for c in column]),
                (f"1 + {name}**2", [one + c * c for c in column]),
            ]
        if k == self.root and (operand := self._chain_factor()) is not None:
            composite.append(operand)
        return self._with_factors(k, composite)

    def _with_factors(self, k: int, factors: Sequence[tuple[str, Column]]) -> Iterator[tuple[Column, str]]:
        value = self.value(k)
        if not all(isinstance(v, arb) for v in value):
            return
        inside = "" if k == self.root else f" in `{self.text(k)}`"
        for name, column in factors:
            ignored = name in ("the gradient that flows in", "upstream", f"d{self.program.output_name}")
            shown = name if name.startswith(("the ", "of ")) else f"`{name}`"
            yield [v * c for v, c in zip(value, column, strict=True)], f"{shown} is ignored{inside}" if ignored else f"the factor {shown} is missing{inside}"
            yield [v / c for v, c in zip(value, column, strict=True)], f"a division by {shown} is missing{inside}"

    def _chain_factor(self) -> tuple[str, Column] | None:
        """The local gradient of the forward step through which the contribution comes: the factor that the chain rule asks for."""
        if len(self.guilt.edges) != 1:
            return None
        edge = self.guilt.edges[0]
        dout = self.trial.land.adjoints[edge]
        if any(d.contains(0) for d in dout):
            return None
        return f"of the chain rule, the local gradient of `{_forward_text(self.program, edge)}`,", [n / d for n, d in zip(self.guilt.needed, dout, strict=True)]

    def _drops(self, k: int) -> Iterator[tuple[Column, str]]:
        step = self.program.steps[k]
        if len(step.args) == 1 and step.gate not in ("copy", "not"):
            yield self.value(step.args[0]), f"`{step.gate}` is too much in `{self.text(k)}`"
        if len(step.args) == 2 and step.gate in ("add", "sub", "mul", "div"):
            for kept, dropped in ((0, 1), (1, 0)):
                kind = "factor" if step.gate in ("mul", "div") else "term"
                yield self.value(step.args[kept]), f"the {kind} `{self.text(step.args[dropped])}` is too much in `{self.text(k)}`"

    def _shapes(self, k: int) -> Iterator[tuple[Column, str]]:
        value = self.value(k)
        if not all(isinstance(v, arb) for v in value):
            return
        one = arb(1)
        text = self.text(k)
        yield [one - v for v in value], f"`{text}` where `1 - {text}` is meant"
        yield [one + v for v in value], f"`{text}` where `1 + {text}` is meant"
        yield [one - v * v for v in value], f"`{text}` where `1 - {text}**2` is meant"
        yield [v.sqrt() for v in value], f"`{text}` should be its square root"
        yield [abs(v) for v in value], f"`{text}` where `abs({text})` is meant"
        for name, column in self.atoms:
            if " " not in name and column[0] is not self.trial.land.upstream:
                yield [v + c for v, c in zip(value, column, strict=True)], f"the term `{name}` is missing in `{text}`"
                yield [v - c for v, c in zip(value, column, strict=True)], f"the term `{name}` is missing (with a minus) in `{text}`"
        for number in (1, 2, -1):
            yield [v + number for v in value], f"`{text}` is off by {number}: `{text} {'+' if number > 0 else '-'} {abs(number)}` is meant"

    def _literals(self) -> list[Diagnosis]:
        """Constants that should be other ones, the same at every test point; equal literals change together if one alone does not do."""
        if self.trial.land.count < 2:
            return []
        numbers = [k for k in self.cone if self.program.steps[k].gate == "number"]
        groups = [[k] for k in numbers]
        for text in dict.fromkeys(self.program.steps[k].text for k in numbers):
            alike = [k for k in numbers if self.program.steps[k].text == text]
            if len(alike) > 1:
                groups.append(alike)
        return [self._at(group[0], words) for group in groups if (words := self._literal(group)) is not None]

    def _literal(self, group: list[int]) -> str | None:
        step = self.program.steps[group[0]]
        needed = self._solved(group)
        if needed is None:
            return None
        written = exact(step.text)
        value = arb(fmpq(written.numerator, written.denominator))
        relative = float(abs(needed / value - 1).mid()) if written else math.inf
        name = identify(needed)
        if 0 < relative < 0.05:
            agreeing = max(1, round(-math.log10(relative)))
            if name is None:
                return f"`{step.text}` is wrong by {relative:.2g} relative: {needed.str(17, radius=False)} is needed{UNNAMED}"
            likeness = f"it should be {name}" if _is_decimal(name) else f"the constant looks like {name} to {agreeing} digits"
            return f"`{step.text}` is wrong by {relative:.2g} relative: {likeness}"
        return f"the constant `{step.text}` should be {name}" if name is not None else None

    def _solved(self, group: list[int]) -> Any:
        """The value of a literal that repairs the statement, the same at all test points; None where there is none."""
        start = self.value(group[0])[0].mid()
        found = None
        for at in range(self.trial.land.count):
            x0, x1 = start, start + (start if start != 0 else 1) * arb(2) ** -20
            f0 = self._residual(group, x0, at)
            for _ in range(12):
                f1 = self._residual(group, x1, at)
                if f0 is None or f1 is None:
                    return None
                slope = f1 - f0
                if f1 == 0 or not abs(slope) > 0:
                    break
                x0, f0, x1 = x1, f1, (x1 - f1 * (x1 - x0) / slope).mid()
            last = self._residual(group, x1, at)
            scale = abs(self.guilt.needed[at])
            if last is None or not abs(last) <= scale * arb(2) ** -90:
                return None
            if found is not None and not abs(found - x1) < (abs(found) + arb(2) ** -60) * arb(2) ** -60:
                return None
            found = x1 if found is None else found
        return None if found is None else found + arb(0, abs(found) * arb(2) ** -70)

    def _residual(self, group: list[int], x: Any, at: int) -> Any:
        changed: dict[int, Column] = {k: [x] for k in group}
        for i in self.cone:
            if i not in changed and any(a in changed for a in self.program.steps[i].args):
                changed[i] = real_value(self.program.steps[i].gate, [changed.get(a, [self.value(a)[at]]) for a in self.program.steps[i].args])
        if self.root not in changed:
            return None
        value = changed[self.root][0]
        return (value - self.guilt.needed[at]).mid() if isinstance(value, arb) and value.is_finite() else None

    def _constant_factor(self) -> str | None:
        ratios = []
        for n, c in zip(self.guilt.needed, self.guilt.computed, strict=True):
            if not isinstance(c, arb) or not c.is_finite() or c.contains(0) or n.contains(0):
                return None
            ratios.append(n / c)
        if len(ratios) < 2 or not all(ratios[0].overlaps(r) for r in ratios):
            return None
        name = identify(ratios[0]) or ratios[0].str(10, radius=False)
        return f"the factor {name} is missing"


def _is_decimal(name: str) -> bool:
    return name.lstrip("-").replace(".", "", 1).replace("/", "", 1).replace("e-", "", 1).isdigit()


def _constant(text: str) -> Any:
    return {
        "2": lambda: arb(2), "3": lambda: arb(3), "4": lambda: arb(4), "pi": arb.pi, "sqrt(2)": lambda: arb(2).sqrt(),
        "sqrt(pi)": lambda: arb.pi().sqrt(), "log(2)": arb.const_log2, "log(10)": arb.const_log10,
    }[text]()  # fmt: skip


# ---------------------------------------------------------------- the right formula


def expected_formula(program: Program, guilt: Guilt) -> str | None:
    """The local gradient that the guilty contribution should carry, as SymPy derives it in the names of the program."""
    if len(guilt.edges) != 1 and not (guilt.forward >= 0 and guilt.forward < len(program.inputs)):
        return None
    steps = program.steps
    line = steps[guilt.edges[0]].line if guilt.edges else steps[program.output].line
    end = max((i for i in range(program.backward_start) if steps[i].line == line), default=-1)
    if end < 0:
        return None
    formula = _derivative(program, end, guilt.forward)
    if formula is None:
        return None
    variable = steps[guilt.forward].name or steps[guilt.forward].text or "the operand"
    result = steps[end].name or program.output_name
    return f"d({result})/d({variable}) = {formula}, from `{program.lines[line].text.strip()}`"


def _derivative(program: Program, end: int, variable: int) -> str | None:
    import sympy

    from verifier.arithmetic import expressions

    line = program.steps[end].line
    inside: list[int] = []
    pending, leaves = [end], set()
    while pending:
        i = pending.pop()
        step = program.steps[i]
        if i in inside or i in leaves:
            continue
        if i != end and (i == variable or step.gate == "input" or (step.name and step.line != line)):
            leaves.add(i)
            continue
        inside.append(i)
        pending.extend(step.args)
        if len(inside) > MAX_FORMULA:
            return None
    if variable not in leaves:
        return None
    ordered = sorted(leaves)
    symbols = {i: sympy.Symbol(program.steps[i].name or program.steps[i].text or f"t{i}", real=True) for i in ordered}
    dag = symbolic.Dag(tuple(str(i) for i in ordered))
    at = {i: n for n, i in enumerate(ordered)}
    for i in sorted(inside):
        step = program.steps[i]
        if step.args and step.gate != "diff":
            at[i] = symbolic.write_gate(dag, step.gate, [at[a] for a in step.args])
        elif step.gate == "diff":
            return None
        else:
            at[i] = dag.leaf(step.gate, step.text)
    whole = Program(tuple(dag.steps), dag.inputs, {}, at[end])
    if len(whole.steps) > 2 * MAX_FORMULA:
        return None
    value = expressions.run(whole, [symbols[i] for i in ordered])[at[end]]
    text = str(sympy.diff(value, symbols[variable]))
    return text if len(text) <= 300 else None

