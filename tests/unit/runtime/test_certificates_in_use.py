"""Until when certificates hold: those in use, also while what lies on the disk is bad."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from prometheus_client import CollectorRegistry

from cordwatch.board.settings import BoardSettings
from cordwatch.runtime.certificates_in_use import of_kafka, of_listener, tell_of_certificates
from cordwatch.runtime.kafka_security import KafkaSecurity
from tests.certificates import Authority, hospital, replace

__all__ = ["hospital"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
END = "cordwatch_certificate_expiry_timestamp_seconds"
BEGIN = "cordwatch_certificate_begin_timestamp_seconds"
REFUSED = "cordwatch_certificates_refused"


def test_until_when_each_holds(hospital: Authority, tmp_path: Path) -> None:
    """By the name of its setting; one that was renewed counts at once, one that cannot be used is refused."""
    cert, key = (tmp_path / one for one in ("cert", "key"))
    for made, path in zip(hospital.issue("watch"), (cert, key), strict=True):
        replace(path, made)
    registry = CollectorRegistry()
    kafka = KafkaSecurity("ssl", ca=hospital.certificate, cert=cert, key=key)
    listener = BoardSettings(tls_cert=cert, tls_key=key)
    tell_of_certificates(registry, [of_kafka(kafka), of_listener(listener)])

    def told(name: str, file: str) -> float:
        found = registry.get_sample_value(name, {"file": file})
        assert found is not None
        return found

    first = x509.load_pem_x509_certificate(cert.read_bytes())
    for file in ("kafka-cert", "tls-cert"):
        assert told(END, file) == first.not_valid_after_utc.timestamp()
        assert told(BEGIN, file) == first.not_valid_before_utc.timestamp()
    assert registry.get_sample_value(END, {"file": "tls-client-ca"}) is None
    assert registry.get_sample_value(REFUSED) == 0
    # One that has ended, with the key that belongs to it.
    renewed, its_key = hospital.issue("renewed")
    hospital.end(renewed)
    replace(cert, renewed)
    assert told(END, "kafka-cert") == first.not_valid_after_utc.timestamp()
    assert registry.get_sample_value(REFUSED) == 1
    replace(key, its_key)
    assert told(END, "kafka-cert") < first.not_valid_before_utc.timestamp()
    assert registry.get_sample_value(REFUSED) == 0


def test_of_several_authorities_the_last_one_counts(hospital: Authority, tmp_path: Path) -> None:
    """As they stand side by side while one follows another: what it vouches for is still believed."""
    ended, _ = hospital.issue("authority-before")
    hospital.end(ended)
    ca = tmp_path / "ca"
    replace(ca, ended, hospital.certificate)
    found = of_kafka(KafkaSecurity("ssl", ca=ca))
    last = x509.load_pem_x509_certificate(hospital.certificate.read_bytes())
    begins_at, ends_at = found.lives["kafka-ca"]
    assert (begins_at, ends_at) == (
        last.not_valid_before_utc.timestamp(),
        last.not_valid_after_utc.timestamp(),
    )
    assert ends_at - begins_at == timedelta(days=2).total_seconds()


def test_in_the_clear_there_is_none() -> None:
    """And nothing is refused."""
    registry = CollectorRegistry()
    tell_of_certificates(registry, [of_kafka(KafkaSecurity()), of_listener(BoardSettings())])
    (begin, end, refused) = registry.collect()
    assert (begin.samples, end.samples, refused.samples[0].value) == ([], [], 0)
