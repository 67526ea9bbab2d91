"""What the watch machine takes in, and what it wants done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a watched topic, its topic by noun."""

    noun: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Write:
    """Rows for the facts topic, each on the partition of its patient; None drops the row."""

    rows: Mapping[int, Mapping[bytes, bytes | None]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for another topic; the broker's partitioner places it by its key."""

    noun: str
    key: bytes
    value: bytes
    level_at: datetime | None = None
    """When the level was reached that it raises; None if it raises none."""


@dataclass(frozen=True, slots=True)
class Send:
    """Messages of which every one must be acknowledged before anything else happens."""

    messages: Sequence[Outgoing]


@dataclass(frozen=True, slots=True)
class Durable:
    """Everything before these offsets is safe: they may be committed."""

    offsets: Mapping[tuple[str, int], int]


Effect = Write | Send | Durable
"""Done one after the other: the next is asked for only when the broker has acknowledged all of this one."""
