"""Where the components of an array have other diagnoses of one statement, the finding stands at that statement, and the edit that repairs it is found there."""

from __future__ import annotations

import numpy as np

from verifier.numpy import check


def cell_forward(x, h, c, w, u, b):
    a = x @ w + h @ u + b
    i, f, o, g = (1 / (1 + np.exp(-a[:, k : k + 2])) for k in range(0, 8, 2))
    cn = f * c + i * g
    tc = np.tanh(cn)
    return o * tc, (x, h, c, w, u, i, f, o, g, tc)


def cell_backward(dh, cache):
    x, h, c, w, u, i, f, o, g, tc = cache
    do = dh * tc
    dc = dh * o * (1 - tc) ** 2
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), do * o * (1 - o), dc * i * g * (1 - g)])
    return da @ w.T, da @ u.T, dc * f, x.T @ da, h.T @ da, da.sum(0)


def test_the_place_the_statement_and_the_line_shown_are_of_one_line():
    draw = np.random.default_rng(11)
    inputs = [draw.normal(size=s) for s in ((1, 2), (1, 2), (1, 2), (2, 8), (2, 8), 8)]
    report = check(cell_forward, *inputs, backward=cell_backward)
    found = [f for f in report.findings if f.code == "V101"]
    assert {f.place.line - cell_backward.__code__.co_firstlineno for f in found} == {3}
    assert {f.statement for f in found} == {"dc = dh * o * (1 - tc) ** 2"} == {f.source_line.strip() for f in found}
    assert any("`(1 - tc) ** 2` where `1 - tc ** 2` is meant" in f.message for f in found)
