"""`cordwatch config`: what a service would run with, and who said so; safe to paste."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
from click.core import ParameterSource

from cordwatch.app.cli import EXIT_FINDING
from cordwatch.app.cli import cordwatch as root
from cordwatch.app.commands.settings_options import SettingsOption, settings_of

SERVICES = {
    "board": ("board",),
    "feeds": ("feeds",),
    "pager": ("pager", "run"),
    "synthetic": ("synthetic",),
    "topics": ("topics", "apply"),
    "watch": ("watch",),
}
OURS = "CORDWATCH_"
HIDDEN = "(set, not shown)"
_IN_URL = re.compile(r"(?<=://)[^/@\s]+@|\?[^,\s]+")
"""What a URL may hold of a secret: who asks, and what it is asked with."""

_SAID_BY: dict[ParameterSource | None, str] = {
    ParameterSource.COMMANDLINE: "command line",
    ParameterSource.ENVIRONMENT: "environment",
}


@dataclass(frozen=True, slots=True)
class Effective:
    """An option, what it comes to, and from where."""

    option: str
    value: str
    source: str
    variable: str


@click.group()
def config() -> None:
    """
    Show what a service would run with.

    \b
    Example:  cordwatch config show feeds
    """


@config.command(context_settings={"ignore_unknown_options": True})
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.argument("service", type=click.Choice(sorted(SERVICES)))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def show(ctx: click.Context, /, service: str, options: tuple[str, ...], *, as_json: bool) -> None:
    """
    Show every option of SERVICE: its value, and whether it comes from the command line, the environment or a default.

    Give OPTIONS as the service gets them, and ask in its environment (`docker compose run --rm feeds
    config show feeds`). Nothing is started, no file but those that the options name is looked at, and no
    secret is shown: secrets are files, and what a URL may hide is masked. A variable CORDWATCH_... that no
    command reads, a slip of the pen mostly, is named, and so is a setting of feeds, pager or synthetic that
    they would refuse (board and topics look at theirs when they start).

    \b
    Example:  cordwatch config show feeds
              cordwatch config show pager --plan our-plan.yaml
    Exit codes: 0; 1 a variable is read by nothing, or the service would refuse this; 2 wrong use.
    """
    given = _parsed(ctx.find_root(), service, options)
    for one in given:
        for told in effective(one, os.environ):
            _show(told, as_json=as_json)
    faults = [*refusals(given[-1]), *unread(os.environ, known_variables())]
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        ctx.exit(EXIT_FINDING)


def _show(told: Effective, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(told)))
    else:
        source = f"{told.source} {told.variable}" if told.source == "environment" else told.source
        click.echo(f"{told.option:28} {told.value or '-':44} {source}")


def _parsed(top: click.Context, service: str, options: Sequence[str]) -> list[click.Context]:
    """Return the contexts of the whole command line and of the service, parsed as when it is started."""
    found, command, context = [top], top.command, top
    names = SERVICES[service]
    for place, name in enumerate(names, 1):
        assert isinstance(command, click.Group)  # noqa: S101 - SERVICES says so
        inner = command.get_command(context, name)
        assert inner is not None  # noqa: S101 - SERVICES says so
        is_last = place == len(names)
        command = inner
        context = (
            command.make_context(name, list(options), parent=context)
            if is_last
            else click.Context(command, parent=context, info_name=name)
        )
    return [*found, context]


def effective(context: click.Context, environment: Mapping[str, str]) -> Iterator[Effective]:
    """Return of every option what it comes to; those of the demo alone are left out."""
    for option in context.command.params:
        if not isinstance(option, click.Option) or option.hidden or option.is_eager:
            continue
        name = str(option.name)
        value, variable = context.params.get(name), _variable(option)
        source = _SAID_BY.get(context.get_parameter_source(name), "default")
        if isinstance(option, SettingsOption) and value is None:
            value, source = option.setting.default, "default"
            if environment.get(variable):
                value, source = environment[variable], "environment"
        is_secret = isinstance(option, SettingsOption) and option.setting.is_secret
        shown = HIDDEN if is_secret and value else masked(_told(value))
        yield Effective(option.opts[0], shown, source, variable)


def refusals(context: click.Context) -> Iterator[str]:
    """Return why the service would not start with this, as it would say itself."""
    settings = dict.fromkeys(
        (one.setting.model, one.setting.prefix)
        for one in context.command.params
        if isinstance(one, SettingsOption)
    )
    for model, prefix in settings:
        try:
            settings_of(model, context.params, prefix)
        except click.UsageError as error:
            yield f"would be refused: {error.message}"


def known_variables() -> frozenset[str]:
    """Return the variables of the environment that any command reads."""
    return frozenset(filter(None, map(_variable, _options(root, click.Context(root)))))


def unread(environment: Iterable[str], known: frozenset[str]) -> Iterator[str]:
    """Return of every variable with our name that nothing reads that it is so, and what may be meant."""
    for name in sorted(environment):
        if name.startswith(OURS) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"; is {close[0]} meant?" if close else ""
            yield f"{name} is read by no command{meant}"


def masked(text: str) -> str:
    """Return *text* without what a URL in it may hold of a secret."""
    return _IN_URL.sub(lambda found: "***@" if found[0].endswith("@") else "?***", text)


def _options(command: click.Command, context: click.Context) -> Iterator[click.Parameter]:
    yield from command.params
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                yield from _options(inner, click.Context(inner, parent=context))


def _variable(option: click.Parameter) -> str:
    if isinstance(option, SettingsOption):
        return option.setting.variable
    return option.envvar if isinstance(option.envvar, str) else ""


def _told(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
