"""`call`: an implementation that is a callable of a Python file; read, never run, and only where running is allowed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.case.case import Call
from verifier.case.reader import KeyValue, Reader
from verifier.case.yaml_tree import Mapping, YamlNode, quoted
from verifier.config import FILE as CONFIGURATION
from verifier.config import SECTION, ConfigError, config_for

if TYPE_CHECKING:
    from collections.abc import Mapping as AbcMapping

FRAMEWORKS = ("numpy", "torch", "jax")
TEXTS = ("forward", "backward", "gradients", "adjoints")  # keys of an implementation that a callable takes the place of
_TARGET = re.compile(r"([^:]+\.py):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


def read_call(reader: Reader, fields: AbcMapping[str, KeyValue], label: str, *, is_allowed: bool) -> Call | None:
    """The callable of an implementation; None where it has none, or something is wrong with it."""
    if "call" not in fields:
        if "framework" in fields:
            reader.tell(fields["framework"][0], f"{label}: 'framework' says who computes a callable, and there is no 'call'; add call: layers.py:my_function")
        return None
    key, node = fields["call"]
    for name in TEXTS:
        if name in fields:
            reader.tell(fields[name][0], f"{label}: 'call' takes the place of '{name}'; remove one of them")
    framework = reader.text(fields["framework"][1], f"{label}.framework") if "framework" in fields else FRAMEWORKS[0]
    if framework is not None and framework not in FRAMEWORKS:
        reader.tell_unknown(fields["framework"][1], f"unknown framework {quoted(framework)}", framework, FRAMEWORKS)
    targets = _targets(reader, node, label)
    if targets is None or framework is None:
        return None
    forward, backward = targets
    folder = Path(key.page.file).parent
    for file in dict.fromkeys((forward[0], *(backward or ())[:1])):
        if not (folder / file).is_file():
            reader.tell(node, f"there is no file {quoted(file)} beside the case file; the path of a callable is relative to its case file")
    if not is_allowed:
        reader.tell(
            key,
            f"'call' runs the code of {quoted(forward[0])}, which needs a permission: read that file, and add --allow-call to the command "
            f"(load(..., allow_call=True) in Python; for a project of your own, allow-call = true under [{SECTION}] in its {CONFIGURATION})",
        )
    return Call(*forward, framework, key.page.place(key.start), backward)


def _targets(reader: Reader, node: YamlNode, label: str) -> tuple[tuple[str, str], tuple[str, str] | None] | None:
    """File and name of the callable, and of its backward pass."""
    if not isinstance(node, Mapping):
        only = _target(reader, node, f"{label}.call")
        return None if only is None else (only, None)
    fields = reader.fields(node, f"{label}.call", known=("forward", "backward"), example="{forward: layers.py:affine_forward, backward: layers.py:affine_backward}") or {}
    if "forward" not in fields:
        reader.tell(node, f"{label}.call names no 'forward'; write {{forward: layers.py:affine_forward, backward: layers.py:affine_backward}}")
        return None
    forward = _target(reader, fields["forward"][1], f"{label}.call.forward")
    backward = _target(reader, fields["backward"][1], f"{label}.call.backward") if "backward" in fields else None
    return None if forward is None else (forward, backward)


def _target(reader: Reader, node: YamlNode, label: str) -> tuple[str, str] | None:
    text = reader.text(node, label)
    if text is None:
        return None
    found = _TARGET.fullmatch(text.strip())
    if found is None:
        reader.tell(node, f"{label} is {quoted(text)}; write the file and the name in it, as in layers.py:softmax_loss or layers.py:Sigmoid.apply")
        return None
    return found[1], found[2]


# ---------------------------------------------------------------- permission


def is_allowed_by_project(file: str, *, start: Path | None = None) -> bool:
    """Whether the project in whose folder the user works allows the calls of a case file: `allow-call = true` in its configuration, for files of its own folder."""
    try:
        config = config_for(start=start)
    except ConfigError:
        return False
    return config.allow_call is True and Path(file).resolve().is_relative_to(config.folder)
