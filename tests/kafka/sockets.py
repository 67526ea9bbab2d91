"""Which sockets a process listens on, as the kernel tells it."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

LISTENING = "0A"


def listening(pid: int) -> set[tuple[str, int]]:
    """Return address and port of every TCP socket on which process *pid* listens."""
    held = {link for fd in Path(f"/proc/{pid}/fd").iterdir() if (link := _link(fd))}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *more = line.split()
            if state == LISTENING and f"socket:[{more[5]}]" in held:
                found.add(_address(local))
    return found


def _link(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        # Closed since the folder was read.
        return ""


def _address(text: str) -> tuple[str, int]:
    host, port = text.split(":")
    words = [host[begin : begin + 8] for begin in range(0, len(host), 8)]
    packed = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)
