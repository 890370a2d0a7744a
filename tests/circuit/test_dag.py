"""Folds of a Dag: equal steps are one, and what is left out changes no value (the laws of a ring with one)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import expression
from verifier.circuit.dag import Dag, joined
from verifier.circuit.program import Program, Step
from verifier.exact.derivatives import gradient, primitive
from verifier.exact.sympy_gates import PRIMITIVES
from verifier.language.gates import GATES

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


# whether a real value exists for all real x and y, by the real numbers alone; each with the twin that differs least
EXISTS = (
    ("x", True), ("2", True), ("pi", True), ("inf", False), ("nan", False), ("x + y", True), ("x + inf", False), ("inf + x", False), ("x * nan", False),
    ("x / 2", True), ("x / 0", False), ("x / y", False), ("2 / x", False), ("1 / 2", True), ("x / -2", False),
    ("x ** 2", True), ("x ** 0", True), ("x ** 1", True), ("x ** 0.5", False), ("x ** 2.5", False), ("x ** y", False), ("2 ** x", False), ("(x / y) ** 2", False),
    ("exp(x)", True), ("log(x)", False), ("sqrt(x)", False), ("cbrt(x)", True), ("tan(x)", False), ("atan(x)", True), ("gamma(x)", False), ("besselj(1, x)", False), ("acosh(x)", False), ("asinh(x)", True),
    ("where(x > y, x, y)", True), ("where(log(x) > y, x, y)", False), ("where(x > y, x, log(y))", False), ("floor(x)", True), ("floor(log(x))", False), ("max(x, y)", True), ("max(x, 1 / y)", False), ("sin(exp(x) + y)", True), ("sin(exp(x) + sqrt(y))", False),
)  # fmt: skip


@pytest.mark.parametrize(("text", "exists"), EXISTS, ids=[t for t, _ in EXISTS])
def test_what_is_forgotten_has_a_value_for_all_inputs(text: str, exists: bool) -> None:
    """`0 * a`, `a * 0` and `a - a` are 0 where a exists; else the steps stay. ("x / -2" divides by a step: that is not looked into.)"""
    program = primitive(expression(text, "x", "y"))
    for gate, order in (("mul", (0, 1)), ("mul", (1, 0)), ("sub", (1, 1))):
        dag = Dag(("x", "y"))
        at = dag.splice(program, (0, 1))[program.output]
        operands = (dag.number("0"), at)
        args = tuple(operands[i] for i in order)
        found = dag.gate(gate, *args)
        assert dag.is_number(found, "0") is exists
        assert exists or (dag.steps[found].gate, dag.steps[found].args) == (gate, args)
        assert dag.exists_everywhere(at) is exists
        known = Dag(("x", "y"))
        args = tuple((known.number("0"), known.splice(program, (0, 1))[program.output])[i] for i in order)
        assert known.is_number(known.gate(gate, *args, exist=True), "0"), "it is known to exist"


def test_every_gate_with_a_domain_may_have_no_value() -> None:
    """The table's own domains, and the gates whose domain depends on an order."""
    for gate in (g for g in GATES.values() if g.name in PRIMITIVES):
        dag = Dag(("a", "b", "c", "d"))
        at = dag.gate(gate.name, *range(len(gate.parameters)))
        partial = bool(gate.where) or bool(gate.orders) or gate.name == "tan"
        assert dag.exists_everywhere(at) is not partial, gate.name


def test_a_marked_step_and_a_gate_that_is_not_in_the_table_are_kept() -> None:
    program = Program((Step("input", (), "x"), Step("input", (), "y"), Step("copy", (0, 1), "the mark"), Step("constant", (), "pi"), Step("upstream", (), "upstream"), Step("copy", (2,))), ("x", "y"), {}, 2)
    dag = Dag(("y", "x"))
    assert dag.splice(program, (1, 0)) == [1, 0, 2, 3, 4, 2]
    assert dag.steps[2:] == [Step("copy", (1, 0), "the mark"), Step("constant", (), "pi"), Step("upstream", (), "upstream")]
    assert not dag.exists_everywhere(dag.marked("unknown", (0,), ""))


def test_numbers_are_told_by_their_text_and_zeros_by_their_value() -> None:
    dag = Dag(("x",))
    for text, one, zero in (("0", False, True), ("0.0", False, True), ("1", True, False), ("1.0", False, False), ("-0", False, True), ("1e-400", False, False)):
        at = dag.number(text)
        assert dag.is_number(at, "1") is one
        assert dag.is_zero(at) is zero
    assert not dag.is_number(0, "x")
    assert not dag.is_zero(0)
    assert dag.leaf("constant", "0") != dag.number("0")
    assert not dag.is_zero(dag.leaf("constant", "0"))


@pytest.mark.parametrize("value", [Fraction(n) for n in ("0", "1", "-1", "1/2", "-1/2", "-3", "7/3", "-7/3")])
def test_a_rational_is_a_quotient_of_literals_negated_where_it_is_negative(value: Fraction) -> None:
    dag = Dag(("x",))
    at = dag.rational(value)
    run: list[Fraction] = []
    for s in dag.steps:
        run.append(Fraction(17) if s.gate == "input" else OPERATIONS[s.gate](*(run[a] for a in s.args)) if s.args else Fraction(s.text))
    assert run[at] == value
    assert all(s.gate == "input" or not s.text.startswith("-") for s in dag.steps)


def test_programs_over_the_same_inputs_are_joined_where_they_are_equal() -> None:
    first, second = expression("exp(x) * y + 2", "x", "y"), expression("exp(x) - y * 2", "x", "y")
    whole, (one, other) = joined((first, second))
    assert whole.inputs == ("x", "y")
    assert whole.output == one[first.output]
    for program, places in ((first, one), (second, other)):
        for i, s in enumerate(program.steps):
            found = whole.steps[places[i]]
            assert (found.gate, found.args, found.text) == (s.gate, tuple(places[a] for a in s.args), s.text)
    assert len({(s.gate, s.args, s.text) for s in whole.steps}) == len(whole.steps) == 8, "x, y, exp, mul, 2, add; mul, sub"


@pytest.mark.parametrize(("exponent", "exists"), [("2", True), ("0", True), ("1.0", True), ("3e1", True), ("-1", False), ("-2", False), ("-0.5", False), ("0.5", False), ("1e-1", False)])
def test_a_power_exists_everywhere_for_whole_exponents_that_are_not_negative(exponent: str, exists: bool) -> None:
    """x**-1 has no value at 0, x**0.5 none at -1; the literal may be negative itself."""
    dag = Dag(("x",))
    assert dag.exists_everywhere(dag.gate("pow", 0, dag.number(exponent))) is exists


@pytest.mark.parametrize(("divisor", "exists"), [("2", True), ("-1", True), ("0", False), ("0.0", False), ("-0", False)])
def test_a_quotient_exists_everywhere_for_literals_that_are_not_zero(divisor: str, exists: bool) -> None:
    dag = Dag(("x",))
    assert dag.exists_everywhere(dag.gate("div", 0, dag.number(divisor))) is exists
