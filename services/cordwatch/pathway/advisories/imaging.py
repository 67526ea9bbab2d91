"""Advisories on imaging: the wrong modality, a part of the spine left out, no contrast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.imaging import Study, missing_names
from cordwatch.pathway.notices import Condition, pressing_first
from cordwatch.pathway.picture import Picture

TELLING = frozenset({"imaging-ordered", "imaging-scheduled", "imaging-done", "imaging-reported"})
"""Kinds of fact by which a study is heard of."""


def wrong_modality(picture: Picture, now: datetime) -> Iterator[Condition]:
    """An MRI clock runs and only radiograph, CT or scintigraphy of the spine is ordered or done."""
    clocks = [clock for clock in picture.open_clocks(now) if clock.is_mri]
    for clock in pressing_first(clocks):
        since, studies = clock.start_at, picture.endings.studies
        counted = [study for study in studies if study.is_active or _made(study, since)]
        others = [study for study in counted if study.modality in {"CT", "XR", "NM"}]
        if any(study.is_mri for study in counted):
            continue
        for study in sorted(others, key=partial(_by_time, picture)):
            cause = picture.once(_first_told, study.key)
            heard_at = _first_fact(study).start_at
            yield Condition("mri.wrong-modality", cause, max(heard_at, since), (clock,))


def partial_coverage(picture: Picture, now: datetime) -> Iterator[Condition]:
    """The 12 h clock runs and what is ordered or done leaves part of the spine out."""
    for clock in picture.open_clocks(now):
        if clock.rule.satisfied_by != "whole-spine-mri":
            continue
        mris = [study for study in picture.endings.studies if study.is_mri]
        made = [study for study in mris if _made(study, clock.start_at)]
        counted = [*made, *(study for study in mris if study.is_active)]
        if any(not study.regions and study.is_active for study in counted):
            continue
        known = [study for study in counted if study.regions]
        missing = missing_names(region for study in known for region in study.regions)
        if known and missing:
            for study in sorted(known, key=partial(_by_time, picture)):
                if study.is_active:
                    # The wait counts from receipt: the other orders may still be on their way.
                    order = _first_fact(study)
                    wait = clock.pack.policy.partial_coverage_after
                    since = max(order.start_at, order.received_at + wait)
                else:
                    since = _scan_at(study, clock)
                cause = picture.once(_first_told, study.key)
                since = max(since, clock.start_at)
                yield Condition("mri.partial-coverage", cause, since, (clock,), missing)


def no_contrast(picture: Picture, now: datetime) -> Iterator[Condition]:
    """The MRI that stopped a clock was made without contrast, and none with contrast since."""
    for clock in picture.clocks:
        if not clock.is_mri or clock.end is None or clock.end.status != "satisfied":
            continue
        end_at, scan = clock.end.at, clock.end.fact
        study = next(
            one for one in picture.endings.studies if one.key == picture.history.study(scan)
        )
        made_up = any(
            one.is_mri and one.contrast and _made(one, end_at) for one in picture.endings.studies
        )
        if study.contrast is False and not made_up and end_at <= now:
            cause = picture.once(_first_told, study.key)
            yield Condition("mri.no-contrast", cause, end_at, (clock,))


def _first_fact(study: Study) -> Fact:
    return study.done or study.final_report or study.meant[0]


def _by_time(picture: Picture, study: Study) -> tuple[object, ...]:
    """Sort by what happened first; of two at one instant by what was heard of first, else by their numbers."""
    fact, told = _first_fact(study), picture.once(_first_told, study.key)
    heard = (fact.received_at, told.received_at)
    return (fact.start_at, *heard, told.sent_as, told.numbers, study.key)


def _first_told(picture: Picture, study: str) -> Fact:
    """Return the fact that first told of the *study* of this name: a scan that is re-timed is no new cause."""
    about = (fact for fact in picture.history.facts if fact.kind in TELLING)
    mine = [fact for fact in about if picture.history.study(fact) == study]
    return min(mine, key=lambda fact: (fact.received_at, fact.numbers, fact.id))


def _made(study: Study, since: datetime) -> bool:
    scan = study.scan_for(since)
    return scan is not None and scan.done_at >= since


def _scan_at(study: Study, clock: Clock) -> datetime:
    scan = study.scan_for(clock.start_at)
    return scan.done_at if scan is not None else clock.start_at
