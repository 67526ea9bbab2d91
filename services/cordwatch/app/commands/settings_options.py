"""Settings of a service as options of its command: environment and command line never differ."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Setting:
    """What an option stands for where the command line does not give it."""

    model: type[BaseSettings]
    prefix: str
    variable: str
    """Of the environment."""
    default: str
    is_secret: bool
    """What it says is not to be shown."""


class SettingsOption(click.Option):
    """An option that is a setting."""

    def __init__(self, *declared: Any, setting: Setting, **given: Any) -> None:
        """Make the option, and remember what it stands for."""
        super().__init__(*declared, **given)
        self.setting = setting


def settings_options(model: type[BaseSettings], prefix: str = "") -> Callable[[F], F]:
    """Add an option for each setting of *model*, its name behind *prefix*."""

    def add(command: F) -> F:
        for name, field in reversed(model.model_fields.items()):
            command = _settings_option(model, prefix, name, field)(command)
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


def _settings_option(
    model: type[BaseSettings], prefix: str, name: str, field: FieldInfo
) -> Callable[[F], F]:
    default: Any = None if field.is_required() else field.default
    is_list = isinstance(default, tuple)
    told = ",".join(default) if is_list else default
    shown = f" [default: {told}]" if default not in {None, ()} else ""
    choices = typing.get_args(field.annotation) if name == "mllp" else ()
    metavar = "|".join(map(str, choices)) or _METAVARS.get(field.annotation or str, "FILE")
    variable = f"{model.model_config.get('env_prefix')}{name.upper()}"
    otherwise = "" if told is None else str(told)
    return click.option(
        _option(prefix + name),
        prefix + name,
        cls=SettingsOption,
        setting=Setting(model, prefix, variable, otherwise, is_secret=not field.repr),
        metavar="LIST" if is_list else metavar,
        help=f"{field.description}{shown} [{variable}]",
    )
