"""Ids of events: a profile that is mended adds some, and leaves the others their names."""

from __future__ import annotations

from datetime import UTC, datetime

from cordwatch.feeds.mapping.mapper import map_message
from cordwatch.feeds.profile import Profile, Profiles
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source
from cordwatch_schemas.positions import read_yaml

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HEAD = "MSH|^~\\&|RIS|NORTH|CW|H|20260302095500||ADT^A08|M1|P|2.5\rPID|1||N1\r"
DIAGNOSES = (
    "DG1|1||G95.2^x^I10||GISTEREN|W\rDG1|2||C83.3^x^I10||20260301|F\r"
    "DG1|3||C83.3^x^I10||20260228|F\r"
)
MERGES = (
    "MSH|^~\\&|RIS|NORTH|CW|H|20260302095500||ADT^A40|M2|P|2.5\r"
    "PID|1||N1\rMRG|N2\rPID|2||N3\rMRG|N4\r"
)


def ids(text: str, profile: str = "profile: ris") -> dict[str, str]:
    """Return what each event is and its id, without the message's part of it."""
    one = read_yaml(profile, Profile, "x.yaml")
    source = Profiles((one,), (one.source(References(b"key")),)).of(text.encode(), "")
    assert isinstance(source, Source)
    events = map_message(text.encode(), source, NOW).events
    return {
        event.model_dump_json(exclude={"event_id"}): event.event_id.partition("-")[2]
        for event in events
    }


def test_what_a_mended_profile_adds_in_front_leaves_the_others_their_ids() -> None:
    """The first diagnosis could not be read; now it can, and the second keeps its name."""
    before = ids(HEAD + DIAGNOSES)
    after = ids(HEAD + DIAGNOSES, "fields: {DG1-5: {values: {GISTEREN: '20260301'}}}")
    assert (len(before), len(after)) == (2, 3)
    assert before.items() < after.items()


def test_equal_things_in_one_message_are_told_apart() -> None:
    """By which of them it is: the same code twice, on two days."""
    first, second = ids(HEAD + DIAGNOSES).values()
    assert first.startswith("diagnosed-")
    assert second == f"{first}.1"


def test_a_merge_has_an_id_under_each_reference() -> None:
    """Survivors and retired ones are numbered apart."""
    first, prior, second, prior_2 = ids(MERGES).values()
    assert len({first, prior}) == 2
    assert (second, prior_2) == (f"{first}.1", f"{prior}.1")


def test_a_moved_visit_has_an_id_under_each_patient() -> None:
    """And the second visit of the message has its own."""
    told = ids(
        HEAD.replace("ADT^A08", "ADT^A45")
        + "MRG|12^^^H^MR||||V1\rPV1|1|I|W1\rMRG|12^^^H^MR||||V2\rPV1|2|I|W1\r"
    )
    names = [name for name in told.values() if name.startswith("encounter-moved-")]
    assert len(set(names)) == 4
    assert not any("." in name for name in names)


def test_a_number_in_an_id_cannot_be_read_back() -> None:
    """Ids stand in logs."""
    order = HEAD.replace("ADT^A08", "ORM^O01") + (
        "ORC|NW|PLACER-4711\rOBR|1|PLACER-4711||30855-1^x^LN|||20260302\r"
    )
    (name,) = ids(order).values()
    assert name.startswith("imaging-ordered-")
    assert "4711" not in name
