"""An aiohttp application on one address: begun, asked where, ended without dropping what was taken."""

from __future__ import annotations

import ssl

from aiohttp import web

SHUTDOWN_S = 60.0
IDLE_S = 75.0
"""Who connects and asks for nothing is let go; proxies keep their connections for a minute."""


class WebListener:
    """Serves one application on one address."""

    def __init__(self) -> None:
        """Listen nowhere yet."""
        self._runner: web.AppRunner | None = None

    async def start(
        self,
        app: web.Application,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        shutdown_s: float = SHUTDOWN_S,
    ) -> None:
        """
        Begin to listen; port 0 takes a free one.

        Raises:
            OSError: the address is taken.
        """
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=shutdown_s,
            keepalive_timeout=IDLE_S,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()

    @property
    def is_listening(self) -> bool:
        """Return whether peers can connect."""
        return self._runner is not None and bool(self._runner.addresses)

    @property
    def address(self) -> tuple[str, int]:
        """Return where it listens."""
        assert self._runner is not None  # noqa: S101 - started
        host, port = self._runner.addresses[0][:2]
        return host, port

    async def stop(self) -> None:
        """Take no more; answer what was taken."""
        if self._runner is not None:
            await self._runner.cleanup()
