"""What is installed: the code that runs, and nothing by which the checkout is written or tried."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.safety.source import SHIPPED, modules
from tests.unit.deploy.compose_rules import ROOT

WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
    "wheel"
]
LEFT_OUT = frozenset(".".join(Path(one).with_suffix("").parts[1:]) for one in WHEEL["exclude"])


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Return what is in the wheel that the image and the bundle are made from."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*command, str(folder)], cwd=ROOT, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    with zipfile.ZipFile(path) as found:
        return frozenset(found.namelist())


def test_the_wheel_has_the_product_and_nothing_else(names: frozenset[str]) -> None:
    """Every module of it but those that write the papers; no test, no bench, no deployment."""
    wanted = {name for name, _ in modules(*SHIPPED)} - LEFT_OUT
    there = {
        one.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for one in names
        if one.endswith(".py")
    }
    assert there == wanted
    assert {one.split("/")[0] for one in names} == {
        "cordwatch",
        "cordwatch_schemas",
        "cordwatch-0.1.0.dist-info",
    }
    assert [one for one in names if "test" in Path(one).name.split("_")] == []


def test_nothing_that_runs_asks_for_what_is_left_out() -> None:
    """Or it would end in the image with a module that is not there."""
    asking = {
        (name, node.module)
        for name, tree in modules(*SHIPPED)
        if name not in LEFT_OUT
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in LEFT_OUT
    }
    assert asking == set()
    assert {name for name, _ in modules(*SHIPPED)} >= LEFT_OUT
