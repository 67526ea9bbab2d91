"""One attempt, whatever the transport: bounded in time, and it never raises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from cordwatch.pager.transports.secrets import NoSecret
from cordwatch.pager.transports.transport import ATTEMPT_S_MAX, Outcome
from cordwatch.runtime.logging import describe, get_logger

log = get_logger("cordwatch.pager")


async def bounded(attempt: Awaitable[Outcome], destination: str) -> Outcome:
    """
    Return what became of *attempt*.

    A fault of our own refuses the page, so that the next destination is told at
    once; it is logged by its type and place, since its text may hold anything.
    """
    try:
        async with asyncio.timeout(ATTEMPT_S_MAX):
            return await attempt
    except NoSecret as missing:
        log.error("a page was not sent: its secret is missing", reason=str(missing))  # noqa: TRY400
        return Outcome("later", "no-secret")
    except TimeoutError:
        return Outcome("unknown", "timeout")
    except Exception as error:  # noqa: BLE001 - whatever it is, the other destinations must be told
        log.error(  # noqa: TRY400 - a traceback's text may hold anything
            "a page was not sent: our own fault", destination=destination, error=describe(error)
        )
        return Outcome("refused", "internal")
