"""The topic of references: what it says is all there is to know of the key in use, and it is believed whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cordwatch.feeds import key_in_use
from cordwatch.feeds.key_in_use import (
    MARK,
    UnreadableReferences,
    WrongKey,
    in_use,
    kept_of,
    record_key,
)
from cordwatch.feeds.references import References
from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION, embedded_broker
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch_schemas.reference_keys import CarriedReference, KeyInUse
from cordwatch_schemas.topics import REFERENCES
from tests.builders import T0

OLD, NEW = (References(name * 32) for name in (b"o", b"n"))
Record = tuple[bytes | None, bytes | None]


def a_mark(references: References, former: References | None = None) -> Record:
    """Return the record that says that their key is in use."""
    before = former.fingerprint if former else None
    mark = KeyInUse(fingerprint=references.fingerprint, former=before, since=T0)
    return MARK, mark.model_dump_json().encode()


def a_carried(number: str, former: References, present: References) -> Record:
    """Return the record that carries a patient."""
    made, own = present.of("p", number), present.fingerprint
    record = CarriedReference(fingerprint=own, reference=made, stands_for=former.of("p", number))
    return record_key(own, made), record.model_dump_json().encode()


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """Give what stands on the topic; what is written comes to its end."""
    records: list[Record] = []

    def follow(*_: object) -> Iterator[Record | None]:
        yield from list(records)
        yield None
        raise AssertionError("read beyond the end")

    class Writer:
        def __init__(self, _: KafkaSettings) -> None:
            pass

        def send(self, _: str, key: bytes, value: bytes) -> None:
            records.append((key, value))

        def confirm(self) -> None:
            pass

        def close(self) -> None:
            pass

    monkeypatch.setattr(key_in_use, "follow", follow)
    monkeypatch.setattr(key_in_use, "Publisher", Writer)
    return records


def test_the_first_key_is_marked_and_then_it_is_the_one(topic: list[Record]) -> None:
    """By the first that begins; it begins again without a word, and any other is refused."""
    assert in_use(KafkaSettings(), OLD, T0) == OLD
    assert topic == [a_mark(OLD)]
    assert in_use(KafkaSettings(), OLD, T0) == OLD
    with pytest.raises(WrongKey, match="exercise key: no file was named"):
        in_use(KafkaSettings(), References(), T0)
    with pytest.raises(WrongKey, match="references carry") as refused:
        in_use(KafkaSettings(), NEW, T0)
    assert topic == [a_mark(OLD)]
    for key in (OLD.key, NEW.key):
        assert key.decode() not in str(refused.value)


def test_who_writes_nothing_marks_nothing(topic: list[Record]) -> None:
    """A dry run goes on without a mark, and by the key of the mark alone where there is one."""
    assert in_use(KafkaSettings(), OLD, T0, marks=False) == OLD
    assert topic == []
    topic.append(a_mark(OLD))
    with pytest.raises(WrongKey):
        in_use(KafkaSettings(), NEW, T0, marks=False)


def test_who_is_overtaken_at_the_very_first_start_does_not_go_on(
    topic: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written last is read by both: by another key than that none of them gives a reference."""
    write = key_in_use.write_mark

    def late(kafka: KafkaSettings, mark: KeyInUse) -> None:
        write(kafka, mark)
        topic.append(a_mark(NEW))

    monkeypatch.setattr(key_in_use, "write_mark", late)
    with pytest.raises(WrongKey):
        in_use(KafkaSettings(), OLD, T0)


def test_what_was_carried_to_another_key_is_left_alone(topic: list[Record]) -> None:
    """Until the mark is the other key's: an exchange that was interrupted changes nothing."""
    topic += [a_mark(OLD), a_carried("7", OLD, NEW)]
    assert in_use(KafkaSettings(), OLD, T0).carried == {}
    topic.append(a_mark(NEW, OLD))
    found = in_use(KafkaSettings(), NEW, T0)
    assert (found.of("p", "7"), found.of("p", "8")) == (OLD.of("p", "7"), NEW.of("p", "8"))
    with pytest.raises(WrongKey):
        in_use(KafkaSettings(), OLD, T0)


def test_what_was_taken_back_counts_no_more() -> None:
    """Of one record; the others stay."""
    seven, eight = (a_carried(one, OLD, NEW) for one in "78")
    kept = kept_of([a_mark(NEW, OLD), seven, eight, (seven[0], None), (b"unheard of", None)])
    assert list(kept.under(NEW).carried.values()) == [OLD.of("p", "8")]


@pytest.mark.parametrize("value", [b"", b"{}", b'{"kind": "of a newer version"}', b"\xff"])
def test_what_cannot_be_read_is_not_passed_over(value: bytes) -> None:
    """Whoever it was about would become somebody else."""
    with pytest.raises(UnreadableReferences, match=r"cordwatch\.references\.v1"):
        kept_of([a_mark(OLD), (b"x", value)])


def test_the_broker_of_the_demo_does_as_a_real_one() -> None:
    """The exercise key is a key like any other: marked, known again, and no other one beside it."""
    with embedded_broker({REFERENCES.name: REFERENCES.partitions}) as address:
        kafka = KafkaSettings(address, api_version=KAFKA_PYTHON_API_VERSION)
        assert in_use(kafka, References(), T0) == in_use(kafka, References(), T0) == References()
        with pytest.raises(WrongKey):
            in_use(kafka, OLD, T0)
