"""What is carried into a hospital without a way out, and how it is known that nothing asked for one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deploy.airgap import bundle, rehearsal

ROOT = Path(__file__).parents[3]


def a_folder(path: Path, *, names: list[str], at: int) -> Path:
    """Return a folder with files of these names, written in this order, at that time."""
    (path / "wheels").mkdir(parents=True)
    for name in names:
        (path / name).write_text(f"this is {name}")
        os.utime(path / name, (at, at))
    return path


def test_the_same_files_make_the_same_bundle(tmp_path: Path) -> None:
    """Whoever wrote them, when and in which order: two who make it can compare one checksum."""
    names = ["README.md", "wheels/b.whl", "wheels/a.whl"]
    one = a_folder(tmp_path / "one" / "cordwatch-1", names=names, at=1_700_000_000)
    other = a_folder(tmp_path / "other" / "cordwatch-1", names=names[::-1], at=1_800_000_000)
    (other / "README.md").chmod(0o600)
    packed = [bundle.packed(folder) for folder in (one, other)]
    assert bundle.sha256(packed[0]) == bundle.sha256(packed[1])
    done = subprocess.run(
        ["sha256sum", "--check", f"{packed[0].name}.sha256"], cwd=packed[0].parent, check=False
    )
    assert done.returncode == 0


def test_a_changed_file_does_not_have_its_checksum(tmp_path: Path) -> None:
    """Every file is held, and the program that checks is everybody's."""
    folder = a_folder(tmp_path / "cordwatch-1", names=["wheels/a.whl", "README.md"], at=0)
    bundle.sums(folder)

    def checked() -> int:
        command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
        return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode

    assert checked() == 0
    (folder / "wheels/a.whl").write_text("this is wheels/b.whl")
    assert checked() == 1


def test_what_is_carried_is_there() -> None:
    """Charts, the compose file with what it mounts, recipes for images; a path that moved would be missed in silence."""
    found = subprocess.run(
        ["git", "ls-files", *bundle.CARRIED], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    overlays = [f"deploy/kubernetes/overlays/{one}/kustomization.yaml" for one in ("ha", "airgap")]
    assert {
        "docker-compose.yml",
        "deploy/compose/pager-plan.yaml",
        "deploy/prometheus/rules.yml",
        "deploy/local/build",
        "deploy/kubernetes/base/kustomization.yaml",
        *overlays,
    } <= set(found)
    assert {name.split("/")[0] for name in found} == {one.split("/")[0] for one in bundle.CARRIED}


def test_the_papers_of_the_bundle_have_no_gap_left() -> None:
    """How it is installed is said with this version's name; nothing is said of images that are not there."""
    text = bundle.papers("1.2.3", [])
    assert "cordwatch 1.2.3" in text
    assert "    none\n" in text
    assert "@" not in text
    assert "    kafka:4\n" in bundle.papers("1.2.3", ["cordwatch:1.2.3", "kafka:4"])


def test_without_a_namespace_nothing_is_claimed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A kernel that refuses is told as what it is, with an exit code of its own."""
    monkeypatch.setattr(rehearsal, "WAYS", (("false",),))
    assert rehearsal.outside(tmp_path) == rehearsal.NOT_TRIED
    assert "NOT TRIED" in capsys.readouterr().err


def test_the_kernels_counts_are_read_by_name() -> None:
    """Two lines a table, and a name that another table has too."""
    text = "Ip: Forwarding OutNoRoutes\nIp: 1 7\nUdp: OutDatagrams NoPorts\nUdp: 3 4\n"
    assert rehearsal.of_table(text, "Ip", "OutNoRoutes") == 7
    assert rehearsal.of_table(text, "Udp", "OutDatagrams") == 3


def test_this_kernel_has_the_counts() -> None:
    """They are there by these names, and numbers."""
    assert set(rehearsal.counts()) == {"packets out", "sends without a route", "datagrams"}
