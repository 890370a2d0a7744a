"""Elements are held against enclosures: whatever the rules make of a program, its value at a point is the program's."""

from __future__ import annotations

import random

import mpmath
import pytest
from flint import arb
from hypothesis import example, given
from hypothesis import strategies as st

from tests.laws import by_mpmath
from tests.programs import near_values, random_program
from tests.texts import expression
from verifier.arithmetic import balls
from verifier.circuit.program import Program
from verifier.exact import derivatives, prove
from verifier.exact.identities import exponentials, field, signs, special
from verifier.exact.identities.elements import Field, Plan
from verifier.exact.identities.independence import are_independent
from verifier.exact.identities.special import RULES
from verifier.language.formats import FORMATS
from verifier.language.gates import GATES

FLOAT64 = FORMATS["float64"]
PRIMITIVES = [g for g in GATES if g in balls.PRIMITIVES and not GATES[g].boolean and g != "atan2"]
ARITHMETIC = ["add", "sub", "mul", "div"]
ELEMENTARY = (
    *ARITHMETIC, *ARITHMETIC, "neg", "pow", "sqrt", "cbrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "abs",
)  # fmt: skip
CHOICES = (*ELEMENTARY, "max", "min", "sign", "lt", "gt", "le", "ge", "where", "where", "where", "and", "or", "not", "floor", "ceil")


def primitive(text: str) -> Program:
    return derivatives.primitive(expression(text, "x", "y", "z"))


def same(a: str, b: str) -> prove.Proof | None:
    return prove.prove_same(primitive(a), primitive(b), fmt=FLOAT64)


IDENTITIES = (
    ("sin(x)**2 + cos(x)**2", "1"), ("sin(2*x)", "2*sin(x)*cos(x)"), ("cos(4*x)", "8*cos(x)**4 - 8*cos(x)**2 + 1"), ("sin(x + pi/2)", "cos(x)"),
    ("tan(x + y)", "(tan(x) + tan(y))/(1 - tan(x)*tan(y))"), ("sin(pi/6)", "0.5"), ("cos(pi/4)", "sqrt(2)/2"), ("sinpi(x)", "sin(pi*x)"),
    ("tanh(x)", "sinh(x)/cosh(x)"), ("exp(x + y)", "exp(x)*exp(y)"), ("exp(x)**y", "exp(x*y)"), ("sqrt(exp(x))", "exp(x/2)"), ("2**x*2**y", "exp(log(2)*(x + y))"),
    ("exp(-0.044715*x)*exp(0.044715*x)", "1"), ("log(x*x)", "2*log(abs(x))"), ("log(8)", "3*log(2)"), ("log(x)/log(2)", "log2(x)"),
    ("sqrt(x*x)", "abs(x)"), ("sqrt(6)", "sqrt(2)*sqrt(3)"), ("1/sqrt(2)", "sqrt(2)/2"), ("cbrt(x)**3", "x"), ("x**0.25*x**0.25", "sqrt(x)"), ("x**1.7/x**0.7", "x"),
    ("sinh(asinh(x))", "x"), ("cosh(acosh(x))", "x"), ("tanh(atanh(x))", "x"), ("sin(asin(x))", "x"), ("cos(asin(x))", "sqrt(1 - x*x)"), ("tan(atan(x))", "x"), ("tan(atan(1.5))", "1.5"), ("atan(1)", "pi/4"), ("1/sqrt(atan(1))", "2/sqrt(pi)"), ("asin(1/2) + x", "pi/6 + x"), ("atan(-sqrt(3))", "-pi/3"), ("acos(-1)", "pi"), ("acos(sqrt(0.5))", "pi/4"),
    ("asinh(x)", "log(x + sqrt(x*x + 1))"), ("acos(x) + asin(x)", "pi/2"), ("1/(sqrt(x + 1) + sqrt(x))", "sqrt(x + 1) - sqrt(x)"),
    ("gamma(x + 1)", "x*gamma(x)"), ("gamma(x)*gamma(1 - x)", "pi/sin(pi*x)"), ("exp(lgamma(x))", "abs(gamma(x))"), ("digamma(x + 2)", "digamma(x) + 1/x + 1/(x + 1)"),
    ("digamma(1)", "-euler_gamma"), ("gamma(0.5)", "sqrt(pi)"), ("besselj(2, x)", "2/x*besselj(1, x) - besselj(0, x)"), ("besselj(-1, x)", "-besselj(1, x)"),
    ("besselk(3, x)", "besselk(1, x) + 4/x*besselk(2, x)"), ("expn(3, x)", "(exp(-x) - x*expn(2, x))/2"), ("hyp2f1(1, 1, 2, x)", "-log(1 - x)/x"),
    ("erfcx(x)*exp(-x*x)", "erfc(x)"), ("erf(-x) + erf(x)", "0"), ("lambertw(x)*exp(lambertw(x))", "x"), ("gelu(x)", "x*ndtr(x)"),
    ("max(x, y) + min(x, y)", "x + y"), ("relu(x) - relu(-x)", "x"), ("where(x < 0, -x, x)", "abs(x)"), ("floor(x) + ceil(-x)", "0"), ("softplus(x) - softplus(-x)", "x"),
    ("where(x > 0, log1p(exp(-x)) + x, log1p(exp(x)))", "softplus(x)"), ("where(x == 0, 1, sin(x)/x)", "sin(x)/x"), ("sigmoid(x)", "1 - sigmoid(-x)"), ("hypot(x, y)", "sqrt(x**2 + y**2)"),
    ("mish(x)", "x*((1 + exp(x))**2 - 1)/((1 + exp(x))**2 + 1)"), ("abs(x*y)", "abs(x)*abs(y)"), ("where(2*x > 0, 1, 0)", "where(not x <= 0, 1, 0)"),
)  # fmt: skip
DIFFERENT = (
    ("sqrt(x*x)", "x"), ("asin(sin(x))", "x"), ("log(exp(x) + 1)", "x"), ("abs(x)", "x"), ("max(x, y)", "x"), ("floor(x)", "x"), ("sqrt(x + y)", "sqrt(x) + sqrt(y)"),
    ("log(x + y)", "log(x) + log(y)"), ("x**2 + 1e-30", "x**2"), ("pi", "355/113"), ("sign(x)", "1"), ("where(x > 1, 1, 0)", "where(x > 0, 1, 0)"), ("cbrt(x)", "abs(x)**(1/3)"),
    ("floor(x)**2", "where(floor(x)**2 > 0, floor(x)**2, 1)"), ("where(floor(x) == 0, 1, 2)", "2"), ("where(x == x, 1, 2)", "2"), ("where(x - x > 0, 1, 2)", "1"), ("exp(pi)", "23.1406926327792690"),
    ("atan(x) + atan(1/x)", "pi/2"), ("(-8)**(1/3)", "-2"), ("where(atan(x) + atan(1/x) == pi/2, 1, 2)", "2"), ("0/0*x", "0/0*x"),
)  # fmt: skip


@pytest.mark.parametrize(("a", "b"), IDENTITIES)
def test_an_identity_is_proved(a: str, b: str) -> None:
    found = same(a, b)
    assert found is not None
    assert found.conditions == ()


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_what_is_no_identity_is_not_proved(a: str, b: str) -> None:
    assert same(a, b) is None


def test_a_condition_is_named() -> None:
    assert (proof := same("x**y*x", "x**(y + 1)")) is not None
    assert proof.conditions == ("x > 0",)
    assert (proof := same("(x + y)**z*(x + y)", "(x + y)**(z + 1)")) is not None
    assert proof.conditions == ("x + y > 0",)


def test_where_only_one_side_is_defined_is_named() -> None:
    found = same("sqrt(x*y)", "sqrt(x)*sqrt(y)")
    assert found is not None
    assert sorted(found.gaps[0].split(" and ")) == ["x < 0", "y < 0"]


@pytest.mark.parametrize(("gates", "size", "count"), [(ELEMENTARY, 7, 1500), (CHOICES, 12, 1500), ((*PRIMITIVES, *ARITHMETIC * 4), 5, 2500)])
def test_an_element_has_the_value_of_its_program(gates: tuple[str, ...], size: int, count: int) -> None:
    draw = random.Random(20)
    compared = 0
    for _ in range(count):
        program = random_program(draw, draw.randint(1, size), gates)
        points = [(draw.uniform(-3, 3), draw.uniform(-3, 3)) for _ in range(4)]
        pairs = near_values(program, points)
        for element, enclosure in pairs:
            assert element is not None, program.steps
            assert element.overlaps(enclosure), program.steps
        compared += len(pairs)
    assert compared > 2 * count


@given(st.integers(0, 10**9), st.integers(1, 9))
@example(204, 12)  # a power with a step function as its exponent is defined for negative bases
def test_an_element_has_the_value_of_its_program_for_any_seed(seed: int, size: int) -> None:
    draw = random.Random(seed)
    program = random_program(draw, size, CHOICES)
    points = [(draw.uniform(-3, 3), draw.uniform(-3, 3)) for _ in range(3)]
    pairs = near_values(program, points)
    assert all(element is not None and element.overlaps(enclosure) for element, enclosure in pairs)


def test_a_wrong_rule_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "tanh", lambda f, a: f.scaled(RULES["atan"](f, a), 2))
    (pair,) = near_values(derivatives.primitive(expression("tanh(x)", "x", "y")), [(0.5, 0.0)])
    assert not pair[0].overlaps(pair[1])


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        ((("x", 1), ("x - 1", -1)), False),
        ((("x", -1), ("x - 1", 1)), True),
        ((("x - y", 1), ("y - z", 1), ("x - z", -1)), True),
        ((("x - y", 1), ("y - z", 1), ("x - z", 1)), False),
        ((("x**2 + 1", -1),), True),
        ((("x*y", 1), ("x*y - 3", 1), ("x*y - 2", -1)), True),
    ],
)
def test_contradictory_assumptions_are_seen(atoms: tuple[tuple[str, int], ...], expected: bool) -> None:
    over = Field(("x", "y", "z"), Plan())
    polynomials = [(field.value(over, p, p.output).num, s) for text, s in atoms for p in [primitive(text)]]
    assert signs.contradictory(over, polynomials) is expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("log(x)", "log(1 + x)", "exp(x)", "exp(x*y)", "sqrt(1 + x*x)", "tan(x)"), True),
        (("exp(x)", "log(1 + exp(x))", "exp(exp(x))", "exp(y*log(x))"), True),
        (("exp(x/(x + 1))",), True),
        (("exp(x/(x + 1))", "exp(1/(x + 1)**2)"), True),
        (("atan(x)", "exp(x)", "log(x)"), True),
        (("atan(x)", "atan(1/x)"), False),  # their sum is pi/2 or -pi/2
        (("asin(sin(x))",), False),  # x, on an interval
        (("lambertw(x*exp(x))",), False),  # likewise
        (("lambertw(x)", "log(x)"), True),
        (("gamma(x)", "gamma(x + 1/2)", "gamma(2*x)"), False),  # DLMF 5.5.5
        (("besselj(1, x)",), True),
        (("besselj(1/2, x)",), False),  # sqrt(2/(pi x)) sin(x), DLMF 10.16.1
        (("log(1 + sqrt(x))",), False),
        (("exp(x*pi)", "exp(x**2*log(2))", "log(x)"), True),  # a constant factor changes nothing, whatever it is
        (("exp(x*pi)", "exp(x*log(2))"), False),  # is pi/log(2) irrational? yes, but nothing here knows it
    ],
)
def test_independence(texts: tuple[str, ...], expected: bool) -> None:
    programs = [primitive(text) for text in texts]
    found: list[bool] = []

    def look(over: Field) -> bool | None:
        elements = [field.value(over, p, p.output) for p in programs]
        if None in elements:
            return None
        used = {i for e in elements for p in e for i in over.used(p) if not over.kernels[i].constant}
        found.append(are_independent(over, sorted(used)))
        return True

    assert field.holds(("x", "y", "z"), look) is not None
    assert set(found) == {expected}


def test_two_exponentials_with_a_constant_product_are_dependent() -> None:
    """exp(x/(x + 1)) exp(1/(x + 1)) is e: their keys and 1 are linearly dependent."""
    assert same("where(exp(x/(x + 1))*exp(1/(x + 1)) == e, 1, 2)", "2") is None


@pytest.mark.parametrize("text", ["(x + y + z + 1)**50", "exp(1000*x)*exp(x/1000)", "sin(1000*x) + sin(x)", "(1000000000000*x + 1)*(1000000000000*x - 1)*y"])
def test_what_is_too_large_is_given_up(text: str) -> None:
    assert same(f"abs({text})", f"abs({text}) + 1") is None


def test_the_same_program_twice_gives_the_same_work() -> None:
    program = primitive("sqrt(sigmoid(x*y)) + cbrt(x) * tanh(y/3) ** 2 + x**0.5 + x**0.25")

    def work() -> int:
        left: list[int] = []

        def look(over: Field) -> bool:
            field.value(over, program, program.output)
            left.append(over.plan.work)
            return True

        field.holds(("x", "y", "z"), look)
        return left[-1]

    assert work() == work()


def test_a_chain_of_many_steps_is_given_up_within_the_work() -> None:
    text = "x"
    for _ in range(12):
        text = f"tanh(sin({text}) + exp(y*{text})*z)" if len(text) < 4000 else text
    assert same(text, f"{text} + 1") is None


def test_elements_enclose_as_arb_does() -> None:
    over = Field(("x",), Plan())
    with balls.precision(200):
        value = signs.enclose(over, over.div(over.generator(0), over.add(over.generator(0), over.one)), [arb(3)])
    assert value.overlaps(arb(3) / 4)


# the sign that mpmath gives at random points of the domain, where a rule knows it; None where it changes, or where no rule may know it without a split
SIGNS: tuple[tuple[str, int | None], ...] = (
    ("exp(x)", 1), ("-exp(x)", -1), ("x*x + 1", 1), ("-(x*x)", -1), ("exp(x) + 1", 1), ("pi - 3", 1), ("3 - pi", -1), ("x", None), ("x*y", None), ("x - x", 0), ("x**3", None), ("(x*x + 1)*-exp(y)", -1), ("cosh(x)", 1), ("sinh(x)", None),
    ("sqrt(2) - 1.5", -1), ("2 - sqrt(3)", 1), ("log(2)", 1), ("log(1/2)", -1), ("e**2 - 7", 1), ("exp(-1) - 1/3", 1), ("sqrt(x*x + 1)", 1), ("x**2 + y**2", 1), ("-x**2 - y**2 - 1", -1), ("1/(x*x + 1)", 1), ("x*x*exp(y)", 1), ("floor(x)**2 + 1", 1),
    ("sqrt(x*x + 1) - x", 1), ("x - sqrt(x*x + 1)", -1), ("x + sqrt(x*x + 1)", 1), ("-x - sqrt(x*x + 1)", -1), ("sqrt(x*x + 4)*exp(x) - x*exp(x)", 1),  # the root outweighs the rest
    ("x*x + 2 - sqrt(x*x + 1)", 1), ("sqrt(x*x + 1) - x*x - 2", -1), ("sqrt(x*x + 4) - 1", 1), ("1 - sqrt(x*x + 4)", -1), ("x*x + 2 + sqrt(x*x + 1)", 1),  # and the other way round
    ("sqrt(x*x + 1) - 2", None), ("sqrt(x*x + 1) - 2*x", None), ("1 - tanh(x)**2", 1), ("tanh(x)", None), ("1/(1 + exp(-x))", 1), ("1 + x*x - 2*x", 1), ("exp(x) - 1", None), ("exp(x) - exp(-x)", None), ("1 + exp(x) + x", None),
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SIGNS, ids=[t for t, _ in SIGNS])
def test_a_sign_that_is_known_is_that_of_all_values(text: str, expected: int | None) -> None:
    over, program = Field(("x", "y", "z"), Plan()), primitive(text)
    assert signs.known_sign(over, field.value(over, program, program.output)) == expected
    draw = random.Random(4)
    with mpmath.workdps(40):
        seen = {int(mpmath.sign(by_mpmath.run(program, mpmath, [mpmath.mpf(draw.uniform(-3, 3)) for _ in range(3)])[program.output])) for _ in range(60)}
    assert seen == {expected} if expected is not None else len(seen) > 1


TEXTS = (
    ("x + 1", "x + 1"), ("-x", "-x"), ("x*y - 2*x**2", "-2*x**2 + x*y"), ("1/(x + y)", "(1)/(x + y)"), ("exp(x)", "exp(x)"), ("exp(2*x)", "exp(2*(x))"), ("exp(x/2)", "exp(1/2*(x))"), ("log(x)", "log|x|"), ("sqrt(x*x + 1)", "(x**2 + 1)**(1/2)"), ("tan(x)", "(-2*tan(1/2*(x)))/(tan(1/2*(x))**2 - 1)"),
    ("erf(erf(x))", "erf(erf(x))"), ("erf(erf(erf(x)))", "erf(erf(erf(...)))"), ("1 + x + x**2 + x**3 + x**4 + x**5", "x**5 + x**4 + x**3 + x**2 + x + 1"), ("1 + x + x**2 + x**3 + x**4 + x**5 + x**6", "..."),
)  # fmt: skip


@pytest.mark.parametrize(("text", "written"), TEXTS, ids=[t for t, _ in TEXTS])
def test_an_element_is_written_in_names_of_the_program_and_what_is_long_or_deep_left_out(text: str, written: str) -> None:
    over, program = Field(("x", "y", "z"), Plan()), primitive(text)
    assert exponentials.text(over, field.value(over, program, program.output)) == written


# whether a function certainly vanishes on no open set. What is 0 on one, or by an identity that no rule here knows (DLMF 10.16.1, 5.5.3), must not be said to
VANISHING = (
    ("x + 1", True), ("x*y - 2", True), ("exp(x) - x", True), ("floor(x)", False), ("x*floor(x)", False), ("x*(1 + floor(x))", False), ("x + floor(x)", True), ("x*x + y*floor(y)", True), ("(x + y)*floor(x + y)", False), ("x*sqrt(2) - x*pi", True), ("sqrt(2) - pi", True),
    ("x*(besselj(1/2, 1) - sqrt(2/pi)*sin(1))", False), ("besselj(1/2, 1) - sqrt(2/pi)*sin(1)", False), ("x*(gamma(1/3)*gamma(2/3)*sin(pi/3) - pi)", False), ("x*(besselj(1/2, 1) - sqrt(2/pi)*sin(1)) + y", True), ("(besselj(1/2, 1) - 1/2)*x", True), ("x + y*(besselj(1/2, 1) - sqrt(2/pi)*sin(1)) + 3", True),
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), VANISHING, ids=[t for t, _ in VANISHING])
def test_what_certainly_vanishes_on_no_open_set(text: str, expected: bool) -> None:
    over, program = Field(("x", "y", "z"), Plan()), primitive(text)
    assert signs._is_nonzero(over, field.value(over, program, program.output).num) is expected


# whether a function certainly is an integer on no open set
INTEGERS = (
    ("x", True), ("x + 1/2", True), ("x*y", True), ("exp(x)", True), ("x/(1 + x)", True), ("(x + y)/x", True), ("pi*x", True), ("x + floor(x)", False), ("floor(x)", False), ("x*floor(y)", False), ("x - x + 1/2", False), ("sqrt(2)", False), ("pi", False), ("pi/(1 + sqrt(2))", False),
    ("sin(x)**2 + cos(x)**2 + 1", False), ("(x + 1)/(2*x + 2)", False), ("(sqrt(2)*x + x)/x", False), ("(pi*x + pi)/(x + 1)", False),
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), INTEGERS, ids=[t for t, _ in INTEGERS])
def test_what_certainly_is_an_integer_on_no_open_set(text: str, expected: bool) -> None:
    over, program = Field(("x", "y", "z"), Plan()), primitive(text)
    assert special._is_rarely_integer(over, field.value(over, program, program.output)) is expected
