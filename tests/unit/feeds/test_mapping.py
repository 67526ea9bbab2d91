"""HL7 messages to events: what becomes of each, and that nothing is half understood."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.app.demo_day import DAY_FILE, day_bytes
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import derived_records, translate
from cordwatch.feeds.hl7.framing import split_messages
from cordwatch.feeds.mapping.mapper import Mapped, map_message
from cordwatch.feeds.mapping.orders import order_state
from cordwatch.feeds.source import Source
from cordwatch_schemas.base import Event

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CANARY = "Zebrafinch"
HEAD = "MSH|^~\\&|HIS|H|CW|H|20260302080000+0000||{kind}|77|P|2.5\r"
PERSON = f"PID|1||4711^^^H^MR||{CANARY}^Anna||19400101|F\rPV1|1|I|W1^2^3^H||||||||||||||||V9\r"


def mapped(kind: str, *segments: str, person: str = PERSON) -> Mapped:
    """Map a message of *kind*."""
    text = HEAD.format(kind=kind) + person + "\r".join(segments) + "\r"
    return map_message(text.encode(), Source(), NOW)


def kinds(found: Mapped) -> list[str]:
    """Return the kinds of the events."""
    return [event.kind for event in found.events]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "segments", "expected"),
    [
        ("ADT^A01", ["EVN|A01|20260302080000"], ["admitted"]),
        ("ADT^A02", ["EVN|A02|20260302080000"], ["transferred"]),
        ("ADT^A03", ["EVN|A03|20260302080000"], ["discharged"]),
        ("ADT^A11", ["EVN|A11|20260302080000"], ["admission-cancelled"]),
        ("ADT^A13", ["EVN|A13|20260302080000"], ["discharge-cancelled"]),
        ("ADT^A40", ["MRG|12^^^H^MR"], ["merged", "merged"]),
        ("ORM^O01", ["ORC|NW|P1", "OBR|1|P1||30855-1^^LN"], ["imaging-ordered"]),
        ("ORM^O01", ["ORC|CA|P1", "OBR|1|P1||30855-1^^LN"], ["imaging-cancel-requested"]),
        ("ORM^O01", ["ORC|OC|P1", "OBR|1|P1||30855-1^^LN"], ["imaging-cancelled"]),
        ("OMI^O23", ["ORC|SC|P1|F1||CM", "OBR|1|P1|F1|30855-1^^LN"], ["imaging-done"]),
        (
            "ORU^R01",
            ["OBR|1|P1|F1|30855-1^^LN" + "|" * 21 + "F", "OBX|1|TX|a||text||||||F"],
            ["imaging-reported"],
        ),
        (
            "ORU^R01",
            ["OBR|1||A1|x", "OBX|1|CE|suspected-mescc^^99CORDWATCH||Y||||||F"],
            ["assessed"],
        ),
        (
            "RDE^O11",
            ["ORC|NW|M1", "RXE|^Q6H|H02AB02^^ATC|4||mg", "RXR|PO"],
            ["medication-ordered"],
        ),
        (
            "RAS^O17",
            [
                "ORC|RE|M1",
                "RXA|0|1|20260302080000||H02AB02^^ATC|4|mg" + "|" * 13 + "CP",
                "RXA|0|2|20260302090000||H02AB02^^ATC|4|mg" + "|" * 13 + "RE",
            ],
            ["medication-given", "medication-not-given"],
        ),
        (
            "RAS^O17",
            ["RXA|0|1|20260302080000||H02AB02^^ATC|4|mg" + "|" * 13 + "CP"],
            ["medication-given"],
        ),
        ("PPR^PC1", ["PRB|AD|20260302080000|G95.2^^I10|7"], ["diagnosed"]),
        ("PPR^PC3", ["PRB|DE|20260302080000|G95.2^^I10|7"], ["diagnosis-retracted"]),
        (
            "SIU^S12",
            ["SCH|A1" + "|" * 25 + "P1", "AIS|1||30855-1^^LN|20260303080000"],
            ["imaging-scheduled"],
        ),
        ("SIU^S26", ["SCH|A1" + "|" * 25 + "P1", "AIS|1||30855-1^^LN"], ["imaging-no-show"]),
    ],
)
def test_a_message_becomes_its_events(kind: str, segments: list[str], expected: list[str]) -> None:
    """One row per trigger that the pathway reads."""
    found = mapped(kind, *segments)
    assert (kinds(found), found.faults) == (expected, ())


def test_repeated_order_groups_never_collapse() -> None:
    """Two ORC/OBR groups are two orders."""
    found = mapped(
        "ORM^O01",
        "ORC|NW|P1",
        "OBR|1|P1||24967-2^^LN",
        "ORC|NW|P2",
        "OBR|2|P2||24937-5^^LN",
    )
    assert [event.order_number for event in found.events] == ["P1", "P2"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "version", ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8"]
)
def test_every_version_is_read(version: str) -> None:
    """What a version names differently stands beside what others do; none is refused."""
    delimiters = "^~\\&#" if version >= "2.7" else "^~\\&"
    head = f"MSH|{delimiters}|HIS|H|CW|H|20260302080000+0000||ADT^A01|77|P|{version}^NLD\r"
    text = head + "EVN|A01|20260302080000\r" + PERSON + "DG1|1|I10|G95.2^^I10||20260302\r"
    found = map_message(text.encode(), Source(), NOW)
    assert (kinds(found), found.faults) == (["admitted", "diagnosed"], ())


@pytest.mark.parametrize("trigger", ["A09", "A17", "A24"])
def test_an_event_that_is_not_read_is_left_out_with_its_reason(trigger: str) -> None:
    """It is nobody's fault, and `cordwatch profile try` says so."""
    found = mapped(f"ADT^{trigger}")
    assert (found.outcome, found.faults) == ("irrelevant", ())
    assert [one.field for one in found.passed_over] == ["MSH-9"]


def test_a_message_that_states_no_more_than_a_year_has_no_time() -> None:
    """MSH-7 stands in for missing times: a year there would be New Year's Day everywhere."""
    text = HEAD.format(kind="ADT^A01").replace("20260302080000+0000", "2026") + PERSON
    found = map_message(text.encode(), Source(), NOW)
    assert found.outcome == "quarantined"
    assert found.faults[0].field == "MSH-7"


@pytest.mark.parametrize(
    ("segments", "patients"),
    [
        (["OBX|1|CE|back-pain^^99CORDWATCH||Y||||||F"], 1),
        (["PID|2||4711^^^H^MR", "OBX|1|CE|back-pain^^99CORDWATCH||Y||||||F"], 0),
    ],
)
def test_findings_belong_to_the_patient_before_them(segments: list[str], patients: int) -> None:
    """A result group ends where the next patient begins."""
    found = mapped("ORU^R01", "OBR|1||A1|x", *segments)
    assert len(found.events) == patients


def test_an_undated_diagnosis_has_no_time_of_its_own() -> None:
    """So that its daily repeat is the same fact."""
    [admitted, diagnosed] = mapped("ADT^A01", "DG1|1||C83.3^^I10").events
    assert admitted.occurred_precision == "second"
    assert diagnosed.occurred_precision == "unstated"


@pytest.mark.parametrize(
    ("control", "status", "expected"),
    [
        ("CA", "", "cancel-requested"),
        ("DC", "", "cancel-requested"),
        ("CA", "CA", "cancelled"),
        ("CR", "", "cancelled"),
        ("NW", "SC", "scheduled"),
        ("SC", "CM", "done"),
        ("SC", "A", "done"),
        ("SC", "ER", "error"),
        ("NW", "", "ordered"),
        ("PR", "", "none"),
    ],
)
def test_a_request_to_cancel_is_no_cancellation(control: str, status: str, expected: str) -> None:
    """The status outranks the control code."""
    assert order_state(control, status) == expected


def test_a_drug_order_without_its_order_segment_is_not_passed_over() -> None:
    """It is kept, and named."""
    found = mapped("RDE^O11", "RXE|^Q6H|H02AB02^^ATC|4||mg")
    assert found.outcome == "quarantined"


def test_what_cannot_be_understood_is_named_and_the_rest_is_read() -> None:
    """A year is no time of a diagnosis; the admission beside it counts."""
    found = mapped("ADT^A01", "DG1|1||C83.3^^I10||2025")
    assert kinds(found) == ["admitted"]
    assert [(fault.field, fault.reason) for fault in found.faults] == [
        ("DG1-5", "says no more than the year")
    ]


def test_a_message_without_a_patient_goes_to_quarantine() -> None:
    """It is relevant, and nobody's."""
    found = mapped("ADT^A01", person="PID|1||\rPV1|1|I|W1\r")
    assert found.outcome == "quarantined"


def test_nothing_that_the_feed_makes_holds_a_name_or_number() -> None:
    """References only, on every topic that is not access-controlled."""
    found = mapped("ADT^A01", "DG1|1||C83.3^^I10||2025")
    told = " ".join(event.model_dump_json() for event in found.events)
    assert CANARY not in told
    assert "4711" not in told
    assert CANARY not in " ".join(f"{one.field} {one.reason}" for one in found.faults)


@pytest.mark.parametrize("second", ["PID|2||12^^^H^MR", "MRG|12^^^H^MR"])
def test_an_unmerge_names_both_whoever_had_survived(second: str) -> None:
    """A37 has two PID and no word of which was the prior number; with an MRG it says so."""
    found = mapped("ADT^A37", "EVN||20260302080000", second)
    told = [(event.patient, event.survivor, event.retired) for event in found.events]  # type: ignore[attr-defined]
    one, other = (Source().reference("p", number) for number in ("4711", "12"))
    as_merged = [(one, one, other), (other, one, other)]
    inverse = [(other, other, one), (one, other, one)]
    assert (kinds(found), found.faults) == (["merge-cancelled"] * len(told), ())
    assert told == as_merged + (inverse if second.startswith("PID") else [])


def test_an_unmerge_of_nobody_is_kept() -> None:
    """One number is no pair."""
    found = mapped("ADT^A37", "EVN||20260302080000", "PID|2||")
    assert (found.events, {fault.field for fault in found.faults}) == ((), {"PID-3"})


@given(st.binary(max_size=400))
def test_any_bytes_are_mapped_irrelevant_or_quarantined(data: bytes) -> None:
    """Never an exception, whatever comes after a header."""
    found = map_message(b"MSH|^~\\&|A|B|||20260302||ORU^R01|1|P|2.5\r" + data, Source(), NOW)
    assert found.outcome in {"mapped", "irrelevant", "quarantined"}


def test_the_bundled_day_is_what_its_module_tells() -> None:
    """The demo's file is generated, not edited."""
    assert DAY_FILE.read_bytes() == day_bytes()


def test_whatever_the_bundled_day_tells_of_a_stay_names_it() -> None:
    """PV1-19: alerts lead to the visit. Only a merge, which has no PV1, is of none."""
    found = (translate(item, Source(), None) for item in read_file(DAY_FILE))
    events = [one for message in found for one in message.told if isinstance(one, Event)]
    assert events != []
    assert {one.kind for one in events if one.encounter is None} == {"merged"}  # type: ignore[attr-defined]


def test_every_message_of_the_corpus_ends_as_one_of_three() -> None:
    """Mapped, irrelevant, or in quarantine with a reason: by count."""
    corpus = os.environ.get("CORDWATCH_CORPUS")
    if not corpus:
        pytest.skip("CORDWATCH_CORPUS names no folder")
    outcomes: Counter[str] = Counter()
    total = 0
    for file in sorted((Path(corpus) / "hl7v2").iterdir()):
        if file.suffix == ".json":
            continue
        total += sum(one.kind == "message" for one in split_messages([file.read_bytes()]))
        for item in read_file(file):
            found = translate(item, Source(), NOW)
            outcomes[found.outcome] += 1
            assert found.outcome != "quarantined" or found.faults
            sent = [record.topic for record in derived_records(found, NOW)]
            assert sent.count("cordwatch.quarantine.v1") == len(found.faults)
    assert sum(outcomes.values()) == total > 1_000
    assert outcomes["mapped"] > 400
