"""Wards from a seed: patients with the courses that the pathway is about, told as badly as feeds tell."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from cordwatch_schemas.acknowledgements import StoodDown
from cordwatch_schemas.base import Event
from tests.builders import (
    CERVICAL_AND_THORACIC_MRI,
    LUMBAR_MRI,
    SPINE_MRI_PART_UNSTATED,
    WHOLE_TEAM,
    T,
    a_back_pain,
    a_classification,
    a_confirmed_diagnosis,
    a_consultation,
    a_ct_done,
    a_death,
    a_death_cancelled,
    a_deficit,
    a_dexamethasone_order,
    a_dexamethasone_stop,
    a_discharge,
    a_discharge_cancelled,
    a_dose,
    a_merge,
    a_merge_cancelled,
    a_plan,
    a_radicular_pain,
    a_refutation,
    a_report,
    a_retraction,
    a_stand_down,
    a_suspicion,
    a_treatment_booked,
    a_treatment_cancelled,
    a_treatment_started,
    a_working_diagnosis,
    an_admission,
    an_mri_booked,
    an_mri_cancelled,
    an_mri_done,
    an_mri_no_show,
    an_mri_ordered,
    known_lymphoma,
)

Told = Event | StoodDown
Maker = Callable[..., Told]

DAYS = 5
"""How long the courses of a ward last; the simulation goes on for a while after."""

_STARTS: Sequence[Maker] = (
    a_suspicion,
    a_suspicion,
    a_back_pain,
    a_radicular_pain,
    a_deficit,
    lambda at, **more: a_deficit(at, 9, **more),
    a_working_diagnosis,
    a_confirmed_diagnosis,
)
_REPORTS: Sequence[Maker] = (
    a_report,
    lambda at, **more: a_report(at, "negative", **more),
    lambda at, **more: a_report(at, None, **more),
    lambda at, **more: a_report(at, None, **{"status": "preliminary", **more}),
    lambda at, **more: a_report(at, "positive", **{"exam_at": at - timedelta(hours=1), **more}),
    lambda at, **more: a_classification(at, "positive", **more),
    lambda at, **more: a_classification(at, "negative", **more),
)
_IMAGING: Sequence[Maker] = (
    an_mri_ordered,
    lambda at, **more: an_mri_booked(at, at + timedelta(hours=20), **more),
    an_mri_done,
    an_mri_done,
    lambda at, **more: an_mri_done(at, LUMBAR_MRI, "O2", **more),
    lambda at, **more: an_mri_done(at, CERVICAL_AND_THORACIC_MRI, "O3", **more),
    lambda at, **more: an_mri_done(at, SPINE_MRI_PART_UNSTATED, "O4", **more),
    lambda at, **more: an_mri_ordered(at, LUMBAR_MRI, "O2", **more),
    an_mri_cancelled,
    an_mri_no_show,
    a_ct_done,
)
_CARE: Sequence[Maker] = (
    a_dose,
    a_dose,
    lambda at, **more: a_dexamethasone_order(at, 4, **more),
    lambda at, **more: a_dexamethasone_order(at, 8, **more),
    a_dexamethasone_stop,
    a_plan,
    lambda at, **more: a_treatment_booked(at, at + timedelta(hours=30), **more),
    a_treatment_started,
    a_treatment_cancelled,
    lambda at, **more: a_consultation(at, WHOLE_TEAM, **more),
    lambda at, **more: a_consultation(at, ("spinal-surgeon",), **more),
    an_admission,
    a_discharge,
    a_discharge_cancelled,
)
_RARE: Sequence[Maker] = (
    a_death,
    a_death_cancelled,
    a_refutation,
    lambda at, **more: a_retraction(at, "imaging-done", "O1", **more),
    lambda at, **more: a_retraction(at, "assessed", "A1", **more),
    lambda at, **more: a_suspicion(at, **{"corrects": "A1", "record_id": "A2", **more}),
    lambda at, **more: a_stand_down(at, "mri.mescc-suspected", **more),
    lambda at, **more: a_stand_down(at, "mdt.consult", **more),
)


def a_history(chance: random.Random, patient: str) -> list[Told]:
    """Return what happens to one patient, in the order of happening."""
    told: list[Told] = []
    if chance.random() < 0.7:
        told.append(known_lymphoma(patient=patient))
    for number in range(chance.randint(1, 2)):
        more = {"record_id": "A1"} if number == 0 else {}
        maker = chance.choice(_STARTS)
        told.append(maker(_instant(chance), patient=patient, **more))
    for makers, most in ((_IMAGING, 4), (_REPORTS, 2), (_CARE, 4), (_RARE, 1)):
        told += [
            chance.choice(makers)(_instant(chance), patient=patient)
            for _ in range(chance.randint(0, most))
        ]
    return sorted(told, key=lambda one: one.received_at)


def _instant(chance: random.Random) -> datetime:
    """Return a moment of the ward's days, often on the hour so that things coincide."""
    hour = chance.randint(0, DAYS * 24)
    return T(hour + (0 if chance.random() < 0.5 else chance.random()))


def as_feeds_tell(chance: random.Random, told: Sequence[Told]) -> list[Told]:
    """Return *told* as it arrives: some late, some twice, some before what happened earlier."""
    arrived: list[Told] = []
    for one in told:
        late = timedelta(minutes=chance.choice([0, 0, 0, 0, 1, 30, 600]))
        arrived.append(one.model_copy(update={"received_at": one.received_at + late}))
        if chance.random() < 0.1:
            again = timedelta(minutes=chance.choice([0, 5, 1_500]))
            arrived.append(one.model_copy(update={"received_at": one.received_at + late + again}))
    return sorted(arrived, key=lambda one: one.received_at)


def a_ward(seed: int, patients: int) -> list[Told]:
    """Return everything that a ward of *patients* sends, by arrival; some of them turn out to be the same."""
    chance = random.Random(seed)
    names = [f"p{number}" for number in range(patients)]
    told = [one for name in names for one in a_history(chance, name)]
    for _ in range(chance.randint(0, max(1, patients // 3))):
        if patients < 2:
            break
        survivor, retired = chance.sample(names, 2)
        at = _instant(chance)
        told += a_merge(at, survivor, retired)
        if chance.random() < 0.3:
            told += a_merge_cancelled(at + timedelta(hours=3), survivor, retired)
    return as_feeds_tell(chance, told)
