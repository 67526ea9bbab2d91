"""Several presentations at once, and what an MRI covers."""

from __future__ import annotations

from cordwatch.pathway.simulation import Told
from cordwatch_schemas.base import Code
from tests.builders import (
    CERVICAL_MRI,
    LUMBAR_MRI,
    THORACIC_MRI,
    WHOLE_SPINE_MRI,
    T,
    a_back_pain,
    a_ct_done,
    a_deficit,
    a_report,
    a_stand_down,
    a_suspicion,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.spec.case import MINUTE, SECOND, Case, Page, Raised, level, tells
from tests.spec.cases.mri import IN_TIME, STOOD_DOWN, levels

KNOWN, SUSPECTED = known_lymphoma(), a_suspicion(T(0))
TWELVE, RAPID, DAYS = "mri.mescc-suspected", "mri.deficit-rapid", "mri.back-pain"
PARTIAL = "mri.partial-coverage"


def _more(
    says: str,
    rules: tuple[str, ...],
    heard: tuple[Told, ...],
    *raised: Raised,
    until: float | None = None,
    **details: object,
) -> Case:
    end_at = None if until is None else T(until)
    return Case("more", says, heard, raised, end_at, rules, **details)  # type: ignore[arg-type]


PRESENTATIONS = Page(
    "presentations",
    (
        _more(
            "Of the MRI clocks that run, the one with the shortest window is paged; the others show on the board",
            (TWELVE, DAYS),
            (KNOWN, a_back_pain(T(0)), a_suspicion(T(330))),
            *(
                level(T(at), name, up=True, rule=DAYS)
                for at, name in ((168, "reminder"), (252, "warning"), (302.4, "urgent"))
            ),
            level(T(336), "due", rule=DAYS, paged=False),
            *(
                level(T(at), name, up=True)
                for at, name in (
                    (336, "reminder"),
                    (339, "warning"),
                    (340.8, "urgent"),
                    (342, "due"),
                )
            ),
        ),
        _more(
            "A milder assessment loosens nothing",
            (TWELVE,),
            (KNOWN, SUSPECTED, a_back_pain(T(1))),
            *levels((6, 9, 10.8, 12)),
        ),
        _more(
            "A second suspicion opens a second clock: of equal windows the one due first is paged",
            (TWELVE,),
            (SUSPECTED, a_suspicion(T(2))),
            level(T(6), "reminder", up=True),
            level(T(8), "reminder", up=True, paged=False),
            level(T(9), "warning", up=True),
        ),
        _more(
            "A clock whose pages have ended silences none",
            (RAPID,),
            (KNOWN, SUSPECTED, a_deficit(T(30))),
            *levels((42, 48, 51.6, 54)),
        ),
        _more(
            "As long as it is paged it does",
            (RAPID,),
            (KNOWN, SUSPECTED, a_deficit(T(10))),
            *(
                level(T(at), name, up=True, paged=False)
                for at, name in ((22, "reminder"), (28, "warning"), (31.6, "urgent"), (34, "due"))
            ),
        ),
        _more(
            "Its last repeat, a day after due, still does",
            (RAPID,),
            (KNOWN, SUSPECTED, a_deficit(T(18))),
            level(T(30), "reminder", up=True, paged=False),
            level(T(36), "warning", up=True, paged=False),
            level(T(39.6), "urgent", up=True),
        ),
        _more(
            "A stand-down closes the clocks of its rule that run at its time; a later suspicion opens another",
            (TWELVE,),
            (SUSPECTED, a_stand_down(T(7), TWELVE), a_suspicion(T(8))),
            level(T(6), "reminder", (T(7), STOOD_DOWN), up=True),
            level(T(14), "reminder", up=True),
        ),
        _more(
            "One at the very instant of the suspicion closes its clock, too",
            (TWELVE,),
            (SUSPECTED, a_stand_down(T(0), TWELVE)),
            until=12,
        ),
        _more(
            "One a second before is of no clock",
            (TWELVE,),
            (a_stand_down(T(0) - SECOND, TWELVE), SUSPECTED),
            level(T(6), "reminder", up=True),
        ),
        _more(
            "A stand-down of one rule leaves the others",
            (TWELVE,),
            (KNOWN, SUSPECTED, a_back_pain(T(0)), a_stand_down(T(1), DAYS)),
            level(T(6), "reminder", up=True),
        ),
        _more(
            "One MRI closes every clock whose start it does not precede and whose part it shows",
            (RAPID, DAYS),
            (KNOWN, a_back_pain(T(0)), a_deficit(T(30)), an_mri_done(T(43), THORACIC_MRI)),
            level(T(42), "reminder", (T(43), IN_TIME), up=True),
            until=400,
        ),
        _more(
            "A scan from the last 30 days satisfies nothing and is mentioned",
            (TWELVE,),
            (an_mri_done(T(-72)), SUSPECTED),
            level(T(6), "reminder", up=True, words="the last MRI of the spine was 3 d before"),
        ),
    ),
    title="Several presentations",
    intro=(
        "Every assessment opens its own clock, and a milder one loosens nothing. Only one MRI clock of an "
        "episode is paged at a time; the others show on the board."
    ),
)

CERVICAL_CPT, THORACIC_CPT, LUMBAR_CPT = (
    Code(system="CPT", code=code) for code in ("72156", "72157", "72158")
)
THORACOLUMBAR = Code(system="SCT", code="448641007")
LOCAL = Code(system="LOCAL", code="XYZ1")


def _done(says: str, *heard: Told, missing: tuple[str, ...] = (), at: float = 3) -> Case:
    """Return a story of scans in which *missing* is left out, or nothing is and the clock stops."""
    if missing:
        raised: tuple[Raised, ...] = (
            tells(T(at), missing=missing, rule=PARTIAL),
            level(T(6), "reminder", up=True, missing=missing),
        )
        return _more(says, (TWELVE, PARTIAL), (SUSPECTED, *heard), *raised)
    return _more(says, (TWELVE, PARTIAL), (SUSPECTED, *heard), until=12)


_TIED = an_mri_ordered(T(1), accession_number="ACC1")
COVERAGE = Page(
    "coverage",
    (
        _done("One scan of the whole spine", an_mri_done(T(3))),
        _done(
            "Three scans of one part each",
            an_mri_done(T(3), CERVICAL_MRI, "O1"),
            an_mri_done(T(3), THORACIC_MRI, "O2"),
            an_mri_done(T(3), LUMBAR_MRI, "O3"),
        ),
        _done(
            "The same by procedure codes",
            an_mri_done(T(3), CERVICAL_CPT, "O1"),
            an_mri_done(T(3), THORACIC_CPT, "O2"),
            an_mri_done(T(3), LUMBAR_CPT, "O3"),
        ),
        _done(
            "Cervical and lumbar: thoracic missing",
            an_mri_done(T(3), CERVICAL_MRI, "O1"),
            an_mri_done(T(3), LUMBAR_MRI, "O2"),
            missing=("thoracic",),
        ),
        _done(
            "A code for two parts: cervical missing",
            an_mri_done(T(3), THORACOLUMBAR),
            missing=("cervical",),
        ),
        _done(
            "One part: two missing", an_mri_done(T(3), THORACIC_MRI), missing=("cervical", "lumbar")
        ),
        _done(
            "The scan states by body site what the code leaves open",
            an_mri_done(T(3), LOCAL, modality="MR", regions=("C", "T", "L")),
        ),
        _done(
            "What the scan states wins over its code",
            an_mri_done(T(3), regions=("C", "T")),
            missing=("lumbar",),
        ),
        _done(
            "The scan carries no code: the order under the same number tells",
            an_mri_ordered(T(1)),
            an_mri_done(T(3), codes=()),
        ),
        _done(
            "The scan carries only the accession number: an event with both numbers ties them",
            _TIED,
            an_mri_done(T(3), codes=(), order_number=None, accession_number="ACC1"),
        ),
        _more(
            "A CT covers nothing, whatever it shows",
            (TWELVE,),
            (SUSPECTED, a_ct_done(T(3), regions=("C", "T", "L"))),
            level(T(6), "reminder", up=True, missing=("cervical", "thoracic", "lumbar")),
        ),
        _more(
            "Three orders of one part each, within two minutes",
            (TWELVE, PARTIAL),
            (
                SUSPECTED,
                an_mri_ordered(T(1), CERVICAL_MRI, "O1"),
                an_mri_ordered(T(1) + MINUTE, THORACIC_MRI, "O2"),
                an_mri_ordered(T(1) + 2 * MINUTE - SECOND, LUMBAR_MRI, "O3"),
            ),
            level(T(6), "reminder"),
        ),
        _more(
            "What was imaged and what is still on order add up",
            (TWELVE, PARTIAL),
            (
                SUSPECTED,
                an_mri_ordered(T(1), CERVICAL_MRI, "O1"),
                an_mri_ordered(T(1), THORACIC_MRI, "O2"),
                an_mri_done(T(1), LUMBAR_MRI, "O3"),
            ),
            level(T(6), "reminder", missing=("cervical", "thoracic")),
        ),
        _more(
            "An order counts as done once scanned: what the scan left out is missing",
            (TWELVE, PARTIAL),
            (SUSPECTED, an_mri_ordered(T(1)), an_mri_done(T(3), regions=("L",))),
            tells(T(3), missing=("cervical", "thoracic"), rule=PARTIAL),
            level(T(6), "reminder", up=True, missing=("cervical", "thoracic")),
        ),
        _more(
            "The final report says that only the lumbar spine was imaged: the clock is open again",
            (TWELVE, PARTIAL),
            (SUSPECTED, an_mri_done(T(7)), a_report(T(8), "negative", regions=("L",))),
            level(T(6), "reminder", (T(7), IN_TIME), (T(8), "open again"), up=True),
            tells(T(8), missing=("cervical", "thoracic"), rule=PARTIAL),
        ),
        _more(
            "A preliminary report does not win over the scan",
            (TWELVE, PARTIAL),
            (
                SUSPECTED,
                an_mri_done(T(3)),
                a_report(T(4), "negative", status="preliminary", regions=("L",)),
            ),
            until=12,
        ),
        _more(
            "A report whose scan never came proves it at the exam time that it states",
            (TWELVE,),
            (SUSPECTED, a_report(T(9), "negative", exam_at=T(5))),
            level(T(6), "reminder", (T(9), IN_TIME), up=True, ends_flagged=("from-report",)),
        ),
        _more(
            "A report that knows only the day of the scan: its latest instant, at most that of receipt",
            (TWELVE,),
            (SUSPECTED, a_report(T(9), "negative", exam_at=T(-8), exam_latest_at=T(16) - SECOND)),
            level(T(6), "reminder", (T(9), IN_TIME), up=True, ends_flagged=("from-report",)),
        ),
        _more(
            "Without an exam time, but ordered after the start: at the report's own time",
            (TWELVE,),
            (SUSPECTED, an_mri_ordered(T(1)), a_report(T(9), "negative")),
            level(T(6), "reminder", (T(9), IN_TIME), ends_flagged=("scan-at-report-time",)),
        ),
        _more(
            "Scan-done wins over the report for the time",
            (TWELVE,),
            (
                SUSPECTED,
                a_report(T(8), "negative", exam_at=T(5)),
                an_mri_done(T(13), received_at=T(14)),
            ),
            level(
                T(6),
                "reminder",
                (T(8), IN_TIME),
                (T(14), "late by 1:00:00"),
                up=True,
                ends_flagged=("from-report",),
            ),
        ),
        _more(
            "Contrast from the code: this one says that there was none",
            ("mri.no-contrast",),
            (SUSPECTED, an_mri_done(T(3), Code(system="LN", code="30854-4"))),
            tells(T(3)),
        ),
        _more(
            "The report's word on contrast wins over the code",
            ("mri.no-contrast",),
            (
                SUSPECTED,
                an_mri_done(T(3), WHOLE_SPINE_MRI),
                a_report(T(5), "negative", contrast=False),
            ),
            tells(T(5)),
        ),
    ),
    title="What an MRI covers",
    intro=(
        "The spine has three parts: cervical, thoracic, lumbar. Which of them a scan shows comes from its "
        "report, else from the scan, else from the order; several studies add up. What each code means is in "
        "[the table of codes](../reference/codes.md)."
    ),
    not_promised=(
        "That a part named in free text is seen: only codes and stated regions are read.",
        "That a code which is not in the table means anything.",
    ),
)
