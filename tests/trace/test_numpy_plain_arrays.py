"""Plain arrays, lists and numbers that meet traced ones: on the left of an operator, as the owner of a method, and as what is written into."""

# ruff: noqa: ARG001, ARG005, PLW0108 - the signatures are those of a backward pass, and every function is traced as a callable of its own

from __future__ import annotations

import numpy as np
import pytest

from verifier.numpy import check

A, V, X = np.array([[1.0, 2.0], [3.0, -4.0]]), np.array([0.5, -1.5]), np.array([0.3, -1.2])
LIST = [1.5, -2.0]
BUFFER = np.array([[1.0, 2.0], [3.0, 4.0]])


def added(array, x):
    array += x
    return array


def set_first(array, x):
    array[0] = x
    return array


def set_each(array, x):
    for i in range(len(x)):
        array[i] = x[i] * x[i]
    return array


def set_slice(array, x):
    n = len(x)
    array[1 : n + 1] = x
    return array


def added_at(array, x):
    np.add.at(array, np.array([1, 1]), x)
    return array


def copied(array, x):
    np.copyto(array, x)
    return array


def in_a_dictionary(x):
    held = {"rows": [np.ones(2) * 2, np.arange(2.0)]}
    held["rows"][1][:] = x
    return held["rows"][0] * held["rows"][1]


class Held:
    def __init__(self):
        self.last = np.array([9.0, 9.0])

    def __call__(self, x):
        self.last[:] = x
        return self.last * self.last


HELD = Held()


def by(matrix):
    return lambda dout, x: matrix.T @ dout


def as_it_is(dout, x):
    return dout


CASES = {
    "data.dot(x)": (lambda x: A.dot(x), by(A)),
    "data.T.dot(x)": (lambda x: A.T.dot(x), by(A.T)),
    "vector.dot(x)": (lambda x: V.dot(x), lambda dout, x: dout * V),
    "data.dot of a matrix": (lambda x: A.dot(x[:, None] * V), lambda dout, x: (A.T @ dout) @ V),
    "rows.dot(x)": (lambda x: np.array([row.dot(x) for row in A]), by(A)),
    "what comes of dot is used": (lambda x: np.exp(A.dot(x)).sum() + A.dot(x)[0] * A.dot(x).T.mean(), lambda dout, x: dout * (A.T @ np.exp(A @ x) + A[0] * (A @ x).mean() + (A @ x)[0] * A.mean(0))),
    "whole numbers": (lambda x: np.array([2, 3]).dot(x), lambda dout, x: dout * np.array([2.0, 3.0])),
    "a list": (lambda x: LIST * x, lambda dout, x: dout * np.array(LIST)),
    "np.sum of a list": (lambda x: np.sum([LIST[i] * x[i] for i in range(2)]), lambda dout, x: dout * np.array(LIST)),
    "np.max of a list": (lambda x: np.max([x[0], x[1] * x[1]]), lambda dout, x: dout * np.where(x[0] > x[1] * x[1], np.array([1.0, 0.0]), np.array([0.0, 2.0]) * x)),
    "einsum with lists of axes": (lambda x: np.einsum(A, [0, 1], x, [1], [0]), by(A)),
    "einsum without axes of the result": (lambda x: np.einsum(A, [0, 1], x, [1]), by(A)),
    "+= to a copy": (lambda x: added(V.copy(), x), as_it_is),
    "+= to a result": (lambda x: added(V * 2, x), as_it_is),
    "out=": (lambda x: np.multiply(V, x, out=np.arange(2.0)), lambda dout, x: dout * V),
    "zeros_like": (lambda x: added(np.zeros_like(V), x), as_it_is),
    "random numbers": (lambda x: added(np.random.RandomState(0).randn(2), x), as_it_is),
    "a row of a copy": (lambda x: set_first(A.copy(), x), lambda dout, x: dout[0]),
    "a part of np.tile": (lambda x: set_slice(np.tile(V, 3), x), lambda dout, x: dout[1:3]),
    "numbers one by one": (lambda x: set_each(V.copy(), x), lambda dout, x: 2 * dout * x),
    "np.add.at": (lambda x: added_at(np.linspace(0, 1, 3), x), lambda dout, x: np.array([dout[1], dout[1]])),
    "np.copyto": (lambda x: copied(np.linspace(0, 1, 2), x), as_it_is),
    "within a dictionary": (in_a_dictionary, lambda dout, x: 2 * dout),
    "an attribute": (HELD, lambda dout, x: 2 * dout * x),
    "a constant for compiled code": (lambda x: x * np.interp(np.zeros(2), [-1.0, 1.0], [0.0, 3.0]), lambda dout, x: dout * 1.5),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_plain_array_does_is_traced(name):
    forward, backward = CASES[name]
    right = check(forward, X, backward=backward, names=["x"])
    assert (right.status, right.basis) == ("passed", "traced"), right
    wrong = check(forward, X, backward=lambda dout, x: backward(dout, x) * 1.0005, names=["x"])
    assert any(f.code == "V101" for f in wrong.findings)


def test_the_users_arrays_are_as_before():
    def forward(x):
        BUFFER[0] = x
        return BUFFER[0] * 2

    def local(x):
        buffer = BUFFER
        buffer += x
        return buffer[0] * 2

    before = BUFFER.copy()
    for fn in (forward, local):
        check(fn, X, backward=lambda dout, x: 2 * dout)
    check(HELD, X, backward=lambda dout, x: 2 * dout * x)
    assert type(HELD.last) is np.ndarray
    assert type(BUFFER) is np.ndarray
    assert np.isfinite(BUFFER).all()
    assert before.shape == BUFFER.shape


def test_another_name_of_an_array_that_is_written_into_is_no_constant():
    """`alias` has the values of x as well; as constants the right gradient would be called wrong."""

    def forward(x):
        array = V.copy()
        alias = array
        array += x
        return alias * alias

    def parts(x):
        array = A.copy()
        row = array[0]
        row[:] = x
        return array[0] * 3

    for fn, backward in ((forward, lambda dout, x: 2 * dout * (V + x)), (parts, lambda dout, x: 3 * dout)):
        report = check(fn, X, backward=backward)
        assert not any(f.code in ("V101", "V107") for f in report.findings)
        assert report.basis == "sampled"
        assert any("is read by another name" in f.message for f in report.findings)


def test_a_list_of_whole_numbers_is_not_written_into():
    def forward(x):
        array = np.array([1, 2])
        array[0] = x[0]
        return array * x

    report = check(forward, X, backward=lambda dout, x: dout * np.array([0.0, 2.0]))
    assert not any(f.code in ("V101", "V107") for f in report.findings)


def test_a_masked_array_says_what_to_write_instead():
    report = check(lambda x: np.ma.masked_less(x, 0).sum(), X, backward=lambda dout, x: dout * (x >= 0))
    assert any("masked arrays are not traced; write it with np.where and the mask" in n for n in (f.message for f in report.findings))


def test_a_result_of_dot_as_a_gradient():
    assert check(lambda x: A @ x, X, backward=lambda dout, x: A.T.dot(dout)).basis == "traced"
    assert check(lambda x: A @ x, X, backward=lambda dout, x: A.dot(dout)).status == "failed"
