"""The topic of references: by which key patients are known, and what was carried over to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from cordwatch.feeds.references import References
from cordwatch.runtime.following import follow
from cordwatch.runtime.kafka import KafkaSettings, Publisher
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.topic_span import TopicSpan
from cordwatch_schemas.reference_keys import CarriedReference, KeyInUse, ReferenceRecord
from cordwatch_schemas.topics import IDENTITIES, REFERENCES

MARK = b"key-in-use"
"""Key of the one record that says which key counts."""

_RECORD: TypeAdapter[KeyInUse | CarriedReference] = TypeAdapter(ReferenceRecord)

log = get_logger("cordwatch.feeds")


def _named(fingerprint: str) -> str:
    """Return what a key is called: the one that counts where no file is named has no other trace."""
    is_exercise = fingerprint == References().fingerprint
    return "the exercise key: no file was named" if is_exercise else fingerprint[:8]


class WrongKey(Exception):
    """Patients are known by another key: with this one every patient would be somebody else."""

    def __init__(self, fingerprint: str, known_by: str, option: str = "--key-file") -> None:
        """Say so, and what to do; fingerprints tell nothing of keys."""
        super().__init__(
            f"{option} ({_named(fingerprint)}) is not the key by which this hospital's patients are known"
            f" ({_named(known_by)}): put that one back, or exchange it with `cordwatch references carry`"
        )


class NotMarkedYet(Exception):
    """Patients are known, and no gateway has said yet by which key."""

    def __init__(self) -> None:
        """Say so, and what to do."""
        super().__init__(
            "patients are known here, and no gateway has said yet by which key: start a gateway first"
        )


class UnreadableReferences(Exception):
    """The topic of references holds what this version cannot read: who is who cannot be known."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            f"{REFERENCES.name} holds a record that cannot be read: of a newer version, or damaged."
            " Without it patients would become somebody else"
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What the topic holds."""

    mark: KeyInUse | None
    carried: Mapping[str, Mapping[str, str]]
    """By the fingerprint of a key, what its references stand for."""

    def under(self, references: References) -> References:
        """Return *references* with what was carried over to their key."""
        return replace(references, carried=self.carried.get(references.fingerprint, {}))


def kept_of(records: Iterable[tuple[bytes | None, bytes | None]]) -> Kept:
    """
    Return what *records* say, of each key the last.

    Raises:
        UnreadableReferences: one cannot be read.
    """
    mark: KeyInUse | None = None
    carried: dict[str, dict[str, str]] = {}
    for key, value in records:
        if key == MARK and value is None:
            mark = None
        elif value is None:
            owner, _, reference = (key or b"").decode("ascii", "replace").partition("|")
            carried.get(owner, {}).pop(reference, None)
        else:
            found = _record(value)
            if isinstance(found, KeyInUse):
                mark = found
            else:
                carried.setdefault(found.fingerprint, {})[found.reference] = found.stands_for
    return Kept(mark, carried)


def _record(value: bytes) -> KeyInUse | CarriedReference:
    try:
        return _RECORD.validate_json(value)
    except ValidationError:
        raise UnreadableReferences from None


def record_key(fingerprint: str, reference: str) -> bytes:
    """Return the key on the topic of what was carried: the reference, and under which key."""
    return f"{fingerprint}|{reference}".encode()


def read_references(kafka: KafkaSettings) -> Kept:
    """
    Return what stands on the topic, which must be there.

    Raises:
        BrokerUnreachable: no broker answers.
        UnreadableReferences: one record cannot be read.
    """
    return kept_of(_to_the_end(kafka))


def _to_the_end(kafka: KafkaSettings) -> Iterable[tuple[bytes | None, bytes | None]]:
    for record in follow(kafka, REFERENCES.name, None):
        if record is None:
            return
        yield record


def in_use(
    kafka: KafkaSettings,
    references: References,
    now: datetime,
    *,
    marks: bool = True,
    by_hand: bool = False,
) -> References:
    """
    Return *references* with what was carried to their key, if patients are known by it.

    Where no key was in use before, it is the first (*marks*: and that is written).
    A command that is called *by_hand* is not believed where patients are known
    already: of an installation that is older than marks the gateway has the key.

    Raises:
        WrongKey: patients are known by another key.
        NotMarkedYet: nothing says by which key they are known.
        BrokerUnreachable, UnreadableReferences: it cannot be known.
    """
    kept, own = read_references(kafka), references.fingerprint
    if kept.mark is None and marks:
        if by_hand and _somebody_is_known(kafka):
            raise NotMarkedYet
        write_mark(kafka, KeyInUse(fingerprint=own, since=now))
        # Another may have begun at once, and its word be the last: with that one's key we go on, and with no other.
        kept = read_references(kafka)
    if kept.mark is not None and kept.mark.fingerprint != own:
        raise WrongKey(own, kept.mark.fingerprint)
    found = kept.under(references)
    log.info("key for references", fingerprint=own[:8], carried=len(found.carried))
    return found


def _somebody_is_known(kafka: KafkaSettings) -> bool:
    with TopicSpan(kafka, IDENTITIES.name) as span:
        return len(span) > 0


def write_mark(kafka: KafkaSettings, mark: KeyInUse) -> None:
    """Write that a key is in use, and wait until that is safe."""
    publisher = Publisher(kafka)
    try:
        publisher.send(REFERENCES.name, MARK, mark.model_dump_json().encode())
        publisher.confirm()
    finally:
        publisher.close()
