"""
Makes an authority of this host, and certificates by it, for docker-compose.yml: `python -m deploy.compose.certificates FOLDER`.

For one host that has no authority of its own to ask. A hospital that has one
puts its own files in the same places: each folder holds `own.pem` (key and
certificate, in one file so that no half of a pair is ever seen) and `ca.pem`
(whom to trust). What is there stays; with `--renew` certificates are made anew
by the same authority, while everything runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cordwatch.runtime.wall_clock import WallClock

BROKERS: Final = ("kafka", "kafka-2", "kafka-3")
SERVICES: Final = ("topics", "feeds", "watch", "pager", "board", "synthetic", "day")
PEOPLE: Final = ("sender", "host")
"""Who sends HL7, and who asks by the command line of this host."""

AUTHORITY: Final = "authority"
AUTHORITY_LIVES: Final = timedelta(days=3650)
LIVES: Final = timedelta(days=90)
EARLIER: Final = timedelta(hours=1)
"""Clocks are not alike everywhere."""

Key = ec.EllipticCurvePrivateKey
Pair = tuple[Key, x509.Certificate]


def names_of(whom: str) -> tuple[str, list[x509.GeneralName]]:
    """Return by what name the broker knows somebody, and the names under which they are reached."""
    hosts = [x509.DNSName(whom), x509.DNSName("localhost")]
    name = whom if whom in (*BROKERS, *PEOPLE) else f"cordwatch-{whom}"
    return name, [*hosts, x509.IPAddress(ip_address("127.0.0.1"))]


def _made(name: str, lives: timedelta) -> tuple[Key, x509.CertificateBuilder]:
    now, key = WallClock().now(), ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    builder = builder.subject_name(_called(name)).public_key(key.public_key())
    return key, builder.not_valid_before(now - EARLIER).not_valid_after(now + lives)


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def new_authority() -> Pair:
    """Return an authority that vouches for certificates, and for no other authority."""
    name = "cordwatch, this host alone"
    key, builder = _made(name, AUTHORITY_LIVES)
    builder = builder.issuer_name(_called(name))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(is_authority=True), critical=True)
    identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return key, builder.add_extension(identity, critical=False).sign(key, hashes.SHA256())


def new_pair(whom: str, authority: Pair) -> Pair:
    """Return key and certificate by which *whom* is known, and is reached."""
    name, reached = names_of(whom)
    key, builder = _made(name, LIVES)
    builder = builder.issuer_name(authority[1].subject)
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    for extension, is_critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(is_authority=False), True),
        (x509.ExtendedKeyUsage(uses), False),
        (x509.SubjectAlternativeName(reached), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority[0].public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=is_critical)
    return key, builder.sign(authority[0], hashes.SHA256())


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def pem_of(pair: Pair) -> bytes:
    """Return key and certificate as one file."""
    key, certificate = pair
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


def _authority_in(folder: Path) -> Pair:
    """Return the authority that is there, or a new one."""
    path = folder / AUTHORITY / "own.pem"
    if not path.exists():
        (folder / AUTHORITY).mkdir(mode=0o700)
        # Nobody but who made it needs to read this one: no container does.
        _write(path, pem_of(new_authority()), 0o400)
    content = path.read_bytes()
    key = serialization.load_pem_private_key(content, None)
    if not isinstance(key, Key):
        raise TypeError(f"{path}: not a key that was made here")
    return key, x509.load_pem_x509_certificate(content)


def make(folder: Path, *, renew: bool = False) -> list[str]:
    """Make what *folder* lacks, or make all certificates anew; return for whom."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = _authority_in(folder)
    trusted = authority[1].public_bytes(serialization.Encoding.PEM)
    made = []
    for whom in (*BROKERS, *SERVICES, *PEOPLE):
        place = folder / whom
        place.mkdir(mode=0o755, exist_ok=True)
        if not (place / "ca.pem").exists():
            _write(place / "ca.pem", trusted, 0o444)
        if renew or not (place / "own.pem").exists():
            # The folder above is closed; inside a container the reader has a number and no name here.
            _write(place / "own.pem", pem_of(new_pair(whom, authority)), 0o444)
            made.append(whom)
    return made


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is there as a whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    there = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(there, "wb") as file:
        os.fchmod(there, mode)
        file.write(content)
    fresh.replace(path)


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m deploy.compose.certificates")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--renew", action="store_true", help="also those that are there")
    told = parser.parse_args(arguments)
    made = make(told.folder, renew=told.renew)
    sys.stdout.write(f"made for: {', '.join(made) or 'nobody, all are there'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
