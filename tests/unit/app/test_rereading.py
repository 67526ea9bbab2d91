"""Messages read anew: what is missing comes, what was wrong goes, and whoever was told is not told again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cordwatch.app.rereading.marks import mark_of
from cordwatch.app.rereading.outlook import Known, Outlook, judge
from cordwatch.app.rereading.plan import Plan
from cordwatch.app.rereading.reading import Rereading, Selection
from cordwatch.app.rereading.said import Said
from cordwatch.feeds.code_map import CodeMap
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import from_fhir, raw_record, translate
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source
from cordwatch.pathway.difference import Difference, differences
from cordwatch.pathway.facts import fact_of
from cordwatch.pathway.identity import persons
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
PACK = load_pack("mescc-lymphoma")
RIGHT = Source(zone=ZoneInfo("Europe/Amsterdam"))
EVERYTHING = Selection()
FAR_EAST = Source(zone=ZoneInfo("Asia/Tokyo"))


def message(control: str, number: str, *segments: str, sent: str = "20260302100000") -> bytes:
    """Return a message about patient *number*, sent at 10:00 local time."""
    head = f"MSH|^~\\&|HIS|GOLD|CW|H|{sent}||ORU^R01|{control}|P|2.5"
    return "\r".join((head, f"PID|1||{number}", *segments, "")).encode()


def suspicion(control: str, number: str, at: str = "20260302093000") -> bytes:
    """Return an assessment: MESCC suspected, at 09:30 local time."""
    return message(
        control,
        number,
        f"OBR|1||{control}|ASSESS|||{at}",
        "OBX|1|CE|suspected-mescc^^99CORDWATCH||Y||||||F",
    )


def merge(control: str) -> bytes:
    """Return a merge of patient 2 into patient 1."""
    head = f"MSH|^~\\&|HIS|GOLD|CW|H|20260302100000||ADT^A40|{control}|P|2.5"
    return f"{head}\rEVN|A40|20260302095500\rPID|1||1\rMRG|2\r".encode()


def moved_visit(control: str) -> bytes:
    """Return the move of a visit of patient 1 to patient 2."""
    head = f"MSH|^~\\&|HIS|GOLD|CW|H|20260302100000||ADT^A45|{control}|P|2.5"
    return f"{head}\rEVN|A45|20260302095500\rPID|1||2\rMRG|1||||V7\r".encode()


def raw(data: bytes, received_at: datetime = NOW - timedelta(hours=5)) -> bytes:
    """Return the raw record of a message."""
    found = translate(Item("message", "hl7v2", data), RIGHT, received_at)
    return raw_record(found, received_at).value


def read(data: bytes, source: Source = RIGHT, received_at: datetime | None = None) -> list[Event]:
    """Return the events of a message, as the gateway publishes them."""
    at = received_at or NOW - timedelta(hours=5)
    found = translate(Item("message", "hl7v2", data), source, at)
    return [one for one in found.told if isinstance(one, Event)]


class Topics:
    """The event topics, as far as a replay has to do with them."""

    def __init__(self, *told: Event) -> None:
        """Begin with *told*."""
        self.events = list(told)

    def reread(
        self,
        messages: Iterable[bytes],
        source: Source = RIGHT,
        selection: Selection = EVERYTHING,
        *,
        live: bool = False,
        now: datetime = NOW,
    ) -> Rereading:
        """Return what the raw records of *messages* say anew."""
        said = Said()
        said.learn((event, number) for number, event in enumerate(self.events))
        found = Rereading(said, source, selection, now, live=live)
        for one in messages:
            found.read(one)
        found.plan.settle(said, now)
        said.close()
        return found

    def judged(self, found: Rereading, alerts: Iterable[Alert] = ()) -> Outlook:
        """Return what a replay comes to, and silence what is over."""
        known = Known()
        for event in self.events:
            known.learn(event.patient, fact_of(event))
        for alert in alerts:
            known.alerts.setdefault(alert.patient, []).append(alert)
        return judge(found.plan, known, PACK, NOW)

    def publish(self, plan: Plan) -> None:
        """Take in what a replay publishes."""
        self.events += [*(one.event for one in plan.planned()), *plan.marks()]


def changes(found: Rereading) -> list[tuple[str, str, int]]:
    """Return change, kind and number of events of a plan."""
    return [(one.change, one.kind, one.events) for one in found.plan.counts()]


def told(plan: Plan) -> list[Event]:
    """Return the events that a plan publishes."""
    return [one.event for one in plan.planned()]


def shown(outlook: Outlook) -> list[tuple[str, str, str | None]]:
    """Return how clocks and alerts would differ."""
    found: list[Difference] = differences(outlook.before, outlook.after)
    return [(one.change, one.thing.rule, one.thing.level) for one in found]


def roots(topics: Topics) -> set[str]:
    """Return as whom patients 1 and 2 live."""
    who = persons(fact_of(event) for event in topics.events)
    names = {RIGHT.reference("p", number): number for number in ("1", "2")}
    return {names[who.root(reference)] for reference in names}


def owners_of_visit(topics: Topics) -> set[str]:
    """Return whose the visit is that patient 1 had, or patient 2 has."""
    who = persons(fact_of(event) for event in topics.events)
    names = {RIGHT.reference("p", number): number for number in ("1", "2")}
    visit = RIGHT.reference("e", "V7")
    return {names[who.moved_to[one, visit]] for one in names}


def test_what_was_said_rightly_is_not_said_again() -> None:
    """The same reading gives the same ids: nothing differs, nothing is published."""
    data = suspicion("1", "1")
    found = Topics(*read(data)).reread([raw(data)])
    assert (changes(found), len(found.plan)) == ([], 0)


def test_what_is_missing_comes_as_received_then_and_pages_nobody_unless_asked() -> None:
    """The default cannot wake the wrong people; --live is for patients who are still there."""
    data = suspicion("1", "1")
    [quiet], [loud] = (told(Topics().reread([raw(data)], live=live).plan) for live in (False, True))
    assert (quiet.replayed, loud.replayed) == (True, False)
    assert quiet.received_at == loud.received_at == NOW - timedelta(hours=5)
    assert [quiet.event_id] == [one.event_id for one in read(data)]


def test_clocks_that_run_in_silence_are_counted_and_can_be_woken() -> None:
    """Silence is not forgotten: it is said, and a second run with --live ends it."""
    data, topics = suspicion("1", "1"), Topics()
    found = topics.reread([raw(data)])
    assert topics.judged(found).silent_clocks == 1
    topics.publish(found.plan)
    assert changes(topics.reread([raw(data)])) == []
    woken = topics.reread([raw(data)], live=True)
    assert changes(woken) == [("woken", "assessed", 1)]
    assert topics.judged(woken).silent_clocks == 0
    topics.publish(woken.plan)
    assert changes(topics.reread([raw(data)], live=True)) == []


def test_a_wrong_zone_is_put_right_and_who_was_watched_stays_watched() -> None:
    """The wrong reading was real, so the right one is; the wrong deadline goes, with its alerts."""
    data = suspicion("1", "1")
    wrong = read(data, FAR_EAST)
    topics, alerts = Topics(*wrong), simulate(wrong, PACK, NOW)
    # 00:30 UTC instead of 08:30: half and three quarters and nine tenths of 12 h, and then due.
    assert {"reminder", "warning", "urgent", "due", "overdue"} == {one.level for one in alerts}
    found = topics.reread([raw(data)])
    assert changes(found) == [("changed", "assessed", 1)]
    assert [one.replayed for one in told(found.plan)] == [False]
    differ = shown(topics.judged(found, alerts))
    assert ("appears", "mri.mescc-suspected", None) in differ
    assert ("disappears", "mri.mescc-suspected", None) in differ
    topics.publish(found.plan)
    clocks = topics.judged(topics.reread([raw(data)])).after.clocks.values()
    assert [one.fields["start"] for one in clocks if one.fields["status"] == "open"] == [
        "2026-03-02T08:30:00Z"
    ]
    assert changes(topics.reread([raw(data)])) == []


def test_a_reading_taken_back_can_be_given_back() -> None:
    """A profile that was mended wrongly and mended again ends where it began; and so on."""
    data = suspicion("1", "1")
    topics = Topics(*read(data))
    for number, source in enumerate((FAR_EAST, RIGHT, FAR_EAST, RIGHT), 1):
        at = NOW + timedelta(minutes=number)
        found = topics.reread([raw(data)], source, now=at)
        assert changes(found) == [("changed", "assessed", 1)]
        topics.publish(found.plan)
        assert changes(topics.reread([raw(data)], source, now=at)) == []
        known = Known()
        for event in topics.events:
            known.learn(event.patient, fact_of(event))
        clocks = judge(topics.reread([raw(data)], source).plan, known, PACK, NOW).after.clocks
        due = {one.fields["due"] for one in clocks.values() if one.rule == "mri.mescc-suspected"}
        assert due == {"2026-03-02T12:30:00Z" if source is FAR_EAST else "2026-03-02T20:30:00Z"}


def test_the_wrong_patient_is_left_alone_and_the_right_one_is_watched() -> None:
    """Another number is used: what was said of somebody else is taken back."""
    data = suspicion("1", "9^^^OLD^MR~1^^^GOLD^MR")
    [wrong] = read(data, replace(RIGHT, authority="OLD"))
    found = Topics(wrong).reread([raw(data)], replace(RIGHT, authority="GOLD"))
    [right] = told(found.plan)
    assert (right.patient, right.replayed) == (RIGHT.reference("p", "1"), False)
    assert {one.patient for one in found.plan.marks()} == {wrong.patient}
    outlook = Topics(wrong).judged(found)
    after = {one.patient for one in outlook.after.clocks.values() if one.fields["status"] == "open"}
    assert after == {right.patient}


def test_a_false_alarm_that_the_new_reading_does_not_give_goes() -> None:
    """The profile leaves such messages out: the clock is withdrawn."""
    data = suspicion("1", "1")
    topics = Topics(*read(data))
    found = topics.reread([raw(data)], replace(RIGHT, ignored=frozenset({"ORU"})))
    assert changes(found) == [("gone", "assessed", 1)]
    assert ("disappears", "mri.mescc-suspected", None) in shown(topics.judged(found))
    topics.publish(found.plan)
    again = topics.reread([raw(data)], replace(RIGHT, ignored=frozenset({"ORU"})))
    assert changes(again) == []


def test_what_another_message_tells_too_stands() -> None:
    """One of two messages with the same fact is read otherwise: the fact is not taken back."""
    one, other = suspicion("1", "1"), suspicion("1", "1").replace(b"2.5", b"2.4")
    topics = Topics(*read(one), *read(other))
    found = topics.reread([raw(other)], replace(RIGHT, ignored=frozenset({"ORU"})))
    assert (changes(found), len(found.plan)) == ([], 0)


def test_a_reading_with_faults_takes_nothing_back() -> None:
    """A profile that nothing can be read with must not silence a ward."""
    data = suspicion("1", "1")
    found = Topics(*read(data)).reread([raw(data)], replace(RIGHT, authority="NOBODY"))
    assert (changes(found), len(found.plan), found.kept) == ([], 0, 1)
    assert list(found.faults) == [("HIS|GOLD", "PID-3", "no patient number")]


@pytest.mark.parametrize("piece", ["unreadable", "oversized"])
def test_a_part_of_a_message_is_never_read_as_the_whole(piece: str) -> None:
    """A cut frame and the head of a large one look like messages."""
    part = raw(suspicion("1", "1")).replace(b'"piece":"message"', f'"piece":"{piece}"'.encode())
    found = Topics().reread([part])
    assert (len(found.plan), found.outcomes["no whole message"]) == (0, 1)


def test_two_messages_in_a_frame_stay_refused() -> None:
    """As by the gateway: read as one, the second patient's findings would be the first one's."""
    both = suspicion("1", "1") + suspicion("2", "2")
    found = Topics().reread([raw(both)])
    assert (len(found.plan), found.outcomes["quarantined"]) == (0, 1)


def test_the_peer_chooses_the_profile_again() -> None:
    """It is kept with the raw message."""
    item = Item("message", "hl7v2", suspicion("1", "1"), peer="10.1.2.3")
    value = raw_record(translate(item, RIGHT, NOW), NOW).value
    asked: list[str] = []

    class Asked(Source):
        def of(self, data: bytes, peer: str) -> Source:
            asked.append(peer)
            return super().of(data, peer)

    Topics().reread([value], Asked())
    assert asked == ["10.1.2.3"]


def test_news_from_a_file_as_recorded_stays_such() -> None:
    """However often it is read anew, and --live or not."""
    item = Item("message", "hl7v2", suspicion("1", "1"))
    value = raw_record(translate(item, RIGHT, None, replayed=True), NOW, replayed=True).value
    [event] = told(Topics().reread([value], live=True).plan)
    assert (event.replayed, event.received_at) == (True, datetime(2026, 3, 2, 9, tzinfo=UTC))


def test_only_what_is_selected_is_read() -> None:
    """By time of receipt, sender, and patient: whom the message is about, or was said to be about."""
    early, late = NOW - timedelta(hours=9), NOW - timedelta(hours=1)
    records = [raw(suspicion("1", "1"), early), raw(suspicion("2", "2"), late)]
    second = RIGHT.reference("p", "2")
    for selection, count in (
        (Selection(since=late), 1),
        (Selection(until=late), 1),
        (Selection(since=early, until=NOW), 2),
        (Selection(source="HIS|GOLD"), 2),
        (Selection(source="HIS|TIN"), 0),
        (Selection(patient=second), 1),
        (Selection(applications=("LAB",)), 0),
    ):
        assert len(Topics().reread(records, selection=selection).plan) == count, selection
    misread = read(suspicion("1", "1"), RIGHT.by(References(b"another")))
    wrong = Selection(patient=misread[0].patient)
    assert len(Topics(*misread).reread(records, selection=wrong).plan) == 2


def test_a_merge_that_was_none_is_undone_by_its_opposite() -> None:
    """For both parties; and told again when it was one after all."""
    data, nobody = merge("1"), replace(RIGHT, ignored=frozenset({"ADT"}))
    topics = Topics(*read(data))
    assert [one.kind for one in topics.events] == ["merged", "merged"]  # type: ignore[attr-defined]
    found = topics.reread([raw(data)], nobody)
    marks = list(found.plan.marks())
    assert [one.kind for one in marks] == ["merge-cancelled"] * 2  # type: ignore[attr-defined]
    topics.publish(found.plan)
    assert changes(topics.reread([raw(data)], nobody)) == []
    assert roots(topics) == {"1", "2"}
    again = topics.reread([raw(data)], now=NOW + timedelta(minutes=1))
    assert changes(again) == [("new", "merged", 1)] * 2
    assert [one.kind for one in again.plan.marks()] == ["merged"] * 2  # type: ignore[attr-defined]
    topics.publish(again.plan)
    assert changes(topics.reread([raw(data)])) == []
    assert roots(topics) == {"1"}


def test_a_move_that_was_none_is_undone_by_a_move_back() -> None:
    """And told again when it was one after all."""
    data, nobody = moved_visit("1"), replace(RIGHT, ignored=frozenset({"ADT"}))
    topics = Topics(*read(data))
    assert [one.kind for one in topics.events] == ["encounter-moved"] * 2  # type: ignore[attr-defined]
    assert owners_of_visit(topics) == {"2"}
    topics.publish(topics.reread([raw(data)], nobody).plan)
    assert changes(topics.reread([raw(data)], nobody)) == []
    assert owners_of_visit(topics) == {"1"}
    again = topics.reread([raw(data)], now=NOW + timedelta(minutes=1))
    assert changes(again) == [("new", "encounter-moved", 1)] * 2
    topics.publish(again.plan)
    assert changes(topics.reread([raw(data)])) == []
    assert owners_of_visit(topics) == {"2"}


def test_a_clock_that_was_told_to_its_end_does_not_begin_anew() -> None:
    """Re-timed by an hour, it has another id; its last page was long ago."""
    data = suspicion("1", "1", "20260227093000")
    wrong = read(data, FAR_EAST, NOW - timedelta(hours=76))
    topics, alerts = Topics(*wrong), simulate(wrong, PACK, NOW)
    assert max(one.raised_at for one in alerts) < NOW - timedelta(hours=24)
    found = topics.reread([raw(data, NOW - timedelta(hours=76))])
    outlook = topics.judged(found, alerts)
    assert [one.replayed for one in told(found.plan)] == [True]
    new = [one for one in differences(outlook.before, outlook.after) if one.thing.what == "alert"]
    assert [one.thing.fields["paged"] for one in new if one.change == "appears"] == ["false"]


def test_a_clock_of_which_nobody_heard_begins_with_live_however_late() -> None:
    """As after an outage of watch: one alert, and how late it is."""
    data = suspicion("1", "1", "20260227093000")
    topics = Topics()
    found = topics.reread([raw(data, NOW - timedelta(hours=76))], live=True)
    outlook = topics.judged(found)
    [alert] = outlook.after.alerts.values()
    assert (alert.level, alert.fields["paged"]) == ("due", "true")


def test_the_same_message_twice_is_published_once() -> None:
    """Senders repeat what was not acknowledged: the raw topic holds both."""
    data = suspicion("1", "1")
    assert len(told(Topics().reread([raw(data), raw(data)]).plan)) == 1


def test_a_record_that_is_none_is_counted_and_stops_nothing() -> None:
    """Whatever stands on the topic."""
    found = Topics().reread([b"{}", b"\xff", raw(suspicion("1", "1"))])
    assert (len(found.plan), found.outcomes["unreadable record"]) == (1, 2)


def test_marks_are_told_from_events_of_others() -> None:
    """A source that numbers its records as ours would not pass for us."""
    [event] = read(suspicion("1", "1"))
    assert mark_of(event) is None
    assert mark_of(event.model_copy(update={"record_id": "taken-back/f/1"})) is None


def test_a_reading_in_the_future_is_taken_back_too() -> None:
    """A zone too far west wrote it down hours from now; what takes it back must count from later."""
    data, west = suspicion("1", "1"), Source(zone=ZoneInfo("America/Los_Angeles"))
    topics = Topics(*read(data, west))
    assert topics.events[0].recorded_at == NOW + timedelta(hours=4)
    topics.publish(topics.reread([raw(data)]).plan)
    clocks = topics.judged(topics.reread([raw(data)])).after.clocks.values()
    assert {one.fields["start"] for one in clocks if one.fields["status"] == "open"} == {
        "2026-03-02T08:30:00Z"
    }


def test_notes_count_by_their_time_in_whatever_order_they_are_read() -> None:
    """They stand on several partitions."""
    data = suspicion("1", "1")
    topics = Topics(*read(data))
    for number, source in enumerate((FAR_EAST, RIGHT), 1):
        at = NOW + timedelta(minutes=number)
        topics.publish(topics.reread([raw(data)], source, now=at).plan)
    notes = [event for event in topics.events if mark_of(event)]
    assert len(notes) == 3
    for order in (notes, notes[::-1]):
        said = Said()
        said.learn((event, 0) for event in order)
        taken = {mark.fact: mark.is_taken for event in notes if (mark := mark_of(event))}
        assert {fact: said.taken_back(fact) is not None for fact in taken} == taken
        said.close()


def test_what_was_told_for_real_is_not_woken() -> None:
    """However often it was told as recorded since."""
    data = suspicion("1", "1")
    [event] = read(data)
    topics = Topics(event, event.model_copy(update={"replayed": True}))
    assert changes(topics.reread([raw(data)], live=True)) == []


def test_of_merged_patients_all_is_looked_at() -> None:
    """What is new for the retired reference opens the survivor's clock."""
    data = suspicion("1", "2", "20260302070000")
    topics = Topics(*read(merge("M")))
    found = topics.reread([raw(data)], live=True)
    retired, survivor = RIGHT.reference("p", "2"), RIGHT.reference("p", "1")
    assert found.plan.patients() == {retired}
    known = Known()
    for event in topics.events:
        known.learn(event.patient, fact_of(event))
    assert known.linked({retired}) == {retired, survivor}
    outlook = topics.judged(found)
    assert [one.rule for one in outlook.after.clocks.values()] == ["mri.mescc-suspected"]
    assert [one.level for one in outlook.after.alerts.values()] == ["reminder"]


def a_condition(at: str = "2026-03-02T09:30:00", code: str = "G95.2") -> bytes:
    """Return a FHIR bundle with a diagnosis and, as what was fetched for it, the patient."""
    coding = {"system": "urn:house", "code": code}
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "meta": {"lastUpdated": "2026-03-02T10:00:00Z"},
        "subject": {"reference": "Patient/1"},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": {"coding": [coding]},
        "onsetDateTime": f"{at}Z",
    }
    person = {"resourceType": "Patient", "id": "1", "identifier": [{"value": "1"}]}
    entries = [{"resource": condition}, {"resource": person, "search": {"mode": "include"}}]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def test_fhir_is_read_anew_too() -> None:
    """By the resource: what another profile makes of it, and what it does not give any more."""
    item, base = Item("message", "fhir", a_condition()), "https://fhir.hospital.example/r4"
    coded = replace(RIGHT, codes=CodeMap.of({"urn:house": "I10"}, {}))
    found = from_fhir(item, coded, NOW, base=base)
    [event] = [one for one in found.told if isinstance(one, Event)]
    value = raw_record(found, NOW - timedelta(hours=1)).value
    assert changes(Topics(event).reread([value], coded)) == []
    assert changes(Topics().reread([value], coded)) == [("new", "diagnosed", 1)]
    assert changes(Topics(event).reread([value])) == [("changed", "diagnosed", 1)]
    assert Topics(event).reread([value], coded, Selection(source=base)).outcomes.total() == 1


def test_events_of_our_own_are_compared_by_their_id() -> None:
    """JSON lines told to the gateway: no profile has a part in them."""
    [event] = read(suspicion("1", "1"))
    item = Item("message", "event-json", event.model_dump_json().encode())
    value = raw_record(translate(item, RIGHT, NOW), NOW - timedelta(hours=1)).value
    assert changes(Topics(event).reread([value], FAR_EAST)) == []
    assert changes(Topics().reread([value], FAR_EAST)) == [("new", "assessed", 1)]
