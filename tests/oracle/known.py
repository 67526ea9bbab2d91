"""What was known at an instant: facts once, retractions and corrections applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from cordwatch.pathway.facts import fact_of
from cordwatch_schemas.base import Event
from cordwatch_schemas.code_table import canonical_system

FUTURE_TOLERANCE = timedelta(minutes=5)
_ENVELOPE = {
    "schema_version",
    "event_id",
    "source",
    "source_message_id",
    "received_at",
    "recorded_at",
    "replayed",
    "codes",
    # How exactly the time is told makes no other fact of it.
    "occurred_latest_at",
    "occurred_precision",
    "occurred_basis",
}
P = ParamSpec("P")
R = TypeVar("R")
_ABOUT_TWO = {"merged", "merge-cancelled", "encounter-moved"}
_ANSWERS = {"classified", "stood-down"}


@dataclass(frozen=True)
class Fact:
    """One thing that happened, however often it was sent."""

    key: str
    kind: str
    event: Any
    thing: str
    """The natural thing that it is about: study, drug order, course of treatment."""
    at: datetime
    """When it happened, at its earliest: what a start counts from."""
    latest_at: datetime
    """When it happened, at its latest but never after receipt: what satisfies."""
    received_at: datetime
    recorded_at: datetime
    """By which a later reading replaces an earlier one."""
    replayed: bool
    first_recorded_at: datetime
    ids: frozenset[str]
    """The names under which cordwatch itself knows it."""


@dataclass(frozen=True)
class Delivery:
    """An event as it came, with the fact that it tells."""

    key: str
    event: Any
    id: str = ""
    """The name that cordwatch gives to the fact, by which a retraction may call it."""


def said(event: Any, name: str) -> Any:
    """Return what *event* says by *name*, None where it has nothing of the kind."""
    return None if event is None else event.__dict__.get(name)


def delivered(events: Iterable[Any]) -> list[Delivery]:
    """Return every event with the identity of its fact."""
    return [
        Delivery(_content(event), event, _id(event))
        for event in events
        if event.kind != "acknowledged"
    ]


def _id(event: Any) -> str:
    """Return the id of the fact, a mere name here: what is one fact and what two, the oracle says by itself."""
    return fact_of(event).id if isinstance(event, Event) else ""


def _content(event: Any) -> str:
    told = event.model_dump(exclude=_ENVELOPE)
    if said(event, "occurred_precision") == "unstated":
        del told["occurred_at"]
    if event.kind in _ABOUT_TWO:
        # Published once under each of the two references.
        del told["patient"]
    codes = [(canonical_system(c.system), c.code) for c in said(event, "codes") or ()]
    return repr((sorted(told.items()), codes))


class Known(list[Fact]):
    """Facts that were known at an instant, with what was worked out from them already."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        """Begin with nothing worked out."""
        super().__init__(facts)
        self.memo: dict[object, Any] = {}
        self.ever: list[Fact] = list(self)
        """What was retracted or corrected since is among them."""


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """
    Let *function* of facts (and more) answer a second time without working it out again.

    The answer is shared by all who ask: nobody may change it.
    """

    @wraps(function)
    def ask(*args: P.args, **more: P.kwargs) -> R:
        facts = args[0]
        if not isinstance(facts, Known):
            return function(*args, **more)
        key = (function, args[1:], *more.items())
        try:
            found: R = facts.memo[key]
        except KeyError:
            found = facts.memo[key] = function(*args, **more)
        return found

    return ask


def known_at(deliveries: Sequence[Delivery], now: datetime) -> Known:
    """Return the facts received by *now* that are neither retracted nor corrected."""
    sent: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.event.received_at <= now:
            sent.setdefault(delivery.key, []).append(delivery)
    studies = _studies([told[0].event for told in sent.values()])
    facts = [_fact(key, told, studies) for key, told in sent.items()]
    known = Known(fact for fact in facts if not _is_dead(fact, facts, frozenset()))
    known.ever = facts
    return known


def ever_known(deliveries: Sequence[Delivery], now: datetime) -> dict[str, Any]:
    """Return, by the identity of its fact, an event of all that was received by *now*."""
    return {d.key: d.event for d in deliveries if d.event.received_at <= now}


def _fact(key: str, told: list[Delivery], studies: dict[str, str]) -> Fact:
    events = [delivery.event for delivery in told]
    event = events[0]
    received_at = min(one.received_at for one in events)
    recorded = [r for r in (said(one, "recorded_at") for one in events) if r is not None]
    if event.kind in _ANSWERS:
        # A person's answer is its own record.
        recorded = [event.occurred_at]
    at = event.occurred_at
    # Told more exactly in one of two messages, it is known as exactly as that.
    latest_at = min(said(one, "occurred_latest_at") or one.occurred_at for one in events)
    if said(event, "occurred_precision") == "unstated":
        at = latest_at = min(recorded, default=min(one.occurred_at for one in events))
    if at > received_at + FUTURE_TOLERANCE:
        at = latest_at = received_at
    return Fact(
        key=key,
        kind="report-classified" if event.kind == "classified" else event.kind,
        event=event,
        thing=_thing(event, studies),
        at=at,
        latest_at=max(at, min(latest_at, received_at)),
        received_at=received_at,
        recorded_at=max(recorded, default=received_at),
        replayed=all(said(one, "replayed") or False for one in events),
        first_recorded_at=min(recorded, default=received_at),
        ids=frozenset(delivery.id for delivery in told),
    )


def _numbers_of_study(event: Any) -> list[str]:
    if event.kind == "classified":
        return [f"order {event.report_number}", f"accession {event.report_number}"]
    found = []
    if said(event, "accession_number") is not None:
        found.append(f"accession {event.accession_number}")
    if "accession_number" in event.__dict__ and event.order_number is not None:
        found.append(f"order {event.order_number}")
    return found


def _studies(events: list[Any]) -> dict[str, str]:
    """Return one name per study for all of its numbers: an event with two numbers ties them."""
    name: dict[str, str] = {}
    for event in events:
        # A person's answer names a number of either sort, and ties nothing.
        numbers = [] if event.kind == "classified" else _numbers_of_study(event)
        tied = {name.get(number, number) for number in numbers}
        if tied:
            one = min(tied)
            name.update(dict.fromkeys(numbers, one))
            name.update({number: one for number, old in name.items() if old in tied})
    return name


def _thing(event: Any, studies: dict[str, str]) -> str:
    numbers = _numbers_of_study(event)
    if numbers:
        return next((studies[n] for n in numbers if n in studies), numbers[0])
    for name in ("treatment_number", "order_number"):
        if said(event, name) is not None:
            return str(getattr(event, name))
    return ""


def _is_dead(fact: Fact, facts: list[Fact], seen: frozenset[str]) -> bool:
    for other in facts:
        if other.key == fact.key or other.key in seen:
            continue
        if _corrects(other, fact):
            return True
        if (
            other.kind == "record-retracted"
            and other.event.target_kind == fact.kind
            and other.event.target in _names(fact)
            and fact.recorded_at <= other.recorded_at
            and not _is_dead(other, facts, seen | {fact.key})
        ):
            return True
    return False


def _corrects(later: Fact, fact: Fact) -> bool:
    own = said(fact.event, "record_id")
    if own is None or said(later.event, "corrects") != own or later.kind != fact.kind:
        return False
    # Corrections that keep the number of what they correct do not kill their own successors.
    return fact.event.corrects != own or fact.recorded_at < later.recorded_at


def _names(fact: Fact) -> set[str]:
    """Return what a retraction may call the fact by: a number of its source, or its id."""
    names = ("record_id", "order_number", "accession_number", "treatment_number", "report_number")
    return {value for name in names if (value := said(fact.event, name)) is not None} | fact.ids


def _by_record(fact: Fact) -> tuple[datetime, datetime, str, str]:
    return (fact.recorded_at, fact.at, fact.event.patient, fact.key)


def by_time(fact: Fact) -> tuple[datetime, datetime, str, str]:
    """Sort by what happened first; of two at one instant by what was recorded first."""
    return (fact.at, fact.recorded_at, fact.event.patient, fact.key)


def by_hearing(fact: Fact) -> tuple[datetime, datetime, str]:
    """Sort by what happened first; of two at one instant by what was heard of first."""
    return (fact.at, fact.received_at, fact.key)


def numbers(fact: Fact) -> list[str]:
    """Return the numbers of a fact that may start something: two that were heard of at once are told apart by them."""
    names = ("record_id", "order_number", "accession_number")
    return [number for name in names if (number := said(fact.event, name))]


@remembered
def of_kinds(facts: Iterable[Fact], *kinds: str) -> list[Fact]:
    """Return the facts of these kinds, as they were recorded."""
    chosen = [fact for fact in facts if fact.kind in kinds]
    return sorted(chosen, key=_by_record)


def by_thing(fact: Fact) -> str:
    """Tell facts apart by the natural thing that they are about."""
    return fact.thing


def by_encounter(fact: Fact) -> object:
    """Tell facts apart by the visit."""
    return fact.event.encounter


def by_itself(fact: Fact) -> str:
    """Tell facts apart by the natural thing that they are about; one that names none stands for itself."""
    return fact.thing or fact.key


def by_nothing(_: Fact) -> None:
    """Tell no facts apart: all are about the one thing that a patient has one of."""


@remembered
def current(
    facts: Iterable[Fact], *kinds: str, by: Callable[[Fact], object] = by_nothing
) -> list[Fact]:
    """
    Return, of each natural thing (told apart by *by*), the reading recorded last.

    Of two recorded at once the later event rules, as for what satisfies.
    """
    return list({by(fact): fact for fact in of_kinds(facts, *kinds)}.values())
