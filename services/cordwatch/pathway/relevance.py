"""What is kept: facts that a rule, a switch or the routing can read. The rest stays in the raw messages."""

from __future__ import annotations

from cordwatch.pathway.facts import Fact
from cordwatch_schemas.code_table import meaning

_ALWAYS = frozenset(
    {
        "admitted",
        "admission-cancelled",
        "transferred",
        "transfer-cancelled",
        "discharged",
        "discharge-cancelled",
        "died",
        "death-cancelled",
        "merged",
        "merge-cancelled",
        "encounter-moved",
        "assessed",
        "record-retracted",
        "report-classified",
        "consulted",
        "dental-recorded",
        "risk-screened",
        "pain-recorded",
        "support-recorded",
        "stood-down",
        "treatment-planned",
        "treatment-booked",
        "treatment-started",
        "treatment-ended",
        "treatment-cancelled",
        "treatment-no-show",
    }
)
_BY_CODE = frozenset({"diagnosed", "diagnosis-retracted", "medication-ordered"})
_IMAGING = frozenset(
    {
        "imaging-ordered",
        "imaging-scheduled",
        "imaging-done",
        "imaging-reported",
        "imaging-cancelled",
        "imaging-no-show",
    }
)
_DIAGNOSES = frozenset({"lymphoma", "myeloma", "cord-compression", "cidp"})
_STEROIDS = frozenset({"dexamethasone", "corticosteroid"})
_DRUGS = _STEROIDS | frozenset(
    {
        "bone-agent",
        "opioid",
        "nsaid",
        "acetaminophen",
        "other-analgesic",
        "duloxetine",
        "gabapentinoid",
        "tricyclic",
        "venlafaxine",
        "tricyclic-interaction",
    }
)


def cord_compression_reason(fact: Fact) -> bool:
    """Return whether a reason-for-exam code on an order means cord compression."""
    for reason in fact.values.get("reason_codes", ()):
        system, _, code = reason.partition("|")
        found = meaning(system, code)
        if found is not None and found.concept == "cord-compression":
            return True
    return False


def is_kept(fact: Fact) -> bool:
    """
    Return whether any rule could ever read *fact*.

    Decided by the vetted code table alone, not by a pack's switches, so that
    a change of pack finds the facts that it needs.
    """
    if fact.kind in _ALWAYS:
        return True
    concepts = {found.concept for system, code in fact.codes if (found := meaning(system, code))}
    if fact.kind == "medication-stopped":
        return not fact.codes or bool(concepts & _DRUGS)
    if fact.kind == "medication-given":
        # Of other drugs only orders are read: their doses would be most of what a hospital sends.
        return bool(concepts & _STEROIDS)
    if fact.kind in _BY_CODE:
        return bool(concepts & (_DIAGNOSES | _DRUGS))
    if fact.kind in _IMAGING:
        return (
            "spine-imaging" in concepts
            or bool(fact.values.get("regions"))
            or cord_compression_reason(fact)
            or (fact.kind != "imaging-ordered" and not fact.codes)
            # Whatever a house calls the study: its report says what became of the cord.
            or "finding" in fact.values
        )
    return False
