"""The demo, as whoever has just got the project sees it: the board first, live, with pages on it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.timeout(180)

PATIENCE_S = 60.0
SYNTHETIC = "Synthetic data: invented patients"

FoundT = TypeVar("FoundT")


class RunningDemo:
    """A demo in a process of its own, and its board."""

    def __init__(self, log: Path) -> None:
        """Start it; what it says goes to *log*."""
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cordwatch.app.cli", "demo"], stdout=out, stderr=out
            )
        self.address = self.until(lambda: re.search(r"http://[\d.]+:\d+", self.said()))[0]

    def said(self) -> str:
        """Return what it has said so far."""
        return self._log.read_text(errors="replace")

    def until(self, look: Callable[[], FoundT | None]) -> FoundT:
        """Return what *look* finds, once it finds something."""
        pause = threading.Event()
        for _ in range(int(PATIENCE_S / 0.2)):
            if found := look():
                return found
            assert self.process.poll() is None, self.said()
            pause.wait(0.2)
        raise AssertionError(self.said())

    def page(self, path: str) -> str:
        """Return a page of its board, whatever its status."""
        try:
            with urlopen(f"{self.address}{path}", timeout=10) as answer:  # noqa: S310 - our own
                return str(answer.read().decode())
        except HTTPError as error:
            return error.read().decode()

    def paged(self) -> dict[str, Any] | None:
        """Return a clock of which the pager has told somebody."""
        clocks = json.loads(self.page("/api/clocks")).get("clocks", ())
        told = (one for one in clocks if one["told"])
        return next((one for one in told if one["told"][0]["outcome"] != "on its way"), None)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    """Give a running demo."""
    found = RunningDemo(tmp_path / "demo.log")
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.terminate()
            found.process.wait(60)


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_opens_with_the_board_and_pages_stand_on_it(
    demo: RunningDemo, ended_by: signal.Signals
) -> None:
    """The first line says where the board is, and it is there; soon somebody is told; every page says what it is."""
    assert demo.said().startswith("Board:   http://127.0.0.1:")
    clock = demo.until(demo.paged)
    assert clock["told"][0]["outcome"] == "told"
    paths = ("/", "/wall", "/print", "/downtime.html", f"/clock/{clock['clock']}", "/nowhere")
    assert [path for path in paths if SYNTHETIC not in demo.page(path)] == []
    assert "physician" in demo.page(f"/clock/{clock['clock']}")
    demo.process.send_signal(ended_by)
    assert demo.process.wait(30) == 0
    with pytest.raises(URLError):
        demo.page("/")
