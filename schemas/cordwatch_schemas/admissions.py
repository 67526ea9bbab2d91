"""Topic `cordwatch.admissions.v1`: where the patient is, what was found, what was diagnosed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.base import EncounterRef, Event, PatientRef, RecordId, ShortText

PatientClass = Literal["inpatient", "outpatient", "emergency", "preadmit", "other"]
Sign = Literal["unilateral", "bilateral", "unstated"]
"""On which side a radicular sign was found. `unstated`: found, but the side not written down."""
SurgicalIndication = Literal[
    "instability", "recurrence-after-radiotherapy", "deterioration-under-treatment"
]


class Placed(Event):
    """An event that says where the patient lies, for routing an alert to the right ward."""

    facility: ShortText | None = None
    ward: ShortText | None = None
    bed: ShortText | None = None
    service: ShortText | None = None


class Admitted(Placed):
    """The patient was admitted or registered (A01, A04, A05, A06; A08 for an unknown visit)."""

    kind: Literal["admitted"] = "admitted"
    patient_class: PatientClass = "inpatient"


class AdmissionCancelled(Event):
    """The admission was entered in error (A11). Clocks stay; the owner is told."""

    kind: Literal["admission-cancelled"] = "admission-cancelled"


class Transferred(Placed):
    """The patient moved to another ward (A02): open alerts move with the patient."""

    kind: Literal["transferred"] = "transferred"


class TransferCancelled(Placed):
    """The transfer did not happen (A12): `ward` is where the patient is after all."""

    kind: Literal["transfer-cancelled"] = "transfer-cancelled"


class Discharged(Event):
    """The patient left (A03). Stops no clock."""

    kind: Literal["discharged"] = "discharged"
    ward: ShortText | None = None
    """The unit that discharged."""


class DischargeCancelled(Placed):
    """The patient did not leave after all (A13)."""

    kind: Literal["discharge-cancelled"] = "discharge-cancelled"


class Died(Event):
    """The patient died, as an ADT message says. Withdraws clocks, until corrected."""

    kind: Literal["died"] = "died"


class DeathCancelled(Event):
    """The death was entered in error: the clocks come back as they were."""

    kind: Literal["death-cancelled"] = "death-cancelled"


class Merged(Event):
    """
    `retired` is the same person as `survivor` (A40, A34, A18, A47).

    Published once under each of the two references (`patient`), since they
    live on different partitions.
    """

    kind: Literal["merged"] = "merged"
    survivor: PatientRef
    retired: PatientRef


class MergeCancelled(Event):
    """The merge of `retired` into `survivor` was wrong (A37): facts return to the id they were sent for."""

    kind: Literal["merge-cancelled"] = "merge-cancelled"
    survivor: PatientRef
    retired: PatientRef


class EncounterMoved(Event):
    """
    The encounter was never that of `moved_from`: it and all that was told for it are `moved_to`'s (A45).

    Published once under each of the two references (`patient`), as a merge is.
    What names no encounter, or another one, stays where it is.
    """

    kind: Literal["encounter-moved"] = "encounter-moved"
    encounter: EncounterRef
    """As it was numbered for `moved_from`."""
    moved_from: PatientRef
    moved_to: PatientRef


class Assessed(Event):
    """
    A clinician examined the patient's back pain or neurology and wrote down coded findings.

    Which clock this starts is the pack's decision, not the feed's.
    """

    kind: Literal["assessed"] = "assessed"
    back_pain: bool = False
    radicular_pain: Sign | None = None
    radicular_deficit: Sign | None = None
    progressive: bool | None = None
    """None: not stated, which counts as progressive (pathway, Presentations)."""
    developed_over_d: Annotated[float, Field(ge=0)] | None = None
    """Days over which the deficit developed; None: not stated."""
    lhermitte: bool = False
    suspected_mescc: bool = False
    paraplegia_h: Annotated[float, Field(ge=0)] | None = None
    """Hours of complete paraplegia at the assessment."""
    life_expectancy_months: Annotated[float, Field(ge=0)] | None = None
    surgical_indications: tuple[SurgicalIndication, ...] = ()
    improved_after: tuple[Literal["steroid", "ivig"], ...] = ()
    conservative_management: bool = False


class Diagnosed(Event):
    """
    A coded diagnosis (DG1, PRB, coded OBX): `codes` holds it.

    Without a time of its own (`occurred_precision` `unstated`) a daily repeat
    is the same fact as its first report.
    """

    kind: Literal["diagnosed"] = "diagnosed"
    status: Literal["suspected", "confirmed", "historical"] = "confirmed"
    """`suspected`: working or admitting (DG1-6 W, A). `historical`: also resolved; opens nothing."""
    problem_list: bool = False
    """From the problem list: one established before the encounter opens nothing."""


class DiagnosisRetracted(Event):
    """The diagnosis in `codes` was refuted or entered in error (PC3, DG1-21 D)."""

    kind: Literal["diagnosis-retracted"] = "diagnosis-retracted"


class RecordRetracted(Event):
    """
    An earlier record was withdrawn by its source (OBX-11 D or W, RXA-21 D).

    Retracting a retraction brings the original back; retracting a replacing
    record retracts the thing itself (pathway, Words). Travels on the topic of
    what it retracts.
    """

    kind: Literal["record-retracted"] = "record-retracted"
    target_kind: ShortText
    """The `kind` of the events that it retracts, `record-retracted` included."""
    target: RecordId
    """
    Their `record_id`, else their order, accession or booking number; or the id of a fact.

    The last is for `cordwatch replay --from-raw` alone: of two readings of one
    record, which have every number in common, it takes back the wrong one.
    """


AdmissionEvent = Annotated[
    Admitted
    | AdmissionCancelled
    | Transferred
    | TransferCancelled
    | Discharged
    | DischargeCancelled
    | Died
    | DeathCancelled
    | Merged
    | MergeCancelled
    | EncounterMoved
    | Assessed
    | Diagnosed
    | DiagnosisRetracted
    | RecordRetracted,
    Field(discriminator="kind"),
]
"""Everything that may stand on `cordwatch.admissions.v1`."""
