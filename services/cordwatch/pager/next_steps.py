"""
What each rule is called at the bedside, and what to do next about it: words, looked up by the rule's id.

They restate the pathway and decide nothing. A rule that a hospital has added
gets the words for its family, see `guidance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guidance:
    """A rule in the words of the ward."""

    name: str
    do: str


_MRI_DO = (
    "Order the spinal MRI if it is not ordered, and have radiology scan before the time is up;"
    " ordered or booked is not done."
)
_TREAT_DO = (
    "Agree with radiation oncology and spinal surgery when radiotherapy or surgery starts;"
    " a booking is not a start."
)
_RADIOLOGY_DO = "Call radiology for a new time before the MRI is due."

GUIDANCE: Mapping[str, Guidance] = {
    "mri.back-pain": Guidance("Spinal MRI for back pain", _MRI_DO),
    "mri.radicular-pain": Guidance("Spinal MRI for radicular pain", _MRI_DO),
    "mri.deficit-slow": Guidance("Spinal MRI for a slow deficit", _MRI_DO),
    "mri.deficit-rapid": Guidance("Spinal MRI for a rapid deficit", _MRI_DO),
    "mri.mescc-suspected": Guidance(
        "MRI of the whole spine for suspected cord compression",
        "Have the whole spine scanned: cervical, thoracic and lumbar;"
        " ordered or booked is not done.",
    ),
    "steroid.start": Guidance(
        "Dexamethasone for confirmed cord compression",
        "Ask the responsible physician now: dexamethasone counts when it is given, not when it"
        " is ordered.",
    ),
    "treatment.start": Guidance("Treatment of confirmed cord compression", _TREAT_DO),
    "mdt.consult": Guidance(
        "Consultation about a neurological deficit",
        "Call those who were not consulted yet, and have the consultation recorded.",
    ),
    "steroid.taper": Guidance(
        "Taper of dexamethasone",
        "Have the responsible physician lower the daily dose step by step; a plan on record moves"
        " this deadline.",
    ),
    "order-cancelled": Guidance(
        "MRI order cancelled",
        "Find out why, and order the MRI again if it is still needed: its clock runs on.",
    ),
    "booked-late": Guidance("MRI booked too late", _RADIOLOGY_DO),
    "no-show": Guidance("Not scanned at the booked time", _RADIOLOGY_DO),
    "treatment-cancelled": Guidance(
        "Treatment cancelled", "Find out why, and agree on a new start: its clock runs on."
    ),
    "treatment-booked-late": Guidance("Treatment booked too late", _TREAT_DO),
    "treatment-no-show": Guidance("Not treated at the booked time", _TREAT_DO),
    "discharged-open": Guidance(
        "Discharged with an open deadline",
        "Decide who arranges what is still due, and call the patient back if it cannot wait.",
    ),
    "admission-cancelled": Guidance(
        "Admission cancelled", "Find out who looks after the patient now: the clocks run on."
    ),
    "report-unclassified": Guidance(
        "Report waits to be read",
        "Read the report and say whether it shows cord compression (board, or `cordwatch"
        " classify`).",
    ),
    "region-unstated": Guidance(
        "Part of the spine not stated", "Ask radiology which parts of the spine were scanned."
    ),
    "exam-time-missing": Guidance(
        "Time of the scan missing", "Ask radiology when the scan was made, and have it recorded."
    ),
    "death-contradicted": Guidance(
        "Recorded death contradicted",
        "See whether the patient lives, and have the record corrected.",
    ),
    "merge-refused": Guidance(
        "Merge of records refused", "Ask the medical records office which record is right."
    ),
    "mri.wrong-modality": Guidance(
        "Not an MRI", "Order an MRI: radiograph, CT and scintigraphy do not settle the question."
    ),
    "mri.partial-coverage": Guidance(
        "Part of the spine left out", "Have the missing part of the spine scanned as well."
    ),
    "mri.no-contrast": Guidance(
        "MRI without contrast", "Ask radiology whether a scan with contrast is needed."
    ),
    "steroid.low-dose": Guidance(
        "Dexamethasone below the minimum",
        "Have the responsible physician check the daily dose of dexamethasone.",
    ),
    "steroid.high-dose": Guidance(
        "Dexamethasone above the highest dose",
        "Have the responsible physician check the dose of dexamethasone.",
    ),
    "steroid.other-drug": Guidance(
        "Another corticosteroid",
        "Ask the responsible physician whether dexamethasone is meant.",
    ),
    "steroid.abrupt-stop": Guidance(
        "Dexamethasone stopped at once",
        "Ask the responsible physician whether a taper is wanted.",
    ),
    "steroid.before-biopsy": Guidance(
        "Steroid before biopsy",
        "Ask the responsible physician whether the biopsy comes first.",
    ),
    "surgery.contraindicated": Guidance(
        "Surgery against a contraindication",
        "Discuss the plan with spinal surgery and radiation oncology.",
    ),
    "surgery.indication": Guidance(
        "Surgical opinion missing", "Ask the spinal surgeon for an opinion, and have it recorded."
    ),
    "rt.regimen": Guidance("Radiotherapy not planned", "Ask radiation oncology for a plan."),
    "bone-agent.dental": Guidance(
        "Bone agent without dental measures", "Have dental measures taken or recorded."
    ),
    "bone-agent.no-analgesic": Guidance(
        "Pain without an analgesic", "Ask the ward physician about analgesia."
    ),
    "opioid.risk-screen": Guidance(
        "Opioid without risk screen", "Have the risk screen (SOAPP-R or ORT) done and recorded."
    ),
    "opioid.reassess": Guidance("Pain not reassessed", "Have the pain assessed and recorded."),
    "pain.first-line": Guidance(
        "Neuropathic pain", "Ask the ward physician to review the analgesia."
    ),
    "pain.inflammatory": Guidance(
        "Inflammatory pain", "Ask the ward physician to review the analgesia."
    ),
    "vertebroplasty.followup": Guidance(
        "Pain after vertebroplasty", "Have the pain assessed and recorded."
    ),
    "neurolymphomatosis.masked": Guidance(
        "Improvement under steroid or IVIG", "Keep suspecting lymphoma in the nerves."
    ),
    "surveillance.due": Guidance("Imaging interval over", "Order the spinal imaging agreed on."),
    "support.offer": Guidance("Support not recorded", "Offer what is not recorded yet."),
    "feed-silent": Guidance(
        "A message feed is silent",
        "Ask the sender whether it is meant to be quiet; what it does not send, nobody watches.",
    ),
    "quarantine-rate": Guidance(
        "Messages are not understood",
        "Look at `cordwatch quarantine list`, mend the source profile, and retry.",
    ),
    "gateway-away": Guidance(
        "The gateway was away", "See whether the senders have sent again what it did not hear."
    ),
    "broker-away": Guidance(
        "The broker was away", "See that the broker is well; messages wait at their senders."
    ),
    "page-refused": Guidance(
        "A destination refuses pages",
        "See its key, address and certificate with `cordwatch pager check`; others are told"
        " meanwhile.",
    ),
    "pager-away": Guidance(
        "A destination takes no pages",
        "See whether it is down, and ask the wards to look at the board until it is back.",
    ),
}

_FAMILIES: Mapping[str, Guidance] = {
    "mri": Guidance("Spinal MRI", _MRI_DO),
    "steroid": Guidance("Dexamethasone", "Ask the responsible physician."),
    "treatment": Guidance("Treatment", _TREAT_DO),
    "mdt": GUIDANCE["mdt.consult"],
    "pager-test": Guidance("A test of the pager", "Nothing."),
}
_OTHER = Guidance("Pathway rule", "Look at the board for what is missing.")

DOUBTS: Mapping[str, str] = {
    "day-precision": "a time is known to the day only",
    "hour-precision": "a time is known to the hour only",
    "local-time-ambiguous": "a local time occurred twice that night",
    "local-time-nonexistent": "a local time did not exist that night",
    "future-clamped": "a time lay in the future",
    "readings-differ": "two records of the same thing differ",
    "site-unstated": "the site of a treatment is not stated",
    "route-unstated": "the route of a dose is not stated",
    "route-unread": "the route of a dose was not understood",
    "from-report": "the time of the scan is taken from its report",
    "scan-at-report-time": "the scan is reckoned at the time of its report",
    "merged with itself": "a record was to be merged with itself",
    "would close a circle of merges": "the merge would close a circle",
    "already lives under another reference": "the record was merged elsewhere before",
}
"""A flag in words."""

OTHER_DOUBT = "a doubt that the board shows"

MISSING = frozenset(
    {
        "cervical",
        "thoracic",
        "lumbar",
        "spinal MRI",
        "dexamethasone",
        "radiotherapy or surgery",
        "taper",
        "responsible-physician",
        "radiation-oncologist",
        "spinal-surgeon",
        "coordinator",
        "physiotherapy",
        "behavioural",
        "psychosocial",
    }
)
"""What an alert may name as missing; anything else is left to the board."""

ENDS: Mapping[str, str] = {
    "resolved": "Done",
    "withdrawn": "No longer needed",
    "superseded": "Replaced by a new time",
    "open": "Over for you",
}
"""How something ended, by its status; `open`: it goes on, and others are told."""


def guidance(rule: str) -> Guidance:
    """Return the words for *rule*, or those for its family."""
    return GUIDANCE.get(rule) or _FAMILIES.get(rule.split(".", maxsplit=1)[0], _OTHER)
