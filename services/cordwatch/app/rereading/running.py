"""A replay of the raw topic, step by step: what was said, what would be said, what that means, and the publishing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cordwatch.app.kept import kept_of
from cordwatch.app.rereading.outlook import Known, Outlook, judge
from cordwatch.app.rereading.plan import Plan
from cordwatch.app.rereading.reading import Rereading, Selection
from cordwatch.app.rereading.said import Said
from cordwatch.feeds.source import Sources
from cordwatch.pathway.facts import fact_of, fact_of_answer
from cordwatch.runtime.kafka import KafkaSettings, Publisher, require_topics
from cordwatch.runtime.topic_span import Stamped, TopicSpan
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import BadEvent, read_answer, read_event, topic_of
from cordwatch_schemas.pack import Packs
from cordwatch_schemas.records import Identity
from cordwatch_schemas.topics import ACKS, FACTS, IDENTITIES, RAW, SOURCES, TOPICS

_TOUCHED = (RAW, *SOURCES, ACKS, FACTS, IDENTITIES)

GROUP = 500
"""Records that are acknowledged together."""

_NAMES = {topic.noun: topic.name for topic in TOPICS}

Watched = Callable[[str, int, Iterable[Stamped]], Iterable[Stamped]]
"""Passes records on, and shows how many of so many have been: what is read, how many, the records."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a replay would change, and what was met on the way; the caller closes `rereading.plan`."""

    rereading: Rereading
    outlook: Outlook

    @property
    def plan(self) -> Plan:
        """Return the changes."""
        return self.rereading.plan


def find(
    kafka: KafkaSettings,
    sources: Sources,
    selection: Selection,
    packs: Packs,
    now: datetime,
    *,
    live: bool,
    watched: Watched,
) -> Found:
    """
    Return what the selected messages say today, beside what was said of them.

    The raw topic's end is fixed before the events are read: what the gateway
    takes in meanwhile is nobody's gap.

    Raises:
        BrokerUnreachable, MissingTopics, WrongTopics: it cannot be read.
    """
    require_topics(kafka, _TOUCHED)
    said = Said()
    try:
        with TopicSpan(kafka, RAW.name, selection.since) as raw:
            for topic in SOURCES:
                with TopicSpan(kafka, topic.name) as span:
                    said.learn(_events(watched(topic.noun, len(span), span)))
            rereading = Rereading(said, sources, selection, now, live=live)
            for record in watched("messages", len(raw), raw):
                rereading.read(record.value)
        rereading.plan.settle(said, now)
    finally:
        said.close()
    known = _known(kafka, rereading.plan.patients()) if len(rereading.plan) else Known()
    return Found(rereading, judge(rereading.plan, known, packs, now))


def publish(kafka: KafkaSettings, found: Found, progress: Callable[[int], None]) -> int:
    """
    Publish what *found* holds; return how many records that were.

    The new readings are safe before the wrong ones are taken back: nobody is
    without a clock meanwhile.
    """
    publisher, total = Publisher(kafka), 0
    try:
        planned = (one.event for one in found.plan.planned())
        for events in (planned, found.plan.marks()):
            for event in events:
                name, key = _NAMES[topic_of(event)], event.patient.encode()
                publisher.send(name, key, event.model_dump_json().encode())
                total += 1
                if total % GROUP == 0:
                    progress(publisher.confirm())
            progress(publisher.confirm())
        for identity in _unknown(kafka, found.rereading.identities):
            key = identity.patient.encode()
            publisher.send(IDENTITIES.name, key, identity.model_dump_json().encode())
        publisher.confirm()
    finally:
        publisher.close()
    return total


def _events(records: Iterable[Stamped]) -> Iterator[tuple[Event, int]]:
    for record in records:
        try:
            yield read_event(record.value or b""), record.at_ms
        except BadEvent:
            # Watch keeps it and says so; nothing of ours reads like this.
            continue


def _known(kafka: KafkaSettings, patients: frozenset[str]) -> Known:
    """Return what is known of *patients*, and of whom merges tie to them."""
    while True:
        known = _known_of(kafka, patients)
        linked = known.linked(patients)
        if linked == patients:
            return known
        patients = linked


def _known_of(kafka: KafkaSettings, patients: frozenset[str]) -> Known:
    keys = {one.encode() for one in patients}
    with TopicSpan(kafka, FACTS.name) as span:
        rows = ((one.key, one.value) for one in span if one.key and one.key.split(b"|")[0] in keys)
        facts, alerts, _ = kept_of(rows)
    known = Known(alerts=alerts)
    for patient, found in facts.items():
        for fact in found:
            known.learn(patient, fact)
    # Watch may not have read them yet.
    for topic in SOURCES:
        with TopicSpan(kafka, topic.name) as span:
            for event, _ in _events(one for one in span if one.key in keys):
                known.learn(event.patient, fact_of(event))
    with TopicSpan(kafka, ACKS.name) as span:
        for record in span:
            if record.key in keys:
                _learn_answer(known, record.value or b"")
    return known


def _learn_answer(known: Known, value: bytes) -> None:
    try:
        answer = read_answer(value)
    except BadEvent:
        return
    known.learn(answer.patient, fact_of_answer(answer))


def _unknown(kafka: KafkaSettings, identities: dict[str, Identity]) -> list[Identity]:
    """Return those of *identities* of which the topic has nothing as new."""
    found = dict(identities)
    with TopicSpan(kafka, IDENTITIES.name) as span:
        for record in span:
            patient = (record.key or b"").decode("ascii", "replace")
            if patient in found and record.value:
                known = Identity.model_validate_json(record.value)
                if known.received_at >= found[patient].received_at:
                    del found[patient]
    return list(found.values())
