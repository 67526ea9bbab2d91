"""The destinations of a pager plan: how each is reached. Secrets stand in files, which the plan names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.pack_data import PackData

Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=500)]
SecretFile = Annotated[str, Field(min_length=1, max_length=500)]


class Nowhere(PackData):
    """Accepts everything and tells nobody: for a synthetic patient, and to try a plan out."""

    kind: Literal["nowhere"]


class PagerDuty(PackData):
    """PagerDuty, by Events API v2."""

    kind: Literal["pagerduty"]
    url: Url = "https://events.pagerduty.com/v2/enqueue"
    routing_key_file: SecretFile
    """File with the integration key."""
    per_minute: Annotated[int, Field(ge=1, le=10_000)] = 120
    """What PagerDuty takes of one key."""


Destination = Annotated[Nowhere | PagerDuty, Field(discriminator="kind")]
"""Every kind of destination."""
