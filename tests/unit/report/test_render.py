"""The four formats: small cells hidden, nothing of a patient, nothing that a reader's program runs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from cordwatch.report.outcome import OutcomeReport
from cordwatch.report.page import charts, render_html
from cordwatch.report.reading import ClockOutcome, ward_name
from cordwatch.report.render import render_csv, render_json, render_table, sections
from tests.builders import T
from tests.unit.report.histories import AMSTERDAM, a_clock, a_report, an_alert, seen

CANARY = "Zebrafinch"
WIDTH = 200

FORMATS: dict[str, Callable[[OutcomeReport], str]] = {
    "table": lambda report: render_table(report, WIDTH),
    "csv": lambda report: render_csv(report, small_cells=False),
    "csv-small": lambda report: render_csv(report, small_cells=True),
    "html": lambda report: render_html(report, small_cells=False),
    "html-small": lambda report: render_html(report, small_cells=True),
    "json": render_json,
}
in_every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)


def clocks_on(**wards: int) -> list[ClockOutcome]:
    """Return so many MRI clocks on each ward, met on a Monday at eight."""
    return [a_clock(f"{ward}{n}", ward=ward) for ward, many in wards.items() for n in range(many)]


def judged(report: OutcomeReport, cut: str, *, small_cells: bool = False) -> dict[str, object]:
    """Return what is shown as judged, by the value of *cut*."""
    found = {one.name: one for one in sections(report, small_cells=small_cells)}
    return {row.value: row.figures["judged"] for row in found[f"in-time-by-{cut}"].rows}


def csv_rows(text: str) -> list[dict[str, str]]:
    """Return the lines of a CSV report by their headings."""
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("wards", "shown"),
    [
        ({"A": 5, "B": 9}, {"A": 5, "B": 9}),
        ({"A": 4, "B": 3, "C": 9}, {"A": "<5", "B": "<5", "C": 9}),
        ({"A": 4, "B": 7, "C": 6}, {"A": "<5", "B": 7, "C": "hidden"}),
        ({"A": 4}, {"A": "<5"}),
    ],
    ids=["none-small", "two-small", "one-small", "only-one"],
)
def test_small_cells_cannot_be_worked_out(wards: dict[str, int], shown: dict[str, object]) -> None:
    """Fewer than five are hidden; one alone would follow from the total, so another goes with it."""
    assert judged(a_report(clocks_on(**wards)), "ward") == shown


def test_a_hidden_cell_hides_all_its_figures() -> None:
    """Its share, its minutes and what else is counted in it."""
    rows = csv_rows(render_csv(a_report(clocks_on(A=4, B=4)), small_cells=False))
    kept = {(row["measure"], row["figure"]) for row in rows if row["cut"] in {"ward", "hour"}}
    assert {one for one in kept if one[1]} == {
        ("judged", "<5"),
        ("judged", "8"),
        ("in_time", "8"),
        ("share", "1.0"),
        *((name, "0") for name in ("documented_late", "late", "overdue", "ended_overdue")),
        *((name, "0") for name in ("running", "withdrawn", "superseded")),
    }


def test_small_cells_are_shown_where_asked() -> None:
    """Who asks takes the responsibility; JSON and the terminal's table are for the same hands."""
    report = a_report(clocks_on(A=4, B=3))
    assert judged(report, "ward", small_cells=True) == {"A": 4, "B": 3}
    assert "&lt;5" in render_html(report, small_cells=False)
    assert "&lt;5" not in render_html(report, small_cells=True)
    assert [
        one["judged"] for one in json.loads(render_json(report))["sections"]["in-time-by-ward"]
    ] == [4, 3]
    assert "<5" not in render_table(report, WIDTH)


def test_totals_and_rules_are_never_hidden() -> None:
    """Two of five thousand patients are a figure; two of a night on one ward are two people."""
    report = a_report(clocks_on(A=2))
    assert (judged(report, "all"), judged(report, "rule")) == (
        {"all": 2},
        {"mri.mescc-suspected": 2},
    )
    assert judged(report, "hour") == {"08": "<5"}


def test_a_hidden_cell_has_no_bar() -> None:
    """A plot shows no more than its table."""
    many = [a_clock(f"{day}{n}", start_at=T(24 * day)) for day in (0, 1) for n in range(5 - day)]
    report = a_report(many)
    titles = {
        small: {chart.title for chart in charts(sections(report, small_cells=small))}
        for small in (True, False)
    }
    assert titles[True] - titles[False] == {"MRI in time (%), by weekday of the start"}


def a_history_of_canaries() -> OutcomeReport:
    """Return a report over alerts and answers whose every free field holds a canary."""
    told: dict[str, Any] = {
        name: f"{CANARY}-{name}"
        for name in ("patient", "encounter", "episode", "cause", "facility", "reason", "clause")
    }
    told |= {"missing": (CANARY,), "flags": (CANARY,), "ward": CANARY, "clock": f"{CANARY}-clock"}
    alert = an_alert(f"{CANARY}-alert", **told)
    answer = seen(f"{CANARY}-alert", T(12.1), by=f"Dr {CANARY}", reason=CANARY, patient=CANARY)
    return a_report([a_clock(f"{CANARY}-clock")], [alert], [answer], person_of={CANARY: CANARY})


@in_every_format
def test_no_format_holds_a_reference_or_free_text(form: Callable[[OutcomeReport], str]) -> None:
    """Patients, encounters, alert and clock ids, reasons, who answered: none of it is printed."""
    text = form(a_history_of_canaries())
    assert "mri.mescc-suspected" in text
    assert CANARY not in text


@in_every_format
def test_an_empty_report_is_still_one(form: Callable[[OutcomeReport], str]) -> None:
    """It says what it is about, and counts nothing."""
    text = form(a_report())
    assert "mescc-lymphoma@" in text
    assert "100.0 %" not in text


def test_the_page_needs_no_network_and_runs_nothing() -> None:
    """Plots are inline; whatever a browser might load is forbidden by the page itself."""
    page = render_html(a_report(clocks_on(A=9, B=9), [an_alert()]), small_cells=False)
    assert page.count("<svg") == 1
    assert "default-src 'none'" in page
    assert (
        re.findall(r"<script|<link|<img|<iframe|@import|url\(|\bon\w+=|\bsrc=|\bhref=", page) == []
    )
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}


def test_what_a_source_wrote_is_text_everywhere() -> None:
    """A ward is no mark-up on the page, no colour on the terminal and no formula in a spreadsheet."""
    wards = ("<script>x()</script>", "[red]ward[/red]", "=1+cmd", "-2", "a,b\n")
    report = a_report([a_clock(ward, ward=ward_name(ward)) for ward in wards])
    page = render_html(report, small_cells=True)
    assert "&lt;script&gt;x()" in page
    assert "<script" not in page
    assert "[red]ward[/red]" in render_table(report, WIDTH)
    rows = csv_rows(render_csv(report, small_cells=True))
    shown = {row["value"] for row in rows if row["cut"] == "ward"}
    assert shown == {"<script>x()</script>", "[red]ward[/red]", "'=1+cmd", "'-2", "a,b"}


def test_csv_and_json_hold_the_same_figures() -> None:
    """Two ways to write one report."""
    report = a_report(clocks_on(A=3, B=7), [an_alert()], [seen("a1", T(12.1))])
    document = json.loads(render_json(report))
    told = {
        (name, row["cut"], row["value"], row["what"], measure): ""
        if figure is None
        else str(figure)
        for name, rows in document["sections"].items()
        for row in rows
        for measure, figure in row.items()
        if measure not in {"cut", "value", "what"}
    }
    lines = csv_rows(render_csv(report, small_cells=True))
    keys = ("section", "cut", "value", "what", "measure")
    assert told == {
        tuple(line[key] for key in keys): line["figure"]
        for line in lines
        if line["section"] != "report"
    }
    assert len(told) > 100


def test_times_are_shown_in_the_hospitals_zone() -> None:
    """Known at T48, which is 08:00 in Greenwich and 09:00 on the ward."""
    document = json.loads(render_json(a_report(since=T(0), zone=AMSTERDAM)))
    assert (document["from"], document["at"], document["zone"]) == (
        "2026-03-02T09:00:00+01:00",
        "2026-03-04T09:00:00+01:00",
        "Europe/Amsterdam",
    )
    assert "2026-03-04 09:00" in render_table(a_report(zone=AMSTERDAM), WIDTH)
