"""What the synthetic patient's service needs to be told, from the environment (`CORDWATCH_SYNTHETIC_*`) or options."""

from __future__ import annotations

from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from cordwatch.runtime.listening import Names
from cordwatch.runtime.settings import Settings
from cordwatch.synthetic.rounds import Figures


class SyntheticSettings(Settings):
    """Settings of the service; each description is the help of its option."""

    model_config = SettingsConfigDict(env_prefix="CORDWATCH_SYNTHETIC_")

    name: str = Field(
        "synthetic",
        pattern=r"^[a-z][a-z0-9-]*$",
        max_length=60,
        description="Of this one, in the dead man's alert.",
    )
    group: str = Field(
        "cordwatch-synthetic",
        pattern=r"^[A-Za-z0-9._-]+$",
        max_length=100,
        description="Consumer group: of several in it one tells, the others stand by.",
    )
    watch_group: str = Field(
        "cordwatch-watch",
        pattern=r"^[A-Za-z0-9._-]+$",
        max_length=100,
        description="Consumer group of watch: each of its workers gets a patient.",
    )
    session_timeout_s: float = Field(
        10.0, ge=6, le=60, description="Seconds until another one takes over after a crash."
    )
    period_s: float = Field(
        60.0, ge=4, le=600, description="Seconds from the beginning of a round to that of the next."
    )
    patience_s: float = Field(
        20.0, ge=2, description="Seconds after which a round that is not whole is a miss."
    )
    boards: Names = Field(
        (),
        description="URLs where the boards' /healthz are (http://127.0.0.1:9467), with commas.",
    )
    others: Names = Field(
        (),
        description="URLs where further /healthz are that must be well in each round (the"
        " gateway's: http://127.0.0.1:9465), with commas.",
    )
    metrics_host: str = Field("127.0.0.1", description="Where /metrics and /healthz listen.")
    metrics_port: int = Field(
        9468, ge=0, le=65535, description="Their port; 0 takes a free one and logs it."
    )
    heartbeat_url: str | None = Field(
        None,
        repr=False,  # whoever knows it can call it
        description="URL that is called after each round that is whole; none: no call.",
    )
    heartbeat_alertmanagers: Names = Field(
        (),
        description="URLs of Alertmanagers that are told the dead man's alert, with commas.",
    )

    @field_validator("boards", "others", "heartbeat_alertmanagers")
    @classmethod
    def _are_addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_is_url(one) and not urlsplit(one).query for one in urls):
            raise ValueError("each is a URL like http://127.0.0.1:9467, without a query")
        return tuple(dict.fromkeys(one.rstrip("/") for one in urls))

    @field_validator("heartbeat_url")
    @classmethod
    def _is_a_url(cls, url: str | None) -> str | None:
        if url is not None and not _is_url(url):
            raise ValueError("is no URL")
        return url

    @model_validator(mode="after")
    def _a_round_ends_before_the_next(self) -> Self:
        if self.patience_s >= self.period_s:
            raise ValueError("patience_s must be less than period_s")
        return self

    @property
    def figures(self) -> Figures:
        """Return what the rounds go by."""
        return Figures(
            timedelta(seconds=self.period_s),
            timedelta(seconds=self.patience_s),
            self.boards,
            self.others,
        )


def _is_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
