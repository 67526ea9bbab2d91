"""Who is told of in a round: one patient for each worker of watch, and a story that ends by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from kafka.partitioner.default import murmur2

from cordwatch_schemas.admissions import Admitted, Assessed
from cordwatch_schemas.base import Event
from cordwatch_schemas.imaging import ImagingDone
from cordwatch_schemas.synthetic import FACILITY, PREFIX, WARD
from cordwatch_schemas.topics import PARTITIONS

UNKNOWN_GROUPS = 4
"""Where nobody says who reads what, so many partitions are tried in a round, others in the next."""


def partitions_of(owners: Sequence[Iterable[int]] | None, number: int) -> list[int]:
    """
    Return the partitions of round *number*: of each owner one, another one each time.

    What nobody owns counts as an owner's: nothing comes back from there, which
    is what must be noticed. *owners* None: not known.
    """
    if owners is None:
        groups = [range(first, PARTITIONS, UNKNOWN_GROUPS) for first in range(UNKNOWN_GROUPS)]
        return [group[number % len(group)] for group in groups]
    owned = [sorted(set(one)) for one in owners]
    rest = sorted(set(range(PARTITIONS)).difference(*owned))
    return [one[number % len(one)] for one in (*owned, rest) if one]


def patients_of(number: int, partitions: Iterable[int]) -> list[str]:
    """Return for each of the *partitions* a reference that lies there, new in each round."""
    return [next(_lying_in(number, one)) for one in partitions]


def partition_of(reference: str) -> int:
    """Return where the clients put a patient."""
    hashed: int = murmur2(reference.encode())
    return (hashed & 0x7FFFFFFF) % PARTITIONS


def _lying_in(number: int, partition: int) -> Iterator[str]:
    trial = 0
    while True:
        reference = f"{PREFIX}{number}.{trial}"
        if partition_of(reference) == partition:
            yield reference
        trial += 1


def ending_of(reference: str, now: datetime, ends_at: datetime) -> ImagingDone:
    """
    Return how the story ends: a scan, dated ahead.

    Told before the story begins, so that none is ever left open, whatever
    becomes of who tells it.
    """
    return ImagingDone(
        **_envelope(reference, "done", ends_at, now),
        order_number=reference,
        modality="MR",
        regions=("C", "T", "L"),
    )


def beginning_of(reference: str, now: datetime) -> tuple[Event, Event]:
    """Return how it begins: admitted where the synthetic pack holds, and found with what that alerts for at once."""
    return (
        Admitted(**_envelope(reference, "admitted", now, now), facility=FACILITY, ward=WARD),
        Assessed(**_envelope(reference, "assessed", now, now), suspected_mescc=True),
    )


def _envelope(reference: str, kind: str, at: datetime, now: datetime) -> dict[str, object]:
    return {
        "event_id": f"{reference}.{kind}",
        "source": FACILITY,
        "source_message_id": reference,
        "patient": reference,
        "encounter": reference,
        "occurred_at": at,
        "recorded_at": now,
        "received_at": now,
        "record_id": f"{reference}.{kind}",
    }
