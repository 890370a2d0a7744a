"""Is anything lost or done twice when workers or the driver are killed at random moments? 200 runs of one campaign, each with its own kills.

Half of the runs lose a worker (one, two or three times), half lose the driver and are started again on the same state until one ends. Every
report must be that of an undisturbed run, every result must have been written once, and every chunk that was kept must not be computed again.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
SEED = 20240229
CUTTING = "from verifier import many; from verifier.compare.sweep import source; many.MANY_POINTS, source.PART, source.CHUNK = 1000, 2000, 3000"
DRIVER = f"import sys; {CUTTING}; from verifier.cli import main; sys.exit(main())"
CAMPAIGN = "\n---\n".join(
    [
        *(f"name: small {n}\nfunction: sigmoid(x * {n + 1}) / (1 + y**2)\npoints: [{{x: 1, y: 2}}, {{x: -3, y: {n}}}]\n" for n in range(12)),
        "name: every float16 input\nfunction: tanh(x)\nformats: [float16]\ndomain: {x: [0, 65504]}\nexhaustive: true\nimplementations: {squared: {backward: dx = (1 - out**2) * dout}}\n",
        "name: sampled\nfunction: log1p(exp(x)) * y\ndomain: {x: [-30, 30], y: [1, 2]}\nsample: 6000\n",
    ],
)


def start(case: Path, state: Path) -> subprocess.Popen[bytes]:
    """The driver, with two workers; its code is the copy beside the case, which nobody edits meanwhile."""
    words = ["check", str(case), "--format", "json", "--jobs", "2", "--state", str(state)]
    return subprocess.Popen([sys.executable, "-c", DRIVER, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(case.parent)}, cwd=case.parent)


def workers_of(driver: int) -> list[int]:
    """The processes whose parent is the driver."""
    try:
        return [int(pid) for task in Path(f"/proc/{driver}/task").iterdir() for pid in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []


def rows(state: Path) -> dict[str, int]:
    """The results that are kept: their names, with the number of the row's writing."""
    path = state / "results.sqlite"
    if not path.exists():
        return {}
    connection = sqlite3.connect(path, timeout=60)
    try:
        return dict(connection.execute("SELECT key, count(*) FROM written GROUP BY key"))
    except sqlite3.OperationalError:
        return {}
    finally:
        connection.close()


def watched(state: Path) -> None:
    """A state that counts how often each result is written."""
    from verifier.run.state import State

    with State(str(state)) as kept:
        kept.connection.executescript("CREATE TABLE written (key TEXT); CREATE TRIGGER seen AFTER INSERT ON result BEGIN INSERT INTO written VALUES (new.key); END;")


def main() -> None:
    print(describe())
    draw = random.Random(SEED)
    count = {"worker kills": 0, "driver kills": 0, "starts": 0, "other reports": 0, "written twice": 0, "missing": 0}
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder, "campaign.yaml")
        case.write_text(CAMPAIGN, encoding="utf-8")
        shutil.copytree(Path(__file__).parent.parent / "verifier", Path(folder, "verifier"))
        watched(Path(folder, "whole"))
        began = time.perf_counter()
        first = start(case, Path(folder, "whole"))
        whole, _ = first.communicate()
        span = time.perf_counter() - began
        expected = rows(Path(folder, "whole"))
        assert first.returncode == 0
        print(f"{len(expected)} results; an undisturbed run takes {span:.1f} s")
        for number in range(RUNS):
            state = Path(folder, f"state{number}")
            watched(state)
            out = disturbed(case, state, draw, span, count, of_driver=number % 2 == 1)
            found = rows(state)
            count["other reports"] += out != whole
            if number % 20 == 19:
                print(f"{number + 1} runs: " + ", ".join(f"{name} {n}" for name, n in count.items()), flush=True)
            count["written twice"] += sum(n > 1 for n in found.values())
            count["missing"] += len(expected.keys() - found.keys())
    assert not any(count[name] for name in ("other reports", "written twice", "missing"))


def disturbed(case: Path, state: Path, draw: random.Random, span: float, count: dict[str, int], *, of_driver: bool) -> bytes:
    """The report of a run that loses workers, or of the first one that ends after its driver was killed one to three times."""
    kills = draw.randint(1, 3)
    while True:
        driver = start(case, state)
        count["starts"] += 1
        for _ in range(1 if of_driver else kills):
            if not kills:
                break
            while not of_driver and driver.poll() is None and not workers_of(driver.pid):
                time.sleep(0.01)
            time.sleep(draw.uniform(0.0, span if of_driver else span / 4))  # workers live for the middle of a run only
            victims = [driver.pid] if of_driver else workers_of(driver.pid)
            if driver.poll() is None and victims:
                os.kill(draw.choice(victims), signal.SIGKILL)
                count["driver kills" if of_driver else "worker kills"] += 1
        out, _ = driver.communicate()
        if driver.returncode != -signal.SIGKILL:
            return out
        kills -= 1


if __name__ == "__main__":
    main()
