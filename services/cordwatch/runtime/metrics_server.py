"""The only socket that a service listens on: `/metrics`, and `/healthz` that reports progress."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

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
    ) -> None:
        """Bind to *host* and *port* (0: any free one, see `address`); health and *accepted* risks become series too."""
        tell_of_process(registry, health, accepted)

        class Handler(BaseHTTPRequestHandler):
            """Answers two paths."""

            def do_GET(self) -> None:
                """Answer with metrics or health."""
                if self.path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                elif self.path == "/healthz":
                    is_well, state = health()
                    body = json.dumps(state, default=str).encode()
                    self._answer(200 if is_well else 503, "application/json", body)
                else:
                    self._answer(404, "text/plain", b"/metrics or /healthz\n")

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

        self._server = ThreadingHTTPServer((host, port), Handler)
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
