"""Sealing audit records to each other, and finding out where somebody tampered with them. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from cordwatch_schemas.audit import AuditRecord

FIRST = "0" * 64
"""What stands in the place of a seal before the first record."""


def seal_of(chain: str, sequence: int, previous: str, event: dict[str, Any]) -> str:
    """Return the seal of a record: over its place in the chain, the seal before it, and what it tells."""
    content = json.dumps(
        [chain, sequence, previous, event],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return sha256(content.encode()).hexdigest()


def sealed(chain: str, after: AuditRecord | None, event: dict[str, Any]) -> AuditRecord:
    """Return the record of *event* that follows *after* in *chain*."""
    sequence, previous = (after.sequence + 1, after.seal) if after else (0, FIRST)
    return AuditRecord(
        chain=chain,
        sequence=sequence,
        previous=previous,
        event=event,
        seal=seal_of(chain, sequence, previous, event),
    )


def faults(records: Iterable[AuditRecord]) -> list[str]:
    """
    Return what is wrong with *records*, in the order of their topic; each line names a record.

    A chain whose beginning is past its retention may begin later than at 0. What
    was cut off its end cannot be seen by it alone. The same record twice, one
    after the other, is no fault: a broker may repeat one.
    """
    chains: dict[str, list[AuditRecord]] = defaultdict(list)
    for record in records:
        chains[record.chain].append(record)
    return [fault for chain in sorted(chains) for fault in _faults_of(chains[chain])]


def _faults_of(records: list[AuditRecord]) -> Iterator[str]:
    before: AuditRecord | None = None
    for record in records:
        name = f"{record.chain} {record.sequence}"
        if record.seal != seal_of(record.chain, record.sequence, record.previous, record.event):
            yield f"{name}: does not fit its seal"
        elif record == before:
            continue
        elif before is None:
            if record.sequence == 0 and record.previous != FIRST:
                yield f"{name}: is not the first of its chain"
        elif record.sequence != before.sequence + 1:
            yield f"{name}: follows {before.sequence}"
        elif record.previous != before.seal:
            yield f"{name}: does not hold the seal of the record before it"
        before = record
