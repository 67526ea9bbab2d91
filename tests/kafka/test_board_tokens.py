"""Tokens of the record system on a real Kafka: several boards behind a balancer, and one that is killed and back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import KafkaSettings
from tests.e2e.board_site import BoardSite, a_ward_now, on_topics
from tests.e2e.test_board_access import NUMBERS, URL, VIEW, ask, of_ehr
from tests.unit.board.tokens import Signer, key_set

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


async def test_a_token_is_good_once_at_all_boards_and_after_a_crash(
    kafka: str, tmp_path: Path
) -> None:
    """The other board refuses it; of two calls at once one is answered; a board that was killed still knows it."""
    topics_admin.apply(KafkaSettings(kafka), 1)
    ehr = Signer("e1")
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(ehr.published()))
    options = ["--url", URL, "--patient-system", NUMBERS]
    options += ["--cds-issuers", "https://ehr.example", "--cds-keys-file", str(keys)]
    one, other = (a_board(kafka, tmp_path / name, *options) for name in ("one", "other"))
    try:
        one.publish(on_topics(a_ward_now(one.now()), one.now()))
        for site in (one, other):
            await asyncio.to_thread(site.start)
        token = of_ehr(ehr)
        assert [await status(site, token) for site in (one, other)] == [400, 401]
        for _ in range(5):
            at_once = of_ehr(ehr)
            assert sorted(await asyncio.gather(status(one, at_once), status(other, at_once))) == [
                400,
                401,
            ]
        one.kill()
        await asyncio.to_thread(one.start)
        assert [await status(one, spent) for spent in (token, at_once)] == [401, 401]
        assert await status(one, of_ehr(ehr)) == 400
    finally:
        for site in (one, other):
            site.kill()


def a_board(kafka: str, folder: Path, *options: str) -> BoardSite:
    """Return a board of a name of its own, which takes cards' tokens."""
    folder.mkdir()
    return BoardSite(kafka, folder, "--name", folder.name, *options)


async def status(site: BoardSite, token: str) -> int:
    """Call a hook with nothing in it; 400: the token was good, 401: it was not."""
    found, _ = await asyncio.to_thread(ask, site, VIEW, token, {})
    return found
