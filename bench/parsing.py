"""How many HL7 messages a core parses, and parses and maps; two libraries beside it that only parse."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import hl7
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from bench.findings import Findings, at_least
from bench.hospital_day import noise, numbered, of_others
from cordwatch.feeds.hl7.message import parse
from cordwatch.feeds.mapping.mapper import map_message
from cordwatch.feeds.source import Source

WANTED_PER_S = 20_000
ROUNDS = 3
"""The best of so many: what is slower was the machine's doing."""


def parsing(found: Findings, count: int, of_slow: int) -> None:
    """Read *count* messages, *of_slow* of them with the libraries."""
    kept = noise()
    messages = [
        numbered(of_others(kept[number % len(kept)], number // len(kept)), number)
        for number in range(count)
    ]
    source = Source()
    mapped = _per_s(lambda one: map_message(one, source, None), messages)
    size = sum(map(len, messages)) / len(messages)
    found.add(
        "HL7 on a core",
        "parse and map",
        f"{mapped:,.0f} messages/s",
        f"{len(messages):,} messages of {size:.0f} bytes on average, from bytes to events; admissions, "
        f"updates, results; processor time, best of {ROUNDS}",
        (at_least(WANTED_PER_S, f"{WANTED_PER_S:,}"), mapped),
    )
    ours = _per_s(parse, messages)
    found.add("HL7 on a core", "parse alone", f"{ours:,.0f} messages/s", "fields split when asked")
    few = messages[:of_slow]
    theirs = {
        f"python-hl7 {hl7.__version__}": lambda one: hl7.parse(one.decode()),
        "hl7apy": lambda one: parse_message(
            one.decode(), validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False
        ),
    }
    for name, read in theirs.items():
        found.add(
            "HL7 on a core",
            f"{name}, parse alone",
            f"{_per_s(read, few):,.0f} messages/s",
            f"{len(few):,} of the same messages",
        )


def _per_s(read: Callable[[bytes], object], messages: Sequence[bytes]) -> float:
    took: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for one in messages:
            read(one)
        took.append(time.process_time() - began)
    return len(messages) / min(took)
