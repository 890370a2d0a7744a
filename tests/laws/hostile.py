"""Laws of reading: edited texts are read or refused with a place, never with a crash."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.laws.draw import arranged, functions
from tests.laws.law import require
from verifier.case.load import load_text
from verifier.verify import verify

SNIPPETS = (
    "\0", "\t", "\n", "\r", " ", "  - ", ": ", "- ", "#", "&a ", "*a", "!!python/object ", "<<: ", "|", ">", "{", "}", "[", "]", "(", ")", "((((", ",", ";", "'", '"', "\\", "%", "@", "`", "---\n", "...",
    "1e999999999", "-1e-999999999", "0x1p-1074", "1_000", "nan", "inf", "-inf", "0b1", "1.", ".5", "1e", "e", "**", "**-", "9**9**9", "+=", "-=", "==", "<=", "!=", "=", " if ", " else ", "lambda", "__import__",
    "x", "dx", "y[0]", "x[9999999999]", "x[-1]", "diff(x, x)", "diff(", "where(", "exp(", "math.", "np.", "torch.", "\u200b", "\u00e9", "\ud7ff", "\U0001f600", "\u2028", "\ufeff", "\uff58", "\u00b2", "True", "None", "yes",
    "sample: 3\n", "hunt: true\n", "exhaustive: true\n", "upstream: inf\n", "formats: [float128]\n", "formats: []\n", "domain: {x: [1, 0]}\n", "accept: {ulps: -1}\n", "expect: {}\n", "residuals: {}\n", "points: []\n", "function: x\n",
)  # fmt: skip
EDITS = (1, 1, 1, 2, 3, 6)  # how many in one text


@st.composite
def edited(draw: st.DrawFn) -> str:
    """The text of a case with some characters cut out, doubled, moved or replaced by hostile ones."""
    text = draw(st.one_of(functions(size=3), arranged(["add", "mul", "exp", "sigmoid", "where", "lt"], size=1)))
    for _ in range(draw(st.sampled_from(EDITS))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from((0, 0, 1, 1, 2, 5, 20)))
        cut = text[start : start + length]
        new = draw(st.one_of(st.sampled_from(SNIPPETS), st.just(""), st.just(cut * 2), st.text(max_size=3)))
        text = text[:start] + new + text[start + length :]
    return text


def is_read_or_refused(text: str) -> int:
    """A text is read, or refused with complaints that have a place inside it; what is read is verified without a crash."""
    loaded = load_text(text)
    last = text.count("\n") + text.count("\r") + text.count("\u2028") + text.count("\u2029") + text.count("\x85") + 2
    require(bool(loaded.cases or loaded.complaints), lambda: "neither a case nor a complaint")
    for c in loaded.complaints:
        require(1 <= c.place.line <= last and c.place.column >= 1, lambda c=c: f"a complaint stands at {c.place}")  # type: ignore[misc]
        require(bool(c.message.strip()), lambda: "a complaint says nothing")
        str(c)
    for case in loaded.cases:
        if case.sample < 1000 and not case.exhaustive:
            report = verify(replace(case, budget=min(case.budget, 100)))
            require(report.status in ("passed", "failed", "error"), lambda report=report: report.status)  # type: ignore[misc]
    return 1
