"""Raw messages, one after the other, read by the present profiles and compared with what was said of them before."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from cordwatch.app.rereading.plan import Plan
from cordwatch.app.rereading.said import Said, Saying, saying_of
from cordwatch.feeds.event_ids import DIGEST_CHARACTERS
from cordwatch.feeds.fhir.mapper import digests_of
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated, from_fhir, translate
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.intake import OUR_FAULT, understand
from cordwatch.feeds.source import Sources
from cordwatch.runtime.logging import get_logger
from cordwatch_schemas.base import Event
from cordwatch_schemas.records import Identity, RawMessage

log = get_logger("cordwatch.replay")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages are read anew; what is not stated leaves none out."""

    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    patient: str | None = None
    applications: Collection[str] = ()
    """Sending applications that the gateway listens to, as in `cordwatch feeds`."""

    def holds(self, raw: RawMessage) -> bool:
        """Return whether a message is one of them, as far as its envelope tells."""
        return (
            (self.since is None or raw.received_at >= self.since)
            and (self.until is None or raw.received_at < self.until)
            and (self.source is None or raw.source == self.source)
        )


class Rereading:
    """
    Collects in a plan what would be said differently.

    The old reading of a message is taken back only by a whole one: where the
    new one has faults, what it does not give may be its own fault.
    """

    def __init__(
        self, said: Said, sources: Sources, selection: Selection, now: datetime, *, live: bool
    ) -> None:
        """Read with *sources*; *live* lets what is new be taken as if it came now."""
        self._said, self._sources, self._selection = said, sources, selection
        self._now, self._live = now, live
        self.plan = Plan()
        self.outcomes: Counter[str] = Counter()
        self.faults: Counter[tuple[str, str, str]] = Counter()
        """By source, field and reason: what cannot be understood today either."""
        self.kept = 0
        """Events that the new reading does not give, and that stand because it has faults."""
        self.identities: dict[str, Identity] = {}
        """Who is behind references about which something new is said."""

    def read(self, value: bytes | None) -> None:
        """Read a record of the raw topic."""
        try:
            raw = RawMessage.model_validate_json(value or b"")
            data = base64.b64decode(raw.content_base64, validate=True)
        except (ValidationError, binascii.Error):
            self.outcomes["unreadable record"] += 1
            return
        if not self._selection.holds(raw):
            return
        if raw.piece != "message":
            # A part of a message must never be taken for the whole.
            self.outcomes["no whole message"] += 1
            return
        found = translated_again(raw, data, self._sources, self._selection.applications)
        events = {one.event_id: one for one in found.told if isinstance(one, Event)}
        old = self._said.of_message(_marks(raw, data, events))
        if not self._selection.patient or self._selection.patient in {
            *(one.patient for one in events.values()),
            *(one.fact.sent_as for one in old.values()),
        }:
            self.outcomes[found.outcome] += 1
            self.faults.update((raw.source, one.field, one.reason) for one in found.faults)
            self._compare(raw, found, events, old)

    def _compare(
        self,
        raw: RawMessage,
        found: Translated,
        events: Mapping[str, Event],
        old: Mapping[str, Saying],
    ) -> None:
        told = {one.event_id: saying_of(one) for one in events.values()}
        for id_, event in events.items():
            if self._tell(event, told[id_], old.get(id_), replayed=raw.replayed):
                self._note_identities(found)
        whole = not found.faults and not found.missing and found.outcome != "quarantined"
        facts = {one.fact.id for one in told.values()}
        things = {one.thing for one in told.values()}
        for id_, saying in old.items():
            if saying.fact.id in facts:
                continue
            if not whole and saying.thing not in things:
                self.kept += 1
                continue
            self.plan.take_back(saying)
            if id_ not in told:
                self.plan.leave_out(saying)
                self._said.forget(id_)

    def _tell(self, event: Event, saying: Saying, old: Saying | None, *, replayed: bool) -> bool:
        """Note *event*, if it is to be published; return whether it is."""
        if old is None:
            silent = replayed or not self._live
            change = "new"
        elif old.content != saying.content:
            # Corrected, not told again: who was watched for real goes on being watched for real.
            silent = replayed or (old.fact.replayed and not self._live)
            change = "changed"
        elif self._live and old.fact.replayed and not replayed:
            silent, change = False, "woken"
        else:
            return False
        event = event.model_copy(update={"replayed": silent})
        mark = self._said.taken_back(saying.fact.id)
        if mark is not None:
            self.plan.give_back(saying.fact, mark, event.source_message_id, self._now)
        self.plan.tell(change, event, saying.fact.id)  # type: ignore[arg-type]
        self._said.replace(saying_of(event), replayed=silent)
        return True

    def _note_identities(self, found: Translated) -> None:
        for one in found.identities:
            known = self.identities.get(one.patient)
            if known is None or known.received_at < one.received_at:
                self.identities[one.patient] = one


def translated_again(
    raw: RawMessage, data: bytes, sources: Sources, applications: Collection[str] = ()
) -> Translated:
    """Return what a whole message says by *sources*; never raises, whatever it holds."""
    received_at = None if raw.replayed else raw.received_at
    if raw.format == "hl7v2":
        piece = Piece("message", data, peer=raw.peer)
        return understand(piece, sources, received_at, applications, replayed=raw.replayed)
    item = Item("message", raw.format, data)
    try:
        if raw.format == "fhir":
            base = "" if raw.source == "fhir" else raw.source
            return from_fhir(item, sources, received_at, replayed=raw.replayed, base=base)
        return translate(item, sources, received_at, replayed=raw.replayed)
    except Exception as error:
        # An error of ours must not stop what is behind this one.
        log.exception("mapping failed", exc_info=error)
        return Translated(item, "quarantined", raw.source, "-", None, (), (OUR_FAULT,))


def _marks(raw: RawMessage, data: bytes, events: Collection[str]) -> Collection[str]:
    """Return how the ids of all events begin that any reading of a message can have given."""
    if raw.format == "hl7v2":
        return {raw.content_sha256[:DIGEST_CHARACTERS]}
    if raw.format == "event-json":
        return events
    try:
        return {one[:DIGEST_CHARACTERS] for one in digests_of(data)}
    except Unreadable:
        return ()
