"""The rules: what a formula may be replaced with, in the language, one directed row each.

`a`, `b`, `c` and `d` stand for any formula; the operands of sums and products may change places. Over the reals both sides are the same wherever both have
a value; after `if` stands where the right one has a value. Whatever the rules make is measured and proved as a whole: a row only says what is worth a try.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

ROWS = """
sums and products
(a + b) + c -> a + (b + c)
(a + b) - c -> a + (b - c)
(a - b) + c -> a - (b - c)
(a - b) - c -> a - (b + c)
a - (b + c) -> (a - b) - c
a - (b - c) -> (a - b) + c
(a - c) - (b - c) -> a - b
(a + c) - (b + c) -> a - b
(c + a) - c -> a
a + b*a -> a*(1 + b)
a - b*a -> a*(1 - b)
b*a - a -> a*(b - 1)
a*b + a*c -> a*(b + c)
a*b - a*c -> a*(b - c)
a*(b + c) -> a*b + a*c
a*(b - c) -> a*b - a*c
(a*b)*c -> a*(b*c)
a*a - b*b -> (a - b)*(a + b)
1 - a*a -> (1 - a)*(1 + a)
a*a - 1 -> (a - 1)*(a + 1)
a - a*a -> a*(1 - a)
a*a - a -> a*(a - 1)
(a - b)*(a + b) -> a*a - b*b
(1 - a)*(1 + a) -> 1 - a*a
(a + b)*(a + b) - a*a -> b*(2*a + b)
a*a - (a + b)*(a + b) -> -(b*(2*a + b))
(a*b)*(c*d) -> (a*c)*(b*d)
a*b - c*d -> fma(a, b, -(c*d)) + fma(-c, d, c*d)
(a + b) - c -> (max(a, b) - c) + min(a, b)
(a - b) - c -> (a - max(b, c)) - min(b, c)
((a + b) - c) - d -> (max(a, b) - max(c, d)) + (min(a, b) - min(c, d))
(a*a + b*b) - c*c -> (max(a, b) - c)*(max(a, b) + c) + min(a, b)*min(a, b)
(a*a + b*b) - c*c -> ((max(a, b)*max(a, b) - c*c) + min(a, b)*min(a, b)) + ((fma(a, a, -(a*a)) + fma(b, b, -(b*b))) - fma(c, c, -(c*c)))
(a*a - b*b) - c*c -> (a - max(b, c))*(a + max(b, c)) - min(b, c)*min(b, c)
(a*a - b*b) - c*c -> ((a*a - max(b, c)*max(b, c)) - min(b, c)*min(b, c)) + (fma(a, a, -(a*a)) - (fma(b, b, -(b*b)) + fma(c, c, -(c*c))))
1 + a*b -> fma(a, b, 1)
1 - a*b -> fma(-a, b, 1)
a*b - 1 -> fma(a, b, -1)

quotients
(a*b)/c -> a*(b/c)
a*(b/c) -> (a*b)/c
a/b -> a*(1/b)
a*(1/b) -> a/b
(a/b)/c -> a/(b*c)
a/(b*c) -> (a/b)/c
a/(b/c) -> (a*c)/b
(a/b)*(c/d) -> (a*c)/(b*d)
(a*b)/(c*d) -> (a/c)*(b/d)
(a*a)/(b*b) -> (a/b)*(a/b)
(a/b)*(a/b) -> (a*a)/(b*b)
(a*b)/(a*c) -> b/c
(a*b)/a -> b
a/(a*b) -> 1/b
(a + b)/c -> a/c + b/c
(a - b)/c -> a/c - b/c
a/c + b/c -> (a + b)/c
a/c - b/c -> (a - b)/c
a/b + c/d -> (a*d + c*b)/(b*d)
a/b - c/d -> (a*d - c*b)/(b*d)
1/a - 1/b -> (b - a)/(a*b)
a/b + c -> (a + c*b)/b
a/b - c -> (a - c*b)/b
c - a/b -> (c*b - a)/b
a/(a + b) -> 1/(1 + b/a)
1/(1 + b/a) -> a/(a + b)
a/(1 + a) -> 1/(1 + 1/a)
1 - 1/(1 + a) -> a/(1 + a)
1 - a/(1 + a) -> 1/(1 + a)
1 - a/(a + b) -> b/(a + b)
1 - 2*a/(a + b) -> (b - a)/(a + b)
1/(1 + a) - a/((1 + a)*(1 + a)) -> 1/((1 + a)*(1 + a))
1/(1 + a) - a/(1 + a)/(1 + a) -> 1/((1 + a)*(1 + a))
1/a - b/(a*a) -> (a - b)/(a*a)
1/a - b/a/a -> (a - b)/(a*a)

roots
sqrt(a)*sqrt(b) -> sqrt(a*b)
sqrt(a*b) -> sqrt(a)*sqrt(b) if a > 0
sqrt(a)/sqrt(b) -> sqrt(a/b)
sqrt(a/b) -> sqrt(a)/sqrt(b) if b > 0
sqrt(a)*sqrt(a) -> a
sqrt(a*a) -> abs(a)
a/sqrt(a) -> sqrt(a)
sqrt(a)/a -> 1/sqrt(a)
1/sqrt(a) -> sqrt(1/a)
sqrt(a) - sqrt(b) -> (a - b)/(sqrt(a) + sqrt(b))
a - sqrt(b) -> (a*a - b)/(a + sqrt(b))
sqrt(b) - a -> (b - a*a)/(a + sqrt(b))
a + sqrt(b) -> (a*a - b)/(a - sqrt(b))
a/sqrt(b) - 1 -> (a*a - b)/(sqrt(b)*(a + sqrt(b)))
a/sqrt(b) - 1 -> (a - sqrt(b))/sqrt(b)
1 - a/sqrt(b) -> (b - a*a)/(sqrt(b)*(a + sqrt(b)))
1 + a/sqrt(b) -> (a + sqrt(b))/sqrt(b)
1/sqrt(a) - 1/sqrt(b) -> (b - a)/(sqrt(a)*sqrt(b)*(sqrt(a) + sqrt(b)))
c/sqrt(a) - c/sqrt(b) -> c*(b - a)/(sqrt(a)*sqrt(b)*(sqrt(a) + sqrt(b)))
sqrt(a*a + b*b) -> hypot(a, b)
sqrt(a*a + 1) -> hypot(a, 1)
sqrt(a*a - 1) -> sqrt(a - 1)*sqrt(a + 1) if a > 1
sqrt(a*a - b*b) -> sqrt(a - b)*sqrt(a + b) if a > b and b > 0
sqrt(1 - a*a) -> sqrt((1 - a)*(1 + a))
sqrt(a*a - b) -> hypot(a, sqrt(-b)) if b < 0
sqrt(a*a + b) -> hypot(a, sqrt(b)) if b > 0
a*a + b*b -> hypot(a, b)*hypot(a, b)
cbrt(a) - cbrt(b) -> (a - b)/(cbrt(a)*cbrt(a) + cbrt(a)*cbrt(b) + cbrt(b)*cbrt(b))
a*a + 1 -> hypot(a, 1)*hypot(a, 1)
a*a + b -> hypot(a, sqrt(b))*hypot(a, sqrt(b)) if b > 0
a/hypot(a, b) - 1 -> -(b/hypot(a, b)*(b/(hypot(a, b) + a)))
1 - a/hypot(a, b) -> b/hypot(a, b)*(b/(hypot(a, b) + a))
a/(b + sqrt(b*b + a*a)) -> a/(b + hypot(a, b))
hypot(a, b)*hypot(a, b) -> a*a + b*b
hypot(a, b) - a -> b*(b/(hypot(a, b) + a))
a - hypot(a, b) -> -(b*(b/(hypot(a, b) + a)))
hypot(a, b) + a -> b*(b/(hypot(a, b) - a))
hypot(a, b) - hypot(c, d) -> ((a - c)*(a + c) + (b - d)*(b + d))/(hypot(a, b) + hypot(c, d))
a*sqrt(b) - c*sqrt(d) -> (a*a*b - c*c*d)/(a*sqrt(b) + c*sqrt(d))
a/sqrt(b) - c/sqrt(d) -> (a*a*d - c*c*b)/(sqrt(b)*sqrt(d)*(a*sqrt(d) + c*sqrt(b)))
a/hypot(a, b) - c/hypot(c, d) -> (a*d - c*b)*(a*d + c*b)/(hypot(a, b)*hypot(c, d)*(a*hypot(c, d) + c*hypot(a, b)))
a/hypot(b, c) - 1 -> (a*a - (b*b + c*c))/(hypot(b, c)*(a + hypot(b, c)))

exponentials and logarithms
exp(a)*exp(b) -> exp(a + b)
exp(a + b) -> exp(a)*exp(b)
exp(a)/exp(b) -> exp(a - b)
exp(a - b) -> exp(a)/exp(b)
1/exp(a) -> exp(-a)
exp(-a) -> 1/exp(a)
exp(2*a) -> exp(a)*exp(a)
exp(a)*exp(a) -> exp(2*a)
exp(a) -> exp(a/2)*exp(a/2)
exp(a) - 1 -> expm1(a)
1 - exp(a) -> -expm1(a)
1 + expm1(a) -> exp(a)
1 - expm1(a) -> 2 - exp(a)
exp(a)/(expm1(a)*expm1(a)) -> 1/(4*(sinh(a/2)*sinh(a/2)))
exp(a)/((exp(a) - 1)*(exp(a) - 1)) -> 1/(4*(sinh(a/2)*sinh(a/2)))
exp(a)/((1 - exp(a))*(1 - exp(a))) -> 1/(4*(sinh(a/2)*sinh(a/2)))
expm1(2*a) -> expm1(a)*(expm1(a) + 2)
exp(2*a) - 1 -> (exp(a) - 1)*(exp(a) + 1)
exp(a) - exp(b) -> exp(b)*expm1(a - b)
exp(a) - exp(b) -> exp(a)*(-expm1(b - a))
exp(a) - exp(-a) -> 2*sinh(a)
exp(-a) - exp(a) -> -2*sinh(a)
exp(a) + exp(-a) -> 2*cosh(a)
exp(a) + (b + exp(-a)) -> b + 2*cosh(a)
exp(-a) + (b + exp(a)) -> b + 2*cosh(a)
exp(a) - exp(b) -> 2*exp((a + b)/2)*sinh((a - b)/2)
(exp(a) - 2) + exp(-a) -> 4*(sinh(a/2)*sinh(a/2))
a - a*exp(b) -> -(a*expm1(b))
a*exp(b) - a -> a*expm1(b)
(exp(a)*b)/c -> b/(c*exp(-a))
log(1 + a) -> log1p(a)
log(1 - a) -> log1p(-a)
log(a*b) -> log(a) + log(b) if a > 0 and b > 0
log(a/b) -> log(a) - log(b) if a > 0 and b > 0
log(a) + log(b) -> log(a*b)
log(a) - log(b) -> log(a/b)
log(a) - log(b) -> log1p((a - b)/b)
log((a + b)/a) -> log1p(b/a)
log((a - b)/a) -> log1p(-(b/a))
log(1/a) -> -log(a)
log(a*a) -> 2*log(abs(a))
log(exp(a)) -> a
exp(log(a)) -> a
exp(a + log(b)) -> exp(a)*b
exp(a - log(b)) -> exp(a)/b
exp(-log(a)) -> 1/a
log(exp(a) + exp(b)) -> max(a, b) + log1p(exp(-abs(a - b)))
log1p(exp(a)) -> max(a, 0) + log1p(exp(-abs(a)))
log((exp(a) + exp(b)) + exp(c)) -> max(max(a, b), c) + log((exp(a - max(max(a, b), c)) + exp(b - max(max(a, b), c))) + exp(c - max(max(a, b), c)))

logistic functions
exp(a)/(1 + exp(a)) -> 1/(1 + exp(-a))
1/(1 + exp(a)) -> exp(-a)/(1 + exp(-a))
1/(1 + exp(-a)) -> exp(a)/(1 + exp(a))
exp(a)/(exp(a) + exp(b)) -> 1/(1 + exp(b - a))
exp(a)/((exp(a) + exp(b)) + exp(c)) -> 1/((1 + exp(b - a)) + exp(c - a))
exp(a)/((exp(a) + exp(b)) + exp(c)) -> exp(a - max(max(a, b), c))/((exp(a - max(max(a, b), c)) + exp(b - max(max(a, b), c))) + exp(c - max(max(a, b), c)))
exp(a)/(exp(a) + b) -> 1/(1 + b/exp(a))
exp(a)/(1 + exp(a + b)) -> 1/(exp(-a) + exp(b))
exp(a)/((1 + exp(a))*(1 + exp(a))) -> exp(-abs(a))/((1 + exp(-abs(a)))*(1 + exp(-abs(a))))
exp(-a)/((1 + exp(-a))*(1 + exp(-a))) -> exp(-abs(a))/((1 + exp(-abs(a)))*(1 + exp(-abs(a))))
exp(a)/((1 + exp(a))*(1 + exp(a))) -> 1/(2 + exp(a) + exp(-a))
1/((1 + exp(a))*(1 + exp(-a))) -> exp(-abs(a))/((1 + exp(-abs(a)))*(1 + exp(-abs(a))))
1 - 1/(1 + exp(a)) -> 1/(1 + exp(-a))
(exp(a) - exp(b))/(exp(a) + exp(b)) -> tanh((a - b)/2)
(1 - exp(a))/(1 + exp(a)) -> -tanh(a/2)
expm1(a)/(1 + exp(a)) -> tanh(a/2)
1/(1 - exp(-a)) -> exp(a)/expm1(a)
exp(a)/(exp(a) - 1) -> -1/expm1(-a)
exp(a)/expm1(a) -> -1/expm1(-a)
1 - exp(-a)/(1 + exp(-a)) -> 1/(1 + exp(-a))

hyperbolic functions
1 - tanh(a)*tanh(a) -> 1/(cosh(a)*cosh(a))
1 - tanh(a) -> 2/(1 + exp(2*a))
1 + tanh(a) -> 2/(1 + exp(-2*a))
1/(cosh(a)*cosh(a)) -> (1/cosh(a))*(1/cosh(a))
1/cosh(a) -> 2*exp(-abs(a))/(1 + exp(-2*abs(a)))
1/(cosh(a)*cosh(a)) -> 4*exp(-2*abs(a))/((1 + exp(-2*abs(a)))*(1 + exp(-2*abs(a))))
cosh(a)*cosh(a) - sinh(a)*sinh(a) -> 1
cosh(a)*cosh(a) - 1 -> sinh(a)*sinh(a)
cosh(a) - 1 -> 2*(sinh(a/2)*sinh(a/2))
sinh(a)/cosh(a) -> tanh(a)
sinh(a) + cosh(a) -> exp(a)

trigonometric functions
1 - cos(a) -> 2*(sin(a/2)*sin(a/2))
1 - cos(a) -> sin(a)*tan(a/2)
cos(a) - 1 -> -2*(sin(a/2)*sin(a/2))
(1 - cos(a))/sin(a) -> tan(a/2)
sin(a)/(1 + cos(a)) -> tan(a/2)
tan(a/2)/tan(a) -> cos(a)/(1 + cos(a))
1 - tan(a/2)/tan(a) -> 1/(1 + cos(a))
tan(a/2)/sin(a) -> 1/(1 + cos(a))
1 - sin(a)*sin(a) -> cos(a)*cos(a)
1 - cos(a)*cos(a) -> sin(a)*sin(a)
sin(a)*sin(a) + cos(a)*cos(a) -> 1
1 + tan(a)*tan(a) -> 1/(cos(a)*cos(a))
1/(cos(a)*cos(a)) -> 1 + tan(a)*tan(a)
sin(a)*cos(a) -> sin(2*a)/2
sin(a + pi/2) -> cos(a)
cos(a + pi/2) -> -sin(a)
tan(a)*(cos(a)*cos(a)) -> sin(2*a)/2
sin(a)/cos(a) -> tan(a)
cos(a)/sin(a) -> 1/tan(a)
1/tan(a) -> cos(a)/sin(a)
a - b*cos(c) -> (a - b) + 2*b*(sin(c/2)*sin(c/2))
(a*a + b*b) - 2*(a*(b*cos(c))) -> (a - b)*(a - b) + 4*(a*b)*(sin(c/2)*sin(c/2))
a*a + b*(c*c) -> hypot(a, c*sqrt(b))*hypot(a, c*sqrt(b)) if b > 0
sin(a) - sin(b) -> 2*(cos((a + b)/2)*sin((a - b)/2))
cos(a) - cos(b) -> -2*(sin((a + b)/2)*sin((a - b)/2))
tan(a) - tan(b) -> sin(a - b)/(cos(a)*cos(b))
sin(a + b) - sin(a) -> 2*(cos(a + b/2)*sin(b/2))
cos(a + b) - cos(a) -> -2*(sin(a + b/2)*sin(b/2))

sin(pi*a) -> sinpi(a)
cos(pi*a) -> cospi(a)

error functions
1 - erf(a) -> erfc(a)
1 + erf(a) -> erfc(-a)
1 - erfc(a) -> erf(a)
2 - erfc(a) -> erfc(-a)
erfc(a) -> erfcx(a)*exp(-(a*a))
erfc(a/sqrt(2)) -> erfcx(a/sqrt(2))*exp(-(a*a)/2)
exp(a*a)*erfc(a) -> erfcx(a)

gamma functions
digamma(a + 1) -> digamma(a) + 1/a
lgamma(a + 1) -> lgamma(a) + log(abs(a))

powers
a**b*a**c -> a**(b + c)
a**b/a**c -> a**(b - c)
a**b*a -> a**(b + 1)
a**b/a -> a**(b - 1)
a**b - 1 -> expm1(b*log(a)) if a > 0
a**b - c**b -> c**b*expm1(b*log(a/c)) if a > 0 and c > 0
exp(b*log(a)) -> a**b
log(a**b) -> b*log(a) if a > 0
a**(1/3) -> cbrt(a) if a > 0
a**(2/3) -> cbrt(a)*cbrt(a) if a > 0
a**(-2/3) -> 1/(cbrt(a)*cbrt(a)) if a > 0
a**(-b) -> 1/a**b if a > 0
a**(2*b) -> a**b*a**b if a > 0
a**(b - 1) -> a**b/a if a > 0
a**b -> exp(b*log(a)) if a > 0
(a**b)**c -> a**(b*c) if a > 0
(1/a)**b -> 1/a**b if a > 0
a**b*c**b -> (a*c)**b if a > 0 and c > 0
a**b/c**b -> (a/c)**b if a > 0 and c > 0
(1 + a)**b -> exp(b*log1p(a)) if 1 + a > 0
(1 - a)**b -> exp(b*log1p(-a)) if 1 - a > 0
where(1/a == 0, b, c) -> c

arguments in two parts
exp(a*b) -> exp(a*b)*(1 + fma(a, b, -(a*b)))
exp(a/b) -> exp(a/b)*(1 - fma(a/b, b, -a)/b)
exp(-(a*b)) -> exp(-(a*b))*(1 - fma(a, b, -(a*b)))
exp(-(a/b)) -> exp(-(a/b))*(1 + fma(a/b, b, -a)/b)
exp(a*b/c) -> exp(a*b/c)*(1 + (fma(a, b, -(a*b)) - fma(a*b/c, c, -(a*b)))/c)
exp(-(a*b/c)) -> exp(-(a*b/c))*(1 - (fma(a, b, -(a*b)) - fma(a*b/c, c, -(a*b)))/c)
exp(a*(b*(b*b))) -> exp(a*(b*(b*b)))*(1 + (fma(a, b*(b*b), -(a*(b*(b*b)))) + a*(fma(b, b*b, -(b*(b*b))) + b*fma(b, b, -(b*b)))))
exp(a + b) -> exp(a + b)*(1 + ((a - ((a + b) - ((a + b) - a))) + (b - ((a + b) - a))))
exp(a - b) -> exp(a - b)*(1 + ((a - ((a - b) - ((a - b) - a))) - (b + ((a - b) - a))))
sin(a + b) -> sin(a + b) + cos(a + b)*((a - ((a + b) - ((a + b) - a))) + (b - ((a + b) - a)))
cos(a + b) -> cos(a + b) - sin(a + b)*((a - ((a + b) - ((a + b) - a))) + (b - ((a + b) - a)))
tan(a + b) -> tan(a + b) + (1 + tan(a + b)*tan(a + b))*((a - ((a + b) - ((a + b) - a))) + (b - ((a + b) - a)))
expm1(a + b) -> expm1(a + b) + exp(a + b)*((a - ((a + b) - ((a + b) - a))) + (b - ((a + b) - a)))
sin(a - b) -> sin(a - b) + cos(a - b)*((a - ((a - b) - ((a - b) - a))) - (b + ((a - b) - a)))
cos(a - b) -> cos(a - b) - sin(a - b)*((a - ((a - b) - ((a - b) - a))) - (b + ((a - b) - a)))
tan(a - b) -> tan(a - b) + (1 + tan(a - b)*tan(a - b))*((a - ((a - b) - ((a - b) - a))) - (b + ((a - b) - a)))
expm1(a - b) -> expm1(a - b) + exp(a - b)*((a - ((a - b) - ((a - b) - a))) - (b + ((a - b) - a)))
exp(a*sqrt(b)) -> exp(a*sqrt(b))*(1 + (fma(a, sqrt(b), -(a*sqrt(b))) + a*(fma(-sqrt(b), sqrt(b), b)/(2*sqrt(b))))) if b > 0
sin(a*b) -> sin(a*b) + cos(a*b)*fma(a, b, -(a*b))
cos(a*b) -> cos(a*b) - sin(a*b)*fma(a, b, -(a*b))
tan(a*b) -> tan(a*b) + (1 + tan(a*b)*tan(a*b))*fma(a, b, -(a*b))
expm1(a*b) -> expm1(a*b) + exp(a*b)*fma(a, b, -(a*b))
sinh(a*b) -> sinh(a*b) + cosh(a*b)*fma(a, b, -(a*b))
cosh(a*b) -> cosh(a*b) + sinh(a*b)*fma(a, b, -(a*b))
sinh(a/b) -> sinh(a/b) - cosh(a/b)*(fma(a/b, b, -a)/b)
cosh(a/b) -> cosh(a/b) - sinh(a/b)*(fma(a/b, b, -a)/b)
sinh(a*b/c) -> sinh(a*b/c) + cosh(a*b/c)*((fma(a, b, -(a*b)) - fma(a*b/c, c, -(a*b)))/c)
sin(a*b/c) -> sin(a*b/c) + cos(a*b/c)*((fma(a, b, -(a*b)) - fma(a*b/c, c, -(a*b)))/c)
cos(a*b/c) -> cos(a*b/c) - sin(a*b/c)*((fma(a, b, -(a*b)) - fma(a*b/c, c, -(a*b)))/c)
sin(a/b) -> sin(a/b) - cos(a/b)*(fma(a/b, b, -a)/b)
cos(a/b) -> cos(a/b) + sin(a/b)*(fma(a/b, b, -a)/b)
tan(a/b) -> tan(a/b) - (1 + tan(a/b)*tan(a/b))*(fma(a/b, b, -a)/b)
expm1(a/b) -> expm1(a/b) - exp(a/b)*(fma(a/b, b, -a)/b)
a**(1/b) -> a**(1/b)*(1 - log(a)*(fma(1/b, b, -1)/b)) if a > 0
(a + b)**c -> (a + b)**c*(1 + c*((a - ((a + b) - ((a + b) - a))) + (b - ((a + b) - a)))/(a + b)) if a + b > 0
"""


@dataclass(frozen=True, slots=True)
class RewriteRule:
    """One row: a formula, what it may be replaced with, and where that holds (empty: wherever the formula has a value)."""

    left: str
    right: str
    condition: str = ""

    @property
    def text(self) -> str:
        """The row."""
        return f"{self.left} -> {self.right}" + (f" if {self.condition}" if self.condition else "")


def rules_of(rows: str) -> tuple[RewriteRule, ...]:
    """The rules of some rows; a line without an arrow is a heading."""
    found = []
    for line in rows.splitlines():
        left, arrow, rest = line.partition("->")
        if arrow:
            right, _, condition = rest.partition(" if ")
            found.append(RewriteRule(left.strip(), right.strip(), condition.strip()))
    return tuple(found)


@cache
def all_rules() -> tuple[RewriteRule, ...]:
    """The rules of the table."""
    return rules_of(ROWS)
