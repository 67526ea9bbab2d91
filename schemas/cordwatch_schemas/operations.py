"""What is told about feeds and pagers themselves: operational alerts, and what a gateway has learnt of its sources."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from cordwatch_schemas.base import Contract, Instant, RecordId, ShortText

FeedKind = Literal["feed-silent", "quarantine-rate", "gateway-away", "broker-away"]
"""A sender that is silent, more in quarantine than usual, and the two cases in which nobody can tell."""

PagerKind = Literal["page-refused", "pager-away"]
"""A destination of the pager that will not take pages, and one that takes none for some time."""

OperationalKind = FeedKind | PagerKind
OPERATIONAL_KINDS: tuple[OperationalKind, ...] = (*get_args(FeedKind), *get_args(PagerKind))

OperationalStatus = Literal["open", "over"]
"""Whether it still holds."""

Name = Annotated[str, Field(min_length=1, max_length=60)]
"""Of a gateway or of a source profile: what the hospital itself calls it."""


class OperationalAlert(Contract):
    """
    Something is wrong with a feed, or was: a silent feed looks like a quiet ward. Or with a way to page.

    About no patient, so it is no `alert`: for who runs the interfaces, not for
    the ward. The last record of an id counts.
    """

    schema_version: Literal[1] = 1
    alert_id: RecordId
    """Made from what it is about and when that began: told twice, it is one."""
    kind: OperationalKind
    status: OperationalStatus
    gateway: Name
    """Of the gateway, or of the pager."""
    source: Name | None = None
    """Name of the source profile, or of the pager's destination; `-` for senders that fit none; absent: the gateway as a whole."""
    message_type: Name | None = None
    """`ADT`, or `ADT^A40` where the profile names it."""
    since: Instant
    """When it began: the last message before a silence, not the moment at which it was noticed."""
    raised_at: Instant
    over_at: Instant | None = None
    reason: ShortText


class FeedHistory(Contract):
    """What a gateway has learnt of one feed, kept so that a restart does not unlearn it."""

    schema_version: Literal[1] = 1
    kind: Literal["feed-history"] = "feed-history"
    gateway: Name
    source: Name
    message_type: Name | None = None
    """Absent: what is told is how much of the source went to quarantine."""
    saved_at: Instant
    since: Instant | None = None
    """When it began to be listened for."""
    longest_silence_s: int = 0
    silences: dict[int, tuple[int, ...]]
    """By hour of the week (0: Monday, midnight) the longest silence of each of the last weeks, in seconds."""
    quarantined: tuple[int, ...] = ()
    """Of each of the last hours the most messages in quarantine in a quarter of it."""


class GatewayState(Contract):
    """Where a gateway stands, every minute: so that after a restart it knows what it did not hear."""

    schema_version: Literal[1] = 1
    kind: Literal["gateway-state"] = "gateway-state"
    gateway: Name
    saved_at: Instant
    last_message_at: dict[str, Instant]
    """By feed, `SOURCE|TYPE`."""
    quiet_s: dict[str, float]
    """For how long nothing came, counting only time in which it could have been heard."""
    limit_s: dict[str, float]
    """After how long that is told, at this hour of the week."""
    learning: tuple[str, ...] = ()
    """Feeds whose limit is not learnt yet for this hour of the week."""
    ended: bool = False
    """It was told to stop, and has: nothing comes from it until it says more."""


FeedRecord = Annotated[FeedHistory | GatewayState, Field(discriminator="kind")]
"""What stands on the topic of histories."""
