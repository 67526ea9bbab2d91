"""A pager on a virtual clock: the real machine, a log and a ledger that survive, destinations that fail, crashes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Protocol

from cordwatch.pager.machine import Machine, Work
from cordwatch.pager.outbox import Attempt
from cordwatch.pager.plan import Plan
from cordwatch.pager.transports.transport import Action, Outcome, Page
from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.pages import LedgerEntry, Matter
from tests.pager.outages import Fault
from tests.pager.pagerduty_rules import Answer as Status

KEY = "k" * 32
ACTIONS = {"tell": "trigger", "acknowledge": "acknowledge", "close": "resolve"}
TIMED_OUT_S = 10.0


class Destination(Protocol):
    """Whatever takes events: PagerDuty's rules, with or without faults before them."""

    def event(self, body: dict[str, Any], now: datetime) -> Status | Fault:
        """Take in an event."""
        ...


@dataclass
class FakeTransport:
    """What the machine asks of a transport; it sends nothing."""

    name: str
    per_minute: int | None = None
    kind: str = "pagerduty"
    resend_s: float | None = None
    closing_lasts_s: float = 0.0
    actions: frozenset[Action] = frozenset({"tell", "acknowledge", "close"})

    async def send(self, page: Page) -> Outcome:
        """Never called: the world sends."""
        raise NotImplementedError

    async def check(self) -> Outcome:
        """Never called."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing to let go."""


@dataclass(frozen=True)
class Sent:
    """One attempt as it was made."""

    at: datetime
    attempt: Attempt
    page: Page


def body_of(page: Page) -> dict[str, Any]:
    """Return what a destination is sent."""
    body: dict[str, Any] = {
        "routing_key": KEY,
        "event_action": ACTIONS[page.action],
        "dedup_key": page.dedup_key,
    }
    if page.action == "tell":
        body["payload"] = {
            "summary": page.matter.rule,
            "source": "cordwatch",
            "severity": "critical",
            "alert_id": page.matter.alert_id,
        }
    return body


def outcome_of(said: Status | Fault) -> Outcome:
    """Return what an attempt makes of an answer."""
    if isinstance(said, tuple):
        status, headers, _ = said
        retry = headers.get("Retry-After")
        return _of_status(status, float(retry) if retry else None)
    if isinstance(said, int):
        return _of_status(said, None)
    return Outcome("unknown", "timeout" if said in {"timeout", "answer-lost"} else said)


def _of_status(status: int, retry_s: float | None) -> Outcome:
    if status == 202:
        return Outcome("accepted", "accepted")
    if status == 429:
        return Outcome("later", "rate-limited", retry_s)
    return (
        Outcome("unknown", "server-error") if status >= 500 else Outcome("refused", "bad-request")
    )


Crash = Callable[[str], bool]
"""Whether the process dies at a point: `read`, `written`, `committed`, `sent`, `answered`."""


@dataclass
class World:
    """Runs a pager over a log of alerts and answers."""

    plan: Plan
    destinations: Mapping[str, Destination]
    now: datetime
    transports: Mapping[str, FakeTransport]
    crash: Crash = lambda _: False
    latency_s: float = 0.2
    restart_s: float = 10.0
    seed: int = 1
    log: list[Matter | Answer] = field(default_factory=list)
    committed: int = 0
    ledger: dict[str, str] = field(default_factory=dict)
    """What is on the ledger topic, as JSON."""
    sent: list[Sent] = field(default_factory=list)
    crashes: int = 0

    def __post_init__(self) -> None:
        """Start the first process."""
        self._order, self._random = count(), Random(self.seed)
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self.machine: Machine | None = None
        self._life = 0
        self._start()

    # What a test does.

    def publish(self, *what: Matter | Answer, at: datetime | None = None) -> None:
        """Put something on the log, now or later."""
        self.later(at or self.now, lambda: self.log.extend(what))

    def later(self, at: datetime, do: Callable[[], None]) -> None:
        """Do something at an instant."""
        heapq.heappush(self._queue, (at, next(self._order), do))

    def run(self, until: datetime) -> None:
        """Let time pass."""
        while True:
            self._step()
            wake = self.machine.next_at(self.now) if self.machine else None
            times = [at for at in (self._queue[0][0] if self._queue else None, wake) if at]
            if not times or min(times) > until:
                self.now = until
                return
            self.now = max(self.now, min(times))
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()

    def entry(self, alert_id: str) -> LedgerEntry:
        """Return what the ledger says of an alert."""
        return LedgerEntry.model_validate_json(self.ledger[alert_id])

    def kill(self) -> None:
        """Kill the process now; a supervisor starts it anew."""
        self.crashes += 1
        self.machine = None
        self._life += 1
        self.later(self.now + timedelta(seconds=self.restart_s), self._start)

    # The process.

    def _start(self) -> None:
        if self.machine is not None:
            return
        entries = [LedgerEntry.model_validate_json(one) for one in self.ledger.values()]
        self.machine = Machine(self.plan, self.transports, entries)
        self._read = self.committed
        self._begun = False

    def _step(self) -> None:
        if self.machine is None:
            return
        new, self._read = self.log[self._read :], len(self.log)
        for one in new:
            if isinstance(one, Matter):
                self.machine.hear(one, self.now)
            else:
                self.machine.answer(one, self.now)
        if not self._begun:
            self._begun = True
            self.machine.begin(self.now)
        if new and self._dies("read"):
            return
        work = self.machine.work(self.now)
        if work.rows:
            self.ledger |= {
                name: row.model_dump_json() for name, row in work.rows.items() if row is not None
            }
            if self._dies("written"):
                return
        self.committed = self._read
        if work.rows and self._dies("committed"):
            return
        self._send(work)

    def _send(self, work: Work) -> None:
        life = self._life
        for attempt, page in work.attempts:
            self.sent.append(Sent(self.now, attempt, page))
            half = timedelta(seconds=self.latency_s * self._random.uniform(0.2, 1))
            self.later(self.now + half, self._arrives(attempt, page, life))
            if self._dies("sent"):
                return

    def _arrives(self, attempt: Attempt, page: Page, life: int) -> Callable[[], None]:
        def arrive() -> None:
            said = self.destinations[attempt.destination].event(body_of(page), self.now)
            outcome = outcome_of(said)
            wait_s = TIMED_OUT_S if outcome.reason == "timeout" else self.latency_s / 2
            self.later(
                self.now + timedelta(seconds=wait_s), lambda: self._hears(attempt, outcome, life)
            )

        return arrive

    def _hears(self, attempt: Attempt, outcome: Outcome, life: int) -> None:
        if life != self._life or self.machine is None or self._dies("answered"):
            return
        self.machine.done(attempt, outcome, self.now)

    def _dies(self, point: str) -> bool:
        if self.crash(point):
            self.kill()
            return True
        return False


def a_world(
    plan: Plan, destinations: Mapping[str, Destination], now: datetime, **more: Any
) -> World:
    """Return a world in which every destination takes 120 calls a minute."""
    limits = more.pop("per_minute", 120)
    transports = {name: FakeTransport(name, limits) for name in destinations}
    return World(plan, destinations, now, transports, **more)


def keys_told(sent: Iterable[Sent]) -> list[str]:
    """Return the dedup keys that were told, in order."""
    return [one.attempt.dedup_key for one in sent if one.attempt.action == "tell"]
