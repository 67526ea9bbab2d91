"""Who may do what on the broker: for each service the topics that it reads and writes, and the groups that it joins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cordwatch_schemas.topics import (
    ACKS,
    ALERTS,
    AUDIT,
    FACTS,
    FORWARDED,
    HISTORIES,
    IDENTITIES,
    OPERATIONS,
    PAGES,
    POSITIONS,
    QUARANTINE,
    RAW,
    RECEIPTS,
    REFERENCES,
    SOURCES,
    TOPICS,
    USED_TOKENS,
    WATCHED,
    Topic,
)

Operation = Literal["Read", "Write", "Describe", "Create", "DescribeConfigs", "AlterConfigs"]
"""As Kafka names them; who may read or write may describe too, without another rule."""
Kind = Literal["topic", "group"]

WATCH_GROUP: Final = "cordwatch-watch"
PAGER_GROUP: Final = "cordwatch-pager"
SYNTHETIC_GROUP: Final = "cordwatch-synthetic"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is allowed: always of one name, never of a pattern."""

    kind: Kind
    name: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Access:
    """
    What one service may do on the broker, and nothing else.

    Nobody needs a transactional id: watch is idempotent by its state and uses no
    transactions (docs/faust-traps.md). Nobody creates a topic but `topics`, Faust
    neither: its changelog is the topic of facts.
    """

    service: str
    does: str
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    joins: tuple[str, ...] = ()
    """Consumer groups, by the names that they have where no option says another."""
    asks: tuple[str, ...] = ()
    """Consumer groups that it is not in, and asks about, or names without joining."""
    counts: tuple[Topic, ...] = ()
    """Of these it asks how far they go, and reads nothing."""
    provisions: tuple[Topic, ...] = ()

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Return every topic that it touches, in the order of the registry."""
        touched = {one.name for one in (*self.reads, *self.writes, *self.counts)}
        return tuple(one for one in TOPICS if one.name in touched)

    def rules(self, groups: Mapping[str, str] | None = None) -> Iterator[Rule]:
        """Yield what must be allowed; *groups* says which groups have another name."""
        named = groups or {}
        for topic in TOPICS:
            if topic in self.reads:
                yield Rule("topic", topic.name, "Read")
            if topic in self.writes:
                yield Rule("topic", topic.name, "Write")
            if topic in self.counts:
                yield Rule("topic", topic.name, "Describe")
            if topic in self.provisions:
                for operation in _PROVISIONING:
                    yield Rule("topic", topic.name, operation)
        for group in self.joins:
            yield Rule("group", named.get(group, group), "Read")
        for group in self.asks:
            yield Rule("group", named.get(group, group), "Describe")


_PROVISIONING: Final[tuple[Operation, ...]] = (
    "Create",
    "Describe",
    "DescribeConfigs",
    "AlterConfigs",
)

_PUBLISHED = (RAW, QUARANTINE, IDENTITIES, POSITIONS, RECEIPTS, ACKS, *SOURCES)
"""What a message becomes, whoever reads it: the gateway or `replay`."""

WATCH = Access(
    "watch",
    "keeps the clocks",
    reads=(*WATCHED, FACTS),
    writes=(FACTS, FORWARDED, ALERTS, QUARANTINE),
    joins=(WATCH_GROUP,),
)
FEEDS = Access(
    "feeds",
    "reads the hospital's messages",
    reads=(POSITIONS, RECEIPTS, HISTORIES, OPERATIONS, REFERENCES),
    writes=(*_PUBLISHED, HISTORIES, OPERATIONS, REFERENCES),
    asks=("cordwatch-following",),
)
PAGER = Access(
    "pager",
    "tells who must know",
    reads=(ALERTS, ACKS, OPERATIONS, PAGES),
    writes=(PAGES, OPERATIONS, ACKS),
    joins=(PAGER_GROUP,),
)
BOARD = Access(
    "board",
    "shows every clock",
    reads=(FACTS, ALERTS, ACKS, PAGES, IDENTITIES, OPERATIONS, HISTORIES, AUDIT, USED_TOKENS),
    writes=(ACKS, AUDIT, USED_TOKENS),
    asks=("cordwatch-board", "cordwatch-following"),
)
SYNTHETIC = Access(
    "synthetic",
    "is somebody invented, every minute",
    reads=(ALERTS, PAGES),
    writes=SOURCES,
    joins=(SYNTHETIC_GROUP,),
    asks=(WATCH_GROUP,),
)
PROVISION = Access("topics", "`cordwatch topics`: makes the topics", provisions=TOPICS)
ANSWER = Access(
    "answer",
    "`cordwatch ack`, `stand-down`, `classify`, by hand",
    reads=(ALERTS,),
    writes=(ACKS,),
)
REPLAY = Access(
    "replay",
    "`cordwatch replay` and `quarantine`, by hand",
    reads=(RAW, QUARANTINE, *SOURCES, ACKS, FACTS, IDENTITIES, REFERENCES),
    writes=(*_PUBLISHED, REFERENCES),
    asks=("cordwatch-following",),
)
CARRY = Access(
    "references",
    "`cordwatch references`, by hand: another key",
    reads=(RAW, *SOURCES, FACTS, IDENTITIES, HISTORIES, REFERENCES),
    writes=(REFERENCES,),
    asks=("cordwatch-following",),
)
LOOK = Access(
    "look",
    "`cordwatch alerts`, `report`, `operations`, `audit`, `pager pages`, `pack diff --live`, `doctor`",
    reads=(ALERTS, ACKS, FACTS, OPERATIONS, HISTORIES, AUDIT, PAGES, REFERENCES),
    asks=("cordwatch-following",),
)
SCALING = Access(
    "keda",
    "KEDA: counts what watch has not read, where it chooses the number of workers",
    counts=WATCHED,
    asks=(WATCH_GROUP,),
)

ACCESS: Final = (
    WATCH,
    FEEDS,
    PAGER,
    BOARD,
    SYNTHETIC,
    PROVISION,
    ANSWER,
    REPLAY,
    CARRY,
    LOOK,
    SCALING,
)
"""Each service, and each thing that people do by hand, with a name of its own on the broker."""
