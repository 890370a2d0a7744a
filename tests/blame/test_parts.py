"""The parts that the search and the diagnosis are made of: what a statement reads, is written as and is made of; temporaries; points. Expected values by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest
from flint import arb

from tests.blame.test_adjoint_values import draft_of
from tests.blame.test_locate import FLOAT64, two_lines
from tests.blame.test_repairs import STATEMENTS, target_of
from verifier.arithmetic import balls
from verifier.blame.formula import branches, candidates, derivation, locate, temporaries, trial_points, values_shown
from verifier.blame.formula.adjoint_values import agrees, key_of, reference_values, same
from verifier.blame.formula.candidates import Expressions
from verifier.blame.formula.known_values import KnownValues
from verifier.blame.formula.locate import IsolatedRun, Mistake
from verifier.blame.formula.statement import RepairTarget, forward_text
from verifier.circuit.program import Program
from verifier.language.formats import FORMATS

GIVEN = ((0.7, -1.3), (1.9, 0.6), (-0.4, 2.2))


def isolated_run(forward: list[str], backward: list[str], points: tuple[tuple[float, ...], ...] = GIVEN) -> tuple[Program, IsolatedRun]:
    given = ", ".join(f"{{x: {x}, w: {w}}}" for x, w in points)
    draft = draft_of(two_lines(forward, backward, point=given))
    found = locate.isolate(draft.whole, draft.implementation, draft.claims, points, fmt=FLOAT64, upstream=1.0)
    assert found is not None
    return draft.whole, found


# ---------------------------------------------------------------- a statement


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_text_of_a_statement_is_what_stands_behind_its_name_and_its_parts_are_parts_of_that(statement: str) -> None:
    s = target_of(statement)
    assert s.text(s.root) == statement
    assert all(s.text(k) in statement for k in s.cone)


def test_a_contribution_that_is_added_is_written_without_its_name() -> None:
    program, isolated = isolated_run(["out = sin(x)*w + x*x"], ["dx = cos(x)*w*dout", "dx += 3*x*dout", "dw = sin(x)*dout"])
    (mistake,) = isolated.mistakes
    with balls.precision(isolated.reference.bits):
        s = RepairTarget(program, isolated, mistake, FLOAT64)
        assert s.text(s.root) == "3*x*dout"
        whole = program.names["dx"]
        assert s.text(whole) == "dx", "the sum is a name elsewhere"
        bare = RepairTarget(program, isolated, Mistake("dx", mistake.line, "wrong", whole, mistake.needed, mistake.computed, (), mistake.forward, whole), FLOAT64)
        assert bare.text(bare.root) in ("dx", "3*x*dout")


def test_a_whole_line_is_no_expression_that_is_looked_up() -> None:
    """`dx += b*t*dout` sets a name, which is one already; its right side is an expression."""
    program, isolated = isolated_run(["a = x*w", "b = sin(a) + 1", "out = a*b**2"], ["t = 2*a*cos(a)*w", "dx = b**2*w*dout", "dx += b*t*dout", "dw = 2*x*b*dout"])
    with balls.precision(isolated.reference.bits):
        s = RepairTarget(program, isolated, isolated.mistakes[0], FLOAT64)
        written = [text for text, _ in candidates._written(s)]
    assert "b*t*dout" in written
    assert not any("=" in text for text in written)
    assert written[:4] == ["dx", "t", "out", "b"]


def test_what_an_expression_reads_and_what_reads_it() -> None:
    s = target_of("exp(x*y)*sin(x*y)")
    at = {}
    for k in s.cone:
        at.setdefault(s.text(k), []).append(k)
    product, root = at["x*y"], s.root
    assert s.inside(root) == set(s.cone) - {root}
    assert s.inside(product[0]) == set()
    assert s.inside(at["sin(x*y)"][0]) <= set(product)
    assert s.twins.get(product[0], [product[0]]) == product, "the same expression twice is repaired together"
    assert not any(s.is_read_here(k) for k in s.cone)


def test_names_before_and_after_they_were_set_again() -> None:
    program, isolated = isolated_run(["h = x*w", "h = sin(h)", "out = h*w"], ["dh = w*dout", "dx = cos(x*w)*w*dh*3", "dw = x*cos(x*w)*dh + h*dout"])
    with balls.precision(isolated.reference.bits):
        s = RepairTarget(program, isolated, isolated.mistakes[0], FLOAT64)
        atoms = dict(s.atoms)
        assert list(atoms) == ["dh", "upstream", "out", "h", "h before it was reassigned", "w", "x"]
        for k, (x, w) in enumerate(GIVEN):
            assert abs(atoms["h before it was reassigned"][k] - arb(x) * arb(w)) < 1e-30
            assert abs(atoms["h"][k] - (arb(x) * arb(w)).sin()) < 1e-30
            assert atoms["upstream"][k] == 1


@pytest.mark.parametrize(("zeros", "others", "told"), [(0, 3, 3), (1, 4, 4), (2, 5, 5), (1, 3, None), (0, 5, 5)])
def test_a_statement_tells_factors_where_it_is_not_0(zeros: int, others: int, told: int | None) -> None:
    """`x*w` for `2*x*w`: at x = 0 both are 0, and any factor would do; at least four points must be left."""
    points = tuple((0.0, 1.5 + k) for k in range(zeros)) + tuple((0.5 + k, 0.25 - k) for k in range(others))
    program, isolated = isolated_run(["out = x*x*w"], ["dx = x*w*dout", "dw = x*x*dout"], points)
    (mistake,) = isolated.mistakes
    with balls.precision(isolated.reference.bits):
        s = RepairTarget(program, isolated, mistake, FLOAT64)
        found = s.where_it_tells()
        if told is None:
            assert found is None
            return
        assert found is not None
        assert (found is s) is (zeros == 0)
        assert found.isolated.reference.count == found.isolated.reference.first == told
        assert len(found.mistake.needed) == len(found.mistake.computed) == told
        for k, (x, w) in enumerate(points[zeros:]):
            assert found.value(found.root)[k].overlaps(arb(x) * arb(w))
            assert found.mistake.computed[k].overlaps(arb(x) * arb(w))
            assert found.mistake.needed[k].overlaps(2 * arb(x) * arb(w))
            assert dict(found.atoms)["x"][k] == x


# ---------------------------------------------------------------- expressions by their values


def test_an_expression_that_agrees_to_ten_digits_only_or_at_two_points_only_is_another() -> None:
    with balls.precision(300):
        x = [arb("0.7"), arb("1.9"), arb("2.6")]
        e = Expressions(SimpleNamespace(atoms=[("x", x)], steps=(), root=-1, program=SimpleNamespace(backward_start=0, lines=(), shapes={}), is_upstream=lambda _: False))  # type: ignore[arg-type]
        near = [v * (1 + arb(10) ** -13) for v in x]
        assert key_of(near) == key_of(x)
        assert e.equal(near) is None
        assert e.product(near) is None
        assert e.equal([*x[:2], 2 * x[2]]) is None
        assert e.product([2 * x[0], 2 * x[1], 3 * x[2]]) is None
        assert e.product([2 * v for v in x]).text == "2*x"  # type: ignore[union-attr]
        assert e.product([-v for v in x]).text == "-x"  # type: ignore[union-attr]
        assert e.equal(x).text == "x"  # type: ignore[union-attr]


# ---------------------------------------------------------------- temporaries


def test_the_readers_of_a_temporary_that_is_0_are_told_by_another_value_of_it() -> None:
    """t is 0, as it should be for dx; for dw, which is wrong by x, it is not."""
    program, isolated = isolated_run(["out = x*w"], ["t = x - x", "dx = (w + t)*dout", "dw = (2*x + t)*dout"])
    assert [m.target for m in isolated.mistakes] == ["dw"]
    with balls.precision(isolated.reference.bits):
        search = temporaries._TemporarySearch(program, isolated, FLOAT64)
        t = program.names["t"]
        assert search.readers(t) == ([program.names["dw"]], [program.names["dx"]])
        assert [m.target for m in temporaries.relocate_to_temporaries(program, isolated, fmt=FLOAT64)] == ["dw"]


@pytest.mark.parametrize(
    ("backward", "guilty"),
    [
        (["t = cos(w*x)", "dx = -t*w*dout", "dw = -t*x*dout"], {"t"}),  # sin for cos, read twice
        (["t = sin(w*x)", "dx = t*w*dout", "dw = -t*x*dout"], {"dx"}),  # one reader is right with it
        (["t = sin(w*x)", "dx = t*w*dout", "dw = t*x*dout"], {"t"}),  # one sign mends both
        (["t = 2*sin(w*x)", "s = w*x", "dx = -t*w*dout", "dw = -t*x*dout"], {"t"}),
        (["t = sin(w*x)", "u = 3*w", "dx = -t*u*dout", "dw = -t*x*dout"], {"u"}),  # u is read by one: 3*w is no value that is computed again, w is
        (["t = sin(w*x)", "u = w", "dx = -t*u*dout*3", "dw = -t*x*dout"], {"dx"}),
        (["t = sin(w*x)", "dx = -t*x*dout", "dw = -t*w*dout"], {"dx", "dw"}),
    ],
)  # fmt: skip
def test_the_blame_is_the_temporarys_where_one_value_mends_all_its_readers(backward: list[str], guilty: set[str]) -> None:
    program, isolated = isolated_run(["out = cos(w*x)"], backward)
    _, found = temporaries.fewest_mistakes(program, isolated, fmt=FLOAT64)
    assert {m.target for m in found} == guilty


def test_two_temporaries_are_to_blame_where_neither_alone_mends_what_reads_both() -> None:
    """Of ((x*z)**2 + (w*z)**2)/2 with t = 2*x*z for x*z and u = 3*w*z for w*z: dx reads t, dw reads u, dz reads both."""
    points = ((0.7, -1.3, 0.4), (1.9, 0.6, -1.1), (-0.4, 2.2, 0.9))
    draft = draft_of(two_lines(["out = ((x*z)**2 + (w*z)**2)/2"], ["t = 2*x*z", "u = 3*w*z", "dx = t*z*dout", "dw = u*z*dout", "dz = (t*x + u*w)*dout"], point="{x: 0.7, w: -1.3, z: 0.4}"))
    assert draft.whole.inputs == ("x", "w", "z")
    isolated = locate.isolate(draft.whole, draft.implementation, draft.claims, points, fmt=FLOAT64, upstream=1.0)
    assert isolated is not None
    assert [m.target for m in isolated.mistakes] == ["dx", "dw", "dz"]
    with balls.precision(isolated.reference.bits):
        found = temporaries.relocate_to_temporaries(draft.whole, isolated, fmt=FLOAT64)
        assert [m.target for m in found] == ["t", "u"]
        for k, (x, w, z) in enumerate(points):
            assert abs(found[0].needed[k] - arb(x) * arb(z)) < 1e-20
            assert abs(found[1].needed[k] - arb(w) * arb(z)) < 1e-20


def test_where_two_pairs_of_temporaries_would_mend_the_same_readers_one_pair_is_to_blame() -> None:
    """As above, with a factor p beside t: half of it would do for half of t."""
    points = ((0.7, -1.3, 0.4), (1.9, 0.6, -1.1), (-0.4, 2.2, 0.9))
    backward = ["p = exp(z)", "t = 2*x*z", "u = 3*w*z", "dx = t*p*exp(-z)*z*dout", "dw = u*z*dout", "dz = (t*p*exp(-z)*x + u*w)*dout"]
    draft = draft_of(two_lines(["out = ((x*z)**2 + (w*z)**2)/2"], backward, point="{x: 0.7, w: -1.3, z: 0.4}"))
    isolated = locate.isolate(draft.whole, draft.implementation, draft.claims, points, fmt=FLOAT64, upstream=1.0)
    assert isolated is not None
    with balls.precision(isolated.reference.bits):
        assert [m.target for m in temporaries.relocate_to_temporaries(draft.whole, isolated, fmt=FLOAT64)] == ["t", "u"]


def test_what_is_needed_is_known_where_it_is_another_value() -> None:
    """At the third point, beside those where something is wrong, the needed value is the one that is there: it is not determined."""
    program, isolated = isolated_run(["out = cos(w*x)"], ["t = cos(w*x)", "dx = -t*w*dout", "dw = -t*x*dout"])
    isolated = replace(isolated, reference=replace(isolated.reference, first=2))
    with balls.precision(isolated.reference.bits):
        search = temporaries._TemporarySearch(program, isolated, FLOAT64)
        t = program.names["t"]
        value = [v.mid() for v in search.values[t]]
        (other,) = search.moved(t, [arb(5), arb(6), arb(7)])
        assert other.needed == [5, 6, 7]
        (same_,) = search.moved(t, [arb(5), value[1], value[2]])
        assert same_.needed[:2] == [5, value[1]]
        assert not same_.needed[2].is_finite()


@pytest.mark.parametrize(("made", "is_right"), [("2*w*x", True), ("w + 3*x", False)])
def test_a_temporary_that_no_value_of_could_mend_its_reader_is_right_where_it_is_a_multiple_of_a_known_value(made: str, is_right: bool) -> None:
    """A square plus 100 is never the slope of cos(w*x), which is less than 3: the statement is to blame."""
    program, isolated = isolated_run(["out = cos(w*x)"], [f"t = {made}", "dx = (t*t + 100)*dout", "dw = -x*sin(w*x)*dout"])
    _, (mistake,) = temporaries.fewest_mistakes(program, isolated, fmt=FLOAT64)
    assert (mistake.target, program.names["t"] in mistake.right) == ("dx", is_right)


def test_only_a_wrong_name_that_stands_for_no_forward_name_is_tried_as_no_adjoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """`da` is the adjoint of `a`, and `dc` of what `c = x*w` holds again: the second name may mean anything. `db` is right."""
    program, isolated = isolated_run(["a = x*w", "b = sin(a)", "out = b*a + a"], ["c = sin(x*w)", "dc = 2*a*dout", "db = a*dout", "da = (b + 1)*dout + 3*cos(a)*dc", "dx = w*da*2", "dw = x*da"])
    dropped: list[set[str]] = []
    without = locate.without

    def recorded(program: Program, isolated: IsolatedRun, left: frozenset[int], fmt: object) -> IsolatedRun:
        dropped.append({program.steps[i].name for i in left})
        return without(program, isolated, left, fmt)  # type: ignore[arg-type]

    monkeypatch.setattr(locate, "without", recorded)
    temporaries.fewest_mistakes(program, isolated, fmt=FLOAT64)
    assert [m.target for m in isolated.mistakes] == ["dc", "da", "dx"]
    assert dropped == [{"dc"}, {"dc"}, {"dc"}]


# ---------------------------------------------------------------- values that are computed again


def test_values_are_known_that_a_backward_pass_computes_again() -> None:
    """Of out = sin(x*w)*x: the values of its steps, slopes of one with respect to another, and the terms of those that come along two ways."""
    draft = draft_of(two_lines(["out = sin(x*w)*x"], ["dx = dout", "dw = dout"]))
    reference = reference_values(draft.whole, GIVEN, upstream=1.0)
    with balls.precision(reference.bits):
        known = KnownValues(reference)

        def column(function: object) -> list[arb]:
            return [function(arb(x), arb(w)) for x, w in GIVEN]  # type: ignore[operator]

        for function in (lambda x, _: x, lambda _, w: w, lambda x, w: x * w, lambda x, w: (x * w).sin(), lambda x, w: x * (x * w).sin(), lambda x, w: (x * w).cos(), lambda x, w: x * (x * w).cos(), lambda x, w: x * x * (x * w).cos(), lambda x, w: w * x * (x * w).cos() + (x * w).sin(), lambda x, w: w * x * (x * w).cos(), lambda x, w: w * (x * w).cos()):
            assert known.holds(column(function))
            assert known.holds_multiple(column(lambda x, w, function=function: 7 * function(x, w)))
            assert not known.holds(column(lambda x, w, function=function: 7 * function(x, w)))
        for function in (lambda x, w: x + w, lambda x, w: (x + w).sin(), lambda x, _: x * x, lambda *_: arb(1), lambda *_: arb(0)):
            assert not known.holds(column(function))
            assert not known.holds_multiple(column(function))


# ---------------------------------------------------------------- equality


@pytest.mark.parametrize(("factor", "agreed"), [(0, True), (1, True), (-1, True), (1.01, False), (-1.01, False), (3, False)])
@pytest.mark.parametrize("name", ["float64", "float32", "bfloat16"])
def test_columns_agree_within_an_ulp_of_the_format(name: str, factor: float, agreed: bool) -> None:
    fmt = FORMATS[name]
    with balls.precision(300):
        for exact in (arb(1), arb(-3), arb(2) ** -130):
            computed = exact + exact * arb(factor) * arb(2) ** (1 - fmt.precision)
            assert agrees([exact, computed], [exact, exact], fmt) is agreed
            assert same([exact, computed], [exact, exact]) is (factor == 0)
        assert not agrees([arb("nan")], [arb(1)], fmt)
        assert agrees([arb(5)], [arb("nan")], fmt), "where there is no exact value nothing is decided"
        assert not agrees([True], [arb(1)], fmt)
        assert agrees([arb(0)], [arb(0)], fmt)
        assert not agrees([arb("1e-300")], [arb(0)], fmt)
        assert same([True, None], [True, None])
        assert not same([True], [False])
        assert not same([arb(1)], [arb("inf")])
        wide = arb(1) + arb(0, arb(2) ** (-fmt.precision + 20))
        assert not agrees([wide], [arb(1)], fmt)
        assert agrees([arb(1)], [arb(1) + arb(0, arb(2) ** (-fmt.precision + 4))], fmt), "the exact value has too few bits to decide"


# ---------------------------------------------------------------- points


def test_neighbours_are_moved_by_the_shifts_of_their_coordinates() -> None:
    """1/16, -1/32 and 3/64 times 1, 2, 3, 1, ... relative to each number; at 0 by the shift itself."""
    found = trial_points.neighbours([(1.0, 2.0, -4.0, 8.0), (0.0, 1.0, 1.0, 1.0)])
    assert found == [
        (1 + 1 / 16, 2 * (1 + 2 / 16), -4 * (1 + 3 / 16), 8 * (1 + 1 / 16)), (1 - 1 / 32, 2 * (1 - 2 / 32), -4 * (1 - 3 / 32), 8 * (1 - 1 / 32)), (1 + 3 / 64, 2 * (1 + 6 / 64), -4 * (1 + 9 / 64), 8 * (1 + 3 / 64)),
        (1 / 16, 1 + 2 / 16, 1 + 3 / 16, 1 + 1 / 16), (-1 / 32, 1 - 2 / 32, 1 - 3 / 32, 1 - 1 / 32), (3 / 64, 1 + 6 / 64, 1 + 9 / 64, 1 + 3 / 64),
    ]  # fmt: skip


def test_other_points_have_other_signs_and_proportions() -> None:
    found = trial_points.elsewhere((1.0, 2.0), FLOAT64)
    assert found == [(-1 - 1 / 32, 2.0), (1.0, -2 - 4 / 32), (-1 + 1 / 64, -2 + 4 / 64), (0.75, 2 * 1.3125), (1.3125, 2 * 0.9375)]
    assert all(x == float(Fraction(round(x * 2**7), 2**7)) for p in trial_points.elsewhere((1.0, 1.5), FORMATS["bfloat16"]) for x in p)
    assert len(trial_points.elsewhere(tuple(range(1, 10)), FLOAT64)) == trial_points.MAX_TURNED + 3
    assert trial_points.elsewhere((float("inf"), 1.0), FLOAT64) == []


def test_ordinary_points_have_several_sizes_and_no_two_coordinates_alike() -> None:
    found = trial_points.ordinary(8)
    assert [p[0] for p in found] == [0.625, -1.375, 900.0, 0.0009765625]
    assert [round(v / 0.625, 10) for v in found[0]] == [1, 1.17, 1.34, 1.51, 1.68, 1.85, 2.02, 1]


# ---------------------------------------------------------------- what is shown


def mistake_with(needed: object, computed: object, kind: str = "wrong") -> Mistake:
    return Mistake("dx", 0, kind, 0, [needed], [computed])


@pytest.mark.parametrize(
    ("needed", "computed", "kind", "rows"),
    [
        (arb(2), arb(3), "wrong", ["needed    2.0", "this line 3.0   (1.5 times the right value)"]), (arb(2), arb(-2), "wrong", ["needed    2.0", "this line -2.0   (-1.0 times the right value)"]), (arb(2), arb(2), "wrong", ["needed    2.0", "this line 2.0"]), (arb(0), arb(3), "wrong", ["needed    0", "this line 3.0"]),
        (arb(1), arb(3), "wrong", ["needed    1.0", "this line 3.0   (3.0 times the right value)"]), (arb(-1), arb(3), "wrong", ["needed    -1.0", "this line 3.0   (-3.0 times the right value)"]),
        (arb(2), arb("nan"), "wrong", ["needed    2.0", "this line no real value"]), (arb(2), arb(3), "missing", ["missing   2.0"]), (arb(2), arb(3), "doubled", []),
        (arb(4), 4 + arb(2) ** -21, "wrong", ["needed    4.0", "this line 4.0000004768371582031   (1 + 1.192e-07 times the right value)"]), (arb(4), 4 - arb(2) ** -21, "wrong", ["needed    4.0", "this line 3.9999995231628417969   (1 - 1.192e-07 times the right value)"]),
    ],
)  # fmt: skip
def test_figures_are_the_value_that_is_needed_and_its_multiple(needed: object, computed: object, kind: str, rows: list[str]) -> None:
    """2**-21 / 4 = 1.1920929e-07."""
    with balls.precision(200):
        assert values_shown.figures(mistake_with(needed, computed, kind)) == rows


def test_what_has_no_value_is_not_shown_plainly() -> None:
    assert values_shown.plainly(mistake_with(arb(2), arb("nan"))) == ""
    assert values_shown.plainly(mistake_with(arb("inf"), arb(1))) == ""
    assert values_shown.plainly(mistake_with(arb(2), True)) == ""
    assert values_shown.plainly(mistake_with(arb("1.5"), arb("0.25"))).startswith(": it gives 0.25")


def test_values_that_are_near_are_shown_with_the_fewest_digits_that_tell_them_apart() -> None:
    """8, else 17, which tell all numbers of float64 apart, else 25: 2**-52 is 2.22e-16, 2**-70 8.47e-22."""
    for size, words in ((20, ": it gives 1.0000010 where 1.0 is needed"), (52, ": it gives 1.0000000000000002 where 1.0 is needed"), (70, ": it gives 1.000000000000000000000847 where 1.0 is needed"), (90, "")):
        with balls.precision(200):
            other = arb(1) + arb(2) ** -size
        assert values_shown.plainly(mistake_with(arb(1), other)) == words


# ---------------------------------------------------------------- points at which a branch or a pole is to blame

POINTS_TO_BLAME = (
    ("function: sqrt(x*x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = x / out'}}", (0.0,), "`x / out` has no real value here: 0/0"),
    ("function: x*abs(x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = where(x == 0, 1, 2*abs(x))'}}", (0.0,), "the wrong branch is taken here: the other one of `where(x == 0, 1, 2*abs(x))` is right"),
    ("function: x*x*log(1 + x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = x*log(x)'}}", (0.0,), "`log(x)` has no real value here: log(0)"),
    ("function: x*x\npoints: [{x: -1}]\nimplementations: {a: {backward: 'dx = 2*x + 0*log(x)'}}", (-1.0,), "`log(x)` has no real value here: log(-1)"),
    ("function: x*x\npoints: [{x: 2}]\nimplementations: {a: {backward: 'dx = where(x > 1, 3, 2*x)'}}", (2.0,), "the wrong branch is taken here: the other one of `where(x > 1, 3, 2*x)` is right"),
    ("function: x*x\npoints: [{x: 2}]\nimplementations: {a: {backward: 'dx = where(x > 1, 3, log(-x)) + 1/(x - 2)**2'}}", (2.0,), "`1/(x - 2)**2` has no real value here: 1/0"),
    ("function: x*x\npoints: [{x: 2}]\nimplementations: {a: {backward: 'dx = where(x > 1, 3, 5)'}}", (2.0,), None), ("function: abs(x)\npoints: [{x: 0}]\nimplementations: {a: {backward: 'dx = where(x > 1, 3, 5)'}}", (0.0,), None),
    ("function: x*x\npoints: [{x: 2}]\nimplementations: {a: {backward: 'dx = 2*where(x > 1, 3, x)'}}", (2.0,), "the wrong branch is taken here: the other one of `where(x > 1, 3, x)` is right"),
    ("function: x*x\npoints: [{x: 2}]\nimplementations: {a: {backward: 'dx = where(x < 1, x, 1/(x - x))'}}", (2.0,), "`1/(x - x)` has no real value here: 1/0"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "point", "words"), POINTS_TO_BLAME, ids=[t.partition("backward: ")[2] for t, *_ in POINTS_TO_BLAME])
def test_what_makes_a_gradient_wrong_at_one_point_is_said(text: str, point: tuple[float, ...], words: str | None) -> None:
    found = branches.point_mistake(draft_of(text), "dx", point, fmt=FLOAT64, upstream=1.0)
    assert found is not None
    assert (found.diagnosis.words if found.diagnosis is not None else None) == words


@pytest.mark.parametrize("upstream", [1.0, 3.0, -0.25])
@pytest.mark.parametrize(("backward", "is_right"), [("dx = (2*x + 1 - abs(sign(x - 2)))*dout", True), ("dx = (2*x + 1)*dout", False)])
def test_a_gradient_that_is_wrong_at_one_point_only_is_right_beside_it_whatever_flows_in(backward: str, is_right: bool, upstream: float) -> None:
    found = branches.point_mistake(draft_of(f"function: x*x\npoints: [{{x: 2}}]\nimplementations: {{a: {{backward: '{backward}'}}}}"), "dx", (2.0,), fmt=FLOAT64, upstream=upstream)
    assert found is not None
    assert found.is_right_beside is is_right


# ---------------------------------------------------------------- equations that are solved


def test_a_root_is_found_to_90_bits_and_is_none_where_no_number_comes_so_near() -> None:
    """x**2 = 2 from 1.5 and 1.25; 2 x + 1 = 4 from 0; steps of 2**-100 come nearer to a third than 2**-90 of it, steps of 2**-80 do not."""
    with balls.precision(512):
        roots = temporaries.solve(lambda x: [v * v for v in x], [arb("1.5"), arb("1.25")], [arb(2), arb(2)], first=2)
        assert roots is not None
        assert all(abs(r - arb(2).sqrt()) < arb(2) ** -100 for r in roots)
        assert temporaries.solve(lambda x: [2 * v + 1 for v in x], [arb(0)], [arb(4)], first=1) == [arb("1.5")]
        assert temporaries.solve(lambda x: [v * 0 + 1 for v in x], [arb(0)], [arb(4)], first=1) is None
        for size, is_near in ((100, True), (80, False)):
            steps = arb(2) ** size
            found = temporaries.solve(lambda x, steps=steps: [(v * steps).floor() / steps for v in x], [arb("0.5")], [arb(1) / 3], first=1)
            assert (found is not None) is is_near


# ---------------------------------------------------------------- the formula that is expected


def test_a_line_that_does_not_read_the_input_has_no_expected_formula_for_it() -> None:
    program, isolated = isolated_run(["a = x*w", "out = sin(a)"], ["da = cos(a)*dout", "dx = 3*w*da", "dw = x*da"])
    (mistake,) = isolated.mistakes
    assert derivation.expected_formula(program, replace(mistake, edges=(), forward=0)) is None
    assert derivation.expected_formula(program, mistake) == "d(a)/d(x) = w, from `a = x*w`"


def test_a_step_of_no_line_is_named_by_its_gate() -> None:
    program, _ = isolated_run(["out = sin(x*w)"], ["dx = w*dout", "dw = x*dout"])
    assert forward_text(program, 0) == "input"
    assert forward_text(program, program.output) == "out = sin(x*w)"



def test_the_expected_formula_is_that_of_the_edge_and_none_where_there_are_several_or_it_is_long() -> None:
    program, isolated = isolated_run(["a = x*w", "out = sin(a)"], ["da = sin(a)*dout", "dx = w*da", "dw = x*da"])
    (mistake,) = isolated.mistakes
    assert derivation.expected_formula(program, mistake) == "d(out)/d(a) = cos(a), from `out = sin(a)`"
    several = Mistake("dx", 0, "wrong", 0, [arb(1)], [arb(1)], edges=(3, 4), forward=len(program.inputs))
    assert derivation.expected_formula(program, several) is None
    long = " + ".join(f"sin({k}*x*w)**{k}" for k in range(2, 40))
    program, isolated = isolated_run([f"out = {long}"], ["dx = 7*x*w*dout", "dw = 3*x*dout"])
    assert all(derivation.expected_formula(program, m) is None for m in isolated.mistakes)


def test_a_formula_of_as_many_characters_as_are_shown_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """cos(a) has six."""
    program, isolated = isolated_run(["a = x*w", "out = sin(a)"], ["da = sin(a)*dout", "dx = w*da", "dw = x*da"])
    for most, is_shown in ((6, True), (5, False)):
        monkeypatch.setattr(derivation, "MAX_FORMULA_CHARACTERS", most)
        assert (derivation.expected_formula(program, isolated.mistakes[0]) is not None) is is_shown
