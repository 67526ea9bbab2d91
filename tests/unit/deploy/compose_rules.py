"""What every service of docker-compose.yml obeys: rules by name, each of which tells what breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

ROOT: Final = Path(__file__).parents[3]
DEFAULT: Final = re.compile(r"\$\{\w+:-([^}]*)\}")
"""A value that the environment may replace, and what stands there otherwise."""
VARIABLE: Final = re.compile(r"\$\{(\w+):([-+])([^}]*)\}")
"""The same, or a value that stands there only where the environment says anything."""

FILES: Final = "/run/secrets"
"""Where secrets are files: those of Compose, and the folders of certificates."""

Service = Mapping[str, Any]
Rule = Callable[[Service], bool]

BEYOND_A_CONTAINER: Final = frozenset(
    [
        "cap_add",
        "cgroup",
        "cgroup_parent",
        "credential_spec",
        "device_cgroup_rules",
        "devices",
        "group_add",
        "ipc",
        "network_mode",
        "pid",
        "privileged",
        "userns_mode",
        "uts",
        "volumes_from",
    ]
)
"""What would let a service out of its own four walls."""
HEALTH: Final = frozenset({"test", "interval", "timeout", "start_period", "retries"})
LOG: Final = frozenset({"max-size", "max-file"})
SECRET_NAME: Final = re.compile(
    r"(^|_)(password|passwd|secret|token|credential\w*|apikey|api_key|key)($|_(?!file))",
    re.IGNORECASE,
)
"""A variable or option that holds a secret itself, rather than the name of its file."""


def written() -> dict[str, Any]:
    """Return the file as it is written, with its variables."""
    found: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    return found


def read(text: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the file as it counts in an environment; where that names nothing, unless it is given."""
    named = environment or {}

    def value(found: re.Match[str]) -> str:
        name, how, told = found.groups()
        if how == "+":
            return told if named.get(name) else ""
        return named.get(name) or told

    counts: dict[str, Any] = YAML(typ="safe").load(VARIABLE.sub(value, text))
    return counts


def environment_of(*names: str) -> dict[str, str]:
    """Return what the environment files of these names say, as Compose reads them."""
    lines = [
        line
        for name in names
        for line in (ROOT / f"deploy/compose/{name}.env").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    return dict(line.split("=", 1) for line in lines)


def is_one_shot(service: Service) -> bool:
    """Return whether it does one thing and ends."""
    return bool(service.get("restart") == "no")


def _is_not_root(service: Service) -> bool:
    numbers = re.fullmatch(r"(\d+):(\d+)", str(service.get("user")))
    return numbers is not None and min(map(int, numbers.groups())) >= 1000


def _has_no_secret_in_sight(service: Service) -> bool:
    command = service.get("command", [])
    words = command.split() if isinstance(command, str) else command
    options = [word.partition("=")[0].lstrip("-") for word in words if word.startswith("--")]
    told = dict(service.get("environment", {}))
    told |= {one.replace("-", "_"): "on the command line" for one in options}
    held = [str(value or "") for name, value in told.items() if SECRET_NAME.search(name)]
    # The name of a file below a mount is no secret, and neither is nothing.
    return all(not value or value.startswith(f"{FILES}/") for value in held)


def _only_reads_the_host(mount: str | Mapping[str, Any]) -> bool:
    """Return whether it is a volume of Docker's own, or a folder that is there already and only read."""
    if isinstance(mount, str):
        source, *_, how = mount.split(":")
        return "docker.sock" not in source and (source[0] not in "./~$" or how == "ro")
    return mount.get("read_only") is True and mount["bind"] == {"create_host_path": False}


def _memory_is_limited(service: Service) -> bool:
    return re.fullmatch(r"\d+[mg]", str(service.get("mem_limit"))) is not None


def _tag(service: Service) -> str:
    name, _, tag = str(service.get("image")).rpartition(":")
    return tag if name else ""


RULES: Final[Mapping[str, Rule]] = {
    "root is read-only": lambda one: one.get("read_only") is True,
    "no capability": lambda one: one.get("cap_drop") == ["ALL"],
    "no new privilege": lambda one: one.get("security_opt") == ["no-new-privileges:true"],
    "stays in its container": lambda one: not BEYOND_A_CONTAINER & one.keys(),
    "is not root": _is_not_root,
    "memory is limited": _memory_is_limited,
    "log is limited": lambda one: one.get("logging", {}).get("options", {}).keys() == LOG,
    "ports on loopback alone": lambda one: all(
        isinstance(port, str) and port.startswith("127.0.0.1:") for port in one.get("ports", [])
    ),
    "image does not float": lambda one: bool(re.search(r"\d", _tag(one))),
    "no secret in sight": _has_no_secret_in_sight,
    "host is only read": lambda one: all(map(_only_reads_the_host, one.get("volumes", []))),
    "is started again": lambda one: one.get("restart") in {"no", "unless-stopped"},
    "is looked after": lambda one: is_one_shot(one) or one.get("healthcheck", {}).keys() == HEALTH,
}
"""Each holds for each service, without exception."""


def broken(services: Mapping[str, Service]) -> list[str]:
    """Return every rule that is broken, with the service that breaks it."""
    return [
        f"{name}: {rule}"
        for name, service in services.items()
        for rule, holds in RULES.items()
        if not holds(service)
    ]
