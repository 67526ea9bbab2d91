"""A file that holds the state of an installation: written once, believed only if it is whole."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

FORMAT = 1
FORMAT_NAME = "cordwatch-state"


class BadStateFile(ValueError):
    """The file is no state of ours, of a newer format, cut short or changed; says which."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record of a topic, where it lay."""

    noun: str
    partition: int
    at_ms: int
    """Its stamp, in milliseconds since 1970 UTC: by it the broker forgets it."""
    key: bytes
    value: bytes | None


def write_state(path: Path, now: datetime, version: str, records: Iterable[Kept]) -> dict[str, int]:
    """
    Write *records* to a new file that its owner alone can read; return how many of each topic.

    Raises:
        FileExistsError: nothing is ever written over.
    """
    counts = Counter[str]()
    seal = hashlib.sha256()
    there = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(there, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:

        def line(content: dict[str, Any]) -> None:
            data = json.dumps(content, separators=(",", ":")).encode() + b"\n"
            seal.update(data)
            packed.write(data)

        line({FORMAT_NAME: FORMAT, "by": version, "at": now.isoformat()})
        for one in records:
            counts[one.noun] += 1
            line(_as_json(one))
        packed.write(json.dumps({"records": counts, "sha256": seal.hexdigest()}).encode() + b"\n")
    return dict(counts)


def check_state(path: Path) -> dict[str, int]:
    """
    Read all of the file; return how many records of each topic there are.

    Raises:
        BadStateFile: it is not whole, or not ours.
    """
    return dict(Counter(one.noun for one in read_state(path)))


def read_state(path: Path) -> Iterator[Kept]:
    """
    Give the records of the file, in their order; only at its end is it known to be whole.

    Raises:
        BadStateFile: it is not whole, or not ours.
    """
    try:
        with gzip.open(path, "rb") as file:
            yield from _records(file)
    except (EOFError, gzip.BadGzipFile, KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadStateFile):
            raise
        raise BadStateFile(f"{path.name}: is no state file, or was cut short or changed") from None


def _records(file: gzip.GzipFile) -> Iterator[Kept]:
    seal = hashlib.sha256()
    first = file.readline()
    head = json.loads(first)
    if FORMAT_NAME not in head:
        raise BadStateFile("is no state file")
    if head[FORMAT_NAME] != FORMAT:
        raise BadStateFile(f"is of format {head[FORMAT_NAME]}; this version reads {FORMAT}")
    seal.update(first)
    counts = Counter[str]()
    for data in file:
        content = json.loads(data)
        if "sha256" in content:
            end = {"records": dict(counts), "sha256": seal.hexdigest()}
            if content != end or file.readline():
                raise BadStateFile("was changed after it was written")
            return
        seal.update(data)
        one = _of_json(content)
        counts[one.noun] += 1
        yield one
    raise BadStateFile("was cut short")


def _as_json(one: Kept) -> dict[str, Any]:
    value = None if one.value is None else base64.b64encode(one.value).decode()
    key = base64.b64encode(one.key).decode()
    return {"t": one.noun, "p": one.partition, "s": one.at_ms, "k": key, "v": value}


def _of_json(content: dict[str, Any]) -> Kept:
    value = None if content["v"] is None else base64.b64decode(content["v"], validate=True)
    key = base64.b64decode(content["k"], validate=True)
    return Kept(str(content["t"]), int(content["p"]), int(content["s"]), key, value)
