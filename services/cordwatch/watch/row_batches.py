"""Rows go to the broker by the batch: a future for each row would cost more than the row."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any

BATCH_BYTES = 256 * 1024
"""Well under the broker's limit of 1 MiB for a batch; a larger row gets one of its own."""


async def send_rows(
    producer: Any, topic: str, partition: int, rows: Iterable[tuple[bytes, bytes | None]]
) -> list[Awaitable[Any]]:
    """Hand *rows* over to an aiokafka producer; what is returned resolves when all are acknowledged."""
    pending: list[Awaitable[Any]] = []
    batch = producer.create_batch()
    for key, value in rows:
        if batch.append(timestamp=None, key=key, value=value) is None:
            pending.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            if batch.append(timestamp=None, key=key, value=value) is None:
                raise ValueError("a row does not fit into an empty batch")
    if batch.record_count():
        batch.close()
        pending.append(await producer.send_batch(batch, topic, partition=partition))
    return pending
