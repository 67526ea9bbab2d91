"""The ids of the events of a message: from what each of them is, not from its place among the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

DIGEST_CHARACTERS = 32
"""Of the hash of the message, or of the resource, with which every id begins."""
_NAME_CHARACTERS = 8
_NUMBERS = (
    "record_id",
    "order_number",
    "accession_number",
    "treatment_number",
    "target_kind",
    "target",
)


class EventIds:
    """
    Names the events of one message: its digest, the kind, the number of the thing, and which of equal ones it is.

    A profile that is mended makes events that were not there before, in front
    of others too. These keep their ids, so that what was said of them is told
    again as the same, and a replay compares like with like.
    """

    def __init__(self) -> None:
        """Begin with a message."""
        self._seen: Counter[str] = Counter()

    def name(self, digest: str, kind: str, fields: Mapping[str, Any]) -> str:
        """Return the id of an event of *kind* in the message with this *digest*."""
        numbers = [str(fields.get(name) or "") for name in _NUMBERS]
        codes = fields.get("codes")
        if codes:
            # As it was sent: what a profile says that it is stands behind it.
            numbers += [codes[0]["system"] or "", codes[0]["code"] or ""]
        if "retired" in fields:
            numbers.append("retired" if fields["patient"] == fields["retired"] else "survivor")
        if "moved_from" in fields:
            former = fields["patient"] == fields["moved_from"]
            numbers += [fields["encounter"], "former" if former else "present"]
        name = f"{digest[:DIGEST_CHARACTERS]}-{kind}"
        if any(numbers):
            told = sha256("\x1f".join(numbers).encode("utf-8", "surrogatepass"))
            name += f"-{told.hexdigest()[:_NAME_CHARACTERS]}"
        self._seen[name] += 1
        before = self._seen[name] - 1
        return f"{name}.{before}" if before else name
