"""What ends a clock, which of two ends counts, and what is missing until then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cordwatch.pathway.clocks import Clock
from cordwatch.pathway.endings import Endings
from cordwatch.pathway.facts import Fact, fact_of, fact_of_answer
from cordwatch.pathway.history import History
from cordwatch.pathway.identity import persons
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.simulation import Told
from cordwatch.pathway.where import Where
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack
from tests import builders as b
from tests.builders import T

SECOND = timedelta(seconds=1)
PACK = load_pack("mescc-lymphoma")
SUSPECTED, CONFIRMED = b.a_suspicion(T(0)), b.a_report(T(0))
TWELVE = "mri.mescc-suspected"
PHYSICIAN, ONCOLOGIST, SURGEON = b.WHOLE_TEAM


def facts(*told: Told) -> list[Fact]:
    """Return the facts that *told* tell."""
    found = [fact_of(one) if isinstance(one, Event) else fact_of_answer(one) for one in told]
    return [fact for fact in found if fact is not None]


def clock(rule: str, *told: Told) -> Clock:
    """Return the one clock of *rule* that *told* give."""
    known = facts(*told)
    [found] = [one for one in Picture(known, persons(known), PACK).clocks if one.rule.id == rule]
    return found


def end(rule: str, *told: Told) -> tuple[object, ...] | None:
    """Return how, when and by which kind of fact the clock of *rule* ended."""
    found = clock(rule, *told).end
    return None if found is None else (found.status, found.at, found.fact.kind)


def endings(*told: Told) -> Endings:
    """Return everything that can end a clock of *told*."""
    history = History(facts(*told))
    return Endings(history, Where(history, PACK))


@pytest.mark.parametrize(
    ("rule", "told", "missing"),
    [
        ("mri.back-pain", (b.known_lymphoma(), b.a_back_pain(T(0))), ("spinal MRI",)),
        (TWELVE, (SUSPECTED,), ("cervical", "thoracic", "lumbar")),
        (TWELVE, (SUSPECTED, b.an_mri_done(T(1), b.LUMBAR_MRI)), ("cervical", "thoracic")),
        (TWELVE, (SUSPECTED, b.an_mri_done(T(-1))), ("cervical", "thoracic", "lumbar")),
        ("steroid.start", (CONFIRMED,), ("dexamethasone",)),
        ("treatment.start", (CONFIRMED,), ("radiotherapy or surgery",)),
        ("mdt.consult", (CONFIRMED,), b.WHOLE_TEAM),
        (
            "mdt.consult",
            (CONFIRMED, b.a_consultation(T(1), (ONCOLOGIST,))),
            (PHYSICIAN, SURGEON),
        ),
        (
            "mdt.consult",
            (CONFIRMED, b.a_consultation(T(-1), (ONCOLOGIST,))),
            b.WHOLE_TEAM,
        ),
        ("steroid.taper", (CONFIRMED, b.a_dose(T(0))), ("taper",)),
    ],
)
def test_what_a_clock_still_waits_for(
    rule: str, told: tuple[Event, ...], missing: tuple[str, ...]
) -> None:
    """In words for whoever is called; what was there before the start does not count."""
    assert clock(rule, *told).missing == missing


def test_the_first_end_counts_and_of_two_at_one_instant_the_goal() -> None:
    """What was reached is not withdrawn by what came after it, or at the same time."""
    done, down, died = b.an_mri_done(T(5)), b.a_stand_down(T(4), TWELVE), b.a_death(T(5))
    assert end(TWELVE, SUSPECTED) is None
    assert end(TWELVE, SUSPECTED, done) == ("satisfied", T(5), "imaging-done")
    assert end(TWELVE, SUSPECTED, done, down) == ("withdrawn", T(4), "stood-down")
    assert end(TWELVE, SUSPECTED, done, died) == ("satisfied", T(5), "imaging-done")
    assert end(TWELVE, SUSPECTED, down, died) == ("withdrawn", T(4), "stood-down")
    assert end(TWELVE, SUSPECTED, died) == ("withdrawn", T(5), "died")
    second = b.a_stand_down(T(6), TWELVE)
    assert end(TWELVE, SUSPECTED, second, down) == ("withdrawn", T(4), "stood-down")


def test_a_death_before_the_start_ends_nothing_and_one_at_the_start_does() -> None:
    """An assessment within the hour after is late documentation: it opens nothing."""
    assert end(TWELVE, SUSPECTED, b.a_death(T(0))) == ("withdrawn", T(0), "died")
    known = facts(SUSPECTED, b.a_death(T(0) - SECOND))
    assert Picture(known, persons(known), PACK).clocks == []


def test_scans_add_up_in_the_order_in_which_they_were_made() -> None:
    """The one that completes the spine ends the clock, whichever was heard first."""
    upper = b.an_mri_done(T(7), b.CERVICAL_AND_THORACIC_MRI, "O1")
    lower = b.an_mri_done(T(5), b.LUMBAR_MRI, "O2", received_at=T(9))
    assert end(TWELVE, SUSPECTED, upper, lower) == ("satisfied", T(7), "imaging-done")
    mild = (b.known_lymphoma(), b.a_back_pain(T(0)))
    assert end("mri.back-pain", *mild, upper, lower) == ("satisfied", T(5), "imaging-done")
    whole = [b.an_mri_done(T(5), order=f"O{n}", received_at=T(n)) for n in (8, 9)]
    found = clock(TWELVE, SUSPECTED, *whole[::-1]).end
    assert found is not None
    assert found.fact == fact_of(whole[0])


def test_the_first_dose_counts_whatever_else_was_charted() -> None:
    """One from before the start with an active order counts at the start."""
    order, before = b.a_dexamethasone_order(T(-3)), b.a_dose(T(-2))
    later = b.a_dose(T(0.5))
    assert end("steroid.start", CONFIRMED, later, b.a_dose(T(0.7))) == (
        "satisfied",
        T(0.5),
        "medication-given",
    )
    assert end("steroid.start", CONFIRMED, order, before, later) == (
        "satisfied",
        T(0),
        "medication-given",
    )
    assert end("steroid.start", CONFIRMED, before, later) == (
        "satisfied",
        T(0.5),
        "medication-given",
    )


@pytest.mark.parametrize(("site", "flags"), [("spine", ()), (None, ("site-unstated",))])
@pytest.mark.parametrize("hours", [-5, 5])
def test_a_treatment_of_which_the_site_is_not_stated_is_doubtful(
    site: str | None, flags: tuple[str, ...], hours: float
) -> None:
    """Begun since the start, or running at it."""
    found = clock("treatment.start", CONFIRMED, b.a_treatment_started(T(hours), site=site)).end
    assert found is not None
    assert (found.at, found.flags) == (T(max(hours, 0)), flags)


def test_the_first_course_counts() -> None:
    """A course without a beginning is none yet, and hides none."""
    courses = [b.a_treatment_started(T(at), f"RT{at}") for at in (9, 7, 8)]
    waiting = b.a_plan(T(1), "RT0")
    assert end("treatment.start", CONFIRMED, waiting, *courses) == (
        "satisfied",
        T(7),
        "treatment-started",
    )


def test_since_when_the_cord_is_treated() -> None:
    """The first beginning at or after an instant."""
    found = endings(*(b.a_treatment_started(T(at), f"RT{at}") for at in (9, 7)), b.a_plan(T(1)))
    assert [found.treated_since(T(at)) for at in (6, 7, 8, 9, 10)] == [T(7), T(7), T(9), T(9), None]


def test_the_team_is_complete_with_the_consultation_that_adds_the_last_of_it() -> None:
    """In the order in which they were held."""
    held = [b.a_consultation(T(at), (who,)) for at, who in ((3, PHYSICIAN), (1, SURGEON))]
    assert end("mdt.consult", CONFIRMED, *held) is None
    last = b.a_consultation(T(2), (ONCOLOGIST, SURGEON))
    found = clock("mdt.consult", CONFIRMED, *held, last).end
    assert found is not None
    assert (found.at, found.fact) == (T(3), fact_of(held[0]))


@pytest.mark.parametrize(
    ("plans", "due"),
    [
        ((), T(336)),
        ((T(240),), T(240)),
        ((T(0) + SECOND,), T(0) + SECOND),
        ((T(0),), T(336)),
        ((T(240), T(400)), T(400)),
        ((T(400), T(240)), T(240)),
    ],
)
def test_a_taper_plan_takes_the_place_of_the_window(plans: tuple[object, ...], due: object) -> None:
    """The latest that was recorded; one that was over before the first dose is of another time."""
    orders = [
        b.a_dexamethasone_order(T(n), order=f"RX{n}", taper_plan_ends_at=at)
        for n, at in enumerate(plans)
    ]
    assert clock("steroid.taper", CONFIRMED, b.a_dose(T(0)), *orders).due_at == due


def test_the_first_dose_between_two_instants() -> None:
    """Both of them included."""
    found = endings(b.a_dose(T(1)), b.a_dose(T(3)))
    first, second = (fact_of(b.a_dose(T(at))) for at in (1, 3))
    assert found.first_dose(T(1), T(3)) == first
    assert found.first_dose(T(1) + SECOND, T(3)) == second
    assert found.first_dose(T(1) + SECOND, T(3) - SECOND) is None


def test_of_two_deaths_the_last_that_stands_is_asked() -> None:
    """The first fact of a living patient more than an hour later contradicts it."""
    alive = [b.a_dose(T(at)) for at in (9, 8)]
    found = endings(b.a_death(T(5)), *alive)
    assert (found.death, found.contradiction) == (fact_of(b.a_death(T(5))), fact_of(alive[1]))
    assert found.death_at is None
    assert endings(b.a_death(T(5)), b.a_dose(T(6))).death_at == T(5)
    nobody = endings(*alive)
    assert (nobody.death, nobody.contradiction, nobody.death_at) == (None, None, None)
