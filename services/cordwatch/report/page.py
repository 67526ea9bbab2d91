"""The report as one HTML page that needs nothing else: no script, no network, plots drawn inline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

import leather
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from cordwatch.report.outcome import OutcomeReport
from cordwatch.report.render import SMALL, Row, Section, heading, sections, shown, words

CHART_WIDTH, CHART_HEIGHT = 620, 260
LABEL_PIXELS = 9
"""About as wide as a character of a label."""
COLOUR = "#1f5f8b"
BARS_MIN = 2
"""A single bar says no more than its number in the table."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot and what it shows."""

    title: str
    svg: Markup


def render_html(report: OutcomeReport, *, small_cells: bool) -> str:
    """Return the report as a page; what sources wrote (ward names) is escaped."""
    found = sections(report, small_cells=small_cells)
    template = resources.files("cordwatch.report") / "page.html.j2"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        heading=heading(report),
        charts=list(charts(found)),
        sections=found,
        shown=shown,
        words=words,
        small=SMALL,
        hides=not small_cells,
    )


def charts(found: Sequence[Section]) -> Iterator[Chart]:
    """Return the plots of what the tables show: a hidden cell has no bar."""
    named = {section.name: section for section in found}
    overall = [row for row in named["in-time-by-all"].rows if row.figures["share"] is not None]
    yield from _shares("In time (%), by what was due", [(row.what, row) for row in overall])
    for cut in ("weekday", "hour"):
        rows = named[f"in-time-by-{cut}"].rows
        for need in dict.fromkeys(row.what for row in rows):
            mine = [(row.value[:3], row) for row in rows if row.what == need]
            yield from _shares(f"{need} in time (%), by {cut} of the start", mine)
    shifts = named["alerts-per-shift"].rows
    means = [(row.value, row.figures["mean"]) for row in shifts]
    yield from _columns("Alerts a shift, on average", _numbers(means), None)


def _shares(title: str, rows: Sequence[tuple[str, Row]]) -> Iterator[Chart]:
    parts = _numbers([(label, row.figures["share"]) for label, row in rows])
    yield from _columns(title, [(label, part * 100) for label, part in parts], 100)


def _numbers(pairs: Sequence[tuple[str, object]]) -> list[tuple[str, float]]:
    return [(label, float(one)) for label, one in pairs if isinstance(one, int | float)]


def _columns(title: str, bars: Sequence[tuple[str, float]], top: float | None) -> Iterator[Chart]:
    if len(bars) < BARS_MIN:
        return
    chart = leather.Chart()
    # A ceiling over zeros too: the library divides by the span of the scale.
    chart.add_y_scale(0, top or max(1.0, *(height for _, height in bars)))
    chart.add_columns(list(bars), fill_color=COLOUR)
    width = max(CHART_WIDTH, sum(len(label) + 2 for label, _ in bars) * LABEL_PIXELS)
    svg = chart.to_svg(width=width, height=CHART_HEIGHT)
    # Drawn by the library from ElementTree, which escapes labels; autoescape would show its source.
    yield Chart(title, Markup(str(svg)))  # noqa: S704
