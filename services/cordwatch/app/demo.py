"""The demo: a day of invented messages, an embedded broker, one worker, pager and board, and the alerts as they come."""

from __future__ import annotations

import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from cordwatch.app.commands.alerts import alert_table, line_of
from cordwatch.app.commands.replay import publish_group
from cordwatch.app.demo_day import DAY, DAY_FILE
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import Translated, translate
from cordwatch.feeds.source import Source
from cordwatch.pathway.simulation import simulate
from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION, embedded_broker
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.topics import ALERTS, TOPICS

SPEED = 1500.0
"""Twenty-five minutes of the wards in every second."""
START_UP_S, START_UP_S_MAX = 8.0, 40.0
"""
Until the day begins: the worker watches by then, and the board is there.

On a machine that takes longer all is begun anew, with more time: what happens in the first
hours of the day would be over before anybody watches, and nobody told.
"""
PAGER_PLAN: Final = Path(__file__).parent / "data" / "demo-plan.yaml"
BOARD_PORT: Final = 8080
BOARD_S_MAX: Final = 30.0
LOOK_S: Final = 0.1
DAY_ENDS = DAY + timedelta(hours=27, minutes=7)
"""Between two levels, so that a second more or less changes nothing."""
TAIL_S = 4.0

Key = tuple[str, str, str]


@dataclass(slots=True)
class Seen:
    """The alerts that came, by id; and whether each clock was told to be due."""

    latest: dict[str, Alert] = field(default_factory=dict)

    def take(self, alert: Alert) -> bool:
        """Take in an alert; return whether it is a new one."""
        known = self.latest.get(alert.alert_id)
        if known is None or alert.revision >= known.revision:
            self.latest[alert.alert_id] = alert
        return known is None


def outcomes(alerts: Iterator[Alert] | list[Alert]) -> dict[Key, tuple[str, bool]]:
    """
    Return by kind, rule and cause how it ended, and whether `due` was raised.

    Levels before `due` may collapse on a clock that runs fast, so they are left
    out: what was told, about which fact, and how it ended, may not differ.
    """
    found: dict[Key, tuple[str, bool]] = {}
    for alert in alerts:
        key = (alert.kind, alert.rule, alert.cause)
        was_due = found.get(key, ("", False))[1]
        found[key] = (alert.status, was_due or alert.level in {"due", "overdue"})
    return found


def expected_outcomes() -> dict[Key, tuple[str, bool]]:
    """Return what the same day gives on a virtual clock."""
    source = Source()
    told = [one for item in read_file(DAY_FILE) for one in translate(item, source, None).told]
    return outcomes(simulate(told, load_pack("mescc-lymphoma"), DAY_ENDS))


class Demo:
    """Runs the day once: publisher, worker and reader side by side."""

    def __init__(self, address: str, console: Console, start_up_s: float) -> None:
        """Prepare everything for a day that begins in *start_up_s*; nothing runs yet."""
        self.console = console
        self.kafka = KafkaSettings(address, api_version=KAFKA_PYTHON_API_VERSION)
        self.anchor = WallClock().now() + timedelta(seconds=start_up_s)
        self.clock = WallClock(SPEED, DAY, self.anchor)
        self.metrics_port, self.board_port = _free_port(), _free_port(BOARD_PORT)
        self.seen = Seen()
        self.published = 0
        self._stop = threading.Event()
        self._alerts: queue.Queue[Alert] = queue.Queue()
        self._failed: list[BaseException] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def services(self) -> None:
        """Start watch, the board and the pager, their clocks running with ours."""
        self._run("watch", "--metrics-port", str(self.metrics_port))
        self._run("board", "--synthetic", "--port", str(self.board_port), "--metrics-port", "0")
        # It is the last that anybody waits for: there is nothing to tell before the day begins.
        self._run("pager", "run", "--plan", str(PAGER_PLAN), "--metrics-port", "0")

    def _run(self, *service: str) -> None:
        command = [sys.executable, "-m", "cordwatch.app.cli", "--kafka", self.kafka.address]
        command += ["--log-level", "warning", *service, "--embedded"]
        command += ["--clock-speed", str(SPEED), "--clock-start", DAY.isoformat()]
        command += ["--clock-anchor", self.anchor.isoformat()]
        made = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
        self._processes.append(made)

    def wait_for_board(self) -> None:
        """
        Wait until the board is there: it is what the demo opens with.

        Raises:
            RuntimeError: a service ended, or the board does not come.
        """
        for _ in range(int(BOARD_S_MAX / LOOK_S)):
            self._check()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.board_port), 1):
                return
            self._stop.wait(LOOK_S)
        raise RuntimeError(f"the board does not listen after {BOARD_S_MAX:g} s")

    def watches_in_time(self) -> bool:
        """
        Wait until patients are watched; return whether they were before the day began.

        Raises:
            RuntimeError: a service ended.
        """
        while self.clock.seconds_until(DAY) > 0:
            self._check()
            # Not ready is 503, which is an error to urllib; not there yet is one too.
            with suppress(OSError), urlopen(f"http://127.0.0.1:{self.metrics_port}/readyz"):
                return True
            self._stop.wait(LOOK_S)
        return False

    def _check(self) -> None:
        if self._failed or any(one.poll() is not None for one in self._processes):
            raise RuntimeError("watch, the board, the pager or the broker ended")

    def start(self) -> None:
        """Begin to publish and to read."""
        for work in (self._publish, self._read):
            threading.Thread(target=self._guard, args=(work,), daemon=True).start()

    def _guard(self, work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            self._failed.append(error)

    def _publish(self) -> None:
        source, publisher = Source(), Publisher(self.kafka)
        for item in read_file(DAY_FILE):
            found = translate(item, source, None)
            self._wait_until(found.sent_at or self.clock.now())
            if self._stop.is_set():
                break
            received: Translated = translate(item, source, self.clock.now())
            publish_group(publisher, [received], self.clock)
            self.published += 1
        publisher.close()

    def _wait_until(self, instant: datetime) -> None:
        left_s = self.clock.seconds_until(instant)
        if left_s > 0:
            self._stop.wait(left_s)

    def _read(self) -> None:
        for record in read_topic(self.kafka, ALERTS.name, follow=True):
            if self._stop.is_set():
                return
            if record is not None and record[1] is not None:
                self._alerts.put(Alert.model_validate_json(record[1]))

    def show(self, *, once: bool) -> None:
        """
        Show alerts as they come, until the day is over (*once*) or for ever.

        Raises:
            RuntimeError: a service or a part of the demo ended by itself.
        """
        live_screen = self.console.is_terminal
        with Live(console=self.console, auto_refresh=False) as live:
            while not once or self.clock.seconds_until(DAY_ENDS) > -TAIL_S:
                self._check()
                for alert in self._arrived():
                    if self.seen.take(alert) and not live_screen and alert.level != "overdue":
                        self.console.print(line_of(alert), highlight=False, soft_wrap=True)
                if live_screen:
                    live.update(self._table(), refresh=True)

    def _arrived(self) -> Iterator[Alert]:
        try:
            yield self._alerts.get(timeout=0.25)
            while True:
                yield self._alerts.get_nowait()
        except queue.Empty:
            return

    def _table(self) -> Table:
        telling = [
            alert
            for alert in self.seen.latest.values()
            if alert.level != "overdue" or alert.status == "open"
        ]
        return alert_table(telling, self.clock.now())

    def stop(self) -> None:
        """End publisher, reader and services."""
        self._stop.set()
        for one in self._processes:
            one.terminate()
        for one in self._processes:
            try:
                one.wait(timeout=30)
            except subprocess.TimeoutExpired:
                one.kill()


def _free_port(wanted: int = 0) -> int:
    """Return the port *wanted* where it is free, else any that is."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            if not wanted:
                raise
            return _free_port()
        port: int = probe.getsockname()[1]
        return port


def run_demo(*, once: bool) -> int:
    """
    Run the demo; return the exit code.

    With *once* it ends with the day, and 0 means that exactly the alerts came
    that the same messages give on a virtual clock.
    """
    console = Console()
    # However it is told to end, and whatever the shell that started it ignores: its services end with it.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.default_int_handler)
    with embedded_broker({topic.name: topic.partitions for topic in TOPICS}) as address:
        try:
            demo = _begun(address, console)
            try:
                console.print(_opening(demo), highlight=False)
                demo.start()
                demo.show(once=once)
            finally:
                demo.stop()
        except KeyboardInterrupt:
            console.print("ended")
            return 0
        except RuntimeError as error:
            click.echo(f"cordwatch: {error}", err=True)
            return 1
        return summary(console, demo)


def _begun(address: str, console: Console) -> Demo:
    """
    Return a demo whose patients are watched, and whose day is about to begin.

    Raises:
        RuntimeError: a service ended, or the board does not come.
    """
    demo, is_in_time = _tried(address, console, START_UP_S)
    if not is_in_time:
        demo.stop()
        console.print("This machine is busy: once more, with more time to begin.")
        demo, _ = _tried(address, console, START_UP_S_MAX)
    return demo


def _tried(address: str, console: Console, start_up_s: float) -> tuple[Demo, bool]:
    """Return a demo that has begun, and whether everything was there before its day."""
    demo = Demo(address, console, start_up_s)
    try:
        demo.services()
        demo.wait_for_board()
        return demo, demo.watches_in_time()
    except BaseException:
        demo.stop()
        raise


def _opening(demo: Demo) -> str:
    """Return what the demo begins with."""
    day_s = (DAY_ENDS - DAY).total_seconds() / SPEED
    return (
        f"Board:   http://127.0.0.1:{demo.board_port}/ (wall: /wall), live\n"
        "Data:    synthetic; decision support only, not certified\n"
        f"Clock:   {SPEED:g} times as fast as life, from {DAY:%Y-%m-%d %H:%M} UTC; a day of {day_s:.0f} s\n"
        "Pager:   tells who must know, as the board shows; nobody's phone rings\n"
        f"Broker:  embedded at {demo.kafka.address}, in memory, gone when this ends\n"
        f"Metrics: http://127.0.0.1:{demo.metrics_port}/metrics\n"
        "Ctrl-C ends it."
    )


def summary(console: Console, demo: Demo) -> int:
    """Compare what came with what had to come; print it; return the exit code."""
    until = DAY_ENDS
    came = outcomes([one for one in demo.seen.latest.values() if one.raised_at <= until])
    wanted = expected_outcomes()
    wrong = {key for key in came.keys() | wanted.keys() if came.get(key) != wanted.get(key)}
    rules = sorted({key[1] for key in wanted})
    console.print(
        f"{demo.published} messages, {len(demo.seen.latest)} alerts under "
        f"{len(came)} clocks, notices and advisories; rules: {', '.join(rules)}",
        highlight=False,
    )
    for kind, rule, cause in sorted(wrong):
        key = (kind, rule, cause)
        console.print(f"  {rule} {cause[:8]}: expected {wanted.get(key)}, came {came.get(key)}")
    console.print("all as expected" if not wrong else f"{len(wrong)} differ from what was expected")
    return 1 if wrong else 0
