"""Settings of a service as options of its command: environment and command line never differ."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S", bound=BaseSettings)

_METAVARS: dict[Any, str] = {
    int: "NUMBER",
    int | None: "NUMBER",
    float: "SECONDS",
    str: "TEXT",
    str | None: "TEXT",
}


def settings_options(model: type[BaseSettings], prefix: str = "") -> Callable[[F], F]:
    """Add an option for each setting of *model*, its name behind *prefix*."""

    def add(command: F) -> F:
        environment = str(model.model_config.get("env_prefix"))
        for name, field in reversed(model.model_fields.items()):
            variable = f"{environment}{name.upper()}"
            command = _settings_option(prefix + name, field, variable)(command)
        return command

    return add


def settings_of(model: type[S], given: Mapping[str, str | None], prefix: str = "") -> S:
    """
    Return the settings: options first, then the environment, then defaults.

    Raises:
        click.UsageError: one of them cannot be; names it, not its value.
    """
    values: dict[str, Any] = {
        name: value
        for name in model.model_fields
        if (value := given.get(prefix + name)) is not None
    }
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = f"{_option(prefix + str(first['loc'][0]))}: " if first["loc"] else ""
        raise click.UsageError(f"{where}{first['msg']}") from None


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _settings_option(name: str, field: FieldInfo, variable: str) -> Callable[[F], F]:
    default: Any = None if field.is_required() else field.default
    is_list = isinstance(default, tuple)
    told = ",".join(default) if is_list else default
    shown = f" [default: {told}]" if default not in {None, ()} else ""
    choices = typing.get_args(field.annotation) if name == "mllp" else ()
    metavar = "|".join(map(str, choices)) or _METAVARS.get(field.annotation or str, "FILE")
    return click.option(
        _option(name),
        name,
        metavar="LIST" if is_list else metavar,
        help=f"{field.description}{shown} [{variable}]",
    )
