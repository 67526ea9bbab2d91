"""Somebody who signs tokens, and publishes the keys for them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from cordwatch.board.keys import KeySet

NOW = datetime.now(UTC)  # noqa: TID251 - tokens are judged by the real time


def new_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a private key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(slots=True)
class Signer:
    """A private key and its id."""

    kid: str
    key: Any = field(default_factory=new_key)

    def published(self, **more: Any) -> dict[str, Any]:
        """Return the public key as a key set has it."""
        told = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**told, "kid": self.kid, "use": "sig", **more}

    def sign(
        self,
        told: dict[str, Any],
        algorithm: str = "RS384",
        key: Any = None,
        typ: str | None = "JWT",
    ) -> str:
        """Return what stands in `Authorization`; *typ*: of its header, None: it has none."""
        by = self.key if key is None else key
        headers = {"kid": self.kid, "typ": typ}
        return "Bearer " + jwt.encode(told, by, algorithm=algorithm, headers=headers)


def key_set(*keys: dict[str, Any]) -> bytes:
    """Return *keys* as they are published."""
    return json.dumps({"keys": keys}).encode()


def good_for(claims: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return *claims* with the times of a token of now; *more* changes them, None takes one out."""
    times = {"iat": NOW, "exp": NOW + timedelta(minutes=30)}
    return {name: value for name, value in {**claims, **times, **more}.items() if value is not None}


class Fixed:
    """Keys that never change."""

    def __init__(self, keys: KeySet) -> None:
        """Give *keys*."""
        self._keys = keys
        self.find = keys.find

    async def renew(self) -> None:
        """Change nothing."""
