"""
Advisories: advice without a deadline, raised once per cause.

Each is a predicate that says, given the picture of a patient and an instant,
what holds. Another one is an entry in the pack and a predicate here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from cordwatch.pathway.advisories import course, imaging, pain, steroids, treatment
from cordwatch.pathway.notices import Condition
from cordwatch.pathway.picture import Picture

Advisory = Callable[[Picture, datetime], Iterable[Condition]]


def _by_facts_alone(advisory: Callable[[Picture], Iterator[Condition]]) -> Advisory:
    """Return *advisory*, which time does not change, as one of those that it may."""

    def found(picture: Picture) -> tuple[Condition, ...]:
        return tuple(advisory(picture))

    return lambda picture, _: picture.once(found)


ADVISORIES: tuple[Advisory, ...] = (
    imaging.wrong_modality,
    imaging.partial_coverage,
    imaging.no_contrast,
    steroids.low_dose,
    steroids.high_dose,
    steroids.other_drug,
    steroids.abrupt_stop,
    steroids.before_biopsy,
    _by_facts_alone(treatment.surgery_contraindicated),
    _by_facts_alone(treatment.surgery_indicated),
    treatment.no_radiotherapy,
    _by_facts_alone(treatment.vertebroplasty_followup),
    pain.no_dental_measures,
    pain.bone_agent_alone,
    pain.no_risk_screen,
    pain.opioid_not_reassessed,
    pain.no_first_line,
    pain.no_anti_inflammatory,
    _by_facts_alone(course.neurolymphomatosis_masked),
    _by_facts_alone(course.surveillance_due),
    course.support_not_offered,
)


def advisories(picture: Picture, now: datetime) -> Iterator[Condition]:
    """Return the advisories that hold at *now* or will by time alone; none for the dead."""
    if picture.is_dead(now):
        return
    for advisory in ADVISORIES:
        yield from advisory(picture, now)
