"""What became of a record that was handed to librdkafka: it tells by a call, some time later."""

from __future__ import annotations

from typing import Any

from kafka.errors import KafkaError, KafkaTimeoutError, for_code


class Sent:
    """A record on its way: what came of it."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: KafkaError | None = None

    def delivered(self, error: Any, _: object) -> None:
        """Note the broker's answer."""
        if error is not None:
            self.error = as_error(error)


def as_error(error: Any) -> KafkaError:
    """Return librdkafka's word on a record as the one error family that the rest of cordwatch knows."""
    code = int(error.code())
    # Negative ones are its own: given up, no broker, purged.
    kind = for_code(code) if code >= 0 else KafkaTimeoutError
    found: KafkaError = kind(error.name())
    return found
