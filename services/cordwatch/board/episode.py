"""One patient's whole story for the board: what happened, what was told and why, and why the rest was not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cordwatch.board.clock_row import ClockRow, Word
from cordwatch.board.fact_words import Write, fact_words, in_utc
from cordwatch.board.wording import STATE_WORDS, span
from cordwatch.pathway.explain import why_not
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.picture import Picture
from cordwatch_schemas.acknowledgements import Acknowledged, Answer
from cordwatch_schemas.alerts import Alert, Level


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, was told or was answered."""

    at: datetime
    kind: str
    """`fact`, `alert` or `answer`."""
    words: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class LevelStory:
    """A level of a clock: when it comes or came, and what came of it."""

    word: str
    at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class ClockStory:
    """A clock: why it runs, how far it is, and why each of its levels was told or not."""

    row: ClockRow
    why: str
    levels: tuple[LevelStory, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A report that waits for somebody to say what it shows."""

    number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Episode:
    """Everything that the page of an episode shows."""

    clocks: tuple[ClockStory, ...]
    conditions: tuple[Alert, ...]
    moments: tuple[Moment, ...]
    silences: tuple[str, ...]
    reports: tuple[Report, ...]


def episode_of(
    picture: Picture,
    rows: Sequence[ClockRow],
    alerts: Sequence[Alert],
    answers: Sequence[Answer],
    now: datetime,
    first: str = "",
    write: Write = in_utc,
) -> Episode:
    """
    Return the story of a patient at *now*; the clock *first* before the others, and open ones before ended.

    *write*: how times are written in sentences.
    """

    def pressing(row: ClockRow) -> tuple[object, ...]:
        return (row.id != first, not row.is_open(now), row.due_at, row.id)

    conditions = [one for one in alerts if one.kind != "clock"]
    return Episode(
        clocks=tuple(_clock(row, picture, now, write) for row in sorted(rows, key=pressing)),
        conditions=tuple(sorted(conditions, key=lambda one: (one.raised_at, one.alert_id))),
        moments=tuple(sorted(_moments(picture, rows, alerts, answers, write), key=_by_time)),
        silences=tuple(why_not(picture)),
        reports=tuple(_reports(picture)),
    )


def _by_time(moment: Moment) -> tuple[datetime, str, str]:
    return (moment.at, moment.kind, moment.words)


def _clock(row: ClockRow, picture: Picture, now: datetime, write: Write) -> ClockStory:
    (clock,) = (one for one in picture.clocks if one.id == row.id)
    why = f"{fact_words(clock.cause, write)}: {row.clause}"
    return ClockStory(row, why, tuple(_levels(row, now)))


def _levels(row: ClockRow, now: datetime) -> Iterator[LevelStory]:
    raised: dict[Level | None, Word] = {one.level: one for one in row.told}
    for at, level in row.steps:
        word = raised.get(level)
        if word is not None:
            how = "paged" if word.paged else _not_paged(row)
            late = f", {span(word.late_by_s)} late" if word.late_by_s else ""
            outcome = f"told {word.severity}, {how}{late}"
        else:
            outcome = _not_told(row, at, now)
        yield LevelStory(STATE_WORDS[level], at, outcome)
    repeats = [one for one in row.told if one.level == "overdue"]
    if repeats:
        last = repeats[-1]
        how = "paged" if last.paged else _not_paged(row)
        yield LevelStory(STATE_WORDS["overdue"], last.raised_at, f"repeat {last.repeat}, {how}")


def _not_paged(row: ClockRow) -> str:
    if row.silent:
        return "on the board only: old when it was heard of, or told again from a file"
    return "on the board only: a more pressing clock of this episode is paged"


def _not_told(row: ClockRow, at: datetime, now: datetime) -> str:
    if row.ended_at is not None and row.ended_at <= at:
        return f"never came: {row.status} before"
    if at > now:
        return "not told: it is still to come"
    if row.told:
        return "not told by itself: it had passed when a higher one was told"
    return "not told: it had passed before anybody told of it, or watch is behind"


def _moments(
    picture: Picture,
    rows: Iterable[ClockRow],
    alerts: Iterable[Alert],
    answers: Iterable[Answer],
    write: Write,
) -> Iterator[Moment]:
    for fact in picture.history.facts:
        yield Moment(fact.start_at, "fact", fact_words(fact, write), _note(fact, picture, write))
    needs = {row.id: f"{row.need} ({row.rule})" for row in rows}
    for one in alerts:
        what = needs.get(one.clock or "", one.rule) if one.kind == "clock" else one.rule
        level = f", level {STATE_WORDS[one.level].lower()}" if one.level else ""
        words = f"Told: {what}{level}, severity {one.severity}"
        ended = one.reason if one.status == "open" else f"{one.status}: {one.reason}"
        yield Moment(one.raised_at, "alert", words, ended)
    for answer in answers:
        # Stand-downs and classifications are facts, and told as such.
        if isinstance(answer, Acknowledged):
            yield Moment(
                answer.occurred_at, "answer", f"Acknowledged by {answer.by}", answer.reason or ""
            )


def _note(fact: Fact, picture: Picture, write: Write) -> str:
    """Return what must be known beside a fact: that it no longer stands, came late, or is doubtful."""
    notes = list(fact.flags)
    ended = picture.history.ended.get(fact.id)
    if ended is not None:
        notes.append(f"{ended.fate} by {fact_words(ended.by, write).lower()}")
    if (fact.received_at - fact.start_at).total_seconds() >= 3600:  # noqa: PLR2004 - an hour
        notes.append(f"heard of {write(fact.received_at)}")
    return ", ".join(notes)


def _reports(picture: Picture) -> Iterator[Report]:
    for study in picture.endings.studies:
        report = study.unclassified
        if report is None or report.kind != "imaging-reported":
            continue
        number = report.values.get("order_number") or report.values.get("accession_number")
        if number:
            yield Report(number, report.start_at)
