"""E-mail over loopback: threads, verified TLS, log-in, and what each reply of a server means."""

from __future__ import annotations

from typing import Any

import pytest

from cordwatch.pager.text import Wording
from cordwatch.pager.transports.email import EmailTransport
from cordwatch.pager.transports.settings import Email
from cordwatch.pager.transports.transport import Outcome, Verdict
from tests.pager.builders import a_matter, a_page
from tests.pager.certificates import Certificates
from tests.pager.fake_smtp import FakeSmtp, Manners
from tests.pager.secret_file import SecretFile

ACCEPTED = Outcome("accepted", "accepted")
RIGHT = "of the test"
FIRST, SECOND = "ward@hospital.example", "night@hospital.example"


def a_transport(server: FakeSmtp, **changes: Any) -> EmailTransport:
    """Return the transport to *server*, in the open unless a test says otherwise."""
    given: dict[str, Any] = {
        "kind": "email",
        "host": "localhost",
        "port": server.port,
        "security": "none",
        "sender": "cordwatch@hospital.example",
        "to": (FIRST, SECOND),
    }
    wording = Wording("Europe/Amsterdam", "https://board.example")
    return EmailTransport("mail", Email(**(given | changes)), wording, connect_s=0.5, whole_s=0.8)


async def test_a_matter_is_one_thread_that_the_last_mail_closes() -> None:
    """A later level, the next round and the end hang on one root; each mail has a number of its own."""
    async with FakeSmtp() as server:
        mail = a_transport(server)
        assert await mail.send(a_page()) == ACCEPTED
        assert await mail.send(a_page(dedup_key="second-round", round=2)) == ACCEPTED
        over = a_matter(status="resolved", reason="in time, documented late")
        assert await mail.send(a_page("close", matter=over)) == ACCEPTED
    told, again, end = (one.message for one in server.mails)
    assert told["References"] == again["References"] == end["References"]
    assert len({one["Message-ID"] for one in (told, again, end)}) == 3
    assert [one["Importance"] for one in (told, again, end)] == ["high", "high", None]
    assert end["Subject"] == (
        "Done: MRI of the whole spine for suspected cord compression (ward B4, NORTH)"
    )
    assert "How: in time, documented late" in server.mails[2].text
    assert server.mails[0].recipients == [FIRST, SECOND]
    assert told["Auto-Submitted"] == "auto-generated"


async def test_the_same_mail_twice_has_one_number() -> None:
    """A mailbox can show once what an unsure server was given twice."""
    async with FakeSmtp(Manners({"BODY": "DROP"})) as server:
        mail = a_transport(server)
        first = await mail.send(a_page())
        server.manners = Manners()
        assert await mail.send(a_page(attempt=2)) == ACCEPTED
    assert first == Outcome("unknown", "reset")
    ids = [one.message["Message-ID"] for one in server.mails]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_starttls_is_verified(certificates: Certificates, secret: SecretFile) -> None:
    """By the hospital's own authority it goes; by the system's it does not, and neither does the password."""
    login = {"username": "cordwatch", "password_file": str(secret.holds(RIGHT))}
    async with FakeSmtp(Manners(password=RIGHT), certificates.server()) as server:
        trusting = {"security": "starttls", "ca_file": str(certificates.ca_file)} | login
        assert await a_transport(server, **trusting).send(a_page()) == ACCEPTED
        stranger = a_transport(server, security="starttls", **login)
        assert await stranger.send(a_page()) == Outcome("refused", "untrusted")
    assert [one.over_tls for one in server.mails] == [True]


async def test_tls_from_the_first_byte(certificates: Certificates) -> None:
    """Port 465, verified as well."""
    async with FakeSmtp(tls=certificates.server(), at_once=True) as server:
        known = a_transport(server, security="tls", ca_file=str(certificates.ca_file))
        assert await known.send(a_page()) == ACCEPTED
        stranger = a_transport(server, security="tls")
        assert await stranger.send(a_page()) == Outcome("refused", "untrusted")
    assert len(server.mails) == 1


async def test_without_tls_on_offer_nothing_is_sent(certificates: Certificates) -> None:
    """A server, or somebody between, that does not offer it is sent neither mail nor password."""
    async with FakeSmtp(Manners(offers_tls=False), certificates.server()) as server:
        mail = a_transport(server, security="starttls", ca_file=str(certificates.ca_file))
        assert await mail.send(a_page()) == Outcome("refused", "untrusted")
    assert server.mails == []


async def test_a_wrong_password_and_its_new_file(
    certificates: Certificates, secret: SecretFile
) -> None:
    """Refused; the file is read anew at the next attempt."""
    async with FakeSmtp(Manners(password=RIGHT), certificates.server()) as server:
        mail = a_transport(
            server,
            security="starttls",
            ca_file=str(certificates.ca_file),
            username="cordwatch",
            password_file=str(secret.holds("old")),
        )
        assert await mail.send(a_page()) == Outcome("refused", "unauthorised")
        assert await mail.check() == Outcome("refused", "unauthorised")
        secret.holds(RIGHT)
        assert await mail.check() == ACCEPTED
        assert await mail.send(a_page()) == ACCEPTED
        secret.is_gone()
        assert await mail.send(a_page()) == Outcome("later", "no-secret")


REPLIES: list[tuple[dict[str, str], Verdict, str]] = [
    ({"BANNER": "421 busy"}, "later", "server-error"),
    ({"BANNER": "554 go away"}, "refused", "refused"),
    ({"BANNER": "HANG"}, "later", "no-connection"),
    ({"BANNER": "DROP"}, "later", "no-connection"),
    ({"MAIL": "451 later"}, "later", "server-error"),
    ({"MAIL": "552 too large"}, "refused", "too-large"),
    ({"MAIL": "553 not you"}, "refused", "refused"),
    ({f"RCPT {FIRST}": "550 who", f"RCPT {SECOND}": "550 who"}, "refused", "refused"),
    ({f"RCPT {FIRST}": "550 who", f"RCPT {SECOND}": "450 greylisted"}, "later", "server-error"),
    ({"DATA": "554 no"}, "refused", "refused"),
    ({"BODY": "452 full"}, "later", "server-error"),
    ({"BODY": "554 spam"}, "refused", "refused"),
    ({"BODY": "HANG"}, "unknown", "timeout"),
    ({"BODY": "DROP"}, "unknown", "reset"),
]


@pytest.mark.parametrize(("replies", "verdict", "reason"), REPLIES)
async def test_each_reply_has_one_outcome(
    replies: dict[str, str], verdict: Verdict, reason: str
) -> None:
    """4yz is another time, 5yz never; silence after the mail is given is not known."""
    async with FakeSmtp(Manners(replies)) as server:
        assert await a_transport(server).send(a_page()) == Outcome(verdict, reason)


async def test_one_mailbox_of_two_is_enough() -> None:
    """Whoever has it is told; that the other is not is said in the log."""
    async with FakeSmtp(Manners({f"RCPT {FIRST}": "550 who"})) as server:
        assert await a_transport(server).send(a_page()) == ACCEPTED
    assert server.mails[0].recipients == [SECOND]


async def test_nobody_listens() -> None:
    """Nothing was sent: another time."""
    async with FakeSmtp() as server:
        mail = a_transport(server)
    assert await mail.send(a_page()) == Outcome("later", "no-connection")


async def test_no_header_can_be_written_from_outside() -> None:
    """A line break in a name or a reason is no second header."""
    evil = "N. Jansen\r\nBcc: everybody@elsewhere.example\r\n\r\nhello"
    matter = a_matter(reason=f"not done{evil}", ward="B4\r\nX: y")
    async with FakeSmtp() as server:
        mail = a_transport(server)
        await mail.send(a_page(matter=matter))
        await mail.send(a_page("close", note=evil))
    for one in server.mails:
        assert one.message["Bcc"] is None
        assert one.message["X"] is None
    assert "everybody" in server.mails[0].message["Subject"]
