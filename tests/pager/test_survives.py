"""Outages, crashes and every order of things: nobody forgotten, nobody woken twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import pytest

from cordwatch.pager.plan import STEPS
from cordwatch_schemas.pages import Matter
from tests.pager.matters import T0, a_matter, a_plan, after, ended, seen
from tests.pager.outages import (
    Fault,
    FaultyPagerDuty,
    Outage,
    Phase,
    flat_outage,
    like_2025_08_28,
)
from tests.pager.pagerduty_rules import PagerDutyRules
from tests.pager.world import World, a_world, keys_told

ONE = {
    "destinations": {"nurse": {"kind": "nowhere"}},
    "roster": [{"role": "nurse-in-charge", "by": ["nurse"]}],
    "ladder": {step: {"tell": ["nurse-in-charge"]} for step in STEPS},
}
"""A plan in which everything goes to one destination: what it gets is all there is."""


def many(count: int, level: str = "due") -> list[Matter]:
    """Return as many clocks that have reached a level, each of its own patient."""
    return [
        a_matter(level, alert_id=f"al-{place}", group=f"clock-{place}", patient=f"P{place}")
        for place in range(count)
    ]


@pytest.mark.timeout(400)  # six hours in which a page is tried twice a second
@pytest.mark.parametrize("make", [like_2025_08_28, flat_outage])
def test_an_outage_loses_nothing(make: Callable[[datetime], Outage]) -> None:
    """500 pages into an outage: all accepted, each one incident, drained as fast as the limit allows."""
    rules = PagerDutyRules()
    outage = make(T0)
    world = a_world(a_plan(**ONE), {"nurse": FaultyPagerDuty(rules, outage)}, T0)
    world.publish(*many(500))
    world.run(outage.ends_at + timedelta(hours=1))
    assert len(rules.incidents) == 500
    assert {one.opened for one in rules.incidents.values()} == {1}
    assert rules.limited == 0
    drained = [at for at in rules.accepted_at if at > outage.ends_at]
    if make is flat_outage:
        assert len(drained) == 500
        minutes = Counter(int((at - drained[0]).total_seconds() // 60) for at in drained)
        full = [minutes[minute] for minute in range(max(minutes))]
        assert min(full) >= 0.95 * 120


def test_the_most_pressing_are_drained_first() -> None:
    """After an outage: what is overdue before what is due, before a warning."""
    rules = PagerDutyRules()
    outage = Outage(T0, [Phase(timedelta(minutes=30), 1.0, (503,))])
    world = a_world(a_plan(**ONE), {"nurse": FaultyPagerDuty(rules, outage)}, T0)
    levels = ("warning", "urgent", "due")
    matters = [
        one.model_copy(
            update={"alert_id": f"{level}-{one.alert_id}", "group": f"{level}{one.group}"}
        )
        for level in levels
        for one in many(40, level)
    ]
    world.publish(*matters)
    world.run(outage.ends_at + timedelta(minutes=10))
    order = [str(one.payload["alert_id"]) for one in rules.incidents.values() if one.payload]
    first_less = next(place for place, name in enumerate(order) if not name.startswith("due"))
    assert first_less >= 35, order[:60]


def test_a_storm_does_not_bury_what_cannot_wait() -> None:
    """1,000 alerts in ten seconds, one in twenty overdue: each of those is taken within ten seconds."""
    rules = PagerDutyRules()
    world = a_world(a_plan(**ONE | {"calm": {"pages": 1000}}), {"nurse": rules}, T0)
    came: dict[str, datetime] = {}
    for place in range(1000):
        is_critical = place % 20 == 0
        matter = a_matter(
            "overdue" if is_critical else "warning", alert_id=f"al-{place}", group=f"c-{place}"
        )
        at = T0 + timedelta(milliseconds=10 * place)
        came[matter.alert_id] = at
        world.publish(matter, at=at)
    world.run(after(20))
    taken = {
        str(one.payload["alert_id"]): one.first_at
        for one in rules.incidents.values()
        if one.payload and one.first_at
    }
    assert len(taken) == 1000
    waits = sorted(
        (taken[name] - came[name]).total_seconds() for name in taken if int(name[3:]) % 20 == 0
    )
    assert waits[-1] < 10
    assert rules.limited == 0


POINTS = ("read", "written", "committed", "sent", "answered")


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_nothing_is_lost_or_doubled(point: str) -> None:
    """100 seeds at each point: every page told, at most one repeat a crash and under its own key."""
    for seed in range(100):
        random = Random(seed)
        left = [3]

        def dies(at: str, random: Random = random, left: list[int] = left) -> bool:
            if at == point and left[0] and random.random() < 0.3:
                left[0] -= 1
                return True
            return False

        rules = {name: PagerDutyRules() for name in ("nurse", "doctor", "mail", "duty")}
        world = a_world(a_plan(), rules, T0, crash=dies, seed=seed)
        matters = many(4)
        for place, matter in enumerate(matters):
            world.publish(matter, at=after(place / 10))
        world.publish(ended(matters[0]), at=after(random.uniform(0, 2)))
        world.publish(seen(matters[1], 1), at=after(1))
        world.run(after(10))
        incidents = [one for each in rules.values() for one in each.incidents.values()]
        told = {(str(one.payload["alert_id"]), one.routing_key) for one in incidents if one.payload}
        assert {name for name, _ in told} >= {"al-1", "al-2", "al-3"}, seed
        assert sum(one.opened for one in incidents) == len(incidents), seed
        assert max(Counter(keys_told(world.sent)).values()) <= 1 + world.crashes, seed
        still = {
            str(one.payload["alert_id"])
            for each in rules.values()
            for one in each.open()
            if one.payload
        }
        assert still == {"al-1", "al-2", "al-3"}, seed


FAULTS: tuple[Fault, ...] = (500, 503, 429, "reset", "timeout", "answer-lost", "bad-answer")


def a_tangle(seed: int) -> tuple[World, PagerDutyRules, dict[str, Matter]]:
    """Return a world in which alerts come, rise, are seen, end and hold again, while the destination fails and the pager dies."""
    random = Random(seed)
    rules = PagerDutyRules()
    phases = [
        Phase(timedelta(minutes=random.uniform(0.1, 20)), random.choice((0.0, 0.3, 1.0)), FAULTS)
        for _ in range(random.randint(0, 5))
    ]
    crashes = random.choice((0.0, 0.0, 0.05))

    def dies(_: str) -> bool:
        return world.now < after(90) and random.random() < crashes

    world = a_world(
        a_plan(**ONE),
        {"nurse": FaultyPagerDuty(rules, Outage(T0, phases, seed))},
        T0,
        crash=lambda _: False,
        seed=seed,
    )
    world.crash = dies
    latest: dict[str, Matter] = {}
    for clock in range(random.randint(1, 3)):
        at = random.uniform(0, 20)
        for level in random.sample(("warning", "urgent", "due", "overdue"), random.randint(1, 4)):
            matter = a_matter(level, alert_id=f"{clock}-{level}", group=f"clock-{clock}")
            world.publish(matter, at=after(at))
            for _ in range(random.choice((0, 1, 1, 2))):
                if random.random() < 0.5:
                    world.publish(seen(matter, at + 0.1), at=after(at + random.uniform(0, 15)))
            ended_at = at
            for _ in range(random.choice((0, 0, 1, 1, 2))):
                ended_at += random.uniform(0, 20)
                status = "resolved" if matter.status == "open" else "open"
                matter = ended(matter, status, after(ended_at))
                world.publish(matter, at=after(ended_at))
            latest[matter.alert_id] = matter
            at += random.uniform(0, 15)
    return world, rules, latest


def wanted(latest: dict[str, Matter]) -> set[str]:
    """Return what must be open in the end: of each clock the highest level that holds."""
    order = ("warning", "urgent", "due", "overdue")
    found: dict[str, Matter] = {}
    for matter in latest.values():
        best = found.get(matter.group)
        level = order.index(matter.level or "warning")
        if matter.status == "open" and (
            best is None or level > order.index(best.level or "warning")
        ):
            found[matter.group] = matter
    return {one.alert_id for one in found.values()}


@pytest.mark.timeout(400)  # a thousand worlds
@pytest.mark.parametrize("part", range(10))
def test_any_order_ends_as_it_must(part: int) -> None:
    """10,000 tangles of triggers, answers, ends, failures and crashes: what is open is what must be, no key opened twice."""
    for seed in range(part * 1000, part * 1000 + 1000):
        world, rules, latest = a_tangle(seed)
        world.run(after(240))
        still = Counter(str(one.payload["alert_id"]) for one in rules.open() if one.payload)
        assert set(still) == wanted(latest), f"seed={seed}"
        assert set(still.values()) <= {1}, f"seed={seed}"
        assert rules.triggers_after_resolve == 0, f"seed={seed}"
        assert rules.limited == 0, f"seed={seed}"
