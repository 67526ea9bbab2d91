"""Live pages without a browser, many in one process: `python -m bench.board_readers ADDRESS COUNT FILE`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import defaultdict
from pathlib import Path

import aiohttp

from bench.board import WARDS, signed_in_as

_ANSWER = re.compile(rb"reader\d{6}")
_CUT = 11
"""So many bytes of an answer's mark may be the end of a piece whose rest is still to come."""
AGAIN_S = 1.0
"""As a browser is told to wait before it asks anew."""

Heard = dict[str, list[float]]


async def _read(
    address: str, number: int, everywhere: int, live: asyncio.Event, heard: Heard
) -> None:
    """Keep one page live until the board is gone; note when each answer came for the first time."""
    path = "/live" if number < everywhere else f"/live?ward=WARD{number % WARDS:02}"
    known = set[bytes]()
    connector = aiohttp.TCPConnector(limit=0)
    headers = dict(signed_in_as(f"page-{number}"))
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        address, connector=connector, headers=headers, timeout=timeout
    ) as session:
        while True:
            try:
                async with session.get(path) as answer:
                    answer.raise_for_status()
                    rest = b""
                    async for piece in answer.content.iter_any():
                        now, text = time.monotonic(), rest + piece
                        live.set()
                        for mark in set(_ANSWER.findall(text)) - known:
                            known.add(mark)
                            heard[mark.decode()].append(now)
                        rest = text[-_CUT:]
            except aiohttp.ClientConnectorError:
                return
            except aiohttp.ClientError:
                # Cut short: the board ended, which the next try finds, or it did not.
                pass
            await asyncio.sleep(AGAIN_S)


async def _main(address: str, count: int) -> Heard:
    heard: Heard = defaultdict(list)
    live = [asyncio.Event() for _ in range(count)]
    pages = [
        asyncio.create_task(_read(address, number, count // 2, one, heard))
        for number, one in enumerate(live)
    ]
    for one in live:
        await one.wait()
    print("all are live", flush=True)
    await asyncio.gather(*pages)
    return heard


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(json.dumps(asyncio.run(_main(sys.argv[1], int(sys.argv[2])))))
