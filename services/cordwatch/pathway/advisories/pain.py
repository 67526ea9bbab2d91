"""Advisories on pain and the drugs for it: bone agents, opioids, adjuvants, anti-inflammatory drugs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cordwatch.pathway.drugs import number_of
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.notices import Condition
from cordwatch.pathway.picture import Picture
from cordwatch_schemas.code_table import canonical_system

A_MOMENT = timedelta(seconds=1)

FIRST_LINE = frozenset({"duloxetine", "gabapentinoid", "tricyclic", "venlafaxine"})
ANTI_INFLAMMATORY = frozenset({"nsaid", "acetaminophen"})
ANALGESICS = FIRST_LINE | ANTI_INFLAMMATORY | {"opioid", "other-analgesic"}
SCREENS = frozenset({"SOAPP-R", "ORT"})


def no_dental_measures(picture: Picture, now: datetime) -> Iterator[Condition]:
    """A bone agent is ordered, and no dental measures are recorded in the half year before or since."""
    measures = [fact.done_at for fact in picture.history.standing("dental-recorded")]
    for order in _bone_agents(picture, now):
        earliest = order.start_at - picture.where.policy_of(order).dental_within
        if not any(at >= earliest for at in measures):
            cause = picture.history.first_told(order)
            yield Condition("bone-agent.dental", cause, order.start_at)


def bone_agent_alone(picture: Picture, now: datetime) -> Iterator[Condition]:
    """A bone agent is ordered for a patient in pain, and it stands in the place of an analgesic."""
    pain, orders = picture.once(_pain), _bone_agents(picture, now)
    if pain is not None and orders and not picture.drugs.active(ANALGESICS, now):
        since = max(orders[0].start_at, pain.start_at)
        cause = picture.history.first_told(orders[0])
        yield Condition("bone-agent.no-analgesic", cause, since)


def no_risk_screen(picture: Picture, now: datetime) -> Iterator[Condition]:
    """An opioid is ordered, and no SOAPP-R or ORT is recorded."""
    if not picture.is_of_interest:
        return
    screens = picture.history.standing("risk-screened")
    if any(fact.values["instrument"] in SCREENS for fact in screens):
        return
    use = picture.drugs.active_since({"opioid"}, now)
    if use is not None:
        yield Condition("opioid.risk-screen", use.fact, use.begins_at)


def opioid_not_reassessed(picture: Picture, now: datetime) -> Iterator[Condition]:
    """An opioid has been in use for more than a week since anybody asked about the pain."""
    use = picture.drugs.active_since({"opioid"}, now) if picture.is_of_interest else None
    if use is None:
        return
    records = sorted(picture.history.standing("pain-recorded"), key=lambda fact: fact.done_at)
    asked = [fact for fact in records if use.begins_at <= fact.done_at <= now]
    cause, base = (asked[-1], asked[-1].done_at) if asked else (use.fact, use.begins_at)
    since = base + picture.where.policy_of(use.fact).opioid_reassessed_within + A_MOMENT
    yield Condition("opioid.reassess", cause, since)


def no_first_line(picture: Picture, now: datetime) -> Iterator[Condition]:
    """Neuropathic pain without a drug for it, or with a tricyclic that interacts with another drug."""
    pain = picture.once(_pain, "neuropathic")
    if pain is None:
        return
    rivals = _interacting(picture, pain, now)
    tricyclic = picture.drugs.active_since({"tricyclic"}, now)
    if not picture.drugs.active(FIRST_LINE, now):
        detail = f"a tricyclic would interact with: {', '.join(rivals)}" if rivals else ""
        yield Condition("pain.first-line", pain, pain.start_at, detail=detail)
    elif tricyclic and rivals:
        detail = f"a tricyclic interacts with: {', '.join(rivals)}"
        since = max(pain.start_at, tricyclic.begins_at)
        yield Condition("pain.first-line", tricyclic.fact, since, detail=detail)


def no_anti_inflammatory(picture: Picture, now: datetime) -> Iterator[Condition]:
    """Inflammatory or skeletal pain without an NSAID or acetaminophen."""
    pain = picture.once(_pain, "inflammatory", "skeletal")
    if pain is not None and not picture.drugs.active(ANTI_INFLAMMATORY, now):
        yield Condition("pain.inflammatory", pain, pain.start_at)


def _bone_agents(picture: Picture, now: datetime) -> list[Fact]:
    """Return the orders of a bone agent in force, single infusions included, each by its first record."""
    if not picture.is_of_interest:
        return []
    first: dict[str, Fact] = {}
    for order in picture.history.standing("medication-ordered"):
        first.setdefault(number_of(order), order)
    in_force = {
        number_of(use.fact): None
        for use in picture.drugs.orders
        if "bone-agent" in use.concepts and use.is_active(now)
    }
    return sorted((first[one] for one in in_force), key=_by_hearing)


def _by_hearing(fact: Fact) -> tuple[datetime, datetime, str]:
    return (fact.start_at, fact.received_at, fact.id)


def _pain(picture: Picture, *kinds: str) -> Fact | None:
    """
    Return the record since which there is pain of one of *kinds* (any, if none is named).

    A later record of no pain, or of pain of other kinds, ends it; one that
    leaves the kind open does not.
    """
    if not picture.is_of_interest:
        return None
    since: Fact | None = None
    for fact in picture.history.standing("pain-recorded", "assessed"):
        stated = set(fact.values.get("pain_kinds", ())) - {"unstated"}
        if fact.kind == "assessed":
            hurts = bool(fact.values.get("back_pain") or fact.values.get("radicular_pain"))
            since = since or (fact if hurts and not kinds else None)
        elif fact.values.get("score") == 0 or (kinds and stated and not stated & set(kinds)):
            since = None
        elif not kinds or stated:
            since = since or fact
    return since


def _interacting(picture: Picture, pain: Fact, now: datetime) -> list[str]:
    """Return the names of the drugs in use that the pack lists as interacting with a tricyclic."""
    codes = {
        f"{canonical_system(system)}|{code.upper()}"
        for use in picture.drugs.uses
        if use.is_active(now)
        for system, code in use.fact.codes
    }
    return [
        listed.name
        for listed in picture.where.policy_of(pain).tricyclic_interactions
        if any(_is_listed(code, listed.codes) for code in codes)
    ]


def _is_listed(code: str, listed: Sequence[str]) -> bool:
    """Return whether *code* is one of *listed*, of which those of ATC stand for their groups."""
    return any(code == one or (one.startswith("ATC|") and code.startswith(one)) for one in listed)
