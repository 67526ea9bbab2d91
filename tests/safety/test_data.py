"""Every topic has its level of protection, every level says all that protects it, and few read what names a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from cordwatch_schemas.access import ACCESS
from cordwatch_schemas.positions import BadYaml
from cordwatch_schemas.topics import TOPICS
from tests.safety.broken import with_instead
from tests.safety.inventories import data_paper
from tests.safety.inventory_pages import data_page, kept
from tests.safety.papers import FOLDER

PAPER = FOLDER / "data.yaml"


def test_every_topic_has_the_level_that_the_registry_says() -> None:
    """None left out; what the registry marks as more than references is a matter of persons; the page tells how long each is kept."""
    levels = data_paper().topics
    assert sorted(levels) == sorted(one.noun for one in TOPICS)
    assert {one.noun for one in TOPICS if one.sensitive} == {
        noun for noun, level in levels.items() if level == "persons"
    }
    page = data_page()
    for one in TOPICS:
        assert f"| `{one.name}` | {levels[one.noun]} | {kept(one)} |" in page


def test_persons_are_read_by_few() -> None:
    """By the board, by who replays, and by who exchanges the key; the services that page and keep clocks never see a name."""
    sensitive = {one for one in TOPICS if one.sensitive}
    readers = {one.service for one in ACCESS if sensitive & set(one.reads)}
    assert readers == {"board", "replay", "references"}


def test_everything_is_read_by_somebody_and_by_name() -> None:
    """A topic that nobody reads would be kept for nothing; a right is of one name, never of a pattern."""
    read = {topic for one in ACCESS for topic in one.reads}
    assert read == set(TOPICS)
    names = {rule.name for one in ACCESS for rule in one.rules() if rule.kind == "topic"}
    assert names == {one.name for one in TOPICS}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "  receipts: operations\n",
            "  receipts: secret\n",
            "levels without a use, or without words: secret",
        ),
        (
            "      - aspect: encryption where it lies\n        does: None is needed",
            "      - aspect: privacy\n        does: None is needed",
            "says nothing of encryption where it lies",
        ),
        (
            "        deployer: Apply the ACLs; sign people in\n        code: [",
            "        deployer: Apply the ACLs; sign people in\n        kode: [",
            "kode is not a known key",
        ),
        (
            "test_data.py::test_persons_are_read_by_few",
            "test_data.py::test_gone",
            "names test_gone",
        ),
        (
            "        deployer: Give `look` to few\n        code: ['cordwatch_schemas.access:ACCESS']\n",
            "",
            "neither shown by code and tests",
        ),
    ],
)
def test_a_level_with_a_gap_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    """A level that nothing has, an aspect that is left out, a control that nothing shows."""
    path = with_instead(PAPER, tmp_path, old, new)
    with pytest.raises(BadYaml) as refused:
        data_paper(path)
    assert fault in str(refused.value)
