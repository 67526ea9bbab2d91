"""Quarantine, pure: what is open, what a second reading makes of it, and what is then said about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Published, derived_records, raw_record, translate
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import NOT_LISTED, understand
from cordwatch.feeds.profile import Profile, Profiles
from cordwatch.feeds.quarantine import (
    Held,
    Reread,
    Selection,
    Shelf,
    by_content,
    by_message,
    originals,
    raw_texts,
    reread,
    said,
    settled,
)
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source, Sources
from cordwatch_schemas.base import Event
from cordwatch_schemas.positions import read_yaml
from cordwatch_schemas.records import Quarantined
from cordwatch_schemas.topics import ADMISSIONS, IDENTITIES, QUARANTINE
from tests.builders import T, a_suspicion

CAME = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = CAME + timedelta(hours=5)
KEY = References(b"a key of this test")
NAME = "Zebrafinch"
MESSAGE = (
    "MSH|^~\\&|RIS|NORTH|CW|H|20260302095500||ADT^A01|M1|P|2.5\r"
    f"PID|1||N1^^^NORTH^MR||{NAME}^A\rPV1|1|I|HAEM1\rEVN|A01|20260302095500\r"
    "DG1|1||C83.3^x^I10||{first}|F\rDG1|2||G95.2^x^I10||{second}|W\r"
)
TWO_BAD = MESSAGE.format(first="GISTEREN", second="VANDAAG").encode()


def profiles(text: str) -> Profiles:
    """Return a gateway's profiles: the one in *text*."""
    one = read_yaml(text, Profile, "x.yaml")
    return Profiles((one,), (one.source(KEY),))


NO_WORDS = profiles("profile: ris")
ONE_WORD = profiles("fields: {DG1-5: {values: {GISTEREN: '20260301'}}}")
BOTH_WORDS = profiles("fields: {DG1-5: {values: {GISTEREN: '20260301', VANDAAG: '20260302'}}}")


def kept(data: bytes, sources: Sources, at: datetime = CAME, peer: str = "") -> list[Published]:
    """Return the records of a message as the gateway writes them, those of quarantine alone."""
    found = understand(Piece("message", data, peer=peer), sources, at)
    return [one for one in derived_records(found, at) if one.topic == QUARANTINE.name]


def shelf(*records: Published) -> Shelf:
    """Return what these records leave."""
    found = Shelf()
    for one in records:
        found.read(one.key, one.value)
    return found


def open_faults(*records: Published) -> list[tuple[str, str]]:
    """Return field and id of what is still open."""
    held = shelf(*records).held()
    return [(one.kept.field, one.kept.quarantine_id[-2:]) for one in held if one.is_open]


def again(records: Sequence[Published], sources: Sources, data: bytes = TWO_BAD) -> Reread:
    """Return what the message comes to, read anew."""
    held = [one for one in shelf(*records).held() if one.is_open]
    return reread(held, data, sources, LATER)


def events(one: Reread) -> list[Event]:
    """Return the events that a reading tells."""
    assert one.found is not None
    return [event for event in one.found.told if isinstance(event, Event)]


def test_what_is_mended_is_told_and_closed() -> None:
    """Every event, then a word on each fault; nothing is open any more."""
    records = kept(TWO_BAD, NO_WORDS)
    assert open_faults(*records) == [("DG1-5", "-0"), ("DG1-5", "-1")]
    one = again(records, BOTH_WORDS)
    assert (one.result, one.faults) == ("mapped", ())
    assert [event.model_dump()["kind"] for event in events(one)] == [
        "admitted",
        "diagnosed",
        "diagnosed",
    ]
    assert {record.topic for record in one.told()} == {ADMISSIONS.name, IDENTITIES.name}
    assert open_faults(*records, *one.closing()) == []
    closed = [word.model_dump() for word in one.words]
    assert {(word["resolution"], word["resolved_at"]) for word in closed} == {("retried", LATER)}


def test_what_was_told_already_is_told_under_the_same_id() -> None:
    """The admission in it was understood the first time: one event, not two."""
    first = understand(Piece("message", TWO_BAD), NO_WORDS, CAME)
    one = again(kept(TWO_BAD, NO_WORDS), BOTH_WORDS)
    assert first.told == tuple(events(one))[:1]


def test_events_were_received_when_the_message_was() -> None:
    """That it could not be read is no lateness of the ward's."""
    one = again(kept(TWO_BAD, NO_WORDS), BOTH_WORDS)
    assert {event.received_at for event in events(one)} == {CAME}


def test_a_message_sent_twice_was_received_the_first_time() -> None:
    """And is in quarantine once."""
    records = [*kept(TWO_BAD, NO_WORDS), *kept(TWO_BAD, NO_WORDS, LATER)]
    assert len(shelf(*records).held()) == 2
    assert {event.received_at for event in events(again(records, BOTH_WORDS))} == {CAME}


def test_a_message_that_came_again_after_it_was_closed_is_open_again() -> None:
    """The gateway still reads it by the profile of before."""
    records = kept(TWO_BAD, NO_WORDS)
    closing = list(again(records, BOTH_WORDS).closing())
    later = kept(TWO_BAD, NO_WORDS, LATER)
    assert len(open_faults(*records, *closing, *later)) == 2
    held = shelf(*records, *closing, *later).held()
    assert {one.kept.received_at for one in held} == {LATER}


def test_what_fails_again_stays_with_its_new_reason() -> None:
    """The first fault is mended, so the second is now the first; its original is not kept twice."""
    data = MESSAGE.format(first="GISTEREN", second="202603").encode()
    records = kept(data, NO_WORDS)
    assert [one.kept.reason for one in shelf(*records).held()] == [
        "is not an HL7 time",
        "says no more than the month",
    ]
    one = again(records, ONE_WORD, data)
    assert (one.result, len(events(one))) == ("fails", 2)
    left = [held for held in shelf(*records, *one.closing()).held() if held.is_open]
    assert [(held.kept.quarantine_id[-2:], held.kept.reason) for held in left] == [
        ("-0", "says no more than the month")
    ]
    assert left[0].kept.received_at == CAME
    assert {word.content_base64 for word in one.words} == {""}


def test_what_fails_as_before_is_left_as_it_is() -> None:
    """Nothing to say about it."""
    one = again(kept(TWO_BAD, NO_WORDS), NO_WORDS)
    assert (one.result, list(one.closing())) == ("fails", [])


def test_a_type_that_the_profile_now_leaves_out_is_closed_without_an_event() -> None:
    """Nobody wants to know."""
    one = again(kept(TWO_BAD, NO_WORDS), profiles("events: {ignore: [ADT]}"))
    assert (one.result, events(one), len(one.resolved)) == ("irrelevant", [], 2)


def test_the_peer_chooses_the_profile_as_it_did_when_the_message_came() -> None:
    """Read as a file it would be read by the first, and its patient be somebody else's."""
    north = read_yaml("from: {peers: [10.1.0.0/16]}", Profile, "n.yaml")
    south = read_yaml(
        "profile: south\nfrom: {peers: [10.2.0.0/16]}\nfields: "
        "{DG1-5: {values: {GISTEREN: '20260301', VANDAAG: '20260302'}}}",
        Profile,
        "s.yaml",
    )
    both = Profiles((north, south), (north.source(KEY), south.source(KEY)))
    assert again(kept(TWO_BAD, NO_WORDS, peer="10.2.0.7"), both).result == "mapped"
    assert again(kept(TWO_BAD, NO_WORDS, peer="10.1.0.7"), both).result == "fails"
    assert again(kept(TWO_BAD, NO_WORDS, peer="10.3.0.7"), both).faults[0].field == "MSH-3"


@pytest.mark.parametrize(
    ("applications", "result"), [((), "fails"), (("HIS",), "fails"), (("HIS", "RIS"), "mapped")]
)
def test_what_is_not_listed_is_not_let_in_by_the_back_door(
    applications: tuple[str, ...], result: str
) -> None:
    """A retry accepts no sender that the gateway refuses."""
    data = MESSAGE.format(first="20260301", second="20260302").encode()
    found = understand(Piece("message", data), NO_WORDS, CAME, ("HIS",))
    assert found.faults == (NOT_LISTED,)
    held = shelf(*[r for r in derived_records(found, CAME) if r.topic == QUARANTINE.name]).held()
    assert reread(held, data, NO_WORDS, LATER, applications).result == result


def test_half_a_message_is_never_read() -> None:
    """However a profile is mended."""
    half = Piece("unreadable", TWO_BAD[:80], "no end of the message")
    found = understand(half, NO_WORDS, CAME)
    records = list(derived_records(found, CAME))
    one = again(records, BOTH_WORDS, half.data)
    assert (one.result, one.found, list(one.closing())) == ("fails", None, [])


def test_an_original_that_is_gone_changes_nothing() -> None:
    """It was kept as long as was promised; that it is not understood stays true."""
    one = again(kept(TWO_BAD, NO_WORDS), BOTH_WORDS, b"")
    assert (one.result, list(one.told()), list(one.closing())) == ("gone", [], [])


def test_a_fault_that_is_put_aside_is_not_open() -> None:
    """By whom and why is there to be read."""
    records = kept(TWO_BAD, NO_WORDS)
    held = shelf(*records).held()[0]
    word = said(held.key, settled(held, "dismissed", LATER, "n.jansen", "a test message"))
    assert open_faults(*records, word) == [("DG1-5", "-1")]
    told = Quarantined.model_validate_json(word.value)
    assert (told.resolved_by, told.resolved_because) == ("n.jansen", "a test message")


def test_a_record_that_watch_could_not_read_is_an_event_and_keeps_its_own_times() -> None:
    """One that its contract takes by now."""
    event = a_suspicion(at=T(0))
    record = Quarantined(
        quarantine_id="admissions-3-17",
        source="admissions",
        source_message_id="3/17",
        received_at=LATER,
        stage="watch",
        field="kind",
        reason="union tag invalid",
        content_sha256="0" * 64,
        content_base64="e30=",
    )
    held = shelf(said(b"admissions|3/17", record)).held()
    one = reread(held, event.model_dump_json().encode(), Source(), LATER)
    assert (one.result, one.resolved) == ("mapped", ["admissions-3-17"])
    assert events(one) == [event]
    still = reread(held, b'{"kind":"unheard-of"}', Source(), LATER)
    assert [(word.quarantine_id, word.source, word.stage) for word in still.words] == [
        ("admissions-3-17", "admissions", "watch")
    ]


BUNDLE = (
    b'{"resourceType":"Bundle","type":"collection","entry":['
    b'{"resource":{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},'
    b'"verificationStatus":{"coding":[{"code":"confirmed"}]},'
    b'"code":{"coding":[{"system":"urn:ours","code":"X"},'
    b'{"system":"http://hl7.org/fhir/sid/icd-10","code":"G95.2"}]},'
    b'"onsetDateTime":"2026-03-02T0800"}},'
    b'{"resource":{"resourceType":"Patient","id":"p1","identifier":[{"value":"N1"}]}}]}'
)


def test_a_part_of_a_fhir_text_is_read_again_with_what_it_refers_to() -> None:
    """The raw topic has the whole; the part alone does not say who the patient is."""
    bad = translate(Item("message", "fhir", BUNDLE), Source(), CAME)
    assert [fault.field for fault in bad.faults] == ["Bundle.entry[0].resource.onsetDateTime"]
    records = [one for one in derived_records(bad, CAME) if one.topic == QUARANTINE.name]
    raw = raw_record(bad, CAME)
    other = raw_record(bad, LATER)
    held = shelf(*records).held()
    messages = by_message(held, held)
    found = list(raw_texts([None, (other.key, other.value), (raw.key, raw.value)], messages))
    assert found == [(held, BUNDLE)]
    good = BUNDLE.replace(b"2026-03-02T0800", b"2026-03-02T08:00:00Z")
    one = reread(held, good, Source(), LATER)
    assert (one.result, len(one.resolved)) == ("mapped", 1)
    assert list(raw_texts([(other.key, other.value)], messages)) == [(held, b"")]


def test_parts_of_a_text_that_is_gone_are_read_part_by_part() -> None:
    """The fault of one must not be closed by reading another."""
    records = kept(TWO_BAD, NO_WORDS)
    first, second = shelf(*records).held()
    changed = second.kept.model_copy(update={"content_sha256": "0" * 64})
    other = Held(second.key, changed, "fhir")
    assert by_content([first, other]) == [[first], [other]]


def test_originals_are_found_once_and_what_is_gone_is_said() -> None:
    """A later word on a fault has no original in it."""
    records = kept(TWO_BAD, NO_WORDS)
    words = list(again(records, ONE_WORD).closing())
    held = shelf(*records, *words).held()
    messages = by_message(held, held)
    stream = [(one.key, one.value) for one in (*words, *records, *records)]
    assert list(originals([None, (b"x", b"{}"), *stream], messages)) == [(messages[0], TWO_BAD)]
    assert list(originals([(one.key, one.value) for one in words], messages)) == [
        (messages[0], b"")
    ]


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(), 2),
        (Selection(source="RIS"), 2),
        (Selection(source="RIS|NORTH"), 2),
        (Selection(source="NORTH"), 0),
        (Selection(field="DG1-5"), 2),
        (Selection(field="DG1"), 0),
        (Selection(reason="TIME"), 2),
        (Selection(reason="month"), 0),
        (Selection(ids=frozenset({"nobody"})), 0),
    ],
)
def test_a_selection_names_what_it_means(selection: Selection, count: int) -> None:
    """Source whole or by its application; the field exactly; of the reason a part."""
    held = shelf(*kept(TWO_BAD, NO_WORDS)).held()
    assert sum(map(selection.fits, held)) == count


def test_a_message_is_read_whole_whichever_of_its_faults_was_chosen() -> None:
    """Its events are one after the other, so that their ids are what they were."""
    held = shelf(*kept(TWO_BAD, NO_WORDS)).held()
    assert by_message(held[1:], held) == [held]


def test_records_that_are_none_are_counted() -> None:
    """And stop nothing."""
    found = Shelf()
    found.read(b"x", b'{"quarantine_id":"Zebrafinch"}')
    found.read(None, None)
    assert (found.unread, found.held()) == (2, [])
