"""What differs from source to source, as data: zone, charset, identifiers, and how references are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self
from zoneinfo import ZoneInfo

from cordwatch.feeds.code_map import CodeMap
from cordwatch.feeds.hl7.message import Segment
from cordwatch.feeds.hl7.places import Overrides
from cordwatch.feeds.references import References
from cordwatch.feeds.trouble.quarantine_rate import AT_LEAST
from cordwatch.feeds.trouble.silence import SilencePlans

_PATIENT_ID_TYPES = ("MR", "MRN", "PI", "PT", "")
DEFAULT_ZONE, DEFAULT_CHARSET = "UTC", "iso8859_1"


class Sources(Protocol):
    """Who can say how a message is to be read: a single `Source`, or profiles to choose from."""

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of the hospital's day: of the first of them."""

    def of(self, data: bytes, peer: str) -> Source | None:
        """Return how to read a message that *peer* sent (empty: a file); None: by no profile."""

    @property
    def references(self) -> References:
        """Return how references are made: in one way for all, so that a patient is one."""

    def by(self, references: References) -> Self:
        """Return the same with these *references*."""

    def reference(self, kind: str, number: str) -> str:
        """Return the reference for a number."""

    def each(self) -> Sequence[Source]:
        """Return all of them: a single `Source` is one."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    How to read one sender.

    `references` turn numbers into what cannot be turned back without their key;
    the same must be used for every feed of a hospital, or its patients fall
    apart.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(DEFAULT_ZONE))
    charset_fallback: str = DEFAULT_CHARSET
    references: References = field(default_factory=References)
    authority: str | None = None
    """Assigning authority (CX.4) of the patient numbers to use; None: the first that fits."""
    patient_system: str | None = None
    """The same in FHIR: `Identifier.system`."""
    unassigned: bool = False
    """Whether a number that names no authority is one of `authority` too."""
    number_types: tuple[str, ...] = ()
    """Identifier types (CX.5) to use, the first that is there wins; none named: the usual, then any."""
    facility: str | None = None
    """Where the patients of this source lie, where PV1-3 does not say."""
    charset_names: Mapping[str, str] = field(default_factory=dict)
    """Names that the source uses in MSH-18, and the codec that each stands for."""
    codes: CodeMap = field(default_factory=CodeMap)
    overrides: Overrides = field(default_factory=Overrides)
    only: frozenset[str] = frozenset()
    """Message types (`SIU`, `ADT^A08`) to read and no others; empty: all."""
    ignored: frozenset[str] = frozenset()
    """Message types to leave alone."""
    name: str = "default"
    """The profile's, by which it is spoken of in metrics and operational alerts."""
    silence: SilencePlans = field(default_factory=SilencePlans)
    quarantine_at_least: int = AT_LEAST
    """How many messages in quarantine in a quarter of an hour are worth a word."""

    def of(self, data: bytes, peer: str) -> Source:  # noqa: ARG002 - one way to read all
        """Return itself: without profiles all senders are read alike."""
        return self

    def each(self) -> Sequence[Source]:
        """Return itself."""
        return (self,)

    def by(self, references: References) -> Self:
        """Return the same source with these *references*."""
        return replace(self, references=references)

    def reads(self, kind: str) -> bool:
        """Return whether messages of *kind* (`ADT^A08`) are to be read."""
        named = {kind, kind.partition("^")[0]}
        return not named & self.ignored and (not self.only or bool(named & self.only))

    def reference(self, kind: str, number: str) -> str:
        """Return the reference for a number: a keyed hash, safe to show in logs and pages."""
        return self.references.of(kind, number)

    def patient_number(self, segment: Segment, at: int) -> str:
        """Return the patient's own number among the repetitions of a CX field; empty if none."""
        found: dict[str, str] = {}
        for repetition in range(segment.repetitions(at)):
            number = segment.text(at, repetition=repetition)
            if number and self._assigns(segment, at, repetition):
                found.setdefault(segment.text(at, 5, repetition=repetition).upper(), number)
        for kind in self.number_types or _PATIENT_ID_TYPES:
            if kind in found:
                return found[kind]
        # Where types are named, another one is no worse match but another number.
        return "" if self.number_types else next(iter(found.values()), "")

    def _assigns(self, segment: Segment, at: int, repetition: int) -> bool:
        """Return whether a number is of our authority, named by its word or by its OID."""
        if self.authority is None:
            return True
        stated = {segment.text(at, 4, repetition=repetition, sub=sub) for sub in (1, 2)} - {""}
        return self.authority in stated or (self.unassigned and not stated)
