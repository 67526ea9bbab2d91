"""The pack of the synthetic patient: one clock that is told at once, and facts that are soon forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from cordwatch_schemas.pack import DeadlineRule, LevelAt, Pack, Packs, Policy, Repeats
from cordwatch_schemas.synthetic import FACILITY

RULE = "synthetic.patient"
KEPT_FOR = timedelta(hours=1)
"""After that nothing of one is left on the topic of facts."""

_WINDOW = timedelta(hours=1)


def synthetic_pack(policy: Policy) -> Pack:
    """Return the pack, with the figures of the hospital's own *policy* where they do not matter."""
    # Whoever is still to be offered support in a week is not forgotten before.
    figures = {"keep_facts": KEPT_FOR, "support_within": timedelta(0)}
    rule = DeadlineRule(
        id=RULE,
        clause="Synthetic patient: told at once",
        source="docs/synthetic.md",
        basis="local policy",
        starts_at="mescc-suspected",
        window=_WINDOW,
        satisfied_by="spinal-mri",
        levels=(LevelAt(level="prompt", at=0), LevelAt(level="due", at=1)),
        repeats=Repeats(every=_WINDOW, lasting=_WINDOW),
    )
    return Pack(
        name="synthetic",
        version="1.0.0",
        title="The synthetic patient",
        purpose="Not clinical: it shows that the chain from the topics to the pager works.",
        policy=policy.model_copy(update=figures),
        severity_of_level={"prompt": "urgent", "due": "critical", "overdue": "critical"},
        rules=(rule,),
        notices=(),
        advisories=(),
    )


@dataclass(frozen=True)
class WithSynthetic:
    """The packs of a hospital, and that of the synthetic patient at its facility; of it people are told nothing."""

    hospital: Packs

    @cached_property
    def _synthetic(self) -> Pack:
        return synthetic_pack(self.hospital.default.policy)

    @property
    def default(self) -> Pack:
        """Return the hospital's own."""
        return self.hospital.default

    @cached_property
    def each(self) -> tuple[Pack, ...]:
        """Return the hospital's packs, the default first, and the synthetic patient's."""
        return (*self.hospital.each, self._synthetic)

    @property
    def label(self) -> str:
        """Return the names and versions of the hospital's packs."""
        return self.hospital.label

    @cached_property
    def stamp(self) -> str:
        """Return what changes whenever one of them does."""
        return f"{self.hospital.stamp}, {self._synthetic.stamp}"

    def at(self, facility: str | None, ward: str | None) -> Pack:
        """Return the pack for a place."""
        return self._synthetic if facility == FACILITY else self.hospital.at(facility, ward)
