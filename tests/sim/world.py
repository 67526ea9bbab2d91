"""A log in memory, workers that own its partitions, and the faults that befall them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zlib import crc32

from prometheus_client import CollectorRegistry

from cordwatch.pathway.simulation import Told
from cordwatch.watch.effects import Durable, Effect, Outgoing, Record, Send, Write
from cordwatch.watch.machine import CHARTS_KEPT, Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import topic_of
from cordwatch_schemas.pack import Pack

PARTITIONS = 3
WORKERS = 2
OUTPUTS = frozenset({"alerts", "quarantine"})
A_MOMENT = timedelta(microseconds=1)
MOST_BEHIND = timedelta(minutes=10)
MOST_ROUNDS = 500
"""At one instant; workers that still have something to do then will never come to rest."""


class Restless(AssertionError):
    """Workers go on for ever although nothing happens: they keep each other busy."""


def partition_of(key: bytes) -> int:
    """Return the partition of *key*."""
    return crc32(key) % PARTITIONS


class Log:
    """The broker: topics that only grow, the facts topic compacted or not, committed offsets."""

    def __init__(self) -> None:
        """Begin empty."""
        self.records: dict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
        self.rows: dict[int, list[tuple[bytes, bytes | None]]] = defaultdict(list)
        self.commits: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0])
        self.alerts: list[Alert] = []

    def publish(self, noun: str, key: bytes, value: bytes) -> None:
        """Append a record on the partition of its key."""
        self.records[noun, partition_of(key)].append((key, value))

    def tell(self, told: Told) -> None:
        """Publish what a feed or a person tells."""
        noun = topic_of(told) if isinstance(told, Event) else "acks"
        self.publish(noun, told.patient.encode(), told.model_dump_json().encode())

    def state(self, partition: int, *, compacted: bool) -> Iterable[tuple[bytes, bytes | None]]:
        """Return the rows of the facts topic, as a worker that takes over reads them."""
        rows = self.rows[partition]
        if not compacted:
            return rows
        last = {key: place for place, (key, _) in enumerate(rows)}
        return [row for place, row in enumerate(rows) if last[row[0]] == place]

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Append messages of a worker."""
        for message in messages:
            if message.noun == "alerts":
                self.alerts.append(Alert.model_validate_json(message.value))
            elif message.noun not in OUTPUTS:
                self.publish(message.noun, message.key, message.value)


class Worker:
    """One process: its machine, and whether the group still knows it."""

    def __init__(self, pack: Pack, log: Log, charts_kept: int) -> None:
        """Begin without partitions."""
        metrics = Metrics(pack, CollectorRegistry())
        self.machine = Machine(pack, metrics, charts_kept=charts_kept)
        self.log = log
        self.last: Effect | None = None
        self.is_zombie = False

    def take_over(self, partition: int, chance: random.Random) -> None:
        """Restore a partition, and read on from an offset that was committed."""
        self.machine.own([partition])
        rows = self.log.state(partition, compacted=chance.random() < 0.5)
        self.machine.restore(partition, rows)
        ends = {
            place: len(found) for place, found in self.log.records.items() if place[1] == partition
        }
        self.machine.restored([partition], ends)
        for (noun, number), commits in self.log.commits.items():
            if number == partition:
                # A commit that was still on its way is lost: reading begins further back.
                lost = min(len(commits) - 1, chance.choice([0, 0, 1, 2]))
                self.machine.positions[noun, number] = commits[len(commits) - 1 - lost]

    def unread(self) -> list[Record]:
        """Return what the machine has not read, of its partitions."""
        records, positions = self.log.records, self.machine.positions
        owned = self.machine.partitions
        ends = {place: len(found) for place, found in records.items() if place[1] in owned}
        return [
            Record(*place, offset, *records[place][offset])
            for place, end in sorted(ends.items())
            for offset in range(positions.get(place, 0), end)
        ]


Step = tuple[str, int]
"""`reading` or `deciding`, and the number of the effect among those of its kind."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong, by the effect at which it does."""

    crashes: frozenset[Step] = frozenset()
    """The effect is done in part, then the worker dies; another process takes its partitions."""
    rebalances: frozenset[Step] = frozenset()
    """After the effect a partition goes to the other worker."""
    zombies: frozenset[Step] = frozenset()
    """As a rebalance, but the former owner does not notice, and goes on for a while."""
    lagging: frozenset[Step] = frozenset()
    """Looks at which the worker's wall clock is behind: it was stepped, and catches up after."""
    down: tuple[tuple[datetime, datetime], ...] = ()
    """Spans in which nobody runs; they begin before the last row was written, and end with new processes."""
    charts_kept: int = CHARTS_KEPT
    """No fault, but a worker with more patients than charts comes by another way to the same."""

    @classmethod
    def by_chance(cls, chance: random.Random, told: int) -> Faults:
        """Return faults strewn over what about so many events, *told*, give to do."""
        steps = [("reading", n) for n in range(1, 3 * told + 1)]
        steps += [("deciding", n) for n in range(1, 9 * told + 1)]

        def some(most: int, kind: str = "") -> frozenset[Step]:
            eligible = [step for step in steps if step[0] != kind]
            return frozenset(chance.sample(eligible, min(len(eligible), chance.randint(0, most))))

        crashes = some(6) | some(4, "deciding")
        lagging = some(4, "reading") if chance.random() < 0.3 else frozenset()
        return cls(crashes, some(4), some(3), lagging)


@dataclass
class World:
    """A virtual hospital: the log, the workers, and time, which goes on only when nobody has work."""

    pack: Pack
    faults: Faults
    chance: random.Random
    log: Log = field(default_factory=Log)
    done: Counter[str] = field(default_factory=Counter)
    """Effects so far, by kind of step."""

    def __post_init__(self) -> None:
        """Share the partitions out."""
        self.workers = [self._begin() for _ in range(WORKERS)]
        self.zombies: list[Worker] = []
        self.last_note: dict[int, tuple[int, int]] = {}
        """By partition from where to where the rows stand that say what was sent, if they are the last."""
        self.restarts = sorted(end_at for _, end_at in self.faults.down)
        for partition in range(PARTITIONS):
            self.workers[partition % WORKERS].take_over(partition, self.chance)

    def _begin(self) -> Worker:
        return Worker(self.pack, self.log, self.faults.charts_kept)

    def run(self, told: Sequence[Told], until: datetime) -> None:
        """Let everything arrive and fall due up to *until*, inclusive."""
        arrivals: dict[datetime, list[Told]] = defaultdict(list)
        for one in told:
            if one.received_at <= until:
                arrivals[one.received_at].append(one)
        for now in sorted(arrivals):
            self._pass_until(now)
            for one in arrivals[now]:
                self.log.tell(one)
            if not self._is_down(now):
                self._work(now)
        self._pass_until(until + A_MOMENT)

    def _is_down(self, now: datetime) -> bool:
        return any(begin_at <= now < end_at for begin_at, end_at in self.faults.down)

    def _pass_until(self, before: datetime) -> None:
        """Work at every instant before *before* at which somebody falls due, or the service comes back."""
        backs = [end_at for _, end_at in self.faults.down if end_at < before]
        while True:
            wakes = [worker.machine.wake_at() for worker in (*self.workers, *self.zombies)]
            due = min((at for at in wakes if at is not None), default=before)
            back = next((at for at in backs if at <= due or self._is_down(due)), None)
            if back is not None:
                backs.remove(back)
                self._work(back)
            elif due < before and not self._is_down(due):
                self._work(due)
            else:
                return

    def _work(self, now: datetime) -> None:
        """Let everybody read and decide until nobody has anything left to do at *now*."""
        while self.restarts and self.restarts[0] <= now:
            self.restarts.pop(0)
            self._restart()
        busy, rounds = True, 0
        while busy:
            rounds += 1
            if rounds > MOST_ROUNDS:
                raise Restless(f"{rounds} rounds at one instant")
            busy = sum(self._read(worker, now) for worker in self._everybody()) > 0
            if not busy:
                busy = sum(self._decide(worker, now) for worker in self._everybody()) > 0
        self.zombies = [one for one in self.zombies if self.chance.random() < 0.7]

    def _everybody(self) -> list[Worker]:
        everybody = [*self.workers, *self.zombies]
        self.chance.shuffle(everybody)
        return everybody

    def _read(self, worker: Worker, now: datetime) -> bool:
        records = worker.unread()
        if records:
            # A poll brings any number of them, each partition in its order.
            some = records[: self.chance.randint(1, len(records))]
            self._do("reading", worker, worker.machine.take(some, now))
        return bool(records)

    def _decide(self, worker: Worker, now: datetime) -> bool:
        waiting = worker.machine.waiting(now)
        if waiting:
            is_behind = ("deciding", self.done["deciding"]) in self.faults.lagging
            seen_at = now - self.chance.random() * MOST_BEHIND if is_behind else now
            self._do("deciding", worker, worker.machine.settle(sorted(waiting), seen_at))
        return bool(waiting)

    def _do(self, kind: str, worker: Worker, effects: Iterator[Effect]) -> None:
        for effect in effects:
            self.done[kind] += 1
            step = (kind, self.done[kind])
            if step in self.faults.crashes:
                self._apply(worker, self._part_of(effect))
                self._replace(worker)
                return
            self._apply(worker, effect)
            if step in self.faults.rebalances | self.faults.zombies:
                self._rebalance(worker, unnoticed=step in self.faults.zombies)
                # The rest of the round is done all the same: it was under way.

    def _part_of(self, effect: Effect) -> Effect:
        match effect:
            case Write():
                rows = {
                    partition: dict(list(found.items())[: self.chance.randint(0, len(found))])
                    for partition, found in effect.rows.items()
                }
                return Write(rows)
            case Send():
                sent = [one for one in effect.messages if self.chance.random() < 0.5]
                return Send(sent)
            case Durable():
                return Durable({})

    def _apply(self, worker: Worker, effect: Effect) -> None:
        note_of_sent = isinstance(effect, Write) and isinstance(worker.last, Send)
        worker.last = effect
        match effect:
            case Write():
                for partition, rows in effect.rows.items():
                    before = len(self.log.rows[partition])
                    self.log.rows[partition] += rows.items()
                    after = len(self.log.rows[partition])
                    self.last_note[partition] = (before, after) if note_of_sent else (after, after)
            case Send():
                self.log.send(effect.messages)
            case Durable():
                if not worker.is_zombie:
                    for place, offset in effect.offsets.items():
                        commits = self.log.commits[place]
                        if place[1] in worker.machine.partitions and offset > commits[-1]:
                            commits.append(offset)

    def _replace(self, worker: Worker) -> None:
        """End *worker*; a new process restores its partitions from the log."""
        if worker in self.zombies:
            self.zombies.remove(worker)
            return
        fresh = self._begin()
        for partition in sorted(worker.machine.partitions):
            fresh.take_over(partition, self.chance)
        self.workers[self.workers.index(worker)] = fresh

    def _restart(self) -> None:
        """Begin anew after an outage; what was sent last before it was not noted any more."""
        for partition, (before, after) in self.last_note.items():
            if after == len(self.log.rows[partition]):
                del self.log.rows[partition][before:]
        self.zombies.clear()
        for worker in list(self.workers):
            self._replace(worker)

    def _rebalance(self, worker: Worker, *, unnoticed: bool) -> None:
        """Give one partition of *worker* to the other; *unnoticed*, a copy of it haunts the old place."""
        owned = sorted(worker.machine.partitions)
        if worker in self.zombies or not owned:
            return
        partition = self.chance.choice(owned)
        other = next(one for one in self.workers if one is not worker)
        if unnoticed:
            # The old process keeps all it has; in its place stands one that was told.
            worker.is_zombie = True
            self.zombies.append(worker)
            fresh = self._begin()
            for number in owned:
                if number != partition:
                    fresh.take_over(number, self.chance)
            self.workers[self.workers.index(worker)] = fresh
        else:
            worker.machine.disown([partition])
        other.take_over(partition, self.chance)
