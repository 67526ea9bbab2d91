"""Certificates made for the tests: an authority of the hospital, and one of somebody else. Needs openssl."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder, which makes certificates."""

    folder: Path
    name: str

    def openssl(self, *arguments: str) -> None:
        """Run openssl in the folder."""
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    @property
    def certificate(self) -> Path:
        """Return the authority's own certificate."""
        return self.folder / f"{self.name}.pem"

    def make(self) -> None:
        """Make the authority itself."""
        self.openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", f"{self.name}.key", "-out", f"{self.name}.pem", "-days", "2"),
            *("-subj", f"/CN={self.name}", "-addext", "keyUsage=critical,keyCertSign"),
        )

    def issue(self, whom: str, *, password: str = "", names: str = "") -> tuple[Path, Path]:
        """Return certificate and key for *whom*, who has other *names* too."""
        hidden = ("-passout", f"pass:{password}") if password else ("-nodes",)
        self.openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *hidden),
            *("-keyout", f"{whom}.key", "-out", f"{whom}.csr", "-subj", f"/CN={whom}"),
        )
        others = names or "DNS:localhost,IP:127.0.0.1"
        (self.folder / "names").write_text(f"subjectAltName={others}\n")
        self.openssl(
            *("x509", "-req", "-in", f"{whom}.csr", "-CA", f"{self.name}.pem"),
            *("-CAkey", f"{self.name}.key", "-CAcreateserial", "-out", f"{whom}.pem"),
            *("-days", "2", "-extfile", "names"),
        )
        return self.folder / f"{whom}.pem", self.folder / f"{whom}.key"

    def end(self, certificate: Path) -> None:
        """Make *certificate* one that has ended: a day ago, which openssl does not make in all versions."""
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        key = serialization.load_pem_private_key(
            (self.folder / f"{self.name}.key").read_bytes(), None
        )
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        made = x509.CertificateBuilder(found.issuer, found.subject, found.public_key())
        for extension in found.extensions:
            made = made.add_extension(extension.value, critical=extension.critical)
        ended_at = found.not_valid_before_utc - timedelta(days=1)
        made = made.serial_number(x509.random_serial_number()).not_valid_after(ended_at)
        made = made.not_valid_before(ended_at - timedelta(days=1))
        signed = made.sign(key, hashes.SHA256())
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the hospital's authority."""
    authority = Authority(tmp_path_factory.mktemp("hospital"), "hospital-ca")
    authority.make()
    return authority


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return somebody else's authority."""
    authority = Authority(tmp_path_factory.mktemp("stranger"), "stranger-ca")
    authority.make()
    return authority


def replace(path: Path, *contents: Path) -> None:
    """Put the *contents* of files where *path* is, all at once, as whoever renews certificates does."""
    made = path.with_suffix(".new")
    made.write_bytes(b"".join(one.read_bytes() for one in contents))
    made.replace(path)


def trusting(authority: Authority, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """Return how a sender connects that trusts *authority* and shows its *own* certificate."""
    context = ssl.create_default_context(cafile=authority.certificate)
    if own is not None:
        context.load_cert_chain(*own)
    return context
