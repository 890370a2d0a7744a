"""Folds of a Dag: equal steps are one, and what is left out changes no value (the laws of a ring with one)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import expression
from verifier.circuit.dag import Dag
from verifier.exact.derivatives import gradient

OPERATIONS: dict[str, Callable[..., Fraction]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg, "copy": lambda a: a,
    "div": lambda a, b: a / b if b else Fraction(0),
}  # fmt: skip
# gate, operands ("x" and "y" are inputs), what the field axioms make of it
FOLDS = (
    ("mul", ("x", "0"), "0"), ("mul", ("0", "x"), "0"), ("mul", ("x", "1"), "x"), ("mul", ("1", "x"), "x"),
    ("add", ("x", "0"), "x"), ("add", ("0", "x"), "x"), ("sub", ("x", "0"), "x"), ("sub", ("x", "x"), "0"),
    ("div", ("x", "1"), "x"), ("neg", ("0",), "0"), ("copy", ("x",), "x"),
)  # fmt: skip
NOT_FOLDED = (("sub", ("0", "x")), ("sub", ("x", "y")), ("div", ("1", "x")), ("div", ("x", "0")), ("mul", ("x", "2")), ("add", ("x", "1")), ("sub", ("x", "1")), ("div", ("x", "x")), ("add", ("x", "x")), ("neg", ("x",)))


def step(dag: Dag, name: str) -> int:
    return dag.inputs.index(name) if name in dag.inputs else dag.number(name)


@pytest.mark.parametrize(("gate", "operands", "result"), FOLDS, ids=[f"{g}-{'-'.join(o)}" for g, o, _ in FOLDS])
def test_a_fold_gives_what_the_axioms_of_a_field_give(gate: str, operands: tuple[str, ...], result: str) -> None:
    dag = Dag(("x", "y"))
    assert dag.gate(gate, *(step(dag, o) for o in operands)) == step(dag, result)


@pytest.mark.parametrize(("gate", "operands"), NOT_FOLDED, ids=[f"{g}-{'-'.join(o)}" for g, o in NOT_FOLDED])
def test_nothing_else_is_folded(gate: str, operands: tuple[str, ...]) -> None:
    dag = Dag(("x", "y"))
    args = tuple(step(dag, o) for o in operands)
    found = dag.steps[dag.gate(gate, *args)]
    assert (found.gate, found.args) == (gate, args)


def test_a_double_negation_is_what_was_negated() -> None:
    dag = Dag(("x",))
    assert dag.gate("neg", dag.gate("neg", 0)) == 0


@given(st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=12), st.tuples(*[st.integers(-4, 4).map(Fraction)] * 2))
def test_folds_change_no_value(drawn: list[tuple[str, int, int]], point: tuple[Fraction, Fraction]) -> None:
    dag = Dag(("x", "y"))
    steps, values = [0, 1, dag.number("0"), dag.number("1"), dag.number("2")], [*point, Fraction(0), Fraction(1), Fraction(2)]
    for name, i, j in drawn:
        at = [k % len(steps) for k in ((i,) if name in ("neg", "copy") else (i, j))]
        if name == "div" and not values[at[1]]:
            continue
        steps.append(dag.gate(name, *(steps[k] for k in at)))
        values.append(OPERATIONS[name](*(values[k] for k in at)))
    run: list[Fraction] = []
    for s in dag.steps:
        run.append(point[len(run)] if s.gate == "input" else OPERATIONS[s.gate](*(run[a] for a in s.args)) if s.args else Fraction(s.text))
    assert [run[s] for s in steps] == values
    assert len({(s.gate, s.args, s.text) for s in dag.steps}) == len(dag.steps), "equal steps are one"


def test_the_gradient_of_a_difference_that_is_zero_is_exactly_zero() -> None:
    assert gradient(expression("y + (exp(x) - exp(x))", "x", "y")).wrt(0) is None
