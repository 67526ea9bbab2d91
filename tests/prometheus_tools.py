"""Debian's Prometheus and promtool, where they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REQUIRED = "CORDWATCH_REQUIRE_PROMETHEUS"
PATIENCE_S = 100.0


def program(name: str) -> str:
    """Return `prometheus` or `promtool`; without it the test is skipped, in CI it fails."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, and there is no {name}")
        pytest.skip(f"needs {name}: apt-get install prometheus")
    return found


def promtool(*arguments: str | Path, told: bytes = b"") -> tuple[bool, str]:
    """Return whether promtool is content with what it is given, and what it said."""
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)],
        input=told,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode == 0, (done.stdout + done.stderr).decode()
