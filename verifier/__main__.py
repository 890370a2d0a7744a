"""`python -m verifier`."""

from __future__ import annotations

import sys

from verifier.cli import main

if __name__ == "__main__":  # a worker of MPI imports this, too
    sys.exit(main())
