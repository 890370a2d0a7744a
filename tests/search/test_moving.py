"""The part of a program that moves along a path: the same numbers as the whole program, from fewer steps."""

import numpy as np
import pytest

from verifier.arithmetic.floats import columns
from verifier.case.load import load_text
from verifier.case.points import boxes
from verifier.compare.check import checks_of
from verifier.exact.truth import truth_of
from verifier.search import thresholds
from verifier.search.moving import moving
from verifier.search.paths import Move, Path

TS = [-3.0, -1.0, 0.0, 0.5, 2.0, 40.0]


def check_of(text):
    (case,) = load_text(text, needs_points=False).cases
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return case, check


@pytest.mark.parametrize("fmt", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("formula", ["exp(x)*y + y*y", "where((y > 1) & (x > 0), x*y, max(x, y) - 0.1)", "where(y > 1, where(x > y, x, y), x*x) + log1p(y*y)"])
def test_the_steps_that_move_have_the_values_that_they_have_in_the_whole_program(formula, fmt):
    _, check = check_of(f"function: {formula}\nformats: [{fmt}]\nhunt: true\n")
    program = check.subject.program
    path = Path((0.5, 1.5), ((0, Move.SAME),), -4.0, 64.0)
    part = moving(program, path, check.format, upstream=check.upstream)
    whole, found = columns(program, path.columns(TS, check.format), check.format, check.upstream), part.run(TS)
    constant = [w for w in whole if len(set(map(float, w))) == 1]
    for column in whole:  # every column of the whole program that changes is a column of the part
        if not any(column is c for c in constant):
            assert any(a.dtype == column.dtype and np.array_equal(a, column, equal_nan=a.dtype != bool) for a in found), column


def test_what_stays_is_not_computed_at_every_point():
    _, check = check_of("forward: |\n  out = np.sum(x*x) + t\nshapes: {x: [50]}\nhunt: true\n")
    t = check.subject.program.inputs.index("t")
    path = Path((0.5,) * 51, ((t, Move.SAME),), -4.0, 4.0)
    assert len(moving(check.subject.program, path, check.format, upstream=1.0).program) < 20 < len(check.subject.program)


def test_a_path_on_which_nothing_changes_has_no_borders():
    case, check = check_of("function: x + 0*y\nhunt: true\ndomain: {x: [1, 2], y: [1, 2]}\n")
    path = Path((1.0, 1.0), ((1, Move.SAME),), *boxes(case, check.format)[0][1])
    ts = [1.0, 1.5, 2.0]
    assert len(set(thresholds.behaviour(path, check, ts))) == 1
