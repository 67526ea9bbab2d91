"""Notices about orders and bookings of an MRI that go wrong while a clock runs."""

from __future__ import annotations

from tests.builders import (
    LUMBAR_MRI,
    SPINE_CT,
    T,
    a_back_pain,
    a_cancel_request,
    a_retraction,
    a_suspicion,
    an_mri_booked,
    an_mri_cancelled,
    an_mri_done,
    an_mri_no_show,
    an_mri_ordered,
    known_lymphoma,
)
from tests.spec.case import SECOND, Case, Page, gone, tells

SUSPECTED = a_suspicion(T(0), record_id="A1")
NOT_OF_A_BOOKING = (
    "That the department learns of it from cordwatch in time to change anything.",
    "That a change which no message tells of is seen.",
)

_CANCELLED = (SUSPECTED, an_mri_ordered(T(1)), an_mri_cancelled(T(2)))
ORDER_CANCELLED = Page(
    "order-cancelled",
    (
        Case("raised", "At once; the clock goes on", _CANCELLED, (tells(T(2)),), until=T(12)),
        Case(
            "not raised",
            "A request to cancel is not a cancellation",
            (*_CANCELLED[:2], a_cancel_request(T(2))),
            until=T(12),
        ),
        Case(
            "not raised",
            "No clock runs",
            (an_mri_ordered(T(-2)), an_mri_cancelled(T(-1)), SUSPECTED),
            until=T(12),
        ),
        Case(
            "not raised",
            "What is cancelled is no MRI",
            (SUSPECTED, an_mri_ordered(T(1), SPINE_CT), an_mri_cancelled(T(2), SPINE_CT)),
            until=T(12),
        ),
        Case(
            "raised",
            "The cancellation repeats no code: the order tells what it was",
            (*_CANCELLED[:2], an_mri_cancelled(T(2), codes=())),
            (tells(T(2)),),
        ),
        Case(
            "ended",
            "An MRI is ordered again",
            (*_CANCELLED, an_mri_ordered(T(3), order="O2")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "ended",
            "An MRI is booked",
            (*_CANCELLED, an_mri_booked(T(3), T(8), order="O2")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "ended",
            "The clock ends: the whole spine was imaged",
            (*_CANCELLED, an_mri_done(T(5), order="O2")),
            (tells(T(2), gone(T(5))),),
        ),
        Case(
            "taken back",
            "The cancellation is withdrawn by its source",
            (*_CANCELLED, a_retraction(T(3), "imaging-cancelled", "O1")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "taken back",
            "The suspicion is withdrawn by its source",
            (*_CANCELLED, a_retraction(T(3), "assessed", "A1")),
            (tells(T(2), gone(T(3))),),
        ),
        Case(
            "to the second",
            "Another MRI ordered at the very instant mends it",
            (*_CANCELLED, an_mri_ordered(T(2), order="O2")),
            until=T(12),
        ),
        Case(
            "to the second",
            "One ordered a second later ends the notice then",
            (*_CANCELLED, an_mri_ordered(T(2) + SECOND, order="O2")),
            (tells(T(2), gone(T(2) + SECOND)),),
        ),
        Case(
            "to the second",
            "Cancelled at the instant at which the clock starts",
            (an_mri_ordered(T(-1)), an_mri_cancelled(T(0)), SUSPECTED),
            (tells(T(0)),),
        ),
        Case(
            "to the second",
            "Cancelled a second before",
            (an_mri_ordered(T(-1)), an_mri_cancelled(T(0) - SECOND), SUSPECTED),
            until=T(12),
        ),
    ),
    starts="an order for a spinal MRI is cancelled or discontinued while an MRI clock runs",
    ends="an MRI ordered or booked at or after the cancellation, or the clock's own end",
    not_promised=(
        "That the cancellation was wrong: somebody may know why. It asks that somebody does.",
    ),
)

_LATE = (SUSPECTED, an_mri_booked(T(1), T(13)))
BOOKED_LATE = Page(
    "booked-late",
    (
        Case("raised", "Booked for an hour after due", _LATE, (tells(T(1)),), until=T(12)),
        Case(
            "raised",
            "The booking was there first: when the clock opens",
            (an_mri_booked(T(-1), T(20)), SUSPECTED),
            (tells(T(0)),),
        ),
        Case(
            "raised",
            "Too late for two clocks: told for both, paged for the more pressing one",
            (known_lymphoma(), a_back_pain(T(0)), SUSPECTED, an_mri_booked(T(1), T(400))),
            (tells(T(1)), tells(T(1), paged=False)),
        ),
        Case(
            "raised",
            "The more pressing one is for the board alone: paged for the other",
            (
                known_lymphoma(),
                a_back_pain(T(0)),
                a_suspicion(T(0), replayed=True),
                an_mri_booked(T(1), T(400)),
            ),
            (tells(T(1), paged=False), tells(T(1))),
        ),
        Case(
            "not raised",
            "Another booking is in time",
            (SUSPECTED, an_mri_booked(T(1), T(8), order="O2"), an_mri_booked(T(2), T(13))),
            until=T(12),
        ),
        Case(
            "not raised",
            "Another booking is for the very instant of the start",
            (an_mri_booked(T(-1), T(0), order="O2"), SUSPECTED, an_mri_booked(T(2), T(13))),
            until=T(12),
        ),
        Case("not raised", "No clock runs", (an_mri_booked(T(1), T(400)),), until=T(12)),
        Case(
            "ended",
            "Booked anew, in time",
            (*_LATE, an_mri_booked(T(2), T(10))),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "The order is cancelled: that is told instead",
            (*_LATE, an_mri_cancelled(T(2))),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "The clock ends: the whole spine was imaged",
            (*_LATE, an_mri_done(T(5), order="O2")),
            (tells(T(1), gone(T(5))),),
        ),
        Case(
            "ended",
            "The patient was not there: that is told instead",
            (*_LATE, an_mri_no_show(T(2))),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The booking is withdrawn by its source",
            (*_LATE, a_retraction(T(2), "imaging-scheduled", "O1")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The suspicion is withdrawn by its source",
            (*_LATE, a_retraction(T(2), "assessed", "A1")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "to the second",
            "Booked for a second before due",
            (SUSPECTED, an_mri_booked(T(1), T(12) - SECOND)),
            until=T(12),
        ),
        Case(
            "to the second",
            "Booked for due itself is in time",
            (SUSPECTED, an_mri_booked(T(1), T(12))),
            until=T(12),
        ),
        Case(
            "to the second",
            "Booked for a second after due",
            (SUSPECTED, an_mri_booked(T(1), T(12) + SECOND)),
            (tells(T(1)),),
        ),
    ),
    starts="a spinal MRI is booked for later than a running MRI clock is due, and no other booking is in time",
    ends="a booking in time, the cancellation of the booking, or the clock's own end",
    not_promised=(
        *NOT_OF_A_BOOKING,
        "That a booking in time is kept: a no-show is told when its message comes.",
    ),
)

_MISSED = (SUSPECTED, an_mri_booked(T(1), T(3)), an_mri_no_show(T(4)))
NO_SHOW = Page(
    "no-show",
    (
        Case("raised", "At once; the clock goes on", _MISSED, (tells(T(4)),), until=T(12)),
        Case("not raised", "No clock runs", _MISSED[1:], until=T(12)),
        Case(
            "not raised",
            "What was missed is a CT",
            (SUSPECTED, an_mri_booked(T(1), T(3), SPINE_CT), an_mri_no_show(T(4), SPINE_CT)),
            until=T(12),
        ),
        Case(
            "ended",
            "An MRI is booked again",
            (*_MISSED, an_mri_booked(T(5), T(9))),
            (tells(T(4), gone(T(5))),),
        ),
        Case(
            "ended",
            "An MRI is ordered",
            (*_MISSED, an_mri_ordered(T(5), order="O2")),
            (tells(T(4), gone(T(5))),),
        ),
        Case(
            "ended",
            "The clock ends: the whole spine was imaged",
            (*_MISSED, an_mri_done(T(6), order="O2")),
            (tells(T(4), gone(T(6))),),
        ),
        Case(
            "more",
            "An MRI of a part leaves it, as it leaves the clock",
            (*_MISSED, an_mri_done(T(6), LUMBAR_MRI, "O2")),
            (tells(T(4)),),
        ),
        Case(
            "taken back",
            "The message was an error",
            (*_MISSED, a_retraction(T(5), "imaging-no-show", "O1")),
            (tells(T(4), gone(T(5))),),
        ),
        Case(
            "to the second",
            "Missed at the instant at which the clock starts",
            (an_mri_booked(T(-2), T(-1)), an_mri_no_show(T(0)), SUSPECTED),
            (tells(T(0)),),
        ),
        Case(
            "to the second",
            "Missed a second before",
            (an_mri_booked(T(-2), T(-1)), an_mri_no_show(T(0) - SECOND), SUSPECTED),
            until=T(12),
        ),
    ),
    starts="a booked spinal MRI is not made because the patient was not there, while an MRI clock runs",
    ends="an MRI ordered or booked at or after it, or the clock's own end",
    not_promised=(
        "That a booked time which passes in silence is noticed: the clock's own levels speak then.",
    ),
)

ORDER_PAGES = (ORDER_CANCELLED, BOOKED_LATE, NO_SHOW)
