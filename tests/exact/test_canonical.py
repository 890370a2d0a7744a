"""One form for programs that differ in names and in the order of sums and products: it has the value of the program, in fractions, and tells apart what is not the same."""

from __future__ import annotations

import random
from fractions import Fraction
from math import prod

import pytest

from tests.texts import expression
from verifier.circuit.program import Program
from verifier.exact.canonical import Canonical, canonical


def form_of(*texts: str) -> Canonical:
    """The form of some formulas in u, v, w, x, y, z."""
    return canonical([expression(text, *"uvwxyz") for text in texts])


def values_of(found: Canonical, point: dict[str, Fraction]) -> list[Fraction]:
    """The outputs of a form, its inputs in the order in which it says that it meets them."""
    values: list[Fraction] = []
    inputs = iter(found.inputs)
    *rows, (gate, _, outputs) = found.form
    assert gate == "outputs"
    for gate, text, args in rows:
        read = [values[a] for a in args]
        if gate == "input":
            values.append(point[next(inputs)])
        elif gate == "number":
            values.append(Fraction(text))
        else:
            values.append({"add": sum, "mul": prod, "sub": lambda a: a[0] - a[1], "neg": lambda a: -a[0], "div": lambda a: a[0] / a[1]}[gate](read))  # type: ignore[operator]
    assert next(inputs, None) is None
    return [values[o] for o in outputs]


def grown(draw: random.Random, size: int) -> str:
    """A random formula of sums, products, differences and negations."""
    if size <= 1:
        return draw.choice([*"xyzuvw", "3", "7"])
    left = draw.randint(1, size - 1)
    a, b = grown(draw, left), grown(draw, size - left)
    return draw.choice([f"({a} + {b})", f"({a} + {b})", f"({a} * {b})", f"({a} - {b})", f"(-({a}) + {b})"])


@pytest.mark.parametrize("seed", range(12))
def test_a_form_has_the_value_of_the_program(seed: int) -> None:
    draw = random.Random(seed)
    texts = [grown(draw, 9) for _ in range(3)]
    point = {name: Fraction(draw.randint(-50, 50), draw.randint(1, 9)) for name in "uvwxyz"}
    assert values_of(form_of(*texts), point) == [eval(text, dict(point)) for text in texts]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x*y + z*(u + v) + 3", "3 + ((w + x)*u + y*z)"), ("x + y + z + u", "(u + v) + (w + x)"), ("(x + y)*(x + y) + z", "w + (v + z)*(v + z)"), ("x - (y + z)", "u - (x + w)"), ("x*y/(1 + x)", "z*u/(z + 1)"), ("-(x*x) + y", "z + -(u*u)"),
    ],
)  # fmt: skip
def test_programs_that_differ_in_names_and_order_only_have_one_form(one: str, other: str) -> None:
    assert form_of(one).form == form_of(other).form
    a, b = form_of(one), form_of(other)
    point = {name: Fraction(k * k + 2, k + 3) for k, name in enumerate(a.inputs)}
    assert values_of(a, point) == values_of(b, {there: point[here] for here, there in zip(a.inputs, b.inputs, strict=True)})


@pytest.mark.parametrize(("one", "other"), [("x*(y + z)", "x*y + z"), ("x - y - z", "x - (y - z)"), ("x/y", "y/x*2"), ("x + 3", "x + 7"), ("x*x + y", "x*y + y"), ("(x + y)*(x + y) + z", "(x + y)*(x + z) + z"), ("x + y*z + u", "(x + y)*z + u")])
def test_other_programs_have_other_forms(one: str, other: str) -> None:
    assert form_of(one).form != form_of(other).form


def test_the_outputs_are_told_apart_by_their_order() -> None:
    programs: list[Program] = [expression(text, "x", "y") for text in ("x + y", "x*y")]
    assert canonical(programs).form != canonical(programs[::-1]).form
    assert canonical(programs).form != canonical(programs[:1]).form
