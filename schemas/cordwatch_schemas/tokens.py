"""Topic `cordwatch.used-tokens.v1`: which token of a record system was used, and by which call first."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.base import Contract, Instant
from cordwatch_schemas.operations import Name

TokenDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""128 bits over issuer and id of a token: nobody can make the token of it."""


class TokenUsed(Contract):
    """
    A call used a token that is good for one call.

    Of the records of one token the first counts, at every board: the order of
    the topic's one partition decides which of two calls came first.
    """

    schema_version: Literal[1] = 1
    token: TokenDigest
    call: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Of this very call, by chance: by it a board knows its own record."""
    board: Name
    until: Instant
    """When the token ends; then nobody need know of it any more."""
