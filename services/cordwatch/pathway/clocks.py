"""Clocks: opened by a start, ended by what satisfies or withdraws them, gathered into episodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from cordwatch.pathway.endings import End, Endings
from cordwatch.pathway.facts import Fact, digest
from cordwatch.pathway.starts import Start, lymphoma_known, starts
from cordwatch_schemas.pack import DeadlineRule, Pack

MRI_GOALS = frozenset({"spinal-mri", "whole-spine-mri"})


@dataclass(frozen=True, slots=True)
class Clock:
    """
    One deadline of one patient: a rule, running from one fact.

    Its id comes from the rule, the patient as the fact was sent for, and that
    fact; so a merge changes no id, and re-timing makes another clock.
    """

    id: str
    rule: DeadlineRule
    pack: Pack
    """The pack that the rule is of: that of the place where the cause was told."""
    cause: Fact
    start_at: datetime
    due_at: datetime
    episode: str
    end: End | None = None
    board_only: bool = False
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_silent(self) -> bool:
        """Return whether it is for the board alone: old news at receipt, or told again from a file."""
        return self.board_only or self.cause.replayed

    @property
    def is_mri(self) -> bool:
        """Return whether this clock waits for an MRI: of those only one is paged at a time."""
        return self.rule.satisfied_by in MRI_GOALS

    def is_open(self, at: datetime) -> bool:
        """Return whether the clock runs at *at*; the instant of its end is no longer open."""
        return self.start_at <= at and (self.end is None or self.end.at > at)

    @property
    def quiet_at(self) -> datetime:
        """Return when nothing more is heard of it: its end or that of its repeats, whichever is first."""
        spent_at = self.due_at + self.rule.repeats.lasting
        return min(self.end.at, spent_at) if self.end else spent_at


@dataclass(slots=True)
class Episode:
    """The clocks that belong together, from a patient's first one on."""

    id: str
    began_at: datetime
    pack: Pack
    """The pack under which it was opened."""
    clocks: list[Clock] = field(default_factory=list)
    confirmed: Start | None = None
    threatened: Start | None = None
    """By what MESCC was first suspected or confirmed in it."""

    @property
    def quiet_at(self) -> datetime:
        """Return when the last of its clocks is quiet."""
        return max(clock.quiet_at for clock in self.clocks)


class Episodes:
    """Walks the starts of one patient in order of time, and opens what each of them opens."""

    def __init__(self, endings: Endings) -> None:
        """Work out the episodes of the patient whose facts *endings* holds."""
        self._endings = endings
        self._where = endings.where
        self._lymphoma = lymphoma_known(endings.history, endings.where) is not None
        self.found: list[Episode] = []
        death = endings.death_at
        for start in starts(endings.history, endings.studies, endings.where):
            if death is None or start.at <= death:
                self._take(start)

    def _take(self, start: Start) -> None:
        pack = self._where.pack_of(start.fact)
        rules = [
            rule for rule in _rules_for(start, pack) if self._lymphoma or not rule.needs_lymphoma
        ]
        if not rules:
            return
        episode = self._episode_for(start)
        fresh = episode is None
        if episode is None:
            episode = Episode(digest("episode", start.fact.sent_as, start.fact.id), start.at, pack)
        for rule in rules:
            if start.role == "mri" or not _has(episode, rule, pack):
                episode.clocks.append(self._clock(rule, pack, start, episode.id))
        if start.role == "confirmed" and episode.confirmed is None:
            episode.confirmed = start
        if fresh:
            self.found.append(episode)
        if start.trigger in {"mescc-suspected", "mescc-confirmed"}:
            episode.threatened = episode.threatened or start
        if episode.threatened is not None:
            self._begin_taper(episode, episode.threatened)

    def _episode_for(self, start: Start) -> Episode | None:
        """Return the episode that *start* belongs to, None when it opens the next one."""
        if not self.found:
            return None
        episode = self.found[-1]
        gap = episode.pack.policy.episode_gap
        if start.at > episode.quiet_at + gap:
            return None
        if start.role == "confirmed":
            treated_at = self._endings.treated_since(episode.began_at)
            if treated_at is not None and start.at > treated_at + gap:
                return None
        return episode

    def _begin_taper(self, episode: Episode, threatened: Start) -> None:
        """Open the taper clock at the first dose from 24 h before suspicion or confirmation on."""
        policy = self._where.policy_of(threatened.fact)
        earliest = threatened.at - policy.dose_before
        latest = episode.quiet_at + episode.pack.policy.episode_gap
        death_at = self._endings.death_at
        dose = self._endings.first_dose(earliest, min(latest, death_at or latest))
        if dose is None:
            return
        begun = replace(
            threatened, at=dose.start_at, trigger="dexamethasone-begun", fact=dose, flags=dose.flags
        )
        # Not where the dose was given, but where it was given for: the taper belongs to the diagnosis.
        pack = self._where.pack_of(threatened.fact)
        for rule in _rules_for(begun, pack):
            if not _has(episode, rule, pack):
                episode.clocks.append(self._clock(rule, pack, begun, episode.id))

    def _clock(self, rule: DeadlineRule, pack: Pack, start: Start, episode: str) -> Clock:
        fact = start.fact
        due_at = self._endings.planned_due(rule, start.at) or start.at + rule.window
        clock = Clock(
            id=digest("clock", rule.id, fact.sent_as, fact.id),
            rule=rule,
            pack=pack,
            cause=fact,
            start_at=start.at,
            due_at=due_at,
            episode=episode,
            end=self._endings.end_of(rule, start.at, due_at, pack.policy),
            board_only=rule.board_only
            or fact.received_at - start.at > pack.policy.board_only_after,
            flags=start.flags,
            missing=self._endings.missing(rule, start.at),
        )
        in_force_from = pack.in_force_from
        if in_force_from is not None and clock.quiet_at < in_force_from:
            # A rule that is new must not page for patients whom it would have paged for long ago.
            return replace(clock, board_only=True)
        return clock


def _rules_for(start: Start, pack: Pack) -> Iterator[DeadlineRule]:
    yield from pack.started_by(start.trigger)
    if start.trigger == "mescc-confirmed":
        yield from pack.started_by("deficit-or-confirmed")


def _has(episode: Episode, rule: DeadlineRule, pack: Pack) -> bool:
    """Return whether *episode* has the clock of *rule*, or another pack's for the same goal."""
    return any(
        clock.rule.id == rule.id
        or (clock.pack.label != pack.label and clock.rule.satisfied_by == rule.satisfied_by)
        for clock in episode.clocks
    )


def most_pressing(clocks: list[Clock]) -> Clock | None:
    """
    Return which of an episode's open MRI clocks is paged.

    The shortest window; of equal ones the earliest due (pathway, Presentations), which then
    began together; then the one that was heard of first.
    """
    return min(
        clocks,
        key=lambda one: (
            one.rule.window,
            one.due_at,
            one.cause.received_at,
            one.cause.sent_as,
            one.cause.numbers,
            one.cause.kind,
            one.id,
        ),
        default=None,
    )
