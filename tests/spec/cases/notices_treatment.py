"""Notices about treatments that are cancelled, missed or booked too late while the clock runs."""

from __future__ import annotations

from tests.builders import (
    T,
    a_consultation,
    a_dose,
    a_plan,
    a_report,
    a_retraction,
    a_treatment_booked,
    a_treatment_cancelled,
    a_treatment_no_show,
    a_treatment_started,
)
from tests.spec.case import SECOND, Case, Page, gone, tells, with_beside
from tests.spec.cases.notices_orders import NOT_OF_A_BOOKING

CONFIRMED = a_report(T(0))

_STOPPED = (CONFIRMED, a_plan(T(1)), a_treatment_cancelled(T(2)))
TREATMENT_CANCELLED = with_beside(
    Page(
        "treatment-cancelled",
        (
            Case("raised", "At once; the clock goes on", _STOPPED, (tells(T(2)),), until=T(24)),
            Case("not raised", "No treatment clock runs", _STOPPED[1:], until=T(24)),
            Case(
                "not raised",
                "The treatment was of another site",
                (CONFIRMED, a_plan(T(1), site="other"), a_treatment_cancelled(T(2), site="other")),
                until=T(24),
            ),
            Case(
                "ended",
                "Another course is planned",
                (*_STOPPED, a_plan(T(3), "RT2")),
                (tells(T(2), gone(T(3))),),
            ),
            Case(
                "ended",
                "Another course is booked",
                (*_STOPPED, a_treatment_booked(T(3), T(20), "RT2")),
                (tells(T(2), gone(T(3))),),
            ),
            Case(
                "ended",
                "The clock ends: a treatment has started",
                (*_STOPPED, a_treatment_started(T(6), "RT2")),
                (tells(T(2), gone(T(6))),),
            ),
            Case(
                "taken back",
                "The cancellation is withdrawn by its source",
                (*_STOPPED, a_retraction(T(3), "treatment-cancelled", "RT1")),
                (tells(T(2), gone(T(3))),),
            ),
            Case(
                "taken back",
                "The report is corrected to negative",
                (*_STOPPED, a_report(T(3), "negative", status="corrected")),
                (tells(T(2), gone(T(3))),),
            ),
            Case(
                "to the second",
                "Cancelled at the instant at which the clock starts",
                (a_plan(T(-1)), a_treatment_cancelled(T(0)), CONFIRMED),
                (tells(T(0)),),
            ),
            Case(
                "to the second",
                "Cancelled a second before",
                (a_plan(T(-1)), a_treatment_cancelled(T(0) - SECOND), CONFIRMED),
                until=T(24),
            ),
        ),
        starts="radiotherapy or surgery of the spine is cancelled while the treatment clock runs",
        ends="a treatment planned or booked at or after the cancellation, or the clock's own end",
        not_promised=("That the cancellation was wrong: it asks that somebody knows why.",),
    ),
    a_dose(T(0)),
    a_consultation(T(0)),
)

_BOOKED = (CONFIRMED, a_treatment_booked(T(1), T(31)))
TREATMENT_BOOKED_LATE = with_beside(
    Page(
        "treatment-booked-late",
        (
            Case(
                "raised", "Booked for seven hours after due", _BOOKED, (tells(T(1)),), until=T(24)
            ),
            Case(
                "raised",
                "The booking was there first: when the clock opens",
                (a_treatment_booked(T(-1), T(31)), CONFIRMED),
                (tells(T(0)),),
            ),
            Case(
                "not raised",
                "Another booking is in time",
                (
                    CONFIRMED,
                    a_treatment_booked(T(1), T(20), "RT2"),
                    a_treatment_booked(T(2), T(31)),
                ),
                until=T(24),
            ),
            Case(
                "not raised",
                "The booking is for another site",
                (CONFIRMED, a_treatment_booked(T(1), T(31), site="other")),
                until=T(24),
            ),
            Case(
                "ended",
                "Booked anew, in time",
                (*_BOOKED, a_treatment_booked(T(2), T(20))),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "ended",
                "The booking is cancelled: that is told instead",
                (*_BOOKED, a_treatment_cancelled(T(2))),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "ended",
                "The clock ends: the treatment has started",
                (*_BOOKED, a_treatment_started(T(6))),
                (tells(T(1), gone(T(6))),),
            ),
            Case(
                "taken back",
                "The booking is withdrawn by its source",
                (*_BOOKED, a_retraction(T(2), "treatment-booked", "RT1")),
                (tells(T(1), gone(T(2))),),
            ),
            Case(
                "taken back",
                "The report is corrected to negative",
                (*_BOOKED, a_report(T(3), "negative", status="corrected")),
                (tells(T(1), gone(T(3))),),
            ),
            Case(
                "to the second",
                "Booked for due itself is in time",
                (CONFIRMED, a_treatment_booked(T(1), T(24))),
                until=T(24),
            ),
            Case(
                "to the second",
                "Booked for a second after due",
                (CONFIRMED, a_treatment_booked(T(1), T(24) + SECOND)),
                (tells(T(1)),),
            ),
        ),
        starts="radiotherapy or surgery of the spine is booked for later than due, and no other booking is in time",
        ends="a booking in time, the cancellation of the booking, or the clock's own end",
        not_promised=NOT_OF_A_BOOKING,
    ),
    a_dose(T(0)),
    a_consultation(T(0)),
)

_ABSENT = (CONFIRMED, a_treatment_booked(T(1), T(3)), a_treatment_no_show(T(4)))
TREATMENT_NO_SHOW = with_beside(
    Page(
        "treatment-no-show",
        (
            Case("raised", "At once; the clock goes on", _ABSENT, (tells(T(4)),), until=T(24)),
            Case("not raised", "No treatment clock runs", _ABSENT[1:], until=T(24)),
            Case(
                "not raised",
                "The treatment was of another site",
                (
                    CONFIRMED,
                    a_treatment_booked(T(1), T(3), site="other"),
                    a_treatment_no_show(T(4), site="other"),
                ),
                until=T(24),
            ),
            Case(
                "ended",
                "Booked again",
                (*_ABSENT, a_treatment_booked(T(5), T(20))),
                (tells(T(4), gone(T(5))),),
            ),
            Case(
                "ended",
                "Another course is planned",
                (*_ABSENT, a_plan(T(5), "RT2")),
                (tells(T(4), gone(T(5))),),
            ),
            Case(
                "ended",
                "The clock ends: a treatment has started",
                (*_ABSENT, a_treatment_started(T(6), "RT2")),
                (tells(T(4), gone(T(6))),),
            ),
            Case(
                "taken back",
                "The message was an error",
                (*_ABSENT, a_retraction(T(5), "treatment-no-show", "RT1")),
                (tells(T(4), gone(T(5))),),
            ),
            Case(
                "to the second",
                "Missed at the instant at which the clock starts",
                (a_treatment_booked(T(-2), T(-1)), a_treatment_no_show(T(0)), CONFIRMED),
                (tells(T(0)),),
            ),
            Case(
                "to the second",
                "Missed a second before",
                (a_treatment_booked(T(-2), T(-1)), a_treatment_no_show(T(0) - SECOND), CONFIRMED),
                until=T(24),
            ),
        ),
        starts="a booked treatment of the spine is not given because the patient was not there, while the clock runs",
        ends="a treatment planned or booked at or after it, or the clock's own end",
        not_promised=(
            "That a fraction is missed without a message: the clock's own levels speak then.",
        ),
    ),
    a_dose(T(0)),
    a_consultation(T(0)),
)

TREATMENT_PAGES = (TREATMENT_CANCELLED, TREATMENT_BOOKED_LATE, TREATMENT_NO_SHOW)
