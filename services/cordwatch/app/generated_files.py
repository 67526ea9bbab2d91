"""Files that are made from code: written, or compared with what is there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]


def write_or_check(
    folder: Path, files: Mapping[str, Callable[[], str]], arguments: Sequence[str]
) -> int:
    """Write *files* into *folder*, or with `--check` say which are not up to date (exit code 1)."""
    stale = []
    for name, made in files.items():
        path, text = folder / name, made()
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(ROOT))
    for one in stale:
        sys.stderr.write(f"{one} is not up to date: make docs\n")
    return 1 if stale else 0
