"""`certify` on the command line, the worst case in `show`, the bound in `plot`, and the page about all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import ROOT
from tests.texts import status_of
from verifier.compare.boxes.bounds import FLOAT64
from verifier.options import COMMANDS
from verifier.start.completion import script

CASE = "name: it\nfunction: 1 / (1 + exp(-x))\ndomain: {x: [-3, 3]}\npoints: [{x: 1}]\ncertify: {ulps: 8}\n"
TWO = "name: two\nfunction: w*x\ndomain: {w: [1, 2], x: [1, 2]}\nsample: 3\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it.yaml").write_text(CASE, encoding="utf-8")
    (tmp_path / "two.yaml").write_text(TWO, encoding="utf-8")


def test_the_points_of_a_case_are_ignored_and_its_claim_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("certify", "it.yaml", "--format", "json") == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert case["results"] == []
    assert [(b["gradient"], b["outcome"], b["claim"]) for b in case["bounds"]] == [("dx", "proved", "8")]


def test_check_looks_at_the_points_and_at_the_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("check", "it.yaml", "--format", "json") == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert len(case["results"]) == 1
    assert len(case["bounds"]) == 1


def test_a_case_that_claims_nothing_is_bounded_as_well_as_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("certify", "two.yaml", "--format", "json") == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert [(b["gradient"], b["outcome"], b["claim"], b["unit"]) for b in case["bounds"]] == [("dw", "proved", None, "ulp"), ("dx", "proved", None, "ulp")]
    assert all(float(b["bound"]) == 0 for b in case["bounds"]), "the gradient of a product is the other factor, times 1"


def test_one_gradient_may_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("certify", "two.yaml", "--gradient", "dx", "--absolute", "1e-9", "--format", "json") == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert [(b["gradient"], b["claim"], b["unit"]) for b in case["bounds"]] == [("dx", "1e-9", "absolute")]
    assert status_of("certify", "two.yaml", "--gradient", "dz") == 2
    assert "no implementation has a gradient 'dz'" in capsys.readouterr().out


def test_a_claim_on_the_command_line_goes_before_that_of_the_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("certify", "it.yaml", "--ulps", "1") == 1
    assert "V109 bound-refuted" in capsys.readouterr().out


def test_two_claims_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("certify", "it.yaml", "--ulps", "1", "--best") == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_hunt_and_a_campaign_leave_the_claim_of_the_domain_alone(capsys: pytest.CaptureFixture[str]) -> None:
    (Path("it.yaml")).write_text(CASE.replace("ulps: 8", "ulps: 1"), encoding="utf-8")
    assert status_of("check", "it.yaml") == 1
    assert status_of("hunt", "it.yaml", "--budget", "50") == 0
    assert status_of("fuzz", "it.yaml", "--max-examples", "10") == 0
    assert "V109" in capsys.readouterr().out.partition("hunt")[0]


def test_show_has_the_whole_ledger_of_the_worst_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("show", "it.yaml") == 0
    circuit, _, worst = capsys.readouterr().out.partition("the worst case")
    assert "x=1.0" in circuit
    shares = [int(share) for share in re.findall(r"^ +(\d+) %  ", worst, re.MULTILINE)]
    assert len(shares) >= 4
    assert 97 <= sum(shares) <= 103, "all statements are there"
    assert status_of("show", "two.yaml") == 0
    assert "the worst case" not in capsys.readouterr().out


def test_show_needs_no_points_where_the_domain_is_certified(capsys: pytest.CaptureFixture[str]) -> None:
    Path("it.yaml").write_text(CASE.replace("points: [{x: 1}]\n", ""), encoding="utf-8")
    assert status_of("show", "it.yaml") == 0
    assert "the worst case" in capsys.readouterr().out
    assert status_of("show", "it.yaml", "--point", "2") == 2


def test_plot_draws_the_bound_of_the_domain_where_one_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("plot", "it.yaml", "--over", "x") == 0
    assert "ulp in the whole domain: certified" in capsys.readouterr().out
    assert status_of("plot", "two.yaml", "--over", "x") == 0
    assert "certified" not in capsys.readouterr().out


def test_completion_knows_the_command() -> None:
    from verifier.cli import RUNS
    from verifier.options import parser_for

    commands = next(a for a in parser_for(RUNS)._actions if a.choices and "certify" in a.choices).choices
    assert "certify" in COMMANDS
    assert "--absolute" in script("bash", dict(commands or {}))  # type: ignore[arg-type]


def test_the_page_has_every_function_of_which_something_is_assumed() -> None:
    page = (ROOT / "docs" / "certify.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) ulp \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(a.function, f"{float(a.ulps):g}", a.source) for a in FLOAT64.values()]
