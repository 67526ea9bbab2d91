"""What each service may do on the broker, in the words of those who grant it: kafka-acls.sh, or Strimzi."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from cordwatch_schemas.access import Access, Rule

SERVICE: Final = "{service}"
"""Stands for the service's name in the name of a principal."""
PRINCIPAL: Final = "User:cordwatch-{service}"


def principal_of(access: Access, pattern: str = PRINCIPAL) -> str:
    """Return by which name the broker knows a service."""
    return pattern.replace(SERVICE, access.service)


def kafka_acls(
    access: Access, pattern: str = PRINCIPAL, groups: Mapping[str, str] | None = None
) -> Iterator[list[str]]:
    """Yield the arguments of `kafka-acls.sh --add`, a run of it for each kind and operation."""
    for (kind, operation), rules in _grouped(access.rules(groups)):
        named = [word for rule in rules for word in (f"--{kind}", rule.name)]
        principal = principal_of(access, pattern)
        yield ["--add", "--allow-principal", principal, "--operation", operation, *named]


def _grouped(rules: Iterable[Rule]) -> Iterator[tuple[tuple[str, str], list[Rule]]]:
    def key(rule: Rule) -> tuple[str, str]:
        return rule.kind, rule.operation

    # By kind and operation; within, the order of the registry stays.
    for found, some in groupby(sorted(rules, key=key), key):
        yield found, list(some)


def strimzi_user(
    access: Access, cluster: str, groups: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a KafkaUser of Strimzi, whose operator makes its certificate and grants what it may."""
    names: dict[tuple[str, str], list[str]] = {}
    for rule in access.rules(groups):
        names.setdefault((rule.kind, rule.name), []).append(rule.operation)
    acls = [
        {
            "resource": {"type": kind, "name": name, "patternType": "literal"},
            "operations": operations,
        }
        for (kind, name), operations in names.items()
    ]
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {
            "name": f"cordwatch-{access.service}",
            "labels": {"strimzi.io/cluster": cluster},
        },
        "spec": {
            "authentication": {"type": "tls"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }
