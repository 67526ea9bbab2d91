"""Until when the certificates of a process hold, as series: of those in use, which are not those on the disk if these are bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cordwatch.runtime.kafka_security import KafkaSecurity
from cordwatch.runtime.kafka_security import tls_context as for_kafka
from cordwatch.runtime.peers import TlsFiles
from cordwatch.runtime.peers import tls_context as for_listening
from cordwatch.runtime.tls_files import UNUSABLE, Files


class Certificates:
    """Files that are used together, by the names of their settings, and until when what is in them holds."""

    def __init__(
        self,
        shown: Mapping[str, Path | None],
        others: Iterable[Path | None],
        check: Callable[[], object],
    ) -> None:
        """Look after *shown* files; *check* raises where these and the *others*, such as keys, cannot be used together."""
        self._shown = {name: path for name, path in shown.items() if path is not None}
        self._files, self._check = Files([*self._shown.values(), *others]), check
        self.lives: dict[str, tuple[float, float]] = {}
        """When each began and when it ends, as seconds since the epoch."""
        self.are_refused = False
        self._read()

    def look(self) -> None:
        """Read them, if they are others than before."""
        if self._files.have_changed():
            self._read()

    def _read(self) -> None:
        try:
            self._check()
            self.lives = {name: _life_of(name, path) for name, path in self._shown.items()}
        except UNUSABLE:
            # Whoever connects says what is wrong, and goes on with those before.
            self.are_refused = True
        else:
            self.are_refused = False


def of_kafka(security: KafkaSecurity) -> Certificates:
    """Return the certificates by which the broker is known and we are known to it; none in the clear."""
    shown = {"kafka-ca": security.ca, "kafka-cert": security.cert}
    others = (security.key, security.key_password_file)
    return Certificates(shown, others, lambda: security.is_secret and for_kafka(security))


def of_listener(settings: TlsFiles, name: str = "tls") -> Certificates:
    """Return the certificates of whoever listens by *settings*, which begin with *name*; none in the clear."""
    shown = {f"{name}-cert": settings.tls_cert, f"{name}-client-ca": settings.tls_client_ca}
    others = (settings.tls_key, settings.tls_key_password_file)
    return Certificates(shown, others, lambda: for_listening(settings))


def tell_of_certificates(registry: CollectorRegistry, certificates: Iterable[Certificates]) -> None:
    """Register when each begins and ends, and whether what is on the disk is refused."""
    registry.register(_Lives(list(certificates)))


class _Lives(Collector):
    def __init__(self, certificates: list[Certificates]) -> None:
        self._certificates = certificates

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give the series as they are now."""
        begin = GaugeMetricFamily(
            "cordwatch_certificate_begin_timestamp_seconds",
            "When a certificate in use began to hold, by the setting that names its file",
            labels=["file"],
        )
        end = GaugeMetricFamily(
            "cordwatch_certificate_expiry_timestamp_seconds",
            "When a certificate in use ends, by the setting that names its file; of several authorities the last one",
            labels=["file"],
        )
        refused = GaugeMetricFamily(
            "cordwatch_certificates_refused",
            "1 while files of certificates on the disk cannot be used, and those before are",
        )
        for one in self._certificates:
            one.look()
            for name, (begins_at, ends_at) in one.lives.items():
                begin.add_metric([name], begins_at)
                end.add_metric([name], ends_at)
        refused.add_metric([], float(any(one.are_refused for one in self._certificates)))
        return begin, end, refused


def _life_of(name: str, path: Path) -> tuple[float, float]:
    from cryptography import x509  # noqa: PLC0415 - half of a process has no certificate

    found = x509.load_pem_x509_certificates(path.read_bytes())
    # Of a chain the first is one's own; of authorities that stand side by side one is enough.
    is_chain = not name.endswith("ca")
    one = found[0] if is_chain else max(found, key=lambda it: it.not_valid_after_utc)
    return one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp()
