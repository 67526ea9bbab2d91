"""A Kafka as a hospital secures it: what is right works for every client, and each thing that is wrong is told by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError as AioKafkaError
from aiokafka.structs import TopicPartition
from click.testing import CliRunner
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import KafkaError

from cordwatch.app.cli import cordwatch, report
from cordwatch.runtime.acl_words import PRINCIPAL, principal_of
from cordwatch.runtime.environment import Environment, NotForProduction
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic, require_topics
from cordwatch.runtime.kafka_access import require_access
from cordwatch.runtime.kafka_refusals import EXIT_CODES, KafkaRefused, Refusal, refusal_of
from cordwatch.runtime.kafka_security import KafkaSecurity, for_aiokafka
from cordwatch.runtime.topics_admin import apply
from cordwatch_schemas.access import ACCESS, LOOK, PROVISION, WATCH, Access, Rule
from cordwatch_schemas.topics import ACKS, ALERTS, FACTS, TOPICS
from tests.certificates import Authority, hospital, stranger
from tests.kafka.test_pager import CLOCK, Bench
from tests.kafka.test_synthetic import house, is_whole
from tests.kafka_harness.choice import real_demanded
from tests.kafka_harness.libraries import NoKafka
from tests.kafka_harness.secured_kafka import ADMIN, PASSWORD, SecuredKafka, secured
from tests.pager.fake_pager import FakePager, FakeServer, Said

__all__ = ["hospital", "stranger"]

pytestmark = pytest.mark.kafka
USERS = tuple(principal_of(one).removeprefix("User:") for one in ACCESS)


@pytest.fixture(scope="module")
def kafka_in_secret(
    hospital: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecuredKafka]:
    """Yield a secured broker on which every service has a user, and its ACLs; topics are made by whoever may."""
    found = secured(tmp_path_factory.mktemp("secured-kafka"), hospital, (*USERS, "nobody"))
    try:
        with found.broker:
            grant(found, *((access, rule) for access in ACCESS for rule in access.rules()))
            steps = apply(settings(found, PROVISION), replication=1)
            assert {step.action for step in steps} == {"create"}
            yield found
    except NoKafka as failure:
        if real_demanded():
            raise
        pytest.skip(f"needs a local Kafka: {failure}")


def settings(kafka: SecuredKafka, who: Access | str) -> KafkaSettings:
    """Return how a service, or *who*, reaches the broker by its password."""
    user = principal_of(who).removeprefix("User:") if isinstance(who, Access) else who
    return KafkaSettings(kafka.at("SASL"), 5, security=kafka.by_password(user))


def _operation(rule: Rule) -> ACLOperation:
    words = "".join(f"_{one}" if one.isupper() else one for one in rule.operation).lstrip("_")
    return ACLOperation[words.upper()]


def _granted(access: Access, rule: Rule) -> tuple[object, ...]:
    pattern = ResourcePattern(ResourceType[rule.kind.upper()], rule.name)
    return principal_of(access), "*", _operation(rule), ACLPermissionType.ALLOW, pattern


def grant(kafka: SecuredKafka, *granted: tuple[Access, Rule]) -> None:
    """Allow each rule to its service, as `kafka-acls.sh --add` does."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.broker.bootstrap)
    admin.create_acls([ACL(*_granted(*one)) for one in granted])
    admin.close()


def revoke(kafka: SecuredKafka, access: Access, rule: Rule) -> None:
    """Take *rule* from a service."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.broker.bootstrap)
    [(_, taken, _)] = admin.delete_acls([ACLFilter(*_granted(access, rule))])
    admin.close()
    assert len(taken) == 1, rule


def ways(kafka: SecuredKafka) -> Iterator[tuple[str, KafkaSecurity]]:
    """Yield each way to say who one is: address and settings."""
    yield kafka.at("SASL"), kafka.by_password(ADMIN)
    yield kafka.at("SASL"), kafka.by_password(ADMIN, mechanism="SCRAM-SHA-256")
    yield kafka.at("MUTUAL"), kafka.by_certificate(ADMIN)


async def test_what_is_right_works_for_every_client(kafka_in_secret: SecuredKafka) -> None:
    """By SCRAM of both strengths and by certificate: librdkafka writes, kafka-python and aiokafka read."""
    for number, (address, security) in enumerate(ways(kafka_in_secret)):
        kafka = KafkaSettings(address, 5, security=security)
        require_topics(kafka, TOPICS)
        publisher = Publisher(kafka)
        publisher.send(ACKS.name, b"k", str(number).encode())
        assert publisher.confirm() == 1
        publisher.close()
        values = [one[1] for one in read_topic(kafka, ACKS.name, follow=False) if one]
        assert str(number).encode() in values
        consumer = AIOKafkaConsumer(bootstrap_servers=address, **for_aiokafka(security))
        await consumer.start()
        partitions = [TopicPartition(ACKS.name, one) for one in range(ACKS.partitions)]
        assert sum((await consumer.end_offsets(partitions)).values()) == len(values)
        await consumer.stop()


def wrong_ways(
    kafka: SecuredKafka, stranger: Authority
) -> Iterator[tuple[str, Refusal, str, KafkaSecurity, str]]:
    """Yield what is wrong, what it is called, where, with which settings, and a piece of what is said."""
    right = KafkaSecurity("ssl", ca=kafka.ca.certificate)
    own, own_key = kafka.ca.issue("ended-client")
    kafka.ca.end(own)
    theirs, their_key = stranger.issue("somebody")
    yield (
        *("authority", "wrong-authority", kafka.at("SASL")),
        *(replace(right, ca=stranger.certificate), "is not vouched for by the authorities of"),
    )
    yield "ended", "expired", kafka.at("EXPIRED"), right, "has ended"
    yield "name", "wrong-name", kafka.at("MISNAMED"), right, "is for another name than 127.0.0.1"
    yield "none", "no-certificate", kafka.at("MUTUAL"), right, "wants a certificate of us"
    yield (
        *("strange", "no-certificate", kafka.at("MUTUAL")),
        *(replace(right, cert=theirs, key=their_key), "does not accept our certificate"),
    )
    yield (
        *("own ended", "expired", kafka.at("MUTUAL")),
        *(replace(right, cert=own, key=own_key), "our own certificate (kafka-cert) ended on 20"),
    )
    yield (
        *("password", "bad-password", kafka.at("SASL")),
        *(kafka.by_password(ADMIN, "wrong"), "does not accept who we are"),
    )
    yield "user", "bad-password", kafka.at("SASL"), kafka.by_password("gone"), "who we are"
    yield (
        *("plain here", "other-protocol", kafka.at("SASL")),
        *(KafkaSecurity(), "speaks TLS: set kafka-security"),
    )
    yield "plain there", "other-protocol", kafka.broker.bootstrap, right, "does not speak TLS"


def options_of(address: str, security: KafkaSecurity) -> tuple[str, ...]:
    """Return *security* as options of the command line."""
    told = {
        "--kafka": address,
        "--kafka-security": security.protocol,
        "--kafka-ca": security.ca,
        "--kafka-cert": security.cert,
        "--kafka-key": security.key,
        "--kafka-sasl-mechanism": security.mechanism,
        "--kafka-username": security.username,
        "--kafka-password-file": security.password_file,
    }
    return tuple(str(part) for pair in told.items() if pair[1] is not None for part in pair)


def exit_of(*arguments: str) -> tuple[str, int] | None:
    """Run the command line; return what it says at its end, and its exit code."""
    error = CliRunner().invoke(cordwatch, ["--broker-timeout", "2", *arguments]).exception
    assert isinstance(error, Exception)
    return report(error)


def test_each_thing_that_is_wrong_is_told_by_itself(
    kafka_in_secret: SecuredKafka, stranger: Authority
) -> None:
    """The same by kafka-python, by librdkafka and at the start of watch: what is wrong, its exit code, no secret."""
    for case, refusal, address, security, told in wrong_ways(kafka_in_secret, stranger):
        kafka = KafkaSettings(address, 2, security=security)
        for client in (Publisher, lambda kafka: require_topics(kafka, [ACKS])):
            with pytest.raises(KafkaRefused) as refused:
                client(kafka)
            assert (refused.value.refusal, told in str(refused.value)) == (refusal, True), case
            assert PASSWORD not in str(refused.value)
        text = str(refused.value)
        assert exit_of(*options_of(address, security), "watch") == (text, EXIT_CODES[refusal])


async def test_what_is_denied_is_told_alike_by_every_client(kafka_in_secret: SecuredKafka) -> None:
    """Somebody with a password and no ACLs: each client raises its own, and all mean the same."""
    kafka = settings(kafka_in_secret, "nobody")
    with pytest.raises(KafkaRefused, match=r"Describe topic cordwatch\.acks\.v1"):
        require_topics(kafka, [ACKS])
    publisher = Publisher(kafka)
    publisher.send(ACKS.name, b"k", b"v")
    with pytest.raises((KafkaError, KafkaRefused)) as by_librdkafka:
        publisher.confirm()
    publisher.close()
    auth = for_aiokafka(kafka.security)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address, **auth)
    await producer.start()
    with pytest.raises(AioKafkaError) as by_aiokafka:
        await producer.send_and_wait(ACKS.name, b"v")
    await producer.stop()
    assert refusal_of(by_librdkafka.value) == refusal_of(by_aiokafka.value) == "denied"
    told, code = exit_of(*options_of(kafka.address, kafka.security), "watch") or ("", 0)
    assert code == EXIT_CODES["denied"]
    assert "Describe topic cordwatch.admissions.v1" in told


def sample(access: Access) -> Iterator[Rule]:
    """Yield a rule of each kind and operation that *access* has."""
    seen = set()
    for rule in access.rules():
        if (rule.kind, rule.operation) not in seen:
            seen.add((rule.kind, rule.operation))
            yield rule


def test_one_thing_that_is_not_allowed_is_named(kafka_in_secret: SecuredKafka) -> None:
    """Of each service, each kind of thing in turn; and with all of them it begins."""
    for access in ACCESS:
        if access is PROVISION:
            continue
        kafka = settings(kafka_in_secret, access)
        require_access(kafka, access)
        for rule in sample(access):
            revoke(kafka_in_secret, access, rule)
            try:
                with pytest.raises(KafkaRefused) as refused:
                    require_access(kafka, access)
            finally:
                grant(kafka_in_secret, (access, rule))
            assert f" {rule.kind} {rule.name}" in str(refused.value)
            assert refused.value.exit_code == EXIT_CODES["denied"]
        require_access(kafka, access)


def test_nobody_may_more_than_they_need(kafka_in_secret: SecuredKafka) -> None:
    """Who looks at alerts writes none; watch makes no topic and does not see who patients are."""
    with pytest.raises(KafkaRefused, match=r"Write topic cordwatch\.alerts\.v1"):
        require_access(settings(kafka_in_secret, LOOK), replace(LOOK, writes=(ALERTS,)))
    kafka = settings(kafka_in_secret, WATCH)
    (identities,) = [one for one in TOPICS if one.noun == "identities"]
    with pytest.raises(KafkaRefused, match=r"Describe topic cordwatch\.identities\.v1"):
        require_topics(kafka, [identities])
    with pytest.raises(KafkaError) as refused:
        apply(kafka, 1, [replace(FACTS, noun="made-by-watch")])
    assert refusal_of(refused.value) == "denied"


def test_a_production_is_refused_its_single_copies(kafka_in_secret: SecuredKafka) -> None:
    """In secret, and on one broker: the setting is named; accepted by its name it begins."""
    kafka = settings(kafka_in_secret, WATCH)
    with pytest.raises(NotForProduction, match="CORDWATCH_REPLICATION"):
        require_access(replace(kafka, environment=Environment("production")), WATCH)
    accepted = Environment("production", frozenset({"low-replication"}))
    require_access(replace(kafka, environment=accepted), WATCH)


@pytest.mark.timeout(180)
async def test_with_these_acls_the_whole_chain_works(
    kafka_in_secret: SecuredKafka, tmp_path: Path
) -> None:
    """Every service by its own user and password: somebody invented comes out as alert, page and row, and ends."""
    reached = {
        access.service: options_of(
            kafka_in_secret.at("SASL"), settings(kafka_in_secret, access).security
        )
        for access in ACCESS
    }
    async with FakePager(CLOCK.now) as people, FakeServer(Said(200)) as outside:
        bench = Bench(kafka_in_secret.broker, tmp_path, people.enqueue)
        async with house(bench, tmp_path, outside.url, reached) as running:
            await running.until(lambda one: bool(outside.asked) and is_whole(one), "never whole")
    done = CliRunner().invoke(cordwatch, [*reached["look"], "alerts", "--json"])
    assert done.exit_code == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == []
    assert "Authorization" not in kafka_in_secret.broker.log_tail(2000)
    assert PRINCIPAL.startswith("User:")
