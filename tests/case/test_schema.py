"""The schema of case files and the loader agree: what the loader takes the schema takes, and the schema sees every value of a wrong kind."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import ROOT
from verifier import load_text
from verifier.case import callables, document
from verifier.case.schema import case_schema
from verifier.case.yaml_tree import Mapping, Scalar, YamlNode, is_null, read_documents
from verifier.case.yaml_tree import Sequence as ListNode
from verifier.cli import main
from verifier.language.formats import FORMATS

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
VALIDATOR = jsonschema.Draft7Validator(case_schema())
CASES = sorted(p for folder in ("cases", "examples") for suffix in ("*.yaml", "*.yml") for p in (ROOT / folder).rglob(suffix) if ".github" not in p.parts)


def plain(node: YamlNode) -> Any:
    """A node as an editor's reader of YAML 1.2 has it (the core schema, yaml.org/spec/1.2.2, chapter 10.3)."""
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    text = node.text
    if node.style or is_null(node):
        return None if is_null(node) else text
    if re.fullmatch("true|True|TRUE|false|False|FALSE", text):
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"0x[0-9a-fA-F]+", text):
        return int(text, 16)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text)
    if re.fullmatch(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", text):
        return float(text.replace(".", ""))
    return text


def documents(text: str) -> list[Any]:
    found, complaints = read_documents(text, file="a.yaml")
    assert complaints == []
    return [plain(d.root) for d in found]


@pytest.mark.parametrize("path", CASES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_case_of_the_project_is_valid(path: Any) -> None:
    for content in documents(path.read_text(encoding="utf-8")):
        assert [f"{list(e.absolute_path)}: {e.message}" for e in VALIDATOR.iter_errors(content)] == []


def test_the_schema_is_one_and_has_the_keys_of_the_loader_each_with_a_description() -> None:
    schema = case_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    assert tuple(schema["properties"]) == document._KEYS or set(schema["properties"]) == set(document._KEYS)
    implementation = schema["definitions"]["implementation"]["anyOf"][1]["properties"]
    assert set(implementation) == set(document._IMPLEMENTATION_KEYS)
    assert [key for known in (schema["properties"], implementation) for key, value in known.items() if not value.get("description")] == []
    assert implementation["framework"]["enum"] == [*callables.FRAMEWORKS]
    assert schema["definitions"]["format"]["anyOf"][0]["enum"] == [*FORMATS]


WHOLE = {
    "name": "all keys",
    "about": "text",
    "source": "text",
    "function": "x * y",
    "points": [{"x": 3, "y": "-4"}, {"x": 1, "y": 0.5}],
    "domain": {"x": [-10, "inf"], "y": {"0": None, "1": None, "-4": None, "0.5": None}},
    "sample": 3,
    "formats": ["float64", "float32->bfloat16"],
    "upstream": 2,
    "given": "x > -20",
    "scope": "domain",
    "hunt": False,
    "implementations": {
        "staged": None,
        "by_hand": {"forward": "out = x * y", "backward": "dx = y * dout\ndy = x * dout", "gradients": {"x": "dx", "y": "dy"}, "adjoints": {"dx": "x"}, "accept": {"ulps": 4}},
    },
    "accept": {"ulps": 4, "by_hand.dx": 20},
    "residuals": {"by_hand.dx - staged.dx": None},
    "published": {"by_hand.dx": -8},
    "expect": {"by_hand.dx": ["correct"]},
}
LAYER = {
    "forward": "s = x.dot(w)\np = s * c",
    "outputs": ["s", "p"],
    "points": [{"x": [[1, 2], [3, 4]], "w": [0.5, 1.5]}],
    "shapes": {"x": [2, 2], "w": 2},
    "parameters": {"c": 3},
    "upstream": {"s": [1, 2], "p": [0.5, -1]},
    "implementations": {"mine": {"backward": "dw = x.T.dot(ds + c * dp)\ndx = np.outer(ds + c * dp, w)", "formats": ["float32"]}},
}
CLAIMS = {
    "function": "exp(x)",
    "domain": {"x": [-1, 1]},
    "implementations": {"mine": {"backward": "dx = out * dout", "certify": {"absolute": 1e-9, "budget": 2}}, "staged": {"certify": "best"}},
    "certify": {"ulps": 6, "budget": "0.5", "mine.dx": 20, "staged.dx": {"absolute": "best"}},
    "assume": {"exp": "1 ulp", "log": 2},
}
UNEVEN = [[1, 2], [3]]  # how long or deep the rows are a schema cannot compare
ODD = [None, True, 3, -1, 0, "text", "", "-", [], [1], UNEVEN, ["text"], {}, {"zz": 1}, {"zz": None}, [{"zz": 1}]]


def complaints(content: Any) -> list[str]:
    return [c.message for c in load_text(json.dumps(content)).complaints]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from paths(value[key], (*path, key))


def replaced(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    found = copy.deepcopy(whole)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return found


def kinds_of(whole: dict[str, Any]) -> list[tuple[tuple[Any, ...], Any, Any]]:
    """Every value replaced by one of every other kind; every mapping with a key more; every key left out."""
    found = []
    for path in paths(whole):
        found += [(path, odd, replaced(whole, path, odd)) for odd in ODD]
    return found


# What is wrong with a value of a right kind is the loader's to say: names, formulas, what belongs together. These words are in no complaint about a kind.
KIND = re.compile(r"must be a (mapping|text|number|list)|unknown key|has no value; write|is an empty list|must be true or false|is empty; (name|write \{staged)|has numbers beside lists|is not a number;|must be a lowest and a highest|never negative|unknown (verdict|format|framework)|must be 'domain'|must be a number of points|the (point|domain) is empty|domain is empty")


@pytest.mark.parametrize("whole", [WHOLE, LAYER, CLAIMS], ids=["texts", "layer", "claims"])
def test_a_value_of_another_kind_is_refused_by_both_or_by_neither(whole: dict[str, Any]) -> None:
    assert complaints(whole) == []
    assert VALIDATOR.is_valid(whole)
    too_strict, unseen, both = [], [], 0
    for path, odd, content in kinds_of(whole):
        told, is_valid = complaints(content), VALIDATOR.is_valid(content)
        both += bool(told) and not is_valid
        if not told and not is_valid:
            too_strict.append((path, odd))
        if is_valid and odd != UNEVEN and any(KIND.search(m) for m in told):
            unseen.append((path, odd, told))
    assert too_strict == [], "an editor would mark what the loader takes"
    assert unseen == [], "an editor would not mark a value of a wrong kind"
    assert both > 250


@pytest.mark.parametrize("where", [(), ("implementations", "by_hand"), ("implementations", "by_hand", "accept")], ids=str)
def test_a_key_that_is_not_known_is_refused_by_both(where: tuple[str, ...]) -> None:
    content = replaced(WHOLE, (*where, "fucntion"), "x")
    assert any("unknown key 'fucntion'" in m for m in complaints(content))
    assert not VALIDATOR.is_valid(content)


@pytest.mark.parametrize("key", ["function", "points"])
def test_what_a_case_needs_is_missed_by_both(key: str) -> None:
    content = {k: v for k, v in {"function": "x * x", "points": [{"x": 1}]}.items() if k != key}
    assert complaints(content) != []
    assert not VALIDATOR.is_valid(content)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2).map(lambda v: round(v, 3)), st.sampled_from(["x", "dx", "by_hand.dx", "inf", "nan", "1e-3", "0x1p3", "wrong", "float32", "on", "domain", "a.py:f", " ", "ulps"]))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["x", "y", "ulps", "mine", "mine.dx", "backward", "forward", "1", "s"]), inner, max_size=3)), max_leaves=6)
CONTENTS = st.dictionaries(st.sampled_from(sorted({*case_schema()["properties"], "odd"})), VALUES, max_size=4)


@settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(CONTENTS)
def test_whatever_the_loader_takes_the_schema_takes(content: dict[str, Any]) -> None:
    content = {"function": "x * x", "points": [{"x": 1}], **content}
    if not complaints(content):
        assert [e.message for e in VALIDATOR.iter_errors(content)] == []


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == case_schema()
