"""
Small builders of events: what happened on the ward, in the words that a test needs.

Hours count from `T0`, the first suspicion of the worked examples. A message
arrives when the thing happened unless a test says otherwise. Ids come from the
content, so that the same call twice is the same event delivered twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

from cordwatch_schemas.acknowledgements import StoodDown
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
    Transferred,
)
from cordwatch_schemas.base import Code, Event
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
from cordwatch_schemas.medications import MedicationGiven, MedicationOrdered, MedicationStopped
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

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LONG_BEFORE = T0 - timedelta(days=10)
SHORTLY_BEFORE = T0 - timedelta(hours=2)
PATIENT = "A"

LYMPHOMA = Code(system="I10", code="C83.3")
CORD_COMPRESSION = Code(system="I10", code="G95.2")
DEXAMETHASONE = Code(system="ATC", code="H02AB02")
WHOLE_SPINE_MRI = Code(system="LN", code="30855-1")
CERVICAL_AND_THORACIC_MRI = Code(system="LN", code="43457-1")
CERVICAL_MRI = Code(system="LN", code="24938-3")
THORACIC_MRI = Code(system="LN", code="24982-1")
LUMBAR_MRI = Code(system="LN", code="24967-2")
SPINE_MRI_PART_UNSTATED = Code(system="LN", code="36400-0")
ZOLEDRONIC_ACID = Code(system="ATC", code="M05BA08")
MORPHINE = Code(system="ATC", code="N02AA01")
IBUPROFEN = Code(system="ATC", code="M01AE01")
DULOXETINE = Code(system="ATC", code="N06AX21")
AMITRIPTYLINE = Code(system="ATC", code="N06AA09")
AN_SSRI = Code(system="ATC", code="N06AB04")
PREDNISOLONE = Code(system="ATC", code="H02AB06")
CIDP = Code(system="I10", code="G61.81")
SPINE_CT = Code(system="LN", code="24987-0")

WHOLE_TEAM = ("responsible-physician", "radiation-oncologist", "spinal-surgeon")

E = TypeVar("E", bound=Event)


def T(hours: float) -> datetime:  # noqa: N802 - the pathway's own notation: T13 is 13 h after T0
    """Return the instant *hours* after `T0`, to the second."""
    return T0 + timedelta(seconds=round(hours * 3_600))


def _event(model: type[E], at: datetime, details: dict[str, Any]) -> E:
    fields: dict[str, Any] = {"patient": PATIENT, "received_at": at, **details}
    content = repr((model.__name__, at, sorted(fields.items(), key=lambda item: item[0])))
    mark = sha256(content.encode()).hexdigest()[:12]
    envelope = {"event_id": f"e_{mark}", "source": "TEST|WARD", "source_message_id": f"M{mark}"}
    return model(**{**envelope, "occurred_at": at, **fields})


def known_lymphoma(at: datetime = LONG_BEFORE, **details: Any) -> Diagnosed:
    """Lymphoma, confirmed days before T0."""
    return _event(Diagnosed, at, {"codes": (LYMPHOMA,), "status": "confirmed", **details})


def a_refutation(at: datetime, code: Code = LYMPHOMA, **details: Any) -> DiagnosisRetracted:
    """The diagnosis *code* was refuted."""
    return _event(DiagnosisRetracted, at, {"codes": (code,), **details})


def a_working_diagnosis(at: datetime = T0, **details: Any) -> Diagnosed:
    """Cord compression as working diagnosis: suspects MESCC."""
    return _event(Diagnosed, at, {"codes": (CORD_COMPRESSION,), "status": "suspected", **details})


def a_confirmed_diagnosis(at: datetime = T0, **details: Any) -> Diagnosed:
    """Cord compression as confirmed diagnosis: confirms MESCC."""
    return _event(Diagnosed, at, {"codes": (CORD_COMPRESSION,), "status": "confirmed", **details})


def an_assessment(at: datetime = T0, **details: Any) -> Assessed:
    """An assessment with the findings given."""
    return _event(Assessed, at, details)


def a_suspicion(at: datetime = T0, **details: Any) -> Assessed:
    """Suspected MESCC, nothing else found."""
    return an_assessment(at, **{"suspected_mescc": True, **details})


def a_back_pain(at: datetime = T0, **details: Any) -> Assessed:
    """Back pain only."""
    return an_assessment(at, **{"back_pain": True, **details})


def a_radicular_pain(at: datetime = T0, **details: Any) -> Assessed:
    """Radicular pain on one side."""
    return an_assessment(at, **{"radicular_pain": "unilateral", **details})


def a_deficit(at: datetime = T0, over_d: float | None = 2, **details: Any) -> Assessed:
    """Progressive radicular deficit on one side, developed over *over_d* days."""
    found = {"radicular_deficit": "unilateral", "progressive": True, "developed_over_d": over_d}
    return an_assessment(at, **{**found, **details})


def an_mri_ordered(
    at: datetime, code: Code = WHOLE_SPINE_MRI, order: str = "O1", **details: Any
) -> ImagingOrdered:
    """A spinal MRI was ordered."""
    return _event(ImagingOrdered, at, {"codes": (code,), "order_number": order, **details})


def an_mri_booked(
    at: datetime,
    scheduled_at: datetime,
    code: Code = WHOLE_SPINE_MRI,
    order: str = "O1",
    **details: Any,
) -> ImagingScheduled:
    """A spinal MRI was booked for *scheduled_at*."""
    study = {"codes": (code,), "order_number": order, "scheduled_at": scheduled_at}
    return _event(ImagingScheduled, at, {**study, **details})


def an_mri_done(
    at: datetime, code: Code = WHOLE_SPINE_MRI, order: str = "O1", **details: Any
) -> ImagingDone:
    """A spinal MRI was made."""
    return _event(ImagingDone, at, {"codes": (code,), "order_number": order, **details})


def a_ct_done(at: datetime, order: str = "O9", **details: Any) -> ImagingDone:
    """A CT of the spine was made."""
    return an_mri_done(at, SPINE_CT, order, **details)


def a_report(
    at: datetime,
    finding: str | None = "positive",
    code: Code = WHOLE_SPINE_MRI,
    order: str = "O1",
    **details: Any,
) -> ImagingReported:
    """A report of spinal imaging was written; *finding* None leaves it unclassified."""
    study = {"codes": (code,), "order_number": order, "finding": finding}
    return _event(ImagingReported, at, {**study, **details})


def a_classification(
    at: datetime,
    finding: str,
    code: Code = WHOLE_SPINE_MRI,
    order: str = "O1",
    **details: Any,
) -> ReportClassified:
    """A person with a name said what the report shows."""
    study = {"codes": (code,), "order_number": order, "finding": finding, "by": "Dr Example"}
    return _event(ReportClassified, at, {**study, **details})


def a_cancel_request(at: datetime, order: str = "O1", **details: Any) -> ImagingCancelRequested:
    """Somebody asked to cancel the MRI order."""
    study = {"codes": (WHOLE_SPINE_MRI,), "order_number": order}
    return _event(ImagingCancelRequested, at, {**study, **details})


def an_mri_cancelled(
    at: datetime, code: Code = WHOLE_SPINE_MRI, order: str = "O1", **details: Any
) -> ImagingCancelled:
    """The MRI order was cancelled."""
    return _event(ImagingCancelled, at, {"codes": (code,), "order_number": order, **details})


def an_mri_no_show(
    at: datetime, code: Code = WHOLE_SPINE_MRI, order: str = "O1", **details: Any
) -> ImagingNoShow:
    """The patient was not scanned at the booked time."""
    return _event(ImagingNoShow, at, {"codes": (code,), "order_number": order, **details})


def a_dose(
    at: datetime, dose: float = 10, route: str | None = "IV", **details: Any
) -> MedicationGiven:
    """Dexamethasone was given."""
    drug = {"codes": (DEXAMETHASONE,), "dose": dose, "dose_unit": "mg", "route": route}
    return _event(MedicationGiven, at, {**drug, **details})


def a_dexamethasone_order(
    at: datetime, dose: float = 8, frequency: str | None = "BID", order: str = "RX1", **details: Any
) -> MedicationOrdered:
    """Dexamethasone was ordered, or its dosage changed."""
    drug = {"codes": (DEXAMETHASONE,), "dose": dose, "dose_unit": "mg", "route": "PO"}
    timing = {"order_number": order, "frequency": frequency}
    return _event(MedicationOrdered, at, {**drug, **timing, **details})


def a_dexamethasone_stop(at: datetime, order: str = "RX1", **details: Any) -> MedicationStopped:
    """The dexamethasone order was stopped."""
    drug = {"codes": (DEXAMETHASONE,), "order_number": order, "route": "PO"}
    return _event(MedicationStopped, at, {**drug, **details})


def _course(number: str) -> dict[str, Any]:
    return {"treatment_number": number, "modality": "radiotherapy", "site": "spine"}


def a_plan(at: datetime, number: str = "RT1", **details: Any) -> TreatmentPlanned:
    """Radiotherapy of the spine was planned."""
    return _event(TreatmentPlanned, at, {**_course(number), **details})


def a_treatment_booked(
    at: datetime, scheduled_at: datetime, number: str = "RT1", **details: Any
) -> TreatmentBooked:
    """Radiotherapy of the spine was booked for *scheduled_at*."""
    booking = {**_course(number), "scheduled_at": scheduled_at}
    return _event(TreatmentBooked, at, {**booking, **details})


def a_treatment_started(at: datetime, number: str = "RT1", **details: Any) -> TreatmentStarted:
    """The first fraction on the spine was given."""
    return _event(TreatmentStarted, at, {**_course(number), **details})


def a_treatment_ended(at: datetime, number: str = "RT1", **details: Any) -> TreatmentEnded:
    """The course on the spine is over."""
    return _event(TreatmentEnded, at, {**_course(number), **details})


def a_treatment_cancelled(at: datetime, number: str = "RT1", **details: Any) -> TreatmentCancelled:
    """The plan or booking of the course was cancelled."""
    return _event(TreatmentCancelled, at, {**_course(number), **details})


def a_treatment_no_show(at: datetime, number: str = "RT1", **details: Any) -> TreatmentNoShow:
    """The patient was not treated at the booked time."""
    return _event(TreatmentNoShow, at, {**_course(number), **details})


def a_surgery_planned(at: datetime, number: str = "OP1", **details: Any) -> TreatmentPlanned:
    """An operation on the spine was planned."""
    return a_plan(at, number, **{"modality": "surgery", **details})


def a_vertebroplasty(at: datetime, number: str = "VP1", **details: Any) -> TreatmentStarted:
    """A vertebroplasty was made."""
    return a_treatment_started(at, number, **{"modality": "vertebroplasty", **details})


def a_drug_order(
    at: datetime, code: Code, order: str = "RX9", frequency: str = "BID", **details: Any
) -> MedicationOrdered:
    """The drug *code* was ordered."""
    timing = {"codes": (code,), "order_number": order, "frequency": frequency}
    return _event(MedicationOrdered, at, {**timing, **details})


def a_drug_stop(at: datetime, code: Code, order: str = "RX9", **details: Any) -> MedicationStopped:
    """The order of the drug *code* was stopped."""
    return _event(MedicationStopped, at, {"codes": (code,), "order_number": order, **details})


def a_pain_record(
    at: datetime, *kinds: str, score: float | None = 6, **details: Any
) -> PainRecorded:
    """Pain of *kinds* was recorded."""
    return _event(PainRecorded, at, {"pain_kinds": kinds, "score": score, **details})


def a_dental_record(at: datetime, **details: Any) -> DentalRecorded:
    """Dental measures were recorded."""
    return _event(DentalRecorded, at, details)


def a_risk_screen(at: datetime, instrument: str = "ORT", **details: Any) -> RiskScreened:
    """The risk of opioids was screened for."""
    return _event(RiskScreened, at, {"instrument": instrument, **details})


def a_support_record(at: datetime, support: str, **details: Any) -> SupportRecorded:
    """A supportive measure was offered."""
    return _event(SupportRecorded, at, {"support": support, **details})


def a_consultation(at: datetime, roles: tuple[str, ...] = WHOLE_TEAM, **details: Any) -> Consulted:
    """A consultation with *roles* in it."""
    return _event(Consulted, at, {"roles": roles, **details})


def an_admission(at: datetime = SHORTLY_BEFORE, encounter: str = "V1", **details: Any) -> Admitted:
    """The patient was admitted."""
    return _event(Admitted, at, {"encounter": encounter, "ward": "HAEM-4", **details})


def a_transfer(at: datetime, ward: str, encounter: str = "V1", **details: Any) -> Transferred:
    """The patient moved to *ward*, perhaps of another house."""
    return _event(Transferred, at, {"encounter": encounter, "ward": ward, **details})


def an_admission_cancelled(
    at: datetime, encounter: str = "V1", **details: Any
) -> AdmissionCancelled:
    """The admission was entered in error."""
    return _event(AdmissionCancelled, at, {"encounter": encounter, **details})


def a_discharge(at: datetime, encounter: str = "V1", **details: Any) -> Discharged:
    """The patient left."""
    return _event(Discharged, at, {"encounter": encounter, "ward": "HAEM-4", **details})


def a_discharge_cancelled(
    at: datetime, encounter: str = "V1", **details: Any
) -> DischargeCancelled:
    """The patient did not leave after all."""
    return _event(DischargeCancelled, at, {"encounter": encounter, "ward": "HAEM-4", **details})


def a_death(at: datetime, **details: Any) -> Died:
    """The patient died."""
    return _event(Died, at, details)


def a_death_cancelled(at: datetime, **details: Any) -> DeathCancelled:
    """The death was entered in error."""
    return _event(DeathCancelled, at, details)


def a_merge(at: datetime, survivor: str, retired: str) -> tuple[Merged, Merged]:
    """*retired* is the same person as *survivor*: published once under each reference."""
    pair = {"survivor": survivor, "retired": retired}
    return (
        _event(Merged, at, {**pair, "patient": survivor}),
        _event(Merged, at, {**pair, "patient": retired}),
    )


def a_merge_cancelled(
    at: datetime, survivor: str, retired: str
) -> tuple[MergeCancelled, MergeCancelled]:
    """The merge was wrong."""
    pair = {"survivor": survivor, "retired": retired}
    return (
        _event(MergeCancelled, at, {**pair, "patient": survivor}),
        _event(MergeCancelled, at, {**pair, "patient": retired}),
    )


def a_move(
    at: datetime, encounter: str, moved_from: str, moved_to: str, **details: Any
) -> tuple[EncounterMoved, EncounterMoved]:
    """The encounter was never that of *moved_from*: published once under each reference."""
    pair = {"encounter": encounter, "moved_from": moved_from, "moved_to": moved_to, **details}
    return (
        _event(EncounterMoved, at, {**pair, "patient": moved_from}),
        _event(EncounterMoved, at, {**pair, "patient": moved_to}),
    )


def a_retraction(at: datetime, target_kind: str, target: str, **details: Any) -> RecordRetracted:
    """The record *target* was withdrawn by its source."""
    return _event(RecordRetracted, at, {"target_kind": target_kind, "target": target, **details})


def a_stand_down(at: datetime, rule: str, **details: Any) -> StoodDown:
    """A named person closed the clocks of *rule*."""
    fields = {"patient": PATIENT, "received_at": at, **details}
    mark = sha256(repr((at, rule, sorted(fields.items()))).encode()).hexdigest()[:12]
    return StoodDown(
        event_id=f"a_{mark}",
        by="Dr Example",
        occurred_at=at,
        channel="command-line",
        alert_id="al_unknown",
        rule=rule,
        reason="comfort care agreed with the patient",
        **fields,
    )
