"""What is made of the diagnoses: one explanation for a line, one line for an array, and what a wrong step reaches. Expected by hand from the rules in the docstrings."""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb

from tests.blame.test_adjoint_values import draft_of
from tests.blame.test_locate import FLOAT64, explanations, two_lines
from tests.blame.test_parts import isolated_run
from verifier import load_text
from verifier.arithmetic import balls
from verifier.blame.formula import array_lines, array_repairs, explain
from verifier.blame.formula import rerun as rerun_module
from verifier.blame.formula.adjoint_values import reference_values
from verifier.blame.formula.explain import UNEXPLAINED, Explanation
from verifier.blame.formula.locate import Mistake
from verifier.blame.formula.rerun import Rerun, units_of
from verifier.case.case import Draft
from verifier.language.source import Place, Source
from verifier.verify import verify

SAID, OTHER = "the sign is flipped", "the factor `2` is missing"
THROUGH = "the contribution through `h` is missing"


def said(line: int, words: str, *gradients: str, lines: frozenset[int] = frozenset()) -> Explanation:
    return Explanation(Place("a.yaml", line, 1), f"line {line}", words, gradients, (), lines=lines)


# ---------------------------------------------------------------- one line for an array

# of dx, which line 5 sets from lines 4 and 5: what is said of its components, and whether that is kept
COMPONENTS: tuple[tuple[list[tuple[int, str, tuple[str, ...]]], bool], ...] = (
    ([(4, SAID, ("dx[0]", "dx[1]"))], True), ([(5, SAID, ("dx[0]", "dx[1]"))], True), ([(4, SAID, ("dx[0]",)), (4, SAID, ("dx[1]",))], True), ([(4, SAID, ("dx[0]", "dx[1]", "dw"))], True), ([(5, UNEXPLAINED, ("dx[0]", "dx[1]"))], True), ([(5, THROUGH, ("dx[0]", "dx[1]"))], True),
    ([(4, UNEXPLAINED, ("dx[0]", "dx[1]"))], False), ([(4, THROUGH, ("dx[0]", "dx[1]"))], False), ([(4, SAID, ("dx[0]",)), (4, OTHER, ("dx[1]",))], False), ([(5, UNEXPLAINED, ("dx[0]",)), (5, f"{UNEXPLAINED} here", ("dx[1]",))], False), ([(4, SAID, ("dx[0]",))], False), ([(3, SAID, ("dx[0]", "dx[1]"))], False),
    ([(4, SAID, ("dx[0]",)), (5, SAID, ("dx[1]",))], False), ([(4, SAID, ("dx[0]",)), (5, UNEXPLAINED, ("dx[1]",))], False), ([(3, SAID, ("dx[0]", "dw")), (4, SAID, ("dx[1]",))], False), ([], False),
)  # fmt: skip


@pytest.mark.parametrize(("found", "is_kept"), COMPONENTS, ids=map(str, range(len(COMPONENTS))))
def test_an_array_has_the_line_that_its_components_agree_on_else_its_own(found: list[tuple[int, str, tuple[str, ...]]], is_kept: bool) -> None:
    given = [said(line, words, *gradients) for line, words, gradients in found]
    beside = said(9, OTHER, "db")
    array = said(5, f"{UNEXPLAINED} even where everything it reads is exact", "dx[0]", "dx[1]", lines=frozenset({4, 5}))
    kept = explain._of_arrays([beside, *given], [array])
    if is_kept:
        assert kept == [beside, *given]
    else:
        assert [(e.statement, e.words) for e in kept] == [("line 9", OTHER), (array.statement, array.words)]
        assert set(kept[1].gradients) == {"dx[0]", "dx[1]", *(g for e in given for g in e.gradients)}
        assert len(kept[1].gradients) == len(set(kept[1].gradients))


def test_without_an_array_that_no_edit_explains_all_is_kept() -> None:
    given = [said(4, SAID, "dx"), said(5, UNEXPLAINED, "dw")]
    assert explain._of_arrays(given, []) == given


# ---------------------------------------------------------------- mistakes, lines and what they reach


def test_mistakes_of_one_statement_and_kind_are_one_group() -> None:
    def mistake(line: int, kind: str) -> Mistake:
        return Mistake("dx", line, kind, 0, [], [])

    given = [mistake(3, "wrong"), mistake(4, "wrong"), mistake(3, "missing"), mistake(3, "wrong")]
    assert explain._by_line(given) == [[given[0], given[3]], [given[1]], [given[2]]]


def test_a_step_reaches_itself_and_what_reads_it_however_far() -> None:
    steps = [SimpleNamespace(args=a) for a in ((), (), (0,), (1,), (2, 3), (3,), (4, 0))]
    program = SimpleNamespace(steps=steps)
    assert explain._reached(program, {2}) == {2, 4, 6}  # type: ignore[arg-type]
    assert explain._reached(program, {5}) == {5}  # type: ignore[arg-type]
    assert explain._reached(program, {1, 6}) == {1, 3, 4, 5, 6}  # type: ignore[arg-type]


def test_gradients_that_read_what_flows_in_are_explained_apart_from_those_that_do_not() -> None:
    program = draft_of(two_lines(["out = x*w"], ["t = w*dout", "dx = t", "dw = x"])).whole
    assert explain._by_reading(program, {"dx", "dw"}) == [{"dx"}, {"dw"}]
    assert explain._by_reading(program, {"dx"}) == [{"dx"}]
    assert explain._by_reading(program, {"dw"}) == [{"dw"}]


def test_a_line_is_reached_by_what_it_reads_and_not_by_itself() -> None:
    """t is read by dx on line 2 of the backward pass, and by nothing on line 3."""
    program = draft_of(two_lines(["out = x*w"], ["t = w*dout", "dx = t*2", "dw = x*dout"])).whole
    t, dx, dw = (program.names[n] for n in ("t", "dx", "dw"))
    line = {n: program.steps[program.names[n]].line for n in ("t", "dx", "dw")}
    assert [explain._line_reaches(program, t, line[n]) for n in ("t", "dx", "dw")] == [False, True, False]
    assert not explain._line_reaches(program, dx, line["dx"])
    assert [explain._reaches(program, t, n) for n in ("dx", "dw")] == [True, False]
    assert explain._reaches(program, dw, "dw")
    first = explain._line_number(program, line["t"])
    assert first > 0
    assert [explain._line_number(program, line[n]) for n in ("dx", "dw")] == [first + 1, first + 2]


@pytest.mark.parametrize(("kind", "computed", "needed", "expected"), [("wrong", 3, 6, True), ("wrong", 3, 3, False), ("wrong", 6, 3, False), ("missing", 3, 6, False), ("wrong", 4, 6, False), ("wrong", -3, 6, False)])
def test_what_lacks_only_the_gradient_that_flows_in_is_its_multiple(kind: str, computed: int, needed: int, expected: bool) -> None:
    """2 flows in: what is computed lacks it where twice as much is needed."""
    isolated = SimpleNamespace(reference=SimpleNamespace(bits=200, upstream=[arb(2)]), operands=frozenset(), values=())
    mistake = Mistake("dx", 0, kind, 0, [arb(needed)], [arb(computed)])
    assert explain._ignores_upstream(isolated, mistake, FLOAT64) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("dx", "words"), [("2*x", "the gradient that flows in, `upstream`, is ignored"), ("3*x", "the constant `3` should be 4"), ("x*x", "a division by `1/4*x` is missing")])
def test_a_gradient_that_ignores_what_flows_in_is_explained_with_another_only_where_that_is_all(dx: str, words: str) -> None:
    """2 flows into x*x: 4*x is needed. With another gradient that flows in no single edit of `3*x` holds."""
    found = explanations(f"function: x*x\npoints: [{{x: 0.7}}]\nupstream: 2\nimplementations: {{a: {{gradients: {{x: dx}}, backward: 'dx = {dx}'}}}}")
    assert [e.words for e in found] == [words]


@pytest.mark.parametrize(
    ("backward", "kinds"),
    [(("dx = x*dout", "dw = w*dout"), ["exchanged", "exchanged"]), (("dx = 7*w*dout", "dw = w*dout"), ["wrong", "wrong"]), (("dx = x*dout", "dw = 5*x*dout"), ["wrong", "wrong"]), (("dx = w*dout", "dw = w*dout"), ["wrong"])],
)  # fmt: skip
def test_two_gradients_are_exchanged_where_each_is_the_other(backward: tuple[str, ...], kinds: list[str]) -> None:
    """Of x*w: w and x."""
    _, isolated = isolated_run(["out = x*w"], list(backward))
    assert [m.kind for m in isolated.mistakes] == kinds


def test_what_is_no_number_lacks_more_than_the_gradient_that_flows_in() -> None:
    isolated = SimpleNamespace(reference=SimpleNamespace(bits=200, upstream=[arb(2)]), operands=frozenset(), values=())
    assert not explain._ignores_upstream(isolated, Mistake("dx", 0, "wrong", 0, [arb(1)], [True]), FLOAT64)  # type: ignore[arg-type]


def test_components_with_different_diagnoses_have_one_line_and_none_of_them() -> None:
    """The sign of one component is flipped and another lacks a factor: what is common to them is the line."""
    program, isolated = isolated_run(["out = x*w"], ["dx = -w*dout", "dw = 2*x*dout"])
    first, second = isolated.mistakes
    plain = explain._explanation_of_line(program, isolated, [first], ("dx",), FLOAT64, explain.at_once)
    assert plain.words == "the sign is flipped"
    assert explain._explanation_of_line(program, isolated, [first, first], ("dx",), FLOAT64, explain.at_once) == plain
    for group in ([first, second], [first, second, first], [first, first, second]):
        found = explain._explanation_of_line(program, isolated, group, ("dx",), FLOAT64, explain.at_once)
        assert found.words == f"{UNEXPLAINED} even where everything it reads is exact: it gives 1.3000000 where -1.3000000 is needed"
        assert found.place == replace(plain.place, column=plain.place.column - len("dx = ")), "the whole line"
        assert found.statement == plain.statement == "dx = -w*dout"
        assert found.width == len("dx = -w*dout")
        assert [d for d in plain.details if d not in found.details] == [f"diagnosis {plain.words}"]
        assert set(found.details) <= set(plain.details)


def test_what_follows_from_a_wrong_line_is_listed_by_its_lines() -> None:
    program, isolated = isolated_run(["a = x*w", "out = sin(a)"], ["da = -cos(a)*dout", "dx = da*w", "dw = da*x"])
    (mistake,) = isolated.mistakes
    found = explain._explanation_of_line(program, isolated, [mistake], ("dx", "dw"), FLOAT64, explain.at_once)
    line = found.place.line
    assert f"propagated to lines {line + 1}, {line + 2}" in found.details
    program, isolated = isolated_run(["a = x*w", "out = sin(a)"], ["da = -cos(a)*dout", "dx = da*w", "dw = cos(a)*x*dout"])
    found = explain._explanation_of_line(program, isolated, isolated.mistakes, ("dx",), FLOAT64, explain.at_once)
    assert f"propagated to line {found.place.line + 1}" in found.details
    program, isolated = isolated_run(["out = x*w"], ["dx = -w*dout", "dw = x*dout"])
    found = explain._explanation_of_line(program, isolated, isolated.mistakes, ("dx",), FLOAT64, explain.at_once)
    assert not any(d.startswith("propagated") for d in found.details)


# ---------------------------------------------------------------- the statement of array code that is to blame

# the lines of a backward pass of out = sum(x*x) with three components, and the one that sets what is wrong
PARTS = (
    (("dx = 2*x*dout", "dx[0] = x[0]"), "dx[0] = x[0]"),  # the smallest part with all that is wrong
    (("dx = 2*x*dout", "dx[:2] = x[:2]"), "dx[:2] = x[:2]"),
    (("dx = np.zeros(3)", "dx[:2] = x[:2]", "dx[2:] = 2*x[2:]*dout"), "dx[:2] = x[:2]"),  # the last line is right
    (("dx = np.zeros(3)", "dx[:2] = 2*x[:2]*dout", "dx[2:] = x[2:]"), "dx[2:] = x[2:]"),
    (("dx = np.zeros(3)", "dx[:1] = x[:1]", "dx[1:] = x[1:]"), "dx[1:] = x[1:]"),  # no part has all: the last one
    (("dx = x*dout", "dx += 0*x"), "dx += 0*x"),  # no part
    (("dx = 2*x*dout", "dx[0] = x[0]", "dx[0] = 3*x[0]"), "dx[0] = 3*x[0]"),  # two of the same size: the last one
    (("dx = 2*x*dout", "dx[:2] = x[:2]", "dx[0] = 3*x[0]", "dx[1] = 2*x[1]*dout"), "dx[0] = 3*x[0]"),
)  # fmt: skip


def array_code(forward: tuple[str, ...], backward: tuple[str, ...]) -> tuple[Draft, Rerun, array_lines.Lines]:
    """The wrong statements of a backward pass for three components, before anything is replaced."""
    before, after = ("".join(f"      {line}\n" for line in lines) for lines in (forward, backward))
    (case,) = load_text(f"points: [{{x: [0.7, -1.3, 0.4]}}]\nimplementations:\n  it:\n    forward: |\n{before}    backward: |\n{after}").cases
    draft = case.programs.drafts[0]
    points = [(0.7, -1.3, 0.4), (0.75, -1.1, 0.5)]
    rerun = Rerun(draft, points, 1.0)
    found = array_lines.wrong_lines(draft, rerun, reference_values(draft.whole, points, upstream=1.0), FLOAT64)
    assert found is not None
    assert rerun.begin()
    return draft, rerun, found


def text_at(draft: Draft, tree: ast.stmt) -> str:
    source = draft.implementation.backward
    assert source is not None
    return source.text[tree.col_offset : tree.end_col_offset]


@pytest.mark.parametrize(("backward", "guilty"), PARTS, ids=["; ".join(b) for b, _ in PARTS])
def test_the_statement_that_sets_the_smallest_wrong_part_of_an_array_is_named(backward: tuple[str, ...], guilty: str) -> None:
    draft, rerun, found = array_code(("out = np.sum(x*x)",), backward)
    (wrong,) = found.wrong
    assert text_at(draft, array_repairs.setting(rerun, wrong)) == guilty


# a backward pass of out = sum(h*h), h = tanh(x), and its wrong names in order, each with the component that is off by most
WRONG_ARRAYS = (
    (("dh = 2*h*dout", "dx = (1 - h*h)*dh"), []), (("dh = 3*h*dout", "dx = (1 - h*h)*dh"), [("dh", 1)]), (("dh = 2*h*dout", "dx = (1 + h*h)*dh"), [("dx", 1)]), (("dh = 3*h*dout", "dx = (1 + h*h)*dh"), [("dx", 1)]),  # one mistake explains that, too
    (("dx = []", "for i in range(3):", "    dx.append((1 - h[i]**2)*2*h[i]*dout)", "dx = np.array(dx)"), []), (("dx = {}", "dx = (1 - h*h)*2*h*dout"), []), (("dx = {}", "dx = (1 - h*h)*3*h*dout"), [("dx", 0)]),
    (("dx = np.zeros(6)", "dx = (1 - h*h)*2*h*dout"), []), (("dx = np.zeros(6)", "dx = (1 - h*h)*3*h*dout"), [("dx", 0)]), (("dh = np.zeros(2)", "dh = 2*h*dout", "dx = (1 - h*h)*dh"), []),
    (("dh = h*dout", "dx = 2*(1 - h*h)*dh"), []), (("dh = h*dout", "dx = 3*(1 - h*h)*dh"), [("dx", 0)]),  # `dh` is no adjoint
    (("dh = 2*h*dout", "dh = dh*(1 - h*h)", "dx = dh"), []), (("dh = 2*h*dout", "dh = dh*(1 + h*h)", "dx = dh"), [("dx", 1)]),  # it was one
    (("dx = (1 - h*h)*2*h*dout", "dx[0] += 1", "dx[2] -= 3"), [("dx", 2)]), (("dx = (1 - h*h)*2*h*dout", "dx[0] += 2", "dx[2] -= 1"), [("dx", 0)]), (("dx = (1 - h*h)*2*h*dout", "dx[1] = np.log(x[1])", "dx[2] += 9"), [("dx", 1)]),
)  # fmt: skip


@pytest.mark.parametrize(("backward", "wrong"), WRONG_ARRAYS, ids=["; ".join(b) for b, _ in WRONG_ARRAYS])
def test_the_names_that_are_wrong_though_all_they_read_is_exact(backward: tuple[str, ...], wrong: list[tuple[str, int]]) -> None:
    _, rerun, found = array_code(("h = np.tanh(x)", "out = np.sum(h*h)"), backward)
    assert [(w.name, w.worst) for w in found.wrong] == wrong
    assert all(w.unit == max(k for k, unit in enumerate(rerun.units) if w.name in unit.sets) for w in found.wrong)
    with balls.precision(200):
        for w in found.wrong:
            for k, x in enumerate((0.7, -1.3, 0.4)):  # the calculus of tanh
                h = arb(x).tanh()
                assert abs(w.needed[k][0] - (2 * h if w.name == "dh" else 2 * h * (1 - h * h))) < 1e-14


def test_other_names_of_what_stands_before_come_first_and_of_what_was_computed_last() -> None:
    units = units_of(Source("p = scores\nq, r = a, b\ndx = p*2\ndy = dx\ndz, dw = dx, dy\nv = [1, 2]\nfor i in range(3):\n    dx = dx*i\n", "", 1, 1, ""))
    assert [array_repairs._rank(units, k) for k in range(len(units))] == [0, 0, 1, 2, 2, 1, 1]


# of each block the units that may have made its last name wrong, the likely ones first, then the last one
SUSPECTS = (
    ("p = scores\ns = p*2\ndx = s + 1\n", frozenset(), [0, 2, 1]), ("p = scores\ns = p*2\ndx = s + 1\n", frozenset({(1, "s")}), [2]), ("s = a*2\nt = b*3\ndx = s + 1\n", frozenset(), [2, 0]), ("s = a*2\nu = s\ndx = u + 1\n", frozenset(), [2, 0, 1]), ("dx = a*2\ndx += b\ndx[0] = 1\n", frozenset(), [2, 1, 0]), ("s = a\ns = s*2\ndx = s*s\n", frozenset(), [0, 2, 1]), ("dx = a*2\ns = dx\n", frozenset({(1, "s")}), []),
)  # fmt: skip


@pytest.mark.parametrize(("text", "right", "expected"), SUSPECTS, ids=map(str, range(len(SUSPECTS))))
def test_a_name_is_wrong_by_what_sets_it_and_what_that_reads_down_to_what_is_right(text: str, right: frozenset[tuple[int, str]], expected: list[int]) -> None:
    units = units_of(Source(text, "", 1, 1, ""))
    last = len(units) - 1
    wrong = array_lines.Wrong(last, min(units[last].sets), (), (), (), 0)
    assert array_repairs.suspects_of(units, array_lines.Lines((wrong,), {}, right), wrong) == expected


# ---------------------------------------------------------------- names and values before a statement


def test_the_environment_before_a_statement_has_the_floats_of_all_names() -> None:
    _, rerun, _ = array_code(("h = np.tanh(x)", "out = np.sum(h*h)"), ("t = 3.0*dout", "m = h > 0", "l = [t, h]", "k = 2", "dx = 2*h*(1 - h*h)*t/3"))
    x = np.array([0.7, -1.3, 0.4])
    found = rerun.environment(4)
    assert {"x", "h", "out", "t", "m", "l", "k"} <= found.keys()
    assert "dx" not in found
    assert found["t"] == 3
    assert np.array_equal(found["x"], x)
    assert np.allclose(found["h"], np.tanh(x), rtol=1e-15)
    assert np.array_equal(found["m"], x > 0)
    assert np.asarray(found["m"]).dtype == bool
    assert found["l"][0] == 3
    assert np.allclose(found["l"][1], np.tanh(x), rtol=1e-15)
    assert not {"m", "l", "k", "dx"} & rerun.environment(1).keys()


def test_a_name_stands_for_a_number_an_array_or_nothing_that_is_one() -> None:
    _, rerun, _ = array_code(("h = np.tanh(x)", "out = np.sum(h*h)"), ("t = 3.0*dout", "p = [t, dout]", "q = {}", "r = [[t, t], [dout]]", "dx = 2*h*(1 - h*h)*t/3"))
    shapes = {name: None if (held := rerun.holds(name)) is None else held.shape for name in ("dx", "t", "p", "q", "r", "x", "out", "nobody")}
    assert shapes == {"dx": (3,), "t": (), "p": (2,), "q": None, "r": None, "x": (3,), "out": (), "nobody": None}
    held = rerun.holds("p")
    assert held is not None
    assert [rerun.values[s][0] for s in held.steps] == [3, 1]


def test_a_copy_keeps_what_is_one_thing_under_two_names_one_thing() -> None:
    array = np.array([1.0, 2.0])
    given = {"a": array, "b": array, "c": [array, (array, 3)], "d": {"e": array}, "n": 5}
    found = rerun_module._copied(given, {})
    assert found["a"] is found["b"] is found["c"][0] is found["c"][1][0] is found["d"]["e"]
    assert found["a"] is not array
    assert np.array_equal(found["a"], array)
    assert (type(found["c"]), type(found["c"][1]), found["c"][1][1], found["n"]) == (list, tuple, 3, 5)
    found["a"][0] = 7
    found["c"].append(1)
    assert array[0] == 1
    assert len(given["c"]) == 2  # type: ignore[arg-type]
    mine = rerun_module.own([array])
    mine[0][1] = 9
    assert array[1] == 2


def test_a_vector_is_made_of_its_components() -> None:
    values = [[1.0, -1.0], [2.0, -2.0], [3.0, -3.0]]
    assert rerun_module._vector([((1,), 0), ((0,), 2)], values).tolist() == [3, 1]
    assert rerun_module._vector([((0, 1), 0), ((1, 0), 1), ((1, 1), 2)], values).tolist() == [[0, 1], [2, 3]]


# ---------------------------------------------------------------- what is worth a certificate

NEAR = (  # computed, exact (NaN is not judged), whether they are near: 1e-9 of the component, and 1e-12 of the largest one
    ([[1.0]], [[1.0]], True), ([[1 + 0.9e-9]], [[1.0]], True), ([[1 + 1.1e-9]], [[1.0]], False), ([[1 - 1.1e-9]], [[1.0]], False), ([[1.0], [0.9e-12]], [[1.0], [0.0]], True), ([[1.0], [1.1e-12]], [[1.0], [0.0]], False), ([[1.0], [-1.1e-12]], [[1.0], [0.0]], False), ([[5.0], [2.0]], [[math.nan], [2.0]], True), ([[5.0], [2.1]], [[math.nan], [2.0]], False),
    ([[math.nan]], [[1.0]], False), ([[1.0]], [[1.0], [2.0]], False), ([[1.0, 2.0]], [[1.0, 2.0]], True), ([[1.0, 2.1]], [[1.0, 2.0]], False), ([[1.0], [1.0]], [[1.0], [1.0]], True), ([[-4.0]], [[4.0]], False), ([[4e-9]], [[0.0]], False),
)  # fmt: skip


@pytest.mark.parametrize(("computed", "exact", "expected"), NEAR, ids=map(str, range(len(NEAR))))
def test_floats_are_near_by_the_component_or_the_largest(computed: list[list[float]], exact: list[list[float]], expected: bool) -> None:
    assert array_repairs._is_near(computed, exact) is expected
    assert not array_repairs._is_near(None, exact)


@pytest.mark.parametrize(("computed", "before", "expected"), [([[1.0]], [[1.0]], True), ([[1.0]], [[math.nextafter(1, 2)]], False), ([[math.nan]], [[math.nan]], True), ([[math.nan]], [[1.0]], False), ([[1.0]], [[math.nan]], False), ([[1.0], [2.0]], [[1.0]], False), ([[1.0, 2.0]], [[1.0, 3.0]], False), (None, [[1.0]], False)])
def test_a_gradient_is_the_same_where_no_float_differs(computed: list[list[float]] | None, before: list[list[float]], expected: bool) -> None:
    assert array_repairs._is_same(computed, before) is expected


@pytest.mark.parametrize(("computed", "needed", "expected"), [(arb(1), arb(1), True), (arb(1 + 0.9e-9), arb(1), True), (arb(1 + 1.1e-9), arb(1), False), (arb(1 - 1.1e-9), arb(1), False), (arb(-1), arb(1), False), (arb(0), arb(0), True), (True, arb(1), False), (arb(1), None, False), (arb("nan"), arb(1), False)])
def test_a_component_is_close_to_a_billionth(computed: object, needed: object, expected: bool) -> None:
    assert array_repairs._is_close(computed, needed) is expected


def test_what_is_needed_for_some_steps_is_what_they_are_computed_from() -> None:
    steps = [SimpleNamespace(args=a) for a in ((), (), (0, 1), (1,), (2, 2), (3,))]
    assert array_repairs.needed_for(steps, [4]) == {0, 1, 2, 4}
    assert array_repairs.needed_for(steps, [5, 2]) == {0, 1, 2, 3, 5}
    assert array_repairs.needed_for(steps, []) == set()


@pytest.mark.parametrize(("computed", "exact", "expected"), [([arb(1)], [arb(1)], True), ([arb("nan")], [arb(1)], False), ([arb("nan")], [arb("nan")], True), ([arb(1)], [arb("inf")], True), ([True], [arb(1)], False), ([arb(1), arb("inf")], [arb(1), arb(1)], False)])
def test_a_value_is_finite_wherever_the_exact_one_is(computed: list[object], exact: list[arb], expected: bool) -> None:
    assert array_repairs._is_finite(computed, exact) is expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("function: x*y*z\npoints: [{x: 0, y: 3, z: 2}]\nimplementations: {it: {backward: 'p = x*y*z; dx = p/x*dout; dy = x*z*dout; dz = x*y*dout'}}", "dx = p/x*dout", "`p/x` has no real value here: 0/0"),
        ("points: [{x: [0.3, 0, -0.7]}]\nforward: out = np.cumprod(x)\nimplementations: {it: {backward: 'g = dout*out; dx = np.cumsum(g[::-1])[::-1]/x'}}", "dx = np.cumsum(g[::-1])[::-1]/x", "/x` has no real value here: 0/0"),
        ("function: sin(x)/x + y\npoints: [{x: 1, y: 0}]\nimplementations: {it: {backward: 'dx = (cos(x)/x - sin(x)/x**2)*dout; dy = y/y*dout'}}", "dy = y/y*dout", "the factor `y/y` is superfluous"),
    ],
)
def test_a_line_that_is_right_but_where_it_divides_by_zero_is_told_so_if_no_edit_repairs_it(text, line, words):
    """No edit that holds beside the point repairs it: the factor 1, or a name for itself, was said to be missing."""
    (case,) = load_text(text).cases
    (found,) = [f for f in verify(case).findings if f.code == "V101"]
    assert found.statement == line
    assert words in found.message
