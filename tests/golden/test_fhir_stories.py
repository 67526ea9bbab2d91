"""The same story told in HL7 v2 and in FHIR gives the same alerts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cordwatch.app.commands.source_options import translated
from cordwatch.feeds.source import Source
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.pack import load_pack
from tests.golden.tellers import Fhir, Hl7, Teller

SUSPECTED = {"suspected_mescc": "Y"}
_IDS = {"alert_id", "clock", "cause", "episode"}
"""Made from a fact's content, in which each feed numbers its records in its own way."""


def to_treatment(tell: Teller) -> None:
    """Suspicion, whole-spine MRI, positive report, dexamethasone, radiotherapy: all in time."""
    tell.admit(1, 0)
    tell.assess(1, 1, **SUSPECTED)
    tell.order(1, 1.5, "NW", name="R1")
    tell.order(1, 4, "CM", name="R1")
    tell.report(1, 5, "R1", "positive")
    tell.give(1, 5.5, 16)
    tell.radiate(1, 20)


def nothing_happens(tell: Teller) -> None:
    """Suspicion, and then nothing: every level, breach, repeats."""
    tell.admit(1, 0)
    tell.assess(1, 1, **SUSPECTED)


def booked_too_late(tell: Teller) -> None:
    """Booked behind the deadline, scanned after it, a report that nobody has classified."""
    tell.admit(1, 0)
    tell.assess(1, 1, **SUSPECTED)
    tell.order(1, 2, "NW", name="R1")
    tell.book(1, 2.5, "R1", 30)
    tell.order(1, 16, "CM", name="R1")
    tell.report(1, 17, "R1", None)


def merged(tell: Teller) -> None:
    """Back pain of one record, suspicion in the other; a scan for the retired one closes both."""
    tell.admit(1, 0)
    tell.admit(2, 0.2)
    tell.assess(2, 0.5, back_pain="Y")
    tell.assess(1, 1, **SUSPECTED)
    tell.merge(2, 1, 2)
    tell.order(1, 9, "CM", name="R1")


def corrected(tell: Teller) -> None:
    """A deficit said to be of two days was of ten: the clock is the longer one."""
    tell.admit(1, 0)
    tell.assess(1, 1, radicular_deficit="unilateral", developed_over_days="2")
    tell.correct(1, 3, 1, radicular_deficit="unilateral", developed_over_days="10")


def order_cancelled(tell: Teller) -> None:
    """The order is cancelled, the clock goes on."""
    tell.admit(1, 0)
    tell.assess(1, 1, **SUSPECTED)
    tell.order(1, 2, "NW", name="R1")
    tell.order(1, 3, "OC", name="R1")


def entered_in_error(tell: Teller) -> None:
    """The suspicion was another patient's: the clock is withdrawn."""
    tell.admit(1, 0)
    tell.assess(1, 1, **SUSPECTED)
    tell.withdraw(1, 9, 1, **SUSPECTED)


def refuted(tell: Teller) -> None:
    """A confirmed compression that was none."""
    tell.admit(1, 0)
    tell.diagnose(1, 2)
    tell.diagnose(1, 4, wrong=True)


def died(tell: Teller) -> None:
    """Death withdraws what was open."""
    tell.admit(1, 0)
    tell.assess(1, 1, **SUSPECTED)
    tell.die(1, 9)


STORIES = [
    to_treatment,
    nothing_happens,
    booked_too_late,
    merged,
    corrected,
    order_cancelled,
    entered_in_error,
    refuted,
    died,
]
Story = Callable[[Teller], None]


def alerts(tell: Teller, folder: Path) -> list[dict[str, Any]]:
    """Return what *tell* gives, without the ids."""
    file = folder / "story"
    file.write_bytes(tell.data())
    found = list(translated((file,), Source(), None))
    assert [fault for one in found for fault in one.faults] == []
    told = [event for one in found for event in one.told]
    raised = simulate(told, load_pack("mescc-lymphoma"))
    return sorted(
        (alert.model_dump(mode="json", exclude=_IDS) for alert in raised),
        key=lambda one: (one["raised_at"], one["rule"], str(one["level"]), one["repeat"] or 0),
    )


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_gives_the_same_alerts_in_both(story: Story, release: str, tmp_path: Path) -> None:
    """Every field of every alert, but for the ids of the facts behind it."""
    in_hl7, in_fhir = Hl7(), Fhir(release)
    story(in_hl7)
    story(in_fhir)
    expected = alerts(in_hl7, tmp_path)
    assert expected != []
    assert alerts(in_fhir, tmp_path) == expected


@pytest.mark.parametrize(
    ("story", "rules"),
    [
        (
            to_treatment,
            {"steroid.start", "treatment.start"},
        ),
        (booked_too_late, {"booked-late", "report-unclassified"}),
        (corrected, {"mri.deficit-slow"}),
        (order_cancelled, {"order-cancelled"}),
        (entered_in_error, {"mri.mescc-suspected"}),
        (refuted, {"steroid.start"}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_story_is_about_what_it_says(story: Story, rules: set[str], tmp_path: Path) -> None:
    """Two feeds that both say nothing would agree too."""
    tell = Fhir()
    story(tell)
    assert rules <= {one["rule"] for one in alerts(tell, tmp_path)}
