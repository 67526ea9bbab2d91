"""A pack as a page for people: rules with clause, source and basis, figures, worked examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from pydantic import BaseModel

from cordwatch_schemas.pack import DeadlineRule, Pack, Repeats, Tellable
from cordwatch_schemas.pack_examples import USUAL_ZERO, Example, ExpectedTold, Happening, Raised

_UNITS = (
    ("d", 86_400, 10),
    ("h", 3_600, 10),
    ("d", 86_400, 1),
    ("h", 3_600, 1),
    ("min", 60, 10),
)
"""Names of units, their seconds, and in tenths how finely each may be told: whole ones first."""
_TWO_DAYS = 2 * 86_400 * 10
_BAR = "\\|"


def span(value: timedelta) -> str:
    """Return a span as people write it: 14 d, 6.3 d, 12 h, 15 min."""
    tenths = int(value.total_seconds()) * 10
    for name, size, parts in _UNITS:
        # 24 h is what the pathway calls it, not 1 d.
        if tenths % (size * parts) == 0 and (name != "d" or tenths > _TWO_DAYS):
            return f"{tenths / size / 10:g} {name}"
    return f"{value.total_seconds():g} s"


def pack_page(pack: Pack) -> str:
    """Return *pack* as Markdown."""
    lines = [f"# {pack.title}", "", f"`{pack.label}`. {pack.purpose}", ""]
    if pack.in_force_from is not None:
        lines += [f"In force from {pack.in_force_from:%Y-%m-%d %H:%M}Z.", ""]
    lines += ["## Deadlines", "", *_deadlines(pack.rules)]
    for rule in pack.rules:
        lines += ["", f"### `{rule.id}`", "", *_rule(rule, pack)]
    for title, items in (("Notices", pack.notices), ("Advisories", pack.advisories)):
        lines += ["", f"## {title}", "", *_told(items)]
    lines += ["", "## Figures", "", *_figures(pack), "", "## Worked examples", ""]
    lines += ["T counts hours; an alert is paged unless it says board only.", ""]
    for example in pack.examples:
        lines += [*_example(example), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', _BAR) for cell in row)} |"


def _deadlines(rules: Iterable[DeadlineRule]) -> Iterator[str]:
    head = ("rule", "starts at", "within", "until", "basis")
    return _table(
        head,
        [(f"`{r.id}`", r.starts_at, span(r.window), r.satisfied_by, r.basis) for r in rules],
    )


def _repeats(repeats: Repeats) -> str:
    return f"every {span(repeats.every)} for {span(repeats.lasting)}"


def _rule(rule: DeadlineRule, pack: Pack) -> Iterator[str]:
    levels = [
        f"{one.level} {f'after {span(rule.window * one.at)}' if one.at else 'at once'} ({pack.severity_of_level[one.level]})"
        for one in rule.levels
    ]
    yield f"- Levels: {', '.join(levels)}; then overdue {_repeats(rule.repeats)}."
    if rule.stepped_up_without:
        yield f"- One severity more while there is no {rule.stepped_up_without}."
    if rule.needs_lymphoma:
        yield "- For patients known to have lymphoma."
    if rule.team:
        yield f"- Consulted must be: {', '.join(rule.team)}."
    if rule.board_only:
        yield "- For the board only."
    yield f"- Clause: {rule.clause}."
    yield f"- Source ({rule.basis}): {rule.source}."
    shown = [f"`{one.name}`" for one in pack.examples if any(c.rule == rule.id for c in one.clocks)]
    yield f"- Worked examples: {', '.join(shown) or 'none'}."


def _told(items: Iterable[Tellable]) -> Iterator[str]:
    rows = []
    for one in items:
        how: list[str] = [one.severity if one.enabled else "off"]
        how += ["board only"] if one.board_only else []
        how += [_repeats(one.repeats)] if one.repeats else []
        source = f"{one.source} ({one.basis})"
        rows.append((f"`{one.id}`", one.text, ", ".join(how), one.clause, source))
    return _table(("id", "says", "how", "clause", "source"), rows)


def _figures(pack: Pack) -> Iterator[str]:
    rows = [(f"`{name}`", _figure(value)) for name, value in pack.policy]
    return _table(("figure", "value"), rows)


def _figure(value: object) -> str:
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "; ".join(_figure(one) for one in value) or "none"
    if isinstance(value, BaseModel):
        return ": ".join(_figure(one) for _, one in value)
    return str(value)


def _example(example: Example) -> Iterator[str]:
    yield f"### {example.name}: {example.title}"
    yield ""
    yield from _table(
        ("when", "what happens"),
        [
            *((_moment(one.at), _happening(one)) for one in example.timeline),
            *(
                (_moment(s.since), f"the service stops, until {_moment(s.until)}")
                for s in example.stopped
            ),
        ],
    )
    yield ""
    told = [*_of_clocks(example), *_of_told(example)]
    if not told:
        yield "Nothing is told."
        return
    yield from _table(("when", "what is told", "severity", "at the end"), told)
    if example.zero != USUAL_ZERO:
        yield ""
        yield f"T0 is {example.zero:%Y-%m-%d %H:%M}Z."


def _moment(at: timedelta) -> str:
    hours = at / timedelta(hours=1)
    tenths = round(hours, 2)
    if tenths == hours:
        return f"T{hours:g}"
    whole = int(hours // 1)
    return f"T{whole} + {span(at - timedelta(hours=whole))}"


def _happening(one: Happening) -> str:
    said = [f"{name} {_said(value)}" for name, value in one.says.items()]
    who = [f"patient {one.patient}"] if one.patient != "A" else []
    late = [f"received {_moment(one.received)}"] if one.received is not None else []
    details = ", ".join([*who, *one.codes, *said, *late])
    return f"{one.what}: {details}" if details else one.what


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _run(one: Raised | ExpectedTold) -> str:
    words = [f"{one.times} times, every {span(one.every)}"] if one.every else []
    words += [f"late by {span(one.late_by)}"] if one.late_by else []
    words += [] if one.paged else ["board only"]
    return f" ({', '.join(words)})" if words else ""


def _of_clocks(example: Example) -> Iterator[tuple[str, str, str, str]]:
    for clock in example.clocks:
        end = f"{clock.status}: {clock.reason}" if clock.reason else clock.status
        for one in clock.alerts:
            name = f"`{clock.rule}` {one.level}, due {_moment(clock.due)}{_run(one)}"
            yield _moment(one.at), name, one.severity, end


def _of_told(example: Example) -> Iterator[tuple[str, str, str, str]]:
    for one in (*example.notices, *example.advisories):
        missing = f": {', '.join(one.missing)}" if one.missing else ""
        yield _moment(one.at), f"`{one.id}`{missing}{_run(one)}", one.severity, one.status
