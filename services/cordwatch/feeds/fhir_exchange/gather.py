"""A FHIR text made whole: what it refers to and does not hold is fetched and kept beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cordwatch.feeds.fhir.bundle import Context
from cordwatch.feeds.fhir_exchange.client import DELETED, FhirClient, ServerRefuses, is_json_object
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated, from_fhir
from cordwatch.feeds.intake import OUR_FAULT
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.source import Sources
from cordwatch.runtime.logging import get_logger

ROUNDS_MAX = 6
"""A bed stands in a room, the room on a ward: each is known only when the one before is there."""
FETCHED_MAX = 2_000
AT_ONCE = 8
_HISTORY = "/_history"
INLINE_BYTES_MAX = 64 * 1024
"""A larger text is read on a thread of its own, so that others are answered meanwhile."""

log = get_logger("cordwatch.feeds")


def bundled(
    data: bytes,
    told: Mapping[str, bytes],
    context: Mapping[str, bytes],
    base: str,
    deleted: Collection[str] = (),
) -> bytes:
    """
    Return *data* as it came, in a bundle with what was fetched for it.

    *told* is content that the text only pointed to; *context* is there to be
    referred to; *deleted* is content that is gone from the server. The original stays byte for byte. Full addresses (under *base*)
    are kept too, so that a replay finds what is referred to by one.
    """
    if not told and not context and not deleted:
        return data
    parts = [b'{"resource":' + data + b"}"] if data else []
    for mode, resources in ((b"match", told), (b"include", context)):
        parts += (
            b'{"fullUrl":%b,"search":{"mode":"%b"},"resource":%b}'
            % (json.dumps(f"{base}/{key}").encode(), mode, one)
            for key, one in resources.items()
        )
    parts += (
        b'{"fullUrl":%b,"request":{"method":"DELETE","url":%b}}'
        % (json.dumps(f"{base}/{key}").encode(), json.dumps(key).encode())
        for key in sorted(deleted)
    )
    return b'{"resourceType":"Bundle","type":"collection","entry":[' + b",".join(parts) + b"]}"


class Gatherer:
    """Reads texts, and asks the server for what is missing in them."""

    def __init__(
        self, sources: Callable[[], Sources], client: FhirClient | None, base: str = ""
    ) -> None:
        """Read with what *sources* returns at that moment; without a *client* nothing can be asked."""
        self._sources, self._client, self._base = sources, client, base
        self._without_history: set[str] = set()
        """Types of which the server tells no earlier versions: they are not asked for again."""

    async def gather(
        self, data: bytes, received_at: datetime, links: Sequence[str] = ()
    ) -> tuple[bytes, Translated]:
        """
        Return the text made whole, and what it says. *links* name its content, where it has none.

        Raises:
            ServerAway: something cannot be fetched now.
        """
        told: dict[str, bytes] = {}
        context: dict[str, bytes] = {}
        absent: set[str] = set()
        lost = [link for link in links if not self._local(link) or self._client is None]
        named = {self._local(link) for link in links} - {""}
        deleted = await self._fetch(named, told, absent, fresh=True)
        gone = len(absent)
        for _ in range(ROUNDS_MAX):
            whole = bundled(data, told, context, self._base, deleted)
            found = await self._read(whole, received_at)
            histories = {key for key in found.histories if _type(key) not in self._without_history}
            wanted = (set(found.missing) | histories) - context.keys() - absent
            if not wanted or self._client is None or len(context) > FETCHED_MAX:
                break
            absent |= await self._fetch(wanted, context, absent)
        faults = [Fault("Bundle.entry.fullUrl", "is not on the server that may be asked")] * bool(
            lost
        )
        faults += [Fault("Bundle.entry.fullUrl", "is no longer on the server")] * bool(gone)
        return whole, _with(found, faults)

    def _local(self, link: str) -> str:
        return Context(self._base).local(link)

    async def _fetch(
        self, keys: set[str], into: dict[str, bytes], absent: set[str], *, fresh: bool = False
    ) -> set[str]:
        """Fetch into a collection or note as absent; return what was deleted."""
        client = self._client
        deleted = set[str]()
        if client is None:
            return deleted
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(key: str) -> None:
            data = None
            try:
                async with gate:
                    # A history grows with the very version that we ask for it.
                    data = await client.read(key, fresh=fresh or key.endswith(_HISTORY))
            except ServerRefuses as error:
                log.info("a resource is refused", type=_type(key), reason=str(error))
                if key.endswith(_HISTORY):
                    self._without_history.add(_type(key))
            if data is not None and is_json_object(data):
                into[key] = data
            elif data == DELETED:
                deleted.add(key)
            else:
                absent.add(key)

        try:
            async with asyncio.TaskGroup() as group:
                for key in sorted(keys)[:FETCHED_MAX]:
                    group.create_task(one(key))
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        return deleted

    async def _read(self, data: bytes, received_at: datetime) -> Translated:
        if len(data) <= INLINE_BYTES_MAX:
            return self._understand(data, received_at)
        return await asyncio.to_thread(self._understand, data, received_at)

    def _understand(self, data: bytes, received_at: datetime) -> Translated:
        item = Item("message", "fhir", data)
        try:
            return from_fhir(item, self._sources(), received_at, base=self._base)
        except Exception as error:
            # An error of ours must not stop what is behind this one.
            log.exception("mapping failed", exc_info=error)
            sender = self._base or "fhir"
            return Translated(item, "quarantined", sender, "-", None, (), (OUR_FAULT,))


def _type(key: str) -> str:
    return key.partition("/")[0]


def _with(found: Translated, faults: Sequence[Fault]) -> Translated:
    """Return *found* with more faults, which are about the whole."""
    if not faults:
        return found
    excerpts = (*(found.excerpts or (b"",) * len(found.faults)), *(b"" for _ in faults))
    outcome = found.outcome if found.told else "quarantined"
    return replace(
        found,
        outcome=outcome,
        faults=(*found.faults, *faults),
        excerpts=excerpts,
        missing=frozenset(),
    )
