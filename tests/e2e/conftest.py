"""What the tests of a board in a real browser share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from playwright.sync_api import Browser

from cordwatch.runtime.wall_clock import WallClock
from tests.e2e.chromium import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the browser."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def began() -> datetime:
    """Give the instant as of which the ward is told."""
    return WallClock().now()
