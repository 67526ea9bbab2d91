"""How `/metrics` and health are served and read in secret: the same for every process of an installation."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cordwatch.runtime.peers import BadTls, tls_context
from cordwatch.runtime.tls_files import RenewedContext, trust


@dataclass(frozen=True, slots=True)
class MetricsTls:
    """The files; without a certificate it is served in the clear."""

    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_key_password_file: Path | None = None
    tls_client_ca: Path | None = None
    """Authority of those who may ask: then nobody else connects."""
    ca: Path | None = None
    """Authorities of the processes that we ask ourselves, and no others; None: the system's."""

    def __post_init__(self) -> None:
        """
        Refuse what does not go together: whoever names an authority believes that it is asked.

        Raises:
            BadTls: names the settings.
        """
        if (self.tls_cert is None) != (self.tls_key is None):
            raise BadTls("metrics-tls-cert and metrics-tls-key go together")
        others = (self.tls_client_ca, self.tls_key_password_file)
        if self.tls_cert is None and any(others):
            raise BadTls(
                "metrics-tls-client-ca, metrics-tls-key-password-file: only with metrics-tls-cert"
            )

    @property
    def is_secret(self) -> bool:
        """Return whether nobody on the way can read along."""
        return self.tls_cert is not None

    def listening(self) -> RenewedContext | None:
        """
        Return how it is served; None: in the clear.

        Raises:
            BadTls, OSError: a file cannot be used.
        """
        return tls_context(self)

    def asking(self) -> RenewedContext:
        """
        Return how other processes of ours are asked: they are verified, and shown our own certificate if we have one.

        Raises:
            BadTls, OSError: a file cannot be used.
        """

        def load(context: ssl.SSLContext) -> None:
            trust(context, self.ca)
            if self.tls_cert is not None:
                password = self.tls_key_password_file
                given = b"" if password is None else password.read_bytes().strip()
                context.load_cert_chain(self.tls_cert, self.tls_key, lambda: given)

        files = (self.ca, self.tls_cert, self.tls_key, self.tls_key_password_file)
        return RenewedContext.of(ssl.PROTOCOL_TLS_CLIENT, files, load)


IN_THE_CLEAR: Final = MetricsTls()
