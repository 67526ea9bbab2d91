"""Who is told what and when, through the whole machine, on a virtual clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cordwatch.pathway.simulation import Told, simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.pages import Matter
from tests.builders import a_suspicion, an_mri_cancelled, an_mri_ordered
from tests.pager.matters import T0, a_matter, a_plan, after, ended, seen, stood_down
from tests.pager.outages import FaultyPagerDuty, Outage, Phase
from tests.pager.pagerduty_rules import PagerDutyRules, State
from tests.pager.world import World, a_world

PACK = load_pack("mescc-lymphoma")
NAMES = ("nurse", "doctor", "mail", "duty")


def a_ward(**plan: Any) -> tuple[World, dict[str, PagerDutyRules]]:
    """Return a pager with a plan, and what its destinations got."""
    rules = {name: PagerDutyRules() for name in NAMES}
    return a_world(a_plan(**plan), rules, T0), rules


def rung(rules: dict[str, PagerDutyRules]) -> dict[str, int]:
    """Return how often each telephone rang."""
    found = {name: sum(one.notified for one in r.incidents.values()) for name, r in rules.items()}
    return {name: times for name, times in found.items() if times}


def are_open(rules: dict[str, PagerDutyRules]) -> dict[str, list[State]]:
    """Return what is open where, by state."""
    found = {name: sorted(one.state for one in r.open()) for name, r in rules.items()}
    return {name: states for name, states in found.items() if states}


def test_the_first_are_told_at_once() -> None:
    """Nurse and physician, together, and nobody else yet."""
    world, rules = a_ward()
    world.publish(a_matter())
    world.run(after(1))
    assert rung(rules) == {"nurse": 1, "doctor": 1}
    assert world.entry("al-due-0").reason == "told"


def test_without_an_answer_the_next_are_told() -> None:
    """Second channels first, then the next role; each after the time to answer."""
    world, rules = a_ward()
    world.publish(a_matter())
    world.run(after(16))
    assert rung(rules) == {"nurse": 1, "doctor": 1, "mail": 1}
    world.run(after(31))
    assert rung(rules) == {"nurse": 1, "doctor": 1, "mail": 2}
    world.run(after(46))
    assert rung(rules) == {"nurse": 1, "doctor": 1, "mail": 2, "duty": 1}


def test_an_answer_stops_the_ladder_and_not_the_clock() -> None:
    """Seen at minute 5: nobody else is told, until the half hour is over and nothing was done."""
    world, rules = a_ward()
    matter = a_matter()
    world.publish(matter)
    world.publish(seen(matter, 5), at=after(5))
    world.run(after(34))
    assert rung(rules) == {"nurse": 1, "doctor": 1}
    assert are_open(rules) == {"nurse": ["acknowledged"], "doctor": ["acknowledged"]}
    world.run(after(36))
    assert rung(rules) == {"nurse": 2, "doctor": 2}
    assert are_open(rules) == {"nurse": ["triggered"], "doctor": ["triggered"]}


def test_the_same_answer_twice_changes_nothing() -> None:
    """An answer told again does not quieten for longer."""
    world, rules = a_ward()
    matter = a_matter()
    world.publish(matter, seen(matter, 0))
    world.publish(seen(matter, 0), at=after(20))
    world.run(after(31))
    assert len(world.entry(matter.alert_id).answers) == 1
    assert rung(rules) == {"nurse": 1, "doctor": 1} or rung(rules) == {"nurse": 2, "doctor": 2}


def test_the_end_closes_everywhere_with_its_reason() -> None:
    """Resolved: no incident stays open, and the ledger says why."""
    world, rules = a_ward()
    matter = a_matter()
    world.publish(matter)
    world.publish(ended(matter), at=after(20))
    world.run(after(21))
    assert are_open(rules) == {}
    notes = {one.note for one in world.entry(matter.alert_id).deliveries}
    assert notes == {"scan done"}
    assert world.machine is not None
    assert world.machine.entries == {}


def test_what_ended_before_it_was_told_is_told_to_nobody() -> None:
    """Open and over in one poll."""
    world, rules = a_ward()
    matter = a_matter()
    world.publish(matter, ended(matter))
    world.run(after(5))
    assert rung(rules) == {}
    assert world.entry(matter.alert_id).reason == "over"


def test_a_higher_level_takes_the_place_of_the_lower() -> None:
    """Overdue is told, and then the page that said due is closed; never the other way round."""
    world, rules = a_ward()
    world.publish(a_matter("due"))
    world.publish(a_matter("overdue", repeat=1, raised_at=after(15)), at=after(10))
    world.run(after(12))
    assert are_open(rules) == {"nurse": ["triggered"], "doctor": ["triggered"]}
    assert world.entry("al-due-0").reason == "outranked"
    opened = {one.payload["alert_id"] for one in rules["nurse"].open() if one.payload}
    assert opened == {"al-overdue-1"}
    closes = [one.at for one in world.sent if one.attempt.action == "close"]
    told = [one.at for one in world.sent if one.attempt.alert_id == "al-overdue-1"]
    assert min(closes) > min(told)


def test_the_lower_level_stays_while_the_higher_cannot_be_told() -> None:
    """Nobody is left without any page because a new one does not get through."""
    world, rules = a_ward()
    dead = Outage(after(5), [Phase(timedelta(hours=2), 1.0, (503,))])
    world.destinations = {name: FaultyPagerDuty(one, dead) for name, one in rules.items()}
    world.publish(a_matter("due"))
    world.publish(a_matter("overdue", repeat=1), at=after(10))
    world.run(after(60))
    assert are_open(rules) == {"nurse": ["triggered"], "doctor": ["triggered"]}


def test_an_answer_to_due_holds_for_its_repeats() -> None:
    """Seen at minute 1: the repeats of the next half hour ring nowhere; the one after it does."""
    world, rules = a_ward()
    due = a_matter("due")
    world.publish(due)
    world.publish(seen(due, 1), at=after(1))
    for repeat in (1, 2, 3):
        at = after(15 * repeat)
        world.publish(a_matter("overdue", repeat=repeat, raised_at=at), at=at)
    world.run(after(30.5))
    assert rung(rules) == {"nurse": 1, "doctor": 1}
    assert world.entry("al-overdue-1").reason in {"outranked", "acknowledged"}
    world.run(after(32))
    assert rung(rules) == {"nurse": 2, "doctor": 2}


def test_an_answer_to_a_warning_does_not_hold_for_due() -> None:
    """The next level is told whatever was said of the one before."""
    world, rules = a_ward()
    warning = a_matter("warning")
    world.publish(warning, seen(warning, 1))
    world.publish(a_matter("due"), at=after(5))
    world.run(after(6))
    assert rung(rules) == {"nurse": 2, "doctor": 2} or rung(rules) == {"nurse": 1, "doctor": 1}
    assert world.entry("al-due-0").reason == "told"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"replayed": True}, "replayed"),
        ({"paged": False}, "board-only"),
        ({"raised_at": T0 - timedelta(days=8)}, "history"),
    ],
)
def test_what_is_for_nobody_rings_nowhere(changes: dict[str, Any], reason: str) -> None:
    """Told again from a file, for the board alone, or history."""
    world, rules = a_ward()
    world.publish(a_matter(**changes))
    world.run(after(120))
    assert rung(rules) == {}
    assert world.entry("al-due-0").reason == reason


def test_quiet_hours_wait_and_do_not_drop() -> None:
    """A reminder at night is told in the morning, if it still holds."""
    world, rules = a_ward(mute=[{"hours": "07:00-09:00", "steps": ["reminder", "notice"]}])
    reminder, notice = a_matter("reminder"), a_matter(None)
    world.publish(reminder, notice)
    world.publish(ended(notice), at=after(30))
    world.run(after(59))
    assert rung(rules) == {}
    assert world.entry(reminder.alert_id).reason == "muted"
    world.run(after(61))
    assert rung(rules) == {"nurse": 1, "doctor": 1}


def test_a_notice_that_comes_and_goes_is_told_once() -> None:
    """Ordered and cancelled twenty times in ten minutes: one page; still cancelled after that: a second."""
    world, rules = a_ward()
    for place in range(20):
        notice = a_matter(None, alert_id=f"n-{place}", raised_at=after(place / 2))
        world.publish(notice, at=after(place / 2))
        if place < 19:
            world.publish(ended(notice), at=after(place / 2 + 0.25))
    world.run(after(9.9))
    assert rung(rules) == {"nurse": 1, "doctor": 1}
    world.run(after(11))
    assert rung(rules) == {"nurse": 2, "doctor": 2}


def test_who_is_not_there_is_passed_over_at_once() -> None:
    """Nobody stands for nurse or physician at this hour: the duty manager is told, now."""
    roster = [
        {"role": "nurse-in-charge", "hours": "20:00-22:00", "by": ["nurse"]},
        {"role": "ward-physician", "wards": ["SURG"], "by": ["doctor"]},
        {"role": "duty-manager", "by": ["duty"]},
    ]
    world, rules = a_ward(roster=roster)
    world.publish(a_matter())
    world.run(after(1))
    assert rung(rules) == {"duty": 1}


def test_nobody_at_all_is_said_and_looked_at_again() -> None:
    """A hole in the roster is a reason of its own; when somebody comes on, they are told."""
    roster = [{"role": "nurse-in-charge", "hours": "09:00-22:00", "by": ["nurse"]}]
    world, rules = a_ward(roster=roster)
    world.publish(a_matter())
    world.run(after(1))
    assert world.entry("al-due-0").reason == "nobody"
    world.run(after(76))
    assert rung(rules) == {"nurse": 1}


def test_a_refusal_goes_to_the_next_at_once() -> None:
    """The physician's key is revoked: the second channel is told within seconds, not after the time to answer."""
    world, rules = a_ward()
    revoked = Outage(T0, [Phase(timedelta(hours=1), 1.0, (400,))])
    world.destinations = rules | {"doctor": FaultyPagerDuty(rules["doctor"], revoked)}
    world.publish(a_matter())
    world.run(T0 + timedelta(seconds=5))
    assert rung(rules) == {"nurse": 1, "mail": 1}


def test_what_presses_is_passed_on_when_it_is_not_taken() -> None:
    """The physician's pager is away: after a minute the second channel is told."""
    world, rules = a_ward()
    away = Outage(T0, [Phase(timedelta(minutes=30), 1.0, ("timeout",))])
    world.destinations = rules | {"doctor": FaultyPagerDuty(rules["doctor"], away)}
    world.publish(a_matter())
    world.run(after(0.9))
    assert rung(rules) == {"nurse": 1}
    world.run(after(1.5))
    assert rung(rules) == {"nurse": 1, "mail": 1}


def test_a_transfer_tells_the_new_ward_and_closes_the_old() -> None:
    """Moved from haematology to surgery: surgery is told first, then haematology's page is closed."""
    destinations = {name: {"kind": "nowhere"} for name in NAMES}
    roster = [
        {"role": "nurse-in-charge", "wards": ["HAEM"], "by": ["nurse"]},
        {"role": "nurse-in-charge", "wards": ["SURG"], "by": ["mail"]},
        {"role": "ward-physician", "by": ["doctor"]},
    ]
    world, rules = a_ward(destinations=destinations, roster=roster)
    matter = a_matter()
    world.publish(matter)
    moved = Matter.model_validate(matter.model_dump() | {"ward": "SURG", "revision": 1})
    world.publish(moved, at=after(5))
    world.run(after(6))
    assert rung(rules) == {"nurse": 1, "doctor": 1, "mail": 1}
    assert are_open(rules) == {"doctor": ["triggered"], "mail": ["triggered"]}


def test_a_stand_down_quietens_until_watch_has_ended_the_clock() -> None:
    """The stand-down itself ends nothing here: the alert's own end does."""
    world, rules = a_ward()
    matter = a_matter()
    world.publish(matter)
    world.publish(stood_down(matter, 5), at=after(5))
    world.publish(ended(matter, "withdrawn", after(5)), at=after(6))
    world.run(after(120))
    assert rung(rules) == {"nurse": 1, "doctor": 1}
    assert are_open(rules) == {}
    assert world.entry(matter.alert_id).answers[0].kind == "stood-down"


def test_what_holds_again_is_told_anew() -> None:
    """A death taken back: the clock is there again, and so is its page, under a key of its own."""
    world, rules = a_ward()
    matter = a_matter()
    dead = ended(matter, "withdrawn")
    world.publish(matter)
    world.publish(dead, at=after(5))
    world.publish(Matter.model_validate(matter.model_dump() | {"revision": 2}), at=after(10))
    world.run(after(11))
    assert rung(rules) == {"nurse": 2, "doctor": 2}
    assert sum(one.extra_incidents for one in rules.values()) == 0


def test_the_ladder_begins_anew_where_the_plan_says_so() -> None:
    """Nobody answers, nothing is done: an hour later all of it again."""
    step = {"tell": ["nurse-in-charge"], "again_after": "60 min"}
    ladder = dict.fromkeys(a_plan().ladder, step)
    world, rules = a_ward(ladder=ladder)
    world.publish(a_matter())
    world.run(after(59))
    assert rung(rules) == {"nurse": 1, "mail": 1}
    world.run(after(61))
    assert rung(rules) == {"nurse": 2, "mail": 1}


def test_calm_holds_back_what_can_wait_and_nothing_else() -> None:
    """Five pages in two hours are enough: the sixth notice waits, the overdue one does not."""
    world, rules = a_ward(calm={"pages": 5, "within": "2 h"})
    for place in range(6):
        world.publish(a_matter(None, alert_id=f"n-{place}", group=f"P{place}|order-cancelled"))
    world.publish(a_matter("overdue", repeat=1), at=after(1))
    world.run(after(2))
    assert sorted(rung(rules).items()) == [("doctor", 6), ("nurse", 6)]
    assert "calm" in {world.entry(f"n-{place}").reason for place in range(6)}
    world.run(after(121))
    assert rung(rules)["doctor"] == 7


def test_reading_the_topic_from_its_start_pages_nobody() -> None:
    """Offsets lost: every alert and answer comes again, in order, and no telephone rings."""
    world, rules = a_ward()
    due, over = a_matter("due"), a_matter("due", alert_id="b", group="clock-2")
    world.publish(due, over, seen(due, 1))
    world.publish(ended(over), at=after(5))
    world.run(after(6))
    before, calls = rung(rules), len(world.sent)
    world.committed = 0
    world.kill()
    world.run(after(20))
    assert (rung(rules), len(world.sent)) == (before, calls)


def test_an_order_made_and_cancelled_twenty_times_is_one_page() -> None:
    """The same through the core: a suspicion, and an order that comes and goes every 15 s for ten minutes."""
    events: list[Told] = [a_suspicion(T0)]
    for place in range(20):
        at = T0 + timedelta(seconds=30 * place)
        events.append(an_mri_ordered(at, order=f"O{place}"))
        events.append(an_mri_cancelled(at + timedelta(seconds=15), order=f"O{place}"))
    world, rules = a_ward()
    told: dict[str, Alert] = {}
    for event in events:
        so_far = [one for one in events if one.received_at <= event.received_at]
        for alert in simulate(so_far, PACK, event.received_at):
            known = told.get(alert.alert_id)
            if known is None or alert.revision > known.revision:
                told[alert.alert_id] = alert
                world.publish(Matter.of_alert(alert), at=event.received_at)
    assert sum(one.rule == "order-cancelled" for one in told.values()) == 20
    world.run(after(9.9))
    assert rung(rules) == {"nurse": 1, "doctor": 1}
