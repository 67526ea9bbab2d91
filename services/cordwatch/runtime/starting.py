"""
SIGTERM while a process starts: it ends at once, since it has taken nothing in hand yet.

A service that waits for a broker hears nothing else: its event loop, which
hears signals later, does not run, and a client may wait where Python runs no
handler. And the first process of a container, which is what a service is
there, is not ended by the kernel either: it would wait on, and be killed when
the patience of its supervisor is over.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import Any, Final

EXIT_TOLD: Final = 128 + signal.SIGTERM
"""As a shell has it for whoever is ended by this signal."""

_exit_code = [EXIT_TOLD]


def leave_when_told() -> None:
    """
    Until an event loop takes over, end this process when it is told to (SIGTERM): with 143, whatever it waits for.

    The byte that the kernel's call leaves in a socket is seen by a thread; asyncio
    puts a socket of its own in that place as soon as it hears signals itself.
    """
    heard, told = socket.socketpair()
    told.settimeout(0)
    signal.signal(signal.SIGTERM, _noticed)
    signal.set_wakeup_fd(told.detach())
    threading.Thread(target=_leave, args=(heard,), name="told-to-leave", daemon=True).start()


def leaving_is_fine() -> None:
    """Let it end with 0 then: a service that is told to stop has done what it should, also before it begins."""
    _exit_code[0] = 0


def _noticed(*_: Any) -> None:
    """Do nothing: the thread does, without waiting for Python's turn."""


def _leave(heard: socket.socket) -> None:
    while number := heard.recv(1):
        # Whoever has put something else in this place wants to hear it alone; Ctrl-C is Python's.
        if number[0] == signal.SIGTERM and signal.getsignal(signal.SIGTERM) is _noticed:
            sys.stdout.flush()
            os._exit(_exit_code[0])
