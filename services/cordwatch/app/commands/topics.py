"""`cordwatch topics`: what is provisioned, compared with the registry."""

from __future__ import annotations

import json

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.runtime import topics_admin
from cordwatch.runtime.topics_admin import Step

_REPLICATION = click.option(
    "--replication",
    envvar="CORDWATCH_REPLICATION",
    default=1,
    show_default=True,
    type=click.IntRange(1, 9),
    help="Copies of every partition; 3 in production.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def topics() -> None:
    """
    Provision the Kafka topics, or say what is off.

    \b
    Example:  cordwatch topics plan
              cordwatch topics apply --replication 3
              cordwatch topics verify || echo drift
    """


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
def plan(ctx: click.Context, replication: int, *, as_json: bool) -> None:
    """Say what `apply` would do. Exit codes: 0; 4 no broker answers."""
    _show(topics_admin.plan(kafka_of(ctx), replication), as_json=as_json)


@topics.command()
@_REPLICATION
@_JSON
@click.pass_context
def apply(ctx: click.Context, replication: int, *, as_json: bool) -> None:
    """Create and mend topics; a partition count is never changed. Exit codes: 0; 1 refused; 4."""
    steps = topics_admin.apply(kafka_of(ctx), replication)
    _show(steps, as_json=as_json)
    ctx.exit(1 if any(step.action == "refuse" for step in steps) else 0)


@topics.command()
@_REPLICATION
@_JSON
@click.pass_context
def verify(ctx: click.Context, replication: int, *, as_json: bool) -> None:
    """Compare only. Exit codes: 0 all is as it should be; 1 drift; 4 no broker answers."""
    steps = topics_admin.plan(kafka_of(ctx), replication)
    _show([step for step in steps if step.action != "none"], as_json=as_json)
    ctx.exit(1 if any(step.action != "none" for step in steps) else 0)
