"""The exact side: SymPy's derivative of each gate, and the gradient program that accumulates them in reverse over the shared DAG.

Nothing here reads the table's `partials` or its kernels: the exact gradient shares only the language with the staged one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from verifier.circuit import expand
from verifier.circuit.dag import Dag
from verifier.circuit.program import SHIFT, Program, Step, ancestors
from verifier.exact import marks, shifts
from verifier.language.gates import GATES, of_kind
from verifier.language.primitives import incomplete
from verifier.run.cache import NO_CACHE, Cache, name_of, remembered

if TYPE_CHECKING:
    from verifier.exact.sympy_gates import Expression

# Where SymPy has no derivative that can be used, how it was got. Everything else is sympy.diff of the primitive.
STEPS = of_kind("step")  # constant between their jumps; at a jump the strict balls are undecided
TRUTHS = of_kind("comparison", "logic")
WrittenProgram: TypeAlias = tuple[tuple[tuple[str, tuple[int, ...], str], ...], int]  # the gate, operands and text of every step, and the output
_entries: ContextVar[Cache] = ContextVar("entries", default=NO_CACHE)


class NotDifferentiable(ValueError):
    """An expression that depends on a variable through a parameter that has no derivative (the order of a Bessel function)."""


@dataclass(frozen=True)
class Gradient:
    """A program of primitives that computes a value and its adjoints.

    `value` is the step of the function, `at[i]` the step here with the value of step i of the original program,
    `adjoint[k]` the step of d(value)/d(step k) for step k of this program; absent where that is exactly 0.
    """

    program: Program
    value: int
    at: tuple[int, ...]
    adjoint: dict[int, int]

    def wrt(self, index: int) -> int | None:
        """The step of the derivative with respect to step `index` of the original program; None where it is exactly 0."""
        return self.adjoint.get(self.at[index])


@cache
def local_gradient(name: str, literals: tuple[str | None, ...]) -> tuple[Program | None, ...]:
    """SymPy's partial derivatives of a primitive, each a program over the gate's parameters.

    `literals` holds the text of the operands that are numbers (their derivative is not needed, and `x**2` gives `2*x`).
    """
    parameters = GATES[name].parameters
    if name in STEPS:
        return tuple(_constant_program(parameters, "0") for _ in parameters)
    if name in TRUTHS:
        return tuple(None for _ in parameters)
    found = remembered(_entries.get(), lambda: name_of("derivative", name, parameters, literals), tuple[WrittenProgram | None, ...], lambda: _sympy_gradient(name, parameters, literals))
    return tuple(None if written is None else Program(tuple(Step(*s) for s in written[0]), parameters, {}, written[1]) for written in found)


def _constant_program(parameters: tuple[str, ...], text: str) -> Program:
    dag = Dag(parameters)
    return Program((*dag.steps, Step("number", (), text)), parameters, {}, len(parameters))


@contextmanager
def derived_before(cache: Cache) -> Iterator[None]:
    """A context in which derivatives of gates are taken from a cache, and stored there: where it has all that a case needs, SymPy is not even loaded."""
    before = _entries.set(cache)
    try:
        yield
    finally:
        _entries.reset(before)


def _sympy_gradient(name: str, parameters: tuple[str, ...], literals: tuple[str | None, ...]) -> tuple[WrittenProgram | None, ...]:
    import sympy

    from verifier.exact import sympy_gates
    from verifier.language.numeral import exact

    gate = GATES[name]
    symbols = [sympy.Symbol(p) if i in gate.conditions else sympy.Symbol(p, real=True) for i, p in enumerate(parameters)]
    values = [
        s if text is None else sympy.Rational(exact(text).numerator, exact(text).denominator)
        for s, text in zip(symbols, literals, strict=True)
    ]
    if name not in sympy_gates.PRIMITIVES:
        raise incomplete(name)
    meaning = sympy_gates.PRIMITIVES[name](*values)
    programs: list[WrittenProgram | None] = []
    for position, symbol in enumerate(symbols):
        if literals[position] is not None or position in gate.conditions or position in gate.orders:
            programs.append(None)
            continue
        derivative = DERIVATIVES[name](*values)[position] if name in DERIVATIVES else sympy.diff(meaning, symbol)
        dag = Dag(parameters)
        indices = {s: i for i, s in enumerate(symbols)}
        output = sympy_gates.emit(derivative, indices, lambda name, *args, dag=dag: dag.gate(name, *args, exist=True), dag.number, lambda text, dag=dag: dag.leaf("constant", text))  # type: ignore[misc]
        programs.append((tuple((s.gate, s.args, s.text) for s in dag.steps), output))
    return tuple(programs)


def _cbrt(a: object) -> tuple[object]:
    import sympy

    return (1 / (3 * sympy.Abs(a) ** sympy.Rational(2, 3)),)


def _tanh(a: object) -> tuple[object]:
    import sympy

    return (1 / sympy.cosh(a) ** 2,)


def _other(name: str, *args: Expression) -> Expression:
    """A gate that SymPy has no name for, as an undefined function of that name."""
    import sympy

    return sympy.Function(name)(*args)


def _rgamma(a: Expression) -> tuple[Expression]:
    import sympy

    third = sympy.Rational(1, 3)  # no float is on this boundary or the next two
    left, right = sympy.Min(a, sympy.Rational(2, 5)), sympy.Max(a, sympy.Rational(1, 5))  # the branch not taken has no pole either
    turned = sympy.gamma(1 - left)  # a sum of two products: at the zeros, where it is an integer, the first is exact and the second exactly 0
    reflected = turned * _other("cospi", left) - turned * _other("sinpi", left) * sympy.digamma(1 - left) / sympy.pi
    return (sympy.Piecewise((reflected, a < third), (-sympy.digamma(right) * _other("rgamma", right), True)),)


def _erfcx(a: Expression) -> tuple[Expression]:
    import sympy

    return (2 * a * _other("erfcx", a) - 2 / sympy.sqrt(sympy.pi),)


def _log_ndtr(a: Expression) -> tuple[Expression]:
    import sympy

    return (sympy.sqrt(2 / sympy.pi) / _other("erfcx", -a / sympy.sqrt(2)),)


def _ive(n: Expression, a: Expression) -> tuple[Expression, Expression]:
    import sympy

    return None, (_other("ive", n - 1, a) + _other("ive", n + 1, a)) / 2 - sympy.sign(a) * _other("ive", n, a)


def _sinch(sign: int) -> Callable[[Expression], tuple[Expression]]:
    def derivative(a: Expression) -> tuple[Expression]:
        import sympy

        return (sympy.hyper((), (sympy.Rational(3, 2),), sign * a**2 / 4),)

    return derivative


def _lambertw(a: Expression) -> tuple[Expression]:
    import sympy

    return (sympy.exp(-_other("lambertw", a)) / (1 + _other("lambertw", a)),)


def _spence(a: Expression) -> tuple[Expression]:
    import sympy

    third = sympy.Rational(1, 3)  # as in _rgamma
    left, right = sympy.Min(a, sympy.Rational(2, 5)), sympy.Max(a, sympy.Rational(1, 5))
    return (sympy.Piecewise((sympy.log(left) / (1 - left), a < third), (-sympy.hyper((1, 1), (2,), 1 - right), True)),)


def _sinpi(a: Expression) -> tuple[Expression]:
    import sympy

    return (sympy.pi * _other("cospi", a),)


def _cospi(a: Expression) -> tuple[Expression]:
    import sympy

    return (-sympy.pi * _other("sinpi", a),)


def _pow(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    import sympy

    slope = b * a ** (b - 1)  # no Piecewise: as a function it would be differentiated branch by branch
    return slope, a**b * sympy.log(a) if b.is_Symbol else sympy.S.Zero


# Derivatives that are not taken from sympy.diff as it stands, with the reason; `tests/exact/test_derivatives.py` proves each equal to it.
DERIVATIVES: dict[str, Callable[..., tuple[object, ...]]] = {
    "pow": _pow,  # SymPy's b * a**b / a has no value at 0, where powers are smooth
    "cbrt": _cbrt,  # SymPy's has a DiracDelta at 0, a point where the derivative is infinite anyway
    "rgamma": _rgamma,  # SymPy's -digamma(a)/gamma(a) is pole times 0 at 0, -1, -2, ..., where 1/gamma is smooth: reflected
    "erfcx": _erfcx,  # SymPy's exp(a**2) * erfc(a) overflows times underflows; in terms of erfcx itself it does not
    "dawson": lambda a: (1 - 2 * a * _other("dawson", a),),  # likewise
    "log_ndtr": _log_ndtr,  # likewise: SymPy's has erfc, 0 in the tail, in the denominator
    "ive": _ive,  # likewise; the first entry is the order's, which has none
    "kve": lambda n, a: (None, _other("kve", n, a) - (_other("kve", n - 1, a) + _other("kve", n + 1, a)) / 2),  # likewise
    "lambertw": _lambertw,  # SymPy's w / (a (1 + w)) is 0/0 at 0
    "si": _sinch(-1),  # SymPy's sin(a)/a is 0/0 at 0: 0F1(; 3/2; -a**2/4) is the same function, regular
    "shi": _sinch(1),  # likewise sinh(a)/a
    "spence": _spence,  # SymPy's log(a)/(1 - a) is 0/0 at 1: -2F1(1, 1; 2; 1 - a) is the same function, regular there
    "sinpi": _sinpi,  # SymPy's cos(pi*a) is an interval around 0 halfway between the integers, where cospi is exactly 0
    "cospi": _cospi,  # likewise
    "fresnels": lambda a: (_other("sinpi", a**2 / 2),),  # likewise SymPy's sin(pi*a**2/2)
    "fresnelc": lambda a: (_other("cospi", a**2 / 2),),  # likewise
    "zeta": lambda a: (_other("zetaderiv", 1, a),),  # SymPy has none
    "hurwitz": lambda s, a: (None, -s * _other("hurwitz", s + 1, a)),  # DLMF 25.11.17
    "zetaderiv": lambda n, a: (None, _other("zetaderiv", n + 1, a)),  # SymPy does not know the function
    "tanh": _tanh,  # SymPy's 1 - tanh(a)**2 loses all digits in the tails; 1/cosh(a)**2 is the same function
}


def primitive(program: Program) -> Program:
    """The same function over the reals as a program of primitives: gates with a meaning written out, `diff` expanded, equal steps merged."""
    return primitive_with_places(program)[0]


def primitive_with_places(program: Program, *, as_smooth: bool = False) -> tuple[Program, tuple[int, ...]]:
    """`primitive`, and for each step of the original the index of its value there; `as_smooth` as in `expand.write`."""
    dag = Dag(program.inputs)
    at = write(dag, program, as_smooth=as_smooth)
    return Program(tuple(dag.steps), program.inputs, {}, at[program.output]), tuple(at)


def write(dag: Dag, program: Program, *, as_smooth: bool = False) -> list[int]:
    """Append a program to a dag in primitives, with every `diff` expanded; the index there of each of its steps. `as_smooth` as in `expand.write`."""
    return expand.write(dag, program, _derivative, as_smooth=as_smooth)


def _derivative(dag: Dag, value: int, variable: int) -> int:
    """Append d(value)/d(variable), which has no value where `value` has none; its step.

    On a border of `value` (`marks`) the formula is that of one piece, which may hold at that point only. So that the step
    can be recognised there, it is marked, and reads `value` beside the formula.
    """
    found = accumulate(dag, value, {variable}).get(variable)
    derivative = dag.number("0") if found is None else found
    formula = dag.gate("add", derivative, dag.gate("mul", dag.number("0"), value))
    if not marks.has_borders(dag.steps, value, variable) and not marks.has_roots(dag.steps, value, variable):
        return formula
    if not dag.steps[formula].args:  # a number: the balls see the border in `value` only
        formula = dag.marked("add", (formula, dag.marked("mul", (dag.number("0"), value), "")), "")
    zero = dag.number("0")
    return dag.marked("where", (dag.gate("eq", zero, zero), formula, value), marks.mark(variable, len(dag.inputs)))


def accumulate(dag: Dag, value: int, variables: set[int]) -> dict[int, int]:
    """Append the adjoints of `value`, in reverse, with respect to every step that depends on `variables`.

    The result maps a step to the step of its adjoint; what is absent has adjoint exactly 0. Linear in the number of
    steps: each is visited once, with SymPy's partials of its gate. Adjoints are meant where `value` exists, so a factor 0
    is folded whatever stands beside it.
    """
    depends = [i in variables for i in range(value + 1)]
    for i in range(value + 1):
        if not depends[i]:
            depends[i] = any(depends[a] for a in dag.steps[i].args)
    adjoints: dict[int, int] = {value: dag.number("1")} if depends[value] else {}
    for i in range(value, -1, -1):
        adjoint = adjoints.get(i)
        step = dag.steps[i]
        if adjoint is None or dag.is_number(adjoint, "0") or not step.args or step.text == SHIFT or not any(depends[a] for a in step.args):
            continue
        literals: tuple[str | None, ...] = (None,) * len(step.args)
        if marks.is_derivative(step):
            taken = step.args[1]
            adjoints[taken] = dag.gate("add", adjoints[taken], adjoint) if taken in adjoints else adjoint
            continue
        if step.gate in _BY_LITERAL and not dag.is_zero(step.args[0]):  # SymPy's 0**x has the derivative nan
            literals = tuple(_short_literal(dag.steps[a]) if step.gate in _BY_LITERAL else None for a in step.args)
        partials = local_gradient(step.gate, literals)
        for position, argument in enumerate(step.args):
            if not depends[argument]:
                continue
            partial = partials[position]
            if partial is None:
                if position in GATES[step.gate].orders:
                    raise NotDifferentiable(f"'{step.gate}' has no derivative with respect to its parameter '{GATES[step.gate].parameters[position]}'")
                continue
            factor = dag.splice(partial, step.args, exist=True)[partial.output]
            contribution = _through(dag, adjoint, factor)
            adjoints[argument] = dag.gate("add", adjoints[argument], contribution) if argument in adjoints else contribution
    return {i: a for i, a in adjoints.items() if not dag.is_number(a, "0")}


def _through(dag: Dag, adjoint: int, factor: int) -> int:
    """adjoint * factor; what comes back through a branch that is not taken stays 0, whatever the factor is there."""
    if dag.steps[factor].gate == "where" and dag.steps[adjoint].gate != "where":
        adjoint, factor = factor, adjoint
    step = dag.steps[adjoint]
    if step.gate == "where":
        condition, taken, other = step.args
        if dag.is_number(other, "0"):
            return dag.gate("where", condition, dag.gate("mul", taken, factor, exist=True), other)
        if dag.is_number(taken, "0"):
            return dag.gate("where", condition, taken, dag.gate("mul", other, factor, exist=True))
    return dag.gate("mul", adjoint, factor, exist=True)


def _short_literal(step: Step) -> str | None:
    """The text of a number that SymPy may take as an exponent; None for other steps, and for numbers that are long or have an exponent of their own."""
    return step.text if step.gate == "number" and len(step.text) <= MAX_LITERAL and not {"e", "x"} & set(step.text.lower()) else None


MAX_LITERAL = 20
_BY_LITERAL = frozenset(("pow",))  # gates whose derivative is simpler where an operand is a number


def gradient(program: Program, *, output: int | None = None, variables: set[int] | None = None, as_smooth: bool = False) -> Gradient:
    """The exact gradient of a program's output (or of another step) with respect to every step that depends on some inputs (default: all but its parameters).

    With `as_smooth` (see `expand.write`) the adjoints of the inputs are meant only.
    """
    dag = Dag(program.inputs)
    at = write(dag, program, as_smooth=as_smooth)
    value = at[program.output if output is None else output]
    shifts.mark(dag, value)
    adjoints = accumulate(dag, value, differentiable(program) if variables is None else variables)
    return Gradient(Program(tuple(dag.steps), program.inputs, {}, value), value, tuple(at), adjoints)


def differentiable(program: Program) -> set[int]:
    """The indices of the inputs with respect to which there are derivatives: those that are no parameters of the program and that no order of a gate depends on."""
    orders = {a for s in program.steps if s.gate in GATES for p in GATES[s.gate].orders for a in ancestors(program, s.args[p])}
    return {i for i, name in enumerate(program.inputs) if i not in orders and name not in program.parameters}


def adjoints_of(program: Program, output: int, *, variables: set[int] | None = None) -> Gradient:
    """The adjoints of one step of a program of primitives; a row of the Hessian where the step is a component of a gradient."""
    dag = Dag(program.inputs, list(program.steps), dict(program.step_index))
    adjoints = accumulate(dag, output, differentiable(program) if variables is None else variables)
    return Gradient(Program(tuple(dag.steps), program.inputs, {}, output), output, tuple(range(len(program.steps))), adjoints)
