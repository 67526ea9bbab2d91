"""What a frame comes to: understood, or kept with its reason; never half understood, never a crash."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds import intake
from cordwatch.feeds.gateway import Translated, derived_records, raw_record
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import records_of, understand
from cordwatch.feeds.source import Source
from cordwatch.runtime.logging import configure_logging
from cordwatch_schemas.records import Quarantined, RawMessage
from cordwatch_schemas.topics import ADMISSIONS, QUARANTINE, RAW

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CANARY = "Zebrafinch"
ADMISSION = (
    b"MSH|^~\\&|HIS|WARD|CW|HOME|20260302100000||ADT^A01|G1|P|2.5\r"
    b"PID|1||7^^^H^MR||Zebrafinch^A\rPV1|1|I|HAEM1||||||||||||||||V1\rEVN|A01|20260302095500\r"
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give what is logged; afterwards the root logger is as before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    caught = io.StringIO()
    configure_logging("debug", "json", caught)
    yield caught
    root.handlers[:] = before
    root.setLevel(level)


def understood(data: bytes, *applications: str, kind: str = "message") -> Translated:
    """Return what a frame comes to."""
    piece = Piece(kind, data, "" if kind == "message" else "too long")  # type: ignore[arg-type]
    return understand(piece, Source(), NOW, applications)


def quarantined(found: Translated) -> list[Quarantined]:
    """Return the quarantine records of a message."""
    records = derived_records(found, NOW)
    return [Quarantined.model_validate_json(r.value) for r in records if r.topic == QUARANTINE.name]


def test_an_admission_is_events_and_no_fault() -> None:
    """The plain case."""
    found = understood(ADMISSION)
    assert (found.outcome, found.faults) == ("mapped", ())
    assert ADMISSIONS.name in {record.topic for record in derived_records(found, NOW)}


def test_the_same_message_again_has_the_same_event_ids() -> None:
    """A sender that lost an answer sends again, and nobody is told twice."""
    first, again = understood(ADMISSION), understood(ADMISSION)
    assert first.told
    assert [one.event_id for one in first.told] == [one.event_id for one in again.told]


@pytest.mark.parametrize("between", [b"", b"FHS|^~\\&\rBHS|^~\\&\r"])
def test_two_messages_in_a_frame_are_not_read_as_one(between: bytes) -> None:
    """The second patient's diagnosis would become the first one's."""
    found = understood(ADMISSION + between + ADMISSION.replace(b"|7^", b"|8^"))
    assert (found.outcome, found.told, found.identities) == ("quarantined", (), ())
    [kept] = quarantined(found)
    assert (kept.source, kept.source_message_id, kept.field) == ("HIS|WARD", "G1", "MSH")
    assert kept.reason == "more than one message in a frame"


def test_a_batch_wrapper_in_a_frame_is_kept() -> None:
    """Batches come in files; over MLLP their parts could not be answered one by one."""
    found = understood(b"FHS|^~\\&\rBHS|^~\\&\r" + ADMISSION + b"BTS|1\r")
    assert (found.outcome, len(quarantined(found))) == ("quarantined", 1)


@pytest.mark.parametrize(
    ("applications", "outcome"),
    [((), "mapped"), (("LAB", "HIS"), "mapped"), (("LAB",), "quarantined")],
)
def test_only_listed_applications_are_listened_to(
    applications: tuple[str, ...], outcome: str
) -> None:
    """What another one sent is kept: it may only have been renamed."""
    found = understood(ADMISSION, *applications)
    assert found.outcome == outcome
    assert len(quarantined(found)) == (outcome == "quarantined")
    assert bool(found.told) is (outcome == "mapped")


def test_an_oversized_frame_is_named_by_its_sender() -> None:
    """The header was kept; whoever looks for it finds it."""
    found = understood(ADMISSION, kind="oversized")
    [kept] = quarantined(found)
    assert (kept.source, kept.source_message_id, kept.stage) == ("HIS|WARD", "G1", "framing")
    assert found.told == ()


def test_an_error_of_ours_stops_nothing(monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> None:
    """The message is kept, the next one goes through, the log names no patient."""

    def fails(*_: object) -> Translated:
        raise ZeroDivisionError(CANARY)

    with monkeypatch.context() as patch:
        patch.setattr(intake, "translate", fails)
        found = understood(ADMISSION)
    assert (found.outcome, found.control_id) == ("quarantined", "G1")
    assert [fault.field for fault in found.faults] == ["application"]
    assert understood(ADMISSION).outcome == "mapped"
    assert "mapping failed" in log.getvalue()
    assert CANARY not in log.getvalue()


def test_records_that_cannot_be_made_stop_nothing_either(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    """The message would come again and again, and end the process each time."""
    found = understood(ADMISSION)
    made = derived_records

    def fails(one: Translated, at: datetime) -> object:
        if one.told:
            raise ZeroDivisionError(CANARY)
        return made(one, at)

    monkeypatch.setattr(intake, "derived_records", fails)
    plain, records = records_of(found, NOW)
    assert (plain.outcome, [fault.field for fault in plain.faults]) == (
        "quarantined",
        ["application"],
    )
    assert [record.topic for record in records] == [RAW.name, QUARANTINE.name]
    assert CANARY not in log.getvalue()


def test_ids_longer_than_the_contract_are_kept_all_the_same() -> None:
    """A control id of a kilobyte is a fault of the sender, not an end of ours."""
    found = understood(ADMISSION.replace(b"|G1|", b"|" + b"9" * 1000 + b"|"))
    raw = RawMessage.model_validate_json(raw_record(found, NOW).value)
    assert raw.source_message_id == "9" * 200


@given(st.binary(max_size=300), st.sampled_from([b"", b"MSH|^~\\&|", ADMISSION, ADMISSION[:60]]))
def test_whatever_comes_has_an_outcome_that_can_be_kept(data: bytes, begin: bytes) -> None:
    """No bytes raise, and each leads to records that fit their contracts."""
    found = understood(begin + data)
    raw = RawMessage.model_validate_json(raw_record(found, NOW).value)
    assert raw.content_base64 or not begin + data
    assert len(quarantined(found)) == len(found.faults)
    assert found.outcome in {"mapped", "irrelevant"} or found.faults
