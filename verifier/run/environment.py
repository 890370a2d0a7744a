"""What decides the last bits of a result: the libraries, the kernels that NumPy chose for this processor, and our own code."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

SWITCHES = ("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "GLIBC_TUNABLES")
LIBRARIES = ("numpy", "scipy", "sympy", "mpmath", "python-flint", "ml_dtypes")


def environment() -> dict[str, str]:
    """The libraries whose functions decide the last bits."""
    libm = " ".join(part for part in platform.libc_ver() if part) or platform.system()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "machine": platform.machine(),
        "libm": libm,
        **{name: _version(name) for name in LIBRARIES},
    }


@cache
def _version(name: str) -> str:
    """The version of a distribution; "unknown" where it is not installed."""
    known = _installed().get(_plain(name))
    if known is not None:
        return known
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


@cache
def _installed() -> dict[str, str]:
    """The versions that the names of the folders `NAME-VERSION.dist-info` tell (the binary distribution format): importlib.metadata reads the same with a parser of mail, which takes a tenth of a start."""
    found: dict[str, str] = {}
    for folder in sys.path:
        with suppress(OSError):
            for entry in os.listdir(folder or "."):  # noqa: PTH208 - their names alone
                if entry.endswith(".dist-info"):
                    name, _, version = entry.removesuffix(".dist-info").partition("-")
                    found.setdefault(_plain(name), version)
    return found


def _plain(name: str) -> str:
    """The name of a distribution as all ways of writing it have it."""
    return name.lower().replace("-", "_").replace(".", "_")


@cache
def fingerprint() -> str:
    """A hash of all that a result depends on beside the case: two processes with the same one compute the same bits."""
    from numpy.lib.introspect import opt_func_info

    return hashlib.sha256(repr((sorted(environment().items()), sorted(opt_func_info().items()), code())).encode()).hexdigest()


@cache
def code() -> str:
    """A hash of this package."""
    package = Path(__file__).parent.parent
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        found.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return found.hexdigest()


@cache
def processor() -> str:
    """What NumPy and the C library choose their kernels by: the abilities of the processor, and the variables that turn some off. Needs no NumPy where the system tells."""
    switches = {name: os.environ[name] for name in SWITCHES if name in os.environ}
    return repr((_abilities(), sorted(switches.items())))


def _abilities() -> str:
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.lower().startswith(("flags", "features")):
                return line
    from numpy.lib.introspect import opt_func_info

    return repr(sorted(opt_func_info().items()))
