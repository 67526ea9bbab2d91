"""A gateway that listens to itself: alerts that begin and end, over restarts, absences and changed profiles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import Translated, derived_records, from_fhir
from cordwatch.feeds.group_commit import Job
from cordwatch.feeds.group_reading import accepted
from cordwatch.feeds.hl7.framing import Piece
from cordwatch.feeds.intake import understand
from cordwatch.feeds.mapping.reading import Fault
from cordwatch.feeds.profile import Profiles
from cordwatch.feeds.source import Source, Sources
from cordwatch.feeds.trouble.listening import Feed, Listening
from cordwatch.feeds.trouble.metrics import OperationsMetrics
from cordwatch.feeds.trouble.operations import REMIND_EVERY, SAVE_EVERY, Operations
from cordwatch.feeds.trouble.quarantine_rate import WINDOW_MIN
from cordwatch.feeds.trouble.silence import SilencePlan, SilencePlans
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.operations import FeedHistory, GatewayState, OperationalAlert
from cordwatch_schemas.topics import HISTORIES, OPERATIONS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FLOOR_S, CEILING_S = 30.0, 120.0
NAME = "ZEBRAFINCH"
FHIR_FEEDS = ("FHIR", "Patient", "Condition", "Encounter")
PATIENT = b'{"resourceType":"Patient","id":"p","identifier":[{"value":"N1"}]}'
CONDITION = b'{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"}}'


def a_source(name: str = "ris", **types: SilencePlan) -> Source:
    """Return a source whose silence is told after two minutes, of what came once."""
    named = {kind.replace("_", "^"): plan for kind, plan in types.items()}
    usual = SilencePlan(at_least_s=FLOOR_S, at_most_s=CEILING_S)
    return Source(name=name, silence=SilencePlans(usual, named))


class Ward:
    """A gateway's listening, with a clock of the test's own."""

    def __init__(self, *sources: Source, listening: Listening | None = None) -> None:
        """Listen to *sources*; the first look is at 0 s."""
        self.listening = listening or Listening("feeds")
        self.sources: tuple[Source, ...] = sources or (a_source(),)
        self.able = True
        self.at_s = 0

    @property
    def now(self) -> datetime:
        """Return the time."""
        return NOW + timedelta(seconds=self.at_s)

    def until(self, seconds: int) -> list[OperationalAlert]:
        """Look once a second until then; return what was told."""
        told = []
        while self.at_s <= seconds:
            told += self.listening.step(self.now, self.sources, able=self.able)
            self.at_s += 1
        return told

    def hear(self, kind: str = "ADT^A01", profile: str = "ris", *, failed: bool = False) -> None:
        """Let a message come."""
        self.listening.hear(profile, (kind,), self.now, failed=failed)


def shown(told: Sequence[OperationalAlert]) -> list[tuple[str, str | None, str | None, str]]:
    """Return what matters of alerts."""
    return [(one.kind, one.source, one.message_type, one.status) for one in told]


def test_a_silent_feed_is_told_once_and_ends_with_the_next_message() -> None:
    """By its last message, to the second."""
    ward = Ward()
    ward.until(0)
    ward.hear()
    heard_at = ward.now
    assert ward.until(120) == []
    [begun] = ward.until(121)
    assert shown([begun]) == [("feed-silent", "ris", "ADT", "open")]
    assert (begun.since, begun.raised_at) == (heard_at, NOW + timedelta(seconds=121))
    assert "2 min" in begun.reason
    assert ward.until(500) == []
    ward.hear("ORU^R01")
    assert ward.until(520) == []
    ward.hear()
    [over] = ward.until(521)
    assert (over.alert_id, over.status) == (begun.alert_id, "over")
    assert ward.listening.open == {}


def test_a_feed_that_the_profile_names_is_missed_without_ever_having_come() -> None:
    """By type, or by type and event; what it does not name is not expected."""
    merges = SilencePlan(at_least_s=1, at_most_s=60, expected=True)
    ward = Ward(a_source(ADT_A40=merges, PPR=SilencePlan(never=True, expected=True)))
    told = []
    for second in range(0, 100, 10):
        ward.hear("ADT^A08")
        told += ward.until(second)
    assert shown(told) == [("feed-silent", "ris", "ADT^A40", "open")]
    assert "nothing ever came" in told[0].reason
    ward.hear("ADT^A40")
    assert shown(ward.until(100)) == [("feed-silent", "ris", "ADT^A40", "over")]


def test_types_that_are_not_read_and_strangers_are_not_listened_for() -> None:
    """Whatever a sender writes into MSH-9 names no feed."""
    ward = Ward()
    for kind in (f"{NAME}^A01", "?", "", "MDM^T02"):
        ward.hear(kind)
    ward.hear("ADT^A01", profile="")
    assert ward.listening.feeds == {}


def restarted(ward: Ward, at_s: int, told: Sequence[OperationalAlert] = ()) -> Ward:
    """Return the gateway after a restart at that second, with what was kept of it."""
    records: list[FeedHistory | GatewayState] = [*ward.listening.learnt(ward.now)]
    records.append(ward.listening.state(NOW + timedelta(seconds=ward.at_s - 1)))
    after = Ward(*ward.sources)
    kept = [type(one).model_validate_json(one.model_dump_json()) for one in records]
    after.listening.restore(kept, told)
    after.at_s = at_s
    return after


def test_a_restart_forgets_no_silence_and_no_alert() -> None:
    """The silence goes on where it was, and what is open is not told as new."""
    ward = Ward()
    ward.until(0)
    ward.hear()
    ward.until(60)
    early = restarted(ward, 70)
    assert early.until(130) == []
    assert shown(early.until(131)) == [("feed-silent", "ris", "ADT", "open")]
    told = ward.until(200)
    later = restarted(ward, 210, told)
    assert later.until(900) == []
    later.hear()
    [over] = later.until(901)
    assert over.alert_id == told[0].alert_id


def test_a_crash_behind_an_alert_tells_it_again_as_the_same_one() -> None:
    """The process died before it could know that the broker had it."""
    ward = Ward()
    ward.until(0)
    ward.hear()
    [begun] = ward.until(200)
    [again] = restarted(ward, 210).until(300)
    assert again.raised_at != begun.raised_at
    assert (again.alert_id, again.since) == (begun.alert_id, begun.since)


def test_what_was_learnt_survives_a_restart() -> None:
    """All hours of the week, and how much usually goes to quarantine."""
    ward = Ward(Source(name="ris"))
    ward.hear()
    ward.hear(failed=True)
    for at_s in range(0, 2 * 3_600 + 60, 10):
        ward.at_s = at_s
        ward.until(at_s)
        if at_s % 600 == 0:
            ward.hear(failed=True)
    after = restarted(ward, 2 * 3_600 + 60).listening
    feed = Feed("ris", "ADT")
    assert after.feeds[feed].hours == ward.listening.feeds[feed].hours
    assert sorted(after.feeds[feed].hours) == [9, 10]
    assert after.rates["ris"].hours == ward.listening.rates["ris"].hours != []
    assert after.feeds[feed].since == NOW


def test_another_gateways_memory_is_not_taken() -> None:
    """It hears other senders."""
    ward = Ward()
    ward.hear()
    ward.until(10)
    other = Listening("feeds-south")
    other.restore([ward.listening.state(ward.now)], [])
    assert other.feeds == {}


def test_a_gateway_that_was_away_says_so_and_nothing_of_its_senders() -> None:
    """For an hour: as much silence as before, and one word about the hour."""
    ward = Ward()
    ward.until(0)
    ward.hear()
    ward.until(60)
    after = restarted(ward, 3_660)
    [away] = after.until(3_660)
    assert shown([away]) == [("gateway-away", None, None, "over")]
    assert (away.since, away.over_at) == (
        NOW + timedelta(seconds=60),
        after.now - timedelta(seconds=1),
    )
    assert after.until(3_660 + 59) == []
    after.hear()
    assert after.until(3_660 + 150) == []
    assert after.listening.open == {}


def test_a_broker_that_is_away_is_told_and_no_silence() -> None:
    """Nothing is taken in meanwhile; senders get time to come back afterwards."""
    ward = Ward()
    ward.until(0)
    ward.hear()
    ward.until(110)
    ward.able = False
    begun = ward.until(3_000)
    assert shown(begun) == [("broker-away", None, None, "open")]
    assert list(ward.listening.open) == ["broker-away"]
    ward.able = True
    assert shown(ward.until(3_001 + int(FLOOR_S) - 1)) == [("broker-away", None, None, "over")]
    assert shown(ward.until(3_001 + int(FLOOR_S))) == [("feed-silent", "ris", "ADT", "open")]


def test_an_alert_about_the_broker_ends_with_a_new_process_that_reaches_it() -> None:
    """The one that could not is gone."""
    ward = Ward()
    ward.until(1)
    ward.able = False
    begun = ward.until(500)
    after = restarted(ward, 510, begun)
    told = shown(after.until(515))
    assert told[-1] == ("broker-away", None, None, "over")
    assert after.listening.open == {}


def test_a_profile_that_is_gone_takes_its_alerts_with_it() -> None:
    """Nobody waits for that sender any more."""
    ward = Ward()
    ward.until(0)
    ward.hear()
    ward.until(200)
    ward.sources = (a_source("his"),)
    assert shown(ward.until(201)) == [("feed-silent", "ris", "ADT", "over")]
    assert ward.listening.feeds == {}


def test_a_jump_in_quarantine_is_told_and_when_it_is_over() -> None:
    """Per source, strangers among them; for as long as more than half of what is a jump goes there."""
    ward = Ward()
    ward.until(0)
    for _ in range(9):
        ward.hear(failed=True)
        ward.hear("", "", failed=True)
    assert ward.until(5) == []
    ward.hear(failed=True)
    [begun] = ward.until(6)
    assert shown([begun]) == [("quarantine-rate", "ris", None, "open")]
    assert begun.reason == "10 messages in 15 min went to quarantine; none are usual"
    ward.hear("", "", failed=True)
    assert shown(ward.until(7)) == [("quarantine-rate", "-", None, "open")]
    ward.at_s = WINDOW_MIN * 60 - 1
    told = ward.until(WINDOW_MIN * 60 - 1)
    ward.at_s = 2 * WINDOW_MIN * 60
    told += ward.until(4 * WINDOW_MIN * 60)
    ended = [one for one in told if one.kind == "quarantine-rate"]
    assert {(one.source, one.status) for one in ended} == {("ris", "over"), ("-", "over")}


def test_a_profile_says_how_many_in_quarantine_are_worth_a_word() -> None:
    """Where some always fail."""
    ward = Ward(Source(name="ris", quarantine_at_least=3))
    for _ in range(3):
        ward.hear(failed=True)
    assert shown(ward.until(0)) == [("quarantine-rate", "ris", None, "open")]


class FakeCommit:
    """Keeps the records that it is given, and is away when the test says so."""

    def __init__(self) -> None:
        """Be there."""
        self.broker_away = False
        self.records: list[tuple[str, bytes, bytes]] = []

    def submit(self, job: Job) -> None:
        """Take over *job*."""
        assert job.found is not None
        self.records += [
            (one.topic, one.key, one.value) for one in derived_records(job.found, job.received_at)
        ]

    def topic(self, name: str) -> list[bytes]:
        """Return the values on a topic."""
        return [value for topic, _, value in self.records if topic == name]


class Clock(WallClock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        """Begin."""
        super().__init__()
        self.at = NOW

    def now(self) -> datetime:
        """Return the time that the test set."""
        return self.at


class Shell:
    """The shell around it, without a broker."""

    def __init__(self, source: Source | None = None) -> None:
        """Put it together."""
        self.commit, self.clock, self.registry = FakeCommit(), Clock(), CollectorRegistry()
        self.source: Sources = source or a_source()
        self.operations = Operations(
            Listening("feeds"),
            self.commit,
            OperationsMetrics(self.registry),
            self.clock,
            lambda: self.source,
        )

    def go(self, seconds: float) -> None:
        """Tick, second by second."""
        for _ in range(int(seconds)):
            self.operations.tick()
            self.clock.at += timedelta(seconds=1)

    def value(self, name: str, **labels: str) -> float | None:
        """Return a series."""
        return self.registry.get_sample_value(f"cordwatch_feeds_{name}", labels)


def mapped(kind: str = "ADT^A01", *faults: Fault) -> Translated:
    """Return what became of a message."""
    item = Item("message", "hl7v2", b"x")
    return Translated(
        item, "mapped", "A|B", "1", None, (), faults, profile="ris", message_type=kind
    )


def test_a_silence_is_on_the_topic_in_the_metrics_and_over_again() -> None:
    """Told once while it lasts, but once a day again, before the topic forgets it."""
    shell = Shell()
    shell.go(1)
    shell.operations.heard(mapped(), shell.clock.at)
    shell.go(121)
    assert shell.value("silent", source="ris", type="ADT") == 1
    assert shell.value("open_operational_alerts", kind="feed-silent") == 1
    assert len(shell.commit.topic(OPERATIONS.name)) == 1
    shell.clock.at += REMIND_EVERY
    shell.go(1)
    begun = [
        OperationalAlert.model_validate_json(one) for one in shell.commit.topic(OPERATIONS.name)
    ]
    assert [one.kind for one in begun] == ["feed-silent", "gateway-away", "feed-silent"]
    assert begun[0] == begun[2]
    shell.operations.heard(mapped(), shell.clock.at)
    shell.go(1)
    last = OperationalAlert.model_validate_json(shell.commit.topic(OPERATIONS.name)[-1])
    assert (last.alert_id, last.status) == (begun[0].alert_id, "over")
    assert shell.value("silent", source="ris", type="ADT") == 0
    assert shell.value("operational_alerts_total", kind="feed-silent") == 1
    assert shell.value("open_operational_alerts", kind="feed-silent") == 0


def test_a_message_that_comes_again_is_a_sign_of_life() -> None:
    """Its sender is there, though nothing of it is new; what fits no profile is nobody's sign."""
    again = b"MSH|^~\\&|HIS|W|CW|H|20260302100000||ADT^A08|1|P|2.5\rPID|1||7\r"
    shell = Shell()
    shell.go(1)
    shell.operations.heard(accepted(Piece("message", again)), shell.clock.at)
    shell.go(1)
    assert shell.value("silent", source="ris", type="ADT") == 0
    shell.go(120)
    assert shell.value("silent", source="ris", type="ADT") == 1
    shell.operations.heard(accepted(Piece("message", again)), shell.clock.at)
    shell.go(1)
    assert shell.value("silent", source="ris", type="ADT") == 0
    strange = Shell(a_source())
    strange.source = Profiles((), ())
    strange.operations.heard(accepted(Piece("message", again)), NOW)
    assert strange.operations.listening.feeds == {}


def test_fhir_is_listened_for_by_type_of_resource() -> None:
    """Conditions that stay away are not hidden by patients that come."""
    shell = Shell()
    shell.go(1)
    for data in (PATIENT, b"[%b,%b]" % (PATIENT, CONDITION)):
        found = from_fhir(Item("message", "fhir", data), shell.source, NOW)
        shell.operations.heard(found, shell.clock.at)
    for _ in range(130):
        found = from_fhir(Item("message", "fhir", PATIENT), shell.source, NOW)
        shell.operations.heard(found, shell.clock.at)
        shell.go(1)
    silent = {kind: shell.value("silent", source="ris", type=kind) for kind in FHIR_FEEDS}
    assert silent == {"FHIR": 0, "Patient": 0, "Condition": 1, "Encounter": None}


def test_where_it_stands_is_kept_every_minute_unless_the_broker_is_away() -> None:
    """What would pile up is left out; alerts are not."""
    shell = Shell()
    shell.go(SAVE_EVERY.total_seconds() + 1)
    assert len(shell.commit.topic(HISTORIES.name)) == 2
    shell.commit.broker_away = True
    shell.go(SAVE_EVERY.total_seconds() * 4)
    assert len(shell.commit.topic(HISTORIES.name)) == 2
    told = shell.commit.topic(OPERATIONS.name)
    assert [OperationalAlert.model_validate_json(one).kind for one in told] == ["broker-away"]


def test_what_goes_to_quarantine_is_counted_by_source() -> None:
    """Under the profile's name; strangers together."""
    shell = Shell()
    shell.operations.heard(mapped("ADT^A01", Fault("PID-3", "no patient number")), NOW)
    shell.operations.heard(mapped(), NOW)
    strange = understand(Piece("unreadable", b"x", "junk"), Source(), NOW)
    shell.operations.heard(strange, NOW)
    assert shell.value("quarantined_total", source="ris") == 1
    assert shell.value("quarantined_total", source="-") == 1


def test_a_feed_that_is_gone_has_no_series_any_more() -> None:
    """Or its silence would stand there for ever."""
    shell = Shell()
    shell.operations.heard(mapped(), NOW)
    shell.go(2)
    assert shell.value("silence_seconds", source="ris", type="ADT") == 1
    shell.source = a_source("his")
    shell.go(1)
    assert shell.value("silence_seconds", source="ris", type="ADT") is None


@pytest.mark.parametrize("field", [3, 4, 9, 10, 11])
def test_no_series_and_no_record_repeats_what_a_sender_wrote(field: int) -> None:
    """A name in any field of the header."""
    header = ["MSH", "^~\\&", "HIS", "W", "CW", "H", "20260302100000", "", "ADT^A01", "7", "P"]
    header[field - 1] = f"{NAME}^{NAME}"
    data = "|".join([*header, "2.5\rPID|1||7^^^H^MR\r"]).encode()
    shell = Shell(Source(name="ris"))
    shell.operations.heard(understand(Piece("message", data), shell.source, NOW), NOW)
    shell.go(90)
    told = generate_latest(shell.registry) + b"".join(value for _, _, value in shell.commit.records)
    assert NAME.encode() not in told
