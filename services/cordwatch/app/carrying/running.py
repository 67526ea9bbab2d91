"""An exchange of the key, step by step: who is known, what stands for whom, and the mark at the very end."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from cordwatch.app.carrying.plan import Carrying, Recording, Used, carrying
from cordwatch.app.rereading.reading import translated_again
from cordwatch.feeds.hl7.message import Unreadable, parse
from cordwatch.feeds.key_in_use import Kept, WrongKey, read_references, record_key, write_mark
from cordwatch.feeds.mapping.mapper import EPOCH
from cordwatch.feeds.mapping.reading import Reading
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source, Sources
from cordwatch.feeds.trouble.operations import feed_records
from cordwatch.feeds.trouble.presence import AWAY_S
from cordwatch.runtime.kafka import KafkaSettings, Publisher, require_topics
from cordwatch.runtime.topic_span import Stamped, TopicSpan
from cordwatch_schemas.operations import GatewayState
from cordwatch_schemas.records import Identity, RawMessage
from cordwatch_schemas.reference_keys import CarriedReference, KeyInUse
from cordwatch_schemas.topics import FACTS, HISTORIES, IDENTITIES, RAW, REFERENCES, SOURCES, Topic

READ = (RAW, *SOURCES, FACTS, IDENTITIES, HISTORIES, REFERENCES)
GROUP = 5_000
"""Records that are acknowledged together."""

Watched = Callable[[str, int, Iterable[Stamped]], Iterable[Stamped]]
"""Passes records on, and shows how many of so many have been: what is read, how many, the records."""


class NoKeyInUse(Exception):
    """Nothing says by which key patients are known."""

    def __init__(self) -> None:
        """Say so, and what to do."""
        super().__init__(
            "no key is in use yet, and nobody is known by the former one: start the gateway once with the key that"
            " it has, or, where nobody is known at all, simply with the other one"
        )


class ChangedMeanwhile(Exception):
    """Another exchange came to its end since this one began to look."""

    def __init__(self) -> None:
        """Say so, and what to do."""
        super().__init__(
            "another exchange of the key ended meanwhile: see `cordwatch references show`, and begin again"
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What an exchange would do; nothing of it is done."""

    kept: Kept
    former: References
    present: References
    carrying: Carrying


def gateways_running(kafka: KafkaSettings, now: datetime) -> list[str]:
    """Return the names of gateways that spoke of themselves a moment ago, and did not say that they end."""
    spoke = timedelta(seconds=AWAY_S)
    return sorted(
        one.gateway
        for one in feed_records(kafka)
        if isinstance(one, GatewayState) and not one.ended and now - one.saved_at < spoke
    )


def find(kafka: KafkaSettings, sources: Sources, former: References, watched: Watched) -> Found:
    """
    Return what is to be carried from the *former* key to the one of *sources*.

    Raises:
        BrokerUnreachable, MissingTopics, WrongTopics: it cannot be read.
        WrongKey, NoKeyInUse: patients are not known by the former key.
    """
    require_topics(kafka, READ)
    kept = read_references(kafka)
    former, present = kept.under(former), kept.under(sources.references)
    if kept.mark is not None:
        require_former(kept.mark, former.fingerprint, present.fingerprint)
    used, recording = Used(), Recording(former.key, former.carried)
    for topic in SOURCES:
        with TopicSpan(kafka, topic.name) as span:
            for one in watched(topic.noun, len(span), span):
                used.note(one.key or b"", one.value or b"")
    for key, value in _living(kafka, FACTS, watched):
        used.note_row(key, value)
    fits = False
    for key, value in _living(kafka, IDENTITIES, watched):
        used.note(key, value)
        with contextlib.suppress(ValidationError):
            fits |= recording.of("p", Identity.model_validate_json(value).number).encode() == key
    if kept.mark is None and not fits:
        raise NoKeyInUse
    with TopicSpan(kafka, RAW.name) as span:
        reading = sources.by(recording)
        for one in watched("messages", len(span), span):
            _ask(one.value, reading)
    return Found(kept, former, present, carrying(recording.asked, former, present, used))


def _living(kafka: KafkaSettings, topic: Topic, watched: Watched) -> Iterator[tuple[bytes, bytes]]:
    """Yield what was not taken back since: until a topic is compacted, deleted identities and rows stand on it."""
    gone: set[bytes | None] = set()
    with TopicSpan(kafka, topic.name) as span:
        for one in watched(f"{topic.noun}, what is gone", len(span), span):
            (gone.add if one.value is None else gone.discard)(one.key)
    with TopicSpan(kafka, topic.name) as span:
        for one in watched(topic.noun, len(span), span):
            if one.key and one.value is not None and one.key not in gone:
                yield one.key, one.value


def require_former(mark: KeyInUse, former: str, present: str) -> None:
    """
    Refuse a former key by which nobody is known; one that was exchanged for the present one is good too.

    Raises:
        WrongKey: it is not.
    """
    if former not in ({mark.fingerprint} if mark.fingerprint != present else {mark.former}):
        raise WrongKey(former, mark.fingerprint, "--former-key-file")


def _ask(value: bytes | None, reading: Sources) -> None:
    """
    Read a message, whose numbers are asked for by that; what is no whole one tells none.

    One that tells watch nothing, as most results of a laboratory, says all the same whose it is.
    """
    try:
        raw = RawMessage.model_validate_json(value or b"")
        data = base64.b64decode(raw.content_base64, validate=True)
    except (ValidationError, binascii.Error):
        return
    if raw.piece == "message":
        translated_again(raw, data, reading)
        if raw.format == "hl7v2":
            _ask_whose(data, reading.of(data, raw.peer))


def _ask_whose(data: bytes, source: Source | None) -> None:
    if source is None:
        return
    try:
        message = parse(data, source.charset_fallback, source.charset_names)
    except Unreadable:
        return
    source.overrides.apply(message)
    reading = Reading(message, data, source, EPOCH)
    for person in message.all("PID"):
        reading.identify(person)
    for visit in message.all("PV1"):
        if number := visit.text(19):
            source.reference("e", number)


def carry(
    kafka: KafkaSettings, found: Found, now: datetime, progress: Callable[[int], None]
) -> None:
    """
    Write what *found* says, and when all of it is safe that the present key counts.

    Until then the former one does. Running it again writes what is missing.

    Raises:
        ChangedMeanwhile: *found* is out of date; what was written by then is looked at by nobody.
    """
    _require_same_mark(kafka, found)
    own, publisher = found.present.fingerprint, Publisher(kafka)
    try:
        for number, (made, had) in enumerate(found.carrying.carry.items(), 1):
            record = CarriedReference(fingerprint=own, reference=made, stands_for=had)
            publisher.send(
                REFERENCES.name, record_key(own, made), record.model_dump_json().encode()
            )
            if number % GROUP == 0:
                progress(publisher.confirm())
        progress(publisher.confirm())
        if found.kept.mark is None or found.kept.mark.fingerprint != own:
            _require_same_mark(kafka, found)
            former = found.former.fingerprint
            write_mark(kafka, KeyInUse(fingerprint=own, former=former, since=now))
        # Those of keys before these two are asked by nobody any more.
        for fingerprint, carried in found.kept.carried.items():
            if fingerprint not in {own, found.former.fingerprint}:
                for made in carried:
                    publisher.send(REFERENCES.name, record_key(fingerprint, made), None)
        publisher.confirm()
    finally:
        publisher.close()


def _require_same_mark(kafka: KafkaSettings, found: Found) -> None:
    if read_references(kafka).mark != found.kept.mark:
        raise ChangedMeanwhile
