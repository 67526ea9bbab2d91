"""
A real broker as a hospital secures it: TLS, certificates or passwords, and an authorizer that allows nothing by itself.

One broker with a port for each thing that can be wrong, since each start takes
seconds. Its users may do nothing until a test gives them ACLs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cordwatch.runtime.kafka_security import KafkaSecurity, Mechanism
from tests.certificates import Authority
from tests.kafka_harness.real_kafka import RealKafka, free_ports

ADMIN: Final = "admin"
"""May do everything, as the broker itself may."""
PASSWORD: Final = "correct-horse-battery"  # noqa: S105 - of brokers that live for a minute
STORE: Final = "keystore-of-a-test"
BROKER: Final = "broker"
"""Whom its own certificate is for; the store of that name is read at each start."""

_LISTENERS: Final = ("SASL", "MUTUAL", "EXPIRED", "MISNAMED")
"""Passwords; certificates of both sides; a certificate that has ended; one for another host."""


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """The broker, whom its clients trust, and at which port what is asked for."""

    broker: RealKafka
    ca: Authority
    ports: dict[str, int]
    folder: Path

    def at(self, listener: str) -> str:
        """Return the address of one of the listeners."""
        return f"127.0.0.1:{self.ports[listener]}"

    def password_file(self, password: str = PASSWORD) -> Path:
        """Return a file with *password*."""
        path = self.folder / f"password-{abs(hash(password))}"
        path.write_text(password, encoding="utf-8")
        return path

    def by_password(
        self, user: str, password: str = PASSWORD, mechanism: Mechanism = "SCRAM-SHA-512"
    ) -> KafkaSecurity:
        """Return how *user* is known by a password."""
        return KafkaSecurity(
            "sasl_ssl",
            ca=self.ca.certificate,
            mechanism=mechanism,
            username=user,
            password_file=self.password_file(password),
        )

    def by_certificate(self, user: str) -> KafkaSecurity:
        """Return how *user* is known by a certificate."""
        cert, key = self.ca.issue(user)
        return KafkaSecurity("ssl", ca=self.ca.certificate, cert=cert, key=key)


def secured(folder: Path, ca: Authority, users: tuple[str, ...]) -> SecuredKafka:
    """Return a broker, not started yet, that knows *users* and the administrator by `PASSWORD`."""
    ports = dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))
    right, ended = store(ca, BROKER), store(ca, "ended", has_ended=True)
    misnamed = store(ca, "elsewhere", names="DNS:elsewhere.example")
    stores = {"SASL": right, "MUTUAL": right, "EXPIRED": ended, "MISNAMED": misnamed}
    scram = [_scram(user, "SCRAM-SHA-512") for user in (ADMIN, *users)]
    scram.append(_scram(ADMIN, "SCRAM-SHA-256"))
    return SecuredKafka(RealKafka(folder, _settings(ca, ports, stores), scram), ca, ports, folder)


def _scram(user: str, mechanism: Mechanism) -> str:
    return f"--add-scram={mechanism}=[name={user},password={PASSWORD}]"


def store(ca: Authority, whom: str, *, names: str = "", has_ended: bool = False) -> Path:
    """Return a store with key and certificate, as Java reads it."""
    cert, key = ca.issue(whom, names=names)
    if has_ended:
        ca.end(cert)
    files = ("-in", str(cert), "-inkey", str(key), "-certfile", f"{ca.name}.pem")
    out = ("-out", f"{whom}.p12", "-passout", f"pass:{STORE}")
    ca.openssl("pkcs12", "-export", *files, *out)
    return ca.folder / f"{whom}.p12"


def _settings(ca: Authority, ports: dict[str, int], stores: dict[str, Path]) -> str:
    """Return what is set beside the settings of every broker; a later line counts more than an earlier one."""
    protocols = {name: "SASL_SSL" if name == "SASL" else "SSL" for name in ports}
    outside = "".join(f",{name}://127.0.0.1:{port}" for name, port in ports.items())
    spoken = "".join(f",{name}:{protocol}" for name, protocol in protocols.items())
    lines = [
        f"listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}}{outside}",
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{{port}}{outside}",
        f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{spoken}",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found=false",
        f"super.users=User:ANONYMOUS;User:{ADMIN}",
        "ssl.principal.mapping.rules=RULE:^CN=(.*?)(,.*)?$/$1/,DEFAULT",
        "sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256",
    ]
    for name, store in stores.items():
        prefix = f"listener.name.{name.lower()}"
        lines += [
            f"{prefix}.ssl.keystore.location={store}",
            f"{prefix}.ssl.keystore.type=PKCS12",
            f"{prefix}.ssl.keystore.password={STORE}",
            f"{prefix}.ssl.key.password={STORE}",
            f"{prefix}.ssl.truststore.location={ca.certificate}",
            f"{prefix}.ssl.truststore.type=PEM",
            f"{prefix}.ssl.client.auth={'required' if name == 'MUTUAL' else 'none'}",
        ]
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    for mechanism in ("scram-sha-512", "scram-sha-256"):
        lines.append(f"listener.name.sasl.{mechanism}.sasl.jaas.config={login}")
    return "\n".join(lines) + "\n"
