"""The backward pass that backprop generates as a text of its own, so that its lines can be replaced as those of a written one, and the shortest text with a better line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from verifier.case.case import Draft
from verifier.circuit.apply import BuildError
from verifier.circuit.program import LEAVES, TOTAL, Program, ancestors
from verifier.circuit.statements import add_backward, build_program
from verifier.compare.check import Check
from verifier.exact.truth import subject
from verifier.language.source import Source
from verifier.language.trees import parse_program
from verifier.search.improve.suggestion import NewPass, Suggestion


@dataclass(frozen=True)
class SpelledOut:
    """An implementation whose generated lines are its text: the question about it, and its programs."""

    check: Check
    draft: Draft


def spelled_out(check: Check, draft: Draft) -> SpelledOut | None:
    """The implementation with the lines that backprop generates as its forward and its backward pass: the same gates in the same order. None where they are no text of the language."""
    program = check.subject.program
    if draft.forward.output_name == TOTAL or check.computed is not None:
        return None
    forward = [line.text for line in program.lines if not line.backward]
    backward = [line.text for line in program.lines if line.backward]
    for _, name in draft.claims:
        step = program.steps[program.names[name]]
        if step.name != name:
            backward.append(f"{name} = {step.name or step.text}")
    if not all(line.partition(" ")[0].isidentifier() for line in (*forward, *backward)):
        return None
    found = _built(draft, "\n".join(forward), "\n".join(backward))
    if found is None or found.whole is None:
        return None
    own = subject(found)
    if not _are_same(program, own.program, [name for _, name in draft.claims]):
        return None
    return SpelledOut(replace(check, subject=replace(own, claims=check.subject.claims), proved=frozenset()), found)


def with_text(spelled: SpelledOut, draft: Draft, found: Suggestion, others: Sequence[Suggestion] = ()) -> Suggestion:
    """A suggestion about a generated line with the text of the whole implementation, in which the `others` are followed as well: only what the gradients need, and no forward pass where they read none of it."""
    text, end = found.source.text, len(found.source.text) + 1
    for s in sorted({(s.start, s.end): s for s in (*others, found)}.values(), key=lambda s: -s.start):
        if s.end <= end:
            text, end = text[: s.start] + s.replacement + text[s.end :], s.start
    backward = text.splitlines()
    assert spelled.draft.implementation.forward is not None
    forward = spelled.draft.implementation.forward.text.splitlines()
    claims = [name for _, name in draft.claims]
    backward, read = _needed(backward, set(claims))
    short, _ = _needed(forward, read | {spelled.draft.forward.output_name})
    whole = _built(spelled.draft, "\n".join(forward), text)
    for trial, base in (("", draft), ("\n".join(short), spelled.draft), ("\n".join(forward), spelled.draft)):
        made = _built(base, trial, "\n".join(backward))
        if made is not None and made.whole is not None and whole is not None and whole.whole is not None and _are_same(whole.whole, made.whole, claims):
            return replace(found, new_pass=NewPass(tuple(trial.splitlines()), tuple(backward)))
    return found


def with_pass(check: Check, draft: Draft, new: NewPass) -> Check | None:
    """The question of an implementation with a new pass; None where that cannot be read."""
    found = _built(draft, "\n".join(new.forward), "\n".join(new.backward))
    return None if found is None or found.misshapen else replace(check, subject=subject(found), proved=frozenset())


def _built(draft: Draft, forward: str, backward: str) -> Draft | None:
    """The implementation with other texts; its own forward pass where that is empty."""
    place = draft.implementation.place
    first = Source(forward, place.file, place.line, place.column, forward, f"{draft.implementation.name}.forward")
    second = Source(backward, place.file, place.line, place.column, backward, f"{draft.implementation.name}.backward")
    try:
        program, complaints = build_program(first, draft.forward.inputs) if forward else (draft.forward, [])
        if program is None or complaints or program.output_name != draft.forward.output_name:
            return None
        program = replace(program, parameters=draft.forward.parameters)
        whole, complaints = add_backward(program, second, draft.claims, aliases=dict(draft.aliases))
    except BuildError:
        return None
    if whole is None or complaints:
        return None
    implementation = replace(draft.implementation, forward=first if forward else draft.implementation.forward, backward=second)
    return replace(draft, implementation=implementation, forward=program, whole=whole)


def _needed(lines: Sequence[str], wanted: set[str]) -> tuple[list[str], set[str]]:
    """The lines that some names depend on, and the names that these lines and the wanted ones read from elsewhere."""
    read, found = set(wanted), []
    for line in reversed(lines):
        (statement,), _ = parse_program(line)
        if statement.target in read:
            found.append(line)
            names = {node.text for node in statement.nodes if node.op == "name"}
            read = (read - {statement.target}) | names
    return found[::-1], read


def _are_same(first: Program, second: Program, names: Sequence[str]) -> bool:
    """Whether some names are the same gates of the same inputs in two programs."""
    numbers: dict[tuple[object, ...], int] = {}
    found = []
    for program in (first, second):
        if any(name not in program.names for name in names):
            return False
        at: dict[int, int] = {}
        needed = set().union(*(ancestors(program, program.names[name]) for name in names))
        for i in sorted(needed):
            step = program.steps[i]
            key = (step.gate, *(at[a] for a in step.args), step.text if step.gate in LEAVES else "")
            at[i] = at[step.args[0]] if step.gate == "copy" else numbers.setdefault(key, len(numbers))
        found.append([at[program.names[name]] for name in names])
    return found[0] == found[1]


def as_yaml(draft: Draft, new: NewPass) -> str:
    """An implementation with a new pass as it may stand in a case file, under `implementations`."""
    own = draft.implementation.forward.text.splitlines() if draft.implementation.forward is not None else []
    lines = [f"{draft.implementation.name}:"]
    if draft.implementation.gradients is not None:
        lines.append(f"  gradients: {{{', '.join(f'{c.input}: {c.name}' for c in draft.implementation.gradients)}}}")
    for key, texts in (("forward", new.forward or own), ("backward", new.backward)):
        if texts:
            lines += [f"  {key}: |", *(f"    {t}" for t in texts)]
    return "\n".join(lines)


__all__ = ["SpelledOut", "as_yaml", "spelled_out", "with_pass", "with_text"]
