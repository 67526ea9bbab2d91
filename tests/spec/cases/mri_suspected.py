"""The 12 h window: suspected MESCC, in any patient."""

from __future__ import annotations

from cordwatch.pathway.simulation import Told
from tests.builders import (
    CERVICAL_AND_THORACIC_MRI,
    CORD_COMPRESSION,
    LUMBAR_MRI,
    SPINE_MRI_PART_UNSTATED,
    T,
    a_back_pain,
    a_deficit,
    a_radicular_pain,
    a_refutation,
    a_suspicion,
    a_working_diagnosis,
    an_admission,
    an_assessment,
    an_mri_booked,
    an_mri_cancelled,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.spec.case import SECOND, Case, Page, level
from tests.spec.cases.mri import IN_TIME, NOT_OF_AN_MRI, OFF, QUARTERLY, Window, levels, standard

_WINDOW = Window("mri.mescc-suspected", a_suspicion, (6, 9, 10.8, 12), QUARTERLY, 96, known=())
_REASON = f"{CORD_COMPRESSION.system}|{CORD_COMPRESSION.code}"


def _opens(says: str, *heard: Told, up: bool = True) -> Case:
    return Case("raised", says, heard, tuple(levels([6], up=up)))


SUSPECTED = Page(
    "mri.mescc-suspected",
    (
        *standard(_WINDOW),
        _opens("Suspected as working diagnosis", a_working_diagnosis(T(0))),
        _opens(
            "A cord-compression code as reason for exam on an order is a working diagnosis",
            an_mri_ordered(T(0), reason_codes=(_REASON,)),
            up=False,
        ),
        _opens("Lhermitte's sign", an_assessment(T(0), lhermitte=True)),
        _opens("Radicular pain on both sides", a_radicular_pain(T(0), radicular_pain="bilateral")),
        _opens(
            "A radicular deficit on both sides, whatever its course",
            a_deficit(T(0), radicular_deficit="bilateral", progressive=False),
        ),
        Case(
            "not raised",
            "With the switch off, Lhermitte's sign does not open this clock",
            (known_lymphoma(), an_assessment(T(0), lhermitte=True)),
            until=T(12),
            policy=OFF,
        ),
        Case(
            "not raised",
            "A deficit on one side does not open this clock",
            (known_lymphoma(), a_deficit(T(0))),
            until=T(12),
        ),
        Case(
            "not raised",
            "A diagnosis that is historical",
            (a_working_diagnosis(T(0), status="historical"),),
            until=T(12),
        ),
        Case(
            "not raised",
            "One from the problem list, from before the stay",
            (
                an_admission(T(-2)),
                a_working_diagnosis(T(-5), problem_list=True, encounter="V1", received_at=T(0)),
            ),
            until=T(12),
        ),
        Case(
            "raised",
            "One from the problem list that was made in the stay",
            (an_admission(T(-2)), a_working_diagnosis(T(0), problem_list=True, encounter="V1")),
            (level(T(6), "reminder", up=True),),
        ),
        Case(
            "to the second",
            "One from the problem list that was made at the instant of the admission",
            (an_admission(T(0)), a_working_diagnosis(T(0), problem_list=True, encounter="V1")),
            (level(T(6), "reminder", up=True),),
        ),
        Case(
            "to the second",
            "One that was made a second before",
            (
                an_admission(T(0)),
                a_working_diagnosis(T(0) - SECOND, problem_list=True, encounter="V1"),
            ),
            until=T(12),
        ),
        Case(
            "ended",
            "The whole spine, by several scans together: with the scan that completes it",
            (
                a_suspicion(T(0)),
                an_mri_done(T(7), LUMBAR_MRI, "O2"),
                an_mri_done(T(8), CERVICAL_AND_THORACIC_MRI, "O3"),
            ),
            (level(T(6), "reminder", (T(8), IN_TIME), up=True),),
            until=T(12),
        ),
        Case(
            "more",
            "Part of the spine does not close it; what is missing is named",
            (a_suspicion(T(0)), an_mri_done(T(5), LUMBAR_MRI)),
            (
                level(T(6), "reminder", up=True, missing=("cervical", "thoracic")),
                level(T(9), "warning", up=True, missing=("cervical", "thoracic")),
            ),
        ),
        Case(
            "more",
            "A spine whose part is not stated does not close it",
            (a_suspicion(T(0)), an_mri_done(T(5), SPINE_MRI_PART_UNSTATED)),
            (level(T(6), "reminder", up=True),),
        ),
        Case(
            "more",
            "A scan from before the start satisfies nothing",
            (an_mri_done(T(-1)), a_suspicion(T(0))),
            (level(T(6), "reminder", up=True),),
        ),
        Case(
            "more",
            "A booking is no scan; a cancelled order leaves the clock running",
            (
                a_suspicion(T(0)),
                an_mri_ordered(T(1)),
                an_mri_booked(T(2), T(5)),
                an_mri_cancelled(T(4)),
            ),
            (level(T(6), "reminder", up=True),),
        ),
        Case(
            "more",
            "The order that brought the suspicion is cancelled: the suspicion stands",
            (an_mri_ordered(T(0), reason_codes=(_REASON,)), an_mri_cancelled(T(2))),
            (level(T(6), "reminder", up=True),),
        ),
        Case(
            "taken back",
            "The working diagnosis is refuted",
            (a_working_diagnosis(T(0)), a_refutation(T(7), CORD_COMPRESSION)),
            (level(T(6), "reminder", (T(7), "withdrawn: its cause was refuted"), up=True),),
            until=T(12),
        ),
        Case(
            "taken back",
            "The assessment is replaced by a milder one: this clock is withdrawn, the milder one runs",
            (
                known_lymphoma(),
                a_suspicion(T(0), record_id="A1"),
                a_back_pain(T(0), received_at=T(7), record_id="A2", corrects="A1"),
            ),
            (level(T(6), "reminder", (T(7), "withdrawn: its cause was replaced"), up=True),),
            until=T(12),
        ),
    ),
    starts=(
        "an assessment or working diagnosis of suspected MESCC, Lhermitte's sign, or radicular pain or "
        "deficit on both sides (switch, on); in any patient"
    ),
    ends="MRI of the whole spine done at or after the start, by one scan or by several together",
    not_promised=(
        *NOT_OF_AN_MRI,
        "That a suspicion in free text is seen: only coded findings and diagnoses are read.",
        "That a scan made just before the suspicion counts, even one of the whole spine.",
    ),
)
