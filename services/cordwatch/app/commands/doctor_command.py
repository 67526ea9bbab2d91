"""`cordwatch doctor`: what is wrong, found in ten seconds, each with what mends it."""

from __future__ import annotations

import json
import os
from collections.abc import Container
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import click
from click.core import ParameterSource

from cordwatch.app.cli import EXIT_FINDING
from cordwatch.app.commands.options import kafka_of, pack_option
from cordwatch.app.doctor import broker, here, services
from cordwatch.app.doctor.probing import Called, Finding, all_good, probed, unknown
from cordwatch.runtime.environment import COPIES_MIN
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.access import ACCESS

BROKER_S = 4.0
_FILE = click.Path(dir_okay=False, path_type=Path)
_HANDED_ON = ("--pack", "--plan", "--replication")
_MARKS = {"good": "  ok", "bad": "BAD ", "unknown": "  ? "}


@click.command()
@click.option(
    "--service",
    "addresses",
    envvar="CORDWATCH_DOCTOR_SERVICES",
    multiple=True,
    metavar="URL",
    help="Where a service's /healthz and /metrics are, like http://127.0.0.1:9464. Several.",
)
@click.option("--plan", type=_FILE, envvar="CORDWATCH_PAGER_PLAN", help="The pager's plan.")
@click.option("--key-file", type=_FILE, envvar="CORDWATCH_KEY_FILE", help="The reference key.")
@click.option("--zone", envvar="CORDWATCH_ZONE", default="UTC", show_default=True)
@click.option("--replication", envvar="CORDWATCH_REPLICATION", type=click.IntRange(1, 9))
@click.option(
    "--as",
    "service",
    type=click.Choice([one.service for one in ACCESS]),
    default="look",
    show_default=True,
    help="Whose rights on Kafka are looked at: of the service as whom this is run.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pack_option
@click.pass_context
def doctor(
    ctx: click.Context,
    /,
    addresses: tuple[str, ...],
    plan: Path | None,
    key_file: Path | None,
    zone: str,
    replication: int | None,
    service: str,
    *,
    as_json: bool,
    pack: str,
) -> None:
    """
    Look at everything that an installation stands on, and say of each fault what mends it.

    Where that is a command, it can be run as it is printed: it names broker and files as this was told them.
    Nothing is changed, nobody is paged. What is printed names settings, topics and machines, and no secret
    and no patient, so that it may be pasted. `?` stands before what nobody could look at, and why.
    Ten seconds at most, also where no broker answers.

    \b
    Example:  cordwatch doctor --service http://127.0.0.1:9464 --service http://127.0.0.1:9465
              cordwatch doctor --plan our-plan.yaml --json | jq 'select(.state == "bad")'
    Exit codes: 0 nothing is bad; 1 something is.
    """
    # What services log while they are asked would stand between the findings.
    ctx.find_root().obj["log_level"] = "error"
    kafka = replace(kafka_of(ctx), timeout_s=BROKER_S)
    copies = replication or (COPIES_MIN if kafka.environment.name == "production" else 1)
    probes = here.probes(os.environ, zone, pack, plan, key_file)
    probes |= services.probes(addresses, version("cordwatch"), kafka.environment.metrics)
    door, is_open = broker.door(kafka)
    asked = broker.Asked(copies, service, WallClock().now(), called_as(ctx), key_file)
    of_broker = broker.probes(kafka, asked)
    if is_open:
        probes |= of_broker
        of_broker = {}
    found = {"kafka names": broker.names(kafka), "kafka door": door}
    found |= dict.fromkeys(of_broker, unknown("no broker answers")) | probed(probes)
    if not addresses:
        found["services"] = unknown("name them with --service")
    for name, one in found.items():
        shown = json.dumps({"probe": name, **asdict(one)}) if as_json else _line(name, one)
        click.echo(shown)
    ctx.exit(0 if all_good(list(found.values())) else EXIT_FINDING)


def called_as(ctx: click.Context) -> Called:
    """Return with which options the doctor was called, so that what it says to run has them too."""
    everywhere = _given(ctx.find_root(), {ParameterSource.COMMANDLINE})
    own = _given(ctx, {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT})
    handed_on = {name: own[name] for name in _HANDED_ON if name in own}
    return Called(tuple(part for pair in everywhere.items() for part in pair), handed_on)


def _given(ctx: click.Context, sources: Container[ParameterSource | None]) -> dict[str, str]:
    return {
        one.opts[0]: str(ctx.params[str(one.name)])
        for one in ctx.command.params
        if ctx.get_parameter_source(str(one.name)) in sources
    }


def _line(name: str, one: Finding) -> str:
    cure = f"\n{'':27}do: {one.cure}" if one.cure else ""
    return f"{_MARKS[one.state]} {name:22}{one.found}{cure}"
