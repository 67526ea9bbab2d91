"""`cordwatch secrets`: the keys of a deployment are made by chance, and what is no key is refused."""

from __future__ import annotations

import os
import secrets as chance
import sys
from pathlib import Path

import click

from cordwatch.app.cli import EXIT_FINDING
from cordwatch.runtime.certificates_in_use import of_kafka
from cordwatch.runtime.kafka_security import KafkaSecurity, tls_context
from cordwatch.runtime.tls_files import UNUSABLE
from cordwatch.runtime.wall_clock import WallClock

REFERENCE_KEY = "reference-key"
NAMES = (REFERENCE_KEY, "board-proxy")
"""What docker-compose.yml takes as files."""
PAGER = "pager"
"""Folder beside them for what the pager plan names: keys that others gave."""

BYTES_MIN = 32
DIFFERENT_MIN = 10
PLACEHOLDERS = (
    b"change",
    b"cordwatch",
    b"default",
    b"example",
    b"exercise",
    b"password",
    b"placeholder",
    b"replace",
    b"secret",
)
"""Words of samples. In a key made by chance none of them comes up in a lifetime of installations."""


def fault_of(secret: bytes) -> str | None:
    """Return why this is no key that only its owner has; None where nothing speaks against it."""
    lowered = secret.strip().lower()
    if not lowered:
        return "is empty"
    if word := next((one for one in PLACEHOLDERS if one in lowered), None):
        return f"is a placeholder: it says {word.decode()}"
    if len(lowered) < BYTES_MIN:
        return f"is shorter than {BYTES_MIN} bytes"
    if len(set(lowered)) < DIFFERENT_MIN:
        return f"has fewer than {DIFFERENT_MIN} different bytes"
    return None


def fault_of_pair(folder: Path) -> str | None:
    """Return why nobody could be known by what is in *folder*: a key and its certificate, and whom to trust."""
    own, ca = folder / "own.pem", folder / "ca.pem"
    security = KafkaSecurity("ssl", ca=ca, cert=own, key=own)
    try:
        tls_context(security)
        lives = of_kafka(security).lives
    except UNUSABLE as error:
        missing = f"{error.filename} is not there" if isinstance(error, FileNotFoundError) else ""
        return missing or "holds no key with its certificate (own.pem) and authority (ca.pem)"
    now = WallClock().now().timestamp()
    ended = [name for name, (begin, end) in lives.items() if not begin <= now < end]
    return f"has ended, or has not begun: {', '.join(ended)}" if ended else None


def make_secrets(folder: Path) -> dict[str, bool]:
    """Make the keys that *folder* lacks; return of each whether it is new."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / PAGER).mkdir(mode=0o755, exist_ok=True)
    return {name: _make(folder / name) for name in NAMES}


def _make(path: Path) -> bool:
    try:
        # Never over a key that is in use: with another one every patient is somebody else.
        there = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    except FileExistsError:
        return False
    with os.fdopen(there, "w") as file:
        os.fchmod(there, 0o444)
        file.write(chance.token_hex(BYTES_MIN) + "\n")
    return True


@click.group()
def secrets() -> None:
    """
    Make the keys of a deployment, and refuse what is none.

    \b
    Example:  cordwatch secrets make secrets
              cordwatch secrets check secrets/reference-key secrets/board-proxy
    """


@secrets.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def make(folder: Path) -> None:
    """
    Make the keys that are missing in FOLDER, each by chance; what is there stays.

    FOLDER is closed to other users of this host; the files in it can be read by
    the users that containers run as, which have no name here.

    \b
    Example:  cordwatch secrets make secrets
    Exit codes: 0 all are there.
    """
    for name, is_new in make_secrets(folder).items():
        click.echo(f"{name}: {'made' if is_new else 'there already'}")


@secrets.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """
    Refuse FILES that hold a placeholder, or what could be guessed; never shows what they hold.

    Of a folder its certificates are looked at: own.pem holds a key and the certificate
    that goes with it, ca.pem whom to trust, and neither has ended.

    \b
    Example:  cordwatch secrets check secrets/reference-key
              cordwatch secrets check secrets/tls/feeds
    Exit codes: 0 each is a key, or a pair; 1 one is none.
    """
    found = {}
    for path in files:
        try:
            found[path] = (
                fault_of_pair(path) if path.is_dir() else _and_mend(fault_of(path.read_bytes()))
            )
        except OSError as error:
            found[path] = _and_mend(f"cannot be read ({type(error).__name__})")
    for path, fault in found.items():
        if fault:
            click.echo(f"{path}: {fault}", err=True)
    sys.exit(EXIT_FINDING if any(found.values()) else 0)


def _and_mend(fault: str | None) -> str | None:
    return f"{fault}. `cordwatch secrets make` makes one." if fault else None
