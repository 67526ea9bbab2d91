"""Watch under faults tells what the core tells; and a watch that is broken on purpose is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from cordwatch.pathway.facts import Fact
from cordwatch.watch.charts import Drawn
from cordwatch.watch.effects import Durable, Effect, Send, Write
from cordwatch.watch.machine import Machine
from cordwatch.watch.patients import Patient, fact_row
from cordwatch_schemas.pack import load_pack
from tests.sim.check import Trial, differences

PACK = load_pack("mescc-lymphoma")
MOST_WORLDS = 60
"""A breakage must show within so many worlds; most show within five."""

Breakage = Callable[[pytest.MonkeyPatch], None]


def _altered(name: str, alter: Callable[[list[Effect]], Iterable[Effect]]) -> Breakage:
    """Return the breakage in which *alter* changes what the method *name* wants done."""
    real = getattr(Machine, name)

    def broken(self: Machine, *args: Any, **kwargs: Any) -> Iterator[Effect]:
        yield from alter(list(real(self, *args, **kwargs)))

    return lambda monkeypatch: monkeypatch.setattr(Machine, name, broken)


def _commits_first(effects: list[Effect]) -> list[Effect]:
    return sorted(effects, key=lambda one: not isinstance(one, Durable))


def _without_writes(effects: list[Effect]) -> list[Effect]:
    return [one for one in effects if not isinstance(one, Write)]


def _without_intention(effects: list[Effect]) -> list[Effect]:
    sends = [place for place, one in enumerate(effects) if isinstance(one, Send)]
    noted_before = {place - 1 for place in sends}
    return [one for place, one in enumerate(effects) if place not in noted_before]


def _without_forwards(effects: list[Effect]) -> list[Effect]:
    return [
        Send([message for message in one.messages if message.noun != "forwarded"])
        if isinstance(one, Send)
        else one
        for one in effects
    ]


def _forwards_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Machine.restored
    monkeypatch.setattr(Machine, "restored", lambda self, owned, _: real(self, owned, {}))


def _believes_any_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "fingerprint", property(lambda _: 7))


def _overwrites(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Patient, fact: Fact) -> bytes:
        row = fact_row(fact)
        self.put(row)
        return row

    monkeypatch.setattr(Patient, "learn", broken)


def _leaves_the_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drawn, "left_over", lambda _, __: [])


def _believes_any_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drawn, "is_of", lambda _, __: True)


BREAKAGES: dict[str, Breakage] = {
    "offsets are committed before the facts are written": _altered("take", _commits_first),
    "facts are not written": _altered("take", _without_writes),
    "alerts are not noted": _altered("settle", _without_writes),
    "alerts are noted only after they are sent": _altered("settle", _without_intention),
    "a retired reference keeps its facts": _altered("take", _without_forwards),
    "what a crash left unforwarded stays so": _forwards_once,
    "a stored wake-up is believed whatever it belongs to": _believes_any_wake_up,
    "a fact told again takes the place of the first telling": _overwrites,
    "what a former owner meant to send is forgotten": _leaves_the_unsent,
    "a chart is believed whatever was told since": _believes_any_chart,
}


@pytest.mark.parametrize("seed", range(20))
def test_watch_under_faults_tells_what_the_core_tells(seed: int) -> None:
    """Crashes, zombies, rebalances, lost commits, stepped clocks, outages: same alerts, same ends."""
    assert differences(Trial.from_seed(seed, 5, 5), PACK) == []


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_watch_is_found_out(breakage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can fail: each way to break the machine shows in some world."""
    BREAKAGES[breakage](monkeypatch)
    # Of two patients a merge leaves one, of three a chain: the small worlds show a lost merge soonest.
    worlds = (Trial.from_seed(seed, 2 + seed % 2) for seed in range(MOST_WORLDS))
    assert any(differences(world, PACK) for world in worlds)
