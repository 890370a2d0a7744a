"""`--executor module:factory`: an executor that somebody else made."""

from __future__ import annotations

import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from verifier.language.source import CampaignError, suggestion


class ExecutorError(CampaignError):
    """An executor that cannot be had, or cannot be used any more."""


def opened(name: str, jobs: int, stack: ExitStack) -> Executor:
    """The executor that `factory(jobs)` gives (`factory()` where jobs is 0), or that it gives when entered as a context; the stack closes it.

    Raises ExecutorError.
    """
    factory = _factory(name)
    try:
        made = factory(jobs) if jobs else factory()
        if not isinstance(made, Executor) and hasattr(made, "__enter__"):
            made = stack.enter_context(made)
        elif isinstance(made, Executor):
            stack.callback(made.shutdown, wait=True, cancel_futures=True)
    except ExecutorError:
        raise
    except Exception as error:
        raise ExecutorError(f"--executor {name}: the factory failed ({type(error).__name__}: {error})") from error
    if not isinstance(made, Executor):
        raise ExecutorError(f"--executor {name}: the factory must return a concurrent.futures.Executor or a context manager that gives one, not {type(made).__name__}")
    if isinstance(made, ThreadPoolExecutor):
        raise ExecutorError(f"--executor {name}: {THREADS}")
    return made


THREADS = "threads share one working precision, so a chunk needs a process of its own; use an executor whose workers are processes with one thread each"


def _factory(name: str) -> Any:
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise ExecutorError(f"--executor {name}: write module:factory, as in verifier.run.dask:local")
    if "" not in sys.path:
        sys.path.append("")  # a module of the working directory, whichever way the command was started
    try:
        found: Any = import_module(module_name)
    except ImportError as error:
        raise ExecutorError(f"--executor {name}: the module cannot be imported ({error})") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise ExecutorError(f"--executor {name}: {module_name} has no '{part}'{suggestion(part, dir(found))}")
        found = getattr(found, part)
    if not callable(found):
        raise ExecutorError(f"--executor {name}: '{path}' cannot be called")
    return found
