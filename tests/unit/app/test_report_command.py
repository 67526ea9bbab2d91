"""`cordwatch report` as a user meets it: files, topics, wrong use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from cordwatch.app.commands.report import known_from, known_from_topics, report
from cordwatch.app.demo_day import DAY_FILE
from cordwatch.app.kept import facts_of
from cordwatch.pathway.facts import encode_fact, fact_of
from cordwatch.report.outcome import Period, outcome_report
from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION, embedded_broker
from cordwatch.runtime.kafka import KafkaSettings, MissingTopics, Publisher
from cordwatch.watch.effects import Effect, Record, Send, Write
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import topic_of
from cordwatch_schemas.topics import ACKS, ALERTS, FACTS
from tests.builders import T, a_death, a_suspicion, an_mri_done
from tests.unit.report.histories import PACK, UTC_ZONE, seen

CANARIES = ("TESTCASE", "NUMBER", "DEMO0", "DEMO1", "V001", "p_", "1950")


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(report, list(arguments), obj={})


def a_file(folder: Path, *lines: object) -> str:
    """Write contracts as JSON lines; return the path."""
    path = folder / "told.jsonl"
    path.write_text("\n".join(one.model_dump_json() for one in lines), encoding="utf-8")  # type: ignore[attr-defined]
    return str(path)


@pytest.mark.parametrize("form", ["table", "csv", "html", "json"])
def test_no_name_number_or_reference_of_the_day_is_in_any_format(form: str) -> None:
    """Invented names here; at the hospital they are not."""
    done = run(str(DAY_FILE), "--format", form, *(["--small-cells"] if form != "json" else []))
    assert done.exit_code == 0
    assert "HAEM2" in done.stdout
    assert [one for one in CANARIES if one in done.output] == []


def test_answers_in_a_file_count(tmp_path: Path) -> None:
    """The same lines that stand on the acks topic; an answer that came after the end is not known."""
    told = [a_suspicion(T(0))]
    (first, *_) = known_from(list(told), PACK, T(7)).alerts
    for received_hour, within in ((6.1, 1), (7.1, 0)):
        answer = seen(first.alert_id, T(6.1), received_at=T(received_hour))
        path = a_file(tmp_path, *told, answer)
        done = run(path, "--until", T(7).isoformat(), "--format", "json")
        (row, *_) = json.loads(done.stdout)["sections"]["acknowledged"]
        assert (row["judged"], row["within"]) == (1, within)


def test_without_until_nothing_is_known_after_the_last_message(tmp_path: Path) -> None:
    """A clock that the file does not follow to its end is running, not late."""
    path = a_file(tmp_path, a_suspicion(T(0)), an_mri_done(T(3), patient="B"))
    (row, *_) = json.loads(run(path, "--format", "json").stdout)["sections"]["in-time-by-all"]
    assert (row["running"], row["judged"]) == (1, 0)


def test_a_file_that_tells_nothing_gives_an_empty_report(tmp_path: Path) -> None:
    """Refused messages are counted on standard error; the report counts nothing."""
    path = tmp_path / "noise"
    path.write_bytes(b"x" * 100)
    done = run(str(path), "--format", "json")
    assert (done.exit_code, "1 quarantined" in done.stderr) == (0, True)
    assert json.loads(done.stdout)["sections"]["in-time-by-all"] == []


def test_from_and_to_are_read_in_the_hospitals_zone(tmp_path: Path) -> None:
    """T0 is 08:00 in Greenwich, 09:00 in Amsterdam: from then until before then holds nothing."""
    path = a_file(tmp_path, a_suspicion(T(0)), an_mri_done(T(3)))
    zone = ("--zone", "Europe/Amsterdam", "--format", "json")
    since = json.loads(run(path, "--from", "2026-03-02T09:00", *zone).stdout)
    before = json.loads(run(path, "--to", "2026-03-02T09:00", *zone).stdout)
    assert [len(one["sections"]["in-time-by-all"]) for one in (since, before)] == [1, 0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name FILES, or give --live"),
        (["{file}", "--live"], "name FILES, or give --live"),
        (["--live", "--until", "2026-03-02T08:00Z"], "--until goes with FILES"),
        (["{file}", "--from", "yesterday"], "Invalid value for --from: is not an ISO 8601 time"),
        (["{file}", "--to", "soon"], "Invalid value for --to: is not an ISO 8601 time"),
        (["{file}", "--from", "2026-03-02", "--to", "2026-03-02"], "must be later than --from"),
        (["{file}", "--format", "pdf"], "'pdf' is not one of"),
        (["{file}", "--zone", "Mars/Base"], "not a time zone"),
    ],
)
def test_wrong_use_is_answered_in_a_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit code 2 and the reason."""
    file = a_file(tmp_path, a_suspicion(T(0)))
    done = run(*(one.format(file=file) for one in arguments))
    assert done.exit_code == 2
    assert said in done.stderr


# --- live


def watched(*events: Event) -> Iterator[Effect]:
    """Return what a watch worker does with *events*, looking at everybody at T7 and T30."""
    machine = Machine(PACK, Metrics(PACK, CollectorRegistry()))
    machine.own([0])
    machine.restored([0], {})
    records = [
        Record(topic_of(one), 0, offset, one.patient.encode(), one.model_dump_json().encode())
        for offset, one in enumerate(events)
    ]
    yield from machine.take(records, T(7))
    yield from machine.settle([0], T(7))
    machine.waiting(T(30))
    yield from machine.settle([0], T(30))


def publish(kafka: KafkaSettings, effects: Iterable[Effect], *acks: object) -> None:
    """Put on the topics what the worker would, and what people answered."""
    publisher = Publisher(kafka)
    for effect in effects:
        if isinstance(effect, Write):
            for rows in effect.rows.values():
                for key, value in rows.items():
                    publisher.send(FACTS.name, key, value or b"")
        elif isinstance(effect, Send):
            for message in effect.messages:
                publisher.send(ALERTS.name, message.key, message.value)
    publisher.send(ALERTS.name, b"A", b"no alert")
    for one in acks:
        publisher.send(ACKS.name, b"A", one.model_dump_json().encode())  # type: ignore[attr-defined]
    publisher.send(ACKS.name, b"A", b"no answer")
    publisher.confirm()
    publisher.close()


STORY = (
    a_suspicion(T(0), patient="A"),
    a_suspicion(T(0), patient="B"),
    an_mri_done(T(1), patient="B"),
    a_suspicion(T(0), patient="C"),
    a_death(T(13), patient="C"),
    a_suspicion(T(0), patient="D"),
    an_mri_done(T(12.5), patient="D"),
)
"""A: never scanned. B: before the first level, so never alerted. C: died after due. D: late."""


def test_live_counts_from_the_facts_what_no_alert_tells_of() -> None:
    """
    One of four in time: B, which no alert knows. A is overdue, C's breach stays, D was late.

    A's first alert was seen at once; two records on the topics were unreadable, and that is said.
    """
    effects = list(watched(*STORY))
    (first, *_) = (one for one in known_from(list(STORY), PACK, T(7)).alerts if one.patient == "A")
    with embedded_broker({topic.name: 4 for topic in (FACTS, ALERTS, ACKS)}) as address:
        kafka = KafkaSettings(address, api_version=KAFKA_PYTHON_API_VERSION)
        publish(kafka, effects, seen(first.alert_id, T(7.1)))
        found, notes = known_from_topics(kafka, PACK)
    figures = outcome_report(found, Period(), UTC_ZONE, PACK.label, "topics", notes)
    (whole,) = (one for one in figures.shares if one.cut == "all")
    assert (whole.judged, whole.in_time) == (4, 1)
    assert (whole.late, whole.overdue, whole.ended_overdue) == (1, 1, 1)
    assert "B" not in {alert.patient for alert in found.alerts}
    assert figures.acknowledged[0].within == 1
    assert "older than 60 days" in notes[0]
    assert notes[1] == "2 records could not be read and are not counted."


def test_live_says_which_topics_are_missing() -> None:
    """Exit code 3, as everywhere; never an empty report that looks like a calm month."""
    with embedded_broker({ALERTS.name: 4}) as address:
        kafka = KafkaSettings(address, 2, KAFKA_PYTHON_API_VERSION)
        with pytest.raises(MissingTopics, match=FACTS.name):
            known_from_topics(kafka, PACK)


def test_the_latest_row_of_a_fact_is_the_one_that_counts() -> None:
    """A dropped row is gone, a wake-up is no fact, an unreadable key or row is counted."""
    fact, other = fact_of(a_suspicion(T(0))), fact_of(a_suspicion(T(1)))
    key, gone = (b"A|f" + one.id.encode() for one in (fact, other))
    rows: list[tuple[bytes | None, bytes | None]] = [
        (key, encode_fact(fact)),
        (gone, encode_fact(other)),
        (gone, None),
        (b"A|w", b"{}"),
        (b"no such key", b""),
        (b"B|f" + other.id.encode(), b"no row"),
    ]
    assert facts_of(rows) == ({"A": [fact]}, 2)
