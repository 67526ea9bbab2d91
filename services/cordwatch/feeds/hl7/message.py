"""An HL7 v2 message: segments, fields, repetitions and components, read only where asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NULL = '""'
"""HL7's "delete this": not the same as empty, which means "nothing said"."""

_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}\Z")
_LINE = re.compile(r"\r\n|\r|\n")
_DELIMITERS = 4
_CODECS = {
    "": "utf-8",
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "ISO IR14": "iso2022_jp",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "CNS 11643-1992": "big5",
    "BIG-5": "big5",
} | {f"8859/{part}": f"iso8859_{part}" for part in (*range(1, 12), 13, 14, 15, 16)}
"""Table 0211 as Python knows it."""


class Unreadable(ValueError):
    """A message, or a part of it, that cannot be read; names the field and why, never the content."""

    def __init__(self, field: str, reason: str) -> None:
        """Keep *field* (like `MSH-10`) and *reason*."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The characters that MSH-1 and MSH-2 declare."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One line of a message; fields are counted from 1, as HL7 does."""

    name: str
    fields: Sequence[str]
    delimiters: Delimiters

    def raw(self, field: int, repetition: int = 0) -> str:
        """Return a repetition of a field as sent, empty if there is none."""
        if field >= len(self.fields):
            return ""
        value = self.fields[field]
        if self.name in {"MSH", "FHS", "BHS"} and field <= 2:  # noqa: PLR2004 - the delimiters themselves
            return value
        parts = value.split(self.delimiters.repetition)
        return parts[repetition] if repetition < len(parts) else ""

    def repetitions(self, field: int) -> int:
        """Return how often a field repeats; 0 when it is empty."""
        if field >= len(self.fields) or not self.fields[field]:
            return 0
        return self.fields[field].count(self.delimiters.repetition) + 1

    def text(self, field: int, component: int = 1, *, repetition: int = 0, sub: int = 1) -> str:
        """Return a component's text, unescaped; empty when absent, empty or null."""
        parts = self.raw(field, repetition).split(self.delimiters.component)
        if component > len(parts):
            return ""
        subs = parts[component - 1].split(self.delimiters.subcomponent)
        value = subs[sub - 1] if sub <= len(subs) else ""
        return "" if value == NULL else unescape(value, self.delimiters).strip()

    def is_null(self, field: int) -> bool:
        """Return whether the field says "delete what you know" rather than nothing."""
        return self.raw(field) == NULL


_ESCAPE_TEXT = {".br": "\n", ".sp": "\n", "H": "", "N": ""}


def unescape(value: str, delimiters: Delimiters) -> str:
    r"""Return *value* with HL7 escapes resolved: \F\, \S\, \T\, \R\, \E\, \Xhh..\, \.br\."""
    if not delimiters.escape or delimiters.escape not in value:
        return value
    escape = re.escape(delimiters.escape)
    known = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        **_ESCAPE_TEXT,
    }

    def resolve(match: re.Match[str]) -> str:
        code = match[1]
        if code in known:
            return known[code]
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", code):
            return bytes.fromhex(code[1:]).decode("latin-1")
        return match[0]

    return re.sub(f"{escape}([^{escape}]*){escape}", resolve, value)


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message: its header has been read, its segments are in order."""

    segments: Sequence[Segment]

    @property
    def header(self) -> Segment:
        """Return MSH."""
        return self.segments[0]

    @property
    def type(self) -> str:
        """Return message type and trigger, `ADT^A01`; the trigger of MSH-9 rules, not of EVN-1."""
        header = self.header
        return f"{header.text(9)}^{header.text(9, 2)}" if header.text(9, 2) else header.text(9)

    def all(self, *names: str) -> Iterator[Segment]:
        """Return the segments of these names, in order."""
        return (segment for segment in self.segments if segment.name in names)

    def first(self, name: str) -> Segment | None:
        """Return the first segment of this name."""
        return next(self.all(name), None)

    def groups(self, *leaders: str) -> Iterator[list[Segment]]:
        """
        Return runs of segments that begin with one of *leaders*, in order.

        A leader that follows directly on another one (OBR after ORC) stays in
        its group; the same leader again opens the next, so that repeated
        orders never collapse into one.
        """
        group: list[Segment] = []
        seen: set[str] = set()
        for segment in self.segments:
            if segment.name in leaders:
                rank = leaders.index(segment.name)
                if segment.name in seen or any(leaders.index(one) > rank for one in seen):
                    yield group
                    group, seen = [], set()
                seen.add(segment.name)
            if seen:
                group.append(segment)
        if group:
            yield group


def parse(data: bytes, fallback: str = "iso8859_1") -> Message:
    """
    Return the message in *data*, with any of the three line ends.

    *fallback* is the codec for a source that declares none and does not send UTF-8.

    Raises:
        Unreadable: header or charset; its text holds nothing of the content.
    """
    delimiters = _delimiters(data)
    text = _decode(data, delimiters, fallback)
    segments: list[Segment] = []
    for line in _LINE.split(text):
        if not line.strip():
            continue
        name = line[:3]
        if _SEGMENT.match(name) and (len(line) == len(name) or line[3] == delimiters.field):
            segments.append(_segment(name, line, delimiters))
        elif segments:
            # A line break inside a field: it belongs to what went before.
            last = segments[-1]
            fields = [*last.fields[:-1], f"{last.fields[-1]}\n{line}"]
            segments[-1] = Segment(last.name, fields, delimiters)
    message = Message(segments)
    for field, reason in ((9, "message type is missing"), (10, "control id is missing")):
        if not message.header.text(field):
            raise Unreadable(f"MSH-{field}", reason)
    return message


def _segment(name: str, line: str, delimiters: Delimiters) -> Segment:
    fields = line.split(delimiters.field)
    if name == "MSH":
        fields.insert(1, delimiters.field)
    return Segment(name, fields, delimiters)


def _delimiters(data: bytes) -> Delimiters:
    if not data.startswith(b"MSH") or len(data) < _DELIMITERS + 4:
        raise Unreadable("MSH", "no header segment")
    separator = chr(data[3])
    encoding = data[4:].split(data[3:4], 1)[0].decode("latin-1")
    if separator.isalnum() or separator.isspace() or not 1 <= len(encoding) <= _DELIMITERS + 1:
        raise Unreadable("MSH-2", "delimiters are not readable")
    if any(one.isalnum() or one.isspace() for one in encoding):
        raise Unreadable("MSH-2", "delimiters are letters, digits or blanks")
    padded = encoding + "^~\\&"[len(encoding) :]
    return Delimiters(separator, padded[0], padded[1], padded[2], padded[3])


def _decode(data: bytes, delimiters: Delimiters, fallback: str) -> str:
    line = re.split(rb"[\r\n]", data, maxsplit=1)[0].decode("latin-1")
    fields = line.split(delimiters.field)
    declared = fields[17].split(delimiters.repetition) if len(fields) > 17 else [""]  # noqa: PLR2004 - MSH-18
    names = [name.split(delimiters.component)[0].strip().upper() for name in declared]
    # A repeating MSH-18 names the default first, then the sets that escapes switch to.
    names = [name for name in names if name] or [""]
    for name in names:
        if name not in _CODECS:
            raise Unreadable("MSH-18", "character set is not known")
    codecs = [_CODECS[names[-1] if len(names) > 1 else names[0]]]
    if names == [""]:
        codecs.append(fallback)
    for codec in codecs:
        try:
            return data.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
    raise Unreadable("MSH-18", "bytes do not fit the declared character set")
