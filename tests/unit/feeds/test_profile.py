"""Source profiles: checked with the place of every fault, and what each part of one changes."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated, translate
from cordwatch.feeds.hl7.acknowledge import verdict_on
from cordwatch.feeds.hl7.message import Unreadable, parse
from cordwatch.feeds.hl7.places import Override, Overrides, Place
from cordwatch.feeds.mapping.fields_read import FIELDS_READ
from cordwatch.feeds.mapping.mapper import map_parsed
from cordwatch.feeds.profile import Profile, Profiles, load_profile
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source
from cordwatch.feeds.trial import TracedSegment, trial
from cordwatch.feeds.trouble.silence import SilencePlan
from cordwatch_schemas.positions import BadYaml, read_yaml

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "hl7"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = References(b"a key of this test")
HEAD = "MSH|^~\\&|RIS|NORTH|CW|H|20260302100000||{kind}|77|P|2.5\r"
PERSON = "PID|1||N1^^^NORTH&1.2.3&ISO^MR~77^^^OTHER^MR~E5^^^NORTH^EX||Zebrafinch^A\r"

BAD = """\
profile: North
fro: {}
zone: Europe/Amsterdm
charset: {fallback: utf-16, nams: {}}
codes:
  codes:
    RIS: LN|30855-1
    RIS|X: LN|999-9
    RIS|Y: 99CORDWATCH|suspected
  systems: {A: B}
fields:
  ORC-55: {values: {A: CM}}
  MSH-9: {otherwise: ADT}
  OBR-36: {}
  OBR-7: {frm: ZBK-2}
  OBR-8: {from: ZBK}
  OBX-5: {values: {POS: 1}}
events: {only: [ADT^A99], ignore: [SIU]}
from: {peers: [10.1.2.0/33]}
silence: {at_lest: 1, at_most: 0, types: {ADT^A99: {}, ORU: {always: true}}}
quarantine: {at_least: 0}
"""


def profile(text: str) -> Profile:
    """Return the profile in *text*."""
    return read_yaml(text, Profile, "x.yaml")


def read(text: str, kind: str, *segments: str, person: str = PERSON) -> Translated:
    """Return what a message of *kind* comes to with the profile in *text*."""
    data = (HEAD.format(kind=kind) + person + "\r".join(segments) + "\r").encode()
    return translate(Item("message", "hl7v2", data), profile(text).source(KEY), NOW)


def only(found: Translated) -> dict[str, object]:
    """Return the one event of a message."""
    assert found.faults == ()
    [event] = found.told
    return event.model_dump()


def test_every_fault_is_told_at_once_with_its_place() -> None:
    """Whoever writes a profile mends it in one go."""
    with pytest.raises(BadYaml) as bad:
        profile(BAD)
    assert [(one.line, one.column, one.field) for one in bad.value.faults] == [
        (1, 10, "profile"),
        (2, 1, "fro"),
        (3, 7, "zone"),
        (4, 21, "charset.fallback"),
        (4, 29, "charset.nams"),
        (7, 5, "codes.codes.RIS"),
        (8, 12, "codes.codes.RIS|X"),
        (9, 12, "codes.codes.RIS|Y"),
        (10, 16, "codes.systems.A"),
        (12, 3, "fields.ORC-55"),
        (13, 3, "fields.MSH-9"),
        (14, 11, "fields.OBR-36"),
        (15, 11, "fields.OBR-7.frm"),
        (16, 17, "fields.OBR-8.from"),
        (17, 25, "fields.OBX-5.values.POS"),
        (18, 17, "events.only.0"),
        (19, 16, "from.peers.0"),
        (20, 11, "silence.at_lest"),
        (20, 32, "silence.at_most"),
        (20, 43, "silence.types.ADT^A99"),
        (20, 62, "silence.types.ORU.always"),
        (21, 24, "quarantine.at_least"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{at_least: 60, at_most: 59}", "x.yaml:1:10 silence at_most is below at_least"),
        ("{at_most: 10}", "x.yaml:1:10 silence at_most is below at_least"),
        ("{types: {ORU: {at_most: 14}}}", "x.yaml:1:10 silence ORU at_most is below at_least"),
    ],
)
def test_a_silence_that_is_told_before_it_may_be_is_a_fault(text: str, told: str) -> None:
    """The default of at_least counts too: 15 minutes."""
    with pytest.raises(BadYaml) as bad:
        profile(f"silence: {text}")
    assert str(bad.value) == told


def test_what_is_said_of_silence_is_in_minutes_and_by_type() -> None:
    """What a type does not state is as for the others; one that is named is expected."""
    source = profile(
        "profile: ris\nsilence: {at_least: 20, at_most: 600, types: {ORU: {at_most: 60},"
        " ADT^A40: {never: true}, FHIR: {at_least: 0.5}, Condition: {at_most: 300}}}\nquarantine: {at_least: 3}"
    ).source(KEY)
    assert (source.name, source.quarantine_at_least) == ("ris", 3)
    assert source.silence.of("SIU") == SilencePlan(1_200, 36_000)
    assert source.silence.of("ORU") == SilencePlan(1_200, 3_600, expected=True)
    assert source.silence.of("ADT^A40").never
    assert source.silence.of("FHIR").at_least_s == 30
    assert source.silence.of("Condition") == SilencePlan(1_200, 18_000, expected=True)


def test_only_and_ignore_exclude_each_other() -> None:
    """One of them would mean nothing."""
    with pytest.raises(BadYaml, match="exclude each other"):
        profile("events: {only: [ADT], ignore: [SIU]}")


def test_the_example_of_the_documentation_is_good_and_does_what_it_says(tmp_path: Path) -> None:
    """It is what people begin with."""
    page = (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "ris.yaml"
    file.write_text(example, encoding="utf-8")
    profiles = Profiles.of_files([file], KEY)
    [sent] = re.findall(r"```hl7\n(.*?)```", page, re.DOTALL)
    found = translate(Item("message", "hl7v2", sent.encode()), profiles, NOW)
    assert found.faults == ()
    [booked] = [event.model_dump() for event in found.told]
    assert (booked["kind"], str(booked["scheduled_at"])) == (
        "imaging-scheduled",
        "2026-03-03 08:00:00+00:00",
    )
    assert [(one["system"], one["code"]) for one in booked["codes"]] == [
        ("RIS", "MRWK"),
        ("LN", "30855-1"),
    ]


def test_the_documentation_lists_every_field_that_can_be_named() -> None:
    """A profile that names another one is refused, and the page is where people look."""
    page = (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([A-Z][A-Z0-9]{2}) \| ([\d, ]+) \|$", page, re.MULTILINE)
    assert {name: [int(one) for one in at.split(",")] for name, at in listed} == {
        name: sorted(places) for name, places in FIELDS_READ.items() if name != "MSH"
    }


def test_the_default_profile_is_a_source_without_one() -> None:
    """So that a gateway behaves alike with and without it."""
    assert load_profile("default").source(KEY) == Source(references=KEY)


@pytest.mark.parametrize(
    ("codes", "sent", "expected"),
    [
        ("codes: {RIS|MRWK: LN|30855-1}", "mrwk^x^ris", ["mrwk", "30855-1"]),
        ("systems: {LOINC-NL: LN}", "30855-1^x^LOINC-NL", ["30855-1", "30855-1"]),
        ("codes: {L|M1: LN|30855-1}", "M1", ["M1", "30855-1"]),
    ],
)
def test_own_codes_are_added_to_what_was_sent(codes: str, sent: str, expected: list[str]) -> None:
    """Never instead of it; a code without a system is of the source's own, `L`."""
    found = read(f"codes: {{{codes}}}", "ORM^O01", "ORC|NW|P1", f"OBR|1|P1||{sent}")
    event = only(found)
    assert [one["code"] for one in event["codes"]] == expected  # type: ignore[attr-defined]
    assert event["kind"] == "imaging-ordered"


def test_a_local_code_can_be_a_finding_and_its_value_translated() -> None:
    """A hospital's form becomes an assessment, its coded conclusion a finding."""
    text = (
        "codes: {codes: {RIS|N1: 99CORDWATCH|suspected-mescc, RIS|C1: 99CORDWATCH|cord-compression}}\n"
        "fields: {OBX-5: {values: {JA: Y, POS: positive}}}"
    )
    assessed = read(text, "ORU^R01", "OBR|1||A1|FORM", "OBX|1|CE|N1^x^RIS||ja^Ja||||||F")
    assert only(assessed)["suspected_mescc"] is True
    report = f"OBR|1|P1|F1|30855-1^^LN{'|' * 21}F"
    reported = read(text, "ORU^R01", report, "OBX|1|CE|C1^x^RIS||POS||||||F")
    assert only(reported)["finding"] == "positive"


@pytest.mark.parametrize(
    ("numbers", "number"),
    [
        ("{authority: NORTH}", "N1"),
        ("{authority: 1.2.3}", "N1"),
        ("{authority: OTHER}", "77"),
        ("{authority: NORTH, types: [EX]}", "E5"),
        ("{types: [EX, MR]}", "E5"),
        ("{authority: SOUTH}", None),
        ("{authority: NORTH, types: [PI]}", None),
    ],
)
def test_the_number_that_a_profile_names_is_the_patient(numbers: str, number: str | None) -> None:
    """Another hospital's number would be another patient: none is better than a wrong one."""
    found = read(f"numbers: {numbers}", "ADT^A01", "EVN|A01|20260302080000")
    if number is None:
        assert [one.field for one in found.faults] == ["PID-3"]
        assert found.outcome == "quarantined"
    else:
        assert only(found)["patient"] == Source(references=KEY).reference("p", number)


@pytest.mark.parametrize(("unassigned", "outcome"), [("true", "mapped"), ("false", "quarantined")])
def test_a_number_without_authority_counts_where_the_profile_says_so(
    unassigned: str, outcome: str
) -> None:
    """Older systems have one kind of number and do not name it."""
    text = f"numbers: {{authority: NORTH, unassigned: {unassigned}}}"
    assert read(text, "ADT^A01", person="PID|1||N1\r").outcome == outcome


@pytest.mark.parametrize(
    ("rule", "segments", "field", "expected"),
    [
        (
            "ORC-5: {values: {gereed: CM}}",
            ["ORC|SC|P1|F1||Gereed", "OBR|1|P1|F1|30855-1^^LN"],
            "kind",
            "imaging-done",
        ),
        (
            "OBR-4: {from: OBR-44}",
            ["ORC|NW|P1", f"OBR|1|P1||LOCAL{'|' * 40}30855-1^^LN"],
            "kind",
            "imaging-ordered",
        ),
        (
            "OBR-27.6: {from: ZPR-2}",
            ["ORC|NW|P1", "OBR|1|P1||30855-1^^LN", "ZPR|1|STAT^Urgent"],
            "priority",
            "STAT",
        ),
        (
            "OBR-27.6: {otherwise: R}",
            ["ORC|NW|P1", "OBR|1|P1||30855-1^^LN"],
            "priority",
            "R",
        ),
        (
            "ORC-9: {day_only: true}",
            ["ORC|NW|P1|||||||20260302093000^x", "OBR|1|P1||30855-1^^LN"],
            "occurred_precision",
            "day",
        ),
    ],
)
def test_a_field_is_read_as_the_profile_says(
    rule: str, segments: list[str], field: str, expected: str
) -> None:
    """Another place, words of its own, a default, a time of day that means nothing."""
    assert only(read(f"fields: {{{rule}}}", "OMI^O23", *segments))[field] == expected


def test_an_order_takes_nothing_from_its_neighbour() -> None:
    """The second one has no segment of its own, and stays as it was sent."""
    found = read(
        "fields: {OBR-27: {from: ZPR-2}}",
        "ORM^O01",
        "ORC|NW|P1",
        "OBR|1|P1||30855-1^^LN",
        "ZPR|1|^^^^^S",
        "ORC|NW|P2",
        "OBR|2|P2||30855-1^^LN",
        "ORC|NW|P3",
        "OBR|3|P3||30855-1^^LN",
        "ZPR|1|^^^^^A",
    )
    assert [one.model_dump()["priority"] for one in found.told] == ["S", None, "A"]


def test_what_is_empty_elsewhere_leaves_the_field() -> None:
    """Empty says nothing; HL7's null says "delete", and is taken over."""
    text = "fields: {PID-29: {from: ZPD-1}}"
    said = "PID|1||N1^^^NORTH^MR" + "|" * 26 + "20260301|"
    assert only(read(text, "ADT^A08", "ZPD|", person=said + "\r"))["kind"] == "died"
    assert only(read(text, "ADT^A08", 'ZPD|""', person=said + "\r"))["kind"] == "death-cancelled"


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ("{ignore: [ADT^A01]}", "irrelevant"),
        ("{ignore: [ADT]}", "irrelevant"),
        ("{ignore: [ADT^A02, SIU]}", "mapped"),
        ("{only: [ADT^A01]}", "mapped"),
        ("{only: [ORM]}", "irrelevant"),
    ],
)
def test_only_the_events_of_the_profile_are_read(events: str, outcome: str) -> None:
    """Some systems send what another one is the source of."""
    assert read(f"events: {events}", "ADT^A01", "EVN|A01|20260302080000").outcome == outcome


def test_charset_zone_and_facility_are_the_source_s() -> None:
    """Bytes, times and places, each as the profile says."""
    text = (
        "zone: America/New_York\nfacility: SOUTH\ncharset: {fallback: cp850, names: {DOS: cp850}}"
    )
    for declared in ("", "||||||DOS"):
        head = HEAD.format(kind="ADT^A01").replace("|2.5\r", f"|2.5{declared}\r")
        tail = PERSON + "PV1|1|I|HÄM\rEVN|A01|20260302080000\r"
        item = Item("message", "hl7v2", (head + tail).encode("cp850"))
        event = only(translate(item, profile(text).source(KEY), NOW))
        assert (event["ward"], event["facility"]) == ("HÄM", "SOUTH")
        assert str(event["occurred_at"]) == "2026-03-02 13:00:00+00:00"


def files(folder: Path, *texts: str) -> Profiles:
    """Return the profiles in *texts*, each in a file of its own."""
    paths = [folder / f"{number}.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return Profiles.of_files(paths, KEY)


@pytest.mark.parametrize(
    ("peer", "application", "facility", "expected"),
    [
        ("10.1.2.3", "RIS", "X", "Europe/London"),
        ("::ffff:10.1.2.3", "RIS", "X", "Europe/London"),
        ("10.9.9.9", "RIS", "NORTH", "America/New_York"),
        ("10.9.9.9", "RIS", "X", None),
        ("", "RIS", "X", "Europe/London"),
        ("", "HIS", "NORTH", "America/New_York"),
    ],
)
def test_the_first_profile_that_fits_the_sender_is_used(
    tmp_path: Path, peer: str, application: str, facility: str, expected: str | None
) -> None:
    """By address, sending application and facility; a file has no address."""
    found = files(
        tmp_path,
        "profile: a\nzone: Europe/London\nfrom: {peers: [10.1.2.0/24], applications: [RIS]}",
        "profile: b\nzone: America/New_York\nfrom: {facilities: [NORTH]}",
    )
    data = f"MSH|^~\\&|{application}|{facility}|CW|H|20260302||ADT^A01|1|P|2.5\r".encode()
    source = found.of(data, peer)
    assert (source.zone.key if source else None) == expected


def test_a_sender_without_a_profile_is_refused_and_kept(tmp_path: Path) -> None:
    """Read by the wrong profile its patients could be somebody else's."""
    profiles = files(tmp_path, "profile: a\nfrom: {applications: [HIS]}")
    data = (HEAD.format(kind="ADT^A01") + PERSON).encode()
    found = translate(Item("message", "hl7v2", data), profiles, NOW)
    assert (found.outcome, found.told) == ("quarantined", ())
    assert verdict_on(found.faults) == "rejected"


@pytest.mark.parametrize(("data", "field"), [(b"MSH|~~", "MSH"), (b"MSHAAAAAAAA|RIS", "MSH-2")])
def test_a_header_that_cannot_be_read_is_told_as_that(
    tmp_path: Path, data: bytes, field: str
) -> None:
    """Not as a sender whom nobody knows."""
    profiles = files(tmp_path, "profile: a\nfrom: {applications: [RIS]}")
    found = translate(Item("message", "hl7v2", data), profiles, NOW)
    assert [one.field for one in found.faults] == [field]


def test_the_faults_of_all_files_are_told_together(tmp_path: Path) -> None:
    """Two profiles of one name are a fault too: nobody could say which is meant."""
    with pytest.raises(BadYaml) as bad:
        files(tmp_path, "zone: Mars/Base", "profile: a", "profile: a", "nmae: x")
    told = str(bad.value).splitlines()
    assert [line.split()[1] for line in told] == ["zone", "profile", "nmae"]
    assert [Path(line.split(":")[0]).name for line in told] == ["0.yaml", "2.yaml", "3.yaml"]


def test_one_key_makes_the_references_of_all_profiles(tmp_path: Path) -> None:
    """A patient who is told of by two systems is one patient."""
    profiles = files(tmp_path, "profile: a", "profile: b")
    references = {source.reference("p", "N1") for source in profiles.sources}
    assert references == {profiles.reference("p", "N1")}


def test_the_table_of_fields_is_what_the_golden_messages_are_read_by() -> None:
    """A profile can only change a field that is read, and `try` shows what is known to be safe."""
    reads: defaultdict[str, set[int]] = defaultdict(set)
    for file in sorted(GOLDEN.glob("*.hl7")):
        data = file.read_bytes()
        try:
            message = parse(data)
        except Unreadable:
            continue
        traced = [TracedSegment(one) for one in message.segments]
        map_parsed(type(message)(traced), data, Source(), NOW)
        for segment in traced:
            reads[segment.name] |= segment.reads
    assert {name: at for name, at in reads.items() if at} == {
        name: set(places) for name, places in FIELDS_READ.items()
    }


def test_a_trial_is_what_the_gateway_would_make_of_it() -> None:
    """Event for event and fault for fault, for every golden message."""
    source = profile("zone: Europe/Amsterdam\nfields: {ORC-5: {values: {SC: CM}}}").source(KEY)
    for file in sorted(GOLDEN.glob("*.hl7")):
        item = Item("message", "hl7v2", file.read_bytes())
        tried, found = trial(item, source, NOW), translate(item, source, NOW)
        assert tried.mapped is not None
        assert (tried.mapped.events, tried.mapped.faults) == (found.told, found.faults)


_TEXTS = st.text('AB1^~&\\|" ', max_size=12)


@given(
    st.lists(st.tuples(st.sampled_from(["PID", "OBR", "ZZZ"]), _TEXTS), max_size=6),
    st.integers(1, 6),
    st.integers(0, 3),
    st.sampled_from([None, "PID-2", "ZZZ-1.2", "OBR-9"]),
    _TEXTS,
)
def test_any_rule_can_be_applied_to_any_message(
    lines: list[tuple[str, str]], at: int, component: int, taken_from: str | None, text: str
) -> None:
    """And the segments that it does not name stay as they were."""
    sent = "MSH|^~\\&|A|B|||20260302||ADT^A01|1|P|2.5\r"
    message = parse((sent + "".join(f"{name}|{rest}\r" for name, rest in lines)).encode())
    before = [tuple(one.fields) for one in message.segments]
    place = Place.of(taken_from) if taken_from else None
    rule = Override(Place("OBR", at, component), place, {"A": text}, text or None, day_only=True)
    Overrides((rule,)).apply(message)
    for segment, fields in zip(message.segments, before, strict=True):
        changed = {n for n, one in enumerate(segment.fields) if one != (*fields, *[""] * 9)[n]}
        assert changed <= ({at} if segment.name == "OBR" else set())
