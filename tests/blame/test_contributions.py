"""How a backward pass is cut into contributions and matched to the edges of the forward graph; programs and columns by hand."""

from __future__ import annotations

import pytest
from flint import arb

from tests.blame.test_adjoint_values import draft_of
from tests.blame.test_locate import FLOAT64, two_lines
from verifier.arithmetic import balls
from verifier.blame.formula import contributions
from verifier.blame.formula.adjoint_values import reference_values
from verifier.blame.formula.contributions import Contribution, Edge
from verifier.circuit.program import Program


def program_of(*backward: str, forward: tuple[str, ...] = ("a = x*w", "b = sin(a)", "out = a*b")) -> Program:
    return draft_of(two_lines(list(forward), list(backward))).whole  # type: ignore[no-any-return]


def column(*values: float) -> list[arb]:
    return [arb(v) for v in values]


def part(step: int, *values: float, sign: int = 1) -> Contribution:
    return Contribution(0, step, sign, column(*values))


def edge(user: int, *values: float) -> Edge:
    return Edge(user, column(*values))


@pytest.fixture(autouse=True)
def _precise():
    with balls.precision(300):
        yield


# ---------------------------------------------------------------- definitions

# backward lines, and each definition: its name, how many statements it has, and whether it reads an earlier one of its name
DEFINED = (
    (("dx = w", "dw = x"), [("dx", 1, False), ("dw", 1, False)]), (("dx = w", "dx += x", "dw = x"), [("dx", 2, False), ("dw", 1, False)]), (("dx = w", "dw = x", "dx += x", "dx -= w"), [("dw", 1, False), ("dx", 3, False)]), (("dx = w", "dx = x", "dw = x"), [("dx", 1, False), ("dx", 1, False), ("dw", 1, False)]),
    (("dx = w", "dx = x*dx", "dw = x"), [("dx", 1, False), ("dx", 1, True), ("dw", 1, False)]), (("dx = w", "dx = dx + x", "dw = x"), [("dx", 2, False), ("dw", 1, False)]), (("dx = w", "dx = x - dx", "dw = x"), [("dx", 1, False), ("dx", 1, True), ("dw", 1, False)]), (("dx = w", "dx = dx - x", "dw = x"), [("dx", 2, False), ("dw", 1, False)]),
    (("dx = w", "dx = dx + dx", "dw = x"), [("dx", 1, False), ("dx", 1, True), ("dw", 1, False)]), (("dx = w", "dx = x*dx", "dx += w", "dw = x"), [("dx", 1, False), ("dx", 2, True), ("dw", 1, False)]),
)  # fmt: skip


@pytest.mark.parametrize(("backward", "expected"), DEFINED, ids=["; ".join(b) for b, _ in DEFINED])
def test_a_name_is_defined_by_its_equals_sign_and_what_is_added_to_it(backward: tuple[str, ...], expected: list[tuple[str, int, bool]]) -> None:
    program = program_of(*backward)
    found = contributions.definitions(program)
    assert [(d.name, len(d.versions), d.reads_itself) for d in found] == expected
    assert [d.last for d in found] == sorted(d.versions[-1] for d in found)
    assert all(program.steps[v].name == d.name for d in found for v in d.versions)


def test_a_statement_reads_names_forward_values_and_nothing_of_its_own() -> None:
    program = program_of("t = x*w + 1", "dx = t*(t + w)*2", "dw = x")
    read = contributions.statement_operands(program, program.names["dx"])
    assert {program.steps[i].name or program.steps[i].text for i in read} == {"t", "w"}
    assert contributions.statement_operands(program, program.names["t"]) == {0, 1}


def test_a_statement_of_a_loop_reads_what_its_last_round_set() -> None:
    """All rounds stand on one line: `g` of the third reads `g` of the second, and nothing of the first."""
    program = program_of("g = x", "for i in range(3):", "    g = g*w", "dx = g", "dw = x")
    before, first, second, third = (i for i in range(program.backward_start, len(program.steps)) if program.steps[i].name == "g")
    assert [contributions.statement_operands(program, i) for i in (first, second, third)] == [{before, 1}, {first, 1}, {second, 1}]


def test_a_contribution_has_the_sign_that_it_is_added_with() -> None:
    program = program_of("dx = w", "dx += x", "dx -= w*x", "dx = 3 + dx", "dw = x")
    (dx, _) = contributions.definitions(program)
    values = [column(i + 1, 2 * i + 1) for i in range(len(program.steps))]
    found = contributions.contributions_of(program, dx, values)
    assert [p.sign for p in found] == [1, 1, -1, 1]
    assert [p.line for p in found] == [program.steps[v].line for v in dx.versions]
    assert found[0].step == dx.versions[0]
    assert [program.steps[p.step].gate for p in found[1:]] == ["input", "mul", "number"]
    assert all(a == b * p.sign for p in found for a, b in zip(p.value, values[p.step], strict=True))


# a statement and its terms, with the signs
TERMS = (
    ("x*w", [("x*w", 1)]), ("x + w", [("x", 1), ("w", 1)]), ("x - w", [("x", 1), ("w", -1)]), ("x - (w - x*w)", [("x", 1), ("w", -1), ("x*w", 1)]), ("-(x + w)", [("x", -1), ("w", -1)]), ("-x - -w", [("x", -1), ("w", 1)]), ("2*(x + w) + x", [("2*(x + w)", 1), ("x", 1)]), ("x + w + x*x - 1", [("x", 1), ("w", 1), ("x*x", 1), ("1", -1)]),
)  # fmt: skip


@pytest.mark.parametrize(("statement", "expected"), TERMS, ids=[s for s, _ in TERMS])
def test_the_terms_of_a_sum_have_their_signs(statement: str, expected: list[tuple[str, int]]) -> None:
    program = program_of(f"dx = {statement}", "dw = x")
    (dx, _) = contributions.definitions(program)
    values = [column(i + 1, 2 * i + 1) for i in range(len(program.steps))]
    for sign in (1, -1):
        found = contributions.terms_of(program, Contribution(program.steps[dx.last].line, dx.last, sign, values[dx.last]), values)
        texts = [(s.text if (s := program.steps[t.step]).gate in ("input", "number") else program.lines[s.line].source.text[s.start : s.end], t.sign * sign) for t in found]  # type: ignore[union-attr]
        assert [t if t[0] != f"dx = {statement}" else (statement, t[1]) for t in texts] == expected
        assert all(a == b * t.sign for t in found for a, b in zip(t.value, values[t.step], strict=True))


# ---------------------------------------------------------------- edges


def test_every_use_of_a_step_is_an_edge_with_its_share_of_the_adjoint() -> None:
    """out = a*b, b = sin(a), a = x*w: through `out` comes b to a, through `b` comes a cos(a)."""
    program = program_of("dx = w", "dw = x")
    reference = reference_values(program, [(0.7, 1.3), (1.9, 0.6)], upstream=1.0)
    a = next(i for i, s in enumerate(program.steps) if s.name == "a")
    found = contributions.edges_of(reference, a)
    assert [program.steps[e.user].name or program.steps[e.user].gate for e in found] in (["b", "out"], ["sin", "mul"], ["b", "mul"])
    with balls.precision(reference.bits):
        for k, (x, w) in enumerate(((0.7, 1.3), (1.9, 0.6))):
            value = arb(x) * arb(w)
            assert found[0].value[k].overlaps(value * value.cos())
            assert found[1].value[k].overlaps(value.sin())


def test_a_use_that_carries_nothing_is_no_edge() -> None:
    program = program_of("dx = w", "dw = x", forward=("out = x*w + 0*sin(x)",))
    reference = reference_values(program, [(0.7, 1.3), (1.9, 0.6)], upstream=1.0)
    assert len(contributions.edges_of(reference, 0)) == 1


# ---------------------------------------------------------------- matching

A, B, C = (1.0, 2.0), (3.0, -5.0), (0.5, 7.0)


def sums(*columns: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(map(sum, zip(*columns, strict=True)))  # type: ignore[arg-type]


# contributions, edges; which contributions are wrong, which edges are missing, and which edges each carries
MATCHED = (
    ([A, B], [A, B], [], [], {0: [0], 1: [1]}), ([B, A], [A, B], [], [], {0: [1], 1: [0]}), ([sums(A, B)], [A, B], [], [], {0: [0, 1]}), ([sums(A, B), C], [A, B, C], [], [], {1: [2], 0: [0, 1]}), ([A], [A, B], [], [1], {0: [0]}), ([A, B, C], [A, B], [2], [], {0: [0], 1: [1]}), ([A, C], [A, B], [1], [1], {0: [0]}), ([C], [A, B], [0], [0, 1], {}),
    ([A, A], [A, B], [1], [1], {0: [0]}), ([sums(A, B, C)], [A, B, C], [], [], {0: [0, 1, 2]}), ([(0.0, 0.0), A], [A, B], [0], [1], {1: [0]}), ([(0.0, 0.0), A], [A], [], [], {1: [0]}), ([(0.0, 0.0), C], [A, B], [1], [0, 1], {}), ([], [A], [], [0], {}), ([A], [], [0], [], {}),
)  # fmt: skip


@pytest.mark.parametrize(("parts", "edges", "wrong", "missing", "carried"), MATCHED, ids=map(str, range(len(MATCHED))))
def test_contributions_are_matched_to_sums_of_edges(parts: list, edges: list, wrong: list[int], missing: list[int], carried: dict[int, list[int]]) -> None:
    given, wanted = [part(i, *v) for i, v in enumerate(parts)], [edge(10 + i, *v) for i, v in enumerate(edges)]
    found = contributions.match(given, wanted, 2, FLOAT64)
    assert [p.step for p in found.wrong] == wrong
    assert [e.user - 10 for e in found.missing] == missing
    assert {p.step: [e.user - 10 for e in es] for p, es in found.carried} == carried


def test_of_a_step_that_is_used_twice_by_one_step_both_uses_are_matched_or_none() -> None:
    """x*x: a contribution that carries one of the two equal halves is wrong."""
    found = contributions.match([part(0, *A)], [edge(10, *A), edge(10, *A)], 2, FLOAT64)
    assert ([p.step for p in found.wrong], len(found.missing), found.carried) == ([0], 2, ())
    found = contributions.match([part(0, *sums(A, A))], [edge(10, *A), edge(10, *A)], 2, FLOAT64)
    assert ([p.step for p in found.wrong], len(found.missing), len(found.carried)) == ([], 0, 1)


def test_at_a_fork_of_many_edges_sums_are_not_tried() -> None:
    values = [(float(2**k), 3.0**k) for k in range(13)]
    for count, is_matched in ((12, True), (13, False)):
        found = contributions.match([part(0, *sums(values[0], values[1])), *(part(k, *values[k]) for k in range(2, count))], [edge(20 + k, *values[k]) for k in range(count)], 2, FLOAT64)
        assert (found.missing == ()) is is_matched
    six = contributions.match([part(0, *sums(*values[:6]))], [edge(20 + k, *values[k]) for k in range(6)], 2, FLOAT64)
    assert six.missing == ()
    seven = contributions.match([part(0, *sums(*values[:7]))], [edge(20 + k, *values[k]) for k in range(7)], 2, FLOAT64)
    assert len(seven.missing) == 7


def test_a_wrong_contribution_belongs_to_the_edge_that_is_nearest_in_size() -> None:
    """By |a| - |b| over |a| + |b|, whatever the signs: -4.1 is near 4, and 1 near 1.2."""
    wrong = [part(0, -4.1, 0.0), part(1, 1.0, 0.0), part(2, 9.0, 0.0)]
    pairs = contributions.pair_by_value(wrong, [edge(10, 1.2, 0.0), edge(11, 4.0, 0.0)])
    assert [(p.step, None if e is None else e.user) for p, e in pairs] == [(0, 11), (1, 10), (2, None)]
    assert contributions._distance(arb(3), arb(1)) == 0.5
    assert contributions._distance(arb(-3), arb(1)) == 0.5
    assert contributions._distance(arb(0), arb(0)) == 0
    assert contributions._distance(arb("nan"), arb(1)) == contributions._distance(arb(1), arb("inf")) == float("inf")


def test_a_total_is_the_sum_at_every_point() -> None:
    assert contributions.total([column(1, 2), column(3, -5)], 2) == column(4, -3)
    assert contributions.total([], 3) == column(0, 0, 0)
