"""The fake knows PagerDuty's rules: without that, what is proven on it says nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.pager.outages import FaultyPagerDuty, Outage, Phase, flat_outage
from tests.pager.pagerduty_rules import PagerDutyRules

T0 = datetime(2026, 3, 1, 3, tzinfo=UTC)
KEY = "k" * 32


def event(action: str = "trigger", key: str = "one", routing: str = KEY) -> dict[str, Any]:
    """Return a valid event."""
    body: dict[str, Any] = {"routing_key": routing, "event_action": action, "dedup_key": key}
    if action == "trigger":
        body["payload"] = {"summary": "late", "source": "cordwatch", "severity": "critical"}
    return body


def told(rules: PagerDutyRules, *actions: str) -> None:
    """Send events one second apart; all are answered 202."""
    for second, action in enumerate(actions):
        assert rules.event(event(action), T0 + timedelta(seconds=second))[0] == 202


def test_while_acknowledged_nobody_is_notified() -> None:
    """Rule 1: the next level of an alert under the same key would reach nobody."""
    rules = PagerDutyRules()
    told(rules, "trigger", "acknowledge", "trigger")
    incident = rules.under("one")
    assert incident is not None
    assert (incident.state, incident.notified, rules.folded) == ("acknowledged", 1, 1)


def test_after_a_resolve_a_trigger_is_a_new_incident() -> None:
    """Rule 2: a late retry after the end wakes somebody for nothing."""
    rules = PagerDutyRules()
    told(rules, "trigger", "resolve", "trigger")
    incident = rules.under("one")
    assert incident is not None
    assert (incident.opened, incident.notified) == (2, 2)
    assert (rules.extra_incidents, rules.triggers_after_resolve) == (1, 1)


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_a_follow_up_without_an_incident_is_dropped(action: str) -> None:
    """Rule 3: answered 202, and gone."""
    rules = PagerDutyRules()
    told(rules, action)
    assert (rules.incidents, rules.dropped) == ({}, 1)


def test_a_follow_up_under_another_routing_key_is_dropped() -> None:
    """Rule 4: after a change of keys an open page would stay open."""
    rules = PagerDutyRules()
    told(rules, "trigger")
    assert rules.event(event("resolve", routing="o" * 32), T0)[0] == 202
    assert ([one.state for one in rules.open()], rules.dropped) == (["triggered"], 1)


def test_accepted_is_not_delivered() -> None:
    """Rule 5: 202, an incident, and no telephone rings."""
    rules = PagerDutyRules(tells=False)
    told(rules, "trigger")
    assert [one.notified for one in rules.open()] == [0]


def test_the_limit_slides() -> None:
    """The 121st call of a minute is refused and not taken in; a minute after the first there is room."""
    rules = PagerDutyRules()
    for second in range(121):
        rules.event(event(key=str(second)), T0 + timedelta(seconds=second / 4))
    assert (len(rules.incidents), rules.limited) == (120, 1)
    assert rules.event(event(key="120"), T0 + timedelta(seconds=59.9))[0] == 429
    assert rules.event(event(key="120"), T0 + timedelta(seconds=60))[0] == 202
    assert rules.event(event(routing="o" * 32), T0 + timedelta(seconds=60))[0] == 202


@pytest.mark.parametrize(
    "wrong",
    [
        {"routing_key": "short"},
        {"event_action": "shout"},
        {"dedup_key": "k" * 256},
        {"payload": None},
        {"payload": {"summary": "s" * 1025, "source": "s", "severity": "info"}},
        {"payload": {"summary": "s", "source": "s", "severity": "urgent"}},
        {"payload": {"summary": "", "source": "s", "severity": "info"}},
        {"payload": {"summary": "s", "severity": "info"}},
    ],
)
def test_what_is_not_valid_is_refused(wrong: dict[str, Any]) -> None:
    """400 with the fault's name; nothing is taken in."""
    rules = PagerDutyRules()
    status, _, answer = rules.event(event() | wrong, T0)
    assert (status, rules.incidents) == (400, {})
    assert len(answer["errors"]) == 1


def test_a_body_too_large_is_refused() -> None:
    """512,000 bytes on the wire, however few characters they are."""
    rules = PagerDutyRules()
    assert rules.receive(b" " * 512_001, T0)[0] == 413
    assert rules.receive(b"{", T0)[0] == 400


def test_a_lost_answer_was_taken_in() -> None:
    """The caller cannot know, and asks again: one incident."""
    rules = PagerDutyRules()
    pager = FaultyPagerDuty(rules, Outage(T0, [Phase(timedelta(seconds=1), 1.0, ("answer-lost",))]))
    assert pager.event(event(), T0) == "answer-lost"
    answer = pager.event(event(), T0 + timedelta(seconds=1))
    assert isinstance(answer, tuple)
    assert answer[0] == 202
    assert [one.opened for one in rules.open()] == [1]


def test_a_flat_outage_takes_nothing_until_it_ends() -> None:
    """6 h 17 min of refusals; then all is well."""
    rules = PagerDutyRules()
    pager = FaultyPagerDuty(rules, flat_outage(T0))
    last = T0 + timedelta(hours=6, minutes=16, seconds=59)
    assert {pager.event(event(), at)[0] for at in (T0, last)} <= {502, 503}  # type: ignore[index]
    assert rules.incidents == {}
    pager.event(event(), last + timedelta(seconds=1))
    assert len(rules.incidents) == 1
