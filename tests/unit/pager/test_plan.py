"""The pager plan: what is refused, where, and all of it at once; and what its weekly hours mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cordwatch.pager.asked import NotAsked, Place, asked, made_up, rules_of
from cordwatch.pager.gaps import gaps
from cordwatch.pager.hours import Hours
from cordwatch.pager.plan import STEPS, load_plan
from cordwatch_schemas.pack import load_pack, shipped_packs
from cordwatch_schemas.positions import BadYaml
from tests.unit.pager.plans import EXAMPLE, SMALL, plan_file, plan_of

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
RULES = rules_of(load_pack("mescc-lymphoma"))
AT_NIGHT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def faults(path: Path) -> list[str]:
    """Return what is wrong with a plan, as a person reads it, without the file's name."""
    with pytest.raises(BadYaml) as told:
        load_plan(path, RULES)
    return [line.removeprefix(f"{path}:") for line in str(told.value).splitlines()]


def test_the_shipped_example_is_whole() -> None:
    """Its rules are rules of the shipped pack, every step reaches somebody at every hour, nothing is unused."""
    plan = load_plan(EXAMPLE, RULES)
    assert gaps(plan) == []
    assert set(plan.ladder) == set(STEPS)


def test_everything_wrong_is_said_at_once_with_its_place(tmp_path: Path) -> None:
    """What is malformed, and what is well formed but fits nothing, in the order of the file."""
    path = plan_file(
        tmp_path,
        zone="zoen: Europe/Amsterdam",
        nurse="  nurse: {kind: pigeon}",
        prompt="  prompt: {tell: [duty-manager], answer_within: soon}",
        mute="by_rule:\n  - {rule: mri.nothing, steps: {due: {tell: [duty-manager]}}}\nmute:",
        **{"- {role: duty-manager": "  - {role: duty-manager, by: [manager, fax, manager]}"},
    )
    assert [line.split(" ")[:2] for line in faults(path)] == [
        ["1:1", "zoen"],
        ["3:10", "destinations.nurse"],
        ["10:40", "roster.2.by.1"],
        ["10:45", "roster.2.by.2"],
        ["18:49", "ladder.prompt.answer_within"],
        ["22:12", "by_rule.0.rule"],
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"due": ""}, "12:3 ladder has no step for due"),
        (
            {"nurse": "  nurse: {kind: slack, url_file: room}"},
            "8:50 roster.0.by has rooms only, and nobody is bound to look there: name another way too",
        ),
        (
            {"prompt": "  prompt: {tell: [spinal-surgeon]}"},
            "18:11 ladder.prompt tells nobody: nobody on the roster stands for any of its roles",
        ),
        (
            {"due": "  due: {tell: [duty-manager], quiet_for: null}"},
            "19:42 ladder.due.quiet_for needs a time: an acknowledgement never silences what presses for good",
        ),
        (
            {"due": "  due: {tell: [duty-manager], answer_within: 0 s}"},
            "19:46 ladder.due.answer_within must be longer than nothing",
        ),
        (
            {"due": "  due: {tell: [duty-manager], answer_within: 5000000 d}"},
            "19:46 ladder.due.answer_within must be 366 d at most",
        ),
        (
            {"due": f"  due: {{tell: [duty-manager], answer_within: {'9' * 20} d}}"},
            "19:46 ladder.due.answer_within is longer than can be reckoned with",
        ),
        (
            {"- {hours": "  - {hours: '22:00-07:00', steps: [due]}"},
            "22:5 mute.0 due, overdue, prompt are never muted",
        ),
        (
            {
                "mute": "by_rule:\n"
                "  - {rule: steroid.start, steps: {due: {tell: [duty-manager]}}}\n"
                "  - {rule: steroid.start, steps: {due: {tell: [duty-manager]}}}\nmute:"
            },
            "23:40 by_rule.1.steps.due is given before for the same rule",
        ),
    ],
)
def test_a_plan_that_would_tell_nobody_is_refused(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    """Or that would silence what presses: it is never put to use."""
    assert faults(plan_file(tmp_path, **changes)) == [told]


def test_hours_in_which_nobody_is_there_are_found(tmp_path: Path) -> None:
    """By hour of the week and by ward: a step that then tells nobody, and a role that nobody stands in for."""
    plan = plan_of(tmp_path, urgent="  urgent: {tell: [ward-physician, nurse-in-charge]}")
    nights = (
        "mon 00:00 to mon 08:00, mon 18:00 to tue 08:00, tue 18:00 to wed 08:00 and 3 more times"
    )
    elsewhere = "on any ward that the roster does not name"
    assert [(gap.what, gap.text) for gap in gaps(plan) if gap.what != "nowhere"] == [
        ("nobody", f"urgent: nobody is told {elsewhere}: {nights}, 118 h a week"),
        (
            "role",
            f"ward-physician: nobody is there {elsewhere}: {nights}, 118 h a week (told: urgent)",
        ),
        ("role", f"nurse-in-charge: nobody is there {elsewhere}, at any time (told: urgent)"),
    ]


def test_destinations_that_tell_nobody_are_found(tmp_path: Path) -> None:
    """What was meant for a trial must not stay."""
    found = [gap.text for gap in gaps(plan_of(tmp_path)) if gap.what == "nowhere"]
    assert len(found) == 4
    assert found[0] == "destinations.nurse: accepts everything and tells nobody"


def test_lines_that_never_count_are_found(tmp_path: Path) -> None:
    """A wide line before a narrow one, and a destination that nobody leads to."""
    wide = "  - {role: nurse-in-charge, by: [nurse]}\n" + SMALL.splitlines()[7]
    plan = plan_of(
        tmp_path,
        **{
            "- {role: nurse-in-charge": wide,
            "manager": "  manager: {kind: nowhere}\n  fax: {kind: nowhere}",
        },
    )
    assert [gap.text for gap in gaps(plan) if gap.what != "nowhere"] == [
        "roster.1 (nurse-in-charge) never counts: roster.0 stands for the same, and for more",
        "destinations.fax: no line of the roster leads to it",
    ]


@pytest.mark.parametrize(
    ("text", "local", "holds"),
    [
        ("mon-fri 08:00-17:00", "2026-03-02T08:00", True),
        ("mon-fri 08:00-17:00", "2026-03-02T17:00", False),
        ("mon-fri 08:00-17:00", "2026-03-07T09:00", False),
        ("fri-mon 08:00-17:00", "2026-03-07T09:00", True),
        ("22:00-07:00", "2026-03-02T06:59", True),
        ("22:00-07:00", "2026-03-02T07:00", False),
        ("fri 22:00-07:00", "2026-03-07T03:00", True),
        ("fri 22:00-07:00", "2026-03-06T03:00", False),
        ("sun 00:00-24:00", "2026-03-08T23:59", True),
        ("02:00-03:00", "2026-03-29T03:30", False),
        ("02:00-03:00", "2026-10-25T02:30", True),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(text: str, local: str, holds: bool) -> None:
    """Hours past midnight belong to the day on which they begin; on a day of 23 hours one may be missing."""
    at = datetime.fromisoformat(local).replace(tzinfo=AMSTERDAM)
    assert Hours.of(text).holds(at, AMSTERDAM) is holds


@pytest.mark.parametrize(
    "text",
    ["8:00-17:00", "mon-fri", "mon-fry 08:00-17:00", "08:00-25:00", "24:00-08:00", "08:61-09:00"],
)
def test_hours_that_are_none_are_refused(text: str) -> None:
    """With how they are written."""
    with pytest.raises(ValueError, match=r"hours are written|days are|times run"):
        Hours.of(text)


def test_hours_end_where_the_wall_says_over_a_change_of_the_clocks() -> None:
    """The night of 25 October is an hour longer; it is seven when it is seven."""
    begin = datetime(2026, 10, 24, 23, 0, tzinfo=AMSTERDAM)
    end = Hours.of("22:00-07:00").end_after(begin, AMSTERDAM)
    assert end.astimezone(UTC) == datetime(2026, 10, 25, 6, 0, tzinfo=UTC)
    assert end.astimezone(UTC) - begin.astimezone(UTC) == timedelta(hours=9)


@pytest.mark.parametrize("name", shipped_packs())
def test_every_rule_of_a_pack_can_be_asked_about(name: str) -> None:
    """At each of its levels, as an alert that has just been raised."""
    pack = load_pack(name)
    for rule in pack.rules:
        for level in (*(one.level for one in rule.levels), "overdue"):
            matter = asked(f"{rule.id}:{level}@NORTH/HAEM-4", pack, AT_NIGHT)
            assert (matter.rule, matter.level, matter.raised_at) == (rule.id, level, AT_NIGHT)
            assert (matter.facility, matter.ward) == ("NORTH", "HAEM-4")
            assert matter.start_at is not None
            assert matter.due_at == matter.start_at + rule.window
            assert (matter.due_at < AT_NIGHT) is (level == "overdue")
    for kind, lines in (("notice", pack.notices), ("advisory", pack.advisories)):
        assert {asked(one.id, pack, AT_NIGHT).kind for one in lines} == {kind}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mri.mescc-suspected", "is asked about with a level: reminder, warning"),
        ("mri.mescc-suspected:prompt", "is asked about with a level"),
        ("order-cancelled:due", "is no clock"),
        ("mri.nothing:due", "is no rule, notice or advisory of mescc-lymphoma"),
        ("@HAEM-4", "is no rule"),
    ],
)
def test_what_could_never_be_told_cannot_be_asked(text: str, why: str) -> None:
    """It says what could be."""
    with pytest.raises(NotAsked, match=why):
        asked(text, load_pack("mescc-lymphoma"), AT_NIGHT)


def test_a_made_up_matter_stands_on_the_step_it_was_made_for() -> None:
    """For every step of the ladder."""
    plan = load_plan(EXAMPLE)
    for step in STEPS:
        assert plan.step(made_up(step, Place(), AT_NIGHT)) == plan.ladder[step]
