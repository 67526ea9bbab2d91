"""What the feeds gateway needs to be told, from the environment (`CORDWATCH_FEEDS_*`) or options."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from cordwatch.feeds.hl7.framing import MAX_MESSAGE_BYTES
from cordwatch.feeds.mllp.connection import IN_FLIGHT_MAX, MllpVersion
from cordwatch.runtime.listening import Listening, Names, Networks

MIB = 1024 * 1024


def _numbered(value: object) -> object:
    """Read a number from a text, which a choice of numbers does not do by itself."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class FeedsSettings(Listening):
    """Settings of one gateway; each description is the help of its option."""

    model_config = SettingsConfigDict(env_prefix="CORDWATCH_FEEDS_")

    name: str = Field(
        "feeds",
        pattern=r"^[a-z][a-z0-9-]*$",
        max_length=60,
        description="Of this gateway: what it learns of its feeds is kept under it. Two must not share one.",
    )
    port: int = Field(2575, ge=0, le=65535, description="Port; 0 takes a free one and logs it.")
    allow: Networks = Field(
        (), description="Peers that may connect: addresses and CIDR, with commas."
    )
    applications: Names = Field(
        (), description="Sending applications (MSH-3) to listen to, with commas; none: all."
    )
    mllp: Annotated[MllpVersion, BeforeValidator(_numbered)] = Field(
        1, description="2: MLLP v2, bare commit bytes; HL7 answers only where MSH-16 asks."
    )
    max_frame_bytes: int = Field(
        MAX_MESSAGE_BYTES,
        ge=1024,
        le=MAX_MESSAGE_BYTES,
        description="A larger frame is refused; the connection stays usable.",
    )
    max_connections: int = Field(100, ge=1, le=10_000, description="More are turned away.")
    in_flight_max: int = Field(
        IN_FLIGHT_MAX,
        ge=1,
        description="Unanswered messages of one connection, after which it is not read.",
    )
    buffer_bytes: int = Field(
        64 * MIB,
        ge=1024,
        description="Unanswered bytes of all connections, after which none is read.",
    )
    remember_days: int = Field(
        7,
        ge=0,
        le=7,
        description="Days for which a message that comes again is known, and only answered; 0: none.",
    )
    idle_s: float = Field(
        3600.0, gt=0, description="Seconds of silence after which a connection is closed."
    )
    answer_s: float = Field(
        60.0, gt=0, description="Seconds that a peer may leave its answers unread."
    )
    linger_s: float = Field(
        10.0, ge=0, description="Seconds that answers are kept for a peer who hung up sending."
    )
    drain_s: float = Field(
        20.0, ge=0, description="Seconds after SIGTERM to answer what has been read."
    )
    handshake_s: float = Field(10.0, gt=0, description="Seconds for a TLS handshake.")
    keepalive_s: int = Field(
        60, ge=1, le=7200, description="TCP keepalive: a dead peer is noticed in about twice this."
    )
    metrics_host: str = Field("127.0.0.1", description="Where /metrics and /healthz listen.")
    metrics_port: int = Field(
        9465, ge=0, le=65535, description="Their port; 0 takes a free one and logs it."
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not self.on_loopback and not (self.allow or self.tls_client_ca):
            raise ValueError(
                "beyond loopback, say who may connect: allow (0.0.0.0/0 for anybody) or tls_client_ca"
            )
        return self
