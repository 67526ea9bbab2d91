"""The other patients of a ward: most of what feeds tell concerns nobody's spinal cord."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime

from cordwatch_schemas.base import Code, Event
from tests.builders import (
    T,
    a_ct_done,
    a_discharge,
    a_dose,
    a_drug_order,
    a_pain_record,
    an_admission,
    an_mri_ordered,
)

PARACETAMOL = Code(system="ATC", code="N02BE01")
ONDANSETRON = Code(system="ATC", code="A04AA01")

_USUAL: Sequence[Callable[..., Event]] = (
    an_admission,
    a_discharge,
    a_ct_done,
    a_dose,
    lambda at, **more: a_drug_order(at, PARACETAMOL, **more),
    lambda at, **more: a_drug_order(at, ONDANSETRON, "RX8", **more),
    lambda at, **more: a_pain_record(at, "skeletal", **more),
    an_mri_ordered,
)


def the_others(chance: random.Random, patients: int, days: int) -> list[Event]:
    """Return what *patients* without any clock let the feeds say over *days*, by arrival."""
    told = [
        chance.choice(_USUAL)(_instant(chance, days), patient=f"other{number}")
        for number in range(patients)
        for _ in range(chance.randint(2, 6))
    ]
    return sorted(told, key=lambda one: one.received_at)


def _instant(chance: random.Random, days: int) -> datetime:
    return T(chance.random() * days * 24)
