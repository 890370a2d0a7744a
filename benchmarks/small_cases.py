"""What does a run over many small cases cost? 200 cases, the whole process, against `python -c "import sympy"`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

COUNT = 200
FUNCTIONS = (
    "sigmoid(w0*x0 + w1*x1 + w2)", "(x0 + sigmoid(x1)) / (sigmoid(x0) + (x0 + x1)**2)", "tanh(w0 * x0) * exp(-x1**2)", "log1p(exp(x0)) - w0 * x1", "sqrt(x0**2 + x1**2 + 1)",
)  # fmt: skip


def case(number: int) -> str:
    """A small case: one function, one point, the generated backward pass."""
    function = FUNCTIONS[number % len(FUNCTIONS)]
    inputs = [name for name in ("w0", "w1", "w2", "x0", "x1") if name in function]
    point = ", ".join(f"{name}: {(number * 7 + 3 * i) % 40 / 16 - 1}" for i, name in enumerate(inputs))
    return f"name: small {number}\nfunction: {function}\npoints: [{{{point}}}]\n"


def seconds(command: list[str], repeats: int = 7) -> float:
    """The least elapsed time of a few runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run = subprocess.run(command, capture_output=True, check=False)
        times.append(time.perf_counter() - start)
        assert run.returncode == 0, run.stderr.decode()[-2000:]
    return min(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(COUNT):
            Path(folder, f"case{number:03}.yaml").write_text(case(number), encoding="utf-8")
        theirs = seconds([sys.executable, "-c", "import sympy"])
        ours = seconds([sys.executable, "-m", "verifier", "check", "--no-cache", folder])
        parallel = seconds([sys.executable, "-m", "verifier", "check", "--no-cache", folder, "--jobs", "0"])
    print(describe())
    print(f'python -c "import sympy"             {theirs:.3f} s')
    print(f"python -m verifier, {COUNT} cases        {ours:.3f} s   {ours / theirs:.2f} x")
    print(f"python -m verifier --jobs 0          {parallel:.3f} s   {parallel / theirs:.2f} x")


if __name__ == "__main__":
    main()
