"""The five windows of the MRI: from what they run, what closes them, what does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from cordwatch.pathway.simulation import Told
from cordwatch_schemas.admissions import Assessed
from tests.builders import (
    SPINE_MRI_PART_UNSTATED,
    THORACIC_MRI,
    T,
    a_back_pain,
    a_consultation,
    a_ct_done,
    a_deficit,
    a_radicular_pain,
    a_refutation,
    a_retraction,
    a_stand_down,
    an_assessment,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.spec.case import MINUTE, SECOND, Case, Page, Raised, Turn, level, with_beside

IN_TIME, DOCUMENTED_LATE = "in time", "in time, documented late"
RETRACTED = "withdrawn: its cause was retracted"
STOOD_DOWN = "withdrawn: stood down by a named person"
RE_TIMED = "superseded: its start was re-timed"
NO_LONGER_GIVEN = "withdrawn: the facts no longer give it"

AROUND_DUE: tuple[tuple[str, timedelta, str], ...] = (
    ("a second before", -SECOND, IN_TIME),
    ("exactly at", 0 * SECOND, IN_TIME),
    ("a second after", SECOND, "late by 0:00:01"),
)
"""When what is due is done, and how it is said."""

LEVELS = ("reminder", "warning", "urgent", "due")
Hours = tuple[float, float, float, float]
"""When the four levels come, in hours after the start: worked out by hand for each window."""

NOT_OF_AN_MRI = (
    "That a scan which no message tells of is seen: one made elsewhere counts when its message comes.",
    "That the scan was good enough, or that anybody looked at it: *done* is all that is asked.",
    "That an order or a booking stops the clock. They make the alerts one step less severe, no more.",
)


def levels(hours: Sequence[float], *then: Turn, up: bool = True) -> list[Raised]:
    """Return the levels that come at *hours*, each going on with *then*."""
    return [level(T(at), name, *then, up=up) for at, name in zip(hours, LEVELS, strict=False)]


def _repeats(due: float, every: timedelta, times: int) -> list[Raised]:
    return [level(T(due) + every * n, "overdue", repeat=n, up=True) for n in range(1, times + 1)]


@dataclass(frozen=True)
class Window:
    """One of the five windows: what starts it, when its levels come, how it is repeated."""

    rule: str
    start: Callable[..., Assessed]
    hours: Hours
    every: timedelta
    times: int
    known: tuple[Told, ...] = (known_lymphoma(),)
    """What makes the rule apply."""

    @property
    def begun(self) -> tuple[Told, ...]:
        """Return what starts the clock at T0."""
        return (*self.known, self.start(T(0), record_id="A1"))

    def levels(self, *then: Turn, up: bool = True) -> tuple[Raised, ...]:
        """Return all four levels, each going on with *then*."""
        return tuple(levels(self.hours, *then, up=up))

    def first(self, *then: Turn) -> tuple[Raised, ...]:
        """Return the first level, going on with *then*."""
        return tuple(levels(self.hours[:1], *then))


def standard(window: Window) -> tuple[Case, ...]:
    """Return the stories that are the same for every window, but for its hours."""
    return (*_told(window), *_ended(window), *_taken_back(window), *_to_the_second(window))


def _told(window: Window) -> tuple[Case, ...]:
    reminder, _, _, due = window.hours
    repeats = _repeats(due, window.every, window.times)
    return (
        Case(
            "raised",
            "Nothing is ordered and nothing done: each level comes, one step more severe",
            window.begun,
            window.levels(),
        ),
        Case(
            "raised",
            "An MRI is on order: the same levels at their plain severity",
            (*window.begun, an_mri_ordered(T(1))),
            window.levels(up=False),
        ),
        Case(
            "raised",
            "After due it is repeated, and then no more: the clock stays on the board",
            window.begun,
            (*window.levels(), *repeats),
            until=T(due) + window.every * (window.times + 2),
        ),
        Case(
            "not raised",
            "The MRI is done before half of the time has passed",
            (*window.begun, an_mri_done(T(reminder) - SECOND)),
            until=T(due),
        ),
    )


def _ended(window: Window) -> tuple[Case, ...]:
    reminder, warning, urgent, due = window.hours
    soon = T((reminder + warning) / 2)
    told_at = T(due) + MINUTE
    return (
        Case(
            "ended",
            "A named person stands the rule down, with a reason",
            (*window.begun, a_stand_down(soon, window.rule)),
            window.first((soon, STOOD_DOWN)),
            until=T(due),
        ),
        Case(
            "ended",
            "Done in time but told after due: said, never swallowed",
            (*window.begun, an_mri_done(T(urgent), received_at=told_at)),
            window.levels((told_at, DOCUMENTED_LATE)),
        ),
    )


def _taken_back(window: Window) -> tuple[Case, ...]:
    reminder, warning, _, due = window.hours
    soon = T((reminder + warning) / 2)
    re_timed = window.start(T(1), received_at=soon, record_id="A2", corrects="A1")
    return (
        Case(
            "taken back",
            "The assessment is withdrawn by its source",
            (*window.begun, a_retraction(soon, "assessed", "A1")),
            window.first((soon, RETRACTED)),
            until=T(due),
        ),
        Case(
            "taken back",
            "The assessment is corrected to an hour later: a new clock takes the old one's place",
            (*window.begun, re_timed),
            (
                *window.first((soon, RE_TIMED)),
                level(soon, "reminder", up=True, late_by=soon - T(reminder + 1)),
            ),
        ),
    )


def _to_the_second(window: Window) -> tuple[Case, ...]:
    due = T(window.hours[-1])
    return tuple(
        Case(
            "to the second",
            f"Done {said} due: {how}",
            (*window.begun, an_mri_done(due + after)),
            window.levels((due + after, how))[: 4 if after > timedelta(0) else 3],
        )
        for said, after, how in AROUND_DUE
    )


DAILY, QUARTERLY = timedelta(days=1), 15 * MINUTE
OFF = {"bilateral_signs_are_suspected": False}
"""Lhermitte's sign and bilateral signs are not read as suspicion."""

_BACK_PAIN = Window("mri.back-pain", a_back_pain, (168, 252, 302.4, 336), DAILY, 14)
_RADICULAR = Window("mri.radicular-pain", a_radicular_pain, (84, 126, 151.2, 168), DAILY, 14)
_SLOW = Window("mri.deficit-slow", partial(a_deficit, over_d=8), (24, 36, 43.2, 48), QUARTERLY, 96)
_RAPID = Window(
    "mri.deficit-rapid", partial(a_deficit, over_d=2), (12, 18, 21.6, 24), QUARTERLY, 96
)


def _milder(window: Window) -> tuple[Case, ...]:
    """Return the stories of the windows that ask for known lymphoma."""
    after, due = T(window.hours[0] + 1), T(window.hours[-1])
    return (
        Case("not raised", "No lymphoma is known", (window.start(T(0)),), until=due),
        Case(
            "ended",
            "An MRI of one part of the spine is enough",
            (*window.begun, an_mri_done(after, THORACIC_MRI)),
            window.first((after, IN_TIME)),
        ),
        Case(
            "ended",
            "An MRI of the spine, part not stated, is enough too",
            (*window.begun, an_mri_done(after, SPINE_MRI_PART_UNSTATED)),
            window.first((after, IN_TIME)),
        ),
        Case(
            "taken back",
            "The lymphoma is refuted: without it the rule does not apply",
            (*window.begun, a_refutation(after)),
            window.first((after, NO_LONGER_GIVEN)),
            until=due,
        ),
    )


def _none(says: str, *heard: Told, until: float) -> Case:
    return Case("not raised", says, (known_lymphoma(), *heard), until=T(until))


BACK_PAIN = Page(
    "mri.back-pain",
    (
        *standard(_BACK_PAIN),
        *_milder(_BACK_PAIN),
        Case(
            "raised",
            "Lymphoma becomes known later: the clock runs from the assessment all the same",
            (a_back_pain(T(0)), known_lymphoma(T(100))),
            tuple(levels([168])),
        ),
        Case(
            "raised",
            "Lymphoma becomes known after half of the time: the level that passed comes at once",
            (a_back_pain(T(0)), known_lymphoma(T(200))),
            (level(T(200), "reminder", up=True, late_by=timedelta(hours=32)),),
        ),
        _none(
            "A CT is no MRI, and an assessment without pain opens nothing",
            an_assessment(T(0)),
            a_ct_done(T(1)),
            until=336,
        ),
        _none(
            "With radicular pain beside it the 7-day rule takes the place of this one",
            a_radicular_pain(T(0), back_pain=True),
            until=336,
        ),
    ),
    starts="an assessment that records back pain only, in a patient known to have lymphoma",
    ends="an MRI of the spine, any part, done at or after the start",
    not_promised=(
        *NOT_OF_AN_MRI,
        "That back pain in free text is seen: only coded findings are read.",
    ),
)

RADICULAR_PAIN = Page(
    "mri.radicular-pain",
    (
        *standard(_RADICULAR),
        *_milder(_RADICULAR),
        Case(
            "raised",
            "A deficit stated as not progressive follows this rule",
            (known_lymphoma(), a_deficit(T(0), progressive=False)),
            tuple(levels([84])),
        ),
        Case(
            "raised",
            "A side not stated is read as one side",
            (known_lymphoma(), a_radicular_pain(T(0), radicular_pain="unstated")),
            tuple(levels([84])),
        ),
        Case(
            "more",
            "With the switch off, bilateral radicular pain follows this rule",
            (known_lymphoma(), a_radicular_pain(T(0), radicular_pain="bilateral")),
            tuple(levels([84])),
            policy=OFF,
        ),
        Case(
            "more",
            "With the switch off, Lhermitte's sign follows this rule",
            (known_lymphoma(), an_assessment(T(0), lhermitte=True)),
            tuple(levels([84])),
            policy=OFF,
        ),
        _none(
            "Bilateral radicular pain opens the 12 h clock and no milder one",
            a_radicular_pain(T(0), radicular_pain="bilateral"),
            until=168,
        ),
        _none(
            "Lhermitte's sign opens the 12 h clock and no milder one",
            a_radicular_pain(T(0), lhermitte=True),
            until=168,
        ),
    ),
    starts=(
        "an assessment with radicular pain on one side, or a radicular deficit stated as not "
        "progressive, in a patient known to have lymphoma"
    ),
    ends="an MRI of the spine, any part, done at or after the start",
    not_promised=NOT_OF_AN_MRI,
)

DEFICIT_SLOW = with_beside(
    Page(
        "mri.deficit-slow",
        (
            *standard(_SLOW),
            *_milder(_SLOW),
            _none(
                "A deficit that developed in exactly 7 days follows the 24 h rule",
                a_deficit(T(0), over_d=7),
                until=48,
            ),
            _none(
                "A deficit that developed in a time not stated follows the 24 h rule",
                a_deficit(T(0), over_d=None),
                until=48,
            ),
            Case(
                "to the second",
                "More than 7 days is this rule's, be it by a quarter of an hour",
                (known_lymphoma(), a_deficit(T(0), over_d=7.01)),
                tuple(levels([24])),
            ),
            Case(
                "more",
                "With the switch off, a bilateral deficit follows the rule of a deficit on one side",
                (known_lymphoma(), a_deficit(T(0), over_d=8, radicular_deficit="bilateral")),
                tuple(levels([24])),
                policy=OFF,
            ),
        ),
        starts=(
            "an assessment with a progressive radicular deficit that developed over more than 7 days, "
            "in a patient known to have lymphoma"
        ),
        ends="an MRI of the spine, any part, done at or after the start",
        not_promised=NOT_OF_AN_MRI,
    ),
    a_consultation(T(0)),
)

DEFICIT_RAPID = with_beside(
    Page(
        "mri.deficit-rapid",
        (
            *standard(_RAPID),
            *_milder(_RAPID),
            Case(
                "raised",
                "The time in which it developed is not stated: the shorter window",
                (known_lymphoma(), a_deficit(T(0), over_d=None)),
                tuple(levels([12])),
            ),
            Case(
                "raised",
                "Progression not stated counts as progressive",
                (known_lymphoma(), a_deficit(T(0), progressive=None)),
                tuple(levels([12])),
            ),
            Case(
                "to the second",
                "Exactly 7 days is this rule's",
                (known_lymphoma(), a_deficit(T(0), over_d=7)),
                tuple(levels([12])),
            ),
            _none(
                "Stated as not progressive: the 7-day rule",
                a_deficit(T(0), progressive=False),
                until=24,
            ),
            _none(
                "Bilateral: the 12 h rule", a_deficit(T(0), radicular_deficit="bilateral"), until=24
            ),
            Case(
                "more",
                "With the switch off, a bilateral deficit follows the rule of a deficit on one side",
                (known_lymphoma(), a_deficit(T(0), radicular_deficit="bilateral")),
                tuple(levels([12])),
                policy=OFF,
            ),
        ),
        starts=(
            "an assessment with a progressive radicular deficit that developed in 7 days or less, or in "
            "a time not stated, in a patient known to have lymphoma"
        ),
        ends="an MRI of the spine, any part, done at or after the start",
        not_promised=NOT_OF_AN_MRI,
    ),
    a_consultation(T(0)),
)


MILDER_PAGES = (BACK_PAIN, RADICULAR_PAIN, DEFICIT_SLOW, DEFICIT_RAPID)
