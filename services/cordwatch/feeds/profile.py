"""Source profiles: what a hospital's sender does differently from HL7, as data that is checked before it is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cordwatch.feeds.code_map import CodeMap
from cordwatch.feeds.fhir.mapper import READERS
from cordwatch.feeds.gateway import FHIR_TYPE
from cordwatch.feeds.hl7.acknowledge import read_header
from cordwatch.feeds.hl7.places import Override, Overrides, Place
from cordwatch.feeds.mapping.fields_read import FIELDS_READ
from cordwatch.feeds.mapping.findings import FINDINGS, OWN_SYSTEM, REPORT_FINDINGS
from cordwatch.feeds.mapping.mapper import MESSAGE_TYPES
from cordwatch.feeds.references import References
from cordwatch.feeds.source import DEFAULT_CHARSET, DEFAULT_ZONE, Source
from cordwatch.feeds.trouble.quarantine_rate import AT_LEAST
from cordwatch.feeds.trouble.silence import AT_LEAST_S, SilencePlan, SilencePlans
from cordwatch_schemas.code_table import SYSTEMS, canonical_system, meaning
from cordwatch_schemas.positions import BadYaml, Fault, read_yaml

DEFAULT = "default"
"""Name of the profile that is used where none is given."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone, like Europe/Amsterdam") from None
    return name


def _codec(name: str) -> str:
    try:
        fits = "MSH|".encode(name) == b"MSH|"
    except (LookupError, UnicodeError):
        raise ValueError("is not a character set that is known, like windows-1252") from None
    if not fits:
        raise ValueError("is no character set that a message can be in: MSH is not MSH in it")
    return name


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError("is no address and no network, like 10.1.2.0/24") from None
    return text


def _system(name: str) -> str:
    if canonical_system(name) not in SYSTEMS and name != OWN_SYSTEM:
        raise ValueError(f"is no system that is known: {', '.join(sorted(SYSTEMS))}, {OWN_SYSTEM}")
    return name


def _code(text: str) -> str:
    system, _, code = text.partition("|")
    if not system or not code:
        raise ValueError("a code is written SYSTEM|CODE")
    return text


def _known_code(text: str) -> str:
    system, _, code = _code(text).partition("|")
    if system == OWN_SYSTEM:
        if code not in FINDINGS and code not in REPORT_FINDINGS:
            raise ValueError("is no finding that is known (docs/reference/findings.md)")
    elif meaning(system, code) is None:
        raise ValueError("means nothing to the pathway (docs/reference/codes.md)")
    return text


def _place(text: str) -> str:
    if Place.of(text) is None:
        raise ValueError("is no field: SEGMENT-FIELD or SEGMENT-FIELD.COMPONENT, like PV1-3.4")
    return text


def _read_place(text: str) -> str:
    place = Place.of(_place(text))
    if place is None or place.segment == "MSH":
        raise ValueError("MSH is answered as it was sent, and cannot be changed")
    if place.field not in FIELDS_READ.get(place.segment, {}):
        raise ValueError("is a field that is never read (docs/profiles.md)")
    return text


def _message_type(text: str) -> str:
    if text not in MESSAGE_TYPES and text not in {one.partition("^")[0] for one in MESSAGE_TYPES}:
        raise ValueError("is no message type that is read, like ADT^A08 or SIU")
    return text


def _feed_type(text: str) -> str:
    return text if text == FHIR_TYPE or text in READERS else _message_type(text)


Text = Annotated[str, Field(min_length=1, max_length=200)]
Minutes = Annotated[float, Field(gt=0, le=60 * 24 * 60)]
FeedType = Annotated[str, AfterValidator(_feed_type)]
MessageType = Annotated[str, AfterValidator(_message_type)]


class _Data(BaseModel):
    """Part of a profile. An unknown key is an error: misspelt, it would pass for an absent one."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Sender(_Data):
    """Whose messages these are; what is stated must fit, what is not stated fits all."""

    peers: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Addresses and networks. A file has no peer, so there it fits all."""
    applications: tuple[Text, ...] = ()
    """MSH-3, first component."""
    facilities: tuple[Text, ...] = ()
    """MSH-4, first component."""

    def fits(self, application: str, facility: str, peer: str) -> bool:
        """Return whether a message is one of these."""
        if self.applications and application not in self.applications:
            return False
        if self.facilities and facility not in self.facilities:
            return False
        if not self.peers or not peer:
            return True
        from cordwatch.runtime.peers import is_allowed  # noqa: PLC0415 - only a gateway has peers

        return is_allowed(peer, [ip_network(one) for one in self.peers])


class Charset(_Data):
    """How bytes become text."""

    fallback: Annotated[str, AfterValidator(_codec)] = DEFAULT_CHARSET
    """Where MSH-18 says nothing and the bytes are not UTF-8."""
    names: dict[Text, Annotated[str, AfterValidator(_codec)]] = {}
    """What the source writes in MSH-18, and what it means by it."""


class Numbers(_Data):
    """Which of the numbers in PID-3, or of `Patient.identifier` in FHIR, is the patient's."""

    authority: Text | None = None
    """Assigning authority (CX.4), by its name or OID."""
    unassigned: bool = False
    """Whether a number without an authority is taken for one of `authority`."""
    types: tuple[Annotated[str, Field(max_length=20)], ...] = ()
    """Types (CX.5) to use, the first that is there; others never. `""`: none stated."""
    system: Text | None = None
    """FHIR: `Identifier.system` of the numbers to use; others are never."""


class Codes(_Data):
    """What the source's own names and codes stand for."""

    systems: dict[Text, Annotated[str, AfterValidator(_system)]] = {}
    codes: dict[
        Annotated[str, AfterValidator(_code)], Annotated[str, AfterValidator(_known_code)]
    ] = {}


class FieldRule(_Data):
    """What the source does differently with one field."""

    taken_from: Annotated[str, AfterValidator(_place)] | None = Field(None, alias="from")
    values: dict[Text, str] = {}
    otherwise: Text | None = None
    day_only: bool = False

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.taken_from or self.values or self.otherwise or self.day_only):
            raise ValueError("says nothing: from, values, otherwise or day_only")
        return self


class Events(_Data):
    """Which messages are read; neither list: all."""

    only: tuple[MessageType, ...] = ()
    ignore: tuple[MessageType, ...] = ()

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.only and self.ignore:
            raise ValueError("only and ignore exclude each other")
        return self


class SilenceOf(_Data):
    """How long messages of one type may stay away; what is not stated is as for the others."""

    at_least: Minutes | None = None
    at_most: Minutes | None = None
    never: bool = False
    """Their silence means nothing."""


class Silence(_Data):
    """When the sender's silence is told; in between it is learnt from what came, by hour of the week."""

    at_least: Minutes = AT_LEAST_S / 60
    """A shorter silence is never told, in minutes."""
    at_most: Minutes | None = None
    """A longer one always is."""
    types: dict[FeedType, SilenceOf] = {}
    """Types that must come, by name (`ORU`) or with the event (`ADT^A40`), with limits of their own."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for kind, one in {"": SilenceOf(), **self.types}.items():
            least, most = one.at_least or self.at_least, one.at_most or self.at_most
            if most is not None and most < least:
                raise ValueError(f"{kind} at_most is below at_least".strip())
        return self

    def plans(self) -> SilencePlans:
        """Return the same in seconds."""
        most = self.at_most * 60 if self.at_most else None
        usual = SilencePlan(self.at_least * 60, most)
        types = {
            kind: SilencePlan(
                one.at_least * 60 if one.at_least else usual.at_least_s,
                one.at_most * 60 if one.at_most else most,
                never=one.never,
                expected=True,
            )
            for kind, one in self.types.items()
        }
        return SilencePlans(usual, types)


class Quarantine(_Data):
    """When it is told that more goes to quarantine than usual."""

    at_least: Annotated[int, Field(ge=1, le=100_000)] = AT_LEAST
    """Fewer messages in a quarter of an hour are never told."""


class Profile(_Data):
    """How one source is read."""

    profile: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)] = DEFAULT
    title: str = ""
    sender: Sender = Field(Sender(), alias="from")
    zone: Annotated[str, AfterValidator(_zone)] = DEFAULT_ZONE
    facility: Text | None = None
    charset: Charset = Charset()
    numbers: Numbers = Numbers()
    codes: Codes = Codes()
    fields_: dict[Annotated[str, AfterValidator(_read_place)], FieldRule] = Field(
        {}, alias="fields"
    )
    events: Events = Events()
    silence: Silence = Silence()
    quarantine: Quarantine = Quarantine()

    def source(self, references: References) -> Source:
        """Return how to read a message, with these *references*."""
        return Source(
            zone=ZoneInfo(self.zone),
            charset_fallback=self.charset.fallback,
            references=references,
            authority=self.numbers.authority,
            patient_system=self.numbers.system,
            unassigned=self.numbers.unassigned,
            number_types=tuple(one.upper() for one in self.numbers.types),
            facility=self.facility,
            charset_names={name.upper(): codec for name, codec in self.charset.names.items()},
            codes=CodeMap.of(self.codes.systems, self.codes.codes),
            overrides=Overrides(tuple(_override(*one) for one in self.fields_.items())),
            only=frozenset(self.events.only),
            ignored=frozenset(self.events.ignore),
            name=self.profile,
            silence=self.silence.plans(),
            quarantine_at_least=self.quarantine.at_least,
        )


def _override(at: str, rule: FieldRule) -> Override:
    place = Place.of(at)
    assert place is not None  # noqa: S101 - the model looked
    return Override(
        at=place,
        taken_from=Place.of(rule.taken_from) if rule.taken_from else None,
        values={said.strip().upper(): meant for said, meant in rule.values.items()},
        otherwise=rule.otherwise,
        day_only=rule.day_only,
    )


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of a gateway, in order: the first that fits a message is how it is read."""

    profiles: tuple[Profile, ...]
    sources: tuple[Source, ...]

    @classmethod
    def of_files(cls, names: Iterable[str | Path], references: References) -> Profiles:
        """
        Return the profiles in files.

        Raises:
            BadYaml: the faults of all files, each with its place.
            OSError: one cannot be read.
        """
        profiles: list[Profile] = []
        told: list[BadYaml] = []
        for name in names:
            try:
                one = load_profile(name)
                if one.profile in {before.profile for before in profiles}:
                    twice = Fault(1, 1, "profile", "another profile has the same name")
                    raise BadYaml(str(name), [twice])
                profiles.append(one)
            except BadYaml as error:
                told.append(error)
        if told:
            raise told[0] if len(told) == 1 else BadYaml("profiles", [], *told)
        return cls(tuple(profiles), tuple(one.source(references) for one in profiles))

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of the first profile, in which a report of all of them is told."""
        return self.sources[0].zone

    @property
    def references(self) -> References:
        """Return how references are made: in one way for all, so that a patient is one."""
        return self.sources[0].references

    def by(self, references: References) -> Self:
        """Return the same profiles with these *references*."""
        return replace(self, sources=tuple(one.by(references) for one in self.sources))

    def of(self, data: bytes, peer: str) -> Source | None:
        """
        Return how to read a message; None where it fits no profile.

        What has no HL7 header fits a profile that asks for no application and no facility.
        """
        header = read_header(data)
        application, facility = (header.part(at, 1).decode("latin-1") for at in (3, 4))
        for profile, source in zip(self.profiles, self.sources, strict=True):
            if profile.sender.fits(application, facility, peer):
                return source
        return None

    def each(self) -> Sequence[Source]:
        """Return how each of them reads."""
        return self.sources

    def reference(self, kind: str, number: str) -> str:
        """Return the reference for a number."""
        return self.references.of(kind, number)


def load_profile(name_or_path: str | Path) -> Profile:
    """
    Return the profile in a file, or the `default` one.

    Raises:
        BadYaml: it is malformed; says `file:line:column`, field and reason, all errors at once.
        OSError: it cannot be read.
    """
    if str(name_or_path) == DEFAULT:
        return Profile()
    path = Path(name_or_path)
    return read_yaml(path.read_bytes(), Profile, str(path))
