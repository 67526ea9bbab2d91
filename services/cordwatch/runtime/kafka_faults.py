"""Why there is nothing to work with: no broker, no topic, or another topic than ours."""

from __future__ import annotations

from collections.abc import Sequence


class BrokerUnreachable(RuntimeError):
    """No broker answered in time; names the address."""

    def __init__(self, address: str, waited_s: float) -> None:
        """Say where and for how long it was tried."""
        super().__init__(f"no Kafka broker answers at {address} (tried for {waited_s:g} s)")


class GroupsUnknown(RuntimeError):
    """A broker answers, and has not found its place for groups yet: it has just begun, or is busy; names the address."""

    def __init__(self, address: str, waited_s: float) -> None:
        """Say where and for how long it was asked."""
        super().__init__(
            f"the Kafka broker at {address} does not say yet who reads (asked for {waited_s:g} s)"
        )


class MissingTopics(RuntimeError):
    """Topics are not provisioned; names the command that creates them."""

    def __init__(self, missing: Sequence[str], address: str) -> None:
        """Name the topics, and where they were looked for."""
        super().__init__(
            f"topics are missing: {', '.join(missing)}\n"
            f"create them: cordwatch --kafka {address} topics apply"
        )


class WrongTopics(RuntimeError):
    """A topic has another number of partitions than its patients are spread over."""

    def __init__(self, name: str, found: int, wanted: int) -> None:
        """Say which, and why nothing here mends it."""
        super().__init__(
            f"{name} has {found} partitions and must have {wanted}: it must be made anew, "
            "since a changed count would strand what is in it"
        )
