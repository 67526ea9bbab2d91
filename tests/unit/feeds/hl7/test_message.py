"""Messages are read as sent, or refused by naming a field; never half, never with an exception."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.hl7.message import Unreadable, parse

HEADER = "MSH|^~\\&|A|B|||20260302080000||ADT^A01^ADT_A01|77|P|2.5"


def message(*segments: str, charset: str = "", codec: str = "utf-8") -> bytes:
    """Return a message with these segments behind a sound header."""
    header = f"{HEADER}||||||{charset}" if charset else HEADER
    return "\r".join([header, *segments]).encode(codec)


@given(st.binary(max_size=300) | st.binary(max_size=120).map(lambda tail: HEADER.encode() + tail))
def test_any_bytes_are_a_message_or_unreadable(data: bytes) -> None:
    """Nothing that a sender does stops the feed."""
    try:
        found = parse(data)
    except Unreadable as refusal:
        assert refusal.field  # noqa: PT017 - one of the two ends
        return
    assert found.header.name == "MSH"
    for segment in found.segments:
        for field in range(25):
            for repetition in range(segment.repetitions(field)):
                told = segment.text(field, 2, repetition=repetition, sub=2)
                assert told == told.strip()


@given(st.binary(min_size=1, max_size=12))
def test_any_delimiters_are_used_or_refused(stated: bytes) -> None:
    """A header of noise is no reason to crash, whatever MSH-2 holds."""
    data = b"MSH" + stated + (b"|x" * 20)
    try:
        assert parse(data).header.text(10)
    except Unreadable as refusal:
        assert refusal.field.startswith("MSH")  # noqa: PT017


def test_fields_are_counted_as_hl7_counts_them() -> None:
    """MSH-1 is the separator itself; elsewhere field 1 follows the name."""
    found = parse(message("PID|1||7^^^HOSP^MR~8^^^NAT&sub^NI||Doe^Jo"))
    person = found.first("PID")
    assert person is not None
    assert [found.header.text(field) for field in (1, 2, 3, 10)] == ["|", "^~\\&", "A", "77"]
    assert (person.text(3), person.text(3, 4, repetition=1, sub=2)) == ("7", "sub")
    assert (person.repetitions(3), person.repetitions(4), person.repetitions(99)) == (2, 0, 0)
    assert found.header.repetitions(2) == 1


@pytest.mark.parametrize(
    ("sent", "component", "expected", "deletes"),
    [
        ("", 1, "", False),
        ("^", 2, "", False),
        ("a", 2, "", False),
        ('""', 1, "", True),
        ('""', 4, "", True),
        ('a^""', 2, "", False),
        ('a^""', 1, "a", False),
        ('a "" b', 1, 'a "" b', False),
        ("\\X2222\\", 1, '""', False),
        ("a\\T\\b&c", 1, "a&b", False),
    ],
)
def test_nothing_delete_and_text_are_three(
    sent: str, component: int, expected: str, deletes: bool
) -> None:
    """Blank leaves what is known, two quotes take it back, the rest is text."""
    visit = parse(message(f"PV1|1|{sent}|x")).first("PV1")
    assert visit is not None
    assert (visit.text(2, component), visit.is_null(2)) == (expected, deletes)
    assert (visit.text(40), visit.is_null(40)) == ("", False)


def test_a_repetition_that_deletes_does_not_delete_its_neighbour() -> None:
    """Each repetition speaks for itself."""
    person = parse(message('PID|1||7~""')).first("PID")
    assert person is not None
    assert (person.text(3), person.text(3, repetition=1), person.is_null(3)) == ("7", "", False)


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ("#*!/@", "a/T/b@c*d"),
        ("|^~\\&#", "a\\T\\b&c^d"),
        ("|^~&", "a\\T\\b&c^d"),
        ("|^~\\\\&", "a\\T\\b&c^d"),
        ("|^", "a\\T\\b&c^d"),
    ],
)
def test_declared_delimiters_are_used(declared: str, sent: str) -> None:
    """Custom, with truncation, with the backslash lost or doubled, and with the rest left out."""
    separator, other = declared[0], "@" if declared[0] == "#" else "&"
    header = separator.join(["MSH", declared[1:], *[""] * 6, "ADT", "77"])
    visit = parse(f"{header}\rPV1{separator}{sent}".encode()).first("PV1")
    assert visit is not None
    assert (visit.text(1), visit.text(1, sub=2), visit.text(1, 2)) == (f"a{other}b", "c", "d")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "MSH"),
        (b"PID|1", "MSH"),
        (b"MSH|^^^^|A|B|||2026||ADT|77", "MSH-2"),
        (b"MSH|||A|B|||2026||ADT|77", "MSH-2"),
        (b"MSH|abcd|A|B|||2026||ADT|77", "MSH-2"),
        (b"MSH\xc3\xa9~\\&\xc3A\xc3B\xc3", "MSH-2"),
        (b"MSH|^~\\&|A|B|||2026|||77|P|2.5", "MSH-9"),
        (b"MSH|^~\\&|A|B|||2026||ADT^A01||P|2.5", "MSH-10"),
        (b'MSH|^~\\&|A|B|||2026||ADT^A01|""|P|2.5', "MSH-10"),
        (message(charset="KLINGON"), "MSH-18"),
        (message(charset="UNICODE UTF-16"), "MSH-18"),
        (message("PID|1||7||Müller", charset="ASCII"), "PID-5"),
        (message(charset="ASCII").replace(b"|A|", "|Müller|".encode()), "MSH-3"),
        (message("PID|1||7||Müller", charset="UNICODE UTF-8", codec="latin-1"), "PID-5"),
        (message("OBX|1|TX|||line\rstraße", charset="ASCII"), "MSH-18"),
    ],
)
def test_a_refusal_names_the_field_and_no_content(data: bytes, field: str) -> None:
    """Who repairs the feed learns where; the log learns no name."""
    with pytest.raises(Unreadable) as refusal:
        parse(data)
    assert refusal.value.field == field
    assert not {"Müller", "straße", "KLINGON", "77"} & set(str(refusal.value).split())


@pytest.mark.parametrize(
    ("charset", "codec", "name"),
    [
        ("8859/1", "iso8859_1", "Müller"),
        ("8859/15", "iso8859_15", "Œuvre"),
        ("ISO-8859-1", "iso8859_1", "Müller"),
        ("UNICODE UTF-8", "utf-8", "Łukasz"),
        ("~ISO IR87", "iso2022_jp", "山田"),
        ("ASCII~ISO IR87", "iso2022_jp", "山田"),
        ("UNICODE UTF-8~8859/1", "utf-8", "Łukasz"),
        ("GB 18030-2000", "gb18030", "王"),
        ("KS X 1001", "euc_kr", "김"),
        ("BIG-5", "big5", "許功蓋"),
        ("", "utf-8", "Łukasz"),
        ("", "cp1252", "Müller"),
    ],
)
def test_the_declared_character_set_is_read(charset: str, codec: str, name: str) -> None:
    """Trailing bytes of big sets may look like delimiters and are none; else the source's own."""
    found = parse(message(f"PID|1||7||{name}^Jo", charset=charset, codec=codec), fallback="cp1252")
    person = found.first("PID")
    assert person is not None
    assert (person.text(5), person.text(5, 2)) == (name, "Jo")


@given(st.lists(st.sampled_from(["PV1|1|I", "OBX|1|TX|||a", "PID|1||7", "ORC|NW|1"]), max_size=9))
def test_the_segment_end_changes_no_message(segments: list[str]) -> None:
    """CR, LF, CRLF, and a BOM before: the same segments."""
    data = message(*segments)
    expected = [list(one.fields) for one in parse(data).segments]
    assert len(expected) == len(segments) + 1
    for end in (b"\n", b"\r\n"):
        other = b"\xef\xbb\xbf" + data.replace(b"\r", end)
        assert [list(one.fields) for one in parse(other).segments] == expected


def test_an_unescaped_line_break_goes_on_with_its_field() -> None:
    """The report's second line is not lost, and no segment of its own."""
    found = parse(message("OBX|1|TX|||first\nsecond line\n\nIII| odd", "OBX|2|TX|||x"))
    observed = list(found.all("OBX"))
    assert [one.text(5) for one in observed] == ["first\nsecond line", "x"]


def test_many_lines_take_linear_time() -> None:
    """A long report as plain lines: 5 MB took minutes when each line copied all before it."""
    data = message("OBX|1|TX|||begin") + b"\na line of the report ....." * 200_000
    begun = time.perf_counter()
    assert len(parse(data).segments) == 2
    assert time.perf_counter() - begun < 10


def test_repeated_groups_never_collapse() -> None:
    """Two orders are two, with their own OBR and OBX, in order; the header is in none."""
    segments = ["PID|1||7", "ORC|NW|1", "OBR|1", "OBX|1", "OBX|2", "ORC|NW|2", "OBR|2", "OBR|3"]
    found = parse(message(*segments))
    names = [[one.name for one in group] for group in found.groups("ORC", "OBR")]
    assert names == [["ORC", "OBR", "OBX", "OBX"], ["ORC", "OBR"], ["OBR"]]


@pytest.mark.parametrize(
    ("leaders", "segments", "expected"),
    [
        (("PID", "MRG"), "PID MRG PV1 PID MRG", ["PID MRG PV1", "PID MRG"]),
        (("ORC", "RXE"), "PID ORC RXE RXR ORC RXE RXR", ["ORC RXE RXR", "ORC RXE RXR"]),
        (("ORC", "RXA"), "ORC RXA RXR RXA RXR", ["ORC RXA RXR", "RXA RXR"]),
        (("ORC", "RXA"), "PID RXA RXR", ["RXA RXR"]),
        (("PRB",), "PID PRB NTE PRB", ["PRB NTE", "PRB"]),
        (("DG1",), "PID PV1", []),
        (("SCH", "AIS"), "SCH PID AIS AIL AIS", ["SCH PID AIS AIL", "AIS"]),
    ],
)
def test_groups_of_every_message_kind(
    leaders: tuple[str, ...], segments: str, expected: list[str]
) -> None:
    """Merges, drugs, problems, appointments: by their leading segments."""
    found = parse(message(*(f"{name}|1" for name in segments.split())))
    assert [" ".join(one.name for one in group) for group in found.groups(*leaders)] == expected


def test_a_segment_does_not_show_its_patient() -> None:
    """Not in a traceback, not in a log."""
    found = parse(message("PID|1||7||Doe^Jo"))
    assert "Doe" not in repr(found)


def test_a_field_is_unescaped_once() -> None:
    """Read twice, a text could hold a delimiter that its sender never sent."""
    found = parse(message("PID|||\\E\\T\\E\\x")).first("PID")
    assert found is not None
    assert found.text(3) == "\\T\\x"


@pytest.mark.parametrize("separator", ".*+?([$)")
def test_a_separator_is_no_pattern(separator: str) -> None:
    """Whatever character a header declares: where a segment begins is known by that one alone."""
    lines = ("PID|1||77", "NTE|1||first", "ZEBRA of it")
    found = parse(message(*lines).replace(b"|", separator.encode()))
    assert [one.name for one in found.segments] == ["MSH", "PID", "NTE"]
    assert [one.text(3) for one in found.segments[1:]] == ["77", "first\nZEBRA of it"]
