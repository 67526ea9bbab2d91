"""What differs from source to source, as data: zone, charset, identifiers, and how references are made."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from hashlib import blake2b
from zoneinfo import ZoneInfo

from cordwatch.feeds.hl7.message import Segment

EXERCISE_KEY = b"cordwatch exercise key: not for real patients"
"""Used where no key is configured (demo, simulate): references are then not secret."""

_PATIENT_ID_TYPES = ("MR", "MRN", "PI", "PT", "")


@dataclass(frozen=True, slots=True)
class Source:
    """
    How to read one sender.

    `key` turns numbers into references that cannot be turned back without it;
    the same key must be used for every feed of a hospital, or its patients
    fall apart.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    charset_fallback: str = "iso8859_1"
    key: bytes = field(default=EXERCISE_KEY, repr=False)
    authority: str | None = None
    """Assigning authority (CX.4) of the patient numbers to use; None: the first that fits."""
    patient_system: str | None = None
    """The same in FHIR: `Identifier.system`."""

    def reference(self, kind: str, number: str) -> str:
        """Return the reference for a number: a keyed hash, safe to show in logs and pages."""
        mac = hmac.new(self.key, f"{kind}|{number}".encode(), lambda: blake2b(digest_size=15))
        return f"{kind}_{base64.b32encode(mac.digest()).decode().lower()}"

    def patient_number(self, segment: Segment, at: int) -> str:
        """Return the patient's own number among the repetitions of a CX field; empty if none."""
        found: dict[str, str] = {}
        for repetition in range(segment.repetitions(at)):
            number = segment.text(at, repetition=repetition)
            authority = segment.text(at, 4, repetition=repetition)
            if not number or self.authority not in {None, authority}:
                continue
            found.setdefault(segment.text(at, 5, repetition=repetition).upper(), number)
        for kind in _PATIENT_ID_TYPES:
            if kind in found:
                return found[kind]
        return next(iter(found.values()), "")
