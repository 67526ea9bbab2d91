"""The key for references is exchanged on a real broker: nobody becomes somebody else, nobody is told anything twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cordwatch.app.carrying import running
from cordwatch.app.commands.replay import publish_group
from cordwatch.feeds import key_in_use
from cordwatch.feeds.files import Item
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings, Publisher
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.topics import FACTS, IDENTITIES, REFERENCES
from tests.kafka.key_exchange import Hospital, Ran, last_at, references
from tests.kafka.test_watch import a_group, eventually
from tests.kafka.worker import Worker
from tests.kafka_harness.real_kafka import RealKafka
from tests.unit.feeds.fhir.resources import PATIENT, a

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

EXIT_KEY = 6
KNOWN, VISIT, FRESH = "4711", "V4711", "4712"
ONE, VISITED = references("first").of("p", KNOWN), references("first").of("e", VISIT)


@pytest.fixture
def hospital(private_kafka: RealKafka, tmp_path: Path) -> Hospital:
    """Give a hospital on a broker that has every topic, and nothing on them."""
    topics_admin.apply(KafkaSettings(private_kafka.bootstrap), 1)
    return Hospital(private_kafka.bootstrap, tmp_path)


def test_a_clock_outlives_two_keys(hospital: Hospital, tmp_path: Path) -> None:
    """A suspicion under the first key is answered by a scan under the second; the stay ends under the third."""
    with Worker(hospital.kafka, a_group(), tmp_path / "watch.log"):
        with hospital.gateway("first") as feeds:
            told = (hospital.admission(KNOWN, VISIT), hospital.suspicion(KNOWN, VISIT))
            hospital.send(feeds, *told)
            late = hospital.expect_open(ONE)
            refused = hospital.carry("first", "second")
            assert (refused.code, hospital.records()) == (1, 1)
            assert "stop the gateways first" in refused.complained
            assert feeds.stop() == 0
        exchange(hospital, "first", "second")
        with hospital.gateway("second") as feeds:
            more = (hospital.scan(KNOWN, VISIT), hospital.suspicion(FRESH, "V4712"))
            hospital.send(feeds, *more)
            # Of whom nobody knew, the reference is the other key's.
            fresh = hospital.expect_open(references("second").of("p", FRESH))
            assert eventually(lambda: not late & hospital.open_alerts(ONE))
            assert feeds.stop() == 0
        # The same clock ended, and no other was begun.
        assert hospital.alerts(ONE).keys() >= late
        assert {hospital.alerts(ONE)[one].status for one in late} == {"resolved"}
        assert hospital.alerts(references("second").of("p", KNOWN)) == {}
        exchange(hospital, "second", "third")
        with hospital.gateway("third") as feeds:
            rest = (hospital.discharge(KNOWN, VISIT), hospital.scan(FRESH, "V4712"))
            hospital.send(feeds, *rest)
            once = references("second").of("p", FRESH)
            assert eventually(lambda: not fresh & hospital.open_alerts(once))
            assert feeds.stop() == 0
    events = hospital.events(ONE)
    admitted, discharged = (last_at(events, kind) for kind in ("admitted", "discharged"))
    assert admitted[:2] == discharged[:2] == (ONE, VISITED)


def exchange(hospital: Hospital, former: str, present: str) -> None:
    """Exchange the key: dry at first, then for good; see who is refused before and after."""
    before = hospital.records()
    tried = hospital.carry(former, present, "--dry-run")
    assert (tried.code, hospital.records()) == (0, before)
    assert refused(hospital, present)
    done = hospital.carry(former, present)
    assert (done.code, done.told) == (0, tried.told), done.complained
    assert done.told["carried"] > 0
    assert [done.told[one] for one in ("doubled", "patients_left", "visits_left")] == [0, 0, 0]
    shown = hospital.run("references", "show", "--json").told
    assert shown["fingerprint"] == references(present).fingerprint
    assert (shown["former"], shown["carried"]) == (
        references(former).fingerprint,
        done.told["carried"],
    )
    assert refused(hospital, former)


def refused(hospital: Hospital, key: str) -> bool:
    """Return whether whoever makes references is refused with *key*, and says why, and writes nothing."""
    file = ("--key-file", str(hospital.folder / key))
    empty = hospital.folder / "empty.hl7"
    empty.write_text(hospital.admission("1", "V1"), encoding="utf-8")
    tries = (
        ("feeds", "--port", "0", "--metrics-port", "0", *file),
        ("replay", str(empty), *file),
        ("replay", "--from-raw", *file),
        ("replay", "--from-raw", "--dry-run", *file),
        ("quarantine", "retry", "--all", *file),
        ("quarantine", "retry", "--all", "--dry-run", *file),
    )
    before = hospital.records()
    done = [hospital.run(*one) for one in tries]
    assert hospital.records() == before
    assert all("references carry" in one.complained for one in done)
    return {one.code for one in done} == {EXIT_KEY}


def test_interrupted_it_counts_for_nothing_and_is_run_again(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the mark the former key counts; after it, what a gateway with that key told in between is carried too."""
    assert hospital.replay("first", hospital.admission(KNOWN, VISIT)).code == 0
    assert of_fhir(hospital, "first").code == 0
    kafka, former = KafkaSettings(hospital.kafka), references("first")
    sources = Source(references=references("second"))
    found = running.find(kafka, sources, former, lambda _, __, records: records)
    # Patient and visit of either standard: a visit's number stands in the original alone.
    assert set(found.carrying.carry.values()) == {
        former.of(*one) for one in (("p", KNOWN), ("e", VISIT), ("p", "4711F"), ("e", "V77"))
    }
    with monkeypatch.context() as patch, pytest.raises(ConnectionResetError):
        patch.setattr(running, "write_mark", broken)
        running.carry(kafka, found, hospital.now, lambda _: None)
    again = hospital.replay("first", hospital.discharge(KNOWN, VISIT))
    assert again.code == 0, again.complained
    done = hospital.carry("first", "second")
    assert (done.code, done.told["carried"], done.told["already"]) == (0, 0, 4)
    # By whoever began to look before that, and is done now.
    with pytest.raises(running.ChangedMeanwhile):
        running.carry(kafka, found, hospital.now, lambda _: None)

    # Somebody whom each of the keys told of, and somebody whom only the former one knows.
    assert hospital.replay("second", hospital.admission("55", "V55")).code == 0
    a_gateway_that_was_forgotten(hospital, "55", "V55")
    a_gateway_that_was_forgotten(hospital, "66", "V66")
    late = hospital.carry("first", "second")
    assert (late.code, late.told["carried"], late.told["doubled"]) == (0, 2, 2)
    told = hospital.replay(
        "second", *(hospital.discharge(one, f"V{one}") for one in ("55", "66", "78"))
    )
    assert told.code == 0
    for number, key in (("55", "second"), ("66", "first"), ("78", "second")):
        whose = references(key)
        (patient, visit, _) = last_at(hospital.events(whose.of("p", number)), "discharged")
        assert (patient, visit) == (whose.of("p", number), whose.of("e", f"V{number}"))
    assert late.told["references"]["doubled"] == sorted(
        [references("second").of(*one), references("first").of(*one)]
        for one in (("p", "55"), ("e", "V55"))
    )
    wrong = hospital.carry("third", "second")
    assert (wrong.code, wrong.said) == (EXIT_KEY, "")


def broken(*_: object) -> None:
    """End as where the broker goes away."""
    raise ConnectionResetError


def of_fhir(hospital: Hospital, key: str) -> Ran:
    """Publish a visit that FHIR tells of."""
    patient = {**PATIENT, "identifier": [{"value": "4711F", "system": "urn:mrn"}]}
    stay = a(
        "Encounter",
        status="in-progress",
        identifier=[{"value": "V77"}],
        period={"start": "2026-03-02T08:00:00Z"},
        **{"class": {"code": "IMP"}},
    )
    entries = [{"resource": stay}, {"resource": patient, "search": {"mode": "include"}}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return hospital.replay(key, json.dumps(bundle))


def a_gateway_that_was_forgotten(hospital: Hospital, number: str, visit: str) -> None:
    """Let one with the first key, which nobody stopped, tell of an admission."""
    source, clock = Source(references=references("first")), WallClock()
    text = hospital.admission(number, visit).replace("ID?", f"OLD{number}")
    found = translate(Item("message", "hl7v2", text.encode()), source, clock.now())
    publisher = Publisher(KafkaSettings(hospital.kafka))
    publish_group(publisher, [found], clock)
    publisher.close()


def test_whoever_cannot_be_carried_is_told_before_anything_is_written(hospital: Hospital) -> None:
    """A patient whose number nothing tells any more; carried all the same where that is wanted. Deleted is not left."""
    assert hospital.replay("first", hospital.admission(KNOWN, VISIT)).code == 0
    unknown, deleted = (references("first").of("p", one) for one in ("88", "99"))
    row, lost = b"|f" + b"0" * 24, references("first").of("e", "V88")
    publisher = Publisher(KafkaSettings(hospital.kafka))
    publisher.send(FACTS.name, unknown.encode() + row, json.dumps({"encounter": lost}).encode())
    publisher.send(FACTS.name, deleted.encode() + row, b"{}")
    publisher.send(FACTS.name, deleted.encode() + row, None)
    publisher.send(IDENTITIES.name, deleted.encode(), None)
    publisher.confirm()
    publisher.close()
    before = hospital.records()
    found = hospital.carry("first", "second")
    assert (found.code, hospital.records()) == (1, before)
    assert (found.told["patients_left"], found.told["visits_left"]) == (1, 1)
    named = found.told["references"]
    assert (named["patients"], named["visits"], named["waiting"]) == ([unknown], [lost], [])
    assert "1 patients would be somebody else from then on, 0 of them" in found.complained
    assert "88" not in found.said + found.complained
    assert hospital.carry("first", "second", "--anyway").code == 0
    assert hospital.run("references", "show", "--json").told["carried"] == 2


def test_of_an_installation_older_than_marks_the_gateway_has_the_key(
    hospital: Hospital, private_kafka: RealKafka
) -> None:
    """A command by hand, with whatever key, is not believed where patients are known; to carry, what fits them is."""
    kafka = KafkaSettings(private_kafka.bootstrap)
    assert hospital.replay("first", hospital.admission(KNOWN, VISIT)).code == 0
    publisher = Publisher(kafka)
    publisher.send(REFERENCES.name, key_in_use.MARK, None)
    publisher.confirm()
    publisher.close()
    for key in ("first", None):
        unsaid = hospital.replay(key, hospital.discharge(KNOWN, VISIT))
        assert unsaid.code == EXIT_KEY
        assert "start a gateway first" in unsaid.complained
    assert hospital.carry("third", "second").code == EXIT_KEY
    done = hospital.carry("first", "second")
    assert (done.code, done.told["carried"]) == (0, 2), done.complained
    assert hospital.run("references", "show", "--json").told["fingerprint"] == (
        references("second").fingerprint
    )


def test_a_visit_is_known_by_any_message_that_names_it(hospital: Hospital) -> None:
    """A result that tells watch nothing says whose it is: a visit may have no other message for weeks."""
    result = f"{hospital.header('ORU^R01', KNOWN, VISIT)}OBR|1||L1|718-7^Hb^LN\rOBX|1|NM|718-7^Hb^LN||9\r"
    assert hospital.replay("first", result).code == 0
    found = running.find(
        KafkaSettings(hospital.kafka),
        Source(references=references("second")),
        references("first"),
        lambda _, __, records: records,
    )
    assert found.carrying.carry == {}
    publisher = Publisher(KafkaSettings(hospital.kafka))
    row = json.dumps({"k": "admitted", "e": VISITED}).encode()
    publisher.send(FACTS.name, f"{ONE}|f{'0' * 24}".encode(), row)
    publisher.confirm()
    publisher.close()
    done = hospital.carry("first", "second")
    assert (done.code, done.told["carried"], done.told["visits_left"]) == (0, 2, 0)


def test_no_key_is_carried_to_that_nothing_starts_with(hospital: Hospital, tmp_path: Path) -> None:
    """A placeholder would be refused by compose and Kubernetes, and by then the former key too."""
    assert hospital.replay("first", hospital.admission(KNOWN, VISIT)).code == 0
    (tmp_path / "second").write_text(
        "please change this to something of your own", encoding="utf-8"
    )
    refused = hospital.carry("first", "second")
    assert (refused.code, refused.said) == (2, "")
    assert "placeholder" in refused.complained


def test_who_began_without_a_key_is_given_one(hospital: Hospital) -> None:
    """Where no file was ever named the exercise key counts: it is told by its name, and exchanged as any other."""
    assert hospital.replay(None, hospital.admission(KNOWN, VISIT)).code == 0
    wrong = hospital.replay("first", hospital.discharge(KNOWN, VISIT))
    assert wrong.code == EXIT_KEY
    assert "the exercise key: no file was named" in wrong.complained
    key = ("--key-file", str(hospital.folder / "first"))
    done = hospital.run("references", "carry", "--json", *key)
    assert (done.code, done.told["carried"]) == (0, 2), done.complained
    assert hospital.replay("first", hospital.discharge(KNOWN, VISIT)).code == 0
    patient, visit = (References().of(kind, of) for kind, of in (("p", KNOWN), ("e", VISIT)))
    assert last_at(hospital.events(patient), "discharged")[:2] == (patient, visit)
