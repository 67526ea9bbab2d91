"""HL7 messages of a hospital's day in bulk: the noise of the demo's wards, each round with patients and numbers of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cordwatch.app.demo_day import DAY_FILE
from cordwatch.feeds.files import Item, read_file

_NOISE = b"DEMO1"
"""How the patients begin of whom nothing is ever to be told."""
_CONTROL_ID = re.compile(rb"\|D\d{5}\|")
_PATIENT = re.compile(rb"PID\|1\|\|([^^]+)")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, and whose it is."""

    patient: bytes
    data: bytes


def bundled() -> list[Item]:
    """Return the messages of the demo's day, stories and noise."""
    return [item for item in read_file(DAY_FILE) if item.kind == "message"]


def noise() -> list[Item]:
    """Return what is told on that day of patients who need no clock."""
    return [item for item in bundled() if _NOISE in item.data]


def of_others(item: Item, times: int) -> bytes:
    """Return *item* told of another patient, one for each number of *times*."""
    return item.data.replace(_NOISE, b"N%d-" % times)


def numbered(data: bytes, number: int) -> bytes:
    """Return *data* under a control id that tells its place in the stream."""
    return _CONTROL_ID.sub(b"|M%08d|" % number, data, count=1)


def stream(count: int, merges: int = 0) -> Iterator[Sent]:
    """Yield *count* messages in order, *merges* of them evenly among the rest: of a patient just told of into another."""
    kept, every = noise(), count // merges if merges else 0
    last = b""
    for number in range(count):
        data = numbered(of_others(kept[number % len(kept)], number // len(kept)), number)
        found = _PATIENT.search(data)
        assert found is not None
        patient = found[1]
        if every and number % every == every - 1 and last != patient:
            data = _merge(number, patient, last)
        last = patient
        yield Sent(patient, data)


def _merge(number: int, survivor: bytes, retired: bytes) -> bytes:
    return (
        b"MSH|^~\\&|DEMO|CORDWATCH|WATCH|CW|20260302120000+0000||ADT^A40|M%08d|P|2.5\r"
        b"EVN|A40|20260302120000+0000\rPID|1||%s^^^DEMO^MR\rMRG|%s^^^DEMO^MR\r"
        % (number, survivor, retired)
    )
