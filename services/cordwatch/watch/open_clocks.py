"""How many clocks of each rule run, counted as patients are looked at."""

from __future__ import annotations

from collections import Counter

from cordwatch.watch.patients import Patient


class OpenClocks:
    """The count by rule; of a million patients it is never counted anew."""

    def __init__(self) -> None:
        """Begin with none."""
        self.by_rule: Counter[str] = Counter()
        self.same: dict[tuple[str, ...], tuple[str, ...]] = {}
        """One object for all patients with the same clocks."""

    def run(self, patient: Patient, rules: tuple[str, ...]) -> None:
        """Note that these are the clocks of *patient* that run from now on."""
        self.recount(patient.open, rules)
        patient.open = self.same.setdefault(rules, rules)

    def recount(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        """Count a patient with the clocks *after* instead of one with those *before*."""
        if before != after:
            self.by_rule.subtract(before)
            self.by_rule.update(after)
