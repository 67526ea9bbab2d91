"""Rows go out in batches: every one of them, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from cordwatch.watch.row_batches import send_rows


class Batch:
    """Holds two rows, as aiokafka's holds so many bytes; none longer than 9."""

    def __init__(self) -> None:
        self.rows: list[tuple[bytes, bytes | None]] = []
        self.is_closed = False

    def append(self, *, timestamp: None, key: bytes, value: bytes | None) -> object | None:
        """Take a row, or return None when full."""
        assert timestamp is None
        if len(self.rows) == 2 or len(value or b"") > 9:
            self.is_closed = True
            return None
        self.rows.append((key, value))
        return object()

    def close(self) -> None:
        """Take no more."""
        self.is_closed = True

    def record_count(self) -> int:
        """Return how many rows it has."""
        return len(self.rows)


class Producer:
    """Notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[Batch] = []

    def create_batch(self) -> Batch:
        """Return an empty batch."""
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Awaitable[None]:
        """Take a batch that nobody will add to."""
        assert (topic, partition, batch.is_closed) == ("facts", 7, True)
        self.sent.append(batch)
        return asyncio.sleep(0)


async def test_every_row_is_sent_once_and_in_order() -> None:
    """Five rows make two full batches and one with the rest; each is waited for."""
    rows: list[tuple[bytes, bytes | None]] = [(b"%d" % n, b"v") for n in range(4)]
    rows.append((b"4", None))
    producer = Producer()
    pending = await send_rows(producer, "facts", 7, rows)
    assert [row for batch in producer.sent for row in batch.rows] == rows
    assert len(pending) == len(producer.sent) == 3
    await asyncio.gather(*pending)


async def test_no_rows_no_batch() -> None:
    """Nothing is sent and nothing waited for."""
    producer = Producer()
    assert await send_rows(producer, "facts", 7, []) == []
    assert producer.sent == []


async def test_a_row_that_fits_nowhere_is_an_error_and_not_left_out() -> None:
    """The worker then ends before the offset is committed."""
    with pytest.raises(ValueError, match="does not fit"):
        await send_rows(Producer(), "facts", 7, [(b"0", b"far too long")])
