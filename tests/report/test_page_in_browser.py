"""The page in headless Chromium: filters, opening, stepping by keys, the theme, hostile text, and axe-core's rules of accessibility."""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from verifier import load, serve
from verifier.many import verify_all
from verifier.report.draw import page
from verifier.report.draw.page import content
from verifier.report.outcome import CaseReport, ErrorFigures, Replacement, ReplacementRegion, Report

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
CHROMEDRIVER = shutil.which("chromedriver")
AXE = Path(os.environ.get("AXE_JS", ""))
OPTIONS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"
HOSTILE = '</script><script>window.hurt=1</script><img src=x onerror="window.hurt=1"><b>bold</b> &amp; κ'
PATCH = "--- a/it.yaml\n+++ b/it.yaml\n@@ -6,2 +6,2 @@\n --- a line\n-  dx = a\n+  dx = b\n"
WAIT = 20  # seconds for something that happens at once, on a machine that does much else

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("selenium") is None, reason="selenium is not installed"),
    pytest.mark.skipif(CHROMIUM is None or CHROMEDRIVER is None, reason="chromium and chromedriver are not installed"),
]


@pytest.fixture(scope="module")
def report() -> Report:
    """The notebook's network, wrong cases, a layer, and a case whose texts are markup."""
    loaded = load(*(str(ROOT / "cases" / name) for name in ("cs231n/neuron.yaml", "cs231n/sigmoid_tails.yaml", "wrong/forks.yaml", "layers/affine.yaml")))
    found = verify_all(loaded.cases, details=True).cases
    bad = next(c for c in found if c.name == "a fork that is dropped")
    findings = tuple(replace(f, message=HOSTILE, statement=HOSTILE, source_line=HOSTILE, details=(HOSTILE,), expected=False) for f in bad.findings)
    assert bad.details is not None
    details = replace(bad.details, about=HOSTILE, notes=(HOSTILE,), formulas=tuple(replace(f, text=HOSTILE, mathml="") for f in bad.details.formulas))
    return Report((*found, improved(), replace(bad, name=HOSTILE, status="failed", findings=findings, notes=(HOSTILE,), details=details)))


def improved() -> CaseReport:
    """A case with a better line in two regions, and one whose texts are markup and that has no patch."""
    bad, good = ErrorFigures(1000, "1.845e+19", "0.5", "30.12"), ErrorFigures(1000, "2.5", "0.25", "0.10")
    regions = (ReplacementRegion("x < -1", "exp(x)", bad, good), ReplacementRegion("x >= -1", "1 - exp(-x)" + 40 * " + x*(1 - x)", replace(good, points=400), good))
    one = Replacement("mine", "dx", "float64", "it.yaml", 7, 3, "dx = a", "dx = b", "proved", "for all inputs", bad, good, regions, "1.2", "nonfinite", "rounding", 40, PATCH)
    other = replace(one, gradient="dy", original=HOSTILE, replacement=HOSTILE, proof_text=HOSTILE, patch="", why_no_patch=HOSTILE, regions=(replace(regions[0], condition=HOSTILE, formula=HOSTILE), regions[1]))
    return CaseReport("better lines", "it.yaml", 1, "passed", suggestions=(one, other))


@pytest.fixture(scope="module")
def file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page.render(report), encoding="ascii")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for word in (*OPTIONS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1280,900"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(CHROMEDRIVER)))
    driver.set_script_timeout(WAIT * 3)
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Any]:
    """The page, as it is when it was opened for the first time; no error is left in the console."""
    browser.get(file.as_uri())
    browser.execute_script("sessionStorage.clear(); try { localStorage.clear() } catch {}; window.onbeforeunload = null")
    browser.get("about:blank")
    browser.get(file.as_uri())
    until(browser, "return document.documentElement.dataset.ready === 'yes'")
    yield browser
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert browser.execute_script("return window.hurt") is None


def until(browser: Any, script: str) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, WAIT, poll_frequency=0.05).until(lambda d: d.execute_script(script))


def names(browser: Any) -> list[str]:
    """The cases that are shown."""
    return browser.execute_script("return [...document.querySelectorAll('tr.case')].filter(r => r.offsetParent).map(r => r.querySelector('button').textContent)")


def open_case(browser: Any, name: str) -> Any:
    """Open a case by a click on its name; its sheet."""
    row = browser.execute_script("return [...document.querySelectorAll('tr.case')].find(r => r.querySelector('button').textContent === arguments[0])", name)
    row.find_element("css selector", "button").click()
    until(browser, f"return document.getElementById('{row.get_attribute('id')}d') !== null")
    return browser.find_element("css selector", f"#{row.get_attribute('id')}d .sheet")


def choose(browser: Any, field: str, value: str) -> None:
    browser.execute_script("const f = document.getElementById(arguments[0]); f.value = arguments[1]; f.dispatchEvent(new Event('input', {bubbles: true}))", field, value)


def test_filters_choose_cases_and_say_how_many(opened: Any) -> None:
    assert names(opened)[0] == HOSTILE, "the only one that fails stands first"
    total = len(names(opened))
    choose(opened, "status", "fail")
    assert names(opened) == [HOSTILE]
    assert opened.find_element("id", "count").text == f"1 of {total} cases, the worst first"
    choose(opened, "status", "")
    choose(opened, "text", "NEURON")
    assert names(opened) == ["sigmoid neuron"]
    choose(opened, "text", "")
    choose(opened, "code", "V102")
    assert names(opened) == ["sigmoid, staged and fused, from end to end"]
    opened.find_element("css selector", "button[type=reset]").click()
    until(opened, f"return document.getElementById('count').textContent.startsWith('{total} ')")
    choose(opened, "text", "no such case")
    assert names(opened) == [], "the twin: a filter that fits nothing shows nothing"


def test_a_case_opens_by_the_keyboard_and_closes_again(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    button = opened.execute_script("return [...document.querySelectorAll('tr.case button')].find(b => b.textContent === 'sigmoid neuron')")
    assert opened.execute_script("return document.querySelectorAll('.sheet').length") == 0, "nothing is rendered before it is opened"
    button.send_keys(Keys.ENTER)
    until(opened, "return document.querySelectorAll('.sheet').length === 1")
    assert button.get_attribute("aria-expanded") == "true"
    headings = [h.text for h in opened.find_elements("css selector", ".sheet h3")]
    assert headings[:4] == ["Findings", "The function and its gradient", "The program of staged", "The program of fused"]
    assert opened.execute_script("return document.querySelectorAll('.sheet math mfrac').length") >= 6, "typeset, as MathML"
    button.send_keys(Keys.ENTER)
    until(opened, "return !document.querySelector('.sheet').offsetParent")
    assert button.get_attribute("aria-expanded") == "false"


def test_backprop_is_stepped_through_by_keys(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    sheet = open_case(opened, "sigmoid neuron")
    player = sheet.find_element("css selector", ".player")
    board, shown = player.find_element("css selector", ".board"), "return [...arguments[0].querySelectorAll('svg text.gradient')].filter(t => getComputedStyle(t).visibility === 'visible').length"
    everything = opened.execute_script(shown, player)
    assert everything >= 10, "before anybody steps, all of the circuit is shown"
    player.send_keys(Keys.HOME)
    assert "Nothing is computed yet" in board.text
    assert opened.execute_script(shown, player) == 0
    said = []
    for _ in range(17):
        player.send_keys(Keys.ARROW_RIGHT)
        said.append(board.text)
        assert len(player.find_elements("css selector", "svg .gate.is-now, svg .end.is-now")) == 1, "one gate is highlighted"
    assert said[7].startswith("Forward, 8 of 8: 1/x")
    assert "0.731059" in said[7], "the notebook's output, 0.73"
    assert said[8].startswith("Backward, 1 of 9: the gradient that flows into the output is 1")
    assert "local gradient -0.534447 × 1 = -0.534447" in said[9], "the notebook's -0.53"
    assert "local gradient 0.367879 × -0.534447 = -0.196612" in said[11], "exp(-1) times what flows in: the notebook's -0.20"
    assert "to W[0]: local gradient -1 × 0.196612 = -0.196612" in said[16]
    assert "to X[0]: local gradient 2 × 0.196612 = 0.393224" in said[16], "the notebook's 0.39"
    assert opened.execute_script(shown, player) == everything, "at the end all of it is shown again"
    player.send_keys(Keys.ARROW_LEFT)
    assert board.text == said[15]
    player.find_element("xpath", ".//button[text()='End']").click()
    assert board.text.startswith("All values and gradients")


def test_contributions_at_a_fork_are_seen_to_add_up(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    player = open_case(opened, "a shared weight that is overwritten").find_elements("css selector", ".player")[1]
    player.send_keys(Keys.HOME)
    said = ""
    while "Backward" not in said or not player.find_element("css selector", ".board").text.startswith("All"):
        before = said
        player.send_keys(Keys.ARROW_RIGHT)
        said = player.find_element("css selector", ".board").text
        if said == before or "adds up: " in said:
            break
    assert " + " in said.partition("adds up: ")[2], said


def steps_of(player: Any) -> str:
    """What all steps of a player say."""
    from selenium.webdriver.common.keys import Keys

    player.send_keys(Keys.HOME)
    said = [player.find_element("css selector", ".board").text]
    while True:
        player.send_keys(Keys.ARROW_RIGHT)
        text = player.find_element("css selector", ".board").text
        if text == said[-1]:
            return "\n".join(said)
        said.append(text)


def test_a_wrong_number_is_no_sum_of_right_ones(opened: Any) -> None:
    sheet = open_case(opened, "a shared weight that is overwritten")
    wrong, right = sheet.find_elements("css selector", ".player")[:2]
    said = steps_of(wrong)
    assert "to w: local gradient 0.5 × (0.0517937) = (0.0258969) adds up: (0.0204489) + (0.0258969); this program has 0.0258969" in said
    assert "adds up: -0.0484687 + 0.0673319 = 0.0188632" in said, "this sum is true"
    assert "this program has" not in steps_of(right), "the twin"


def resize(browser: Any, width: int, height: int) -> None:
    """Give the window a size, and wait until the page has it: the driver returns before."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.set_window_size(width, height)
    WebDriverWait(browser, 20).until(lambda b: b.execute_script("return window.innerWidth") == width)


def test_a_gate_that_is_played_is_in_view_on_a_narrow_screen(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    resize(opened, 500, 900)
    try:
        player = open_case(opened, "sigmoid neuron").find_element("css selector", ".player")
        region = "const r = arguments[0].querySelector('.picture .scroll'), g = r.querySelector('.gate.is-now, .end.is-now').getBoundingClientRect(), v = r.getBoundingClientRect();"
        assert opened.execute_script("const r = arguments[0].querySelector('.picture .scroll'); return r.scrollWidth > 1.5 * r.clientWidth", player), "the circuit is wider than the screen"
        player.send_keys(Keys.HOME)
        for _ in range(17):
            player.send_keys(Keys.ARROW_RIGHT)
            assert opened.execute_script(region + "return g.left >= v.left - 1 && g.right <= v.right + 1", player), player.find_element("css selector", ".board").text
    finally:
        resize(opened, 1280, 900)


def test_a_circuit_is_larger_where_there_is_room_and_never_smaller(opened: Any) -> None:
    shown = "const s = arguments[0].querySelector('svg.circuit'); return s.getBoundingClientRect().width / Number(s.getAttribute('width'))"
    try:
        player = open_case(opened, "a shared weight that is overwritten").find_element("css selector", ".player")
        resize(opened, 1920, 1080)
        assert abs(opened.execute_script(shown, player) - 1.3) < 0.01
        resize(opened, 500, 900)
        assert abs(opened.execute_script(shown, player) - 1) < 0.01, "the twin: it scrolls"
    finally:
        resize(opened, 1280, 900)


def test_a_guilty_line_and_its_gate_are_marked_and_the_repair_is_a_diff(opened: Any) -> None:
    sheet = open_case(opened, "a shared weight that is overwritten")
    guilty = sheet.find_elements("css selector", "tr.guilty")
    assert [row.find_elements("tag name", "td")[1].text.split("   ")[0] for row in guilty] == ["dw = x * dz"]
    assert "V101" in guilty[0].text
    assert [p.text for p in sheet.find_elements("css selector", "pre .plus")] == ["+ dw += x * dz"]
    assert [p.text for p in sheet.find_elements("css selector", "pre .minus")] == ["- dw = x * dz"]


def test_a_better_line_stands_with_its_proof_its_figures_and_a_patch_to_be_copied(opened: Any) -> None:
    one, other = open_case(opened, "better lines").find_elements("css selector", ".is-better")
    assert one.find_element("tag name", "h4").text == "mine.dx nonfinite → rounding at worst"
    assert [p.text for p in one.find_elements("css selector", ":scope > pre > span")] == ["- dx = a", "+ dx = b"]
    assert "proved: for all inputs. It takes 1.2 times the time of this statement." in one.text
    rows = [[cell.text for cell in row.find_elements("tag name", "td")] for row in one.find_elements("css selector", ":scope tbody tr")]
    assert rows[0] == ["all inputs", "1,000", "no number or 2^64", "2.5", "0.5", "0.25", "30.12", "0.10"]
    assert rows[1][0].split("\n") == ["x < -1", "exp(x)"]
    assert rows[2][0].split("\n")[0] == "x >= -1"
    folded = one.find_element("tag name", "details")
    folded.find_element("tag name", "summary").click()
    lines = folded.find_elements("css selector", "pre span")
    assert [line.get_attribute("textContent") for line in lines] == PATCH.splitlines()
    assert [line.get_attribute("class") for line in lines] == ["same", "same", "same", "same", "minus", "plus"], "names of files and the line that begins like one are no change"
    opened.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    copy = folded.find_element("css selector", "button")
    assert copy.get_attribute("aria-label") == "Copy the patch of mine.dx"
    copy.click()
    until(opened, "return [...document.querySelectorAll('.is-better details button')][0].textContent === 'Copied'")
    assert copy.get_attribute("aria-label") == "Copied: the patch of mine.dx"
    assert opened.execute_async_script("const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done(String(e)))") == PATCH
    assert other.find_elements("css selector", "details, .command") == [], "the twin: no patch, and nothing to be copied"
    assert f"There is no patch: {HOSTILE}." in other.text
    assert other.text.count("<b>bold</b>") == 6
    assert other.find_elements("css selector", "img, script, b") == []


def test_only_who_asked_for_better_lines_is_told_that_there_are_none(opened: Any) -> None:
    assert "better" not in open_case(opened, "affine layer").text.lower()
    shown = content(replace(improved(), suggestions=()))
    assert "better" not in shown
    assert "nothing to improve" in shown["unimproved"]


def test_the_theme_button_changes_the_theme_and_says_so(opened: Any) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light, button = opened.execute_script(ground), opened.find_element("id", "theme")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert opened.execute_script(ground) != light
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert opened.execute_script(ground) == light


def test_text_that_is_markup_stays_text(opened: Any) -> None:
    sheet = open_case(opened, HOSTILE)
    assert sheet.text.count("<b>bold</b>") >= 4
    assert sheet.find_elements("css selector", "img, script, b") == []
    assert opened.execute_script("return window.hurt") is None


def test_a_script_that_is_not_the_pages_own_is_blocked(browser: Any, file: Path, tmp_path: Path) -> None:
    """The twin of the test above: if markup came through, the policy would still let nothing run."""
    bent = tmp_path / "bent.html"
    bent.write_text(file.read_text(encoding="ascii").replace("<main>", "<main><script>window.hurt=1</script><img src='data:,' onerror='window.hurt=1'>"), encoding="ascii")
    browser.get(bent.as_uri())
    until(browser, "return document.documentElement.dataset.ready === 'yes'")
    assert browser.execute_script("return window.hurt") is None
    assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


def test_a_reload_keeps_what_is_open_and_the_filters(opened: Any) -> None:
    open_case(opened, "sigmoid neuron")
    choose(opened, "text", "neuron")
    opened.refresh()
    until(opened, "return document.documentElement.dataset.ready === 'yes'")
    assert names(opened) == ["sigmoid neuron"]
    assert opened.execute_script("return document.querySelectorAll('.sheet').length") == 1


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_page_is_never_wider_than_the_window(opened: Any, width: int) -> None:
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    for name in ("sigmoid neuron", "affine layer", "sigmoid, staged and fused, from end to end", "better lines"):
        open_case(opened, name)
    wide = opened.execute_script("return document.documentElement.scrollWidth")
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= width


@pytest.mark.skipif(not AXE.is_file(), reason="AXE_JS names no axe.min.js: npm pack axe-core")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened: Any, theme: str) -> None:
    opened.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    for name in ("sigmoid neuron", "a shared weight that is overwritten", "sigmoid, staged and fused, from end to end", "affine layer", "better lines"):
        open_case(opened, name)
    opened.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    opened.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    assert faults(opened) == []
    opened.execute_script("document.querySelector('#text').parentElement.replaceWith(document.querySelector('#text')); document.querySelector('#text').removeAttribute('placeholder')")
    assert "label" in {f.partition(":")[0] for f in faults(opened)}, "the twin: a field without a label is found"


def faults(browser: Any) -> list[str]:
    """The serious and critical faults that axe-core finds."""
    found = browser.execute_async_script("const done = arguments[arguments.length - 1]; axe.run(document).then(r => done(r.violations.map(v => [v.id, v.impact, v.nodes.length, v.nodes[0].html.slice(0, 200), v.nodes[0].failureSummary])), e => done([[String(e), 'critical', 0, '', '']]))")
    return [f"{rule}: {count} times, such as {html} {why}" for rule, impact, count, html, why in found if impact in ("serious", "critical")]


def test_a_served_page_is_loaded_again_when_there_is_a_newer_one_and_keeps_what_is_open(browser: Any, report: Report) -> None:
    site = serve.Site()
    server = ThreadingHTTPServer((serve.ADDRESS, 0), BaseHTTPRequestHandler)
    server.RequestHandlerClass = serve._handler(site, server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        browser.get(f"http://{serve.ADDRESS}:{server.server_address[1]}/")
        assert "checked for the first time" in browser.find_element("tag name", "main").text
        site.show(report)
        until(browser, f"return document.querySelectorAll('tr.case').length === {len(report.cases)} && document.documentElement.dataset.ready === 'yes'")
        open_case(browser, "sigmoid neuron")
        site.show(Report(tuple(c for c in report.cases if c.name != "affine layer")))
        until(browser, f"return document.querySelectorAll('tr.case').length === {len(report.cases) - 1} && document.documentElement.dataset.ready === 'yes'")
        assert browser.execute_script("return [...document.querySelectorAll('.sheet')].map(s => s.getAttribute('aria-label'))") == ["sigmoid neuron"]
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    finally:
        browser.get("about:blank")
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_printed_page_has_every_case_opened(opened: Any) -> None:
    choose(opened, "text", "cs231n")
    before = len(base64.b64decode(opened.execute_cdp_cmd("Page.printToPDF", {})["data"]))
    assert before > 0
    assert opened.execute_script("return document.querySelectorAll('.sheet').length") == len(names(opened)) > 1, "what the filters leave was opened by the print"
