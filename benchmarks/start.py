"""How long does a case take that has not changed since the last run? The whole command against `python -c "import numpy"`, turn by turn in the same run.

Processor time of each process, the least of so many rounds (`python benchmarks/start.py 20`): other work on the machine only adds to it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from machine import describe

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
CASES = sorted((Path(__file__).resolve().parent.parent / "cases" / "cs231n").glob("sigmoid*.yaml"))


def seconds(arguments: Sequence[str], folder: str) -> float:
    """Of the processor, by one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text("", encoding="utf-8")
        commands = {"verifier, nothing changed": ["-m", "verifier", *map(str, CASES)], "import numpy": ["-c", "import numpy"], "nothing": ["-c", ""]}
        for arguments in commands.values():
            seconds(arguments, folder)
        rows = [{name: seconds(arguments, folder) for name, arguments in commands.items()} for _ in range(ROUNDS)]
    least = {name: min(row[name] for row in rows) for name in commands}
    middle = sorted(row["verifier, nothing changed"] / row["import numpy"] for row in rows)[len(rows) // 2]
    for name, value in least.items():
        print(f"  {name:<26} {1000 * value:6.0f} ms")
    print(f"  {least['verifier, nothing changed'] / least['import numpy']:.2f} times `import numpy` by the least times, {middle:.2f} times in the median of the rounds")


if __name__ == "__main__":
    main()
