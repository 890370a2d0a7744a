"""The ledger: contributions that add up identically, what they are called, and what is made of them in reports."""

from __future__ import annotations

import json
import math
import random
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from flint import arb, fmpq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import ROOT
from tests.texts import check, expression, forward, smooth_expressions
from verifier.arithmetic import balls, floats, rounding
from verifier.blame.rounding import by_statement, ledger, sensitivity
from verifier.blame.rounding.ledger import Ledger, LedgerPlan, NoLedger
from verifier.case.load import load, load_text
from verifier.circuit.backprop import with_backward
from verifier.circuit.program import ancestors
from verifier.cli import main
from verifier.compare.check import Check, checks_of
from verifier.compare.checked import Checked
from verifier.compare.compare import compare
from verifier.exact import adjoints, derivatives
from verifier.exact.truth import Subject, subject, truth_of
from verifier.language.formats import FORMATS, format_named, round_exact
from verifier.language.gates import GATES
from verifier.language.numeral import exact
from verifier.report import attribution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.circuit.program import Program
    from verifier.report.outcome import Result

NEURON = ROOT / "cases" / "cs231n" / "neuron.yaml"
FLOAT64 = FORMATS["float64"]
CLAIMS = (("x", "dx"), ("y", "dy"))


def planned(text: str, *inputs: str) -> LedgerPlan:
    program = with_backward(expression(text, *inputs), [(v, f"d{v}") for v in inputs])
    return ledger.plan(program, [f"d{v}" for v in inputs])


def ledger_of(text: str, *point: float, fmt: str = "float64", names: str = "xy") -> Ledger:
    found = ledger.ledgers(planned(text, *names[: len(point)]), [point], fmt=FORMATS[fmt])[0][0]
    assert isinstance(found, Ledger), found
    return found


def checked(text: str, implementation: int = 0) -> tuple[Checked, list[attribution.Discrepancy]]:
    """One implementation of a case text, compared at the first point; its discrepancies there."""
    case = load_text(text).cases[0]
    ((_, checks),) = checks_of(case, truth_of(case.programs.truth))
    point = tuple(float(v) for _, v in case.points[0].values)
    found = compare(checks[implementation], [point])
    return Checked(checks[implementation], [point], found), found[0]


def fraction(ball: arb) -> Fraction:
    assert ball.is_exact()
    return rounding.rational(ball)


# ---------------------------------------------------------------- the reference of the notebook


@pytest.mark.parametrize(
    ("implementation", "total", "effects"),
    [
        ("staged", 0.945336, {"exp_dot = math.exp(minus_dot)": 0.1106, "f = 1.0 / (1 + exp_dot)": 0.4542, "dplusone = (-1)*(f*f)": -0.0828, "dminusone = exp_dot * dexp": 0.4633}),
        ("fused", -0.054664, {"exp_dot = math.exp(minus_dot)": 0.1106, "f = 1.0 / (1 + exp_dot)": -0.3903, "ddotplusw2 = (1-f) * f": 0.2250}),
    ],
)
def test_the_ulp_of_the_neuron_is_split_as_it_was_by_hand(implementation: str, total: float, effects: dict[str, float]) -> None:
    case = load(str(NEURON)).cases[0]
    draft = next(d for d in case.programs.drafts if d.implementation.name == implementation)
    plan = ledger.plan(subject(draft).program, ["ddotplusw2"])
    found = ledger.ledgers(plan, [(2.0, -3.0, -3.0, -1.0, -2.0)], fmt=FLOAT64)[0][0]
    assert isinstance(found, Ledger)
    unit = arb(2) ** -55
    rows = by_statement.items(plan, found, unit)
    with balls.precision(200):
        assert float((found.total / unit).mid()) == pytest.approx(total, abs=1e-6)
        assert {r.statement: round(float(r.ulps.mid()), 4) for r in rows} == effects
        assert float(sum((r.share for r in rows), arb(0)).mid()) == pytest.approx(1)
    lines = NEURON.read_text(encoding="utf-8").splitlines()
    for r in rows:
        assert r.place is not None
        assert r.statement in lines[r.place.line - 1]


# ---------------------------------------------------------------- identities, against exact rationals


OPERATORS = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "neg": lambda a: -a, "copy": lambda a: a}


def rational_columns(program: Program, output: int, computed: Sequence[float]) -> list[Fraction]:
    """g(k) for every k, in rationals, each from scratch: steps up to k in floats, the rest exactly."""
    columns = []
    needed = ancestors(program, output)
    for k in range(-1, len(program.steps)):
        values: list[Fraction] = []
        for i, step in enumerate(program.steps):
            if i not in needed:
                values.append(Fraction(0))
            elif i <= k or step.gate in ("input", "upstream"):
                values.append(Fraction(computed[i]))
            elif step.gate == "number":
                values.append(exact(step.text))
            else:
                values.append(OPERATORS[step.gate](*(values[a] for a in step.args)))
        columns.append(values[output])
    return columns


def random_rational(source: random.Random, depth: int, *, division: bool) -> str:
    if depth == 0 or source.random() < 0.15:
        return source.choice(("x", "y", "x", "y", "0.1", "3", "0.75", "1.7"))
    a, b = (random_rational(source, depth - 1, division=division) for _ in range(2))
    return f"({a} {source.choice('+-*/' if division else '+-*')} {b})"


@pytest.mark.parametrize("division", [False, True])
def test_thousands_of_random_programs_telescope_to_the_last_bit(division: bool) -> None:
    source = random.Random(2310 + division)
    checked = roundings = 0
    while checked < 1500:
        text = random_rational(source, source.randint(2, 4), division=division)
        point = (source.uniform(-4, 4), source.uniform(-4, 4))
        plan = planned(text, "x", "y")
        computed = floats.at(plan.program, point, fmt=FLOAT64)
        for (name, output), found in zip(plan.outputs, ledger.ledgers(plan, [point], fmt=FLOAT64)[0], strict=True):
            if isinstance(found, NoLedger):  # x / (y - y)
                assert any(v - v != 0 for v in computed)
                continue
            checked += 1
            columns = rational_columns(plan.program, output, computed)
            effects = {e.step: e.effect for e in found.entries}
            roundings += len(effects)
            with balls.precision(20_000):
                for k, (before, after) in enumerate(pairwise(columns)):
                    effect = effects.pop(k, arb(0))
                    assert effect.contains(fmpq((after - before).numerator, (after - before).denominator)), (text, point, name, k)
                assert not effects
                middles = sum((rounding.rational(e.effect.mid()) for e in found.entries), Fraction(0))
                assert middles == Fraction(found.computed) - rounding.rational(found.real.mid())
                real = columns[0]
                assert found.real.contains(fmpq(real.numerator, real.denominator))
                assert found.real.rad() <= (abs(found.real).upper() + 1) * arb(2) ** -150
    assert roundings > 2 * checked


UNARY = [g.name for g in GATES.values() if len(g.parameters) - len(g.defaults) == 1 and not g.orders and not g.conditions and not g.boolean and g.group != "casts"]
BINARY = [g.name for g in GATES.values() if len(g.parameters) == 2 and not g.orders and not g.conditions and not g.boolean]
ARITHMETICS = ("float64", "float32", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn", "float32->bfloat16", "float16->float8_e4m3")


def random_statements(source: random.Random) -> str:
    """A forward pass with every gate of one or two operands, powers, branches, kinks and augmented assignments."""
    names, lines = ["x", "y"], []
    for k in range(source.randint(2, 5)):
        a, b = source.choice(names), source.choice(names)
        value = source.choice((
            f"{source.choice(UNARY)}({a})", f"{source.choice(UNARY)}({a})", f"{source.choice(BINARY)}({a}, {b})",
            f"{a} {source.choice('+-*/')} {source.choice((b, '0.1', '3', '1.7'))}", f"{a}**{source.choice(('2', '3', '0.5', '-1'))}",
            f"where({a} {source.choice(('<', '>', '<='))} {source.choice((b, '0.5'))}, {a} * {b}, {source.choice(('abs', 'exp', 'tanh'))}({b}))",
            f"{source.choice(('max', 'min'))}({a}, {b} * 0.3)",
        ))  # fmt: skip
        if names[2:] and source.random() < 0.35:
            lines.append(f"{names[-1]} {source.choice(('+=', '-=', '*='))} {value}")
        else:
            names.append(f"a{k}")
            lines.append(f"a{k} = {value}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", ARITHMETICS)
def test_random_programs_of_all_gates_telescope_to_the_last_bit_in_every_arithmetic(name: str) -> None:
    """Σ effects = computed − real, as rationals, of the midpoints: DIFFERENCE_BITS makes every difference exact."""
    source, fmt = random.Random(name), format_named(name)
    gates: set[str] = set()
    told = roundings = 0
    for _ in range(330):
        text = random_statements(source)
        whole = with_backward(forward(text, "x", "y"), [("x", "dx"), ("y", "dy")])
        plan = ledger.plan(whole, ["dx", "dy"])
        point = tuple(round_exact(fmt, Fraction(source.choice((source.uniform(-3, 3), source.uniform(0, 2), 1.0)))) for _ in "xy")
        for found in ledger.ledgers(plan, [point], fmt=fmt)[0]:
            if isinstance(found, NoLedger):
                continue
            told += 1
            roundings += len(found.entries)
            gates.update(whole.steps[e.step].gate for e in found.entries)
            with balls.precision(ledger.DIFFERENCE_BITS):
                assert sum((rounding.rational(e.effect.mid()) for e in found.entries), Fraction(0)) == Fraction(found.computed) - rounding.rational(found.real.mid()), (text, point)
                assert sum((e.effect for e in found.entries), arb(0)).overlaps(found.total)
    assert told > 500
    assert roundings > told
    assert {"add", "mul", "div", "pow", "exp", "number"} <= gates
    assert len(gates) > 50


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
@given(smooth_expressions(leaves=8), st.floats(-3, 3).map(lambda v: round(v, 4)), st.floats(-3, 3).map(lambda v: round(v, 4)))
@example("(-(((x - x) / (2 + cos(x)))))", 0.0, 0.0)
@example("((y / (2 + cos(x))) - (y / (2 + cos(x))))**3", 0.0, 1.0)
@settings(max_examples=120)
def test_the_effects_of_smooth_programs_add_up_to_the_residual(name: str, text: str, x: float, y: float) -> None:
    fmt = FORMATS[name]
    plan = planned(text, "x", "y")
    x, y = (floats.literal(str(v), fmt) for v in (x, y))
    for found in ledger.ledgers(plan, [(x, y)], fmt=fmt)[0]:
        if isinstance(found, NoLedger) and found.step < 0:
            assert "**" in text, "a power of what is exactly 0, which no ball tells"
            continue
        if isinstance(found, NoLedger):  # 3**81 is beyond the formats of 8 exponent bits; float16 ends at 65504
            assert name != "float64"
            assert found.step >= 0
            continue
        with balls.precision(4000):
            total = sum((e.effect for e in found.entries), arb(0))
            assert total.overlaps(found.total)
            assert rounding.rational(total.mid()) == rounding.rational(found.total.mid()), "to the last bit of the working precision"
            narrow = (sum((abs(e.effect) for e in found.entries), arb(0)).upper() + abs(found.real).upper()) * arb(2) ** -39
            invisible = len(found.entries) * rounding.ulp(fmt, arb(found.computed))[0] * ledger.INVISIBLE  # where the real value is 0 and no ball tells it
            assert total.rad() <= narrow + invisible
            for entry in found.entries[:1]:
                assert (total - entry.effect).overlaps(found.total) == entry.effect.contains(0), "without one of them they do not"


def test_the_real_value_is_that_of_the_comparison() -> None:
    plan = planned("sigmoid(x) * tanh(y) + x**3 / (1 + y*y)", "x", "y")
    point = (0.7, -1.3)
    tested = Subject(plan.program, CLAIMS)
    compared = compare(Check("it", truth_of(expression("sigmoid(x) * tanh(y) + x**3 / (1 + y*y)", "x", "y")), tested, FLOAT64), [point])[0]
    for d, found in zip(compared, ledger.ledgers(plan, [point], fmt=FLOAT64)[0], strict=True):
        assert isinstance(found, Ledger)
        assert found.real.overlaps(d.exact.ball)
        assert found.total.overlaps(d.residual)


def test_a_step_whose_float_is_exact_contributes_nothing() -> None:
    assert ledger_of("x * 3 + y", 2.0, 0.5).entries == ()
    (entry,) = ledger_of("x * 0.1", 3.0).entries
    rounding_of_the_literal = Fraction(0.1) - Fraction(1, 10)
    with balls.precision(300):
        assert entry.effect.contains(fmpq(rounding_of_the_literal.numerator, rounding_of_the_literal.denominator))
    assert entry.effect.rel_accuracy_bits() > 100


def test_the_rounding_of_a_literal_belongs_to_the_line_that_has_it() -> None:
    verifier, found = checked("function: 0.1 * x * x\npoints: [{x: 3}]\nimplementations:\n  it:\n    backward: |\n      a = 0.2 * x\n      dx = a * 1\n")
    plan, book, rows = attribution.rows(verifier, found[0])
    assert isinstance(book, Ledger)
    assert [r.statement for r in rows] == ["a = 0.2 * x"]
    assert [by_statement.step_text(plan.program, e.step) for e in rows[0].entries] == ["0.2", "0.2 * x"]


# ---------------------------------------------------------------- branches


def test_a_branch_that_the_floats_take_and_the_reals_do_not_is_a_contribution_of_its_own() -> None:
    """0.3 is below 3/10, and 0.3 * 10 rounds to 3."""
    text = "function: 2 * x\npoints: [{x: 0.3}]\nimplementations:\n  it:\n    backward: |\n      a = x * 10\n      c = a < 3\n      dx = where(c, 2, 1)\n"
    verifier, found = checked(text)
    _, book, rows = attribution.rows(verifier, found[0])
    assert isinstance(book, Ledger)
    (entry,) = book.entries
    assert entry.own is None
    assert fraction(entry.effect) == -1
    assert [r.statement for r in rows] == ["c = a < 3"]


def test_smooth_effects_and_the_jump_are_told_apart() -> None:
    text = "function: 2 * x\npoints: [{x: 0.3}]\nimplementations:\n  it:\n    backward: |\n      a = x * 10\n      dx = where(a < 3, a * 0.7, a)\n"
    verifier, found = checked(text)
    _, book, _ = attribution.rows(verifier, found[0])
    assert isinstance(book, Ledger)
    by_gate = {verifier.check.subject.program.steps[e.step].gate: e.effect for e in book.entries}
    assert abs(float(by_gate["lt"].mid())) == pytest.approx(0.9)
    assert abs(float(by_gate["mul"].mid())) < 1e-15
    with balls.precision(500):
        assert sum((e.effect for e in book.entries), arb(0)).overlaps(book.total)


def test_a_branch_that_is_not_taken_may_be_nan() -> None:
    found = ledger_of("where(x > 0, exp(x), log(x) / 0)", 1.5)
    assert found.entries
    assert found.total.overlaps(arb(found.computed) - found.real)


def test_where_the_kept_decision_has_no_value_the_decision_follows_its_operand() -> None:
    """Over the reals 0.3*10 - 3 < 0 and the first branch is taken; with a = 0 there, 1/a has no value."""
    text = "function: 2 * x\npoints: [{x: 0.3}]\nimplementations:\n  it:\n    backward: |\n      a = x * 10\n      b = a - 3\n      dx = where(b < 0, 1 / b, 1)\n"
    verifier, found = checked(text)
    _, book, _ = attribution.rows(verifier, found[0])
    assert isinstance(book, Ledger)
    assert [verifier.check.subject.program.steps[e.step].gate for e in book.entries] == ["mul"]


# ---------------------------------------------------------------- floats that are not finite


def test_without_a_finite_gradient_there_is_no_ledger_but_the_first_step_that_failed() -> None:
    plan = planned("exp(x) / (1 + exp(x))", "x")
    (found,) = ledger.ledgers(plan, [(800.0,)], fmt=FLOAT64)[0]
    assert isinstance(found, NoLedger)
    assert by_statement.step_text(plan.program, found.step) == "t1 = exp(x)"
    assert isinstance(ledger.ledgers(plan, [(8.0,)], fmt=FLOAT64)[0][0], Ledger)


def test_a_real_value_that_does_not_exist_gives_none() -> None:
    (found,) = ledger.ledgers(planned("log(x - x) * 0", "x"), [(1.0,)], fmt=FLOAT64)[0]
    assert isinstance(found, NoLedger)


# ---------------------------------------------------------------- first-order shares


@given(smooth_expressions(leaves=8), st.floats(-3, 3).map(lambda v: round(v, 4)), st.floats(-3, 3).map(lambda v: round(v, 4)))
@settings(max_examples=80)
def test_first_order_shares_are_the_exact_ones_up_to_the_stated_remainder(text: str, x: float, y: float) -> None:
    plan = planned(text, "x", "y")
    for full, first in zip(ledger.ledgers(plan, [(x, y)], fmt=FLOAT64)[0], sensitivity.first_order(plan, (x, y), fmt=FLOAT64), strict=True):
        assert isinstance(full, Ledger)
        assert isinstance(first, Ledger)
        with balls.precision(500):
            total = sum((e.effect for e in first.entries), arb(0)) + first.remainder
            assert total.overlaps(full.total)
            shares = {e.step: e.effect for e in first.entries}
            bound = (sum((abs(e.effect) for e in full.entries), arb(0)) + abs(full.real)) * arb(2) ** -40 + arb(2) ** -90
            assert abs(first.remainder) < bound
            for entry in full.entries:
                assert abs(shares.get(entry.step, arb(0)) - entry.effect) < bound


def test_adjoints_by_the_sweep_are_those_of_the_gradient_program() -> None:
    plan = planned("sigmoid(x * y) / (1 + exp(-x)) + max(x, y) * abs(y) + where(x > y, x**0.5, y**3)", "x", "y")
    tested = Subject(plan.program, CLAIMS)
    point = (1.7, 0.9)
    with balls.precision(192):
        computed = floats.at(plan.program, point, fmt=FLOAT64)
        real = ledger.real_run(plan, computed, 1.0)
        found = adjoints.at(plan.program, real, plan.outputs[0][1], strict=False)
        expected = tested.sensitivity(tested.index("dx"))
        run = balls.run(expected.program, [[arb(v)] for v in point], bits=192, strict=False)
        for i in range(2):
            assert found[i].overlaps(run[expected.adjoint[i]][0])
            assert found[i].rel_accuracy_bits() > 150


@pytest.mark.parametrize(("bits", "is_known"), [(8, False), (16, False), (24, False), (256, True)])
def test_where_the_value_is_known_to_less_than_an_ulp_there_are_no_shares_of_first_order(bits: int, is_known: bool) -> None:
    plan = planned("exp(x) * sin(y)", "x", "y")
    computed = ledger.native(plan.program, floats.at(plan.program, (0.7, 1.9), fmt=FLOAT64, upstream=1.0))
    for name, output in plan.outputs:
        assert (sensitivity._shares(plan, name, output, computed, FLOAT64, 1.0, bits=bits) is not None) is is_known


def test_long_programs_get_shares_of_first_order_with_the_remainder_stated() -> None:
    terms = " + ".join(f"sin(x * 0.{i})" for i in range(1, 60))
    verifier, found = checked(f"function: {terms}\npoints: [{{x: 1.25}}]\n")
    assert len(verifier.check.subject.program) > attribution.MOST_STEPS
    _, book, rows = attribution.rows(verifier, found[0])
    assert isinstance(book, Ledger)
    assert book.first_order
    assert len(rows) > 100
    with balls.precision(400):
        assert (sum((r.effect for r in rows), arb(0)) + book.remainder).overlaps(book.total)
        assert 0 < abs(book.remainder) < abs(book.total) * 2**-40


# ---------------------------------------------------------------- cancellation


def test_the_condition_of_a_fork_is_that_of_all_its_contributions() -> None:
    verifier, found = checked("function: t / (t + 1)\npoints: [{t: 971.74}]\n")
    plan, book, rows = attribution.rows(verifier, found[0])
    assert isinstance(book, Ledger)
    fork = next(r for r in rows if r.statement == "dt += dt1")
    t = Fraction(971.74)
    assert float(fork.condition.mid()) == pytest.approx(float(2 * t + 1), rel=1e-12), "(1/(t+1) + t/(t+1)^2) (t+1)^2"
    cancels = sensitivity.cancellation(plan, book)
    assert cancels is not None
    assert (cancels.fork, cancels.terms) == (True, 2)
    assert by_statement.cancellation_words(cancels, plan.program) == "two contributions cancel at the fork `dt += dt1`: condition 1944"


@pytest.mark.parametrize(("size", "value", "condition"), [(3, arb(1), arb(3)), (3, arb(1, 0.5), arb(4, 2)), (3, arb(0), arb.pos_inf()), (3, arb(0, 2), arb.pos_inf())])
def test_the_condition_of_a_sum_is_what_its_terms_are_to_it(size: int, value: arb, condition: arb) -> None:
    assert sensitivity.Sum(2, arb(size), value).condition.overlaps(condition)


def test_three_contributions_to_one_name_are_one_sum() -> None:
    verifier, found = checked("function: x * x * x - x\npoints: [{x: 3}]\nimplementations:\n  it:\n    backward: |\n      dx = 9.1 * x\n      dx += -0.3\n      dx -= 1\n")
    plan, book, rows = attribution.rows(verifier, found[0])
    assert isinstance(book, Ledger)
    (last,) = (r for r in rows if r.statement == "dx -= 1")
    assert sensitivity.sums_among(book.run, plan.needed_for(book.output))[book.output].terms == 3
    assert float(last.condition.mid()) == pytest.approx((27.3 + 0.3 + 1) / 26)


def test_a_difference_of_exact_numbers_is_not_accused() -> None:
    """(x - y) has condition 1e8 and harms nobody: its operands are exact."""
    text = (ROOT / "cases" / "hard" / "conditioning.yaml").read_text(encoding="utf-8")
    case = next(d for d in text.split("---\n") if "gradient of 1/(x**2" in d)
    for implementation, accused in ((0, True), (1, False)):
        verifier, found = checked(case, implementation)
        plan, book, _ = attribution.rows(verifier, found[0])
        assert isinstance(book, Ledger)
        assert (sensitivity.cancellation(plan, book) is not None) == accused


def test_a_cancellation_that_the_gradient_hardly_sees_is_not_accused() -> None:
    found = ledger_of("exp(x) * y + (sin(x) - sin(y)) * 1e-20", 1.0, 1.0000001)
    assert sensitivity.cancellation(planned("exp(x) * y + (sin(x) - sin(y)) * 1e-20", "x", "y"), found) is None


def test_a_sum_that_comes_to_0_is_accused_and_one_that_the_gradient_does_not_read_is_not() -> None:
    """The gradient by x is sin(y)**2 + cos(y)**2 - 1, which is 0; that by y of the other is 3, whatever the sum is."""
    text = "x*(sin(y)**2 + cos(y)**2 - 1)"
    y = next(k / 10 for k in range(1, 50) if math.sin(k / 10) ** 2 + math.cos(k / 10) ** 2 != 1)
    found = ledger_of(text, 2.0, y)
    assert found.real.contains(0)
    cancels = sensitivity.cancellation(planned(text, "x", "y"), found)
    assert cancels is not None
    assert cancels.condition == arb.pos_inf()


def test_a_cancellation_of_all_roundings_is_not_accused_where_the_gradient_is_larger() -> None:
    """The gradient by x of x times a formula of y and z. sin(y) - sin(z) is 2^-52 or so, with all the roundings there are; 1 more of it is exact, and 1.7/1 is no condition."""
    z = 0.8
    while (difference := math.sin(0.8) - math.sin(z)) == 0 or difference % 2.0**-52:
        z = math.nextafter(z, 1)
    for text, accused in (("x * ((sin(y) - sin(z)) + 1)", False), ("x * ((sin(y) - sin(z)) * 4)", True)):
        found, plan = ledger_of(text, 3.0, 0.8, z, names="xyz"), planned(text, "x", "y", "z")
        assert {plan.program.steps[e.step].gate for e in found.entries} == {"sin"}
        assert (sensitivity.cancellation(plan, found) is not None) is accused


# ---------------------------------------------------------------- what the report makes of it


@pytest.mark.parametrize(
    ("function", "point", "backward", "code", "words"),
    [
        ("t / (t + 1)", "{t: 1e9}", "", "V201", "two contributions cancel at the fork `dt += dt1`: condition 2.000e+09"),
        ("tanh(x)", "{x: 20}", "{backward: 'dx = 1 - tanh(x)**2'}", "V203", "`tanh(x)` rounds to 1.0, and `1 - tanh(x)**2` is 0"),
    ],
)
def test_a_finding_names_the_worst_line_and_what_cancels(function: str, point: str, backward: str, code: str, words: str) -> None:
    report = check(f"function: {function}\npoints: [{point}]\nimplementations:\n  it: {backward or '{}'}\n")
    (finding,) = (f for f in report.findings if f.code == code)
    assert finding.message.endswith(words)
    assert any(d.startswith("worst     `") for d in finding.details)
    assert finding.statement


def test_a_finding_without_a_cancellation_names_the_line_alone() -> None:
    report = check("function: sin(x + y)\npoints: [{x: 1e10, y: 5.667e-7}]\n")
    finding = next(f for f in report.findings if f.code == "V202" and f.gradient == "dx")
    assert finding.statement == "t1 = x + y"
    assert "cancel" not in finding.message
    assert "worst     `t1 = x + y`, line 1: -2.488e+09 ulp, 100.0% of the error" in finding.details
    assert "nearest   it is the exact gradient for a value of x that is 0.2971 ulp away (to first order)" in finding.details


def test_the_backward_error_is_the_distance_to_an_input_whose_exact_gradient_was_computed() -> None:
    (result, _) = check("function: sin(x + y)\npoints: [{x: 1e10, y: 5.667e-7}]\n").results
    assert result.backward_error_input == "x"
    with balls.precision(200):
        moved = [(arb(1e10) + side * arb(result.backward_error_ulps) * arb(2) ** (33 - 52) + arb(5.667e-7)).cos() for side in (-1, 1)]
        assert min(abs(float((m - arb(float(result.computed))).mid())) for m in moved) < 1e-10 * 2.8
        assert abs(float(result.residual)) > 2.7e-7


def test_a_linear_function_has_no_backward_error() -> None:
    (result,) = check("function: 0.1 * x\npoints: [{x: 3}]\nimplementations:\n  it: {backward: 'dx = 0.3 - 0.2'}\n").results
    assert result.backward_error_ulps is None


def adds_up(result: Result) -> None:
    """The shares of a result are the whole of its residual."""
    assert sum(float(s.share) for s in result.blame) == pytest.approx(1, abs=1e-4)
    assert sum(float(s.contribution) for s in result.blame) == pytest.approx(float(result.residual), rel=1e-8)
    assert abs(sum(float(s.ulps) for s in result.blame if s.ulps)) == pytest.approx(float(result.ulps), rel=1e-4)


def test_blame_is_told_for_every_listed_point_where_that_is_cheap() -> None:
    for result in check("function: sin(x) * exp(x)\npoints: [{x: 0.3}, {x: 1.7}, {x: 2.9}]\n").results:
        adds_up(result)


def test_blame_of_many_points_of_a_long_program_is_told_for_the_worst() -> None:
    terms = " + ".join(f"sin(x * 0.{i})" for i in range(11, 40))
    report = check(f"function: {terms}\npoints: [{', '.join(f'{{x: {x}.25}}' for x in range(1, 31))}]\n")
    told = [r for r in report.results if r.blame]
    assert 0 < len(told) < 30
    assert max(report.results, key=lambda r: r.error) in told
    for result in told:
        adds_up(result)


def test_shares_of_first_order_add_up_with_those_that_are_not_listed_and_the_remainder() -> None:
    terms = " + ".join(f"sin(x * 0.{i})" for i in range(11, 90))
    (result,) = check(f"function: {terms}\npoints: [{{x: 1.25}}]\n").results
    adds_up(result)
    assert len(result.blame) == attribution.MOST_SHARES + 2
    *_, others, remainder = result.blame
    assert others.statement.endswith("more statements)")
    assert remainder.statement == "(remainder: the shares are to first order)"
    assert 0 < abs(float(remainder.share)) < 1e-10
    assert others.line is remainder.line is None


def test_roundings_that_cancel_exactly_have_no_share() -> None:
    """0.1*x*10 - 1 at 1: the rounding of 0.1 is taken back by that of the product, and the gradient is the exact 0."""
    (result,) = check("function: (x - 1)**2\npoints: [{x: 1}]\nimplementations:\n  it: {backward: 'dx = 2 * (0.1 * x * 10 - 1) * dout'}\n").results
    assert result.verdict.value == "correct"
    assert [(s.share, s.contribution, s.ulps) for s in result.blame] == [("0", "0", "0")]


def test_a_wrong_gradient_has_no_rounding_blame() -> None:
    (result,) = check("function: sin(x)\npoints: [{x: 0.3}]\nimplementations:\n  it: {backward: dx = sin(x)}\n").results
    assert result.verdict.value == "wrong"
    assert result.blame == ()


def test_json_carries_the_ledger_and_the_ledgers_of_a_residual(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(NEURON), "--format", "json"]) == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    entries = next(r for r in case["results"] if r["implementation"] == "staged" and r["gradient"] == "dw2")["blame"]
    assert [set(e) for e in entries] == [{"line", "statement", "share", "contribution", "own_ulps", "ulps", "step", "condition"}] * 4
    assert entries[3]["line"] == 27
    assert entries[3]["statement"] == "dminusone = exp_dot * dexp"
    assert float(entries[3]["share"]) == pytest.approx(0.490, abs=5e-4)
    sides = case["residuals"][1]["blame"]
    assert sum(float(s["difference"]) for s in sides) == pytest.approx(-1, abs=1e-5)
    assert next(s for s in sides if s["statement"].startswith("dplusone"))["first"] is None
    assert case["residuals"][2]["blame"] == [], "no difference of two names"


def test_the_difference_of_two_ledgers_is_the_difference_of_the_gradients() -> None:
    case = load(str(NEURON)).cases[0]
    ((_, asked),) = checks_of(case, truth_of(case.programs.truth))
    fused = next(c.subject for c in asked if c.implementation == "fused")
    point = (1.3, -0.7, 0.1, 2.9, 0.3)
    checks = {c.implementation: Checked(c, [point], []) for c in asked}
    sides = attribution.difference((checks["fused"], "dw0"), (checks["staged"], "dw0"), point)
    values = [checks[n].value("dw0", 0) for n in ("fused", "staged")]
    assert None not in values
    with balls.precision(300):
        real = derivatives.primitive(fused.program)
        unit = rounding.ulp(FLOAT64, balls.run(real, [[arb(v)] for v in point], bits=200, strict=False)[fused.index("dw0")][0])[0]
        total = sum((s.difference for s in sides), arb(0)) * unit
        assert abs(total - (arb(values[0]) - arb(values[1]))) < unit * arb(2) ** -50


def test_show_prints_the_page_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "rounding.md").read_text(encoding="utf-8")
    blocks = [b.partition("```")[0] for b in page.split("```text\n")[1:]]
    assert len(blocks) >= 4
    for arguments in ([str(NEURON)], [str(ROOT / "cases" / "hard" / "conditioning.yaml"), "--case", "t/(t+1), cancellation at a fork"]):
        assert main(["show", *arguments]) == 0
    shown = capsys.readouterr().out
    for block in blocks:
        assert block.strip() in shown, block
