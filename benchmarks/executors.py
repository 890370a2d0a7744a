"""What does it cost to run one campaign on one process, on two, and on dask with two workers? The digest of the report must be the same.

The campaign: every float32 input of sigmoid between two bounds (an exhaustive sweep, cut into chunks), a sample of a case with five
gradients, and the notebook cases of the repository. Elapsed time of the whole command, the least of some runs in turn.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

REPEATS = 3
CASES = Path(__file__).parent.parent / "cases" / "cs231n"
CAMPAIGN = """\
name: 44 million float32 inputs
function: sigmoid(x)
domain: {x: [1, 40]}
formats: [float32]
exhaustive: true
implementations: {fused: {backward: dx = (1 - out) * out * dout}}
---
name: a large sample
function: sigmoid(w0*x0 + w1*x1 + w2)
domain: {w0: [-4, 4], x0: [-4, 4], w1: [-4, 4], x1: [-4, 4], w2: [-4, 4]}
sample: 100000
"""
WAYS = {
    "1 process": ["--jobs", "1"],
    "2 processes": ["--jobs", "2"],
    "dask, 2 workers": ["--jobs", "2", "--executor", "verifier.run.dask:local"],
}


def run(words: list[str]) -> tuple[float, str]:
    """The elapsed time, and the digest of the report."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "verifier", "check", "--no-cache", *words, "--format", "json"], capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()[-2000:]
    return time.perf_counter() - start, hashlib.sha256(done.stdout).hexdigest()[:16]


def main() -> None:
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "campaign.yaml")
        path.write_text(CAMPAIGN, encoding="utf-8")
        found = [(name, *run([str(path), str(CASES), *words])) for _ in range(REPEATS) for name, words in WAYS.items()]
    one = min(seconds for name, seconds, _ in found if name == "1 process")
    for name in WAYS:
        least = min(seconds for n, seconds, _ in found if n == name)
        digests = {digest for n, _, digest in found if n == name}
        print(f"{name:<16} {least:6.1f} s   {one / least:.2f} times as fast   report {', '.join(sorted(digests))}")
    assert len({digest for *_, digest in found}) == 1, "the reports differ"


if __name__ == "__main__":
    main()
