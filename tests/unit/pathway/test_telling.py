"""What an alert says, field by field: whoever is called sees why, for whom, where and since when."""

from typing import Any

import pytest

from cordwatch.pathway.simulation import simulate
from cordwatch.pathway.telling import closed, rules_over
from cordwatch_schemas.base import Code, Event
from cordwatch_schemas.pack import load_pack
from tests import builders as b
from tests.builders import T

STORY = [
    b.an_admission(T(-5), "V1", facility="H1", ward="N1"),
    b.known_lymphoma(),
    b.a_dose(T(-3)),
    b.a_report(
        T(0), occurred_precision="hour", occurred_latest_at=T(1), received_at=T(2.5), encounter="V1"
    ),
    b.a_transfer(T(3), "ICU", facility="H2"),
    b.a_discharge(T(3.5), "V1", ward="N1"),
]
USUAL: dict[str, Any] = {
    "schema_version": 1,
    "patient": "A",
    "encounter": "V1",
    "facility": "H2",
    "level": None,
    "repeat": 0,
    "revision": 0,
    "status": "open",
    "ended_at": None,
    "replayed": False,
    "data_stale": False,
    "pack": "mescc-lymphoma@1.0.0",
    "late_by_s": 0,
    "missing": [],
}
REPORT = "ca9e6cfc22ac083093a06f90"
EPISODE = "17efd3ba910881f4814955ad"


def told(rule: str, **wanted: object) -> list[dict[str, Any]]:
    """Return all of what is told by *rule* until half past eleven, as far as it is as *wanted*."""
    alerts = simulate(STORY, load_pack("mescc-lymphoma"), T(3.6))
    shown = [one.model_dump(mode="json") for one in alerts if one.rule == rule]
    return [one for one in shown if wanted.items() <= one.items()]


def test_the_alert_of_a_clock() -> None:
    """Told late, and again since the patient was moved; its ids are those of every version before."""
    assert told("steroid.start", level="due") == [
        USUAL
        | {
            "alert_id": "9cc50e3fe1a63cc7077da6cf",
            "kind": "clock",
            "rule": "steroid.start",
            "level": "due",
            "severity": "critical",
            "paged": True,
            "ward": "ICU",
            "revision": 1,
            "episode": EPISODE,
            "clock": "633e5ddc3f9e0fd4c244bad3",
            "cause": REPORT,
            "start_at": "2026-03-02T08:00:00Z",
            "due_at": "2026-03-02T09:00:00Z",
            "raised_at": "2026-03-02T10:30:00Z",
            "late_by_s": 5_400,
            "reason": "dexamethasone not given, nor ordered; "
            "the last dose without an active order was 3 h before",
            "missing": ["dexamethasone"],
            "flags": ["hour-precision"],
            "clause": "Immediate corticosteroid therapy: upon diagnosis, "
            "corticosteroids must be administered immediately",
        }
    ]


def test_the_repeat_of_a_clock_has_an_id_of_its_own() -> None:
    """It counts on from due, and is told where the patient is by then."""
    repeats = told("steroid.start", level="overdue")
    assert [(one["repeat"], one["late_by_s"], one["ward"]) for one in repeats] == [
        (7, 0, "ICU"),
        (8, 0, "ICU"),
        (9, 0, "ICU"),
        (10, 0, "ICU"),
    ]
    assert [one["alert_id"] for one in repeats] == [
        "8d67dca2dcef7bee179ec39c",
        "c31e56edcbda415632e4ea7c",
        "31b28d822926e7fa123b26ff",
        "3659d433072f1a5c710e0ff8",
    ]


def test_the_notice_of_a_discharge_goes_to_the_ward_that_discharged() -> None:
    """With the times of the clock that it is about."""
    assert told("discharged-open") == [
        USUAL
        | {
            "alert_id": "2a13a76b3782fce63d8115c0",
            "kind": "notice",
            "rule": "discharged-open",
            "severity": "warning",
            "paged": True,
            "ward": "N1",
            "episode": EPISODE,
            "clock": "633e5ddc3f9e0fd4c244bad3",
            "cause": "e86566d8145bb749d63ca188",
            "start_at": "2026-03-02T08:00:00Z",
            "due_at": "2026-03-02T09:00:00Z",
            "raised_at": "2026-03-02T11:30:00Z",
            "reason": "Discharged with an open deadline",
            "flags": [],
            "clause": "Admission: discharge stops no clock",
        }
    ]


def test_an_advisory_for_the_board_names_what_is_missing() -> None:
    """It has no deadline, and is nobody's page."""
    assert told("support.offer") == [
        USUAL
        | {
            "alert_id": "25027e364f9c1cfae9032058",
            "kind": "advisory",
            "rule": "support.offer",
            "severity": "info",
            "paged": False,
            "ward": "ICU",
            "episode": None,
            "clock": None,
            "cause": REPORT,
            "start_at": None,
            "due_at": None,
            "raised_at": "2026-03-02T11:30:00Z",
            "reason": "Supportive measures are not recorded",
            "missing": ["physiotherapy", "behavioural", "psychosocial"],
            "flags": ["hour-precision"],
            "clause": "Physical therapy, behavioral and psychosocial interventions",
        }
    ]


BOTH = (b.known_lymphoma(), b.a_back_pain(T(0)), b.a_suspicion(T(0)))
CONFIRMED = b.a_report(T(0))
NO_CONTRAST = Code(system="LN", code="30854-4")


@pytest.mark.parametrize(
    ("rule", "heard", "due"),
    [
        ("order-cancelled", (*BOTH, b.an_mri_ordered(T(1)), b.an_mri_cancelled(T(2))), 12),
        ("no-show", (*BOTH, b.an_mri_booked(T(1), T(3)), b.an_mri_no_show(T(4))), 12),
        ("booked-late", (*BOTH, b.an_mri_booked(T(1), T(13))), 12),
        ("discharged-open", (*BOTH, b.a_discharge(T(2))), 12),
        ("admission-cancelled", (*BOTH, b.an_admission_cancelled(T(2))), 12),
        ("report-unclassified", (*BOTH, b.a_report(T(3), None)), 12),
        ("region-unstated", (*BOTH, b.an_mri_done(T(3), b.SPINE_MRI_PART_UNSTATED)), 12),
        (
            "exam-time-missing",
            (*BOTH, b.an_mri_ordered(T(-5)), b.a_report(T(3), "negative")),
            12,
        ),
        ("treatment-cancelled", (CONFIRMED, b.a_plan(T(1)), b.a_treatment_cancelled(T(2))), 24),
        (
            "treatment-no-show",
            (CONFIRMED, b.a_treatment_booked(T(1), T(3)), b.a_treatment_no_show(T(4))),
            24,
        ),
        ("treatment-booked-late", (CONFIRMED, b.a_treatment_booked(T(1), T(31))), 24),
        ("mri.wrong-modality", (*BOTH, b.a_ct_done(T(1))), 12),
        ("mri.partial-coverage", (*BOTH, b.an_mri_done(T(3), b.LUMBAR_MRI)), 12),
        ("mri.no-contrast", (b.a_suspicion(T(0)), b.an_mri_done(T(3), NO_CONTRAST)), 12),
        ("steroid.low-dose", (CONFIRMED, b.a_dexamethasone_order(T(0), 4)), 1),
        ("steroid.low-dose", (b.a_dose(T(-14), 4), CONFIRMED), 1),
        ("steroid.other-drug", (CONFIRMED, b.a_dose(T(0.5), codes=(b.PREDNISOLONE,))), 1),
        (
            "steroid.abrupt-stop",
            (
                CONFIRMED,
                b.a_dexamethasone_order(T(0)),
                b.a_dose(T(0)),
                b.a_dexamethasone_stop(T(9)),
            ),
            336,
        ),
        ("rt.regimen", (b.known_lymphoma(), CONFIRMED), 24),
    ],
)
def test_it_is_told_with_the_times_of_the_most_pressing_clock_that_it_is_about(
    rule: str, heard: tuple[Event, ...], due: int
) -> None:
    """Whoever is called sees how long there is left."""
    alerts = simulate(heard, load_pack("mescc-lymphoma"), T(12))
    first = next(one for one in alerts if one.rule == rule)
    assert (first.start_at, first.due_at) == (T(0), T(due))
    assert {first.clock, first.episode}.isdisjoint({None})


def test_what_names_no_stay_is_told_of_the_stay_that_is_known() -> None:
    """A level as well as a notice; what names one keeps it, wherever the patient is since."""
    admitted = b.an_admission(T(-2), "V1", facility="H1", ward="N1")
    for named, stay in ((None, "V1"), ("V9", "V9")):
        heard = [
            admitted,
            b.a_suspicion(T(0), encounter=named),
            b.an_mri_ordered(T(1), encounter=named),
            b.an_mri_cancelled(T(2), encounter=named),
        ]
        alerts = simulate(heard, load_pack("mescc-lymphoma"), T(6))
        where = {one.rule: (one.encounter, one.facility, one.ward) for one in alerts}
        assert where == {
            "mri.mescc-suspected": (stay, "H1", "N1"),
            "order-cancelled": (stay, "H1", "N1"),
        }


@pytest.mark.parametrize("replayed", [True, False])
def test_what_is_told_again_from_a_file_is_marked_and_pages_nobody(replayed: bool) -> None:
    """A level, a notice and an advisory alike, each by its own cause."""
    heard = [b.a_suspicion(T(0), replayed=replayed), b.an_mri_ordered(T(1))]
    heard += [
        b.an_mri_cancelled(T(2), replayed=replayed),
        b.a_ct_done(T(3), replayed=replayed),
    ]
    alerts = simulate(heard, load_pack("mescc-lymphoma"), T(6))
    assert {(one.kind, one.replayed, one.paged) for one in alerts} == {
        (kind, replayed, not replayed) for kind in ("clock", "notice", "advisory")
    }


def test_what_moves_with_the_patient_says_what_it_said() -> None:
    """An MRI was ordered since: the alert of before is told to the new ward, and is not worded anew."""
    heard = [
        b.an_admission(T(-2)),
        b.a_suspicion(T(0)),
        b.an_mri_ordered(T(6.5)),
        b.a_transfer(T(7), "ICU"),
    ]
    (alert,) = simulate(heard, load_pack("mescc-lymphoma"), T(8))
    assert (alert.ward, alert.revision) == ("ICU", 1)
    assert alert.reason == "MRI of the whole spine not done, nor ordered"


def test_what_has_already_ended_so_is_not_closed_again() -> None:
    """Of several only the others; and no doubt is named twice."""
    one, other = (b.a_suspicion(T(at)) for at in (0, 1))
    first, second = simulate([one, other], load_pack("mescc-lymphoma"), T(7))
    (known,) = closed([first], "resolved", T(9), "in time", ("day-precision",))
    assert known.revision == first.revision + 1
    found = list(closed([known, second], "resolved", T(9), "in time", ("day-precision",) * 2))
    assert [(one.alert_id, one.status, one.ended_at, one.reason) for one in found] == [
        (second.alert_id, "resolved", T(9), "in time")
    ]
    assert found[0].flags == ("day-precision",)
    (anew,) = closed([known], "resolved", T(10), "late by 1:00:00", ())
    assert (anew.reason, anew.revision) == ("late by 1:00:00", known.revision + 1)


def test_of_two_accounts_of_one_alert_the_later_rules_else_the_earlier_raised() -> None:
    """And of two that are alike neither: or two workers would hand it to each other for ever."""
    (alert, *_) = simulate([b.a_suspicion()], load_pack("mescc-lymphoma"), T(6))
    newer = alert.model_copy(update={"revision": 1})
    older = alert.model_copy(update={"raised_at": T(5)})
    assert rules_over(newer, alert)
    assert not rules_over(alert, newer)
    assert rules_over(older, alert)
    assert not rules_over(alert, older)
    assert not rules_over(alert, alert)


@pytest.mark.parametrize(
    ("hours", "said"), [(0.99, "59 min"), (1, "1 h"), (47.99, "47 h"), (48, "2 d"), (71.9, "2 d")]
)
def test_how_long_ago_the_last_scan_was(hours: float, said: str) -> None:
    """In the unit that the ward counts in, and never more than it was."""
    events = [b.an_mri_done(T(-hours)), b.a_suspicion()]
    (reminder,) = simulate(events, load_pack("mescc-lymphoma"), T(6))
    assert reminder.reason == (
        f"MRI of the whole spine not done, nor ordered; the last MRI of the spine was {said} before"
    )


def test_what_speaks_against_surgery_is_named_and_what_speaks_for_it() -> None:
    """Whoever planned it sees every reason, in words without patient data."""
    events = [
        b.known_lymphoma(),
        b.an_assessment(
            T(0),
            paraplegia_h=30,
            life_expectancy_months=2,
            surgical_indications=("instability", "recurrence-after-radiotherapy"),
        ),
        b.a_surgery_planned(T(1)),
    ]
    told = simulate(events, load_pack("mescc-lymphoma"), T(1))
    (reason,) = [one.reason for one in told if one.rule == "surgery.contraindicated"]
    assert reason.partition(": ")[2] == (
        "lymphoma, paraplegia for too long, life expectancy too short; recorded as indication: "
        "spinal instability, recurrence or progression after radiotherapy"
    )
