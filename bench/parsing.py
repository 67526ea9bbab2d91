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

SECTION = "HL7 on a core"
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
    few = messages[:of_slow]
    source = Source()
    mapped, ours, *theirs = _per_s(
        (lambda one: map_message(one, source, None), messages),
        (parse, messages),
        (lambda one: hl7.parse(one.decode()), few),
        (_by_hl7apy, few),
    )
    size = sum(map(len, messages)) / len(messages)
    found.add(
        SECTION,
        "parse and map",
        f"{mapped:,.0f} messages/s",
        f"{len(messages):,} messages of {size:.0f} bytes on average, from bytes to events; admissions, "
        f"updates, results; processor time, best of {ROUNDS}, between which the others below had their turn",
        (at_least(WANTED_PER_S, f"{WANTED_PER_S:,}"), mapped),
    )
    found.add(SECTION, "parse alone", f"{ours:,.0f} messages/s", "fields split when asked")
    for name, per_s in zip((f"python-hl7 {hl7.__version__}", "hl7apy"), theirs, strict=True):
        found.add(
            SECTION,
            f"{name}, parse alone",
            f"{per_s:,.0f} messages/s",
            f"{len(few):,} of the same messages",
        )


def _by_hl7apy(one: bytes) -> object:
    return parse_message(
        one.decode(), validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False
    )


def _per_s(*readers: tuple[Callable[[bytes], object], Sequence[bytes]]) -> list[float]:
    """Return how many messages a second each reads in its best round; all have their turn in each."""
    took: list[list[float]] = [[] for _ in readers]
    for _ in range(ROUNDS):
        for (read, messages), each in zip(readers, took, strict=True):
            began = time.process_time()
            for one in messages:
                read(one)
            each.append(time.process_time() - began)
    return [len(one[1]) / min(each) for one, each in zip(readers, took, strict=True)]
