"""`cordwatch topics acls`: what each service may do on the broker, for whoever grants it."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Sequence

import click
from ruamel.yaml import YAML

from cordwatch.runtime.acl_words import PRINCIPAL, SERVICE, kafka_acls, principal_of, strimzi_user
from cordwatch_schemas.access import ACCESS, PAGER_GROUP, SYNTHETIC_GROUP, WATCH_GROUP, Access

_SERVICES = [one.service for one in ACCESS]


@click.command()
@click.argument("services", nargs=-1, type=click.Choice(_SERVICES))
@click.option(
    "--format",
    "form",
    type=click.Choice(["kafka-acls", "strimzi", "json"]),
    default="kafka-acls",
    show_default=True,
)
@click.option(
    "--principal",
    default=PRINCIPAL,
    show_default=True,
    help="By which name the broker knows a service; of a certificate it is the subject.",
)
@click.option("--cluster", default="cordwatch", show_default=True, help="Of Strimzi.")
@click.option("--watch-group", default=WATCH_GROUP, show_default=True)
@click.option("--pager-group", default=PAGER_GROUP, show_default=True)
@click.option("--synthetic-group", default=SYNTHETIC_GROUP, show_default=True)
def acls(
    services: tuple[str, ...],
    form: str,
    principal: str,
    cluster: str,
    watch_group: str,
    pager_group: str,
    synthetic_group: str,
) -> None:
    """
    Say what each service needs to be allowed on the broker, and nothing else.

    From the same catalogue by which services look at their start whether they are
    allowed what they do. No pattern, no wildcard, no transactional id; nobody but
    `topics` creates anything. Without SERVICES all of them; answer, replay and look
    are what people do on the command line.

    \b
    Example:  cordwatch topics acls watch board
              cordwatch topics acls --principal 'User:CN={service}' > grants.sh
              BROKER=broker:9093 ADMIN=admin.properties sh grants.sh
              cordwatch topics acls --format strimzi | kubectl apply -f -
    Exit codes: 0.
    """
    if SERVICE not in principal:
        raise click.BadParameter(f"has no {SERVICE} in it", param_hint="--principal")
    groups = {
        WATCH_GROUP: watch_group,
        PAGER_GROUP: pager_group,
        SYNTHETIC_GROUP: synthetic_group,
    }
    wanted = [one for one in ACCESS if not services or one.service in services]
    if form == "strimzi":
        click.echo(_strimzi(wanted, cluster, groups), nl=False)
    elif form == "json":
        for line in _json(wanted, principal, groups):
            click.echo(line)
    else:
        for line in _script(wanted, principal, groups):
            click.echo(line)


def _script(wanted: Sequence[Access], principal: str, groups: dict[str, str]) -> list[str]:
    lines = ["#!/bin/sh", "# BROKER: an address; ADMIN: a file of settings for kafka-acls.sh"]
    lines.append("set -eu")
    command = 'kafka-acls.sh --bootstrap-server "$BROKER" --command-config "$ADMIN"'
    for access in wanted:
        lines += ["", f"# {access.service}: {access.does}"]
        runs = kafka_acls(access, principal, groups)
        lines += [f"{command} {shlex.join(arguments)}" for arguments in runs]
    return lines


def _strimzi(wanted: Sequence[Access], cluster: str, groups: dict[str, str]) -> str:
    written, yaml = io.StringIO(), YAML()
    yaml.dump_all([strimzi_user(one, cluster, groups) for one in wanted], written)
    return written.getvalue()


def _json(wanted: Sequence[Access], principal: str, groups: dict[str, str]) -> list[str]:
    return [
        json.dumps(
            {
                "principal": principal_of(access, principal),
                rule.kind: rule.name,
                "operation": rule.operation,
            }
        )
        for access in wanted
        for rule in access.rules(groups)
    ]
