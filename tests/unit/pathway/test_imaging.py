"""What is known of one study of the spine: whatever tells it, in the order in which it is believed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cordwatch.pathway.facts import fact_of
from cordwatch.pathway.history import History
from cordwatch.pathway.imaging import Study, spinal_studies
from cordwatch_schemas.base import Code, Event
from tests import builders as b
from tests.builders import T

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
NO_CODES: tuple[Code, ...] = ()
WITHOUT_CONTRAST = Code(system="LN", code="30854-4")
WHOLE = frozenset("CTL")


def study(*told: Event) -> Study:
    """Return the one study of the spine that *told* is about."""
    [found] = spinal_studies(History([fact_of(one) for one in told]))
    return found


@pytest.mark.parametrize(
    ("named", "modality"),
    [
        ("MR", "MR"),
        ("mri", "MR"),
        ("CT", "CT"),
        ("dx", "XR"),
        ("CR", "XR"),
        ("pt", "NM"),
        (None, None),
    ],
)
def test_a_modality_goes_by_many_names(named: str | None, modality: str | None) -> None:
    """Where no code tells it, the scan's own word does, as machines and houses abbreviate it."""
    found = study(b.an_mri_done(T(0), codes=NO_CODES, modality=named, regions=("L",)))
    assert (found.modality, found.is_mri) == (modality, modality == "MR")


def test_the_report_tells_the_modality_before_the_scan_and_the_scan_before_the_order() -> None:
    """What was made need not be what was ordered."""
    ordered, done = b.an_mri_ordered(T(0)), b.an_mri_done(T(1), b.SPINE_CT)
    assert study(ordered).modality == "MR"
    assert study(ordered, done).modality == "CT"
    assert study(ordered, done, b.a_report(T(2), modality="MR")).modality == "MR"


def test_what_is_of_the_spine() -> None:
    """A code of the table, a region, or a finding about the cord; nothing else is a study of ours."""
    for told in (
        b.an_mri_ordered(T(0)),
        b.an_mri_done(T(0), codes=NO_CODES, regions=("C",)),
        b.a_report(T(0), "negative", codes=NO_CODES),
    ):
        assert study(told).is_spine
    unknown = b.an_mri_done(T(0), codes=NO_CODES, modality="MR")
    assert spinal_studies(History([fact_of(unknown)])) == []


def test_a_cancelled_order_still_tells_what_it_was() -> None:
    """Which the cancellation alone does not; and it is no order any more."""
    found = study(b.an_mri_ordered(T(0)), b.an_mri_cancelled(T(1), codes=NO_CODES))
    assert found.order == fact_of(b.an_mri_ordered(T(0)))
    assert (found.is_mri, found.is_cancelled) == (True, True)
    assert (found.is_active, found.is_ordered) == (False, False)


@pytest.mark.parametrize(
    ("after", "is_cancelled"), [(-SECOND, True), (0 * SECOND, True), (SECOND, False)]
)
def test_a_booking_after_the_cancellation_takes_it_back(
    after: timedelta, is_cancelled: bool
) -> None:
    """By when it was written down; then the booking tells first what is meant."""
    ordered, ended = b.an_mri_ordered(T(0)), b.an_mri_cancelled(T(1))
    booked = b.an_mri_booked(T(1) + after, T(9))
    found = study(ordered, ended, booked)
    assert (found.is_cancelled, found.is_active) == (is_cancelled, not is_cancelled)
    assert found.meant == [fact_of(booked), fact_of(ordered)]
    assert study(ordered, booked).meant == [fact_of(ordered), fact_of(booked)]


def test_a_study_is_wanted_until_it_is_made() -> None:
    """A final report proves that it was, a preliminary one does not."""
    ordered, booked = b.an_mri_ordered(T(0)), b.an_mri_booked(T(1), T(9))
    preliminary = b.a_report(T(2), status="preliminary")
    for plans in ((ordered,), (booked,), (ordered, booked), (ordered, preliminary)):
        assert study(*plans).is_active
        assert study(*plans).is_ordered is (ordered in plans)
        for made in (b.an_mri_done(T(3)), b.a_report(T(3))):
            found = study(*plans, made)
            assert (found.is_active, found.is_ordered, found.was_made) == (False, False, True)
    assert not study(preliminary).was_made
    assert not study(b.an_mri_cancelled(T(0))).is_active


def test_the_last_report_that_is_more_than_preliminary_is_the_final_one() -> None:
    """A correction is one."""
    first = b.a_report(T(1), "negative")
    corrected = b.a_report(T(3), status="corrected")
    late = b.a_report(T(4), status="preliminary")
    assert study(first, corrected, late).final_report == fact_of(corrected)
    assert study(late).final_report is None


def test_what_was_imaged_is_what_the_report_says_then_the_scan_then_the_order() -> None:
    """But a scan whose part nobody states is not what was hoped for."""
    ordered = b.an_mri_ordered(T(0))
    lumbar = b.an_mri_done(T(1), b.LUMBAR_MRI)
    report = b.a_report(T(2), "negative", regions=("C", "T"))
    assert study(ordered).regions == WHOLE
    assert study(ordered, b.an_mri_done(T(1), codes=NO_CODES)).regions == WHOLE
    assert study(ordered, lumbar).regions == {"L"}
    assert study(ordered, lumbar, report).regions == {"C", "T"}
    assert study(lumbar, b.a_report(T(2), "negative", codes=NO_CODES)).regions == {"L"}
    unstated = b.an_mri_done(T(1), b.SPINE_MRI_PART_UNSTATED)
    assert study(ordered, unstated).regions == frozenset()


def test_contrast_is_what_the_report_says_then_the_scan_then_the_order() -> None:
    """Stated in so many words, else by the code; nobody says: unknown."""
    without, given = (b.an_mri_done(T(1), contrast=one) for one in (False, True))
    silent = b.an_mri_done(T(1), codes=NO_CODES, modality="MR", regions=("L",))
    assert study(silent).contrast is None
    assert study(b.an_mri_ordered(T(0), contrast=True), silent).contrast is True
    assert study(b.an_mri_ordered(T(0), contrast=True), without).contrast is False
    assert study(without, b.a_report(T(2), "negative", contrast=True)).contrast is True
    assert study(given, b.a_report(T(2), "negative", status="preliminary", contrast=False)).contrast
    assert study(b.an_mri_done(T(1), WITHOUT_CONTRAST)).contrast is False
    assert study(b.an_mri_done(T(1), WITHOUT_CONTRAST, contrast=True)).contrast is True


def test_when_a_scan_was_made() -> None:
    """When its own message says, else when the report does, else with the report of an order since the start."""
    day: dict[str, Any] = {"occurred_precision": "day", "occurred_latest_at": T(6)}
    done = b.an_mri_done(T(1), received_at=T(9), **day)
    found = study(done, b.a_report(T(8), exam_at=T(5))).scan_for(T(0))
    assert found is not None
    assert (found.at, found.done_at, found.flags) == (T(1), T(6), ("day-precision",))
    assert found.fact == fact_of(done)
    ordered, report = b.an_mri_ordered(T(2)), b.a_report(T(8), "negative")
    proven = study(ordered, report).scan_for(T(2))
    assert proven is not None
    assert (proven.at, proven.fact, proven.flags) == (
        T(8),
        fact_of(report),
        ("scan-at-report-time",),
    )
    assert study(ordered, report).scan_for(T(2) + SECOND) is None
    assert study(report).scan_for(T(2)) is None
    assert study(ordered).scan_for(T(2)) is None


@pytest.mark.parametrize(
    ("exam_at", "exam_latest_at", "at", "done_at", "flag"),
    [
        (T(5), None, T(5), T(5), "from-report"),
        (T(5), T(7), T(5), T(7), "from-report"),
        (T(5), T(9), T(5), T(8), "from-report"),
        (T(8) + 5 * MINUTE, None, T(8) + 5 * MINUTE, T(8) + 5 * MINUTE, "from-report"),
        (T(8) + 5 * MINUTE + SECOND, None, T(8), T(8), "future-clamped"),
    ],
)
def test_the_time_that_a_report_gives_its_scan(
    exam_at: object, exam_latest_at: object, at: object, done_at: object, flag: str
) -> None:
    """Its latest instant satisfies, at most that of receipt; five minutes ahead are believed."""
    report = b.a_report(T(8), exam_at=exam_at, exam_latest_at=exam_latest_at)
    found = study(report).scan_for(T(0))
    assert found is not None
    assert (found.at, found.done_at, found.flags) == (at, done_at, (flag,))
    made = [study(report).was_made_for(start) for start in (found.done_at, found.done_at + SECOND)]
    assert made == [True, False]


def test_since_when_a_study_is_positive() -> None:
    """From the first of the readings that agree; one that says nothing undoes nothing, a negative one all."""
    first, again = b.a_report(T(1), status="preliminary"), b.a_report(T(2))
    silent, negative = b.a_report(T(3), None), b.a_report(T(4), "negative")
    assert study(first, again, silent).positive_since == fact_of(first)
    assert study(first, negative).positive_since is None
    assert study(first, negative, b.a_report(T(5))).positive_since == fact_of(b.a_report(T(5)))
    assert study(silent).positive_since is None


def test_a_report_that_a_person_reads_is_positive_from_its_own_time() -> None:
    """The last that was there when it was read; a word before any report counts by itself."""
    first, second, later = (b.a_report(T(at), None) for at in (1, 2, 4))
    read = b.a_classification(T(3), "positive")
    assert study(first, second, read, later).positive_since == fact_of(second)
    assert study(read, later).positive_since == fact_of(read)
    at_once = b.a_classification(T(2), "positive")
    assert study(first, second, at_once).positive_since == fact_of(second)


def test_what_waits_to_be_read_is_the_last_reading_without_a_finding() -> None:
    """Not one that was followed by a finding, and nothing where there is no reading."""
    read, silent = b.a_report(T(1)), b.a_report(T(2), None)
    assert study(read, silent).unclassified == fact_of(silent)
    assert study(silent, b.a_report(T(3), "negative")).unclassified is None
    assert study(b.an_mri_done(T(1))).unclassified is None


@pytest.mark.parametrize(
    ("earlier", "later", "since"),
    [
        ("negative", "positive", T(2)),
        ("positive", "negative", None),
        ("positive", "positive", T(1)),
    ],
)
def test_of_two_readings_that_become_known_together_the_later_dated_has_the_last_word(
    earlier: str, later: str, since: datetime | None
) -> None:
    """A feed that was away tells both at once, and says of neither when it was written."""
    told = [
        b.a_report(T(at), finding, received_at=T(5), record_id=f"R{at}")
        for at, finding in ((1, earlier), (2, later))
    ]
    for order in (told, told[::-1]):
        found = study(*order).positive_since
        assert (found.at if found else None) == since


def test_of_two_readings_of_one_instant_the_positive_one_is_the_last() -> None:
    """And of two that agree the first that was heard counts: the second would page again."""
    told = [b.a_report(T(1), one, recorded_at=T(5)) for one in ("negative", "positive")]
    for order in (told, told[::-1]):
        assert study(*order).positive_since == fact_of(told[1])
    heard = [
        b.a_report(T(1), recorded_at=T(5), received_at=T(at), record_id=f"R{at}") for at in (6, 7)
    ]
    assert study(*heard[::-1]).readings == [fact_of(one) for one in heard]
