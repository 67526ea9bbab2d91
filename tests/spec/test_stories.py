"""Every story of the specification, run: each alert at its instant, each end likewise, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import DeadlineRule
from tests.builders import a_death
from tests.spec.case import (
    DAY,
    HOUR,
    PROVEN,
    SECOND,
    SHIPPED,
    Case,
    Page,
    actual,
    expected,
)
from tests.spec.catalogue import PAGES, SUBJECTS
from tests.spec.pages import FOLDER, documents, entry

EACH = pytest.mark.parametrize("page", [*PAGES, *SUBJECTS], ids=lambda page: page.name)
EACH_RULE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
OUTLIVE = {"merge-refused"}
"""About who is who, not about the care: a death ends no doubt."""


@EACH
def test_the_stories_are_told_as_they_stand(page: Page) -> None:
    """Every alert at its instant, every later word on it at its own, and nothing that is not listed."""
    for case in page.cases:
        assert actual(case.told(page.name)) == expected(case, page.name), case.says


@EACH
def test_the_alerts_say_what_the_stories_say(page: Page) -> None:
    """What is missing, in which words, with which doubts, to which ward, and by which clause."""
    assert [wrong for case in page.cases for wrong in _misworded(page, case)] == []


def _misworded(page: Page, case: Case) -> Iterator[str]:
    by_place = {_place(one.first): one for one in case.told(page.name)}
    for wanted in case.raised:
        rule = wanted.rule or case.watched(page.name)[0]
        found = by_place[rule, wanted.level, wanted.repeat, wanted.at]
        alert, last = found.first, found.last
        holds = {
            "words": wanted.words in alert.reason,
            "unsaid": not wanted.unsaid or wanted.unsaid not in alert.reason,
            "missing": wanted.missing in {None, alert.missing},
            "ward": wanted.ward in {None, alert.ward},
            "clause": alert.clause == entry(SHIPPED, rule).clause,
            "flags": alert.flags == wanted.flags,
            "ends_flagged": set(last.flags) == {*wanted.flags, *wanted.ends_flagged},
        }
        yield from (f"{case.says}: {name} of {alert}" for name, so in holds.items() if not so)


def _place(alert: Alert) -> tuple[object, ...]:
    return (alert.rule, alert.level, alert.repeat, alert.raised_at)


@EACH
def test_a_story_is_the_same_in_a_house_with_a_pack_of_its_own(page: Page) -> None:
    """Every rule, word and figure is that of the place, and none the default's."""
    for case in page.cases:
        assert actual(case.told_in_a_house(page.name)) == expected(case, page.name), case.says


@EACH_RULE
def test_it_is_so_to_the_second(page: Page) -> None:
    """A second before the last alert and the last word of it, at them, and a second after."""
    for case in (one for one in page.cases if one.aspect == "to the second"):
        turns = [turn[0] for one in case.raised for turn in one.then]
        last = {max(ats) for ats in ([one.at for one in case.raised], turns) if ats}
        around = {at + step for at in last for step in (-SECOND, 0 * SECOND, SECOND)}
        for now in sorted(at for at in around if at <= case.ends_at):
            by_now = actual(case.told(page.name, now))
            assert by_now == expected(case, page.name, now), f"{case.says}: at {now}"


def test_every_rule_notice_and_advisory_has_its_page() -> None:
    """In the order of the pack: none goes unproven, and none is proven that is not shipped."""
    shipped = [one.id for one in SHIPPED.rules]
    shipped += [one.id for one in (*SHIPPED.notices, *SHIPPED.advisories)]
    assert [page.name for page in PAGES] == shipped


def test_each_page_shows_all_that_is_to_be_shown() -> None:
    """Raised, not raised, ended, taken back, to the second; and what is not promised."""
    lacking = {page.name: set(PROVEN) - {case.aspect for case in page.cases} for page in PAGES}
    assert {name: aspects for name, aspects in lacking.items() if aspects} == {}
    assert [one.name for one in PAGES if not (one.starts and one.ends and one.not_promised)] == []


def test_no_two_stories_of_a_page_say_the_same() -> None:
    """A sentence that is no longer true names its story."""
    said = Counter((page.name, case.says) for page in (*PAGES, *SUBJECTS) for case in page.cases)
    assert [one for one, times in said.items() if times > 1] == []


TOLD = [page for page in PAGES if not isinstance(entry(SHIPPED, page.name), DeadlineRule)]


@pytest.mark.parametrize("page", TOLD, ids=lambda page: page.name)
def test_it_is_worded_as_the_pack_has_it(page: Page) -> None:
    """A notice or an advisory is never louder than the pack says, and begins with the pack's words."""
    one, case = entry(SHIPPED, page.name), first(page)
    assert not isinstance(one, DeadlineRule)
    alert = case.told(page.name)[0].first
    assert alert.reason.startswith(one.text)
    assert alert.reason == one.text or case.raised[0].words
    assert alert.kind == ("notice" if one in SHIPPED.notices else "advisory")
    assert alert.severity == ("info" if one.board_only else one.severity)


@EACH_RULE
def test_it_is_told_once(page: Page) -> None:
    """A day after its story the same level, or the same cause, has no second alert."""
    case = first(page)
    later = [one.first for one in case.told(page.name, case.ends_at + DAY)]
    assert len(later) > 0
    assert len({(one.cause, one.level, one.repeat) for one in later}) == len(later)


@EACH_RULE
def test_it_ends_with_death(page: Page) -> None:
    """Nothing is due to the dead, and nothing is advised."""
    case, at = first(page), first(page).ends_at + HOUR
    died = replace(case, heard=(*case.heard, a_death(at=at)), until=at)
    left = [one for one in died.told(page.name) if one.last.status == "open"]
    assert bool(left) is (page.name in OUTLIVE)


def first(page: Page) -> Case:
    """Return the first story in which it is raised."""
    return next(one for one in page.cases if one.aspect == "raised")


@pytest.mark.parametrize("what", ["too little", "too much"])
def test_a_story_that_is_not_so_is_seen(what: str) -> None:
    """The check of the checks: what the core tells beyond a story is told apart, and what it leaves out."""
    page = PAGES[0]
    case = first(page)
    raised = case.raised[1:] if what == "too much" else (*case.raised, case.raised[0])
    wrong = replace(case, raised=raised)
    assert actual(wrong.told(page.name)) != expected(wrong, page.name)


def test_the_published_pages_are_these_stories() -> None:
    """What an outsider reads in docs/spec is what is run here."""
    held = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert held == documents()
