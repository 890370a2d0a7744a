"""The machine a benchmark ran on: cores, processor, Python, libraries; nothing that names it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """One line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = next((line.partition(":")[2].strip() for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")), model)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("python-flint", "sympy", "mpmath", "numpy", "scipy"))
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {platform.python_version()}, {libraries}"


def best(work: object, repeats: int = 3) -> float:
    """The least processor time of a few runs, in seconds: the one that was disturbed least."""
    import time

    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()  # type: ignore[operator]
        times.append(time.process_time() - start)
    return min(times)
