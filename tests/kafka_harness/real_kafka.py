"""
A real Kafka broker of our own: one node, KRaft, loopback, no Docker.

Used by the tests and by `make bench` (`from tests.kafka_harness.real_kafka
import RealKafka`). It keeps its port and its data over `stop`, `kill` and
`restart`, because a broker that comes back is what some tests are about.
It is ended by its own process id; its log stays in its folder.

    with RealKafka(tmp_path) as broker:
        ... broker.bootstrap ...
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.kafka_harness.libraries import NoKafka, kafka_libraries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

READY_S_MAX: Final = 60
STOP_S_MAX: Final = 30
POLL_S: Final = 0.1
SMALL: Final = ("-Xmx768m", "-XX:+UseSerialGC")
"""Of the Java machine, for brokers of tests: there soonest, and several beside each other."""
AS_SHIPPED: Final = (
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)
"""As Kafka's own start script has it, where nobody says otherwise: a pause is as short as it is in production."""

_SETTINGS: Final = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.retention.check.interval.ms=300000
"""

_LOGGING: Final = """<Configuration status="WARN"><Appenders><Console name="out">
<PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
<Loggers><Logger name="org.apache.kafka.common.config" level="WARN"/>
<Logger name="kafka.server.KafkaConfig" level="WARN"/><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


class RealKafka:
    """
    One broker in *folder*.

    Topics are not created on first use: a test creates what it needs, as a
    hospital does. A folder that was used before keeps its data.
    """

    def __init__(
        self,
        folder: Path,
        more: str = "",
        format_with: Sequence[str] = (),
        jvm: Sequence[str] = SMALL,
    ) -> None:
        """Prepare it; *more* settings count more than those of every broker, *format_with* is said once, to its storage."""
        self._folder = folder
        self._jvm = jvm
        self._format_with = format_with
        self._data = folder / "data"
        self._settings = folder / "server.properties"
        self.log = folder / "kafka.log"
        self._port, controller = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(
            (_SETTINGS + more).format(port=self._port, controller=controller, data=self._data)
        )
        (folder / "log4j2.xml").write_text(_LOGGING)

    @property
    def bootstrap(self) -> str:
        """Return the address that clients are given; the same for the broker's whole life."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Return the process id of the running broker (to stop and resume it by signal)."""
        return self._running().pid

    def start(self) -> Self:
        """
        Start the broker and wait until it answers (about 4 s).

        Raises:
            NoKafka: it cannot be had here, ended at once or did not answer in
                time; the end of its log is in the text.
        """
        if not self._data.exists():
            self._format()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._settings)),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_ready()
        return self

    def stop(self) -> None:
        """End the broker the orderly way, as for an upgrade."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker as a power cut would, its page cache apart."""
        self._end(signal.SIGKILL)

    def restart(self, *, killed: bool = False) -> None:
        """End the broker, by `kill` if *killed*, and start it on the same port and data."""
        if killed:
            self.kill()
        else:
            self.stop()
        self.start()

    def log_tail(self, lines: int = 40) -> str:
        """Return the end of the broker's log."""
        if not self.log.exists():
            return "the broker wrote no log"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise NoKafka("the broker is not running")
        return self._process

    def _java(self, *command: str) -> list[str]:
        options = [*self._jvm, "-Xshare:auto"]
        options.append(f"-Dlog4j2.configurationFile={self._folder / 'log4j2.xml'}")
        return ["java", *options, "-cp", f"{kafka_libraries()}/*", *command]

    def _format(self) -> None:
        # A first letter of "-" would be taken for an option: one run in 64 would not start.
        cluster = "A" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        arguments = ["format", "--cluster-id", cluster, "--config", str(self._settings)]
        arguments += self._format_with
        with self.log.open("ab") as log:
            done = subprocess.run(
                self._java("kafka.tools.StorageTool", *arguments),
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=READY_S_MAX,
                check=False,
            )
        if done.returncode != 0:
            raise NoKafka(f"Kafka's storage could not be formatted:\n{self.log_tail()}")

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + READY_S_MAX
        while time.monotonic() < give_up_at:
            if self._running().poll() is not None:
                self._process = None
                raise NoKafka(f"Kafka ended while starting:\n{self.log_tail()}")
            if answers(self.bootstrap):
                return
            time.sleep(POLL_S)
        self.kill()
        raise NoKafka(f"Kafka did not answer within {READY_S_MAX} s:\n{self.log_tail()}")

    def _end(self, how: signal.Signals) -> None:
        process = self._running()
        os.kill(process.pid, how)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(STOP_S_MAX)
        self._process = None


def answers(address: str) -> bool:
    """Return whether a broker at *address* tells of itself."""
    host, _, port = address.partition(":")
    # The socket first: librdkafka complains on stderr about a port that is not open yet.
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    try:
        found = AdminClient({"bootstrap.servers": address}).list_topics(timeout=5)
    except KafkaException:
        return False
    return bool(found.brokers)


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
