"""Each package of the list of materials has its licence, from what it says of itself."""

from __future__ import annotations

import json
import re
from importlib.metadata import distributions
from typing import Any

import pytest
from packaging.markers import Marker

from deploy.image.licences import key, licensed
from tests.unit.deploy.compose_rules import ROOT

LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)
MIT = {"license": {"acknowledgement": "declared", "id": "MIT"}}
EITHER = {"acknowledgement": "declared", "expression": "Apache-2.0 OR MIT"}
WORDS = {"license": {"acknowledgement": "declared", "name": "License :: Repoze Public License"}}


def a_list(**versions: str) -> dict[str, Any]:
    """Return a list of materials of these packages."""
    return {"components": [{"name": one, "version": two} for one, two in versions.items()]}


def an_environment(*packages: tuple[str, str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the list of an environment with these packages."""
    return {
        "components": [
            {"name": name, "version": version, "licenses": licences}
            for name, version, licences in packages
        ]
    }


def test_each_package_has_the_licence_of_what_is_installed() -> None:
    """However its name is written; expressions, ids and words as they were told."""
    listed = a_list(**{"pydantic-core": "1", "structlog": "2", "venusian": "3"})
    installed = an_environment(
        ("Pydantic_Core", "1", [MIT]), ("structlog", "2", [EITHER]), ("venusian", "3", [WORDS])
    )
    found = licensed(listed, installed)["components"]
    assert [one["licenses"] for one in found] == [[MIT], [EITHER], [WORDS]]


def test_what_this_platform_does_not_install_stays_without() -> None:
    """Nobody knows it here; it is listed all the same."""
    found = licensed(a_list(colorama="1", six="2"), an_environment(("six", "2", [MIT])))
    assert found["components"][0] == {"name": "colorama", "version": "1"}


def test_the_order_is_the_same_each_time() -> None:
    """The image is the same to the byte."""
    both = [
        licensed(a_list(one="1"), an_environment(("one", "1", licences)))
        for licences in ([MIT, WORDS], [WORDS, MIT])
    ]
    assert json.dumps(both[0]) == json.dumps(both[1])


@pytest.mark.parametrize(
    "package", [{"name": "six", "version": "2"}, {"name": "six", "version": "1"}]
)
def test_another_version_or_no_licence_fails_the_build(package: dict[str, Any]) -> None:
    """It would be told of something else, or of nobody's."""
    with pytest.raises(KeyError):
        licensed(a_list(six="1"), {"components": [package]})


def test_every_package_of_the_image_says_what_its_licence_is() -> None:
    """As it is installed here: an expression, a word or a classifier; a new one that says nothing is seen before the build."""
    text = (ROOT / "deploy/requirements.lock").read_text()
    wanted = {
        name: version
        for name, version, marker in LOCKED.findall(text)
        if not marker or Marker(marker).evaluate()
    }
    said = {}
    for one in distributions():
        told = one.metadata.get_all("Classifier") or []
        licences = [word for word in told if word.startswith("License ::")]
        named = [
            text
            for word in ("License-Expression", "License")
            for text in one.metadata.get_all(word) or []
        ]
        said[key({"name": one.metadata["Name"], "version": one.version})] = [*named, *licences]
    assert len(wanted) > 40
    assert {name for name in wanted.items() if not any(said[name])} == set()
