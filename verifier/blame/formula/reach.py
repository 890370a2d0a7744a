"""Which statements of a user's code the wrong gradients come from: the value of each is moved a little, and what moves with it is seen."""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any

from verifier.trace.rewrite import Body, replaced

MOVED = "value_moved_a_little"  # the name under which a function finds `_moved`
FACTOR, TERM = 1 + 2.0**-7, 2.0**-9  # by which a value is moved: it is not the same afterwards, whether it is 0 or not
Reaches = Mapping[ast.stmt, "Reach"]


class Reach(IntEnum):
    """How a statement stands to the gradients that are wrong. The lower it is, the likelier does a single mistake stand there."""

    SOLE = 0  # all that is wrong moves with it, and nothing that is right
    PLAIN = 1  # likewise, but it computes nothing: it gives what it reads other names, or returns it
    UNKNOWN = 2  # it could not be moved
    SHARED = 3  # all that is wrong moves with it, and some of what is right
    APART = 4  # not all that is wrong moves with it: no edit of it alone is a repair


class OtherFunction(ValueError):
    """An edit changes the outputs of the function itself."""


def reaches(places: Sequence[tuple[Body, ast.stmt]], run: Callable[[], dict[str, float]], wrong: Collection[str], right: Collection[str]) -> dict[ast.stmt, Reach]:
    """How each statement stands to the components that are `wrong`, and to those that are `right`. `run` gives the gradients by component; it raises OtherFunction where the outputs are others."""
    before = run()
    return {old: min((max(level, _reach(body, old, new, run, before, wrong, right)) for new, level in _probes(old)), default=Reach.UNKNOWN) for body, old in places}


def _computes(part: ast.expr) -> bool:
    """Whether an expression is more than a name, or a part of what a name stands for."""
    return not isinstance(part, ast.Name | ast.Attribute | ast.Starred) and not (isinstance(part, ast.Tuple | ast.List) and not any(map(_computes, part.elts)))


def _reach(body: Body, old: ast.stmt, new: ast.stmt, run: Callable[[], dict[str, float]], before: Mapping[str, float], wrong: Collection[str], right: Collection[str]) -> Reach:
    """How one part of the value of a statement stands to the gradients."""
    space = body.function.__globals__
    try:
        with warnings.catch_warnings(), replaced(body, old, new):
            warnings.simplefilter("ignore")
            space[MOVED] = _moved
            after = run()
    except OtherFunction:
        return Reach.APART
    except Exception:  # noqa: BLE001 - the user's code, with another value: whatever it raises, nothing is known of the statement
        return Reach.UNKNOWN
    finally:
        space.pop(MOVED, None)
    moved = {name for name, value in after.items() if value != before[name] and not math.isnan(value + before[name])}
    if not moved:
        return Reach.UNKNOWN
    if not moved.issuperset(wrong):
        return Reach.APART
    return Reach.SHARED if moved.intersection(right) else Reach.SOLE


def _probes(tree: ast.stmt) -> Iterator[tuple[ast.stmt, Reach]]:
    """The statement with each part of its value moved in turn, the elements of a tuple, the arguments of a call whose result is not kept; and the lowest reach that it may have by this part."""
    value = getattr(tree, "value", None)
    parts: Sequence[Any] = value.elts if isinstance(value, ast.Tuple) else value.args if isinstance(tree, ast.Expr) and isinstance(value, ast.Call) else [value]
    for k, part in enumerate(parts):
        if not isinstance(part, ast.expr) or isinstance(part, ast.Starred):
            continue
        call = ast.Call(ast.Name(MOVED, ast.Load()), [part], [])
        new = type(tree)(**dict(ast.iter_fields(tree)))
        if isinstance(value, ast.Tuple):
            call_in: ast.expr = ast.Tuple([*value.elts[:k], call, *value.elts[k + 1 :]], ast.Load())
        elif part is not value:
            assert isinstance(value, ast.Call)
            call_in = ast.Call(value.func, [*value.args[:k], call, *value.args[k + 1 :]], value.keywords)
        else:
            call_in = call
        new.value = call_in  # type: ignore[attr-defined]
        yield ast.fix_missing_locations(ast.copy_location(new, tree)), Reach.SOLE if _computes(part) or isinstance(tree, ast.AugAssign) else Reach.PLAIN


def _moved(value: Any) -> Any:
    """A number, an array of numbers, or what holds such, moved a little; anything else as it is."""
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(_moved(v) for v in value)
    if isinstance(value, dict):
        return {k: _moved(v) for k, v in value.items()}
    is_number = isinstance(value, float) or "float" in str(getattr(value, "dtype", ""))
    return value * FACTOR + TERM if is_number else value


__all__ = ["OtherFunction", "Reach", "Reaches", "reaches"]
