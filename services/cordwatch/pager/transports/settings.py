"""The destinations of a pager plan: how each is reached. Secrets stand in files, which the plan names."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from cordwatch.runtime.addresses import is_loopback
from cordwatch_schemas.pack_data import NotEmpty, PackData, Span


def _well_formed(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is no address") from None
    if not parts.hostname or parts.username is not None:
        raise ValueError("is an address with a host, and without a name or password")
    return url


def _private(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname):
        raise ValueError("must be https: what is sent is for nobody else (http: loopback only)")
    return url


Url = Annotated[
    str, Field(pattern=r"^https?://[^\s]+$", max_length=500), AfterValidator(_well_formed)
]
PrivateUrl = Annotated[Url, AfterValidator(_private)]
"""Only over TLS, except to this very machine."""

SecretFile = Annotated[str, Field(min_length=1, max_length=500)]
"""A file, or `env:NAME`. Read whenever it is needed, so that a new one counts at once."""

File = Annotated[str, Field(min_length=1, max_length=500)]
PerMinute = Annotated[int, Field(ge=1, le=10_000)]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=253)]
Port = Annotated[int, Field(ge=1, le=65_535)]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,59}$")]
Mailbox = Annotated[str, Field(pattern=r"^[^@\s<>,;:\"]+@[A-Za-z0-9.-]+$", max_length=254)]


class OverHttps(PackData):
    """What is reached over HTTP."""

    ca_file: File | None = None
    """PEM file with the certificates to trust, those alone; absent: the system's."""
    proxy: Url | None = None
    """HTTP proxy on the way out."""


class Nowhere(PackData):
    """Accepts everything and tells nobody: for a synthetic patient, and to try a plan out."""

    kind: Literal["nowhere"]


class PagerDuty(OverHttps):
    """PagerDuty, by Events API v2."""

    kind: Literal["pagerduty"]
    url: PrivateUrl = "https://events.pagerduty.com/v2/enqueue"
    routing_key_file: SecretFile
    """File with the integration key; after a change the old one on a line below, while pages of it are open."""
    per_minute: PerMinute = 120
    """What PagerDuty takes of one key."""


class Alertmanager(OverHttps):
    """Prometheus Alertmanager, API v2: every peer is told, without a balancer between."""

    kind: Literal["alertmanager"]
    urls: Annotated[tuple[Url, ...], NotEmpty]
    """Base address of each peer, `http://alertmanager-0:9093`."""
    resend: Span = timedelta(minutes=1)
    """How often it is told the same, so that a restart of it forgets nothing for longer."""
    labels: dict[LabelName, Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=dict
    )
    """More labels, for its routes."""
    token_file: SecretFile | None = None
    """File with a bearer token."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if not timedelta(seconds=5) <= self.resend <= timedelta(minutes=5):
            raise ValueError("resend must be from 5 s to 5 min")
        return self


class Webhook(OverHttps):
    """Any HTTPS endpoint: CloudEvents 1.0 in JSON, signed as Standard Webhooks 1.0.0 say."""

    kind: Literal["webhook"]
    url: PrivateUrl
    secret_file: SecretFile
    """File with the signing secret, `whsec_...`; several, one a line, sign together while one is replaced."""
    per_minute: PerMinute | None = None


class Email(PackData):
    """E-mail by SMTP: one thread of mails per matter, and one that closes it."""

    kind: Literal["email"]
    host: Host
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none`: to this very machine only."""
    username: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    password_file: SecretFile | None = None
    sender: Mailbox
    to: Annotated[tuple[Mailbox, ...], NotEmpty]
    ca_file: File | None = None
    per_minute: PerMinute | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError("security may be none for this very machine only")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        return self


class Slack(OverHttps):
    """A Slack room, by incoming webhook."""

    kind: Literal["slack"]
    url_file: SecretFile
    """File with the webhook's address: who knows it can write into the room."""
    per_minute: PerMinute = 60
    """Slack takes one a second and channel."""


class Teams(OverHttps):
    """A Teams room, by the webhook of a workflow."""

    kind: Literal["teams"]
    url_file: SecretFile
    """File with the webhook's address: who knows it can write into the room."""
    per_minute: PerMinute = 60


class Acm(PackData):
    """A hospital communication system that takes IHE PCD-04: HL7 2.6 ORU^R40 over MLLP."""

    kind: Literal["acm"]
    host: Host
    port: Port
    tls: bool = False
    ca_file: File | None = None
    receiving_application: Annotated[str, Field(max_length=60)] = ""
    receiving_facility: Annotated[str, Field(max_length=60)] = ""
    per_minute: PerMinute | None = None


Destination = Annotated[
    Nowhere | PagerDuty | Alertmanager | Webhook | Email | Slack | Teams | Acm,
    Field(discriminator="kind"),
]
"""Every kind of destination."""

ROOM_KINDS = frozenset({"slack", "teams"})
"""Told into a room, where nobody is bound to look: never the only way to reach somebody."""


def secrets_of(destination: Destination) -> tuple[str, ...]:
    """Return where the secrets of *destination* stand."""
    named = [
        getattr(destination, field, None)
        for field in ("routing_key_file", "token_file", "secret_file", "password_file", "url_file")
    ]
    return tuple(one for one in named if one is not None)
