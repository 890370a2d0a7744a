"""Claims with one formula have one shape, and what is proved of one is said in the names of the other."""

from __future__ import annotations

from verifier.case.load import case_of
from verifier.exact import cones
from verifier.exact.cones import Prover, cone, renamed
from verifier.exact.prove import Proof
from verifier.exact.truth import Subject, Truth, subject, truth_of
from verifier.language.formats import FORMATS

LAYER = "function: sum(x * x, axis=1) * 2\npoints: [{x: %s}]\nimplementations: {mine: {backward: 'dx = %s'}}\n"
POINT = [[0.5, 1.0, 2.0, 3.0, -1.0], [1.5, -2.0, 0.25, 4.0, 7.0], [2.5, 0.75, 1.0, -3.0, 0.1]]


def sides(backward: str) -> tuple[Truth, Subject]:
    case = case_of(LAYER % (POINT, backward))
    return truth_of(case.programs.truth), subject(case.programs.drafts[0])


def test_components_of_one_formula_have_one_shape() -> None:
    truth, tested = sides("4 * x * dout[:, None]")
    found = [cone(truth, tested, claim) for claim in tested.claims]
    assert len({c.shape for c in found if c is not None}) == 1
    assert found[7] is not None
    assert sorted(found[7].inputs) == ["dout[1]", "x[1,2]"]


def test_each_formula_is_proved_once_and_a_wrong_one_is_not() -> None:
    truth, tested = sides("4 * x * dout[:, None]")
    prover = Prover(truth, tested, FORMATS["float64"], 1.0)
    assert all(prover.prove(claim) is not None for claim in tested.claims)
    assert len(prover.proofs) == 1
    truth, tested = sides("4 * x * dout[:, None] + (np.arange(5) > 3) * x")
    prover = Prover(truth, tested, FORMATS["float64"], 1.0)
    assert [prover.prove(claim) is not None for claim in tested.claims] == [True, True, True, True, False] * 3


def test_cones_that_differ_in_which_inputs_are_the_same_are_two() -> None:
    truth, tested = sides("x * x[:, :1]")
    shapes = {c.shape for claim in tested.claims if (c := cone(truth, tested, claim)) is not None}
    assert len(shapes) == 2  # in column 0 an input is read twice


def test_a_proof_is_said_in_other_names() -> None:
    proof = Proof(conditions=("x0 > x1",), borders=("x10 = 0",))
    names = {f"x{i}": f"w[{i},0]" for i in range(11)}
    assert renamed(proof, names) == Proof(conditions=("w[0,0] > w[1,0]",), borders=("w[10,0] = 0",))


def test_a_cone_that_is_too_large_is_none() -> None:
    truth, tested = sides("4 * x * dout[:, None]")
    most, cones.MOST_STEPS = cones.MOST_STEPS, 2
    try:
        assert cone(truth, tested, tested.claims[0]) is None
    finally:
        cones.MOST_STEPS = most


def test_a_gradient_that_is_an_input_is_not_taken_for_another_input() -> None:
    """d(x * y)/dx = y, and the next input is not y."""
    ones, twos = [1.0] * 12, [2.0] * 12
    for backward, is_proved in (("y * dout", True), ("z * dout", False), ("z", False)):
        case = case_of(f"function: sum(x * y) + sum(z)\npoints: [{{x: {ones}, y: {twos}, z: {twos}}}]\nimplementations: {{mine: {{gradients: {{x: dx}}, backward: 'dx = {backward}'}}}}\n")
        prover = Prover(truth_of(case.programs.truth), subject(case.programs.drafts[0]), FORMATS["float64"], 1.0)
        assert (prover.prove(("x[1]", "dx[1]")) is not None) == is_proved


SUM = "function: log(sum(exp(x)))\npoints: [{x: %s}]\nimplementations: {mine: {backward: 'dx = %s'}}\n"


def test_a_sum_in_another_order_has_the_same_form_and_is_proved_once() -> None:
    """The softmax: every component has its own exponential at another place of the sum."""
    case = case_of(SUM % ([0.1 * k for k in range(12)], "exp(x) / sum(exp(x)) * dout"))
    prover = Prover(truth_of(case.programs.truth), subject(case.programs.drafts[0]), FORMATS["float64"], 1.0)
    assert all(prover.prove(claim) is not None for claim in prover.subject.claims)
    assert len(prover.proofs) == 1


def test_one_component_that_is_another_is_not_proved_by_the_form_of_the_rest() -> None:
    case = case_of(SUM % ([0.1 * k for k in range(12)], "exp(np.concatenate([x[:11], x[:1]])) / sum(exp(x)) * dout"))
    prover = Prover(truth_of(case.programs.truth), subject(case.programs.drafts[0]), FORMATS["float64"], 1.0)
    assert [prover.prove(claim) is not None for claim in prover.subject.claims] == [True] * 11 + [False]


def test_all_that_a_proof_says_is_said_in_words() -> None:
    assert Proof().text() == "for all inputs where both are defined"
    whole = Proof(("x > 0", "y > 1"), ("x < 0", "y < 0"), (("3.14", "pi"), ("2.7", "e")), ("a", "b", "c", "d", "e"))
    assert whole.text() == (
        "for all inputs where both are defined, where x > 0 and y > 1, except where x < 0 or where y < 0: there it has no value, on the borders (a, b, c, d, ...) at the points tried, with 3.14 read as pi, 2.7 read as e"
    )
    assert Proof(borders=("a", "b", "c", "d")).text() == "for all inputs where both are defined, on the borders (a, b, c, d) at the points tried"


def test_a_cone_on_which_the_prover_gives_up_is_none() -> None:
    """Forty-nine inputs are more than the prover takes, and so are 601 steps that all must be run; of branches it runs those that are taken."""
    for backward, size, is_none in (("0*x + 2*sum(x)", 48, False), ("0*x + 2*sum(x)", 49, True), ("+".join(["sin(x[0])"] * 2) + "".join(f"+cos({k}*x[0])" for k in range(2, 300)) + "+ 0*x", 12, True)):
        case = case_of(f"function: sum(x)**2\nshapes: {{x: [{size}]}}\ndomain: {{x: [0, 1]}}\nsample: 1\nimplementations: {{mine: {{backward: 'dx = {backward}'}}}}\n")
        tested = subject(case.programs.drafts[0])
        assert (cone(truth_of(case.programs.truth), tested, tested.claims[0]) is None) == is_none
