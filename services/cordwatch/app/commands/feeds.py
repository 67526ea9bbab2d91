"""`cordwatch feeds`: run the gateway."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from cordwatch.app.commands.options import kafka_of, key_of, source_of, source_options
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.profile import Profiles
from cordwatch.feeds.service import run
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.wall_clock import WallClock

F = TypeVar("F", bound=Callable[..., Any])

_METAVARS: dict[Any, str] = {
    int: "NUMBER",
    int | None: "NUMBER",
    float: "SECONDS",
    str: "TEXT",
    str | None: "TEXT",
}
_PREFIXES: dict[type[BaseSettings], str] = {FeedsSettings: "", FhirSettings: "fhir_"}
S = TypeVar("S", bound=BaseSettings)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def settings_options(command: F) -> F:
    """Add an option for each setting, so that environment and command line never differ."""
    for model, prefix in reversed(_PREFIXES.items()):
        for name, field in reversed(model.model_fields.items()):
            command = _settings_option(prefix + name, field, _environment(model))(command)
    return command


def _environment(model: type[BaseSettings]) -> str:
    return str(model.model_config.get("env_prefix"))


def _settings_option(name: str, field: FieldInfo, environment: str) -> Callable[[F], F]:
    default = field.default
    is_list = isinstance(default, tuple)
    told = ",".join(default) if is_list else default
    shown = f" [default: {told}]" if default not in {None, ()} else ""
    choices = typing.get_args(field.annotation) if name == "mllp" else ()
    metavar = "|".join(map(str, choices)) or _METAVARS.get(field.annotation or str, "FILE")
    variable = f"{environment}{name.removeprefix('fhir_').upper()}"
    return click.option(
        _option(name),
        name,
        metavar="LIST" if is_list else metavar,
        help=f"{field.description}{shown} [{variable}]",
    )


def _settings(model: type[S], given: dict[str, str | None]) -> S:
    """
    Return the settings: options first, then the environment, then defaults.

    Raises:
        click.UsageError: one of them cannot be; names it, not its value.
    """
    prefix = _PREFIXES[model]
    values = {
        name: value
        for name in model.model_fields
        if (value := given.get(prefix + name)) is not None
    }
    try:
        return model(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = f"{_option(prefix + str(first['loc'][0]))}: " if first["loc"] else ""
        raise click.UsageError(f"{where}{first['msg']}") from None


@click.command()
@settings_options
@source_options
@click.pass_context
def feeds(ctx: click.Context, /, **options: Any) -> None:
    """
    Listen for HL7 v2 over MLLP, and for FHIR, and publish it: raw, events, and quarantine.

    A message is answered only after the broker has acknowledged it and its
    events; while no broker does, nothing is answered and, the buffer being full,
    nothing read. What cannot be understood is kept and answered with AE or AR
    and ERR. SIGTERM: what was read is answered, then it ends. SIGHUP: profiles are
    read anew; where they have faults those from before stay.

    FHIR (R4, R4B, R5): --fhir-port opens an endpoint for notifications of
    topic-based subscriptions, --fhir-server names the server that is asked for
    what they refer to, for what is missing, and by search for what changed.

    \b
    Example:  cordwatch feeds --zone Europe/Amsterdam
              cordwatch feeds --profile ris.yaml --profile his.yaml --key-file key
              cordwatch feeds --host 0.0.0.0 --allow 10.1.2.0/24 --key-file key \\
                --tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem
              cordwatch feeds --fhir-port 8443 --fhir-token-file tokens \\
                --fhir-server https://fhir.example/r4 \\
                --fhir-client-id cordwatch --fhir-client-key client.pem
    Exit codes: 0 told to stop, everything answered; 1 told to stop, some not
    answered (their senders send again); 2 wrong use, or the address is taken; 3
    topics are missing; 4 no broker answers; 5 a bad profile; 70 an error of ours (a supervisor
    starts it again).
    """
    kafka = kafka_of(ctx)
    names = ("zone", "charset", "key_file", "profile", "patient_system")
    source = {name: options.pop(name) for name in names}
    settings = _settings(FeedsSettings, options)
    fhir = _settings(FhirSettings, options)
    if source["key_file"] is None:
        if not (settings.on_loopback and fhir.on_loopback):
            raise click.UsageError(
                "beyond loopback it takes --key-file: references made with the exercise key are not secret"
            )
        get_logger("cordwatch.feeds").warning("no --key-file: not for real patients")
    load = None
    if source["profile"]:
        # The key stays what it is: with another one every patient would be somebody else.
        load = partial(Profiles.of_files, source["profile"], key_of(source["key_file"]))
    sources, clock = source_of(**source), WallClock()
    sys.exit(run(settings, kafka, sources, clock, load_sources=load, fhir=fhir))
