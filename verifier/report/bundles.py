"""Which steps of a forward pass are one gate of the picture: one operation on arrays is one, and where there are too many, statements and runs of them are folded."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heapify, heappop, heappush
from math import ceil, prod

from verifier.case.components import base
from verifier.circuit.program import LEAVES, TOTAL, Program

FEW_GATES = 40  # beyond, what a loop repeats is one gate, if no pass reads the one before
MOST_GATES = 120  # of a picture; beyond, statements and runs of statements are folded
MOST_ELEMENTS = 12  # an input of more components is one gate, however they are read


@dataclass(frozen=True)
class Bundle:
    """Steps that are one gate of the picture, in order."""

    steps: tuple[int, ...]
    kind: str  # input, gate, array, fold


@dataclass(frozen=True)
class Bundles:
    """The gates of the picture, in an order in which everything is computed before it is read; `at` has the gate of each step."""

    forward: ShownForward
    found: tuple[Bundle, ...]
    at: dict[int, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.at.update({s: k for k, b in enumerate(self.found) for s in b.steps})


@dataclass(frozen=True)
class ShownForward:
    """The steps of a forward pass that are gates or inputs of the picture: no literals, no other names for the same value, not the sum over the outputs."""

    program: Program
    hidden: frozenset[str]  # inputs that are not shown: what flows into the outputs
    parameters: frozenset[str] = frozenset()  # inputs that no gradient is asked for

    @cached_property
    def end(self) -> int:
        """Where the forward pass ends."""
        return self.program.backward_start if self.program.backward_start >= 0 else len(self.program)

    @cached_property
    def flows(self) -> dict[int, tuple[int, int]]:
        """The products of the sum over the outputs, each with the step that is an output and the input that flows into it; none where the output is a number."""
        steps, found = self.program.steps, dict[int, tuple[int, int]]()
        pending = [self.program.output] if steps[self.program.output].name == TOTAL else []
        while pending:
            i = pending.pop()
            if steps[i].gate == "mul" and (flow := next((a for a in steps[i].args if steps[a].gate == "input" and steps[a].text in self.hidden), None)) is not None:
                found[i] = self.source_of(steps[i].args[1] if steps[i].args[0] == flow else steps[i].args[0]), flow
            elif steps[i].gate in ("add", "copy"):
                pending.extend(steps[i].args)
        return found

    @cached_property
    def of_total(self) -> set[int]:
        """The steps of the sum over the outputs."""
        if not self.flows:
            return set()
        found, pending = set[int](), [self.program.output]
        while pending:
            i = pending.pop()
            found.add(i)
            if i not in self.flows:
                pending.extend(self.program.steps[i].args)
        return found

    @cached_property
    def is_constant(self) -> list[bool]:
        """Whether each step depends on no input."""
        found: list[bool] = []
        for step in self.program.steps[: self.end]:
            found.append(step.gate != "input" and all(found[a] for a in step.args))
        return found

    @cached_property
    def shown(self) -> list[int]:
        """The steps that are drawn, in order; those of constants belong to the gates that read them."""
        return [i for i in range(self.end) if self._is_shown(i)]

    @cached_property
    def _read(self) -> set[int]:
        """The steps that some step of the forward pass reads: a parameter that none does is a number that the program was built with."""
        return {a for s in self.program.steps[: self.end] for a in s.args}

    def _is_shown(self, i: int) -> bool:
        step = self.program.steps[i]
        if step.gate == "input":
            return step.text not in self.hidden and (i in self._read or step.text not in self.parameters)
        return step.gate not in LEAVES and step.gate != "copy" and i not in self.of_total and not self.is_constant[i]

    def source_of(self, i: int) -> int:
        """The step whose value a step holds: itself, or what it is another name for."""
        while self.program.steps[i].gate == "copy":
            i = self.program.steps[i].args[0]
        return i

    @cached_property
    def names(self) -> dict[int, list[str]]:
        """The names that a program gives to the value of each step."""
        found: dict[int, list[str]] = {}
        for i in range(self.end):
            step = self.program.steps[i]
            if step.name and step.name != TOTAL:
                known = found.setdefault(self.source_of(i), [])
                if step.name not in known:
                    known.append(step.name)
        return found

    def operands(self, i: int) -> list[tuple[int, int]]:
        """What a step reads that is drawn: position, and the step whose value it is."""
        step = self.program.steps[i]
        return [(p, self.source_of(a)) for p, a in enumerate(step.args) if self._is_shown(self.source_of(a))]

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """The steps that are drawn and read each step."""
        found: dict[int, list[int]] = {}
        for i in self.shown:
            for _, a in self.operands(i):
                found.setdefault(a, []).append(i)
        return found

    @cached_property
    def outputs(self) -> frozenset[int]:
        """The steps whose values leave the forward pass."""
        return frozenset(value for value, _ in self.flows.values()) or frozenset([self.source_of(self.program.output)])

    def ends(self, outputs: Sequence[str]) -> list[tuple[str, list[int], tuple[int, ...]]]:
        """The outputs: name, the steps of the components, shape."""
        program = self.program
        if not self.flows:
            name = program.output_name if program.output_name != TOTAL else outputs[0] if outputs else "out"
            return [(name, [self.source_of(program.output)], ())]
        found = []
        for name in outputs:
            own = sorted((flow, value) for value, flow in self.flows.values() if base(program.steps[flow].text) == f"d{name}")
            shape = program.shapes.get(f"d{name}", program.shapes.get(name, ()))
            found.append((name, [value for _, value in own], shape if prod(shape) == len(own) else (len(own),)))
        return found

    def constants_of(self, i: int) -> list[int]:
        """The gates that compute the constants that a step reads."""
        found: list[int] = []
        pending = list(self.program.steps[i].args)
        while pending:
            a = pending.pop()
            if a < self.end and self.is_constant[a] and self.program.steps[a].args:
                found.append(a)
                pending += self.program.steps[a].args
        return found

    def span(self, i: int) -> tuple[object, int, int]:
        """The expression that a step is: its line (None where it has none), and where it starts and ends there."""
        step = self.program.steps[i]
        if step.line < 0:
            return None, i, i
        line = self.program.lines[step.line]
        if line.source is None or step.end:
            return step.line, step.start, step.end
        return (line.source.label, line.source.line), line.start, line.end  # a line that was written for a step, and stands where that does

    def text(self, i: int) -> str:
        """The expression that a step is, as it is written; empty where it is not known."""
        step = self.program.steps[i]
        if step.line < 0:
            return ""
        line = self.program.lines[step.line]
        if line.source is None:
            return line.text
        start, end = (step.start, step.end) if step.end else (line.start, line.end)
        return " ".join(line.source.text[start:end].split()) or line.text


def bundles_of(forward: ShownForward, *, opened: Container[str] = (), most: int = MOST_GATES) -> Bundles:
    """The gates of the picture: at most about `most`. Arrays that are named in `opened` are drawn component by component."""
    operations = _without_cycles(forward, _operations(forward, opened))
    if len(operations) > min(FEW_GATES, most) and "*" not in opened:
        operations = _loops_folded(forward, operations)
    groups = _without_cycles(forward, _inputs(forward, operations, opened))
    if len(groups) > most:
        groups = _without_cycles(forward, _statements_folded(forward, groups, most))
    if len(groups) > most:
        groups = _runs_folded(forward, groups, most)
    return Bundles(forward, tuple(_bundle(forward, g) for g in groups))


def _bundle(forward: ShownForward, group: Sequence[int]) -> Bundle:
    steps = tuple(sorted(group))
    gates = [i for i in steps if forward.program.steps[i].gate != "input"]
    if not gates:
        return Bundle(steps, "input")
    spans = {forward.span(i) for i in gates}
    return Bundle(steps, "gate" if len(steps) == 1 else "array" if len(spans) == 1 and len(gates) == len(steps) else "fold")


def _operations(forward: ShownForward, opened: Container[str]) -> list[list[int]]:
    """Neighbouring steps of one expression are one operation on arrays."""
    groups: list[list[int]] = []
    before: tuple[object, int, int] | None = None
    for i in forward.shown:
        step = forward.program.steps[i]
        if step.gate == "input":
            continue
        span = forward.span(i)
        is_opened = any(base(n) in opened for n in forward.names.get(i, ())) or ("*" in opened)
        if before == span and not is_opened and span[0] is not None:
            groups[-1].append(i)
        else:
            groups.append([i])
        before = None if is_opened else span
    return groups


def _inputs(forward: ShownForward, groups: list[list[int]], opened: Container[str]) -> list[list[int]]:
    """The inputs as groups, before the others: an array is one where some operation on arrays reads several of its components, or leads to several outputs."""
    arrays: dict[str, list[int]] = {}
    steps = forward.program.steps
    for i in forward.shown:
        if steps[i].gate == "input":
            arrays.setdefault(base(steps[i].text), []).append(i)
    together: set[str] = set()
    for group in groups:
        if len(group) > 1:
            read: dict[str, set[int]] = {}
            for i in group:
                for _, a in forward.operands(i):
                    if steps[a].gate == "input":
                        read.setdefault(base(steps[a].text), set()).add(a)
            together.update(name for name, parts in read.items() if len(parts) > 1)
    found: list[list[int]] = []
    for name, parts in arrays.items():
        is_one = (name in together or len(parts) > MOST_ELEMENTS or len(forward.outputs.intersection(parts)) > 1) and name not in opened and "*" not in opened
        found += [parts] if is_one else [[i] for i in parts]
    return [*found, *groups]


def _reads(forward: ShownForward, groups: Sequence[Sequence[int]]) -> list[set[int]]:
    """For each group the others that it reads."""
    at = {s: k for k, g in enumerate(groups) for s in g}
    return [{at[a] for i in g for _, a in forward.operands(i) if a in at} - {k} for k, g in enumerate(groups)]


def _without_cycles(forward: ShownForward, groups: list[list[int]]) -> list[list[int]]:
    """The groups in order; those that read each other, as the statements of a loop do, are one."""
    reads = _reads(forward, groups)
    parts = _components(reads)
    merged = [[s for k in part for s in groups[k]] for part in parts]
    return _ordered(forward, merged)


def _ordered(forward: ShownForward, groups: list[list[int]]) -> list[list[int]]:
    """Every group after those that it reads, else in the order of the program."""
    reads = _reads(forward, groups)
    readers: list[list[int]] = [[] for _ in groups]
    missing = [len(r) for r in reads]
    for k, others in enumerate(reads):
        for o in others:
            readers[o].append(k)
    ready = [(max(groups[k]), k) for k, n in enumerate(missing) if not n]
    heapify(ready)
    found: list[list[int]] = []
    while ready:
        _, k = heappop(ready)
        found.append(groups[k])
        for r in readers[k]:
            missing[r] -= 1
            if not missing[r]:
                heappush(ready, (max(groups[r]), r))
    return found


def _components(reads: Sequence[Iterable[int]]) -> list[list[int]]:
    """Tarjan's strongly connected components, without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(reads)):
        if root in index:
            continue
        work = [(root, iter(sorted(reads[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            k, others = work[-1]
            for o in others:
                if o not in index:
                    index[o] = low[o] = len(index)
                    stack.append(o)
                    on_stack.add(o)
                    work.append((o, iter(sorted(reads[o]))))
                    break
                if o in on_stack:
                    low[k] = min(low[k], index[o])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[k])
                if low[k] == index[k]:
                    part = []
                    while True:
                        o = stack.pop()
                        on_stack.discard(o)
                        part.append(o)
                        if o == k:
                            break
                    found.append(sorted(part))
    return found


def _loops_folded(forward: ShownForward, groups: list[list[int]]) -> list[list[int]]:
    """What stands in one expression as one gate, however often a loop passes it; as before where some pass reads what another one computes."""
    together: dict[object, list[int]] = {}
    for g in groups:
        first = g[0]
        together.setdefault(("several", first) if len({forward.span(i) for i in g}) > 1 else forward.span(first), []).extend(g)
    merged = list(together.values())
    return _ordered(forward, merged) if all(len(part) == 1 for part in _components(_reads(forward, merged))) else groups


def _statements_folded(forward: ShownForward, groups: list[list[int]], most: int) -> list[list[int]]:
    """The gates of one statement as one, those with the most gates first, until there are few enough; never all of them."""
    by_line: dict[int, list[int]] = {}
    for k, g in enumerate(groups):
        first = forward.program.steps[g[0]]
        if first.gate != "input" and first.line >= 0:
            by_line.setdefault(first.line, []).append(k)
    left, folded = len(groups), dict[int, int]()
    for line, parts in sorted(by_line.items(), key=lambda item: (-len(item[1]), item[0])):
        if left <= most or len(parts) < 2:
            break
        if len(parts) > most:
            continue  # a picture of one gate shows nothing: its parts are folded by runs
        folded.update(dict.fromkeys(parts, line))
        left -= len(parts) - 1
    found: dict[tuple[int, int], list[int]] = {}
    for k, g in enumerate(groups):
        found.setdefault((0, folded[k]) if k in folded else (1, k), []).extend(g)
    return list(found.values())


def _runs_folded(forward: ShownForward, groups: list[list[int]], most: int) -> list[list[int]]:
    """Neighbours in the order of the computation as one: no cycle comes of it. The inputs stay, unless they are too many themselves."""
    inputs = [g for g in groups if all(forward.program.steps[i].gate == "input" for i in g)]
    others = [g for g in groups if not all(forward.program.steps[i].gate == "input" for i in g)]
    if len(inputs) > most // 2:
        inputs = _in_runs(inputs, most // 2)
    return [*inputs, *_in_runs(others, max(1, most - len(inputs)))]


def _in_runs(groups: Sequence[list[int]], most: int) -> list[list[int]]:
    size = ceil(len(groups) / most)
    return [[s for g in groups[k : k + size] for s in g] for k in range(0, len(groups), size)]
