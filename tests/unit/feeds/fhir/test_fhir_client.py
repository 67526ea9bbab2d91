"""The server is asked with its leave, within bounds, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import stamina
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cordwatch.feeds.fhir_exchange import client as client_module
from cordwatch.feeds.fhir_exchange.client import FhirClient, ServerAway, ServerRefuses
from cordwatch.feeds.fhir_exchange.smart import BadKey, SmartTokens, read_key
from cordwatch.runtime.wall_clock import WallClock
from tests.unit.feeds.fhir.server import FhirServer, PrivateKey, pem, serving

AT = "2026-03-02T08:00:00Z"
EC_KEY = ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(65537, 3072)


@pytest.fixture(autouse=True)
def _without_pauses() -> Iterator[None]:
    """Try again at once."""
    with stamina.set_testing(True, attempts=3):
        yield


class StoppedClock(WallClock):
    """Moves when it is told to."""

    def __init__(self) -> None:
        """Begin at nought."""
        super().__init__()
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.seconds


@asynccontextmanager
async def asking(
    server: FhirServer,
    folder: Path | None = None,
    key: PrivateKey = EC_KEY,
    clock: WallClock | None = None,
    *,
    client_id: str = "cordwatch",
    scopes: str = "system/*.rs",
    bytes_max: int = 100_000,
) -> AsyncIterator[FhirClient]:
    """Give a client of *server*, with a key where there is a folder to keep it."""
    clock = clock or WallClock()
    async with serving(server), aiohttp.ClientSession() as session:
        tokens = None
        if folder is not None:
            file = folder / "key.pem"
            file.write_bytes(pem(key))
            tokens = SmartTokens(
                session, server.base, client_id, read_key(file), scopes, clock, key_id="k1"
            )
        yield FhirClient(session, server.base, clock, tokens=tokens, bytes_max=bytes_max)


@pytest.mark.parametrize(("key", "algorithm"), [(EC_KEY, "ES384"), (RSA_KEY, "RS384")])
async def test_a_signed_assertion_gets_a_token_and_the_token_an_answer(
    key: PrivateKey, algorithm: str, tmp_path: Path
) -> None:
    """Discovery, assertion, token, resource; one token for many questions."""
    server = FhirServer(public_key=key.public_key(), algorithm=algorithm)
    server.put({"resourceType": "Patient", "id": "1"}, AT)
    server.put({"resourceType": "Patient", "id": "2"}, AT)
    async with asking(server, tmp_path, key) as client:
        assert await client.read("Patient/1") is not None
        assert await client.read("Patient/2") is not None
    assert server.refusals == []
    assert (server.asked["configuration"], server.asked["token"]) == (1, 1)


async def test_a_token_is_renewed_before_its_end_with_an_assertion_of_its_own(
    tmp_path: Path,
) -> None:
    """The server takes no assertion twice."""
    clock = StoppedClock()
    server = FhirServer(public_key=EC_KEY.public_key(), expires_in=300)
    server.put({"resourceType": "Patient", "id": "1"}, AT)
    async with asking(server, tmp_path, clock=clock) as client:
        for _ in range(3):
            assert await client.read("Patient/1", fresh=True) is not None
            clock.seconds += 271
    assert (server.asked["token"], len(server.seen_ids), server.refusals) == (3, 3, [])


async def test_a_token_that_is_no_longer_taken_is_renewed_at_once(tmp_path: Path) -> None:
    """A server may restart and forget its tokens."""
    server = FhirServer(public_key=EC_KEY.public_key())
    server.put({"resourceType": "Patient", "id": "1"}, AT)
    async with asking(server, tmp_path) as client:
        await client.read("Patient/1")
        server.tokens.clear()
        assert await client.read("Patient/1", fresh=True) is not None
    assert server.asked["token"] == 2


@pytest.mark.parametrize(
    ("server", "more", "told"),
    [
        (FhirServer(public_key=EC_KEY.public_key()), {"client_id": "other"}, "invalid_client"),
        (FhirServer(public_key=RSA_KEY.public_key(), algorithm="RS384"), {}, "does not take ES384"),
        (FhirServer(public_key=EC_KEY.public_key()), {"scopes": "system/*.*"}, "invalid_scope"),
        (
            FhirServer(
                public_key=EC_KEY.public_key(),
                token_answer={"token_endpoint": "http://192.0.2.1/token"},
            ),
            {},
            "without https",
        ),
        (
            FhirServer(
                public_key=EC_KEY.public_key(),
                token_answer={"token_endpoint_auth_methods_supported": ["client_secret_post"]},
            ),
            {},
            "private_key_jwt",
        ),
    ],
)
async def test_without_a_token_it_says_why(
    server: FhirServer, more: dict[str, str], told: str, tmp_path: Path
) -> None:
    """And nothing of what was sent."""
    async with asking(server, tmp_path, **more) as client:  # type: ignore[arg-type]
        with pytest.raises(ServerAway, match=told):
            await client.read("Patient/1")


async def test_the_test_server_refuses_an_assertion_that_was_used(tmp_path: Path) -> None:
    """The check of the check: it can tell."""
    server = FhirServer(public_key=EC_KEY.public_key())
    async with asking(server, tmp_path) as client:
        assert client._tokens is not None
        url = f"{server.url}/token"
        assertion = client._tokens._assertion(url)
        form = {
            "grant_type": "client_credentials",
            "scope": "system/*.rs",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        statuses = [(await client._tokens._ask("POST", url, form))[0] for _ in range(2)]
    assert (statuses, server.refusals) == ([200, 401], ["jti"])


@pytest.mark.parametrize(
    "content",
    [
        b"no key",
        pem(rsa.generate_private_key(65537, 2048)),
        pem(ec.generate_private_key(ec.SECP256R1())),
    ],
)
def test_a_key_that_smart_does_not_know_is_refused(content: bytes, tmp_path: Path) -> None:
    """At the start, not at the first question."""
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(BadKey, match="client_key"):
        read_key(file)


async def test_what_was_read_is_believed_and_then_asked_about_by_its_etag() -> None:
    """An unchanged patient costs one short answer."""
    clock = StoppedClock()
    server = FhirServer()
    server.put({"resourceType": "Patient", "id": "1"}, AT)
    async with asking(server, clock=clock) as client:
        first = await client.read("Patient/1")
        assert await client.read("Patient/1") == first
        assert server.asked["Patient/1"] == 1
        clock.seconds += client_module.FRESH_S
        assert await client.read("Patient/1") == first
        assert (server.asked["Patient/1"], server.not_modified) == (2, 1)
        server.put({"resourceType": "Patient", "id": "1", "active": True}, AT)
        clock.seconds += client_module.FRESH_S
        assert await client.read("Patient/1") != first


async def test_a_busy_server_is_asked_again_and_not_for_ever() -> None:
    """Twice busy, then there; busy to the end."""
    server = FhirServer()
    server.put({"resourceType": "Patient", "id": "1"}, AT)
    async with asking(server) as client:
        server.fails.extend([503, 429])
        assert await client.read("Patient/1") is not None
        assert server.asked["Patient/1"] == 3
        server.fails.extend([503] * 9)
        with pytest.raises(ServerAway):
            await client.read("Patient/1", fresh=True)
        assert server.asked["Patient/1"] == 6


async def test_what_is_refused_is_not_asked_again() -> None:
    """A 403 is an answer; so is a 404: there is none."""
    server = FhirServer()
    async with asking(server) as client:
        assert await client.read("Patient/1") is None
        server.fails.append(403)
        with pytest.raises(ServerRefuses, match="403"):
            await client.read("Patient/1")
        assert server.asked["Patient/1"] == 2


async def test_an_answer_without_end_is_cut_off() -> None:
    """A resource larger than the limit is refused."""
    server = FhirServer()
    server.put({"resourceType": "Patient", "id": "1", "name": [{"text": "x" * 5_000}]}, AT)
    async with asking(server, bytes_max=1_000) as client:
        with pytest.raises(ServerRefuses, match="more than 1000 bytes"):
            await client.read("Patient/1")


async def test_nobody_there_is_away() -> None:
    """Nothing of the address is in the words: it may hold a patient's id."""
    async with aiohttp.ClientSession() as session:
        client = FhirClient(session, "http://127.0.0.1:9", WallClock(), bytes_max=1)
        with pytest.raises(ServerAway) as error:
            await client.read("Patient/4711")
    assert "4711" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://a.example/fhir/Patient?page=2", True),
        ("https://a.example/fhir?page=2", True),
        ("https://a.example:444/fhir/Patient", False),
        ("http://a.example/fhir/Patient", False),
        ("https://b.example/fhir/Patient", False),
        ("https://a.example/fhir2/Patient", False),
        ("https://a.example/fhir/../admin", False),
        ("https://x@a.example/fhir/Patient", False),
        ("https://a.example:bad/fhir", False),
    ],
)
async def test_only_the_servers_own_addresses_are_asked(url: str, own: bool) -> None:
    """A next link must not carry our token elsewhere."""
    async with aiohttp.ClientSession() as session:
        client = FhirClient(session, "https://a.example/fhir", WallClock(), bytes_max=1)
        assert client.is_own(url) is own
