"""Something between a browser and its board that can forget connections without ending them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Hands on what comes, both ways, until it is told to hold it."""

    def __init__(self, port: int) -> None:
        """Lead to *port* on loopback."""
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._held = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def hold(self) -> None:
        """Hand on nothing more over the connections that there are; new ones are as good as before."""
        self._held.set()
        self._held = threading.Event()

    def close(self) -> None:
        """End everything."""
        for one in (self._server, *self._open):
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                for way in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(*way, self._held), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket, held: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            if held.is_set():
                return
            target.sendall(data)
        if not held.is_set():
            target.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(port: int) -> Iterator[Relay]:
    """Run a relay to *port*."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
