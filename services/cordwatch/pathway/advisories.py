"""Advisories: advice without a deadline, raised once per cause. Imaging and steroids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from cordwatch.pathway.clocks import Clock, Episode
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.imaging import Study, missing_names
from cordwatch.pathway.notices import Condition
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.starts import concepts_of, lymphoma_known
from cordwatch.pathway.steroids import DAY, concept_of, dose_mg, is_once

Advisory = Callable[[Picture, datetime], Iterator[Condition]]


def wrong_modality(picture: Picture, now: datetime) -> Iterator[Condition]:
    """An MRI clock runs and only radiograph, CT or scintigraphy of the spine is ordered or done."""
    clocks = [clock for clock in picture.open_clocks(now) if clock.is_mri]
    if not clocks:
        return
    clock = min(clocks, key=lambda one: (one.rule.window, one.due_at, one.id))
    since = min(one.start_at for one in clocks)
    counted = [one for one in picture.endings.studies if one.is_active or _made(one, since)]
    others = [study for study in counted if study.modality in {"CT", "XR", "NM"}]
    if others and not any(study.is_mri for study in counted):
        cause = min((_first_fact(study) for study in others), key=lambda one: (one.at, one.id))
        yield Condition("mri.wrong-modality", cause, max(cause.start_at, since), (clock,))


def partial_coverage(picture: Picture, now: datetime) -> Iterator[Condition]:
    """The 12 h clock runs and what is ordered or done leaves part of the spine out."""
    wait = picture.pack.policy.partial_coverage_after
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
            times = [_first_fact(one).start_at + wait for one in known if one.is_active]
            times += [_scan_at(study, clock) for study in made if study.regions]
            cause = min((_first_fact(one) for one in known), key=lambda one: (one.at, one.id))
            since = max(min(times), clock.start_at)
            yield Condition("mri.partial-coverage", cause, since, (clock,), missing)


def no_contrast(picture: Picture, now: datetime) -> Iterator[Condition]:
    """The MRI that stopped a clock was made without contrast, and none with contrast since."""
    seen: set[str] = set()
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
        if study.contrast is False and not made_up and scan.id not in seen and end_at <= now:
            seen.add(scan.id)
            yield Condition("mri.no-contrast", scan, end_at, (clock,))


def low_dose(picture: Picture, now: datetime) -> Iterator[Condition]:
    """MESCC is confirmed and dexamethasone stays below the minimum daily dose."""
    steroid, minimum = picture.endings.steroid, picture.pack.policy.low_dose_mg
    for episode in picture.episodes:
        confirmed = episode.confirmed
        if confirmed is None or _treated(picture, episode, now):
            continue
        clocks = _steroid_clocks(episode)
        standing = [one for one in steroid.dosages if not is_once(one.fact)]
        active = [one for one in standing if one.is_active(now)]
        if active:
            amounts = [one.daily_mg for one in active]
            daily = sum(amount for amount in amounts if amount is not None)
            if None not in amounts and daily < minimum and not _reduced(picture, now):
                cause = max(active, key=lambda one: (one.begins_at, one.fact.id))
                since = max(cause.begins_at, confirmed.at)
                yield Condition("steroid.low-dose", cause.fact, since, clocks)
        elif not standing:
            first = picture.endings.first_dose(confirmed.at - picture.pack.policy.dose_before, now)
            if first is None:
                continue
            given = steroid.given_mg(first.start_at, first.start_at + DAY)
            if given is not None and given < minimum:
                since = max(first.start_at + DAY, confirmed.at)
                yield Condition("steroid.low-dose", first, since, clocks)


def high_dose(picture: Picture, now: datetime) -> Iterator[Condition]:
    """A single or daily dose of dexamethasone lies above the highest with evidence."""
    if not picture.clocks and lymphoma_known(picture.history, picture.pack.policy) is None:
        return
    steroid, maximum = picture.endings.steroid, picture.pack.policy.high_dose_mg
    ordered = False
    for one in steroid.dosages:
        if one.is_active(now) and max(one.daily_mg or 0, dose_mg(one.fact) or 0) > maximum:
            ordered = True
            yield Condition("steroid.high-dose", one.fact, one.begins_at)
    if ordered:
        return
    run: tuple[Fact, datetime] | None = None
    for dose in steroid.doses:
        window = steroid.given_mg(dose.start_at - DAY, dose.start_at)
        total = (window or 0) + (dose_mg(dose) or 0)
        if total > maximum:
            goes_on = run is not None and dose.start_at <= run[1]
            run = (run[0] if run and goes_on else dose, dose.start_at + DAY)
    if run is not None and now < run[1]:
        yield Condition("steroid.high-dose", run[0], run[0].start_at, until=run[1])


def other_drug(picture: Picture, now: datetime) -> Iterator[Condition]:
    """MESCC is confirmed, another corticosteroid was given, and no dexamethasone since."""
    steroid = picture.endings.steroid
    for episode in picture.episodes:
        if episode.confirmed is None:
            continue
        earliest = episode.confirmed.at - picture.pack.policy.dose_before
        others = [dose for dose in steroid.others_given if dose.done_at >= earliest]
        if not others or others[0].start_at > now:
            continue
        first = others[0]
        if not any(dose.done_at >= first.start_at for dose in steroid.doses):
            since = max(first.start_at, episode.confirmed.at)
            yield Condition("steroid.other-drug", first, since, _steroid_clocks(episode))


def abrupt_stop(picture: Picture, now: datetime) -> Iterator[Condition]:
    """Dexamethasone was stopped without two reductions."""
    for clock in picture.clocks:
        end = clock.end
        if (
            end is not None
            and end.at <= now
            and clock.rule.satisfied_by == "tapered-stop"
            and end.status == "withdrawn"
            and end.reason.startswith("stopped")
        ):
            yield Condition("steroid.abrupt-stop", end.fact, end.at, (clock,))


def before_biopsy(picture: Picture, now: datetime) -> Iterator[Condition]:
    """A steroid is ordered while lymphoma is suspected and not proven (switch)."""
    lymphomas = [
        fact
        for fact in picture.history.standing("diagnosed")
        if "lymphoma" in concepts_of(fact) and fact.at <= now
    ]
    if not lymphomas or any(fact.values.get("status") != "suspected" for fact in lymphomas):
        return
    for fact in picture.history.standing("medication-ordered"):
        if concept_of(fact) is not None:
            yield Condition(
                "steroid.before-biopsy", fact, max(fact.start_at, lymphomas[0].start_at)
            )
            return


ADVISORIES: tuple[Advisory, ...] = (
    wrong_modality,
    partial_coverage,
    no_contrast,
    low_dose,
    high_dose,
    other_drug,
    abrupt_stop,
    before_biopsy,
)
"""All there are. Another one is an entry in the pack and a predicate here."""


def _first_fact(study: Study) -> Fact:
    facts = [fact for fact in (study.order, study.booking, study.done, study.final_report) if fact]
    return facts[0]


def _made(study: Study, since: datetime) -> bool:
    scan = study.scan_for(since)
    return scan is not None and scan.done_at >= since


def _scan_at(study: Study, clock: Clock) -> datetime:
    scan = study.scan_for(clock.start_at)
    return scan.done_at if scan is not None else clock.start_at


def _steroid_clocks(episode: Episode) -> tuple[Clock, ...]:
    return tuple(one for one in episode.clocks if one.rule.satisfied_by == "dexamethasone-given")


def _treated(picture: Picture, episode: Episode, now: datetime) -> bool:
    assert episode.confirmed is not None  # noqa: S101 - the callers looked
    since = episode.confirmed.at - picture.pack.policy.treatment_running
    treated_at = picture.endings.treated_since(since)
    return treated_at is not None and treated_at <= now


def _reduced(picture: Picture, now: datetime) -> bool:
    """Return whether the dose was reduced only after 24 h at the minimum or more."""
    steroid, minimum = picture.endings.steroid, picture.pack.policy.low_dose_mg
    enough_since: datetime | None = None
    for at in steroid.changes():
        if at > now:
            break
        dose = steroid.daily_mg(at)
        if dose is not None and dose >= minimum:
            enough_since = enough_since or at
        else:
            if enough_since is not None and at - enough_since >= DAY:
                return True
            enough_since = None
    return False
