"""`certify` and `assume` of a case file: what they say, and every complaint with its place."""

from __future__ import annotations

import pytest

from verifier.case.case import is_certified, without_claims
from verifier.case.certified import LIBRARY_FUNCTIONS, NO_CLAIM, Certify, Claimed
from verifier.case.claiming import claiming, problems
from verifier.case.load import load, load_text
from verifier.language.gates import GATES

HEAD = "function: x * exp(y)\ndomain: {x: [1, 2], y: [0, 1]}\n"


def messages(text: str) -> list[str]:
    """`line:column: message` of every complaint about a text."""
    return [f"{c.place.line}:{c.place.column}: {c.message}" for c in load_text(text, file="f.yaml").complaints]


def certify_of(text: str) -> Certify:
    loaded = load_text(HEAD + text, file="f.yaml")
    assert loaded.complaints == ()
    return loaded.cases[0].certify


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("certify: best", Claimed("ulp", None)),
        ("certify: {ulps: best}", Claimed("ulp", None)),
        ("certify: {absolute: best}", Claimed("absolute", None)),
        ("certify: {ulps: 6}", Claimed("ulp", "6")),
        ("certify: {absolute: 1e-12}", Claimed("absolute", "1e-12")),
    ],
)
def test_a_claim_is_read_with_its_unit_and_no_point_is_needed(text: str, claim: Claimed) -> None:
    assert certify_of(text) == Certify(claim)


def test_a_claim_of_one_gradient_goes_before_that_of_all() -> None:
    found = certify_of("certify: {ulps: 6, staged.dx: {absolute: 1e-9}, staged.dy: 20, budget: 30}")
    assert found.claim_for("dx") == Claimed("absolute", "1e-9")
    assert found.claim_for("dy") == Claimed("ulp", "20")
    assert found.seconds == 30.0
    assert Certify(Claimed("ulp", "6"), found.single).claim_for("dz") == Claimed("ulp", "6")


def test_a_claim_of_an_array_is_one_of_each_of_its_components_and_a_component_may_have_its_own() -> None:
    found = load_text("function: w[0]*x + w[1]\nshapes: {w: 2}\ndomain: {w: [1, 2], x: [1, 2]}\ncertify: {staged.dw: 3, 'staged.dw[1]': 1}\n", file="f.yaml")
    assert found.complaints == ()
    claims = found.cases[0].certify
    assert (claims.claim_for("dw[0]"), claims.claim_for("dw[1]"), claims.claim_for("dx")) == (Claimed("ulp", "3"), Claimed("ulp", "1"), None)


def test_the_claim_of_an_implementation_goes_before_that_of_the_case() -> None:
    (case,) = load_text(HEAD + "certify: {ulps: 6}\nimplementations: {staged: {}, other: {certify: {absolute: 1e-9}}}\n", file="f.yaml").cases
    claims = {i.name: case.certify.of(i.name, i.certify).general for i in case.implementations}
    assert claims == {"staged": Claimed("ulp", "6"), "other": Claimed("absolute", "1e-9")}


def test_a_case_may_certify_one_implementation_only() -> None:
    (case,) = load_text(HEAD + "implementations: {staged: {}, other: {certify: best}}\n", file="f.yaml").cases
    assert is_certified(case)
    assert [i.certify.claims_something for i in case.implementations] == [False, True]
    assert not is_certified(without_claims(case))


def test_assumptions_are_read_with_and_without_their_unit() -> None:
    (case,) = load_text(HEAD + "certify: best\nassume: {exp: 1 ulp, log: 2.5 ulps, sin: 4}\n", file="f.yaml").cases
    assert case.assume == (("exp", "1"), ("log", "2.5"), ("sin", "4"))


def test_what_may_be_assumed_are_functions_that_are_not_rounded_to_the_nearest_number() -> None:
    assert {"exp", "log", "sin", "erf", "pow", "lgamma"} <= set(LIBRARY_FUNCTIONS)
    assert not {"add", "mul", "div", "sqrt", "fma", "abs", "where", "float32", "sigmoid"} & set(LIBRARY_FUNCTIONS)
    assert all(GATES[name].float64 for name in LIBRARY_FUNCTIONS), "a gate without a kernel of its own is made of others"


# ---------------------------------------------------------------- complaints


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("certify: bset", "3:10: certify is 'bset'; write best, {ulps: 6} or {absolute: 1e-12}"),
        ("certify: {ulp: 6}", "3:11: unknown key 'ulp' in certify; did you mean 'ulps'?"),
        ("certify: {budget: 3}", "3:10: certify must say what is claimed: best, {ulps: 6} or {absolute: 1e-12}"),
        ("certify: [6]", "3:10: certify must be a mapping such as {ulps: 6}, not a list"),
        ("certify: {ulps: -1}", "3:17: certify.ulps is -1; an error is never negative"),
        ("certify: {ulps: many}", "3:17: certify.ulps: 'many' is not a number"),
        ("certify: {ulps: 6, absolute: 1e-3}", "3:20: certify has 'ulps' and 'absolute'; a gradient has one claim, so leave one of them, or write two cases"),
        ("certify: {ulps: 6, budget: 0}", "3:28: certify.budget is 0; it must be a positive number of seconds"),
        ("certify: {ulps: 6, budget: 1e999}", "3:28: certify.budget is 1e999; it must be a positive number of seconds, at most 1,000,000,000"),
        ("certify: {ulps: 6, budget: 1e-999}", "3:28: certify.budget is 1e-999; it must be a positive number of seconds"),
        ("certify: {staged.dz: 6}", "3:11: 'dz' in certify is not a gradient of 'staged'; possible here: dx, dy"),
        ("certify: {stagd.dx: 6}", "3:11: unknown implementation 'stagd' in certify; did you mean 'staged'?"),
        ("certify: {staged.dx: {ulp: 6}}", "3:23: unknown key 'ulp' in certify.staged.dx; did you mean 'ulps'?"),
        ("certify: {staged.dx: -6}", "3:22: certify.staged.dx is -6; an error is never negative"),
        ("implementations: {staged: {certify: {ulps: x}}}", "3:44: implementations.staged.certify.ulps: 'x' is not a number"),
        ("certify: best\nassume: {exq: 1 ulp}", "4:10: 'exq' in assume is no function of a library; did you mean 'exp'?"),
        ("certify: best\nassume: {exp: one ulp}", "4:15: assume.exp: 'one' is not a number"),
        ("certify: best\nassume: {exp: 0.4 ulp}", "4:15: assume.exp is 0.4 ulp; a result that is rounded may be off by 0.5 ulp"),
        ("certify: best\nassume: exp", "4:9: assume must be a mapping such as {exp: 1 ulp}, not 'exp'"),
    ],
)
def test_a_wrong_text_is_refused_at_its_place(text: str, complaint: str) -> None:
    found = messages(HEAD + text + "\n")
    assert len(found) == 1
    assert found[0].startswith(complaint)


def test_what_is_rounded_to_the_nearest_number_needs_no_assumption() -> None:
    assert messages(HEAD + "certify: best\nassume: {sqrt: 1 ulp}\n")[0].startswith("4:10: 'sqrt' in assume is rounded to the nearest number, so nothing is to be assumed of it")


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        ("function: x*y\ndomain: {x: [1, 2]}\n", "the domain has no interval for the input 'y'"),
        ("function: x*x\ndomain: {x: [1, inf]}\n", "'certify' needs a domain with two ends, and that of 'x' has none"),
    ],
)
def test_a_domain_that_is_no_box_is_refused(head: str, complaint: str) -> None:
    found = messages(head + "certify: best\n")
    assert len(found) == 1
    assert complaint in found[0]
    assert messages(head + "hunt: true\n") == [], "the same case without the claim is well"


def test_a_case_without_points_needs_a_claim() -> None:
    assert messages(HEAD) == ["1:1: the case has no points; list some under 'points', or give 'domain' and 'sample', or 'hunt: true', or 'exhaustive: true', or 'domain' and 'certify'"]


# ---------------------------------------------------------------- the command


def test_the_command_asks_for_the_best_bound_where_nothing_is_claimed() -> None:
    (case,) = load_text(HEAD + "sample: 3\n", file="f.yaml").cases
    asked = claiming(case)
    assert [asked.certify.of(i.name, i.certify).claim_for("dx") for i in asked.implementations] == [Claimed("ulp", None)]
    assert (asked.sample, asked.points) == (0, ())


def test_the_command_keeps_what_a_case_claims_and_goes_before_it_where_it_claims_itself() -> None:
    (case,) = load_text(HEAD + "certify: {ulps: 6, staged.dy: {absolute: 1e-9}, budget: 3}\n", file="f.yaml").cases
    (kept,) = claiming(case).implementations
    assert claiming(case).certify.of("staged", kept.certify).claim_for("dy") == Claimed("absolute", "1e-9")
    assert claiming(case).certify.seconds == 3.0
    other = claiming(case, claim=Claimed("ulp", "2"), seconds=1.0)
    assert other.certify.of("staged", other.implementations[0].certify).claim_for("dy") == Claimed("ulp", "2")
    assert other.certify.seconds == 1.0


def test_the_command_may_ask_of_one_gradient() -> None:
    (case,) = load_text(HEAD + "certify: {ulps: 6}\n", file="f.yaml").cases
    asked = claiming(case, gradient="dy")
    claims = asked.certify.of("staged", asked.implementations[0].certify)
    assert (claims.claim_for("dx"), claims.claim_for("dy")) == (None, Claimed("ulp", "6"))
    assert [c.message for c in problems(case, "dz")] == ["f: no implementation has a gradient 'dz'"]
    assert problems(case, "dy") == []


def test_the_command_complains_of_a_case_without_a_box() -> None:
    (case,) = load_text("function: x*x\npoints: [{x: 1}]\n", file="f.yaml").cases
    assert ["no interval for the input 'x'" in c.message for c in problems(case)] == [True]


def test_every_case_of_the_folder_claims_something() -> None:
    loaded = load("cases/certified")
    assert loaded.complaints == ()
    assert len(loaded.cases) >= 12
    assert all(is_certified(c) for c in loaded.cases)
    assert NO_CLAIM.claims_something is False
