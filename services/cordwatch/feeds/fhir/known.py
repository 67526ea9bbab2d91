"""What files of FHIR tell of each other: an export keeps each type in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cordwatch.feeds.code_map import CodeMap
from cordwatch.feeds.fhir.bundle import Context, Resource, entries_of, read_json
from cordwatch.feeds.fhir.coding import own_codes
from cordwatch.feeds.fhir.element import Element
from cordwatch.feeds.hl7.message import Unreadable

KNOWN_MAX = 1_000_000

_REFERRED = frozenset(
    {
        "Patient",
        "Encounter",
        "Location",
        "Medication",
        "ServiceRequest",
        "ImagingStudy",
        "Condition",
    }
)
_KEPT = frozenset(
    {
        "resourceType",
        "id",
        "meta",
        "identifier",
        "name",
        "code",
        "form",
        "physicalType",
        "partOf",
        "bodySite",
        "bodyStructure",
        "procedureCode",
        "procedure",
    }
)


class Known:
    """Remembers of the resources in several texts what others may refer to, in bounded memory."""

    def __init__(self, codes: CodeMap | None = None) -> None:
        """Begin with nothing; *codes* are what the source's own stand for."""
        self._context, self._codes = Context(), codes or CodeMap()

    def learn(self, data: bytes) -> None:
        """Look through a text; one that cannot be read tells nothing here."""
        try:
            entries = list(entries_of(read_json(data)))
            for entry in entries:
                if entry.resource is None or len(self._context.index) >= KNOWN_MAX:
                    continue
                slim = _slim(entry.resource, self._codes)
                if slim is not None:
                    self._context.learn(entry.__class__(entry.path, slim))
        except Unreadable:
            return

    def learn_all(self, texts: Iterable[bytes]) -> None:
        """Look through several texts."""
        for text in texts:
            self.learn(text)

    def find(self, key: str) -> Resource | None:
        """Return what is known of `Type/id`."""
        return self._context.index.get(key)


def _slim(resource: Resource, codes: CodeMap) -> dict[str, Any] | None:
    kind = resource.get("resourceType")
    if kind == "Observation":
        # Whole, since a report's findings are in it; but only ours, of all that a hospital measures.
        return dict(resource) if _is_ours(resource, codes) else None
    if kind not in _REFERRED:
        return None
    kept = _KEPT - {"name"} if kind == "Patient" else _KEPT
    return {name: value for name, value in resource.items() if name in kept}


def _is_ours(resource: Resource, codes: CodeMap) -> bool:
    observation = Element.of(resource, codes)
    parts = (observation, *observation.many("component"))
    return any(own_codes(one.one("code")) for one in parts)
