"""What must hold of the feeds whatever is sent: each a function of made-up input, run by tests and by `make fuzz`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.hl7.acknowledge import answers
from cordwatch.feeds.hl7.framing import Piece, split_messages
from cordwatch.feeds.hl7.mllp import FrameReader, frame
from cordwatch.feeds.intake import OUR_FAULT, records_of, understand
from cordwatch.feeds.source import Source
from tests.fuzz.wire import LIMIT_BYTES, converse

GOLDEN = Path(__file__).parent.parent / "golden" / "hl7"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AMSTERDAM = Source(zone=ZoneInfo("Europe/Amsterdam"))

NASTY = st.sampled_from(
    [
        *(b"\x0b", b"\x1c", b"\r", b"\n", b"\x1c\r", b"\x0bMSH", b"MSH|^~\\&|", b"MSH", b"\x00"),
        *(
            b"|",
            b"^",
            b"~",
            b"&",
            b"\\",
            b'""',
            b"\\X",
            b"\\XZZ\\",
            b"\\X41\\",
            b"\\.br\\",
            b"\\C2",
        ),
        *(b"~" * 400, b"^" * 400, b"|" * 400, b"&" * 400, b"\\" * 401, b"\\T\\" * 100),
        *(
            b"\xef\xbb\xbf",
            b"\xff",
            b"\xc3",
            b"\xed\xa0\x80",
            b"\xc3\xbc\xe2\x82\xac\xf0\x9d\x92\xb3",
            b"\x1b$B",
            b"\x85",
        ),
        *(b"99999999999999", b"20261325", b"00000000", b"+9999", b"-0030", b"1E400", b"-1", b"NaN"),
        *(
            b"BHS|^~\\&\r",
            b"BTS|1\r",
            b"FTS|x\r",
            b"PID|2||9\r",
            b"MRG|1\r",
            b"ZZZ|1\r",
            b"OBX|1|CE|",
        ),
        *(b"8859/1", b"UNICODE UTF-16", b"ISO IR87", b"KS X 1001", b"UTF-7", b"idna", b"rot13"),
        b"x" * (LIMIT_BYTES + 9),
    ]
)
JUNK = st.lists(st.one_of(NASTY, st.binary(max_size=40)), max_size=8).map(b"".join)


def good(number: int, asks: bytes = b"") -> bytes:
    """Return a message as it should be, with a control id that nothing else has."""
    return (
        b"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^A01|good-%d|P|2.5%b\r"
        b"PID|1||7^^^H^MR\rPV1|1|I|HAEM1\rEVN|A01|20260302095500\r" % (number, asks)
    )


ASKED = {
    b"": ["AA"],
    b"|||AL|NE": ["CA"],
    b"|||AL|AL": ["CA", "AA"],
    b"|||NE|AL": ["AA"],
    b"|||ER|NE": [],
}
"""What a sender asks to hear in MSH-15 and MSH-16, and hears when all is well."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Chunks of bytes, the whole frames in them, and which messages the broker will not take."""

    chunks: list[bytes]
    asked: list[bytes]
    """Of each frame what its sender asks to hear."""
    refused: set[int]


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Return frames with anything between them, cut anywhere."""
    stream, asked = bytearray(), []
    for number in range(draw(st.integers(0, 6))):
        stream += draw(JUNK)
        asked.append(draw(st.sampled_from(list(ASKED))))
        stream += frame(good(number, asked[-1]))
    stream += draw(JUNK)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    chunks = [bytes(stream[a:b]) for a, b in itertools.pairwise(edges)]
    return Conversation(chunks, asked, draw(st.sets(st.integers(0, 9), max_size=2)))


def every_frame_is_answered_in_order(said: Conversation) -> None:
    """
    Check that a good frame is answered as it asks, once, in its place, and that nothing is said to be kept that is not.

    Whatever stands before, between and behind the frames.
    """
    found = converse(said.chunks, said.refused)
    assert found.left_open == 0
    heard = [one for one in found.answers if one[1].startswith("good-")]
    expected = []
    for number, asks in enumerate(said.asked):
        name = f"good-{number}"
        if name in found.refused:
            expected.append(("CR" if asks and b"NE|" not in asks else "AR", name))
        else:
            assert name in found.kept
            expected += [(code, name) for code in ASKED[asks]]
    assert heard == expected
    for code, name in found.answers:
        assert code not in {"AA", "CA"} or (name or "-") in found.kept, f"{code} without a record"


def chunks_do_not_matter(stream: tuple[bytes, list[int]]) -> None:
    """Check that bytes cut anywhere give the same pieces, on a connection and in a file."""
    data, cuts = stream
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[a:b] for a, b in itertools.pairwise(edges)]
    whole, cut = FrameReader(LIMIT_BYTES), FrameReader(LIMIT_BYTES)
    once = [*whole.feed(data), *whole.close()]
    assert [*(one for chunk in chunks for one in cut.feed(chunk)), *cut.close()] == once
    in_file = list(split_messages([data], LIMIT_BYTES))
    assert list(split_messages(chunks, LIMIT_BYTES)) == in_file


STREAMS = st.tuples(JUNK, st.lists(st.integers(0, 6_000), max_size=12))


@cache
def corpus() -> tuple[bytes, ...]:
    """Return the messages to begin with: our own, and other people's where there are any."""
    files = sorted(GOLDEN.glob("*.hl7"))
    folder = os.environ.get("CORDWATCH_CORPUS")
    if folder:
        files += sorted(one for one in (Path(folder) / "hl7v2").iterdir() if one.is_file())
    pieces = [piece for path in files for piece in split_messages([path.read_bytes()])]
    found = [piece.data for piece in pieces if piece.kind == "message"]
    assert len(found) >= 50
    return tuple(dict.fromkeys(one for one in found if len(one) <= LIMIT_BYTES))


Mutation = tuple[str, float, float, bytes]
_MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "double", "put", "replace", "field", "field", "field"]),
        st.floats(0, 1),
        st.floats(0, 0.2),
        st.one_of(NASTY, st.binary(max_size=12)),
    ),
    min_size=1,
    max_size=8,
)


def _mutated(data: bytes, mutations: list[Mutation]) -> bytes:
    for how, at, size, put in mutations:
        begin = int(at * len(data))
        end = begin + int(size * len(data))
        if how == "field":
            # All of one field, so that what is read there is not what was expected.
            begin = data.rfind(b"|", 0, begin + 1) + 1
            end = next((n for n in range(begin, len(data)) if data[n] in b"|\r\n"), len(data))
        middle = {
            "cut": b"",
            "double": data[begin:end] * 2,
        }.get(how, put)
        data = data[:begin] + middle + data[begin if how == "put" else end :]
    return data


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """Return a message of the corpus with some of it cut, doubled or replaced."""
    known = corpus()
    return _mutated(known[draw(st.integers(0, len(known) - 1))], draw(_MUTATIONS))


def a_message_is_read_or_refused(data: bytes) -> None:
    """
    Check that reading never raises, never blames us, and says the same twice.

    A message that gives no event has a reason, or is of no interest; ids are
    each given once; the raw record is there and holds the very bytes.
    """
    piece = Piece("message", data)
    found, records = records_of(understand(piece, AMSTERDAM, NOW), NOW)
    assert OUR_FAULT not in found.faults
    again, repeated = records_of(understand(piece, AMSTERDAM, NOW), NOW)
    assert (again, repeated) == (found, records)
    ids = [one.event_id for one in found.told]
    assert len(ids) == len(set(ids))
    assert (found.outcome == "mapped") == bool(found.told)
    assert bool(found.faults) >= (found.outcome == "quarantined")
    for answer in answers(data, found.faults, NOW, lambda: "1"):
        assert answer.message.startswith(b"MSH") == answer.message.endswith(b"\r")
    # A file's reading is the same, as far as it takes the bytes for one message.
    item = Item("message", "hl7v2", data)
    assert translate(item, AMSTERDAM, NOW) == translate(item, AMSTERDAM, NOW)


CHECKS: dict[str, tuple[st.SearchStrategy[Any], Callable[..., None]]] = {
    "every frame is answered in order": (conversations(), every_frame_is_answered_in_order),
    "chunks do not matter": (STREAMS, chunks_do_not_matter),
    "a message is read or refused": (mutants(), a_message_is_read_or_refused),
}
"""What is checked, and of what: a few of each in the tests, as many as wanted by `make fuzz`."""
