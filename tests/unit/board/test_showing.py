"""Times in words, filters, a patient's story, and what a live page is sent."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from cordwatch.board.access import Reader
from cordwatch.board.board_state import BoardState
from cordwatch.board.episode import Episode, episode_of
from cordwatch.board.live import Channel, Hub, Topic
from cordwatch.board.projection import Projection
from cordwatch.board.view import View, choices
from cordwatch.board.wording import ago, at_time, left
from tests.builders import (
    T,
    a_back_pain,
    a_dose,
    a_report,
    a_suspicion,
    an_admission,
    an_mri_done,
    known_lymphoma,
)
from tests.unit.board.browsing import StoppedClock
from tests.unit.board.hospital import (
    a_gateway,
    a_silence,
    alert_of,
    an_acknowledgement,
    an_identity,
    answered,
    kept,
    projected,
)

TWO = (
    known_lymphoma(),
    an_admission(bed="12"),
    a_suspicion(),
    known_lymphoma(patient="B"),
    an_admission(patient="B", ward="ONC-2", encounter="VB"),
    a_suspicion(T(5), patient="B"),
)


# --- words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 min 00 s left"),
        (59, "0 min 59 s left"),
        (3599, "59 min 59 s left"),
        (3600, "1 h 00 min left"),
        (259_199, "71 h 59 min left"),
        (259_200, "3 d 0 h left"),
        (-1, "0 min 01 s late"),
        (-3660, "1 h 01 min late"),
    ],
)
def test_time_left_is_written_as_a_ward_reads_it(seconds: int, words: str) -> None:
    """Seconds in the last hour, hours until three days, and never late before it is."""
    assert left(T(0) + timedelta(seconds=seconds), T(0)) == words


def test_part_of_a_second_makes_nobody_late() -> None:
    """Due at this very instant is still in time; a moment after it is late."""
    assert left(T(0), T(0)) == "0 min 00 s left"
    assert left(T(0), T(0) + timedelta(milliseconds=1)) == "0 min 01 s late"


def test_times_are_those_of_the_hospital() -> None:
    """The day is written unless it is today there; after the night of the change too."""
    amsterdam = ZoneInfo("Europe/Amsterdam")
    assert at_time(T(15.5), T(0), amsterdam) == "Tue 3 Mar 00:30"
    assert at_time(T(1), T(0), amsterdam) == "10:00"
    assert ago(T(0), T(0.05)) == "3 min 00 s ago"
    assert ago(T(0), T(0) + timedelta(seconds=41)) == "41 s ago"


# --- views


@pytest.mark.parametrize(
    ("query", "patients"),
    [
        ({}, ["A", "B"]),
        ({"ward": "ONC-2"}, ["B"]),
        ({"state": "reminder"}, ["A"]),
        ({"state": "no such state"}, ["A", "B"]),
        ({"rule": "mri.back-pain"}, []),
        ({"hand": "mine"}, ["A"]),
        ({"hand": "none"}, ["B"]),
        ({"search": "haem-4"}, ["A"]),
    ],
)
def test_a_view_shows_what_was_asked_for(query: dict[str, str], patients: list[str]) -> None:
    """Each filter by itself; what is no filter leaves nothing out."""
    records = list(kept(TWO, T(8)))
    seen = an_acknowledgement(alert_of(records, "reminder").alert_id, T(7))
    board = projected([*records, *answered(seen)])
    view = View.of(query, Reader("n.jansen", frozenset()), named=False)
    rows = view.of_rows(board.open_rows(T(8)), board.people, T(8))
    assert sorted(row.patient for row in rows) == patients
    assert choices(board.open_rows(T(8))) == (["HAEM-4", "ONC-2"], ["mri.mescc-suspected"])


# --- a patient's story


def story(board: Projection, at: float) -> Episode:
    """Return the story of patient A at T *at*."""
    seen = board.picture("A")
    assert seen is not None
    picture, alerts, answers = seen
    return episode_of(picture, board.rows_of_patient("A"), alerts, answers, T(at))


def test_each_level_says_what_came_of_it() -> None:
    """Told and paged, never come, and still to come: each with its reason."""
    told = (*TWO[:3], an_mri_done(T(7)), a_report(T(7.5)))
    clocks = {one.row.rule: one for one in story(projected(kept(told, T(8))), 8).clocks}
    mri = [(one.word, one.outcome) for one in clocks["mri.mescc-suspected"].levels]
    assert mri == [
        ("Reminder", "told warning, paged"),
        ("Warning", "never came: satisfied before"),
        ("Urgent", "never came: satisfied before"),
        ("Due", "never came: satisfied before"),
    ]
    treatment = [one.outcome for one in clocks["treatment.start"].levels]
    assert set(treatment) == {"not told: it is still to come"}
    assert "cord compression suspected" in clocks["mri.mescc-suspected"].why
    assert "12 hours" in clocks["mri.mescc-suspected"].why


def test_a_milder_clock_says_why_it_is_not_paged() -> None:
    """Of an episode's MRI clocks the most pressing is paged, and the others say so."""
    told = (known_lymphoma(), a_back_pain(T(-160)), a_suspicion(T(0)))
    clocks = {one.row.rule: one for one in story(projected(kept(told, T(9))), 9).clocks}
    (first,) = (one for one in clocks["mri.back-pain"].levels if one.outcome.startswith("told"))
    assert (
        first.outcome
        == "told warning, on the board only: a more pressing clock of this episode is paged"
    )


def test_a_level_that_nobody_told_says_so() -> None:
    """Facts without alerts: either watch was late, or it is behind, and the page does not hide it."""
    rows_alone = [one for one in kept(TWO[:3], T(8)) if b"|f" in one[1]]
    (clock,) = story(projected(rows_alone), 8).clocks
    assert clock.levels[0].outcome.startswith("not told: it had passed before anybody told")


def test_the_timeline_has_facts_alerts_and_answers_in_words() -> None:
    """Everything that happened, in order, with codes in words and no free text."""
    records = list(kept((*TWO[:3], a_dose(T(6.5))), T(8)))
    seen = an_acknowledgement(alert_of(records, "reminder").alert_id, T(7))
    moments = story(projected([*records, *answered(seen)]), 8).moments
    assert [one.words for one in moments if one.at >= T(-3)] == [
        "Admitted: HAEM-4, bed 12",
        "Assessed: cord compression suspected",
        "Told: MRI of the whole spine (mri.mescc-suspected), level reminder, severity warning",
        "Drug given: 10 mg, IV, dexamethasone (ATC H02AB02)",
        "Acknowledged by n.jansen",
    ]


def test_what_did_not_alert_says_why() -> None:
    """Rules that never ran are named with what they wait for."""
    silences = story(projected(kept(TWO[:3], T(8))), 8).silences
    assert "steroid.start: nothing recorded that means mescc-confirmed" in silences


def test_a_report_is_offered_until_it_is_classified() -> None:
    """What nobody has classified can be; what is coded is not asked about."""
    told = (*TWO[:3], an_mri_done(T(4)), a_report(T(5), None))
    assert [one.number for one in story(projected(kept(told, T(6))), 6).reports] == ["O1"]
    assert story(projected(kept((*told[:-1], a_report(T(5))), T(6))), 6).reports == ()


# --- what a live page is sent


def state_of(board: Projection, at: float) -> BoardState:
    """Return the board at T *at*."""
    return BoardState(board, StoppedClock(T(at)), ready=True)


async def channel_of(state: BoardState, topic: Topic = Topic(View())) -> Channel:  # noqa: B008 - frozen
    """Return the channel of *topic*, as it is when somebody opens a page."""
    return Hub(state).channel(topic)


async def test_a_page_is_sent_only_what_changes() -> None:
    """One that begins gets every row; one that stays is not redrawn."""
    about_as_soon = (*TWO[:5], a_suspicion(T(0.5), patient="B"))
    records = list(kept(about_as_soon, T(7)))
    state = state_of(projected(records), 7)
    channel = await channel_of(state)
    everything = told_in(channel.everything(state.look()))
    assert len(everything["rows"]) == len(everything["order"]) == 2
    assert set(channel.news(state.look())) == {"now", "speed", "notLive"}
    seen = an_acknowledgement(alert_of(records, "reminder").alert_id, T(6.9))
    for record in answered(seen):
        state.projection.take(*record)
    state.projection.refresh()
    news: dict[str, Any] = channel.news(state.look())
    (html,) = news["rows"].values()
    assert "In hand: n.jansen" in html
    assert news["order"] == everything["order"][::-1]
    assert "<strong>1</strong> in nobody" in news["status"]


async def test_pages_that_begin_together_are_sent_the_same() -> None:
    """A board that is back is asked by all at once; what time it is, is never older than a tenth of a second."""
    clock = StoppedClock(T(8))
    state = BoardState(projected(kept(TWO, T(8))), clock, ready=True)
    channel = await channel_of(state)
    first = channel.everything(state.look())
    clock.shown = T(8) + timedelta(seconds=0.09)
    assert channel.everything(state.look()) is first
    clock.shown = T(8) + timedelta(seconds=0.2)
    again = channel.everything(state.look())
    assert told_in(again)["now"] != told_in(first)["now"]
    assert told_in(again)["rows"] == told_in(first)["rows"]


async def test_a_row_changes_by_time_alone() -> None:
    """At its next level it is sent anew, though nothing arrived."""
    board = projected(kept(TWO[:3], T(8)))
    clock = StoppedClock(T(8.99))
    state = BoardState(board, clock, ready=True)
    channel = await channel_of(state)
    clock.shown = T(9)
    (html,) = cast("dict[str, str]", channel.news(state.look())["rows"]).values()
    assert "Warning" in html


async def test_a_row_that_ends_leaves_the_order() -> None:
    """What is done is gone from every open page."""
    state = state_of(projected(kept(TWO[:3], T(8))), 8)
    channel = await channel_of(state)
    for record in kept((*TWO[:3], an_mri_done(T(7.9))), T(8)):
        state.projection.take(*record)
    state.projection.refresh()
    assert channel.news(state.look())["order"] == []


async def test_a_page_of_a_clock_hears_of_what_is_not_about_a_clock() -> None:
    """Who saw a notice that no clock runs for changes no row; the page that shows it is told all the same."""
    state = state_of(projected(kept(TWO, T(8))), 8)
    (row, other) = state.open_rows(T(8))
    hub = Hub(state)
    mine, theirs = (hub.channel(Topic(View(), only=one.id)) for one in (row, other))
    before = [one.news(state.look())["mark"] for one in (mine, theirs)]
    version = state.projection.version
    seen = an_acknowledgement("a-notice-without-a-clock", T(7.9), patient=row.patient)
    for record in answered(seen):
        state.projection.take(*record)
    state.projection.refresh()
    assert state.projection.version == version
    after = [one.news(state.look())["mark"] for one in (mine, theirs)]
    assert after[0] != before[0]
    assert after[1] == before[1]
    again = state_of(projected([*answered(seen), *kept(TWO, T(8))]), 8)
    assert Hub(again).channel(Topic(View(), only=row.id)).news(again.look())["mark"] == after[0]


async def test_readers_with_and_without_names_share_no_row() -> None:
    """Rows are made once for all who see them alike: names are only in those of who may see them."""
    records = [*kept(TWO[:3], T(8)), an_identity("A", "ZEBRAFINCH^ZOE", T(0))]
    hub = Hub(state_of(projected(records), 8))
    topics = [Topic(View(named=True)), Topic(View()), Topic(View(), wall=True)]
    sent = [hub.channel(topic).everything(hub.state.look()) for topic in topics]
    assert [b"ZEBRAFINCH" in one for one in sent] == [True, False, False]


async def test_a_silent_feed_is_told_to_open_pages() -> None:
    """What is wrong with a feed reaches a page though no row changed."""
    state = state_of(projected(kept(TWO[:3], T(8))), 8)
    channel = await channel_of(state)
    state.projection.take(*a_gateway(T(8), {"north-ris|ORU": T(7)}))
    state.projection.take(*a_silence(T(7), T(8)))
    assert "north-ris ORU is late" in str(channel.news(state.look())["status"])


def test_a_level_that_watch_told_nobody_of_is_said_above_the_rows() -> None:
    """The rows go on by themselves when watch is not there: then somebody must know that nobody is paged."""
    told = [one for one in kept(TWO[:3], T(8)) if b"|f" in one[1]]
    behind = "Levels were reached of which watch has told nobody"
    for hours, is_said in ((5.99, False), (6.04, False), (6.06, True)):
        troubles = state_of(projected(told), hours).troubles(T(hours))
        assert (behind in troubles[0]) == is_said, hours
    assert behind not in state_of(projected(kept(TWO[:3], T(8))), 8).troubles(T(8))[0]
    assert behind not in state_of(projected(kept(TWO[:3], T(20))), 20).troubles(T(20))[0]


def told_in(frame: bytes) -> dict[str, Any]:
    """Return what a message of a stream says."""
    found: dict[str, Any] = json.loads(frame.partition(b"data: ")[2])
    return found


async def test_who_keeps_up_gets_news_and_who_does_not_gets_everything() -> None:
    """A slow page loses no row: it begins anew."""
    hub = Hub(state_of(projected(kept(TWO, T(8))), 8))
    messages = hub.messages(Topic(View()), None)
    assert await anext(messages) == b"retry: 1000\n\n"
    assert len(told_in(await anext(messages))["rows"]) == 2
    hub.turn()
    assert "rows" not in told_in(await anext(messages))
    hub.turn()
    hub.turn()
    assert len(told_in(await anext(messages))["rows"]) == 2
    await messages.aclose()  # type: ignore[attr-defined]
    assert hub.count == 0


async def test_a_stream_that_is_told_to_close_ends() -> None:
    """The end of the process waits for no open page."""
    hub = Hub(state_of(projected(kept(TWO, T(8))), 8))
    sent = []
    async for part in hub.messages(Topic(View()), None):
        sent.append(part)
        if len(sent) == 2:
            assert hub.count == 1
            hub.close()
    assert (len(sent) <= 3, hub.count) == (True, 0)


async def test_a_stream_ends_when_it_must_ask_again_who_reads() -> None:
    """After its time it ends at the next beat, and the page comes back as whoever it is then."""
    hub = Hub(state_of(projected(kept(TWO, T(8))), 8))
    messages = hub.messages(Topic(View()), 0.0)
    assert [one async for one in messages][1].startswith(b"event: board")
    assert hub.count == 0
