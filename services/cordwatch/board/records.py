"""What is kept of one patient reference: rows of facts, and the last word on each alert and answer, small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zlib import crc32

from pydantic import ValidationError

from cordwatch.pathway.facts import Fact, decode_fact
from cordwatch.pathway.identity import may_tell_identity
from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.events import BadEvent, read_answer

_DECIDING = (
    b'"assessed"',
    b'"diagnosed"',
    b'"imaging-ordered"',
    b'"imaging-reported"',
    b'"report-classified"',
    b'"merge',
    b'"encounter-moved"',
)
"""Without one of these in a row no clock can exist; that the word stands elsewhere in it does no harm."""


class Unreadable(ValueError):
    """A record that this version cannot read."""


class Records:
    """
    What the topics say of one reference.

    Rows stay as they are on the broker: of a hospital's patients few have a
    clock. Of the repeats of one alert only the last is kept, so that a clock
    that is overdue for days holds no more than one that is not.
    """

    __slots__ = ("alerts", "answers", "may_be_tied", "may_have_clocks", "rows")

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.rows: dict[str, bytes] = {}
        self.alerts: dict[str, bytes] = {}
        self.answers: dict[str, bytes] = {}
        self.may_have_clocks = False
        """Whether a clock may exist: cheap, and never wrong about a no."""
        self.may_be_tied = False
        """Whether something may ever have been among the rows that ties the patient to another."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is known."""
        return not (self.rows or self.alerts or self.answers)

    def put_row(self, fact_id: str, row: bytes) -> None:
        """Take in a row as it stands on the broker."""
        self.rows[fact_id] = row
        self.may_have_clocks = self.may_have_clocks or any(word in row for word in _DECIDING)
        self.may_be_tied = self.may_be_tied or may_tell_identity(row)

    def facts(self) -> list[Fact]:
        """
        Return the facts.

        Raises:
            Unreadable: a row is none of ours.
        """
        try:
            return [decode_fact(fact_id, row) for fact_id, row in self.rows.items()]
        except ValueError:
            raise Unreadable("state row") from None

    def take_alert(self, value: bytes) -> None:
        """
        Take in an alert; an older account of it, or an earlier repeat, changes nothing.

        Raises:
            Unreadable: it is none.
        """
        alert = _alert(value)
        key = "|".join((alert.kind, alert.rule, alert.clock or "", alert.cause, alert.level or ""))
        known = self.alerts.get(key)
        if known is None or _precedence(alert) > _precedence(_alert(known)):
            self.alerts[key] = value

    def take_answer(self, value: bytes) -> None:
        """
        Take in a person's answer.

        Raises:
            Unreadable: it is none.
        """
        self.answers[_answer(value).event_id] = value

    def told(self) -> Iterator[Alert]:
        """Return the last word on each alert."""
        return (_alert(value) for value in self.alerts.values())

    def answered(self) -> Iterator[Answer]:
        """Return the answers."""
        return (_answer(value) for value in self.answers.values())

    @property
    def words(self) -> int:
        """Return what changes with any of the alerts and answers, in whatever order they came."""
        return sum(crc32(value) for told in (self.alerts, self.answers) for value in told.values())

    def forget(self, before: datetime) -> None:
        """Forget alerts and answers from *before*, which a board that starts now would not find either."""
        self.alerts = {k: v for k, v in self.alerts.items() if _alert(v).raised_at >= before}
        self.answers = {k: v for k, v in self.answers.items() if _answer(v).received_at >= before}


def _precedence(alert: Alert) -> tuple[int, int, float]:
    # As watch judges it (rules_over): of two accounts the later, else the earlier raised.
    return (alert.repeat, alert.revision, -alert.raised_at.timestamp())


def _alert(value: bytes) -> Alert:
    try:
        return Alert.model_validate_json(value)
    except ValidationError:
        raise Unreadable("alert") from None


def _answer(value: bytes) -> Answer:
    try:
        return read_answer(value)
    except BadEvent:
        raise Unreadable("answer") from None
