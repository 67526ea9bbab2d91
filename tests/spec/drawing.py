"""Timelines in plain text: a rule's window, and a story line by line. Read in a terminal or on a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cordwatch_schemas.pack import DeadlineRule
from tests.builders import T0
from tests.spec import words
from tests.spec.case import Case, Raised

BAR = 78
RUN_MIN = 3
"""As many repeats after the first are drawn as one line."""
_INDENT = "    "


def span(value: timedelta) -> str:
    """Return a span as people say it: 14 d, 12 h, 15 min, 2 min."""
    seconds = int(value.total_seconds())
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        # 24 h and 48 h are what the pathway calls them.
        if seconds % size == 0 and (name != "d" or seconds > 2 * size):
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def window(rule: DeadlineRule) -> str:
    """Return the levels of *rule* on a line from its start to its due instant."""
    places = [(0, "T0", "start")] if rule.levels[0].at else []
    for one in rule.levels:
        place = round(BAR * one.at)
        places.append((place, words.at(T0 + rule.window * one.at), one.level))
    line = "".join("|" if n in {at for at, *_ in places} else "-" for n in range(BAR + 1))
    repeats = f"every {span(rule.repeats.every)} for {span(rule.repeats.lasting)}"
    rows = (_row(places, 1), f"{line}~~>", f"{_row(places, 2)}  then overdue {repeats}")
    return "\n".join(rows)


def _row(places: list[tuple[int, str, str]], column: int) -> str:
    row = ""
    for place in places:
        row = f"{row:<{place[0]}}{place[column]}"
    return row


def story(case: Case, page: str) -> str:
    """Return the story of *case* in order of time: what is heard, what is told (->), how it goes on (<-)."""
    lines = [(told.received_at, 0, words.heard(told, case.zone)) for told in case.heard]
    for begin_at, end_at in case.stopped:
        lines += [(begin_at, 0, "the service stops"), (end_at, 0, "the service runs again")]
    lines += _turns(case, page)
    for one, repeats in _runs(case.raised):
        lines.append((one.at, 2, f"{_INDENT}-> {_raised(one, page)}"))
        if repeats:
            every, last = span(repeats[0].at - one.at), repeats[-1]
            so_on = (
                f"and so on every {every}, to {_name(last, page)} at {words.at(last.at, case.zone)}"
            )
            lines.append((one.at, 2, f"{_INDENT}   {so_on}"))
    if not case.raised:
        lines.append((case.ends_at, 3, f"{_INDENT}nothing is told until here"))
    elif case.ends_at > max(at for at, *_ in lines):
        lines.append((case.ends_at, 3, f"{_INDENT}nothing more is told until here"))
    return "\n".join(_columns(sorted(lines, key=lambda one: one[:2]), case.zone))


def _runs(raised: Sequence[Raised]) -> Iterator[tuple[Raised, list[Raised]]]:
    """Yield every alert, of a long run of repeats only the first, with those that follow it."""
    left = list(raised)
    while left:
        first = left.pop(0)
        run: list[Raised] = []
        if first.repeat:
            step = left[0].at - first.at if left else timedelta(0)
            while left and _follows(left[0], [first, *run][-1], step):
                run.append(left.pop(0))
        if len(run) < RUN_MIN:
            left = [*run, *left]
            run = []
        yield first, run


def _follows(one: Raised, last: Raised, step: timedelta) -> bool:
    same = replace(one, at=last.at, repeat=last.repeat) == last
    return same and one.repeat == last.repeat + 1 and one.at == last.at + step


def _columns(lines: list[tuple[datetime, int, str]], zone: str) -> Iterator[str]:
    width = max(len(words.at(instant, zone)) for instant, *_ in lines)
    before: datetime | None = None
    said: set[tuple[datetime, str]] = set()
    for instant, _, text in lines:
        if (instant, text) in said:
            continue  # A merge is told under both references.
        said.add((instant, text))
        shown = "" if instant == before else words.at(instant, zone)
        yield f"{shown:<{width}} | {text}"
        before = instant


def _turns(case: Case, page: str) -> Iterator[tuple[datetime, int, str]]:
    """Yield how alerts go on, those that say the same at one instant on one line."""
    turns: dict[tuple[datetime, str], list[str]] = {}
    for one, repeats in _runs(case.raised):
        for at, word in one.then:
            flagged = one.ends_flagged and at == one.then[0][0]
            said = f"{word}, flagged {words.listed(one.ends_flagged)}" if flagged else word
            to = f" to {repeats[-1].repeat}" if repeats else ""
            turns.setdefault((at, said), []).append(f"{_name(one, page)}{to}")
    for (at, said), names in turns.items():
        yield at, 1, f"{_INDENT}<- {words.listed(names)}: {said}"


def _late(value: timedelta) -> str:
    seconds = value // timedelta(seconds=1)
    parts = ((seconds // 3_600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount)


def _name(one: Raised, page: str) -> str:
    rule = one.rule if one.rule and one.rule != page else ""
    if one.level is None:
        return f"{rule or page}{f' ({one.repeat})' if one.repeat else ''}"
    name = f"{one.level} {one.repeat}" if one.repeat else one.level
    return f"{rule} {name}".strip()


def _raised(one: Raised, page: str) -> str:
    parts = [one.severity, "paged" if one.paged else "board only"]
    if one.ward:
        parts.append(f"to {one.ward}")
    if one.late_by:
        parts.append(f"late by {_late(one.late_by)}")
    if one.missing:
        parts.append(f"missing: {words.listed(one.missing)}")
    if one.words:
        parts.append(f'says "{one.words}"')
    if one.unsaid:
        parts.append(f'does not say "{one.unsaid}"')
    if one.flags:
        parts.append(f"flagged {words.listed(one.flags)}")
    return f"{_name(one, page)}: {', '.join(parts)}"
