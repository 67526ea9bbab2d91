"""The services of docker-compose.yml as processes: what the file says of each, read from it and nowhere else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.unit.deploy.compose_rules import FILES, ROOT, environment_of, read

IMAGE: Final = re.compile(r"(?m)^ENV (.*)$")
OURS: Final = "cordwatch"
"""What the image runs, and by which part of its name its services are known."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of this host, and where a service finds it."""

    source: Path
    target: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A service as it is run."""

    name: str
    copies: int
    runs: tuple[str, ...]
    """What follows the image's own program."""
    environment: Mapping[str, str]
    user: int
    folder: str
    binds: tuple[Bind, ...]
    in_memory: Mapping[str, str]
    """Where it may write, and the options of that place."""
    health: str
    """What is asked inside to know that it gets on; empty for what runs once."""
    grace_s: float


def units(secrets: Path, profile: str) -> dict[str, Unit]:
    """Return the services that are always there and those of *profile*, its keys in *secrets*."""
    named = environment_of(profile) | {"CORDWATCH_SECRETS": str(secrets)}
    found = read((ROOT / "docker-compose.yml").read_text(), named)
    return {
        name: _unit(name, service, found)
        for name, service in found["services"].items()
        if set(service.get("profiles", [profile])) == {profile}
    }


def is_ours(service: Mapping[str, Any]) -> bool:
    """Return whether it is our image."""
    return str(service["image"]).startswith(f"{OURS}:")


def subnet() -> str:
    """Return the network of the services."""
    found = read((ROOT / "docker-compose.yml").read_text())
    return str(found["networks"]["default"]["ipam"]["config"][0]["subnet"])


def _unit(name: str, service: Mapping[str, Any], whole: Mapping[str, Any]) -> Unit:
    said = {key: _plain(one) for key, one in service.get("environment", {}).items()}
    return Unit(
        name=name,
        copies=int(service.get("deploy", {}).get("replicas", 1)),
        runs=tuple(_words(service.get("command", []))),
        environment=(_of_image() if is_ours(service) else {}) | said,
        user=int(str(service["user"]).partition(":")[0]),
        folder=str(service.get("working_dir", "/")),
        binds=tuple(_binds(service, whole)),
        in_memory=dict(str(one).split(":", 1) for one in service["tmpfs"]),
        health=_health(service),
        grace_s=float(str(service.get("stop_grace_period", "10s")).removesuffix("s")),
    )


def _words(command: Any) -> list[str]:
    words = shlex.split(command) if isinstance(command, str) else command
    return [_plain(one) for one in words]


def _plain(text: Any) -> str:
    """Return *text* as the service gets it: `$$` is a dollar that Compose leaves alone, and a variable may hold nothing."""
    return "" if text is None else str(text).replace("$$", "$")


def _of_image() -> dict[str, str]:
    """Return the environment that the image itself gives; the last one counts."""
    *_, last = IMAGE.findall((ROOT / "deploy/Dockerfile").read_text())
    return dict(one.split("=", 1) for one in shlex.split(last))


def _binds(service: Mapping[str, Any], whole: Mapping[str, Any]) -> list[Bind]:
    folders = [
        Bind((ROOT / one["source"]).resolve(), one["target"])
        for one in service.get("volumes", [])
        if isinstance(one, dict)
    ]
    configs = [
        Bind((ROOT / whole["configs"][one["source"]]["file"]).resolve(), one["target"])
        for one in service.get("configs", [])
    ]
    secrets = [
        Bind(Path(whole["secrets"][one]["file"]), f"{FILES}/{one}")
        for one in service.get("secrets", [])
    ]
    return [*folders, *configs, *secrets]


def _health(service: Mapping[str, Any]) -> str:
    test = service.get("healthcheck", {}).get("test", [])
    match test:
        case ["CMD-SHELL", line]:
            return _plain(line)
        case ["CMD", *words]:
            return shlex.join(map(_plain, words))
    return ""
