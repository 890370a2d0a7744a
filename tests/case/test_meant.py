"""Where the inputs of a case are meant: parameters, listed values, the constraint, the scope; what a refuted gradient makes of a case."""

from __future__ import annotations

import pytest

from verifier.case import points
from verifier.case.load import case_of, load_text
from verifier.compare.meant import is_meant, meant_in, satisfied
from verifier.language.formats import FORMATS
from verifier.verify import verify

FLOAT64, FLOAT32 = FORMATS["float64"], FORMATS["float32"]
EXCHANGED = 'function: x**2 * exp(y)\npoints: [{x: 2, y: 0.5}]\nimplementations: {mine: {backward: "dx = x**2*exp(y)*dout; dy = 2*x*exp(y)*dout"}}\n'
RIGHT = EXCHANGED.replace("dx = x**2", "dx = 2*x").replace("dy = 2*x", "dy = x**2")


def codes(text: str) -> list[str]:
    return [f.code for f in verify(case_of(text)).findings]


def messages(text: str) -> str:
    return "\n".join(str(c) for c in load_text(text, file="f.yaml").complaints)


def test_a_gradient_that_its_points_hide_fails_with_a_witness() -> None:
    report = verify(case_of(EXCHANGED))
    assert report.status == "failed"
    assert [(f.code, f.gradient) for f in report.findings] == [("V107", "dx"), ("V107", "dy")]
    point = dict(report.findings[0].point)
    assert float(point["x"]) not in (0.0, 2.0)  # x**2 = 2*x at these only
    assert f"wrong at x = {point['x']}, y = {point['y']}" in report.findings[0].message
    assert verify(case_of(RIGHT)).status == "passed"


@pytest.mark.parametrize("said", ["scope: points", "domain: {x: {2}}", "given: x == 2", "domain: {x: [2, 2], y: [0, 1]}"])
def test_what_is_meant_otherwise_is_said_in_the_file(said: str) -> None:
    assert codes(f"{EXCHANGED}{said}\n") == []


@pytest.mark.parametrize("said", ["scope: domain", "domain: {x: {2, 3}}", "given: x > 1", "domain: {x: [1, 2], y: [0, 1]}"])
def test_what_is_meant_more_widely_still_fails(said: str) -> None:
    assert codes(f"{EXCHANGED}{said}\n") == ["V107", "V107"]


def test_a_constraint_holds_where_it_certainly_does_over_the_reals() -> None:
    meant = meant_in(case_of("function: p * q\npoints: [{p: 0.25, q: 0.75}]\ngiven: p + q == 1\n"), FLOAT64)
    assert satisfied(meant, [(0.25, 0.75), (0.1, 0.9), (0.5, 0.5)]) == [True, False, True]  # 0.1 and 0.9 as floats: 1 + 2.8e-17


def test_samples_satisfy_the_constraint_and_take_listed_values() -> None:
    case = case_of("function: x * t\ndomain: {x: [-1, 1], t: {0, 0.1}}\nsample: 50\ngiven: x > 0.5\n")
    meant = meant_in(case, FLOAT32)
    drawn = points.sampled(case, FLOAT32, lambda rows: satisfied(meant, rows))
    assert len(drawn) == 50
    assert all(x > 0.5 and t in (0.0, 0.10000000149011612) for x, t in drawn)  # 0.1 in float32, by NumPy
    assert all(is_meant(meant, p) for p in drawn)
    assert not is_meant(meant, (0.75, 0.05))


def test_a_constraint_that_no_sample_satisfies_is_said() -> None:
    report = verify(case_of("function: x\ndomain: {x: [-1, 1]}\nsample: 5\ngiven: x > 2\n"))
    assert report.status == "error"
    assert "satisfies 'given'" in report.findings[0].message


def test_a_hunt_looks_only_where_the_inputs_are_meant() -> None:
    text = 'function: sqrt(x)*t\nhunt: true\ndomain: {x: [1, 9], t: {1, 2}}\nimplementations: {it: {backward: "dx = where(x > 4, t, 0.5*t/sqrt(x))*dout; dt = sqrt(x)*dout"}}\n'
    assert "wrong" in {r.verdict.value for r in verify(case_of(text)).results}
    inside = verify(case_of(f"{text}given: x < 4\n"))
    assert "wrong" not in {r.verdict.value for r in inside.results}
    assert {dict(r.point)["t"] for r in inside.results} <= {"1.0", "2.0"}


def test_parameters_have_values_and_no_gradients() -> None:
    case = case_of("function: y[0]*log(x + eps)\npoints: [{x: 2}, {x: 3}]\nparameters: {eps: 1e-5, y: [3]}\n")
    assert case.parameters == ("eps", "y[0]")
    assert [p.values for p in case.points] == [(("x", "2"), ("eps", "1e-5"), ("y[0]", "3")), (("x", "3"), ("eps", "1e-5"), ("y[0]", "3"))]
    assert {r.gradient for r in verify(case).results} == {"dx"}


def test_the_order_of_a_gate_is_a_parameter_where_nothing_else_reads_it() -> None:
    assert case_of("function: besselj(n, x)\npoints: [{n: 2, x: 1}]\n").parameters == ("n",)
    assert case_of("function: n*besselj(n, x)\npoints: [{n: 2, x: 1}]\nparameters: [n]\n").parameters == ("n",)
    assert "if it is one, say so: parameters: [n]" in messages("function: n*besselj(n, x)\npoints: [{n: 2, x: 1}]\n")
    assert "parameters: [n]" in messages("function: besselj(n, x)\npoints: [{n: 2, x: 1}]\nimplementations: {it: {gradients: {n: dn}}}\n")


def test_a_parameter_counts_as_exact() -> None:
    free = verify(case_of("function: x*y*y\npoints: [{x: 3, y: 2}]\n")).results[0]
    fixed = verify(case_of("function: x*y*y\npoints: [{x: 3, y: 2}]\nparameters: [y]\n")).results[0]
    assert (free.condition, fixed.condition) == ("3.00000", "1.00000")  # 1 + |y H_xy| / |g| = 1 + 2*4/4 by hand; with y exact nothing moves g


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("function: x\npoints: [{x: 1}]\nparameters: [q]\n", "the parameter 'q' is neither in the points nor in the domain"),
        ("function: x\npoints: [{x: 1}]\nparameters: [x]\n", "every input is a parameter"),
        ("function: x*e\npoints: [{x: 1, e: 2}]\nparameters: {e: 1}\n", "the parameter 'e' has a value here and in the points"),
        ("function: x\npoints: [{x: 1}]\nscope: point\n", "scope is 'point'; it must be 'domain' or 'points'; did you mean 'points'?"),
        ("function: x\npoints: [{x: 1}]\ngiven: x + 1\n", "a constraint must be a comparison"),
        ("function: x\npoints: [{x: 1}]\ngiven: z > 1\n", "unknown name 'z' in given; known here: x"),
        ("function: x\npoints: [{x: 1}]\ndomain: {x: {a: 1}}\n", "the domain of 'x' is a mapping"),
        ("function: x\nformats: [float16]\nexhaustive: true\ndomain: {x: {0, 1}}\n", "'x' has listed values"),
        ("function: x\npoints: [{x: 1}]\nupstream: 1e400\n", "upstream is '1e400', beyond the largest number of every format"),
        ("outputs: [s]\nfunction: x\npoints: [{x: 1}]\n", "'function' has one value only"),
        ("outputs: [s]\nforward: t = x\npoints: [{x: 1}]\n", "the forward pass never sets the output 's'"),
    ],
)
def test_a_mistake_in_a_key_is_answered(text: str, expected: str) -> None:
    assert expected in messages(text)


@pytest.mark.parametrize("name", ["grad_output", "grad_out", "gy", "ct", "g", "dy"])
def test_other_names_of_the_gradient_that_flows_in_are_answered(name: str) -> None:
    found = messages(f'function: sin(x)\npoints: [{{x: 1}}]\nimplementations: {{it: {{backward: "dx = cos(x)*{name}"}}}}\n')
    assert f"unknown name '{name}' in implementations.it.backward; the gradient that flows in is called dout" in found


def test_a_missing_claim_is_answered_with_the_key_and_the_near_name() -> None:
    found = messages('function: W[0]*x\npoints: [{W: [2], x: 1}]\nimplementations: {it: {backward: "dx = W[0]*dout; dw0 = x*dout"}}\n')
    assert "did you mean 'dw0'? then add gradients: {'W[0]': dw0}" in found


def test_several_outputs_are_judged_together() -> None:
    text = 'outputs: [s, p]\nforward: "s = x + y; p = x * y"\npoints: [{x: 2, y: 3}]\nimplementations: {it: {backward: "dx = ds + y*dp; dy = ds + x*dp"}}\n'
    results = {r.gradient: r for r in verify(case_of(f"{text}upstream: {{s: 5, p: -2}}\n")).results}
    assert (results["dx"].computed, results["dx"].exact[:4]) == ("-1.0", "-1.0")  # 5 - 2*3
    assert results["dx"].verdict.value == results["dy"].verdict.value == "correct"
    assert "V101" in codes(text.replace("ds + x*dp", "ds + x"))


def test_an_implementation_runs_in_its_own_formats() -> None:
    case = case_of("function: sin(x)\npoints: [{x: 1}]\nimplementations: {a: {}, b: {formats: [float16, bfloat16]}}\n")
    assert [(r.implementation, r.format) for r in verify(case).results] == [("a", "float64"), ("b", "float16"), ("b", "bfloat16")]


IGNORED = 'function: sin(x)\npoints: [{x: 1}]\nimplementations: {it: {backward: "dx = cos(x)"}}\n'


def test_a_backward_pass_that_ignores_what_flows_in_is_a_warning_and_an_error_where_upstream_is_given() -> None:
    (found,) = verify(case_of(IGNORED)).findings
    assert (found.code, found.severity, found.gradient) == ("V205", "warning", "dx")
    report = verify(case_of(f"{IGNORED}upstream: 1\n"))
    assert (report.status, report.findings[0].code) == ("failed", "V205")
    assert codes(IGNORED.replace("cos(x)", "cos(x)*dout")) == []
    assert codes(IGNORED.replace("dx = cos(x)", "dout = 1; dx = cos(x)*dout")) == []  # it says so itself: a note
    assert codes(IGNORED.replace("sin(x)", "3").replace("cos(x)", "0")) == []  # 0 whatever flows in
