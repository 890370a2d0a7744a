"""The laws, one row each."""

from __future__ import annotations

from tests.laws import domains, few_bits, places, proofs, seconds
from tests.laws.derivatives import differences_agree, equal_formulas_agree, sympy_agrees
from tests.laws.draw import ELEMENTARY, FORMATS, arranged, functions, staged
from tests.laws.enclosures import intervals_hold, mpmath_agrees, nested
from tests.laws.floating import CPYTHON, NUMPY, floats_are_cpythons, narrow_floats_are_numpys, rounded_is_nearest, ulps_are_the_definition
from tests.laws.hostile import edited, is_read_or_refused
from tests.laws.law import Law
from tests.laws.ledgers import differences_add_up, effects_add_up
from tests.laws.reports import (
    a_report_is_repeated,
    finds_replay,
    regions_have_their_verdict,
    sweeps_take_no_notice_of_the_way,
    text_and_json_agree,
)
from tests.laws.verdicts import (
    mistakes_are_never_proved,
    names_do_not_matter,
    order_does_not_matter,
    precision_changes_no_verdict,
    proofs_hold_elsewhere,
    reports_of_the_right_pass,
    right_is_decided,
    right_is_never_wrong,
)
from verifier.language.gates import GATES

NARROW = ("float32", "float16")
DECIDED = tuple(n for n in GATES if n != "sinc")  # sinc(0) is pi/pi to an expansion: log(1 - sinc(x)) at 0 is a known gap

LAWS = {
    law.name: law
    for law in (
        Law("balls-nest",        "enclosures at p and at 2p bits overlap, in every step",                        lambda: functions(second=True),                              nested),
        Law("intervals-hold",    "intervals of float64 and balls overlap, in every step",                        functions,                                         intervals_hold),
        Law("mpmath-agrees",     "Arb's value of every primitive is mpmath's",                                   lambda: functions(size=3),                                   mpmath_agrees),
        Law("sympy-agrees",      "the exact gradient is sympy.diff of the whole function",                       lambda: functions(ELEMENTARY, size=4),                       sympy_agrees),
        Law("differences-agree", "the exact gradient is the limit of difference quotients in high precision",    lambda: functions(size=4),                                   differences_agree),
        Law("equal-formulas",    "equal formulas have equal gradients, at kinks and borders, too",               lambda: functions(size=3),                                   equal_formulas_agree),
        Law("staged-is-right",   "the generated backward pass is wrong nowhere, in any format",                  lambda: functions(formats=FORMATS, upstream=True, second=True), right_is_never_wrong),
        Law("arranged-is-right", "a right backward pass in another arrangement is wrong nowhere",                lambda: arranged(formats=FORMATS),                           right_is_never_wrong),
        Law("right-is-decided",  "a right formula is decided in float64",                                        lambda: functions(DECIDED, size=3),                          right_is_decided),
        Law("right-report",      "the report of a right pass has no wrong gradient and no refuted proof",        lambda: arranged(formats=FORMATS),                           reports_of_the_right_pass),
        Law("mistakes-caught",   "a real change of a gradient is wrong or undecided, and never proved",          lambda: arranged(wrong=True),                                mistakes_are_never_proved),
        Law("proofs-hold",       "what is proved is wrong at no other point",                                    lambda: arranged(ELEMENTARY),                                proofs_hold_elsewhere),
        Law("proofs-true",       "what is proved is the limit of difference quotients, on every border, too",    proofs.texts,                                               proofs.proofs_are_true),
        Law("seconds",           "a second derivative is the limit of difference quotients, on the border of a choice, too", seconds.texts,                                   seconds.second_derivatives_are_limits),
        Law("places",            "what does not exist, seams, powers of two and printed constants are judged as they were built", places.texts,                            places.places_are_judged_rightly),
        Law("domains",           "outside the domain that the table states a gate has no value and no gradient", domains.texts,                                               domains.outside_there_is_nothing),
        Law("precision",         "more bits to begin with change no verdict",                                    lambda: functions(formats=FORMATS, upstream=True),           precision_changes_no_verdict),
        Law("few-bits-values",   "what 8, 16 and 24 bits say of a step, a limit or a zero is what 320 bits say",  lambda: arranged(formats=FORMATS),                           few_bits.values_agree),
        Law("few-bits-verdicts", "a verdict of 8, 16 and 24 bits is the usual one or none, and its figures overlap", lambda: functions(formats=FORMATS, upstream=True, size=4), few_bits.verdicts_agree),
        Law("few-bits-mistakes", "so is the verdict on a mistake",                                               lambda: arranged(formats=FORMATS, wrong=True),               few_bits.verdicts_agree),
        Law("few-bits-proofs",   "what few bits prove or contradict, many bits prove or contradict",             lambda: arranged(ELEMENTARY),                                few_bits.proofs_agree, 120.0),
        Law("names",             "other names for the inputs change no verdict, digit or proof",                 staged,                                            names_do_not_matter),
        Law("order",             "the order of implementations and points changes no verdict and no digit",      lambda: arranged(formats=FORMATS),                           order_does_not_matter),
        Law("effects-add-up",    "the effects of the roundings sum to computed - real, to the last bit",         lambda: staged(formats=FORMATS),                             effects_add_up),
        Law("ledgers-differ",    "the rows of two ledgers add up to the difference of the two gradients",        lambda: arranged(formats=FORMATS),                           differences_add_up),
        Law("cpython",           "the staged float64 run has CPython's bits",                                    lambda: functions(CPYTHON),                                  floats_are_cpythons),
        Law("numpy",             "the staged runs of narrow formats have NumPy's bits",                          lambda: functions(NUMPY, formats=NARROW),                    narrow_floats_are_numpys),
        Law("nearest",           "no number of the format is nearer to the exact gradient than `rounded`",       lambda: functions(formats=FORMATS, upstream=True),           rounded_is_nearest),
        Law("ulps",              "the error in ulps is that of the definition, in rationals",                    lambda: functions(formats=FORMATS),                          ulps_are_the_definition),
        Law("text-is-json",      "text and JSON of one run say the same",                                        lambda: arranged(formats=FORMATS, wrong=True),               text_and_json_agree),
        Law("repeated",          "a second run of the same text says the same, byte for byte",                   lambda: arranged(formats=FORMATS),                           a_report_is_repeated),
        Law("sweeps",            "a sweep's verdicts do not depend on the way, its sums not on the parts",       lambda: functions(formats=FORMATS, size=4),                  sweeps_take_no_notice_of_the_way, 120.0),
        Law("regions",           "the ends and the point of a hunted region have its verdict",                   lambda: functions(formats=FORMATS, size=3),                  regions_have_their_verdict),
        Law("finds-replay",      "what a campaign finds is found again, loads and replays",                      lambda: arranged(ELEMENTARY, formats=FORMATS, size=1, wrong=True), finds_replay, 600.0),
        Law("reading",           "an edited text is read or refused with a place, and nothing crashes",          edited,                                                      is_read_or_refused),
    )
}  # fmt: skip
