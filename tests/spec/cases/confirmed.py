"""What confirmed compression starts: the steroid, the treatment, the consultation."""

from __future__ import annotations

from datetime import timedelta

from cordwatch.pathway.simulation import Told
from tests.builders import (
    CORD_COMPRESSION,
    PREDNISOLONE,
    T,
    a_classification,
    a_confirmed_diagnosis,
    a_dexamethasone_order,
    a_dose,
    a_refutation,
    a_report,
    a_retraction,
    a_stand_down,
    a_suspicion,
)
from tests.spec.case import MINUTE, OPEN_AGAIN, SECOND, Case, Page, Raised, Turn, level
from tests.spec.cases.mri import AROUND_DUE, DOCUMENTED_LATE, IN_TIME, RETRACTED, STOOD_DOWN

TURNED = "withdrawn: the report no longer reads positive"
REFUTED = "withdrawn: its cause was refuted"
CONFIRMED = a_report(T(0))
PRELIMINARY = a_report(T(0), status="preliminary")


def _prompt(*then: Turn, up: bool = True, **details: object) -> Raised:
    return level(T(0), "prompt", *then, up=up, **details)


def _due(*then: Turn, up: bool = True) -> Raised:
    return level(T(1), "due", *then, up=up)


def _not_yet(says: str, *heard: Told) -> Case:
    """Return a story in which dexamethasone is not given as it must be: due comes all the same."""
    return Case("more", says, (CONFIRMED, *heard), (_prompt(), _due()))


def _given(says: str, *flags: str, route: str | None) -> Case:
    given = a_dose(T(0.5), route=route)
    return Case(
        "ended", says, (CONFIRMED, given), (_prompt((T(0.5), IN_TIME), ends_flagged=flags),)
    )


STEROID_START = Page(
    "steroid.start",
    (
        Case(
            "raised",
            "Nothing is ordered and nothing given: prompted at once, due after an hour",
            (CONFIRMED,),
            (_prompt(), _due()),
        ),
        Case(
            "raised",
            "Dexamethasone is ordered and not given: the same, at its plain severity",
            (a_dexamethasone_order(T(-1)), CONFIRMED),
            (_prompt(up=False), _due()),
        ),
        Case("raised", "A preliminary report is enough", (PRELIMINARY,), (_prompt(),)),
        Case(
            "raised",
            "A confirmed diagnosis is enough",
            (a_confirmed_diagnosis(T(0)),),
            (_prompt(),),
        ),
        Case(
            "raised",
            "A dose from the hours before, without an order active at the start, does not count; the prompt names it",
            (a_dose(T(-3)), CONFIRMED),
            (_prompt(words="the last dose without an active order was 3 h before"),),
        ),
        Case(
            "raised",
            "After due it is repeated for a day, and then no more",
            (CONFIRMED,),
            (
                _prompt(),
                _due(),
                *(
                    level(T(1) + 15 * MINUTE * n, "overdue", repeat=n, up=True)
                    for n in range(1, 97)
                ),
            ),
            until=T(26),
        ),
        Case(
            "not raised",
            "Already given in the 24 h before, and an order is active at the start",
            (a_dexamethasone_order(T(-3)), a_dose(T(-3)), CONFIRMED),
            until=T(2),
        ),
        Case(
            "not raised",
            "Given at the very instant of the confirmation",
            (CONFIRMED, a_dose(T(0))),
            until=T(2),
        ),
        Case("not raised", "MESCC is suspected only", (a_suspicion(T(0)),), until=T(2)),
        Case("not raised", "The report is negative", (a_report(T(0), "negative"),), until=T(2)),
        Case(
            "not raised",
            "Nobody has said in a code what the report shows",
            (a_report(T(0), None),),
            until=T(2),
        ),
        _given("Given into a vein", route="IV"),
        _given("Given by mouth", route="PO"),
        _given("Given through a feeding tube", route="NG"),
        _given("Given into a muscle", route="IM"),
        _given("Given under the skin", route="SC"),
        _given(
            "Given by a route that cannot be read: counts, and is flagged",
            "route-unread",
            route="XYZ",
        ),
        _given("Given by a route not stated: counts, and is flagged", "route-unstated", route=None),
        Case(
            "ended",
            "Given in time and told after due",
            (CONFIRMED, a_dose(T(0.5), received_at=T(1.2))),
            (_prompt((T(1.2), DOCUMENTED_LATE)), _due((T(1.2), DOCUMENTED_LATE))),
        ),
        Case(
            "ended",
            "Two doses are charted at one instant",
            (CONFIRMED, a_dose(T(0.5), 4), a_dose(T(0.5), 6)),
            (_prompt((T(0.5), IN_TIME)),),
        ),
        Case(
            "ended",
            "A named person stands the rule down",
            (CONFIRMED, a_stand_down(T(0.5), "steroid.start")),
            (_prompt((T(0.5), STOOD_DOWN)),),
            until=T(2),
        ),
        Case(
            "taken back",
            "The final report is negative where the preliminary one was positive",
            (PRELIMINARY, a_report(T(0.5), "negative")),
            (_prompt((T(0.5), TURNED)),),
            until=T(2),
        ),
        Case(
            "taken back",
            "A named person reads the report as negative",
            (CONFIRMED, a_classification(T(0.5), "negative")),
            (_prompt((T(0.5), TURNED)),),
            until=T(2),
        ),
        Case(
            "taken back",
            "The diagnosis is refuted",
            (a_confirmed_diagnosis(T(0)), a_refutation(T(0.5), CORD_COMPRESSION)),
            (_prompt((T(0.5), REFUTED)),),
            until=T(2),
        ),
        Case(
            "taken back",
            "The report is withdrawn by its source",
            (a_report(T(0), record_id="R1"), a_retraction(T(0.5), "imaging-reported", "R1")),
            (_prompt((T(0.5), RETRACTED)),),
            until=T(2),
        ),
        Case(
            "taken back",
            "The dose was entered in error: the clock is open again",
            (
                CONFIRMED,
                a_dose(T(0.4), record_id="G1"),
                a_retraction(T(0.8), "medication-given", "G1"),
            ),
            (_prompt((T(0.4), IN_TIME), (T(0.8), OPEN_AGAIN)), _due()),
        ),
        *(
            Case(
                "to the second",
                f"Given {said} due: {how}",
                (CONFIRMED, a_dose(T(1) + after)),
                (
                    _prompt((T(1) + after, how)),
                    *((_due((T(1) + after, how)),) if after > timedelta(0) else ()),
                ),
            )
            for said, after, how in AROUND_DUE
        ),
        Case(
            "to the second",
            "A dose exactly 24 h before counts, with an order active at the start",
            (a_dexamethasone_order(T(-25)), a_dose(T(-24)), CONFIRMED),
            until=T(2),
        ),
        Case(
            "to the second",
            "A second earlier it does not",
            (a_dexamethasone_order(T(-25)), a_dose(T(-24) - SECOND), CONFIRMED),
            (_prompt(up=False),),
        ),
        Case(
            "more",
            "An order is not enough; due then comes at its plain severity",
            (CONFIRMED, a_dexamethasone_order(T(0.2))),
            (_prompt(), _due(up=False)),
        ),
        _not_yet("Another corticosteroid is not enough", a_dose(T(0.5), codes=(PREDNISOLONE,))),
        *(
            _not_yet(f"Never counts: {said}", a_dose(T(0.5), route=route))
            for said, route in (
                ("drops into the eye", "OP"),
                ("drops into the ear", "OT"),
                ("on the skin", "TOP"),
                ("inhaled", "IH"),
                ("intrathecal", "IT"),
            )
        ),
    ),
    starts="MESCC confirmed: a positive report of any modality, or a confirmed diagnosis, the earlier of the two",
    ends=(
        "dexamethasone given systemically, any dose; one from the 24 h before counts while a systemic "
        "order is active at the start"
    ),
    not_promised=(
        "That the dose was enough: [`steroid.low-dose`](steroid.low-dose.md) speaks of that.",
        "That a dose which is not charted is seen.",
        "That free text of a report is understood: a code or a named person says what it shows.",
    ),
)
