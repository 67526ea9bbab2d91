"""What a person answers at the board, as it goes onto the acks topic: a coded reason, a name, an id of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal, get_args

from cordwatch.board.access import Capability, Reader
from cordwatch.board.clock_row import ClockRow, alert_id
from cordwatch_schemas.acknowledgements import Acknowledged, Answer, Classified, StoodDown
from cordwatch_schemas.imaging import Finding

Kind = Literal["acknowledge", "stand-down", "classify"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

TEXT_MAX: Final = 120
KEY_MAX: Final = 80
OTHER: Final = "other"

REASONS: Final[dict[Kind, dict[str, str]]] = {
    "acknowledge": {
        "acting": "I am acting on it",
        "arranged": "Arranged, not in the records yet",
        "handed-over": "Handed over to another team",
        OTHER: "Other, as written",
    },
    "stand-down": {
        "comfort-care": "Comfort care agreed",
        "declined": "The patient declined",
        "done-elsewhere": "Done in another hospital",
        "not-indicated": "Not indicated any more",
        "contraindicated": "Not possible for this patient",
        OTHER: "Other, as written",
    },
    "classify": {"positive": "Positive: cord compression", "negative": "Negative"},
}
"""Why, in codes that can be counted. `other` needs words."""

CAPABILITIES: Final[dict[Kind, Capability]] = {
    "acknowledge": "acknowledge",
    "stand-down": "stand-down",
    "classify": "classify",
}


class NoAnswer(ValueError):
    """What was sent is no answer; says what is missing, in words for whoever sent it."""


class Outdated(Exception):
    """The row has changed since it was looked at."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a form at the board says."""

    kind: Kind
    key: str
    """Of this very form: sent twice, it is one answer."""
    version: str
    """Of the row as it was looked at."""
    reason: str
    text: str
    report: str

    @classmethod
    def read(cls, kind: Kind, fields: Mapping[str, str]) -> Form:
        """
        Return what *fields* say.

        Raises:
            NoAnswer: the reason is none of ours, or words are missing or too many.
        """
        reason, text = fields.get("reason", ""), fields.get("text", "").strip()
        key = fields.get("key", "")
        if not key or len(key) > KEY_MAX:
            raise NoAnswer("This form is not one of this board.")
        if reason not in REASONS[kind]:
            raise NoAnswer("Choose a reason.")
        if len(text) > TEXT_MAX or not text.isprintable():
            raise NoAnswer(f"At most {TEXT_MAX} characters, in one line.")
        if reason == OTHER and not text:
            raise NoAnswer("Another reason needs words.")
        report = fields.get("report", "")
        if kind == "classify" and not report:
            raise NoAnswer("No report is named.")
        return cls(kind, key, fields.get("version", ""), reason, text, report)

    @property
    def why(self) -> str:
        """Return the reason as it is kept: its code, and the words."""
        return f"{self.reason}: {self.text}" if self.text else self.reason

    def event_id(self, row: ClockRow, by: Reader) -> str:
        """Return the id of the answer: the same form sent twice gives the same."""
        parts = f"{row.id}|{self.kind}|{by.identity}|{self.key}"
        return sha256(parts.encode()).hexdigest()[:32]


def answer_of(form: Form, row: ClockRow, by: Reader, now: datetime) -> Answer:
    """
    Return the answer that *form* gives about *row*, under the name of *by*.

    Raises:
        Outdated: the row is no longer as it was looked at.
        NoAnswer: there is nothing to answer.
    """
    if form.version != row.version:
        raise Outdated
    shared = {
        "event_id": form.event_id(row, by),
        "patient": row.patient,
        "by": by.user,
        "by_id": by.identity if by.subject else None,
        "occurred_at": now,
        "received_at": now,
        "channel": "board",
    }
    visit = {"encounter": row.encounter}
    if form.kind == "classify":
        finding: Finding = "positive" if form.reason == "positive" else "negative"
        return Classified.model_validate(
            {**shared, **visit, "report_number": form.report, "finding": finding}
        )
    if not row.is_open(now):
        raise NoAnswer("This clock has ended.")
    newest = row.told[-1].alert_id if row.told else None
    if form.kind == "acknowledge":
        if newest is None:
            raise NoAnswer("Nothing was raised yet that could be acknowledged.")
        return Acknowledged.model_validate({**shared, "alert_id": newest, "reason": form.why})
    first = alert_id(row.id, row.steps[0][1], 0)
    about = {"alert_id": newest or first, "rule": row.rule, "reason": form.why}
    return StoodDown.model_validate({**shared, **visit, **about})


def reason_words(kind: Kind, reason: str | None) -> str:
    """Return a kept reason as people read it: the words of its code, else as it stands."""
    code, _, text = (reason or "").partition(": ")
    words = REASONS[kind].get(code)
    if words is None:
        return reason or ""
    return f"{text}" if code == OTHER and text else f"{words}; {text}" if text else words
