"""Further straight-line cores of FPBench (https://fpbench.org/benchmarks.html), as statements with their domains; the last line is the output.

Those with a box that `certify.py` bounds are there, Hamming's formulas are in `improve.py`. The files daisy, fptaylor-extra, fptaylor-real2float, fptaylor-tests, graphics, hamming-ch3,
herbie, rosa and rump of FPBench's folder `benchmarks` hold 110 straight-line cores with 281 gradient components, and all of them are in these lists, seven as `REPEATED`. All are computed in float64,
those that FPBench declares binary32 too (exp1x_32, hypot32, i4, i6, intro-example-mixed, test01_sum3, test06_sums4, x_by_xy).

Not among them, of these files: loops (N Body Simulation, Pendulum, Sine Newton), and cores with an `if` (cav10, smartRoot, squareRoot3, squareRoot3Invalid, triangleSorted).
Of apron, precimonious and salsa: all, for they are loops. ArcLength, Hartman, Traincar4, Transcendentals and salsa_from_Daisy have 34 more straight-line cores, taken from Daisy; 12 of them are in
these lists (pendulum, analysis, hartman, odometry). Not among them: arcLength, which does not read its only input; logExp and sphere, which repeat others; the ten linear functions of Traincar4, and
the one, three and five steps of pid, leadLag and trapezoid, whose gradients are constants.
"""

from __future__ import annotations

SMALL, LARGE = "[-50, 50]", "[-1e10, 1e10]"  # where a core names no range: with exponentials, powers or angles, and without
_HARTMAN3 = (
    ((3.0, 10.0, 30.0), (0.3689, 0.117, 0.2673)), ((0.1, 10.0, 35.0), (0.4699, 0.4387, 0.747)), ((3.0, 10.0, 30.0), (0.1091, 0.8732, 0.5547)), ((0.1, 10.0, 35.0), (0.03815, 0.5743, 0.8828)),
)  # fmt: skip
_HARTMAN6 = (
    ((10.0, 3.0, 17.0, 3.5, 1.7, 8.0), (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886)), ((0.05, 10.0, 17.0, 0.1, 8.0, 14.0), (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991)),
    ((3.0, 3.5, 1.7, 10.0, 17.0, 8.0), (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665)), ((17.0, 8.0, 0.05, 10.0, 0.1, 14.0), (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381)),
)  # fmt: skip
_WEIGHT_FIRST = "({w}*({d}))*({d})"
_ENTRIES = "abcdefghi"
_CURRENT = (
    "im = ((2*3.14159265359)*f)*l\nden = r*r + im*im\nre1 = (v*r)/den\nim1 = -(v*im)/den\nmost = sqrt(re1*re1 + im1*im1)\n"
    "theta = atan(im1/re1)\nout = most*cos(((2*3.14159265359)*f)*t + theta)"
)  # fmt: skip
_COSINE = "1.0 - (arg*arg)*0.5 + (((arg*arg)*arg)*arg)/24.0"
_SINE = "arg - ((arg*arg)*arg)/6.0 + ((((arg*arg)*arg)*arg)*arg)/120.0"
_WHEELS = "sl: [0.52, 0.53], sr: [0.05, 6.28]"
_ODOMETRY = "dl = 12.34*sl\ndr = 12.34*sr\nd = (dl + dr)*0.5\narg = ((dr - dl)*0.1)*0.5\n"
_HERON = "s = ((a + b) + c)/2\nf = sqrt(((s*(s - a))*(s - b))*(s - c))"
_THIN = {"triangle1": "0.1", **{f"triangle{k}": f"1e-{k}" for k in range(2, 13)}}  # how much longer two sides are than the third, at least
_LOGISTIC = "(1/(1 + exp(-{0})))**cp*(1 - 1/(1 + exp(-{0})))**cn"


def _hartman(rows: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...], term: str = "{w}*(({d})*({d}))") -> str:
    """Hartman's function: a sum of exponentials of quadratic forms, with the weights and the centres of each. A term is made of a weight and a difference."""
    lines = [f"e{k} = " + " + ".join(term.format(w=w, d=f"x{i} - {c}") for i, (w, c) in enumerate(zip(weights, centres, strict=True), 1)) for k, (weights, centres) in enumerate(rows, 1)]
    return "\n".join([*lines, "f = -(1.0*exp(-e1) + 1.2*exp(-e2) + 3.0*exp(-e3) + 3.2*exp(-e4))"])


def _odometry(steps: int, series: str) -> str:
    """The position of a robot after some steps with the same speeds of its wheels, the cosine or the sine by its series."""
    lines = ["dl = 12.34*sl", "dr = 12.34*sr", "d = (dl + dr)*0.5", "turn = (dr - dl)*0.1", "theta0 = 0.0", "x0 = 0.0"]
    for k in range(1, steps + 1):
        lines += [f"arg{k} = theta{k - 1} + turn*0.5", f"s{k} = {series.replace('arg', f'arg{k}')}", f"x{k} = x{k - 1} + d*s{k}", f"theta{k} = theta{k - 1} + turn"]
    return "\n".join(lines[:-1])


def _same(names: str, domain: str) -> str:
    return ", ".join(f"{name}: {domain}" for name in names.split())


FURTHER_CORES = {
    "floudas1": ("f = -25*((x1 - 2)*(x1 - 2)) - (x2 - 2)*(x2 - 2) - (x3 - 1)*(x3 - 1) - (x4 - 4)*(x4 - 4) - (x5 - 1)*(x5 - 1) - (x6 - 4)*(x6 - 4)",
                 "x1: [0, 6], x2: [0, 6], x3: [1, 5], x4: [0, 6], x5: [0, 6], x6: [0, 10]"),
    "floudas2": ("f = -x1 - x2", "x1: [0, 3], x2: [0, 4]"),
    "floudas3": ("f = -12*x1 - 7*x2 + x2*x2", "x1: [0, 2], x2: [0, 3]"),
    "hartman3": (_hartman(_HARTMAN3), _same("x1 x2 x3", "[0, 1]")),
    "hartman6": (_hartman(_HARTMAN6), _same("x1 x2 x3 x4 x5 x6", "[0, 1]")),
    "delta": ("f = (x1*x4)*(-x1 + x2 + x3 - x4 + x5 + x6) + (x2*x5)*(x1 - x2 + x3 + x4 - x5 + x6) + (x3*x6)*(x1 + x2 - x3 + x4 + x5 - x6) + (-x2*x3)*x4 + (-x1*x3)*x5 + (-x1*x2)*x6 + (-x4*x5)*x6",
              _same("x1 x2 x3 x4 x5 x6", "[4, 6.3504]")),
    "sqrt_add": ("f = 1/(sqrt(x + 1) + sqrt(x))", "x: [1, 1000]"),
    "test02_sum8": ("f = x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7", _same("x0 x1 x2 x3 x4 x5 x6 x7", "[1, 2]")),
    "test04_dqmom9": ("\n".join(f"v{k} = (w{k}*(0 - m{k}))*(-3*((1*(a{k}/w{k}))*(a{k}/w{k})))" for k in range(3)) + "\nf = 0.0 + (v0*1 + (v1*1 + (v2*1 + 0.0)))",
                      _same("m0 m1 m2", "[-1, 1]") + ", " + _same("w0 w1 w2 a0 a1 a2", "[0.00001, 1]")),
    "test06_sums4": ("f = ((x0 + x1) + x2) + x3", "x0: [-1e-5, 1.00001], " + _same("x1 x2 x3", "[0, 1]")),
    "complex square root": ("f = 0.5*sqrt(2.0*(sqrt(re*re + im*im) + re))", _same("re im", LARGE)),
    "complex sine": ("f = (0.5*sin(re))*(exp(-im) - exp(im))", _same("re im", SMALL)),
    "clustering": (f"f = ({_LOGISTIC.format('s')})/({_LOGISTIC.format('t')})", "cp: [0, 50], cn: [0, 50], " + _same("t s", SMALL)),
    "example 3.7": ("f = exp(x) - 1", "x: [-0.00017, 50]"),
    "polar angle": ("f = atan(y/x)*(180.0/3.14159265359)", _same("x y", "[1, 100]")),
    "cartesian x": ("f = r*cos(theta*(3.14159265359/180.0))", "r: [1, 10], theta: [0, 360]"),
    "cartesian y": ("f = r*sin(theta*(3.14159265359/180.0))", "r: [1, 10], theta: [0, 360]"),
    "instantaneous current": (_CURRENT, "t: [0, 300], r: [1, 50], f: [1, 100], l: [0.001, 0.004], v: [1, 12]"),
    "determinant": ("f0 = ((a*e)*i + (b*f)*g + (c*d)*h) - ((c*e)*g + (b*d)*i + (a*f)*h)", _same(" ".join(_ENTRIES), "[-10, 10]")),
    "determinant2": ("f0 = (a*(e*i) + (g*(b*f) + c*(d*h))) - (e*(c*g) + (i*(b*d) + a*(f*h)))", _same(" ".join(_ENTRIES), "[-10, 10]")),
    "rump": ("f = 333.75*b**6 + a**2*(11*a**2*b**2 - b**6 - 121*b**4 - 2) + 5.5*b**8 + a/(2*b)", _same("a b", SMALL)),
    "rump in steps": ("b2 = b*b\nb4 = b2*b2\nb6 = b4*b2\nb8 = b4*b4\na2 = a*a\nf = 333.75*b6 + a2*((11*a2)*b2 - b6 - 121*b4 - 2) + 5.5*b8 + a/(2*b)", _same("a b", SMALL)),
    "pendulum1": ("k1w = (-9.80665/2.0)*sin(t)\nk2t = w + (0.01/2)*k1w\nf = t + 0.01*k2t", "t: [-2, 2], w: [-5, 5]"),
    "pendulum2": ("k2w = (-9.80665/2.0)*sin(t + (0.01/2)*w)\nf = w + 0.01*k2w", "t: [-2, 2], w: [-5, 5]"),
    "analysis1": ("x1 = sin(x)\nx2 = cos(x)\nf = ((x1*x1)*x2)*x2", "x: [-1.57079632679, 1.57079632679]"),
    "analysis2": ("x1 = 1/cos(x)\nx2 = tan(x)\nf = (x1*x1)/(4 + x2*x2)", "x: [-1.1, 0.9]"),
    "eigenvalue": ("f = sqrt((a + d)**2 + (b - c)**2) - sqrt((a - d)**2 + (b + c)**2)", _same("a b c d", SMALL)),
    "odometry x": (f"{_ODOMETRY}cosine = {_COSINE}\nf = 0.0 + d*cosine", _WHEELS),
    "odometry y": (f"{_ODOMETRY}sine = {_SINE}\nf = 0.0 + d*sine", _WHEELS),
    "Hartman, hartman3": (_hartman(_HARTMAN3, _WEIGHT_FIRST), _same("x1 x2 x3", "[0, 1]")),
    "Hartman, hartman6": (_hartman(_HARTMAN6, _WEIGHT_FIRST), _same("x1 x2 x3 x4 x5 x6", "[0, 1]")),
    "floudas": ("f = x1 + x2", "x1: [0, 2], x2: [0, 3]"),
    "intro-example-mixed": ("f = t/(t + 1)", "t: [1, 999]"),
    "test06_sums4, sum2": ("f = (x0 + x1) + (x2 + x3)", "x0: [-1e-5, 1.00001], " + _same("x1 x2 x3", "[0, 1]")),
    "rump revisited": ("b2 = b*b\nb4 = b2*b2\nb6 = b4*b2\nb8 = b4*b4\na2 = a*a\nf = (333.75 - a2)*b6 + a2*((11*a2)*b2 - 121*b4 - 2) + 5.5*b8 + a/(2*b)", _same("a b", SMALL)),
    "triangle": (_HERON, "a: [9, 9], b: [4.71, 4.89], c: [4.71, 4.89]"),
    **{f"odometry {axis}{steps}": (_odometry(steps, series), _WHEELS) for steps in (3, 5) for axis, series in (("x", _COSINE), ("y", _SINE))},
    **{name: (_HERON, _same("a b c", "[1, 9]")) for name in _THIN},
}  # fmt: skip

# Constraints besides the boxes: each pair of sides is longer than the third one; the sum is bounded. Those of floudas1 to 3 and of the quadratics of `improve.py` are not used: they are measured on all of their boxes.
GIVEN = {
    "floudas": "x1 + x2 <= 2",
    **{name: f"a + b > c + {least} and a + c > b + {least} and b + c > a + {least}" for name, least in _THIN.items()},
}

# Cores of the same function and the same box as another one, whose name is the value.
REPEATED = {
    "carthesianToPolar, radius": "hypot", "exp1x_32": "exp1x", "hypot32": "hypot", "logexp of fptaylor-extra": "logexp", "nonlin1": "t_div_t1", "sec4-example": "nonlin2", "test01_sum3": "sum",
}  # fmt: skip
