"""
The only socket that a service listens on: `/metrics`, and what may be asked of its health.

`/healthz`: does it make progress? `/readyz`: may somebody rely on it now?
`/livez`: would it do so by itself, or only if it were started anew? The last
two are for an orchestrator, which kills by the one and waits by the other: who
recovers, or waits for a broker, is live and not ready.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from cordwatch.runtime.certificates_in_use import Certificates, of_listener
from cordwatch.runtime.environment import DEVELOPMENT, Environment
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.process_metrics import Health, tell_of_process

PATIENCE_S: Final = 10.0
"""Who asks is given so long for the handshake, and for each part of the question."""

log = get_logger("cordwatch.runtime")


class MetricsServer:
    """Serves metrics and health of one process, on loopback unless told otherwise."""

    def __init__(
        self,
        registry: CollectorRegistry,
        health: Health,
        host: str,
        port: int,
        environment: Environment = DEVELOPMENT,
        *,
        live: Callable[[], bool] | None = None,
        ready: Callable[[], bool] | None = None,
        certificates: Iterable[Certificates] = (),
    ) -> None:
        """
        Bind to *host* and *port* (0: any free one, see `address`); health, accepted risks and *certificates* become series too.

        Without *live* or *ready*, health stands for it. By *environment* it is served
        over TLS, or it is told where it should be.

        Raises:
            BadTls, OSError: a certificate or its key cannot be used.
        """
        tls = environment.metrics.listening()
        is_open = environment.serves_openly(host)
        if is_open and "plaintext-metrics" not in environment.accepted:
            log.warning("metrics go beyond this machine in the clear", cure="metrics-tls-cert")
        mine = of_listener(environment.metrics, "metrics-tls")
        tell_of_process(
            registry, health, environment.stands, [*certificates, mine], is_open=is_open
        )
        handler = _answering(registry, health, {"/healthz": None, "/livez": live, "/readyz": ready})
        self._server = _Listener((host, port), handler)
        self._server.tls = tls
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )

    @property
    def address(self) -> str:
        """Return where it listens, `host:port`."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()


class _Listener(ThreadingHTTPServer):
    """Answers each who connects in a thread of its own, where the handshake is made too: it holds up nobody else."""

    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one connection."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(PATIENCE_S)
        with self.tls.wrap_socket(request, server_side=True) as secret:
            super().finish_request(secret, client_address)
            with contextlib.suppress(OSError):
                # Told that it is the end, or whoever asks cannot know that nothing was cut off.
                secret.shutdown(socket.SHUT_WR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base's
        """Tell what went wrong: the base prints it, with every text. A handshake that failed has told itself."""
        error = sys.exception()
        if not isinstance(error, ssl.SSLError | ConnectionError | TimeoutError):
            log.error("metrics could not be answered", exc_info=error)


def _answering(
    registry: CollectorRegistry, health: Health, asked: Mapping[str, Callable[[], bool] | None]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers metrics and health, and nothing else."""

        timeout = PATIENCE_S

        def do_GET(self) -> None:
            """Answer with metrics or health."""
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif self.path in asked:
                is_well, state = health()
                answer = asked[self.path]
                body = json.dumps(state, default=str).encode()
                fine = is_well if answer is None else answer()
                self._answer(200 if fine else 503, "application/json", body)
            else:
                self._answer(404, "text/plain", b"/metrics, /healthz, /livez or /readyz\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            # Who asked may have gone: a process that was frozen answers whoever no longer waits.
            with contextlib.suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Say nothing: a scrape is not news."""

    return Handler
