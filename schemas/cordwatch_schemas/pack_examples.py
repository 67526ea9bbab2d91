"""Worked examples inside a pack: what happened, and every alert that must come of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.alerts import AlertKind, AlertStatus, Level, Severity
from cordwatch_schemas.base import Event, PatientRef, ShortText
from cordwatch_schemas.events import BadEvent, read_answer, read_event
from cordwatch_schemas.pack_data import UNITS_S, NotEmpty, PackData, Span, When
from cordwatch_schemas.positions import Path

AFTER_THE_LAST_MESSAGE = timedelta(hours=48)
_MOMENT = re.compile(r"T(-?\d+(?:\.\d+)?)(?: ([+-]) (\d+) (s|min|h|d))?")
_HOUR_S = 3_600
USUAL_ZERO = datetime(2026, 3, 2, 8, tzinfo=UTC)
_ANSWERS = frozenset({"acknowledged", "stood-down", "classified"})


def moment(text: str) -> timedelta | None:
    """Return the time from T0 that *text* says: `T13`, `T11.8` (hours), `T13 - 1 s`; None if it says none."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    seconds = Fraction(match[1]) * _HOUR_S
    if match[2]:
        step = int(match[3]) * UNITS_S[match[4]]
        seconds += step if match[2] == "+" else -step
    return timedelta(microseconds=round(seconds * 1_000_000))


def _moment(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    found = moment(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a moment is T and hours from T0: 'T13', 'T-240', 'T11.8', 'T13 + 1 s'")
    return found


Moment = Annotated[timedelta, BeforeValidator(_moment)]
"""Elapsed time since the T0 of the example; `T11.8` is 11 h 48 min after it, as the pathway counts."""

CodeText = Annotated[str, Field(pattern=r"^[^|]+\|[^|]+$")]


class Happening(PackData):
    """One thing that happened, as an event or an answer of the contracts says it."""

    at: Moment
    what: str
    """The kind of event or answer: `assessed`, `imaging-done`, `stood-down` ..."""
    patient: PatientRef = "A"
    recorded: Moment | None = None
    received: Moment | None = None
    """When cordwatch got it; absent: at once."""
    codes: tuple[CodeText, ...] = ()
    says: Annotated[dict[str, JsonValue], Field(default_factory=dict)]
    """Fields of the contract; a text like `T31` in a field that ends with `_at` is a moment."""

    @model_validator(mode="after")
    def _is_an_event(self) -> Self:
        try:
            self.told(USUAL_ZERO, 0)
        except BadEvent as error:
            raise ValueError(f"is no {self.what}: {error.field} {error.reason}") from None
        return self

    def told(self, zero: datetime, number: int) -> Event | Answer:
        """
        Return it as a contract, T0 being *zero*.

        Raises:
            BadEvent: there is no such event or answer.
        """
        envelope: dict[str, Any] = {
            "kind": self.what,
            "event_id": f"e{number}",
            "patient": self.patient,
            "occurred_at": _text(zero + self.at),
            "received_at": _text(zero + (self.at if self.received is None else self.received)),
        }
        said = {name: _at_moment(zero, name, value) for name, value in self.says.items()}
        if self.what in _ANSWERS:
            made: Event | Answer = read_answer(json.dumps({"channel": "board", **envelope, **said}))
        else:
            envelope |= {"source": "EXAMPLE", "source_message_id": f"m{number}"}
            if self.recorded is not None:
                envelope["recorded_at"] = _text(zero + self.recorded)
            split = (code.partition("|") for code in self.codes)
            envelope["codes"] = [{"system": system, "code": code} for system, _, code in split]
            made = read_event(json.dumps({**envelope, **said}))
        # The contracts let unknown fields pass, for upgrades; an example must not be misspelt.
        unknown = sorted(set(said) - set(type(made).model_fields))
        if unknown:
            raise BadEvent(unknown[0], "is not a field of it")
        return made


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()


def _at_moment(zero: datetime, name: str, value: JsonValue) -> JsonValue:
    found = moment(value) if name.endswith("_at") and isinstance(value, str) else None
    return value if found is None else _text(zero + found)


@dataclass(frozen=True, slots=True)
class Expected:
    """One alert that must come, by the fields that the pathway decides; ids are not among them."""

    path: Path
    """Where in the example it stands."""
    kind: AlertKind
    rule: str
    patient: str
    level: Level | None
    repeat: int
    severity: Severity
    paged: bool
    raised_at: datetime
    late_by_s: int
    status: AlertStatus
    start_at: datetime | None
    due_at: datetime | None
    missing: tuple[str, ...] | None
    """None: the example does not say."""
    reason: str | None
    """Words that the reason must hold; None: any."""


class _Run(PackData):
    """An alert, or a run of repeats of it on a grid."""

    at: Moment
    severity: Severity
    paged: bool = True
    late_by: Span = timedelta(0)
    repeat: Annotated[int, Field(ge=0)] = 0
    times: Annotated[int, Field(ge=1, le=1_000)] = 1
    every: Span | None = None

    @model_validator(mode="after")
    def _a_run_has_a_step(self) -> Self:
        if (self.times > 1) != (self.every is not None):
            raise ValueError("times goes with every, and every with times")
        return self

    def instants(self, zero: datetime) -> Iterator[tuple[int, datetime]]:
        """Yield the number and the instant of each repeat."""
        for place in range(self.times):
            yield self.repeat + place, zero + self.at + (self.every or timedelta(0)) * place


class Raised(_Run):
    """A level of a clock that is told."""

    level: Level


class ExpectedClock(PackData):
    """A clock, and all that it tells; one that tells nothing is not listed."""

    rule: ShortText
    patient: PatientRef = "A"
    start: Moment
    due: Moment
    status: AlertStatus
    """How its alerts stand at the end."""
    reason: ShortText | None = None
    missing: tuple[ShortText, ...] | None = None
    alerts: Annotated[tuple[Raised, ...], NotEmpty]


class ExpectedTold(_Run):
    """A notice or an advisory that is told."""

    id: ShortText
    patient: PatientRef = "A"
    status: AlertStatus
    reason: ShortText | None = None
    missing: tuple[ShortText, ...] | None = None


class Stopped(PackData):
    """A time in which the service did not run."""

    since: Moment
    until: Moment


class Example(PackData):
    """A timeline, and every alert that it must give: these and no others."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Annotated[str, Field(min_length=1)]
    zero: When = USUAL_ZERO
    """The instant T0."""
    until: Moment | None = None
    """End of the virtual clock; absent: 48 h after the last message."""
    stopped: tuple[Stopped, ...] = ()
    timeline: Annotated[tuple[Happening, ...], NotEmpty]
    clocks: tuple[ExpectedClock, ...] = ()
    notices: tuple[ExpectedTold, ...] = ()
    advisories: tuple[ExpectedTold, ...] = ()

    def told(self) -> list[Event | Answer]:
        """Return the timeline as events and answers."""
        return [one.told(self.zero, number) for number, one in enumerate(self.timeline)]

    def ends_at(self) -> datetime:
        """Return the instant at which the alerts are compared."""
        if self.until is not None:
            return self.zero + self.until
        return max(one.received_at for one in self.told()) + AFTER_THE_LAST_MESSAGE

    def stops(self) -> list[tuple[datetime, datetime]]:
        """Return when the service did not run."""
        return [(self.zero + one.since, self.zero + one.until) for one in self.stopped]

    def expected(self) -> list[Expected]:
        """Return every alert that must come."""
        return [
            *self._of_clocks(),
            *self._of_told("notice", "notices", self.notices),
            *self._of_told("advisory", "advisories", self.advisories),
        ]

    def _of_clocks(self) -> Iterator[Expected]:
        for place, clock in enumerate(self.clocks):
            for number, one in enumerate(clock.alerts):
                for repeat, at in one.instants(self.zero):
                    yield Expected(
                        path=("clocks", place, "alerts", number),
                        kind="clock",
                        rule=clock.rule,
                        patient=clock.patient,
                        level=one.level,
                        repeat=repeat,
                        severity=one.severity,
                        paged=one.paged,
                        raised_at=at,
                        late_by_s=int(one.late_by.total_seconds()),
                        status=clock.status,
                        start_at=self.zero + clock.start,
                        due_at=self.zero + clock.due,
                        missing=clock.missing,
                        reason=clock.reason,
                    )

    def _of_told(
        self, kind: AlertKind, name: str, items: Sequence[ExpectedTold]
    ) -> Iterator[Expected]:
        for place, one in enumerate(items):
            for repeat, at in one.instants(self.zero):
                yield Expected(
                    path=(name, place),
                    kind=kind,
                    rule=one.id,
                    patient=one.patient,
                    level=None,
                    repeat=repeat,
                    severity=one.severity,
                    paged=one.paged,
                    raised_at=at,
                    late_by_s=int(one.late_by.total_seconds()),
                    status=one.status,
                    start_at=None,
                    due_at=None,
                    missing=one.missing,
                    reason=one.reason,
                )
