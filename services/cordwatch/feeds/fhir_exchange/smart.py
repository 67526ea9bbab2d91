"""SMART backend services: who we are, proved by a signed assertion; a token for it, renewed in time."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cordwatch.runtime.addresses import is_secure
from cordwatch.runtime.strength import RSA_BITS_STRONG
from cordwatch.runtime.wall_clock import WallClock

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LASTS = timedelta(minutes=4)
"""SMART allows five at most; a clock may differ a little."""

RENEW_BEFORE_S = 30.0
LIFE_S_DEFAULT = 300.0
ANSWER_BYTES_MAX = 256 * 1024


class BadKey(ValueError):
    """The client's key cannot be used; says why, never what the file holds."""


class NoToken(RuntimeError):
    """The authorization server gives no token; says what it answered, nothing of what was sent."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A private key and the algorithm that goes with it."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    algorithm: str


def read_key(path: Path) -> ClientKey:
    """
    Return the client's key from a PEM file.

    Raises:
        BadKey: it is none, or none of the two kinds that SMART knows.
        OSError: the file cannot be read.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("client_key: no private key in PEM without a password") from None
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < RSA_BITS_STRONG:
            raise BadKey(f"client_key: RSA of fewer than {RSA_BITS_STRONG} bits")
        return ClientKey(key, "RS384")
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1):
        return ClientKey(key, "ES384")
    raise BadKey("client_key: neither RSA nor EC P-384")


class SmartTokens:
    """Gets access tokens, keeps one until shortly before its end, and renews it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        client_id: str,
        key: ClientKey,
        scopes: str,
        clock: WallClock,
        *,
        key_id: str | None = None,
        token_url: str | None = None,
    ) -> None:
        """Prepare; nothing is asked yet."""
        self._session, self._base, self._clock = session, base.rstrip("/"), clock
        self._client_id, self._key, self._key_id = client_id, key, key_id
        self._scopes, self._token_url = scopes, token_url
        self._token, self._until = "", 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """
        Return a token that is good for now.

        Raises:
            NoToken: the server gives none.
            aiohttp.ClientError, TimeoutError: it cannot be reached.
        """
        async with self._lock:
            if not self._token or self._clock.monotonic() >= self._until:
                await self._renew()
            return self._token

    def drop(self, token: str) -> None:
        """Forget *token*, which the server no longer takes; one renewed meanwhile stays."""
        if token == self._token:
            self._token = ""

    async def _renew(self) -> None:
        url = self._token_url or await self._discover()
        form = {
            "grant_type": "client_credentials",
            "scope": self._scopes,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(url),
        }
        status, answer = await self._ask("POST", url, form)
        if status != 200:  # noqa: PLR2004 - the one that means yes
            error = answer.get("error")
            code = error if isinstance(error, str) and error.replace("_", "").isalpha() else "?"
            raise NoToken(f"the token endpoint answered {status} ({code[:40]})")
        token, kind = answer.get("access_token"), answer.get("token_type")
        if not isinstance(token, str) or not token or str(kind).lower() != "bearer":
            raise NoToken("the token endpoint answered without a bearer token")
        lasts = answer.get("expires_in")
        life_s = float(lasts) if isinstance(lasts, int | float) else LIFE_S_DEFAULT
        self._until = self._clock.monotonic() + max(life_s - RENEW_BEFORE_S, life_s / 2)
        self._token = token

    def _assertion(self, audience: str) -> str:
        """Return a signed statement of who we are, good once and for minutes."""
        now = self._clock.now()
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "iat": now,
            "exp": now + ASSERTION_LASTS,
            "jti": str(uuid.uuid4()),
        }
        headers = {"kid": self._key_id} if self._key_id else None
        return jwt.encode(claims, self._key.key, self._key.algorithm, headers)

    async def _discover(self) -> str:
        """Return the token endpoint that the server names; only a secure one gets an assertion."""
        status, found = await self._ask("GET", f"{self._base}/.well-known/smart-configuration")
        url = found.get("token_endpoint")
        if status != 200 or not isinstance(url, str):  # noqa: PLR2004
            raise NoToken(f"the server names no token endpoint (answered {status})")
        if not is_secure(url):
            raise NoToken("the server names a token endpoint without https")
        methods = found.get("token_endpoint_auth_methods_supported")
        if isinstance(methods, list) and "private_key_jwt" not in methods:
            raise NoToken("the server does not take private_key_jwt")
        algorithms = found.get("token_endpoint_auth_signing_alg_values_supported")
        if isinstance(algorithms, list) and self._key.algorithm not in algorithms:
            raise NoToken(f"the server does not take {self._key.algorithm}")
        return url

    async def _ask(
        self, method: str, url: str, form: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        headers = {"Accept": "application/json"}
        async with self._session.request(
            method, url, data=form, headers=headers, allow_redirects=False
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(ANSWER_BYTES_MAX):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise NoToken("the authorization server answers without end")
        try:
            found = json.loads(bytes(body))
        except ValueError:
            found = {}
        return response.status, found if isinstance(found, dict) else {}
