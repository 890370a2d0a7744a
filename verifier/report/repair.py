"""The repair of a wrong line as a diff: the diagnosis as a changed line, shown only where the changed backward pass is certified to be right.

A diagnosis says in words what is wrong. Here its words are turned into texts that may be meant; each is tried as the user would try it: the line is
changed, and the gradients that it made wrong are compared again, at the points of the case and at others, with another gradient that flows in as well.
The first text with which none of them is wrong is the repair. Where there is none, nothing is shown: the words stand without a diff.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from verifier.blame.formula.trial_points import elsewhere
from verifier.case.case import Case, Draft
from verifier.circuit.backprop import differentiated
from verifier.circuit.statements import add_backward
from verifier.compare import linearity
from verifier.compare.check import Check
from verifier.compare.compare import compare
from verifier.exact.truth import Subject
from verifier.report.details import RepairedLine
from verifier.report.outcome import Finding

MOST_TRIED = 24  # texts for one finding
MOST_POINTS = 6
MOST_STEPS = 600  # of a program: comparing a longer one again and again takes too long
DIAGNOSIS = "diagnosis "
NOTHING = "+= 0"  # a line that adds nothing: as good as none
SHAPES = {
    "should be squared": "({0})**2", "should be cubed": "({0})**3", "should be its square root": "sqrt({0})", "should be its reciprocal": "1/({0})",
}  # fmt: skip
_EXPECTED = re.compile(r"expected  d\((?P<value>.+?)\)/d\(.+?\) = (?P<formula>.+?), from `")


def repaired(case: Case, check: Check, finding: Finding, points: Sequence[tuple[float, ...]]) -> RepairedLine | None:
    """The wrong line of a finding and the line in its place with which its gradients are right; None where no such line was found."""
    draft = next((d for d in case.programs.drafts if d.implementation.name == check.implementation), None)
    words = next((d.removeprefix(DIAGNOSIS) for d in finding.details if d.startswith(DIAGNOSIS)), "")
    if draft is None or draft.whole is None or draft.implementation.backward is None or not words or len(draft.whole) > MOST_STEPS:
        return None
    source = draft.implementation.backward
    line = next((n for n in draft.whole.lines if n.source is source and n.backward and source.place(n.start).line == finding.place.line and n.text.strip() == finding.statement), None)
    if line is None:
        return None
    names = set(finding.gradients or (finding.gradient,))
    old = source.text[line.start : line.end]
    trials = [*points[:MOST_POINTS], *elsewhere(points[0], check.format)[-2:]] if points else []
    other = replace(check, upstream=linearity.other_upstream(check.upstream, seed=case.name))
    flowing = [check] if case.outputs else [check, other]  # what flows into several outputs are parameters, which the other points have changed
    for number, new in enumerate(dict.fromkeys(meant(old, words, finding.details))):
        if number >= MOST_TRIED:
            break
        if new != old and _is_right(draft, flowing, source.text[: line.start] + new + source.text[line.end :], names, trials):
            return RepairedLine(check.implementation, str(finding.place), old, "" if new.endswith(NOTHING) else new)
    return None


def _is_right(draft: Draft, checks: Sequence[Check], text: str, names: set[str], points: Sequence[tuple[float, ...]]) -> bool:
    """Whether a backward pass computes these gradients right, at all points and for all gradients that flow in."""
    source = draft.implementation.backward
    assert source is not None
    changed = replace(source, text=text, span=text, line=1, column=1, span_column=1)
    program, complaints = add_backward(draft.forward, changed, draft.claims, aliases=dict(draft.aliases))
    claims = tuple(c for c in draft.claims if c[1] in names)
    if program is None or complaints or not claims or not all(name in program.names for _, name in claims):
        return False
    edited = Subject(differentiated(program), claims)
    judged = [d for check in checks for row in compare(replace(check, subject=edited), points, detail=False) for d in row]
    passing = {d.name for d in judged if d.verdict.passes or d.verdict.warns}
    return passing == {name for _, name in claims} and not any(d.verdict.fails for d in judged)


def meant(line: str, words: str, details: Sequence[str] = ()) -> Iterator[str]:
    """The lines that a diagnosis may mean in the place of this one, the likeliest first.

    >>> next(meant("dx += 4 * x**4 * du", "the exponent of `x**4` is 1 too high"))
    'dx += 4 * x**3 * du'
    """
    match = re.match(r"(?P<left>[^=]*?)(?P<sign>\+?=)(?P<right>.*)", line, re.DOTALL)
    if match is None:
        return
    left, sign, right = match["left"], match["sign"], match["right"]
    body = right.strip()

    def whole(text: str) -> str:
        return f"{left}{sign} {text}"

    def within(part: str, new: str) -> Iterator[str]:
        """The line with each occurrence of a part changed, one at a time: those in its value first."""
        places = [found.span() for found in re.finditer(_bounded(part), line)]
        for start, end in sorted(places, key=lambda place: place[0] < len(left)):
            yield line[:start] + new + line[end:]

    quoted = re.findall(r"`([^`]*)`", words)
    formula = next((m["formula"] for d in details if (m := _EXPECTED.match(d))), "")
    value = next((m["value"] for d in details if (m := _EXPECTED.match(d))), "")
    if words.startswith("the factor "):
        part = quoted[0] if words.startswith("the factor `") else re.split(r" is ", words.removeprefix("the factor "), maxsplit=1)[0]
        if "superfluous" in words:
            part = part if _count(part, right) else "dout"
            for pattern in (rf"\s*\*\s*{_bounded(part)}", rf"{_bounded(part)}\s*\*\s*"):
                for found in re.finditer(pattern, right):
                    yield f"{left}{sign}{right[: found.start()]}{right[found.end() :]}"
        else:
            yield whole(f"{_factor(part)} * {_factor(body)}")
            for inner in quoted[1:]:
                yield from within(inner, f"{_factor(part)} * {_factor(inner)}")
    elif words.startswith("a division by `"):
        yield whole(f"{_factor(body)} / {_factor(quoted[0])}")
    elif words.startswith("the term `"):
        term, inner = quoted[0].removeprefix("+ "), quoted[1] if " in `" in words or " is missing: `" in words else body
        if "superfluous" in words:
            for pattern in (rf"\s*[+-]\s*{_bounded(term)}", rf"{_bounded(term)}\s*\+\s*", rf"{_bounded(term)}\s*(?=-)"):
                for found in re.finditer(pattern, right):
                    yield f"{left}{sign}{right[: found.start()]}{right[found.end() :]}"
        added = f"{inner} - {term[1:].strip()}" if term.startswith("-") else f"{inner} + {term}"
        yield from within(inner, added)
        yield from within(inner, f"({added})")
        yield from within(inner, f"{inner} - {term}")
    elif words.startswith("the mask `") and len(quoted) > 1:
        yield f"{line}\n{quoted[1]}"
    elif words.startswith("the exponent of `"):
        off = re.search(r"is (\d+) too (high|low)", words)
        power = re.fullmatch(r"(.*\*\*\s*)(\d+)", quoted[0], re.DOTALL)
        if off and power:
            yield from within(quoted[0], f"{power[1]}{int(power[2]) + (-1 if off[2] == 'high' else 1) * int(off[1])}")
    elif "the sign" in words and "flipped" in words:
        part = quoted[0] if quoted else ""
        if part:
            yield from within(part, f"(-{_factor(part)})")
            for found in re.finditer(rf"([+-])(\s*){_bounded(part)}", right):
                yield f"{left}{sign}{right[: found.start()]}{'-' if found[1] == '+' else '+'}{right[found.start() + 1 :]}"
        else:
            yield whole(body[1:].strip() if body.startswith("-") and not re.search(r"[+-]", body[1:]) else f"-{_factor(body)}")
            yield whole(f"-({body})")
    elif "branches of `" in words and (branches := re.fullmatch(r"where\((.*)\)", quoted[0], re.DOTALL)):
        parts = _arguments(branches[1])
        if len(parts) == 3:
            yield from within(quoted[0], f"where({parts[0].strip()}, {parts[2].strip()}, {parts[1].strip()})")
    elif "overwrites" in words:
        yield f"{left}+={right}"
    elif "the contribution through `" in words and value and formula:
        yield f"{line}\n{left.strip()} += {_factor(formula)} * d{value}" if formula != "1" else f"{line}\n{left.strip()} += d{value}"
    elif "already added" in words or "superfluous" in words:
        yield f"{left}{NOTHING}"
    elif "is ignored" in words:
        yield whole(f"{_factor(body)} * dout" if body != "1" else "dout")
    if " where `" in words and len(quoted) >= 2 and "meant" in words:
        wrong, right_one, *inside = quoted
        for part in inside[:1]:
            for found in re.finditer(_bounded(wrong), part):
                for new in (right_one, f"({right_one})"):
                    yield from within(part, part[: found.start()] + new + part[found.end() :])
            if wrong.startswith("axis=") and wrong not in part:  # by its position
                yield from within(part, re.sub(rf"\({wrong[5:]}\b", f"({right_one[5:]}", part))
        yield from within(wrong, right_one)
        yield from within(wrong, f"({right_one})")
    for shape, pattern in SHAPES.items():
        if shape in words and quoted:
            for part in quoted[1:2]:
                for found in re.finditer(_bounded(quoted[0]), part):
                    yield from within(part, part[: found.start()] + _short_power(pattern.format(quoted[0])) + part[found.end() :])
            yield from within(quoted[0], _short_power(pattern.format(quoted[0])))
    if (constant := re.search(r"looks like (.+?) to \d+ digits?$|should be ([\w.+-]+)$", words)) and quoted:
        meant_one = constant[1] or constant[2]
        yield from within(quoted[0], meant_one)
        yield from within(quoted[0], f"({meant_one})")


def _bounded(part: str) -> str:
    """A pattern of a part that is no piece of a longer name or number."""
    before = r"(?<![\w.])" if part[:1].isdigit() else r"(?<!\w)" if part[:1].isidentifier() else ""
    after = r"(?![\w.])" if part[-1:].isdigit() and not part[:1].isidentifier() else r"(?!\w)" if re.match(r"\w", part[-1:]) else ""
    return before + re.escape(part) + after


def _count(part: str, text: str) -> int:
    return len(re.findall(_bounded(part), text))


def _factor(text: str) -> str:
    """A text that can stand beside `*`."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth == 0 and c in "+-" and i and text[i - 1] not in "eE*":
            return f"({text})"
    return text if not text.startswith("-") else f"({text})"


def _short_power(text: str) -> str:
    """`(h)**2` as `h**2`."""
    return re.sub(r"^\((\w+)\)(?=\*\*)", r"\1", text)


def _arguments(text: str) -> list[str]:
    """The arguments of a call."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]
