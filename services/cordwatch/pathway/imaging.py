"""Imaging of the spine: orders, bookings, scans and reports gathered into studies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cordwatch.pathway.facts import Fact
from cordwatch.pathway.history import History
from cordwatch_schemas.code_table import Meaning, meaning

WHOLE_SPINE = frozenset({"C", "T", "L"})
REGION_NAMES = {"C": "cervical", "T": "thoracic", "L": "lumbar"}

_KINDS = (
    "imaging-ordered",
    "imaging-scheduled",
    "imaging-done",
    "imaging-reported",
    "report-classified",
    "imaging-cancelled",
    "imaging-no-show",
)
_MODALITIES = {"CR": "XR", "DX": "XR", "RF": "XR", "MRI": "MR", "PT": "NM"}


def spine_meaning(fact: Fact) -> Meaning | None:
    """Return what the codes of *fact* say about imaging of the spine, if they do."""
    for system, code in fact.codes:
        found = meaning(system, code)
        if found is not None and found.concept == "spine-imaging":
            return found
    return None


def regions_of(fact: Fact) -> frozenset[str]:
    """Return the regions that *fact* states; empty: part not stated."""
    stated = fact.values.get("regions")
    if stated:
        return frozenset(stated)
    found = spine_meaning(fact)
    return frozenset(found.regions) if found else frozenset()


def missing_names(covered: Iterable[str]) -> tuple[str, ...]:
    """Return the parts of the spine that *covered* leaves out, top down."""
    seen = set(covered)
    return tuple(name for region, name in REGION_NAMES.items() if region not in seen)


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan at a time: the earliest and latest instant it may have been made, and who says so."""

    at: datetime
    done_at: datetime
    fact: Fact
    flags: tuple[str, ...] = ()


@dataclass
class Study:
    """
    Everything that stands about one study of the spine.

    What follows from it is worked out once: it is asked about at every look
    at the patient, and does not change once it was gathered.
    """

    key: str
    order: Fact | None = None
    cancelled: Fact | None = None
    booking: Fact | None = None
    no_show: Fact | None = None
    done: Fact | None = None
    readings: list[Fact] = field(default_factory=list)
    """Reports and classifications, by the time of their record; of two at once the positive one is the last."""

    @cached_property
    def facts(self) -> list[Fact]:
        """Return whatever stands, the most telling first."""
        known = (self.done, self.order, self.cancelled, self.booking, self.no_show)
        return [*self.readings, *(fact for fact in known if fact is not None)]

    @cached_property
    def modality(self) -> str | None:
        """Return MR, CT, XR or NM; None where nothing says it."""
        for fact in self.facts:
            stated = fact.values.get("modality")
            found = spine_meaning(fact)
            name = stated or (found.modality if found else None)
            if name:
                return _MODALITIES.get(name.upper(), name.upper())
        return None

    @cached_property
    def is_spine(self) -> bool:
        """Return whether this is imaging of the spine at all: by a region, a code, or a word about the cord."""
        return any(
            fact.values.get("regions") or fact.values.get("finding") or spine_meaning(fact)
            for fact in self.facts
        )

    @cached_property
    def is_mri(self) -> bool:
        """Return whether this is an MRI of the spine."""
        return self.modality == "MR" and self.is_spine

    @cached_property
    def final_report(self) -> Fact | None:
        """Return the latest report that is more than preliminary."""
        finals = [
            fact
            for fact in self.readings
            if fact.kind == "imaging-reported" and fact.values.get("status") != "preliminary"
        ]
        return finals[-1] if finals else None

    @cached_property
    def is_active(self) -> bool:
        """Return whether somebody still means to make this scan."""
        wanted = self.order or self.booking
        return wanted is not None and not self.is_cancelled and not self.was_made

    @cached_property
    def meant(self) -> list[Fact]:
        """Return what says that the scan is to be made, the most telling first."""
        # What was cancelled is no longer meant where it was booked again.
        plans = (self.booking, self.order) if self.cancelled else (self.order, self.booking)
        return [fact for fact in plans if fact is not None]

    @cached_property
    def is_cancelled(self) -> bool:
        """Return whether the order was cancelled, and the study not booked again since."""
        if self.cancelled is None:
            return False
        return self.booking is None or self.booking.known_at <= self.cancelled.known_at

    @property
    def is_ordered(self) -> bool:
        """Return whether an order stands that was neither cancelled nor carried out."""
        return self.order is not None and self.cancelled is None and not self.was_made

    @cached_property
    def was_made(self) -> bool:
        """Return whether the scan was made, whatever part of it was imaged."""
        return self.done is not None or self.final_report is not None

    def was_made_for(self, start_at: datetime) -> bool:
        """Return whether the scan was made at or after *start_at*, as far as a time can be told."""
        scan = self.scan_for(start_at)
        return scan is not None and scan.done_at >= start_at

    @cached_property
    def regions(self) -> frozenset[str]:
        """
        Return what was imaged: the final report wins over the scan, the scan over the order.

        The order tells only where neither says a word: 'spine, part not
        stated' of a scan that was made is not what was hoped for.
        """
        made = [fact for fact in (self.final_report, self.done) if fact is not None]
        for fact in made:
            if stated := regions_of(fact):
                return stated
        if any(spine_meaning(fact) for fact in made):
            return frozenset()
        return next((stated for fact in self.meant if (stated := regions_of(fact))), frozenset())

    @cached_property
    def contrast(self) -> bool | None:
        """Return whether contrast was given; None: nobody says."""
        for fact in (self.final_report, self.done, self.order):
            if fact is None:
                continue
            stated = fact.values.get("contrast")
            found = spine_meaning(fact)
            if stated is not None:
                return bool(stated)
            if found is not None and found.contrast is not None:
                return found.contrast
        return None

    def scan_for(self, start_at: datetime) -> Scan | None:
        """
        Return the scan as a clock from *start_at* may count it, None if no time can be told.

        Scan-done wins for the time. A final report without one proves the scan
        at its exam time, else at its own time where the order was placed at or
        after the start (pathway, Imaging).
        """
        if self.done is not None:
            return Scan(self.done.start_at, self.done.done_at, self.done, self.done.flags)
        report = self.final_report
        if report is None:
            return None
        exam = report.values.get("exam_at")
        if exam is not None:
            at = datetime.fromisoformat(exam)
            latest = datetime.fromisoformat(report.values.get("exam_latest_at") or exam)
            ceiling = report.received_at
            if at > ceiling + report.tolerance:
                return Scan(ceiling, ceiling, report, ("future-clamped",))
            return Scan(at, max(at, min(latest, ceiling)), report, ("from-report",))
        if self.order is not None and self.order.start_at >= start_at:
            return Scan(report.start_at, report.done_at, report, ("scan-at-report-time",))
        return None

    @cached_property
    def positive_since(self) -> Fact | None:
        """
        Return the reading from which the study is positive, None when it is not.

        The first of the latest unbroken run of positive readings: a later one
        with the same finding moves nothing, an unclassified one undoes nothing.
        """
        since: Fact | None = None
        for reading in self.readings:
            finding = reading.values.get("finding")
            if finding == "positive" and since is None:
                since = self._report_of(reading)
            elif finding == "negative":
                since = None
        return since

    def _report_of(self, reading: Fact) -> Fact:
        """Return the report that *reading* is, or that it classifies; itself where it came before any report."""
        if reading.kind == "imaging-reported":
            return reading
        reports = (one for one in reversed(self.readings) if one.kind == "imaging-reported")
        return next((one for one in reports if one.known_at <= reading.known_at), reading)

    @cached_property
    def unclassified(self) -> Fact | None:
        """Return the latest reading if it leaves open what the report shows."""
        if not self.readings or self.readings[-1].values.get("finding") is not None:
            return None
        return self.readings[-1]


def spinal_studies(history: History) -> Sequence[Study]:
    """Return the studies of the spine in *history*, by their names."""
    gathered: dict[str, list[Fact]] = defaultdict(list)
    for fact in history.standing(*_KINDS):
        gathered[history.study(fact)].append(fact)
    studies = [_gather(key, facts) for key, facts in sorted(gathered.items())]
    for study in studies:
        if study.cancelled is not None:
            # What was cancelled is still known: the cancellation itself rarely repeats the code.
            study.order = history.last_replaced("imaging-ordered", study.cancelled)
    return [study for study in studies if study.is_spine]


def _gather(key: str, facts: Sequence[Fact]) -> Study:
    study = Study(key)
    for fact in facts:
        match fact.kind:
            case "imaging-ordered":
                study.order = fact
            case "imaging-cancelled":
                study.cancelled = fact
            case "imaging-scheduled":
                study.booking = fact
            case "imaging-no-show":
                study.no_show = fact
            case "imaging-done":
                study.done = fact
            case _:
                study.readings.append(fact)
    study.readings.sort(
        key=lambda one: (
            one.known_at,
            one.start_at,
            one.values.get("finding") == "positive",
            # Said twice at one time: the first that was heard counts, or the second would page again.
            one.received_at,
            one.id,
        )
    )
    return study
