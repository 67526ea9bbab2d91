"""What a frame of a live feed comes to: understood, or kept with the reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import (
    Published,
    Translated,
    derived_records,
    raw_record,
    translate,
)
from cordwatch.feeds.hl7.acknowledge import read_header
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.source import Sources
from cordwatch.runtime.logging import get_logger

_HEADERS = (b"MSH", b"BHS", b"FHS")
_ANOTHER_MESSAGE = re.compile(rb"[\r\n](?:MSH|[FB]HS)(?=[^A-Za-z0-9\s])")

OUR_FAULT = Fault("application", "mapping failed; the original is kept")
NOT_LISTED = Fault("MSH-3", "sending application is not on the allow-list")

log = get_logger("cordwatch.feeds")

Understand = Callable[[Piece, datetime], Translated]


def understand(
    piece: Piece,
    sources: Sources,
    received_at: datetime | None,
    applications: Collection[str] = (),
    *,
    replayed: bool = False,
) -> Translated:
    """
    Return what *piece* says, or why it says nothing; never raises, whatever it holds.

    *applications* are the sending applications (MSH-3) to listen to; none named: all.
    *received_at* None takes the message's own time, for one that is *replayed*.
    """
    item = Item(piece.kind, "hl7v2", piece.data, piece.reason, piece.peer)
    header = read_header(piece.data)
    sender = "|".join(header.field(number).decode("latin-1") or "-" for number in (3, 4))
    control_id = header.field(10).decode("latin-1") or "-"
    if piece.kind == "message":
        if _holds_another(piece.data):
            # Read as one, the second patient's segments would become the first one's.
            fault = Fault("MSH", "more than one message in a frame")
            return Translated(item, "quarantined", sender, control_id, None, (), (fault,))
        if applications and header.part(3, 1).decode("latin-1") not in applications:
            return Translated(item, "quarantined", sender, control_id, None, (), (NOT_LISTED,))
    try:
        found = translate(item, sources, received_at, replayed=replayed, peer=piece.peer)
    except Exception as error:
        # An error of ours must not stop the messages behind this one.
        log.exception("mapping failed", exc_info=error)
        return Translated(item, "quarantined", sender, control_id, None, (), (OUR_FAULT,))
    if found.outcome == "quarantined" and found.sender == "-":
        return replace(found, sender=sender, control_id=control_id)
    return found


def _holds_another(data: bytes) -> bool:
    """Return whether a second header begins a line; looked for by its name first, which is quicker in a large one."""
    named = any(data.find(name, 1) > 0 for name in _HEADERS)
    return named and _ANOTHER_MESSAGE.search(data) is not None


def records_of(found: Translated, received_at: datetime) -> tuple[Translated, list[Published]]:
    """
    Return all that is to be published of a piece, and what it came to; never raises.

    A message whose records cannot be made would otherwise end the process, be
    sent again, and end the next one.
    """
    try:
        return found, _records(found, received_at)
    except Exception as error:
        log.exception("records could not be made", exc_info=error)
        plain = Translated(found.item, "quarantined", "-", "-", None, (), (OUR_FAULT,))
        return plain, _records(plain, received_at)


def _records(found: Translated, received_at: datetime) -> list[Published]:
    raw = [raw_record(found, received_at)] if found.item.data else []
    return [*raw, *derived_records(found, received_at)]
