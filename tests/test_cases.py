"""The cases of `cases/`: CPython gives the same bits, the run passes, and mpmath, which the engine does not use here, agrees on every exact digit."""

from __future__ import annotations

import ast
import contextlib
import functools
import itertools
import json
import math
import re
import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mpmath.ctx_mp import MPContext

from tests import ROOT
from verifier import load, load_text
from verifier.arithmetic import floats
from verifier.case import points
from verifier.exact.truth import subject
from verifier.language.formats import FORMATS, dtype
from verifier.language.verdict import Verdict
from verifier.many import verify_all
from verifier.report.draw.json import render
from verifier.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.case.case import Case, Draft
    from verifier.report.outcome import Report, Result

CASES = ROOT / "cases"
FLOAT64 = FORMATS["float64"]
FEWEST_BLOCKS = 49  # hand-written backward passes of cases/cs231n and cases/hard that CPython can execute
DIGITS = 1500  # of the independent reference: the smallest gradient in the cases is 1e-600, at a point of size 1e-300
STEP = 60  # decimal places of the reference's step: its error is of the order of the step's square, of the step itself at the seam of a `where`
CERTAIN = STEP - 5  # digits of the reference that can be relied on


@functools.cache
def cases() -> tuple[Case, ...]:
    loaded = load(*(str(folder) for folder in sorted(CASES.iterdir()) if folder.name not in ("layers", "frameworks")))  # tests/test_layer_cases.py, tests/test_calls.py
    assert loaded.complaints == ()
    return loaded.cases


@functools.cache
def report() -> Report:
    return verify_all(cases())


def case_named(name: str) -> Case:
    return next(c for c in cases() if c.name == name)


def result_key(r: Result) -> tuple[Any, ...]:
    return r.implementation, r.gradient, r.format, r.point


# ---------------------------------------------------------------- CPython gives the same bits


class Cell(dict[str, Any]):
    """The names of a pasted cell; what it assigns to an input (an example value) is not taken over."""

    def __init__(self, inputs: dict[str, Any]) -> None:
        super().__init__(inputs)
        self.inputs = frozenset(inputs)

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self.inputs:
            super().__setitem__(name, value)


KNOWN = {**vars(math), "math": math, "abs": abs, "max": max, "min": min, "where": lambda c, a, b: a if c else b}


def bits(value: Any) -> bytes:
    """The 64 bits of a number; all NaNs are one."""
    number = float(value)
    return b"nan" if math.isnan(number) else struct.pack("<d", number)


def names_read(text: str) -> set[str]:
    """Names that a block reads before any statement of it has set them."""
    missing: set[str] = set()
    known: set[str] = set()
    for statement in ast.parse(text).body:
        nodes = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
        missing |= {n.id for n in nodes if isinstance(n.ctx, ast.Load)} - known
        known |= {n.id for n in nodes if isinstance(n.ctx, ast.Store)}
    return missing


@dataclass
class Execution:
    """What CPython made of one hand-written backward pass."""

    block: str
    reason: str = ""  # why it was not executed
    points: int = 0
    raised: int = 0
    compared: int = 0
    differing: tuple[str, ...] = ()


def bases(case: Case) -> dict[str, Any]:
    """Inputs and their lengths (None: a number); arrays of more than one axis are held against NumPy by the tests of arrays."""
    return {name: shape[0] for name, shape in case.shapes if len(shape) == 1} | {n: None for n in case.inputs if "[" not in n}


def inputs_of(case: Case, point: tuple[float, ...]) -> dict[str, Any]:
    values = dict(zip(case.inputs, point, strict=True))
    return {base: values[base] if length is None else [values[f"{base}[{i}]"] for i in range(length)] for base, length in bases(case).items()}


def text_to_execute(case: Case, draft: Draft) -> tuple[str, str]:
    """Forward and backward pass as one text, or the reason why CPython cannot execute them."""
    implementation = draft.implementation
    backward = implementation.backward.text
    elements = {n.partition("[")[0] for n in draft.whole.names if "[" in n} - set(bases(case))
    given = {*bases(case), *KNOWN, *elements, "dout", "upstream", f"d{draft.forward.output_name}"}
    forward = implementation.forward.text if implementation.forward else f"out = ({case.function.text.strip()})"
    if implementation.forward is None and draft.forward.output_name not in names_read(backward):
        forward = ""  # the backward pass stands by itself; the function may use gates that CPython does not have
    text = f"{forward}\n{backward}"
    foreign = sorted(names_read(text) - given)
    return text, f"CPython has no {', '.join(foreign)}" if foreign else ""


def execute(case: Case, draft: Draft, *, bent: str = "") -> Execution:
    """Run a hand-written backward pass by CPython and by the staged engine; `bent` names a value to change by one bit."""
    execution = Execution(f"{Path(case.file).name}: {case.name}: {draft.implementation.name}")
    text, execution.reason = text_to_execute(case, draft)
    if execution.reason:
        return execution
    program = subject(draft).program
    listed = points.listed(case, FLOAT64)
    upstream = float(case.upstream)
    run = floats.run(program, [[p[i] for p in listed] for i in range(len(case.inputs))], fmt=FLOAT64, upstream=upstream)
    code = compile(text, execution.block, "exec")
    for at, point in enumerate(listed):
        cell = Cell(inputs_of(case, point))
        cell.update({"dout": upstream, "upstream": upstream, f"d{draft.forward.output_name}": upstream})
        cell.update({n.partition("[")[0]: {} for n in draft.whole.names if "[" in n and n.partition("[")[0] not in cell})
        done = False
        with contextlib.suppress(ArithmeticError, ValueError):  # `where` evaluates both branches here; IEEE results are tested elsewhere
            exec(code, dict(KNOWN), cell)
            done = True
        execution.points += done
        execution.raised += not done
        for name, value in assigned(cell) if done else ():
            if name in program.names and name not in case.inputs:
                number = math.nextafter(float(value), math.inf) if name == bent else value
                execution.compared += 1
                if bits(number) != bits(run[program.names[name]][at]):
                    execution.differing += (f"{name} at {point}: CPython {float(number)!r}, verifier {float(run[program.names[name]][at])!r}",)
    return execution


def assigned(cell: Cell) -> Iterator[tuple[str, Any]]:
    for name, value in cell.items():
        if isinstance(value, dict):
            yield from ((f"{name}[{i}]", v) for i, v in value.items())
        elif isinstance(value, (int, float)):
            yield name, value


@functools.cache
def executions() -> tuple[Execution, ...]:
    return tuple(execute(c, d) for c in cases() for d in c.programs.drafts if d.whole is not None and c.points)


def test_cpython_gives_every_assigned_name_of_every_hand_written_backward_pass_the_same_bits():
    assert [d for e in executions() for d in e.differing] == []


def test_enough_hand_written_backward_passes_are_executed(record_property):
    done = [e for e in executions() if e.points]
    reasons = [e for e in executions() if e.reason]
    summary = f"{len(done)} blocks executed at {sum(e.points for e in done)} points, {sum(e.compared for e in done)} values compared, {sum(e.raised for e in done)} points where CPython raises, {len(reasons)} blocks left out"
    record_property("hand-written backward passes", summary)
    print(summary, *(f"  {e.block}: {e.reason}" for e in reasons), sep="\n")
    assert len(done) >= FEWEST_BLOCKS, summary
    assert [e.block for e in executions() if not e.reason and not e.points and not e.raised] == []


def test_a_changed_bit_is_noticed():
    case = case_named("sigmoid neuron")
    draft = next(d for d in case.programs.drafts if d.implementation.name == "staged")
    assert execute(case, draft).differing == ()
    (difference,) = execute(case, draft, bent="dminusone").differing
    assert difference.startswith("dminusone at ")


def test_a_block_with_a_gate_that_cpython_does_not_have_is_left_out_with_its_reason():
    (case,) = load_text("function: x**2\npoints: [{x: 1}]\nimplementations: {a: {forward: 'out = square(x)', backward: 'dx = 2 * x'}}").cases
    assert execute(case, case.programs.drafts[0]).reason == "CPython has no square"


# ---------------------------------------------------------------- the run as a whole


def test_the_run_over_all_cases_exits_0():
    assert [(c.file, c.name, [f.message for f in c.findings if not f.expected]) for c in report().cases if c.status != "passed"] == []
    assert report().exit_status == 0


def test_no_text_of_the_run_holds_a_derivative_that_sympy_leaves_as_it_is():
    """SymPy prints one that it cannot take as `Derivative(...)`, and one at a point as `Subs(...)`: no words of the case files."""
    text = render(report())
    assert [word for word in ("Subs(", "Derivative(") if word in text or word in str(report())] == []


FROM_ONE = "V205"  # cells and formulas as they were written elsewhere begin with 1, not with what flows in: a warning, and true


def test_hand_written_cases_raise_no_alarm_beyond_what_they_expect():
    folders = {str(CASES / "cs231n"), str(CASES / "hard")}
    alarms = [(c.name, f.message) for c in report().cases if str(Path(c.file).parent) in folders for f in c.findings if not f.expected and f.code != FROM_ONE]
    assert alarms == []


def test_the_one_warning_that_is_left_out_is_true_of_the_text_that_it_is_about():
    """V205 says that a backward pass never reads what flows in: its text holds neither of its names, and nothing else is left out."""
    folders = {str(CASES / "cs231n"), str(CASES / "hard")}
    warned = [(c, f) for c in report().cases if str(Path(c.file).parent) in folders for f in c.findings if not f.expected and f.code == FROM_ONE]
    assert {f.severity for _, f in warned} <= {"warning"}
    for c, f in warned:
        case = next(x for x in cases() if (x.name, x.file) == (c.name, c.file))
        draft = next(d for d in case.programs.drafts if d.implementation.name == f.implementation)
        words = set(re.findall(r"\w+", draft.implementation.backward.text))
        assert words.isdisjoint({"dout", "upstream", f"d{draft.whole.output_name}"}), (c.name, f.implementation)


@pytest.mark.parametrize("case", [c for c in cases() if c.expect], ids=lambda c: c.name)
def test_every_expected_verdict_occurs(case):
    (found,) = (r for r in report().cases if (r.name, r.file) == (case.name, case.file))
    for e in case.expect:
        misshapen = [f for f in found.findings if f.code == "V108" and f.implementation == e.implementation and f.gradient == e.gradient.partition("[")[0]]
        if misshapen:  # of another shape: that is what is wrong with it, and no component of it has a verdict
            assert (e.verdict, all(f.expected for f in misshapen)) == ("wrong", True)
            assert not [r for r in found.results if r.implementation == e.implementation and r.gradient.partition("[")[0] == misshapen[0].gradient]
            continue
        listed = {r.verdict.value for r in found.results if r.implementation == e.implementation and (r.gradient == e.gradient or r.gradient.startswith(f"{e.gradient}["))}
        sampled = {v for s in found.sweeps if s.implementation == e.implementation and (s.gradient == e.gradient or s.gradient.startswith(f"{e.gradient}[")) for v in s.verdicts}
        claims = {f"bound_{b.outcome}" for b in found.bounds if (b.implementation, b.gradient) == (e.implementation, e.gradient)}
        assert e.verdict in listed | sampled | claims, (e.implementation, e.gradient, e.verdict)


def test_a_case_whose_expectation_is_not_met_fails_the_run():
    case = case_named("two sigmoids")
    expectation = replace(case_named("relu at 0").expect[-1], implementation="staged", gradient="dx", verdict="wrong")
    found = verify_all([replace(case, expect=(expectation,), sample=0)])
    assert found.exit_status == 1
    assert [f.code for c in found.cases for f in c.findings if f.code != FROM_ONE] == ["V303"]


def test_every_hand_written_case_says_what_is_hard_about_it():
    assert [c.name for c in cases() if Path(c.file).parent.name in ("cs231n", "hard") and len(c.about) < 20] == []


def test_case_names_are_unique_within_a_folder():
    names = [(Path(c.file).parent, c.name) for c in cases()]
    assert [n for n in names if names.count(n) > 1] == []


# ---------------------------------------------------------------- the notebook

# cs231n optimization-2, worked through in Python 2: `print` shows str(float), which is '%.12g' there
PRINTED = {
    "dplusone": "-0.534446645389", "dexp": "-0.534446645389", "dminusone": "-0.196611933241", "ddotplusw2": "0.196611933241",
    "ddot": "0.196611933241", "dw0x0": "0.196611933241", "dw1x1": "0.196611933241",
    "dw0": "-0.196611933241", "dw1": "-0.393223866483", "dx0": "0.393223866483", "dx1": "-0.589835799724", "dw2": "0.196611933241",
}  # fmt: skip


def values_of(case: Case, implementation: str) -> dict[str, float]:
    """The last value of every name at the first point, as the staged engine computes it."""
    program = subject(next(d for d in case.programs.drafts if d.implementation.name == implementation)).program
    run = floats.run(program, [[x] for x in points.listed(case, FLOAT64)[0]], fmt=FLOAT64)
    return {name: run[index][0] for name, index in program.names.items()}


def test_the_first_network_prints_the_notebooks_twelve_figures():
    values = values_of(case_named("sigmoid neuron"), "staged")
    assert {name: f"{values[name]:.12g}" for name in PRINTED} == PRINTED


def test_the_second_network_prints_the_notebooks_two_figures():
    values = values_of(case_named("two sigmoids"), "staged")
    assert (f"{values['dx']:.12g}", f"{values['dy']:.12g}") == ("2.05956979557", "1.59223275148")


def test_fused_minus_staged_is_the_notebooks_residual_bit_for_bit():
    fused, staged = (values_of(case_named("sigmoid neuron"), name)["ddotplusw2"] for name in ("fused", "staged"))
    assert repr(fused) == "0.19661193324148185"  # Out[3]
    assert repr(fused - staged) == "-2.7755575615628914e-17"  # Out[4]
    assert fused - staged == -math.ulp(fused)


def test_the_report_shows_all_published_figures_and_residuals_as_met():
    (found,) = (c for c in report().cases if c.name == "sigmoid neuron")
    assert {p.name for p in found.published} >= {f"staged.{name}" for name in PRINTED}
    assert all(p.met for p in found.published)
    assert [(r.computed, r.met) for r in found.residuals] == [("-2.7755575615628914e-17", True)] * 3


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("-2.7755575615628914e-17  # Out[4]", "-2.7755575615628917e-17", "V301"),  # the next float
        ("staged.dplusone: -0.534446645389", "staged.dplusone: -0.534446645388", "V302"),  # one in the last digit
    ],
)
def test_a_residual_off_by_one_bit_or_a_figure_off_by_one_digit_fails(old, new, code):
    text = (CASES / "cs231n" / "neuron.yaml").read_text(encoding="utf-8")
    assert old in text
    (case,) = load_text(text.replace(old, new)).cases
    found = verify(case)
    assert (found.status, [f.code for f in found.findings if f.code != FROM_ONE]) == ("failed", [code])


# ---------------------------------------------------------------- an independent reference

MP = MPContext()
MP.dps = DIGITS


def mpf(value: Any) -> Any:
    return MP.mpf(value)


def sigmoid(a: Any) -> Any:
    return 1 / (1 + MP.exp(-a))


def where(condition: Any, a: Any, b: Any) -> Any:
    return a if condition else b


def slope(f: Any, x: Any) -> Any:
    """f'(x) by a central difference whose step is 60 decimal places below every scale of the cases."""
    h = mpf(10) ** -STEP * (min(abs(x), 1 / abs(x)) if x else 1)
    return (f(x + h) - f(x - h)) / (2 * h)


REFERENCE = {
    **{n: getattr(MP, n) for n in ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "cosh", "asin", "atan2", "floor", "expm1", "log1p", "cbrt", "hypot", "sign", "erfc")},
    "abs": abs, "max": max, "min": min, "pi": MP.pi, "mpf": mpf, "where": where, "slope": slope,
    "sigmoid": sigmoid,
    "softplus": lambda a: MP.log1p(MP.exp(a)),
    "relu": lambda a: max(a, 0),
    "clip": lambda a, lo, hi: min(max(a, lo), hi),
    "cbrt": lambda a: MP.sign(a) * MP.cbrt(abs(a)),
    "rsqrt": lambda a: 1 / MP.sqrt(a),
    "gelu": lambda a: a * MP.erfc(-a / MP.sqrt(2)) / 2,
    "xlogy": lambda a, b: a * MP.log(b),
    "sinc_unnormalized": lambda a: MP.sin(a) / a,
}  # fmt: skip


class Exactly(ast.NodeTransformer):
    """Python's tree of a formula with every literal an exact decimal and every `diff` a slope."""

    def __init__(self, text: str) -> None:
        self.text = text

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        literal = ast.get_source_segment(self.text, node)
        return ast.parse(f"mpf('{literal}')", mode="eval").body

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not (isinstance(node.func, ast.Name) and node.func.id == "diff"):
            return self.generic_visit(node)
        value = self.visit(node.args[0])
        for variable in node.args[1:]:
            if isinstance(variable, ast.Name):
                value = self._slope(value, last := variable)
            else:
                value = functools.reduce(lambda v, _: self._slope(v, last), range(variable.value - 1), value)
        return value

    @staticmethod
    def _slope(value: ast.AST, variable: ast.Name) -> ast.AST:
        call = ast.parse(f"slope(lambda {variable.id}: 0, {variable.id})", mode="eval").body
        call.args[0].body = value
        return call


def reference_function(text: str) -> Any:
    """A formula of a case as a function of its inputs, in mpmath."""
    tree = ast.fix_missing_locations(Exactly(text).visit(ast.parse(text, mode="eval")))
    code = compile(tree, text, "eval")

    def function(values: dict[str, Any]) -> Any:
        return eval(code, {**REFERENCE, "__builtins__": {}, **values})

    return function


def exact_point(result: Result) -> dict[str, Any]:
    """The point of a result as exact numbers: each text read back in the format it was written for."""
    kind = dtype(FORMATS[result.format])

    def number(text: str) -> Any:
        return mpf(float(text) if result.format == "float64" else float(np.array(float(text)).astype(kind)))

    return {name: [number(t) for t in text] if isinstance(text, tuple) else number(text) for name, text in result.point}


def reference_gradient(function: Any, values: dict[str, Any], variable: str) -> Any:
    base, _, index = variable.rstrip("]").partition("[")

    def along(x: Any) -> Any:
        moved = [x if i == int(index) else v for i, v in enumerate(values[base])] if index else x
        return function({**values, base: moved})

    return slope(along, values[base][int(index)] if index else values[base])


def input_of(case: Case, result: Result) -> str:
    draft = next(d for d in case.programs.drafts if d.implementation.name == result.implementation)
    return next(variable for variable, name in draft.claims if name == result.gradient)


ONE_SIDED = {("smooth powers at 0", (("x", "0.0"),))}  # the function ends here: no central difference


@functools.cache
def references() -> tuple[tuple[Case, Result, Any], ...]:
    """Every smooth result of the hand-written cases, and its gradient by mpmath."""
    found: list[tuple[Case, Result, Any]] = []
    memory: dict[tuple[Any, ...], Any] = {}
    for case, checked in zip(cases(), report().cases, strict=True):
        if Path(case.file).parent.name not in ("cs231n", "hard"):
            continue
        function = reference_function(case.function.text.strip())
        worst = [s.worst for s in checked.sweeps if s.worst is not None]
        for r in (*checked.results, *worst):
            if r.bounds is not None or r.verdict is Verdict.UNDEFINED or r.exact in ("inf", "-inf") or (case.name, r.point) in ONE_SIDED:
                continue
            variable = input_of(case, r)
            key = (case.file, case.name, variable, r.format, r.point)
            if key not in memory:
                upstream = mpf(float(np.array(float(case.upstream)).astype(dtype(FORMATS[r.format]))))
                memory[key] = upstream * reference_gradient(function, exact_point(r), variable)
            g = memory[key]
            found.append((case, r, mpf(0) if r.exact in ("0", None) and abs(g) < mpf(10) ** -CERTAIN else g))
    return tuple(found)


def digits_are_right(text: str, value: Any) -> bool:
    """Whether a decimal text is the value, rounded to as many digits; a text of less than 25 digits must be the value itself."""
    shown = Fraction(text)
    mantissa, _, exponent = text.partition("e")
    places = len(mantissa.partition(".")[2])
    significant = len(mantissa.replace(".", "").replace("-", "").lstrip("0"))
    last = Fraction(10) ** (int(exponent or 0) - places)
    distance = abs(as_fraction(value) - shown)
    if significant < 25:
        return distance <= abs(shown) * Fraction(10) ** -CERTAIN
    return distance <= last / 2 + last / 10**20


def as_fraction(value: Any) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    return (-1) ** sign * Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def test_every_digit_of_every_exact_gradient_is_the_references():
    assert [(c.name, r.gradient, r.point, r.exact, MP.nstr(g, 35)) for c, r, g in references() if r.exact is not None and not digits_are_right(r.exact, g)] == []
    assert sum(r.exact is not None for _, r, _ in references()) > 500


def test_an_exact_gradient_that_is_not_shown_is_0_to_the_last_of_the_references_digits():
    assert [(c.name, r.gradient, r.point, MP.nstr(g, 35)) for c, r, g in references() if r.exact is None and g != 0] == []


def test_a_changed_digit_of_an_exact_gradient_is_noticed():
    case, result, value = next(x for x in references() if x[1].exact is not None and len(x[1].exact) > 30)
    assert digits_are_right(result.exact, value), case.name
    changed = result.exact[:-1] + str((int(result.exact[-1]) + 1) % 10)
    assert not digits_are_right(changed, value)
    assert not digits_are_right("0.25", mpf("0.2500000000000000000000000000000000000000001"))


def nearest(value: Any) -> float:
    """The float64 nearest to an mpmath number, by CPython's correctly rounded division of integers."""
    if not value or abs(value) < mpf(2) ** -1080:
        return 0.0
    if abs(value) >= mpf(2) ** 1024 - mpf(2) ** 970:
        return math.copysign(math.inf, value)
    return as_fraction(value).numerator / as_fraction(value).denominator


def verdicts_that_fit(result: Result, value: Any) -> set[Verdict]:
    """The verdicts that the exact value and the computed float leave open, straight from the table of verdicts."""
    rounded, computed = nearest(value), float(result.computed)
    if computed == rounded:
        return {Verdict.CORRECT, Verdict.WRONG}
    if not math.isfinite(computed) or not math.isfinite(rounded):
        return {Verdict.NONFINITE, Verdict.WRONG}
    if computed == 0:
        return {Verdict.VANISHED, Verdict.WRONG}
    below = math.nextafter(rounded, 0) if abs(as_fraction(value)) < abs(Fraction(rounded)) else rounded  # the ulp is that of the exact value
    error = abs(as_fraction(value) - Fraction(computed)) / Fraction(math.ulp(below))
    return {Verdict.ROUNDING, Verdict.WRONG} if error <= 2 ** (53 / 3) else {Verdict.UNSTABLE, Verdict.ILL_CONDITIONED, Verdict.WRONG}


def test_every_verdict_in_float64_fits_the_reference():
    unfit = [(c.name, r.implementation, r.gradient, r.point, r.verdict, r.computed) for c, r, g in references() if r.format == "float64" and r.verdict not in verdicts_that_fit(r, g)]
    assert unfit == []


def test_wrong_is_said_only_where_a_case_expects_it():
    said = {(c.name, r.implementation, r.gradient) for c, r, _ in references() if r.verdict is Verdict.WRONG}
    expected = {(c.name, e.implementation, e.gradient) for c in cases() for e in c.expect if e.verdict == "wrong"}
    assert said <= expected


def test_the_rounded_gradient_is_the_reference_rounded_once():
    assert [(c.name, r.point, r.rounded, nearest(g)) for c, r, g in references() if r.format == "float64" and r.rounded is not None and float(r.rounded) != nearest(g)] == []


# the functions of the notebook once more, by hand, for mpmath's own `diff`
BY_HAND = {
    "sigmoid neuron": (("W[0]", "W[1]", "W[2]", "X[0]", "X[1]"), lambda w0, w1, w2, x0, x1: sigmoid(w0 * x0 + w1 * x1 + w2)),
    "two sigmoids": (("x", "y"), lambda x, y: (x + sigmoid(y)) / (sigmoid(x) + (x + y) ** 2)),
    "derivative of the sigmoid, line by line": (("x",), sigmoid),
    "sigmoid, staged and fused, from end to end": (("dot",), sigmoid),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_mpmaths_own_derivative_certifies_every_digit_of_the_notebooks_gradients(name):
    inputs, function = BY_HAND[name]
    case = case_named(name)
    (checked,) = (c for c in report().cases if c.name == name)
    seen: dict[tuple[Any, ...], Any] = {}
    for r in checked.results:
        flat = list(itertools.chain.from_iterable(v if isinstance(v, list) else [v] for v in exact_point(r).values()))
        orders = tuple(int(n == input_of(case, r)) for n in inputs)
        key = (orders, tuple(flat))
        with MP.workdps(400):  # 60 digits of a gradient of 5e-324 beside a value of 1
            seen[key] = seen.get(key) or MP.diff(function, tuple(flat) if len(flat) > 1 else flat[0], orders if len(flat) > 1 else 1)
        assert digits_are_right(r.exact, seen[key]), (r.gradient, r.point, r.exact)


def test_the_reference_neuron_is_split_as_the_design_says():
    """The staged gradient is +0.945336 ulp and the fused one -0.0547 ulp from the truth, which starts 0.19661193324148185."""
    (checked,) = (c for c in report().cases if c.name == "sigmoid neuron")
    by = {r.implementation: r for r in checked.results if r.gradient == "dw2"}
    truth = MP.diff(sigmoid, mpf(1))
    for r in by.values():
        ulps = (mpf(float(r.computed)) - truth) / mpf(math.ulp(0.19661193324148185))
        assert MP.nstr(abs(ulps), 6) == r.ulps.rstrip("0")
    assert [by[n].verdict for n in ("staged", "fused")] == [Verdict.ROUNDING, Verdict.CORRECT]


# ---------------------------------------------------------------- the JSON contract

NUMBER = re.compile(r"-?(\d+(\.\d+)?(e[+-]?\d+)?|inf)|nan")
TEXT_OR_NULL = (str, type(None))
CONTRACT: dict[str, dict[str, Any]] = {
    "": {"verifier": str, "environment": dict, "summary": dict, "cases": list},
    "summary": {"cases": int, "passed": int, "failed": int, "errors": int, "warnings": int},
    "case": {"name": str, "file": str, "line": int, "status": str, "proofs": dict, "results": list, "sweeps": list, "residuals": list, "findings": list},
    "result": {
        "implementation": str, "gradient": str, "format": str, "point": dict, "computed": str, "exact": TEXT_OR_NULL, "rounded": TEXT_OR_NULL, "residual": TEXT_OR_NULL,
        "formula_error_ulps": TEXT_OR_NULL, "ulps": TEXT_OR_NULL, "condition": TEXT_OR_NULL, "program_condition": TEXT_OR_NULL, "verdict": str, "blame": list,
    },
    "sweep": {"implementation": str, "gradient": str, "format": str, "points": int, "verdicts": dict, "worst": (dict, type(None)), "ulps": dict},
    "residual": {"expression": str, "point": dict, "computed": str, "exact": TEXT_OR_NULL, "expected": TEXT_OR_NULL, "met": (bool, type(None))},
    "finding": {
        "code": str, "name": str, "severity": str, "message": str, "file": str, "line": int, "column": int,
        "implementation": str, "gradient": str, "statement": str, "point": dict,
    },
}  # fmt: skip


def breaches(kind: str, value: dict[str, Any]) -> list[str]:
    """What of the contract a JSON object does not keep."""
    missing = [f"{kind}.{key} is missing" for key in CONTRACT[kind] if key not in value]
    return missing + [f"{kind}.{key} is {value[key]!r}" for key, of in CONTRACT[kind].items() if key in value and (not isinstance(value[key], of) or (of is int and isinstance(value[key], bool)))]


def all_breaches(content: dict[str, Any]) -> list[str]:
    found = breaches("", content) + breaches("summary", content["summary"])
    verdicts = {v.value for v in Verdict}
    for case in content["cases"]:
        results = [*case["results"], *(s["worst"] for s in case["sweeps"] if s["worst"])]
        found += breaches("case", case) + ([] if case["status"] in ("passed", "failed", "error") else [f"status {case['status']}"])
        for kind, group in (("result", results), ("sweep", case["sweeps"]), ("residual", case["residuals"]), ("finding", case["findings"])):
            found += [b for value in group for b in breaches(kind, value)]
        for r in results:
            numbers = [r.get(k) for k in ("computed", "exact", "rounded", "residual", "formula_error_ulps", "ulps", "condition", "program_condition")]
            found += [f"{n!r} is no number" for n in numbers if isinstance(n, str) and not NUMBER.fullmatch(n)]
            found += [] if r["verdict"] in verdicts else [f"verdict {r['verdict']}"]
        found += [f"sweep counts {s['verdicts']}" for s in case["sweeps"] if sum(s["verdicts"].values()) != s["points"] or not verdicts.issuperset(s["verdicts"])]
        found += [f"severity {f['severity']}" for f in case["findings"] if f["severity"] not in ("error", "warning")]
    return found


def test_the_json_report_keeps_its_contract():
    content = json.loads(render(report()))
    assert all_breaches(content) == []
    assert content["summary"]["cases"] == len(content["cases"]) == content["summary"]["passed"]


def test_a_breach_of_the_contract_is_noticed():
    content = json.loads(render(verify_all([case_named("relu at 0")])))
    content["cases"][0]["results"][0]["computed"] = 0.0
    content["cases"][0]["results"][1].pop("exact")
    content["cases"][0]["results"][2]["ulps"] = "tiny"
    content["cases"][0]["status"] = "fine"
    assert all_breaches(content) == ["status fine", "result.computed is 0.0", "result.exact is missing", "'tiny' is no number"]
