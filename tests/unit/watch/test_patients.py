"""The rows of one patient, in one piece: found, replaced and dropped each by its id."""

from __future__ import annotations

import pytest

from cordwatch.watch.patients import BadRow, Patient

ONE, OTHER, LAST = (b"f" + digit * 24 for digit in (b"1", b"2", b"3"))


def a_patient(*rows: bytes) -> Patient:
    """Return a patient with *rows*."""
    patient = Patient("A", 0)
    for row in rows:
        patient.put(row)
    return patient


@pytest.mark.parametrize("place", range(3))
def test_a_row_is_replaced_where_it_stands(place: int) -> None:
    """First, between others and last; the others are as they were."""
    rows = [ONE + b"a", OTHER + b"bb", LAST + b"ccc"]
    patient = a_patient(*rows)
    rows[place] = rows[place][:25] + b"new"
    patient.put(rows[place])
    assert list(patient.rows) == rows
    assert patient.find(rows[place][:25]) == rows[place]


@pytest.mark.parametrize("place", range(3))
def test_a_row_is_dropped_and_no_other(place: int) -> None:
    """And is not found again."""
    rows = [ONE + b"a", OTHER + b"bb", LAST + b"ccc"]
    patient = a_patient(*rows)
    gone = rows.pop(place)
    patient.drop(gone[:25])
    assert list(patient.rows) == rows
    assert patient.find(gone[:25]) is None


def test_an_id_inside_another_row_is_not_taken_for_a_row() -> None:
    """A retraction names the fact that it retracts."""
    patient = a_patient(ONE + b'{"c":"' + OTHER + b'"}')
    assert patient.find(OTHER) is None
    patient.drop(OTHER)
    assert len(patient.rows) == 1


def test_what_is_noted_about_an_alert_changes_nothing_of_what_was_told() -> None:
    """What was worked out from the rows of facts holds as long as they are the same bytes."""
    alert = b"a" + b"4" * 24
    patient = a_patient(alert + b"x", ONE + b"a", OTHER + b"b")
    told = patient.told
    patient.put(alert + b"y")
    assert patient.told is told
    assert patient.rows == (ONE + b"a", OTHER + b"b", alert + b"y")
    patient.put(LAST + b"c")
    assert patient.told != told


def test_the_fingerprint_is_of_the_rows_whatever_their_order() -> None:
    """Compaction keeps the last of each row, not their order."""
    rows = [ONE + b"a", OTHER + b"b", LAST + b"c"]
    assert a_patient(*rows).fingerprint == a_patient(*reversed(rows)).fingerprint
    assert a_patient(*rows).fingerprint != a_patient(*rows[:2]).fingerprint
    assert a_patient(*rows).fingerprint != a_patient(*rows[:2], LAST + b"d").fingerprint


def test_the_fingerprint_is_kept_up_to_date() -> None:
    """Once it was asked for, it goes along with every row that comes, changes or goes."""
    rows = [ONE + b"a", OTHER + b"b", b"a" + b"4" * 24 + b"c"]
    patient = a_patient(*rows)
    patient.wake_row("pack")
    for put in (LAST + b"d", rows[0], ONE + b"e", rows[2] + b"f", b"a" + b"5" * 24):
        patient.put(put)
        assert patient.fingerprint == a_patient(*patient.rows).fingerprint
    for row in (OTHER, ONE, b"a" + b"5" * 24, OTHER):
        patient.drop(row)
        assert patient.fingerprint == a_patient(*patient.rows).fingerprint
    assert patient.fingerprint != a_patient(*rows).fingerprint


def test_a_row_with_a_line_end_is_none_of_ours() -> None:
    """It would fall apart into two."""
    with pytest.raises(BadRow):
        a_patient(ONE + b"a\nb")


def test_without_rows_nobody_is_known() -> None:
    """What was dropped leaves nothing behind."""
    patient = a_patient(ONE + b"a")
    assert not patient.is_empty
    patient.drop(ONE)
    assert patient.is_empty
    assert patient.rows == ()
