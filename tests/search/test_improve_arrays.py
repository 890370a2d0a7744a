"""A statement about arrays is improved as the formula that every component has; where the components have different ones, or read each other, it is left alone."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace

import mpmath
import numpy as np
import pytest

from verifier.case import points
from verifier.case.case import Case, ImproveRequest
from verifier.case.load import load_text
from verifier.compare.check import checks_of
from verifier.exact.truth import truth_of
from verifier.language.formats import format_named
from verifier.many import verify_all
from verifier.report.outcome import CaseReport
from verifier.search.improve import each_component

BUDGET = ImproveRequest(60.0)
TANH = "name: it\nfunction: tanh(x)\ndomain: {x: [-30, 30]}\npoints: [{x: [20, 0.5, -3]}]\nimplementations:\n  mine:\n    backward: |\n      dx = (1 - out**2)*dout\n"


def loaded(text: str) -> Case:
    found = load_text(text)
    assert found.complaints == ()
    (case,) = found.cases
    return case


def improved(text: str) -> CaseReport:
    (found,) = verify_all([replace(loaded(text), improve=BUDGET)]).cases
    return found


def layer(function: str, backward: str, *, shapes: str = "x: [2, 3]", domain: str = "x: [-30, 30]", more: str = "") -> str:
    body = textwrap.indent(backward.replace("; ", "\n"), "      ")
    return f"name: it\nfunction: {function}\ndomain: {{{domain}}}\nshapes: {{{shapes}}}\nsample: 20\nimplementations:\n  mine:\n{more}    backward: |\n{body}\n"


def test_the_line_of_a_layer_gets_a_better_one_for_all_components() -> None:
    (found,) = improved(TANH).suggestions or ()
    assert (found.gradient, found.original, found.proof) == ("dx", "dx = (1 - out**2)*dout", "proved")
    assert each_component.FOR_ALL in found.proof_text
    (after,) = verify_all([loaded(TANH.replace(found.original, found.replacement))]).cases
    assert {r.verdict.value for r in after.results} <= {"correct", "rounding"}
    assert any(not r.verdict.passes for r in improved(TANH).results), "the twin: the line as it was"


def test_the_new_line_computes_arrays_in_numpy_as_well_as_mpmath_says() -> None:
    """The replacement is run by NumPy on a whole array; the exact gradient, sech(x)**2 dout, by mpmath."""
    (found,) = improved(TANH).suggestions or ()
    x = np.linspace(-30.0, 30.0, 241)
    value = eval(found.replacement.partition(" = ")[2], {name: getattr(np, name) for name in ("cosh", "sinh", "tanh", "exp", "expm1", "sqrt")}, {"x": x, "dout": 0.75})
    with mpmath.workdps(60):
        exact = [mpmath.sech(mpmath.mpf(float(v))) ** 2 * mpmath.mpf(0.75) for v in x]
        assert max(abs(mpmath.mpf(float(v)) - e) / mpmath.mpf(float(np.spacing(float(e)))) for v, e in zip(value, exact, strict=True)) < 16


def test_what_broadcasting_puts_beside_a_component_may_be_read() -> None:
    (found,) = improved(layer("log(1 + exp(x + b))", "s = 1/(1 + exp(x + b)); dx = (1 - s)*dout", shapes="x: [2, 3], b: [3]", domain="x: [-600, 600], b: [-1, 1]", more="    gradients: {x: dx}\n")).suggestions or ()
    assert float(found.after.worst_ulps) <= 16 < float(found.before.worst_ulps)


def test_a_generated_pass_of_arrays_has_a_text_that_can_be_pasted() -> None:
    text = "name: it\nfunction: (exp(x) - exp(-x))/(exp(x) + exp(-x))\ndomain: {x: [-30, 30]}\nshapes: {x: [3]}\nsample: 40\n"
    (found,) = improved(text).suggestions or ()
    pasted = f"{text}implementations:\n{textwrap.indent(found.pass_text, '  ')}\n"
    (after,) = verify_all([loaded(pasted)]).cases
    assert {v for s in after.sweeps for v in s.verdicts} <= {"correct", "rounding"}


@pytest.mark.parametrize(
    ("function", "backward"),
    [
        ("exp(x)/np.sum(exp(x))", "dx = out*(dout - np.sum(out*dout))"),  # every component reads all others
        ("tanh(x)", "dx = (1 - tanh(x)**2)*np.sum(dout)"),  # wrong: what flows into the others is no part of it
        ("tanh(x)*x[0, 0]", "dx = (1 - tanh(x)**2)*x[0, 0]*dout"),  # one component is read by all
        ("tanh(x)", "dx = dout*(1 - tanh(x)**2); dx[0, 0] = dout[0, 0]*(1 - tanh(x[0, 0])**2)"),  # set one by one
    ],
)
def test_components_that_do_not_have_one_formula_are_left_alone(function: str, backward: str) -> None:
    assert not [s for s in improved(layer(function, backward)).suggestions or () if s.gradient == "dx"]


def test_the_twin_of_these_has_one() -> None:
    assert [s.gradient for s in improved(layer("tanh(x)", "dx = (1 - tanh(x)**2)*dout")).suggestions or ()] == ["dx"]


def test_what_holds_for_numbers_and_not_for_arrays_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is right for one number only: its sum over the array is that number there."""
    wrong: list[str] = []

    def with_a_sum(*arguments: object, **options: object) -> tuple[object, ...]:
        found = real(*arguments, **options)  # type: ignore[arg-type]
        wrong.extend(s.replacement for s in found)
        return tuple(replace(s, replacement=re.sub(r"\bdout\b", "np.sum(dout)", s.replacement)) for s in found)

    real = each_component.improve
    monkeypatch.setattr(each_component, "improve", with_a_sum)
    case = loaded(TANH)
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    assert each_component.improve_components(case, check, case.programs.drafts[0], budget=60.0, bad=points.listed(case, format_named("float64"))) == ()
    assert wrong, "it was found for numbers"




def test_statements_about_single_numbers_of_an_array_are_improved_as_they_are() -> None:
    lines = "dx0 = (1 - np.tanh(x[0])**2)*dout*x[1]; dx1 = np.tanh(x[0])*dout; dx = np.array([dx0, dx1])"
    (found,) = improved(layer("tanh(x[0])*x[1]", lines, shapes="x: [2]")).suggestions or ()
    assert (found.gradient, found.original) == ("dx[0]", "dx0 = (1 - np.tanh(x[0])**2)*dout*x[1]")
    assert each_component.FOR_ALL not in found.proof_text
    (one,) = improved(layer("tanh(x)", "d0 = (1 - tanh(x[0])**2)*dout[0]", shapes="x: [2]", more="    gradients: {'x[0]': d0}\n")).suggestions or ()
    assert one.gradient == "d0"


def test_a_large_array_is_proved_by_the_steps_of_a_component_alone() -> None:
    """More outputs than a proof of the whole program could hold."""
    (found,) = improved(layer("tanh(x)", "dx = (1 - out**2)*dout", shapes="x: [15, 20]").replace("sample: 20", "sample: 2")).suggestions or ()
    assert (found.gradient, found.proof) == ("dx", "proved")
