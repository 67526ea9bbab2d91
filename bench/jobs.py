"""
What the contenders do with an event: the pathway, or a job so simple that the shell alone counts.

The simple one reads the same events: a suspicion begins a clock of six
hours, a scan ends it, everything else changes nothing. Two events of six
change the state.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import Decision, OpenClock, decide
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.relevance import is_kept
from cordwatch.watch.effects import Record
from cordwatch.watch.machine import Machine, Read
from cordwatch.watch.metrics import Metrics
from cordwatch.watch.reading import read_fact
from cordwatch_schemas.pack import Packs

WINDOW = timedelta(hours=6)
RULE = "mri.mescc-suspected"


def _simple_read(record: Record, reference: str) -> tuple[str, Fact | None]:
    value = record.value or b""
    if b'"kind":"assessed"' in value:
        kind = "assessed"
    elif b'"kind":"imaging-done"' in value:
        kind = "imaging-done"
    else:
        return "other", None
    told = json.loads(value)
    at = datetime.fromisoformat(told["occurred_at"])
    return kind, Fact(
        id=blake2b(told["event_id"].encode(), digest_size=12).hexdigest(),
        kind=kind,
        sent_as=reference,
        encounter=None,
        at=at,
        latest_at=at,
        recorded_at=None,
        recorded_last_at=None,
        received_at=at,
        precision="second",
        basis="field",
        record_id=None,
        corrects=None,
        replayed=False,
        codes=(),
        values={},
    )


def _simple_decide(chart: Chart, now: datetime, *, stale: bool = False) -> Decision:
    if any(fact.kind == "imaging-done" for fact in chart.facts):
        return Decision((), None, ())
    due_at = min(fact.at for fact in chart.facts) + WINDOW
    # Nobody is late in this job: it measures reading, keeping and waking.
    assert now < due_at
    assert not stale
    return Decision((), due_at, (OpenClock("", RULE, due_at),))


@dataclass(frozen=True, slots=True)
class Job:
    """How to read an event, whether to keep its fact, and what follows."""

    read: Read
    keep: Callable[[Fact], bool]
    decide: Callable[..., Decision]

    def machine(self, packs: Packs, metrics: Metrics) -> Machine:
        """Return the machine that does it."""
        return Machine(packs, metrics, decide=self.decide, keep=self.keep, read=self.read)


JOBS = {
    "pathway": Job(read_fact, is_kept, decide),
    "simple": Job(_simple_read, lambda _: True, _simple_decide),
}
