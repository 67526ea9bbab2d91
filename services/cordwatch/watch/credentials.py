"""How Faust is told to speak to Kafka in secret: in its own words for what aiokafka then hears."""

from __future__ import annotations

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from cordwatch.runtime.kafka_security import KafkaSecurity, password_of, tls_context


def credentials(security: KafkaSecurity) -> Credentials | None:
    """
    Return what Faust calls credentials; None where it speaks in the clear.

    Raises:
        BadSecurity, OSError: a file cannot be used.
    """
    if not security.is_secret:
        return None
    if not security.has_password:
        return SSLCredentials(tls_context(security))
    return SASLCredentials(
        username=security.username,
        password=password_of(security),
        ssl_context=tls_context(security),
        mechanism=security.mechanism,
    )
