"""Variations of what once was judged wrongly: each row says what theory expects, the verdicts at the points and the findings."""

from __future__ import annotations

import pytest

from verifier.case.load import case_of
from verifier.verify import verify

GOOD = {"correct", "rounding"}
NONE = {"undefined"}

# (function, backward, points, verdicts that may occur, codes of findings): a wrong formula that the points hide is V107, a wrong one V101, what does not exist V204.
ROWS = {
    "a clip without a lower bound": ("clip(x, -inf, 3)*y", "dx = where(x < 3, y, 0)*dout; dy = min(x, 3)*dout", "{x: 1, y: 2}", GOOD, []),
    "its upper bound forgotten": ("clip(x, -inf, 3)*y", "dx = y*dout; dy = clip(x, -inf, 3)*dout", "{x: 1, y: 2}", GOOD, ["V107"]),
    "a clip to infinity is no number": ("clip(x, inf, inf)*0 + x", "dx = dout", "{x: 1}", NONE, ["V204"]),
    "the larger of x and -inf is x": ("max(x, -inf)**2", "dx = 2*x*dout", "{x: 1}, {x: 0}, {x: -5}", GOOD, []),
    "an integer is its own ceiling": ("x*ceil(2*round(x)/2)", "dx = round(x)*dout", "{x: 1.25}", GOOD, []),
    "half an odd integer is not": ("x*floor(floor(x)/2)*2", "dx = floor(x)*dout", "{x: 2.25}", GOOD, ["V107"]),
    "floor(x) + ceil(-x) is 0": ("x*sign(floor(x) + ceil(-x))", "dx = sign(floor(x) + ceil(-x))*dout", "{x: 1.25}", GOOD, []),
    "and no 1": ("x*sign(floor(x) + ceil(-x))", "dx = (1 + floor(x) + ceil(-x))*dout", "{x: 1.25}", {"wrong"}, ["V101"]),
    "erf of a step vanishes on an interval": ("x*max(erf(trunc(x)), 0)", "dx = where(erf(trunc(x)) < 0, 0, erf(trunc(x)) + where(trunc(x) == 0, 1, 0))*dout", "{x: 2.5}", GOOD, ["V107"]),
    "a power of a step is 1 on an interval": ("where(2**round(x) == 1, x**3, x)", "dx = dout", "{x: 2.25}", GOOD, ["V107"]),
    "the arcsine of the sine turns at pi/2": ("asin(sin(x))", "dx = cos(x)/abs(cos(x))*dout", "{x: 0.5}", GOOD, []),
    "and is no x beyond": ("asin(sin(x))", "dx = dout", "{x: 0.5}", GOOD, ["V107"]),
    "the arctangent of the tangent has slope 1": ("atan(tan(x))", "dx = dout", "{x: 0.5}, {x: 2.5}, {x: -40}", GOOD, []),
    "Lambert's W turns at -1": ("lambertw(x*exp(x))", "dx = dout", "{x: 0.5}", GOOD, ["V107"]),
    "a tie by the duplication formula is not decided by digits": ("where(gamma(x)*gamma(x + 1/2) >= 2**(1 - 2*x)*sqrt(pi)*gamma(2*x), x**2, x)", "dx = dout", "{x: 0.75}", {"undecided", "wrong"}, None),
    "a logarithm of an even power": ("log(x**4)", "dx = 4/x*dout", "{x: 0.75}", GOOD, []),
    "with a gap where x is negative": ("log(x**4)", "dx = 4*exp(-log(x))*dout", "{x: 0.75}", GOOD, ["V107"]),
    "a root of a product with a gap": ("sqrt(x*x - 1)", "dx = x/sqrt(x - 1)/sqrt(x + 1)*dout", "{x: 2}", GOOD, ["V107"]),
    "a gap by a term of weight 0": ("x**2", "dx = (2*x + 0*log(x))*dout", "{x: 1.5}", GOOD, ["V107"]),
    "ceil - floor is 0 at integers": ("x**2", "dx = 2*x*(ceil(x) - floor(x))*dout", "{x: 1.5}", GOOD, ["V107"]),
    "0 times a logarithm that does not exist": ("x + 0*log(x - 1)", "dx = dout", "{x: 0.5}", NONE, ["V204"]),
    "a difference of what does not exist": ("x + sqrt(x) - sqrt(x)", "dx = dout", "{x: -1}", NONE, ["V204"]),
    "0 over 0, beside x": ("x + 0/y", "dx = dout", "{x: -1, y: 0}", NONE, ["V204"]),
    "0 times asin(2)": ("x + asin(2)*0", "dx = dout", "{x: -1}", NONE, ["V204"]),
    "asin(x)**0 outside": ("x + asin(x)**0", "dx = dout", "{x: 2}", NONE, ["V204"]),
    "an incomplete gamma function of negative order": ("x + 0*gammainc(-1.5, x)", "dx = dout", "{x: 2}", NONE, ["V204"]),
    "a jump of 1e-170": ("where(x < 3, x, x + 1e-170)", "dx = dout", "{x: 3}", NONE, ["V204"]),
    "a jump of exp(-400)": ("where(x < 0, x, x*1 + exp(-400))", "dx = dout", "{x: 0}", NONE, ["V204"]),
    "the jump of x*round(x)": ("x*round(x)", "dx = round(x)*dout", "{x: 0.5}", NONE, ["V204"]),
    "exp(exp(exp(10))) is larger than all floats": ("exp(exp(exp(x)))", "dx = exp(exp(exp(x)))*exp(exp(x))*exp(x)*dout", "{x: 10}", GOOD, []),
    "a gradient of 0": ("(x - 1)**2", "dx = 2*(x - 1)*dout", "{x: 1}", GOOD, []),
    "and one of 1e-300 in its place": ("(x - 1)**2", "dx = (2*(x - 1) + 1e-300)*dout", "{x: 1}", {"wrong"}, ["V101"]),
    "the second derivative of sinc at 0 is -1/3": ("diff(where(x == 0, 1, sin(x)/x), x)", "dx = where(x == 0, -1/3, -sin(x)/x - 2*cos(x)/x**2 + 2*sin(x)/x**3)*dout", "{x: 0}, {x: 1}", GOOD, []),
    "and not 0": ("diff(where(x == 0, 1, sin(x)/x), x)", "dx = where(x == 0, 0, -sin(x)/x - 2*cos(x)/x**2 + 2*sin(x)/x**3)*dout", "{x: 0}", {"wrong"}, ["V101"]),
    "the second derivative of a power at 0": ("diff(x**y, x)", "dx = y*(y - 1)*x**(y - 2)*dout", "{x: 0, y: 2}, {x: 0, y: 3}", GOOD, []),
    "sqrt(2) sqrt(3) is sqrt(6)": ("where(sqrt(2)*sqrt(3) >= sqrt(6), x**2, x)", "dx = 2*x*dout", "{x: 3}", GOOD, []),
    "so the other branch is wrong": ("where(sqrt(2)*sqrt(3) >= sqrt(6), x**2, x)", "dx = dout", "{x: 3}", {"wrong"}, ["V101"]),
    "2/3 as it is printed": ("2*x**2/3", "dx = 2*0.6666666666666666*x*dout", "{x: 3}", GOOD, []),
    "2/3 with a mistake in its last digits": ("2*x**2/3", "dx = 2*0.6666666666666656*x*dout", "{x: 3}", {"wrong"}, ["V101"]),
    "sqrt(pi)/2 off by an ulp": ("x*sqrt(pi)/2", "dx = 0.8862269254527581*dout", "{x: 1}", GOOD, []),
    "sqrt(pi)/2 off by three": ("x*sqrt(pi)/2", "dx = 0.8862269254527584*dout", "{x: 1}", {"wrong"}, ["V101"]),
    "x**3/x**2 and half an ulp": ("x**3/x**2", "dx = 0.9999999999999999*dout", "{x: 3}", GOOD, []),
    "gradients exchanged, hidden at a symmetric point": ("exp(x)*sin(y)", "dx = exp(x)*cos(y)*dout; dy = exp(x)*sin(y)*dout", "{x: 0, y: 0.7853981633974483}", GOOD, ["V107", "V107"]),
    "another slope on a smooth seam": ("where(x < 1, x**2, 2*x - 1)", "dx = where(x < 1, 2*x, where(x == 1, 3, 2))*dout", "{x: 0.5}, {x: 4}", GOOD, ["V107"]),
    "the rest of an integer is 0": ("x*remainder(floor(x), 1)", "dx = 0*dout", "{x: 2.5}", GOOD, []),
    "a factor that is missing": ("x*exp(-y*y)", "dx = 1*dout; dy = -2*x*y*exp(-y*y)*dout", "{x: 2, y: 0.5}", {"wrong", *GOOD}, ["V101"]),
    "a helper that is wrong": ("sqrt(x*x + 4)", "r2 = x*x - 4; dx = x/sqrt(r2)*dout", "{x: 3}", {"wrong"}, ["V101"]),
    "two mistakes in one line": ("x**3*exp(2*x)", "dx = (2*x**2*exp(2*x) + x**3*exp(2*x))*dout", "{x: 1.5}", {"wrong"}, ["V101"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_variation_is_judged_as_theory_says(name: str) -> None:
    function, backward, points, verdicts, codes = ROWS[name]
    claims = ", ".join(f"{v}: d{v}" for v in "xy" if f"d{v} =" in backward)
    report = verify(case_of(f"function: {function}\npoints: [{points}]\nimplementations: {{it: {{backward: '{backward}', gradients: {{{claims}}}}}}}\n"))
    assert {r.verdict.value for r in report.results} <= verdicts
    if codes is not None:
        assert [f.code for f in report.findings] == codes
    for gradient, proof in report.proofs["it"].items():
        mine = [f for f in report.findings if f.gradient == gradient and f.code in ("V101", "V107")]
        assert (proof == "refuted") == bool(mine), "a refutation and its finding go together"
