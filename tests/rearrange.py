"""Random identities between texts, and near-identities: the same with one small thing changed."""

from __future__ import annotations

import random
import re

LEAVES = ("x", "y", "x", "y", "2", "3", "0.5", "1", "pi")
UNARY = ("exp", "sin", "cos", "tanh", "sigmoid", "square", "sqrt", "log", "atan", "abs", "sinh", "cosh", "erf", "cbrt", "softplus", "relu", "tan", "expm1", "log1p", "lgamma")
RULES = {  # templates: what a node may become; each is an identity of real functions wherever its left side is defined
    "({a} + {b})": ("({b} + {a})", "({a} - (-{b}))", "(2*{a} + 2*{b})/2", "max({a}, {b}) + min({a}, {b})"),
    "({a} - {b})": ("(-({b} - {a}))", "(-{b} + {a})", "({a} + (-1)*{b})"),
    "({a} * {b})": ("({b} * {a})", "((({a} + {b})**2 - ({a} - {b})**2) / 4)", "({a} * ({b} + 1) - {a})", "(-{a}) * (-{b})"),
    "({a} / {b})": ("({a} * (1 / {b}))", "(-{a} / (-{b}))", "({a} * {b} / {b}**2)"),
    "exp({a})": ("exp({a}/2)**2", "1/exp(-{a})", "(cosh({a}) + sinh({a}))", "(expm1({a}) + 1)", "2**({a}/log(2))"),
    "sin({a})": ("2*sin({a}/2)*cos({a}/2)", "(-sin(-{a}))", "cos({a} - pi/2)", "tan({a})*cos({a})"),
    "cos({a})": ("(1 - 2*sin({a}/2)**2)", "cos(-{a})", "sin({a} + pi/2)", "(2*cos({a}/2)**2 - 1)"),
    "tan({a})": ("sin({a})/cos({a})", "sin(2*{a})/(1 + cos(2*{a}))"),
    "tanh({a})": ("(exp({a}) - exp(-{a}))/(exp({a}) + exp(-{a}))", "(2*sigmoid(2*{a}) - 1)", "sinh({a})/cosh({a})"),
    "sigmoid({a})": ("exp({a})/(1 + exp({a}))", "(1 - sigmoid(-{a}))", "(1 + tanh({a}/2))/2", "where({a} > 0, 1/(1 + exp(-{a})), exp({a})/(1 + exp({a})))"),
    "square({a})": ("{a}*{a}", "{a}**2", "abs({a})**2"),
    "sqrt({a})": ("{a}**0.5", "exp(log({a})/2)", "{a}/sqrt({a})"),
    "log({a})": ("2*log(sqrt({a}))", "(-log(1/{a}))", "(log(2*{a}) - log(2))", "log2({a})*log(2)"),
    "abs({a})": ("sqrt({a}**2)", "max({a}, -{a})", "where({a} < 0, -{a}, {a})", "{a}*sign({a})"),
    "sinh({a})": ("(exp({a}) - exp(-{a}))/2", "(-sinh(-{a}))"),
    "cosh({a})": ("(exp({a}) + exp(-{a}))/2", "(1 + 2*sinh({a}/2)**2)"),
    "erf({a})": ("(1 - erfc({a}))", "(-erf(-{a}))"),
    "atan({a})": ("(-atan(-{a}))",),
    "cbrt({a})": ("(-cbrt(-{a}))", "{a}/cbrt({a})**2"),
    "softplus({a})": ("log(1 + exp({a}))", "(max({a}, 0) + log1p(exp(-abs({a}))))", "({a} - logsigmoid({a}))"),
    "relu({a})": ("({a} + abs({a}))/2", "where({a} > 0, {a}, 0)", "({a} - min({a}, 0))"),
    "expm1({a})": ("(exp({a}) - 1)", "tanh({a}/2)*(exp({a}) + 1)"),
    "log1p({a})": ("log(1 + {a})",),
    "lgamma({a})": ("(lgamma({a} + 1) - log(abs({a})))",),
}  # fmt: skip
BINARY = ("({a} + {b})", "({a} - {b})", "({a} * {b})", "({a} / {b})", "({a} + {b})", "({a} * {b})")
NEIGHBOURS = {"sin": "cos", "cos": "sin", "exp": "sinh", "tanh": "atan", "sqrt": "cbrt", "log": "log2", "sinh": "cosh", "cosh": "sinh", "max": "min", "abs": "relu", "erf": "tanh", "sigmoid": "tanh", "atan": "tanh", "tan": "sin"}


def tree(draw: random.Random, depth: int) -> tuple[str, ...] | str:
    """A random expression as nested (template, operands...)."""
    if depth == 0 or draw.random() < 0.1:
        return draw.choice(LEAVES)
    if draw.random() < 0.5:
        return (draw.choice(BINARY), tree(draw, depth - 1), tree(draw, depth - 1))
    return (f"{draw.choice(UNARY)}({{a}})", tree(draw, depth - 1))


def written(node: tuple[str, ...] | str, draw: random.Random | None = None, chance: float = 0.5) -> str:
    """The expression as text; with `draw`, rearranged at random nodes."""
    if isinstance(node, str):
        return node
    template, *operands = node
    parts = dict(zip("ab", (written(o, draw, chance) for o in operands), strict=False))
    if draw is not None and draw.random() < chance:
        template = draw.choice(RULES[template])
    return f"({template.format(**parts)})"


def bent(text: str, draw: random.Random) -> str:
    """The text with one thing changed: a coefficient, by 1e-2 to 1e-12; a sign; a number; an operator; a function."""
    kind = draw.choice(("coefficient", "coefficient", "sum", "sign", "number", "operator", "function"))
    if kind in ("coefficient", "sum"):
        places = [m.span() for m in re.finditer(r"\b(x|y|pi|\d+\.?\d*)\b", text)]
        start, end = draw.choice(places)
        size = draw.randint(2, 12)
        change = f"*1.{'0' * (size - 1)}1" if kind == "coefficient" else f" + 1e-{size}"
        return f"{text[:start]}({text[start:end]}{change}){text[end:]}"
    if kind == "sign":
        start = draw.choice([m.start() for m in re.finditer(r"\b(x|y)\b", text)] or [0])
        return f"{text[:start]}(-{text[start]}){text[start + 1:]}" if text[start] in "xy" else f"-{text}"
    if kind == "number":
        places = [m.span() for m in re.finditer(r"(?<![\w.])\d+(?![\w.])", text)]
        if not places:
            return f"{text}*1.000001"
        start, end = draw.choice(places)
        return f"{text[:start]}{int(text[start:end]) + 1}{text[end:]}"
    if kind == "operator":
        places = [m.start() for m in re.finditer(r" [+\-*/] ", text)]
        if not places:
            return f"{text} + 1e-9"
        at = draw.choice(places) + 1
        return f"{text[:at]}{draw.choice([o for o in '+-*' if o != text[at]])}{text[at + 1:]}"
    names = [m for m in re.finditer(r"\b[a-z]+(?=\()", text) if m[0] in NEIGHBOURS]
    if not names:
        return f"{text}*0.999999999999"
    found = draw.choice(names)
    return f"{text[: found.start()]}{NEIGHBOURS[found[0]]}{text[found.end() :]}"
