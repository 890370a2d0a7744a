"""Why a guilty line is wrong, in words: the single edit that repairs it, tried over the reals at every test point."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb, fmpq

from verifier.adjoints import Column, agrees, same
from verifier.arithmetic import balls
from verifier.blame import Guilt, Trial, cone, leaf_value, real_value
from verifier.constants import identify, is_decimal
from verifier.formats import Format, exact
from verifier.gates import GATES
from verifier.program import Program, significant_digits
from verifier.temporaries import solved, widened

MAX_CONE = 200  # steps of a statement (with the temporaries it reads) that are tried
MAX_ATOMS = 60  # names that are tried as operands and factors
SHORT = 8  # digits of a literal that may have been meant
NEAR = 0.05  # a literal that is off by less was meant to be another one
NEIGHBOURS = (
    ("sin", "cos"), ("sinh", "cosh"), ("tan", "tanh"), ("tanh", "sinh"), ("tanh", "cosh"), ("asin", "acos"), ("asinh", "acosh"), ("atan", "atanh"),
    ("exp", "expm1"), ("exp", "exp2"), ("exp", "log"), ("log", "log1p"), ("log", "log2"), ("log", "log10"), ("log2", "log10"),
    ("sqrt", "rsqrt"), ("sqrt", "cbrt"), ("sqrt", "square"), ("square", "reciprocal"), ("erf", "erfc"), ("gamma", "lgamma"), ("lgamma", "digamma"), ("digamma", "trigamma"),
    ("max", "min"), ("maximum", "minimum"), ("floor", "ceil"), ("abs", "sign"), ("sigmoid", "tanh"), ("sigmoid", "softplus"), ("sigmoid", "logsigmoid"), ("relu", "softplus"),
    ("i0", "i1"), ("j0", "j1"), ("y0", "y1"), ("k0", "k1"), ("airyai", "airybi"), ("airyai", "airyaiprime"), ("airybi", "airybiprime"), ("ellipk", "ellipe"), ("sin", "tan"), ("cos", "tan"),
)  # fmt: skip
SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
OTHER = {"add": ("sub",), "sub": ("add",), "mul": ("div", "add"), "div": ("mul",)}
CONSTANT_FACTORS = ("2", "3", "4", "pi", "sqrt(2)", "sqrt(pi)", "log(2)", "log(10)")
Edit = tuple[Column, str]  # a new value of a step, and the words for it


@dataclass(frozen=True)
class Diagnosis:
    """What would repair a guilty statement: in words, and the span it concerns in the text of a line."""

    words: str
    line: int
    start: int
    end: int


def diagnose(program: Program, trial: Trial, guilt: Guilt, *, fmt: Format) -> Diagnosis | None:
    """The simplest single edit that repairs the statement at every test point; None where there is none."""
    with balls.precision(trial.land.bits):
        structural = _structural(program, guilt)
        if structural is not None:
            return structural
        search = _Search(program, trial, guilt, fmt)
        return search.first() if len(search.cone) <= MAX_CONE else None


def _structural(program: Program, guilt: Guilt) -> Diagnosis | None:
    line = program.lines[guilt.line]
    through = " and ".join(f"`{forward_text(program, e)}`" for e in guilt.edges)
    words = {
        "missing": f"the contribution through {through} is missing",
        "overwritten": f"`=` overwrites an earlier contribution where `+=` is meant: what came through {through} is lost",
        "doubled": "this contribution is already added by another line",
        "premature": f"`{program.steps[guilt.other].name}` is read here before `{_line_text(program, guilt.other)}` is added to it" if guilt.other >= 0 else "",
    }.get(guilt.kind)
    return None if words is None else Diagnosis(words, guilt.line, line.start, line.end)


def _line_text(program: Program, step: int) -> str:
    line = program.steps[step].line
    return program.lines[line].text.strip() if line >= 0 else program.steps[step].name


def forward_text(program: Program, step: int) -> str:
    """The forward line of a step; the step's own part of it where the function is one formula."""
    record = program.steps[step]
    if record.line < 0:
        return record.gate
    line = program.lines[record.line]
    if line.source is not None and "=" not in line.text and record.end > record.start:
        return line.source.text[record.start : record.end].strip()
    return line.text.strip()


class _Search:
    """Tries edits of the steps that a contribution is computed by, in the order in which people make mistakes."""

    def __init__(self, program: Program, trial: Trial, guilt: Guilt, fmt: Format) -> None:
        self.program, self.trial, self.guilt, self.fmt = program, trial, guilt, fmt
        self.steps = program.steps
        self.root = guilt.contribution
        bare = self.steps[self.root].line != guilt.line or self.root < program.backward_start  # `dx += du`: the name itself is the contribution
        self.cone = [self.root] if bare else cone(program, trial.meaning, self.root)
        self.bare = bare
        self.values: dict[int, Column] = {}
        for i in self.cone if len(self.cone) <= MAX_CONE else ():
            self.values[i] = trial.values[i] if bare else self._recomputed(i)
        self.atoms = self._atoms()
        self.conditions = self._conditions()

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
        """Whether the statement is right when step k has this value."""
        if not all(isinstance(c, arb) and c.is_finite() for c in column) and not all(isinstance(c, bool) for c in column):
            return False
        return agrees(self.with_changed({k: column}), self.guilt.needed, self.fmt)

    def _atoms(self) -> list[tuple[str, Column]]:
        """The names in scope at the statement, nearest first, without truth values."""
        atoms: dict[str, Column] = {}
        for i in range(self.root - 1, -1, -1):
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

    def first(self) -> Diagnosis | None:
        """The first edit that repairs the statement: the likelier kinds first, and of each the whole statement first."""
        order = sorted(self.cone, key=lambda i: (i != self.root, not self.steps[i].name, self.steps[i].line != self.guilt.line, i))
        gates = [i for i in order if self.steps[i].args and i not in self.conditions]
        choices = [i for i in order if self.steps[i].args and i in self.conditions]  # what only chooses a branch comes last
        copied = self.bare or self.steps[self.root].gate == "copy"
        kinds: list[Callable[[], Diagnosis | None]] = [
            lambda: self._tried([self.root], (self._signs,)),
            lambda: self._tried(gates, (self._gates, self._signs)),
            lambda: self._literal_edit(near=True),
            lambda: self._tried(gates, (self._exponents,)),
            lambda: self._tried([self.root] if copied else [], (self._factors, self._chain_factors)),
            lambda: self._tried(gates, (self._drops, self._powers, self._operands, self._factors, self._chain_factors)),
            lambda: self._tried(choices, (self._gates, self._drops, self._operands)),
            lambda: self._literal_edit(near=False),
            lambda: self._tried(gates, (self._operand_shapes, self._composite_factors, self._shapes)),
            lambda: self._tried(order, (self._signs, self._leaves)),
            self._constant_factor,
            lambda: self._literal_edit(near=False, unnamed=True),
        ]
        return next((found for kind in kinds if (found := kind()) is not None), None) or self._too_much()

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

    def _tried(self, order: Sequence[int], kinds: Sequence[Callable[[int], Iterator[Edit]]]) -> Diagnosis | None:
        for edits in kinds:
            for k in order:
                for column, words in edits(k):
                    if self.repaired(k, column):
                        return self._at(k, words)
        return None

    def _at(self, k: int, words: str) -> Diagnosis:
        step = self.steps[k]
        line = self.guilt.line if k == self.root or step.line < 0 else step.line
        here = self.program.lines[line]
        inside = step.line == line and step.end > step.start
        return Diagnosis(words, line, step.start if inside else here.start, step.end if inside else here.end)

    # ------------------------------------------------------------ edits: pairs of a new value of step k and the words for it

    def _signs(self, k: int) -> Iterator[Edit]:
        value = self.value(k)
        if all(isinstance(v, arb) for v in value):
            yield [-v for v in value], f"the sign of `{self.text(k)}` is flipped" if k != self.root else "the sign is flipped"

    def _gates(self, k: int) -> Iterator[Edit]:
        step, text = self.steps[k], self.text(k)
        args = [self.value(a) for a in self.args(k)]
        if not args:
            return
        for other in OTHER.get(step.gate, ()):
            yield real_value(other, args), f"`{SYMBOLS[step.gate]}` where `{SYMBOLS[other]}` is meant in `{text}`"
        if len(args) == 2 and step.gate in ("sub", "div", "pow", "atan2", "copysign", "fmod", "xlogy"):
            yield real_value(step.gate, args[::-1]), f"the operands of `{text}` are swapped"
        if step.gate == "where":
            yield real_value("where", [args[0], args[2], args[1]]), f"the wrong branch: the branches of `{text}` are swapped"
        for pair in NEIGHBOURS:
            if step.gate in pair:
                other = pair[1] if step.gate == pair[0] else pair[0]
                if other in GATES and len(GATES[other].parameters) == len(args):
                    yield real_value(other, args), f"`{step.gate}` where `{other}` is meant in `{text}`"
        for other in ("lt", "le", "gt", "ge") if step.gate in ("lt", "le", "gt", "ge") else ():
            if other != step.gate:
                yield real_value(other, args), f"the wrong branch: the comparison `{text}` is turned round"

    def _operands(self, k: int) -> Iterator[Edit]:
        gate, text = self.steps[k].gate, self.text(k)
        args = [self.value(a) for a in self.args(k)]
        for position, a in enumerate(self.args(k)):
            if not all(isinstance(v, arb) for v in args[position]) or (self.steps[a].gate == "number" and a in self.values):
                continue
            for name, column in self.atoms:
                alternative = gate == "where" and same(column, args[3 - position])  # that is another edit: the branches swapped
                if not same(column, args[position]) and not alternative:
                    stale = name.partition(" ")[0] == self.text(a)
                    words = f"`{self.text(a)}` is stale: `{text}` needs the value of {name}" if stale else f"`{self.text(a)}` where `{name}` is meant in `{text}`"
                    yield real_value(gate, [*args[:position], column, *args[position + 1 :]]), words

    def _leaves(self, k: int) -> Iterator[Edit]:
        if not self.steps[k].args and not self.bare:
            for name, column in self.atoms:
                yield column, f"`{self.text(k)}` where `{name}` is meant"

    def _exponents(self, k: int) -> Iterator[Edit]:
        if self.steps[k].gate == "pow" and self.args(k):
            base, exponent = (self.value(a) for a in self.args(k))
            for change in (-1, 1):
                yield real_value("pow", [base, [e + change for e in exponent]]), f"the exponent of `{self.text(k)}` is 1 too {'high' if change < 0 else 'low'}"

    def _powers(self, k: int) -> Iterator[Edit]:
        for changed, words in self._power_edits(self.text(k), self.value(k)):
            yield changed, words
        args = [self.value(a) for a in self.args(k)]
        for position, a in enumerate(self.args(k)):
            if a not in self.values:  # names are no steps of the statement: `den` where `den**2` is meant
                for changed, words in self._power_edits(self.text(a), args[position]):
                    yield real_value(self.steps[k].gate, [*args[:position], changed, *args[position + 1 :]]), f"{words} in `{self.text(k)}`"

    @staticmethod
    def _power_edits(text: str, value: Column) -> Iterator[Edit]:
        if all(isinstance(v, arb) for v in value):
            yield [v * v for v in value], f"`{text}` should be squared"
            yield [1 / v for v in value], f"`{text}` should be its reciprocal"

    def _factors(self, k: int) -> Iterator[Edit]:
        count = self.trial.land.count
        return self._with_factors(k, [*self.atoms, *((text, [_constant(text)] * count) for text in CONSTANT_FACTORS)])

    def _chain_factors(self, k: int) -> Iterator[Edit]:
        """The local gradient of the forward step through which the contribution comes: the factor that the chain rule asks for."""
        if k != self.root or len(self.guilt.edges) != 1:
            return
        edge = self.guilt.edges[0]
        dout = self.trial.land.adjoints[edge]
        if not any(d.contains(0) for d in dout):
            factor = [n / d for n, d in zip(self.guilt.needed, dout, strict=True)]
            words = f"the factor of the chain rule, the local gradient of `{forward_text(self.program, edge)}`, is missing"
            yield [v * f for v, f in zip(self.value(k), factor, strict=True)], words

    def _composite_factors(self, k: int) -> Iterator[Edit]:
        one = arb(1)
        composite: list[tuple[str, Column]] = []
        for name, column in self.atoms:
            if " " in name or self.is_upstream(name):
                continue
            composite += [
                (f"1 - {name}", [one - c for c in column]),
                (f"1 + {name}", [one + c for c in column]),
                (f"{name}**2", [c * c for c in column]),
                (f"1 - {name}**2", [one - c * c for c in column]),
                (f"1 + {name}**2", [one + c * c for c in column]),
            ]
        return self._with_factors(k, composite)

    def _with_factors(self, k: int, factors: Sequence[tuple[str, Column]]) -> Iterator[Edit]:
        value = self.value(k)
        if not all(isinstance(v, arb) for v in value):
            return
        inside = "" if k == self.root else f" in `{self.text(k)}`"
        for name, column in factors:
            verb = "the gradient that flows in, " if self.is_upstream(name) else ""
            yield [v * c for v, c in zip(value, column, strict=True)], f"{verb}`{name}`, is ignored{inside}" if verb else f"the factor `{name}` is missing{inside}"
            yield [v / c for v, c in zip(value, column, strict=True)], f"{verb}`{name}`, is a factor too often{inside}" if verb else f"a division by `{name}` is missing{inside}"

    def _drops(self, k: int) -> Iterator[Edit]:
        step, args = self.steps[k], self.args(k)
        if len(args) == 1 and step.gate not in ("copy", "not"):
            yield self.value(args[0]), f"`{step.gate}` is too much in `{self.text(k)}`"
        if len(args) == 2 and step.gate in SYMBOLS:
            for kept, dropped in ((0, 1), (1, 0)):
                kind = "factor" if step.gate in ("mul", "div") else "term"
                yield self.value(args[kept]), f"the {kind} `{self.text(args[dropped])}` is too much in `{self.text(k)}`"

    def _operand_shapes(self, k: int) -> Iterator[Edit]:
        one = arb(1)
        args = [self.value(a) for a in self.args(k)]
        for position, a in enumerate(self.args(k)):
            if a in self.values or not all(isinstance(v, arb) for v in args[position]):
                continue
            name, column = self.text(a), args[position]
            for words, changed in (
                (f"1 + {name}", [one + v for v in column]),
                (f"1 - {name}", [one - v for v in column]),
                (f"1 - {name}**2", [one - v * v for v in column]),
                (f"1 + {name}**2", [one + v * v for v in column]),
            ):
                yield real_value(self.steps[k].gate, [*args[:position], changed, *args[position + 1 :]]), f"`{name}` where `{words}` is meant in `{self.text(k)}`"

    def _shapes(self, k: int) -> Iterator[Edit]:
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
        yield [v.sgn() for v in value], f"`{text}` where `sign({text})` is meant"
        for name, column in self.atoms:
            if " " not in name and not self.is_upstream(name):
                yield [v + c for v, c in zip(value, column, strict=True)], f"the term `{name}` is missing in `{text}`"
                yield [v - c for v, c in zip(value, column, strict=True)], f"the term `{name}` is missing (with a minus) in `{text}`"
        for number in (1, 2, -1):
            yield [v + number for v in value], f"`{text}` is off by {number}: `{text} {'+' if number > 0 else '-'} {abs(number)}` is meant"

    # ------------------------------------------------------------ constants

    def _literal_edit(self, *, near: bool, unnamed: bool = False) -> Diagnosis | None:
        """A literal that should be another one, the same at every test point; equal literals change together if one alone does not do."""
        numbers = [k for k in self.cone if self.steps[k].gate == "number"]
        if self.trial.land.count < 2 or self.bare:
            return None
        groups = [[k] for k in numbers]
        for text in dict.fromkeys(self.steps[k].text for k in numbers):
            alike = [k for k in numbers if self.steps[k].text == text]
            if len(alike) > 1:
                groups.append(alike)
        for group in groups if near else ():
            text = self.steps[group[0]].text
            for shorter in _shorter(text):
                value = exact(shorter)
                if agrees(self.with_changed(dict.fromkeys(group, [arb(fmpq(value.numerator, value.denominator))] * self.trial.land.count)), self.guilt.needed, self.fmt):
                    relative = abs(float(exact(text) / value) - 1)
                    return self._at(group[0], f"`{text}` is wrong by {relative:.2g} relative: it should be {shorter}")
        for group in groups:
            words = self._literal_words(group, near=near, unnamed=unnamed)
            if words is not None:
                return self._at(group[0], words)
        return None

    def _literal_words(self, group: list[int], *, near: bool, unnamed: bool) -> str | None:
        text = self.steps[group[0]].text
        needed = self._solved(group)
        if needed is None:
            return None
        written = exact(text)
        relative = float(abs(needed / arb(fmpq(written.numerator, written.denominator)) - 1).mid()) if written else math.inf
        name = identify(needed)
        if name is None and not unnamed:
            return None
        if not 0 < relative < NEAR:
            return f"the constant `{text}` should be {name or needed.str(17, radius=False)}" if not near else None
        if name is None:
            return f"`{text}` is wrong by {relative:.2g} relative: {needed.str(17, radius=False)} is needed (no constant of that value is known)"
        agreeing = max(1, round(-math.log10(relative)))
        likeness = f"it should be {name}" if is_decimal(name) else f"the constant looks like {name} to {agreeing} digits"
        return f"`{text}` is wrong by {relative:.2g} relative: {likeness}"

    def _solved(self, group: list[int]) -> Any:
        """The value of a literal that repairs the statement, the same at all test points; None where there is none."""
        start = self.value(group[0])
        found = solved(lambda x: self.with_changed(dict.fromkeys(group, x)), start, self.guilt.needed, first=self.trial.land.first)
        if found is None:
            return None
        moved = self.with_changed(dict.fromkeys(group, [x * (1 + arb(2) ** -20) for x in start]))
        before = self.value(self.root)
        telling = [x for x, m, b in list(zip(widened(found), moved, before, strict=True))[: self.trial.land.first] if not m.overlaps(b)]  # 1**n says nothing about n
        if len(telling) < 2:
            return None
        ball = telling[0]
        for other in telling[1:]:
            if not other.overlaps(ball):  # an approximate formula: within an ulp of the format
                ball = ball.union(other)
        slack = arb(2) ** (3 - self.fmt.precision)
        holds = ball.rad() <= abs(ball) * slack and agrees(self.with_changed(dict.fromkeys(group, [ball] * len(found))), self.guilt.needed, self.fmt)
        return ball if holds else None

    def _constant_factor(self) -> Diagnosis | None:
        ratios = []
        for n, c in zip(self.guilt.needed, self.guilt.computed, strict=True):
            if not isinstance(c, arb) or not c.is_finite() or c.contains(0) or n.contains(0):
                return None
            ratios.append(n / c)
        if len(ratios) < 2 or not all(ratios[0].overlaps(r) for r in ratios):
            return None
        return self._at(self.root, f"the factor {identify(ratios[0]) or ratios[0].str(10, radius=False)} is missing")

    def _too_much(self) -> Diagnosis | None:
        return self._at(self.root, "this contribution is too much: the others make up the whole gradient") if self.guilt.kind == "extra" else None


def _shorter(text: str) -> list[str]:
    """A literal rounded to fewer digits, as long as it stays near: 3.0000003 may have been meant as 3."""
    written = exact(text)
    found = [f"{float(written):.{digits}g}" for digits in range(1, min(SHORT, significant_digits(text) - 1) + 1)]
    return [t for t in dict.fromkeys(found) if written and 0 < abs(exact(t) / written - 1) < NEAR]


def _constant(text: str) -> Any:
    return {
        "2": lambda: arb(2), "3": lambda: arb(3), "4": lambda: arb(4), "pi": arb.pi, "sqrt(2)": lambda: arb(2).sqrt(),
        "sqrt(pi)": lambda: arb.pi().sqrt(), "log(2)": arb.const_log2, "log(10)": arb.const_log10,
    }[text]()  # fmt: skip
