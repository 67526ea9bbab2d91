"""
Everything that a hospital without a way out needs, in one file: `make bundle`.

Runs in an environment of its own (deploy/image/build.lock). The wheels are for
the Python that runs it and its platform; what is not an image comes out the
same each time.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "deploy" / "requirements.lock"
CARRIED: Final = ("docker-compose.yml", "deploy", "docs", "schemas/generated", "LICENSE")
"""Kustomize's base and overlays, the compose file with what it mounts, recipes for local images, and the papers."""
MADE_AT: Final = 1580601600
"""When everything says that it was made: as hatchling's wheels do, and the image's files."""
CHUNK_BYTES: Final = 1 << 20


def make(images: Sequence[str]) -> Path:
    """Write the folder and the file in `dist/`; return the file."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    name = f"cordwatch-{version}-{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    folder = ROOT / "dist" / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wheels").mkdir(parents=True)
    _wheels(folder)
    _carried(folder)
    (folder / "README.md").write_text(papers(version, images))
    for image in images:
        _image(folder / "images", image)
    _materials(folder)
    sums(folder)
    return packed(folder)


def _materials(folder: Path) -> None:
    """Write the list of materials; licences are told by the packages, once they are installed from the wheels."""
    with tempfile.TemporaryDirectory() as name:
        _run(sys.executable, "-m", "venv", "--without-pip", name)
        python = f"{name}/bin/python"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        options = ["--no-index", "--no-deps", f"--find-links={folder / 'wheels'}", "--no-compile"]
        _run(*pip, "--python", python, "install", *options, f"--requirement={LOCK}")
        _run(
            str(ROOT / "deploy/image/sbom"),
            str(LOCK.relative_to(ROOT)),
            str(folder / "sbom.cdx.json"),
            str(Path(sys.executable).parent),
            python,
        )


def _wheels(folder: Path) -> None:
    """Fetch what is locked, make cordwatch's own, and write what installs all of it by hash."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    there = folder / "wheels"
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", f"--requirement={LOCK}"]
    _run(*pip, "download", *options, f"--dest={there}")
    before = set(there.iterdir())
    _run(*pip, "wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={there}", str(ROOT))
    [ours] = set(there.iterdir()) - before
    name, version = ours.name.split("-")[:2]
    own = f"{name}=={version} \\\n    --hash=sha256:{sha256(ours)}\n"
    (folder / "requirements.txt").write_text(LOCK.read_text() + own)


def _carried(folder: Path) -> None:
    for name in _run("git", "ls-files", "-z", *CARRIED).rstrip("\0").split("\0"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path)


def papers(version: str, images: Sequence[str]) -> str:
    """Return how it is installed: bundle.md, with this version, this Python and these images."""
    text = (Path(__file__).parent / "bundle.md").read_text()
    for key, value in {
        "VERSION": version,
        "PYTHON": ".".join(platform.python_version_tuple()[:2]),
        "PLATFORM": sysconfig.get_platform(),
        "IMAGES": "\n".join(f"    {image}" for image in images) or "    none",
    }.items():
        text = text.replace(f"@{key}@", value)
    return text


def _image(folder: Path, image: str) -> None:
    """Save an image, and what to compare it with once it is loaded."""
    folder.mkdir(exist_ok=True)
    name = image.replace("/", "_").replace(":", "_")
    [found] = json.loads(_run("docker", "image", "inspect", image))
    told = {"name": image, "id": found["Id"], "layers": found["RootFS"]["Layers"]}
    (folder / f"{name}.json").write_text(json.dumps(told, indent=2) + "\n")
    with (
        subprocess.Popen(["docker", "image", "save", image], stdout=subprocess.PIPE) as saved,  # noqa: S603, S607 - whichever docker the shell would take
        gzip.GzipFile(folder / f"{name}.tar.gz", "wb", mtime=0) as packed,
    ):
        assert saved.stdout is not None  # noqa: S101 - it is a pipe
        shutil.copyfileobj(saved.stdout, packed, CHUNK_BYTES)
    if saved.returncode:
        raise RuntimeError(f"docker image save {image} ended with {saved.returncode}")


def sha256(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums(folder: Path) -> None:
    """Write the checksum of each file, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path)}  {path.relative_to(folder)}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def packed(folder: Path) -> Path:
    """Pack the folder: in order, of nobody, of no day."""

    def plain(one: tarfile.TarInfo) -> tarfile.TarInfo:
        one.uid = one.gid = 0
        one.uname = one.gname = ""
        one.mtime = MADE_AT
        one.mode = 0o755 if one.isdir() or one.mode & 0o100 else 0o644
        return one

    path = folder.parent / f"{folder.name}.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        # It goes through a folder by name.
        archive.add(folder, folder.name, filter=plain)
    path.with_name(f"{path.name}.sha256").write_text(f"{sha256(path)}  {path.name}\n")
    return path


def _run(*command: str) -> str:
    return subprocess.run(  # noqa: S603 - our own words
        command,
        cwd=ROOT,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(MADE_AT)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout


def main() -> int:
    """Make it with the images named; say where it is."""
    images = sys.argv[1:]
    path = make(images)
    size_mb = path.stat().st_size / 1e6
    with_what = f"images {', '.join(images)}" if images else "NO image"
    sys.stdout.write(f"bundle: {path.relative_to(ROOT)}, {size_mb:.0f} MB, with {with_what}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
