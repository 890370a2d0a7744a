"""Interprets a jaxpr on steps beside values: a table of primitives, and the control flow as it goes at the point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from verifier.circuit.arrays import Array, ArrayError
from verifier.trace.complex_pairs import Pair, stacked
from verifier.trace.jax import complex_arrays, decompositions, elementwise, linear_algebra, moves, reductions
from verifier.trace.jax.equation_places import Where, is_of_a_library, where
from verifier.trace.jax.jax_array import COMPLEX, ROWS, Bits, Context, JaxArray, in_double, parts_of
from verifier.trace.jax.rule_results import MARK, RuleResults
from verifier.trace.matrices import Steps, is_symmetric, solved_by, symmetric_here
from verifier.trace.record import Iteration, Reading, Refusal, Spot

if TYPE_CHECKING:
    from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

TABLES = (complex_arrays, decompositions, elementwise, linear_algebra, moves, reductions)  # their rows are entered when they are imported
CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # the parameters in which a primitive holds the jaxpr that it calls
CALLED = frozenset(("jit", "pjit", "closed_call", "core_call", "call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_lin", "named_call", "xla_call"))
CUSTOM_ROOT = "_custom_root"  # the function with a derivative rule of lax.custom_root
NOWHERE = Spot("", 0)  # of code whose file is not known
TO_A_TOLERANCE = "write the steps as a loop of a fixed number of rounds (lax.scan, lax.fori_loop), whose gradient is that of these steps, or give function=, the solution as a formula"
CHO_SOLVE = "_cho_solve"  # the function by which JAX solves with Cholesky's factor
ROUNDS = 100_000  # of one loop
ABSOLUTE = frozenset(("lgamma", "digamma"))  # whose kernels are good to units of 1, not of the result: near their zeros no digit of it is right, so values below 1 are not read


@dataclass(eq=False)
class Interpreter(Context):
    """Interprets jaxprs. What the backward pass computes once more from the inputs are the steps of the forward pass."""

    known: dict[Any, list[JaxArray]] = field(default_factory=dict)
    literals: dict[Any, JaxArray] = field(default_factory=dict)
    spot: Where | None = None
    more: int = 0  # times as many rounds more of iterations that are not differentiated
    rules: int = 0  # how deep in functions with a derivative rule of their own
    plain: set[Spot] = field(default_factory=set)  # the loops of the forward pass that are differentiated
    rule_results: RuleResults = field(default_factory=RuleResults)
    iterations: dict[Spot, Iteration] = field(default_factory=dict)

    def run(self, jaxpr: Jaxpr, consts: Sequence[Any], operands: Sequence[JaxArray], outer: Where | None = None) -> list[JaxArray]:
        """The results of a jaxpr for these operands."""
        env: dict[Any, JaxArray] = {}
        for variable, const in zip(jaxpr.constvars, consts, strict=True):
            env[variable] = const if isinstance(const, JaxArray) else self.data(const)
        env.update(zip(jaxpr.invars, operands, strict=True))
        for eqn in jaxpr.eqns:
            self.spot = where(eqn, outer)
            if self.spot is not None:
                self.recorder.at(self.spot.spot, run=self.spot.run, instruction=self.spot.instruction)
            results = self.equation(eqn, [self.read(env, v) for v in eqn.invars], self.spot)
            env.update(zip(eqn.outvars, results, strict=True))
        return [self.read(env, v) for v in jaxpr.outvars]

    def closed(self, closed: ClosedJaxpr | Jaxpr, operands: Sequence[JaxArray], outer: Where | None) -> list[JaxArray]:
        """The results of a jaxpr with its constants."""
        inner: Any = getattr(closed, "jaxpr", closed)
        return self.run(inner, getattr(closed, "consts", ()), operands, outer)

    def followed(self, closed: ClosedJaxpr, operands: Sequence[JaxArray], asked: Sequence[Spot | None]) -> list[JaxArray]:
        """The results of a jaxpr, of which the last are those that Python asked for at these places: each decides the path."""
        found = self.closed(closed, operands, None)
        count = len(found) - len(asked)
        for value, spot in zip(found[count:], asked, strict=True):
            if spot is not None:
                self.recorder.at(spot)
            self.frozen(value)
        return found[:count]

    def read(self, env: dict[Any, JaxArray], atom: Any) -> JaxArray:
        """The value of a variable or a literal; a number is the shortest decimal of its format, as it was written."""
        if not hasattr(atom, "val"):
            return env[atom]
        array = jnp.asarray(atom.val, dtype=atom.aval.dtype)
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            return self.data(array)
        if not jnp.issubdtype(array.dtype, jnp.floating):
            return JaxArray(array)
        key = (str(np.asarray(array)), array.dtype.name, self.spot.spot if self.spot is not None else None)
        if key not in self.literals:
            self.literals[key] = JaxArray(array, np.array(self.recorder.number(float(key[0]))))
        return self.literals[key]

    def data(self, array: Any) -> JaxArray:
        """An array that is no input: its numbers are constants."""
        array = array if hasattr(array, "dtype") and jnp.issubdtype(array.dtype, jax.dtypes.extended) else jnp.asarray(array)
        if not jnp.issubdtype(array.dtype, jnp.inexact):
            return JaxArray(array)
        key = (np.asarray(array).tobytes(), array.dtype.name, array.shape)
        if key not in self.literals:
            is_complex = jnp.issubdtype(array.dtype, jnp.complexfloating)
            self.literals[key] = JaxArray(array, self.recorder.constants(parts_of(array) if is_complex else in_double(array)))
        return self.literals[key]

    def equation(self, eqn: JaxprEqn, operands: list[JaxArray], at: Where | None) -> list[JaxArray]:
        """The results of one equation. Raises Refusal."""
        name = eqn.primitive.name
        if name in CONTROL:
            return CONTROL[name](self, eqn, operands, at)
        if name in CALLED:
            return self.call(eqn, operands, at)
        if all(v.known for v in operands):  # nothing of it depends on an input; every number that is data has steps
            found = eqn.primitive.bind(*(v.array for v in operands), **eqn.params)
            return [self.data(f) for f in (found if eqn.primitive.multiple_results else [found])]
        if name == "name":
            if operands[0].steps is not None and str(eqn.params["name"]).startswith(MARK):
                self.rule_results.result(eqn.params["name"], operands[0].steps)
            return operands
        key = (name, str(eqn.params), *(_key(v) for v in operands))
        if key in self.known:
            return self.known[key]
        if any(isinstance(v, Bits) for v in operands) and name not in elementwise.SHIFTS:
            raise self.refusal(f"the bits of a number ({name})")
        if name == "stop_gradient":
            found = [self.stopped(eqn, operands[0], at)]
            if self.recorder.backward_start < 0:
                self.known[key] = found
            return found
        kinds: list[Any] = [v.aval for v in eqn.outvars]
        is_complex = any(v.kind == "c" for v in operands) or any(jnp.issubdtype(kind.dtype, jnp.complexfloating) for kind in kinds)
        row = (COMPLEX if is_complex else ROWS).get(name)
        if row is None and not any(v.steps is not None and self.depends(v.steps) for v in operands):
            found = eqn.primitive.bind(*(v.array for v in operands), **eqn.params)
            return [self.data(f) for f in (found if eqn.primitive.multiple_results else [found])]
        if row is None:
            raise self.refusal(f"the primitive {name} of JAX is not traced yet{' of complex numbers: write the real and the imaginary part out' if is_complex else ''}")
        try:
            steps = row(self, eqn, operands)
        except ArrayError as error:
            raise self.refusal(str(error)) from None
        found = self.results(eqn, operands, list(steps) if eqn.primitive.multiple_results else [steps])
        if self.recorder.backward_start < 0:
            self.known[key] = found
        return found

    def stopped(self, eqn: JaxprEqn, value: JaxArray, at: Where | None) -> JaxArray:
        """A value that the user's code says is a constant. What JAX's own functions say so of is none of the user's, and what a rule differentiates is said by the rule."""
        steps = self.steps(value)
        if self.recorder.backward_start >= 0 or self.rules or (at is not None and at.is_library) or value.kind != "f" or not self.depends(steps):
            return JaxArray(value.array, steps)
        return self.results(eqn, [value], [self.recorder.stop("stop_gradient", steps, in_double(value.array))])[0]

    def depends(self, steps: Array) -> bool:
        """Whether any of these steps depends on an input, or on a gradient that flows in."""
        return self.recorder.depends(steps)

    def results(self, eqn: JaxprEqn, operands: list[JaxArray], steps: list[Any]) -> list[JaxArray]:
        """Steps with the arrays that JAX computes for them, which are read where they are numbers."""
        if all(isinstance(s, JaxArray) for s in steps):
            return steps
        arrays = [v.array for v in operands]
        held = eqn.params.get("call_jaxpr")  # of a custom_jvp or custom_vjp, whose primitive takes functions instead
        computed = jax.core.eval_jaxpr(held.jaxpr, held.consts, *arrays) if held is not None and hasattr(held, "consts") else eqn.primitive.bind(*arrays, **eqn.params)
        found = []
        for s, array in zip(steps, computed if eqn.primitive.multiple_results else [computed], strict=True):
            if isinstance(s, JaxArray):
                found.append(s)
                continue
            is_complex = isinstance(s, Pair)
            own = np.asarray(stacked(s) if is_complex else s, dtype=np.int64).reshape((*array.shape, 2) if is_complex else array.shape)
            value = JaxArray(array, own)
            floats = parts_of(array) if is_complex else in_double(array) if value.kind == "f" else None
            if floats is not None and eqn.primitive.name in ABSOLUTE:
                self.recorder.done(own)
                large = np.abs(floats) >= 1
                self.recorder.readings.append(Reading(own[large], floats[large], eqn.primitive.name, str(array.dtype)))
            else:
                self.recorder.done(own, floats, eqn.primitive.name, fmt=str(array.real.dtype if is_complex else array.dtype))
            found.append(value)
        return found

    def rounds(self, at: Where | None, count: int, first: int, branches: int) -> int:
        """How many rounds more a loop runs that has run `count` rounds; `first` is its first step, `branches` the number of those before it. An iteration is noted."""
        if count == 0:
            return 0
        spot = at.spot if at is not None else NOWHERE
        is_forward = self.recorder.backward_start < 0
        if is_forward and not self.rules:
            self.plain.add(spot)
            return 0
        if is_forward:
            before = self.iterations.get(spot)
            chooses = len(self.recorder.branches) > branches or any(s.gate == "where" for s in self.builder.steps[first:])
            self.iterations[spot] = Iteration(spot, max(count, before.rounds if before else 0), chooses or (before is not None and before.chooses))
        elif spot not in self.iterations and (spot in self.plain or not self.iterations):
            return 0
        return count * self.more

    def call(self, eqn: JaxprEqn, operands: list[JaxArray], at: Where | None) -> list[JaxArray]:
        """A jaxpr that an equation calls."""
        held = eqn.params.get("jaxpr", eqn.params.get("call_jaxpr"))
        name = eqn.params.get("name") or str(getattr(getattr(getattr(held, "jaxpr", None), "debug_info", None), "func_src_info", "")).partition(" ")[0]
        title = str(name)
        if eqn.primitive.name.startswith("custom_vjp") and title != CUSTOM_ROOT and self.recorder.backward_start < 0 and is_of_a_library(held) and _iterates(held) and not all(v.known for v in operands):
            raise Refusal(f"{title.strip('_')} of JAX iterates to a tolerance, and so does its gradient, in steps of its own", self.recorder.place(), TO_A_TOLERANCE)
        known = elementwise.CALLS.get(title)
        if known is not None and held is not None and is_of_a_library(held) and not all(v.known for v in operands):
            steps = known(self, eqn, operands)
            if steps is not None:
                return self.results(eqn, operands, steps)
        for name in CALLS:
            if name in eqn.params:
                is_rule = eqn.primitive.name.startswith("custom_") and (title == CUSTOM_ROOT or not is_of_a_library(eqn.params[name]))
                self.rules += is_rule
                call = self.rule_results.begin(eqn.params, [v.steps if v.kind == "f" else None for v in operands], len(self.builder.steps)) if "bwd" in eqn.params and self.recorder.backward_start < 0 else None
                found = self.closed(eqn.params[name], operands, at and replace(at, is_library=is_of_a_library(eqn.params[name])))
                self.rules -= is_rule
                if call is not None:
                    call.last = len(self.builder.steps)
                if at is not None:
                    self.recorder.at(at.spot, run=at.run, instruction=at.instruction)
                return found
        raise self.refusal(f"the primitive {eqn.primitive.name} of JAX is not traced: it contains no program of simpler operations")


def _iterates(called: Any) -> bool:
    """Whether a jaxpr, or one within it, has a loop that runs until a condition holds."""
    inner = getattr(called, "jaxpr", called)
    return any(eqn.primitive.name == "while" or any(_iterates(p) for p in jax.tree_util.tree_leaves(list(eqn.params.values()), is_leaf=_is_jaxpr) if _is_jaxpr(p)) for eqn in inner.eqns)


def _is_jaxpr(value: Any) -> bool:
    return hasattr(getattr(value, "jaxpr", value), "eqns")


def _key(value: JaxArray) -> Any:
    if value.steps is None:
        return (str(value.array.dtype), value.array.shape, str(value.array) if value.kind == "?" else np.asarray(value.array).tobytes())
    return (str(value.array.dtype), value.steps.shape, value.steps.tobytes())


# ---------------------------------------------------------------- control flow


def _taken(value: JaxArray, k: int) -> JaxArray:
    return JaxArray(value.array[k], None if value.steps is None else np.asarray(value.steps[k]))


def _stacked(c: Context, parts: list[JaxArray]) -> JaxArray:
    array = jnp.stack([p.array for p in parts])
    if all(p.known for p in parts):
        return JaxArray(array)
    return JaxArray(array, np.stack([c.steps(p) for p in parts]))


def _scan(i: Interpreter, eqn: JaxprEqn, operands: list[JaxArray], at: Where | None) -> list[JaxArray]:
    """Every round in turn."""
    p = eqn.params
    consts, carry, stacked = operands[: p["num_consts"]], operands[p["num_consts"] : p["num_consts"] + p["num_carry"]], operands[p["num_consts"] + p["num_carry"] :]
    if p["length"] > ROUNDS:
        raise i.refusal(f"a loop of {p['length']} rounds")
    order = range(p["length"] - 1, -1, -1) if p["reverse"] else range(p["length"])
    first, branches = len(i.builder.steps), len(i.recorder.branches)
    rows: list[list[JaxArray]] = []
    for k in order:
        results = i.closed(p["jaxpr"], [*consts, *carry, *(_taken(v, k) for v in stacked)], at)
        carry = results[: p["num_carry"]]
        rows.append(results[p["num_carry"] :])
    if not stacked and not any(rows):  # nothing but a state: it may go on
        for _ in range(i.rounds(at, p["length"], first, branches)):
            carry = i.closed(p["jaxpr"], [*consts, *carry], at)
    if p["reverse"]:
        rows.reverse()
    if not rows:
        kinds: list[Any] = [v.aval for v in eqn.outvars[len(carry) :]]
        return [*carry, *(JaxArray(jnp.zeros(kind.shape, kind.dtype)) for kind in kinds)]
    return [*carry, *(_stacked(i, list(column)) for column in zip(*rows, strict=True))]


def _while(i: Interpreter, eqn: JaxprEqn, operands: list[JaxArray], at: Where | None) -> list[JaxArray]:
    """Round after round, as long as the condition holds at the point."""
    p = eqn.params
    n, m = p["cond_nconsts"], p["body_nconsts"]
    state = operands[n + m :]
    first, start, asked = len(i.builder.steps), len(i.recorder.branches), 0
    for count in range(ROUNDS):
        (goes_on,) = i.closed(p["cond_jaxpr"], [*operands[:n], *state], at)
        before = len(i.recorder.branches)
        holds = bool(np.all(i.frozen(goes_on)))
        asked += len(i.recorder.branches) - before  # how often it runs is no choice between values
        if not holds:
            for _ in range(i.rounds(at, count, first, start + asked)):
                state = i.closed(p["body_jaxpr"], [*operands[n : n + m], *state], at)
            return state
        state = i.closed(p["body_jaxpr"], [*operands[n : n + m], *state], at)
    raise i.refusal(f"a loop of more than {ROUNDS} rounds")


def _cond(i: Interpreter, eqn: JaxprEqn, operands: list[JaxArray], at: Where | None) -> list[JaxArray]:
    """The branch that is taken at the point."""
    branches = eqn.params["branches"]
    index = int(np.clip(int(np.asarray(i.frozen(operands[0]))), 0, len(branches) - 1))
    return i.closed(branches[index], operands[1:], at)


def _solved_symmetric(i: Interpreter, a: JaxArray, b: JaxArray) -> Array | None:
    """The x of a x = b for a symmetric matrix that JAX solves by Cholesky's factor: it differentiates the equation and takes the factor for data. None where it is no such case."""
    steps, work = i.steps(a), Steps(i.recorder)
    if a.array.ndim != 2 or b.array.ndim not in (1, 2):
        return None
    if not is_symmetric(i.builder.steps, steps) and not symmetric_here(work, steps, in_double(a.array), float(jnp.finfo(a.array.dtype).eps)):
        return None
    rows = i.steps(b).reshape(-1, len(steps))  # each a right-hand side
    return solved_by(work, steps, in_double(a.array), rows.T).T.reshape(b.array.shape)


def _linear_solve(i: Interpreter, eqn: JaxprEqn, operands: list[JaxArray], at: Where | None) -> list[JaxArray]:
    """How a system of linear equations is solved."""
    lengths = eqn.params["const_lengths"]
    jaxprs = eqn.params["jaxprs"]
    starts = np.cumsum([0, lengths.matvec, lengths.vecmat, lengths.solve, lengths.transpose_solve])
    consts = operands[starts[2] : starts[3]]
    matrices, right = operands[starts[0] : starts[1]], operands[starts[4] :]
    if len(matrices) == len(right) == 1 and i.recorder.backward_start < 0 and any(e.params.get("name") == CHO_SOLVE for e in jaxprs.solve.jaxpr.eqns):
        solved = _solved_symmetric(i, matrices[0], right[0])
        if solved is not None:
            (array,) = jax.core.eval_jaxpr(jaxprs.solve.jaxpr, jaxprs.solve.consts, *(v.array for v in (*consts, *right)))
            return [JaxArray(array, solved)]
    return i.closed(jaxprs.solve, [*consts, *operands[starts[4] :]], at)


def _nothing(i: Interpreter, eqn: JaxprEqn, operands: list[JaxArray], at: Where | None) -> list[JaxArray]:
    """What prints or calls back has been done where the function ran, and no number comes of it."""
    del i, eqn, operands, at
    return []


CONTROL = {**dict.fromkeys(("debug_print", "debug_callback"), _nothing), "scan": _scan, "while": _while, "cond": _cond, "custom_linear_solve": _linear_solve}

