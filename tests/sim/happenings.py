"""What can happen to a patient, each with the details that a rule reads drawn by chance."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from cordwatch_schemas.acknowledgements import Acknowledged, Classified, StoodDown
from cordwatch_schemas.admissions import TransferCancelled, Transferred
from cordwatch_schemas.base import Code, Event
from cordwatch_schemas.medications import MedicationNotGiven
from tests import builders as b

Told: TypeAlias = Event | StoodDown | Classified | Acknowledged
Happening = Callable[[random.Random, datetime, str], Told]
"""Chance, the instant and the patient's reference make an event."""

HOUR = timedelta(hours=1)
ORDERS = ("O1", "O1", "O2", "O3")
DRUG_ORDERS = ("RX1", "RX1", "RX2", None)
COURSES = {
    "RT1": ("radiotherapy", "spine"),
    "RT2": ("radiotherapy", None),
    "RT3": ("radiotherapy", "other"),
    "OP1": ("surgery", "spine"),
    "OP2": ("surgery", None),
    "VP1": ("vertebroplasty", "spine"),
    "XX1": ("other", "spine"),
}
"""A course keeps its number, its modality and its site."""
VISITS = ("V1", "V1", "V2")
MRI_CODES = (
    b.WHOLE_SPINE_MRI,
    b.WHOLE_SPINE_MRI,
    b.WHOLE_SPINE_MRI,
    b.LUMBAR_MRI,
    b.THORACIC_MRI,
    b.CERVICAL_MRI,
    b.CERVICAL_AND_THORACIC_MRI,
    b.SPINE_MRI_PART_UNSTATED,
    Code(system="LN", code="30854-4"),  # whole spine, without contrast
    Code(system="99HOSP", code="MRSPINE"),  # a house code that no table knows
)
OTHER_IMAGING = (b.SPINE_CT, Code(system="LN", code="24928-4"), Code(system="LN", code="25031-6"))
CLOCK_RULES = (
    "mri.back-pain",
    "mri.radicular-pain",
    "mri.deficit-slow",
    "mri.deficit-rapid",
    "mri.mescc-suspected",
    "mri.mescc-suspected",
    "steroid.start",
    "treatment.start",
    "mdt.consult",
    "steroid.taper",
)
SIGNS = ("unilateral", "unilateral", "bilateral", "unstated")
ANALGESICS = tuple(
    Code(system="ATC", code=number)
    for number in ("M01AE01", "N02BE01", "N02BB02", "N02AX02", "N06AX21", "N06AX16")
)
OTHERS = (b.AMITRIPTYLINE, b.AN_SSRI, b.ZOLEDRONIC_ACID, b.MORPHINE, *ANALGESICS)
REASON = f"{b.CORD_COMPRESSION.system}|{b.CORD_COMPRESSION.code}"


def suspicion(chance: random.Random, at: datetime, who: str) -> Told:
    """Suspected MESCC, or what the switch reads as that."""
    found: dict[str, Any] = chance.choice(
        [{"suspected_mescc": True}] * 3
        + [{"lhermitte": True}, {"radicular_pain": "bilateral"}, {"radicular_deficit": "bilateral"}]
    )
    return b.an_assessment(at, patient=who, **found)


def milder_signs(chance: random.Random, at: datetime, who: str) -> Told:
    """Back pain, radicular pain or deficit, with what was said about them."""
    found: dict[str, Any] = {"back_pain": chance.random() < 0.7}
    if chance.random() < 0.4:
        found["radicular_pain"] = chance.choice(SIGNS)
    if chance.random() < 0.4:
        found |= {
            "radicular_deficit": chance.choice(SIGNS),
            "progressive": chance.choice([None, True, True, False]),
            "developed_over_d": chance.choice([None, 2, 7, 7, 7.5, 9]),
        }
    return b.an_assessment(at, patient=who, **found)


def remarks(chance: random.Random, at: datetime, who: str) -> Told:
    """An assessment that states what only advisories read."""
    said: dict[str, Any] = {}
    if chance.random() < 0.4:
        said["paraplegia_h"] = chance.choice([0, 24, 24.5, 48])
    if chance.random() < 0.4:
        said["life_expectancy_months"] = chance.choice([1, 3, 2.5, 12])
    if chance.random() < 0.4:
        said["surgical_indications"] = (
            chance.choice(["instability", "deterioration-under-treatment"]),
        )
    if chance.random() < 0.3:
        said["improved_after"] = (chance.choice(["steroid", "ivig"]),)
    if chance.random() < 0.2:
        said["suspected_mescc"] = True
    return b.an_assessment(at, patient=who, **said)


def diagnosis(chance: random.Random, at: datetime, who: str) -> Told:
    """A diagnosis that a rule reads, of any status, dated or not."""
    code = chance.choice([b.CORD_COMPRESSION] * 4 + [b.LYMPHOMA] * 2 + [b.CIDP])
    more: dict[str, Any] = {
        "codes": (code,),
        "status": chance.choice(["confirmed", "confirmed", "suspected", "suspected", "historical"]),
        "problem_list": chance.random() < 0.15,
        "encounter": chance.choice([None, None, *VISITS]),
    }
    if chance.random() < 0.3:
        more |= {"occurred_precision": "unstated", "recorded_at": at}
    return b.known_lymphoma(at, patient=who, **more)


def refutation(chance: random.Random, at: datetime, who: str) -> Told:
    """A diagnosis is taken back, everywhere or in one visit."""
    code = chance.choice([b.LYMPHOMA, b.CORD_COMPRESSION, b.CORD_COMPRESSION, b.CIDP])
    return b.a_refutation(at, code, patient=who, encounter=chance.choice([None, None, *VISITS]))


def _numbers(chance: random.Random, who: str) -> dict[str, Any]:
    number = f"{who}-{chance.choice(ORDERS)}"
    accession = number.replace("O", "X")
    return chance.choice(
        [{"order": number}] * 4
        + [{"order": number, "accession_number": accession}]
        + [{"order": None, "accession_number": accession}]
    )


def _study(chance: random.Random, who: str) -> dict[str, Any]:
    code = chance.choice(MRI_CODES)
    found: dict[str, Any] = {"code": code, "patient": who, **_numbers(chance, who)}
    if code.system == "99HOSP":
        found["modality"] = "MR"
    if code.system == "99HOSP" or chance.random() < 0.1:
        found["regions"] = chance.choice([("C", "T", "L"), ("L",), ("C", "T")])
    if chance.random() < 0.15:
        found["contrast"] = chance.choice([True, False, False])
    return found


def mri_order(chance: random.Random, at: datetime, who: str) -> Told:
    """A spinal MRI is ordered, now and then for a reason that suspects MESCC."""
    reasons = (REASON,) if chance.random() < 0.25 else ()
    return b.an_mri_ordered(at, reason_codes=reasons, **_study(chance, who))


def mri_booking(chance: random.Random, at: datetime, who: str) -> Told:
    """A spinal MRI is booked, in time for one clock or too late for another."""
    then = at + chance.choice([1, 4, 11, 20, 30, 60, 400]) * HOUR
    return b.an_mri_booked(at, then, **_study(chance, who))


def mri_scan(chance: random.Random, at: datetime, who: str) -> Told:
    """A spinal MRI is made."""
    return b.an_mri_done(at, **_study(chance, who))


def mri_upset(chance: random.Random, at: datetime, who: str) -> Told:
    """An order or booking comes to nothing, or somebody asks that it should."""
    maker = chance.choice([b.an_mri_cancelled, b.an_mri_cancelled, b.an_mri_no_show])
    if chance.random() < 0.15:
        return b.a_cancel_request(at, f"{who}-O1", patient=who)
    return maker(at, **_study(chance, who))


def other_imaging(chance: random.Random, at: datetime, who: str) -> Told:
    """CT, radiograph or scintigraphy of the spine."""
    maker = chance.choice([b.an_mri_ordered, b.an_mri_done])
    number = chance.randrange(len(OTHER_IMAGING))
    return maker(at, OTHER_IMAGING[number], f"{who}-C{number}", patient=who)


def report(chance: random.Random, at: datetime, who: str) -> Told:
    """A report of spinal imaging, which may say nothing in a code."""
    more = _study(chance, who)
    more["status"] = chance.choice(["preliminary", "final", "final", "corrected"])
    if chance.random() < 0.3:
        more["exam_at"] = at - chance.choice([0, 1, 5, 30]) * HOUR
    finding = chance.choice(["positive", "positive", "negative", None])
    return b.a_report(at, finding, **more)


def answer(chance: random.Random, at: datetime, who: str) -> Told:
    """A person says what a report shows, in the source or to cordwatch itself."""
    finding = chance.choice(["positive", "negative"])
    number = f"{who}-{chance.choice(ORDERS)}"
    if chance.random() < 0.5:
        return b.a_classification(at, finding, order=number, patient=who)
    # Said at another time it is another answer, also where chance is drawn anew from the same seed.
    one = chance.getrandbits(48) ^ round(at.timestamp())
    return Classified(
        event_id=f"a_{one:012x}",
        patient=who,
        by="Dr Example",
        occurred_at=at,
        received_at=at,
        channel="command-line",
        report_number=number,
        finding=finding,
    )


def stand_down(chance: random.Random, at: datetime, who: str) -> Told:
    """A named person ends the clocks of a rule, or only says that the alert was seen."""
    told = b.a_stand_down(at, chance.choice(CLOCK_RULES), patient=who)
    if chance.random() < 0.8:
        return told
    seen = told.model_dump(include=set(Acknowledged.model_fields) - {"kind"})
    return Acknowledged.model_validate(seen)


def _drug_order(chance: random.Random, who: str) -> str | None:
    number = chance.choice(DRUG_ORDERS)
    return None if number is None else f"{who}-{number}"


def dexamethasone(chance: random.Random, at: datetime, who: str) -> Told:
    """Dexamethasone is ordered, in a dosage that can be judged or not."""
    frequencies = ["BID", "Q6H", "QD", "TID", "ONCE", "PRN", "Q0H", None]
    more: dict[str, Any] = {
        "frequency": chance.choice(frequencies[:2] * 3 + frequencies),
        "order": _drug_order(chance, who),
        "dose_unit": chance.choice(["mg"] * 6 + ["g", "mcg", "drop"]),
        "route": chance.choice(["PO", "PO", "IV", None, "OP"]),
    }
    if chance.random() < 0.1:
        more["dose_max"] = chance.choice([16, 120])
    if chance.random() < 0.2:
        more["ends_at"] = at + chance.choice([1, 24, 120]) * HOUR
    if chance.random() < 0.1:
        more["taper_plan_ends_at"] = at + chance.choice([-1, 168, 400]) * HOUR
    return b.a_dexamethasone_order(at, chance.choice([1, 2, 4, 8, 8, 16, 60]), patient=who, **more)


def dexamethasone_stop(chance: random.Random, at: datetime, who: str) -> Told:
    """Dexamethasone is stopped."""
    route = chance.choice(["PO"] * 4 + [None, "OP"])
    number = _drug_order(chance, who)
    return b.a_dexamethasone_stop(at, patient=who, order_number=number, route=route)


def dose(chance: random.Random, at: datetime, who: str) -> Told:
    """A steroid is given by some route, or is not given."""
    route = chance.choice(["IV", "PO", "IM", None, "OP", "IT"])
    code = b.PREDNISOLONE if chance.random() < 0.2 else b.DEXAMETHASONE
    mg = chance.choice([4, 8, 10, 16, 120])
    given = b.a_dose(at, mg, route, patient=who, codes=(code,))
    if chance.random() < 0.9:
        return given
    return MedicationNotGiven.model_validate(given.model_dump() | {"kind": "medication-not-given"})


def other_drug(chance: random.Random, at: datetime, who: str) -> Told:
    """Another drug of the pathway is ordered or stopped."""
    code = chance.choice(OTHERS)
    number = chance.choice([f"{who}-{code.code}"] * 3 + [None])
    if chance.random() < 0.3:
        return b.a_drug_stop(at, code, patient=who, order_number=number)
    more: dict[str, Any] = {"frequency": chance.choice(["BID", "BID", "QD", "ONCE", "PRN"])}
    if chance.random() < 0.3:
        more["ends_at"] = at + chance.choice([1, 24, 120]) * HOUR
    return b.a_drug_order(at, code, patient=who, order_number=number, **more)


def treatment(chance: random.Random, at: datetime, who: str) -> Told:
    """A course is planned, booked, begun, ended, cancelled or missed."""
    name = chance.choice(list(COURSES))
    modality, site = COURSES[name]
    more: dict[str, Any] = {"modality": modality, "site": site, "patient": who}
    number = f"{who}-{name}"
    makers = [b.a_plan, b.a_treatment_started, b.a_treatment_started, b.a_treatment_ended]
    makers += [b.a_treatment_cancelled, b.a_treatment_no_show]
    if chance.random() < 0.25:
        then = at + chance.choice([2, 10, 30, 100]) * HOUR
        return b.a_treatment_booked(at, then, number, **more)
    return chance.choice(makers)(at, number, **more)


def consultation(chance: random.Random, at: datetime, who: str) -> Told:
    """Some of the team, or all of it, were heard."""
    return b.a_consultation(
        at, tuple(chance.sample(b.WHOLE_TEAM, chance.randint(1, 3))), patient=who
    )


def record(chance: random.Random, at: datetime, who: str) -> Told:
    """Pain, dental measures, a risk screen or support are recorded."""
    kinds = ("neuropathic", "inflammatory", "skeletal")
    what = chance.random()
    if what < 0.6:
        pain = chance.choice([("unstated",), chance.sample(kinds, chance.randint(0, 2))])
        return b.a_pain_record(at, *pain, score=chance.choice([None, 0, 6, 6]), patient=who)
    if what < 0.7:
        return b.a_dental_record(at, patient=who)
    if what < 0.8:
        return b.a_risk_screen(at, chance.choice(["ORT", "SOAPP-R", "other"]), patient=who)
    support = chance.choice(["physiotherapy", "behavioural", "psychosocial"])
    return b.a_support_record(at, support, patient=who)


def stay(chance: random.Random, at: datetime, who: str) -> Told:
    """The patient comes, moves or leaves, or did not after all."""
    visit = chance.choice(VISITS)
    makers: list[Callable[..., Event]] = [b.an_admission, b.an_admission_cancelled]
    makers += [b.a_discharge, b.a_discharge_cancelled]
    told = chance.choice(makers)(at, visit, patient=who)
    if chance.random() < 0.8:
        return told
    moved = chance.choice([Transferred, TransferCancelled])
    details = told.model_dump(exclude={"kind", "patient_class"}) | {"ward": "ICU-1"}
    found: Event = moved.model_validate(details)
    return found


def life_and_death(chance: random.Random, at: datetime, who: str) -> Told:
    """The patient died, or did not."""
    return chance.choice([b.a_death, b.a_death, b.a_death_cancelled])(at, patient=who)
