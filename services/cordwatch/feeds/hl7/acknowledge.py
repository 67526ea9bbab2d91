"""Which acknowledgement is due for which outcome, and its bytes: HL7 v2 chapter 2.9, without I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal, Protocol

from cordwatch.feeds.hl7.encoding import STANDARD, Delimiters, Unreadable, escape, read_delimiters

Verdict = Literal["accepted", "error", "rejected"]
Code = Literal["AA", "AE", "AR", "CA", "CE", "CR"]

CODES: Final[tuple[Code, ...]] = ("AA", "AE", "AR", "CA", "CE", "CR")
_APPLICATION: dict[Verdict, Code] = {"accepted": "AA", "error": "AE", "rejected": "AR"}
_ACCEPT: dict[Verdict, Code] = {"accepted": "CA", "error": "CE", "rejected": "CR"}

_WANTED: dict[str, frozenset[Verdict]] = {
    "AL": frozenset(("accepted", "error", "rejected")),
    "NE": frozenset(),
    "ER": frozenset(("error", "rejected")),
    "SU": frozenset(("accepted",)),
}
"""Table 0155: what a sender asks for in MSH-15 and MSH-16. Another value is read as AL."""

_REJECTING = frozenset({"message", "MSH", "MSH-2", "MSH-3", "MSH-9", "MSH-11", "MSH-12"})
"""Where a fault means "not accepted for processing at all" (2.9.2.2): rejected, not erroneous."""

_ERRORS = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    207: "Application internal error",
}
"""Table 0357, as far as it is used."""

_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})(?:-(\d{1,3}))?")
_ONCE_IN_A_MESSAGE = frozenset({"MSH", "EVN", "PID", "PV1", "SCH"})
_MISSING = re.compile(r"\bmissing\b|\bno\b|\bwithout\b")
_NOT_IN_TABLE = re.compile(r"not known|allow-list")
_VERSION = re.compile(rb"2\.(\d{1,2})")
_TRIGGER = re.compile(rb"[A-Z0-9]{3}")
_WIRE_MARKS = b"\x0b\x1c\r\n"
_LINE_END = re.compile(rb"[\r\n]")

HEADER_BYTES_MAX = 64 * 1024
ECHO_BYTES_MAX = 1_000
REASON_CHARACTERS_MAX = 200
_STRUCTURE_SINCE, _ERR_FIELDS_SINCE = 4, 5
"""Versions 2.x from which MSH-9 has a third component, and ERR more than one field."""

_OWN_NAME = b"CORDWATCH"


class Complaint(Protocol):
    """What was wrong: a place like `PID-3`, and why, without a word of the content."""

    @property
    def field(self) -> str:
        """Return the place."""

    @property
    def reason(self) -> str:
        """Return why it is wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One acknowledgement: its code, and the message that says so, without a frame."""

    code: Code
    message: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """
    What an answer needs of a message, taken from its bytes even where the rest cannot be read.

    Fields are echoed as they were sent, byte by byte: what the sender compares
    must not depend on how we read a character set.
    """

    delimiters: Delimiters
    fields: Sequence[bytes] = ()

    def field(self, number: int) -> bytes:
        """Return MSH-*number* as sent; empty when there is none, or more than can be echoed."""
        if not 2 < number <= len(self.fields):  # noqa: PLR2004 - MSH-1 and 2 are the delimiters
            return b""
        found = self.fields[number - 1].translate(None, _WIRE_MARKS)
        return found if len(found) <= ECHO_BYTES_MAX else b""

    def part(self, number: int, component: int) -> bytes:
        """Return a component of MSH-*number* as sent."""
        parts = self.field(number).split(self.delimiters.component.encode())
        return parts[component - 1].strip() if component <= len(parts) else b""

    @property
    def minor_version(self) -> int | None:
        """Return 5 for a message of version 2.5, None where no version is stated."""
        match = _VERSION.match(self.part(12, 1))
        return int(match[1]) if match else None

    @property
    def acknowledges(self) -> bool:
        """Return whether the message is itself an acknowledgement: such a one is never answered."""
        return self.part(9, 1) in {b"ACK", b"MCF"}

    def condition(self, number: int) -> str | None:
        """Return what MSH-15 or MSH-16 asks for, None when it says nothing."""
        stated = self.part(number, 1)
        if stated in {b"", b'""'}:
            return None
        name = stated.decode("latin-1").upper()
        return name if name in _WANTED else "AL"


@lru_cache(maxsize=4)
def read_header(data: bytes) -> Header:
    """Return as much of the header as can be read; none at all is an empty one. Asked for twice in a row."""
    data = data[: HEADER_BYTES_MAX + 3].removeprefix(b"\xef\xbb\xbf")
    try:
        delimiters = read_delimiters(data)
    except Unreadable:
        # The usual ones are the best guess at which control id is meant.
        delimiters = STANDARD
        if data[:4] != b"MSH|":
            return Header(delimiters)
    end = _LINE_END.search(data)
    line = data[: end.start() if end else len(data)]
    # The separator itself is MSH-1.
    return Header(delimiters, [b"", *line.split(delimiters.field.encode())[1:]])


def verdict_on(complaints: Sequence[Complaint]) -> Verdict:
    """Return what *complaints* amount to: rejected where the message as a whole is refused."""
    if not complaints:
        return "accepted"
    return "rejected" if any(one.field in _REJECTING for one in complaints) else "error"


def due_codes(header: Header, verdict: Verdict, *, transport_commits: bool = False) -> list[Code]:
    """
    Return the codes that the sender asked to hear, in the order in which they are told.

    Original mode (neither MSH-15 nor MSH-16): one application acknowledgement.
    Enhanced mode: what MSH-15 asks for, then what MSH-16 asks for; the one that
    is left out counts as NE. An error is told in the last answer that the sender
    listens to: as AE where an application acknowledgement carries it, else as CE.
    After CR nothing follows. With *transport_commits* (MLLP v2) the accept level
    is said by the transport.
    """
    if header.acknowledges:
        return []
    accept, application = header.condition(15), header.condition(16)
    if accept is None and application is None:
        return [] if transport_commits else [_APPLICATION[verdict]]
    tells = verdict in _WANTED[application or "NE"]
    if transport_commits:
        return [_APPLICATION[verdict]] if tells else []
    committed: Verdict = "accepted" if verdict == "error" and tells else verdict
    codes: list[Code] = []
    if committed in _WANTED[accept or "NE"]:
        codes.append(_ACCEPT[committed])
    if tells and "CR" not in codes:
        codes.append(_APPLICATION[verdict])
    return codes


def answers(
    data: bytes,
    complaints: Sequence[Complaint],
    at: datetime,
    next_id: Callable[[], str],
    *,
    transport_commits: bool = False,
) -> list[Answer]:
    """Return the acknowledgements that are due for the message in *data*."""
    header = read_header(data)
    codes = due_codes(header, verdict_on(complaints), transport_commits=transport_commits)
    return [Answer(code, _message(code, header, complaints, at, next_id())) for code in codes]


def _message(
    code: Code, header: Header, complaints: Sequence[Complaint], at: datetime, own_id: str
) -> bytes:
    separator = header.delimiters.field.encode()
    segments = [
        _header(header, at, own_id),
        separator.join((b"MSA", code.encode(), header.field(10))),
    ]
    if code not in {"AA", "CA"}:
        segments += _errors(header, complaints)
    return b"".join(segment + b"\r" for segment in segments)


def _header(header: Header, at: datetime, own_id: str) -> bytes:
    enhanced = header.condition(15) is not None or header.condition(16) is not None
    never = b"NE" if enhanced else b""
    marks = header.delimiters
    fields = [
        b"MSH",
        f"{marks.component}{marks.repetition}{marks.escape}{marks.subcomponent}".encode(),
        header.field(5) or _OWN_NAME,
        header.field(6),
        header.field(3),
        header.field(4),
        f"{at:%Y%m%d%H%M%S%z}".encode(),
        b"",
        _type(header),
        own_id.encode(),
        header.field(11) or b"P",
        header.field(12) or b"2.5",
        *(b"", b""),
        *(never, never),
        b"",
        header.field(18),
    ]
    return marks.field.encode().join(fields).rstrip(marks.field.encode())


def _type(header: Header) -> bytes:
    trigger = header.part(9, 2)
    if not _TRIGGER.fullmatch(trigger):
        return b"ACK"
    parts = [b"ACK", trigger]
    version = header.minor_version
    if version is None or version >= _STRUCTURE_SINCE:
        parts.append(b"ACK")
    return header.delimiters.component.encode().join(parts)


def _errors(header: Header, complaints: Sequence[Complaint]) -> list[bytes]:
    marks, version = header.delimiters, header.minor_version
    if version is None or version >= _ERR_FIELDS_SINCE:
        return [_error(complaint, marks) for complaint in complaints]
    places = []
    for complaint in complaints:
        code = error_code(complaint)
        coded = marks.subcomponent.join((str(code), _ERRORS[code], "HL70357"))
        places.append(marks.component.join((*_location(complaint), coded)))
    return [f"ERR{marks.field}{marks.repetition.join(places)}".encode()]


def _error(complaint: Complaint, marks: Delimiters) -> bytes:
    code = error_code(complaint)
    place = marks.component.join(_location(complaint)).rstrip(marks.component)
    coded = marks.component.join((str(code), _ERRORS[code], "HL70357"))
    reason = escape(complaint.reason[:REASON_CHARACTERS_MAX], marks)
    fields = ("ERR", "", place, coded, "E", "", "", "", reason)
    return marks.field.join(fields).encode("ascii", "replace")


def _location(complaint: Complaint) -> tuple[str, str, str]:
    """Return segment, its sequence and field; the sequence is left out where it is not certain."""
    match = _PLACE.fullmatch(complaint.field)
    if match is None:
        return "", "", ""
    return match[1], "1" if match[1] in _ONCE_IN_A_MESSAGE else "", match[2] or ""


def error_code(complaint: Complaint) -> int:
    """Return the code of table 0357; faults state a place and a reason, and are told by these."""
    match = _PLACE.fullmatch(complaint.field)
    if match is None:
        return 207
    if match[2] is None:
        return 100
    if _NOT_IN_TABLE.search(complaint.reason):
        return 103
    return 101 if _MISSING.search(complaint.reason) else 102
