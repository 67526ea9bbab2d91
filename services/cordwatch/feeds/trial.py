"""A profile tried on a message: which fields were read, what came of them, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cordwatch.feeds.fhir.bundle import Resource
from cordwatch.feeds.fhir.mapper import map_fhir
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import UNKNOWN_SENDER, nothing_known, without_source
from cordwatch.feeds.hl7.message import Message, Segment, Unreadable, parse
from cordwatch.feeds.hl7.places import Overrides
from cordwatch.feeds.mapping.fields_read import CODED_TYPES, FIELDS_READ
from cordwatch.feeds.mapping.mapper import Mapped, map_message, map_parsed
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.source import Source, Sources

MASKED = "(masked)"

NO_HL7 = Fault("message", "is an event of our own: no profile has a part in it")


class TracedSegment(Segment):
    """A segment that remembers which of its fields were looked at."""

    __slots__ = ("reads",)

    def __init__(self, segment: Segment) -> None:
        """Stand in for *segment*."""
        super().__init__(segment.line, segment.delimiters)
        self.reads: set[int] = set()

    def raw(self, field: int, repetition: int = 0) -> str:
        """Return a repetition of a field as sent, and remember."""
        self.reads.add(field)
        return super().raw(field, repetition)

    def text(self, field: int, component: int = 1, *, repetition: int = 0, sub: int = 1) -> str:
        """Return what a place says, and remember."""
        self.reads.add(field)
        return super().text(field, component, repetition=repetition, sub=sub)

    def whole(self, field: int) -> str:
        """Return a field as sent, and remember."""
        self.reads.add(field)
        return super().whole(field)

    def filled(self) -> list[int]:
        """Return the fields in which something stands, without remembering."""
        return [at for at, text in enumerate(self.fields) if at and text]


@dataclass(frozen=True, slots=True)
class FieldTried:
    """A field of the message that is filled, and what became of it."""

    place: str
    shown: str
    """What stands there; masked where it may tell who the patient is."""
    before: str | None
    """What stood there before the profile changed it."""
    was_read: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What a message comes to, and how."""

    item: Item
    mapped: Mapped | None
    """None: it is no message, or no profile is for its sender."""
    fields: Sequence[FieldTried] = ()
    faults: Sequence[Fault] = ()


def trial(
    item: Item,
    sources: Sources,
    received_at: datetime | None,
    known: Callable[[str], Resource | None] = nothing_known,
) -> Trial:
    """Return what *item* comes to with the source that fits it, in HL7 v2 field by field."""
    if item.kind != "message":
        return Trial(item, None, (), (Fault("message", item.reason),))
    if item.format == "fhir":
        return _trial_of_fhir(item, sources, received_at, known)
    if item.format != "hl7v2":
        return Trial(item, None, (), (NO_HL7,))
    source = sources.of(item.data, "")
    if source is None:
        return Trial(item, None, (), (without_source(item.data),))
    try:
        parsed = parse(item.data, source.charset_fallback, source.charset_names)
    except Unreadable:
        mapped = map_message(item.data, source, received_at)
        return Trial(item, mapped, (), mapped.faults)
    message, before = _prepared(parsed, source)
    as_it_is = replace(source, overrides=Overrides())
    mapped = map_parsed(message, item.data, as_it_is, received_at)
    return Trial(item, mapped, tuple(_fields(message, before)), mapped.faults)


def _trial_of_fhir(
    item: Item,
    sources: Sources,
    received_at: datetime | None,
    known: Callable[[str], Resource | None],
) -> Trial:
    source = sources.of(item.data, "")
    if source is None:
        return Trial(item, None, (), (UNKNOWN_SENDER,))
    found = map_fhir(item.data, source, received_at, known=known)
    mapped = Mapped(
        found.outcome,
        "FHIR",
        found.sender,
        found.message_id,
        found.sent_at,
        found.events,
        found.faults,
    )
    return Trial(item, mapped, (), found.faults)


def _prepared(parsed: Message, source: Source) -> tuple[Message, list[Sequence[str]]]:
    """Return the message as the profile puts it, its fields not read yet, and what they were."""
    segments = [TracedSegment(one) for one in parsed.segments]
    before: list[Sequence[str]] = [tuple(one.fields) for one in segments]
    message = Message(segments)
    source.overrides.apply(message)
    for one in segments:
        one.reads.clear()
    return message, before


def _fields(message: Message, before: list[Sequence[str]]) -> Iterator[FieldTried]:
    for segment, old in zip(message.segments, before, strict=True):
        assert isinstance(segment, TracedSegment)  # noqa: S101 - `_prepared` made it
        reads = frozenset(segment.reads)
        for at in segment.filled():
            if segment.name == "MSH" and at <= 2:  # noqa: PLR2004 - the delimiters
                continue
            was = old[at] if at < len(old) else ""
            yield FieldTried(
                f"{segment.name}-{at}",
                _shown(segment, at, segment.fields[at]),
                None if was == segment.fields[at] else _shown(segment, at, was),
                at in reads,
            )


def _shown(segment: Segment, at: int, text: str) -> str:
    kind = FIELDS_READ.get(segment.name, {}).get(at, "name")
    if kind == "value" and segment.text(2) in CODED_TYPES:
        kind = "code"
    return text if kind not in {"name", "number", "value"} or not text else MASKED
