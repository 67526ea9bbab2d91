"""A piece of a FHIR resource that knows its own path, so that every fault can name its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from cordwatch.feeds.code_map import CodeMap
from cordwatch.feeds.hl7.message import Unreadable
from cordwatch.feeds.hl7.times import BadTime, Stamp, read_time

MEMBERS_MAX = 1_000
"""Repetitions of an element that are looked at; no record of a ward has more."""

_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Element:
    """
    An object of a resource, read by the names of its members.

    FHIR's versions renamed elements and put others into lists: every reader
    takes several names, and the first that is there counts.

    Raises (each reader):
        Unreadable: what is there has another shape than FHIR gives it.
    """

    value: Mapping[str, Any]
    path: str
    codes: CodeMap = field(default_factory=CodeMap, repr=False)
    """What the source's own codes stand for, wherever one is found in here."""

    @classmethod
    def of(cls, resource: Mapping[str, Any], codes: CodeMap | None = None) -> Element:
        """Return a resource as an element; its path begins with its type."""
        return cls(resource, str(resource.get("resourceType", "resource"))[:64], codes or CodeMap())

    @property
    def type(self) -> str:
        """Return the resource's type; empty where this is no resource."""
        kind = self.value.get("resourceType")
        return kind if isinstance(kind, str) else ""

    def has(self, name: str) -> bool:
        """Return whether the member is there."""
        return self.value.get(name) is not None

    def text(self, *names: str) -> str:
        """Return a member that is a text; empty if there is none."""
        for name in names:
            found = self.value.get(name)
            if found is None:
                continue
            if not isinstance(found, str):
                raise Unreadable(f"{self.path}.{name}", "is not a text")
            if found.strip():
                return found.strip()
        return ""

    def flag(self, name: str) -> bool | None:
        """Return a member that is true or false, None if it is absent."""
        found = self.value.get(name)
        if found is None or isinstance(found, bool):
            return found
        raise Unreadable(f"{self.path}.{name}", "is neither true nor false")

    def number(self, *names: str) -> float | None:
        """Return a member that is a number, None if it is absent."""
        for name in names:
            found = self.value.get(name)
            if found is None:
                continue
            if isinstance(found, bool) or not isinstance(found, int | float):
                raise Unreadable(f"{self.path}.{name}", "is not a number")
            return float(found)
        return None

    def one(self, *names: str) -> Element | None:
        """Return a member that is an object: of a list the first."""
        return next(iter(self.many(*names)), None)

    def many(self, *names: str) -> Iterator[Element]:
        """Yield the objects of the first of *names* that is there; a single one counts as a list."""
        for name in names:
            found = self.value.get(name)
            if found is None:
                continue
            listed = found if isinstance(found, list) else [found]
            if len(listed) > MEMBERS_MAX:
                raise Unreadable(f"{self.path}.{name}", f"has more than {MEMBERS_MAX} members")
            for number, one in enumerate(listed):
                place = f"[{number}]" if isinstance(found, list) else ""
                if one is None:
                    continue
                if not isinstance(one, Mapping):
                    raise Unreadable(f"{self.path}.{name}{place}", "is not an object")
                yield Element(one, f"{self.path}.{name}{place}", self.codes)
            return

    def time(self, zone: tzinfo, *names: str) -> Stamp | None:
        """
        Return the first time that is stated, None if there is none.

        Raises:
            Unreadable: it is no FHIR time, or says no more than a month or year.
        """
        for name in names:
            text = self.text(name)
            if not text:
                continue
            where = f"{self.path}.{name}"
            stamp = _stamp(text, zone, where)
            if stamp.precision in {"year", "month"}:
                raise Unreadable(where, f"says no more than the {stamp.precision}")
            return stamp
        return None


def _stamp(text: str, zone: tzinfo, where: str) -> Stamp:
    """Read a FHIR time as an HL7 time of the same words: precision, gaps and doubts alike."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise Unreadable(where, "is not a FHIR time")
    *parts, fraction, offset = match.groups()
    plain = "".join(part for part in parts if part) + (fraction or "")[:10]
    if offset:
        plain += "+0000" if offset == "Z" else offset.replace(":", "")
    try:
        return read_time(plain, zone)
    except BadTime as error:
        raise Unreadable(where, str(error)) from None
