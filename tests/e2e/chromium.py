"""A real browser for the tests: Debian's Chromium, driven by Playwright; one for the whole run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

REQUIRE = "CORDWATCH_REQUIRE_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser; without one the test is skipped, or fails where one is demanded."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get(REQUIRE):
            pytest.fail(f"{REQUIRE} is set, and no Chromium is on the path")
        pytest.skip("no Chromium on the path (Debian: apt-get install chromium)")
    # Root, as in a container, has no sandbox to put it in.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass(slots=True)
class Tab:
    """A page, and everything that it complained about or asked of others."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@contextmanager
def tab(browser: Browser, address: str, path: str = "/", **options: Any) -> Iterator[Tab]:
    """Open *path* of the board at *address* in a browser of its own."""
    context = browser.new_context(**options)
    found = Tab(context.new_page())
    found.page.set_default_timeout(20_000)
    host = urlsplit(address).netloc

    def asked(request: Any) -> None:
        if urlsplit(request.url).netloc != host:
            found.elsewhere.append(request.url)

    def said(message: Any) -> None:
        if message.type in {"error", "warning"}:
            found.complaints.append(message.text)

    found.page.on("request", asked)
    found.page.on("console", said)
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.goto(address + path)
    try:
        yield found
    finally:
        context.close()
