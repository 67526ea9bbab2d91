"""Advice on pain and the drugs for it."""

from __future__ import annotations

from cordwatch_schemas.base import Code
from tests.builders import (
    AMITRIPTYLINE,
    AN_SSRI,
    DULOXETINE,
    IBUPROFEN,
    MORPHINE,
    ZOLEDRONIC_ACID,
    T,
    a_back_pain,
    a_dental_record,
    a_drug_order,
    a_drug_stop,
    a_pain_record,
    a_radicular_pain,
    a_retraction,
    a_risk_screen,
    known_lymphoma,
)
from tests.spec.case import DAY, OPEN_AGAIN, SECOND, Case, Page, gone, tells

KNOWN = known_lymphoma()
GABAPENTIN = Code(system="ATC", code="N02BF01")
VENLAFAXINE = Code(system="ATC", code="N06AX16")
ACETAMINOPHEN = Code(system="ATC", code="N02BE01")
DENOSUMAB = Code(system="ATC", code="M05BX04")

_INFUSION = a_drug_order(T(1), ZOLEDRONIC_ACID, frequency="ONCE")
_UNSEEN = (KNOWN, _INFUSION)
BONE_AGENT_DENTAL = Page(
    "bone-agent.dental",
    (
        Case(
            "raised",
            "Zoledronic acid is ordered, dental measures never recorded",
            _UNSEEN,
            (tells(T(1)),),
            until=T(24),
        ),
        Case("raised", "Denosumab", (KNOWN, a_drug_order(T(1), DENOSUMAB)), (tells(T(1)),)),
        Case(
            "not raised",
            "Dental measures were recorded a month before",
            (KNOWN, a_dental_record(T(1) - 30 * DAY), _INFUSION),
            until=T(24),
        ),
        Case("not raised", "For somebody without lymphoma or a clock", (_INFUSION,), until=T(24)),
        Case(
            "ended",
            "Dental measures are recorded",
            (*_UNSEEN, a_dental_record(T(2))),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "The order is stopped",
            (*_UNSEEN, a_drug_stop(T(2), ZOLEDRONIC_ACID)),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The order is withdrawn by its source",
            (*_UNSEEN, a_retraction(T(2), "medication-ordered", "RX9")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "to the second",
            "Recorded exactly 183 days before",
            (KNOWN, a_dental_record(T(1) - 183 * DAY), _INFUSION),
            until=T(24),
        ),
        Case(
            "to the second",
            "Recorded a second earlier",
            (KNOWN, a_dental_record(T(1) - 183 * DAY - SECOND), _INFUSION),
            (tells(T(1)),),
        ),
    ),
    starts="zoledronic acid, denosumab or pamidronate is ordered and no dental measures are recorded in the 183 days before or since",
    ends="dental measures recorded, or the order stopped",
    not_promised=("That the dentist was not seen: it was not recorded.",),
)

_ALONE = (KNOWN, a_pain_record(T(0), record_id="P1"), a_drug_order(T(1), ZOLEDRONIC_ACID))
BONE_AGENT_ALONE = Page(
    "bone-agent.no-analgesic",
    (
        Case(
            "raised",
            "Pain is recorded, a bone agent ordered, no analgesic",
            _ALONE,
            (tells(T(1)),),
            until=T(24),
        ),
        Case(
            "raised",
            "Back pain of an assessment is pain",
            (KNOWN, a_back_pain(T(0)), _ALONE[2]),
            (tells(T(1)),),
        ),
        Case(
            "raised",
            "So is radicular pain",
            (KNOWN, a_radicular_pain(T(0)), _ALONE[2]),
            (tells(T(1)),),
        ),
        Case(
            "not raised",
            "An opioid is on order",
            (*_ALONE[:2], a_drug_order(T(0.5), MORPHINE, "RX2"), _ALONE[2]),
            until=T(24),
        ),
        Case("not raised", "No pain is recorded", (KNOWN, _ALONE[2]), until=T(24)),
        Case(
            "ended",
            "An analgesic is ordered",
            (*_ALONE, a_drug_order(T(2), IBUPROFEN, "RX2")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "The pain is gone: a score of 0",
            (*_ALONE, a_pain_record(T(2), score=0)),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "The bone agent is stopped",
            (*_ALONE, a_drug_stop(T(2), ZOLEDRONIC_ACID)),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The record of the pain is withdrawn by its source",
            (*_ALONE, a_retraction(T(2), "pain-recorded", "P1")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "to the second",
            "An analgesic begins at the same instant",
            (*_ALONE, a_drug_order(T(1), IBUPROFEN, "RX2")),
            until=T(24),
        ),
        Case(
            "to the second",
            "An analgesic begins a second later",
            (*_ALONE, a_drug_order(T(1) + SECOND, IBUPROFEN, "RX2")),
            (tells(T(1), gone(T(1) + SECOND)),),
        ),
    ),
    starts="a bone agent is ordered, pain recorded, and no analgesic active",
    ends="an analgesic ordered, the pain gone, or the bone agent stopped",
    not_promised=("That an analgesic which is not ordered in the hospital is seen.",),
)

_OPIOID = (KNOWN, a_drug_order(T(1), MORPHINE))
OPIOID_SCREEN = Page(
    "opioid.risk-screen",
    (
        Case(
            "raised",
            "Morphine is ordered, neither SOAPP-R nor ORT recorded",
            _OPIOID,
            (tells(T(1)),),
            until=T(24),
        ),
        Case(
            "raised",
            "Another instrument does not count",
            (KNOWN, a_risk_screen(T(0), "other"), _OPIOID[1]),
            (tells(T(1)),),
        ),
        Case(
            "not raised",
            "SOAPP-R is recorded",
            (KNOWN, a_risk_screen(T(0), "SOAPP-R"), _OPIOID[1]),
            until=T(24),
        ),
        Case(
            "not raised",
            "ORT is recorded",
            (KNOWN, a_risk_screen(T(0), "ORT"), _OPIOID[1]),
            until=T(24),
        ),
        Case("not raised", "For somebody without lymphoma or a clock", (_OPIOID[1],), until=T(24)),
        Case(
            "ended",
            "The risk is screened for",
            (*_OPIOID, a_risk_screen(T(2))),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "The opioid is stopped",
            (*_OPIOID, a_drug_stop(T(2), MORPHINE)),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The order is withdrawn by its source",
            (*_OPIOID, a_retraction(T(2), "medication-ordered", "RX9")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "to the second",
            "Screened at the same instant",
            (*_OPIOID, a_risk_screen(T(1))),
            until=T(24),
        ),
        Case(
            "to the second",
            "Screened a second later",
            (*_OPIOID, a_risk_screen(T(1) + SECOND)),
            (tells(T(1), gone(T(1) + SECOND)),),
        ),
    ),
    starts="an opioid is ordered and no SOAPP-R or ORT recorded",
    ends="SOAPP-R or ORT recorded, or the opioid stopped",
    not_promised=("That the opioid should wait: severe pain cannot. The screening is asked for.",),
)

_WEEK = (KNOWN, a_drug_order(T(0), MORPHINE))
OPIOID_REASSESS = Page(
    "opioid.reassess",
    (
        Case(
            "raised",
            "Seven days of morphine, and nobody recorded the pain",
            _WEEK,
            (tells(T(168) + SECOND),),
            until=T(200),
        ),
        Case(
            "raised",
            "A reassessment begins a new week",
            (*_WEEK, a_pain_record(T(120))),
            (tells(T(288) + SECOND),),
        ),
        Case(
            "raised",
            "An order renewed within a day goes on with the old one",
            (*_WEEK, a_drug_stop(T(90), MORPHINE), a_drug_order(T(100), MORPHINE, "RX2")),
            (tells(T(168) + SECOND),),
        ),
        Case(
            "not raised",
            "Pain is recorded on the fifth day",
            (*_WEEK, a_pain_record(T(120))),
            until=T(200),
        ),
        Case(
            "not raised",
            "Morphine was stopped on the sixth day",
            (*_WEEK, a_drug_stop(T(144), MORPHINE)),
            until=T(200),
        ),
        Case(
            "ended",
            "Pain is recorded",
            (*_WEEK, a_pain_record(T(192))),
            (tells(T(168) + SECOND, gone(T(192))),),
        ),
        Case(
            "ended",
            "The opioid is stopped",
            (*_WEEK, a_drug_stop(T(192), MORPHINE)),
            (tells(T(168) + SECOND, gone(T(192))),),
        ),
        Case(
            "taken back",
            "The order is withdrawn by its source",
            (*_WEEK, a_retraction(T(192), "medication-ordered", "RX9")),
            (tells(T(168) + SECOND, gone(T(192))),),
        ),
        Case(
            "to the second",
            "Pain is recorded exactly seven days after",
            (*_WEEK, a_pain_record(T(168))),
            until=T(200),
        ),
        Case(
            "to the second",
            "Two seconds later it has been told",
            (*_WEEK, a_pain_record(T(168) + 2 * SECOND)),
            (tells(T(168) + SECOND, gone(T(168) + 2 * SECOND)),),
        ),
    ),
    starts="an opioid has been active for more than 7 days since the last reassessment of pain",
    ends="pain recorded, or the opioid stopped",
    not_promised=("That the dose is too high or too low: only that nobody has asked.",),
)

_NERVE = (KNOWN, a_pain_record(T(1), "neuropathic", record_id="P1"))
_INTERACTING = (
    KNOWN,
    a_drug_order(T(0), AN_SSRI, "RX1"),
    a_drug_order(T(0.5), AMITRIPTYLINE, "RX2"),
    a_pain_record(T(1), "neuropathic"),
)
FIRST_LINE = Page(
    "pain.first-line",
    (
        Case("raised", "Neuropathic pain, and no drug for it", _NERVE, (tells(T(1)),), until=T(24)),
        Case(
            "raised",
            "A tricyclic beside an SSRI: the interaction is named",
            _INTERACTING,
            (tells(T(1), words="a tricyclic interacts with: SSRI"),),
        ),
        *(
            Case(
                "not raised",
                f"{name} is on order",
                (KNOWN, a_drug_order(T(0), drug), _NERVE[1]),
                until=T(24),
            )
            for name, drug in (
                ("Duloxetine", DULOXETINE),
                ("Gabapentin", GABAPENTIN),
                ("Venlafaxine", VENLAFAXINE),
                ("Amitriptyline, and nothing that interacts with it,", AMITRIPTYLINE),
            )
        ),
        Case(
            "not raised",
            "The pain is skeletal",
            (KNOWN, a_pain_record(T(1), "skeletal")),
            until=T(24),
        ),
        Case(
            "ended",
            "Duloxetine is ordered",
            (*_NERVE, a_drug_order(T(2), DULOXETINE)),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "The SSRI is stopped",
            (*_INTERACTING, a_drug_stop(T(2), AN_SSRI, "RX1")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "ended",
            "The pain is gone: a score of 0",
            (*_NERVE, a_pain_record(T(2), "neuropathic", score=0)),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "taken back",
            "The record of the pain is withdrawn by its source",
            (*_NERVE, a_retraction(T(2), "pain-recorded", "P1")),
            (tells(T(1), gone(T(2))),),
        ),
        Case(
            "to the second",
            "Duloxetine begins at the same instant",
            (*_NERVE, a_drug_order(T(1), DULOXETINE)),
            until=T(24),
        ),
        Case(
            "to the second",
            "Duloxetine begins a second later",
            (*_NERVE, a_drug_order(T(1) + SECOND, DULOXETINE)),
            (tells(T(1), gone(T(1) + SECOND)),),
        ),
        Case(
            "more",
            "Duloxetine runs out: the same cause, told again",
            (*_NERVE, a_drug_order(T(2), DULOXETINE, ends_at=T(10))),
            (tells(T(1), gone(T(2)), (T(10), OPEN_AGAIN)),),
        ),
    ),
    starts=(
        "neuropathic pain is recorded and none of duloxetine, gabapentin, pregabalin, a tricyclic or "
        "venlafaxine is active; or a tricyclic is, with a drug that the pack lists as interacting"
    ),
    ends="one of these ordered, the interacting drug stopped, or the pain gone",
    not_promised=(
        "That every interaction is known: the pack lists kinds of drug, a pharmacist knows more.",
    ),
)

_BONE_PAIN = (KNOWN, a_pain_record(T(1), "skeletal", record_id="P1"))
_BOARD = {"severity": "info", "paged": False}
INFLAMMATORY = Page(
    "pain.inflammatory",
    (
        Case(
            "raised",
            "Skeletal pain, and neither NSAID nor acetaminophen",
            _BONE_PAIN,
            (tells(T(1), **_BOARD),),
            until=T(24),
        ),
        Case(
            "raised",
            "Inflammatory pain",
            (KNOWN, a_pain_record(T(1), "inflammatory")),
            (tells(T(1), **_BOARD),),
        ),
        Case(
            "not raised",
            "The pain is neuropathic only",
            (KNOWN, a_pain_record(T(1), "neuropathic")),
            until=T(24),
        ),
        Case(
            "not raised",
            "Acetaminophen is on order",
            (KNOWN, a_drug_order(T(0), ACETAMINOPHEN), _BONE_PAIN[1]),
            until=T(24),
        ),
        Case(
            "ended",
            "Ibuprofen is ordered",
            (*_BONE_PAIN, a_drug_order(T(2), IBUPROFEN)),
            (tells(T(1), gone(T(2)), **_BOARD),),
        ),
        Case(
            "taken back",
            "The record of the pain is withdrawn by its source",
            (*_BONE_PAIN, a_retraction(T(2), "pain-recorded", "P1")),
            (tells(T(1), gone(T(2)), **_BOARD),),
        ),
        Case(
            "to the second",
            "Ibuprofen begins at the same instant",
            (*_BONE_PAIN, a_drug_order(T(1), IBUPROFEN)),
            until=T(24),
        ),
        Case(
            "to the second",
            "Ibuprofen begins a second later",
            (*_BONE_PAIN, a_drug_order(T(1) + SECOND, IBUPROFEN)),
            (tells(T(1), gone(T(1) + SECOND), **_BOARD),),
        ),
        Case(
            "more",
            "A gel treats no spine",
            (*_BONE_PAIN, a_drug_order(T(0), IBUPROFEN, route="TOP")),
            (tells(T(1), **_BOARD),),
        ),
    ),
    starts="inflammatory or skeletal pain is recorded and no NSAID or acetaminophen active",
    ends="one of them ordered, or the pain gone",
    not_promised=(
        "That the drug is safe for this patient: kidneys, platelets and bleeding are not looked at.",
    ),
)

BONE_ADVICE = (BONE_AGENT_DENTAL, BONE_AGENT_ALONE)
PAIN_ADVICE = (OPIOID_SCREEN, OPIOID_REASSESS, FIRST_LINE, INFLAMMATORY)
