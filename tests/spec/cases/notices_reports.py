"""Notices about reports and scans that leave something open."""

from __future__ import annotations

from tests.builders import (
    LUMBAR_MRI,
    SPINE_CT,
    SPINE_MRI_PART_UNSTATED,
    T,
    a_back_pain,
    a_classification,
    a_ct_done,
    a_report,
    a_retraction,
    a_stand_down,
    a_suspicion,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.spec.case import HOUR, SECOND, Case, Page, Raised, Turn, gone, tells

SUSPECTED = a_suspicion(T(0), record_id="A1")


def _waiting(last: int, *then: Turn) -> tuple[Raised, ...]:
    """Return the notice of T3 and its repeats up to the *last*."""
    return tuple(tells(T(3 + n), *then, severity="urgent", repeat=n) for n in range(last + 1))


_UNREAD = (SUSPECTED, an_mri_done(T(2)), a_report(T(3), None, record_id="R1"))
REPORT_UNCLASSIFIED = Page(
    "report-unclassified",
    (
        Case(
            "raised",
            "At once, then hourly for 24 h, and then no more",
            _UNREAD,
            _waiting(24),
            until=T(30),
        ),
        Case(
            "raised",
            "A preliminary report waits as well",
            (*_UNREAD[:2], a_report(T(3), None, status="preliminary")),
            _waiting(0),
        ),
        Case(
            "raised",
            "The clock is still open: a CT was reported",
            (SUSPECTED, a_report(T(3), None, SPINE_CT)),
            _waiting(0),
        ),
        Case(
            "raised",
            "Two reports wait, and a third study has none: told of each",
            (
                *_UNREAD,
                an_mri_ordered(T(3), order="O0"),
                a_report(T(3), None, LUMBAR_MRI, order="O2"),
            ),
            (*_waiting(0), *_waiting(0)),
        ),
        Case(
            "not raised",
            "The clock was stood down before",
            (*_UNREAD[:1], a_stand_down(T(2), "mri.mescc-suspected"), _UNREAD[2]),
            until=T(12),
        ),
        Case(
            "not raised",
            "The report carries a coded conclusion",
            (*_UNREAD[:2], a_report(T(3), "negative")),
            until=T(12),
        ),
        Case("not raised", "The patient has no MRI clock", _UNREAD[1:], until=T(12)),
        Case(
            "not raised",
            "The suspicion was withdrawn before",
            (*_UNREAD[:2], a_retraction(T(2.5), "assessed", "A1"), _UNREAD[2]),
            until=T(12),
        ),
        Case(
            "ended",
            "A named person says what it shows",
            (*_UNREAD, a_classification(T(5.5), "negative")),
            _waiting(2, gone(T(5.5))),
            until=T(12),
        ),
        Case(
            "ended",
            "The final report carries a coded conclusion",
            (*_UNREAD, a_report(T(4.5), "positive")),
            _waiting(1, gone(T(4.5))),
            until=T(12),
        ),
        Case(
            "taken back",
            "The report is withdrawn by its source",
            (*_UNREAD, a_retraction(T(3.5), "imaging-reported", "R1")),
            _waiting(0, gone(T(3.5))),
            until=T(12),
        ),
        Case(
            "taken back",
            "The suspicion is withdrawn by its source",
            (*_UNREAD, a_retraction(T(3.5), "assessed", "A1")),
            _waiting(0, gone(T(3.5))),
            until=T(12),
        ),
        Case(
            "to the second",
            "Read a second before it would be repeated",
            (*_UNREAD, a_classification(T(4) - SECOND, "negative")),
            _waiting(0, gone(T(4) - SECOND)),
            until=T(12),
        ),
        Case(
            "to the second",
            "Read at that very instant: what is heard comes first",
            (*_UNREAD, a_classification(T(4), "negative")),
            _waiting(0, gone(T(4))),
            until=T(12),
        ),
        Case(
            "to the second",
            "Read a second later",
            (*_UNREAD, a_classification(T(4) + SECOND, "negative")),
            _waiting(1, gone(T(4) + SECOND)),
            until=T(12),
        ),
        Case(
            "to the second",
            "A report of exactly 14 days before the episode",
            (a_report(T(-336), None), SUSPECTED),
            (tells(T(0), severity="urgent"),),
        ),
        Case(
            "to the second",
            "One of a second earlier has nothing to do with it",
            (a_report(T(-336) - SECOND, None), SUSPECTED),
            until=T(12),
        ),
        Case(
            "to the second",
            "One of exactly 14 days after its clocks are quiet",
            (*_UNREAD[:2], a_report(T(338), None)),
            (tells(T(338), severity="urgent"),),
        ),
        Case(
            "to the second",
            "One of a second later is of another time",
            (*_UNREAD[:2], a_report(T(338) + SECOND, None)),
            until=T(340),
        ),
        Case(
            "more",
            "The service stands still over the last repeats: the last is told late",
            _UNREAD,
            (
                *_waiting(22),
                tells(T(28) - SECOND, severity="urgent", repeat=24, late_by=HOUR - SECOND),
            ),
            stopped=((T(25.5), T(28) - SECOND),),
            until=T(30),
        ),
        Case(
            "more",
            "And for an hour beyond the last: that is not told any more",
            _UNREAD,
            _waiting(22),
            stopped=((T(25.5), T(28)),),
            until=T(30),
        ),
    ),
    starts=(
        "a report of spinal imaging without a coded conclusion, for a patient with an MRI clock open or "
        "satisfied in the episode"
    ),
    ends="a coded conclusion, or what a named person says that it shows",
    not_promised=(
        "That the free text is read: it never is. Until somebody answers, a positive report starts no clock.",
    ),
)

_UNSTATED = (SUSPECTED, an_mri_done(T(3), SPINE_MRI_PART_UNSTATED, record_id="S1"))
REGION_UNSTATED = Page(
    "region-unstated",
    (
        Case(
            "raised", "At the scan; the 12 h clock goes on", _UNSTATED, (tells(T(3)),), until=T(12)
        ),
        Case(
            "raised",
            "Each of two scans, and a CT was made as well",
            (
                SUSPECTED,
                a_ct_done(T(2), "O0"),
                _UNSTATED[1],
                an_mri_done(T(4), SPINE_MRI_PART_UNSTATED, "O2"),
            ),
            (tells(T(3)), tells(T(4))),
        ),
        Case(
            "not raised",
            "Only a milder clock runs: such a scan closes it",
            (known_lymphoma(), a_back_pain(T(0)), _UNSTATED[1]),
            until=T(12),
        ),
        Case(
            "not raised",
            "The scan states a part: mri.partial-coverage names what is missing",
            (SUSPECTED, an_mri_done(T(3), LUMBAR_MRI)),
            until=T(12),
        ),
        Case(
            "ended",
            "The final report states what was imaged",
            (
                *_UNSTATED,
                a_report(T(5), "negative", SPINE_MRI_PART_UNSTATED, regions=("C", "T", "L")),
            ),
            (tells(T(3), gone(T(5))),),
        ),
        Case(
            "ended",
            "The whole spine is imaged",
            (*_UNSTATED, an_mri_done(T(5), order="O2")),
            (tells(T(3), gone(T(5))),),
        ),
        Case(
            "taken back",
            "The scan is withdrawn by its source",
            (*_UNSTATED, a_retraction(T(4), "imaging-done", "S1")),
            (tells(T(3), gone(T(4))),),
        ),
        Case(
            "taken back",
            "The suspicion is withdrawn by its source",
            (*_UNSTATED, a_retraction(T(4), "assessed", "A1")),
            (tells(T(3), gone(T(4))),),
        ),
        Case(
            "to the second",
            "Scanned at the instant at which the clock starts",
            (SUSPECTED, an_mri_done(T(0), SPINE_MRI_PART_UNSTATED)),
            (tells(T(0)),),
        ),
        Case(
            "to the second",
            "Scanned a second before: from before the start",
            (an_mri_done(T(0) - SECOND, SPINE_MRI_PART_UNSTATED), SUSPECTED),
            until=T(12),
        ),
    ),
    starts="an MRI of the spine is done while the 12 h clock runs, and nobody states which part",
    ends="a report or scan that states the part, or the clock's own end",
    not_promised=(
        "That the scan left something out: it may have been the whole spine. Nobody has said so.",
    ),
)

_UNTIMED = (an_mri_ordered(T(-5)), SUSPECTED, a_report(T(3), "negative", record_id="R1"))
EXAM_TIME_MISSING = Page(
    "exam-time-missing",
    (
        Case(
            "raised",
            "The scan may be from before the start: the clock goes on",
            _UNTIMED,
            (tells(T(3)),),
            until=T(12),
        ),
        Case(
            "raised",
            "Each of two reports, and a CT was made as well",
            (
                *_UNTIMED,
                a_ct_done(T(1), "O0"),
                a_report(T(4), "negative", LUMBAR_MRI, order="O2"),
            ),
            (tells(T(3)), tells(T(4))),
        ),
        Case(
            "not raised",
            "The order was placed after the start: the report's own time counts",
            (SUSPECTED, an_mri_ordered(T(1)), _UNTIMED[2]),
            until=T(12),
        ),
        Case(
            "not raised",
            "The report states when the scan was made",
            (*_UNTIMED[:2], a_report(T(3), "negative", exam_at=T(2))),
            until=T(12),
        ),
        Case(
            "not raised",
            "The report is preliminary",
            (*_UNTIMED[:2], a_report(T(3), "negative", status="preliminary")),
            until=T(12),
        ),
        Case(
            "ended",
            "The scan is told after all",
            (*_UNTIMED, an_mri_done(T(2), received_at=T(5))),
            (tells(T(3), gone(T(5))),),
        ),
        Case(
            "ended",
            "A corrected report states the time",
            (*_UNTIMED, a_report(T(5), "negative", status="corrected", exam_at=T(2))),
            (tells(T(3), gone(T(5))),),
        ),
        Case(
            "taken back",
            "The report is withdrawn by its source",
            (*_UNTIMED, a_retraction(T(4), "imaging-reported", "R1")),
            (tells(T(3), gone(T(4))),),
        ),
        Case(
            "taken back",
            "The suspicion is withdrawn by its source",
            (*_UNTIMED, a_retraction(T(4), "assessed", "A1")),
            (tells(T(3), gone(T(4))),),
        ),
        Case(
            "to the second",
            "Reported at the instant at which the clock starts",
            (*_UNTIMED[:2], a_report(T(0), "negative")),
            (tells(T(0)),),
        ),
        Case(
            "to the second",
            "Reported a second before: a scan from before the start",
            (*_UNTIMED[:2], a_report(T(0) - SECOND, "negative")),
            until=T(12),
        ),
        Case(
            "to the second",
            "Ordered at the instant at which the clock starts: the report's time counts",
            (SUSPECTED, an_mri_ordered(T(0)), _UNTIMED[2]),
            until=T(12),
        ),
        Case(
            "to the second",
            "Ordered a second before: it does not",
            (an_mri_ordered(T(0) - SECOND), SUSPECTED, _UNTIMED[2]),
            (tells(T(3)),),
        ),
    ),
    starts=(
        "a final MRI report states no time of the scan, no message told of the scan, and the order is not "
        "known to be from after the start"
    ),
    ends="a time of the scan, or the clock's own end",
    not_promised=(
        "That the scan is too old: it may well count. Nobody has said when it was made.",
    ),
)

REPORT_PAGES = (REPORT_UNCLASSIFIED, REGION_UNSTATED, EXAM_TIME_MISSING)
