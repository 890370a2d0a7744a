"""Programs over the reals gate by gate: every gate is what it means, and a step may be given another value."""

from __future__ import annotations

import pytest
from flint import arb

from tests.texts import expression
from verifier.arithmetic import balls, floats, reals
from verifier.exact import derivatives
from verifier.language.formats import FORMATS
from verifier.language.gates import GATES

FLOAT64 = FORMATS["float64"]


@pytest.mark.parametrize("text", ["sigmoid(x) * softplus(y)", "max(x, y)**3 / hypot(x, y)", "where(x > y, log(x), exp(-y)) - 0.1 * pi"])
def test_gate_by_gate_is_the_program_of_primitives(text: str) -> None:
    program = expression(text, "x", "y")
    exact, places = derivatives.primitive_with_places(program)
    run = balls.run(exact, [[arb(2)], [arb("0.5")]], bits=200, strict=False)
    with balls.precision(200):
        found = reals.at(program, (2.0, 0.5))
    assert sorted(found) == list(range(len(program)))
    for i, place in enumerate(places):
        assert found[i] is run[place][0] if isinstance(found[i], bool) else found[i].overlaps(run[place][0])


def test_a_replaced_step_is_read_by_those_after_it_and_nothing_else_changes() -> None:
    program = expression("exp(x) / 2 - exp(x)", "x")
    first = next(i for i, s in enumerate(program.steps) if s.gate == "exp")
    with balls.precision(100):
        assert reals.at(program, (0.0,))[program.output] == arb("-0.5")
        assert reals.at(program, (0.0,), replaced={first: arb(3)})[program.output] == arb("0.5")


def test_only_the_needed_steps_are_run() -> None:
    program = expression("(x + 1) * gamma(x)", "x")
    needed = [i for i, s in enumerate(program.steps) if s.gate in ("input", "number", "add")]
    assert sorted(reals.at(program, (1.0,), needed=needed)) == needed


def test_a_literal_may_stand_for_what_it_was_rounded_from() -> None:
    """0.3333333333333333 as itself is not 1/3; as a rounded constant of float64 it may be."""
    program = expression("x * 0.3333333333333333", "x")
    with balls.precision(100):
        exact, rounded = (reals.run(program, [[arb(1)]], rounded_in=fmt)[program.output][0] for fmt in (None, FLOAT64))
        assert not exact.overlaps(arb(1) / 3)
        assert rounded.contains(arb(1) / 3)


@pytest.mark.parametrize(("gate", "holds"), [("le", True), ("ge", True), ("eq", True), ("lt", False), ("gt", False), ("ne", False)])
def test_a_number_beside_itself_is_decided_however_wide_its_ball(gate: str, holds: bool) -> None:
    symbol = GATES[gate].symbol.strip()
    program = expression(f"where(x {symbol} x, 1, 2)", "x")
    with balls.precision(60):
        found = reals.run(program, [[arb(1, 0.5)]])
        assert found[program.output][0] == (1 if holds else 2)
        assert balls.run(program, [[arb(1, 0.5)]], bits=60, strict=False)[program.output][0] == (1 if holds else 2)


@pytest.mark.parametrize("name", [n for n, g in GATES.items() if g.means is not None and not g.orders and not g.conditions])
def test_a_composite_gate_encloses_its_float(name: str) -> None:
    """Where both have a value: the float of every composite gate is near the ball of its meaning."""
    point = [0.75, 0.5, 0.25][: len(GATES[name].parameters)]
    program = expression(f"{name}({', '.join('xyz'[: len(point)])})", *"xyz"[: len(point)])
    computed = floats.at(program, point, fmt=FLOAT64)[program.output]
    with balls.precision(200):
        (exact,) = reals.value(name, [[arb(v)] for v in point])
        if isinstance(exact, bool) or exact is None or not exact.is_finite():
            return
        assert abs(exact - computed) <= abs(exact) * arb(2) ** -40


@pytest.mark.parametrize(("text", "holds"), [("1e-3 > 0.001", False), ("0.1 >= 1e-1", True), ("0.1 == 0.1", True), ("0.1 != 0.1", False), ("0.1 < 0.10", False)])
def test_two_literals_of_one_value_are_equal_though_their_balls_do_not_tell(text: str, holds: bool) -> None:
    program = expression(f"where({text}, x, 2*x)", "x")
    with balls.precision(100):
        found = reals.at(program, (1.0,))
    assert found[program.output] == (1 if holds else 2)


def test_what_is_not_known_otherwise_is_what_is_given() -> None:
    """log(-1) has no value and the comparison of wide balls none: there the given value stands; elsewhere it is not looked at."""
    program = expression("where(log(x) > y, x, 3*y)", "x", "y")
    at = {s.gate: i for i, s in enumerate(program.steps)}
    with balls.precision(100):
        known = reals.run(program, [[arb(-1), arb(1)], [arb(1), arb(1)]], otherwise={at["log"]: [arb(2), arb(5)]})
        assert known[at["log"]] == [2, 0]
        assert known[program.output] == [-1, 3]
        nothing = reals.run(program, [[arb(-1)], [arb(1)]])
        assert not reals.is_known(nothing[at["log"]][0])
        assert nothing[at["gt"]] == [None]
        given = reals.run(program, [[arb(-1)], [arb(1)]], otherwise={at["gt"]: [False]})
        assert given[program.output] == [3]
    assert [reals.is_known(v) for v in (True, False, None, arb(1), arb("nan"), arb("inf"))] == [True, True, False, True, False, False]
