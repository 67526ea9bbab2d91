"""
A story of the specification: what is heard, and everything that a rule then tells.

The stories in `cases/` are data. The tests run them, and the pages of
`docs/spec/` are drawn from them, so that what is published is what is tested.
Each expectation was worked out by hand from the pathway text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from cordwatch.pathway.simulation import Stops, Told, Ward, simulate, simulate_ward
from cordwatch_schemas.alerts import Alert, Severity
from cordwatch_schemas.pack import Pack, Packs, load_pack
from cordwatch_schemas.pack_choice import PackTable
from tests.builders import T, an_admission

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

Aspect = Literal["raised", "not raised", "ended", "taken back", "to the second", "more"]
"""What a story shows of its rule."""
PROVEN: tuple[Aspect, ...] = ("raised", "not raised", "ended", "taken back", "to the second")
"""What is shown of every rule, notice and advisory."""

OPEN_AGAIN = "open again"
NO_LONGER = "no longer applies"

SHIPPED = load_pack("mescc-lymphoma")

_HOUSE = "HOUSE"
_EVER = T(-24 * 400)
"""Before everything that a story tells of."""

_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "urgent", "critical")
_SEVERITY_OF: Mapping[str, Severity] = {
    "reminder": "info",
    "warning": "warning",
    "urgent": "urgent",
    "prompt": "urgent",
    "due": "critical",
    "overdue": "critical",
}
"""As the pathway says (Levels and severity), not as the pack does: the two are compared."""

Turn = tuple[datetime, str]
"""When an alert is told anew, and what is said: `in time`, `withdrawn: ...`, `open again`."""


@dataclass(frozen=True)
class Raised:
    """An alert that must be told, and how it goes on."""

    at: datetime
    level: str | None = None
    """None: a notice or an advisory."""
    then: tuple[Turn, ...] = ()
    severity: Severity = "warning"
    paged: bool = True
    repeat: int = 0
    late_by: timedelta = timedelta(0)
    missing: tuple[str, ...] | None = None
    """None: not looked at."""
    flags: tuple[str, ...] = ()
    """Doubts about its start."""
    ends_flagged: tuple[str, ...] = ()
    """Doubts about what ended it, which it takes on then."""
    words: str = ""
    """What the reason says when it is raised."""
    unsaid: str = ""
    """What it must not say."""
    rule: str = ""
    """Where a story watches several."""
    ward: str | None = None
    """To which ward it goes; None: not looked at."""


def level(at: datetime, name: str, *then: Turn, up: bool = False, **details: Any) -> Raised:
    """A clock has reached the level *name*; *up*: one step more severe, as nothing is on order."""
    severity = _SEVERITIES[min(_SEVERITIES.index(_SEVERITY_OF[name]) + up, 3)]
    return Raised(at, name, then, **{"severity": severity, **details})


def tells(at: datetime, *then: Turn, **details: Any) -> Raised:
    """A notice or an advisory is raised."""
    return Raised(at, None, then, **details)


def gone(at: datetime) -> Turn:
    """A notice or an advisory no longer applies."""
    return (at, NO_LONGER)


@dataclass(frozen=True)
class Case:
    """One story of one rule: what is heard, and all that the rule tells of it until the story ends."""

    aspect: Aspect
    says: str
    """What the story shows, in a sentence that is true or is a bug."""
    heard: tuple[Told, ...]
    raised: tuple[Raised, ...] = ()
    """Everything that is told; what is not here must not come."""
    until: datetime | None = None
    """None: until the last instant that the story names."""
    rules: tuple[str, ...] = ()
    """Which rules are watched; none: that of the page."""
    on: tuple[str, ...] = ()
    """Advisories that the pack ships switched off, and this story has on."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """Figures of the pack that are set otherwise here."""
    zone: str = ""
    """Where local time matters to the reader: the zone to show it in."""
    stopped: Stops = ()
    """When the service does not run."""
    beside: tuple[Told, ...] = ()
    """Heard in every story of the page: what else is due is done, and speaks in none of them."""

    @property
    def ends_at(self) -> datetime:
        """Return the instant up to which everything told is listed."""
        named = [one.received_at for one in self.heard]
        named += [at for one in self.raised for at in (one.at, *(turn[0] for turn in one.then))]
        return self.until or max(named)

    def pack(self) -> Pack:
        """Return the shipped pack with what this story sets."""
        return _pack(self.on, tuple(sorted(self.policy.items())))

    def watched(self, page: str) -> tuple[str, ...]:
        """Return the rules whose alerts the story lists, on the page *page*."""
        return self.rules or (page,)

    def alerts(self, now: datetime, page: str) -> list[Alert]:
        """Return what the core has told of the watched rules by *now*, as it then stands."""
        told = simulate((*self.beside, *self.heard), self.pack(), now, self.stopped)
        return [one for one in told if one.rule in self.watched(page)]

    def told(self, page: str, until: datetime | None = None) -> list[Telling]:
        """Return everything that the core tells of the watched rules, with every later word on it."""
        return self._told((*self.beside, *self.heard), self.pack(), until or self.ends_at, page)

    def told_in_a_house(self, page: str) -> list[Telling]:
        """Return the same of a house that has the story's pack for its own; the default tells nothing."""
        heard = [_in_the_house(one) for one in (*self.beside, *self.heard)]
        admitted = [
            an_admission(_EVER, f"V-{one}", facility=_HOUSE, ward=None, patient=one)
            for one in sorted({told.patient for told in heard})
        ]
        packs = PackTable(_elsewhere(self.pack()), {(_HOUSE, None): self.pack()})
        return self._told((*admitted, *heard), packs, self.ends_at, page)

    def _told(
        self, heard: Sequence[Told], packs: Packs, until: datetime, page: str
    ) -> list[Telling]:
        listening = _Listening(packs)
        simulate_ward(heard, packs, until, self.stopped, listening)
        watched = self.watched(page)
        return [one for one in listening.tellings.values() if one.first.rule in watched]


@cache
def _pack(on: tuple[str, ...], policy: tuple[tuple[str, Any], ...]) -> Pack:
    advisories = tuple(
        one.model_copy(update={"enabled": one.enabled or one.id in on})
        for one in SHIPPED.advisories
    )
    figures = SHIPPED.policy.model_copy(update=dict(policy))
    return SHIPPED.model_copy(update={"advisories": advisories, "policy": figures})


def _in_the_house(told: Told) -> Told:
    stays = hasattr(told, "facility")
    return told.model_copy(update={"facility": _HOUSE}) if stays else told


def _elsewhere(pack: Pack) -> Pack:
    """Return a pack that tells nothing of what *pack* tells, and reads every fact by other figures."""
    figures = {name: _another(value) for name, value in pack.policy}
    # A wrong clock is one by the default's word everywhere: places are themselves read from times.
    figures["future_tolerance"] = pack.policy.future_tolerance
    silent = {"name": "elsewhere", "rules": (), "notices": (), "advisories": ()}
    return pack.model_copy(update=silent | {"policy": pack.policy.model_copy(update=figures)})


def _another(figure: Any) -> Any:
    if isinstance(figure, bool):
        return not figure
    return () if isinstance(figure, tuple) else figure * 3


@dataclass(frozen=True)
class Page:
    """What is published of one rule, or of one subject that concerns many."""

    name: str
    """The id of the rule, notice or advisory; for a subject the name of its page."""
    cases: tuple[Case, ...]
    starts: str = ""
    ends: str = ""
    not_promised: tuple[str, ...] = ()
    title: str = ""
    """Of a subject; a rule is titled by its id."""
    intro: str = ""
    appendix: str = ""
    """More that is shown below the stories, as Markdown."""


def with_beside(page: Page, *beside: Told) -> Page:
    """Return *page* with *beside* heard in every story."""
    return replace(page, cases=tuple(replace(case, beside=beside) for case in page.cases))


@dataclass(slots=True)
class Telling:
    """One alert as it was told over time."""

    first: Alert
    last: Alert
    then: list[Turn] = field(default_factory=list)


class _Listening(Ward):
    """A ward that remembers what was told when, and not only how it stands at the end."""

    def __init__(self, packs: Packs) -> None:
        super().__init__(packs)
        self.tellings: dict[str, Telling] = {}

    def look(self, patient: str, now: datetime) -> None:
        before = dict(self.told)
        super().look(patient, now)
        for alert_id, alert in self.told.items():
            known = self.tellings.get(alert_id)
            if known is None:
                self.tellings[alert_id] = Telling(alert, alert)
            elif alert is not before.get(alert_id):
                known.then.append((now, _turn(known.last, alert)))
                known.last = alert


def _turn(before: Alert, after: Alert) -> str:
    if before.status == after.status == "open":
        if after.patient != before.patient:
            return f"now of {after.patient}"
        return f"moved to {after.ward}"
    match after.status:
        case "open":
            return OPEN_AGAIN
        case "resolved":
            return after.reason
        case other:
            return f"{other}: {after.reason}"


def actual(told: Iterable[Telling]) -> list[dict[str, Any]]:
    """Return what the core told, in the fields that a story decides."""
    return _in_order(
        {
            "at": one.first.raised_at,
            "rule": one.first.rule,
            "level": one.first.level,
            "repeat": one.first.repeat,
            "severity": one.first.severity,
            "paged": one.first.paged,
            "late_by": one.first.late_by_s * SECOND,
            "then": tuple(one.then),
        }
        for one in told
    )


def expected(case: Case, page: str, until: datetime | None = None) -> list[dict[str, Any]]:
    """Return what must be told until *until*, in the same fields."""
    end_at = until or case.ends_at
    return _in_order(
        {
            "at": one.at,
            "rule": one.rule or case.watched(page)[0],
            "level": one.level,
            "repeat": one.repeat,
            "severity": one.severity,
            "paged": one.paged,
            "late_by": one.late_by,
            "then": tuple(turn for turn in one.then if turn[0] <= end_at),
        }
        for one in case.raised
        if one.at <= end_at
    )


def _in_order(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(lines, key=lambda one: (one["at"], one["rule"], str(one["level"]), one["repeat"]))
