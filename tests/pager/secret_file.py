"""A file with a secret, which a test changes while it is in use."""

from __future__ import annotations

from pathlib import Path


class SecretFile:
    """One file in a folder."""

    def __init__(self, folder: Path) -> None:
        """Begin without it."""
        self._path = folder / "secret"

    def __str__(self) -> str:
        """Return where it is, as a plan names it."""
        return str(self._path)

    def holds(self, *lines: str) -> SecretFile:
        """Put these lines into it."""
        self._path.write_text("".join(f"{line}\n" for line in lines))
        return self

    def is_gone(self) -> None:
        """Remove it."""
        self._path.unlink()
