"""An iteration in a traced program whose rounds are written out, as a loop of Python makes them: where it is, and the program in which it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from verifier.circuit.program import Program, Step
from verifier.trace.record import Branch, Iteration, Spot, Trace

FEWEST = 3  # rounds
LONGEST = 2_000  # steps of a round
FEW_LENGTHS = 16  # that are all looked at
MOST_CHANGES = 40  # of the keys, as in programs of arrays, between which few lengths are looked at
MOST_STEPS = 60_000  # of a forward pass that is looked at


@dataclass(frozen=True)
class Rounds:
    """The last two rounds of an iteration, as steps in order, and how many rounds there are."""

    before: tuple[int, ...]
    last: tuple[int, ...]
    count: int


def rounds_in(program: Program, *, of_backward: bool = False) -> Rounds | None:
    """The iteration of the forward pass (`of_backward`: of the backward pass) with the most steps: rounds of the same gates at the same places, each of which reads the one before and otherwise the same. None where there is none."""
    start, stop = (program.backward_start, len(program.steps)) if of_backward else (len(program.inputs), program.backward_start)
    total = program.steps[program.output].line  # where the outputs are added up, which is no loop of the user's
    own = [k for k in range(start, stop) if program.steps[k].args and program.steps[k].line != total]
    if not FEWEST <= len(own) <= MOST_STEPS:
        return None
    nearest = _nearest(program, own)
    least, most = min(nearest) // 2 + 1, min(len(own) // FEWEST, LONGEST)
    if least > most:
        return None
    known: dict[tuple[object, ...], int] = {}
    keys = np.array([known.setdefault(_key(program, program.steps[k]), len(known)) for k in own])
    edges = np.full(len(own) + 1, -1)
    best: tuple[int, Rounds] | None = None
    for length in _lengths(keys, least, most):
        breaks = (keys[length:] != keys[:-length]).nonzero()[0]  # where a key is not that of a round before
        if len(own) - length - len(breaks) < (FEWEST - 1) * length:
            continue
        edges[1 : len(breaks) + 1], edges[len(breaks) + 1] = breaks, len(own) - length
        gaps = edges[1 : len(breaks) + 2] - edges[: len(breaks) + 1]
        for k in (gaps > (FEWEST - 1) * length).nonzero()[0].tolist():  # keys[stop - size : stop] have this period
            stop, size = int(edges[k + 1]) + length, int(gaps[k]) - 1 + length
            if (best is not None and size <= best[0]) or min(nearest[stop - length : stop]) >= 2 * length:  # none reads the round before
                continue
            found = Rounds(tuple(own[stop - 2 * length : stop - length]), tuple(own[stop - length : stop]), size // length)
            if _goes_on(program, tuple(own[stop - 3 * length : stop - 2 * length]), found):
                best = (size, found)
    return best[1] if best is not None else None


def _lengths(keys: npt.NDArray[np.int64], least: int, most: int) -> Sequence[int]:
    """The lengths that rounds may have: rounds in which a key changes are as long as two changes are apart, as each change comes again in the round before or after; others lie within equal keys."""
    if most - least < FEW_LENGTHS:
        return range(least, most + 1)
    changes = np.flatnonzero(keys[1:] != keys[:-1])
    if len(changes) > MOST_CHANGES:
        return range(least, most + 1)
    equal = int(np.diff(changes, prepend=-1, append=len(keys) - 1).max())
    apart = {int(b - a) for k, a in enumerate(changes) for b in changes[k + 1 :]}
    return sorted(n for n in {*range(least, equal // FEWEST + 1), *apart} if least <= n <= most)


def _nearest(program: Program, own: Sequence[int]) -> list[int]:
    """How many of these steps back each of them reads one of them, at the least."""
    position, none = {k: n for n, k in enumerate(own)}, 2 * len(own)
    return [min([n - position[a] for a in program.steps[k].args if a in position], default=none) for n, k in enumerate(own)]


def _key(program: Program, step: Step) -> tuple[object, ...]:
    line = program.lines[step.line] if step.line >= 0 else None
    return (step.gate, step.text, step.start, step.end, *(() if line is None else (line.text, line.start)))


def _goes_on(program: Program, earlier: tuple[int, ...], rounds: Rounds) -> bool:
    """Whether the last round reads the one before as that reads the one before it, and otherwise the same."""
    at_last, at_before, at_earlier = ({k: n for n, k in enumerate(group)} for group in (rounds.last, rounds.before, earlier))
    reads_before = False
    for new, old in zip(rounds.last, rounds.before, strict=True):
        for a, b in zip(program.steps[new].args, program.steps[old].args, strict=True):
            if a in at_last:
                if at_before.get(b) != at_last[a]:
                    return False
            elif a in at_before:
                if at_earlier.get(b) != at_before[a]:
                    return False
                reads_before = True
            elif a != b and (program.steps[a].args or program.steps[b].args or program.steps[a].gate == "input" or program.steps[a][:3] != program.steps[b][:3]):
                return False
    return reads_before


def iteration_of(program: Program, rounds: Rounds) -> Iteration:
    """The iteration as it is named in reports."""
    line = program.lines[program.steps[rounds.last[0]].line]
    place = line.source.place(line.start) if line.source is not None else None
    return Iteration(Spot(place.file, place.line) if place is not None else Spot("", 0), rounds.count, any(program.steps[k].gate == "where" for k in rounds.last))


def gone_on(trace: Trace, rounds: Rounds, times: int) -> Trace:
    """The trace in which an iteration runs so many times as many rounds more, and one of the backward pass as well: it may compute it once more, or iterate itself."""
    further = _longer(trace, rounds, rounds.count * times)
    own = rounds_in(further.program, of_backward=True)
    return further if own is None else _longer(further, own, own.count * times)


def _longer(trace: Trace, rounds: Rounds, more: int) -> Trace:
    program = trace.program
    cut = rounds.last[-1] + 1
    steps = list(program.steps[:cut])
    position = {k: n for n, k in enumerate(rounds.before)}
    before, last = rounds.before, rounds.last
    for _ in range(more):
        new: dict[int, int] = {}
        for k in rounds.last:
            template = program.steps[k]
            args = tuple(new[a] if a in new else last[position[a]] if a in position else a for a in template.args)
            new[k] = len(steps)
            steps.append(template._replace(args=args, name=""))
        before, last = last, tuple(new.values())
    shift = len(steps) - cut
    ends = {**dict(zip(rounds.before, before, strict=True)), **dict(zip(rounds.last, last, strict=True))}

    def now(k: int) -> int:
        return k + shift if k >= cut else ends.get(k, k)

    steps += [s._replace(args=tuple(map(now, s.args))) for s in program.steps[cut:]]
    moved = replace(
        program,
        steps=tuple(steps),
        names={n: now(k) for n, k in program.names.items()},
        output=now(program.output),
        backward_start=now(program.backward_start),
    )
    return replace(trace, program=moved, results={n: _each(v, now) for n, v in trace.results.items()}, branches=tuple(_branch(b, now) for b in trace.branches), readings=())


def _each(steps: npt.NDArray[np.int64], now: Callable[[int], int]) -> npt.NDArray[np.int64]:
    return np.array([now(k) for k in steps.ravel().tolist()], dtype=np.int64).reshape(steps.shape)


def _branch(branch: Branch, now: Callable[[int], int]) -> Branch:
    return replace(branch, step=now(branch.step)) if branch.step >= 0 else branch


__all__ = ["Rounds", "gone_on", "iteration_of", "rounds_in"]
