"""The labels of circuits as Chromium draws them: their real boxes do not overlap, and stand where the layout has them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from verifier.case.load import load
from verifier.report.circuits import diagram_of
from verifier.report.draw.circuit_svg import STYLE, svg

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: the boxes of labels are not measured in a browser")
BROWSER, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="chromium or chromedriver is not installed: the boxes of labels are not measured in a browser")

FILES = sorted([*ROOT.glob("cases/cs231n/*.yaml"), *ROOT.glob("cases/layers/*.yaml")])
SCRIPT = """
return [...document.querySelectorAll("svg")].map((svg) => [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim()).map((t) => {
  const r = t.getBoundingClientRect();
  return [t.textContent, r.left, r.top, r.right, r.bottom];
}));
"""
EDGE = 1.0  # pixels: the box of a text has room above and below its letters
SPARE = 2.5  # pixels of height that no letter of this font reaches


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(word)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=str(DRIVER)))
    yield driver
    driver.quit()


def page(drawings: list[str], style: str = STYLE) -> str:
    return f"<!doctype html><meta charset=utf-8><style>{style}</style>" + "\n".join(drawings)


def boxes_in(browser: Any, path: Path, text: str) -> list[list[list[Any]]]:
    path.write_text(text, encoding="utf-8")
    browser.get(path.as_uri())
    found: list[list[list[Any]]] = browser.execute_script(SCRIPT)
    return found


def overlapping(boxes: list[list[Any]]) -> list[tuple[str, str]]:
    found = []
    for k, (text, left, top, right, bottom) in enumerate(boxes):
        for other, left2, top2, right2, bottom2 in boxes[k + 1 :]:
            if left + EDGE < right2 and left2 + EDGE < right and top + SPARE < bottom2 and top2 + SPARE < bottom:
                found.append((text, other))
    return found


def test_no_two_labels_overlap_in_a_browser(browser: Any, tmp_path: Path) -> None:
    names, drawings = [], []
    for path in FILES:
        for case in load(str(path), allow_call=True).cases:
            if case.programs.drafts:
                names.append(f"{path.stem}: {case.name}")
                drawings.append(svg(diagram_of(case, findings=()), standalone=False, ulps=True))
    found = boxes_in(browser, tmp_path / "all.html", page(drawings))
    assert len(found) == len(names) > 40
    assert all(len(boxes) > 5 for boxes in found)
    assert {name: o for name, boxes in zip(names, found, strict=True) if (o := overlapping(boxes))} == {}


def test_letters_that_are_too_large_overlap_in_a_browser(browser: Any, tmp_path: Path) -> None:
    drawing = svg(diagram_of(load(str(ROOT / "cases/cs231n/two_sigmoids.yaml")).cases[0], findings=()), standalone=False)
    (large,) = boxes_in(browser, tmp_path / "large.html", page([drawing], STYLE + ".circuit text { font-size: 24px !important; }"))
    assert len(overlapping(large)) > 3


def test_a_picture_alone_draws_without_a_complaint_in_both_themes(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "neuron.svg"
    path.write_text(svg(diagram_of(load(str(ROOT / "cases/cs231n/neuron.yaml")).cases[0])), encoding="utf-8")
    papers = []
    for theme in ("light", "dark"):
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})
        browser.get(path.as_uri())
        papers.append(browser.execute_script("return getComputedStyle(document.querySelector('.paper')).fill"))
    assert papers == ["rgb(255, 255, 255)", "rgb(27, 28, 30)"]
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
