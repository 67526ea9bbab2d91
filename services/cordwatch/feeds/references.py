"""How numbers become references, and how a reference stays when the key is exchanged."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

EXERCISE_KEY = b"cordwatch exercise key: not for real patients"
"""Used where no key is configured (demo, simulate): references are then not secret."""

_MARKED = b"cordwatch key in use"
"""What a fingerprint is made of. No number is hashed like it: before a number stands its kind."""


@lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    """Return the beginning of every reference under *key*: to be copied, since taking in the key costs most."""
    return hmac.new(key, digestmod=lambda: blake2b(digest_size=15))


@lru_cache(maxsize=8_192)
def _hashed(key: bytes, kind: str, number: str) -> str:
    # A patient is told of again and again: the last of them are remembered.
    mac = _keyed(key).copy()
    mac.update(f"{kind}|{number}".encode())
    return f"{kind}_{base64.b32encode(mac.digest()).decode().lower()}"


@dataclass(frozen=True, slots=True)
class References:
    """
    The references of a hospital: a keyed hash of a number, or what that hash stands for.

    A reference, once given, stays: it is in every fact, clock and alert of the
    patient. So those that a former key gave are carried, and only numbers that
    nobody knew get one by the present key.
    """

    key: bytes = field(default=EXERCISE_KEY, repr=False)
    carried: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """By the reference as the key makes it, the one that was given first."""

    def of(self, kind: str, number: str) -> str:
        """Return the reference for a number."""
        hashed = _hashed(self.key, kind, number)
        return self.carried.get(hashed, hashed)

    @property
    def fingerprint(self) -> str:
        """Return by what the key is known, without telling it."""
        mac = _keyed(self.key).copy()
        mac.update(_MARKED)
        return mac.hexdigest()
