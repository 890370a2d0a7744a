"""The language: the trees are Python's, the bounds hold, and only a LanguageError ever comes out."""

from __future__ import annotations

import ast
import contextlib
import functools
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.texts import complaints
from verifier.language.grammar import parse_expression, parse_program
from verifier.language.numeral import MAX_DIGITS, MAX_EXPONENT
from verifier.language.tokens import KEYWORDS, LanguageError

if TYPE_CHECKING:
    from verifier.language.grammar import Node

_OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.BitAnd: "and", ast.BitOr: "or",
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne", ast.And: "and", ast.Or: "or",
    ast.USub: "neg", ast.Not: "not", ast.Invert: "not",
}  # fmt: skip


def shape(nodes: tuple[Node, ...]) -> object:
    """Our tree as nested tuples."""
    built: list[object] = []
    for node in nodes:
        built.append(node.text if node.op in ("number", "name") else (node.op, *(built[a] for a in node.args)))
    return built[-1]


def python_shape(e: ast.expr) -> object:
    """Python's tree as nested tuples; a chain of `and` leans to the left, of comparisons to the right."""
    match e:
        case ast.Name(name):
            return name
        case ast.Constant(value):
            return str(value)
        case ast.BinOp(left, operator, right):
            return (_OPERATORS[type(operator)], python_shape(left), python_shape(right))
        case ast.UnaryOp(ast.UAdd(), value):
            return python_shape(value)
        case ast.UnaryOp(operator, value):
            return (_OPERATORS[type(operator)], python_shape(value))
        case ast.BoolOp(operator, values):
            total = python_shape(values[0])
            for value in values[1:]:
                total = (_OPERATORS[type(operator)], total, python_shape(value))
            return total
        case ast.Compare(left, operators, others):
            values = [python_shape(v) for v in (left, *others)]
            links = [(_OPERATORS[type(o)], a, b) for o, a, b in zip(operators, values, values[1:], strict=False)]
            return functools.reduce(lambda rest, link: ("and", link, rest), reversed(links))
        case ast.IfExp(condition, value, other):
            return ("where", python_shape(condition), python_shape(value), python_shape(other))
        case ast.Call(ast.Name(name), arguments):
            return (name, *map(python_shape, arguments))
    raise AssertionError(ast.dump(e))


def _infix(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = ("+", "-", "*", "/", "**", "<", "<=", "==", "!=", ">", ">=", "and", "or", "&", "|")
    return st.one_of(
        st.tuples(inner, st.sampled_from(operators), inner).map(" ".join),
        st.tuples(st.sampled_from(("-", "+", "not ", "~")), inner).map("".join),
        st.tuples(inner, inner, inner).map(lambda t: f"{t[0]} if {t[1]} else {t[2]}"),
        inner.map(lambda a: f"({a})"),
        inner.map(lambda a: f"exp({a})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
    )


@given(st.recursive(st.sampled_from(("a", "b", "c", "1", "2")), _infix, max_leaves=12))
@example("-a ** -b ** c")
@example("a - b - c ** 2 ** a / b * c")
@example("a < b < c == a and not b or c")
@example("a if b else b if c else a + 1")
@example("not a == b")
@example("a & b < c | a")
@example("(a < b) < c")
def test_a_tree_has_the_shape_that_python_gives_it(text: str) -> None:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:  # `a + not b`: not an expression of Python, so nobody pastes it
        assume(False)
    assert shape(parse_expression(text)) == python_shape(tree.body)


def test_the_comparison_of_shapes_can_tell_trees_apart() -> None:
    assert shape(parse_expression("(a - b) - c")) != python_shape(ast.parse("a - (b - c)", mode="eval").body)
    assert shape(parse_expression("(-a)**2")) != python_shape(ast.parse("-a**2", mode="eval").body)


@given(st.text())
@example("\ufb01 = 1")
@example("1__0e")
@example("9" * 5000)
@example("1e99999999999999999999")
@example("²")
@example("x = ٣")
def test_arbitrary_text_yields_a_tree_or_a_language_error(text: str) -> None:
    with contextlib.suppress(LanguageError):
        parse_expression(text)
    statements, errors = parse_program(text)
    assert all(0 <= e.offset <= len(text) for e in errors)
    assert all(0 <= s.start <= s.end <= len(text) for s in statements)


@given(st.lists(st.sampled_from(("x", "y", "1.5", "+", "-", "*", "**", "/", "(", ")", ",", "[", "]", "0", "=", "+=", "\n", ";", "if", "else", "not", "and", "<", "==", "exp", "~", "&", "#", "1e5", "dW[0]", "math.exp(")), max_size=25))
def test_arbitrary_symbols_yield_statements_or_language_errors(words: list[str]) -> None:
    text = " ".join(words)
    statements, _ = parse_program(text)
    for statement in statements:
        assert all(a < i for i, n in enumerate(statement.nodes) for a in n.args), "operands come before operators"
    with contextlib.suppress(LanguageError):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000 + "x" + ")" * 10_000, "-" * 10_000 + "x", "exp(" * 10_000 + "x" + ")" * 10_000, "x**" * 10_000 + "x", "x if x else " * 10_000 + "x", "x" + " + x" * 50_000],
    ids=["parentheses", "minuses", "calls", "powers", "choices", "100,000 nodes"],
)
def test_depth_and_length_do_not_matter(text: str) -> None:
    start = time.process_time()
    parse_expression(text)
    assert time.process_time() - start < 10, "a tree of 100,000 nodes takes well under a second"


def test_a_missing_parenthesis_among_ten_thousand_is_found() -> None:
    with pytest.raises(LanguageError, match="never closed") as caught:
        parse_expression("(" * 10_000 + "x" + ")" * 9_999)
    assert caught.value.offset == 0


def test_a_tower_of_powers_is_only_a_tree() -> None:
    assert shape(parse_expression("9**9**9**9")) == ("pow", "9", ("pow", "9", ("pow", "9", "9")))


def test_a_tower_of_powers_in_a_case_ends_at_once() -> None:
    from verifier.case.load import load_text
    from verifier.many import verify_safely

    (case,) = load_text("function: x * 9**9**9**9\npoints: [{x: 1}]\n", file="t.yaml").cases
    start = time.process_time()
    report = verify_safely(case)
    assert time.process_time() - start < 30
    assert "the tool failed" not in str(report.findings)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("x +", 3, "the expression ends where a value is expected"),
        ("x + * y", 4, "a value is missing before '*'"),
        ("x y", 2, "an operator is missing before 'y'"),
        ("(x", 0, "'(' is never closed"),
        ("x)", 1, "')' has no matching '('"),
        ("exp()", 0, "'exp()' has no arguments"),
        ("x // y", 2, "'//' is not part of the language; write floor(a / b)"),
        ("x % y", 2, "'%' is not part of the language; write fmod(a, b)"),
        ("x ^ 2", 2, "'^' is not a power; write '**'"),
        ("W @ x", 2, "'@' is not part of the language yet; write the sum of products out"),
        ("x = 1", 2, "'=' inside an expression; write '==' to compare"),
        ("W[i]", 1, "the subscript of 'W' must be a plain number, as in W[0]"),
        ("[1, 2]", 0, "a list is not a value: vector inputs are used element by element, as in W[0]"),
        ("f(a=1)", 3, "keyword arguments are not part of the language"),
        ("x, y", 1, "a comma may only separate the arguments of a call"),
        ("x if y", 2, "'if' needs an 'else'"),
        ("lambda", 0, "'lambda' is not part of the language: write the expression out"),
        ("True", 0, "'True' is not part of the language"),
        ("os.system(1)", 0, "'os.system' is not part of the language: only the prefixes math., np., numpy., torch., jnp. and scipy.special. are read"),
        ("2x", 0, "'2x' is neither a number nor a name"),
        ("1e9999", 0, f"the exponent of '1e9999' is beyond {MAX_EXPONENT}"),
        ("1" * 1017, 0, f"'{'1' * 40}...' has 1017 characters; a number has at most {MAX_DIGITS} digits"),
        ("x * 1__0", 4, "'1__0' is not a number; write decimal text such as 3, -0.5 or 1e-3, or hexadecimal such as 0x1.8p-3"),
        ("\ufb01", 0, "the name 'ﬁ' has a character with more than one spelling; write 'fi'"),
        ("__import__('os')", 11, 'a value is missing before "\'"'),
    ],
)
def test_a_mistake_in_an_expression_is_named_where_it_is(text: str, offset: int, message: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse_expression(text)
    assert (caught.value.offset, caught.value.message) == (offset, message.replace('"\'"', "'''"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("print dx, dy", "printing is not part of a program: remove this line (figures that were printed belong under 'published')"),
        ("print(dx)", "printing is not part of a program: remove this line (figures that were printed belong under 'published')"),
        ("import math", "an import is not needed: the functions of math and numpy are known here; remove this line"),
        ("from math import exp", "an import is not needed: the functions of math and numpy are known here; remove this line"),
        ("for i in range(3):", "loops are not part of the language: write the steps out"),
        ("if x > 0:", "a branch is written where(condition, a, b)"),
        ("return x", "'return' is not part of the language: the last assigned name is the output"),
        ("a, b = 1, 2", "one name is assigned at a time: write a line for each"),
        ("f(x) = 1", "the left side of '=' must be a name, as in 'dx = ...' or 'dW[0] = ...'"),
        ("x + 1", "a line must assign to a name: 'name = expression' or 'name += expression'"),
        ("y =", "the value of 'y' is missing after '='"),
        ("a = b += 1", "'+=' cannot follow another assignment"),
        ("W = [a, 2]", "a list may hold numbers only, the example values of a vector input"),
    ],
)
def test_a_line_that_is_no_statement_is_told_what_to_do(line: str, message: str) -> None:
    statements, errors = parse_program(f"y = 1\n  {line}\nz = 2")
    assert [s.target for s in statements] == ["y", "z"], "the other lines are read all the same"
    assert [(e.offset >= 8, e.message) for e in errors] == [(True, message)]


def test_a_pasted_cell_is_read_as_it_stands() -> None:
    statements, errors = parse_program(
        "f = 1.0 / (1 + math.exp(-dot)) # sigmoid\n\ndW[0] = np . exp(x); dx += (2 * x,)[0]\n" "a = b = 1_000.5e-3 \\\n  + 2\nx **= 2  #(1)\n"
    )
    assert [e.message for e in errors] == ["a comma may only separate the arguments of a call"]
    assert [(s.target, s.augmented) for s in statements] == [("f", ""), ("dW[0]", ""), ("b", ""), ("a", ""), ("x", "pow")]
    assert shape(statements[0].nodes) == ("div", "1.0", ("add", "1", ("exp", ("neg", "dot"))))
    assert shape(statements[2].nodes) == ("add", "1000.5e-3", "2")


def test_a_name_may_be_a_word_of_python_that_is_no_word_of_the_language() -> None:
    assert "print" not in KEYWORDS
    statements, errors = parse_program("with = 1\nprint = 2")
    assert [s.target for s in statements] == ["with", "print"]
    assert errors == []


def test_every_node_keeps_its_place_and_every_number_its_text() -> None:
    text = "x + 0.10 * exp(-  y)"
    spans = {text[n.start : n.end] for n in parse_expression(text)}
    assert spans == {"x", "0.10", "y", "-  y", "exp(-  y)", "0.10 * exp(-  y)", text}


def test_the_place_of_a_mistake_inside_a_block_is_that_of_the_file() -> None:
    assert complaints("function: x\npoints: [{x: 1}]\nimplementations:\n  a:\n    backward: |\n      t = 1\n      dx = t +* 2\n") == [
        "7:15: a value is missing before '*' in implementations.a.backward"
    ]
