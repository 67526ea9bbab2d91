"""
A hospital communication system, by IHE ACM: PCD-04 Report Alert as HL7 2.6 ORU^R40 over MLLP.

Written after the public descriptions and samples of the profile; not tested at
a Connectathon, and no conformity is claimed. The patient is not named: the place
is (PV1), where the plan allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from cordwatch.pager.safe_words import cut
from cordwatch.pager.text import Text, Wording, text_of
from cordwatch.pager.transports.attempt import bounded
from cordwatch.pager.transports.mllp import MllpSender
from cordwatch.pager.transports.settings import Acm
from cordwatch.pager.transports.transport import Action, Outcome, Page
from cordwatch_schemas.alerts import Severity

TEXT_MAX = 250
PROFILE = "IHE_PCD_ACM_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.4.1^ISO"
ALARM = "196616^MDC_EVT_ALARM^MDC"
APPLICATION = "CORDWATCH"

_PRIORITIES: Final[Mapping[Severity, str]] = {
    "critical": "PH",
    "urgent": "PM",
    "warning": "PL",
    "info": "PL",
}
_ESCAPES: Final = str.maketrans(
    {
        "\\": "\\E\\",
        "|": "\\F\\",
        "^": "\\S\\",
        "~": "\\R\\",
        "&": "\\T\\",
        "\r": " ",
        "\n": " ",
        "\x0b": " ",
        "\x1c": " ",
    }
)
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "AA": Outcome("accepted", "accepted"),
    "CA": Outcome("accepted", "accepted"),
    "AE": Outcome("refused", "bad-request"),
    "CE": Outcome("refused", "bad-request"),
    "AR": Outcome("refused", "refused"),
    "CR": Outcome("refused", "refused"),
}
"""MSA-1, in original and in enhanced mode."""


class AcmTransport:
    """One alert manager (AM) in the words of the profile; this is the alert reporter (AR)."""

    kind = "acm"
    actions: frozenset[Action] = frozenset({"tell", "close"})
    resend_s: float | None = None
    closing_lasts_s = 0.0

    def __init__(self, name: str, settings: Acm, wording: Wording, sender: MllpSender) -> None:
        """Prepare."""
        self.name, self._settings, self._wording = name, settings, wording
        self._sender = sender
        self.per_minute = settings.per_minute

    async def send(self, page: Page) -> Outcome:
        """Make one attempt."""
        return await bounded(self._send(page), self.name)

    async def _send(self, page: Page) -> Outcome:
        id_ = control_id(page)
        message = message_of(page, self._settings, self._wording)
        answer = await self._sender.exchange(message)
        return answer if isinstance(answer, Outcome) else read_answer(answer, id_)

    async def check(self) -> Outcome:
        """Look whether it lets us connect; an empty message would be one too many."""
        return await bounded(self._check(), self.name)

    async def _check(self) -> Outcome:
        answer = await self._sender.exchange(b"")
        return answer if isinstance(answer, Outcome) else Outcome("accepted", "accepted")

    async def close(self) -> None:
        """Hold nothing: each message has a connection of its own."""


def control_id(page: Page) -> str:
    """Return MSH-10: the same for every attempt, so that a receiver can know it again."""
    return sha256(f"{page.dedup_key}|{page.action}".encode()).hexdigest()[:20]


def message_of(page: Page, settings: Acm, wording: Wording) -> bytes:
    """Return the message, without its frame."""
    text = text_of(page, wording)
    segments = [_header(page, settings), *_place(page, wording), _order(page)]
    segments += [
        f"OBX|{number}|{kind}|{what}|1.0.0.0.{number}|{value}|||{flags}|||F|||"
        f"{_at(page.matter.raised_at)}||||{APPLICATION}"
        for number, (kind, what, value, flags) in enumerate(_facets(page, text), 1)
    ]
    return "".join(f"{segment}\r" for segment in segments).encode("utf-8", "replace")


def _header(page: Page, settings: Acm) -> str:
    fields = [
        "MSH",
        "^~\\&",
        APPLICATION,
        "",
        _escaped(settings.receiving_application),
        _escaped(settings.receiving_facility),
        _at(page.at),
        "",
        "ORU^R40^ORU_R40",
        control_id(page),
        "P",
        "2.6",
        *("", ""),
        *("AL", "NE"),
        "",
        "UNICODE UTF-8",
        *("", ""),
        PROFILE,
    ]
    return "|".join(fields)


def _place(page: Page, wording: Wording) -> list[str]:
    matter = page.matter
    if not wording.show_ward or not (matter.ward or matter.facility):
        return []
    ward, facility = (_escaped((one or "")[:40]) for one in (matter.ward, matter.facility))
    return [f"PV1||I|{ward}^^^{facility}"]


def _order(page: Page) -> str:
    """Return OBR: OBR-3 is this report's own number, OBR-29 leads from the end back to the beginning."""
    own = sha256(page.dedup_key.encode()).hexdigest()[:32]
    number = own if page.action == "tell" else f"{own}.{page.action}"
    fields = ["OBR", "1", "", f"{number}^{APPLICATION}", ALARM, "", "", _at(page.matter.raised_at)]
    if page.action != "tell":
        fields += [""] * 21 + [f"^{own}&{APPLICATION}"]
    return "|".join(fields)


def _facets(page: Page, text: Text) -> list[tuple[str, str, str, str]]:
    """Return the facets of an alert in their order: its words, source, phase, state, and that it is not muted."""
    is_on = page.action == "tell"
    technical = page.matter.kind == "operational"
    priority = f"{_PRIORITIES[page.matter.severity]}~{'ST' if technical else 'SA'}"
    return [
        ("ST", ALARM, _escaped(cut(text.title, TEXT_MAX)), priority),
        ("ST", "68480^MDC_ATTR_ALERT_SOURCE^MDC", APPLICATION, ""),
        ("ST", "68481^MDC_ATTR_EVENT_PHASE^MDC", "start" if is_on else "end", ""),
        ("ST", "68482^MDC_ATTR_ALARM_STATE^MDC", "active" if is_on else "inactive", ""),
        ("ST", "68483^MDC_ATTR_ALARM_INACTIVATION_STATE^MDC", "enabled", ""),
    ]


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _at(instant: datetime) -> str:
    return f"{instant:%Y%m%d%H%M%S%z}"


def read_answer(answer: bytes, control: str) -> Outcome:
    """Return what an acknowledgement means; one of another message is none."""
    for line in answer.replace(b"\n", b"\r").split(b"\r"):
        if line[:3] == b"MSA":
            fields = line.decode("latin-1").split(line[3:4].decode("latin-1") or "|")
            code, about = [*fields[1:3], "", ""][:2]
            if about.strip() != control:
                return Outcome("unknown", "bad-answer")
            return _OUTCOMES.get(code.strip(), Outcome("unknown", "bad-answer"))
    return Outcome("unknown", "bad-answer")
