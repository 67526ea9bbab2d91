"""IHE ACM over loopback: the message as HL7 reads it, and what each acknowledgement means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import hl7
import pytest

from cordwatch.pager.text import Wording
from cordwatch.pager.transports.acm import AcmTransport, message_of, read_answer
from cordwatch.pager.transports.mllp import MllpSender
from cordwatch.pager.transports.settings import Acm
from cordwatch.pager.transports.transport import Outcome
from tests.pager.builders import PATIENT, a_matter, a_page
from tests.pager.certificates import Certificates

ACCEPTED = Outcome("accepted", "accepted")
SETTINGS = Acm(
    kind="acm", host="127.0.0.1", port=2575, receiving_application="AM", receiving_facility="N|W"
)

Answering = Callable[[bytes], bytes | None]


def acknowledged(code: str, control: str | None = None) -> Answering:
    """Return who answers each message by *code*."""

    def answer(message: bytes) -> bytes:
        sent = message.decode().split("|")[9]
        return f"MSH|^~\\&|AM||CORDWATCH\rMSA|{code}|{control or sent}\r".encode()

    return answer


@asynccontextmanager
async def a_receiver(
    answering: Answering, **tls: Any
) -> AsyncIterator[tuple[AcmTransport, list[bytes]]]:
    """Yield the transport to a receiver on loopback, and what that was sent."""
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            frame = await reader.readuntil(b"\x1c\r")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        assert frame[:1] == b"\x0b"
        came.append(frame[1:-2])
        answer = answering(frame[1:-2])
        if answer is None:
            # Silence, until the sender has had enough.
            await reader.read()
        elif answer:
            writer.write(b"\x0b" + answer + b"\x1c\r")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls.get("server"))
    port = server.sockets[0].getsockname()[1]
    is_tls, ca_file = "server" in tls, tls.get("ca_file")
    sender = MllpSender("127.0.0.1", port, tls=is_tls, ca_file=ca_file, connect_s=0.3, whole_s=0.7)
    yield AcmTransport("phones", SETTINGS, Wording(), sender), came
    server.close()


def read(message: bytes) -> Any:
    """Return *message* as another HL7 library reads it."""
    return hl7.parse(message.decode())


def facets(message: Any) -> dict[str, tuple[str, str]]:
    """Return value and flags of each facet by its name."""
    return {str(one[3][0][1]): (str(one[5]), str(one[8])) for one in message.segments("OBX")}


async def test_told_and_ended() -> None:
    """The beginning of an alert, and its end, which leads back to it."""
    async with a_receiver(acknowledged("CA")) as (phones, came):
        assert await phones.send(a_page()) == ACCEPTED
        assert await phones.send(a_page("close", matter=a_matter(status="resolved"))) == ACCEPTED
    told, end = map(read, came)
    assert str(told.segment("MSH")[9]) == "ORU^R40^ORU_R40"
    assert (str(told.segment("MSH")[12]), str(told.segment("MSH")[15])) == ("2.6", "AL")
    assert str(told.segment("MSH")[21]).startswith("IHE_PCD_ACM_001^")
    assert str(told.segment("PV1")[3]) == "B4^^^NORTH"
    assert facets(told)["MDC_EVT_ALARM"] == (
        "OVERDUE, 35 min late: MRI of the whole spine not done, nor ordered (ward B4, NORTH)",
        "PH~SA",
    )
    for name, on, off in (
        ("MDC_ATTR_EVENT_PHASE", "start", "end"),
        ("MDC_ATTR_ALARM_STATE", "active", "inactive"),
    ):
        assert (facets(told)[name][0], facets(end)[name][0]) == (on, off)
    number = str(told.segment("OBR")[3][0][0])
    assert number in str(end.segment("OBR")[29])
    assert str(end.segment("OBR")[3][0][0]) != number


def test_nobody_is_named() -> None:
    """No PID, and of the patient reference nothing at all."""
    message = message_of(a_page(), SETTINGS, Wording())
    assert b"PID" not in message
    assert PATIENT[:6].encode() not in message
    assert b"PV1" not in message_of(a_page(), SETTINGS, Wording(show_ward=False))


def test_an_attempt_has_the_number_of_the_first() -> None:
    """MSH-10 stays, so that a receiver can know it again."""
    first, second = (message_of(a_page(attempt=n), SETTINGS, Wording()) for n in (1, 2))
    end = message_of(a_page("close"), SETTINGS, Wording())
    assert read(first).segment("MSH")[10] == read(second).segment("MSH")[10]
    assert read(first).segment("MSH")[10] != read(end).segment("MSH")[10]


def test_no_segment_can_be_written_from_outside() -> None:
    """Delimiters are escaped; line ends and marks of the frame are blanks."""
    matter = a_matter(reason="a|b^c&d~e\\f\rPID|1\x1c\x0b", ward="B4|\rPID|||123")
    message = message_of(a_page(matter=matter), SETTINGS, Wording())
    assert [line[:3] for line in message.split(b"\r") if line] == [b"MSH", b"PV1", b"OBR"] + [
        b"OBX"
    ] * 5
    assert b"\x1c" not in message
    assert b"\x0b" not in message
    assert rb"a\F\b\S\c\T\d\R\e\E\f" in message
    assert rb"|AM|N\F\W|" in message


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("AA", ACCEPTED),
        ("CA", ACCEPTED),
        ("AE", Outcome("refused", "bad-request")),
        ("CE", Outcome("refused", "bad-request")),
        ("AR", Outcome("refused", "refused")),
        ("CR", Outcome("refused", "refused")),
        ("XX", Outcome("unknown", "bad-answer")),
        ("", Outcome("unknown", "bad-answer")),
    ],
)
async def test_each_acknowledgement_has_one_outcome(code: str, outcome: Outcome) -> None:
    """Of original and of enhanced mode."""
    async with a_receiver(acknowledged(code)) as (phones, _):
        assert await phones.send(a_page()) == outcome


BAD: list[tuple[Answering, Outcome]] = [
    (acknowledged("AA", "another"), Outcome("unknown", "bad-answer")),
    (lambda _: b"MSH|^~\\&|AM\r", Outcome("unknown", "bad-answer")),
    (lambda _: b"MSA", Outcome("unknown", "bad-answer")),
    (lambda _: b"x" * 100_000, Outcome("unknown", "bad-answer")),
    (lambda _: b"", Outcome("unknown", "reset")),
    (lambda _: None, Outcome("unknown", "timeout")),
]


@pytest.mark.parametrize(("answering", "outcome"), BAD)
async def test_what_is_no_acknowledgement(answering: Answering, outcome: Outcome) -> None:
    """Of another message, of none, none at all: nobody knows."""
    async with a_receiver(answering) as (phones, _):
        assert await phones.send(a_page()) == outcome


async def test_over_tls_and_to_nobody(certificates: Certificates) -> None:
    """The certificate is verified; where nobody listens it is another time."""
    tls = certificates.server()
    ca_file = str(certificates.ca_file)
    async with a_receiver(acknowledged("CA"), server=tls, ca_file=ca_file) as (phones, _):
        assert await phones.send(a_page()) == ACCEPTED
        assert await phones.check() == ACCEPTED
    assert await phones.send(a_page()) == Outcome("later", "no-connection")
    async with a_receiver(acknowledged("CA"), server=tls) as (phones, came):
        assert await phones.send(a_page()) == Outcome("refused", "untrusted")
    assert came == []


def test_an_answer_with_line_feeds_is_read() -> None:
    """Some end their segments so."""
    assert read_answer(b"MSH|^~\\&|AM\r\nMSA|AA|7\r\n", "7") == ACCEPTED
