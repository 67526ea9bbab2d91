"""The public keys of who signs tokens (JWKS): from a file, or from an address that is asked anew in time."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
import jwt

from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.strength import RSA_BITS_MIN
from cordwatch.runtime.tls_files import trusting_the_system
from cordwatch.runtime.wall_clock import WallClock

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)
"""Signatures with a public key. None is `none`, and none shares a secret."""

FETCH_S: Final = 5.0
KEYS_BYTES_MAX: Final = 256 * 1024
REFRESH_S: Final = 300.0
"""How often a provider is asked anew: for so long at most a key that it took back is believed."""
AGAIN_S: Final = 30.0
"""Between two tries, for a key that is not known or a provider that is away: no stranger makes more of them."""
KEEP_S: Final = 12 * 3600.0
"""For so long the last keys are good while the provider is away; then nobody is known any more."""

log = get_logger("cordwatch.board")


class NoKeys(ValueError):
    """There are no keys where they should be; says why, nothing of what was there."""


class KeyTooShort(jwt.InvalidKeyError):
    """A key of RSA with fewer bits than this environment believes."""


class Keys(Protocol):
    """Where the keys of a provider are looked up."""

    def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """
        Return the key of this id for *algorithm*; None: it is not known.

        Raises:
            PyJWTError: the key is not for this algorithm, or no keys can be read at all.
        """

    async def renew(self) -> None:
        """Look for a key that is not known: perhaps it is new."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one provider, as it published them."""

    by_id: Mapping[str, dict[str, Any]]
    rsa_bits_min: int = RSA_BITS_MIN

    @classmethod
    def read(cls, data: bytes, rsa_bits_min: int = RSA_BITS_MIN) -> KeySet:
        """
        Return the keys in *data* that have an id and are for signatures, of RSA those that are long enough.

        Raises:
            NoKeys: there is none.
        """
        try:
            listed = json.loads(data)["keys"]
            found = {one["kid"]: one for one in listed if _is_for_signatures(one)}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise NoKeys("this is no key set") from None
        if not found:
            raise NoKeys("there is no key with an id in it")
        return cls(found, rsa_bits_min)

    def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """Return the key of this id for *algorithm*, see `Keys`."""
        told = self.by_id.get(kid)
        if told is None:
            return None
        if algorithm not in ALGORITHMS or told.get("alg", algorithm) != algorithm:
            raise jwt.InvalidKeyError("not for this algorithm")
        found = jwt.PyJWK(told, algorithm)
        bits = getattr(found.key, "key_size", self.rsa_bits_min)
        if told["kty"] == "RSA" and bits < self.rsa_bits_min:
            raise KeyTooShort(f"RSA of fewer than {self.rsa_bits_min} bits")
        return found


def _is_for_signatures(one: dict[str, Any]) -> bool:
    return isinstance(one.get("kid"), str) and one.get("use", "sig") == "sig"


@dataclass(slots=True)
class KeyFile:
    """Public keys in a file, read anew when it changes."""

    path: Path
    rsa_bits_min: int = RSA_BITS_MIN
    _read_at: float = -1.0
    _keys: KeySet = field(default_factory=lambda: KeySet({}))

    def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """Return the key of this id for *algorithm*, see `Keys`."""
        try:
            changed_at = self.path.stat().st_mtime
            if changed_at != self._read_at:
                self._keys = KeySet.read(self.path.read_bytes(), self.rsa_bits_min)
                self._read_at = changed_at
        except (OSError, NoKeys):
            raise jwt.PyJWKSetError("the keys cannot be read") from None
        return self._keys.find(kid, algorithm)

    async def renew(self) -> None:
        """Do nothing: a file is looked at each time."""


@dataclass(slots=True)
class KeysByAddress:
    """
    Public keys at an address of the provider, fetched in the background and when one is not known.

    While the provider is away the last keys go on, so that its fault does not
    sign everybody out; not for ever, since it could have taken one back.
    """

    url: str
    clock: WallClock
    tls: ssl.SSLContext = field(default_factory=trusting_the_system)
    """How its certificate is verified."""
    rsa_bits_min: int = RSA_BITS_MIN
    _keys: KeySet = field(default_factory=lambda: KeySet({}))
    _fetched_at: float = -inf
    _tried_at: float | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def age_s(self) -> float:
        """Return how long ago the keys were fetched; infinite: never."""
        return self.clock.monotonic() - self._fetched_at

    def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """Return the key of this id for *algorithm*, see `Keys`."""
        if self._keys.by_id and self.age_s > KEEP_S:
            raise jwt.PyJWKSetError("the keys are too old")
        return self._keys.find(kid, algorithm)

    async def renew(self) -> None:
        """Fetch the keys for one that is not known, unless that was tried a moment ago."""
        async with self._lock:
            now = self.clock.monotonic()
            if self._tried_at is None or now - self._tried_at >= AGAIN_S:
                await self._fetch()

    async def follow(self) -> None:
        """Fetch the keys again and again, for ever."""
        while True:
            async with self._lock:
                fetched = await self._fetch()
            await asyncio.sleep(REFRESH_S if fetched else AGAIN_S)

    async def _fetch(self) -> bool:
        """Fetch the keys; return whether there were any. Where not, those from before stay."""
        self._tried_at = self.clock.monotonic()
        try:
            async with asyncio.timeout(FETCH_S):
                found = KeySet.read(await self._get(), self.rsa_bits_min)
        except (aiohttp.ClientError, OSError, NoKeys) as error:
            why = str(error) if isinstance(error, NoKeys) else type(error).__name__
            log.warning(
                "the provider gives no keys", reason=why, age_s=round(min(self.age_s, KEEP_S))
            )
            return False
        if found != self._keys:
            log.info("keys of the provider", keys=len(found.by_id))
        self._keys, self._fetched_at = found, self.clock.monotonic()
        return True

    async def _get(self) -> bytes:
        # As it is on the wire: what is packed small could unpack without end.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(self.url, headers=headers, allow_redirects=False, ssl=self.tls) as answer,
        ):
            if answer.status != 200:  # noqa: PLR2004 - the one that means yes
                raise NoKeys(f"the provider answered {answer.status}")
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > KEYS_BYTES_MAX:
                    raise NoKeys("the provider answers without end")
        return bytes(body)
