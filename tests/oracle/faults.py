"""Faults that a tired programmer might put into the core, one each, as a change of its source."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.oracle.agreement import Core

PACKAGE = "cordwatch.pathway"


@dataclass(frozen=True)
class Fault:
    """In *module* of the core, *wrong* stands where *right* stood."""

    meaning: str
    module: str
    right: str
    wrong: str


FAULTS = (
    Fault("a level is missed at its very instant", "levels", "step.at <= now]", "step.at < now]"),
    Fault("the lowest of the missed levels is told", "levels", "passed[-1:]", "passed[:1]"),
    Fault(
        "repeats never end",
        "levels",
        "newest = (min(now, until)",
        "newest = (max(now, now)",
    ),
    Fault(
        "late by is always nothing",
        "telling",
        "(self.now - step.at)",
        "0 * (self.now - step.at)",
    ),
    Fault("nothing steps a severity up", "telling", "if self._lacking(clock):\n", "if False:\n"),
    Fault("what is silent silences others", "telling", "            and not other.is_silent\n", ""),
    Fault(
        "old news is paged",
        "clocks",
        "or fact.received_at - start.at > pack.policy.board_only_after",
        "",
    ),
    Fault(
        "milder signs start clocks for everybody",
        "clocks",
        "if self._lymphoma or not rule.needs_lymphoma",
        "",
    ),
    Fault(
        "there is one episode in a lifetime",
        "clocks",
        "if start.at > episode.quiet_at + gap:",
        "if False:",
    ),
    Fault(
        "not stated counts as not progressive",
        "starts",
        'values.get("progressive") is not False',
        'values.get("progressive") is True',
    ),
    Fault(
        "seven days are more than seven", "starts", "developed_d > policy", "developed_d >= policy"
    ),
    Fault(
        "a bilateral sign is one like another",
        "starts",
        'values.get("lhermitte") or "bilateral" in {pain, deficit}',
        'values.get("lhermitte")',
    ),
    Fault(
        "a cancelled order takes its reason along",
        "starts",
        "history.orders_placed()",
        'history.standing("imaging-ordered")',
    ),
    Fault(
        "any spinal MRI ends the 12 h clock",
        "endings",
        "if not whole or covered >= WHOLE_SPINE:",
        "if True:",
    ),
    Fault(
        "a dose at the very start does not count",
        "endings",
        "if dose.done_at >= (",
        "if dose.done_at > (",
    ),
    Fault(
        "a dose from before counts unordered",
        "endings",
        "(before_at if ordered else start_at)",
        "before_at",
    ),
    Fault("one of the team is enough", "endings", "if present.issuperset(team):", "if present:"),
    Fault(
        "a death cannot be contradicted",
        "endings",
        "return death, next(living, None)",
        "return death, None",
    ),
    Fault(
        "a stand-down ends later clocks too",
        "endings",
        'fact.values["rule"] == rule.id and fact.at >= start_at',
        'fact.values["rule"] == rule.id',
    ),
    Fault(
        "a whole day satisfies at its begin", "facts", "if self.latest_at > self.at:", "if False:"
    ),
    Fault(
        "the future is believed",
        "picture",
        "_read_with(packs.default.policy.future_tolerance, facts)",
        "_read_with(timedelta(days=5), facts)",
    ),
    Fault(
        "a retraction of a retraction changes nothing",
        "history",
        "        for killer in sorted(retractions, key=lambda fact: (fact.known_at, fact.id), reverse=True):\n            if killer.id not in self.ended:\n",
        "        for killer in retractions:\n            if True:\n",
    ),
    Fault("no fact is known by its id", "history", " or number == fact.id)", ")"),
    Fault(
        "no diagnosis is ever refuted",
        "history",
        'self._kill(killer, _refuted(killer, self.facts), "refuted")',
        "pass",
    ),
    Fault(
        "the earlier record replaces the later",
        "history",
        "sorted(readings, key=_precedence)",
        "sorted(readings, key=_precedence, reverse=True)",
    ),
    Fault(
        "a preliminary report proves the scan",
        "imaging",
        ' and fact.values.get("status") != "preliminary"',
        "",
    ),
    Fault(
        "a negative report undoes nothing", "imaging", 'elif finding == "negative":', "elif False:"
    ),
    Fault(
        "eye drops are a treatment of the cord",
        "steroids",
        "return _route(fact) not in _NOT_SYSTEMIC",
        "return True",
    ),
    Fault("one fall is a taper", "endings", "FALLS_OF_A_TAPER = 2", "FALLS_OF_A_TAPER = 1"),
    Fault("twice a day is once", "dosage", '"BID": 2.0', '"BID": 1.0'),
    Fault(
        "treatment of the arm is treatment of the cord",
        "cure",
        '            and fact.values.get("site") != "other"\n',
        "",
    ),
    Fault(
        "a cancelled plan is a plan",
        "cure",
        "cancelled is not None and wanted",
        "False and wanted",
    ),
    Fault(
        "an encounter stays with whose it was first",
        "identity",
        "found.moved_to |= dict.fromkeys(together, parties[1])",
        "[found.moved_to.setdefault(stay, parties[1]) for stay in together]",
    ),
    Fault(
        "an encounter moves for those alone who were sent for its former patient",
        "identity",
        "for party in parties]",
        "for party in parties[:1]]",
    ),
    Fault(
        "what moved with an encounter is not of the survivor",
        "identity",
        "return self.root(self.meant(fact))",
        "return self.meant(fact)",
    ),
    Fault(
        "chains of merges end at the first link",
        "identity",
        "        while reference in self.survivor_of:",
        "        if reference in self.survivor_of:",
    ),
    Fault(
        "a second home is a home",
        "identity",
        "if retired in so_far.survivor_of else None",
        "if False else None",
    ),
    Fault(
        "no booking mends a cancelled order",
        "notices",
        "if fact is None or _mended(studies, fact.start_at):",
        "if fact is None:",
    ),
    Fault(
        "a notice outlives its clocks",
        "notices",
        "return then if any(clock.is_open(now) for clock in then) else ()",
        "return then",
    ),
    Fault("advice for the dead", "advisories", "if picture.is_dead(now):", "if False:"),
)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module of the core and loads it with the fault in it."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.name = f"{PACKAGE}.{fault.module}"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        if fullname != self.name or found is None or found.origin is None:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            found.origin,
            loader=self,
            submodule_search_locations=found.submodule_search_locations,
        )

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        assert module.__spec__.origin is not None
        source = Path(module.__spec__.origin).read_text()
        if source.count(self.fault.right) != 1:
            raise LookupError(f"{self.name} does not hold once: {self.fault.right}")
        changed = source.replace(self.fault.right, self.fault.wrong)
        exec(compile(changed, module.__spec__.origin, "exec"), module.__dict__)  # noqa: S102 - our own source


@contextmanager
def core_with(fault: Fault) -> Iterator[Core]:
    """Give a core with *fault* in it, imported beside the sound one, which is put back after."""
    sound = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_core(name)}
    finder = _Changed(fault)
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module(f"{PACKAGE}.simulation").simulate
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_core(name)]:
            del sys.modules[name]
        sys.modules.update(sound)


def _is_core(name: str) -> bool:
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")
