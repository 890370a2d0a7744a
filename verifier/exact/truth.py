"""The two sides of a comparison: the exact function of a case with its gradient, and the program of an implementation, each with its adjoints over the reals."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from verifier.arithmetic.types import Ball
from verifier.case.case import Draft
from verifier.case.points import forget_samples
from verifier.circuit.backprop import differentiated, with_backward
from verifier.circuit.dag import Dag, joined
from verifier.circuit.expand import primitives_of
from verifier.circuit.program import Program
from verifier.exact import derivatives, one_sided, shifts
from verifier.exact.canonical import Canonical, TriedProof
from verifier.exact.identities.field import is_zero, is_zero_at
from verifier.language.gates import GATES

MOST_REMEMBERED = 64  # programs of callables that were checked last, of which is remembered what follows from them
MOST_STEPS_REMEMBERED = 20_000  # of all of them
MOST_TRUTHS = 8  # beside which a program is remembered
Derived = TypeVar("Derived")
MOST_LIMITS = 4096  # one-sided limits that are remembered
OF_A_PROCESS = ("conditions", "border_limits", "limits", "forms", "proofs")  # what a truth remembers and does not take to another process: balls cannot be sent


@dataclass(frozen=True)
class Truth:
    """The exact side of a case: its function, the same as a program of primitives, and the program of its gradient, made from SymPy's partials; each is made where it is asked for."""

    source: Program  # the function as written

    @property
    def function(self) -> Program:
        """The function as a program of primitives."""
        return self._primitive[0]

    @property
    def places(self) -> tuple[int, ...]:
        """Where each step of the function as written came to stand in `function`."""
        return self._primitive[1]

    @cached_property
    def _primitive(self) -> tuple[Program, tuple[int, ...]]:
        exact, places = derivatives.primitive_with_places(self.source, as_smooth=True)
        return shifts.marked(exact), places

    @cached_property
    def gradient(self) -> derivatives.Gradient:
        """The program of the gradient. Raises derivatives.NotDifferentiable, where `truth_of` has not done so."""
        return derivatives.gradient(self.source, as_smooth=True)

    @cached_property
    def hessian_rows(self) -> dict[int, derivatives.Gradient | None]:
        return {}

    @cached_property
    def zeros(self) -> dict[tuple[int, tuple[float, ...] | None], bool]:
        return {}

    @cached_property
    def forms(self) -> dict[object, Canonical]:
        """The canonical form by the shape of a cone; as many as there are claims."""
        return {}

    @cached_property
    def proofs(self) -> dict[object, TriedProof]:
        """What came of the proofs that were tried, by form and question."""
        return {}

    @cached_property
    def conditions(self) -> dict[object, tuple[Ball | None, Ball | None, str]]:
        """What conditioning found at points; its implementations are compared at the same ones."""
        return {}

    @cached_property
    def border_limits(self) -> dict[tuple[object, int], one_sided.Derivative]:
        """The derivatives by one-sided limits that proofs were challenged with, by point and input; its implementations are challenged at many of the same ones."""
        return {}

    @cached_property
    def limits(self) -> dict[object, one_sided.Derivative]:
        """The last derivatives by one-sided limits that comparisons needed, by point, input and precision; implementations, and replacements of their lines, are compared at the same ones."""
        return {}

    def limit(self, place: one_sided.CarefulRun, point: tuple[float, ...], position: int) -> one_sided.Derivative:
        """The derivative of the function by one-sided limits, from its careful run at a point."""
        key = (point, position, place.bits)
        if key not in self.limits:
            while len(self.limits) >= MOST_LIMITS:
                del self.limits[next(iter(self.limits))]
            self.limits[key] = place.derivative(position)
        return self.limits[key]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in OF_A_PROCESS}

    def vanishes(self, component: int, point: tuple[float, ...]) -> bool:
        """Whether a component of the gradient is provably zero: for all inputs, or at this point."""
        program = self.gradient.program
        if (component, None) not in self.zeros:
            self.zeros[component, None] = is_zero(program, component)
        if (component, point) not in self.zeros:
            self.zeros[component, point] = self.zeros[component, None] or is_zero_at(program, component, point)
        return self.zeros[component, point]

    def equals(self, component: int, point: tuple[float, ...], value: Fraction, upstream: float) -> bool:
        """Whether a component of the gradient, times the gradient that flows in, is provably this number at this point."""
        key = (component, point, value, upstream)
        if key not in self.equalities:
            program = self.gradient.program
            dag = Dag(program.inputs, list(program.steps), dict(program.step_index))
            scaled = dag.gate("mul", component, dag.rational(Fraction(upstream)))
            difference = dag.gate("sub", scaled, dag.rational(value))
            self.equalities[key] = is_zero_at(Program(tuple(dag.steps), program.inputs, {}, difference), difference, point)
        return self.equalities[key]

    @cached_property
    def equalities(self) -> dict[tuple[int, tuple[float, ...], Fraction, float], bool]:
        return {}

    def hessian_row(self, position: int) -> derivatives.Gradient | None:
        """The adjoints of the gradient's component (None where that component is exactly 0)."""
        if position not in self.hessian_rows:
            component = self.gradient.adjoint.get(position)
            self.hessian_rows[position] = None if component is None else derivatives.adjoints_of(self.gradient.program, component, variables=derivatives.differentiable(self.source))
        return self.hessian_rows[position]


def truth_of(function: Program) -> Truth:
    """The exact side of a function. Raises derivatives.NotDifferentiable."""
    truth = Truth(function)
    gates = {s.gate for s in function.steps}
    if "diff" in gates or any(GATES[p].orders for g in gates if g in GATES for p in primitives_of(g)):
        _ = truth.gradient  # with respect to an order there is none: said here; elsewhere it is made where it is asked for
    return truth


def remembered_truth(function: Program) -> Truth:
    """`truth_of`, the same object where an equal function was asked for not long ago: what was derived and proved of it holds again, at whatever points."""
    return _remembered(_truths, function, (), lambda: truth_of(function))


@dataclass(frozen=True)
class Subject:
    """An implementation's program with its backward pass, and the same over the reals in primitives."""

    program: Program
    claims: tuple[tuple[str, str], ...]

    @cached_property
    def exact(self) -> tuple[Program, tuple[int, ...]]:
        return derivatives.primitive_with_places(self.program)

    @cached_property
    def _beside(self) -> dict[int, tuple[Truth, dict[object, Any]]]:
        return {}

    def beside(self, truth: Truth, what: object, work: Callable[[], Derived]) -> Derived:
        """What follows from this program and a truth, whatever the points and the format: found once."""
        if id(truth) not in self._beside:
            if len(self._beside) >= MOST_TRUTHS:
                self._beside.clear()
            self._beside[id(truth)] = (truth, {})
        known = self._beside[id(truth)][1]
        if what not in known:
            known[what] = work()
        found: Derived = known[what]
        return found

    def joined_with(self, truth: Truth) -> tuple[Program, list[list[int]]]:
        """The exact and the computed gradients as one program, and where the steps of each are in it."""
        return self.beside(truth, "joined", lambda: joined((truth.gradient.program, self.exact[0])))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_beside"}

    @cached_property
    def sensitivities(self) -> dict[int, derivatives.Gradient]:
        return {}

    def sensitivity(self, output: int) -> derivatives.Gradient:
        """The adjoints of one computed gradient with respect to all steps."""
        if output not in self.sensitivities:
            self.sensitivities[output] = derivatives.adjoints_of(self.exact[0], output)
        return self.sensitivities[output]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.program.inputs)}

    def position(self, variable: str) -> int:
        """The index of an input among all inputs."""
        return self._positions[variable]

    def index(self, name: str) -> int:
        """The step of a name, in the program over the reals."""
        return self.exact[1][self.program.names[name]]


def subject(draft: Draft) -> Subject:
    """An implementation's whole program: the written backward pass, or the one that backprop generates."""
    whole = draft.whole if draft.whole is not None else with_backward(draft.forward, draft.claims)
    return Subject(differentiated(whole), draft.claims)


def remembered_subject(draft: Draft) -> Subject:
    """`subject`, the same object where an equal program was asked for not long ago."""
    return subject(draft) if draft.whole is None else _remembered(_subjects, draft.whole, draft.claims, lambda: subject(draft))


TruthOrSubject = TypeVar("TruthOrSubject", Truth, Subject)
ProgramContent: TypeAlias = tuple[Any, ...]  # the content of a program: its steps first
_truths: OrderedDict[ProgramContent, Truth] = OrderedDict()
_subjects: OrderedDict[ProgramContent, Subject] = OrderedDict()


def _remembered(known: OrderedDict[ProgramContent, TruthOrSubject], program: Program, claims: tuple[tuple[str, str], ...], make: Callable[[], TruthOrSubject]) -> TruthOrSubject:
    """What was made of an equal program; else what is made now, which is known from then on."""
    p = program
    if len(p) > MOST_STEPS_REMEMBERED:
        return make()
    key = (p.steps, p.inputs, tuple(p.names.items()), p.output, p.lines, p.output_name, p.backward_start, p.parameters, tuple(p.shapes.items()), claims)
    found = known.get(key)
    if found is None:
        found = known[key] = make()
        steps = sum(len(k[0]) for k in known)
        while len(known) > MOST_REMEMBERED or steps > MOST_STEPS_REMEMBERED:
            steps -= len(known.popitem(last=False)[0][0])
    else:
        known.move_to_end(key)
    return found


def forget() -> None:
    """Forget what was derived and proved of programs of callables, and the samples that were drawn: a check after that takes as long as a first one."""
    forget_samples()
    _truths.clear()
    _subjects.clear()
