"""The watch machine: batches and wake-ups in; writes, alerts and durable offsets out. Sans-I/O."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from cordwatch.pathway.decide import Decision, decide
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.levels import instant_of
from cordwatch.pathway.relevance import is_kept
from cordwatch.watch.charts import Charts, Drawn
from cordwatch.watch.effects import Durable, Effect, Outgoing, Record, Send, Write
from cordwatch.watch.metrics import Metrics
from cordwatch.watch.open_clocks import OpenClocks
from cordwatch.watch.patients import (
    NEVER,
    ROW_ID_BYTES,
    UNVOUCHED,
    WAKE_ROW_ID,
    BadRow,
    Patient,
    alert_row,
    all_keys,
    instant,
    micros,
    row_key,
    split_key,
    tells_identity,
    wake_key,
)
from cordwatch.watch.reading import quarantined, read_fact
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.events import BadEvent
from cordwatch_schemas.pack import Packs

FAR_US = 1 << 62
LOOKED_AT_ONCE = 500
"""Patients that are decided on between two acknowledgements: bounds memory and delay."""
CHARTS_KEPT = 250
"""Of patients with a clock. An alert in a chart takes 2 KiB; were all overdue for a day, they would take 75 MiB."""

Decide = Callable[..., Decision]
Read = Callable[[Record, str], tuple[str, Fact | None]]


class Machine:
    """
    Keeps the patients of the owned partitions, and says what must be done, in order.

    Each method that changes something outside returns effects, to be done one
    after the other; stopping anywhere between them loses nothing, since what
    was not written is read again and what was not published is found again.
    """

    def __init__(
        self,
        packs: Packs,
        metrics: Metrics,
        *,
        decide: Decide = decide,
        keep: Callable[[Fact], bool] = is_kept,
        read: Read = read_fact,
        charts_kept: int = CHARTS_KEPT,
    ) -> None:
        """Begin without partitions, under the rules of *packs*."""
        self._packs = packs
        self._stamp = packs.stamp
        self._rules_by_id = {
            (pack.label, rule.id): rule for pack in packs.each for rule in pack.rules
        }
        self._metrics = metrics
        self._decide = decide
        self._keep = keep
        self._read_fact = read
        self._charts = Charts(packs, charts_kept)
        self._patients: dict[int, dict[str, Patient]] = {}
        self._dirty: dict[int, dict[str, Patient]] = defaultdict(dict)
        self._heap: list[tuple[int, str, int]] = []
        self._due: dict[str, int] = {}
        """Who was taken from the heap and not looked at yet, and since when."""
        self.unreadable: set[str] = set()
        """Of whom, at the last look, something could not be read."""
        self._open = OpenClocks()
        self.positions: dict[tuple[str, int], int] = {}
        """Next offset to be read, by topic and partition."""
        self._began_at: dict[tuple[str, int], int] = {}
        """Where each topic ended at takeover: a former owner may have taken in what stands before."""

    # --- partitions come and go

    @property
    def partitions(self) -> frozenset[int]:
        """Return the partitions that this machine owns."""
        return frozenset(self._patients)

    def own(self, partitions: Iterable[int]) -> None:
        """Take over *partitions*: empty until restored."""
        for partition in partitions:
            self._patients.setdefault(partition, {})

    def disown(self, partitions: Iterable[int]) -> None:
        """Forget *partitions* and all their patients: another owner has them now."""
        for partition in partitions:
            for patient in self._patients.pop(partition, {}).values():
                self._open.run(patient, ())
                self._due.pop(patient.reference, None)
                self.unreadable.discard(patient.reference)
                patient.wake_us = NEVER
            self._dirty.pop(partition, None)
            for offsets in (self.positions, self._began_at):
                for topic in [one for one in offsets if one[1] == partition]:
                    del offsets[topic]
        self._heap = [entry for entry in self._heap if entry[2] in self._patients]
        heapq.heapify(self._heap)

    def restore(self, partition: int, rows: Iterable[tuple[bytes | None, bytes | None]]) -> int:
        """Apply rows of the facts topic, in order; return how many could not be read."""
        patients = self._patients.setdefault(partition, {})
        unread = 0
        for key, value in rows:
            try:
                reference, row_id = split_key(key or b"")
                patient = patients.get(reference)
                if patient is None:
                    patient = patients[reference] = Patient(reference, partition)
                if patient.vouched is None:
                    patient.vouched = UNVOUCHED
                if row_id == WAKE_ROW_ID:
                    before = patient.open
                    patient.restore_wake(value or b"", self._stamp, self._open.same)
                    self._open.recount(before, patient.open)
                elif value is None:
                    patient.drop(row_id)
                else:
                    patient.put(row_id + value)
            except BadRow:
                unread += 1
        return unread

    def restored(self, partitions: Iterable[int], ends: Mapping[tuple[str, int], int]) -> None:
        """
        Set wake-ups from what was stored; whoever's rows have moved on is looked at again.

        *ends* are the end offsets of the watched topics, asked for after the last row was read.
        """
        for topic, end in ends.items():
            self._began_at.setdefault(topic, end)
        for partition in partitions:
            patients = self._patients.get(partition, {})
            for patient in [one for one in patients.values() if one.vouched is not None]:
                vouched, patient.vouched = patient.vouched, None
                if patient.is_empty:
                    self._open.run(patient, ())
                    del patients[patient.reference]
                elif vouched != patient.fingerprint:
                    patient.wake_us = NEVER
                    self._dirty[partition][patient.reference] = patient
                elif patient.wake_us != NEVER:
                    self._heap.append((patient.wake_us, patient.reference, partition))
        heapq.heapify(self._heap)
        self._metrics.heap_mismatches.set(self.mismatches())

    def mismatches(self) -> int:
        """Return how many patients with a wake-up have no entry in the heap: always 0."""
        held = {entry[1] for entry in self._heap if self._awaited(entry) is not None}
        waking = sum(
            patient.wake_us != NEVER
            for patients in self._patients.values()
            for patient in patients.values()
        )
        return waking - len(held)

    # --- input

    def take(self, records: Sequence[Record], received_at: datetime) -> Iterator[Effect]:
        """Take in one poll's records: their facts are written before their offsets are durable."""
        rows: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        outgoing: list[Outgoing] = []
        offsets: dict[tuple[str, int], int] = {}
        passed_on: dict[tuple[bytes, bytes], Outgoing] = {}
        for record in records:
            offsets[record.noun, record.partition] = record.offset + 1
            if record.partition not in self._patients:
                continue
            try:
                told = self._read(record)
            except BadEvent as error:
                outgoing.append(quarantined(record, error, received_at))
                self._metrics.quarantined(record.noun)
                continue
            if told is None:
                continue
            patient, row = told
            for one in self._forwarded(patient, row, record):
                passed_on[one.key, one.value] = one
            if row is None:
                continue
            rows[record.partition][row_key(patient.reference, row)] = row[ROW_ID_BYTES:]
            self._dirty[record.partition][patient.reference] = patient
        if rows:
            yield Write(rows)
        outgoing += passed_on.values()
        if outgoing:
            yield Send(outgoing)
        self.positions.update(offsets)
        yield Durable(offsets)

    def _read(self, record: Record) -> tuple[Patient, bytes | None] | None:
        """Return the patient of a record and the row to write, if it tells anything new."""
        reference = (record.key or b"").decode("ascii", "replace")
        if record.noun == "forwarded":
            return self._adopt(record, reference)
        kind, fact = self._read_fact(record, reference)
        if fact is None or not self._keep(fact):
            self._metrics.event(record.noun, kind, "irrelevant")
            return None
        patient = self._patient(record.partition, reference)
        row = patient.learn(fact)
        self._metrics.event(record.noun, kind, "known" if row is None else "fact")
        return patient, row

    def _adopt(self, record: Record, reference: str) -> tuple[Patient, bytes | None]:
        patient = self._patient(record.partition, reference)
        try:
            row = patient.learn_row(record.value or b"")
        except BadRow as error:
            raise BadEvent("row", str(error)) from None
        self._metrics.event("forwarded", "row", "known" if row is None else "fact")
        return patient, row

    def _patient(self, partition: int, reference: str) -> Patient:
        patients = self._patients[partition]
        patient = patients.get(reference)
        if patient is None:
            patient = patients[reference] = Patient(reference, partition)
        return patient

    def _forwarded(self, patient: Patient, row: bytes | None, record: Record) -> Iterator[Outgoing]:
        """
        Return what *record* told and is another patient's, by a merge or its undoing.

        Only what is new is passed on, or two owners would hand each other the
        same rows for ever. The exception is a record that a former owner may
        have written and not passed on before it died.
        """
        if row is None:
            if record.offset >= self._began_at.get((record.noun, record.partition), 0):
                return
            rows = patient.rows
        else:
            rows = patient.rows if tells_identity(row) else (row,)
        for owner, theirs in patient.belonging_elsewhere(rows):
            yield Outgoing("forwarded", owner.encode(), theirs)

    # --- deciding

    def wake_at(self) -> datetime | None:
        """Return when the next patient is due to be looked at."""
        while self._heap:
            if self._awaited(self._heap[0]) is not None:
                return instant(self._heap[0][0])
            heapq.heappop(self._heap)
        return None

    def who_waits(self, partition: int) -> frozenset[str]:
        """Return the patients of *partition* who are to be looked at."""
        return frozenset(self._dirty.get(partition, ()))

    def waiting(self, now: datetime) -> frozenset[int]:
        """Return the partitions with somebody to look at now: due, or something arrived."""
        self._pull(micros(now))
        return frozenset(partition for partition, patients in self._dirty.items() if patients)

    def _pull(self, now_us: int) -> None:
        """Move whoever is due from the heap to those who are looked at next."""
        while self._heap and self._heap[0][0] <= now_us:
            entry = heapq.heappop(self._heap)
            if (patient := self._awaited(entry)) is not None:
                self._due[patient.reference] = patient.wake_us
                self._dirty[patient.partition][patient.reference] = patient

    def _awaited(self, entry: tuple[int, str, int]) -> Patient | None:
        """Return the patient of an entry of the heap, None if the entry counts no more."""
        at, reference, partition = entry
        patient = self._patients.get(partition, {}).get(reference)
        return patient if patient is not None and patient.wake_us == at else None

    def oldest_due(self) -> datetime | None:
        """Return the earliest instant at which somebody still waits to be looked at."""
        return instant(min(self._due.values())) if self._due else None

    def settle(
        self,
        partitions: Iterable[int],
        now: datetime,
        *,
        only: frozenset[str] | None = None,
        stale: bool = False,
    ) -> Iterator[Effect]:
        """
        Decide about everybody (*only* these) who waits on *partitions*, read up to *now*.

        What is about to be published is noted first, then published, then
        noted as published. So whoever takes over knows every alert that may
        be out there, publishes again (under its id) what is not certain, and
        closes what has ended since.
        """
        waiting = [self._dirty.get(partition, {}) for partition in partitions]
        chosen = [(found, one) for found in waiting for one in found if only is None or one in only]
        # Whoever is due goes before those about whom something was merely told.
        chosen.sort(key=lambda each: self._due.get(each[1], FAR_US))
        for begin in range(0, len(chosen), LOOKED_AT_ONCE):
            some = [found.pop(one) for found, one in chosen[begin : begin + LOOKED_AT_ONCE]]
            yield from self._look(some, now, stale=stale)

    def _look(self, patients: Sequence[Patient], now: datetime, *, stale: bool) -> Iterator[Effect]:
        decisions: list[tuple[Patient, Drawn, Decision, list[Alert]]] = []
        meant: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        messages: list[Outgoing] = []
        for patient in patients:
            drawn = self._charts.of(patient)
            decision = self._decide(drawn.chart, now, stale=stale)
            self.unreadable.discard(patient.reference)
            if drawn.unreadable:
                decision = decision.without_endings()
                self.unreadable.add(patient.reference)
            for alert in decision.alerts:
                row = alert_row(alert, sent=False)
                meant[patient.partition][row_key(patient.reference, row)] = row[ROW_ID_BYTES:]
                self._metrics.alert(alert)
            alerts = [*decision.alerts, *drawn.left_over(decision)]
            # Keyed by the owner: of a merged patient every alert stays in one order.
            key = patient.reference.encode()
            messages += [
                Outgoing("alerts", key, one.model_dump_json().encode(), self._level_at(one))
                for one in alerts
            ]
            decisions.append((patient, drawn, decision, alerts))
        if meant:
            yield Write(meant)
        if messages:
            yield Send(messages)
        rows: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        for patient, drawn, decision, alerts in decisions:
            nothing_came = drawn.is_of(patient)
            self._note(patient, decision, alerts, rows[patient.partition])
            if nothing_came and decision.open_clocks and not drawn.unreadable:
                drawn.chart.note(decision.alerts)
                self._charts.keep(drawn.chart, patient)
        written = {partition: found for partition, found in rows.items() if found}
        if written:
            yield Write(written)

    def _note(
        self,
        patient: Patient,
        decision: Decision,
        alerts: Sequence[Alert],
        rows: dict[bytes, bytes | None],
    ) -> None:
        due = self._due.pop(patient.reference, None)
        if decision.expired:
            rows.update(dict.fromkeys(all_keys(patient)))
            self._open.run(patient, ())
            patient.wake_us = NEVER
            self._patients[patient.partition].pop(patient.reference, None)
            return
        for alert in alerts:
            row = alert_row(alert, sent=True)
            patient.put(row)
            rows[row_key(patient.reference, row)] = row[ROW_ID_BYTES:]
        wake_us = micros(decision.wake_at)
        if wake_us != NEVER and (wake_us != patient.wake_us or due is not None):
            # An older entry may still be there; it no longer matches and is passed over.
            heapq.heappush(self._heap, (wake_us, patient.reference, patient.partition))
        patient.wake_us = wake_us
        self._open.run(patient, tuple(sorted(one.rule for one in decision.open_clocks)))
        # Without it whoever takes over looks at once: it may be a version that reads more.
        is_whole = patient.reference not in self.unreadable
        rows[wake_key(patient.reference)] = patient.wake_row(self._stamp) if is_whole else None

    def _level_at(self, alert: Alert) -> datetime | None:
        raises = alert.kind == "clock" and alert.revision == 0
        return instant_of(alert, self._rules_by_id) if raises else None

    def report(self, now: datetime) -> None:
        """Set the gauges: open clocks by rule, patients, the oldest that is due and not looked at."""
        for rule in {one.id for pack in self._packs.each for one in pack.rules}:
            self._metrics.open_clocks.labels(rule).set(self._open.by_rule[rule])
        self._metrics.unreadable_patients.set(len(self.unreadable))
        self._metrics.patients.set(sum(len(found) for found in self._patients.values()))
        oldest = self.oldest_due()
        self._metrics.oldest_overdue_s.set((now - oldest).total_seconds() if oldest else 0)
