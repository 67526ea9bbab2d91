"""An HL7 v2 message: segments, fields, repetitions and components, read only where asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cordwatch.feeds.hl7.encoding import (
    Delimiters,
    Unreadable,
    decode,
    read_delimiters,
    unescape,
)

__all__ = ["Message", "Segment", "Unreadable", "parse"]

_NULL_AS_SENT = '""'
_BOM = b"\xef\xbb\xbf"
WORD_MAX = 100
"""A longer field is searched for one delimiter at a time: quicker than each of its characters for any."""


class Segment:
    """
    One line of a message; fields and components are counted from 1, as HL7 does, MSH-1 included.

    Repetitions are counted from 0, as lists are.
    """

    __slots__ = ("_fields", "_line", "delimiters", "name")

    def __init__(self, line: str, delimiters: Delimiters) -> None:
        """Keep *line*; it is split when first asked."""
        self.name = line[:3]
        self.delimiters = delimiters
        self._line = line
        self._fields: list[str] | None = None

    def __repr__(self) -> str:
        """Name the segment; its content is a patient's."""
        return f"<{self.name}>"

    @property
    def line(self) -> str:
        """Return the segment as sent."""
        return self._line

    @property
    def fields(self) -> Sequence[str]:
        """Return the fields as sent; the name stands at 0."""
        if self._fields is None:
            self._fields = self._line.split(self.delimiters.field)
            if self.name == "MSH":
                self._fields.insert(1, self.delimiters.field)
        return self._fields

    def raw(self, field: int, repetition: int = 0) -> str:
        """Return a repetition of a field as sent, empty if there is none."""
        fields = self.fields
        if field >= len(fields):
            return ""
        value = fields[field]
        if self.delimiters.repetition not in value or self._is_declaration(field):
            return "" if repetition else value
        parts = value.split(self.delimiters.repetition)
        return parts[repetition] if repetition < len(parts) else ""

    def whole(self, field: int) -> str:
        """Return a field as sent, with all its repetitions."""
        return self.fields[field] if field < len(self.fields) else ""

    def put(self, field: int, raw: str) -> None:
        """Let *raw* stand in a field: only a source profile does so, before anything is read."""
        found = list(self.fields)
        found += [""] * (field + 1 - len(found))
        found[field] = raw
        self._fields = found

    def repetitions(self, field: int) -> int:
        """Return how often a field repeats; 0 when it is empty."""
        if field >= len(self.fields) or not self.fields[field]:
            return 0
        if self._is_declaration(field):
            return 1
        return self.fields[field].count(self.delimiters.repetition) + 1

    def text(self, field: int, component: int = 1, *, repetition: int = 0, sub: int = 1) -> str:
        """Return a component's text, unescaped; empty when absent, empty or null."""
        fields = self._fields or self.fields
        # Most of what is asked for is not there, or is a plain word: neither holds a delimiter.
        value = fields[field] if field < len(fields) else ""
        if not value:
            return ""
        if len(value) < WORD_MAX and self.delimiters.marks.isdisjoint(value):
            return value.strip() if component == sub == 1 and repetition == 0 else ""
        value = self.raw(field, repetition)
        if self._is_declaration(field):
            return value
        # A null field makes every part of it null.
        for delimiter, place in (
            (self.delimiters.component, component),
            (self.delimiters.subcomponent, sub),
        ):
            if value and value != _NULL_AS_SENT:
                value = _part(value, delimiter, place)
        return "" if value == _NULL_AS_SENT else unescape(value, self.delimiters).strip()

    def is_null(self, field: int) -> bool:
        """Return whether the field says "delete what you know" rather than nothing."""
        return self.raw(field) == _NULL_AS_SENT

    def _is_declaration(self, field: int) -> bool:
        return field <= 2 and self.name == "MSH"  # noqa: PLR2004 - the delimiters themselves


def _part(value: str, delimiter: str, place: int) -> str:
    """Return the part of *value* at *place*, empty where it has fewer."""
    if delimiter not in value:
        return value if place == 1 else ""
    parts = value.split(delimiter)
    return parts[place - 1] if place <= len(parts) else ""


@dataclass(frozen=True)
class Message:
    """A whole message: its header has been read, its segments are in order."""

    segments: Sequence[Segment]

    @property
    def header(self) -> Segment:
        """Return MSH."""
        return self.segments[0]

    @cached_property
    def code(self) -> str:
        """Return the message type without its trigger, `ADT`."""
        return self.header.text(9)

    @cached_property
    def trigger(self) -> str:
        """Return the trigger as MSH-9 has it, empty where it is left out; it rules, not EVN-1."""
        return self.header.text(9, 2)

    @property
    def type(self) -> str:
        """Return message type and trigger, `ADT^A01`."""
        return f"{self.code}^{self.trigger}" if self.trigger else self.code

    def all(self, *names: str) -> Iterator[Segment]:
        """Return the segments of these names, in order."""
        return (segment for segment in self.segments if segment.name in names)

    def first(self, name: str) -> Segment | None:
        """Return the first segment of this name."""
        for segment in self.segments:
            if segment.name == name:
                return segment
        return None

    def groups(self, *leaders: str) -> Iterator[list[Segment]]:
        """
        Return runs of segments that begin with one of *leaders*, in order.

        A leader that follows a higher one (OBR after ORC) stays in its group;
        the same or a higher one opens the next, so that repeated orders never
        collapse into one. What comes before the first leader is in no group.
        """
        group: list[Segment] = []
        lowest = -1
        for segment in self.segments:
            if segment.name in leaders:
                rank = leaders.index(segment.name)
                if group and rank <= lowest:
                    yield group
                    group = []
                lowest = rank
            if lowest >= 0:
                group.append(segment)
        if group:
            yield group


def parse(
    data: bytes, fallback: str = "iso8859_1", own_names: Mapping[str, str] | None = None
) -> Message:
    """
    Return the message in *data*, with any of the three line ends.

    *fallback* is the codec for a source that declares none and does not send
    UTF-8, *own_names* what it calls its character sets. A line that is no segment is text whose line break was not escaped:
    it goes on with the field before it.

    Raises:
        Unreadable: header or charset; its text holds nothing of the content.
    """
    data = data.removeprefix(_BOM)
    delimiters = read_delimiters(data)
    start = _segment_start(delimiters.field)
    lines: list[list[str]] = []
    text = decode(data, delimiters, fallback, own_names)
    for line in text.replace("\r\n", "\r").replace("\n", "\r").split("\r"):
        if start.match(line):
            lines.append([line])
        elif lines and line.strip():
            lines[-1].append(line)
    segments = [
        Segment(parts[0] if len(parts) == 1 else "\n".join(parts), delimiters) for parts in lines
    ]
    if not segments or segments[0].name != "MSH":
        raise Unreadable("MSH", "no header segment")
    message = Message(segments)
    if not message.code:
        raise Unreadable("MSH-9", "message type is missing")
    if not message.header.text(10):
        raise Unreadable("MSH-10", "control id is missing")
    return message


@lru_cache(maxsize=64)
def _segment_start(separator: str) -> re.Pattern[str]:
    return re.compile(rf"[A-Z][A-Z0-9]{{2}}(?:{re.escape(separator)}|\Z)")
