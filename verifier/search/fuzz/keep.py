"""A find as a case of its own: its text, which expects what was found and replays, and its file, named by a hash of the text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from verifier.case.accept import Accept
from verifier.case.case import OVER_LIMIT, POINTS, Case, Implementation, only
from verifier.case.components import as_lists, base, gathered
from verifier.case.load import load_text
from verifier.case.outputs import upstream_name
from verifier.case.points import listed, real_points
from verifier.compare.at_point import at, judged_at
from verifier.compare.check import Check, exceeds
from verifier.language import formats
from verifier.language.source import Source
from verifier.language.user_files import writing
from verifier.language.verdict import Verdict

NAME_LENGTH = 12  # characters of the hash that names a file


@dataclass(frozen=True)
class Fault:
    """What is wrong with a gradient: the verdict (and whether the error is above what the case accepts), and the wrong line (0: none is named)."""

    implementation: str
    gradient: str
    verdict: Verdict
    line: int = 0
    over: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for two faults that count as one: where a line is named, the gradient does not matter."""
        return self.implementation, self.verdict, self.over, self.line or self.gradient


@dataclass(frozen=True)
class Find:
    """A fault with its simplest point, the region around it (input, lowest, highest), and the text of a case that shows it."""

    case: str
    fault: Fault
    point: tuple[tuple[str, str], ...]
    text: str
    region: tuple[tuple[str, str, str], ...] = ()

    @property
    def name(self) -> str:
        """The file's name: a hash of its content."""
        return f"{hashlib.sha256(self.text.encode()).hexdigest()[:NAME_LENGTH]}.yaml"


def save(finds: Sequence[Find], folder: str) -> list[Path]:
    """Write each find to its file under a folder; the paths."""
    paths = [Path(folder) / find.name for find in finds]
    for path, find in zip(paths, finds, strict=True):
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(find.text.encode())
    return paths


def find_of(case: Case, checks: Sequence[Check], fault: Fault, point: tuple[float, ...], region: Sequence[tuple[float, float]]) -> Find:
    """The find of a fault at a point of a case; `checks` are those of the format in which it was found."""
    fmt = checks[0].format
    texts = tuple((name, formats.text(fmt, x)) for name, x in zip(case.inputs, point, strict=True))
    around = tuple((name, formats.text(fmt, low), formats.text(fmt, high)) for name, (low, high) in zip(case.inputs, region, strict=True))
    owner = next((i.name for i in case.implementations if i.forward is not None), fault.implementation) if case.function is None else fault.implementation  # of the truth
    alone = replace(only(at(case, point), owner, fault.implementation), formats=(fmt.name,))
    text = _text(checks, alone, fault, [(dict(texts), point)])
    if load_text(text).complaints:  # a pasted `x = 3` wants a point that has this value
        alone = replace(alone, points=(*alone.points, *case.points))
        more = [(dict(p.values), values) for p, values in zip(real_points(case), listed(case, fmt), strict=True)]
        text = _text(checks, alone, fault, [(dict(texts), point), *more])
    return Find(case.name, fault, texts, text, around)


def _text(checks: Sequence[Check], case: Case, fault: Fault, rows: Sequence[tuple[dict[str, str], tuple[float, ...]]]) -> str:
    """A case that shows the fault and expects what comes out: it passes until the gradient is repaired."""
    expected: dict[str, dict[str, None]] = {}
    for check in checks:
        if check.implementation in [i.name for i in case.implementations]:
            for d in (d for _, point in rows for d in judged_at(check, point)):
                words = [d.verdict.value] * (d.verdict.fails or d.verdict.warns) + [OVER_LIMIT] * exceeds(check.limit_for(d.name), d)
                expected.setdefault(f"{check.implementation}.{d.name}", {}).update(dict.fromkeys(words))
    flows = {upstream_name(name) for name in case.outputs}
    written = {name: texts[0] for name, texts in case.choices if base(name) in case.fixed}
    named = [name for name in dict.fromkeys(map(base, case.parameters)) if name not in flows]
    document = {
        "name": f"{case.name}: {fault.implementation}.{fault.gradient} is {'above the limit' if fault.over else fault.verdict.value}",
        "about": "found by fuzzing",
        "function": _source(case.function),
        "outputs": list(case.outputs) if case.function is None else [],
        "parameters": {**_gathered(case, written), **{n: None for n in named if n not in case.fixed}} if written else named,
        "points": [_gathered(case, {name: text for name, text in row.items() if base(name) not in flows and name not in written}) for row, _ in rows],
        "scope": POINTS,
        "formats": list(case.formats),
        "upstream": _flowing(case, rows[0][0]) or (_Number(case.upstream) if case.upstream != "1" else None),
        "implementations": {i.name: _body(i) for i in case.implementations},
        "accept": _accept(case.accept),
        "expect": {name: list(words) for name, words in expected.items() if words},
    }
    return yaml.dump({k: v for k, v in document.items() if v}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _flowing(case: Case, row: dict[str, str]) -> object:
    """What flows into the outputs: for each of them, or alone where the output is an array that the function has."""
    found = _gathered(case, {name: text for name, text in row.items() if base(name) in map(upstream_name, case.outputs)})
    return next(iter(found.values()), None) if case.function is not None else {name: found[upstream_name(name)] for name in case.outputs}


def _accept(accept: Accept) -> dict[str, object]:
    return {key: _Number(text) for key, text in accept.written().items()}


def _body(implementation: Implementation) -> dict[str, object]:
    body: dict[str, object] = {
        "forward": _source(implementation.forward),
        "backward": _source(implementation.backward),
        "gradients": {c.input: c.name for c in implementation.gradients or ()},
        "adjoints": {name: source.text for name, source in implementation.adjoints},
        "accept": _accept(implementation.accept),
    }
    return {key: value for key, value in body.items() if value}


def _source(source: Source | None) -> str | None:
    return None if source is None else source.text


def _gathered(case: Case, row: dict[str, str]) -> _OneLine:
    return _OneLine({name: as_lists(value) for name, value in gathered({name: _Number(text) for name, text in row.items()}, dict(case.shapes)).items()})


class _Number(str):
    """A number's own text: written without quotes."""

    __slots__ = ()


class _OneLine(dict[str, object]):
    """A point: written on one line."""


class _Dumper(yaml.SafeDumper):
    """YAML as people write it: texts of several lines as blocks."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _number(dumper: yaml.SafeDumper, text: _Number) -> yaml.ScalarNode:
    plain: str = dumper.resolve(yaml.ScalarNode, str(text), (True, False))  # type: ignore[no-untyped-call]
    return dumper.represent_scalar(plain, str(text))  # the tag that it has without one: none is written


_Dumper.add_representer(str, _string)
_Dumper.add_representer(_Number, _number)
_Dumper.add_representer(_OneLine, lambda dumper, row: dumper.represent_mapping("tag:yaml.org,2002:map", row, flow_style=True))
