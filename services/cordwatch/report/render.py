"""The report as text: one shape for every figure, small cells hidden, then table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from cordwatch.report.outcome import OutcomeReport, Share

FORMAT_VERSION = 1
SMALL = 5
"""A ward or an hour with fewer judged clocks than this could point at a patient."""
SMALL_CUTS = frozenset({"ward", "weekday", "hour"})
HIDDEN, HIDDEN_BESIDE = f"<{SMALL}", "hidden"
DISCLAIMER = "Decision support, not certified. Figures describe care; they do not explain it."
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is run by a spreadsheet."""

_KEYS = 2
"""Columns of a table before its figures."""

Figure = float | int | str | None


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one cell: what is cut how, where, and each figure by its name."""

    cut: str
    value: str
    what: str
    figures: dict[str, Figure]


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one kind, under a title."""

    name: str
    title: str
    rows: tuple[Row, ...]


_TITLES = {
    "all": "In time, by what was due",
    "rule": "In time, by rule",
    "ward": "In time, by ward at the start",
    "weekday": "In time, by weekday of the start",
    "hour": "In time, by hour of the start",
}


def sections(report: OutcomeReport, *, small_cells: bool) -> list[Section]:
    """Return every figure of *report*; small cells hidden unless *small_cells*."""
    by_cut: dict[str, list[Row]] = defaultdict(list)
    for share in report.shares:
        by_cut[share.cut].append(_share_row(share))
    found = []
    for cut, title in _TITLES.items():
        rows = by_cut[cut]
        if cut in SMALL_CUTS and not small_cells:
            rows = without_small_cells(rows)
        found.append(Section(f"in-time-by-{cut}", title, tuple(rows)))
    return [*found, *_alert_sections(report)]


def _share_row(share: Share) -> Row:
    figures: dict[str, Figure] = {
        "judged": share.judged,
        "in_time": share.in_time,
        "share": share.share,
        "documented_late": share.documented_late,
        "late": share.late,
        "overdue": share.overdue,
        "ended_overdue": share.ended_overdue,
        "minutes_late_median": share.minutes_late_median,
        "minutes_late_p90": share.minutes_late_p90,
        "running": share.running,
        "withdrawn": share.withdrawn,
        "superseded": share.superseded,
    }
    return Row(share.cut, share.value, share.need, figures)


def _alert_sections(report: OutcomeReport) -> Iterator[Section]:
    patients = (Row("patient", "all", "alerts", asdict(report.patients)),)
    yield Section("alerts-per-patient", "Alerts a patient", patients)
    yield Section("alerts-per-shift", "Alerts a shift", tuple(_shift_rows(report)))
    title = "Paged alerts acknowledged within 15 minutes"
    yield Section("acknowledged", title, tuple(_acknowledged_rows(report)))
    title = "Alerts followed by what they asked for"
    yield Section("followed", title, tuple(_followed_rows(report)))


def _shift_rows(report: OutcomeReport) -> Iterator[Row]:
    for one in report.shifts:
        figures: dict[str, Figure] = {
            "shifts": one.shifts,
            "alerts": one.alerts,
            "paged": one.paged,
            "mean": one.mean,
            "most": one.most,
        }
        yield Row("shift", one.shift, "alerts", figures)


def _acknowledged_rows(report: OutcomeReport) -> Iterator[Row]:
    for one in report.acknowledged:
        figures: dict[str, Figure] = {
            "judged": one.judged,
            "within": one.within,
            "share": one.share,
            "later": one.later,
            "never": one.never,
            "waiting": one.waiting,
        }
        yield Row("severity", one.severity, "alerts", figures)


def _followed_rows(report: OutcomeReport) -> Iterator[Row]:
    for one in report.followed:
        figures: dict[str, Figure] = {
            "alerts": one.alerts,
            "followed": one.followed,
            "share": one.share,
            "already_done": one.already_done,
            "ended_otherwise": one.ended_otherwise,
            "open": one.open,
        }
        yield Row("rule", one.rule, one.level, figures)


def without_small_cells(rows: Sequence[Row]) -> list[Row]:
    """
    Return *rows* of one cut without the figures of small cells.

    One small cell alone could be worked out from the total, so the next
    larger one of the same need goes with it.
    """
    by_need: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_need[row.what].append(row)
    beside = set()
    for same in by_need.values():
        small = [row for row in same if _judged(row) < SMALL]
        large = [row for row in same if _judged(row) >= SMALL]
        if len(small) == 1 and large:
            beside.add(id(min(large, key=_judged)))
    hidden = []
    for row in rows:
        word = HIDDEN if _judged(row) < SMALL else HIDDEN_BESIDE if id(row) in beside else None
        hidden.append(row if word is None else _hide(row, word))
    return hidden


def _judged(row: Row) -> int:
    judged = row.figures["judged"]
    return judged if isinstance(judged, int) else 0


def _hide(row: Row, word: str) -> Row:
    return replace(row, figures={**dict.fromkeys(row.figures), "judged": word})


def words(measure: str) -> str:
    """Return the name of a figure as a heading."""
    return measure.replace("_", " ").replace("p90", "90 %")


def shown(measure: str, figure: Figure) -> str:
    """Return a figure as people read it."""
    if figure is None:
        return ""
    if isinstance(figure, str):
        return figure
    if measure == "share":
        return f"{figure * 100:.1f} %"
    return f"{figure:g}" if isinstance(figure, int) else f"{figure:.1f}"


def heading(report: OutcomeReport) -> list[str]:
    """Return what the report is about, in lines."""
    since = local(report, report.period.since) or "the first clock"
    until = local(report, report.period.until) or "the end"
    return [
        f"Clocks that started, and alerts raised, from {since} until before {until}",
        f"As known at {local(report, report.at)}, from {report.source}, under {report.pack}",
        f"Times in {zone_name(report)}",
        *report.notes,
        DISCLAIMER,
    ]


def local(report: OutcomeReport, instant: datetime | None) -> str | None:
    """Return *instant* on the hospital's wall."""
    return None if instant is None else f"{instant.astimezone(report.zone):%Y-%m-%d %H:%M}"


def zone_name(report: OutcomeReport) -> str:
    """Return the name of the hospital's zone."""
    return str(report.zone)


def render_json(report: OutcomeReport) -> str:
    """Return the report as one JSON object; docs/report.md describes it."""
    return json.dumps(_document(report), indent=2, ensure_ascii=False)


def _document(report: OutcomeReport) -> dict[str, Any]:
    period = report.period
    return {
        "format": FORMAT_VERSION,
        "source": report.source,
        "pack": report.pack,
        "zone": zone_name(report),
        "from": _instant(report, period.since),
        "to": _instant(report, period.until),
        "at": _instant(report, report.at),
        "notes": [*report.notes, DISCLAIMER],
        "sections": {
            section.name: [
                {"cut": row.cut, "value": row.value, "what": row.what, **row.figures}
                for row in section.rows
            ]
            for section in sections(report, small_cells=True)
        },
    }


def _instant(report: OutcomeReport, instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(report.zone).isoformat()


def render_csv(report: OutcomeReport, *, small_cells: bool) -> str:
    """Return the report as CSV, one figure a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("section", "cut", "value", "what", "measure", "figure"))
    about = zip(
        ("from", "to", "at"), (report.period.since, report.period.until, report.at), strict=True
    )
    writer.writerows(("report", "", "", "", name, _instant(report, at) or "") for name, at in about)
    for name, value in (
        ("zone", zone_name(report)),
        ("pack", report.pack),
        ("source", report.source),
    ):
        writer.writerow(("report", "", "", "", name, value))
    writer.writerows(("report", "", "", "", "note", note) for note in report.notes)
    for section in sections(report, small_cells=small_cells):
        for row in section.rows:
            for measure, figure in row.figures.items():
                cell = "" if figure is None else figure
                writer.writerow((section.name, row.cut, _inert(row.value), row.what, measure, cell))
    return text.getvalue()


def _inert(text: str) -> str:
    """Return *text*, which a source wrote, so that no spreadsheet runs it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def render_table(report: OutcomeReport, width: int) -> str:
    """Return the report as tables for a terminal."""
    from rich.console import Console  # noqa: PLC0415 - heavy, and not for the other formats
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(width=width, file=io.StringIO(), record=True, highlight=False)
    for line in heading(report):
        console.print(Text(line))
    for section in sections(report, small_cells=True):
        table = Table(title=section.title, title_justify="left")
        for place, name in enumerate(_columns(section.rows)):
            # Figures give way first: a rule cut short is another rule's name.
            is_key = place < _KEYS
            table.add_column(name, no_wrap=is_key, justify="left" if is_key else "right")
        for row in section.rows:
            figures = (shown(measure, figure) for measure, figure in row.figures.items())
            # As Text: a ward named [red] is a ward, not a colour.
            table.add_row(*(Text(cell) for cell in (row.value, row.what, *figures)))
        console.print()
        console.print(table if section.rows else Text(f"{section.title}: nothing to count"))
    return console.export_text()


def _columns(rows: Iterable[Row]) -> list[str]:
    for row in rows:
        return [row.cut, "what", *(words(measure) for measure in row.figures)]
    return []
