"""Advisories on steroids: too little, too much, the wrong drug, the wrong time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cordwatch.pathway.clocks import Clock, Episode
from cordwatch.pathway.dosage import Dosage, dose_mg, is_once
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.notices import Condition
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.starts import concepts_of
from cordwatch.pathway.steroids import DAY, concept_of


def low_dose(picture: Picture, now: datetime) -> Iterator[Condition]:
    """MESCC is confirmed and dexamethasone stays below the minimum daily dose."""
    steroid = picture.endings.steroid
    for episode in picture.episodes:
        confirmed = episode.confirmed
        if confirmed is None or _treated(picture, episode, now):
            continue
        policy = picture.where.policy_of(confirmed.fact)
        minimum = policy.low_dose_mg
        clocks = _steroid_clocks(episode)
        standing = [one for one in steroid.dosages if not is_once(one.fact)]
        active = [one for one in standing if one.is_active(now)]
        if active:
            amounts = [one.daily_mg for one in active]
            daily = sum(amount for amount in amounts if amount is not None)
            if None not in amounts and daily < minimum and not _reduced(picture, minimum, now):
                for one in sorted(active, key=_by_time):
                    since = max(one.begins_at, confirmed.at)
                    yield Condition(
                        "steroid.low-dose", picture.history.first_told(one.fact), since, clocks
                    )
        elif not standing:
            first = picture.endings.first_dose(confirmed.at - policy.dose_before, now)
            if first is None:
                continue
            given = steroid.given_mg(first.start_at, first.start_at + DAY)
            if given is not None and given < minimum:
                since = max(first.start_at + DAY, confirmed.at)
                yield Condition("steroid.low-dose", first, since, clocks)


def _by_time(dosage: Dosage) -> tuple[datetime, datetime, str]:
    return (dosage.begins_at, dosage.fact.received_at, dosage.fact.id)


def high_dose(picture: Picture, now: datetime) -> Iterator[Condition]:
    """A single or daily dose of dexamethasone lies above the highest with evidence."""
    if not picture.is_of_interest:
        return
    steroid = picture.endings.steroid
    ordered = False
    for one in steroid.dosages:
        maximum = picture.where.policy_of(one.fact).high_dose_mg
        amounts = (one.daily_mg, dose_mg(one.fact))
        if one.is_active(now) and any(mg is not None and mg > maximum for mg in amounts):
            ordered = True
            yield Condition(
                "steroid.high-dose", picture.history.first_told(one.fact), one.begins_at
            )
    if ordered:
        return
    run: tuple[Fact, datetime] | None = None
    for dose in steroid.doses:
        window = steroid.given_mg(dose.start_at - DAY, dose.start_at)
        total = (window or 0) + (dose_mg(dose) or 0)
        if total > picture.where.policy_of(dose).high_dose_mg:
            goes_on = run is not None and dose.start_at <= run[1]
            run = (run[0] if run and goes_on else dose, dose.start_at + DAY)
    if run is not None and now < run[1]:
        yield Condition("steroid.high-dose", run[0], run[0].start_at, until=run[1])


def other_drug(picture: Picture, _: datetime) -> Iterator[Condition]:
    """MESCC is confirmed, another corticosteroid was given, and no dexamethasone since."""
    steroid = picture.endings.steroid
    for episode in picture.episodes:
        if episode.confirmed is None:
            continue
        policy = picture.where.policy_of(episode.confirmed.fact)
        earliest = episode.confirmed.at - policy.dose_before
        others = [dose for dose in steroid.others_given if dose.done_at >= earliest]
        for other in others:
            answered = any(dose.done_at >= other.start_at for dose in steroid.doses)
            if not answered:
                since = max(other.start_at, episode.confirmed.at)
                yield Condition("steroid.other-drug", other, since, _steroid_clocks(episode))


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


def _steroid_clocks(episode: Episode) -> tuple[Clock, ...]:
    return tuple(one for one in episode.clocks if one.rule.satisfied_by == "dexamethasone-given")


def _treated(picture: Picture, episode: Episode, now: datetime) -> bool:
    assert episode.confirmed is not None  # noqa: S101 - the callers looked
    policy = picture.where.policy_of(episode.confirmed.fact)
    treated_at = picture.endings.treated_at(episode.confirmed.at, policy)
    return treated_at is not None and treated_at <= now


def _reduced(picture: Picture, minimum: float, now: datetime) -> bool:
    """Return whether the dose was reduced only after 24 h at the *minimum* or more."""
    steroid = picture.endings.steroid
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
