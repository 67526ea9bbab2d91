"""Texts into events and answers: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from cordwatch_schemas.admissions import RecordRetracted
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import TOPIC_KINDS, BadEvent, read_answer, read_event, topic_of
from cordwatch_schemas.examples import examples

BY_KIND = {str(getattr(one, "kind", "")): one.model_dump(mode="json") for one in examples()}


def text_of(kind: str, /, **changes: object) -> str:
    """Return the example of *kind* as JSON, with some fields changed."""
    return json.dumps(BY_KIND[kind] | changes)


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        (
            "admitted",
            {"occurred_at": "2026-03-02T08:00:00"},
            "occurred_at: Input should have timez",
        ),
        ("admitted", {"occurred_at": "2026-03-02"}, "occurred_at: Input should have timezone info"),
        ("admitted", {"occurred_at": "soon"}, "admitted.occurred_at: datetime from date parsing"),
        ("admitted", {"patient": "Jane Doe"}, "admitted.patient: string pattern mismatch"),
        (
            "admitted",
            {"event_id": ""},
            "admitted.event_id: String should have at least 1 character",
        ),
        (
            "admitted",
            {"ward": "w" * 201},
            "admitted.ward: String should have at most 200 characters",
        ),
        ("admitted", {"schema_version": 2}, "admitted.schema_version: literal error"),
        ("admitted", {"kind": "arrived"}, "event: union tag invalid"),
        ("admitted", {"codes": [{"system": "LN"}]}, "admitted.codes.0.code: Field required"),
        ("medication-given", {"dose": -1}, "dose: Input should be greater than or equal to 0"),
        ("treatment-planned", {"fractions": 0}, "Input should be greater than or equal to 1"),
        (
            "imaging-done",
            {"order_number": None, "accession_number": None},
            "imaging-done: Value error, order_number or accession_number is needed",
        ),
    ],
)
def test_a_wrong_field_is_named_with_the_reason(
    kind: str, changes: dict[str, object], told: str
) -> None:
    """Who reads the quarantine knows which field to look at."""
    with pytest.raises(BadEvent) as refusal:
        read_event(text_of(kind, **changes))

    assert told in str(refusal.value)
    assert str(refusal.value) == f"{refusal.value.field}: {refusal.value.reason}"


@pytest.mark.parametrize("text", ["", "[]", "null", b"\xff\xfe", '{"kind": null}', "[" * 50_000])
def test_what_is_no_event_at_all_is_refused(text: str | bytes) -> None:
    """Rubbish is refused as a whole, never with a traceback of another kind."""
    with pytest.raises(BadEvent, match=r"^event: "):
        read_event(text)


def test_an_answer_of_an_unknown_kind_is_refused() -> None:
    """Only the three answers may stand on the topic of acknowledgements."""
    with pytest.raises(BadEvent, match="event: union tag invalid"):
        read_answer(text_of("acknowledged", kind="shrugged"))


def test_times_are_kept_in_utc() -> None:
    """An instant written with an offset is the same instant in UTC."""
    event = read_event(text_of("admitted", occurred_at="2026-03-02T09:30:00+01:30"))

    assert datetime(2026, 3, 2, 8, 0, tzinfo=UTC) == event.occurred_at
    assert event.occurred_at.tzinfo is UTC


def test_an_unknown_key_is_ignored() -> None:
    """A newer feed does not stop an older watch during an upgrade."""
    assert read_event(text_of("admitted")) == read_event(text_of("admitted", mood="hopeful"))


def test_what_was_said_is_not_edited() -> None:
    """A message is frozen once it is read."""
    event = read_event(text_of("admitted"))
    with pytest.raises(ValidationError):
        event.source = "someone else"  # type: ignore[misc]


@pytest.mark.parametrize("noun", TOPIC_KINDS)
def test_a_retraction_travels_with_what_it_retracts(noun: str) -> None:
    """So that both come to the same consumer."""
    for kind in TOPIC_KINDS[noun] - {"record-retracted"}:
        retraction = read_event(text_of("record-retracted", target_kind=kind))
        assert isinstance(retraction, RecordRetracted)
        assert noun == topic_of(retraction)


def test_a_retraction_of_something_unknown_goes_with_admissions() -> None:
    """A kind that we do not know still has a topic; nothing is thrown away."""
    assert topic_of(read_event(text_of("record-retracted", target_kind="sang"))) == "admissions"


def test_every_kind_but_the_retraction_has_one_topic() -> None:
    """A kind on two topics would be read twice."""
    kinds = [kind for kinds in TOPIC_KINDS.values() for kind in kinds]

    assert sorted(set(kinds)) == sorted(kind for kind in set(kinds) | {"record-retracted"})
    assert {kind for kind in kinds if kinds.count(kind) > 1} == {"record-retracted"}


def test_a_source_topic_takes_no_alert() -> None:
    """An alert is not a fact about a patient."""
    (alert,) = (one for one in examples() if isinstance(one, Alert))
    with pytest.raises(BadEvent):
        read_event(alert.model_dump_json())
    assert not isinstance(alert, Event)


@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_an_instant_beyond_the_calendar_is_refused(instant: str) -> None:
    """A typing error in the year is a refusal like any other."""
    with pytest.raises(BadEvent, match="occurred_at"):
        read_event(text_of("admitted", occurred_at=instant))


@pytest.mark.parametrize("instant", [1_700_000_000, "1700000000"])
def test_a_bare_number_is_no_instant(instant: object) -> None:
    """An offset is needed: a count of seconds is a guess of ours at what the source means."""
    with pytest.raises(BadEvent, match="occurred_at"):
        read_event(text_of("admitted", occurred_at=instant))


@pytest.mark.parametrize("dose", [float("inf")])
def test_a_dose_is_a_finite_number(dose: float) -> None:
    """An infinite dose would be written as none, and read back as none."""
    with pytest.raises(BadEvent, match="dose"):
        read_event(text_of("medication-given", dose=dose))
