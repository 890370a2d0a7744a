"""The words that a report prints beside the codes of findings: what each means, what to mind, an example. `explain WORD` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from verifier.language.verdict import Verdict
from verifier.report.catalogue import FindingKind, entry


class Meaning(NamedTuple):
    """What a word states, what it does not state, and an example."""

    means: str
    mind: str = ""
    example: str = ""


# Said of a gradient's formula as a whole, beside the verdicts at points.
PROOF_WORDS: Mapping[str, Meaning] = {
    "proved": Meaning(
        "The formula and the exact gradient are shown to be equal at every point at which both are defined.",
        "Rounding is no part of a proof: a proved formula may lose digits. On borders, where a sign or a step changes, the two may have been compared at single points only; the note then names the border, "
        "and it names single points at which the implementation has no value, or that could not be decided. Before a proof counts, enclosures of both sides are compared in all pieces and on their borders.",
        "dx = (1 - sigmoid(x)) * sigmoid(x) * dout        # for sigmoid(x)",
    ),
    "agrees": Meaning(
        "At all points that were tried the enclosures of the formula and of the exact gradient overlap, to the number of digits in the note.",
        "Nothing is known of other points: no rule of the prover leads from one formula to the other.",
        "dx = diff(sqrt(2/(pi*x))*sin(x), x) * dout        # for besselj(1/2, x): equal, by a theorem that the prover does not know",
    ),
    "approximates": Meaning(
        "The formula is not the exact gradient, but within one ulp of it: at the points tried, or at all numbers of the format where the note says so.",
        "In a format with more digits the same formula may be wrong.",
        "dx = where(x > 40, 1, sigmoid(x)) * dout        # for softplus(x): off by less than an ulp at all numbers of float64",
    ),
    "refuted": Meaning(
        "There is a point, named in the report, at which the formula is certified to differ from the exact gradient by more than one ulp, or to have no value where the gradient has one.",
        "The formula may be right at the points of the case, and nearly everywhere.",
        "dx = (log(x) + log(y) + 1) * dout        # for x*log(x*y): no value where x and y are negative",
    ),
}

# Said of a row of the table, of a case, or before a figure under a finding.
FIGURE_WORDS: Mapping[str, Meaning] = {
    "ulp": Meaning(
        "The unit of errors: the distance between two neighbouring numbers of the format, at the exact gradient.",
        "A correctly rounded gradient is at most half an ulp off. The table shows the largest error of the points in the row; `-` stands where no error can be stated, as for NaN.",
        "2.22e-16 at 1.0 in float64, 0.00098 at 1.0 in float16",
    ),
    "κ": Meaning(
        "The condition number of the gradient: how many times larger than the relative error of the inputs the relative error of the exact gradient can be.",
        "It belongs to the problem, not to the code. An error of about κ ulps is what inputs with errors of half an ulp cost in any arrangement.",
        "κ 1e6 with errors of 1e6 ulp: ill_conditioned; κ 3 with the same errors: unstable",
    ),
    "worst": Meaning("In a table, the component of an array with the largest error. Under a finding, the statement whose roundings have the largest effect on the gradient, with its share of the error. Under a better arrangement, the largest error before and after."),
    "open": Meaning(
        "Of a claim under `certify`: on a part of the domain it could be neither proved nor refuted. The share of the volume is in the report.",
        "The bound beside it holds in the rest of the domain only. An open claim fails its case.",
        "open on 0.2 %",
    ),
    "at a point": Meaning("Of a certified bound: the same way of counting, taken at one point, where every enclosure is as narrow as it can be. No search can prove less, so the two figures tell how much a longer search could gain."),
    "seen": Meaning("Of a certified bound: the largest error that was found at a point, judged by balls. The true maximum lies between it and the bound."),
    "points": Meaning("The points that the case lists; the row counts the verdicts at all of them."),
    "sampled": Meaning("Points drawn at random from the domain of the case, always the same ones; the row counts the verdicts at all of them."),
    "all": Meaning("Every number of the format in the domain was checked: the row counts the verdicts at all of them."),
    "every": Meaning("A sentence that holds for every number of the format in the domain: each of them was checked."),
    "above the limit": Meaning("The error is larger than the case accepts (`accept`), although the formula is right; a case expects it as `over_limit`."),
    "residual": Meaning(
        "In a case, the difference of two implementations that its `residuals` state, in floats. Under a finding, the computed gradient minus the exact one, and the same in ulps.",
        "Residuals of a case are compared bit for bit.",
    ),
    "published": Meaning("The figures that the source of the case prints, and how many of them come out, rounded to as many digits."),
    "region": Meaning("An interval of an input in which a hunt found the same verdict at all points that it tried, with the simplest point of it and the step that causes it."),
    "note": Meaning("A sentence about the case that is worth knowing and changes nothing: what is proved of the forward pass, or what took too long to be found out."),
    "exact": Meaning("The exact gradient at the point, with all the digits that are certified."),
    "computed": Meaning("The gradient that the floats of the implementation give at the point, with all its digits."),
    "function": Meaning("The exact value of the function at the point."),
    "forward": Meaning("The value of the forward pass at the point, run over the real numbers."),
    "diagnosis": Meaning("The edit of the line after which every gradient is the exact one: over the real numbers, at several points and for another gradient that flows in."),
    "needed": Meaning("The value that the line would have to set at the point, with everything that it reads exact."),
    "this line": Meaning("The value that the line sets at the point, over the real numbers, with everything that it reads exact; and how many times the needed value that is."),
    "missing": Meaning("The contribution to the gradient that no line adds, at the point."),
    "explained": Meaning("The point at which the line was looked at, where that is not the worst one, which the finding is about; with the figures of the line there."),
    "expected": Meaning("Under a finding, the formula that the line should have. After a residual, the value that the case states. In the count of findings, those that the case announces under `expect`, and those that a baseline holds."),
    "baseline": Meaning("A file of findings that are known and do not fail. Under a finding, what is worse than it was when the file was written: docs/configuration.md says when."),
    "propagated": Meaning("The lines that only compute with the wrong value of this one: they need no change."),
    "first": Meaning("The step from which on the value is lost: with all steps before it in floats the rest could still give a number of the format, with this one in floats it cannot."),
    "inside": Meaning("The step inside a gate, such as the cosh of a sech, with the largest effect; the gate runs as these steps where the format has no function for it."),
    "nearest": Meaning("The input, so many ulps away, for which the computed gradient is the exact one; to first order."),
    "cause": Meaning("The first step whose float is not a finite number."),
    "own rounding": Meaning("In a ledger, the float of a statement minus its exact value on the same operands, in ulps of that value."),
    "effect": Meaning("In a ledger, what the roundings of a statement do to the gradient, in ulps of the exact gradient. The effects add up to the error; docs/rounding.md derives them."),
    "better": Meaning(
        "A statement that loses digits of a gradient, and another one that may stand in its place: proved to be the same function, and measured to lose fewer. Below it `proof`, `worst`, `median`, `bits`, `verdict` and `cost` tell both apart.",
        "The proof is about the real numbers; the errors are those at the points that were tried. docs/improving.md says what is accepted.",
        "- dx = (1 - out**2) * dout        + dx = dout*(2/(1 + cosh(2*x)))        # for tanh(x)",
    ),
    "median": Meaning("Under a better arrangement, the error in ulps that half of the points stay below, before and after."),
    "bits": Meaning("Under a better arrangement, how many of the last bits of the gradient are lost, on average over the points, before and after. NaN and what is further off than 2**64 ulps count as 64."),
    "cost": Meaning("Under a better arrangement, the time that the statement takes afterwards, over the time that it took: measured, so it differs a little from run to run."),
    "patch": Meaning("Under a better arrangement, why the file cannot be changed by a patch. Where backprop writes the lines, the implementation that can be written in the file stands below. Where nothing is said, `improve --write` can change it, and the JSON report has the patch."),
    "caught": Meaning("Of an edit that `mutate` makes: at some point of the case the edited backward pass fails, as it should."),
    "survived": Meaning("Of an edit that `mutate` makes: it is a mistake, and no point of the case shows it. A point that would is suggested."),
    "equivalent": Meaning("Of an edit that `mutate` makes: it is no mistake, as the gradients are proved to be the same."),
    "unknown": Meaning("Of an edit that `mutate` makes: no point was found at which the gradients differ, and no proof that they are the same."),
    "line not named": Meaning("Of an edit that was caught: the finding names another line than the edited one."),
    "no diagnosis": Meaning("Of an edit that was caught: the finding names a line, and not what is wrong in it."),
    "share": Meaning("In a ledger, the effect of a statement divided by the whole error: negative where it makes up for others."),
}  # fmt: skip

OTHER_SPELLINGS = {"kappa": "κ", "condition": "κ", "ulps": "ulp", "over_limit": "above the limit", "effect on": "effect", "survives": "survived", "improve": "better", "suggestion": "better", "suggestions": "better", "ill-conditioned": "ill_conditioned"}


def verdict_word(verdict: Verdict) -> Meaning:
    """What a verdict means, what it does to its case, and where to read more."""
    effect = "passes" if verdict.passes else "is a warning (an error with --strict)" if verdict.warns else "fails the case" if verdict.fails else "counts neither as a pass nor as a failure"
    more = f" More: python -m verifier explain {verdict.code}" if verdict.code else ""
    return Meaning(f"{verdict.meaning[0].upper()}{verdict.meaning[1:]}.", f"A verdict on one gradient at one point; it {effect}.{more}")


WORDS: Mapping[str, Meaning] = {
    **{v.value: verdict_word(v) for v in Verdict},
    **PROOF_WORDS,
    **FIGURE_WORDS,
}


def explained_all(text: str) -> list[FindingKind | tuple[str, Meaning]] | str:
    """What several codes, names and words mean, the longest run of words first; the word that is none where there is one."""
    words, found = text.split(), list[FindingKind | tuple[str, Meaning]]()
    while words:
        known = next(((meaning, size) for size in range(len(words), 0, -1) if (meaning := explained(" ".join(words[:size]))) is not None), None)
        if known is None:
            return words[0] if found or explained(words[-1]) is not None or entry(words[0]) is not None else " ".join(words)
        found.append(known[0])
        words = words[known[1] :]
    return found


def explained(text: str) -> FindingKind | tuple[str, Meaning] | None:
    """The kind of finding with this code or name, or the word of a report; None where there is neither. Capital letters do not matter."""
    kind = entry(text)
    if kind is not None:
        return kind
    word = " ".join(text.lower().split())
    word = OTHER_SPELLINGS.get(word, word)
    return (word, WORDS[word]) if word in WORDS else None
