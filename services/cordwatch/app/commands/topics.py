"""`cordwatch topics`: what is provisioned, compared with the registry."""

from __future__ import annotations

import json

import click

from cordwatch.app.cli import EXIT_FINDING
from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.topic_acls import acls
from cordwatch.runtime import topics_admin
from cordwatch.runtime.environment import COPIES_MIN
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.topics_admin import Step

_REPLICATION = click.option(
    "--replication",
    envvar="CORDWATCH_REPLICATION",
    type=click.IntRange(1, 9),
    help="Copies of every partition. [default: 1; in production 3] [CORDWATCH_REPLICATION]",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def topics() -> None:
    """
    Provision the Kafka topics, say what is off, and who must be allowed what.

    The topics are those of docs/reference/topics.md, among them the state of
    watch (cordwatch.facts.v1, Faust's changelog): no service creates any by itself.

    \b
    Example:  cordwatch topics plan
              cordwatch topics apply --replication 3
              cordwatch topics verify --replication 3 || echo drift
              cordwatch topics acls
    """


def _copies(kafka: KafkaSettings, asked_for: int | None) -> int:
    """Return how many copies there must be; a production is not asked to have too few."""
    is_production = kafka.environment.name == "production"
    copies = asked_for or (COPIES_MIN if is_production else 1)
    kafka.environment.require_copies([("what is asked for", copies)])
    return copies


def _show(steps: list[Step], *, as_json: bool) -> None:
    for step in steps:
        if as_json:
            shown = {"topic": step.topic, "action": step.action, "detail": step.detail}
            click.echo(json.dumps(shown))
        else:
            click.echo(f"{step.action:7} {step.topic:28} {step.detail}")


@topics.command()
@_REPLICATION
@_JSON
@click.pass_context
def plan(ctx: click.Context, replication: int | None, *, as_json: bool) -> None:
    """
    Say what `apply` would do, and do nothing.

    A line for each step: `create` a topic, `alter` its settings, `refuse` what only
    a person can do, `none`.

    \b
    Example:  cordwatch topics plan --replication 3
    Exit codes: 0; 4 no broker answers.
    """
    kafka = kafka_of(ctx)
    _show(topics_admin.plan(kafka, _copies(kafka, replication)), as_json=as_json)


@topics.command()
@_REPLICATION
@_JSON
@click.pass_context
def apply(ctx: click.Context, replication: int | None, *, as_json: bool) -> None:
    """
    Create and mend topics, as `plan` says; done twice it does nothing the second time.

    Never changed is a number of partitions: patients are spread over them, and with
    another number the state of each would be on a partition where nobody looks for
    it. Nor is a number of copies: kafka-reassign-partitions.sh moves them.

    \b
    Example:  cordwatch topics apply --replication 3
    Exit codes: 0 done; 1 something is refused; 4 no broker answers.
    """
    kafka = kafka_of(ctx)
    steps = topics_admin.apply(kafka, _copies(kafka, replication))
    _show(steps, as_json=as_json)
    ctx.exit(EXIT_FINDING if any(step.action == "refuse" for step in steps) else 0)


@topics.command()
@_REPLICATION
@_JSON
@click.pass_context
def verify(ctx: click.Context, replication: int | None, *, as_json: bool) -> None:
    """
    Compare only, and show what is off: for a check at night.

    Compared are partitions, copies, cleanup.policy, retention.ms,
    min.insync.replicas and max.message.bytes. A retention that is shorter than the
    longest outage that is promised to lose nothing is said in hours.

    \b
    Example:  cordwatch topics verify --replication 3
    Exit codes: 0 all is as it should be; 1 drift, or a topic is missing; 4 no broker answers.
    """
    kafka = kafka_of(ctx)
    steps = topics_admin.plan(kafka, _copies(kafka, replication))
    _show([step for step in steps if step.action != "none"], as_json=as_json)
    ctx.exit(EXIT_FINDING if any(step.action != "none" for step in steps) else 0)


topics.add_command(acls)
