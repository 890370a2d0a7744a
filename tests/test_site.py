"""The site has every page of docs/ once, and its settings change only what they should."""

from __future__ import annotations

import dataclasses
import re
import runpy
from types import SimpleNamespace

import pytest

from tests import ROOT
from verifier.language.verdict import Verdict
from verifier.report.outcome import CaseReport

SITE = SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "conf.py")))
PAGES = {path.stem for path in (ROOT / "docs").glob("*.md")}


def test_every_page_is_in_the_table_of_contents_once():
    trees = re.findall(r"^:::\{toctree\}\n(.*?)^:::$", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    assert sorted(listed) == sorted(PAGES - {"index"})


def test_a_link_out_of_the_pages_leads_to_the_repository_or_is_its_text():
    page = "[the story](../verifier/verify.py#L1), [a](tour.md), ![b](../x.svg), [c `d`](../e)"
    assert SITE.outside(page, "https://host/repository") == "[the story](https://host/repository/blob/main/verifier/verify.py#L1), [a](tour.md), ![b](../x.svg), [c `d`](https://host/repository/blob/main/e)"
    assert SITE.outside(page, "") == "`the story`, [a](tour.md), ![b](../x.svg), c `d`"


def test_stars_and_bars_of_a_docstring_mean_themselves_and_indented_lines_are_code():
    lines = ["Files `*.yaml` and *.yml, |x|, dx_.", "", "    for case in load():", "        verify(case)", "", "Then more."]
    assert SITE.as_rst(lines) == ["Files `*.yaml` and \\*.yml, \\|x\\|, dx\\_.", "", "::", "", "    for case in load():", "        verify(case)", "", "Then more."]


def test_the_reference_has_every_field_of_a_report_with_its_comment():
    shown = "\n".join(SITE.fields_of(CaseReport))
    assert set(re.findall(r"^\* ``(\w+):", shown, re.MULTILINE)) == {f.name for f in dataclasses.fields(CaseReport)}
    assert "``computed_by: str``: who computed the gradients of a callable" in shown


@pytest.mark.parametrize("page", ["for-frameworks", "for-students", "for-analysts", "index"])
def test_the_verdicts_that_a_page_explains_are_verdicts(page):
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) <= {v.value for v in Verdict} | {"proved", "κ"}
