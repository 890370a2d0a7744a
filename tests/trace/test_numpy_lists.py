"""Lists of traced numbers, which NumPy does not ask what its functions mean for: they are taken as the arrays that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import exp, hypot

from verifier.numpy import check

X = np.array([0.3, -0.7, 1.1])
E = np.eye(3)
RIGHT = {
    "a ufunc": (lambda x: np.sum(np.exp([x[0], x[1]])), lambda d, x: d * np.array([np.exp(x[0]), np.exp(x[1]), 0.0])),
    "a ufunc by its own name": (lambda x: np.sum(exp([x[0], x[1]]) * hypot(x[2], [3.0, 4.0])), lambda d, x: d * (hypot(x[2], 3.0) * exp(x[0]) * E[0] + hypot(x[2], 4.0) * exp(x[1]) * E[1] + (exp(x[0]) / hypot(x[2], 3.0) + exp(x[1]) / hypot(x[2], 4.0)) * x[2] * E[2])),
    "two lists": (lambda x: np.sum(np.multiply([x[0], 2.0], [x[1], x[2]])), lambda d, x: d * np.array([x[1], x[0], 2.0])),
    "a list of a list": (lambda x: np.sum(np.square([[x[0], x[1]], [x[2], 1.0]])), lambda d, x: 2 * d * x),
    "concatenate": (lambda x: np.sum(np.concatenate([[x[0] * x[1]], [x[2] ** 2, 1.0]])), lambda d, x: d * np.concatenate([[x[1]], [x[0], 2 * x[2]]])),
    "stack": (lambda x: np.sum(np.stack([[x[0] * x[1], x[0]], [x[2], 1.0]])), lambda d, x: d * np.stack([x[1] + 1, x[0], 1.0])),
    "where": (lambda x: np.sum(np.where([True, False], [x[0], x[1]], [x[2], 2 * x[2]])), lambda d: d * np.array([1.0, 0.0, 2.0])),
    "einsum": (lambda x: np.einsum("i,i->", [x[0], x[1]], [x[1], 2.0]), lambda d, x: d * np.array([x[1], x[0] + 2, 0.0])),
    "a norm": (lambda x: np.linalg.norm([x[0], x[1]]), lambda d, x: d * np.array([x[0], x[1], 0.0]) / np.linalg.norm([x[0], x[1]])),
    "a method of a ufunc": (lambda x: np.add.reduce([x[0], x[1]]) * np.multiply.outer([x[0], x[1]], [2.0])[1, 0], lambda d, x: d * np.array([2 * x[1], 2 * x[0] + 4 * x[1], 0.0])),
    "fromiter": (lambda x: np.sum(np.fromiter((v * v for v in x), float)), lambda d, x: d * np.array([2 * v for v in x])),
    "an integral": (lambda x: np.trapezoid([v * v for v in x], dx=0.5) + np.trapezoid(x, [0.0, 1.0, 3.0]), lambda d, x: d * (x * np.array([0.5, 1.0, 0.5]) + np.array([0.5, 1.5, 1.0]))),
    "differences": (lambda x: np.sum(np.gradient(x, 0.5)), lambda d: d * np.array([-3.0, 0.0, 3.0])),
    "between two numbers": (lambda x: np.sum(np.linspace(x[0], x[1], 5) * np.arange(5.0)), lambda d: d * np.array([2.5, 7.5, 0.0])),
    "a log of a sum": (np.logaddexp.reduce, lambda d, x: d * np.exp(x - np.logaddexp.reduce(x))),
    "sums between indices": (lambda x: np.sum(np.add.reduceat(x, [0, 2]) ** 2), lambda d, x: 2 * d * np.array([x[0] + x[1], x[0] + x[1], x[2]])),
    "without NaN": (lambda x: np.nansum(np.append(x, np.nan) ** 2) + np.nanmean([x[0], np.nan, x[1]]), lambda d, x: d * (2 * x + np.array([0.5, 0.5, 0.0]))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_backward_pass_is_traced_and_passes(name):
    forward, backward = RIGHT[name]
    report = check(forward, X, backward=backward)
    assert (report.status, report.basis, [f.message for f in report.findings if f.code != "V105"]) == ("passed", "traced", [])


def test_a_wrong_element_of_a_list_is_named():
    report = check(lambda x: np.sum(np.square([x[0], x[1], x[2]])), X, backward=lambda d, x: d * np.array([2 * x[0], 2 * x[1], 3 * x[2]]))
    (found,) = [f for f in report.findings if f.code == "V101"]
    assert "the constant `3` should be 2" in found.message


@pytest.mark.parametrize("function", [lambda x: x[np.argmax(x)] ** 2, lambda x: np.sort(x)[2] ** 2, lambda x: np.sort([x[1], x[0], x[2]])[2] ** 2])
def test_what_is_chosen_by_its_size_holds_where_it_is_the_same(function):
    """Elsewhere another component is the largest: the trace says so by its branches, of which there are none where NumPy's names are not known."""
    report = check(function, X, backward=lambda d, x: d * np.where(x == np.max(x), 2 * x, 0.0), sample=20, domain={"x": (-2.0, 2.0)})
    assert (report.status, report.basis) == ("passed", "traced")
    assert any("branches on values" in n for n in report.notes)
