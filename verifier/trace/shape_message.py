"""A gradient of another shape than what it is the gradient of, in words: which one, both shapes, and what would turn the one into the other."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod


def wrong_shape(name: str, wanted: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """What is wrong with the shape of the gradient of an input or a parameter.

    >>> wrong_shape("w", (2, 3), (3, 2))
    'the gradient of w has the shape (3, 2); w has (2, 3), and so has dw.T: is a transpose missing, or one too many?'
    """
    return f"the gradient of {name} has the shape {shape}; {name} has {wanted}{_remedy(name, wanted, shape)}"


def wrong_shapes(pairs: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> dict[str, str]:
    """What is wrong with the shapes of gradients, by input: each has the shape that is wanted, and the one that it has. Two that fit each other are said to be in each other's place."""
    wrong = {n: (wanted, shape) for n, (wanted, shape) in pairs.items() if wanted != shape}
    found = {}
    for name, (wanted, shape) in wrong.items():
        other = next((m for m, (w, s) in wrong.items() if m != name and (w, s) == (shape, wanted)), None)
        found[name] = wrong_shape(name, wanted, shape) if other is None else f"the gradient of {name} has the shape of {other}, {shape}, and that of {other} has the shape of {name}, {wanted}: they are returned in each other's place"
    return found


def _remedy(name: str, wanted: tuple[int, ...], shape: tuple[int, ...]) -> str:
    gradient = f"d{name}"
    if len(shape) > 1 and shape[::-1] == wanted:
        return f", and so has {gradient}.T: is a transpose missing, or one too many?"
    missing = len(shape) - len(wanted)
    padded = (1,) * missing + wanted
    if missing >= 0 and all(w in (s, 1) for w, s in zip(padded, shape, strict=True)):
        axes = [k for k, (w, s) in enumerate(zip(padded, shape, strict=True)) if k < missing or w != s]
        over = "the axis" if len(axes) == 1 else "the axes"
        reshaped = f".reshape{wanted}" if any(k >= missing for k in axes) else ""
        inner = str(axes[0]) if len(axes) == 1 else str(tuple(axes))
        return f", and so has {gradient}.sum({inner}){reshaped}: where {name} is broadcast over {over} {inner}, its gradient is the sum over {'it' if len(axes) == 1 else 'them'}"
    if prod(shape) == prod(wanted):
        return f", as many numbers: is a reshape missing, as in {gradient}.reshape{wanted}?"
    return ""
