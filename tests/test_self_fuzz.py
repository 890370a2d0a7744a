"""The laws hold for plain cases, each sees a planted bug, and the command finds, shrinks and keeps what breaks one."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, Phase, given, settings

from tests import ROOT
from tests.laws import few_bits, hostile, ledgers, proofs, reports, seconds, verdicts
from tests.laws import run as itself
from tests.laws.__main__ import main as laws_main
from tests.laws.law import Broken, Law
from tests.laws.table import LAWS
from verifier.arithmetic import ball_gates, balls, rounding
from verifier.arithmetic.intervals import run
from verifier.blame.rounding import ledger
from verifier.case.load import load, load_text
from verifier.circuit import expand, expressions
from verifier.compare import compare, judge
from verifier.exact import one_sided
from verifier.exact.prove import Proof
from verifier.language.gates import GATES
from verifier.language.verdict import Verdict
from verifier.run.workers import Workers

CASES = ROOT / "cases" / "regressions"
SINE = "function: sin(x) * exp(y)\npoints: [{x: 0.75, y: -1.5}]\n"
NARROW = SINE + "formats: [float32]\n"
FORWARD = "    forward: |\n      a = sin(x)\n      out = a * exp(y)\n"
STAGED = f"points: [{{x: 0.75, y: -1.5}}, {{x: 2, y: 1}}]\nimplementations:\n  staged:\n{FORWARD}"
BOTH = f"{STAGED}  by_hand:\n{FORWARD}    backward: |\n      dx = (cos(x) * exp(y)) * dout\n      dy = out * dout\n"
MISTAKEN = f"{STAGED}  mistaken:\n{FORWARD}    backward: |\n      dx = -(cos(x) * exp(y)) * dout\n      dy = out * dout\n"
TAIL = "function: 1 - tanh(x)\npoints: [{x: 20}]\nimplementations:\n  naive: {backward: dx = (tanh(x)**2 - 1) * dout}\n"


def bent_primitive(name, size):
    def plant(patch):
        right = balls.PRIMITIVES[name]
        patch.setitem(balls.PRIMITIVES, name, lambda *args: right(*args) * (1 + arb(2) ** -size(ctx.prec)))
        balls.function_of.cache_clear()

    return plant


def bent_gate(name, **columns):
    def plant(patch):
        patch.setitem(GATES, name, replace(GATES[name], **columns))
        expressions.partial.cache_clear()

    return plant


def wrapped(module, name, change):
    """A function of a module whose result is changed: `change(call number, result, arguments, options)`."""

    def plant(patch):
        right, count = getattr(module, name), itertools.count()
        patch.setattr(module, name, lambda *args, **options: change(next(count), right(*args, **options), args, options))

    return plant


def first_result(**columns):
    return lambda k, report, *_: replace(report, results=(replace(report.results[0], **columns), *report.results[1:])) if k else report


def doubled(_, rows, *__):
    return [[replace(found, entries=(replace(found.entries[0], effect=2 * found.entries[0].effect), *found.entries[1:])) for found in row] for row in rows]


def other_verdict_by_balls(_, judged, __, options):
    if options.get("method") == "balls":
        judged[0].verdict[:] = list(Verdict).index(Verdict.WRONG)
    return judged


BENT_COSINE = bent_primitive("cos", lambda _: 60)
BENT_SINE = bent_gate("sin", partials=("1.001 * cos(a)",))
PLANTS = {  # law: a text that it holds for, and what makes it break
    "balls-nest": (SINE, bent_primitive("sin", lambda bits: bits // 2)),
    "intervals-hold": (SINE, lambda patch: patch.setitem(run.FUNCTIONS, "exp", lambda a: a)),
    "mpmath-agrees": (SINE, BENT_COSINE),
    "sympy-agrees": (SINE, BENT_COSINE),
    "differences-agree": (SINE, BENT_COSINE),
    "equal-formulas": (SINE, lambda patch: patch.setattr(one_sided.CarefulRun, "derivative", lambda *_, **__: one_sided.Finite(arb(0)))),
    "staged-is-right": (SINE, BENT_SINE),
    "arranged-is-right": (BOTH, BENT_SINE),
    "right-is-decided": ("function: abs(x)\npoints: [{x: 0}]\n", lambda patch: patch.setattr(one_sided.CarefulRun, "derivative", lambda *_, **__: one_sided.Unknown("planted"))),
    "right-report": (BOTH, BENT_SINE),
    "mistakes-caught": (MISTAKEN, lambda patch: patch.setattr(judge, "_formula_error", lambda *_, **__: arb(0))),
    "proofs-hold": (BOTH, lambda patch: (patch.setattr(verdicts, "prove", lambda *_, **__: Proof()), BENT_SINE(patch))),
    "seconds": ("about: x\nfunction: diff(where(x == 0, 1, sin(x)/x), x) + 0*(x + y)\npoints: [{x: 0, y: 1}]\n", lambda patch: patch.setattr(seconds, "_second", lambda *_: 17)),
    "proofs-true": ("function: x**2 + 0*y\npoints: [{x: 0.5, y: 1}]\nimplementations:\n  it: {backward: 'dx = 2*x*dout', gradients: {x: dx}}\n", lambda patch: patch.setattr(proofs, "_derivative", lambda *_: 17)),
    "places": ("about: right\nfunction: x*pi\npoints: [{x: 1}]\nimplementations: {mine: {backward: dx = 3.141592653589793*dout}}\n", wrapped(compare, "judge", lambda _, d, *__: d and replace(d, verdict=Verdict.WRONG))),
    "domains": ("function: binom(x0, x1)\npoints: [{x0: 3.0, x1: -5.5}]\n", lambda patch: (bent_gate("binom", wider=False)(patch), expand.meaning.cache_clear())),
    "precision": (SINE, wrapped(compare, "judge", lambda _, d, *__: d and replace(d, verdict=Verdict.WRONG) if d and d.bits > 1000 else d)),
    "few-bits-values": ("function: where(x*x == 1.00195407867431640625, x, 2*x)\npoints: [{x: 1.0009765625}]\n", lambda patch: (patch.setitem(ball_gates._TRUTHS, "eq", lambda a, b: bool(a == b)), patch.setitem(balls.PRIMITIVES, "eq", lambda a, b: bool(a == b)), balls.function_of.cache_clear())),
    "few-bits-verdicts": (SINE, wrapped(compare, "judge", lambda _, d, *__: replace(d, verdict=Verdict.WRONG) if d and d.bits <= 24 else d)),
    "few-bits-mistakes": (MISTAKEN, wrapped(compare, "judge", lambda _, d, *__: replace(d, verdict=Verdict.CORRECT) if d and d.bits <= 24 else d)),
    "few-bits-proofs": (BOTH, lambda patch: patch.setattr(few_bits, "prove", lambda *_, **__: Proof() if few_bits.signs.CONSTANT_BITS < 256 else None)),
    "names": (STAGED, wrapped(verdicts, "verify", first_result(computed="0.5"))),
    "order": (BOTH, wrapped(verdicts, "verify", first_result(verdict=Verdict.UNSTABLE))),
    "effects-add-up": (STAGED, wrapped(ledger, "ledgers", doubled)),
    "ledgers-differ": (BOTH, wrapped(ledgers.attribution, "difference", lambda _, sides, *__: [s for s in sides if s.first is None])),
    "cpython": (SINE, bent_gate("exp", float64="math.exp2")),
    "numpy": (NARROW, bent_gate("exp", arrays="np.exp2")),
    "nearest": (NARROW, wrapped(judge.rounding, "round_ball", lambda _, x, *__: x and math.nextafter(x, math.inf))),
    "ulps": (NARROW, wrapped(rounding, "ulp", lambda _, pair, *__: (2 * pair[0], 2 * pair[1]))),
    "text-is-json": (MISTAKEN, wrapped(reports.as_text, "render", lambda _, text, *__: text.replace("V101", "V102"))),
    "repeated": (BOTH, wrapped(reports, "verify", first_result(computed="0.5"))),
    "sweeps": (SINE, wrapped(reports, "judge_columns", other_verdict_by_balls)),
    "regions": (TAIL, wrapped(reports, "hunt", lambda _, regions, *__: [replace(r, verdict=Verdict.WRONG) for r in regions])),
    "finds-replay": (MISTAKEN, wrapped(reports, "campaign", lambda k, found, *_: replace(found, finds=()) if k else found)),
    "reading": ("function: [[x\n", wrapped(hostile, "load_text", lambda _, loaded, *__: replace(loaded, complaints=()))),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _fresh_caches():
    yield
    expressions.partial.cache_clear()
    balls.function_of.cache_clear()
    expand.meaning.cache_clear()


def test_every_law_has_a_sentence_and_a_twin_that_fails():
    assert set(PLANTS) == set(LAWS)
    assert len({law.sentence for law in LAWS.values()}) == len(LAWS)


@pytest.mark.parametrize("name", LAWS)
def test_a_law_holds_and_sees_a_planted_bug(name, monkeypatch):
    text, plant = PLANTS[name]
    assert LAWS[name].check(text) > 0
    plant(monkeypatch)
    with pytest.raises(Broken):
        LAWS[name].check(text)


@pytest.mark.parametrize("name", LAWS)
def test_what_is_drawn_for_a_law_says_something_about_it(name):
    counts = []
    options = settings(database=None, derandomize=True, deadline=None, max_examples=4, phases=[Phase.generate], suppress_health_check=list(HealthCheck))

    @options
    @given(LAWS[name].texts())
    def look(text):
        counts.append(len(text))
        if name != "reading":
            assert len(load_text(text).cases) == 1

    look()
    assert counts


# ---------------------------------------------------------------- the command


def fuzzed(folder, *words):
    return laws_main(["--save", str(folder), "--jobs", "1", *words])


def test_laws_that_hold_exit_with_0(tmp_path, capsys):
    assert fuzzed(tmp_path, "--law", "nearest", "--law", "balls-nest", "--max-examples", "5") == 0
    printed = capsys.readouterr().out
    assert "ok    nearest" in printed
    assert "2 laws, 10 cases" in printed
    assert list(tmp_path.iterdir()) == []


def test_a_planted_bug_is_shrunk_kept_and_found_again(tmp_path, capsys, monkeypatch):
    bent_gate("add", partials=("1.001", "1"))(monkeypatch)
    monkeypatch.setitem(itself.LAWS, "staged-is-right", only_sums(itself.LAWS["staged-is-right"]))
    assert fuzzed(tmp_path, "--law", "staged-is-right", "--max-examples", "20") == 1
    first = capsys.readouterr().out
    (kept,) = tmp_path.iterdir()
    assert "BROKEN staged-is-right: staged.dx is wrong" in first
    assert f"--> {kept}" in first
    (case,) = load(kept).cases
    assert case.function.text in ("(x + x)", "(x + 1)", "(x + y)", "(x + 2)")
    before = kept.read_bytes()
    kept.unlink()
    assert fuzzed(tmp_path, "--law", "staged-is-right", "--max-examples", "20") == 1
    assert kept.read_bytes() == before


def only_sums(law):
    from tests.laws.draw import functions

    return Law(law.name, law.sentence, lambda: functions(["add", "mul", "sin"]), law.check)


def test_a_crash_and_a_text_that_is_no_case_are_finds(tmp_path, monkeypatch):
    def check(text):
        if len(text) > 3:
            raise KeyError(text)
        return 1

    from hypothesis import strategies as st

    monkeypatch.setitem(itself.LAWS, "reading", Law("reading", "planted", lambda: st.text("ab\n", max_size=9), check))
    with Workers(1) as workers:
        (held,) = itself.run(["reading"], workers=workers, max_examples=40)
    (find,) = held.finds
    assert "KeyError" in find.message
    assert len(find.text) == 4
    assert itself.save(find, str(tmp_path)).suffix == ".txt"


def test_an_example_that_takes_too_long_is_a_find(monkeypatch):
    from hypothesis import strategies as st

    def check(text):
        while text:
            pass
        return 1

    monkeypatch.setitem(itself.LAWS, "reading", Law("reading", "planted", lambda: st.sampled_from(["", "x"]), check, 0.05))
    with Workers(1) as workers:
        (held,) = itself.run(["reading"], workers=workers, max_examples=2)
    assert [f.text for f in held.finds] == ["x"]
    assert "0.05 seconds" in held.finds[0].message


@pytest.mark.parametrize("words", [["--law", "nearst"], ["cases"]])
def test_what_cannot_be_asked_exits_with_2(tmp_path, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        fuzzed(tmp_path, *words)
    assert capsys.readouterr().err


# ---------------------------------------------------------------- what was found


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda p: p.stem)
def test_what_was_found_stays_repaired(path):
    text = path.read_text(encoding="utf-8")
    for name in [line.removeprefix("# law: ") for line in text.splitlines() if line.startswith("# law: ")]:
        LAWS[name].check(text)


SHARP = sorted((ROOT / "cases" / "precision").glob("*.yaml"))  # ties and tails


@pytest.mark.parametrize("path", SHARP, ids=lambda p: p.stem)
def test_few_bits_say_of_a_case_what_many_bits_say_or_nothing(path):
    """At 8, 16 and 24 bits a gradient may be half way between two floats, or on either side of a power of two, as far as can be told."""
    assert sum(few_bits.verdicts_of(case) for case in load(path).cases) > 0
