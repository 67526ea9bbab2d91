"""Topic `cordwatch.audit.v1`: who looked at what, and who answered; each record sealed to the one before."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cordwatch_schemas.base import Contract
from cordwatch_schemas.operations import Name

Seal = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256, as hexadecimal digits."""


class AuditRecord(Contract):
    """
    Something that a person did at a board, in the shape of a FHIR R4 AuditEvent.

    Each board has a chain of its own: a record holds the seal of the one before
    it, so that none can be changed, taken out, put in or exchanged unseen
    (`cordwatch audit verify`). Holds references and staff ids, never a
    patient's name or number.
    """

    schema_version: Literal[1] = 1
    chain: Name
    """Name of the board that wrote it."""
    sequence: Annotated[int, Field(ge=0)]
    """Place in the chain, from 0."""
    previous: Seal
    """Seal of the record before it; zeros for the first one."""
    event: dict[str, Any]
    """The AuditEvent."""
    seal: Seal
    """Over everything above."""
