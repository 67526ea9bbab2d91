"""Advice on imaging: the modality, what is left out, the contrast."""

from __future__ import annotations

from cordwatch_schemas.base import Code
from tests.builders import (
    CERVICAL_AND_THORACIC_MRI,
    LUMBAR_MRI,
    SPINE_CT,
    T,
    a_back_pain,
    a_ct_done,
    a_report,
    a_retraction,
    a_suspicion,
    an_mri_cancelled,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.spec.case import MINUTE, SECOND, Case, Page, gone, tells

SUSPECTED = a_suspicion(T(0), record_id="A1")
CONTRAST_UNKNOWN = Code(system="LN", code="42698-1")
"""MRI of the whole spine; whether with contrast is not stated."""
SPINE_RADIOGRAPH = Code(system="LN", code="24928-4")
SPINE_SCINTIGRAPHY = Code(system="LN", code="25031-6")

_CT = (SUSPECTED, a_ct_done(T(2)))
WRONG_MODALITY = Page(
    "mri.wrong-modality",
    (
        Case(
            "raised",
            "A CT of the spine is done and no MRI on order",
            _CT,
            (tells(T(2)),),
            until=T(12),
        ),
        Case(
            "raised",
            "A CT is on order from before: when the clock opens",
            (an_mri_ordered(T(-1), SPINE_CT, "O9"), SUSPECTED),
            (tells(T(0)),),
        ),
        Case(
            "raised",
            "A radiograph, for a milder clock as well",
            (known_lymphoma(), a_back_pain(T(0)), an_mri_done(T(2), SPINE_RADIOGRAPH)),
            (tells(T(2)),),
        ),
        Case(
            "raised",
            "A radiograph and a CT, heard of together: told once",
            (
                SUSPECTED,
                a_ct_done(T(2), received_at=T(3)),
                an_mri_done(T(1), SPINE_RADIOGRAPH, received_at=T(3)),
            ),
            (tells(T(3)),),
        ),
        Case(
            "raised",
            "A scintigraphy",
            (SUSPECTED, an_mri_done(T(2), SPINE_SCINTIGRAPHY)),
            (tells(T(2)),),
        ),
        Case(
            "raised",
            "The MRI of part of the spine was made before the milder clock began: for that",
            (
                known_lymphoma(),
                SUSPECTED,
                an_mri_done(T(1), LUMBAR_MRI),
                a_back_pain(T(2)),
                a_ct_done(T(3)),
            ),
            (tells(T(3)),),
        ),
        Case(
            "not raised",
            "An MRI is on order beside the CT",
            (SUSPECTED, an_mri_ordered(T(1)), a_ct_done(T(2))),
            until=T(12),
        ),
        Case("not raised", "No MRI clock runs", (_CT[1],), until=T(12)),
        Case(
            "ended", "An MRI is ordered", (*_CT, an_mri_ordered(T(3))), (tells(T(2), gone(T(3))),)
        ),
        Case(
            "ended",
            "The clock ends: the whole spine was imaged by MRI",
            (*_CT, an_mri_done(T(4))),
            (tells(T(2), gone(T(4))),),
        ),
        Case(
            "taken back",
            "The CT is withdrawn by its source",
            (*_CT, a_retraction(T(3), "imaging-done", "O9")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "taken back",
            "The suspicion is withdrawn by its source",
            (*_CT, a_retraction(T(3), "assessed", "A1")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "to the second",
            "A CT made at the instant at which the clock starts",
            (SUSPECTED, a_ct_done(T(0))),
            (tells(T(0)),),
        ),
        Case(
            "to the second",
            "A CT made a second before is from before the start",
            (a_ct_done(T(0) - SECOND), SUSPECTED),
            until=T(12),
        ),
        Case(
            "more",
            "The CT is ordered, then done: one cause, told once",
            (SUSPECTED, an_mri_ordered(T(1), SPINE_CT, "O9"), a_ct_done(T(2))),
            (tells(T(1)),),
        ),
    ),
    starts=(
        "an MRI clock runs and only radiograph, CT or bone scintigraphy of the spine is on active order "
        "or was done since its start"
    ),
    ends="an MRI of the spine ordered or done, or the clock's own end",
    not_promised=(
        "That the CT was useless: it may have been the fastest answer. An MRI is still asked for.",
    ),
)

_LUMBAR = (SUSPECTED, an_mri_ordered(T(1), LUMBAR_MRI))
_REST = ("cervical", "thoracic")
PARTIAL_COVERAGE = Page(
    "mri.partial-coverage",
    (
        Case(
            "raised",
            "Only the lumbar spine is on order: after two minutes",
            _LUMBAR,
            (tells(T(1) + 2 * MINUTE, missing=_REST),),
            until=T(12),
        ),
        Case(
            "raised",
            "A milder clock runs beside, and began before",
            (known_lymphoma(), a_back_pain(T(-1)), *_LUMBAR),
            (tells(T(1) + 2 * MINUTE, missing=_REST),),
        ),
        Case(
            "raised",
            "Only the lumbar spine was imaged: at once",
            (SUSPECTED, an_mri_done(T(3), LUMBAR_MRI)),
            (tells(T(3), missing=_REST),),
            until=T(12),
        ),
        Case(
            "raised",
            "Cervical and thoracic are on order: the lumbar part is missing",
            (SUSPECTED, an_mri_ordered(T(1), CERVICAL_AND_THORACIC_MRI)),
            (tells(T(1) + 2 * MINUTE, missing=("lumbar",)),),
        ),
        Case(
            "not raised",
            "The whole spine is on order",
            (SUSPECTED, an_mri_ordered(T(1))),
            until=T(12),
        ),
        Case(
            "not raised",
            "A milder clock: any part will do",
            (known_lymphoma(), a_back_pain(T(0)), _LUMBAR[1]),
            until=T(12),
        ),
        Case(
            "ended",
            "The rest is ordered",
            (*_LUMBAR, an_mri_ordered(T(2), CERVICAL_AND_THORACIC_MRI, "O2")),
            (tells(T(1) + 2 * MINUTE, gone(T(2))),),
        ),
        Case(
            "ended",
            "The whole spine is imaged",
            (*_LUMBAR, an_mri_done(T(4), order="O2")),
            (tells(T(1) + 2 * MINUTE, gone(T(4))),),
        ),
        Case(
            "taken back",
            "The order is withdrawn by its source",
            (*_LUMBAR, a_retraction(T(2), "imaging-ordered", "O1")),
            (tells(T(1) + 2 * MINUTE, gone(T(2))),),
        ),
        Case(
            "taken back",
            "The order is cancelled: that is told instead",
            (*_LUMBAR, an_mri_cancelled(T(2), LUMBAR_MRI)),
            (tells(T(1) + 2 * MINUTE, gone(T(2))),),
        ),
        Case(
            "to the second",
            "The rest is ordered a second before the two minutes are over",
            (*_LUMBAR, an_mri_ordered(T(1) + 119 * SECOND, CERVICAL_AND_THORACIC_MRI, "O2")),
            until=T(12),
        ),
        Case(
            "to the second",
            "The rest is ordered as they end: what is heard comes first",
            (*_LUMBAR, an_mri_ordered(T(1) + 120 * SECOND, CERVICAL_AND_THORACIC_MRI, "O2")),
            until=T(12),
        ),
        Case(
            "to the second",
            "The rest is ordered a second later",
            (*_LUMBAR, an_mri_ordered(T(1) + 121 * SECOND, CERVICAL_AND_THORACIC_MRI, "O2")),
            (tells(T(1) + 2 * MINUTE, gone(T(1) + 121 * SECOND)),),
        ),
        Case(
            "more",
            "What was really imaged wins: the whole spine ordered, the lumbar part reported",
            (
                SUSPECTED,
                an_mri_ordered(T(1)),
                an_mri_done(T(2)),
                a_report(T(3), "negative", regions=("L",)),
            ),
            (tells(T(3), missing=_REST),),
        ),
    ),
    starts="the 12 h clock runs and what is on order or done leaves part of the spine out",
    ends="the missing part ordered or done, or the clock's own end",
    not_promised=(
        "That the missing part is the one that matters: it names what was left out, no more.",
        "That a code without a stated part is judged: [`region-unstated`](region-unstated.md) speaks then.",
    ),
)

_PLAIN = (SUSPECTED, an_mri_done(T(3), contrast=False))
NO_CONTRAST = Page(
    "mri.no-contrast",
    (
        Case(
            "raised",
            "The whole spine is imaged without contrast: the clock stops, and this is said",
            _PLAIN,
            (tells(T(3)),),
            until=T(12),
        ),
        Case(
            "raised",
            "It closes two clocks, and is told once",
            (known_lymphoma(), a_back_pain(T(0)), *_PLAIN),
            (tells(T(3)),),
        ),
        Case(
            "raised",
            "It closes the milder clock, and not the one that wants the whole spine",
            (
                known_lymphoma(),
                SUSPECTED,
                a_back_pain(T(1)),
                an_mri_done(T(3), LUMBAR_MRI, contrast=False),
            ),
            (tells(T(3)),),
        ),
        Case(
            "raised",
            "Nobody says whether contrast was given, until the report says that it was not",
            (
                SUSPECTED,
                an_mri_done(T(3), CONTRAST_UNKNOWN),
                a_report(T(5), "negative", CONTRAST_UNKNOWN, contrast=False),
            ),
            (tells(T(5)),),
        ),
        Case(
            "not raised",
            "Contrast was given",
            (SUSPECTED, an_mri_done(T(3), contrast=True)),
            until=T(12),
        ),
        Case(
            "not raised",
            "Nobody says whether contrast was given",
            (SUSPECTED, an_mri_done(T(3), CONTRAST_UNKNOWN)),
            until=T(12),
        ),
        Case(
            "ended",
            "An MRI with contrast is made",
            (*_PLAIN, an_mri_done(T(5), order="O2", contrast=True)),
            (tells(T(3), gone(T(5))),),
        ),
        Case(
            "ended",
            "The report says that contrast was given",
            (*_PLAIN, a_report(T(5), "negative", contrast=True)),
            (tells(T(3), gone(T(5))),),
        ),
        Case(
            "taken back",
            "The scan is withdrawn by its source",
            (*_PLAIN, a_retraction(T(4), "imaging-done", "O1")),
            (tells(T(3), gone(T(4))),),
        ),
        Case(
            "to the second",
            "Made at the instant at which the clock starts: it counts, and is spoken of",
            (SUSPECTED, an_mri_done(T(0), contrast=False)),
            (tells(T(0)),),
        ),
        Case(
            "to the second",
            "Made a second before: it closes no clock, and nothing is said of it",
            (an_mri_done(T(0) - SECOND, contrast=False), SUSPECTED),
            until=T(12),
        ),
    ),
    starts="an MRI that closed an MRI clock was made without contrast, by its code, its record or its report",
    ends="an MRI with contrast, or a report that says that contrast was given",
    not_promised=(
        "That contrast was possible: a reason against it is not looked for.",
        "That the sequences were the right ones.",
    ),
)

IMAGING_ADVICE = (WRONG_MODALITY, PARTIAL_COVERAGE, NO_CONTRAST)
