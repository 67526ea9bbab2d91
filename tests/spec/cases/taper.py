"""The taper: from the first dose to a stop that was prepared by two reductions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.builders import (
    T,
    a_confirmed_diagnosis,
    a_consultation,
    a_dexamethasone_order,
    a_dexamethasone_stop,
    a_dose,
    a_report,
    a_retraction,
    a_stand_down,
    a_suspicion,
    a_treatment_started,
    an_mri_done,
)
from tests.spec.case import MINUTE, OPEN_AGAIN, SECOND, Case, Page, Raised, Turn, level, with_beside
from tests.spec.cases.mri import AROUND_DUE, DOCUMENTED_LATE, IN_TIME, RETRACTED, STOOD_DOWN

ABRUPT = "withdrawn: stopped abruptly, without a taper"
BEGUN = (
    a_confirmed_diagnosis(T(0)),
    a_dexamethasone_order(T(0)),
    a_dose(T(0)),
)
"""8 mg twice a day."""
LOWERED = (a_dexamethasone_order(T(72), 4), a_dexamethasone_order(T(120), 2))
"""Two falls: 16 to 8 mg a day, and 8 to 4."""
HOURS = {"reminder": 168, "urgent": 302.4, "due": 336}


def _levels(*names: str, then: tuple[Turn, ...] = (), **details: Any) -> tuple[Raised, ...]:
    return tuple(level(T(HOURS[name]), name, *then, **details) for name in names)


STEROID_TAPER = with_beside(
    Page(
        "steroid.taper",
        (
            Case(
                "raised",
                "The dose is never lowered: at half, at nine tenths, and at 14 days",
                BEGUN,
                _levels("reminder", "urgent", "due"),
            ),
            Case(
                "raised",
                "After due it is repeated daily for 14 days, and then no more",
                BEGUN,
                (
                    *_levels("reminder", "urgent", "due"),
                    *(level(T(336 + 24 * n), "overdue", repeat=n) for n in range(1, 15)),
                ),
                until=T(336 + 24 * 16),
            ),
            Case(
                "raised",
                "A taper plan is recorded with the order: its end takes the place of the 14 days",
                (
                    a_confirmed_diagnosis(T(0)),
                    a_dexamethasone_order(T(0), taper_plan_ends_at=T(240)),
                    a_dose(T(0)),
                ),
                (level(T(120), "reminder"), level(T(216), "urgent"), level(T(240), "due")),
            ),
            Case(
                "raised",
                "A plan that comes later moves the levels that were not yet raised",
                (*BEGUN, a_dexamethasone_order(T(200), 6, taper_plan_ends_at=T(400))),
                (level(T(168), "reminder"), level(T(360), "urgent"), level(T(400), "due")),
            ),
            Case(
                "raised",
                "Dexamethasone from the 24 h before the suspicion starts it",
                (a_dose(T(-24)), a_suspicion(T(0))),
                (level(T(144), "reminder"),),
            ),
            Case(
                "not raised",
                "Lowered twice and stopped before half of the time",
                (*BEGUN, *LOWERED, a_dexamethasone_stop(T(160))),
                until=T(336),
            ),
            Case(
                "not raised",
                "Ordered and never given",
                (a_confirmed_diagnosis(T(0)), a_dexamethasone_order(T(0))),
                until=T(336),
            ),
            Case(
                "not raised",
                "Given into the eye only",
                (a_confirmed_diagnosis(T(0)), a_dose(T(0), route="OP")),
                until=T(336),
            ),
            Case(
                "not raised",
                "Dexamethasone for somebody without suspected or confirmed MESCC",
                (a_dose(T(0)),),
                until=T(336),
            ),
            Case(
                "not raised",
                "Nothing is on order, and the doses given fell twice before the stop",
                (
                    a_confirmed_diagnosis(T(0)),
                    *(a_dose(T(24 * day), mg) for day, mg in enumerate((16, 16, 8, 4))),
                    a_dexamethasone_stop(T(96)),
                ),
                until=T(336),
            ),
            Case(
                "ended",
                "Stopped after two falls of the daily dose",
                (*BEGUN, *LOWERED, a_dexamethasone_stop(T(240))),
                _levels("reminder", then=((T(240), IN_TIME),)),
                until=T(336),
            ),
            Case(
                "ended",
                "Stopped in time and told after due",
                (*BEGUN, *LOWERED, a_dexamethasone_stop(T(330), received_at=T(336) + MINUTE)),
                _levels("reminder", "urgent", "due", then=((T(336) + MINUTE, DOCUMENTED_LATE),)),
            ),
            Case(
                "ended",
                "A named person stands the rule down",
                (*BEGUN, a_stand_down(T(200), "steroid.taper")),
                _levels("reminder", then=((T(200), STOOD_DOWN),)),
                until=T(336),
            ),
            Case(
                "taken back",
                "Stopped abruptly: withdrawn, and told as steroid.abrupt-stop",
                (*BEGUN, a_dexamethasone_stop(T(240))),
                _levels("reminder", then=((T(240), ABRUPT),)),
                until=T(336),
            ),
            Case(
                "taken back",
                "One fall is not a taper",
                (*BEGUN, LOWERED[0], a_dexamethasone_stop(T(240))),
                _levels("reminder", then=((T(240), ABRUPT),)),
                until=T(336),
            ),
            Case(
                "taken back",
                "The only dose was entered in error",
                (
                    *BEGUN[:2],
                    a_dose(T(0), record_id="G1"),
                    a_retraction(T(200), "medication-given", "G1"),
                ),
                _levels("reminder", then=((T(200), RETRACTED),)),
                until=T(336),
            ),
            Case(
                "taken back",
                "The report is corrected to negative: MESCC was never confirmed",
                (a_report(T(0)), *BEGUN[1:], a_report(T(200), "negative", status="corrected")),
                _levels("reminder", then=((T(200), "withdrawn: the facts no longer give it"),)),
                until=T(336),
            ),
            *(
                Case(
                    "to the second",
                    f"Stopped {said} due: {how}",
                    (*BEGUN, *LOWERED, a_dexamethasone_stop(T(336) + after)),
                    _levels(
                        *("reminder", "urgent", "due")[: 3 if after > timedelta(0) else 2],
                        then=((T(336) + after, how),),
                    ),
                )
                for said, after, how in AROUND_DUE
            ),
            Case(
                "to the second",
                "A dose a second more than 24 h before the suspicion starts nothing",
                (a_dose(T(-24) - SECOND), a_suspicion(T(0))),
                until=T(168),
            ),
            Case(
                "to the second",
                "Dexamethasone exactly 14 days after the last clock closed starts it",
                (a_suspicion(T(0)), an_mri_done(T(5)), a_dose(T(5 + 336))),
                (level(T(5 + 336 + 168), "reminder"),),
            ),
            Case(
                "to the second",
                "A second later it starts nothing",
                (a_suspicion(T(0)), an_mri_done(T(5)), a_dose(T(5 + 336) + SECOND)),
                until=T(5 + 336 + 169),
            ),
            Case(
                "more",
                "A stop while another order goes on is a change of dose, not a stop",
                (
                    *BEGUN,
                    a_dexamethasone_order(T(100), 4, order="RX2"),
                    a_dexamethasone_stop(T(200)),
                ),
                _levels("reminder"),
            ),
            Case(
                "more",
                "Ordered again after an abrupt stop: the clock runs on",
                (*BEGUN, a_dexamethasone_stop(T(240)), a_dexamethasone_order(T(250), 6)),
                _levels("reminder", then=((T(240), ABRUPT), (T(250), OPEN_AGAIN))),
            ),
        ),
        starts=(
            "the first systemic dose of dexamethasone from 24 h before MESCC was suspected or confirmed "
            "on; once an episode"
        ),
        ends=(
            "stopped after at least two falls of the daily dose, as ordered, or as given where nothing "
            "is on order; the end of a recorded taper plan takes the place of the 14 days"
        ),
        not_promised=(
            "That the steps of the taper are wise: two falls are counted, not judged.",
            "That a stop is noticed which no message tells of.",
        ),
    ),
    a_treatment_started(T(1)),
    a_consultation(T(1)),
)
