"""Special places whose answer is known by construction: where nothing exists, jumps and kinks of any size, powers of two, constants as they are printed.

What is expected at each point stands in the text of the case, under `about`. The oracle shares nothing with the tool: a domain is
an inequality between rationals, a jump is put there, a gradient that is a power of two is one by algebra, a constant is mpmath's.
"""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath
from flint import fmpq
from hypothesis import strategies as st

from tests.laws.law import case_in, require, settings_of
from verifier.arithmetic import balls
from verifier.compare.at_point import checks_in, judged_at
from verifier.exact import one_sided
from verifier.language.formats import FORMATS, floor_log2, round_exact, text, ulp_exponent
from verifier.language.verdict import Verdict

DIGITS = 100  # of mpmath's constants
POINTS = 6

# Functions with a domain, and whether a rational is inside (DLMF 4.2, 4.15, 4.23, 4.37, 5.2).
DOMAINS = {
    "log({})": lambda a: a > 0, "sqrt({})": lambda a: a > 0, "log1p({})": lambda a: a > -1, "asin({})": lambda a: -1 < a < 1, "acosh({})": lambda a: a > 1,
    "atanh({})": lambda a: -1 < a < 1, "1/({})": lambda a: a != 0, "lgamma({})": lambda a: a > 0 or a.denominator > 1, "log(log({}))": lambda a: a > 1,
    "({})**-1.5": lambda a: a > 0, "betaln({}, 2)": lambda a: a > 0, "pseudo_huber({}, 3)": lambda a: a > 0, "floor(log({}))": lambda a: a > 0, "asin({})**0": lambda a: -1 < a < 1,
}  # fmt: skip
NOTHING = ("0*{}", "(y - y)*{}", "({0} - {0})", "{}*(1 - 1)", "0*(y + {})", "0*{}*y", "0/(1 + exp({}))")
SMOOTH = ("x", "sin(x)", "exp(x)", "x**2", "x*exp(-x)", "tanh(x)", "1/(1 + exp(-x))", "log(2 + x**2)", "3*x - x**3", "sqrt(1 + x*x)")
SAME = ("{}", "({})*(sin(x)**2 + cos(x)**2)", "({})*exp(x)/exp(x)", "2*({}) - ({})", "({})*exp(log(2))/2")
TIES = (
    ("log(exp(x) + exp(y))", Fraction(1, 2)), ("logaddexp(x, y)", Fraction(1, 2)), ("exp(x)/(exp(x) + exp(y))", Fraction(1, 4)), ("x**3/x**2", Fraction(1)), ("log(exp(x)*exp(y))", Fraction(1)),
    ("sqrt(x*x + 2*x*y + y*y)", Fraction(1)), ("log(exp(x) + exp(y) + exp(x) + exp(y))*2", Fraction(1)), ("exp(log(x))", Fraction(1)), ("(x*sin(y) + x*cos(y))*(sin(y) - cos(y))/(sin(y)**2 - cos(y)**2)", Fraction(1)),
    ("log(exp(x)/(exp(x) + exp(y)))", Fraction(1, 2)), ("x*exp(y)/(exp(x) + exp(y)) - y*exp(y)/(exp(x) + exp(y))", Fraction(1, 2)),
)  # fmt: skip
CONSTANTS = ("pi", "sqrt(2)", "sqrt(pi)/2", "log(2)", "log(10)", "1/sqrt(2*pi)", "sqrt(2/pi)", "e", "1/3", "2/7", "5/11", "13/17", "1/log(2)", "sqrt(3)/3", "euler_gamma")


def texts() -> st.SearchStrategy[str]:
    """Texts of cases of all kinds."""
    return st.integers(0, 2**48).map(lambda seed: _drawn(random.Random(seed)))


def _drawn(draw: random.Random) -> str:
    return draw.choice((_existence, _existence, _seam, _seam, _power_of_two, _constant))(draw)


def _rational(draw: random.Random) -> Fraction:
    return Fraction(draw.randint(-40, 40), 8)


def _text(function: str, expected: list[str], points: list[dict[str, str]], *, backward: str = "", fmt: str = "float64") -> str:
    rows = ", ".join("{" + ", ".join(f"{n}: {v}" for n, v in p.items()) + "}" for p in points)
    own = f'implementations: {{mine: {{backward: "{backward}"}}}}\n' if backward else ""
    return f"name: place\nabout: {' '.join(expected)}\nfunction: {function}\nformats: [{fmt}]\npoints: [{rows}]\n{own}"


def _existence(draw: random.Random) -> str:
    """Something of no weight that has a value at some points only, behind a branch in half of the cases."""
    outer, inside = draw.choice(list(DOMAINS.items()))
    shift, at = _rational(draw), _rational(draw)
    zero = draw.choice(NOTHING).format(outer.format(f"x - {shift}" if shift >= 0 else f"x + {-shift}"))
    branch = draw.random() < 0.5
    function = f"where(x > {at}, x + {zero}, x) + y" if branch else f"x + y + {zero}"
    xs = [x for x in (_rational(draw) for _ in range(POINTS)) if x != at and x - shift not in (-1, 0, 1, 2)] or [at + Fraction(1, 16)]
    expected = ["slope:1" if (branch and x < at) or inside(x - shift) else "undefined" for x in xs if x - shift not in (-1, 0, 1, 2)]
    if len(expected) < len(xs):
        return _existence(draw)
    return _text(function, expected, [{"x": str(float(x)), "y": "0.75"} for x in xs])


def _seam(draw: random.Random) -> str:
    """Two pieces that meet at a point: the same written in two ways, or with a jump, or another slope, of any size."""
    piece, at, size = draw.choice(SMOOTH), _rational(draw), draw.choice((3, 17, 60, 155, 170, 300, 700))
    other, kind = draw.choice(SAME).replace("{}", piece), draw.choice(("same", "jump", "kink"))
    put = {"same": "", "jump": f" + exp(1e-{size}) - 1", "kink": f" + (x - ({at}))*(exp(1e-{size}) - 1)"}[kind]
    function = f"where(x {draw.choice(('>', '>=', '<', '<='))} {at}, {piece}, {other}{put})"
    return _text(function, [kind], [{"x": str(float(at))}])


def _power_of_two(draw: random.Random) -> str:
    """A gradient that is a power of two by algebra, and a formula that is off by a share."""
    function, value = draw.choice(TIES)
    x = str(draw.randint(1, 400) / 64)
    share = draw.choice(("1", "0.75", "1.25", "2", "0.9999999999999", "1.0000000000001"))
    return _text(function, [f"power:{value}"], [{"x": x, "y": x}] if "y" in function else [{"x": x}], backward=f"dx = {value}*{share}*dout; dy = 0*dout" if "y" in function else f"dx = {value}*{share}*dout")


def _constant(draw: random.Random) -> str:
    """A constant as a format prints it, or with a mistake in its last digits."""
    fmt = FORMATS[draw.choice(("float64", "float64", "float32", "float16"))]
    name = draw.choice((*CONSTANTS, f"{draw.randint(1, 40)}/{draw.randint(3, 41)}"))
    exactly = _value(name)
    if round_exact(fmt, exactly) == exactly:
        return _constant(draw)
    written = text(fmt, round_exact(fmt, exactly))
    if draw.random() < 0.5 and len(written) > fmt.digits + 1:
        at = draw.randrange(3, len(written))
        written = written[:at] + (str((int(written[at]) + draw.randint(1, 9)) % 10) if written[at].isdigit() else written[at]) + written[at + 1 :]
    off = abs(Fraction(written) - exactly) / Fraction(2) ** ulp_exponent(fmt, floor_log2(exactly))
    expected = "right" if off <= 1 else "wrong" if off > 2 else "either"
    if sum(c.isdigit() for c in written.strip("0.")) < fmt.digits and expected == "right" and round_exact(fmt, Fraction(written)) != round_exact(fmt, exactly):
        expected = "either"
    return _text(f"x*({name})", [expected], [{"x": "1"}], backward=f"dx = {written}*dout", fmt=fmt.name)


def _value(name: str) -> Fraction:
    """A constant to 100 digits, by mpmath."""
    with mpmath.workdps(DIGITS):
        names = {"pi": mpmath.pi, "e": mpmath.e, "sqrt": mpmath.sqrt, "log": mpmath.log, "euler_gamma": mpmath.euler}
        top, _, bottom = name.partition("/")
        if top.isdigit() and bottom.isdigit():
            return Fraction(int(top), int(bottom))
        return Fraction(mpmath.nstr(mpmath.mpf(eval(name, {"__builtins__": {}}, names)), DIGITS - 5))


def places_are_judged_rightly(text_: str) -> int:
    """The verdict and the figures at places whose answer is known by construction."""
    case, count = case_in(text_), 0
    for setting in settings_of(case):
        check = checks_in(case, setting.format)[0]
        for point, expected in zip(setting.points, case.about.split(), strict=True):
            d = judged_at(check, point)[0]
            problem = _problem(d, expected, setting.format)
            require(problem is None, lambda d=d, problem=problem, expected=expected: f"{problem}: {expected} was expected at {d.point}, it is {d.verdict.value} ({d.reason}); exact {d.exact}")  # type: ignore[misc]
            count += d.verdict is not Verdict.UNDECIDED
    return count


def _problem(d: object, expected: str, fmt: object) -> str | None:
    exact, verdict = d.exact, d.verdict  # type: ignore[attr-defined]
    kind, _, number = expected.partition(":")
    if kind in ("same", "jump", "kink") and verdict is Verdict.UNDECIDED:
        return None  # nothing was claimed
    if kind in ("undefined", "jump"):
        return None if verdict is Verdict.UNDEFINED else "a value that does not exist"
    if kind == "kink":
        return None if isinstance(exact, one_sided.Kink) else "a kink that is missed"
    if kind == "same":
        return None if isinstance(exact, one_sided.Finite) else "a smooth seam"
    if kind == "slope":
        return None if isinstance(exact, one_sided.Finite) and exact.ball.contains(fmpq(int(number))) else "another slope"
    if kind == "right":
        return "a false alarm" if verdict.fails else None
    if kind == "wrong":
        return None if verdict is Verdict.WRONG else "a wrong constant"
    if kind == "power":
        return _ulps_problem(d, Fraction(number), fmt)
    return "undecided" if verdict is Verdict.UNDECIDED else None


def _ulps_problem(d: object, value: Fraction, fmt: object) -> str | None:
    """Whether the error in ulps is that of the definition."""
    if d.ulps is None:  # type: ignore[attr-defined]
        return "no figure"
    error = abs(Fraction(d.computed) - value) / Fraction(2) ** ulp_exponent(fmt, floor_log2(value))  # type: ignore[attr-defined,arg-type]
    with balls.precision(256):
        near = abs(d.ulps - fmpq(error.numerator, error.denominator)) <= fmpq(1, 10**9) * (1 + fmpq(error.numerator, error.denominator))  # type: ignore[attr-defined]
    return None if near else f"{float(error)} ulp by definition"
