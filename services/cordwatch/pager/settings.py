"""What the pager needs to be told, from the environment (`CORDWATCH_PAGER_*`) or options."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from cordwatch.runtime.listening import Listening, Names, Networks


class PagerSettings(Listening):
    """Settings of one pager; each description is the help of its option."""

    model_config = SettingsConfigDict(env_prefix="CORDWATCH_PAGER_")

    plan: Path = Field(description="File with the pager plan (docs/pager-plan.md).")
    name: str = Field(
        "pager",
        pattern=r"^[a-z][a-z0-9-]*$",
        max_length=60,
        description="Of this pager: what it tells of itself is told under it.",
    )
    group: str = Field(
        "cordwatch-pager",
        pattern=r"^[A-Za-z0-9._-]+$",
        max_length=100,
        description="Consumer group: of several pagers in it one leads, the others stand by.",
    )
    session_timeout_s: float = Field(
        10.0, ge=6, le=60, description="Seconds until another pager takes over after a crash."
    )
    metrics_host: str = Field("127.0.0.1", description="Where /metrics and /healthz listen.")
    metrics_port: int = Field(
        9466, ge=0, le=65535, description="Their port; 0 takes a free one and logs it."
    )
    port: int | None = Field(
        None, ge=0, le=65535, description="Port of the inlets for answers; none: no inlets."
    )
    allow: Networks = Field(
        (), description="Peers that may send answers: addresses and CIDR, with commas; none: all."
    )
    pagerduty_secret_file: Path | None = Field(
        None, description="File with the signing secrets of PagerDuty's webhooks, one a line."
    )
    webhook_secret_file: Path | None = Field(
        None, description="File with the secrets of Standard Webhooks (whsec_...), one a line."
    )
    answer_s: float = Field(
        4.0,
        gt=0,
        lt=5,
        description="Seconds for the broker, after which a webhook gets 503; PagerDuty waits for 5.",
    )
    waiting_max: int = Field(
        1_000, ge=1, description="Answers that wait for the broker, after which webhooks get 503."
    )
    silences: Names = Field(
        (),
        description="URLs of Alertmanagers whose silences of a page are read as seen, with commas.",
    )
    silences_s: float = Field(30.0, gt=0, description="Seconds between two readings of silences.")
    heartbeat_url: str | None = Field(
        None,
        repr=False,  # whoever knows it can call it
        description="URL that is called while the pager makes progress; none: no call.",
    )
    heartbeat_alertmanagers: Names = Field(
        (),
        description="URLs of Alertmanagers that are told the dead man's alert, with commas.",
    )
    heartbeat_s: float = Field(
        15.0, ge=1, le=30, description="Seconds between two heartbeats, of either kind."
    )

    @field_validator("silences", "heartbeat_alertmanagers")
    @classmethod
    def _are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_is_url(one) for one in urls):
            raise ValueError("each is a URL like http://127.0.0.1:9093, without a query")
        return tuple(one.rstrip("/") for one in urls)

    @field_validator("heartbeat_url")
    @classmethod
    def _is_a_url(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("is no URL")
        return url

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.port is None:
            return self
        if self.pagerduty_secret_file is None and self.webhook_secret_file is None:
            raise ValueError(
                "inlets need pagerduty_secret_file or webhook_secret_file: nobody answers unsigned"
            )
        if not self.on_loopback and self.tls_cert is None:
            raise ValueError("beyond loopback it takes tls_cert: answers name staff")
        return self


def _is_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query
