"""What a case file says becomes Cases with places; what is wrong with it becomes complaints, all at once."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import verifier.case.yaml_tree
from verifier.case.case import VERDICTS, Programs
from verifier.case.load import Loaded, load, load_text
from verifier.case.yaml_tree import MAX_COMPLAINTS, MAX_DEPTH, Scalar, read_documents, source
from verifier.language.numeral import exact, number_problem
from verifier.verify import verify

if TYPE_CHECKING:
    from verifier.case.case import Case
    from verifier.language.source import Source

GOOD = "function: x * y\npoints: [{x: 3, y: -4}]\n"


def messages(text: str) -> list[str]:
    """`line:column: message` of every complaint about a text."""
    return [f"{c.place.line}:{c.place.column}: {c.message}" for c in load_text(text, file="f.yaml").complaints]


def the_case(text: str) -> Case:
    """The only case of a text that has nothing wrong with it."""
    loaded = load_text(text, file="f.yaml")
    assert loaded.complaints == ()
    (case,) = loaded.cases
    return case


@pytest.fixture(params=["libyaml", "python"])
def _each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers, where libyaml is there."""
    monkeypatch.setattr(verifier.case.yaml_tree, "LOADER", verifier.case.yaml_tree.LOADER if request.param == "libyaml" else yaml.SafeLoader)


# ---------------------------------------------------------------- what a good file says

FULL = """\
name: two   sigmoids
about: |
  free: text
source: cs231n
function: (x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)
points:
  - {x: 3, y: -4}
domain: {x: [-10, 10], y: [-1e1, 0x1.4p3]}
sample: 100
formats: [float64, bfloat16]
upstream: 1e-3
implementations:
  staged: {}
  other:
  by_hand:
    backward: |
      dx = dout
      dyy = 2 * dx
    gradients: {x: dx, y: dyy}
    adjoints: {dx: x + y}
    accept: {ulps: 2.5}
accept: {ulps: 4}
residuals:
  by_hand.dx - staged.dx: -2.7755575615628914e-17
  staged.dx - staged.dx: ~
published:
  by_hand.dx: 2.05956979557
expect:
  by_hand.dyy: wrong
  staged.dx: [correct, rounding]
hunt: no
exhaustive: false
"""


def test_every_key_of_the_contract_arrives() -> None:
    case = the_case(FULL)
    assert (case.name, case.about, case.source, case.file, case.place.line) == ("two sigmoids", "free: text", "cs231n", "f.yaml", 1)
    assert case.function is not None
    assert case.function.text == "(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)"
    assert case.inputs == ("x", "y")
    assert [p.values for p in case.points] == [(("x", "3"), ("y", "-4"))]
    assert case.domain == (("x", ("-10", "10")), ("y", ("-1e1", "0x1.4p3")))
    assert (case.sample, case.formats, case.upstream, case.accept.ulps) == (100, ("float64", "bfloat16"), "1e-3", "4")
    assert [i.name for i in case.implementations] == ["staged", "other", "by_hand"]
    by_hand = case.implementations[2]
    assert by_hand.backward is not None
    assert by_hand.backward.label == "implementations.by_hand.backward"
    assert [(c.input, c.name) for c in by_hand.gradients or ()] == [("x", "dx"), ("y", "dyy")]
    assert [(name, s.text, s.label) for name, s in by_hand.adjoints] == [("dx", "x + y", "implementations.by_hand.adjoints.dx")]
    assert by_hand.accept.ulps == "2.5"
    assert [(r.expression.text, r.expected) for r in case.residuals] == [
        ("by_hand.dx - staged.dx", "-2.7755575615628914e-17"),
        ("staged.dx - staged.dx", None),
    ]
    assert [(p.implementation, p.name, p.text, p.place.line) for p in case.published] == [("by_hand", "dx", "2.05956979557", 27)]
    assert [(e.implementation, e.gradient, e.verdict) for e in case.expect] == [
        ("by_hand", "dyy", "wrong"),
        ("staged", "dx", "correct"),
        ("staged", "dx", "rounding"),
    ]
    assert isinstance(case.programs, Programs)


def test_what_is_left_out_has_its_default() -> None:
    case = the_case(GOOD)
    assert (case.name, case.formats, case.upstream, case.sample, case.accept.ulps) == ("f", ("float64",), "1", 0, None)
    (staged,) = case.implementations
    assert (staged.name, staged.forward, staged.backward, staged.gradients) == ("staged", None, None, None)


def test_a_vector_becomes_scalar_inputs() -> None:
    case = the_case(
        "function: W[0] * x + W[1]\n"
        "points: [{W: [2, -3], x: 1}, {x: 1, W: [4, 5]}]\n"
        "domain: {W: [0, 1], x: [2, 3], 'W[1]': [5, 6]}\n"
        "sample: 3\n"
        "implementations: {staged: {gradients: {'W[0]': dw0, x: 'dx'}}}\n"
    )
    assert case.inputs == ("W[0]", "W[1]", "x")
    assert case.shapes == (("W", (2,)),)
    assert case.points[1].values == (("W[0]", "4"), ("W[1]", "5"), ("x", "1"))
    assert case.domain == (("W[0]", ("0", "1")), ("W[1]", ("5", "6")), ("x", ("2", "3")))


def test_the_domain_alone_can_name_the_inputs() -> None:
    case = the_case("function: W[0] * W[1] * x\ndomain: {'W[1]': [0, 1], 'W[0]': [2, 3], x: [4, 5]}\nsample: 1\n")
    assert case.inputs == ("W[0]", "W[1]", "x")
    assert case.domain[0] == ("W[0]", ("2", "3"))


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize("text", ["1e-3", "010", "1.50", "+5.", ".5", "12345678901234567890123", "0x1.8p-3"])
def test_a_number_stays_the_text_that_was_written(text: str) -> None:
    assert the_case(f"function: x\npoints: {{x: {text}}}\n").points[0].values == (("x", text),)


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize("name", ["n", "y", "on", "off", "no", "true", "null", "θ"])
def test_a_name_that_yaml_takes_for_a_value_stays_a_name(name: str) -> None:
    assert the_case(f"function: {name} + 1\npoints: {{{name}: 2}}\n").inputs == (name,)


# ---------------------------------------------------------------- places

STYLES = {
    "plain": "é: x +\n   yy\n      * z\n",
    "quoted once": "é: 'x +\n   yy\n     * z'\n",
    "quoted twice": 'é: "x +\n   yy\n     * z"\n',
    "escapes": 'é: "x +\\n  yy\\t*\\\n    z"\n',
    "folded": "é: >-  # why\n    x +\n\n    yy\n      * z\n",
    "literal": "é: |  # why\n    x +\n      yy\n    * z\nw: 1\n",
    "literal with indicator": "é: |2\n    x +\n   yy\n\n   * z\n\n# foot\n",
    "literal with blank lines": "é:\n  |\n\n\n  x +\n  yy * z\n",
    "in a list": "- [ 1, x + yy * z ]\n",
    "a key": "x + yy * z: 3\n",
    "a byte order mark": "\ufeffx + yy * z: 3\n",
    "carriage returns": "é: |\r\n  x +\r\n  yy\r\n  * z\r\n",
}


def scalars_of(text: str) -> list[Source]:
    """Every scalar of a text, keys and values, as texts of the language."""
    documents, broken = read_documents(text, file="f.yaml")
    assert broken == []
    found: list[Source] = []
    nodes: list[Any] = [d.root for d in documents]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Scalar):
            found.append(source(node, label=""))
        else:
            nodes.extend(getattr(node, "items", ()))
            nodes.extend(n for entry in getattr(node, "entries", ()) for n in entry)
    return found


def at_place(text: str, found: Source, offset: int) -> str:
    """The character of the file at the place of a character of the text."""
    place = found.place(offset)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")[place.line - 1][place.column - 1 :][:1]


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize("style", STYLES)
def test_every_character_has_its_place_in_every_scalar_style(style: str) -> None:
    text = STYLES[style]
    (found,) = [s for s in scalars_of(text) if "yy" in s.text]
    assert "".join(found.text.split()) == "x+yy*z"
    for offset, character in enumerate(found.text):
        if not character.isspace():
            assert at_place(text, found, offset) == character


@pytest.mark.usefixtures("_each_parser")
def test_a_place_that_is_off_by_one_would_be_seen() -> None:
    text = STYLES["literal"]
    (found,) = [s for s in scalars_of(text) if "yy" in s.text]
    assert at_place(text, found, found.text.index("yy") + 2) != "y"


@pytest.mark.usefixtures("_each_parser")
def test_a_comment_in_a_block_belongs_to_the_text_and_keeps_the_places() -> None:
    text = "f: |  # not of the text\n    a = 1  # sums\n\n  # below\n"
    (found,) = [s for s in scalars_of(text) if "a" in s.text]
    assert found.text.startswith("a = 1  # sums\n")
    assert str(found.place(found.text.index("sums"))) == "f.yaml:2:14"


def test_a_doubled_quote_does_not_shift_what_follows() -> None:
    (found,) = scalars_of("'it''s x'\n")
    assert str(found.place(found.text.index("x"))) == "f.yaml:1:8"


LETTERS = st.text(alphabet="ab+ \n\té😀'\"\\#:|", max_size=30)


@settings(max_examples=100, deadline=None)
@given(text=LETTERS, style=st.sampled_from(["'", "|", ">"]))
@example(text="", style="|")
def test_places_hold_for_any_text_that_yaml_writes(text: str, style: str) -> None:
    written = yaml.dump({"k": text}, default_style=style, allow_unicode=True)
    (found,) = [s for s in scalars_of(written) if s.text == text or s.text != "k"][:1]
    assert found.text == text
    if style in written and "\\" not in written:
        for offset, character in enumerate(text):
            if not character.isspace():
                assert at_place(written, found, offset) == character


def test_a_complaint_shows_the_line_and_points_at_the_character() -> None:
    (complaint,) = load_text("function: x + sigmod(x)\npoints: {x: 1}\n", file="f.yaml").complaints
    assert str(complaint).splitlines() == [
        "f.yaml:1:15: unknown gate 'sigmod' in function; did you mean 'sigmoid'?",
        "    1 | function: x + sigmod(x)",
        "      |               ^",
    ]


# ---------------------------------------------------------------- what is wrong, and its twin that is not

WRONG = [
    ("an unknown key", "pionts: 3\n" + GOOD, "1:1: unknown key 'pionts' in the case; did you mean 'points'?"),
    ("a hunt that is neither on nor off", GOOD + "hunt: maybe\n", "3:7: hunt is 'maybe'; it must be true or false"),
    (
        "a key that occurs twice",
        GOOD + "points: 3\n",
        "3:1: the key 'points' occurs twice in one mapping (first in line 2); leave one of them",
    ),
    ("an alias", "about: &a 1\nname: *a\n" + GOOD, "2:7: the alias '*a' is not accepted: write the value out"),
    ("an anchor", "about: &a 1\n" + GOOD, "1:8: the anchor '&a' is not accepted"),
    ("a tag", "about: !!python/none x\n" + GOOD, "1:8: the tag 'tag:yaml.org,2002:python/none' is not accepted"),
    ("a key that is a list", "? [a]\n: b\n" + GOOD, "1:3: a key must be a text, not a list or a mapping"),
    ("a document that is a list", "- 1\n", "1:1: the case must be a mapping such as 'function: x * y', not a list"),
    ("a document that is a text", "hello\n", "1:1: the case must be a mapping such as 'function: x * y', not 'hello'"),
    ("a name that is a list", GOOD + "name: [a]\n", "3:7: name must be a text, not a list"),
    ("no function", "points: {x: 1}\n", "1:1: the case has no 'function', and no implementation has a 'forward'"),
    ("an empty function", "function:\npoints: {x: 1}\n", "1:10: function is empty; write a formula or leave the key out"),
    ("a function that is a list", "function: [x]\npoints: {x: 1}\n", "1:11: function must be a text, not a list; put quotes around"),
    ("lines that are a list", "function: x\npoints: {x: 1}\nimplementations: {hand: {backward: [dx = 1]}}\n", "3:36: implementations.hand.backward must be a text, not a list; put quotes around a formula that YAML takes for something else, and write several lines as one text, under `|`"),
    ("no points", "function: x\n", "1:1: the case has no points; list some under 'points', or give 'domain' and 'sample'"),
    ("empty points", "function: x\npoints: []\n", "2:9: points is an empty list"),
    ("null points", "function: x\npoints:\n", "2:8: points has no value"),
    ("a point that is a number", "function: x\npoints: [3]\n", "2:10: a point must be a mapping such as {x: 3, y: -4}, not '3'"),
    ("a point without inputs", "function: x\npoints: [{}]\n", "2:10: the point is empty"),
    ("a point that lacks an input", GOOD[:-2] + ", {x: 1}]\n", "2:25: the point has no value for the input 'y'"),
    (
        "an input of one point only",
        "function: x\npoints: [{x: 1}, {x: 2}, {x: 3, xx: 4}]\n",
        "2:33: the input 'xx' has no value in most other points; give it there or remove it here",
    ),
    (
        "a slip in the name of an input",
        "function: x*why\npoints: [{x: 1, why: 2}, {x: 2, why: 2}, {x: 3, wyh: 4}]\n",
        "2:49: the input 'wyh' has no value in most other points; give it there or remove it here; did you mean 'why'?",
    ),
    ("an input without a value", "function: x\npoints: {x: }\n", "2:13: the input 'x' has no value; write a number"),
    ("an input that is a word", "function: x\npoints: {x: abc}\n", "2:13: the input 'x': 'abc' is not a number; write decimal text"),
    ("a parameter that is NaN", "function: x*c\nparameters: {c: .nan}\npoints: {x: 1}\n", "2:17: the parameter 'c': '.nan' is not a finite number"),
    ("an upstream that is infinite", "function: x\nupstream: -inf\npoints: {x: 1}\n", "2:11: upstream: '-inf' is not a finite number"),
    ("an input that is a mapping", "function: x\npoints: {x: {a: 1}}\n", "2:13: the input 'x' must be a number, not a mapping"),
    ("a format by another name", "function: x\npoints: {x: 1}\nformats: half\n", "3:10: unknown format 'half'; did you mean 'float16'?"),
    ("a format that holds no gradients", "function: x\npoints: {x: 1}\nformats: [float32->float8_e8m0fnu]\n", "3:11: 'float8_e8m0fnu' is no format here: it has powers of two only, no sign and no zero: it holds scales, not gradients"),
    ("an absurd exponent", "function: x\npoints: {x: 1e9999999}\n", "2:13: the input 'x': the exponent of '1e9999999' is beyond 5000"),
    ("an input named like a value", "function: x\npoints: {nan: 1}\n", "2:10: the input 'nan' is a value of the language"),
    ("an input named like a word", "function: x\npoints: {if: 1}\n", "2:10: the input 'if' is a word of the language"),
    ("an input that is no name", "function: x\npoints: {2x: 1}\n", "2:10: the input '2x' is not a name: it starts with the digit 2; write it behind a letter, such as n2x"),
    ("an input with a character that names have not", "function: x\npoints: {x-a: 1}\n", "2:10: the input 'x-a' is not a name: it has '-'; a name is letters, digits and underscores, such as x_a"),
    ("an input with a blank", "function: x\npoints: {x a: 1}\n", "2:10: the input 'x a' is not a name: it has a blank; a name is letters, digits and underscores, such as x_a"),
    ("an implementation with a letter of another alphabet", "function: x\npoints: {x: 1}\nimplementations: {größe: {}}\n", "3:19: 'größe' is not the name of an implementation: it has 'ö'; a name is letters from a to z, digits and underscores"),
    ("an implementation without a name", "function: x\npoints: {x: 1}\nimplementations: {'': {}}\n", "3:19: '' is not the name of an implementation: it is empty"),
    ("an element as an input", "function: x\npoints: {'W[0]': 1}\n", "2:10: the input 'W[0]' is not a name: it has '['; a name is letters, digits"),
    (
        "a name with two spellings",
        "function: x\npoints: {ﬁ: 1}\n",
        "2:10: the input 'ﬁ' has a character with more than one spelling; write 'fi'",
    ),
    ("an empty vector", "function: x\npoints: {W: []}\n", "2:13: the vector 'W' is empty"),
    ("a vector of words", "function: x\npoints: {W: [1, b]}\n", "2:17: the input 'W[1]': 'b' is not a number"),
    ("two lengths", "function: x\npoints: [{W: [1]}, {W: [1, 2]}]\n", "2:21: the input 'W' is a vector of 2 here and a vector of 1 before"),
    ("scalar and vector", "function: x\npoints: [{W: 1}, {W: [1, 2]}]\n", "2:19: the input 'W' is a vector of 2 here and a scalar before"),
    ("sample without domain", GOOD + "sample: 3\n", "3:1: 'sample' needs a domain to draw points from"),
    ("a sample in words", GOOD + "sample: many\n", "3:9: sample is 'many'; it must be a number of points"),
    ("a negative sample", GOOD + "sample: -1\n", "3:9: sample is '-1'; it must be a number of points"),
    (
        "a sample beyond measure",
        GOOD + "sample: 10000001\n",
        "3:9: sample is '10000001'; it must be a number of points, from 0 to 10,000,000",
    ),
    ("an incomplete domain", GOOD + "sample: 1\ndomain: {x: [0, 1]}\n", "4:1: the domain has no interval for the input 'y'"),
    ("a domain that is a list", GOOD + "domain: [0, 1]\n", "3:9: domain must be a mapping such as {x: [-10, 10]}, not a list"),
    ("an empty domain", GOOD + "domain: {}\n", "3:9: domain is empty"),
    ("a domain upside down", GOOD + "domain: {x: [1e-3, 0x1p-20]}\n", "3:13: the domain of 'x' is empty: 1e-3 is above 0x1p-20"),
    ("a domain of three numbers", GOOD + "domain: {x: [1, 2, 3]}\n", "3:13: the domain of 'x' must be a lowest and a highest value"),
    ("a domain that is NaN", GOOD + "domain: {x: [nan, 3]}\n", "3:14: the domain of 'x': 'nan' is not a finite number"),
    ("a domain beyond infinity", GOOD + "domain: {x: [inf, 3]}\n", "3:13: the domain of 'x' is empty: inf is above 3"),
    ("a domain of another input", GOOD + "domain: {z: [1, 2]}\n", "3:10: the domain names 'z', but no point gives it a value"),
    (
        "a domain of an element of a scalar",
        GOOD + "domain: {'x[0]': [1, 2]}\n",
        "3:10: the domain names 'x[0]', but the input 'x' is a scalar",
    ),
    (
        "a domain past the end of a vector",
        "function: W[0]\npoints: {W: [1]}\ndomain: {'W[1]': [1, 2]}\n",
        "3:10: the domain names 'W[1]', but 'W' is a vector of 1, up to 'W[0]'",
    ),
    (
        "a gap in a vector",
        "function: W[1]\nsample: 1\ndomain: {'W[1]': [1, 2]}\n",
        "3:10: the domain has no interval for 'W[0]'; give every element",
    ),
    ("an unknown format", GOOD + "formats: flaot32\n", "3:10: unknown format 'flaot32'; did you mean 'float32'?"),
    ("a format twice", GOOD + "formats: [float32, float32]\n", "3:20: the format 'float32' is listed twice"),
    ("no formats", GOOD + "formats: []\n", "3:10: formats is an empty list"),
    ("an upstream that is no number", GOOD + "upstream: one\n", "3:11: upstream: 'one' is not a number"),
    ("no implementations", GOOD + "implementations: {}\n", "3:18: implementations is empty"),
    ("a list of implementations", GOOD + "implementations: [staged]\n", "3:18: implementations must be a mapping such as {staged: {}}"),
    ("an implementation that is a text", GOOD + "implementations: {a: dx}\n", "3:22: implementations.a must be a mapping such as"),
    ("an implementation with a dash", GOOD + "implementations: {by-hand: {}}\n", "3:19: 'by-hand' is not the name of an implementation"),
    (
        "an unknown key of an implementation",
        GOOD + "implementations: {a: {foward: x}}\n",
        "3:23: unknown key 'foward' in implementations.a; did you mean 'forward'?",
    ),
    ("an empty backward", GOOD + "implementations: {a: {backward: ''}}\n", "3:33: implementations.a.backward is empty"),
    ("no gradients", GOOD + "implementations: {a: {gradients: {}}}\n", "3:34: implementations.a.gradients is empty"),
    (
        "a gradient of another input",
        GOOD + "implementations: {a: {gradients: {z: dz}}}\n",
        "3:35: unknown input 'z' in implementations.a.gradients",
    ),
    (
        "a gradient that is no name",
        GOOD + "implementations: {a: {gradients: {x: 2*dx}}}\n",
        "3:38: '2*dx' in implementations.a.gradients is not a name",
    ),
    (
        "one component as the gradient of a vector",
        "function: W[0]\npoints: {W: [1]}\nimplementations: {a: {gradients: {W: 'dW[0]'}}}\n",
        "3:38: 'W' is a vector of 1, and its gradient 'dW[0]' in implementations.a.gradients one component",
    ),
    (
        "an adjoint that is no name",
        GOOD + "implementations: {a: {adjoints: {2: x}}}\n",
        "3:34: '2' in implementations.a.adjoints is not a name",
    ),
    ("a limit without ulps", GOOD + "accept: {}\n", "3:9: accept must say how many ulps, as in {ulps: 4}"),
    ("a limit of another kind", GOOD + "accept: {atol: 1}\n", "3:10: unknown key 'atol' in accept; possible here: ulps"),
    ("a negative limit", GOOD + "accept: {ulps: -1}\n", "3:16: accept.ulps is -1; an error in ulps is never negative"),
    (
        "a residual that is no number",
        GOOD + "residuals: {staged.dx - staged.dy: nil}\n",
        "3:36: the residual 'staged.dx - staged.dy': 'nil' is not a number",
    ),
    (
        "a figure of another implementation",
        GOOD + "published: {stagd.dx: 1}\n",
        "3:13: unknown implementation 'stagd' in published; did you mean 'staged'?",
    ),
    ("a figure without its implementation", GOOD + "published: {dx: 1}\n", "3:13: 'dx' in published must be written implementation.name"),
    ("a figure that is no number", GOOD + "published: {staged.dx: about 3}\n", "3:24: published.staged.dx: 'about 3' is not a number"),
    ("an unknown verdict", GOOD + "expect: {staged.dx: [wrong, wrog]}\n", "3:29: unknown verdict 'wrog' in expect; did you mean 'wrong'?"),
    ("a gradient that is not claimed", GOOD + "expect: {staged.dz: wrong}\n", "3:10: 'dz' in expect is not a gradient of 'staged'"),
    (
        "an expectation of another implementation",
        GOOD + "expect: {by_hand.dx: wrong}\n",
        "3:10: unknown implementation 'by_hand' in expect",
    ),
    ("a formula that is none", "function: x *\npoints: {x: 1}\n", "1:14: the expression ends where a value is expected"),
    ("a tab", "function: x\npoints:\n\t- {x: 1}\n", "3:1: this is not YAML: "),
    (
        "a bare subscript in a mapping",
        "function: W[0]\npoints: {x: 1}\ndomain: {W[0]: [1, 2]}\n",
        "3:11: this is not YAML: ",
    ),
    ("a control character", "about: a\n# \x07\n" + GOOD, "2:3: the character '\\x07' cannot stand in a case file"),
    ("an empty file", "", "1:1: no case found: the file is empty"),
    ("a file of comments", "# nothing\n---\n", "1:1: no case found: the file is empty"),
]


ADVICE = [  # ours, after PyYAML's own words, which are those of its release
    ("function: x\npoints:\n\t- {x: 1}\n", "; indent with spaces, not with tabs"),
    ("function: W[0]\npoints: {x: 1}\ndomain: {W[0]: [1, 2]}\n", "; inside { } a key with a subscript needs quotes, as in {'W[0]': 1}"),
]


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(("text", "advice"), ADVICE)
def test_what_is_no_yaml_is_refused_with_advice(text: str, advice: str) -> None:
    (found,) = load_text(text, file="f.yaml").complaints
    assert found.message.startswith("this is not YAML: ")
    assert found.message.endswith(advice)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("functon: x\npoints: {x: 1}\n", "1:1: unknown key 'functon' in the case; did you mean 'function'?"),
        ("function: x\npoint: {x: 1}\n", "2:1: unknown key 'point' in the case; did you mean 'points'?"),
        ("function: x\ndomain: {x: [1, 2]}\nsampel: 5\n", "3:1: unknown key 'sampel' in the case; did you mean 'sample'?"),
        ("function: x\ndomain: {x: [1, 2]}\nsample: many\n", "3:9: sample is 'many'; it must be a number of points, from 0 to 10,000,000 and written in digits only"),
        (GOOD + "implementations: {mine: {accept: {ulp: 4}}}\n", "3:35: unknown key 'ulp' in implementations.mine.accept; did you mean 'ulps'?"),
    ],
)
def test_what_is_mistyped_is_not_said_to_be_missing_as_well(text: str, expected: str) -> None:
    assert messages(text) == [expected]


def test_what_is_missing_is_said_beside_another_unknown_key() -> None:
    assert [m.partition(";")[0] for m in messages("about: x\nzzz: 1\n")] == ["1:1: the case has no points", "1:1: the case has no 'function', and no implementation has a 'forward' that could stand for it", "2:1: unknown key 'zzz' in the case"]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_mistake_is_named_at_its_place_and_yields_no_case(text: str, expected: str) -> None:
    loaded = load_text(text, file="f.yaml")
    assert loaded.cases == ()
    assert any(f"{c.place.line}:{c.place.column}: {c.message}".startswith(expected) for c in loaded.complaints), messages(text)


RIGHT = [
    ("a key of a later version that is off", GOOD + "hunt: no\nexhaustive: off\n"),
    ("a free text that is empty", GOOD + "about:\nsource: ''\n"),
    ("a forward in place of the function", "points: {x: 1}\nimplementations: {a: {forward: out = x * x}}\n"),
    ("a single mapping of points", "function: x\npoints: {x: 1}\n"),
    ("points and a domain of some inputs", GOOD + "domain: {x: [0, 0]}\n"),
    ("sample with a domain only", "function: x\ndomain: {x: [0, 1]}\nsample: 10000000\n"),
    ("no sample", GOOD + "sample: 0\n"),
    ("a single format", GOOD + "formats: float16\n"),
    ("an upstream in hexadecimal", GOOD + "upstream: -0x1.8p-3\n"),
    ("a limit of nothing", GOOD + "accept: {ulps: 0}\n"),
    ("every verdict", GOOD + f"expect: {{staged.dx: [{', '.join(VERDICTS)}]}}\n"),
    ("an expectation of an element", "function: W[0]\npoints: {W: [1]}\nexpect: {'staged.dW[0]': correct}\n"),
    ("a text in quotes that looks like an alias", GOOD + "about: '*a &b !c'\n"),
    ("an empty document beside a case", "---\n---\n" + GOOD + "---\n"),
]


@pytest.mark.parametrize("text", [row[1] for row in RIGHT], ids=[row[0] for row in RIGHT])
def test_what_the_contract_allows_is_no_mistake(text: str) -> None:
    assert messages(text) == []
    assert the_case(text).inputs


def test_all_mistakes_of_a_document_come_at_once_in_file_order() -> None:
    found = messages("nmae: a\nfunction:\npoints: {x: b}\nformats: float\nname: c\nname: d\naccept: 3\n")
    assert [m.split(":")[0] for m in found] == ["1", "2", "3", "4", "6", "7"]


def test_a_document_with_endless_mistakes_is_cut_short_and_says_so() -> None:
    found = messages("".join(f"key{i}: 1\n" for i in range(5_000)) + GOOD)
    assert len(found) == MAX_COMPLAINTS + 1
    assert found[-1].endswith(f"{5_000 - MAX_COMPLAINTS} more complaints about this document are not shown")


# ---------------------------------------------------------------- several documents, several files


def test_a_broken_document_leaves_the_others_alone() -> None:
    loaded = load_text(f"{GOOD}---\nfunction: x\n---\n- 1\n---\nname: last\n{GOOD}---\nname: *a\n", file="f.yaml")
    assert [c.name for c in loaded.cases] == ["f", "last"]
    assert [c.place.line for c in loaded.complaints] == [4, 6, 12, 12, 12]


def test_a_syntax_error_loses_only_what_follows() -> None:
    loaded = load_text(f"{GOOD}---\na: [\n---\n{GOOD}", file="f.yaml")
    assert len(loaded.cases) == 1
    assert len(loaded.complaints) == 1
    assert "this is not YAML" in loaded.complaints[0].message


def test_documents_without_a_name_are_numbered() -> None:
    loaded = load_text(f"{GOOD}---\nname: x\n{GOOD}---\nname: x\n{GOOD}---\n{GOOD}", file="cases/neuron.yaml")
    assert [c.name for c in loaded.cases] == ["neuron", "x", "x", "neuron #2"]


def test_a_folder_is_walked_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "sub/c.YAML", "sub/.hidden.yaml", ".git/d.yaml", "e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    assert [c.name for c in load(tmp_path).cases] == ["a", "b", "c"]
    assert load(tmp_path).complaints == ()
    assert [c.name for c in load(tmp_path / "e.txt").cases] == ["e"]


def test_a_file_that_is_named_twice_is_loaded_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD, encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to(path)
    assert len(load(path, tmp_path, str(path), tmp_path / "link.yaml").cases) == 1


def test_a_file_that_cannot_be_read_leaves_the_others_alone(tmp_path: Path) -> None:
    contents = {"binary": b"\x00\x01\x7fELF", "latin": b"# caf\xc3\xa9\nabout: caf\xe9\n", "good": GOOD.encode()}
    for name, content in contents.items():
        (tmp_path / f"{name}.yaml").write_bytes(content)
    loaded = load(tmp_path, tmp_path / "missing.yaml", "nul\0.yaml")
    assert [c.name for c in loaded.cases] == ["good"]
    assert [(Path(c.place.file).name, c.place.line, c.place.column, c.message[:34]) for c in loaded.complaints] == [
        ("binary.yaml", 1, 1, "the character '\\x00' cannot stand i"[:34]),
        ("latin.yaml", 2, 11, "the file is not text in UTF-8 (byte 0xe9)"[:34]),
        ("missing.yaml", 1, 1, "the file cannot be read: No such file"[:34]),
        ("nul\0.yaml", 1, 1, "a file name cannot contain a NUL character"[:34]),
    ]


def test_a_file_too_large_is_refused_before_it_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD, encoding="utf-8")
    monkeypatch.setattr(sys.modules["verifier.case.load"], "MAX_BYTES", len(GOOD))
    assert len(load(path).cases) == 1
    monkeypatch.setattr(sys.modules["verifier.case.load"], "MAX_BYTES", len(GOOD) - 1)
    assert "split it into several files" in load(path).complaints[0].message


def test_finding_no_case_is_said(tmp_path: Path) -> None:
    assert load(tmp_path).complaints[0].message.startswith("no case found in")
    assert load().complaints[0].message.startswith("no case found")


def test_a_link_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "nowhere")
    assert "cannot be read" in load(tmp_path).complaints[0].message


# ---------------------------------------------------------------- hostile files


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_too_deep_is_refused_and_quickly(opening: str) -> None:
    loaded = load_text(f"{GOOD}---\n{opening * 100_000}", file="f.yaml")
    assert len(loaded.cases) == 1
    assert f"nested more than {MAX_DEPTH} deep" in loaded.complaints[0].message


def test_nesting_up_to_the_limit_is_read() -> None:
    _, broken = read_documents("[" * MAX_DEPTH + "]" * MAX_DEPTH, file="f.yaml")
    assert broken == []
    _, broken = read_documents("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), file="f.yaml")
    assert len(broken) == 1


def test_too_many_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_text(GOOD).complaints == ()
    monkeypatch.setattr(verifier.case.yaml_tree, "MAX_NODES", 10)
    assert "more than 10 nodes" in load_text(GOOD).complaints[0].message


def test_a_bomb_of_aliases_is_refused() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    assert any("the alias '*a' is not accepted" in m for m in messages(bomb))


YAMLISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["x", "dx", "x * y", "nan", "wrong"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["x", "y", "W", "W[0]", "staged", "staged.dx", "forward", "backward", "gradients", "ulps"])
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "name",
        "about",
        "source",
        "function",
        "points",
        "domain",
        "sample",
        "formats",
        "upstream",
        "implementations",
        "accept",
        "residuals",
        "published",
        "expect",
        "hunt",
        "other",
    ]
)
FRAGMENTS = st.lists(
    st.sampled_from(
        ["function: x", "\n", "  ", "- ", "{", "}", "[", "]", ": ", "#", "|", ">", "'", '"', "&a", "*a", "!t", "---", "x", "é", "\t", "?"]
    ),
    max_size=30,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60) | FRAGMENTS)
@example(text="\ud800")
@example(text='"\\ud800"')
@example(text="%YAML 9.9\n---\n")
@example(text="a: \x85b\u2028c\n")
def test_any_text_yields_cases_or_complaints(text: str) -> None:
    loaded = load_text(text)
    assert isinstance(loaded, Loaded)
    assert loaded.cases or loaded.complaints


@settings(max_examples=200, deadline=None)
@given(structure=st.dictionaries(KEYS, YAMLISH, max_size=6))
def test_any_structure_yields_cases_or_complaints(structure: dict[str, object]) -> None:
    loaded = load_text(yaml.safe_dump({"function": "x", "points": {"x": 1}} | structure, allow_unicode=True))
    assert loaded.cases or loaded.complaints


# ---------------------------------------------------------------- numerals


@pytest.mark.parametrize("text", ["3", "-4", "+4", "1e-3", "1E+3", ".5", "5.", "0x1.8p-3", "0X1P3", "0x.8", "1e5000", "9" * 1000])
def test_a_numeral_is_accepted(text: str) -> None:
    assert number_problem(text) is None
    assert isinstance(exact(text), Fraction)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "e3",
        "1e",
        "1_000",
        "1,5",
        "1/3",
        "0x",
        "0x.",
        "0x1p",
        "٣",
        "1 2",
        "nan",
        "-Infinity",
        "1e5001",
        "1e-99999999",
        "9" * 1020,
        "0x1p1024",
    ],
)
def test_what_is_no_numeral_is_refused(text: str) -> None:
    assert number_problem(text) is not None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_exact_value_of_a_hexadecimal_numeral_is_that_float(value: float) -> None:
    assert number_problem(value.hex()) is None
    assert exact(value.hex()) == Fraction(value)


def test_a_hexadecimal_number_of_more_than_53_bits_is_rounded_once() -> None:
    """1 + 2^-24 + 2^-60 is nearest to 1 + 2^-23 in float32; by way of float64 it is a tie, and 1."""
    text = "0x1.000001000000001p0"
    assert exact(text) == 1 + Fraction(1, 2**24) + Fraction(1, 2**60)
    (case,) = load_text(f"function: x * x\npoints: [{{x: {text}}}]\nupstream: {text}\nformats: [float32]\n").cases
    (result,) = verify(case).results
    assert dict(result.point) == {"x": "1.0000001"}
    assert float(result.exact) == 2 * (1 + 2.0**-23) ** 2
