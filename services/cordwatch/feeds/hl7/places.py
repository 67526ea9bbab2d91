"""Where a source writes a thing in another field than HL7 does, or in words of its own: put right before reading."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cordwatch.feeds.hl7.encoding import escape
from cordwatch.feeds.hl7.message import Message, Segment

_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9]\d{0,2})(?:\.([1-9]\d?))?")
_DAY_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a segment, or one of its components: `PV1-3.4`."""

    segment: str
    field: int
    component: int = 0
    """0: the whole field."""

    @classmethod
    def of(cls, text: str) -> Place | None:
        """Return the place that *text* names, None if it names none."""
        match = _PLACE.fullmatch(text)
        return cls(match[1], int(match[2]), int(match[3] or 0)) if match else None

    def raw(self, segment: Segment) -> str:
        """Return what stands here, as sent."""
        whole = segment.raw(self.field)
        if not self.component:
            return segment.whole(self.field)
        parts = whole.split(segment.delimiters.component)
        return parts[self.component - 1] if self.component <= len(parts) else ""

    def put(self, segment: Segment, raw: str) -> None:
        """Let *raw* stand here instead."""
        if not self.component:
            segment.put(self.field, raw)
            return
        marks = segment.delimiters
        first, *others = segment.whole(self.field).split(marks.repetition)
        parts = first.split(marks.component)
        parts += [""] * (self.component - len(parts))
        parts[self.component - 1] = raw
        segment.put(self.field, marks.repetition.join((marks.component.join(parts), *others)))


@dataclass(frozen=True, slots=True)
class Override:
    """What a source does differently with one field."""

    at: Place
    taken_from: Place | None = None
    """Where the source writes it; empty there, the field itself is read."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Words of the source, in capitals, and those of the HL7 table."""
    otherwise: str | None = None
    """What is meant where nothing is written."""
    day_only: bool = False
    """Whether the time of day that is written means nothing."""

    def apply(self, segment: Segment, others: list[Segment]) -> None:
        """Put the field of *segment* right; *others* are those that `taken_from` may mean."""
        if self.taken_from is not None:
            found = (self.taken_from.raw(one) for one in others)
            raw = next((one for one in found if one), "")
            if raw:
                self.at.put(segment, raw)
        if self.otherwise is not None and not self.at.raw(segment):
            self.at.put(segment, escape(self.otherwise, segment.delimiters))
        if self.values:
            self._translate(segment)
        if self.day_only:
            self._cut(segment)

    def _translate(self, segment: Segment) -> None:
        marks = segment.delimiters
        repeated = self.at.raw(segment).split(marks.repetition)
        changed = False
        for number, one in enumerate(repeated):
            said, *rest = one.split(marks.component)
            meant = self.values.get(said.strip().upper())
            if meant is not None:
                changed = True
                repeated[number] = marks.component.join((escape(meant, marks), *rest))
        if changed:
            self.at.put(segment, marks.repetition.join(repeated))

    def _cut(self, segment: Segment) -> None:
        said, mark, rest = self.at.raw(segment).partition(segment.delimiters.component)
        if said[:_DAY_DIGITS].isdecimal() and len(said) > _DAY_DIGITS:
            self.at.put(segment, said[:_DAY_DIGITS] + mark + rest)


@dataclass(frozen=True, slots=True)
class Overrides:
    """All that a source does differently, in the order of its profile."""

    rules: tuple[Override, ...] = ()

    def apply(self, message: Message) -> None:
        """Put *message* right, in place."""
        for rule in self.rules:
            for number, segment in enumerate(message.segments):
                if segment.name == rule.at.segment:
                    rule.apply(segment, _near(message, number, rule))


def _near(message: Message, number: int, rule: Override) -> list[Segment]:
    """
    Return the segments from which the field of segment *number* may be taken.

    Its own; else those behind it, up to the next of its kind, so that no order
    takes from its neighbour; else the only one of the message.
    """
    own = message.segments[number]
    if rule.taken_from is None:
        return []
    name = rule.taken_from.segment
    if name == own.name:
        return [own]
    behind: list[Segment] = []
    for one in message.segments[number + 1 :]:
        if one.name == own.name:
            break
        if one.name == name:
            behind.append(one)
    every = list(message.all(name))
    return behind or (every if len(every) == 1 else [])
