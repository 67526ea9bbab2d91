"""Who would be told: the whole ladder, if nobody answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cordwatch.pager.asked import asked
from cordwatch.pager.plan import Plan, load_plan
from cordwatch.pager.who import Answer, who
from cordwatch_schemas.pack import load_pack
from tests.unit.pager.plans import EXAMPLE, plan_of

PACK = load_pack("mescc-lymphoma")
NIGHT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""Monday, three o'clock at night in Amsterdam."""


def ask(plan: Plan, text: str, at: datetime = NIGHT, hours: float = 1) -> Answer:
    """Return who is told."""
    return who(plan, asked(text, PACK, at), at, timedelta(hours=hours))


def told(answer: Answer) -> list[tuple[int, str, str, str]]:
    """Return minutes, role, destination and why."""
    begin = answer.matter.raised_at
    return [
        (int((one.at - begin).total_seconds() // 60), one.role, one.destination, one.why)
        for one in answer.tellings
    ]


def test_a_steroid_prompt_at_night_climbs_the_whole_ladder() -> None:
    """Ward physician and nurse at once, then one after another, each within five minutes, then anew."""
    answer = ask(load_plan(EXAMPLE), "steroid.start:prompt@HAEM-4")
    assert told(answer)[:9] == [
        (0, "ward-physician", "house-officer", "at once"),
        (0, "nurse-in-charge", "haem-nurse", "at once"),
        (5, "responsible-physician", "haematologist", "next role"),
        (10, "responsible-physician", "haem-physician", "next channel"),
        (15, "mscc-coordinator", "night-coordinator", "next role"),
        (20, "mscc-coordinator", "duty-manager", "next channel"),
        (25, "duty-manager", "duty-manager", "next role"),
        (30, "ward-physician", "house-officer", "told anew"),
        (30, "nurse-in-charge", "haem-nurse", "told anew"),
    ]
    assert (answer.held, answer.absent) == ((), ())


def test_overdue_goes_to_coordinator_and_duty_manager() -> None:
    """By day to the coordinator in person."""
    day = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    answer = ask(load_plan(EXAMPLE), "mri.mescc-suspected:overdue@HAEM-4", day, hours=0.1)
    assert told(answer) == [
        (0, "mscc-coordinator", "mscc", "at once"),
        (0, "duty-manager", "duty-manager", "at once"),
    ]


def test_a_mute_is_seen_with_its_end() -> None:
    """A reminder of the night is told in the morning."""
    answer = ask(load_plan(EXAMPLE), "mri.mescc-suspected:reminder@HAEM-4", hours=6)
    assert [(one.at, one.reason) for one in answer.held] == [(NIGHT, "muted")]
    assert told(answer)[0][:3] == (240, "ward-physician", "house-officer")


def test_a_role_without_anybody_passes_to_the_next_at_once(tmp_path: Path) -> None:
    """And it is seen that nobody stands for it."""
    answer = ask(plan_of(tmp_path), "mri.mescc-suspected:due@NEURO-2")
    assert told(answer) == [(0, "duty-manager", "manager", "at once")]
    assert answer.absent == ("ward-physician",)


def test_nobody_at_all_is_said_and_looked_at_again(tmp_path: Path) -> None:
    """Until somebody comes on duty."""
    plan = plan_of(tmp_path, due="  due: {tell: [ward-physician]}")
    answer = ask(plan, "mri.mescc-suspected:due@NEURO-2", hours=6)
    assert [one.reason for one in answer.held] == ["nobody"]
    assert told(answer) == [
        (300, "ward-physician", "doctor", "at once"),
        (315, "ward-physician", "doctor-sms", "next channel"),
    ]


def test_what_is_for_the_board_alone_tells_nobody() -> None:
    """And says so."""
    answer = ask(load_plan(EXAMPLE), "support.offer@HAEM-4")
    assert (told(answer), [one.reason for one in answer.held]) == ([], ["board-only"])
