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
from verifier.language.grammar import block
from verifier.language.numeral import MAX_DIGITS, MAX_EXPONENT
from verifier.language.tokens import KEYWORDS, LanguageError
from verifier.language.trees import parse_expression, parse_program

if TYPE_CHECKING:
    from verifier.language.trees import Node

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
    ("part", "message"),
    [
        ("({})", "brackets are nested more than 100 deep"),
        ("exp({})", "brackets are nested more than 100 deep"),
        ("[{}]", "brackets are nested more than 100 deep"),
        ("-{}", "the expression is nested more than 100 deep"),
        ("not {}", "the expression is nested more than 100 deep"),
        ("x**{}", "the expression is nested more than 100 deep"),
        ("x if x else {}", "the expression is nested more than 100 deep"),
    ],
)
def test_what_is_nested_too_deep_is_refused_before_it_can_do_harm(part: str, message: str) -> None:
    def nested(times: int) -> str:
        left, right = part.split("{}")
        return left * times + "x" + right * times

    assert parse_expression(nested(90))[-1]
    for times in (150, 1_500):
        with pytest.raises(LanguageError, match=message):
            parse_expression(nested(times))
    for times in (10_000, 100_000):
        with pytest.raises(LanguageError, match=r"100 deep|more than 2000 operators|at most 1000000"):
            parse_expression(nested(times))


def test_a_sum_may_be_long_and_one_of_thousands_of_terms_is_told_to_be_split() -> None:
    assert len(parse_expression("x" + " + x" * 1_999)) == 3_999
    with pytest.raises(LanguageError, match="more than 2000 operators; give parts of it names of their own"):
        parse_expression("x" + " + x" * 2_001)
    assert len(parse_program("y = [" + "x + 1, " * 5_000 + "]")[0]) == 1


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(LanguageError, match="a text has at most 1000000"):
        parse_expression(" " * 1_000_001)
    assert [e.message for e in parse_program("x = 1\n" * 200_000)[1]] == ["the text has 1200000 characters; a text has at most 1000000"]


def test_a_missing_parenthesis_among_many_is_found() -> None:
    with pytest.raises(LanguageError, match="never closed") as caught:
        parse_expression("(" * 90 + "x" + ")" * 89)
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
        ("x ^ 2", 2, "'^' is not a power; write '**'"),
        ("x = 1", 2, "'=' inside an expression; write '==' to compare"),
        ("x if y", 2, "'if' needs an 'else'"),
        ("lambda", 0, "'lambda' is not part of the language: write the expression out"),
        ("x = 1 + (2", 2, "'=' inside an expression; write '==' to compare"),
        ("f(1)(", 5, "the expression ends where a value is expected"),
        ("x @ [1, 2", 4, "'[' is never closed"),
        ("x[0}", 1, "'[' is never closed"),
        ("x := 2", 2, "':=' is not part of the language: give the value a line of its own"),
        ("(x := 2)", 1, "':=' is not part of the language: give the value a line of its own"),
        ("x << 2", 2, "'<<' is not part of the language; multiply by a power of 2"),
        ("f'{x}'", 0, "an f-string is not part of the language"),
        ("007", 0, "'007' begins with a zero; write 7"),
        ("x + 'a", 4, "a text in quotes is never closed"),
        ("x + \x00", 4, "unexpected character '\\x00'"),
        ("é + ü * lambda x: 1", 8, "'lambda' is not part of the language: write the expression out"),
        ("2x", 0, "'2x' is neither a number nor a name"),
        ("1e9999", 0, f"the exponent of '1e9999' is beyond {MAX_EXPONENT}"),
        ("1" * 1017, 0, f"'{'1' * 40}...' has 1017 characters; a number has at most {MAX_DIGITS} digits"),
        ("x * 1__0", 4, "'1__0' is not a number; write decimal text such as 3, -0.5 or 1e-3, or hexadecimal such as 0x1.8p-3"),
        ("\ufb01", 0, "the name 'ﬁ' has a character with more than one spelling; write 'fi'"),
    ],
)
def test_a_mistake_in_an_expression_is_named_where_it_is(text: str, offset: int, message: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse_expression(text)
    assert (caught.value.offset, caught.value.message) == (offset, message.replace('"\'"', "'''"))


@pytest.mark.parametrize("line", ["import numpy as np", "import torch", "import jax.numpy as jnp", "import numpy as np, math", "from math import exp, sin", "from jax import numpy as jnp"])
def test_the_imports_of_a_pasted_cell_are_read_over(line: str) -> None:
    trees, errors = block(f"{line}\nx = exp(y)")
    assert errors == []
    assert len(trees) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import os", "only numpy, math, torch and jax may be imported here (their functions are known); remove this line"),
        ("import numpy as np, os", "only numpy, math, torch and jax may be imported here (their functions are known); remove this line"),
        ("from os import path", "only numpy, math, torch and jax may be imported here (their functions are known); remove this line"),
        ("for i in range(3):", "the lines of 'for' must stand below it, further to the right"),
        ("for i range(3): x = i", "'for' is written as in 'for i in range(3):'"),
        ("if x > : x = 1", "the expression ends where a value is expected"),
        ("if x > 0", "':' is missing at the end of 'if'"),
        ("else: x = 1", "'else' without its 'if'"),
        ("def f(*args): x = 1", "a function takes named arguments only, as in 'def f(x, y=1):'"),
        ("while x > 0: x = 1", "'while' is not part of the language: write for i in range(n), where n does not depend on the inputs"),
        ("x: float = 1", "an annotation is not part of the language: write 'name = expression'"),
        ("with = 1", "'with' is a word of Python and cannot be a name"),
        ("f(x) = 1", "the left side of '=' must be a name, as in 'dx = ...' or 'dW[0] = ...'"),
        ("y =", "the value of 'y' is missing after '='"),
        ("a = b += 1", "'+=' cannot follow another assignment"),
    ],
)
def test_a_line_that_is_no_statement_is_told_what_to_do(line: str, message: str) -> None:
    statements, errors = parse_program(f"y = 1\n  {line}\nz = 2")
    assert [s.target for s in statements] == ["y", "z"], "the other lines are read all the same"
    assert [(e.offset >= 8, e.message) for e in errors] == [(True, message)]


def test_a_pasted_cell_is_read_as_it_stands() -> None:
    statements, errors = parse_program(
        "f = 1.0 / (1 + math.exp(-dot)) # sigmoid\n\ndW[0] = np . exp(x); dx += (2 * x\n" "a = b = 1_000.5e-3 \\\n  + 2\nx **= 2  #(1)\n"
    )
    assert [e.message for e in errors] == ["'(' is never closed"]
    assert [(s.target, s.augmented) for s in statements] == [("f", ""), ("dW[0]", ""), ("b", ""), ("a", ""), ("x", "pow")]
    assert shape(statements[0].nodes) == ("div", "1.0", ("add", "1", ("exp", ("neg", "dot"))))
    assert shape(statements[2].nodes) == ("add", "1000.5e-3", "2")


def test_what_only_prints_checks_or_explains_is_read_over() -> None:
    statements, errors = parse_program('"""Forward."""\nx = 1\nprint x, y\nprint(x,\n      y)\nassert x > 0, "positive"\npass\nprint = 2\n')
    assert [s.target for s in statements] == ["x", "print"]
    assert errors == []
    assert "print" not in KEYWORDS


def test_blocks_are_read_by_their_indentation() -> None:
    trees, errors = block("for i in range(3):\n    x = i\n\n    if i: y = 2; z = 3  # both\n    elif x:\n        y = 3\n    else:\n        y = (1 +\n 2)\nw = 1\n  v = 2")
    assert errors == []
    assert [type(t).__name__ for t in trees] == ["For", "Assign", "Assign"]
    assert ast.unparse(trees[0]).splitlines() == ["for i in range(3):", "    x = i", "    if i:", "        y = 2", "        z = 3", "    elif x:", "        y = 3", "    else:", "        y = 1 + 2"]


def test_a_mistake_inside_a_block_hides_none_of_the_other_lines() -> None:
    _, errors = block("for i in range(3):\n    x = i +\n    y = (i\n    z = i * * 2\ndef f(a):\n    b = a ^ 2\n    return b")
    assert [e.offset for e in errors] == [30, 39, 54, 78]


def test_columns_count_characters_also_after_letters_of_several_bytes() -> None:
    text = "é = αβ + 1; ü = é * 0.10"
    assert [[text[n.start : n.end] for n in s.nodes] for s in parse_program(text)[0]] == [["αβ", "1", "αβ + 1"], ["é", "0.10", "é * 0.10"]]


def test_every_node_keeps_its_place_and_every_number_its_text() -> None:
    text = "x + 0.10 * exp(-  y)"
    spans = {text[n.start : n.end] for n in parse_expression(text)}
    assert spans == {"x", "0.10", "y", "-  y", "exp(-  y)", "0.10 * exp(-  y)", text}


def test_the_place_of_a_mistake_inside_a_block_is_that_of_the_file() -> None:
    assert complaints("function: x\npoints: [{x: 1}]\nimplementations:\n  a:\n    backward: |\n      t = 1\n      dx = t +* 2\n") == [
        "7:15: a value is missing before '*' in implementations.a.backward"
    ]
