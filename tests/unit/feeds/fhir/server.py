"""A FHIR server of the test's own: search, read, `$events`, and SMART backend services by the book."""

from __future__ import annotations

import json
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cordwatch.runtime.wall_clock import WallClock

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_S_MAX = 300


def pem(key: PrivateKey) -> bytes:
    """Return a private key as a file has it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass
class FhirServer:
    """What it holds, whom it knows, and what was asked of it."""

    client_id: str = "cordwatch"
    public_key: Any = None
    """None: it asks nobody who they are."""
    algorithm: str = "ES384"
    scopes: frozenset[str] = frozenset({"system/*.rs"})
    expires_in: int = 300
    page_size: int = 3
    sorts: bool = True
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Entries of each resource's history, the newest first."""
    tells_history: bool = True
    events: dict[int, bytes] = field(default_factory=dict)
    """Notifications by number, for `$events`; none: it does not know the operation."""
    fails: deque[int] = field(default_factory=deque)
    """Statuses with which the next requests are answered instead."""
    asked: Counter[str] = field(default_factory=Counter)
    queries: list[str] = field(default_factory=list)
    not_modified: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    seen_ids: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    next_link: str = ""
    """Another address than its own for the next page."""
    url: str = ""
    token_answer: dict[str, Any] = field(default_factory=dict)

    def put(self, resource: dict[str, Any], at: str) -> None:
        """Store a version of a resource, written at *at*."""
        key = f"{resource['resourceType']}/{resource['id']}"
        held = self.resources.get(key)
        version = int(held["meta"]["versionId"]) + 1 if held else 1
        self.resources[key] = {**resource, "meta": {"versionId": str(version), "lastUpdated": at}}
        self.versions.setdefault(key, []).insert(0, {"resource": self.resources[key]})

    def delete(self, key: str) -> None:
        """Forget a resource, except in its history."""
        del self.resources[key]
        self.versions[key].insert(0, {"request": {"method": "DELETE", "url": key}})

    @property
    def base(self) -> str:
        """Return the base URL."""
        return f"{self.url}/fhir"

    async def configuration(self, _: web.Request) -> web.Response:
        """Answer the discovery."""
        self.asked["configuration"] += 1
        return web.json_response(
            {
                "token_endpoint": f"{self.url}/token",
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": [self.algorithm],
                **self.token_answer,
            }
        )

    async def token(self, request: web.Request) -> web.Response:
        """Give a token for a good assertion, used once."""
        self.asked["token"] += 1
        form = await request.post()
        try:
            self._verify(form)
        except (jwt.InvalidTokenError, AssertionError) as error:
            self.refusals.append(str(error))
            return web.json_response({"error": "invalid_client"}, status=401)
        wanted = set(str(form["scope"]).split())
        if not wanted <= self.scopes:
            return web.json_response({"error": "invalid_scope"}, status=400)
        token = secrets.token_urlsafe(8)
        self.tokens[token] = str(form["scope"])
        return web.json_response(
            {"access_token": token, "token_type": "bearer", "expires_in": self.expires_in}
        )

    def _verify(self, form: Any) -> None:
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == ASSERTION_TYPE
        claims = jwt.decode(
            str(form["client_assertion"]),
            self.public_key,
            algorithms=[self.algorithm],
            audience=f"{self.url}/token",
            issuer=self.client_id,
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )
        assert claims["sub"] == self.client_id, "sub"
        assert claims["exp"] - WallClock().now().timestamp() <= ASSERTION_S_MAX, "exp"
        assert claims["jti"] not in self.seen_ids, "jti"
        self.seen_ids.add(claims["jti"])

    def _admit(self, request: web.Request) -> None:
        if self.fails:
            raise _answer(self.fails.popleft())
        if self.public_key is not None:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                raise web.HTTPUnauthorized

    async def read(self, request: web.Request) -> web.Response:
        """Answer a read."""
        key = f"{request.match_info['type']}/{request.match_info['id']}"
        self.asked[key] += 1
        self._admit(request)
        resource = self.resources.get(key)
        if resource is None:
            raise web.HTTPGone if key in self.versions else web.HTTPNotFound
        etag = f'W/"{resource["meta"]["versionId"]}"'
        if request.headers.get("If-None-Match") == etag:
            self.not_modified += 1
            return web.Response(status=304, headers={"ETag": etag})
        return web.json_response(resource, headers={"ETag": etag})

    async def history(self, request: web.Request) -> web.Response:
        """Answer with the versions of a resource."""
        key = f"{request.match_info['type']}/{request.match_info['id']}"
        self.asked[f"{key}/_history"] += 1
        self._admit(request)
        if not self.tells_history:
            raise web.HTTPBadRequest
        told = {"resourceType": "Bundle", "type": "history", "entry": self.versions.get(key, [])}
        return web.json_response(told)

    async def search(self, request: web.Request) -> web.Response:
        """Answer a search by `_lastUpdated`, in pages."""
        kind = request.match_info["type"]
        self.asked[f"search {kind}"] += 1
        self.queries.append(request.query_string)
        self._admit(request)
        since = request.query["_lastUpdated"].removeprefix("ge")
        found = [
            one
            for one in self.resources.values()
            if one["resourceType"] == kind and one["meta"]["lastUpdated"] >= since
        ]
        found.sort(key=lambda one: one["meta"]["lastUpdated"], reverse=not self.sorts)
        offset = int(request.query.get("_offset", "0"))
        page = found[offset : offset + self.page_size]
        links = []
        if offset + self.page_size < len(found):
            query = f"{kind}?_lastUpdated=ge{since}&_offset={offset + self.page_size}"
            links = [{"relation": "next", "url": self.next_link or f"{self.base}/{query}"}]
        entries = [{"fullUrl": f"{self.base}/{kind}/{one['id']}", "resource": one} for one in page]
        bundle = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}
        return web.json_response(bundle)

    async def numbered(self, request: web.Request) -> web.Response:
        """Answer `$events`."""
        self.asked["$events"] += 1
        self._admit(request)
        if not self.events:
            raise web.HTTPNotFound
        first, last = (
            int(request.query[name]) for name in ("eventsSinceNumber", "eventsUntilNumber")
        )
        told = [json.loads(self.events[n]) for n in range(first, last + 1) if n in self.events]
        status = told[0]["entry"][0]["resource"] if told else {}
        status = {**status, "type": "query-event"}
        status["notificationEvent"] = [
            happening
            for one in told
            for happening in one["entry"][0]["resource"]["notificationEvent"]
        ]
        entries = [{"resource": status}, *(entry for one in told for entry in one["entry"][1:])]
        return web.json_response({"resourceType": "Bundle", "type": "history", "entry": entries})


def _answer(status: int) -> web.HTTPException:
    class Answer(web.HTTPException):
        """An answer with this status."""

        status_code = status

    return Answer(headers={"Retry-After": "0"})


@asynccontextmanager
async def serving(server: FhirServer) -> AsyncIterator[FhirServer]:
    """Let *server* listen on a free port of loopback; it ends with the block."""
    app = web.Application()
    app.router.add_get("/fhir/.well-known/smart-configuration", server.configuration)
    app.router.add_post("/token", server.token)
    app.router.add_get("/fhir/Subscription/{id}/$events", server.numbered)
    app.router.add_get("/fhir/{type}/{id}", server.read)
    app.router.add_get("/fhir/{type}/{id}/_history", server.history)
    app.router.add_get("/fhir/{type}", server.search)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
