"""A patient's chart: what was told and what was published, and what follows from it whatever the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from cordwatch.pathway.facts import Fact
from cordwatch.pathway.identity import persons
from cordwatch.pathway.picture import Picture
from cordwatch.pathway.telling import Ledger
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Packs


class Chart:
    """
    One patient, drawn up once and looked at as often as time alone may bring something.

    Whoever keeps a chart notes in it what is published, and draws up another
    one when a fact is told.
    """

    def __init__(
        self, patient: str, facts: Sequence[Fact], published: Sequence[Alert], packs: Packs
    ) -> None:
        """Draw up the chart of *patient* from every fact and every alert that is known under this reference."""
        self.patient = patient
        self.packs = packs
        self.persons = persons(facts)
        self.facts = [fact for fact in facts if self.persons.owner(fact) == patient]
        self.was_told_of = False
        """Whether anything was ever published about them."""
        self.ledger = Ledger()
        self.note(published)

    @property
    def is_elsewhere(self) -> bool:
        """Return whether the patient lives under another reference now."""
        return self.persons.root(self.patient) != self.patient

    @cached_property
    def picture(self) -> Picture:
        """Return the patient as the rules see one; drawn only where a rule looks."""
        return Picture(self.facts, self.persons, self.packs)

    def note(self, published: Iterable[Alert]) -> None:
        """Take note of alerts that were *published*, as far as they are about this patient."""
        for alert in published:
            self.was_told_of = True
            if not self.persons.named or self.persons.owner_of_alert(alert) == self.patient:
                self.ledger.note(alert)
