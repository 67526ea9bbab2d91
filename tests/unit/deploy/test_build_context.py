"""What an image is built from: named folders, and nothing of how the source is kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.deploy.compose_rules import ROOT

DOCKERFILE = ROOT / "deploy/Dockerfile"
NEEDED = {
    "deploy/requirements.lock",
    "deploy/image",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "schemas",
    "services",
}
VERSION_CONTROL = frozenset({".git", ".svn", ".hg", ".bzr", "CVS", ".gitmodules"})
COPIED = re.compile(r"^(?:COPY|ADD)\s+(.+)$", re.MULTILINE)


def copied(dockerfile: str) -> set[str]:
    """Return what a Dockerfile takes from its context, however it is called inside."""
    found: set[str] = set()
    for line in COPIED.findall(dockerfile):
        words = line.split()
        if not any(one.startswith("--from=") for one in words):
            found |= {one for one in words[:-1] if not one.startswith("--")}
    return found


def let_in(ignore: str) -> set[str]:
    """
    Return what a .dockerignore lets in, which must begin by leaving everything out.

    Raises:
        AssertionError: it does not, or lets in by a pattern.
    """
    lines = [one for one in ignore.splitlines() if one and not one.startswith("#")]
    assert lines[0] == "*", "everything is left out first"
    found = {one[1:] for one in lines if one.startswith("!")}
    assert [one for one in found if re.search(r"[*?\[]", one)] == []
    return found


def test_the_context_is_a_list_of_names() -> None:
    """Everything is left out, and what is needed is let in by its name: `.git` is none of them."""
    assert let_in((ROOT / ".dockerignore").read_text()) == NEEDED
    assert not NEEDED & VERSION_CONTROL


def test_the_image_takes_what_is_let_in_and_nothing_else() -> None:
    """By name, never by `.`; and nothing from an address."""
    text = DOCKERFILE.read_text()
    found = copied(text)
    assert found
    assert {
        one
        for one in found
        if not any(one == name or one.startswith(f"{name}/") for name in NEEDED)
    } == set()
    assert re.findall(r"^ADD", text, re.MULTILINE) == []


def test_nothing_of_version_control_lies_in_what_is_let_in() -> None:
    """No repository within the repository, which a folder that is let in would take along."""
    within = [
        path.relative_to(ROOT)
        for name in NEEDED
        for path in (ROOT / name).rglob("*")
        if path.name in VERSION_CONTROL
    ]
    assert within == []


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("deploy/**/*Dockerfile")), ids=lambda one: one.name
)
def test_no_image_takes_the_whole_context(path: Path) -> None:
    """The images that stand for others' are built by the same rule."""
    assert copied(path.read_text()) & {".", "./", "/", "*", ".git"} == set()


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("COPY . /build", {"."}),
        ("COPY --chown=1:1 .git schemas ./", {".git", "schemas"}),
        ("COPY --from=build /opt /opt", set()),
        ("ADD services services", {"services"}),
    ],
)
def test_what_a_dockerfile_takes_is_seen(line: str, taken: set[str]) -> None:
    """The check of the check: it can tell."""
    assert copied(f"FROM base\n{line}\n") == taken


@pytest.mark.parametrize("ignore", ["!schemas\n", "*\n!schemas*\n", "*\n!**/.git\n"])
def test_a_context_that_is_open_is_seen(ignore: str) -> None:
    """One that leaves nothing out first, or lets in by a pattern."""
    with pytest.raises(AssertionError):
        let_in(ignore)
