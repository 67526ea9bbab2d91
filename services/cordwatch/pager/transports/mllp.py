"""One HL7 message to a receiver and its acknowledgement back: MLLP framing, and a connection for each."""

from __future__ import annotations

import asyncio
import ssl

from cordwatch.pager.transports.tls import trusting
from cordwatch.pager.transports.transport import Outcome

START, END = b"\x0b", b"\x1c\r"
CONNECT_S, WHOLE_S = 3.0, 10.0
ANSWER_BYTES_MAX = 64 * 1024


class MllpSender:
    """Sends to one receiver."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: bool = False,
        ca_file: str | None = None,
        connect_s: float = CONNECT_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        """
        Prepare; certificates are verified against *ca_file* alone, or the system's.

        Raises:
            OSError: the CA file cannot be read, or holds no certificate.
        """
        self._host, self._port = host, port
        self._tls = trusting(ca_file) if tls else None
        self._connect_s, self._whole_s = connect_s, whole_s

    async def exchange(self, message: bytes) -> bytes | Outcome:
        """Return the answer without its frame, or what it means that none came; nothing to send: a look."""
        connected = await self._connect()
        if isinstance(connected, Outcome):
            return connected
        reader, writer = connected
        if not message:
            writer.close()
            return b""
        try:
            async with asyncio.timeout(self._whole_s - self._connect_s):
                writer.write(START + message + END)
                await writer.drain()
                return _unframed(await reader.readuntil(END))
        except TimeoutError:
            return Outcome("unknown", "timeout")
        except (asyncio.IncompleteReadError, OSError):
            return Outcome("unknown", "reset")
        except asyncio.LimitOverrunError:
            return Outcome("unknown", "bad-answer")
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | Outcome:
        try:
            async with asyncio.timeout(self._connect_s):
                return await asyncio.open_connection(
                    self._host, self._port, ssl=self._tls, limit=ANSWER_BYTES_MAX
                )
        except ssl.SSLCertVerificationError:
            return Outcome("refused", "untrusted")
        except OSError:
            # No connection in time is one of them.
            return Outcome("later", "no-connection")


def _unframed(data: bytes) -> bytes:
    return data.removesuffix(END).rpartition(START)[2]
