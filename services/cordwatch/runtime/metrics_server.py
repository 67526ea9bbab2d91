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
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from cordwatch.runtime.certificates_in_use import Certificates
from cordwatch.runtime.process_metrics import Health, tell_of_process


class MetricsServer:
    """Serves metrics and health of one process, on loopback unless told otherwise."""

    def __init__(
        self,
        registry: CollectorRegistry,
        health: Health,
        host: str,
        port: int,
        accepted: Collection[str] = (),
        *,
        live: Callable[[], bool] | None = None,
        ready: Callable[[], bool] | None = None,
        certificates: Iterable[Certificates] = (),
    ) -> None:
        """
        Bind to *host* and *port* (0: any free one, see `address`); health, *accepted* risks and *certificates* become series too.

        Without *live* or *ready*, health stands for it.
        """
        tell_of_process(registry, health, accepted, certificates)
        handler = _answering(registry, health, {"/healthz": None, "/livez": live, "/readyz": ready})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
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


def _answering(
    registry: CollectorRegistry, health: Health, asked: Mapping[str, Callable[[], bool] | None]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers metrics and health, and nothing else."""

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
