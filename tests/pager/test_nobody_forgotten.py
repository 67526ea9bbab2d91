"""Ways in which somebody could be forgotten or woken for nothing, each once found by looking for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cordwatch.pager.alarms import Alarms
from cordwatch.pager.hours import Hours
from cordwatch_schemas.operations import OperationalAlert
from cordwatch_schemas.pages import Matter
from tests.pager.matters import T0, a_matter, a_plan, after, ended, seen
from tests.pager.outages import FaultyPagerDuty, Outage, Phase
from tests.pager.pagerduty_rules import PagerDutyRules
from tests.pager.test_telling import NAMES, a_ward, are_open, rung
from tests.pager.world import a_world


def every_step(**step: Any) -> dict[str, Any]:
    """Return a ladder in which all steps are the same."""
    return dict.fromkeys(a_plan().ladder, step)


def test_a_notice_that_is_repeated_rings_each_hour() -> None:
    """A report that nobody has classified is told hourly until somebody does; one page of it stays open."""
    ladder = every_step(tell=["nurse-in-charge"], quiet_for=None)
    world, rules = a_ward(ladder=ladder)
    for repeat in range(4):
        at, matter = after(60 * repeat), a_matter(None, repeat=repeat, raised_at=after(60 * repeat))
        world.publish(matter, at=at)
        world.publish(seen(matter, 60 * repeat + 1), at=at + timedelta(minutes=1))
    world.run(after(3 * 60 + 2))
    assert rung(rules) == {"nurse": 4}
    assert are_open(rules) == {"nurse": ["acknowledged"]}


def test_another_report_of_the_same_patient_is_told_days_later() -> None:
    """The first advisory was seen and stays open for good; the second is not taken for the first."""
    ladder = every_step(tell=["nurse-in-charge"], quiet_for=None)
    world, rules = a_ward(ladder=ladder)
    first = a_matter(None, alert_id="first")
    world.publish(first)
    world.publish(seen(first, 1), at=after(1))
    later = after(3 * 24 * 60)
    world.publish(a_matter(None, alert_id="second", raised_at=later), at=later)
    world.run(later + timedelta(minutes=5))
    assert rung(rules) == {"nurse": 2}


def test_repeats_climb_the_ladder_while_nobody_answers() -> None:
    """Each repeat comes just when the next role would be told: the ladder goes on from where the last one was."""
    world, rules = a_ward()
    for repeat in range(1, 6):
        at = after(15 * repeat)
        world.publish(a_matter("overdue", repeat=repeat, raised_at=at), at=at)
    world.run(after(80))
    assert rung(rules)["duty"] >= 1


def test_an_answer_lets_the_repeats_begin_from_the_bottom() -> None:
    """Somebody has seen it: after the quiet time those who stand first are told, not the whole house."""
    world, rules = a_ward()
    for repeat in range(1, 5):
        at = after(15 * repeat)
        matter = a_matter("overdue", repeat=repeat, raised_at=at)
        world.publish(matter, at=at)
        if repeat == 1:
            world.publish(seen(matter, 16), at=after(16))
    world.run(after(60.5))
    assert rung(rules) == {"nurse": 3, "doctor": 3}


def test_rounds_that_nobody_took_are_one_page_in_the_end() -> None:
    """Away for five hours and a half, told anew each hour: when it is back the telephone rings once, not six times."""
    ladder = every_step(tell=["duty-manager"], again_after="60 min")
    world, rules = a_ward(ladder=ladder)
    away = Outage(T0, [Phase(timedelta(minutes=330), 1.0, (503,))])
    world.destinations = rules | {"duty": FaultyPagerDuty(rules["duty"], away)}
    world.publish(a_matter())
    world.run(after(350))
    assert rung(rules) == {"duty": 1}


def test_the_old_ward_stays_told_until_the_new_one_is() -> None:
    """Surgery's telephone is away: haematology's page is not closed for the physician's sake, who stands for both."""
    roster = [
        {"role": "nurse-in-charge", "wards": ["HAEM"], "by": ["nurse"]},
        {"role": "nurse-in-charge", "wards": ["SURG"], "by": ["mail"]},
        {"role": "ward-physician", "by": ["doctor"]},
    ]
    world, rules = a_ward(roster=roster)
    away = Outage(T0, [Phase(timedelta(minutes=20), 1.0, (503,))])
    world.destinations = rules | {"mail": FaultyPagerDuty(rules["mail"], away)}
    matter = a_matter("warning")
    world.publish(matter)
    moved = Matter.model_validate(matter.model_dump() | {"ward": "SURG", "revision": 1})
    world.publish(moved, at=after(5))
    world.run(after(6))
    assert are_open(rules) == {"nurse": ["triggered"], "doctor": ["triggered"]}
    world.run(after(25))
    assert are_open(rules) == {"doctor": ["triggered"], "mail": ["triggered"]}


def test_a_level_that_reaches_nobody_does_not_silence_the_one_below() -> None:
    """Nobody stands for overdue at this hour: who stands for due is told, and so are those after them."""
    ladder = every_step(tell=["nurse-in-charge"], then=["ward-physician"]) | {
        "overdue": {"tell": ["duty-manager"]}
    }
    roster = [
        {"role": "nurse-in-charge", "by": ["nurse"]},
        {"role": "ward-physician", "by": ["doctor"]},
        {"role": "duty-manager", "hours": "20:00-22:00", "by": ["duty"]},
    ]
    world, rules = a_ward(ladder=ladder, roster=roster)
    world.publish(a_matter("overdue", repeat=1), a_matter("due"))
    world.run(after(20))
    assert rung(rules) == {"nurse": 1, "doctor": 1}


def test_a_page_that_ended_unseen_in_an_answer_costs_no_look_a_second() -> None:
    """What was taken back before it was ever taken in does not keep the pager busy."""
    roster = [
        {"role": "nurse-in-charge", "wards": ["HAEM"], "by": ["nurse"]},
        {"role": "nurse-in-charge", "by": ["mail", "duty"]},
    ]
    ladder = every_step(tell=["nurse-in-charge"], answer_within="8 h")
    world, rules = a_ward(ladder=ladder, roster=roster)
    away = Outage(T0, [Phase(timedelta(hours=20), 1.0, (429,))])
    world.destinations = rules | {"nurse": FaultyPagerDuty(rules["nurse"], away)}
    matter = a_matter()
    world.publish(matter)
    moved = Matter.model_validate(matter.model_dump() | {"ward": "SURG", "revision": 1})
    world.publish(moved, at=T0 + timedelta(seconds=30))
    world.run(after(10))
    assert world.machine is not None
    next_at = world.machine.next_at(world.now)
    assert next_at is not None
    assert next_at > after(60)


def test_what_holds_again_is_told_though_its_end_was_not_yet_taken() -> None:
    """Seen, then over, then there again: the answer was to the first, whether or not its end got through."""
    world, rules = a_ward()
    matter = a_matter()
    world.publish(matter, at=T0)
    world.publish(seen(matter, 5), at=after(5))
    world.publish(ended(matter, at=after(6)), at=after(6))
    away = Outage(after(5.5), [Phase(timedelta(minutes=4), 1.0, (503,))])
    world.destinations = rules | {"nurse": FaultyPagerDuty(rules["nurse"], away)}
    world.publish(Matter.model_validate(matter.model_dump() | {"revision": 2}), at=after(8))
    world.run(after(15))
    assert (rung(rules)["nurse"], rung(rules)["doctor"]) == (2, 2)


def test_an_answer_that_is_read_before_its_alert_counts() -> None:
    """They stand on different topics: after a stop the answer may be read first."""
    world, rules = a_ward()
    matter = a_matter()
    world.publish(seen(matter, 0))
    world.publish(matter, at=after(0.1))
    world.run(after(10))
    assert rung(rules) == {}
    world.run(after(31))
    assert rung(rules) == {"nurse": 1, "doctor": 1}


def test_a_row_stays_small_however_long_a_matter_stands() -> None:
    """A broker refuses rows of more than a megabyte: what was settled long ago is dropped from it."""
    ladder = every_step(tell=["duty-manager"], again_after="60 min")
    world, rules = a_ward(ladder=ladder)
    matter = a_matter()
    world.publish(matter)
    world.run(after(60 * 24 * 14))
    entry = world.entry(matter.alert_id)
    assert entry.round > 300
    assert len(world.ledger[matter.alert_id]) < 100_000
    world.publish(ended(matter))
    world.run(world.now + timedelta(minutes=5))
    assert are_open(rules) == {}
    assert sum(one.extra_incidents for one in rules.values()) == 0
    assert world.machine is not None
    assert world.machine.find(entry.deliveries[0].dedup_key) is None


def test_a_page_at_a_destination_that_comes_back_into_the_plan_is_closed() -> None:
    """Left out of the plan by mistake for a while: what it was told is closed once it is there again."""
    world, rules = a_ward()
    world.publish(a_matter("due"))
    world.run(after(1))
    transports = world.transports
    world.transports = {name: transports[name] for name in NAMES if name != "nurse"}
    world.kill()
    overdue = a_matter("overdue", repeat=1, raised_at=after(15))
    world.publish(overdue, at=after(15))
    world.run(after(16))
    world.kill()
    world.run(after(17))
    world.publish(ended(overdue), ended(a_matter("due")))
    world.run(after(18))
    assert are_open(rules) == {"nurse": ["triggered"]}
    world.transports = transports
    world.kill()
    world.run(after(20))
    assert are_open(rules) == {}


def test_a_destination_that_is_asked_as_much_as_may_be_costs_no_spinning() -> None:
    """Ten pages for a webhook that does not answer: the other two wait for an attempt to end, not for a time."""
    rules = {name: PagerDutyRules() for name in NAMES}
    world = a_world(a_plan(), rules, T0, per_minute=None)
    machine = world.machine
    assert machine is not None
    for place in range(10):
        machine.hear(a_matter(alert_id=f"al-{place}", group=f"clock-{place}"), T0)
    assert len(machine.work(T0).attempts) == 2 * 8
    next_at = machine.next_at(T0 + timedelta(seconds=1))
    assert next_at is not None
    assert next_at > T0 + timedelta(seconds=30)


def test_a_storm_in_hours_that_never_end_is_reckoned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 notices that are muted around the clock: the process must not stand still over them."""
    asked = list[datetime]()
    holds = Hours.holds

    def counted(hours: Hours, at: datetime, zone: ZoneInfo) -> bool:
        asked.append(at)
        return holds(hours, at, zone)

    monkeypatch.setattr(Hours, "holds", counted)
    world, rules = a_ward(mute=[{"hours": "00:00-24:00", "steps": ["notice"]}])
    world.publish(*(a_matter(None, alert_id=f"n-{one}", group=f"g-{one}") for one in range(500)))
    world.run(after(0.5))
    assert rung(rules) == {}
    assert len(asked) < 30_000


def test_what_fails_mends_and_fails_again_is_told_once() -> None:
    """One page is refused every five minutes, others are taken between: the engineer is not woken each time."""
    world, rules = a_ward()
    for place in range(6):
        at = after(1.5 * place)
        trouble = OperationalAlert(
            alert_id=f"op-{place}",
            kind="page-refused",
            status="open",
            gateway="pager",
            source="nurse",
            since=at,
            raised_at=at,
            reason="refuses pages",
        )
        world.publish(Matter.of_operation(trouble), at=at)
        over = {"status": "over", "over_at": at + timedelta(minutes=1)}
        mended = Matter.of_operation(trouble.model_copy(update=over))
        world.publish(mended, at=at + timedelta(minutes=1))
    world.run(after(9.5))
    assert rung(rules) == {"nurse": 1, "doctor": 1}


def test_a_matter_that_changes_its_group_leaves_nothing_behind() -> None:
    """A row of an older version has it under another group: what is left there must not be looked for."""
    world, rules = a_ward()
    notice = a_matter(None)
    world.publish(notice, a_matter(None, alert_id="other"))
    moved = Matter.model_validate(notice.model_dump() | {"group": "B|other", "revision": 1})
    world.publish(moved, at=after(1))
    world.publish(ended(moved), at=after(2))
    world.publish(a_matter(None, alert_id="third", revision=1), at=after(20))
    world.run(after(30))
    assert rung(rules)["nurse"] >= 1
    assert world.machine is not None
    assert set(world.machine.entries) == {"other", "third"}


def test_what_was_quietened_for_good_is_not_remembered_for_ten_years() -> None:
    """Thousands of reminders that were seen, and are over: no alarm of them is kept."""
    alarms = Alarms()
    for place in range(5_000):
        alarms.set(f"al-{place}", after(5_000_000))
        alarms.drop(f"al-{place}")
    alarms.set("late", after(3))
    alarms.set("first", after(2))
    assert len(alarms._heap) <= 1_002
    assert list(alarms.due(after(4))) == ["first", "late"]
