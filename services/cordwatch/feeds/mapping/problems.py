"""PPR: problems added, updated and deleted, on the problem list of a patient."""

from __future__ import annotations

from cordwatch.feeds.hl7.message import Segment, Unreadable
from cordwatch.feeds.mapping.findings import OWN_SYSTEM
from cordwatch.feeds.mapping.reading import Reading
from cordwatch_schemas import admissions as to

_NOT_CONFIRMED = ("P", "S", "D", "U", "R")


def read_problems(reading: Reading) -> bool:
    """Read PC1 (add), PC2 (update) and PC3 (delete)."""
    if not reading.identify(reading.message.first("PID")):
        return True
    deleting = reading.message.trigger == "PC3"
    for segment in reading.message.all("PRB"):
        try:
            _problem(reading, segment, deleted=deleting or segment.text(1).upper() == "DE")
        except Unreadable as error:
            reading.fault(error.field, error.reason)
    return True


def _problem(reading: Reading, segment: Segment, *, deleted: bool) -> None:
    codes = reading.coded(segment, 3)
    if not codes:
        reading.fault("PRB-3", "a problem without a code")
        return
    record = segment.text(4) or None
    written = {"recorded_at": reading.recorded((segment, 2))}
    own = {one["code"] for one in codes if one["system"] == OWN_SYSTEM}
    if "suspected-mescc" in own:
        when = reading.first_stamp((segment, 7), (segment, 2))
        if not deleted:
            reading.add(to.Assessed, when, suspected_mescc=True, record_id=record, **written)
        elif record is not None:
            reading.add(to.RecordRetracted, when, target_kind="assessed", target=record, **written)
        else:
            reading.fault("PRB-4", "a deletion without the number of what it deletes")
        return
    stated = reading.stamp(segment, 16) or reading.stamp(segment, 7)
    when = stated or reading.first_stamp((segment, 2))
    if deleted:
        reading.add(to.DiagnosisRetracted, when, codes=codes, **written)
        return
    resolved = bool(segment.text(9))
    doubtful = segment.text(13).upper().startswith(_NOT_CONFIRMED)
    reading.add(
        to.Diagnosed,
        when,
        codes=codes,
        status="historical" if resolved else "suspected" if doubtful else "confirmed",
        problem_list=True,
        undated=stated is None,
        record_id=record,
        **written,
    )
