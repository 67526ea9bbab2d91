"""What the FHIR side of the gateway needs to be told, from the environment (`CORDWATCH_FHIR_*`) or options."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from cordwatch.feeds.fhir.mapper import READERS
from cordwatch.feeds.hl7.framing import MAX_MESSAGE_BYTES
from cordwatch.feeds.settings import MIB
from cordwatch.runtime.addresses import is_secure
from cordwatch.runtime.listening import Listening, Names, Networks


class FhirSettings(Listening):
    """Settings of the FHIR side; each description is the help of its option."""

    model_config = SettingsConfigDict(env_prefix="CORDWATCH_FHIR_")

    port: int | None = Field(
        None, ge=0, le=65535, description="Port of the endpoint; none: no endpoint."
    )
    allow: Networks = Field(
        (), description="Peers that may send notifications: addresses and CIDR, with commas."
    )
    token_file: Path | None = Field(
        None, description="File with the bearer tokens, one a line, that a notification must bear."
    )
    max_body_bytes: int = Field(
        MAX_MESSAGE_BYTES,
        ge=1024,
        le=MAX_MESSAGE_BYTES,
        description="A larger notification, page or resource is refused.",
    )
    buffer_bytes: int = Field(
        64 * MIB, ge=1024, description="Unanswered bytes, after which notifications get 503."
    )
    answer_s: float = Field(
        20.0, gt=0, description="Seconds to fetch and to store, after which the answer is 503."
    )
    server: str | None = Field(
        None, description="Base URL of the FHIR server to ask; none: nothing is asked."
    )
    server_ca: Path | None = Field(None, description="PEM file: CA of the server; none: system's.")
    client_id: str | None = Field(
        None, description="Client id at the server (SMART backend services)."
    )
    client_key: Path | None = Field(
        None, description="PEM file: its private key, RSA (RS384) or EC P-384 (ES384)."
    )
    client_key_id: str | None = Field(None, description="The key's id (kid) in its key set.")
    scopes: str = Field("system/*.rs", description="Scopes to ask for, with blanks.")
    token_url: str | None = Field(
        None, description="Token endpoint; none: found by .well-known/smart-configuration."
    )
    types: Names = Field(
        tuple(READERS), description="Types of resource to search for, with commas; none: no search."
    )
    poll_s: float = Field(300.0, gt=0, description="Seconds between two searches.")
    overlap_s: float = Field(
        600.0, ge=0, description="Seconds that a search looks back behind the last."
    )
    since_h: float = Field(168.0, gt=0, description="Hours that the first search looks back.")
    page_size: int = Field(200, ge=1, le=10_000, description="Resources a page to ask for.")
    pages_max: int = Field(500, ge=1, description="Pages of one search.")
    request_s: float = Field(30.0, gt=0, description="Seconds for one request to the server.")

    @property
    def is_on(self) -> bool:
        """Return whether there is anything to do."""
        return self.port is not None or self.server is not None

    @property
    def on_loopback(self) -> bool:
        """Return whether only this machine can send notifications."""
        return self.port is None or super().on_loopback

    @field_validator("types")
    @classmethod
    def _known_types(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not set(names) <= set(READERS):
            raise ValueError(f"types that are read: {', '.join(READERS)}")
        return names

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        reachable = not self.on_loopback
        if reachable and not (self.token_file or self.tls_client_ca):
            raise ValueError(
                "beyond loopback, say how a sender is known: token_file or tls_client_ca"
            )
        if reachable and self.tls_cert is None:
            raise ValueError(
                "beyond loopback it takes tls_cert: a bearer token is read by anybody else"
            )
        for url in (self.server, self.token_url):
            if url is not None and (not is_secure(url) or urlsplit(url).query):
                raise ValueError(
                    "server and token_url are https URLs without a query (http: loopback only)"
                )
        if (self.client_id is None) != (self.client_key is None):
            raise ValueError("client_id and client_key go together")
        if self.client_id and self.server is None:
            raise ValueError("client_id needs server")
        return self
