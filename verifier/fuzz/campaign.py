"""A campaign: points of a case until a budget is spent, guided towards larger errors; every cause is shrunk once and kept as a case."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings, target

from verifier import accuse, formats
from verifier.case import Case, Implementation, Source
from verifier.discrepancy import Discrepancy
from verifier.formats import Format, exact, format_named, round_exact
from verifier.fuzz.draw_points import tuples
from verifier.load import load_text
from verifier.oracle import Oracle, at, oracle
from verifier.points import PointError
from verifier.symbolic import NotDifferentiable
from verifier.verdict import Verdict
from verifier.verify import verify

MOST_CAUSES = 20  # of one implementation: more of them are one mistake
NAME_LENGTH = 12  # characters of the hash that names a file
SEARCH = (Phase.generate, Phase.target, Phase.shrink)
STRICT = (Verdict.VANISHED, Verdict.UNSTABLE)  # ill-conditioned is the problem's own, not the gradient's


@dataclass(frozen=True)
class Cause:
    """What makes two findings one: the gradient, what is wrong with it, and the guilty line (0: none is named)."""

    implementation: str
    gradient: str
    verdict: Verdict
    line: int = 0


@dataclass(frozen=True)
class Find:
    """A cause with its simplest point, and the text of a case that shows it."""

    case: str
    cause: Cause
    point: tuple[tuple[str, str], ...]
    text: str

    @property
    def name(self) -> str:
        """The file's name: a hash of its content."""
        return f"{hashlib.sha256(self.text.encode()).hexdigest()[:NAME_LENGTH]}.yaml"


@dataclass(frozen=True)
class Campaign:
    """What a case's campaign found; `problem` where it could not be run."""

    case: str
    finds: tuple[Find, ...] = ()
    examples: int = 0
    problem: str = ""


class _Found(Exception):
    """A point that shows a new cause."""


@dataclass
class _Search:
    """One implementation in one format: what is known of it, and what is being shrunk."""

    asked: Oracle
    draft: int
    format: Format
    strict: bool
    deadline: float
    known: set[Cause]
    examples: int = 0
    shown: tuple[Cause, tuple[float, ...]] | None = field(default=None)

    def look(self, point: tuple[float, ...]) -> None:
        """Judge a point. Raises _Found where it has a new cause, while shrinking: where it has the same one."""
        if self.shown is None:
            if time.monotonic() > self.deadline:
                return
            self.examples += 1
        row = self.asked.judge(self.draft, point, fmt=self.format)
        for cause in self.causes(row, point):
            if cause in self.known or (self.shown is not None and cause != self.shown[0]):
                continue
            self.shown = cause, point
            raise _Found
        if self.shown is None:
            target(max(_error(d) for d in row))

    def causes(self, row: Sequence[Discrepancy], point: tuple[float, ...]) -> Iterator[Cause]:
        """The causes that a point shows."""
        draft = self.asked.drafts[self.draft]
        expected = {(e.gradient, e.verdict) for e in self.asked.case.expect if e.implementation == draft.implementation.name}
        for d in row:
            if (d.name, d.verdict.value) in expected:
                continue
            if d.verdict.fails or (self.strict and d.verdict in STRICT):
                cause = Cause(draft.implementation.name, d.name, d.verdict)
                if d.verdict is Verdict.WRONG and draft.whole is not None:
                    upstream = round_exact(self.format, exact(self.asked.case.upstream))
                    charges = accuse.charges(draft, [(d.name, point)], fmt=self.format, upstream=upstream)
                    cause = replace(cause, line=charges[0].place.line if charges else 0)
                yield cause


def _error(d: Discrepancy) -> float:
    """How far off a gradient is, in bits beyond half an ulp: what the search climbs."""
    if d.ulps is None or not d.ulps.is_finite():
        return 0.0
    return max(0.0, math.log2(max(float(d.ulps.abs_upper()), 0.5)) + 1.0) if math.isfinite(float(d.ulps.abs_upper())) else 1024.0


def campaign(case: Case, *, max_examples: int, max_time: float = math.inf, number: int = 0, strict: bool = False) -> Campaign:
    """Search a case. `max_examples` points for each implementation and format; the same `number` gives the same finds."""
    deadline = time.monotonic() + max_time
    try:
        asked, finds, examples = oracle(case), [], 0
        for k in range(len(asked.drafts)):
            known: set[Cause] = set()
            for name in case.formats:
                search = _Search(asked, k, format_named(name), strict, deadline, known)
                finds += [_find(case, search.format, cause, point) for cause, point in _shrunk(search, max_examples, number)]
                examples += search.examples
    except (PointError, NotDifferentiable, ValueError) as error:
        return Campaign(case.name, problem=str(error))
    return Campaign(case.name, tuple(finds), examples)


def _shrunk(search: _Search, max_examples: int, number: int) -> Iterator[tuple[Cause, tuple[float, ...]]]:
    """One cause after the other, each at its simplest point, until the budget is spent and no new one comes."""
    drawn = tuples(search.asked.case, search.format)
    while search.examples < max_examples and len(search.known) < MOST_CAUSES and time.monotonic() < search.deadline:
        search.shown = None
        options = settings(max_examples=max_examples - search.examples, database=None, deadline=None, derandomize=False, phases=SEARCH, print_blob=False, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
        look = seed(number + len(search.known))(options(given(drawn)(search.look)))
        with suppress(_Found):
            look()
        if search.shown is None:
            return
        search.known.add(search.shown[0])
        yield search.shown


# ---------------------------------------------------------------- what is kept


def _find(case: Case, fmt: Format, cause: Cause, point: tuple[float, ...]) -> Find:
    texts = tuple((name, formats.text(fmt, x)) for name, x in zip(case.inputs, point, strict=True))
    alone = replace(_needed(at(case, point), cause.implementation), formats=(fmt.name,))
    text = _text(alone, cause, [dict(texts)])
    if load_text(text).complaints:  # a pasted `x = 3` wants a point that has this value
        alone = replace(alone, points=(*alone.points, *case.points))
        text = _text(alone, cause, [dict(texts), *(dict(p.values) for p in case.points)])
    return Find(case.name, cause, texts, text)


def _needed(case: Case, name: str) -> Case:
    """The case with one implementation; where there is no `function`, also with the one whose forward pass is the truth."""
    owner = next((i.name for i in case.implementations if i.forward is not None), name) if case.function is None else name
    programs = case.programs and replace(case.programs, drafts=tuple(d for d in case.programs.drafts if d.implementation.name in (owner, name)))
    return replace(case, implementations=tuple(i for i in case.implementations if i.name in (owner, name)), programs=programs)


def _text(case: Case, cause: Cause, rows: Sequence[dict[str, str]]) -> str:
    """A case that shows the cause and expects what comes out: it passes until the gradient is repaired."""
    expected: dict[str, list[str]] = {}
    for r in verify(case).results:
        if r.verdict.fails or r.verdict.warns:
            expected.setdefault(f"{r.implementation}.{r.gradient}", []).append(r.verdict.value)
    document = {
        "name": f"{case.name}: {cause.implementation}.{cause.gradient} is {cause.verdict.value}",
        "about": "found by fuzzing",
        "function": _source(case.function),
        "points": [_gathered(case, row) for row in rows],
        "formats": list(case.formats),
        "upstream": case.upstream if case.upstream != "1" else None,
        "implementations": {i.name: _body(i) for i in case.implementations},
        "expect": {name: list(dict.fromkeys(verdicts)) for name, verdicts in expected.items()},
    }
    return yaml.dump({k: v for k, v in document.items() if v}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _body(implementation: Implementation) -> dict[str, object]:
    body: dict[str, object] = {
        "forward": _source(implementation.forward),
        "backward": _source(implementation.backward),
        "gradients": {c.input: c.name for c in implementation.gradients or ()},
        "adjoints": {name: source.text for name, source in implementation.adjoints},
    }
    return {key: value for key, value in body.items() if value}


def _source(source: Source | None) -> str | None:
    return None if source is None else source.text


def _gathered(case: Case, row: dict[str, str]) -> _Row:
    vectors = dict(case.vectors)
    scalars = {name: _Number(text) for name, text in row.items() if name.partition("[")[0] not in vectors}
    return _Row({**scalars, **{v: [_Number(row[f"{v}[{i}]"]) for i in range(n)] for v, n in case.vectors}})


class _Number(str):
    """A number's own text: written without quotes."""

    __slots__ = ()


class _Row(dict[str, object]):
    """A point: written on one line."""


class _Dumper(yaml.SafeDumper):
    """YAML as people write it: texts of several lines as blocks."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)
def _number(dumper: yaml.SafeDumper, text: _Number) -> yaml.ScalarNode:
    whole = text.lstrip("-").isdigit()
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'int' if whole else 'float'}", str(text))


_Dumper.add_representer(_Number, _number)
_Dumper.add_representer(_Row, lambda dumper, row: dumper.represent_mapping("tag:yaml.org,2002:map", row, flow_style=True))


def save(finds: Sequence[Find], folder: str) -> list[Path]:
    """Write each find to its file under a folder; the paths."""
    paths = [Path(folder) / find.name for find in finds]
    for path, find in zip(paths, finds, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(find.text.encode())
    return paths
