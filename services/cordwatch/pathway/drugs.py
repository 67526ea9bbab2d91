"""Drugs in use: which kinds of drug a patient has on standing order, from when to when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cordwatch.pathway.dosage import is_once, stops_of, timeline
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.history import History
from cordwatch.pathway.steroids import is_systemic
from cordwatch_schemas.code_table import meaning

RENEWED_WITHIN = timedelta(hours=24)
"""An order that follows another within this time goes on with it (P)."""


@dataclass(frozen=True, slots=True)
class Use:
    """One drug on order, from its begin until it is changed, stopped or run out."""

    fact: Fact
    concepts: frozenset[str]
    begins_at: datetime
    ends_at: datetime | None

    def is_active(self, at: datetime) -> bool:
        """Return whether the drug is in use at *at*."""
        return self.begins_at <= at and (self.ends_at is None or at < self.ends_at)


class Drugs:
    """
    What a patient is ordered, by the kinds of the code table.

    Doses given are not read: of the drugs other than steroids they would be
    most of what a hospital sends, and only orders tell what goes on.
    """

    def __init__(self, history: History) -> None:
        """Read the orders and stops out of *history*."""
        self.orders: Sequence[Use] = sorted(
            _ordered(history), key=lambda use: (use.begins_at, use.fact.known_at, use.fact.id)
        )
        """Every order, single ones too."""
        self.uses: Sequence[Use] = [use for use in self.orders if not is_once(use.fact)]
        """What goes on being given."""

    def active(self, concepts: Iterable[str], at: datetime) -> list[Use]:
        """Return what of the kinds *concepts* is in use at *at*, the longest in use first."""
        wanted = frozenset(concepts)
        return [use for use in self.uses if use.concepts & wanted and use.is_active(at)]

    def active_since(self, concepts: Iterable[str], at: datetime) -> Use | None:
        """
        Return the use that began the run of *concepts* that goes on at *at*, None if none does.

        A gap of a day or less (an order renewed) does not break the run.
        """
        wanted = frozenset(concepts)
        first: Use | None = None
        reach: datetime | None = None
        for use in (one for one in self.uses if one.concepts & wanted and one.begins_at <= at):
            if first is None or (reach is not None and use.begins_at > reach + RENEWED_WITHIN):
                first, reach = use, use.ends_at
            elif reach is not None:
                reach = None if use.ends_at is None else max(reach, use.ends_at)
        return first if reach is None or at < reach else None

    def edges(self) -> list[datetime]:
        """Return the instants at which something comes into use or goes out of it."""
        ends = [use.ends_at for use in self.orders if use.ends_at is not None]
        return [*(use.begins_at for use in self.orders), *ends]


def number_of(order: Fact) -> str:
    """Return the number of *order*; one without a number is a thing of its own."""
    return order.values.get("order_number") or order.id


def drug_concepts(fact: Fact) -> frozenset[str]:
    """Return the kinds of drug that the codes of *fact* name."""
    return frozenset(
        found.concept for system, code in fact.codes if (found := meaning(system, code))
    )


def _ordered(history: History) -> Iterable[Use]:
    orders: dict[str, list[Fact]] = defaultdict(list)
    for fact in history.standing("medication-ordered"):
        orders[number_of(fact)].append(fact)
    stops = history.standing("medication-stopped")
    for number, facts in orders.items():
        kinds = frozenset().union(*map(drug_concepts, facts))
        if "nsaid" in kinds and not all(map(is_systemic, facts)):
            continue  # A gel or eye drops treat no spine.
        local = not any(map(is_systemic, facts))
        mine = [stop for stop in stops_of(number, stops) if _may_end(stop, kinds, local=local)]
        for dosage in timeline(facts, mine):
            yield Use(dosage.fact, kinds, dosage.begins_at, dosage.ends_at)


def _may_end(stop: Fact, kinds: frozenset[str], *, local: bool) -> bool:
    """
    Return whether *stop* speaks of a drug of *kinds*: by its order's number, or by its code.

    Who stops eye drops or a gel, and names no order, does not mean the tablets:
    that ends a *local* drug only.
    """
    if stop.values.get("order_number"):
        return True
    return bool(drug_concepts(stop) & kinds) and (local or is_systemic(stop))
