"""A paper with something else in one place, to see that it is refused."""

from __future__ import annotations

from pathlib import Path


def with_instead(paper: Path, folder: Path, old: str, new: str) -> Path:
    """Return a copy of *paper* in *folder*, *new* where *old* stands, which is once."""
    text = paper.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / paper.name
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path
