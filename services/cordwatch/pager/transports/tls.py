"""Whose certificates are believed: made once for all destinations, since it takes long to read the system's."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

from cordwatch.runtime import tls_files


@cache
def trusting(ca_file: str | None) -> ssl.SSLContext:
    """
    Return the client's side of TLS: certificates in *ca_file* alone, or the system's, and host names.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    return tls_files.trusting(Path(ca_file) if ca_file else None)
