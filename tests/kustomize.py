"""What a cluster would be given: each overlay, built by Kustomize where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("base", *(f"overlays/{name}" for name in ("dev", "ha", "airgap", "keda", "strimzi")))
"""What is built and looked at: all that there is."""
REQUIRED = "CORDWATCH_REQUIRE_KUSTOMIZE"
OURS = ROOT / "build" / "kubernetes" / "bin" / "kustomize"
PATIENCE_S = 60.0

Resource = dict[str, Any]


def _program() -> list[str]:
    """Return how to build: by `make kubernetes`' own, or one of this machine; without, the test is skipped, in CI it fails."""
    for found, command in (
        (str(OURS) if OURS.exists() else shutil.which("kustomize"), "build"),
        (shutil.which("kubectl"), "kustomize"),
    ):
        if found is not None:
            return [found, command]
    if os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, and there is no kustomize")
    pytest.skip("needs kustomize: make kubernetes")


@cache
def _built(overlay: str) -> str:
    done = subprocess.run(
        [*_program(), str(FOLDER / overlay)],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Reading YAML is slow, and is done once; JSON is what the cluster gets.
    return json.dumps([one for one in YAML(typ="safe").load_all(done.stdout) if one])


def built(overlay: str) -> list[Resource]:
    """Return the resources of *overlay* (`base`, `overlays/ha`); they are the caller's to change."""
    found: list[Resource] = json.loads(_built(overlay))
    return found
