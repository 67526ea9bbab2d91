"""Each advisory by example: what raises it and when, what mends it, what takes its cause away, what does not raise it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cordwatch_schemas.base import Event
from tests.builders import (
    AMITRIPTYLINE,
    AN_SSRI,
    CERVICAL_AND_THORACIC_MRI,
    CIDP,
    DULOXETINE,
    IBUPROFEN,
    LUMBAR_MRI,
    MORPHINE,
    PREDNISOLONE,
    ZOLEDRONIC_ACID,
    T,
    a_back_pain,
    a_consultation,
    a_ct_done,
    a_dental_record,
    a_dexamethasone_order,
    a_dexamethasone_stop,
    a_discharge,
    a_dose,
    a_drug_order,
    a_drug_stop,
    a_pain_record,
    a_plan,
    a_refutation,
    a_report,
    a_retraction,
    a_risk_screen,
    a_support_record,
    a_surgery_planned,
    a_suspicion,
    a_treatment_cancelled,
    a_treatment_started,
    a_vertebroplasty,
    an_assessment,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)

SECOND = timedelta(seconds=1)
DAYS = 24


@dataclass(frozen=True)
class Case:
    """One advisory: the stories that raise, mend, undo and spare it. Hours count from T0."""

    advisory: str
    story: str
    events: tuple[Event, ...]
    at: datetime
    """When it is raised, to the second."""
    mended: tuple[Event, ...]
    """What ends it, the last of them at the instant of the end."""
    undone: tuple[Event, ...]
    """What takes the cause itself away."""
    spared: str
    """Why the events of `silent` raise nothing."""
    silent: tuple[Event, ...]


def _plain_order(at: datetime) -> Event:
    return an_mri_ordered(at=at, record_id="R1")


CASES = (
    Case(
        "mri.wrong-modality",
        "T0 suspected MESCC; T2 CT of the spine done, no MRI ordered",
        (a_suspicion(at=T(0)), a_ct_done(at=T(2))),
        T(2),
        (an_mri_ordered(at=T(3)),),
        (a_retraction(T(3), "imaging-done", "O9"),),
        "an MRI is ordered beside the CT",
        (a_suspicion(at=T(0)), an_mri_ordered(at=T(1)), a_ct_done(at=T(2))),
    ),
    Case(
        "mri.partial-coverage",
        "T0 suspected MESCC; T1 MRI of the lumbar spine ordered, and nothing more for two minutes",
        (a_suspicion(at=T(0)), an_mri_ordered(at=T(1), code=LUMBAR_MRI)),
        T(1) + timedelta(minutes=2),
        (an_mri_ordered(at=T(2), code=CERVICAL_AND_THORACIC_MRI, order="O2"),),
        (a_retraction(T(2), "imaging-ordered", "O1"),),
        "the other regions are ordered within the two minutes",
        (
            a_suspicion(at=T(0)),
            an_mri_ordered(at=T(1), code=LUMBAR_MRI),
            an_mri_ordered(at=T(1) + 119 * SECOND, code=CERVICAL_AND_THORACIC_MRI, order="O2"),
        ),
    ),
    Case(
        "mri.no-contrast",
        "T0 suspected MESCC; T3 MRI of the whole spine done without contrast",
        (a_suspicion(at=T(0)), an_mri_done(at=T(3), contrast=False)),
        T(3),
        (an_mri_done(at=T(5), order="O2", contrast=True),),
        (a_retraction(T(4), "imaging-done", "O1"),),
        "contrast was given",
        (a_suspicion(at=T(0)), an_mri_done(at=T(3), contrast=True)),
    ),
    Case(
        "steroid.low-dose",
        "T0 MESCC confirmed; T1 dexamethasone 4 mg twice a day ordered",
        (a_report(at=T(0)), a_dexamethasone_order(at=T(1), dose=4)),
        T(1),
        (a_dexamethasone_order(at=T(2), dose=8),),
        (a_retraction(T(2), "medication-ordered", "RX1"),),
        "16 mg a day is ordered",
        (a_report(at=T(0)), a_dexamethasone_order(at=T(1), dose=4, frequency="Q6H")),
    ),
    Case(
        "steroid.high-dose",
        "T0 suspected MESCC; T1 dexamethasone 60 mg twice a day ordered",
        (a_suspicion(at=T(0)), a_dexamethasone_order(at=T(1), dose=60)),
        T(1),
        (a_dexamethasone_order(at=T(2), dose=8),),
        (a_retraction(T(2), "medication-ordered", "RX1"),),
        "100 mg a day is the highest with evidence, and not above it",
        (a_suspicion(at=T(0)), a_dexamethasone_order(at=T(1), dose=50)),
    ),
    Case(
        "steroid.other-drug",
        "T0 MESCC confirmed; T1 prednisolone given",
        (a_report(at=T(0)), a_dose(at=T(1), codes=(PREDNISOLONE,), record_id="G1")),
        T(1),
        (a_dose(at=T(2)),),
        (a_retraction(T(2), "medication-given", "G1"),),
        "it was given more than 24 h before the confirmation",
        (a_report(at=T(0)), a_dose(at=T(-24) - SECOND, codes=(PREDNISOLONE,))),
    ),
    Case(
        "steroid.abrupt-stop",
        "T0 MESCC confirmed; T1 dexamethasone ordered and given; T30 the order stopped, the dose never lowered",
        (
            a_report(at=T(0)),
            a_dexamethasone_order(at=T(1), dose=8),
            a_dose(at=T(1)),
            a_dexamethasone_stop(at=T(30)),
        ),
        T(30),
        (a_dexamethasone_order(at=T(31), dose=8),),
        (a_retraction(T(31), "medication-stopped", "RX1"),),
        "the dose was lowered twice before",
        (
            a_report(at=T(0)),
            a_dexamethasone_order(at=T(1), dose=8),
            a_dose(at=T(1)),
            a_dexamethasone_order(at=T(10), dose=6),
            a_dexamethasone_order(at=T(20), dose=4),
            a_dexamethasone_stop(at=T(30)),
        ),
    ),
    Case(
        "steroid.before-biopsy",
        "lymphoma suspected, not proven; T1 dexamethasone ordered (switch on)",
        (known_lymphoma(status="suspected"), a_dexamethasone_order(at=T(1))),
        T(1),
        (known_lymphoma(at=T(2)),),
        (a_retraction(T(2), "medication-ordered", "RX1"),),
        "lymphoma is proven",
        (known_lymphoma(), a_dexamethasone_order(at=T(1))),
    ),
    Case(
        "surgery.contraindicated",
        "lymphoma known; T2 operation on the spine planned",
        (known_lymphoma(), a_surgery_planned(at=T(2))),
        T(2),
        (a_treatment_cancelled(at=T(3), number="OP1", modality="surgery"),),
        (a_refutation(at=T(3)),),
        "no lymphoma, paraplegia for 24 h and not more, 3 months to live and not less",
        (
            an_assessment(at=T(0), suspected_mescc=True, paraplegia_h=24, life_expectancy_months=3),
            a_surgery_planned(at=T(2)),
        ),
    ),
    Case(
        "surgery.indication",
        "lymphoma known; T1 spinal instability recorded; no surgeon was heard",
        (
            known_lymphoma(),
            an_assessment(at=T(1), surgical_indications=("instability",), record_id="A1"),
        ),
        T(1),
        (a_consultation(at=T(2), roles=("spinal-surgeon",)),),
        (a_retraction(T(2), "assessed", "A1"),),
        "a surgeon was there and gave an opinion",
        (
            known_lymphoma(),
            a_consultation(at=T(1), roles=("spinal-surgeon",)),
            an_assessment(at=T(1), surgical_indications=("instability",)),
        ),
    ),
    Case(
        "rt.regimen",
        "lymphoma known; T0 MESCC confirmed; no radiotherapy planned by half of the 24 hours",
        (known_lymphoma(), a_report(at=T(0))),
        T(12),
        (a_plan(at=T(13)),),
        (a_report(at=T(13), finding="negative"),),
        "radiotherapy is planned before",
        (known_lymphoma(), a_report(at=T(0)), a_plan(at=T(11))),
    ),
    Case(
        "vertebroplasty.followup",
        "lymphoma known; T0 vertebroplasty; pain not recorded in the three days after",
        (
            known_lymphoma(),
            a_vertebroplasty(at=T(0)),
        ),
        T(3 * DAYS) + SECOND,
        (a_pain_record(T(4 * DAYS)),),
        (a_retraction(T(4 * DAYS), "treatment-started", "VP1"),),
        "pain was recorded on the third day",
        (known_lymphoma(), a_vertebroplasty(at=T(0)), a_pain_record(T(3 * DAYS))),
    ),
    Case(
        "bone-agent.dental",
        "lymphoma known; T1 zoledronic acid ordered, dental measures never recorded",
        (known_lymphoma(), a_drug_order(T(1), ZOLEDRONIC_ACID, frequency="ONCE")),
        T(1),
        (a_dental_record(T(2)),),
        (a_drug_stop(T(2), ZOLEDRONIC_ACID),),
        "dental measures were recorded 183 days before",
        (
            known_lymphoma(),
            a_dental_record(T(1) - timedelta(days=183)),
            a_drug_order(T(1), ZOLEDRONIC_ACID),
        ),
    ),
    Case(
        "bone-agent.no-analgesic",
        "lymphoma known; T0 pain recorded; T1 zoledronic acid ordered, no analgesic",
        (known_lymphoma(), a_pain_record(T(0)), a_drug_order(T(1), ZOLEDRONIC_ACID)),
        T(1),
        (a_drug_order(T(2), IBUPROFEN, order="RX2"),),
        (a_drug_stop(T(2), ZOLEDRONIC_ACID),),
        "an analgesic is on order",
        (
            known_lymphoma(),
            a_pain_record(T(0)),
            a_drug_order(T(0.5), MORPHINE, order="RX2"),
            a_drug_order(T(1), ZOLEDRONIC_ACID),
        ),
    ),
    Case(
        "opioid.risk-screen",
        "lymphoma known; T1 morphine ordered, neither SOAPP-R nor ORT recorded",
        (known_lymphoma(), a_drug_order(T(1), MORPHINE)),
        T(1),
        (a_risk_screen(T(2)),),
        (a_drug_stop(T(2), MORPHINE),),
        "SOAPP-R is recorded",
        (known_lymphoma(), a_risk_screen(T(0), "SOAPP-R"), a_drug_order(T(1), MORPHINE)),
    ),
    Case(
        "opioid.reassess",
        "lymphoma known; T0 morphine ordered; pain not recorded for more than seven days",
        (known_lymphoma(), a_drug_order(T(0), MORPHINE)),
        T(7 * DAYS) + SECOND,
        (a_pain_record(T(8 * DAYS)),),
        (a_drug_stop(T(8 * DAYS), MORPHINE),),
        "pain was recorded on the seventh day",
        (known_lymphoma(), a_drug_order(T(0), MORPHINE), a_pain_record(T(7 * DAYS))),
    ),
    Case(
        "pain.first-line",
        "lymphoma known; T1 neuropathic pain recorded, no drug for it",
        (known_lymphoma(), a_pain_record(T(1), "neuropathic", record_id="P1")),
        T(1),
        (a_drug_order(T(2), DULOXETINE),),
        (a_retraction(T(2), "pain-recorded", "P1"),),
        "amitriptyline is on order, and nothing that interacts with it",
        (
            known_lymphoma(),
            a_drug_order(T(0), AMITRIPTYLINE),
            a_pain_record(T(1), "neuropathic"),
        ),
    ),
    Case(
        "pain.first-line",
        "lymphoma known; T0 an SSRI and T1 amitriptyline ordered; T2 neuropathic pain recorded",
        (
            known_lymphoma(),
            a_drug_order(T(0), AN_SSRI, order="RX1"),
            a_drug_order(T(1), AMITRIPTYLINE, order="RX2"),
            a_pain_record(T(2), "neuropathic"),
        ),
        T(2),
        (a_drug_stop(T(3), AN_SSRI, order="RX1"),),
        (a_pain_record(T(3), "neuropathic", score=0),),
        "the SSRI was stopped before",
        (
            known_lymphoma(),
            a_drug_order(T(0), AN_SSRI, order="RX1"),
            a_drug_stop(T(0.5), AN_SSRI, order="RX1"),
            a_drug_order(T(1), AMITRIPTYLINE, order="RX2"),
            a_pain_record(T(2), "neuropathic"),
        ),
    ),
    Case(
        "pain.inflammatory",
        "lymphoma known; T1 skeletal pain recorded, no NSAID or acetaminophen",
        (known_lymphoma(), a_pain_record(T(1), "skeletal", record_id="P1")),
        T(1),
        (a_drug_order(T(2), IBUPROFEN),),
        (a_retraction(T(2), "pain-recorded", "P1"),),
        "the pain is neuropathic only",
        (known_lymphoma(), a_pain_record(T(1), "neuropathic")),
    ),
    Case(
        "neurolymphomatosis.masked",
        "lymphoma known, a neuropathy read as CIDP; T1 better under steroid",
        (
            known_lymphoma(),
            known_lymphoma(codes=(CIDP,)),
            an_assessment(at=T(1), improved_after=("steroid",), record_id="A1"),
        ),
        T(1),
        (a_refutation(at=T(2), code=CIDP),),
        (a_retraction(T(2), "assessed", "A1"),),
        "no neuropathy like CIDP is recorded",
        (known_lymphoma(), an_assessment(at=T(1), improved_after=("ivig",))),
    ),
    Case(
        "surveillance.due",
        "lymphoma known; T0 managed conservatively; the spine not imaged for 90 days (switch on)",
        (
            known_lymphoma(),
            an_assessment(at=T(0), conservative_management=True, record_id="A1"),
        ),
        T(90 * DAYS),
        (an_mri_done(at=T(91 * DAYS)),),
        (a_retraction(T(91 * DAYS), "assessed", "A1"),),
        "the spine was imaged on the 89th day",
        (
            known_lymphoma(),
            an_assessment(at=T(0), conservative_management=True),
            an_mri_done(at=T(89 * DAYS)),
        ),
    ),
    Case(
        "support.offer",
        "lymphoma known; T0 back pain; T30 discharged, psychosocial support not recorded",
        (
            known_lymphoma(),
            a_back_pain(at=T(0), record_id="A1"),
            a_support_record(T(1), "physiotherapy"),
            a_support_record(T(2), "behavioural"),
            a_discharge(at=T(30)),
        ),
        T(30),
        (a_support_record(T(40), "psychosocial"),),
        (a_retraction(T(40), "assessed", "A1"),),
        "no clock ever ran for the patient",
        (known_lymphoma(), a_discharge(at=T(30))),
    ),
)
"""In the order of the pathway's table; some advisories have more than one way to be raised."""

PARAPLEGIC = an_assessment(at=T(0), suspected_mescc=True, paraplegia_h=25)
SHORT_OF_TIME = an_assessment(at=T(0), suspected_mescc=True, life_expectancy_months=2.9)
STARTED = a_treatment_started(at=T(1))
