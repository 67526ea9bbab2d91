"""Who of watch's workers reads which partitions: asked of the broker, so that no worker is left out of a round."""

from __future__ import annotations

import contextlib
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.topics import ADMISSIONS

ASK_MS = 3_000

log = get_logger("cordwatch.synthetic")


class Owners:
    """
    Asks for the members of one consumer group.

    By kafka-python, and by a client for each question: that of librdkafka ended the
    whole process when a broker answered that had been away (2.16, an assertion in
    what looks for the group's place), and keeps the certificates that it began with.
    """

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        """Ask about *group*; the connection is made when it is needed."""
        self._kafka, self._group = kafka, group

    def ask(self) -> list[set[int]] | None:
        """Return the partitions of each worker; None where the broker does not say, or they change just now."""
        try:
            found = self._described()
        except (KafkaError, OSError) as error:
            log.warning("the broker does not say who watches what", error=type(error).__name__)
            return None
        owned = [_read_by(one["member_assignment"]) for one in found["members"]]
        return [one for one in owned if one] or None

    def _described(self) -> Any:
        briefly = {"bootstrap_timeout_ms": ASK_MS, "request_timeout_ms": ASK_MS}
        with contextlib.closing(KafkaAdminClient(**{**self._kafka.client(), **briefly})) as admin:
            return admin.describe_groups([self._group])[self._group]


def _read_by(assignment: Any) -> set[int]:
    """Return which patients' partitions one member reads; a member that just joins has no assignment."""
    assigned = assignment["assigned_partitions"] if isinstance(assignment, dict) else ()
    parts = [one["partitions"] for one in assigned if one["topic"] == ADMISSIONS.name]
    return {part for several in parts for part in several}
