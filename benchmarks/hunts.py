"""How long does a hunt take, and how much does it say? Cases without points: an LSTM step of 15, 50 and 258 inputs, right and with one sign wrong, and batch norm of two inputs.

Processor time of the whole command without a cache, its start included, and the lines of its output. Beside it, in the same run, `import sympy`, which no hunt does without; the ratio carries over to other machines.
`python benchmarks/hunts.py` takes the layers' texts from `cases/layers`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from machine import describe

LSTM = (Path(__file__).resolve().parent.parent / "cases" / "layers" / "lstm_step.yaml").read_text(encoding="utf-8").partition("\n---")[0]
RIGHT, WRONG = "df = dheld * prev_c", "df = -dheld * prev_c"
BATCH_NORM = """name: batch norm of two
function: ((a - (a + b) / 2) / sqrt((a - b)**2 / 4 + 1e-5)) * g + h
hunt: true
implementations:
  staged:
    forward: |
      mu = (a + b) / 2
      ca = a - mu
      cb = b - mu
      var = (ca**2 + cb**2) / 2
      s = sqrt(var + 1e-5)
      xa = ca / s
      out = xa * g + h
    backward: |
      dg = xa * dout
      dh = dout
      dxa = g * dout
      dca = dxa / s
      ds = -ca * dxa / s**2
      dvar = ds / (2 * s)
      dca = dca + ca * dvar
      dcb = cb * dvar
      dmu = -dca - dcb
      da = dca + dmu / 2
      db = dcb + dmu / 2
"""


def lstm(inputs: int, hidden: int, *, is_wrong: bool) -> str:
    """One step of an LSTM without points, of so many inputs to each of so many states."""
    shapes = {"x": (1, inputs), "prev_h": (1, hidden), "prev_c": (1, hidden), "Wx": (inputs, 4 * hidden), "Wh": (hidden, 4 * hidden), "b": (4 * hidden,)}
    passes = LSTM[LSTM.index("forward: |") :]
    assert RIGHT in passes
    written = ", ".join(f"{name}: {list(shape)}" for name, shape in shapes.items())
    return f"name: an LSTM step\noutputs: [next_h, next_c]\nhunt: true\nshapes: {{{written}}}\n" + (passes.replace(RIGHT, WRONG, 1) if is_wrong else passes)


CASES: Mapping[str, str] = {
    "LSTM step of 15 inputs": lstm(1, 1, is_wrong=False),
    "the same, a sign wrong": lstm(1, 1, is_wrong=True),
    "LSTM step of 50 inputs": lstm(2, 2, is_wrong=False),
    "LSTM step of 258 inputs": lstm(10, 4, is_wrong=False),
    "the same, one sign wrong": lstm(10, 4, is_wrong=True),
    "batch norm of two": BATCH_NORM,
}


def run(arguments: Sequence[str]) -> tuple[float, int]:
    """The seconds of the processor of a command, and the lines of its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, found.stdout.count("\n")


def main() -> None:
    print(describe())
    peer = min(run(["-c", "import sympy"])[0] for _ in range(3))
    print(f"  {'import sympy':<26} {peer:5.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in CASES.items():
            path = Path(folder) / "case.yaml"
            path.write_text(text, encoding="utf-8")
            seconds, lines = run(["-m", "verifier", "hunt", "--no-cache", "--jobs", "1", str(path)])
            print(f"  {name:<26} {seconds:5.1f} s   {seconds / peer:5.1f} times `import sympy`   {lines} lines", flush=True)


if __name__ == "__main__":
    main()
