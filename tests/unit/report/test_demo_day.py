"""The report of the bundled day, counted by hand from its messages."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from click.testing import CliRunner

from cordwatch.app.commands.report import report
from cordwatch.app.demo_day import DAY_FILE

Counts = dict[str, tuple[int, int]]


@cache
def document(*options: str) -> dict[str, Any]:
    """Return the JSON report of the day."""
    done = CliRunner().invoke(report, [str(DAY_FILE), "--format", "json", *options])
    assert done.exit_code == 0
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def met(cut: str, what: str, *options: str) -> Counts:
    """Return met and judged clocks of a need by the value of *cut*."""
    rows = document(*options)["sections"][f"in-time-by-{cut}"]
    return {row["value"]: (row["in_time"], row["judged"]) for row in rows if row["what"] == what}


def overall(what: str) -> dict[str, Any]:
    """Return the row of a need over everything."""
    (row,) = (one for one in document()["sections"]["in-time-by-all"] if one["what"] == what)
    found: dict[str, Any] = row
    return found


def minutes_late(what: str) -> tuple[float, float]:
    """Return median and 90th percentile."""
    row = overall(what)
    return row["minutes_late_median"], row["minutes_late_p90"]


def test_mri_by_need_rule_ward_weekday_and_hour() -> None:
    """
    Hours of 2026-03-02, a Monday. The last message that tells something is of 23.9: known then.

    | patient, ward | clock starts | due | done | stands |
    |---|---|---|---|---|
    | 1 HAEM2 | suspected 0.5 | 12.5 | - | overdue by 11.4 h = 684 min |
    | 2 ONC3 | suspected 1.0 | 13 | 9.5 | in time |
    | 3 ACUTE | back pain -333 (Monday 16 Feb 03:00) | 3.0 | - | overdue by 20.9 h = 1254 min |
    | 4 HAEM1 | radicular pain -165 (Monday 23 Feb 03:00) | 3.0 | thoracic 2.0 | in time |
    | 5 HAEM2 | deficit over 10 d -40 (Saturday 08:00) | 8.0 | - | overdue by 15.9 h = 954 min |
    | 6 ONC3 | deficit over 2 d 0.35 | 24.35 | thoracic 15.0 | in time |
    | 7 ACUTE | suspected 2.0 | 14 | L 3.0, C 5.0, T 5.1: whole at 5.1 | in time |
    | 8 HAEM1 | suspected 3.0 | 15 | only a CT | overdue by 8.9 h = 534 min |
    | 10 ONC3 | suspected -336 (Monday 16 Feb 00:00) | -324 | -330 | in time |
    | 11 ACUTE | suspected 5.0 | 17 | died 9.0 | withdrawn before due |
    | 12, merged into 13, by 6.0 last moved to 13's HAEM2 | suspected 6.0 | 18 | 11.4 | in time |
    | 14 ONC3 | suspected 7.0 | 19 | 17.0 | in time |

    Seven of eleven judged. Late: 534, 684, 954, 1254; median 819, nine tenths of four are four.
    """
    whole = overall("MRI")
    assert (whole["in_time"], whole["judged"], whole["share"]) == (7, 11, 0.6364)
    assert (whole["overdue"], whole["withdrawn"], whole["running"], whole["late"]) == (4, 1, 0, 0)
    assert minutes_late("MRI") == (819, 1254)
    assert met("rule", "MRI") == {
        "mri.mescc-suspected": (5, 7),
        "mri.back-pain": (0, 1),
        "mri.radicular-pain": (1, 1),
        "mri.deficit-slow": (0, 1),
        "mri.deficit-rapid": (1, 1),
    }
    assert met("ward", "MRI") == {
        "HAEM1": (1, 2),
        "HAEM2": (1, 3),
        "ONC3": (4, 4),
        "ACUTE": (1, 2),
    }
    assert met("weekday", "MRI") == {"Monday": (7, 10), "Saturday": (0, 1)}
    # 00: 1 (overdue), 6, 10. 03: 3 and 8 (overdue), 4. 05: the withdrawn one alone.
    assert met("hour", "MRI") == {
        "00": (2, 3),
        "01": (1, 1),
        "02": (1, 1),
        "03": (1, 3),
        "05": (0, 0),
        "06": (1, 1),
        "07": (1, 1),
        "08": (0, 1),
    }


def test_steroid_treatment_consultation_and_taper() -> None:
    """
    Confirmed are patient 2 (positive report, 10.0) and patient 9 (diagnosis, 4.0).

    Steroid: 2 due 11.0, given 10.4, in time; 9 due 5.0, never: 18.9 h = 1134 min. Treatment: 2 due
    34.0, still running; 9 due 28.0, begun 20.0, in time. Consultation, 4 h, never held: 2 from
    10.0 (9.9 h = 594 min), 9 from 4.0 (15.9 h = 954), 6 from its deficit 0.35 (19.55 h = 1173), 5
    from -40 (59.9 h = 3594): median 1063.5. Taper, 14 d: 2 from 10.4, running; 10 from its first
    dose -335.5, due 0.5: 23.4 h = 1404 min.
    """
    assert met("all", "steroid") == {"all": (1, 2)}
    assert minutes_late("steroid") == (1134, 1134)
    assert met("all", "treatment") == {"all": (1, 1)}
    assert overall("treatment")["running"] == 1
    assert met("all", "consultation") == {"all": (0, 4)}
    assert minutes_late("consultation") == (1063.5, 3594)
    assert met("all", "taper") == {"all": (0, 1)}
    assert (overall("taper")["running"], *minutes_late("taper")) == (1, 1404, 1404)


def test_the_alerts_of_the_first_two_hours() -> None:
    """
    Raised from 00:00 until before 02:00, when the backdated assessments arrive, each told a little late.

    3: `urgent` at 00:12 (333.2 of 336 h). 4: `urgent` at 00:15 (165.25 of 168 h). 5: the deficit's
    `warning` (40.3 of 48 h) and the consultation's `due` at 00:18, and that one's `overdue` every
    quarter from 00:30 to 01:45: 8. 10: the taper's `urgent` at 00:27 and `due` at 00:30. Twelve
    paged. For the board only: `support.offer` of 3 and 10, both more than a week into their episode.
    Fourteen over four patients with 1, 2, 3 and 8; all at night, the one that began on 1 March.

    Followed: patient 4's, by the MRI at 2.0; the others are still open.
    """
    period = ("--from", "2026-03-02T00:00", "--to", "2026-03-02T02:00")
    found = document(*period)["sections"]
    (patients,) = found["alerts-per-patient"]
    assert (patients["patients"], patients["alerts"], patients["paged"]) == (4, 14, 12)
    assert (patients["median"], patients["p90"], patients["most"]) == (2.5, 8, 8)
    shifts = {row["value"]: (row["shifts"], row["alerts"]) for row in found["alerts-per-shift"]}
    assert shifts == {"day": (0, 0), "evening": (0, 0), "night": (1, 14)}
    came_of = {
        (row["value"], row["what"]): (row["alerts"], row["followed"], row["open"])
        for row in found["followed"]
    }
    assert came_of == {
        ("mri.back-pain", "urgent"): (1, 0, 1),
        ("mri.radicular-pain", "urgent"): (1, 1, 0),
        ("mri.deficit-slow", "warning"): (1, 0, 1),
        ("mdt.consult", "due"): (1, 0, 1),
        ("mdt.consult", "overdue"): (6, 0, 6),
        ("steroid.taper", "urgent"): (1, 0, 1),
        ("steroid.taper", "due"): (1, 0, 1),
        ("support.offer", "-"): (2, 0, 2),
    }
    # Nobody answers in the demo; only what was paged asks for an answer.
    assert found["acknowledged"][0]["never"] == 12


def test_a_period_takes_the_clocks_that_start_in_it() -> None:
    """From 02:00 until before 03:00 of the day: patient 7, from 2.0; patient 8, from 3.0, no more."""
    period = ("--from", "2026-03-02T02:00Z", "--to", "2026-03-02T03:00Z")
    assert met("all", "MRI", *period) == {"all": (1, 1)}
    longer = ("--from", "2026-03-02T02:00Z", "--to", "2026-03-02T03:00:01Z")
    assert met("all", "MRI", *longer) == {"all": (1, 2)}


def test_the_hospitals_zone_moves_weekday_and_hour() -> None:
    """
    In Los Angeles, 8 h behind: consultations from Monday 00:21 and 04:00 were on Sunday there.

    From Monday 10:00 is Monday 02:00, from Saturday 08:00 Saturday 00:00.
    """
    there = ("--zone", "America/Los_Angeles")
    weekdays = {"Monday": (0, 1), "Saturday": (0, 1), "Sunday": (0, 2)}
    assert met("weekday", "consultation", *there) == weekdays
    assert list(met("hour", "consultation", *there)) == ["00", "02", "16", "20"]
