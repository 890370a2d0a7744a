"""Forty gradients of statistics, finance, physics, geometry and losses that no rule was written for when they were first run: the figures of that run are in docs/benchmarks.md."""

from __future__ import annotations

_D1 = "d1 = log(s/k)/v + v/2"
_CALL = f"{_D1}\nd2 = log(s/k)/v - v/2\nc = s*(erfc(-d1/sqrt(2))/2) - k*(erfc(-d2/sqrt(2))/2)"
_DENSITIES = ("n1 = exp(-d1*d1/2)/sqrt(2*pi)", "n2 = exp(-d2*d2/2)/sqrt(2*pi)")
_PRICES = "s: [1, 1000], k: [1, 1000], v: [0.01, 5]"
_HERON = "h = (a + b + c)/2\nf = sqrt(h*(h - a)*(h - b)*(h - c))"
_TO_TEN = "[1e-10, 1e10]"

# The name; the function; the inputs with their domains; the input whose gradient it is; the lines as they were written.
HELD_OUT = (
    ("black_scholes_delta", _CALL,                               _PRICES,                                  "s", (_D1, "d2 = log(s/k)/v - v/2", *_DENSITIES, "ds = dout*(erfc(-d1/sqrt(2))/2 + s*n1/(s*v) - k*n2/(s*v))")),
    ("black_scholes_vega", _CALL,                                _PRICES,                                  "v", (_D1, "d2 = log(s/k)/v - v/2", *_DENSITIES, "dv = dout*(s*n1*(0.5 - log(s/k)/(v*v)) - k*n2*(-0.5 - log(s/k)/(v*v)))")),
    ("truncated_normal", "log(erfc(x) - erfc(y))",               "x: [-5, 5], y: [-5, 5]",                 "x", ("dx = -dout*2/sqrt(pi)*exp(-x*x)/(erfc(x) - erfc(y))",)),
    ("einstein",         "x*x*exp(x)/(exp(x) - 1)**2",           "x: [1e-100, 300]",                       "x", ("e = exp(x)", "dx = dout*((2*x + x*x)*e/(e - 1)**2 - 2*x*x*e*e/(e - 1)**3)")),
    ("brillouin",        "4/3/tanh(4*x/3) - 1/3/tanh(x/3)",      "x: [-300, 300]",                         "x", ("dx = dout*(1/9/sinh(x/3)**2 - 16/9/sinh(4*x/3)**2)",)),
    ("add_velocities",   "(u + v)/(1 + u*v)",                    "u: [-1, 1], v: [-1, 1]",                 "u", ("d = 1 + u*v", "du = dout*(1/d - (u + v)*v/(d*d))")),
    ("beta_binomial",    "lgamma(k + a) - lgamma(a)",            "k: [1e-3, 100], a: [1e-3, 1e8]",         "a", ("da = dout*(digamma(k + a) - digamma(a))",)),
    ("negative_binomial", "lgamma(k + r) - lgamma(r) + r*log(r/(r + m)) + k*log(m/(r + m))", "k: [0, 50], m: [0.1, 100], r: [0.01, 1e8]", "r", ("dr = dout*(digamma(k + r) - digamma(r) + log(r/(r + m)) + 1 - (r + k)/(r + m))",)),
    ("softplus_beta",    "log(1 + exp(b*x))/b",                  "x: [-50, 50], b: [0.1, 10]",             "b", ("e = exp(b*x)", "db = dout*(x*e/(1 + e)/b - log(1 + e)/(b*b))")),
    ("tanh_exp",         "x*tanh(exp(x))",                       "x: [-300, 300]",                         "x", ("t = tanh(exp(x))", "dx = dout*(t + x*exp(x)*(1 - t*t))")),
    ("serf",             "x*erf(log(1 + exp(x)))",               "x: [-300, 300]",                         "x", ("s = log(1 + exp(x))", "dx = dout*(erf(s) + x*2/sqrt(pi)*exp(-s*s)*exp(x)/(1 + exp(x)))")),
    ("isru",             "x/sqrt(1 + a*x*x)",                    "x: [-1e100, 1e100], a: [0.1, 10]",       "x", ("s = sqrt(1 + a*x*x)", "dx = dout*(1/s - a*x*x/(s*s*s))")),
    ("squareplus",       "(x + sqrt(x*x + b))/2",                "x: [-1e100, 1e100], b: [0.1, 10]",       "x", ("dx = dout*(1 + x/sqrt(x*x + b))/2",)),
    ("logcosh_shifted",  "x + log(1 + exp(-2*x))",               "x: [-300, 300]",                         "x", ("e = exp(-2*x)", "dx = dout*(1 - 2*e/(1 + e))")),
    ("entropy_of_logit", "-(1/(1 + exp(-x)))*log(1/(1 + exp(-x))) - (1/(1 + exp(x)))*log(1/(1 + exp(x)))", "x: [-300, 300]", "x", ("p = 1/(1 + exp(-x))", "dx = -dout*(log(p) - log(1 - p))*p*(1 - p)")),
    ("jensen_shannon",   "p*log(2*p/(p + q)) + q*log(2*q/(p + q))", "p: [1e-9, 1], q: [1e-9, 1]",          "p", ("dp = dout*log(2*p/(p + q))",)),
    ("great_circle",     "acos(sin(a)*sin(b) + cos(a)*cos(b)*cos(l))", "a: [-1.5, 1.5], b: [-1.5, 1.5], l: [0, 3]", "l", ("c = sin(a)*sin(b) + cos(a)*cos(b)*cos(l)", "dl = dout*cos(a)*cos(b)*sin(l)/sqrt(1 - c*c)")),
    ("heron",            _HERON,                                 "a: [1e-3, 1e3], b: [1e-3, 1e3], c: [1e-3, 1e3]", "a", ("h = (a + b + c)/2", "p = h*(h - a)*(h - b)*(h - c)", "da = dout/(2*sqrt(p))*0.5*((h - a)*(h - b)*(h - c) - h*(h - b)*(h - c) + h*(h - a)*(h - c) + h*(h - a)*(h - b))")),
    ("acosh_1p",         "acosh(1 + x)",                         "x: [1e-300, 1e200]",                     "x", ("dx = dout/sqrt((1 + x)**2 - 1)",)),
    ("poincare",         "acosh(1 + 2*x/(1 - x))",               "x: [0, 1]",                              "x", ("g = 1 + 2*x/(1 - x)", "dx = dout*2/(1 - x)**2/sqrt(g*g - 1)")),
    ("sagitta",          "r - sqrt(r*r - h*h)",                  "r: [1e-3, 1e6], h: [1e-10, 1e3]",        "r", ("dr = dout*(1 - r/sqrt(r*r - h*h))",)),
    ("fermi",            "1/(exp((e - m)/t) + 1)",               "e: [-10, 10], m: [-10, 10], t: [0.02, 10]", "m", ("f = 1/(exp((e - m)/t) + 1)", "dm = dout*f*(1 - f)/t")),
    ("bose_t",           "1/(exp(1/t) - 1)",                     "t: [2e-3, 1e10]",                        "t", ("w = exp(1/t)", "dt = dout*w/(t*t*(w - 1)**2)")),
    ("bateman",          "a/(b - a)*(exp(-a*t) - exp(-b*t))",    "a: [0.01, 5], b: [0.01, 5], t: [0, 50]", "t", ("dt = dout*a/(b - a)*(b*exp(-b*t) - a*exp(-a*t))",)),
    ("log_sinhc",        "log(sinh(x)/x)",                       "x: [1e-150, 700]",                       "x", ("dx = dout*(cosh(x)/sinh(x) - 1/x)",)),
    ("gudermann_inverse", "log(tan(x/2 + pi/4))",                "x: [-1.57, 1.57]",                       "x", ("u = x/2 + pi/4", "dx = dout*0.5/(tan(u)*cos(u)**2)")),
    ("means",            "(x + y)/2 - sqrt(x*y)",                f"x: {_TO_TEN}, y: {_TO_TEN}",            "x", ("dx = dout*(0.5 - 0.5*y/sqrt(x*y))",)),
    ("itakura_saito",    "x/y - log(x/y) - 1",                   f"x: {_TO_TEN}, y: {_TO_TEN}",            "x", ("dx = dout*(1/y - 1/x)",)),
    ("pareto_shape",     "-(1/s + 1)*log(1 + s*x)",              "x: [0, 100], s: [1e-8, 2]",              "s", ("ds = dout*(log(1 + s*x)/(s*s) - (1/s + 1)*x/(1 + s*x))",)),
    ("tsallis",          "(1 - (p**q + (1 - p)**q))/(q - 1)",    "p: [0.01, 0.99], q: [0.5, 2]",           "q", ("s = (1 - (p**q + (1 - p)**q))/(q - 1)", "dq = dout*(-(p**q*log(p) + (1 - p)**q*log(1 - p)) - s)/(q - 1)")),
    ("vasicek",          "(1 - exp(-k*t))/k",                    "k: [1e-10, 10], t: [0.01, 50]",          "k", ("e = exp(-k*t)", "dk = dout*(t*e/k - (1 - e)/(k*k))")),
    ("nelson_siegel",    "(1 - exp(-x))/x - exp(-x)",            "x: [1e-10, 100]",                        "x", ("e = exp(-x)", "dx = dout*(e/x - (1 - e)/(x*x) + e)")),
    ("geometric_sum",    "(1 - v**n)/(1 - v)",                   "v: [0.5, 1], n: [1, 360]",               "v", ("dv = dout*((1 - v**n)/(1 - v)**2 - n*v**(n - 1)/(1 - v))",)),
    ("logarithmic_mean", "(x - y)/(log(x) - log(y))",            "x: [1e-3, 1e3], y: [1e-3, 1e3]",         "x", ("l = log(x) - log(y)", "dx = dout*(1/l - (x - y)/(x*l*l))")),
    ("kepler",           "x - e*sin(x)",                         "x: [-3, 3], e: [0, 1]",                  "x", ("dx = dout*(1 - e*cos(x))",)),
    ("snell",            "asin(n*sin(x))",                       "n: [0.3, 1], x: [-1.57, 1.57]",          "x", ("q = n*sin(x)", "dx = dout*n*cos(x)/sqrt(1 - q*q)")),
    ("chord",            "sqrt(2*(1 - cos(x)))",                 "x: [-3, 3]",                             "x", ("dx = dout*sin(x)/sqrt(2*(1 - cos(x)))",)),
    ("catenary",         "a*(cosh(x/a) - 1)",                    "x: [-10, 10], a: [0.05, 1e6]",           "a", ("u = x/a", "da = dout*(cosh(u) - 1 - u*sinh(u))")),
    ("gumbel_survival",  "log(1 - exp(-exp(-x)))",               "x: [-6, 700]",                           "x", ("e = exp(-x)", "dx = -dout*e*exp(-e)/(1 - exp(-e))")),
    ("geman_mcclure",    "x*x/(1 + x*x)",                        "x: [-1e150, 1e150]",                     "x", ("q = 1 + x*x", "dx = dout*(2*x/q - 2*x*x*x/(q*q))")),
)  # fmt: skip
