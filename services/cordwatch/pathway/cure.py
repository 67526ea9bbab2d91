"""Treatment of the cord: radiotherapy and surgery from the plan to the end of the course."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cordwatch.pathway.facts import Fact
from cordwatch.pathway.history import History

_KINDS = (
    "treatment-planned",
    "treatment-booked",
    "treatment-started",
    "treatment-ended",
    "treatment-cancelled",
    "treatment-no-show",
)


@dataclass(slots=True)
class Course:
    """One course of radiotherapy, or one operation, that may treat the cord."""

    facts: dict[str, Fact]
    """The standing fact of each kind."""

    def get(self, kind: str) -> Fact | None:
        """Return the standing fact of `treatment-<kind>`."""
        return self.facts.get(f"treatment-{kind}")

    @property
    def meant(self) -> list[Fact]:
        """Return its plan and its booking, as far as they were not cancelled since."""
        wanted = (self.get("planned"), self.booked)
        return [fact for fact in wanted if fact is not None and not self._is_void(fact)]

    @property
    def booked(self) -> Fact | None:
        """Return its booking, None where that was cancelled since: a new plan does not bring the date back."""
        fact = self.get("booked")
        return None if fact is None or self._is_void(fact) else fact

    @property
    def cancelled(self) -> Fact | None:
        """Return its cancellation, None where a plan was recorded since; a booking mends by its own time only."""
        plan = self.get("planned")
        return self.get("cancelled") if plan is None or self._is_void(plan) else None

    def _is_void(self, wanted: Fact) -> bool:
        cancelled = self.get("cancelled")
        return cancelled is not None and wanted.known_at <= cancelled.known_at

    @property
    def is_active(self) -> bool:
        """Return whether it is planned or booked, and neither begun nor cancelled."""
        return bool(self.meant) and self.get("started") is None

    @property
    def treats_cord(self) -> bool:
        """Return whether it is radiotherapy or surgery, to the spine or to a site not stated."""
        return all(
            fact.values["modality"] in {"radiotherapy", "surgery"}
            and fact.values.get("site") != "other"
            for fact in self.facts.values()
        )

    def is_running(self, at: datetime, at_most: timedelta) -> bool:
        """
        Return whether it began in the time *at_most* before *at* and had not ended by then.

        Of a day on which it began any instant may count: the latest is asked (pathway, Time).
        """
        begun, ended = self.get("started"), self.get("ended")
        if begun is None or not at - at_most <= begun.done_at <= at:
            return False
        return ended is None or ended.done_at >= at


def courses(history: History) -> Sequence[Course]:
    """Return the courses that may treat the cord, by their numbers."""
    gathered: dict[str, list[Fact]] = defaultdict(list)
    for fact in history.standing(*_KINDS):
        gathered[fact.values.get("treatment_number") or fact.id].append(fact)
    found = []
    for _, facts in sorted(gathered.items()):
        told = sorted(facts, key=lambda one: (one.known_at, one.id))
        course = Course({fact.kind: fact for fact in told})
        if course.treats_cord:
            found.append(course)
    return found
