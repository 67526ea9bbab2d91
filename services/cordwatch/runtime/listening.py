"""What everything that listens needs to be told: where, and how it is secured."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from cordwatch.runtime.settings import Settings


def _listed(value: object) -> object:
    """Read a list with commas, as the environment has it."""
    if isinstance(value, str):
        return [one.strip() for one in value.split(",") if one.strip()]
    return value


Listed = BeforeValidator(_listed)
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, Listed]
Names = Annotated[tuple[str, ...], NoDecode, Listed]


class Listening(Settings):
    """What everything that listens needs to be told: where, and how it is secured."""

    host: str = Field("127.0.0.1", description="Address to listen on, not a name.")
    tls_cert: Path | None = Field(None, description="PEM file: certificate chain. Turns TLS on.")
    tls_key: Path | None = Field(None, description="PEM file: its private key.")
    tls_key_password_file: Path | None = Field(None, description="File with the key's password.")
    tls_client_ca: Path | None = Field(
        None, description="PEM file: CA of the peers. Turns mutual TLS on."
    )

    @property
    def on_loopback(self) -> bool:
        """Return whether only this machine can connect."""
        return ip_address(self.host).is_loopback

    @field_validator("host")
    @classmethod
    def _is_address(cls, host: str) -> str:
        try:
            ip_address(host)
        except ValueError:
            raise ValueError("is no IP address") from None
        return host

    @model_validator(mode="after")
    def _tls_fits(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        if self.tls_client_ca and self.tls_cert is None:
            raise ValueError("tls_client_ca needs tls_cert")
        return self
