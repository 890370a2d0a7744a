"""Mistakes planted in one statement, run through the search and the diagnosis directly: the words, and the part of the statement that is marked."""

from __future__ import annotations

import pytest

from tests.blame.test_locate import FLOAT64
from tests.blame.test_repairs import isolated_in
from verifier.blame.formula import diagnose

# a function, and statements for its derivative by x with a mistake in them: the words, which name an edit that makes the derivative of the textbook, and the part that is marked; None where no one edit does
PLANTED: tuple[tuple[str, tuple[tuple[str, str | None, str], ...]], ...] = (
    (
        "x**2*sin(y)",
        (
            ("-2*x*sin(y)*dout", "the sign is flipped", "-2*x*sin(y)*dout"),
            ("2*x*cos(y)*dout", "`cos` where `sin` is meant in `cos(y)`", "cos(y)"),
            ("x*sin(y)*dout", "the factor `2` is missing", "x*sin(y)*dout"),
            ("2*x*sin(x)*dout", "`x` where `y` is meant in `sin(x)`", "sin(x)"),
            ("2*y*sin(y)*dout", "`y` where `x` is meant in `2*y`", "2*y"),
            ("x**2*sin(y)*dout", "`x**2` where `2*x` is meant in `x**2`", "x**2"),
            ("2*x*dout", "the factor `sin(y)` is missing", "2*x*dout"),
            ("2*sin(y)*dout", "the factor `x` is missing", "2*sin(y)*dout"),
            ("2*x*sin(y)", "the gradient that flows in, `upstream`, is ignored", "2*x*sin(y)"),
            ("2*x*sin(y)*dout*dout", "the factor `upstream` is superfluous in `2*x*sin(y)*dout*dout`", "2*x*sin(y)*dout*dout"),
            ("2*x*sin(y)**2*dout", "the exponent of `sin(y)**2` is 1 too high", "sin(y)**2"),
            ("2/x*sin(y)*dout", "`/` where `*` is meant in `2/x`", "2/x"),
            ("2*x/sin(y)*dout", "`/` where `*` is meant in `2*x/sin(y)`", "2*x/sin(y)"),
            ("2*x + sin(y)*dout", "`+` where `*` is meant in `2*x + sin(y)*dout`", "2*x + sin(y)*dout"),
            ("3*x*sin(y)*dout", "the constant `3` should be 2", "3"),
            ("2.01*x*sin(y)*dout", "`2.01` has a relative error of 0.005: it should be 2", "2.01"),
            ("2*x*y*dout", "`y` where `sin(y)` is meant in `2*x*y`", "2*x*y"),
            ("2*x*sin(y + 1)*dout", "the term `1` is superfluous in `y + 1`", "y + 1"),
            ("2*x*(sin(y) + 1)*dout", "the term `1` is superfluous in `sin(y) + 1`", "sin(y) + 1"),
            ("2*x*sin(y)*dout + 1e-6", "this contribution is superfluous: the others add up to the whole gradient", "1e-6"),
            ("2*x*sin(2*y)*dout", "the factor `2` is superfluous in `2*y`", "2*y"),
            ("2*x*sin(y)*x*dout", "the factor `x` is superfluous in `2*x`", "2*x"),
            ("2*(1 - x)*sin(y)*dout", "`1 - x` where `x` is meant", "1 - x"),
            ("-2*x*cos(y)*dout", "`cos(y)` where `-sin(y)` is meant in `cos(y)`", "cos(y)"),
            ("2*abs(x)*sin(y)*dout", "`abs` is superfluous in `abs(x)`", "abs(x)"),
            ("2*x*sin(y**2)*dout", "the exponent of `y**2` is 1 too high", "y**2"),
            ("2*x*sin(-y)*dout", "the sign is flipped", "2*x*sin(-y)*dout"),
            ("2*y*sin(x)*dout", "`x` and `y` are exchanged", "2*y*sin(x)*dout"),
            ("2.09*x*sin(y)*dout", "`2.09` has a relative error of 0.045: it should be 2", "2.09"),  # up to 5 % a misprint
            ("1.91*x*sin(y)*dout", "`1.91` has a relative error of 0.045: it should be 2", "1.91"),
            ("2.11*x*sin(y)*dout", "the constant `2.11` should be 2", "2.11"),
            ("1.89*x*sin(y)*dout", "the constant `1.89` should be 2", "1.89"),
            ("2.0000003*x*sin(y)*dout", "`2.0000003` has a relative error of 1.5e-07: it should be 2", "2.0000003"),
            ("-2*x*sin(y)*1.15*dout", "the constant `1.15` should be -1", "1.15"),  # not `2` -40/23
            ("0.5*x*3*sin(y)*dout", "the constant `3` should be 4", "3"),  # not `0.5` 2/3: a whole number is likelier
            ("3*x*0.5*sin(y)*dout", "the constant `3` should be 4", "3"),
            ("0*dout", None, ""),
            ("7*dout", None, ""),
            ("x*x*x*dout", "`x*x` where `2*sin(y)` is meant in `x*x`", "x*x"),
        ),
    ),
    (
        "3.14159*x**2*y",
        (
            ("2*3.1*x*y*dout", "`3.1` has a relative error of 0.013: it should be 3.14159", "3.1"),  # 3.14159/3.1 = 1.0134; not `2` 314159/155000
            ("2*3.2*x*y*dout", "`3.2` has a relative error of 0.018: it should be 3.14159", "3.2"),
            ("2*3.5*x*y*dout", "the constant `3.5` should be 3.14159", "3.5"),
            ("2*3.14159*x*dout", "the factor `y` is missing", "2*3.14159*x*dout"),
        ),
    ),
    (
        "log(2)*x**2*y",
        (
            ("2*0.69*x*y*dout", "`0.69` has a relative error of 0.0046: the constant looks like log(2) to 2 digits", "0.69"),
            ("2*0.7*x*y*dout", "`0.7` has a relative error of 0.0098: the constant looks like log(2) to 2 digits", "0.7"),  # not `2` 20*log(2)/7
            ("1.386*x*y*dout", "`1.386` has a relative error of 0.00021: the constant looks like 2*log(2) to 4 digits", "1.386"),
            ("2*x*y*dout", "the factor `log(2)` is missing", "2*x*y*dout"),
        ),
    ),
    (
        "pi*x**2",
        (
            ("2*3.3*x*dout", "`3.3` has a relative error of 0.048: the constant looks like pi to 1 digit", "3.3"),
            ("2*3.1416*x*dout", "`3.1416` has a relative error of 2.3e-06: the constant looks like pi to 6 digits", "3.1416"),
            ("6.2*x*dout", "`6.2` has a relative error of 0.013: the constant looks like 2*pi to 2 digits", "6.2"),
        ),
    ),
    (
        "exp(-x*x/2)*y",
        (
            ("x*exp(-x*x/2)*y*dout", "the sign is flipped", "x*exp(-x*x/2)*y*dout"),
            ("-x*exp(x*x/2)*y*dout", "`*` where `/` is meant in `-x*exp(x*x/2)`", "-x*exp(x*x/2)"),
            ("-x*exp(-x*x)*y*dout", "a division by `2` is missing in `-x*x`", "-x*x"),
            ("-exp(-x*x/2)*y*dout", "the factor `x` is missing", "-exp(-x*x/2)*y*dout"),
            ("-x*exp(-x*x/2)*dout", "the factor `y` is missing", "-x*exp(-x*x/2)*dout"),
            ("-x*exp(-x*x/3)*y*dout", "the constant `3` should be 2", "3"),
            ("-x*exp(-x/2)*y*dout", "`x` should be squared in `-x`", "-x"),
            ("-x*exp(-x*y/2)*y*dout", "`y` where `x` is meant in `-x*y`", "-x*y"),
            ("-2*x*exp(-x*x/2)*y*dout", "the factor `2` is superfluous in `-2*x`", "-2*x"),
            ("-x*x*exp(-x*x/2)*y*dout", "the factor `x` is superfluous in `-x*x`", "-x*x"),
            ("-x*out*y*dout", "the factor `y` is superfluous in `-x*out*y`", "-x*out*y"),
            ("-x*sin(-x*x/2)*y*dout", "`sin(-x*x/2)` where `exp(-x*x/2)` is meant in `sin(-x*x/2)`", "sin(-x*x/2)"),
            ("-x*exp(-x*x/2)/y*dout", "`/` where `*` is meant in `-x*exp(-x*x/2)/y`", "-x*exp(-x*x/2)/y"),
            ("-x/2*exp(-x*x/2)*y*dout", "the factor `2` is missing", "-x/2*exp(-x*x/2)*y*dout"),
            ("-x*out", "the gradient that flows in, `upstream`, is ignored", "-x*out"),
        ),
    ),
    (
        "log(1 + exp(x*y))",
        (
            ("x*exp(x*y)/(1 + exp(x*y))*dout", "`x` where `y` is meant in `x*exp(x*y)`", "x*exp(x*y)"),
            ("y/(1 + exp(x*y))*dout", "the sign of `x*y` is flipped", "x*y"),
            ("exp(x*y)/(1 + exp(x*y))*dout", "the factor `y` is missing", "exp(x*y)/(1 + exp(x*y))*dout"),
            ("y*exp(-x*y)/(1 + exp(x*y))*dout", "`*` where `/` is meant in `y*exp(-x*y)`", "y*exp(-x*y)"),
            ("y*exp(x*y)/(1 - exp(x*y))*dout", "`-` where `+` is meant in `1 - exp(x*y)`", "1 - exp(x*y)"),
            ("y*exp(x*y)/exp(x*y)*dout", "`x*y` where `out` is meant in `exp(x*y)`", "exp(x*y)"),
            ("y*exp(x*y)*(1 + exp(x*y))*dout", "`*` where `/` is meant in `y*exp(x*y)*(1 + exp(x*y))`", "y*exp(x*y)*(1 + exp(x*y))"),
            ("y*exp(x*y)/(2 + exp(x*y))*dout", "`exp` where `expm1` is meant in `exp(x*y)`", "exp(x*y)"),
            ("y*exp(x + y)/(1 + exp(x*y))*dout", "`+` where `*` is meant in `x + y`", "x + y"),
            ("y*exp(x*y)/(1 + exp(x*y))**2*dout", "the exponent of `(1 + exp(x*y))**2` is 1 too high", "(1 + exp(x*y))**2"),
            ("y*sqrt(exp(x*y)/(1 + exp(x*y)))*dout", "`sqrt` is superfluous in `sqrt(exp(x*y)/(1 + exp(x*y)))`", "sqrt(exp(x*y)/(1 + exp(x*y)))"),
            ("y*exp(y*y)/(1 + exp(y*y))*dout", "`y` where `x` is meant in `y*y`", "y*y"),
            ("y*exp(x*x)/(1 + exp(x*x))*dout", "`x` where `y` is meant in `x*x`", "x*x"),
        ),
    ),
    (
        "sqrt(x*x + y*y)",
        (
            ("y/sqrt(x*x + y*y)*dout", "`y` where `x` is meant in `y/sqrt(x*x + y*y)`", "y/sqrt(x*x + y*y)"),
            ("x*sqrt(x*x + y*y)*dout", "`sqrt` where `rsqrt` is meant in `sqrt(x*x + y*y)`", "sqrt(x*x + y*y)"),
            ("x/(x*x + y*y)*dout", "the factor `out` is missing", "x/(x*x + y*y)*dout"),
            ("x/sqrt(x*x - y*y + 5)*dout", "`sqrt(x*x - y*y + 5)` where `out` is meant in `x/sqrt(x*x - y*y + 5)`", "x/sqrt(x*x - y*y + 5)"),
            ("x/sqrt(x + y*y)*dout", "`x` should be squared in `x + y*y`", "x + y*y"),
            ("1/sqrt(x*x + y*y)*dout", "the factor `x` is missing", "1/sqrt(x*x + y*y)*dout"),
            ("x/sqrt(x*x + y*y)/2*dout", "the factor `2` is superfluous in `x/sqrt(x*x + y*y)/2`", "x/sqrt(x*x + y*y)/2"),
            ("0.5*x/sqrt(x*x + y*y)*dout", "the factor `0.5` is superfluous in `0.5*x`", "0.5*x"),
            ("-x/sqrt(x*x + y*y)*dout", "the sign is flipped", "-x/sqrt(x*x + y*y)*dout"),
            ("x/sqrt(x*x + y*y + 1e-8)*dout", "the term `1e-8` is superfluous in `x*x + y*y + 1e-8`", "x*x + y*y + 1e-8"),
            ("x/out**2*dout", "the exponent of `out**2` is 1 too high", "out**2"),
            ("out/x*dout", "the operands of `out/x` are swapped", "out/x"),
        ),
    ),
    (
        "where(x > 0.5, x*x, y*x)",
        (
            ("where(x < 0.5, 2*x, y)*dout", "the wrong branch: the branches of `where(x < 0.5, 2*x, y)` are swapped", "where(x < 0.5, 2*x, y)"),
            ("where(x > 0.5, y, 2*x)*dout", "the wrong branch: the branches of `where(x > 0.5, y, 2*x)` are swapped", "where(x > 0.5, y, 2*x)"),
            ("where(x > 0.5, x, y)*dout", "the factor `2` is missing at `x` in `where(x > 0.5, x, y)`", "where(x > 0.5, x, y)"),
            ("where(x > 0.5, 2*x, x)*dout", "`x` where `y` is meant in `where(x > 0.5, 2*x, x)`", "where(x > 0.5, 2*x, x)"),
            ("where(x > 1, 2*x, y)*dout", "the wrong branch is taken: the other one of `where(x > 1, 2*x, y)` is right", "where(x > 1, 2*x, y)"),
            ("where(y > 0.5, 2*x, y)*dout", "the wrong branch: the branches of `where(y > 0.5, 2*x, y)` are swapped", "where(y > 0.5, 2*x, y)"),
            ("where(x > 0.5, 2*x, 0)*dout", "the contribution through `y*x` is missing", "dx = where(x > 0.5, 2*x, 0)*dout"),
            ("where(x > 0.5, 2*x, -y)*dout", "the sign of `-y` is flipped", "-y"),
        ),
    ),
    (
        "x**3*0.7978845608028654/y",
        (
            ("3*x**3*0.7978845608028654/y*dout", "the exponent of `x**3` is 1 too high", "x**3"),
            ("3*x*0.7978845608028654/y*dout", "`x` should be squared in `3*x`", "3*x"),
            ("x**2*0.7978845608028654/y*dout", "the factor `3` is missing", "x**2*0.7978845608028654/y*dout"),
            ("3*x**2*0.7978845608028654*y*dout", "`*` where `/` is meant in `3*x**2*0.7978845608028654*y`", "3*x**2*0.7978845608028654*y"),
            ("3*x**2/y*dout", "the factor 0.7978845608 is missing", "3*x**2/y*dout"),
        ),
    ),
)  # fmt: skip
ROWS = [(function, *row) for function, rows in PLANTED for row in rows]


def diagnosis_of(function: str, statement: str) -> tuple[str, str] | None:
    """The words and the marked part of the only mistake."""
    draft, isolated, mistake = isolated_in(function, statement)
    found = diagnose.diagnose(draft.whole, isolated, mistake, fmt=FLOAT64)
    if found is None:
        return None
    line = draft.whole.lines[found.line]
    return found.words, line.source.text[found.start : found.end].strip()


@pytest.mark.parametrize(("function", "statement", "words", "marked"), ROWS, ids=[f"{f}: {s}" for f, s, *_ in ROWS])
def test_a_planted_mistake_is_said_and_marked(function: str, statement: str, words: str | None, marked: str) -> None:
    assert diagnosis_of(function, statement) == (None if words is None else (words, marked))


@pytest.mark.parametrize(("statement", "words"), [("(2*x*y + 2*y)*dout", "the constant `2` should be 3 in both places"), ("(2*x*y + y*2 + 2*y - y*2)*dout", "the constant `2` should be 3 in all 4 places"), ("(2*x*y + 3*y)*dout", "the constant `2` should be 3")])
def test_a_constant_that_is_wrong_several_times_is_marked_where_it_stands_first(statement: str, words: str) -> None:
    """The derivative of 1.5*x*x*y + 3*x*y by x is (3*x + 3)*y."""
    draft, isolated, mistake = isolated_in("1.5*x*x*y + 3*x*y", statement)
    found = diagnose.diagnose(draft.whole, isolated, mistake, fmt=FLOAT64)
    assert found.words == words
    assert draft.whole.lines[found.line].source.text.index("2") == found.start


# a literal with a mistake in it: the constant of the function is none that is known, so only the number that is needed can be said
LITERALS = (("3*x**2*0.7978845608028/y*dout", 0.7978845608028, 8.2e-14), ("3*x**2*0.79788456080/y*dout", 0.79788456080, 3.6e-12))


@pytest.mark.parametrize(("statement", "written", "relative"), LITERALS)
def test_a_literal_that_lacks_digits_is_said_to_be_one(statement: str, written: float, relative: float) -> None:
    """0.7978845608028654 / 0.7978845608028 = 1 + 8.2e-14, / 0.79788456080 = 1 + 3.6e-12."""
    assert 0.7978845608028654 / written - 1 == pytest.approx(relative, rel=0.01)
    found = diagnosis_of("x**3*0.7978845608028654/y", statement)
    assert found is not None
    words, marked = found
    assert marked == statement.rpartition("*")[0].rpartition("*")[2].partition("/")[0]
    assert words.startswith(f"`{marked}` has a relative error of {relative:.2g}: 0.797884560802865")
