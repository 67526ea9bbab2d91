"""What a header declares about the bytes behind it: delimiters, character set, escapes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_CODECS = {
    "ASCII": "ascii",
    "ISO IR6": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "WINDOWS-1252": "cp1252",
    "CP1252": "cp1252",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "CNS 11643-1992": "big5",
    "BIG-5": "big5",
} | {
    f"{prefix}8859{sign}{part}": f"iso8859_{part}"
    for part in (*range(1, 12), 13, 14, 15, 16)
    for prefix, sign in (("", "/"), ("ISO-", "-"))
}
"""
Table 0211 as Python knows it, and the names that senders use instead.

UTF-16 and UTF-32 are not in it: a message that begins with the bytes `MSH` is neither.
"""

_SWITCHED = {"ISO IR14": "iso2022_jp_1", "ISO IR87": "iso2022_jp_1", "ISO IR159": "iso2022_jp_1"}
"""Sets that escape sequences in the text switch to; ASCII is part of each."""

_DEFAULTS = "^~\\&"
_MISTYPED = {"^~&", "^~\\\\&"}
"""A backslash that a sender's own source code swallowed or doubled: the defaults are meant."""

_HEADER_BYTES_MIN = 8
_CHARSET_FIELD = 18
_LINE_END = re.compile(rb"[\r\n]")
_NAME = re.compile(rb"[A-Z][A-Z0-9]{2}\Z")


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
    marks: frozenset[str] = dataclasses.field(init=False, repr=False, compare=False)
    """A field without one of these is a plain word: nothing to split or to resolve."""

    def __post_init__(self) -> None:
        """Gather the marks."""
        marks = frozenset(
            (self.component, self.repetition, self.escape, self.subcomponent, *'" \n')
        )
        object.__setattr__(self, "marks", marks)


STANDARD = Delimiters("|", "^", "~", "\\", "&")


def read_delimiters(data: bytes) -> Delimiters:
    """
    Return the delimiters that a message declares; trailing ones may be left out.

    Raises:
        Unreadable: no header, or delimiters that cannot tell one part from another.
    """
    if not data.startswith(b"MSH") or len(data) < _HEADER_BYTES_MIN:
        raise Unreadable("MSH", "no header segment")
    separator = data[3:4]
    return _delimiters(separator.decode("latin-1"), data[4:12].split(separator, 1)[0])


@lru_cache(maxsize=64)
def _delimiters(separator: str, as_sent: bytes) -> Delimiters:
    stated = as_sent.decode("latin-1")
    if stated in _MISTYPED:
        stated = _DEFAULTS
    # A fifth one, for truncation, came with v2.7.
    if not 1 <= len(stated) <= len(_DEFAULTS) + 1:
        raise Unreadable("MSH-2", "delimiters are not readable")
    every = separator + stated + _DEFAULTS[len(stated) :]
    if any(not "!" <= one <= "~" or one.isalnum() for one in every):
        raise Unreadable("MSH-2", "delimiters are letters, digits, blanks or no ASCII")
    if len(set(every)) != len(every):
        raise Unreadable("MSH-2", "one delimiter stands for two things")
    return Delimiters(*every[: len(_DEFAULTS) + 1])


def decode(
    data: bytes, delimiters: Delimiters, fallback: str, own_names: Mapping[str, str] | None = None
) -> str:
    """
    Return the text of a message in the character set of its MSH-18.

    Where none is declared: UTF-8 if the bytes are that, else the source's *fallback*.
    *own_names* are names, in capitals, that the source uses for codecs: they come
    before the table's, since some sources declare one set and send another.

    Raises:
        Unreadable: a set that is not known, or the field that does not fit it.
    """
    names = _declared(data, delimiters)
    known = {**_CODECS, **own_names} if own_names else _CODECS
    unknown = [name for name in names if name not in known and name not in _SWITCHED]
    if unknown:
        raise Unreadable("MSH-18", "character set is not known")
    codecs = [_SWITCHED[name] for name in names if name in _SWITCHED]
    codecs += [known[name] for name in names if name in known]
    where = "MSH-18"
    for codec in codecs or ["utf-8", fallback]:
        try:
            return data.decode(codec)
        except UnicodeDecodeError as error:
            where = _field_at(data, error.start, delimiters)
    raise Unreadable(where, "bytes do not fit the character set")


def _declared(data: bytes, delimiters: Delimiters) -> list[str]:
    end = _LINE_END.search(data)
    header = data[: end.start() if end else len(data)].decode("latin-1")
    # The name and the separator itself count as one: MSH-3 stands at index 2.
    fields = header.split(delimiters.field, _CHARSET_FIELD)
    if len(fields) < _CHARSET_FIELD:
        return []
    repeated = fields[_CHARSET_FIELD - 1].split(delimiters.repetition)
    names = (name.split(delimiters.component)[0].strip().upper() for name in repeated)
    return [name for name in names if name and name != '""']


def _field_at(data: bytes, position: int, delimiters: Delimiters) -> str:
    """Return the place of a byte, like `PID-5`, without a word of what stands there."""
    line_start = max(data.rfind(b"\r", 0, position), data.rfind(b"\n", 0, position)) + 1
    parts = data[line_start:position].split(delimiters.field.encode())
    if not _NAME.match(parts[0]):
        return "MSH-18"
    name = parts[0].decode()
    return f"{name}-{len(parts) - 1 + (name == 'MSH')}"


_ESCAPED = r"(?:[FSTREHN]|X(?:[0-9A-Fa-f]{2})+|\.(?:br|ce|sp|sk|fi|nf|in|ti)[ +-]?[0-9]{0,3})"
_FORMATTING = {".br": "\n", ".ce": "\n", ".sp": "\n", ".sk": " "}


def unescape(value: str, delimiters: Delimiters) -> str:
    r"""
    Return *value* with its escapes resolved: \F\, \S\, \T\, \R\, \E\, \Xhh..\, \.br\ and the like.

    Highlighting and indents vanish; what is no escape is left as it stands.
    """
    if delimiters.escape not in value:
        return value
    known = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
    }

    def resolve(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] == "X":
            return _from_hex(code[1:])
        if code[0] == ".":
            return _FORMATTING.get(code[:3], "") * int(code[3:].strip(" +-") or 1)
        return known.get(code, "")

    mark = re.escape(delimiters.escape)
    return re.sub(f"{mark}({_ESCAPED}){mark}", resolve, value)


def _from_hex(digits: str) -> str:
    # The set is not told with the escape: bytes that are UTF-8 hardly mean anything else.
    sent = bytes.fromhex(digits)
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return sent.decode("latin-1")


def escape(text: str, delimiters: Delimiters = STANDARD) -> str:
    """Return *text* so that it can stand in a field: the inverse of `unescape`."""
    mark = delimiters.escape
    codes = {
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.subcomponent: "T",
        delimiters.repetition: "R",
        mark: "E",
        "\r": "X0D",
        "\n": ".br",
    }
    return "".join(f"{mark}{codes[one]}{mark}" if one in codes else one for one in text)
