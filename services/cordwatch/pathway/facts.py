"""Facts: what is known of a patient, each with one identity however often it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from pydantic_core import from_json

from cordwatch_schemas.acknowledgements import Answer, Classified, StoodDown
from cordwatch_schemas.base import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

FUTURE_TOLERANCE = timedelta(minutes=5)
"""A time further after receipt than this is a wrong clock somewhere, unless a pack says otherwise (pathway, Time)."""

_ENVELOPE = frozenset(Event.model_fields) | {"kind"}


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One thing that happened to one patient, as far as a rule can read it.

    `id` comes from the content alone. The three instants of knowing are kept
    apart: `recorded_at` the earliest that a source wrote it down,
    `recorded_last_at` the latest (which decides what replaces what), and
    `received_at` when we first got it.
    """

    id: str
    kind: str
    sent_as: str
    encounter: str | None
    at: datetime
    """The earliest instant of the happening, never later than receipt (see `future_clamped`)."""
    latest_at: datetime
    recorded_at: datetime | None
    recorded_last_at: datetime | None
    received_at: datetime
    precision: str
    basis: str
    record_id: str | None
    corrects: str | None
    replayed: bool
    codes: tuple[tuple[str, str], ...]
    values: Mapping[str, Any]
    unknown: tuple[tuple[str, Any], ...] = ()
    """What a newer version wrote into its row: not read here, and kept for it."""
    tolerance: timedelta = FUTURE_TOLERANCE
    """How far after receipt it may lie: not told, but set by the pack that reads it."""

    @property
    def known_at(self) -> datetime:
        """Return the instant that decides which of two readings is the later one."""
        return self.recorded_last_at or self.received_at

    @property
    def documented_at(self) -> datetime:
        """Return when it was written down first, as far as anybody says."""
        return self.recorded_at or self.received_at

    @property
    def start_at(self) -> datetime:
        """Return the instant that a clock counts from: the earliest, never in the future."""
        if self.at > self.received_at + self.tolerance:
            return self.received_at
        return self.at

    @property
    def done_at(self) -> datetime:
        """Return the instant that satisfies: the latest that the wording allows, at most receipt."""
        if self.latest_at > self.at:
            return max(min(self.latest_at, self.received_at), self.start_at)
        return self.start_at

    @property
    def flags(self) -> tuple[str, ...]:
        """Return what is doubtful about its time."""
        flags = []
        if self.precision in {"day", "hour"}:
            flags.append(f"{self.precision}-precision")
        if self.basis in {"ambiguous", "nonexistent"}:
            flags.append(f"local-time-{self.basis}")
        if self.start_at != self.at:
            flags.append("future-clamped")
        return tuple(flags)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return every number by which a correction or retraction may name this fact."""
        values = self.values
        named = (
            self.record_id,
            values.get("order_number"),
            values.get("accession_number"),
            values.get("treatment_number"),
        )
        return tuple(number for number in named if number)


def digest(*parts: str) -> str:
    """Return a short stable id of *parts* (96 bits: no collision in any hospital's lifetime)."""
    return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()


def fact_of(event: Event) -> Fact:
    """
    Return the fact that *event* tells.

    The envelope (message ids, sender, times of writing and receipt) is left
    out of the identity, so the same thing in two messages is one fact.
    """
    values = event.model_dump(mode="json", exclude=set(_ENVELOPE), exclude_defaults=True)
    codes = tuple(sorted((code.system, code.code) for code in event.codes))
    kind: str = event.kind  # type: ignore[attr-defined]
    undated = event.occurred_precision == "unstated"
    identity = digest(
        event.patient,
        kind,
        "" if undated else event.occurred_at.isoformat(),
        event.encounter or "",
        event.record_id or "",
        event.corrects or "",
        json.dumps([codes, values], sort_keys=True, separators=(",", ":")),
    )
    at = event.recorded_at or event.occurred_at if undated else event.occurred_at
    return Fact(
        id=identity,
        kind=kind,
        sent_as=event.patient,
        encounter=event.encounter,
        at=at,
        latest_at=at if undated else event.occurred_latest_at or at,
        recorded_at=event.recorded_at,
        recorded_last_at=event.recorded_at,
        received_at=event.received_at,
        precision=event.occurred_precision,
        basis=event.occurred_basis,
        record_id=event.record_id,
        corrects=event.corrects,
        replayed=event.replayed,
        codes=codes,
        values=values,
    )


def fact_of_answer(answer: Answer) -> Fact | None:
    """
    Return the fact in a person's answer, None for a mere acknowledgement.

    A stand-down and a classified report change what the rules say; to have
    seen an alert changes nothing (pathway, Presentations and Deadline rules).
    """
    values: dict[str, Any]
    if isinstance(answer, StoodDown):
        kind, values = "stood-down", {"rule": answer.rule, "by": answer.by, "reason": answer.reason}
    elif isinstance(answer, Classified):
        kind, values = (
            "report-classified",
            {"order_number": answer.report_number, "finding": answer.finding, "by": answer.by},
        )
    else:
        return None
    return Fact(
        id=digest(answer.patient, kind, answer.event_id),
        kind=kind,
        sent_as=answer.patient,
        encounter=answer.encounter,
        at=answer.occurred_at,
        latest_at=answer.occurred_at,
        recorded_at=answer.occurred_at,
        recorded_last_at=answer.occurred_at,
        received_at=answer.received_at,
        precision="second",
        basis="field",
        record_id=answer.event_id,
        corrects=None,
        replayed=False,
        codes=(),
        values=values,
    )


def _least(one: datetime | None, other: datetime | None) -> datetime | None:
    return one if other is None else other if one is None else min(one, other)


def _most(one: datetime | None, other: datetime | None) -> datetime | None:
    return one if other is None else other if one is None else max(one, other)


def merge_tellings(known: Fact, told: Fact) -> Fact:
    """
    Return *known* after the same fact was told again; *known* itself if that adds nothing.

    Every field moves one way only (receipt by minimum, last record by
    maximum, the time as exactly as anybody told it), so that any order and number of deliveries, and a worker that
    wakes up late, end in the same row.
    """
    first = told if told.received_at < known.received_at else known
    exact = min(known, told, key=lambda one: (one.latest_at, one.precision, one.basis))
    merged = replace(
        known,
        at=min(known.at, told.at),
        latest_at=exact.latest_at,
        precision=exact.precision,
        basis=exact.basis,
        recorded_at=_least(known.recorded_at, told.recorded_at),
        recorded_last_at=_most(known.recorded_last_at, told.recorded_last_at),
        received_at=first.received_at,
        replayed=known.replayed and told.replayed,
        unknown=known.unknown or told.unknown,
    )
    return known if merged == known else merged


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - EPOCH) // _MICROSECOND


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


ROW_VERSION = 1
"""Of a row that the version before could not read: what is merely added is a key of its own, and no new version."""
_ROW_KEYS = frozenset("vkporelwxncduyqb")


def encode_fact(fact: Fact) -> bytes:
    """
    Return the state row of *fact*: compact JSON, instants in microseconds since 1970 UTC.

    Its id is not inside: it is the row's key.
    """
    row: dict[str, Any] = {
        "v": ROW_VERSION,
        "k": fact.kind,
        "p": fact.sent_as,
        "o": _micros(fact.at),
        "r": _micros(fact.received_at),
    }
    optional = {
        "e": fact.encounter,
        "l": _micros(fact.latest_at) if fact.latest_at != fact.at else None,
        "w": _micros(fact.recorded_at),
        "x": _micros(fact.recorded_last_at) if fact.recorded_last_at != fact.recorded_at else None,
        "n": fact.record_id,
        "c": fact.corrects,
        "d": fact.codes or None,
        "u": fact.values or None,
        "y": 1 if fact.replayed else None,
        "q": fact.precision if fact.precision != "second" else None,
        "b": fact.basis if fact.basis != "field" else None,
    }
    row.update((key, value) for key, value in optional.items() if value is not None)
    row.update(fact.unknown)
    return json.dumps(row, separators=(",", ":")).encode()


def decode_fact(fact_id: str, row: bytes) -> Fact:
    """
    Return the fact of a state row, which stands under the key of *fact_id*.

    Raises:
        ValueError: the row is not one that this version can read.
    """
    try:
        data = from_json(row)
        if data["v"] != ROW_VERSION:
            raise ValueError("unknown row version")
        at = EPOCH + timedelta(microseconds=data["o"])
        recorded_at = _instant(data.get("w"))
        unknown = data.keys() - _ROW_KEYS
        return Fact(
            id=fact_id,
            kind=data["k"],
            sent_as=data["p"],
            encounter=data.get("e"),
            at=at,
            latest_at=_instant(data.get("l")) or at,
            recorded_at=recorded_at,
            recorded_last_at=_instant(data.get("x")) or recorded_at,
            received_at=EPOCH + timedelta(microseconds=data["r"]),
            precision=data.get("q", "second"),
            basis=data.get("b", "field"),
            record_id=data.get("n"),
            corrects=data.get("c"),
            replayed="y" in data,
            codes=tuple((system, code) for system, code in data.get("d", ())),
            values=data.get("u", {}),
            unknown=tuple((key, data[key]) for key in sorted(unknown)) if unknown else (),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"unreadable fact row: {type(error).__name__}") from None
