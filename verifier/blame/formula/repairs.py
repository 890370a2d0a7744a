"""The repairs of common mistakes. Each yields the value that a step would have after the repair, and the mistake in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flint import arb

from verifier.arithmetic import reals
from verifier.arithmetic.types import Ball, Balls, is_true
from verifier.blame.formula.adjoint_values import agrees, same
from verifier.blame.formula.statement import RepairTarget, forward_text
from verifier.language.gates import GATES, ORDERINGS, PRODUCTS, SUMS

NEIGHBOURS = (
    ("sin", "cos"), ("sinh", "cosh"), ("tan", "tanh"), ("tanh", "sinh"), ("tanh", "cosh"), ("asin", "acos"), ("asinh", "acosh"), ("atan", "atanh"),
    ("exp", "expm1"), ("exp", "exp2"), ("exp", "log"), ("log", "log1p"), ("log", "log2"), ("log", "log10"), ("log2", "log10"),
    ("sqrt", "rsqrt"), ("sqrt", "cbrt"), ("sqrt", "square"), ("square", "reciprocal"), ("erf", "erfc"), ("gamma", "lgamma"), ("lgamma", "digamma"), ("digamma", "trigamma"),
    ("max", "min"), ("maximum", "minimum"), ("floor", "ceil"), ("abs", "sign"), ("sigmoid", "tanh"), ("sigmoid", "softplus"), ("sigmoid", "logsigmoid"), ("relu", "softplus"),
    ("i0", "i1"), ("j0", "j1"), ("y0", "y1"), ("k0", "k1"), ("airyai", "airybi"), ("airyai", "airyaiprime"), ("airybi", "airybiprime"), ("ellipk", "ellipe"), ("sin", "tan"), ("cos", "tan"),
)  # fmt: skip
OTHER = {"add": ("sub", "mul"), "sub": ("add",), "mul": ("div", "add"), "div": ("mul",)}
CONSTANT_FACTORS = ("2", "3", "4", "pi", "sqrt(2)", "sqrt(pi)", "log(2)", "log(10)")
Repaired = tuple[Balls, str]  # the value of a step after the repair, and the mistake in words


def signs(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """The opposite sign."""
    value = s.value(k)
    if all(isinstance(v, arb) for v in value):
        yield [-v for v in value], f"the sign of `{s.text(k)}` is flipped" if k != s.root else "the sign is flipped"


def gates(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """Another operator, a similar function, swapped branches, another comparison."""
    step, text = s.steps[k], s.text(k)
    args = [s.value(a) for a in s.args(k)]
    if not args:
        return
    for other in OTHER.get(step.gate, ()):
        if step.gate == "add" and other == "mul" and any(s.steps[a].gate == "number" and s.steps[a].text in ("1", "1.0") for a in s.args(k)):
            continue  # that is: the term 1 is superfluous
        yield reals.value(other, args), f"`{GATES[step.gate].symbol}` where `{GATES[other].symbol}` is meant in `{text}`"
    if step.gate == "where":
        yield reals.value("where", [args[0], args[2], args[1]]), f"the wrong branch: the branches of `{text}` are swapped"
    for pair in NEIGHBOURS:
        if step.gate in pair:
            other = pair[1] if step.gate == pair[0] else pair[0]
            if other in GATES and len(GATES[other].parameters) == len(args):
                yield reals.value(other, args), f"`{step.gate}` where `{other}` is meant in `{text}`"
    for other in ORDERINGS if step.gate in ORDERINGS else ():
        if other != step.gate:
            yield reals.value(other, args), f"the wrong branch: `{GATES[step.gate].symbol}` where `{GATES[other].symbol}` is meant in `{text}`"


def swaps(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """The operands in the other order."""
    args = [s.value(a) for a in s.args(k)]
    if len(args) == 2 and _has_an_order(s.steps[k].gate):
        yield reals.value(s.steps[k].gate, args[::-1]), f"the operands of `{s.text(k)}` are swapped"


def _has_an_order(gate: str) -> bool:
    """Whether two numbers that a gate takes may be given in the wrong order."""
    entry = GATES.get(gate)
    return entry is not None and not (entry.commutes or entry.boolean or entry.orders or entry.conditions)


def operands(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """One operand replaced by a name in scope other than that of the output."""
    return _replaced(s, k, [(name, column) for name, column in s.atoms if name != s.program.output_name])


def operands_by_output(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """One operand replaced by the output."""
    return _replaced(s, k, [(name, column) for name, column in s.atoms if name == s.program.output_name])


def _replaced(s: RepairTarget, k: int, atoms: Sequence[tuple[str, Balls]]) -> Iterator[Repaired]:
    gate, text = s.steps[k].gate, s.text(k)
    args = [s.value(a) for a in s.args(k)]
    for position, a in enumerate(s.args(k)):
        if not all(isinstance(v, arb) for v in args[position]) or (s.steps[a].gate == "number" and a in s.values):
            continue
        for name, column in atoms:
            if k in s.conditions and s.is_upstream(name):
                continue
            alternative = gate == "where" and same(column, args[3 - position])  # that is another edit: the branches swapped
            if not same(column, args[position]) and not alternative:
                stale = name.partition(" ")[0] == s.text(a)
                words = f"`{s.text(a)}` is stale: `{text}` needs the value of {name}" if stale else f"`{s.text(a)}` where `{name}` is meant in `{text}`"
                yield reals.value(gate, [*args[:position], column, *args[position + 1 :]]), words


def other_branch(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """The other branch of a `where`, at the points where the statement is wrong."""
    step = s.steps[k]
    if step.gate == "where" and s.args(k):
        condition, yes, no = (s.value(a) for a in step.args)
        wrong = [not agrees([c], [n], s.fmt) for c, n in zip(s.value(s.root), s.mistake.needed, strict=True)]
        value = [(a if is_true(c) != w else b) for c, a, b, w in zip(condition, yes, no, wrong, strict=True)]
        yield value, f"the wrong branch is taken: the other one of `{s.text(k)}` is right"


def masks(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """Zero at those points where the contribution should be zero."""
    zero = [n.is_zero() for n in s.mistake.needed]
    if k == s.root and any(zero) and not all(zero):
        yield [n if z else v for n, v, z in zip(s.mistake.needed, s.value(k), zero, strict=True)], "the contribution should be 0 at this point: a branch is missing here"


def leaves(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A literal or a bare name replaced by a name in scope."""
    if not s.args(k):
        for name, column in s.atoms:
            yield column, f"`{s.text(k)}` where `{name}` is meant"


def exponents(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """An exponent larger or smaller by one."""
    if s.steps[k].gate == "pow" and s.args(k):
        base, exponent = (s.value(a) for a in s.args(k))
        for change in (-1, 1):
            yield reals.value("pow", [base, [e + change for e in exponent]]), f"the exponent of `{s.text(k)}` is 1 too {'high' if change < 0 else 'low'}"


def squares(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A step or a name that should be squared."""
    return _powers(s, k, "should be squared", lambda v: v * v)


def reciprocals(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A step or a name that should be inverted."""
    return _powers(s, k, "should be its reciprocal", lambda v: 1 / v)


def _powers(s: RepairTarget, k: int, words: str, power: Callable[[Ball], Ball]) -> Iterator[Repaired]:
    if all(isinstance(v, arb) for v in s.value(k)):
        yield list(map(power, s.value(k))), f"`{s.text(k)}` {words}"
    args = [s.value(a) for a in s.args(k)]
    for position, a in enumerate(s.args(k)):
        if a not in s.values and all(isinstance(v, arb) for v in args[position]):  # names are no steps of the statement: `den` where `den**2` is meant
            yield reals.value(s.steps[k].gate, [*args[:position], list(map(power, args[position])), *args[position + 1 :]]), f"`{s.text(a)}` {words} in `{s.text(k)}`"


def constant_factors(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A factor or a division by a name that holds one number, such as a parameter, or by a common constant."""
    return _with_factors(s, k, _constants(s))


def factors(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A factor or a division by a name in scope."""
    return _with_factors(s, k, s.atoms)


def factors_of_names(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """The sign of a name that is read, or a number by which it is off: `2*I` where `I` stands."""
    return _of_names(s, k, _constants(s), "the sign of `{}` is flipped in `{}`")


def names_of_names(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A factor or a division by a name that is missing at a name that is read: `a*h` where `h` stands."""
    return _of_names(s, k, [(name, column) for name, column in s.atoms if not s.is_upstream(name)], "")


def _of_names(s: RepairTarget, k: int, factors: Sequence[tuple[str, Balls]], sign: str) -> Iterator[Repaired]:
    gate, whole = s.steps[k].gate, s.text(k)
    args = [s.value(a) for a in s.args(k)]
    if gate in ("pow", *PRODUCTS) or gate not in GATES or GATES[gate].boolean:  # a factor of a factor is one of the product
        return
    for position, a in enumerate(s.args(k)):
        if (a in s.values and not s.is_read_here(a)) or s.steps[a].gate == "number" or not all(isinstance(v, arb) for v in args[position]):
            continue
        name, value = s.text(a), args[position]
        changes = [(sign.format(name, whole), [-v for v in value])] if sign else []
        for text, column in factors:
            changes.append((f"the factor `{text}` is missing at `{name}` in `{whole}`", [v * c for v, c in zip(value, column, strict=True)]))
            changes.append((f"a division by `{text}` is missing at `{name}` in `{whole}`", [v / c for v, c in zip(value, column, strict=True)]))
        for words, changed in changes:
            yield reals.value(gate, [*args[:position], changed, *args[position + 1 :]]), words


def _constants(s: RepairTarget) -> list[tuple[str, Balls]]:
    """The names and expressions that hold the same number at all test points, and the common constants."""
    named = [(name, column) for name, column in s.atoms if not s.is_upstream(name)]
    common = [(text, [_constant(text)] * s.isolated.reference.count) for text in CONSTANT_FACTORS]
    return [(text, column) for text, column in (*named, *common, *s.constants) if all(c.overlaps(column[0]) and not (c**2 - 1).contains(0) and not c.contains(0) for c in column)]


def chain_factors(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """The local gradient of the forward step through which the contribution comes: the factor that the chain rule asks for."""
    if k != s.root or len(s.mistake.edges) != 1:
        return
    edge = s.mistake.edges[0]
    dout = s.isolated.reference.adjoints[edge]
    if not any(d.contains(0) for d in dout):
        factor = [n / d for n, d in zip(s.mistake.needed, dout, strict=True)]
        words = f"the factor of the chain rule, the local gradient of `{forward_text(s.program, edge)}`, is missing"
        yield [v * f for v, f in zip(s.value(k), factor, strict=True)], words


def composite_factors(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A factor or a division by 1 - name**2 and the like."""
    one = arb(1)
    composite: list[tuple[str, Balls]] = []
    for name, column in s.atoms:
        if " " in name or s.is_upstream(name):
            continue
        composite += [
            (f"1 - {name}", [one - c for c in column]),
            (f"1 + {name}", [one + c for c in column]),
            (f"{name}**2", [c * c for c in column]),
            (f"1 - {name}**2", [one - c * c for c in column]),
            (f"1 + {name}**2", [one + c * c for c in column]),
        ]
    return _with_factors(s, k, composite)


def _with_factors(s: RepairTarget, k: int, factors: Sequence[tuple[str, Balls]]) -> Iterator[Repaired]:
    value = s.value(k)
    if not all(isinstance(v, arb) for v in value):
        return
    inside = "" if k == s.root else f" in `{s.text(k)}`"
    for name, column in factors:
        verb = "the gradient that flows in, " if s.is_upstream(name) else ""
        yield [v * c for v, c in zip(value, column, strict=True)], f"{verb}`{name}`, is ignored{inside}" if verb else f"the factor `{name}` is missing{inside}"
        yield [v / c for v, c in zip(value, column, strict=True)], f"{verb}`{name}`, is a factor once too often{inside}" if verb else f"a division by `{name}` is missing{inside}"


def drops(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A factor, a term or a function left out."""
    step, args = s.steps[k], s.args(k)
    if len(args) == 1 and step.gate not in ("copy", "not"):
        yield s.value(args[0]), f"`{step.gate}` is superfluous in `{s.text(k)}`"
    if len(args) == 2 and step.gate in OTHER:
        for rest, dropped in ((0, 1), (1, 0)):
            kind = "factor" if step.gate in PRODUCTS else "term"
            whole, part, left = s.text(k), s.text(args[dropped]), s.value(args[rest])
            if rest and step.gate in ("sub", "div"):  # what is left of `a - b` without `a` is `-b`
                yield left, f"`{whole}` where `{s.text(args[rest])}` is meant"
                left = [-v if step.gate == "sub" else 1 / v for v in left] if all(isinstance(v, arb) for v in left) else left
            yield left, f"the {kind} `{part}` is superfluous in `{whole}`" if part != whole else f"`{whole}` has a {kind} too many"
    if step.gate in PRODUCTS and len(args) == 2 and s.steps[args[0]].gate == "neg" and (negated := s.args(args[0])) and args[0] in s.values:
        ones = [arb(-1)] * s.isolated.reference.count  # what is left of `-a*b` without `a` is `-b`
        yield reals.value(step.gate, [ones, s.value(args[1])]), f"the factor `{s.text(negated[0])}` is superfluous in `{s.text(k)}`"


def literal_terms(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A term that is a number left out: a guard such as `+ 1e-6` that the function does not have."""
    args = s.args(k)
    if args and s.steps[k].gate in SUMS:
        for rest, dropped in ((0, 1), (1, 0)):
            if s.steps[args[dropped]].gate == "number" and (rest == 0 or s.steps[k].gate == "add"):
                yield s.value(args[rest]), f"the term `{s.text(args[dropped])}` is superfluous in `{s.text(k)}`"


def operand_shapes(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A name where 1 - name**2 or the like is meant."""
    one = arb(1)
    args = [s.value(a) for a in s.args(k)]
    for position, a in enumerate(s.args(k)):
        if a in s.values or not all(isinstance(v, arb) for v in args[position]):
            continue
        name, column = s.text(a), args[position]
        for words, changed in (
            (f"1 + {name}", [one + v for v in column]),
            (f"1 - {name}", [one - v for v in column]),
            (f"1 - {name}**2", [one - v * v for v in column]),
            (f"1 + {name}**2", [one + v * v for v in column]),
            (f"sign({name})", [v.sgn() for v in column]),
            (f"abs({name})", [abs(v) for v in column]),
        ):
            yield reals.value(s.steps[k].gate, [*args[:position], changed, *args[position + 1 :]]), f"`{name}` where `{words}` is meant in `{s.text(k)}`"


def shapes(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """1 - value and the like in place of the value, its square root, its absolute value, its sign; the value plus a missing term."""
    value = s.value(k)
    if not all(isinstance(v, arb) for v in value):
        return
    one = arb(1)
    text = s.text(k)
    yield [one - v for v in value], f"`{text}` where `1 - {_as_operand(text, '+-')}` is meant"
    yield [one + v for v in value], f"`{text}` where `1 + {text}` is meant"
    yield [one - v * v for v in value], f"`{text}` where `1 - {_as_operand(text, '+-*/')}**2` is meant"
    yield [v.sqrt() for v in value], f"`{text}` should be its square root"
    yield [abs(v) for v in value], f"`{text}` where `abs({text})` is meant"
    yield [v.sgn() for v in value], f"`{text}` where `sign({text})` is meant"
    for name, column in s.atoms:
        if " " not in name and not s.is_upstream(name):
            yield [v + c for v, c in zip(value, column, strict=True)], f"the term `{name}` is missing in `{text}`"
            yield [v - c for v, c in zip(value, column, strict=True)], f"the term `{name}` is missing (with a minus) in `{text}`"
    yield from number_terms(s, k)


def number_terms(s: RepairTarget, k: int) -> Iterator[Repaired]:
    """A term that is a whole number and is missing."""
    value = s.value(k)
    if all(isinstance(v, arb) for v in value):
        yield from (([v + number for v in value], f"the term `{number}` is missing in `{s.text(k)}`") for number in (1, -1, 2, -2))


def _as_operand(text: str, operators: str) -> str:
    """A text, in parentheses where one of the operators stands outside of its own."""
    depth = 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if depth == 0 and c in operators:
            return f"({text})"
    return text


def _constant(text: str) -> Ball:
    return {
        "2": lambda: arb(2), "3": lambda: arb(3), "4": lambda: arb(4), "pi": arb.pi, "sqrt(2)": lambda: arb(2).sqrt(),
        "sqrt(pi)": lambda: arb.pi().sqrt(), "log(2)": arb.const_log2, "log(10)": arb.const_log10,
    }[text]()  # fmt: skip
