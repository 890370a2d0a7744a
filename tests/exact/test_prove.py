"""A gradient is proved, agrees, approximates or is refuted; and no proof is ever false."""

from __future__ import annotations

import math
import random
import re
import textwrap
from fractions import Fraction

import pytest
from flint import arb

from tests.rearrange import bent, tree, written
from tests.texts import expression
from verifier.arithmetic import balls
from verifier.case.load import case_of, load_text
from verifier.circuit.backprop import with_backward
from verifier.circuit.program import Builder, Program
from verifier.compare import agreement, challenge
from verifier.compare.check import Check, checks_of
from verifier.compare.meant import Meant
from verifier.exact import constants, derivatives, prove
from verifier.exact.truth import Subject, subject, truth_of
from verifier.language.formats import FORMATS
from verifier.language.gates import GATES, Gate
from verifier.verify import verify

FLOAT64 = FORMATS["float64"]
NEAR_IDENTITIES = 3000
ORDERS = {0: (), 1: ("2",), 2: ("0.5", "1.25"), 3: ("2", "1", "3")}
# Partials that are a series or a limit in part of their domain: no identities, though right to less than an ulp.
APPROXIMATE = {"sinc", "sinc_unnormalized", "erfcx", "dawson", "gelu_tanh", "i0e", "i1e", "k0e", "k1e"}


def inputs_of(function: str) -> list[str]:
    return [n for n in "xyz" if re.search(rf"\b{n}\b", function)]


def outcomes(function: str, backward: str, *points: tuple[float, ...], forward: str = "", fmt: str = "float64", upstream: str = "1") -> dict[str, agreement.Outcome]:
    """The outcomes of a hand-written backward pass; its inputs are those of x, y, z that the function reads."""
    names = inputs_of(function)
    listed = points or ((0.7, 1.3, -0.4)[: len(names)],)
    rows = ", ".join("{" + ", ".join(f"{n}: {v!r}" for n, v in zip(names, p, strict=True)) + "}" for p in listed)
    text = f"function: {function}\nformats: [{fmt}]\nupstream: {upstream}\npoints: [{rows}]\nimplementations:\n  it:\n"
    text += f"    forward: |\n{textwrap.indent(forward, ' ' * 6)}\n" if forward else ""
    text += f"    backward: |\n{textwrap.indent(backward, ' ' * 6)}\n"
    loaded = load_text(text, file="t.yaml")
    assert not loaded.complaints, loaded.complaints
    programs = loaded.cases[0].programs
    return agreement.outcomes(Check("it", truth_of(programs.truth), subject(programs.drafts[0]), FORMATS[fmt], float(upstream)), listed)


def outcome(function: str, dx: str, *points: tuple[float, ...], fmt: str = "float64", upstream: str = "1") -> agreement.Outcome:
    """The outcome of d function / dx written as one expression; the other gradients are those of the gates."""
    names = inputs_of(function)
    lines = [f"dx = {dx}", *(f"d{n} = diff({function}, {n}) * dout" for n in names[1:])]
    return outcomes(function, "\n".join(lines), *points, fmt=fmt, upstream=upstream)["dx"]


TEXTBOOK = (
    ("sigmoid(x)", "(1 - sigmoid(x))*sigmoid(x)*dout"), ("sigmoid(x)", "exp(-x)/(1 + exp(-x))**2*dout"), ("1/(1 + exp(-x))", "1/(2 + 2*cosh(x))*dout"),
    ("tanh(x)", "(1 - tanh(x)**2)*dout"), ("tanh(x)", "1/cosh(x)**2*dout"), ("tanh(x)", "4*exp(2*x)/(exp(2*x) + 1)**2*dout"), ("softplus(x)", "sigmoid(x)*dout"), ("log(1 + exp(x))", "1/(1 + exp(-x))*dout"),
    ("softplus(x)", "where(x > 0, 1/(1 + exp(-x)), exp(x)/(1 + exp(x)))*dout"), ("silu(x)", "(sigmoid(x) + x*sigmoid(x)*(1 - sigmoid(x)))*dout"),
    ("gelu(x)", "(0.5*(1 + erf(x/sqrt(2))) + x*exp(-x*x/2)/sqrt(2*pi))*dout"), ("mish(x)", "(tanh(softplus(x)) + x*(1 - tanh(softplus(x))**2)*sigmoid(x))*dout"),
    ("gelu_tanh(x)", "(0.5*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3))) + 0.5*x*(1 - tanh(sqrt(2/pi)*(x + 0.044715*x**3))**2)*sqrt(2/pi)*(1 + 3*0.044715*x**2))*dout"),
    ("elu(x)", "where(x > 0, 1, exp(x))*dout"), ("elu(x)", "where(x > 0, 1, elu(x) + 1)*dout"), ("relu(x)", "(x > 0)*dout"), ("leaky_relu(x)", "where(x > 0, 1, 0.01)*dout"), ("selu(x)", "where(x > 0, 1.0507009873554804934193349852946, 1.0507009873554804934193349852946*1.6732632423543772848170429916717*exp(x))*dout"),
    ("log1p(x)", "1/(1 + x)*dout"), ("expm1(x)", "(expm1(x) + 1)*dout"), ("hypot(x, y)", "x/hypot(x, y)*dout"), ("atan2(x, y)", "y/(x*x + y*y)*dout"), ("sqrt(x*x + y*y + z*z)", "x/sqrt(x*x + y*y + z*z)*dout"),
    ("sin(x)/x", "(x*cos(x) - sin(x))/x**2*dout"), ("where(x == 0, 1, sin(x)/x)", "where(x == 0, 0, cos(x)/x - sin(x)/x**2)*dout"), ("x**2.5", "2.5*x*sqrt(x)*dout"), ("x**0.25", "1/(4*x**0.75)*dout"), ("cbrt(x)", "1/(3*cbrt(x)**2)*dout"),
    ("x**y", "y*x**(y - 1)*dout"), ("x**y", "y*exp((y - 1)*log(x))*dout"), ("log(x*y)", "1/x*dout"), ("log(x**2/y)", "2/x*dout"), ("log(sqrt(x))", "0.5/x*dout"), ("sin(x)**2", "sin(2*x)*dout"), ("cos(x)*sin(x)", "cos(2*x)*dout"), ("abs(x)", "where(x < 0, -1, 1)*dout"),
    ("log(cosh(x))", "tanh(x)*dout"), ("x*log(x) - x", "log(x)*dout"), ("log(exp(x) + exp(y))", "exp(x - log(exp(x) + exp(y)))*dout"), ("exp(-(x - y)**2/2)", "-(x - y)*exp(-(x - y)**2/2)*dout"), ("sqrt(x)*sqrt(x)", "dout"), ("besselj(1, x)", "(besselj(0, x) - besselj(1, x)/x)*dout"),
    ("gamma(x)", "gamma(x)*digamma(x)*dout"), ("lgamma(x + 1)", "(digamma(x) + 1/x)*dout"), ("asin(x)", "1/sqrt(1 - x**2)*dout"), ("acosh(x + 2)", "1/sqrt((x + 2)**2 - 1)*dout"), ("clip(x, -1, 1)", "where(abs(x) < 1, dout, 0)"), ("max(x, 1 - y)", "where(x + y > 1, dout, 0)"),
)  # fmt: skip


@pytest.mark.parametrize(("function", "dx"), TEXTBOOK)
def test_a_textbook_derivative_is_proved(function: str, dx: str) -> None:
    assert outcome(function, dx).kind == "proved"


@pytest.mark.parametrize(("function", "dx"), TEXTBOOK)
def test_a_bent_textbook_derivative_is_refuted(function: str, dx: str) -> None:
    found = outcome(function, f"(1 + 1e-12)*({dx})")
    assert found.kind == "refuted"
    assert found.counterexample is not None
    assert found.counterexample["x"] == 0.7


def test_the_two_sigmoids_of_cs231n_are_proved() -> None:
    forward = textwrap.dedent("""\
        sigy = 1.0 / (1 + math.exp(-y))
        num = x + sigy
        sigx = 1.0 / (1 + math.exp(-x))
        xpy = x + y
        xpysqr = xpy**2
        den = sigx + xpysqr
        invden = 1.0 / den
        f = num * invden""")
    backward = textwrap.dedent("""\
        dnum = invden
        dinvden = num
        dden = (-1.0 / (den**2)) * dinvden
        dsigx = (1) * dden
        dxpysqr = (1) * dden
        dxpy = (2 * xpy) * dxpysqr
        dx = (1) * dxpy
        dy = (1) * dxpy
        dx += ((1 - sigx) * sigx) * dsigx
        dx += (1) * dnum
        dsigy = (1) * dnum
        dy += ((1 - sigy) * sigy) * dsigy""")
    function = "(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)"
    assert {k: o.kind for k, o in outcomes(function, backward, (3.0, -4.0), forward=forward).items()} == {"dx": "proved", "dy": "proved"}
    dropped = backward.replace("dx += ((1 - sigx) * sigx) * dsigx\n", "")
    assert {k: o.kind for k, o in outcomes(function, dropped, (3.0, -4.0), forward=forward).items()} == {"dx": "refuted", "dy": "proved"}


def test_conditions_gaps_and_readings_are_said() -> None:
    power = outcome("x**y", "y*x**(y - 1)*dout")
    assert power.kind == "proved"
    assert power.note.startswith("for all inputs where both are defined, where x > 0")
    assert power.note.endswith("; it has no value at x = 0.0, y = 0.0, where the exact gradient has one")  # x**0 is 1, and 0*0**-1 nothing
    assert outcome("erf(x)", "1.1283791670955126*exp(-x*x)*dout").note == "for all inputs where both are defined, with 1.1283791670955126 read as 2/sqrt(pi)"
    gap = outcome("log(x*x)", "2*exp(-log(x))*dout")
    assert gap.kind == "refuted"
    assert gap.counterexample is not None
    assert gap.counterexample["x"] < 0
    assert "except where x < 0: there it has no value" in gap.note
    assert outcome("log(x*x)", "2*exp(-log(x))*dout", (-3.0,)).kind == "refuted"


def test_upstream_is_a_variable_where_it_is_read() -> None:
    assert outcome("x*x", "2*x*dout", upstream="3").kind == "proved"
    assert outcome("x*x", "2*x", upstream="1").kind == "proved"
    assert outcome("x*x", "2*x", upstream="3").kind == "refuted"
    assert outcome("x*x", "2*x*dout*dout", upstream="1").kind == "agrees"  # right at the points, for this upstream only


@pytest.mark.parametrize(
    ("function", "dx", "kind"),
    [
        ("erf(x)", "1.1283791670955126*exp(-x*x)*dout", "proved"),
        ("erf(x)", "1.1283791670955176*exp(-x*x)*dout", "refuted"),
        ("log10(x)", "0.4342944819032518/x*dout", "proved"),
        ("log2(x)", "1.4426950408889634/x*dout", "proved"),
        ("gelu_tanh(x)", "diff(0.5*x*(1 + tanh(0.7978845608028654*(x + 0.044715*x**3))), x)*dout", "proved"),
        ("gelu_tanh(x)", "diff(0.5*x*(1 + tanh(0.7978*(x + 0.044715*x**3))), x)*dout", "refuted"),
        ("x/3", "0.3333333333333333*dout", "proved"),
        ("x*1.2345678901234567", "1.2345678901234567*dout", "proved"),
        ("x*1.2345678901234567", "1.2345678901234566*dout", "agrees"),
    ],
)
def test_a_rounded_constant(function: str, dx: str, kind: str) -> None:
    assert outcome(function, dx).kind == kind


@pytest.mark.parametrize("fmt", ["float64", "float32"])
def test_a_constant_is_read_from_its_rounded_decimals(fmt: str) -> None:
    digits = FORMATS[fmt].digits + 2
    for name, value in (("sqrt(2/pi)", 0.7978845608028654), ("log(2)", 0.6931471805599453), ("1/log(10)", 0.4342944819032518), ("pi", 3.141592653589793), ("2/sqrt(pi)", 1.1283791670955126), ("pi/180", 0.017453292519943295)):
        assert constants.reading(f"{value:.{digits}g}", FORMATS[fmt]) == name


@pytest.mark.parametrize("text", ["3.14", "0.7978", "3.1415926535897962", "1.2345678901234567", "0.5", "100000000000000000000"])
def test_other_decimals_are_not_read(text: str) -> None:
    assert constants.reading(text, FLOAT64) is None


def test_no_two_constants_have_a_rational_quotient() -> None:
    """So a literal is never read in two ways because of one number with two names."""
    with balls.precision(constants.BITS):
        values = [constants.value_of(name) for name in constants.CONSTANTS]
        for i, a in enumerate(values):
            for b in values[:i]:
                ratio = a / b
                near = Fraction(float(ratio.mid())).limit_denominator(1000)
                assert ratio != arb(near.numerator) / near.denominator


def test_agreement_without_a_proof() -> None:
    found = outcome("besselj(1/2, x)", "diff(sqrt(2/(pi*x))*sin(x), x)*dout")  # DLMF 10.16.1: no rule here knows it
    assert found.kind == "agrees"
    assert found.note.endswith("21 points")


def test_an_approximation_is_one() -> None:
    found = outcome("where(x == 0, 1, sin(x)/x)", "where(abs(x) < 0.001, -x/3 + x**3/30 - x**5/840, cos(x)/x - sin(x)/x**2)*dout", (0.0005,))
    assert found.kind == "approximates"
    assert found.note.startswith("within 4.06")  # the next term, x**7/45360 at 0.001, in units of 2**-64: the threshold is found, though the point is 0.0005


@pytest.mark.parametrize(
    ("function", "dx", "fmt", "ulps"),
    [  # the largest error by hand, in ulps of the number below 1: exp(-t) * 2**53 (float64), exp(-t) * 2**24 (float32)
        ("softplus(x)", "where(x > 40, 1, sigmoid(x))*dout", "float64", 0.0383),
        ("softplus(x)", "where(x > 20, 1, sigmoid(x))*dout", "float32", 0.0346),
        ("log(cosh(x))", "where(x > 30, 1, where(x < -30, -1, tanh(x)))*dout", "float64", 1.6e-10),
    ],
)
def test_a_threshold_within_an_ulp_is_a_certified_approximation(function: str, dx: str, fmt: str, ulps: float) -> None:
    found = outcome(function, dx, fmt=fmt)
    assert found.kind == "approximates"
    said = re.fullmatch(rf"certified within (\S+) ulp at all numbers of {fmt}", found.note)
    assert said is not None
    assert ulps <= float(said[1]) <= 1


@pytest.mark.parametrize(("function", "dx", "fmt"), [("softplus(x)", "where(x > 20, 1, sigmoid(x))*dout", "float64"), ("tanh(x)", "where(abs(x) > 20, 0, 1 - tanh(x)**2)*dout", "float64"), ("softplus(x)", "where(x > 40, 1.5, sigmoid(x))*dout", "float64")])
def test_a_threshold_that_is_too_early_is_not_certified(function: str, dx: str, fmt: str) -> None:
    assert "certified" not in outcome(function, dx, fmt=fmt).note


@pytest.mark.parametrize(
    ("function", "dx"),
    [
        ("elu(x)", "where(elu(x) > 0, 1, elu(x) + 1)*dout"), ("leaky_relu(x)", "where(leaky_relu(x) > 0, 1, 0.01)*dout"), ("celu(x)", "where(celu(x) > 0, 1, celu(x) + 1)*dout"),
        ("selu(x)", "where(selu(x) > 0, 1.0507009873554804934193349852946, selu(x) + 1.0507009873554804934193349852946*1.6732632423543772848170429916717)*dout"),
        ("x/sqrt(atan(1))", "1/sqrt(atan(1))*dout"), ("clip(x, -inf, 2)", "where(x < 2, dout, 0)"), ("min(x, inf)", "dout"), ("max(x, min(x, y))", "dout"), ("clip(x, y, y)", "0*dout"), ("x*sign(2**x - 8)", "where(x > 3, 1, -1)*dout"),
        ("x*sign(erf(x))", "where(x > 0, 1, -1)*dout"), ("x*sign(gamma(x) - 3)", "where(gamma(x) > 3, 1, -1)*dout"), ("x*ceil(floor(x))", "floor(x)*dout"),
    ],
)  # fmt: skip
def test_conditions_on_the_output_infinity_and_ties_are_proved(function: str, dx: str) -> None:
    assert outcome(function, dx).kind == "proved"


def test_a_point_that_is_wrong_counts_more_than_an_identity_off_the_boundaries() -> None:
    function, dx = "where(x == 0, 1, sin(x)/x)", "(cos(x)/x - sin(x)/x**2)*dout"
    hole = outcome(function, dx, (1.0,))
    assert hole.kind == "proved"
    assert hole.note.endswith("it has no value at x = 0.0, where the exact gradient has one")
    at_zero = outcome(function, dx, (1.0,), (0.0,))
    assert (at_zero.kind, at_zero.counterexample) == ("refuted", {"x": 0.0})
    assert "elsewhere it is proved" in at_zero.note


def test_nothing_compared_is_no_agreement() -> None:
    assert outcome("log(-exp(x))", "dout").kind == "undecided"


def test_the_further_points_repeat_and_lie_where_they_should() -> None:
    first = agreement.further_points([(2.0, 0.0)], 2, fmt=FLOAT64, seed=3)
    assert first == agreement.further_points([(2.0, 0.0)], 2, fmt=FLOAT64, seed=3)
    assert len(first) == prove.FURTHER_POINTS
    assert all(1.5 <= x <= 2.5 and -0.25 <= y <= 0.25 for x, y in first)
    assert all(5 <= x <= 6 for x, _ in agreement.further_points([(2.0, 0.0)], 2, fmt=FORMATS["float16"], meant=Meant(((5.0, 6.0), (-math.inf, math.inf)), ((), ())), seed=3))


def test_zero_is_seen() -> None:
    for text, expected in (("sin(x)**2 + cos(x)**2 - 1", True), ("x - x", True), ("abs(x) - sqrt(x*x)", True), ("x*1e-300", False), ("atan(x) + atan(1/x) - pi/2", False)):
        program = derivatives.primitive(expression(text, "x"))
        assert prove.is_zero(program, program.output) is expected


def test_the_gradient_of_a_constant_is_zero() -> None:
    truth = truth_of(expression("sin(x)**2 + cos(x)**2", "x"))
    assert prove.is_zero(truth.gradient.program, truth.gradient.adjoint[0])


# ---------------------------------------------------------------- the table


def staged(gate: Gate) -> tuple[Program, tuple[tuple[str, str], ...]]:
    """`gate(inputs)`, its orders literals and its conditions c > 0; what its gradients are called."""
    free = [i for i in range(len(gate.parameters)) if i not in gate.orders and i not in gate.conditions]
    inputs = (*(gate.parameters[i] for i in free), *("condition" for _ in gate.conditions))
    builder, literals = Builder(inputs), iter(ORDERS[len(gate.orders)])
    at = []
    for i in range(len(gate.parameters)):
        if i in gate.orders:
            at.append(builder.append("number", (), text=next(literals)))
        elif i in gate.conditions:
            at.append(builder.append("gt", (builder.names["condition"], builder.append("number", (), text="0"))))
        else:
            at.append(free.index(i))
    return builder.program(builder.append(gate.name, tuple(at))), tuple((gate.parameters[i], f"d{gate.parameters[i]}") for i in free)


@pytest.mark.parametrize("name", [n for n, g in GATES.items() if not g.boolean])
def test_the_staged_partials_of_a_gate_are_proved(name: str) -> None:
    program, claims = staged(GATES[name])
    truth, tested = truth_of(program), Subject(with_backward(program, claims), claims)
    found = {c: prove.prove(truth, tested, c, fmt=FLOAT64, upstream=1.0) is not None for c in claims}
    assert set(found.values()) == ({False} if name in APPROXIMATE else {True})


# ---------------------------------------------------------------- near-identities


def differ(a: Program, b: Program, draw: random.Random) -> bool | None:
    """Whether two programs certainly differ at one of sixteen random points; None where they meet nowhere."""
    columns = [[arb(draw.uniform(-3, 3)) for _ in range(16)] for _ in a.inputs]
    values = [balls.run(p, columns, bits=200, strict=True)[p.output] for p in (a, b)]
    both = [(u, v) for u, v in zip(*values, strict=True) if u.is_finite() and v.is_finite()]
    return any(u != v for u, v in both) if both else None


def primitive(text: str) -> Program:
    return derivatives.primitive(expression(text, "x", "y"))


@pytest.mark.parametrize(("zero", "gaps"), [("asin(x)*y - y*asin(x)", ("x + 1 < 0", "x + 1 > 0 and x - 1 > 0")), ("acosh(x)*y - y*acosh(x)", ("x - 1 < 0",)), ("log(x)*y - y*log(x)", ("x < 0",)), ("sin(x)*y - y*sin(x)", ())])
@pytest.mark.parametrize("is_zero", [True, False])
def test_a_proof_of_0_names_where_what_is_computed_has_no_value(zero: str, gaps: tuple[str, ...], is_zero: bool) -> None:
    """asin has none beyond 1, acosh below 1, log below 0; whether 0 is claimed to be 0 or x - x."""
    found = prove.prove_sides(primitive("x - x*1"), primitive(zero), is_zero=is_zero, fmt=FORMATS["float64"], upstream=1.0)
    assert found is not None
    assert tuple(sorted(found.gaps)) == gaps


def test_a_near_identity_is_never_proved_and_an_identity_nearly_always() -> None:
    draw = random.Random(231)
    near = identities = proved = 0
    while near < NEAR_IDENTITIES:
        node = tree(draw, draw.randint(1, 4))
        text, rearranged = written(node), written(node, draw)
        a, b = primitive(text), primitive(rearranged)
        if differ(a, b, draw) is None:
            continue
        identities += 1
        proved += prove.prove_same(a, b, fmt=FLOAT64) is not None
        for _ in range(3):
            changed = bent(rearranged, draw)
            c = primitive(changed)
            if differ(a, c, draw):
                near += 1
                assert prove.prove_same(a, c, fmt=FLOAT64) is None, (text, changed)
    assert proved >= 0.98 * identities


def test_the_random_identities_are_identities() -> None:
    draw = random.Random(5)
    for _ in range(300):
        node = tree(draw, 3)
        assert not differ(primitive(written(node)), primitive(written(node, draw)), draw)


# ---------------------------------------------------------------- bounds over several inputs, and of products with a tail


# Relative distances at the threshold, by hand: 1 - sigmoid(x) = 1/(1 + exp(x)), of which an ulp is at most 2**53 times; of gelu' the tail is below x*phi(x) + Phi(-x), at x = 10 less than 8e-22.
BOUNDED = (
    ("softplus(x)*y", "dx = where(x > 40, 1, sigmoid(x))*y*dout; dy = softplus(x)*dout", ((0.5, 2.0), (50.0, 1.0)), 2.0**53 * math.exp(-40)),
    ("softplus(x)*y*z", "dx = where(x > 40, 1, sigmoid(x))*y*z*dout; dy = softplus(x)*z*dout; dz = softplus(x)*y*dout", ((0.5, 2.0, 1.0), (50.0, 1.0, 3.0)), 2.0**53 * math.exp(-40)),
    ("gelu(x)", "dx = where(x > 10, 1, ndtr(x) + x*exp(-x*x/2)/sqrt(2*pi))*dout", ((0.5,), (12.0,)), 2.0**53 * 8e-22),
)


@pytest.mark.parametrize(("function", "backward", "points", "most"), BOUNDED)
def test_a_threshold_is_certified_over_several_inputs_and_with_a_tail_that_is_a_product(function: str, backward: str, points: tuple[tuple[float, ...], ...], most: float) -> None:
    found = outcomes(function, backward.replace("; ", "\n"), *points)["dx"]
    said = re.fullmatch(r"certified within (\S+) ulp at all numbers of float64", found.note)
    assert said is not None, found
    assert 0 < float(said[1]) <= 1.5 * most, "a bound over boxes is a little larger"


@pytest.mark.parametrize(("function", "backward", "points"), [
    ("softplus(x)*y", "dx = where(x > 36, 1, sigmoid(x))*y*dout; dy = softplus(x)*dout", ((0.5, 2.0), (50.0, 1.0))),  # 2**53 exp(-36) = 2.1
    ("gelu(x)", "dx = where(x > 8, 1, ndtr(x) + x*exp(-x*x/2)/sqrt(2*pi))*dout", ((0.5,), (12.0,))),  # 8 phi(8) + Phi(-8) = 4.1e-14
])  # fmt: skip
def test_a_threshold_that_is_more_than_an_ulp_too_low_is_not_certified(function: str, backward: str, points: tuple[tuple[float, ...], ...]) -> None:
    assert "certified" not in outcomes(function, backward.replace("; ", "\n"), *points)["dx"].note


def test_a_sum_is_certified_in_a_domain_of_two_inputs() -> None:
    """1 - sigmoid(x + y) beyond x + y = 40 is less than exp(-40); at 36 it is more than two ulp."""
    for threshold, is_certified in ((40, True), (36, False)):
        case = case_of(f"function: softplus(x + y)\npoints: [{{x: 1, y: 2}}]\ndomain: {{x: [-100, 100], y: [-100, 100]}}\nimplementations:\n  it: {{backward: 'dx = where(x + y > {threshold}, 1, sigmoid(x + y))*dout', gradients: {{x: dx}}}}")
        report = verify(case)
        assert ("certified within" in report.proof_notes["it"]["dx"]) is is_certified


def test_a_proof_says_how_many_points_on_borders_were_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    before = outcome("floor(x)*x + abs(x - 3)*x", "(floor(x) + sign(x - 3)*x + abs(x - 3))*dout")
    assert before.kind == "proved"
    assert "were not tried" not in before.note
    monkeypatch.setattr(challenge, "FEWEST_LIMITS", 2)
    monkeypatch.setattr(challenge, "MOST_LIMITS", 2)
    after = outcome("floor(x)*x + abs(x - 3)*x", "(floor(x) + sign(x - 3)*x + abs(x - 3))*dout")
    assert re.search(r"; \d+ of the points on borders were not tried", after.note)


def test_a_border_at_which_the_formula_is_not_known_is_said_to_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = "where(x == 0, 1/sin(1/x), 2*x)*dout"
    assert "it has no value at x = 0.0" in outcome("x*x", formula, (0.3,)).note
    monkeypatch.setattr(challenge._Enclosures, "computed_on_border", lambda *_: None)
    assert outcome("x*x", formula, (0.3,)).note.endswith("; not at x = 0.0, where it could not be decided")


def test_single_holes_are_named_and_counted() -> None:
    """x/x has no value at 0 only; 1/(x (x - 1) (x - 2) (x - 3) (x - 4)) times its inverse at five points."""
    found = outcome("x", "x*(x - 1)*(x - 2)*(x - 3)*(x - 4)/(x*(x - 1)*(x - 2)*(x - 3)*(x - 4))*dout")
    assert found.kind == "proved"
    assert re.search(r"it has no value at x = .* or x = .* or x = .* and 2 more of the points tried, where", found.note), found.note


# where the exact gradient has a value and the formula has none
GAPS = (("x*log(x*y)", "(log(x) + log(y) + 1)*dout", ("x < 0 and y < 0",)), ("log(x*x)", "2*exp(-log(x))*dout", ("x < 0",)), ("x*x", "2*x*dout", ()), ("x*x", "2*sqrt(x)**2*dout", ("x < 0",)), ("log(x)", "exp(-log(x))*dout", ()))


@pytest.mark.parametrize(("function", "dx", "gaps"), GAPS)
def test_a_proof_names_where_the_formula_has_no_value_and_the_gradient_has_one(function: str, dx: str, gaps: tuple[str, ...]) -> None:
    point = "{x: 2, y: 3}" if "y" in function else "{x: 2}"
    case = case_of(f"function: {function}\npoints: [{point}]\nimplementations: {{a: {{gradients: {{x: dx}}, backward: 'dx = {dx}'}}}}")
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    proof = prove.prove(check.truth, check.subject, check.subject.claims[0], fmt=check.format, upstream=1.0)
    assert proof is not None
    assert proof.gaps == gaps


# By hand, at x = 0: f/x = x*floor(1/x) lies between 1 - |x| and 1 + |x|; x*sin(1/x) tends to 0; (x*floor(1/x) - 1)/x lies between -1 and 0 and has no limit.
WILD = (("where(x == 0, 0, x**2*floor(1/x))", "where(x == 0, {}, 2*x*floor(1/x))*dout", 1), ("where(x == 0, 0, x**2*sin(1/x))", "where(x == 0, {}, 2*x*sin(1/x) - cos(1/x))*dout", 0), ("where(x == 0, 1, x*floor(1/x))", "where(x == 0, {}, floor(1/x))*dout", None))


@pytest.mark.parametrize(("function", "dx", "right"), WILD)
@pytest.mark.parametrize("claimed", [0, 1, 2, 17])
def test_a_proof_does_not_count_where_the_border_is_a_point_that_is_open(function: str, dx: str, right: int | None, claimed: int) -> None:
    """It is proved beside 0 whatever is claimed at 0, so it must not be said of 0, unless that is refuted."""
    found = outcome(function, dx.format(claimed), (0.3,))
    assert found.kind == "refuted" or found.note.endswith("; not at x = 0.0, where it could not be decided") or found.note.endswith("; not at x = -0.0, where it could not be decided"), found
    assert found.kind == "proved" or claimed != right


def test_a_border_at_which_the_limit_is_known_is_proved_with_it() -> None:
    found = outcome("where(x == 0, 1, sin(x)/x)", "where(x == 0, 0, cos(x)/x - sin(x)/x**2)*dout", (0.3,))
    assert found.kind == "proved"
    assert "decided" not in found.note
    assert outcome("where(x == 0, 1, sin(x)/x)", "where(x == 0, 17, cos(x)/x - sin(x)/x**2)*dout", (0.3,)).kind == "refuted"
