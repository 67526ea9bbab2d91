"""What a page says at three in the morning."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from cordwatch.pager.next_steps import GUIDANCE, MISSING, guidance
from cordwatch.pager.safe_words import cut, cut_bytes, foreign, one_line
from cordwatch.pager.text import Text, Wording, left, link_to, span, text_of
from cordwatch_schemas.operations import OPERATIONAL_KINDS
from cordwatch_schemas.pack import load_pack, shipped_packs
from cordwatch_schemas.treatments import ConsultRole
from tests.pager.builders import NOW, PATIENT, a_matter, a_page

WARD = Wording("Europe/Amsterdam", "https://board.example")


def said(text: Text) -> dict[str, str]:
    """Return the lines of a text by what they are about."""
    return {line.label: line.words for line in text.lines}


def test_an_overdue_scan() -> None:
    """Title and lines, the most needed first, word for word."""
    text = text_of(a_page(), WARD)
    assert text.plain(4_000).splitlines() == [
        "OVERDUE, 35 min late: MRI of the whole spine not done, nor ordered (ward B4, NORTH)",
        "What: MRI of the whole spine for suspected cord compression",
        "Missing: cervical, thoracic",
        "Time: due 03:05 (Europe/Amsterdam), 35 min late",
        f"Do: {guidance('mri.mescc-suspected').do}",
        "Where: ward B4, NORTH",
        "For: ward physician",
        "Reference: p7f3a9c2d1...",
        "Rule: mri.mescc-suspected, Suspected compression: MRI within 12 hours",
        "Note: Decision support, not a clinical authority. Pack mescc-lymphoma@1.0.0.",
        "https://board.example/clock/c_18d3a60be4f7",
    ]


def test_a_title_says_what_kind_it_is() -> None:
    """How far the clock is, a notice, or cordwatch itself; and that it is not the first time."""
    ahead = a_matter(level="urgent", due_at=NOW + timedelta(hours=1, minutes=20))
    notice = a_matter(kind="notice", level=None, rule="order-cancelled", reason="It was cancelled")
    feed = a_matter(
        kind="operational", level=None, rule="feed-silent", patient=None, ward=None, facility=None,
        due_at=None, reason="nothing came for 2 h", missing=("gw LAB ORU",),
    )  # fmt: skip
    titles = [text_of(a_page(matter=one), WARD).title for one in (ahead, notice, feed)]
    assert [one.split(":")[0] for one in titles] == [
        "URGENT, 1 h 20 min left",
        "NOTICE",
        "CORDWATCH ITSELF",
    ]
    assert titles[2] == "CORDWATCH ITSELF: nothing came for 2 h"
    assert said(text_of(a_page(matter=feed), WARD))["Missing"] == "gw LAB ORU"
    assert text_of(a_page(round=2), WARD).title.startswith("AGAIN: OVERDUE, 35 min late")
    assert said(text_of(a_page(round=2), WARD))["For"] == "ward physician, round 2"


def test_what_became_of_it() -> None:
    """Who has seen it; how it ended, and why it is over for who was told."""
    seen = text_of(a_page("acknowledge", note="seen by N. Jansen"), WARD)
    assert said(seen)["Answer"] == "seen by N. Jansen"
    assert text_of(a_page("acknowledge"), WARD).title.startswith("Seen: MRI")
    assert seen.title == (
        "Seen by N. Jansen: MRI of the whole spine for suspected cord compression (ward B4, NORTH)"
    )
    ended = a_matter(status="resolved", reason="late by 0:40:00", ended_at=NOW)
    done = text_of(a_page("close", matter=ended), WARD)
    assert (done.title.split(":")[0], said(done)["How"]) == ("Done", "late by 0:40:00")
    moved = text_of(a_page("close", note="told on the new ward"), WARD)
    assert moved.title.startswith("Over for you: ")
    assert said(moved)["Why"] == "told on the new ward"
    assert "How" not in said(moved)


def test_doubts_are_said_in_words() -> None:
    """What is behind a page may be wrong, and who is woken is told so; a flag not known is still one."""
    matter = a_matter(data_stale=True, flags=("day-precision", "new-flag", "newer-flag"))
    assert said(text_of(a_page(matter=matter), WARD))["Doubt"] == (
        "a source could not be read up to now, it may be done already;"
        " a time is known to the day only; a doubt that the board shows"
    )


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "due now"),
        (0.9, "due now"),
        (-0.9, "due now"),
        (1, "1 min left"),
        (-59.5, "59 min late"),
        (60, "1 h left"),
        (-80, "1 h 20 min late"),
        (47 * 60 + 59, "47 h 59 min left"),
        (48 * 60, "2 d left"),
        (-(50 * 60 + 10), "2 d 2 h late"),
    ],
)
def test_time_left_and_late(minutes: float, words: str) -> None:
    """Rounded down both ways: never more time than there is said to be left by a minute."""
    assert left(NOW + timedelta(minutes=minutes), NOW) == words


def test_the_wall_clock_is_the_hospitals() -> None:
    """Over the night in which clocks go back 24 h stay 24 h; another day is named."""
    due = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)
    begun = replace(a_page(matter=a_matter(due_at=due)), at=due - timedelta(hours=24))
    assert said(text_of(begun, WARD))["Time"] == "due 23:30 (Europe/Amsterdam), 24 h left"
    before = replace(begun, at=begun.at - timedelta(hours=1))
    assert said(text_of(before, WARD))["Time"] == (
        "due 2026-10-25 23:30 (Europe/Amsterdam), 25 h left"
    )


def test_a_ward_is_shown_where_the_plan_says_so() -> None:
    """Neither in title nor text otherwise; and the reference as well."""
    shut = Wording("UTC", None, show_ward=False, show_reference=False)
    text = text_of(a_page(), shut)
    assert "B4" not in text.plain(10_000)
    assert "NORTH" not in text.plain(10_000)
    assert PATIENT[:6] not in text.plain(10_000)
    assert text.link is None
    shown = text_of(a_page(), WARD)
    assert PATIENT[:10] not in shown.title
    assert PATIENT[:10] in shown.plain(10_000)
    assert PATIENT[:11] not in shown.plain(10_000)


def test_a_link_leads_to_the_clock_on_the_board() -> None:
    """Addresses end up in logs and histories: no reference of a patient is in them."""
    odd, none = a_matter(clock="x/../?y#z"), a_matter(clock=None)
    assert link_to(odd, Wording(board_url="https://board.example/")) == (
        "https://board.example/clock/x%2F..%2F%3Fy%23z"
    )
    assert link_to(none, Wording(board_url="https://board.example")) == "https://board.example/"


@pytest.mark.parametrize("limit", [10, 60, 84, 150, 300, 2_000])
def test_where_room_is_short_whole_lines_go(limit: int) -> None:
    """The last first; the link stays longest; never more than there is room for."""
    text = text_of(a_page(), WARD)
    short = text.plain(limit)
    assert len(short) <= limit
    lines = text.plain(10_000).splitlines()
    kept = short.splitlines()
    if limit >= 150:
        assert kept[-1] == lines[-1]
        assert kept[:-1] == lines[: len(kept) - 1]
    else:
        assert kept[0].removesuffix("…") == lines[0][: len(kept[0].removesuffix("…"))]


def test_every_rule_has_words_of_its_own() -> None:
    """Each rule, notice and advisory of each shipped pack, and each kind of operational alert; no others."""
    told = set[str](OPERATIONAL_KINDS)
    for name in shipped_packs():
        pack = load_pack(name)
        told |= {one.id for one in pack.rules}
        told |= {one.id for one in (*pack.notices, *pack.advisories)}
    assert told == set(GUIDANCE)
    assert set(get_args(ConsultRole)) <= MISSING


def test_a_rule_that_a_hospital_added_has_its_familys_words() -> None:
    """Better than nothing, and never an error."""
    assert guidance("mri.of-our-own").name == "Spinal MRI"
    assert guidance("pager-test").do == "Nothing."
    assert guidance("something-else").do == "Look at the board for what is missing."


def test_words_from_outside_are_words() -> None:
    """On one line, without what a mail, a room or a page would read as more than words."""
    assert foreign("N. O'Neill-Øberg\r\nBcc: x", 60) == "N. O'Neill-Øberg Bcc: x"
    assert foreign("<@U1> [a](b) *x* `y` |z", 60) == "@U1 a (b) x y z"
    assert foreign("שלום\u202e\u0000abc", 60) == "שלום abc"
    assert foreign("नमस्ते", 60) == "नमस्ते"
    assert one_line("a\u2028b\ud800c\td") == "a b c d"


def test_cut_at_whole_characters() -> None:
    """By code points, and by bytes; what fits stays as it is."""
    assert cut("🦴🦴🦴🦴", 4) == "🦴🦴🦴🦴"
    assert cut("🦴🦴🦴🦴🦴", 4) == "🦴🦴🦴…"
    assert cut_bytes("aß🦴", 6) == "aß"
    assert cut_bytes("aß", 3) == "aß"


def test_spans_are_exact() -> None:
    """No hour is lost between two days and the next."""
    assert [span(timedelta(hours=h)) for h in (23, 47, 48, 49, 72, 95)] == [
        "23 h",
        "47 h",
        "2 d",
        "2 d 1 h",
        "3 d",
        "3 d 23 h",
    ]
