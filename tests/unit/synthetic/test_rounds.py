"""Rounds in virtual time: what is whole, what is a miss, and that any one that stands still is found in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cordwatch.synthetic.rounds import (
    MISSES_MAX,
    Action,
    Chosen,
    Figures,
    Leg,
    Over,
    Reached,
    Seen,
    State,
    Tell,
    on_board,
    step,
)
from cordwatch.synthetic.settings import SyntheticSettings
from tests.unit.deploy.rules import FOLDER, alerts, seconds

T0 = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BOARD, GATEWAY = "http://board:9467", "http://feeds:9465"
FIGURES = SyntheticSettings(boards=(BOARD,), others=(GATEWAY,)).figures
WITHIN = timedelta(minutes=4)
PATIENTS = ("synthetic.1.0", "synthetic.1.7")


@dataclass
class Chain:
    """Whoever answers, each leg so long after what it waits for; those that stand still do not."""

    legs: dict[Leg, timedelta] = field(
        default_factory=lambda: {
            "told": 0.02 * SECOND,
            "alert": 0.2 * SECOND,
            "page": 0.5 * SECOND,
            "board": 0.6 * SECOND,
            "ended": 0.2 * SECOND,
            "others": 0.1 * SECOND,
        }
    )
    frozen: dict[Leg, datetime] = field(default_factory=dict)
    """From then on."""

    def answers(self, told: Tell, now: datetime) -> Iterator[tuple[datetime, Chosen | Seen]]:
        """Yield what is heard of a round that begins now."""
        yield now, Chosen(told.number, PATIENTS)
        at: dict[Leg, datetime] = {"others": now, "told": now}
        for leg, wait in self.legs.items():
            before: Leg = "told" if leg == "alert" else "alert"
            since = told.ends_at if leg == "ended" else at.get(leg) or at.get(before)
            if since is None or (leg in {"page", "board", "ended"} and "alert" not in at):
                at.pop(leg, None)
                continue
            at[leg] = since + wait
            if self.frozen.get(leg, at[leg] + SECOND) <= at[leg]:
                del at[leg]
                continue
            yield from ((at[leg], one) for one in self._said(leg))

    def _said(self, leg: Leg) -> Iterable[Seen]:
        match leg:
            case "told":
                return [Seen(leg, "")]
            case "others":
                return [Seen(leg, GATEWAY)]
            case "board":
                return [Seen(leg, on_board(BOARD, one)) for one in PATIENTS]
            case _:
                return [Seen(leg, one) for one in PATIENTS]


@dataclass
class Run:
    """The rounds beside a chain, on a clock of their own."""

    chain: Chain
    figures: Figures = FIGURES
    state: State = field(default_factory=lambda: State(T0))
    done: list[tuple[datetime, Action]] = field(default_factory=list)

    def until(self, end: datetime) -> list[tuple[datetime, Action]]:
        """Let time pass; return everything that was done, and when."""
        coming: list[tuple[datetime, Chosen | Seen]] = []
        now = T0
        while now <= end:
            heard = [one for at, one in coming if at <= now]
            coming = [(at, one) for at, one in coming if at > now]
            self.state, actions = step(self.state, heard, now, self.figures)
            for action in actions:
                self.done.append((now, action))
                if isinstance(action, Tell):
                    coming += self.chain.answers(action, now)
            wake_at = self.state.wake_at(self.figures)
            now = min([wake_at, *(at for at, _ in coming)])
        return self.done

    def over(self) -> list[tuple[datetime, Over]]:
        """Return how the rounds ended."""
        return [(at, one) for at, one in self.done if isinstance(one, Over)]


def test_a_chain_that_works_gives_a_whole_round_every_minute() -> None:
    """Each leg is measured from what it waited for; no miss is counted."""
    run = Run(Chain())
    run.until(T0 + timedelta(minutes=10) - SECOND)
    told = [at for at, one in run.done if isinstance(one, Tell)]
    assert told == [T0 + timedelta(minutes=n) for n in range(10)]
    assert [(one.missing, one.misses) for _, one in run.over()] == [((), 0)] * 10
    took = {one.leg: one.took for _, one in run.done if isinstance(one, Reached)}
    assert took == run.chain.legs


def test_a_round_waits_for_every_patient() -> None:
    """One worker of two that does not answer is a miss, though the other one does."""
    state, actions = step(State(T0), (), T0, FIGURES)
    (told,) = actions
    assert isinstance(told, Tell)
    heard: list[Chosen | Seen]
    heard = [Chosen(told.number, PATIENTS), Seen("told", ""), Seen("alert", PATIENTS[0])]
    state, actions = step(state, heard, T0 + SECOND, FIGURES)
    assert [one.leg for one in actions if isinstance(one, Reached)] == ["told"]
    state, actions = step(state, [Seen("alert", PATIENTS[1])], T0 + 3 * SECOND, FIGURES)
    assert actions == [Reached(told.number, "alert", 2 * SECOND)]
    state, actions = step(state, [], T0 + FIGURES.patience, FIGURES)
    assert actions == [Over(told.number, ("page", "board", "ended", "others"), 1)]


def test_patients_who_were_never_chosen_are_a_miss() -> None:
    """A broker that does not answer gives no round to wait for."""
    state, (told,) = step(State(T0), (), T0, FIGURES)
    assert isinstance(told, Tell)
    state, actions = step(state, [], T0 + FIGURES.patience, FIGURES)
    assert actions == [Over(told.number, ("told",), 1)]
    state, actions = step(state, [Chosen(told.number, PATIENTS)], T0 + 30 * SECOND, FIGURES)
    assert (state.round, actions) == (None, [])


def test_what_is_heard_of_another_round_counts_for_nothing() -> None:
    """Patients of the round before, who come late, make none whole."""
    state, (told,) = step(State(T0), (), T0, FIGURES)
    assert isinstance(told, Tell)
    late: list[Chosen | Seen]
    late = [Seen("alert", "synthetic.0.1"), Chosen(told.number - 60, ("synthetic.0.1",))]
    state, actions = step(state, late, T0 + SECOND, FIGURES)
    assert actions == []
    assert state.round is not None
    assert state.round.wanted == frozenset()


def test_a_whole_round_ends_a_row_of_misses() -> None:
    """Two misses and a whole round wake nobody."""
    run = Run(Chain(frozen={"page": T0 + 61 * SECOND - SECOND}))
    run.until(T0 + 170 * SECOND)
    run.chain.frozen.clear()
    run.until(T0 + 230 * SECOND)
    assert [one.misses for _, one in run.over()][:4] == [0, 1, 2, 0]


def test_after_a_pause_one_round_begins_and_not_all_that_were_missed() -> None:
    """A process that slept for an hour has nothing to tell of it."""
    state, _ = step(State(T0), (), T0, FIGURES)
    later = T0 + timedelta(hours=1)
    state, actions = step(state, (), later, FIGURES)
    assert [type(one) for one in actions] == [Over, Tell]
    assert state.next_at == later + FIGURES.period


@pytest.mark.parametrize("leg", ["told", "alert", "page", "board", "ended", "others"])
@pytest.mark.parametrize("offset_s", [0, 0.3, 0.9, 15.3, 17, 30, 59])
def test_any_one_that_stands_still_is_known_within_four_minutes(leg: Leg, offset_s: float) -> None:
    """Whenever in a round it stops: from the inside by three misses, from the outside as the switch starves."""
    frozen_at = T0 + timedelta(minutes=5, seconds=offset_s)
    run = Run(Chain(frozen={leg: frozen_at}))
    run.until(frozen_at + WITHIN)
    misses = [at for at, one in run.over() if one.misses == MISSES_MAX]
    fed_at, last = max((at, one.number) for at, one in run.over() if not one.missing)
    assert misses[0] - frozen_at <= WITHIN
    # The rule looks at the time since the last whole round began, at the pace of our configuration.
    rule = alerts()["CordwatchChainBroken"]
    pace = YAML(typ="safe").load(FOLDER / "prometheus.yml")["global"]
    limit_s = float(rule["expr"].split("> ")[1])
    woken_at = datetime.fromtimestamp(last, UTC) + SECOND * (
        limit_s + seconds(rule["for"]) + 2 * seconds(pace["evaluation_interval"])
    )
    assert woken_at - frozen_at <= WITHIN
    # And the switch outside rings so long after it was fed last.
    assert fed_at + FIGURES.noticed_after - frozen_at <= WITHIN


def test_two_misses_wake_nobody() -> None:
    """The rule's figure is longer than two misses take at the most, and the default figures are those it was made for."""
    rule = alerts()["CordwatchChainBroken"]
    limit_s = float(rule["expr"].split("> ")[1]) + seconds(rule["for"])
    assert limit_s == FIGURES.noticed_after.total_seconds() == 200
    longest = 2 * FIGURES.period + FIGURES.period + FIGURES.patience
    assert longest.total_seconds() <= limit_s


def test_the_clock_of_a_patient_ends_before_the_patience_does() -> None:
    """There must be time for its end to be told."""
    _, (told,) = step(State(T0), (), T0, FIGURES)
    assert isinstance(told, Tell)
    assert T0 < told.ends_at < T0 + FIGURES.patience
    assert FIGURES.patience < FIGURES.period


def test_docs_say_the_figures_that_are_promised() -> None:
    """What the outside switch must be set to is read there."""
    page = (Path(__file__).parents[3] / "docs" / "synthetic.md").read_text()
    assert f"{FIGURES.noticed_after.total_seconds():.0f} s" in page
