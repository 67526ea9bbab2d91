"""How a service reads what it is told: from the environment, once, and never with a secret in an error."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """
    What every service's settings have in common; each names its own prefix.

    An empty variable says nothing, as docker-compose.yml hands on what is not named.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, frozen=True, hide_input_in_errors=True, extra="ignore"
    )
