"""E-mail by SMTP: a matter is one thread of mails, which the last one closes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime
from hashlib import sha256
from typing import Any, Final

import aiosmtplib

from cordwatch.pager.safe_words import cut_bytes, one_line
from cordwatch.pager.text import Wording, text_of
from cordwatch.pager.transports.attempt import bounded
from cordwatch.pager.transports.secrets import Secret
from cordwatch.pager.transports.settings import Email
from cordwatch.pager.transports.tls import trusting
from cordwatch.pager.transports.transport import Action, Outcome, Page
from cordwatch.runtime.logging import get_logger

log = get_logger("cordwatch.pager")

CONNECT_S, WHOLE_S = 3.0, 10.0
SUBJECT_BYTES_MAX = 600
BODY_MAX = 8_000
_UNAUTHORISED: Final = frozenset({530, 534, 535})
_TOO_LARGE: Final = frozenset({523, 552})
_PERMANENT = 500
_WIRE = compat32.clone(linesep="\r\n")
"""Not the newer policies: they fold a long subject before its first word, and some readers then show a blank."""
_UTF_8 = Charset("utf-8")
_UTF_8.body_encoding = QP


class EmailTransport:
    """One set of mailboxes, by one server."""

    kind = "email"
    actions: frozenset[Action] = frozenset({"tell", "close"})
    resend_s: float | None = None
    closing_lasts_s = 0.0

    def __init__(
        self,
        name: str,
        settings: Email,
        wording: Wording,
        *,
        connect_s: float = CONNECT_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        """
        Prepare; the password is read at each attempt.

        Raises:
            OSError: the CA file cannot be read, or holds no certificate.
        """
        self.name, self._settings, self._wording = name, settings, wording
        self._tls = trusting(settings.ca_file)
        self._password = Secret(name, settings.password_file) if settings.password_file else None
        self._connect_s, self._whole_s = connect_s, whole_s
        self.per_minute = settings.per_minute

    async def send(self, page: Page) -> Outcome:
        """Make one attempt."""
        return await bounded(
            self._exchange(raw_mail(page, self._settings, self._wording)), self.name
        )

    async def check(self) -> Outcome:
        """Connect and log in, and leave."""
        return await bounded(self._exchange(None), self.name)

    async def close(self) -> None:
        """Hold nothing: each mail has a connection of its own."""

    async def _exchange(self, message: bytes | None) -> Outcome:
        settings = self._settings
        smtp = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            # Not asked of the network, which may be what is broken.
            local_hostname=_domain(settings),
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls if settings.security != "none" else None,
            username=settings.username,
            password=self._password.present() if self._password else None,
            timeout=self._connect_s,
        )
        try:
            async with asyncio.timeout(self._whole_s):
                return await self._converse(smtp, message)
        except TimeoutError:
            return Outcome("unknown", "timeout")
        finally:
            smtp.close()

    async def _converse(self, smtp: aiosmtplib.SMTP, message: bytes | None) -> Outcome:
        try:
            await smtp.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            return _not_connected(error)
        if message is None:
            return Outcome("accepted", "accepted")
        settings = self._settings
        try:
            refused, _ = await smtp.sendmail(
                settings.sender, list(settings.to), message, timeout=self._whole_s
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            return _not_sent(error)
        if refused:
            log.warning("a mail was not taken for all", destination=self.name, refused=len(refused))
        return Outcome("accepted", "accepted")


def _not_connected(error: Exception) -> Outcome:
    """Return what it means that there was no session: nothing was sent."""
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in _causes(error)):
        return Outcome("refused", "untrusted")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return of_code(error.code)
    if isinstance(error, OSError):
        return Outcome("later", "no-connection")
    # It offers no TLS, or no log-in: neither mail nor password go there in the open.
    return Outcome("refused", "untrusted")


def _not_sent(error: Exception) -> Outcome:
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=recipients):
            codes = [one.code for one in recipients]
            return of_code(min(codes, default=_PERMANENT))
        case aiosmtplib.SMTPResponseException(code=code):
            return of_code(code)
        case TimeoutError():
            return Outcome("unknown", "timeout")
        case OSError():
            return Outcome("unknown", "reset")
        case _:
            return Outcome("unknown", "bad-answer")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def of_code(code: int) -> Outcome:
    """Return what a reply code means: 4yz may go another time, 5yz never will."""
    if code in _UNAUTHORISED:
        return Outcome("refused", "unauthorised")
    if code in _TOO_LARGE:
        return Outcome("refused", "too-large")
    if code >= _PERMANENT:
        return Outcome("refused", "refused")
    return Outcome("later", "server-error")


def raw_mail(page: Page, settings: Email, wording: Wording) -> bytes:
    """
    Return the mail that *page* is, as it goes over the wire.

    The thread hangs on the alert, the number of a mail on page and action: the
    same mail sent twice has one number, by which many mailboxes show it once.
    """
    text = text_of(page, wording)
    subject = cut_bytes(one_line(text.title), SUBJECT_BYTES_MAX)
    root = _message_id(page.matter.alert_id, settings)
    body = text.plain(BODY_MAX).encode("utf-8", "replace").decode()
    message: Message[Any, Any] = Message()
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Subject"] = Header(subject, None if subject.isascii() else "utf-8")
    message["Date"] = format_datetime(page.at)
    message["Message-ID"] = _message_id(f"{page.dedup_key}|{page.action}", settings)
    message["In-Reply-To"] = root
    message["References"] = root
    message["Auto-Submitted"] = "auto-generated"
    if page.action == "tell" and page.matter.severity in {"critical", "urgent"}:
        message["Importance"] = "high"
        message["X-Priority"] = "1"
    message.set_payload(f"{body}\n", _UTF_8)
    return message.as_bytes(policy=_WIRE)


def _message_id(made_of: str, settings: Email) -> str:
    return f"<{sha256(made_of.encode()).hexdigest()[:32]}@{_domain(settings)}>"


def _domain(settings: Email) -> str:
    return settings.sender.rpartition("@")[2]
