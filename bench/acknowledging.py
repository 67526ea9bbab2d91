"""How fast the gateway acknowledges what is safe on the broker, and whether a whole day of it stays in order."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from confluent_kafka import Consumer, TopicPartition

from bench.findings import Findings, at_most
from bench.hospital_day import Sent, stream
from bench.running import cpu_s, fresh_broker, memory_bytes
from cordwatch.feeds.hl7.mllp import frame
from cordwatch_schemas.topics import RAW, SOURCES
from tests.kafka.gateway import Gateway

SECTION = "Gateway"
CONNECTIONS = 20
WINDOW = 50
"""Unanswered messages of a connection, as an interface engine that pipelines has them."""
DAY, MERGES, DAY_S_MAX = 219_564, 299, 300
MIB = 1024 * 1024
BIG_FRAMES = 20
WARM_UP_S, WARM_UP_PER_S = 40, 2_000
RUNS = 3
"""Of each pace: whatever else the machine does, or its host, only ever adds. All of them are told."""
SHARED = "broker, sender and gateway share the cores of this machine, and a group waits for the broker twice"
ANSWER_S_MAX = 60.0

Timed = tuple[float | None, bytes]
"""When a frame is to be sent, in seconds since the beginning (None: as soon as may be), and the frame."""
MEMORY_GROWTH_MAX = 1.1


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a stream of messages."""

    took_s: float
    lateness_s: Sequence[float]
    """From the moment at which each was to be sent until its acknowledgement, sorted."""

    def share(self, part: float) -> float:
        """Return within how many seconds that part of them was acknowledged."""
        return self.lateness_s[min(len(self.lateness_s) - 1, int(len(self.lateness_s) * part))]


def acknowledging(found: Findings, folder: Path, seconds: int, day: int) -> None:
    """Send at two paces for *seconds* each, then big frames, then *day* messages as fast as they are answered."""
    with (
        fresh_broker(folder / "gateway") as kafka,
        Gateway(kafka, folder / "gateway" / "gateway.log") as gateway,
    ):
        messages = stream(10_000_000)
        # The broker makes its files when a partition is first written to, and its program is compiled as it runs.
        _send(gateway, messages, WARM_UP_S * WARM_UP_PER_S, WARM_UP_PER_S)
        for per_s, p99_ms in ((400, 20), (2_000, 50)):
            runs = [_send(gateway, messages, per_s * seconds, per_s) for _ in range(RUNS)]
            runs.sort(key=lambda one: one.share(0.99))
            done = runs[0]
            others = " and ".join(f"{one.share(0.99) * 1000:.0f}" for one in runs[1:])
            found.add(
                SECTION,
                f"durable acknowledgements at {per_s:,}/s over {CONNECTIONS} connections",
                f"p50 {done.share(0.5) * 1000:.0f} ms, p99 {done.share(0.99) * 1000:.0f} ms",
                f"sent evenly for {seconds} s, not waiting for answers, to a broker that has run for a minute; "
                "from the moment at which each was to be sent; "
                f"the best of {RUNS} runs, p99 of the others {others} ms",
                (at_most(p99_ms / 1000, f"{p99_ms} ms (p99)"), done.share(0.99)),
                why_missed=SHARED,
            )
        big = asyncio.run(
            _answered(gateway.port, [[(None, _big(n)) for n in range(BIG_FRAMES)]], 1)
        )
        found.add(
            SECTION,
            "a frame of 1 MiB",
            f"p50 {big.share(0.5) * 1000:.0f} ms, worst {big.share(1) * 1000:.0f} ms",
            f"{BIG_FRAMES} of them, one after the other",
            (at_most(0.05, "50 ms (p50)"), big.share(0.5)),
        )
    with (
        fresh_broker(folder / "day") as kafka,
        Gateway(kafka, folder / "day" / "gateway.log") as gateway,
    ):
        _whole_day(found, kafka, gateway, day)


def _whole_day(found: Findings, kafka: str, gateway: Gateway, day: int) -> None:
    messages = stream(day, MERGES)
    used_s = -cpu_s(gateway.process.pid)
    first = _send(gateway, messages, day // 4)
    quarter_bytes = memory_bytes(gateway.process.pid, "VmRSS")
    rest = _send(gateway, messages, day - day // 4)
    used_s += cpu_s(gateway.process.pid)
    took_s, end_bytes = first.took_s + rest.took_s, memory_bytes(gateway.process.pid, "VmRSS")
    found.add(
        SECTION,
        f"a day of {day:,} messages, {MERGES} of them merges",
        f"{took_s:.0f} s, {day / took_s:,.0f} durable acknowledgements/s",
        f"{CONNECTIONS} connections with up to {WINDOW} unanswered each; {used_s:.0f} s of processor time",
        (at_most(DAY_S_MAX, f"{DAY_S_MAX} s"), took_s),
    )
    growth = end_bytes / quarter_bytes
    found.add(
        SECTION,
        "memory over that day",
        f"{quarter_bytes / MIB:.0f} MiB after a quarter, {end_bytes / MIB:.0f} MiB at its end",
        "resident; in it 33 bytes for each message, since its receipt is kept for a week",
        (at_most(MEMORY_GROWTH_MAX, "1.1 times"), growth),
    )
    kept, events, wrong = _order(kafka)
    assert kept == day, f"{kept} of {day} messages are on the raw topic"
    found.add(
        SECTION,
        "messages of a patient out of order",
        f"{wrong:,}",
        f"among {events:,} events, on each topic by key",
        (at_most(0, "0"), wrong),
    )


def _send(
    gateway: Gateway, messages: Iterator[Sent], count: int, per_s: int | None = None
) -> Answered:
    """Send the next *count* messages, every patient's over one connection, one every 1/*per_s* seconds of all."""
    lines: list[list[Timed]] = [[] for _ in range(CONNECTIONS)]
    for number in range(count):
        one = next(messages)
        due_s = None if per_s is None else number / per_s
        lines[crc32(one.patient) % CONNECTIONS].append((due_s, frame(one.data)))
    return asyncio.run(_answered(gateway.port, lines, WINDOW))


async def _answered(port: int, lines: Sequence[Sequence[Timed]], window: int) -> Answered:
    began = time.perf_counter()
    late = await asyncio.gather(*(_line(port, one, window, began) for one in lines))
    return Answered(time.perf_counter() - began, sorted(each for one in late for each in one))


async def _line(port: int, frames: Sequence[Timed], window: int, start: float) -> list[float]:
    """Send *frames* over a connection of their own, each at its time since *start* or as soon as the window lets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun: deque[float] = deque()
    late: list[float] = []
    room = asyncio.Semaphore(window)

    async def write() -> None:
        for due_s, one in frames:
            due = time.perf_counter()
            if due_s is not None:
                due = start + due_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await room.acquire()
            begun.append(due)
            writer.write(one)
            await writer.drain()

    async def read() -> None:
        for _ in frames:
            async with asyncio.timeout(ANSWER_S_MAX):
                content = await reader.readuntil(b"\x1c\r")
            assert b"MSA|AA|" in content, content
            late.append(time.perf_counter() - begun.popleft())
            room.release()

    await asyncio.gather(write(), read())
    writer.close()
    return late


def _big(number: int) -> bytes:
    """Return a result with a document of 1 MiB in it."""
    return frame(
        b"MSH|^~\\&|DEMO|CORDWATCH|WATCH|CW|20260302120000+0000||ORU^R01|B%08d|P|2.5\r"
        b"PID|1||BIG%d^^^DEMO^MR\rOBR|1|L%d|F%d|11502-2^Report^LN|||20260302120000+0000\r"
        b"OBX|1|ED|11502-2^Report^LN||^application^pdf^Base64^%s||||||F\r"
        % (number, number, number, number, b"QUJD" * (MIB // 4))
    )


def _order(kafka: str) -> tuple[int, int, int]:
    """
    Return how many messages are kept, how many events there are, and how many stand behind a later one of their key.

    A merge stands under both its references; it was sent in order with the survivor's messages alone.
    """
    last: dict[tuple[str, bytes], str] = {}
    events = wrong = 0
    for topic in SOURCES:
        for key, value in _records(kafka, topic.name):
            event = json.loads(value)
            if event.get("retired") == key.decode():
                continue
            message_id = str(event["source_message_id"])
            place = (topic.name, key)
            wrong += message_id < last.get(place, "")
            last[place] = message_id
            events += 1
    return sum(1 for _ in _records(kafka, RAW.name)), events, wrong


def _records(kafka: str, topic: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of every record, partition by partition."""
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": "bench-order", "enable.partition.eof": True}
    )
    parts = list(consumer.list_topics(topic).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, one, 0) for one in parts])
    ended = 0
    while ended < len(parts):
        record = consumer.poll(30)
        assert record is not None, "the broker says nothing"
        if record.error():
            ended += 1
        else:
            yield record.key() or b"", record.value() or b""
    consumer.close()
