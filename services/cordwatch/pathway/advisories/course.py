"""Advisories on the course of the illness: what may be missed, watched too rarely, or not offered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cordwatch.pathway.notices import Condition
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.starts import concepts_of

SUPPORT = ("physiotherapy", "behavioural", "psychosocial")


def neurolymphomatosis_masked(picture: Picture) -> Iterator[Condition]:
    """A neuropathy like CIDP got better under steroid or IVIG: lymphoma in the nerves does so too."""
    likely = [one for one in picture.history.standing("diagnosed") if "cidp" in concepts_of(one)]
    better = [
        one for one in picture.history.standing("assessed") if one.values.get("improved_after")
    ]
    if picture.lymphoma is not None and likely and better:
        for one in better:
            since = max(picture.lymphoma.start_at, likely[0].start_at, one.start_at)
            yield Condition("neurolymphomatosis.masked", one, since)


def surveillance_due(picture: Picture) -> Iterator[Condition]:
    """Managed without operation or radiation, and the spine was not imaged for longer than agreed (switch)."""
    managed = [
        one
        for one in picture.history.standing("assessed")
        if one.values.get("conservative_management")
    ]
    if not managed or not picture.is_of_interest:
        return
    made = [study.done for study in picture.endings.studies if study.done is not None]
    latest = max((*managed[:1], *made), key=lambda one: (one.done_at, one.id))
    since = latest.done_at + picture.where.policy_of(managed[0]).surveillance_every
    yield Condition("surveillance.due", latest, since)


def support_not_offered(picture: Picture, now: datetime) -> Iterator[Condition]:
    """Exercise, behavioural and psychosocial support: what is not recorded by discharge or a week on."""
    for episode in picture.episodes:
        policy = episode.pack.policy
        over_at = episode.quiet_at + policy.episode_gap
        recorded = {
            fact.values["support"]
            for fact in picture.history.standing("support-recorded")
            if fact.done_at >= episode.began_at
        }
        missing = tuple(one for one in SUPPORT if one not in recorded)
        if not missing or now >= over_at:
            continue
        leaves = [fact.start_at for fact in picture.history.standing("discharged")]
        left = [at for at in leaves if at >= episode.began_at]
        since = min([*left, episode.began_at + policy.support_within])
        first = episode.clocks[0].cause
        yield Condition("support.offer", first, since, missing=missing, until=over_at)
