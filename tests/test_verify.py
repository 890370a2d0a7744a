"""The pipeline: residuals, published figures, accepted limits, expectations, statuses; each with a twin that must fail."""

from __future__ import annotations

import textwrap

import pytest

from tests.texts import check
from verifier import Case, load_text, verify, verify_all
from verifier.report.figures import agrees
from verifier.report.outcome import Report

NEURON = """\
    function: sigmoid(x)
    points: [{x: 1}]
    implementations:
      staged:
        forward: |
          e = math.exp(-x)
          f = 1.0 / (1 + e)
        backward: |
          dp = (-1) * (f * f)
          de = dp
          dm = e * de
          dx = (-1) * dm * dout
      fused:
        backward: dx = (1 - out) * out * dout
"""


def codes(text: str, *, strict: bool = False) -> list[str]:
    return [f.code for f in check(text, strict=strict).findings if not f.expected]


def report_on(*texts: str, strict: bool = False) -> Report:
    loaded = [load_text(textwrap.dedent(t), file=f"{i}.yaml") for i, t in enumerate(texts)]
    return verify_all([c for part in loaded for c in part.cases], [c for part in loaded for c in part.complaints], strict=strict)


@pytest.mark.parametrize(("expected", "status"), [("-2.7755575615628914e-17", "passed"), ("-2.775557561562892e-17", "failed"), ("0", "failed"), ("null", "passed")])
def test_a_residual_is_met_bit_for_bit(expected: str, status: str) -> None:
    report = check(NEURON + f"    residuals: {{fused.dx - staged.dx: {expected}}}\n")
    assert report.status == status
    assert [r.computed for r in report.residuals] == ["-2.7755575615628914e-17"], "cs231n's notebook, last bit included"
    assert [f.code for f in report.findings] == ([] if status == "passed" else ["V301"])
    assert report.residuals[0].exact == "0", "over the reals they are the same"


def test_a_residual_may_hold_at_one_of_several_points() -> None:
    text = NEURON.replace("[{x: 1}]", "[{x: 1}, {x: 0}]") + "    residuals: {fused.dx - staged.dx: -2.7755575615628914e-17}\n"
    assert check(text).status == "passed"
    assert [r.met for r in check(text).residuals] == [True, False]


@pytest.mark.parametrize(
    ("figure", "met"),
    [("0.196611933241", True), ("0.19661193324148188", True), ("0.2", True), ("0.196611933242", False), ("0.19661193324148185", False), ("-0.196611933241", False), ("0.20", True), ("0.197", True), ("0.196", False)],
)
def test_a_published_figure_agrees_where_the_float_rounds_to_it(figure: str, met: bool) -> None:
    report = check(NEURON + f"    published: {{staged.dx: {figure}}}\n")
    assert report.published[0].met is met
    assert report.status == ("passed" if met else "failed")


@pytest.mark.parametrize(
    ("value", "printed", "same"),
    [(2.5, "2", True), (3.5, "4", True), (2.5, "3", False), (1e22, "1e22", True), (1e22, "1.0e22", True), (float("inf"), "inf", True), (0.1, "0.1000000000000000055511151231257827", True), (0.1, "0.10000000000000001", True), (0.1, "0.10000000000000000", False)],
)
def test_figures_are_rounded_half_to_even_from_the_exact_value_of_the_float(value: float, printed: str, same: bool) -> None:
    assert agrees(value, printed) is same


def test_a_name_of_the_middle_of_a_pass_can_be_published() -> None:
    assert check(NEURON + "    published: {staged.f: 0.7310585786300049, staged.dp: -0.534446645389}\n").status == "passed"
    assert check(NEURON + "    published: {staged.dp: -0.534446645388}\n").status == "failed"


@pytest.mark.parametrize(("limit", "status"), [("1", "passed"), ("0.95", "passed"), ("0.94", "failed"), ("0", "failed")])
def test_an_accepted_limit_is_held_against_the_ulps(limit: str, status: str) -> None:
    report = check(NEURON + f"    accept: {{ulps: {limit}}}\n")  # the staged pass is 0.9453 ulp off
    assert report.status == status
    assert [f.code for f in report.findings if f.severity == "error"][:1] == ([] if status == "passed" else ["V104"])


def test_the_limit_of_an_implementation_goes_before_that_of_the_case() -> None:
    text = NEURON.replace("      fused:\n", "        accept: {ulps: 1}\n      fused:\n") + "    accept: {ulps: 0.1}\n"
    assert check(text).status == "passed"
    assert check(NEURON + "    accept: {ulps: 0.1}\n").status == "failed"


def test_what_a_case_expects_does_not_fail_and_must_occur() -> None:
    bent = "    function: sin(x)\n    points: [{x: 1}]\n    implementations: {bent: {backward: dx = sin(x)}}\n"
    assert check(bent).status == "failed"
    assert codes(bent) == ["V101"]
    expected = check(bent + "    expect: {bent.dx: wrong}\n")
    assert (expected.status, [f.expected for f in expected.findings]) == ("passed", [True])
    unmet = bent.replace("= sin", "= cos") + "    expect: {bent.dx: wrong}\n"
    assert (check(unmet).status, codes(unmet)) == ("failed", ["V303"])


def test_an_expectation_excuses_its_own_verdict_only() -> None:
    text = "    function: sin(x)\n    points: [{x: 1}]\n    implementations: {bent: {backward: dx = sin(x)}}\n    expect: {bent.dx: unstable}\n"
    assert sorted(codes(text)) == ["V101", "V303"]


@pytest.mark.parametrize(
    ("function", "x", "backward", "code"),
    [("sigmoid(x)", "30", "(1 - out) * out", "V201"), ("sin(x * x)", "3906250.1", "2 * x * cos(x * x)", "V202"), ("tanh(x)", "20", "1 - out**2", "V203")],
)
def test_lost_digits_warn_and_fail_only_where_strict(function: str, x: str, backward: str, code: str) -> None:
    text = f"    function: {function}\n    points: [{{x: {x}}}]\n    implementations: {{it: {{backward: dx = ({backward}) * dout}}}}\n"
    relaxed, strict = check(text), check(text, strict=True)
    assert (relaxed.status, [(f.code, f.severity) for f in relaxed.findings]) == ("passed", [(code, "warning")])
    assert (strict.status, [(f.code, f.severity) for f in strict.findings]) == ("failed", [(code, "error")])


def test_a_limit_turns_a_warning_into_an_error_or_into_nothing() -> None:
    text = "    function: sigmoid(x)\n    points: [{x: 30}]\n    implementations: {it: {backward: dx = (1 - out) * out * dout}}\n    accept: {ulps: %s}\n"
    assert [f.severity for f in check(text % "1e6").findings] == ["error"]
    assert check(text % "1e16", strict=True).findings == ()


def test_a_pole_is_told_and_is_neither_right_nor_wrong() -> None:
    report = check("    function: 1 / x\n    points: [{x: 0}]\n")
    assert report.status == "passed"
    assert [(f.code, f.severity) for f in report.findings] == [("V204", "warning")]


def test_one_finding_per_gradient_counts_its_points_and_names_the_one_of_its_figures() -> None:
    report = check("    function: x**3\n    points: [{x: 1}, {x: 2}, {x: 3}]\n    implementations: {bent: {backward: dx = 3 * x * dout}}\n")
    (finding,) = report.findings
    assert "(at 2 of 3 points)" in finding.message
    assert finding.place.line == 3
    assert dict(finding.point) == {"x": "3.0"}, "the worst point: exact 27, computed 9; at 2 they are 12 and 6"
    assert ["exact", "27.0"] in [line.split() for line in finding.details]


def test_sampled_points_are_summed_up_and_the_same_every_time() -> None:
    text = "    function: exp(x) * y\n    domain: {x: [-5, 5], y: [1, 2]}\n    sample: 50\n"
    first, second = check(text), check(text)
    assert first == second
    assert first.results == ()
    assert [(s.gradient, s.points, sum(s.verdicts.values())) for s in first.sweeps] == [("dx", 50, 50), ("dy", 50, 50)]
    assert all(-5 <= float(dict(s.worst.point)["x"]) <= 5 for s in first.sweeps if s.worst is not None)  # type: ignore[arg-type]


def test_every_format_is_checked_and_the_point_is_first_rounded_to_it() -> None:
    report = check("    function: x * x\n    points: [{x: 0.1}]\n    formats: [float64, float32, float16, bfloat16]\n")
    # 2 x is exact in every format: twice the number of the format that is nearest to 0.1
    assert {r.format: r.computed for r in report.results} == {"float64": "0.2", "float32": "0.2", "float16": "0.2", "bfloat16": "0.2"}
    assert {r.verdict.value for r in report.results} == {"correct"}
    assert len({r.exact for r in report.results}) == 4, "the exact values are those of four different points"


def test_a_point_beyond_a_format_is_an_error_of_that_case_alone() -> None:
    report = report_on("function: x\npoints: [{x: 1e6}]\nformats: [float16]\n", "function: x\npoints: [{x: 1}]\n")
    assert [c.status for c in report.cases] == ["error", "passed"]
    assert report.cases[0].findings[0].message == "x = 1e6 is beyond the largest float16 number"
    assert report.exit_status == 2


def test_one_broken_document_leaves_the_others_checked() -> None:
    report = report_on("function: x +\npoints: [{x: 1}]\n---\nfunction: x\npoints: [{x: 1}]\n", "function: sin(x)\npoints: [{x: 1}]\nimplementations: {i: {backward: dx = x}}\n")
    assert sorted(c.status for c in report.cases) == ["error", "failed", "passed"]
    assert (report.passed, report.failed, report.errors, report.exit_status) == (1, 1, 1, 2)


def test_nothing_checked_is_never_a_success() -> None:
    assert verify_all([]).exit_status == 2
    assert report_on("").exit_status == 2


@pytest.mark.parametrize(("texts", "status"), [(("function: x\npoints: [{x: 1}]\n",), 0), (("function: x\npoints: [{x: 1}]\nimplementations: {i: {backward: dx = 2}}\n",), 1)])
def test_the_exit_status_follows_the_cases(texts: tuple[str, ...], status: int) -> None:
    assert report_on(*texts).exit_status == status


@pytest.mark.parametrize(
    "text",
    [
        "function: 1 / (x - x)\npoints: [{x: 1}]\n", "function: log(0 * x)\npoints: [{x: 1}]\n", "function: x / 0\npoints: [{x: 1}]\n", "function: 0**x\npoints: [{x: -1}]\n",
        "function: exp(exp(exp(exp(x))))\npoints: [{x: 10}]\n", "function: gamma(x)\npoints: [{x: -3}]\n", "function: sqrt(x) / x\npoints: [{x: 0}]\n",
        "function: x**x\npoints: [{x: 0}]\n", "function: inf * x\npoints: [{x: 1}]\n", "function: where(x < 0, log(x), sqrt(-x))\npoints: [{x: 0}]\n", "function: 3\npoints: [{x: 1}]\n",
        "function: floor(x) * round(x)\npoints: [{x: 2.5}]\n", "function: sin(1e300 * x)\npoints: [{x: 1e8}]\n", "function: exp(1 / x)\npoints: [{x: 0}]\n", "function: besselj(0.5, x)\npoints: [{x: -1}]\n",
        "function: x * 9**9**9**9\npoints: [{x: 1}]\n", "function: 0.0**x\npoints: [{x: 2}]\n", "function: (-2)**x\npoints: [{x: 2}]\n", "function: x**0\npoints: [{x: 0}]\n",
    ],
)  # fmt: skip
def test_a_point_where_the_function_breaks_down_is_a_verdict_and_no_failure_of_the_tool(text: str) -> None:
    report = report_on(text)
    assert "the tool failed" not in str(report)
    assert report.cases[0].status in ("passed", "failed")


def test_many_processes_give_the_same_report_as_one() -> None:
    loaded = load_text("\n---\n".join(f"name: c{i}\nfunction: sin(x * {i + 1})\npoints: [{{x: 1}}]" for i in range(6)), file="t.yaml")
    assert verify_all(loaded.cases, jobs=2) == verify_all(loaded.cases, jobs=1)


def test_a_case_cannot_be_made_without_its_programs() -> None:
    (case,) = load_text("function: x\npoints: [{x: 1}]\n").cases
    with pytest.raises(TypeError, match="'programs'"):
        Case(case.name, case.file, case.place, case.inputs, case.points, case.implementations)
    assert Case(case.name, case.file, case.place, case.inputs, case.points, case.implementations, case.programs).programs is case.programs


def test_a_gradient_that_is_a_parameter_of_a_whole_number_is_set() -> None:
    """d/dx x*y = y: `dx = y` names a number that is known before the run, and is right; 2*y is twice that."""
    text = "function: x*y\nparameters: {y: 2}\npoints: [{x: 3}]\nimplementations: {right: {backward: 'dx = y'}, wrong: {backward: 'dx = 2*y'}}\n"
    report = verify(load_text(text).cases[0])
    assert {r.implementation: r.verdict.value for r in report.results} == {"right": "correct", "wrong": "wrong"}
    assert any(f.code == "V101" and f.statement == "dx = 2*y" for f in report.findings)


def test_a_check_that_is_interrupted_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier.compare.sweep import sweep

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        verify(load_text("function: tanh(x)\nformats: [float16]\nexhaustive: true\n").cases[0])
