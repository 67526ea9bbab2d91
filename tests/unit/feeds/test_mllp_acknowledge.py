"""Every rule of acknowledgement as a table, and the bytes of an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.hl7.acknowledge import (
    ECHO_BYTES_MAX,
    Answer,
    Verdict,
    answers,
    due_codes,
    error_code,
    read_header,
    verdict_on,
)
from cordwatch.feeds.hl7.message import parse
from cordwatch.feeds.mapping.reading import Fault

NOW = datetime(2026, 3, 2, 9, 30, 5, tzinfo=UTC)
BAD_DAY = Fault("DG1-5", "is not an HL7 time")
NO_NUMBER = Fault("PID-3", "no patient number")
STRANGER = Fault("MSH-3", "sending application is not on the allow-list")


def a_message(
    accept: str = "", application: str = "", *, kind: str = "ADT^A01", version: str = "2.5"
) -> bytes:
    """Return a message that asks for acknowledgements in MSH-15 and MSH-16."""
    header = f"MSH|^~\\&|HIS|WARD|CW|HOME|20260302100000||{kind}|G1|P|{version}|||"
    return f"{header}{accept}|{application}\rPID|1||7\r".encode()


def told(data: bytes, *faults: Fault, second: bool = False) -> list[Answer]:
    """Return the answers to *data*, with ids that count."""
    ids = map(str, count(1))
    return answers(data, faults, NOW, lambda: next(ids), transport_commits=second)


def lines(answer: Answer) -> list[bytes]:
    """Return the segments of an answer."""
    return answer.message.split(b"\r")


ACCEPTED: Verdict = "accepted"
ERROR: Verdict = "error"
REJECTED: Verdict = "rejected"

RULES = [
    # Original mode: one application acknowledgement.
    ("", "", ACCEPTED, "AA"),
    ("", "", ERROR, "AE"),
    ("", "", REJECTED, "AR"),
    ('""', '""', ERROR, "AE"),
    # Enhanced, the accept level alone; an error has nowhere else to be told.
    ("AL", "NE", ACCEPTED, "CA"),
    ("AL", "NE", ERROR, "CE"),
    ("AL", "NE", REJECTED, "CR"),
    ("AL", "", ACCEPTED, "CA"),
    ("AL", "", ERROR, "CE"),
    ("NE", "NE", REJECTED, ""),
    ("NE", "", ACCEPTED, ""),
    ("ER", "NE", ACCEPTED, ""),
    ("ER", "NE", ERROR, "CE"),
    ("ER", "NE", REJECTED, "CR"),
    ("SU", "NE", ACCEPTED, "CA"),
    ("SU", "NE", ERROR, ""),
    ("SU", "NE", REJECTED, ""),
    # Enhanced, the application level alone.
    ("NE", "AL", ACCEPTED, "AA"),
    ("NE", "AL", ERROR, "AE"),
    ("NE", "AL", REJECTED, "AR"),
    ("", "ER", ACCEPTED, ""),
    ("", "ER", ERROR, "AE"),
    ("", "SU", ACCEPTED, "AA"),
    ("", "SU", REJECTED, ""),
    # Both: first stored, then understood; nothing follows a rejection.
    ("AL", "AL", ACCEPTED, "CA AA"),
    ("AL", "AL", ERROR, "CA AE"),
    ("AL", "AL", REJECTED, "CR"),
    ("AL", "ER", ACCEPTED, "CA"),
    ("AL", "ER", ERROR, "CA AE"),
    ("AL", "SU", ACCEPTED, "CA AA"),
    ("AL", "SU", ERROR, "CE"),
    ("ER", "AL", ACCEPTED, "AA"),
    ("ER", "AL", ERROR, "AE"),
    ("ER", "AL", REJECTED, "CR"),
    ("SU", "AL", REJECTED, "AR"),
    # What table 0155 does not know is taken for AL: better heard than not.
    ("XX", "", ACCEPTED, "CA"),
    ("al", "ne", ACCEPTED, "CA"),
]


@pytest.mark.parametrize(("accept", "application", "verdict", "codes"), RULES)
def test_the_sender_hears_what_it_asked_for(
    accept: str, application: str, verdict: Verdict, codes: str
) -> None:
    """MSH-15 and MSH-16 against what became of the message."""
    header = read_header(a_message(accept, application))
    assert due_codes(header, verdict) == codes.split()


@pytest.mark.parametrize(
    ("accept", "application", "verdict", "codes"),
    [
        ("", "", ERROR, ""),
        ("AL", "", ERROR, ""),
        ("AL", "AL", ACCEPTED, "AA"),
        ("NE", "ER", ERROR, "AE"),
        ("NE", "ER", ACCEPTED, ""),
        ("AL", "AL", REJECTED, "AR"),
    ],
)
def test_in_mllp_v2_the_transport_says_the_accept_level(
    accept: str, application: str, verdict: Verdict, codes: str
) -> None:
    """Only the application level is left to HL7, and only where it is asked for."""
    header = read_header(a_message(accept, application))
    assert due_codes(header, verdict, transport_commits=True) == codes.split()


@pytest.mark.parametrize("kind", ["ACK", "ACK^A01", "ACK^A01^ACK", "MCF"])
def test_an_acknowledgement_is_never_acknowledged(kind: str) -> None:
    """Two systems that answer each other's answers never end."""
    assert told(a_message(kind=kind)) == []
    assert told(a_message("AL", "AL", kind=kind)) == []


@pytest.mark.parametrize(
    ("faults", "verdict"),
    [
        ((), "accepted"),
        ((BAD_DAY,), "error"),
        ((Fault("MSH-10", "control id is missing"),), "error"),
        ((Fault("MSH-18", "character set is not known"),), "error"),
        ((Fault("application", "mapping failed"),), "error"),
        ((Fault("MSH", "no header segment"),), "rejected"),
        ((Fault("MSH-2", "delimiters are not readable"),), "rejected"),
        ((Fault("MSH-9", "message type is missing"),), "rejected"),
        ((STRANGER,), "rejected"),
        ((BAD_DAY, STRANGER), "rejected"),
        ((Fault("message", "2000 bytes are more than the limit of 1000"),), "rejected"),
    ],
)
def test_a_fault_of_the_content_is_an_error_and_one_of_the_message_a_rejection(
    faults: tuple[Fault, ...], verdict: Verdict
) -> None:
    """HL7 2.9.2.2: AE for what is in it, AR for what it is."""
    assert verdict_on(faults) == verdict


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("MSH", "no header segment"), 100),
        (Fault("RXE", "a drug order without a drug"), 100),
        (Fault("MSH-10", "control id is missing"), 101),
        (NO_NUMBER, 101),
        (Fault("AIS-4", "an appointment without a start"), 101),
        (BAD_DAY, 102),
        (Fault("MSH-18", "character set is not known"), 103),
        (STRANGER, 103),
        (Fault("message", "too large"), 207),
        (Fault("ADT^A01 occurred_at", "value error"), 207),
    ],
)
def test_each_fault_has_its_code(fault: Fault, code: int) -> None:
    """Table 0357."""
    assert error_code(fault) == code


def test_an_answer_is_a_message_that_names_its_cause() -> None:
    """Sender and receiver change places; MSA-2 is the sender's control id."""
    [answer] = told(a_message())
    assert lines(answer) == [
        b"MSH|^~\\&|CW|HOME|HIS|WARD|20260302093005+0000||ACK^A01^ACK|1|P|2.5",
        b"MSA|AA|G1",
        b"",
    ]


def test_an_error_names_segment_and_field() -> None:
    """From version 2.5 on each fault has an ERR of its own."""
    [answer] = told(a_message(), BAD_DAY, NO_NUMBER)
    assert lines(answer)[1:] == [
        b"MSA|AE|G1",
        b"ERR||DG1^^5|102^Data type error^HL70357|E||||is not an HL7 time",
        b"ERR||PID^1^3|101^Required field missing^HL70357|E||||no patient number",
        b"",
    ]


def test_an_old_version_gets_the_old_err() -> None:
    """Before 2.5 ERR had one field, which repeats; before 2.4 MSH-9 two components."""
    [answer] = told(a_message(version="2.3.1"), BAD_DAY, NO_NUMBER)
    assert b"||ACK^A01|1|P|2.3.1" in answer.message
    assert lines(answer)[2] == (
        b"ERR|DG1^^5^102&Data type error&HL70357~PID^1^3^101&Required field missing&HL70357"
    )


def test_in_enhanced_mode_an_answer_asks_for_none() -> None:
    """And each of the two has an id of its own."""
    first, second = told(a_message("AL", "AL"), BAD_DAY)
    assert lines(first)[0].endswith(b"|1|P|2.5|||NE|NE")
    assert lines(second)[0].endswith(b"|2|P|2.5|||NE|NE")
    assert (lines(first)[1], lines(second)[1]) == (b"MSA|CA|G1", b"MSA|AE|G1")
    assert b"ERR" not in first.message


def test_the_senders_delimiters_and_character_set_are_kept() -> None:
    """Echoed fields mean the same to the sender; what we add is escaped for its delimiters."""
    data = b"MSH$%~\\&$H\xe9$B$C$D$2026$$ADT%A01$\xe9-1$P$2.5$$$$$$8859/1\r"
    [answer] = told(data, Fault("PID-3", "costs $5 & 10% more"))
    assert lines(answer)[0].startswith(b"MSH$%~\\&$C$D$H\xe9$B$")
    assert lines(answer)[0].endswith(b"$8859/1")
    assert lines(answer)[1] == b"MSA$AE$\xe9-1"
    assert lines(answer)[2].endswith(b"$costs \\F\\5 \\T\\ 10\\S\\ more")


@pytest.mark.parametrize("data", [b"", b"hello", b"MSH", b"PID|1", b"MSH|||||", b"\xff" * 99])
def test_bytes_without_a_header_are_rejected_in_the_usual_form(data: bytes) -> None:
    """There is no control id to name; the answer can be read all the same."""
    [answer] = told(data, Fault("MSH", "no header segment"))
    assert parse(answer.message).header.text(9) == "ACK"
    assert lines(answer)[1:3] == [
        b"MSA|AR|",
        b"ERR||MSH^1|100^Segment sequence error^HL70357|E||||no header segment",
    ]


def test_the_time_of_an_answer_states_its_offset() -> None:
    """A reader in another zone must not guess."""
    there = NOW.astimezone(timezone(timedelta(hours=1)))
    [answer] = answers(a_message(), (), there, lambda: "1")
    assert b"|20260302103005+0100|" in answer.message


def test_a_byte_order_mark_hides_no_header() -> None:
    """Some senders put one before MSH."""
    [answer] = told(b"\xef\xbb\xbf" + a_message())
    assert lines(answer)[1] == b"MSA|AA|G1"


def test_an_endless_field_is_not_echoed() -> None:
    """An answer has a limit, and never holds half a control id."""
    long = b"9" * (ECHO_BYTES_MAX + 1)
    [answer] = told(a_message().replace(b"|G1|", b"|" + long + b"|"))
    assert lines(answer)[1] == b"MSA|AA|"
    [answer] = told(a_message().replace(b"|G1|", b"|" + long[1:] + b"|"))
    assert lines(answer)[1] == b"MSA|AA|" + long[1:]


@given(st.binary(max_size=200), st.sampled_from([b"", b"MSH|^~\\&|", b"MSH"]))
def test_whatever_comes_one_readable_frame_goes_back(data: bytes, begin: bytes) -> None:
    """No byte of an answer ends its frame or opens another segment."""
    for answer in told(begin + data, NO_NUMBER, STRANGER):
        assert b"\x0b" not in answer.message
        assert b"\x1c" not in answer.message
        assert [line[:3] for line in lines(answer)] == [b"MSH", b"MSA", b"ERR", b"ERR", b""]


def test_no_word_of_the_patient_is_in_an_answer() -> None:
    """Even where the type of message holds a name by mistake."""
    data = a_message(kind="ADT^Zebrafinch").replace(b"PID|1||7", b"PID|1||Zebrafinch")
    [answer] = told(data, Fault("ADT^Zebrafinch patient", "value error"), NO_NUMBER)
    assert b"Zebrafinch" not in answer.message
