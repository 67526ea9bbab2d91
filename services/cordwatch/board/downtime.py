"""The downtime copy: a file that opens without the server, written anew every minute."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from cordwatch.board.metrics import BoardMetrics
from cordwatch.runtime.logging import get_logger

log = get_logger("cordwatch.board")


async def keep_copy(path: Path, text: str, made_at: datetime, metrics: BoardMetrics) -> None:
    """
    Write the copy, whole or not at all.

    A full disk must not take the board away as well: the copy before stays, and its age can be watched.
    """
    try:
        await asyncio.to_thread(_replace, path, text)
    except OSError as error:
        log.warning("the downtime copy cannot be written", reason=error.strerror)
        return
    metrics.copied_at.set(made_at.timestamp())


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
