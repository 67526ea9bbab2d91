"""A certificate authority for tests, and a server's certificate on loopback signed by it."""

from __future__ import annotations

import ssl
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cordwatch.runtime.wall_clock import WallClock


class Certificates:
    """Made anew in a folder."""

    def __init__(self, folder: Path) -> None:
        """Write the authority's certificate, and the server's with its key."""
        self.ca_file = folder / "ca.pem"
        self._server_file = folder / "server.pem"
        ca_key, server_key = _key(), _key()
        ca = _certificate("test-ca", "test-ca", ca_key, ca_key, is_ca=True)
        server = _certificate("localhost", "test-ca", server_key, ca_key, is_ca=False)
        self.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        private = server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self._server_file.write_bytes(server.public_bytes(serialization.Encoding.PEM) + private)

    def server(self) -> ssl.SSLContext:
        """Return the server's side."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server_file)
        return context


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    is_ca: bool,
) -> x509.Certificate:
    now = WallClock().now()
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    )
    found = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(names, critical=False)
    )
    return found.sign(signer, hashes.SHA256())
