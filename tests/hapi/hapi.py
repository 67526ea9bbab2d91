"""
Runs HAPI HL7v2 from Maven Central by a small Java program; skips where there is neither, in CI never.

Java runs the program from its source, which a JRE of Debian can: the compiler is in it.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.kafka_harness.choice import real_demanded
from tests.kafka_harness.libraries import Dependencies, NoKafka, cache_of, fetched

HAPI_VERSION: Final = "2.5.1"
_JARS: Final[Dependencies] = (
    ("ca.uhn.hapi", "hapi-base", HAPI_VERSION),
    ("ca.uhn.hapi", "hapi-structures-v251", HAPI_VERSION),
    ("org.slf4j", "slf4j-nop", "1.7.30"),
)
_PROGRAM: Final = Path(__file__).parent / "Hapi.java"
RUN_S_MAX: Final = 100
_OPTIONS: Final = (
    "-XX:TieredStopAtLevel=1",
    # As a text: some senders leave out of what type an observation is.
    "-Dca.uhn.hl7v2.model.varies.default_obx2_type=ST",
)


@dataclass(slots=True)
class Read:
    """What HAPI reads in a message; `refused` says why it reads nothing."""

    refused: str = ""
    segments: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    """Name, place in the structure, and the values that are looked at."""


def libraries() -> Path:
    """Return the folder of HAPI's jars; skip the test where they cannot be had."""
    name = f"hapi-{HAPI_VERSION}"
    reason = "no java on the path" if shutil.which("java") is None else ""
    if not reason and not cache_of(name).is_dir() and shutil.which("mvn") is None:
        reason = "HAPI is not in the cache, and no mvn on the path to fetch it"
    try:
        if not reason:
            return fetched(name, _JARS)
    except NoKafka as failure:
        reason = str(failure)
    if real_demanded():
        pytest.fail(f"CORDWATCH_REQUIRE_KAFKA=1, and: {reason}", pytrace=False)
    pytest.skip(reason)


def read(messages: Sequence[str]) -> list[Read]:
    """Return what HAPI reads in each of *messages*, whose segments end with CR."""
    found: list[Read] = []
    for what, *words in _run(messages, "parse"):
        if what == "message":
            found.append(Read())
        elif what == "refused":
            found[-1] = Read(words[0])
        else:
            name, place, *values = words
            found[-1].segments.append((name, place, tuple(map(_value, values))))
    assert len(found) == len(messages)
    return found


def send(messages: Sequence[str], port: int) -> list[tuple[str, ...]]:
    """Send *messages* over one connection, each after the answer to the one before; return MSA-1, MSA-2 and ERR-2."""
    found = list(_run(messages, "send", "127.0.0.1", str(port)))
    return [
        tuple(map(_value, words)) if what == "answer" else (what, *words) for what, *words in found
    ]


def _run(messages: Sequence[str], *arguments: str) -> Iterator[list[str]]:
    done = subprocess.run(
        ["java", *_OPTIONS, "-cp", f"{libraries()}/*", str(_PROGRAM), *arguments],
        input="".join(f"{base64.b64encode(one.encode()).decode()}\n" for one in messages),
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return (line.split("\t") for line in done.stdout.splitlines())


def _value(word: str) -> str:
    return base64.b64decode(word.removeprefix("=")).decode()
