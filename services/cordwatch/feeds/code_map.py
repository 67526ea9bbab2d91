"""What a source's own codes stand for: told by its profile, added to what was sent, never instead of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CodeAsSent = dict[str, str | None]
"""A code of a message: `system`, `code`, `display`."""


def _key(system: str, code: str) -> tuple[str, str]:
    return system.strip().upper(), code.strip().upper()


@dataclass(frozen=True, slots=True)
class CodeMap:
    """
    Local names of code systems, and local codes, with what they are in systems that we know.

    Used by every feed alike, whatever its format.
    """

    systems: Mapping[str, str] = field(default_factory=dict)
    """A system as the source names it, in capitals: as we name it."""
    codes: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """System (named by the source or by us) and code, in capitals: the ones that are meant."""

    @classmethod
    def of(cls, systems: Mapping[str, str], codes: Mapping[str, str]) -> CodeMap:
        """Return the map that a profile writes: systems by name, codes as `SYSTEM|CODE`."""
        pairs: dict[tuple[str, str], tuple[str, str]] = {}
        for sent, meant in codes.items():
            system, _, code = sent.partition("|")
            target, _, value = meant.partition("|")
            pairs[_key(system, code)] = (target, value)
        return cls({name.strip().upper(): meant for name, meant in systems.items()}, pairs)

    @property
    def says_anything(self) -> bool:
        """Return whether there is anything in it."""
        return bool(self.systems or self.codes)

    def applied(self, codes: list[CodeAsSent]) -> list[CodeAsSent]:
        """Return *codes* as sent, with what each stands for behind them."""
        if not self.says_anything:
            return codes
        found = list(codes)
        for one in codes:
            meant = self.meant(one["system"] or "", one["code"] or "")
            if meant is not None:
                found.append({"system": meant[0], "code": meant[1], "display": None})
        return found

    def meant(self, system: str, code: str) -> tuple[str, str] | None:
        """Return what a code stands for, None where the profile says nothing of it."""
        named = self.systems.get(system.strip().upper())
        return (
            self.codes.get(_key(system, code))
            or (self.codes.get(_key(named, code)) if named else None)
            or ((named, code) if named else None)
        )
