"""Keys at an address of the provider: changed, away, endless, or somebody else's."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec

from cordwatch.board import keys as keys_module
from cordwatch.board.access import NotSignedIn
from cordwatch.board.entrance import Entrance
from cordwatch.board.keys import AGAIN_S, KEEP_S, KEYS_BYTES_MAX, KeysByAddress, KeySet, NoKeys
from cordwatch.board.settings import BadAccess, BoardSettings
from cordwatch.board.signing import Asking, ByToken, who_asks
from cordwatch.runtime.wall_clock import WallClock
from tests.unit.board.tokens import Signer, good_for, key_set, new_key

FIRST, SECOND = Signer("k1"), Signer("k2")
CLAIMS = {"iss": "https://id.example", "aud": "cordwatch", "sub": "n.jansen"}


class Ticking(WallClock):
    """A clock whose seconds pass when it is told to."""

    def __init__(self) -> None:
        """Begin somewhere."""
        super().__init__()
        self.passed_s = 1_000.0

    def monotonic(self) -> float:
        """Return what has passed."""
        return self.passed_s


class Provider:
    """Publishes keys at an address, or whatever it is made to."""

    def __init__(self) -> None:
        """Publish the first key."""
        self.body, self.status, self.asked = key_set(FIRST.published()), 200, 0
        self.headers: dict[str, str] = {}
        self.before: Callable[[], Awaitable[None]] | None = None

    async def answer(self, _: web.Request) -> web.Response:
        """Answer as set."""
        self.asked += 1
        if self.before is not None:
            await self.before()
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@asynccontextmanager
async def a_provider() -> AsyncIterator[tuple[Provider, KeysByAddress, ByToken, Ticking]]:
    """Give a provider on loopback, its keys as the board has them, and sign-in by them."""
    provider, clock, app = Provider(), Ticking(), web.Application()
    app.router.add_get("/keys", provider.answer)
    async with TestServer(app) as server:
        keys = KeysByAddress(str(server.make_url("/keys")), clock)
        yield provider, keys, ByToken("https://id.example", "cordwatch", keys), clock


async def is_known(sign_in: ByToken, signer: Signer) -> bool:
    """Return whether somebody with a token by *signer* gets in."""
    asking = Asking({"Authorization": signer.sign(good_for(CLAIMS))})
    try:
        return (await who_asks(sign_in, asking)).user == "n.jansen"
    except NotSignedIn:
        return False


async def test_keys_are_fetched_when_the_first_token_comes() -> None:
    """And not again for the next one."""
    async with a_provider() as (provider, _, sign_in, _clock):
        assert await is_known(sign_in, FIRST)
        assert await is_known(sign_in, FIRST)
        assert provider.asked == 1


async def test_a_new_key_of_the_provider_is_found() -> None:
    """A key that is not known is looked for at once; the one that is gone is no longer believed."""
    async with a_provider() as (provider, _, sign_in, clock):
        assert await is_known(sign_in, FIRST)
        provider.body = key_set(SECOND.published())
        clock.passed_s += AGAIN_S
        assert await is_known(sign_in, SECOND)
        assert not await is_known(sign_in, FIRST)


async def test_strangers_do_not_make_us_ask_all_the_time() -> None:
    """Whatever keys they claim, there is a pause between two questions; many at once ask once."""
    async with a_provider() as (provider, _, sign_in, clock):
        assert await is_known(sign_in, FIRST)
        strangers = [Signer(f"x{number}", FIRST.key) for number in range(20)]
        assert not any(await asyncio.gather(*(is_known(sign_in, one) for one in strangers)))
        assert provider.asked == 1
        clock.passed_s += AGAIN_S
        assert not any(await asyncio.gather(*(is_known(sign_in, one) for one in strangers)))
        assert provider.asked == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"down"),
        (302, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": 7}'),
        (200, b"[" * 100_000),
        (200, key_set(SECOND.published()) + b" " * KEYS_BYTES_MAX),
    ],
)
async def test_a_provider_in_trouble_signs_nobody_out(status: int, body: bytes) -> None:
    """What it said last goes on, and how old that is can be seen; a redirect is not followed."""
    async with a_provider() as (provider, keys, sign_in, clock):
        assert await is_known(sign_in, FIRST)
        provider.status, provider.body = status, body
        provider.headers = {"Location": "/keys"} if status == 302 else {}
        clock.passed_s += AGAIN_S
        assert not await is_known(sign_in, SECOND)
        assert provider.asked == 2
        assert await is_known(sign_in, FIRST)
        assert keys.age_s == AGAIN_S


async def test_what_is_packed_small_is_not_unpacked() -> None:
    """An answer that would unpack without end is not key set, and is refused as it is."""
    async with a_provider() as (provider, _, sign_in, _clock):
        provider.body, provider.headers = (
            gzip.compress(b" " * 50_000_000),
            {"Content-Encoding": "gzip"},
        )
        assert not await is_known(sign_in, FIRST)


async def test_a_provider_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a few seconds the keys of before are good enough."""
    monkeypatch.setattr(keys_module, "FETCH_S", 0.05)
    async with a_provider() as (provider, _, sign_in, clock):
        assert await is_known(sign_in, FIRST)
        never = asyncio.Event()

        async def wait() -> None:
            await never.wait()

        provider.before = wait
        clock.passed_s += AGAIN_S
        assert not await is_known(sign_in, SECOND)
        assert await is_known(sign_in, FIRST)
        never.set()


async def test_old_keys_are_not_good_for_ever() -> None:
    """A provider that was away for too long could have taken one back: then nobody is known."""
    async with a_provider() as (provider, keys, sign_in, clock):
        assert await is_known(sign_in, FIRST)
        provider.status = 503
        clock.passed_s += KEEP_S
        assert await is_known(sign_in, FIRST)
        clock.passed_s += 1
        assert not await is_known(sign_in, FIRST)
        provider.status = 200
        follow = asyncio.ensure_future(keys.follow())
        while keys.age_s:  # noqa: ASYNC110 - for an answer that is on its way
            await asyncio.sleep(0.01)
        follow.cancel()
        assert await is_known(sign_in, FIRST)


async def test_a_provider_that_is_away_from_the_start_lets_nobody_in() -> None:
    """How old the keys are says so at once; when the provider is there they are fetched."""
    async with a_provider() as (provider, keys, sign_in, clock):
        provider.status = 503
        assert not await is_known(sign_in, FIRST)
        assert keys.age_s == inf
        provider.status = 200
        clock.passed_s += AGAIN_S
        assert await is_known(sign_in, FIRST)
        assert keys.age_s == 0


# --- a key


def curve(**more: Any) -> dict[str, Any]:
    """Return a public key on a curve, as a key set has it."""
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    return {**jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True), "kid": "e", **more}


@pytest.mark.parametrize(
    ("published", "algorithm"),
    [
        (FIRST.published(), "HS256"),
        (FIRST.published(), "none"),
        (FIRST.published(), "ES384"),
        (FIRST.published(alg="RS256"), "RS384"),
        (Signer("k1", new_key(1024)).published(), "RS256"),
        (curve(kid="k1"), "RS256"),
    ],
)
def test_a_key_is_good_for_its_own_algorithm_alone(published: Any, algorithm: str) -> None:
    """Neither another than it says, nor one of another kind, nor one that shares a secret, nor too short."""
    with pytest.raises(jwt.PyJWTError):
        KeySet.read(key_set(published)).find("k1", algorithm)


def test_a_key_that_names_no_algorithm_fits_all_of_its_kind() -> None:
    """Most providers name none."""
    found = KeySet.read(key_set(FIRST.published(), curve()))
    assert [found.find("k1", one) is None for one in ("RS256", "RS384", "PS512")] == [False] * 3
    assert found.find("e", "ES384") is not None
    assert found.find("another", "ES384") is None


def test_a_key_without_an_id_or_for_hiding_is_none() -> None:
    """Only keys for signatures are looked at."""
    without = {name: value for name, value in FIRST.published().items() if name != "kid"}
    with pytest.raises(NoKeys):
        KeySet.read(key_set(without, SECOND.published(use="enc")))


# --- what the settings allow


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"jwt_keys_url": "http://id.example/keys"}, "https"),
        ({"jwt_keys_url": "ftp://127.0.0.1/keys"}, "https"),
        ({}, "takes one"),
        ({"jwt_keys_url": "https://id.example/keys", "jwt_keys_file": Path("x")}, "takes one"),
    ],
)
def test_keys_come_from_one_place_that_nobody_else_can_answer_for(
    more: dict[str, Any], named: str
) -> None:
    """A file or an https address; in the clear on this machine alone."""
    settings = {"access": "jwt", "jwt_issuer": "i", "jwt_audience": "a", **more}
    with pytest.raises(BadAccess, match=named):
        Entrance.of(BoardSettings(**settings))


def test_keys_by_address_are_followed() -> None:
    """Those of staff and those of the record system, each on its own."""
    told: dict[str, Any] = {
        "access": "jwt",
        "jwt_issuer": "i",
        "jwt_audience": "a",
        "jwt_keys_url": "https://id.example/keys",
        "url": "https://board.example/",
        "patient_system": "urn:oid:1.2.3",
        "cds_issuers": ("https://ehr.example",),
        "cds_keys_url": "http://127.0.0.1:1/keys",
    }
    found = Entrance.of(BoardSettings(**told))
    assert {of: one.url for of, one in found.fetched.items()} == {
        "staff": "https://id.example/keys",
        "ehr": "http://127.0.0.1:1/keys",
    }
    assert found.cds is not None
    assert found.cds.page_of("c") == "https://board.example/clock/c"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"patient_system": "s"}, "--url"),
        ({"patient_system": "s", "url": "http://board.example"}, "--url"),
        ({"patient_system": "s", "url": "https://board.example/here"}, "--url"),
        ({"cds_issuers": ("i",)}, "--patient-system"),
        ({"cds_ids_are_numbers": True}, "--patient-system"),
        ({"patient_system": "s", "url": "https://b.example", "cds_issuers": ("i",)}, "takes one"),
        (
            {
                "patient_system": "s",
                "url": "https://b.example",
                "cds_keys_url": "https://e.example",
            },
            "--cds-issuers",
        ),
    ],
)
def test_cds_hooks_that_are_half_set_up_do_not_start(more: dict[str, Any], named: str) -> None:
    """A card that leads nowhere, or that anybody could ask for, is none."""
    with pytest.raises(BadAccess, match=named):
        Entrance.of(BoardSettings(**more))


def test_with_tokens_for_people_the_record_system_needs_its_own() -> None:
    """A person's token says nothing of which record system asks."""
    told: dict[str, Any] = {
        "access": "jwt",
        "jwt_issuer": "i",
        "jwt_audience": "a",
        "jwt_keys_url": "https://id.example/keys",
        "url": "https://board.example",
        "patient_system": "s",
    }
    with pytest.raises(BadAccess, match="--cds-issuers"):
        Entrance.of(BoardSettings(**told))


def test_on_loopback_anybody_may_be_the_record_system() -> None:
    """To try it, without setting anything up but the address."""
    found = Entrance.of(BoardSettings(url="http://127.0.0.1:8080", patient_system="s"))
    assert found.cds is not None
    assert found.cds.sign_in.reader(Asking({})).may("ask-cards")
    assert not found.sign_in.reader(Asking({})).may("ask-cards")
