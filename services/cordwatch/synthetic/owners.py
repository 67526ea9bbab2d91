"""Who of watch's workers reads which partitions: asked of the broker, so that no worker is left out of a round."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.topics import ADMISSIONS

ASK_S = 3.0

log = get_logger("cordwatch.synthetic")


class Owners:
    """Asks for the members of one consumer group."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        """Ask about *group*; the connection is made when it is first needed."""
        self._admin = AdminClient({**kafka.librdkafka(), "log_level": 0})
        self._group = group

    def ask(self) -> list[set[int]] | None:
        """Return the partitions of each worker; None where the broker does not say, or they change just now."""
        asked = self._admin.describe_consumer_groups([self._group], request_timeout=ASK_S)
        try:
            found = asked[self._group].result(ASK_S)
        except (KafkaException, TimeoutError) as error:
            log.warning("the broker does not say who watches what", error=type(error).__name__)
            return None
        owned = [
            {
                one.partition
                for one in member.assignment.topic_partitions
                if one.topic == ADMISSIONS.name
            }
            for member in found.members
        ]
        return [one for one in owned if one] or None
