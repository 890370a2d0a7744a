"""Other forms of the statement that sets an array, where each of its components reads the components beside it only: what the search for single numbers finds for one of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

import numpy as np

from verifier.case.components import base
from verifier.case.points import FloatPoint
from verifier.circuit.program import ancestors
from verifier.compare.check import Check
from verifier.language.source import Source
from verifier.search.improve.arrangements import arrangements, new_rewriter
from verifier.search.improve.guilty import Replaceable, written
from verifier.search.improve.lowest_terms import in_lowest_terms
from verifier.search.improve.matching import cancelled
from verifier.search.improve.terms import Pool, Term, text_of

MOST_FORMS = 3
EXPANDED = (0, 3, 6, 9, 12, 16, 24)  # gates to which the names of a statement are written out
COMMON = (0, 1, 2, 4)  # numbers that stand in many formulas, whatever the size of an array is


def elementwise(check: Check, gradient: str, source: Source, start: int, end: int, points: Sequence[FloatPoint], *, deadline: float) -> Iterator[str]:
    """Formulas of the language for a gradient that is an array, set by one statement: the best ones of its first component, with the arrays in the place of their components."""
    claim = next(((v, n) for v, n in check.subject.claims if base(n) == gradient and n != gradient), None)
    if claim is None:
        return
    variable, name = claim
    program, component = check.subject.program, variable[len(base(variable)) :]
    read = {program.steps[i].text for i in ancestors(program, program.names[name]) if program.steps[i].gate == "input"}
    if any(n != base(n) and n[len(base(n)) :] != component for n in read):
        return
    statement = Replaceable(gradient, program.names[name], source, start, end)
    for formula in (*_of_saved_values(check, statement), *_searched(check.alone(name), name, statement, points, deadline)):
        text = _of_arrays(formula, component)
        if text is not None:
            yield text


def _of_saved_values(check: Check, statement: Replaceable) -> list[str]:
    """The value of a statement in lowest terms of the names that it may read."""
    rewriter, texts = new_rewriter(), dict[str, None]()
    for most in EXPANDED:
        found = written(check.subject.program, statement, rewriter.pool, most=most)
        made = [] if found is None else [cancelled(rewriter.pool, t) for t in in_lowest_terms(rewriter.pool, _as_quotient(rewriter.pool, found.term))]
        texts.update((text_of(t, found.names), None) for t in made if found is not None and t is not found.term)
    return sorted(texts, key=len)[:MOST_FORMS]


def _as_quotient(pool: Pool, term: Term) -> Term:
    """A product as a quotient: these can be written in lowest terms."""
    return pool.make("div", term.args[0], pool.make("div", pool.number(1), term.args[1])) if term.op == "mul" else term


def _searched(alone: Check, name: str, statement: Replaceable, points: Sequence[FloatPoint], deadline: float) -> list[str]:
    """What the search for numbers finds, but for series."""
    found = arrangements(alone, name, statement, points, np.ones(len(points)), deadline=deadline)
    return [made.text.partition(" = ")[2] for made in found if not made.certificate][:MOST_FORMS]


def with_sizes(text: str, check: Check, original: str) -> str | None:
    """A statement with the text that the original has for a size of an array in the place of the number that it is here; None where that is not clear: another array may have another size."""
    texts = {ast.unparse(n) for n in ast.walk(ast.parse(original)) if isinstance(n, ast.expr) and _is_size(n)}
    if not texts:
        return text
    sizes = {len(v) for v in _members(check).values() if len(v) > 1}
    numbers = [n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant)]
    at = [v for v in numbers if v in sizes]
    if len(texts) > 1 or len(at) != 1 or at[0] in COMMON or str(at[0]) in original:
        return None
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field, child in ast.iter_fields(node):
            if isinstance(child, ast.Constant) and child.value == at[0]:
                setattr(node, field, ast.parse(next(iter(texts)), mode="eval").body)
    return ast.unparse(tree)


def _is_size(node: ast.expr) -> bool:
    """Whether an expression is the length of an array."""
    if isinstance(node, ast.Call):
        return (isinstance(node.func, ast.Attribute) and node.func.attr in ("numel", "size")) or (isinstance(node.func, ast.Name) and node.func.id == "len")
    is_shape = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
    return is_shape or (isinstance(node, ast.Attribute) and node.attr == "size")


def _members(check: Check) -> dict[str, list[str]]:
    """The components of every array that is an input."""
    found: dict[str, list[str]] = {}
    for name in check.subject.program.inputs:
        found.setdefault(base(name), []).append(name)
    return found


def _of_arrays(formula: str, component: str) -> str | None:
    """A formula of components with the arrays in their place; None where it reads another component."""
    text = ast.unparse(ast.parse(formula, mode="eval"))
    shown = ast.unparse(ast.parse(f"x{component}", mode="eval"))[1:]
    found = text.replace(shown, "")
    return None if "[" in found else found


__all__ = ["elementwise", "with_sizes"]
