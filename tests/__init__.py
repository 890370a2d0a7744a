"""The tests, by the rooms of the package; what spans rooms stands here."""

from pathlib import Path

ROOT = Path(__file__).parent.parent  # of the repository
