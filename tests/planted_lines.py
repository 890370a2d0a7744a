"""Mistakes planted in hand-written backward passes of known formulas: the changed lines, and what a reader has to be told.

A `Formula` is a case with a right backward pass. Each of its plants changes lines of it (old line -> new line); `words` is a regular expression
that a right diagnosis satisfies: the edit that a person would name. Some were widened later by another edit that repairs the line as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Plant:
    """A mistake: the lines it changes, the lines to blame (the changed ones unless said otherwise), and the words that name it."""

    formula: Formula
    changes: tuple[tuple[str, str], ...]
    words: str
    guilty: tuple[str, ...]

    @property
    def text(self) -> str:
        """The case with the mistake."""
        return self.formula.case(self.changes)

    @property
    def name(self) -> str:
        """The formula and the lines that are wrong."""
        return f"{self.formula.name}: {'; '.join(new for _, new in self.changes)}"


@dataclass(frozen=True)
class Formula:
    """A function with a right implementation of its gradient, and the mistakes that are planted in it."""

    name: str
    points: str
    backward: str
    plants: tuple[tuple[str, ...], ...]  # old line, new line, (more pairs,) words; a leading "at: LINE" names another line to blame
    function: str = ""
    forward: str = ""
    gradients: str = ""
    domain: str = ""
    upstream: str = "1"

    def case(self, changes: tuple[tuple[str, str], ...] = ()) -> str:
        """The text of the case after some lines are changed."""
        forward, backward = self.forward, self.backward
        for old, new in changes:
            assert (forward.splitlines() + backward.splitlines()).count(old) == 1, (self.name, old)
            forward, backward = ("\n".join(new if line == old else line for line in text.splitlines()) for text in (forward, backward))
        rows = [f"name: {self.name}", f'function: "{self.function}"' if self.function else "", f"points: [{self.points}]"]
        rows += [f"domain: {self.domain}" if self.domain else "", f"upstream: {self.upstream}", "implementations:", "  it:"]
        for key, text in (("forward", forward), ("backward", backward)):
            rows += [f"    {key}: |", *(f"      {line}" for line in text.splitlines())] if text else []
        rows += [f"    gradients: {self.gradients}"] if self.gradients else []
        return "\n".join(filter(None, rows)) + "\n"


def planted() -> Iterator[Plant]:
    """Every mistake of every formula."""
    for formula in FORMULAS:
        for row in formula.plants:
            guilty = tuple(part.removeprefix("at: ") for part in row if part.startswith("at: "))
            *lines, words = (part for part in row if not part.startswith("at: "))
            changes = tuple(zip(lines[::2], lines[1::2], strict=True))
            yield Plant(formula, changes, words, guilty or tuple(new for _, new in changes))


FORMULAS = (
    Formula(
        "gelu",
        "{x: 0.7}, {x: -1.3}",
        "cdf = 0.5*(1 + erf(x/sqrt(2)))\npdf = exp(-x**2/2)/sqrt(2*pi)\ndx = (cdf + x*pdf)*dout",
        (
            ("pdf = exp(-x**2/2)/sqrt(2*pi)", "pdf = exp(-x**2)/sqrt(2*pi)", r"`x/sqrt\(2\)`|division by `2`|factor `1/2`|`2` is missing"),
            ("pdf = exp(-x**2/2)/sqrt(2*pi)", "pdf = exp(-x**2/2)/(2*pi)", r"square root|factor `sqrt\(2\*pi\)`"),
            ("pdf = exp(-x**2/2)/sqrt(2*pi)", "pdf = exp(x**2/2)/sqrt(2*pi)", r"sign"),
            ("cdf = 0.5*(1 + erf(x/sqrt(2)))", "cdf = 0.5*(1 - erf(x/sqrt(2)))", r"sign|`-` where `\+`"),
            ("cdf = 0.5*(1 + erf(x/sqrt(2)))", "cdf = 0.5*(1 + tanh(x/sqrt(2)))", r"`tanh.*` where `erf"),
            ("dx = (cdf + x*pdf)*dout", "dx = (cdf + pdf)*dout", r"factor `x` is missing"),
            ("dx = (cdf + x*pdf)*dout", "dx = (cdf - x*pdf)*dout", r"sign|`-` where `\+`"),
            ("dx = (cdf + x*pdf)*dout", "dx = cdf*dout", r"`?x ?\* ?pdf`?.* is missing|contribution .* missing"),
        ),
        function="0.5*x*(1 + erf(x/sqrt(2)))",
    ),
    Formula(
        "gelu by tanh",
        "{x: 0.7}, {x: -1.3}",
        "u = sqrt(2/pi)*(x + 0.044715*x**3)\nt = tanh(u)\ndu = 0.5*x*(1 - t**2)*dout\ndx = 0.5*(1 + t)*dout + du*sqrt(2/pi)*(1 + 3*0.044715*x**2)",
        (
            ("du = 0.5*x*(1 - t**2)*dout", "du = 0.5*x*(1 - t)*dout", r"squared|exponent|1 - t\*\*2"),
            ("du = 0.5*x*(1 - t**2)*dout", "du = 0.5*(1 - t**2)*dout", r"factor `x` is missing"),
            ("du = 0.5*x*(1 - t**2)*dout", "du = x*(1 - t)*dout", r"`x` where `out`|(?=.*(0\.5|1/2|`2`))(?=.*(squared|1 - t\*\*2))"),
            ("t = tanh(u)", "t = tanh(x)", r"`x` where `u`"),
            ("u = sqrt(2/pi)*(x + 0.044715*x**3)", "u = sqrt(2/pi)*(x + 0.044715*x**2)", r"exponent"),
            ("u = sqrt(2/pi)*(x + 0.044715*x**3)", "u = sqrt(2*pi)*(x + 0.044715*x**3)", r"`\*` where `/`"),
            ("dx = 0.5*(1 + t)*dout + du*sqrt(2/pi)*(1 + 3*0.044715*x**2)", "dx = 0.5*(1 + t)*dout + du*(1 + 3*0.044715*x**2)", r"sqrt\(2 ?/ ?pi\).*missing"),
            ("dx = 0.5*(1 + t)*dout + du*sqrt(2/pi)*(1 + 3*0.044715*x**2)", "dx = 0.5*(1 + t)*dout + du*sqrt(2/pi)*(1 + 0.044715*x**2)", r"`?3`? is missing"),
        ),
        function="0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))",
    ),
    Formula(
        "Black-Scholes call with dividends",
        "{S: 100, K: 95, T: 0.5, r: 0.03, q: 0.02, v: 0.25}",
        "n1 = 0.5*erfc(-d1/sqrt(2))\nn2 = 0.5*erfc(-d2/sqrt(2))\npdf1 = exp(-d1**2/2)/sqrt(2*pi)\n"
        "dS = exp(-q*T)*n1*dC\ndK = -exp(-r*T)*n2*dC\ndr = K*T*exp(-r*T)*n2*dC\ndq = -S*T*exp(-q*T)*n1*dC\ndv = S*exp(-q*T)*pdf1*sqrt(T)*dC",
        (
            ("dS = exp(-q*T)*n1*dC", "dS = n1*dC", r"exp\(-q ?\* ?T\)`? is missing"),
            ("dS = exp(-q*T)*n1*dC", "dS = exp(-r*T)*n1*dC", r"`r` where `q`|exp\(-q ?\* ?T\)"),
            ("dS = exp(-q*T)*n1*dC", "dS = exp(-q*T)*n1", r"flows in.*ignored"),
            ("dS = exp(-q*T)*n1*dC", "dS = exp(q*T)*n1*dC", r"sign"),
            ("n2 = 0.5*erfc(-d2/sqrt(2))", "n2 = 0.5*erfc(-d1/sqrt(2))", r"`d1` where `d2`"),
            ("n1 = 0.5*erfc(-d1/sqrt(2))", "n1 = 0.5*erfc(d1/sqrt(2))", r"sign|1 - "),
            ("n2 = 0.5*erfc(-d2/sqrt(2))", "n2 = 0.5*erf(-d2/sqrt(2))", r"`erf` where `erfc`"),
            ("pdf1 = exp(-d1**2/2)/sqrt(2*pi)", "pdf1 = exp(-d2**2/2)/sqrt(2*pi)", r"`d2` where `d1`"),
            ("dv = S*exp(-q*T)*pdf1*sqrt(T)*dC", "dv = S*pdf1*sqrt(T)*dC", r"exp\(-q ?\* ?T\)`? is missing"),
            ("dv = S*exp(-q*T)*pdf1*sqrt(T)*dC", "dv = S*exp(-q*T)*pdf1*T*dC", r"`T` should be its square root|sqrt\(T\)"),
            ("dr = K*T*exp(-r*T)*n2*dC", "dr = K*exp(-r*T)*n2*dC", r"factor `T` is missing"),
            ("dr = K*T*exp(-r*T)*n2*dC", "dr = K*T*exp(-r*T)*n1*dC", r"`n1` where `n2`"),
            ("dS = exp(-q*T)*n1*dC", "dS = -exp(-r*T)*n2*dC", "dK = -exp(-r*T)*n2*dC", "dK = exp(-q*T)*n1*dC", r"exchanged"),
            ("dq = -S*T*exp(-q*T)*n1*dC", "dq = S*T*exp(-r*T)*n1*dC", r"`-exp\(-q\*T\)`|(?=.*sign)(?=.*(`r` where `q`|exp\(-q))"),
        ),
        forward="d1 = (log(S/K) + (r - q + v**2/2)*T)/(v*sqrt(T))\nd2 = d1 - v*sqrt(T)\nC = S*exp(-q*T)*0.5*erfc(-d1/sqrt(2)) - K*exp(-r*T)*0.5*erfc(-d2/sqrt(2))",
        gradients="{S: dS, K: dK, r: dr, q: dq, v: dv}",
        upstream="2",
    ),
    Formula(
        "a softmax probability",
        "{a: 0.4, b: -0.7, c: 1.1}",
        "p = exp(a)/s\npb = exp(b)/s\npc = exp(c)/s\nda = p*(1 - p)*dout\ndb = -p*pb*dout\ndc = -p*pc*dout",
        (
            ("da = p*(1 - p)*dout", "da = p*dout", r"`?\(?1 - p\)?`? is missing|1 - p"),
            ("da = p*(1 - p)*dout", "da = dout", r"p ?\* ?\(1 - p\)|chain rule.*local gradient"),
            ("da = p*(1 - p)*dout", "da = p*(1 + p)*dout", r"sign|`\+` where `-`"),
            ("db = -p*pb*dout", "db = p*pb*dout", r"sign"),
            ("db = -p*pb*dout", "db = -p*pc*dout", "dc = -p*pc*dout", "dc = -p*pb*dout", r"exchanged"),
            ("pb = exp(b)/s", "pb = exp(c)/s", r"`c` where `b`"),
            ("db = -p*pb*dout", "db = -p*pb", r"flows in.*ignored"),
            ("p = exp(a)/s", "p = exp(a)*s", r"`\*` where `/`"),
            ("p = exp(a)/s", "p = exp(-a)/s", r"sign"),
        ),
        forward="s = exp(a) + exp(b) + exp(c)\nout = exp(a)/s",
        upstream="-1",
    ),
    Formula(
        "cross entropy of logits",
        "{z: [0.2, -0.5, 1.4]}",
        "p0 = e0/s\np1 = e1/s\np2 = e2/s\ndz[0] = p0*dL\ndz[1] = (p1 - 1)*dL\ndz[2] = p2*dL",
        (
            ("dz[1] = (p1 - 1)*dL", "dz[1] = p1*dL", r"off by -1|term .*1.* missing|`p1 - 1`"),
            ("dz[0] = p0*dL", "dz[0] = (p0 - 1)*dL", r"`1` is superfluous"),
            ("dz[0] = p0*dL", "dz[0] = (p1 - 1)*dL", "dz[1] = (p1 - 1)*dL", "dz[1] = p0*dL", r"exchanged"),
            ("dz[2] = p2*dL", "dz[2] = p1*dL", r"`p1` where `p2`"),
            ("p2 = e2/s", "p2 = e1/s", r"`e1` where `e2`"),
            ("dz[1] = (p1 - 1)*dL", "dz[1] = (1 - p1)*dL", r"sign|swapped"),
        ),
        forward="e0 = exp(z[0])\ne1 = exp(z[1])\ne2 = exp(z[2])\ns = e0 + e1 + e2\nL = log(s) - z[1]",
        upstream="2.5",
    ),
    Formula(
        "batch normalisation of two",
        "{x: [1, -2], g: 1.7, b: 0.3, t: [0.5, 2]}",
        "dy0 = (y0 - t[0])*dL\ndy1 = (y1 - t[1])*dL\ndg = h0*dy0 + h1*dy1\ndb = dy0 + dy1\ndh0 = g*dy0\ndh1 = g*dy1\n"
        "divar = dh0*c0 + dh1*c1\ndvar = -0.5*divar*ivar**3\ndc0 = dh0*ivar + dvar*c0\ndc1 = dh1*ivar + dvar*c1\ndmu = -dc0 - dc1\n"
        "dx[0] = dc0 + dmu/2\ndx[1] = dc1 + dmu/2",
        (
            ("dh0 = g*dy0", "dh0 = dy0", "dh1 = g*dy1", "dh1 = dy1", r"factor.*`g`.*is missing"),
            ("dvar = -0.5*divar*ivar**3", "dvar = -0.5*divar*ivar**2", r"exponent|`ivar` is missing"),
            ("dvar = -0.5*divar*ivar**3", "dvar = 0.5*divar*ivar**3", r"sign"),
            ("dvar = -0.5*divar*ivar**3", "dvar = -0.5*divar*var**3", r"`var` where `ivar`"),
            ("dc0 = dh0*ivar + dvar*c0", "dc0 = dh0*ivar", r"missing"),
            ("dc1 = dh1*ivar + dvar*c1", "dc1 = dh1*ivar + dvar*c0", r"`c0` where `c1`|sign"),
            ("dg = h0*dy0 + h1*dy1", "dg = c0*dy0 + c1*dy1", r"`ivar` is missing"),
            ("dg = h0*dy0 + h1*dy1", "dg = dy0 + dy1", "db = dy0 + dy1", "db = h0*dy0 + h1*dy1", r"exchanged"),
        ),
        forward="mu = (x[0] + x[1])/2\nc0 = x[0] - mu\nc1 = x[1] - mu\nvar = (c0*c0 + c1*c1)/2\nivar = 1/sqrt(var + 1e-5)\n"
        "h0 = c0*ivar\nh1 = c1*ivar\ny0 = g*h0 + b\ny1 = g*h1 + b\nL = 0.5*((y0 - t[0])**2 + (y1 - t[1])**2)",
        gradients='{"x[0]": "dx[0]", "x[1]": "dx[1]", g: dg, b: db}',
    ),
    Formula(
        "batch normalisation, staged by the products",
        "{x: [1, -2], g: 1.7, t: [0.5, 2]}",
        "dy0 = (y0 - t[0])*dL\ndy1 = (y1 - t[1])*dL\nw0 = g*dy0*ivar\nw1 = g*dy1*ivar\ndvar = -0.5*(w0*c0*ivar**2 + w1*c1*ivar**2)\ndmu = -(w0 + w1)\n"
        "dx[0] = w0 + dvar*c0 + dmu/2\ndx[1] = w1 + dvar*c1 + dmu/2",
        (
            ("w0 = g*dy0*ivar", "w0 = dy0*ivar", "w1 = g*dy1*ivar", "w1 = dy1*ivar", r"factor `g`.* is missing"),
            ("w0 = g*dy0*ivar", "w0 = g*dy1*ivar", r"`dy1` where `dy0`"),
            ("w1 = g*dy1*ivar", "w1 = g*dy1*ivar**2", r"`ivar` is superfluous|exponent|factor `ivar` is superfluous|division by `ivar`"),
            ("dmu = -(w0 + w1)", "dmu = -(w0 - w1)", r"`-` where `\+`|sign"),
        ),
        forward="mu = (x[0] + x[1])/2\nc0 = x[0] - mu\nc1 = x[1] - mu\nvar = (c0*c0 + c1*c1)/2\nivar = 1/sqrt(var + 1e-5)\n"
        "y0 = g*c0*ivar\ny1 = g*c1*ivar\nL = 0.5*((y0 - t[0])**2 + (y1 - t[1])**2)",
        gradients='{"x[0]": "dx[0]", "x[1]": "dx[1]"}',
    ),
    Formula(
        "half angle",
        "{x: 0.3, y: -0.4, phi: 0.9}",
        "c = cos(phi/2)\ns = sin(phi/2)\ndx = -0.5*s*dout\ndy = 0.5*c*dout\ndphi = -0.25*(x*c + y*s)*dout",
        (
            ("dphi = -0.25*(x*c + y*s)*dout", "dphi = 0.25*(x*c - y*s)*dout", r"sign of `x\*c`"),
            ("dphi = -0.25*(x*c + y*s)*dout", "dphi = -0.5*(x*c + y*s)*dout", r"0\.25|`2`"),
            ("dphi = -0.25*(x*c + y*s)*dout", "dphi = -0.25*(x*s + y*c)*dout", r"exchanged|(?=.*`s` where `c`)(?=.*`c` where `s`)|swapped"),
            ("c = cos(phi/2)", "c = cos(phi)", r"`phi/2`|division by `2`|`2` is missing"),
            ("s = sin(phi/2)", "s = cos(phi/2)", r"`cos` where `sin`"),
            ("s = sin(phi/2)", "s = sin(2*phi)", r"`\*` where `/`|0\.5|division by `4`"),
            ("dx = -0.5*s*dout", "dx = 0.5*c*dout", "dy = 0.5*c*dout", "dy = -0.5*s*dout", r"exchanged"),
        ),
        function="0.5*(y*cos(phi/2) - x*sin(phi/2))",
    ),
    Formula(
        "a vector turned by a quaternion, first coordinate",
        "{w: 0.8, x: 0.3, y: -0.4, z: 0.5, a: 1.2, b: -0.7, c: 0.9}",
        "dw = 2*(y*c - z*b)*dout\ndx = 2*(y*b + z*c)*dout\ndy = (2*x*b + 2*w*c - 4*y*a)*dout\ndz = (2*x*c - 2*w*b - 4*z*a)*dout\nda = (1 - 2*(y**2 + z**2))*dout\ndb = 2*(x*y - z*w)*dout\ndc = 2*(x*z + y*w)*dout",
        (
            ("dw = 2*(y*c - z*b)*dout", "dw = 2*(y*c + z*b)*dout", r"sign|`\+` where `-`"),
            ("dy = (2*x*b + 2*w*c - 4*y*a)*dout", "dy = (2*x*b + 2*w*c - 2*y*a)*dout", r"`2`|`4`|should be 4"),
            ("dy = (2*x*b + 2*w*c - 4*y*a)*dout", "dy = (2*x*b - 4*y*a)*dout", r"2 ?\* ?w ?\* ?c|w ?\* ?c.*missing|missing"),
            ("dz = (2*x*c - 2*w*b - 4*z*a)*dout", "dz = (2*x*c + 2*w*b - 4*y*a)*dout", r"(?=.*(sign|`\+` where `-`))(?=.*`y` where `z`)"),
            ("da = (1 - 2*(y**2 + z**2))*dout", "da = (1 - 2*(y**2 + x**2))*dout", r"`x` where `z`"),
            ("db = 2*(x*y - z*w)*dout", "db = 2*(x*y + z*w)*dout", "dc = 2*(x*z + y*w)*dout", "dc = 2*(x*z - y*w)*dout", r"sign|`\+` where `-`|`-` where `\+`"),
            ("db = 2*(x*y - z*w)*dout", "db = 2*(x*z + y*w)*dout", "dc = 2*(x*z + y*w)*dout", "dc = 2*(x*y - z*w)*dout", r"exchanged"),
        ),
        function="(1 - 2*(y**2 + z**2))*a + 2*(x*y - z*w)*b + 2*(x*z + y*w)*c",
    ),
    Formula(
        "Gaussian log density",
        "{x: 1.3, mu: 0.4, sigma: 0.7}",
        "z = (x - mu)/sigma\ndx = -z/sigma*dout\ndmu = z/sigma*dout\ndsigma = (z**2 - 1)/sigma*dout",
        (
            ("dsigma = (z**2 - 1)/sigma*dout", "dsigma = z**2/sigma*dout", r"off by -1|term .*1.* missing|missing"),
            ("dsigma = (z**2 - 1)/sigma*dout", "dsigma = (z - 1)/sigma*dout", r"squared"),
            ("dsigma = (z**2 - 1)/sigma*dout", "dsigma = (z**2 - 1)*dout", r"division by `sigma`"),
            ("z = (x - mu)/sigma", "z = (x - mu)/sigma**2", r"exponent|`sigma` is missing|superfluous|sigma"),
            ("z = (x - mu)/sigma", "z = (x + mu)/sigma", r"`\+` where `-`"),
            ("dx = -z/sigma*dout", "dx = z/sigma*dout", "dmu = z/sigma*dout", "dmu = -z/sigma*dout", r"exchanged|sign"),
        ),
        function="-log(sigma) - log(2*pi)/2 - (x - mu)**2/(2*sigma**2)",
        upstream="-1",
    ),
    Formula(
        "Student t log density",
        "{x: 1.3, nu: 3.5}",
        "u = 1 + x**2/nu\ndx = -(nu + 1)*x/(nu*u)*dout\ndnu = 0.5*(digamma((nu + 1)/2) - digamma(nu/2) - 1/nu - log(u) + (nu + 1)*x**2/(nu**2*u))*dout",
        (
            ("u = 1 + x**2/nu", "u = 1 + x/nu", r"squared"),
            ("dx = -(nu + 1)*x/(nu*u)*dout", "dx = -(nu + 1)*x/nu*dout", r"division by `u`"),
            ("dx = -(nu + 1)*x/(nu*u)*dout", "dx = -nu*x/(nu*u)*dout", r"off by 1|1 \+ nu|nu \+ 1|missing"),
            ("dnu = 0.5*(digamma((nu + 1)/2) - digamma(nu/2) - 1/nu - log(u) + (nu + 1)*x**2/(nu**2*u))*dout", "dnu = 0.5*(digamma((nu + 1)/2) - digamma(nu/2) - log(u) + (nu + 1)*x**2/(nu**2*u))*dout", r"1/nu.* missing|missing.*1/nu|term"),
            ("dnu = 0.5*(digamma((nu + 1)/2) - digamma(nu/2) - 1/nu - log(u) + (nu + 1)*x**2/(nu**2*u))*dout", "dnu = 0.5*(digamma((nu + 1)/2) - digamma(nu/2) - 1/nu - log(u) + (nu + 1)*x**2/(nu*u))*dout", r"`nu` (is missing|should be squared)|exponent|division by `nu`"),
        ),
        function="lgamma((nu + 1)/2) - lgamma(nu/2) - log(nu*pi)/2 - (nu + 1)/2*log(1 + x**2/nu)",
    ),
    Formula(
        "von Mises log density",
        "{x: 0.8, mu: 0.3, k: 2.1}",
        "c = cos(x - mu)\ns = sin(x - mu)\nA = i1(k)/i0(k)\ndx = -k*s*dout\ndmu = k*s*dout\ndk = (c - A)*dout",
        (
            ("A = i1(k)/i0(k)", "A = i0(k)/i1(k)", r"swapped|reciprocal"),
            ("A = i1(k)/i0(k)", "A = i1(k)", r"i0\(k\)"),
            ("dk = (c - A)*dout", "dk = c*dout", r"missing"),
            ("dk = (c - A)*dout", "dk = (s - A)*dout", r"`s` where `c`"),
            ("s = sin(x - mu)", "s = sin(x + mu)", r"`\+` where `-`"),
        ),
        function="k*cos(x - mu) - log(2*pi*i0(k))",
    ),
    Formula(
        "Matern 3/2 kernel",
        "{d: 0.9, l: 1.4, v: 0.6}",
        "r = sqrt(3)*d/l\ne = exp(-r)\ndv = (1 + r)*e*dout\ndr = -v*r*e*dout\ndd = sqrt(3)/l*dr\ndl = -r/l*dr",
        (
            ("dd = sqrt(3)/l*dr", "dd = dr/l", r"sqrt\(3\)"),
            ("dl = -r/l*dr", "dl = -r/l**2*dr", r"exponent|superfluous|`l`"),
            ("dr = -v*r*e*dout", "dr = -v*(1 + r)*e*dout", r"`1` is superfluous"),
            ("dr = -v*r*e*dout", "dr = -v*r*e", r"flows in.*ignored"),
            ("e = exp(-r)", "e = exp(-r**2)", r"exponent|squared|`r`"),
            ("r = sqrt(3)*d/l", "r = 3*d/l", r"square root|sqrt\(3\)"),
            ("dv = (1 + r)*e*dout", "dv = v*(1 + r)*e*dout", r"factor `v` is superfluous"),
        ),
        function="v*(1 + sqrt(3)*d/l)*exp(-sqrt(3)*d/l)",
        upstream="-1",
    ),
    Formula(
        "rational quadratic kernel",
        "{d: 0.9, l: 1.4, a: 1.7}",
        "b = 1 + d**2/(2*a*l**2)\nk = b**(-a)\ndd = -d/l**2*b**(-a - 1)*dout\ndl = d**2/l**3*b**(-a - 1)*dout\nda = k*(d**2/(2*a*l**2*b) - log(b))*dout",
        (
            ("dd = -d/l**2*b**(-a - 1)*dout", "dd = -d/l**2*k*dout", r"division by `b`|b\*\*\(-a - 1\)"),
            ("dl = d**2/l**3*b**(-a - 1)*dout", "dl = d**2/l**2*b**(-a - 1)*dout", r"exponent|division by `l`"),
            ("dl = d**2/l**3*b**(-a - 1)*dout", "dl = d**2/l**3*k**(-a - 1)*dout", r"`k` where `b`"),
            ("dl = d**2/l**3*b**(-a - 1)*dout", "dl = d/l**3*b**(-a - 1)*dout", r"`d` (is missing|should be squared)"),
            ("b = 1 + d**2/(2*a*l**2)", "b = 1 + d**2/(a*l**2)", r"`2` is missing|`2`"),
            ("da = k*(d**2/(2*a*l**2*b) - log(b))*dout", "da = k*(d**2/(2*a*l**2*b) + log(b))*dout", r"sign|`\+` where `-`"),
            ("da = k*(d**2/(2*a*l**2*b) - log(b))*dout", "da = k*(d**2/(2*a*l**2) - log(b))*dout", r"division by `b`"),
        ),
        function="(1 + d**2/(2*a*l**2))**(-a)",
    ),
    Formula(
        "periodic kernel",
        "{d: 0.9, l: 1.4, p: 2.3}",
        "u = pi*d/p\nk = exp(-2*sin(u)**2/l**2)\ndu = -4*sin(u)*cos(u)/l**2*k*dout\ndd = pi/p*du\ndp = -u/p*du\ndl = 4*sin(u)**2/l**3*k*dout",
        (
            ("du = -4*sin(u)*cos(u)/l**2*k*dout", "du = -4*sin(u)/l**2*k*dout", r"cos\(u\)"),
            ("du = -4*sin(u)*cos(u)/l**2*k*dout", "du = -4*sin(u)*cos(d)/l**2*k*dout", r"`d` where `u`"),
            ("dl = 4*sin(u)**2/l**3*k*dout", "dl = 4*cos(u)**2/l**3*k*dout", r"`cos` where `sin`"),
            ("dp = -u/p*du", "dp = -pi/p*du", r"`pi` where `u`|`d`"),
            ("k = exp(-2*sin(u)**2/l**2)", "k = exp(-2*sin(u)**2/l)", r"squared|division by `l`"),
            ("u = pi*d/p", "u = 2*pi*d/p", r"`2` is superfluous"),
        ),
        function="exp(-2*sin(pi*d/p)**2/l**2)",
    ),
    Formula(
        "norm of order p",
        "{x: 1.3, y: 0.7, p: 3.5}",
        "s = x**p + y**p\nn = s**(1/p)\ndx = (x/n)**(p - 1)*dout\ndy = (y/n)**(p - 1)*dout",
        (
            ("dx = (x/n)**(p - 1)*dout", "dx = (x/s)**(p - 1)*dout", r"`s` where `n`"),
            ("dx = (x/n)**(p - 1)*dout", "dx = (x/n)**p*dout", r"off by -1|exponent|x/n|`p - 1`"),
            ("dy = (y/n)**(p - 1)*dout", "dy = (x/n)**(p - 1)*dout", r"`x` where `y`"),
            ("n = s**(1/p)", "n = s**p", r"reciprocal|1/p"),
            ("s = x**p + y**p", "s = x**p*y**p", r"`\*` where `\+`"),
        ),
        function="(x**p + y**p)**(1/p)",
        gradients="{x: dx, y: dy}",
    ),
    Formula(
        "focal loss",
        "{z: 0.6, g: 1.8}",
        "p = 1/(1 + exp(-z))\nq = 1 - p\ndp = (g*q**(g - 1)*log(p) - q**g/p)*dout\ndz = p*q*dp\ndg = -q**g*log(q)*log(p)*dout",
        (
            ("dz = p*q*dp", "dz = p*dp", r"factor `q` is missing|1 - p"),
            ("dz = p*q*dp", "dz = dp", r"p ?\* ?q|q ?\* ?p|chain rule|p ?\* ?\(1 - p\)"),
            ("dp = (g*q**(g - 1)*log(p) - q**g/p)*dout", "dp = (g*q**(g - 1)*log(p) + q**g/p)*dout", r"sign|`\+` where `-`"),
            ("dp = (g*q**(g - 1)*log(p) - q**g/p)*dout", "dp = (g*p**(g - 1)*log(p) - q**g/p)*dout", r"`p` where `q`"),
            ("dp = (g*q**(g - 1)*log(p) - q**g/p)*dout", "dp = (q**(g - 1)*log(p) - q**g/p)*dout", r"factor `g` is missing"),
            ("dg = -q**g*log(q)*log(p)*dout", "dg = -q**g*log(p)*dout", r"log\(q\)"),
            ("q = 1 - p", "q = 1 + p", r"`\+` where `-`|sign"),
        ),
        function="-(1 - 1/(1 + exp(-z)))**g*log(1/(1 + exp(-z)))",
        upstream="-1",
    ),
    Formula(
        "divergence of two Gaussians",
        "{m: 0.4, s: 0.8, n: -0.3, t: 1.3}",
        "d = (m - n)/t**2\nr = s/t\ndm = d*dout\ndn = -d*dout\nds = (s/t**2 - 1/s)*dout\ndt = (1 - r**2 - (m - n)*d)/t*dout",
        (
            ("d = (m - n)/t**2", "d = (m - n)/t", r"squared|division by `t`"),
            ("d = (m - n)/t**2", "d = (m - n)/s**2", r"`s` where `t`"),
            ("ds = (s/t**2 - 1/s)*dout", "ds = s/t**2*dout", r"missing"),
            ("dt = (1 - r**2 - (m - n)*d)/t*dout", "dt = (1 - r - (m - n)*d)/t*dout", r"squared"),
            ("dt = (1 - r**2 - (m - n)*d)/t*dout", "dt = (1 - r**2 - d)/t*dout", r"m - n"),
            ("r = s/t", "r = t/s", r"swapped|reciprocal"),
        ),
        function="log(t/s) + (s**2 + (m - n)**2)/(2*t**2) - 0.5",
    ),
    Formula(
        "cell of a recurrent network",
        "{x: 0.7, h: -0.4, w: 0.9, u: 1.2, b: 0.1}",
        "dc = z*dout\ndz = (c - h)*dout\ndac = (1 - c**2)*dc\ndaz = z*(1 - z)*dz\ndw = x*daz\ndu = x*dac\nda = daz\ndx = w*daz + u*dac\ndh = (1 - z)*dout\ndb = daz",
        (
            ("daz = z*(1 - z)*dz", "daz = dz", r"z ?\* ?\(1 - z\)|chain rule"),
            ("daz = z*(1 - z)*dz", "daz = z*dz", r"1 - z"),
            ("dac = (1 - c**2)*dc", "dac = (1 - c)*dc", r"squared"),
            ("dz = (c - h)*dout", "dz = c*dout", r"missing"),
            ("dw = x*daz", "dw = x*dac", "du = x*dac", "du = x*daz", r"exchanged"),
            ("dx = w*daz + u*dac", "dx = w*daz", r"missing"),
            ("dx = w*daz + u*dac", "dx = u*daz + w*dac", r"exchanged|swapped|(?=.*`u` where `w`)(?=.*`w` where `u`)"),
            ("dh = (1 - z)*dout", "dh = -z*dout", r"1"),
        ),
        forward="az = w*x + b\nz = sigmoid(az)\nac = u*x\nc = tanh(ac)\nout = z*c + (1 - z)*h",
        gradients="{x: dx, h: dh, w: dw, u: du, b: db}",
    ),
    Formula(
        "a sine model",
        "{x: 0.3, a: 2, f: 1.7}",
        "w = 2*pi*f\nda = sin(w*x)*dout\ndf = 2*pi*a*x*cos(w*x)*dout\ndx = a*w*cos(w*x)*dout",
        (
            ("df = 2*pi*a*x*cos(w*x)*dout", "df = 2*pi*a*cos(w*x)*dout", r"factor `x` is missing"),
            ("df = 2*pi*a*x*cos(w*x)*dout", "df = a*x*cos(w*x)*dout", r"2 ?\* ?pi|6\.28"),
            ("dx = a*w*cos(w*x)*dout", "dx = a*cos(w*x)*dout", r"factor `w` is missing"),
            ("dx = a*w*cos(w*x)*dout", "dx = a*w*sin(w*x)*dout", r"`sin` where `cos`"),
            ("da = sin(w*x)*dout", "da = sin(w*x)", r"flows in.*ignored"),
            ("w = 2*pi*f", "w = 2*pi*f**2", r"exponent|`f`"),
        ),
        function="a*sin(2*pi*f*x)",
        upstream="-1",
    ),
    Formula(
        "Michaelis-Menten with inhibition",
        "{V: 2.1, K: 0.7, S: 1.3, I: 0.4, J: 0.9}",
        "k = K*(1 + I/J)\nD = k + S\ndV = S/D*dout\ndS = V*k/D**2*dout\ndk = -V*S/D**2*dout\ndK = (1 + I/J)*dk\ndI = K/J*dk\ndJ = -K*I/J**2*dk",
        (
            ("dS = V*k/D**2*dout", "dS = V*K/D**2*dout", r"`K` where `k`"),
            ("dS = V*k/D**2*dout", "dS = V*k/D*dout", r"squared|division by `D`"),
            ("dS = V*k/D**2*dout", "dS = V*S/D**2*dout", r"`S` where `k`"),
            ("dK = (1 + I/J)*dk", "dK = dk", r"1 \+ I/J|chain rule"),
            ("dJ = -K*I/J**2*dk", "dJ = -K*I/J*dk", r"squared|division by `J`"),
            ("dI = K/J*dk", "dI = -K*I/J**2*dk", "dJ = -K*I/J**2*dk", "dJ = K/J*dk", r"exchanged"),
            ("D = k + S", "D = K + S", r"`K` where `k`"),
        ),
        function="V*S/(K*(1 + I/J) + S)",
    ),
    Formula(
        "normalised with a guard",
        "{x: 0.3, y: -0.4}",
        "dn = -x/n**2*dout\ndx = dout/n + x/n*dn\ndy = y/n*dn",
        (
            ("n = sqrt(x*x + y*y)", "n = sqrt(x*x + y*y + 1e-6)", r"1e-6.*(superfluous|too much)"),
            ("n = sqrt(x*x + y*y)", "n = sqrt(x*x + y*y) + 1e-8", r"1e-8.*(superfluous|too much)"),
        ),
        function="x/sqrt(x*x + y*y)",
        forward="n = sqrt(x*x + y*y)\nout = x/n",
    ),
    Formula(
        "log determinant of tanh",
        "{x: 0.5}, {x: 3}",
        "dt = -2*t/(1 - t*t)*dld\ndx = (1 - t*t)*dt",
        (
            ("ld = log(1 - t*t)", "ld = log(1 - t*t + 1e-6)", "dt = -2*t/(1 - t*t)*dld", "dt = -2*t/(1 - t*t + 1e-6)*dld", "at: ld = log(1 - t*t + 1e-6)", r"1e-6.*(superfluous|too much)"),
            ("dx = (1 - t*t)*dt", "dx = (1 - t)*dt", r"squared"),
            ("dt = -2*t/(1 - t*t)*dld", "dt = -2*t/(1 - t*t)", r"flows in.*ignored"),
        ),
        function="log(1 - tanh(x)**2)",
        forward="t = tanh(x)\nld = log(1 - t*t)",
        upstream="-1",
    ),
)  # fmt: skip
