"""What the pager makes of what it hears: everything it needs, and no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.examples import examples
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.pages import Matter

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def an_alert(**changes: object) -> Alert:
    """Return the alert of the examples, changed."""
    (example,) = (one for one in examples() if isinstance(one, Alert))
    return Alert.model_validate(example.model_dump() | changes)


def test_levels_of_a_clock_belong_together() -> None:
    """Whatever the level, they are of one group: the clock's."""
    groups = {Matter.of_alert(an_alert(level=level)).group for level in ("warning", "due")}
    assert groups == {an_alert().clock}


def test_notices_of_a_rule_about_a_patient_belong_together() -> None:
    """An order that is cancelled twice is one thing to whoever is told; of another patient it is another."""
    notice = {"kind": "notice", "rule": "order-cancelled", "level": None}
    one, other = (Matter.of_alert(an_alert(**notice, cause=cause)) for cause in ("f_1", "f_2"))
    assert one.group == other.group
    assert Matter.of_alert(an_alert(**notice, patient="p_other")).group != one.group


@pytest.mark.parametrize(
    ("status", "told", "revision"), [("open", "open", 0), ("over", "resolved", 1)]
)
def test_an_operational_alert_is_about_no_patient(status: str, told: str, revision: int) -> None:
    """A silent feed is told as a matter of its own, which ends when the feed speaks."""
    alert = OperationalAlert.model_validate(
        {
            "alert_id": "op_1",
            "kind": "feed-silent",
            "status": status,
            "gateway": "feeds",
            "source": "north-ris",
            "since": AT,
            "raised_at": AT + timedelta(hours=1),
            "over_at": AT + timedelta(hours=2) if status == "over" else None,
            "reason": "silent for 60 min",
        }
    )
    matter = Matter.of_operation(alert)
    assert (matter.status, matter.revision, matter.kind) == (told, revision, "operational")
    assert matter.patient is None
    assert matter.missing == ("feeds north-ris",)
    assert matter.ended_at == alert.over_at
