"""
One valid example of every contract, from one made-up patient's way through the pathway.

They are what a newcomer reads first and what every later version must still
accept. All names, numbers and references here are invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

from cordwatch_schemas.acknowledgements import Acknowledged, Classified, StoodDown, Unacknowledged
from cordwatch_schemas.admissions import (
    AdmissionCancelled,
    Admitted,
    Assessed,
    DeathCancelled,
    Diagnosed,
    DiagnosisRetracted,
    Died,
    DischargeCancelled,
    Discharged,
    EncounterMoved,
    MergeCancelled,
    Merged,
    RecordRetracted,
    TransferCancelled,
    Transferred,
)
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Code, Contract
from cordwatch_schemas.example_records import (
    PATIENT,
    T0,
    audit,
    histories,
    hour,
    records,
    references,
)
from cordwatch_schemas.imaging import (
    ImagingCancelled,
    ImagingCancelRequested,
    ImagingDone,
    ImagingNoShow,
    ImagingOrdered,
    ImagingReported,
    ImagingScheduled,
    ReportClassified,
)
from cordwatch_schemas.medications import (
    MedicationGiven,
    MedicationNotGiven,
    MedicationOrdered,
    MedicationStopped,
)
from cordwatch_schemas.pages import Answered, Delivery, LedgerEntry, Matter
from cordwatch_schemas.tokens import TokenUsed
from cordwatch_schemas.treatments import (
    Consulted,
    DentalRecorded,
    PainRecorded,
    RiskScreened,
    SupportRecorded,
    TreatmentBooked,
    TreatmentCancelled,
    TreatmentEnded,
    TreatmentNoShow,
    TreatmentPlanned,
    TreatmentStarted,
)

SECOND_PATIENT = "p_c9w8rjh5sy6f"
"""The reference that the same person wrongly had, before the merge."""
ENCOUNTER = "v_m3z6h1ke8upa"

_CORD_COMPRESSION = Code(system="I10", code="G95.2")
_LYMPHOMA = Code(system="I10", code="C83.3")
_WHOLE_SPINE_MRI = Code(system="LN", code="30855-1", display="MR whole spine")
_DEXAMETHASONE = Code(system="ATC", code="H02AB02", display="dexamethasone")


def examples() -> Iterator[Contract]:
    """Yield one example of every contract, in the order of the reference page."""
    yield from _admissions()
    yield from _imaging()
    yield from _medications()
    yield from _treatments()
    yield from _answers()
    yield from histories()
    yield from references()
    yield _alert()
    yield _ledger_entry(_alert())
    yield from records()
    yield audit()
    yield TokenUsed(token="a1" * 16, call="b2" * 16, board="board", until=hour(1))


def _envelope(key: str, hours: float, **more: Any) -> dict[str, Any]:
    """Return what every event carries; it happened *hours* after T0 and was received 90 s later."""
    at = hour(hours)
    return {
        "event_id": f"e_{sha256(key.encode()).hexdigest()[:20]}",
        "source": "EXAMPLE|WARD",
        "source_message_id": f"M{sha256(key.encode()).hexdigest()[:6].upper()}",
        "patient": PATIENT,
        "encounter": ENCOUNTER,
        "occurred_at": at,
        "recorded_at": at + timedelta(seconds=60),
        "received_at": at + timedelta(seconds=90),
        **more,
    }


def _admissions() -> Iterator[Contract]:
    place = {"facility": "HOSPITAL", "ward": "HAEM-4", "bed": "12", "service": "HAEMATOLOGY"}
    pair = {"survivor": PATIENT, "retired": SECOND_PATIENT}
    day = {"occurred_precision": "day", "occurred_latest_at": hour(15.999)}
    yield Admitted(**_envelope("admitted", -2, **place, patient_class="inpatient"))
    yield AdmissionCancelled(**_envelope("admission-cancelled", -1.5))
    yield Transferred(**_envelope("transferred", 6, **place | {"ward": "HDU-1", "bed": "3"}))
    yield TransferCancelled(**_envelope("transfer-cancelled", 6.5, **place))
    yield Discharged(**_envelope("discharged", 120, ward="HAEM-4"))
    yield DischargeCancelled(**_envelope("discharge-cancelled", 121, **place))
    yield Died(**_envelope("died", 400))
    yield DeathCancelled(**_envelope("death-cancelled", 401))
    yield Merged(**_envelope("merged", 2, **pair))
    yield MergeCancelled(**_envelope("merge-cancelled", 3, **pair))
    moved = {"moved_from": PATIENT, "moved_to": SECOND_PATIENT}
    yield EncounterMoved(**_envelope("encounter-moved", 3, **moved))
    yield Assessed(
        **_envelope(
            "assessed",
            0,
            back_pain=True,
            radicular_deficit="bilateral",
            progressive=True,
            developed_over_d=2,
            suspected_mescc=True,
        )
    )
    yield Diagnosed(**_envelope("diagnosed", -8, codes=(_LYMPHOMA,), **day, status="confirmed"))
    yield DiagnosisRetracted(**_envelope("diagnosis-retracted", 30, codes=(_CORD_COMPRESSION,)))
    yield RecordRetracted(
        **_envelope("record-retracted", 1, target_kind="assessed", target="OBX-48213")
    )


def _imaging() -> Iterator[Contract]:
    study = {"order_number": "ORD-2041", "codes": (_WHOLE_SPINE_MRI,)}
    report = {**study, "accession_number": "ACC-77310"}
    yield ImagingOrdered(
        **_envelope(
            "imaging-ordered",
            0.5,
            **study,
            priority="S",
            reason_codes=("I10|G95.2",),
            modality="MR",
        )
    )
    yield ImagingScheduled(**_envelope("imaging-scheduled", 1, **study, scheduled_at=hour(4)))
    yield ImagingDone(
        **_envelope("imaging-done", 4, **report, regions=("C", "T", "L"), contrast=True)
    )
    yield ImagingReported(
        **_envelope(
            "imaging-reported", 5, **report, status="final", finding="positive", exam_at=hour(4)
        )
    )
    yield ReportClassified(
        **_envelope("report-classified", 5.5, **report, finding="positive", by="Dr Example")
    )
    yield ImagingCancelRequested(**_envelope("imaging-cancel-requested", 1.5, **study))
    yield ImagingCancelled(
        **_envelope("imaging-cancelled", 2, **study, reason="pacemaker, device check first")
    )
    yield ImagingNoShow(**_envelope("imaging-no-show", 4.5, **study))


def _medications() -> Iterator[Contract]:
    drug = {"order_number": "RX-5180", "codes": (_DEXAMETHASONE,), "route": "IV"}
    dose = {**drug, "dose": 16, "dose_unit": "mg"}
    yield MedicationOrdered(
        **_envelope(
            "medication-ordered", 5.2, **dose, frequency="QD", taper_plan_ends_at=hour(24 * 14)
        )
    )
    yield MedicationGiven(**_envelope("medication-given", 5.5, **dose))
    yield MedicationNotGiven(**_envelope("medication-not-given", 29.5, **dose, reason="refused"))
    yield MedicationStopped(**_envelope("medication-stopped", 24 * 14, **drug))


def _treatments() -> Iterator[Contract]:
    course = {"treatment_number": "RT-0912", "modality": "radiotherapy", "site": "spine"}
    plan = {"fractions": 5, "dose_per_fraction_gy": 4, "stereotactic": False}
    yield TreatmentPlanned(**_envelope("treatment-planned", 8, **course, **plan))
    yield TreatmentBooked(**_envelope("treatment-booked", 9, **course, scheduled_at=hour(28)))
    yield TreatmentStarted(**_envelope("treatment-started", 28, **course))
    yield TreatmentEnded(**_envelope("treatment-ended", 28 + 4 * 24, **course))
    yield TreatmentCancelled(
        **_envelope("treatment-cancelled", 20, **course, reason="linac out of order")
    )
    yield TreatmentNoShow(**_envelope("treatment-no-show", 28.5, **course))
    yield Consulted(
        **_envelope("consulted", 6, roles=("responsible-physician", "radiation-oncologist"))
    )
    yield DentalRecorded(**_envelope("dental-recorded", 48))
    yield RiskScreened(**_envelope("risk-screened", 7, instrument="ORT"))
    yield PainRecorded(**_envelope("pain-recorded", 0.2, pain_kinds=("neuropathic",), score=7))
    yield SupportRecorded(**_envelope("support-recorded", 50, support="physiotherapy"))


def _answers() -> Iterator[Contract]:
    def answer(key: str, hours: float, **more: Any) -> dict[str, Any]:
        at = hour(hours)
        return {
            "event_id": f"a_{sha256(key.encode()).hexdigest()[:20]}",
            "patient": PATIENT,
            "by": "Dr Example",
            "occurred_at": at,
            "received_at": at + timedelta(seconds=1),
            **more,
        }

    alert = _alert().alert_id
    yield Acknowledged(
        **answer("acknowledged", 9.1, channel="pager", alert_id=alert, reason="scan is at 16:00")
    )
    yield Unacknowledged(**answer("unacknowledged", 9.3, channel="pager", alert_id=alert))
    yield StoodDown(
        **answer(
            "stood-down",
            9.5,
            channel="command-line",
            alert_id=alert,
            rule="mri.mescc-suspected",
            reason="comfort care agreed with the patient",
        )
    )
    yield Classified(
        **answer("classified", 5.5, channel="board", report_number="ACC-77310", finding="positive")
    )


def _alert() -> Alert:
    return Alert(
        alert_id="al_5f0c1b7e92d84a36",
        kind="clock",
        rule="mri.mescc-suspected",
        level="warning",
        severity="urgent",
        paged=True,
        patient=PATIENT,
        encounter=ENCOUNTER,
        facility="HOSPITAL",
        ward="HAEM-4",
        episode="ep_20260302T080000Z",
        clock="c_18d3a60be4f7",
        cause="f_9b21c7d05e64",
        start_at=T0,
        due_at=hour(12),
        raised_at=hour(9),
        reason="MRI of the whole spine not done, 3 h left; nothing is ordered",
        missing=("cervical", "thoracic", "lumbar"),
        clause="Urgent diagnostic approach: suspected MESCC, MRI of the entire spine within 12 hours",
        pack="mescc-lymphoma@1.0.0",
    )


def _ledger_entry(alert: Alert) -> LedgerEntry:
    delivery = Delivery(
        dedup_key="cw1:8e5d0c1fa4b72936",
        destination="haematology-on-call",
        role="ward-physician",
        round=1,
        rung=0,
        ward=alert.ward,
        wanted="acknowledged",
        accepted="told",
        note="seen by a.staff",
        decided_at=hour(9),
        attempts=1,
        first_attempt_at=hour(9),
        last_attempt_at=hour(9),
        told_at=hour(9),
        settled_at=hour(9),
        outcome="accepted",
    )
    answer = Answered(
        event_id="ans_77b0c2", kind="acknowledged", by="a.staff", at=hour(9.1), channel="board"
    )
    return LedgerEntry(
        matter=Matter.of_alert(alert),
        first_seen_at=hour(9),
        reason="acknowledged",
        round=1,
        round_at=hour(9),
        quiet_until=hour(9.6),
        deliveries=(delivery,),
        answers=(answer,),
    )
