"""Whether the broker allows a service what it will do: asked at the start, since later it is told one thing at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from kafka.admin import KafkaAdminClient
from kafka.errors import GroupAuthorizationFailedError

from cordwatch.runtime.group_progress import NOT_YET, patiently
from cordwatch.runtime.kafka import KafkaSettings, admin_client, required
from cordwatch.runtime.kafka_refusals import denied
from cordwatch_schemas.access import Access, Rule


def require_access(
    settings: KafkaSettings, access: Access, groups: Mapping[str, str] | None = None
) -> None:
    """
    Refuse to run where a topic is missing or wrong, or where the broker does not allow what *access* says.

    *groups* gives the names of consumer groups that have another one than by default.

    Raises:
        BrokerUnreachable: no broker answers.
        KafkaRefused: the broker does not let us in, or names each thing that it does not allow.
        MissingTopics: run `cordwatch topics apply`.
        WrongTopics: somebody else made one.
        NotForProduction: one has too few copies for a production.
    """
    with admin_client(settings) as admin:
        described = admin.describe_topics([one.name for one in access.topics])
        required(settings, access.topics, described)
        rules = list(access.rules(groups))
        allowed: dict[tuple[str, str], Collection[str] | None] = {
            ("topic", one["name"]): one.get("authorized_operations") for one in described
        }
        # Where nobody says who they are, there is nobody to allow anything to.
        if settings.security.is_secret:
            names = {one.name for one in rules if one.kind == "group"}
            allowed |= {("group", name): _allowed_of_group(admin, name) for name in names}
    lacking = lacking_of(rules, allowed)
    if lacking:
        raise denied(lacking)


def lacking_of(
    rules: Iterable[Rule], allowed: Mapping[tuple[str, str], Collection[str] | None]
) -> list[str]:
    """
    Return what of *rules* the broker does not allow, by the operations that it says it allows of each thing.

    Where it does not say (None: it is too old, or there is no such group yet), the
    first attempt tells.
    """
    lacking = []
    for rule in rules:
        told = allowed.get((rule.kind, rule.name))
        if told is not None and rule.operation.upper() not in told:
            lacking.append(f"{rule.operation} {rule.kind} {rule.name}")
    return lacking


def _allowed_of_group(admin: KafkaAdminClient, name: str) -> Collection[str] | None:
    """Return what the broker allows of a consumer group; None where it does not say."""
    try:
        found = patiently(lambda: admin.describe_groups([name])[name])
    except GroupAuthorizationFailedError:
        return ()
    except NOT_YET:
        return None
    if found is None or found["error"]:
        return None
    told: Collection[str] | None = found["authorized_operations"]
    return told
