"""Edits of array code tried on floats, all statements from the edited one on: quick enough for thousands; and terms that make up what is missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from verifier.blame.formula.array_lines import Wrong
from verifier.blame.formula.float_arrays import NotEvaluated, execute
from verifier.blame.formula.rerun import Rerun, own
from verifier.trace.edit_rows import ReadableNames
from verifier.trace.edits import Edited

FloatArray: TypeAlias = Any  # an array of floats
NEAR = 1e-9  # relative distance from the exact value of an edited one that is worth a certificate: a choice of what to certify, no verdict
TINY = 1e-12  # the same, of the largest component of an array


def columns_of(rerun: Rerun, name: str) -> list[list[float]] | None:
    """The values of the components of a name at this moment, at every point."""
    held = rerun.holds(name)
    return None if held is None else [rerun.values[s] for s in held.steps]


def set_by(tree: ast.stmt) -> set[str]:
    """The names in the targets of a statement."""
    targets = tree.targets if isinstance(tree, ast.Assign) else [tree.target] if isinstance(tree, ast.AugAssign) else []
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


@dataclass
class Quick:
    """The units from one on, run on floats, and what must come out."""

    rerun: Rerun
    claimed: Mapping[str, list[list[float]]]
    wrong: frozenset[str]
    number: int
    w: Wrong | None
    wanted: frozenset[str]
    names: dict[str, object]
    exact: dict[int, dict[str, FloatArray]]
    original: dict[str, FloatArray]
    all_of_them: bool = False

    def run(self, trees: Sequence[ast.stmt]) -> dict[str, Any] | None:
        """The names after all units, the first of which is given; None where the needed array is not right, or something cannot be run."""
        names: dict[str, Any] = own(self.names)
        units = self.rerun.units
        for number in range(self.number, len(units)):
            try:
                for tree in trees if number == self.number else [units[number].tree]:
                    execute(tree, names)
            except NotEvaluated:
                return None
            if self.w is not None and number == self.w.unit and not near(names.get(self.w.name), self.needed):
                return None
            for name, value in self.exact.get(number, {}).items():
                if getattr(names.get(name), "shape", ()) != value.shape:
                    return None
                names[name] = np.where(np.isnan(value), names[name], value)
        return names

    @cached_property
    def needed(self) -> FloatArray:
        """What the wrong array should be; NaN where that does not matter."""
        assert self.w is not None
        return np.array([float(x[0].mid()) if f >= 0 else np.nan for x, f in zip(self.w.needed, self.w.forward, strict=True)])

    def is_right(self, trees: Sequence[ast.stmt]) -> bool:
        """Whether some wrong gradient is right after the edit, and none is worse than before."""
        names = self.run(trees)
        if names is None:
            return False
        improved = False
        for name, exact in self.claimed.items():
            now = names.get(name)
            if near(now, np.array([c[0] for c in exact])):
                improved |= name in self.wanted
            elif (self.all_of_them and name in self.wanted) or self.w is not None or name not in self.wrong or not near(now, self.original[name]):
                return False
        return improved


MOST_OF_A_TERM = 14  # names that a missing term may be made of
PART = "a term"  # a name that no program has
MOST_PRODUCTS = 400  # that are tried as terms in a loop


def missing_terms(quick: Quick, tree: ast.stmt, scope: ReadableNames) -> Iterator[Edited]:
    """Terms that make up the whole difference between what a wrong array is after its last statement and what it should be: products, means and sums of arrays in scope."""
    w = quick.w
    if w is None or w.unit != quick.number or w.name not in set_by(tree) or not (names := _names_after(quick, tree)):
        return
    computed = np.asarray(names.get(w.name), dtype=float)
    if computed.size != len(w.forward):
        return
    rest = quick.needed.reshape(computed.shape) - computed
    if np.all(np.abs(rest - computed) <= NEAR * np.abs(computed)) or any(_is_multiple(rest, part) for part in _summands(quick, tree)):
        return  # `a + a`, which nobody writes: a factor or a division is missing
    arrays = {n: np.asarray(names[n], dtype=float) for n in scope.names if isinstance(names.get(n), float | int | np.ndarray | np.generic) and n != w.name}
    arrays = dict(list(arrays.items())[:MOST_OF_A_TERM])
    with np.errstate(all="ignore"):
        outer: list[tuple[str, FloatArray]] = [("", np.array(1.0)), *((f" * {n}", a) for n, a in arrays.items()), *((f" / {n}", 1 / a) for n, a in arrays.items())]
    for factors, (text, value) in ((some, term) for some in (outer[:1], outer[1:]) for term in _terms(arrays, computed.ndim)):
        with np.errstate(all="ignore"):
            found = _factor(rest, value, factors)
        if found is not None:
            sign, factor = found
            new = ast.parse(f"{w.name} = {w.name} {sign} {text}{factor}").body[0]
            yield Edited(ast.fix_missing_locations(new), f"the term `{sign} {text}{factor}` is missing", None, after=True)


def _summands(quick: Quick, tree: ast.stmt) -> Iterator[FloatArray]:
    """The values of the terms that a statement adds up."""
    pending: list[ast.expr] = [tree.value] if isinstance(tree, ast.Assign | ast.AugAssign) and isinstance(tree.value, ast.BinOp) else []
    while pending:
        part = pending.pop()
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add | ast.Sub):
            pending += [part.left, part.right]
        else:
            names: dict[str, Any] = own(quick.names)
            try:
                execute(ast.fix_missing_locations(ast.Assign([ast.Name(PART, ast.Store())], part, lineno=1)), names)
            except NotEvaluated:
                continue
            yield np.asarray(names[PART], dtype=float)


def _is_multiple(rest: FloatArray, part: FloatArray) -> bool:
    """Whether what is missing is a term that stands there already, once more or turned round."""
    return part.shape == rest.shape and any(near(sign * part, rest.ravel()) for sign in (1, -1, -2))


def missing_products(quick: Quick, tree: ast.stmt) -> Iterator[Edited]:
    """Products of an array that the same loop sets with any other, to be added in every round to what a statement of the loop sets."""
    target = tree.targets[0] if isinstance(tree, ast.Assign) and len(tree.targets) == 1 else tree.target if isinstance(tree, ast.AugAssign) else None
    after = quick.run([quick.rerun.units[quick.number].tree]) if isinstance(target, ast.Name) and quick.w is None else None
    shape = getattr((after or {}).get(getattr(target, "id", "")), "shape", None)
    if after is None or shape is None or not isinstance(target, ast.Name):
        return
    arrays = {n: a.shape for n, a in after.items() if isinstance(a, np.ndarray) and a.dtype == float and n != target.id}
    texts = []
    for n, a in arrays.items():
        for m, b in arrays.items() if n in quick.rerun.units[quick.number].sets else ():
            texts += [f"{n} * {m}"] if a == shape and b in (shape, shape[1:]) else []
            if len(a) == len(b) == len(shape) == 2:
                both = ((n, a, m, b), (n, a, f"{m}.T", b[::-1]), (f"{n}.T", a[::-1], m, b), (m, b, n, a), (m, b, f"{n}.T", a[::-1]), (f"{m}.T", b[::-1], n, a))
                texts += [f"{x} @ {y}" for x, s, y, t in both if s[1] == t[0] and (s[0], t[1]) == shape]
    for text in dict.fromkeys(texts[:MOST_PRODUCTS]):
        new = ast.parse(f"{target.id} = {target.id} + {text}").body[0]
        yield Edited(ast.fix_missing_locations(new), f"the term `+ {text}` is missing", None, after=True)


def _names_after(quick: Quick, tree: ast.stmt) -> dict[str, object] | None:
    names: dict[str, object] = own(quick.names)
    try:
        execute(tree, names)
    except NotEvaluated:
        return None
    return names


def _factor(rest: FloatArray, value: FloatArray, outer: Sequence[tuple[str, FloatArray]]) -> tuple[str, str] | None:
    """The sign and the factor with which a term is what is left; None where it is not."""
    for text, factor in outer:
        if not _fit(value, factor):
            continue
        product_of = value * factor
        if not _fit(product_of, rest) or product_of.ndim > rest.ndim or product_of.size > rest.size or not product_of.size:
            continue
        for sign in (1, -1):
            first = sign * product_of.flat[0]
            if abs(first - rest.flat[0]) <= NEAR * abs(first) and first != 0 and near(np.broadcast_to(sign * product_of, rest.shape), rest.ravel()):
                return "+" if sign > 0 else "-", text
    return None


def _terms(arrays: dict[str, FloatArray], dimensions: int) -> Iterator[tuple[str, FloatArray]]:
    """Arrays, their means and sums over an axis, products of two, and of one with such a mean of a product."""
    axes = range(max(dimensions, 1))
    for n, a in arrays.items():
        yield n, a
    for n, a in arrays.items():
        for axis in axes:
            if a.ndim > axis:
                yield f"{n}.mean(axis={axis}, keepdims=True)", a.mean(axis=axis, keepdims=True)
                yield f"{n}.sum(axis={axis}, keepdims=True)", a.sum(axis=axis, keepdims=True)
    for (n, a), (m, b) in product(arrays.items(), repeat=2):
        if n < m and _fit(a, b):
            yield f"{n} * {m}", a * b
        if a.ndim == b.ndim == 1 and dimensions == 2:
            yield f"np.outer({n}, {m})", np.outer(a, b)
        if a.ndim == 2 and b.ndim == 2:
            for first, left in ((n, a), (f"{n}.T", a.T)):
                for second, right in ((m, b), (f"{m}.T", b.T)):
                    if left.shape[1] == right.shape[0]:
                        yield f"{first} @ {second}", left @ right
        if a.ndim and _fit(a, b):
            for axis in axes:
                if (a * b).ndim > axis:
                    for kind in ("mean", "sum"):
                        yield f"{n} * ({n} * {m}).{kind}(axis={axis}, keepdims=True)", a * getattr(a * b, kind)(axis=axis, keepdims=True)


def _fit(a: FloatArray, b: FloatArray) -> bool:
    return all(x == y or 1 in (x, y) for x, y in zip(a.shape[::-1], b.shape[::-1], strict=False))


def near(value: object, exact: FloatArray) -> bool:
    """Whether an array of floats is nearly the exact one, wherever that is a number."""
    try:
        flat = np.asarray(value, dtype=float).ravel()
    except (TypeError, ValueError):
        return False
    if flat.shape != exact.shape or not flat.size:
        return False
    size = np.nanmax(np.abs(exact), initial=0.0)
    with np.errstate(all="ignore"):
        return bool(np.all(np.isnan(exact) | (np.abs(flat - exact) <= NEAR * np.abs(exact) + TINY * size)))


def quick_from(rerun: Rerun, claimed: Mapping[str, list[list[float]]], number: int, *, w: Wrong | None, wrong: frozenset[str], wanted: frozenset[str], all_of_them: bool) -> Quick | None:
    """The units from one on, on floats; None where that is not possible: where without an edit they do not give what they gave."""
    if not rerun.run(0):
        return None
    exact = {n: {name: np.array([c[0] for c in columns]).reshape(rerun.held[n, name].shape) for name, columns in given.items()} for n, given in rerun.exact.items()}
    original = {name: np.array([c[0] for c in columns]) for name, columns in ((n, columns_of(rerun, n)) for n in claimed) if columns is not None}
    found = Quick(rerun, claimed, wrong, number, None, wanted, rerun.environment(number), exact, original, all_of_them)
    names = found.run([rerun.units[number].tree])
    if names is None or not all(near(names.get(n), value) for n, value in original.items()) or original.keys() != claimed.keys():
        return None
    return replace(found, w=w)
