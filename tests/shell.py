"""What an operator does in a shell: asks the doctor, and types what it prints."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from cordwatch.app.cli import cordwatch

PATIENCE_S: Final = 120
ASKS_MAX: Final = 5
LATE: Final = ("no answer within", "does not say yet")


def environment(**more: str) -> dict[str, str]:
    """Return that of an operator who has our programs on the path, and has set *more* of our variables and nothing else."""
    others = {name: one for name, one in os.environ.items() if "CORDWATCH_" not in name}
    return others | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | more


def as_printed(command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run *command* in a shell, to the letter."""
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment(**more),
    )


def doctor(kafka: str, *options: str, **variables: str) -> dict[str, dict[str, str]]:
    """
    Return what the doctor finds, by probe, at *kafka* (with other options of every command, perhaps).

    It waits for five seconds, and says of what it has not heard then that it does not know: on a busy
    machine it is asked again, as one does.
    """
    command = ["--kafka", *shlex.split(kafka), "doctor", "--json", *options]
    # None takes one away: what the tests themselves are told is nothing of the operator's.
    told = dict.fromkeys(one for one in os.environ if "CORDWATCH_" in one) | variables
    found: dict[str, dict[str, str]] = {}
    for _ in range(ASKS_MAX):
        done = CliRunner().invoke(cordwatch, command, env=told)
        found = {one["probe"]: one for one in map(json.loads, done.stdout.splitlines())}
        if not any(late in one["found"] for one in found.values() for late in LATE):
            break
    return found
