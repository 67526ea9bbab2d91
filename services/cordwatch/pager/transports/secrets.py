"""Keys and passwords: read when they are used, so that a new file counts at once; never shown."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

BYTES_MAX = 64 * 1024
FROM_ENVIRONMENT = "env:"


class NoSecret(ValueError):
    """A secret cannot be had; says which destination wants it and where it should stand, nothing else."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a destination's secret stands: a file, or `env:NAME` for a variable of the environment."""

    destination: str
    where: str

    def lines(self) -> tuple[str, ...]:
        """
        Return the secrets in it, one a line: the present one, then those that still count.

        Raises:
            NoSecret: there is none.
        """
        found = tuple(line.strip() for line in self._text().splitlines() if line.strip())
        if not found:
            raise self._missing("is empty")
        return found

    def present(self) -> str:
        """
        Return the secret that holds now.

        Raises:
            NoSecret: there is none.
        """
        return self.lines()[0]

    def _text(self) -> str:
        if self.where.startswith(FROM_ENVIRONMENT):
            return os.environ.get(self.where.removeprefix(FROM_ENVIRONMENT), "")
        try:
            with Path(self.where).open("rb") as file:
                return file.read(BYTES_MAX).decode()
        except OSError as error:
            raise self._missing(f"cannot be read ({type(error).__name__})") from None
        except UnicodeDecodeError:
            raise self._missing("is no text") from None

    def _missing(self, why: str) -> NoSecret:
        return NoSecret(f"destination {self.destination}: {self.where} {why}")
