"""Who may do what on the broker: the catalogue fits what the services do, and nobody may more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands.watch import watch
from cordwatch.app.rereading import running as rereading
from cordwatch.board import projection
from cordwatch.feeds import gateway
from cordwatch.pager import intake
from cordwatch.pager.settings import PagerSettings
from cordwatch.runtime.kafka_access import lacking_of
from cordwatch.synthetic import hearing
from cordwatch.synthetic.settings import SyntheticSettings
from cordwatch_schemas.access import (
    ACCESS,
    BOARD,
    FEEDS,
    PAGER,
    PAGER_GROUP,
    REPLAY,
    SYNTHETIC,
    SYNTHETIC_GROUP,
    WATCH,
    WATCH_GROUP,
    Access,
    Rule,
)
from cordwatch_schemas.topics import TOPICS, Topic


@pytest.mark.parametrize(
    ("access", "reads", "writes"),
    [
        (BOARD, projection.READ, ()),
        (FEEDS, (), gateway.WRITTEN),
        (PAGER, intake.READ, ()),
        (SYNTHETIC, hearing.READ, ()),
        (REPLAY, rereading._TOUCHED, gateway.WRITTEN),
    ],
)
def test_a_service_may_what_it_does(
    access: Access, reads: tuple[Topic, ...], writes: tuple[Topic, ...]
) -> None:
    """What its code names as read and written is in the catalogue."""
    assert set(reads) <= set(access.reads)
    assert set(writes) <= set(access.writes)


def test_groups_have_the_names_that_the_services_have() -> None:
    """The defaults of their options."""
    fields = PagerSettings.model_fields, SyntheticSettings.model_fields
    assert [one["group"].default for one in fields] == [PAGER_GROUP, SYNTHETIC_GROUP]
    assert fields[1]["watch_group"].default == WATCH_GROUP
    assert next(one.default for one in watch.params if one.name == "group") == WATCH_GROUP


def test_nobody_may_more_than_they_need() -> None:
    """Who makes topics reads none; nobody else makes any; names and messages are read by few."""
    makers = {one.service for one in ACCESS for rule in one.rules() if rule.operation == "Create"}
    assert makers == {"topics"}
    assert all(rule.name.startswith("cordwatch") for one in ACCESS for rule in one.rules())
    readers = {
        topic.noun: {one.service for one in ACCESS if topic in one.reads}
        for topic in TOPICS
        if topic.sensitive
    }
    assert readers == {
        "identities": {"board", "replay", "references"},
        "raw": {"replay", "references"},
        "quarantine": {"replay"},
    }
    writers = {one.service for one in ACCESS if "acks" in {topic.noun for topic in one.writes}}
    assert writers == {"feeds", "pager", "board", "answer", "replay"}


def test_what_is_lacking_is_named() -> None:
    """Each operation of each thing; where the broker does not say, nothing is claimed."""
    rules = [
        Rule("topic", "a", "Read"),
        Rule("topic", "a", "Write"),
        Rule("topic", "b", "Read"),
        Rule("group", "a", "Read"),
    ]
    allowed = {("topic", "a"): {"READ", "DESCRIBE"}, ("topic", "b"): None, ("group", "a"): ()}
    assert lacking_of(rules, allowed) == ["Write topic a", "Read group a"]


def acls(*arguments: str) -> str:
    """Return what the command prints."""
    done = CliRunner().invoke(cordwatch, ["topics", "acls", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_acls_as_lines_for_kafkas_own_tool() -> None:
    """One for each operation, quoted; as a principal is named here."""
    lines = acls("answer", "--principal", "User:CN={service},O=a b").splitlines()
    command = 'kafka-acls.sh --bootstrap-server "$BROKER" --command-config "$ADMIN" --add'
    who = "--allow-principal 'User:CN=answer,O=a b'"
    assert lines[-2:] == [
        f"{command} {who} --operation Read --topic cordwatch.alerts.v1",
        f"{command} {who} --operation Write --topic cordwatch.acks.v1",
    ]


def test_a_group_of_another_name_is_named_so() -> None:
    """For whoever joins it, and for whoever asks about it."""
    told = [
        json.loads(line) for line in acls("--format", "json", "--watch-group", "night").splitlines()
    ]
    found = {(one["principal"], one["operation"]) for one in told if one.get("group") == "night"}
    assert found == {
        ("User:cordwatch-watch", "Read"),
        ("User:cordwatch-synthetic", "Describe"),
        ("User:cordwatch-keda", "Describe"),
    }
    assert WATCH_GROUP not in {one.get("group") for one in told}


def test_acls_as_strimzi_has_them() -> None:
    """A KafkaUser for each service, in the words of its version 1."""
    users: list[dict[str, Any]] = list(YAML(typ="safe").load_all(acls("--format", "strimzi")))
    assert [one["metadata"]["name"] for one in users] == [f"cordwatch-{a.service}" for a in ACCESS]
    assert {one["apiVersion"] for one in users} == {"kafka.strimzi.io/v1"}
    granted = {
        (one["resource"]["type"], one["resource"]["name"], operation)
        for one in users[0]["spec"]["authorization"]["acls"]
        for operation in one["operations"]
    }
    assert granted == {(one.kind, one.name, one.operation) for one in WATCH.rules()}
