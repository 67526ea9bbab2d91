"""`cordwatch feeds`: run the gateway."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from cordwatch.app.commands.options import kafka_of, key_of, source_of, source_options
from cordwatch.feeds.profile import Profiles
from cordwatch.feeds.service import run
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock

F = TypeVar("F", bound=Callable[..., Any])

_ENVIRONMENT = "CORDWATCH_FEEDS_"
_METAVARS: dict[Any, str] = {int: "NUMBER", float: "SECONDS", str: "TEXT"}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def settings_options(command: F) -> F:
    """Add an option for each setting, so that environment and command line never differ."""
    for name, field in reversed(FeedsSettings.model_fields.items()):
        default = field.default
        shown = f" [default: {default}]" if default not in {None, ()} else ""
        choices = typing.get_args(field.annotation) if name == "mllp" else ()
        metavar = "|".join(map(str, choices)) or _METAVARS.get(field.annotation or str, "FILE")
        command = click.option(
            _option(name),
            name,
            metavar="LIST" if default == () else metavar,
            help=f"{field.description}{shown} [{_ENVIRONMENT}{name.upper()}]",
        )(command)
    return command


def _settings(given: dict[str, str | None]) -> FeedsSettings:
    """
    Return the settings: options first, then the environment, then defaults.

    Raises:
        click.UsageError: one of them cannot be; names it, not its value.
    """
    try:
        return FeedsSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = f"{_option(str(first['loc'][0]))}: " if first["loc"] else ""
        raise click.UsageError(f"{where}{first['msg']}") from None


@click.command()
@settings_options
@source_options
@click.pass_context
def feeds(ctx: click.Context, /, **options: Any) -> None:
    """
    Listen for HL7 v2 over MLLP and publish it: raw, events, and quarantine.

    A message is answered only after the broker has acknowledged it and its
    events; while no broker does, nothing is answered and, the buffer being full,
    nothing read. What cannot be understood is kept and answered with AE or AR
    and ERR. SIGTERM: what was read is answered, then it ends. SIGHUP: profiles are
    read anew; where they have faults those from before stay.

    \b
    Example:  cordwatch feeds --zone Europe/Amsterdam
              cordwatch feeds --profile ris.yaml --profile his.yaml --key-file key
              cordwatch feeds --host 0.0.0.0 --allow 10.1.2.0/24 --key-file key \\
                --tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem
    Exit codes: 0 told to stop, everything answered; 1 told to stop, some not
    answered (their senders send again); 2 wrong use, or the address is taken; 3
    topics are missing; 4 no broker answers; 5 a bad profile; 70 an error of ours (a supervisor
    starts it again).
    """
    kafka = kafka_of(ctx)
    source = {name: options.pop(name) for name in ("zone", "charset", "key_file", "profile")}
    settings = _settings(options)
    if source["key_file"] is None:
        if not settings.on_loopback:
            raise click.UsageError(
                "beyond loopback it takes --key-file: references made with the exercise key are not secret"
            )
        get_logger("cordwatch.feeds").warning("no --key-file: not for real patients")
    load = None
    if source["profile"]:
        # The key stays what it is: with another one every patient would be somebody else.
        load = partial(Profiles.of_files, source["profile"], key_of(source["key_file"]))
    sys.exit(run(settings, kafka, source_of(**source), WallClock(), load))
