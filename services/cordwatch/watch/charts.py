"""The charts of patients with a clock: a look at which only time has passed costs little."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from cordwatch.pathway.chart import Chart
from cordwatch.pathway.decide import Decision
from cordwatch.watch.patients import Patient
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Packs


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart as it was drawn up from certain rows."""

    chart: Chart
    told: bytes
    published: bytes
    unsent: Sequence[Alert] = ()
    """Alerts of which a former owner did not live to see that they were published."""
    unreadable: int = 0
    """Rows that are not in the chart, since they cannot be read."""

    def is_of(self, patient: Patient) -> bool:
        """Return whether these are the rows of *patient* still."""
        return self.told == patient.told and self.published == patient.published

    def left_over(self, decision: Decision) -> list[Alert]:
        """Return what a former owner meant to publish, as far as *decision* does not say it anew."""
        told = {alert.alert_id for alert in decision.alerts}
        return [alert for alert in self.unsent if alert.alert_id not in told]


class Charts:
    """
    The charts that were looked at last.

    An overdue clock is looked at every quarter of an hour, and mostly nothing
    was told since. But nobody may be told from a chart that is out of date: it
    counts only as long as the patient's rows are the very ones that stand in it.
    """

    def __init__(self, packs: Packs, most: int) -> None:
        """Begin empty; of more than *most* charts those are dropped that were looked at longest ago."""
        self._packs = packs
        self._most = most
        self._kept: OrderedDict[str, Drawn] = OrderedDict()

    def of(self, patient: Patient) -> Drawn:
        """Return the chart of *patient* as things stand, drawn up anew where it must be."""
        kept = self._kept.get(patient.reference)
        if kept is not None and kept.is_of(patient):
            return kept
        known = patient.read()
        chart = Chart(patient.reference, known.facts, known.alerts, self._packs)
        return Drawn(chart, patient.told, patient.published, known.unsent, known.unreadable)

    def keep(self, chart: Chart, patient: Patient) -> None:
        """Keep *chart*, in which stands what the rows of *patient* say now, of alerts that were all published."""
        self._kept[patient.reference] = Drawn(chart, patient.told, patient.published)
        self._kept.move_to_end(patient.reference)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
