"""What is kept of the key for references: by what mark it is known, and which references were carried over to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cordwatch_schemas.base import REFERENCE_PATTERN, Contract, Instant

Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{30}$")]
"""A fixed text hashed with a key: it tells keys apart, and nobody finds a key by it."""

Reference = Annotated[str, Field(pattern=REFERENCE_PATTERN)]
"""Of a patient or of a visit."""


class KeyInUse(Contract):
    """
    By which key the hospital's patients are known: a gateway with another one does not start.

    One record, the last that an exchange of the key writes.
    """

    schema_version: Literal[1] = 1
    kind: Literal["key-in-use"] = "key-in-use"
    fingerprint: Fingerprint
    former: Fingerprint | None = None
    """Of the key before it; none: it is the first."""
    since: Instant


class CarriedReference(Contract):
    """
    A reference by a newer key stands for one that was given before: whoever has it stays who they are.

    Holds no number. It is made when the key is exchanged, of what is known then.
    """

    schema_version: Literal[1] = 1
    kind: Literal["carried-reference"] = "carried-reference"
    fingerprint: Fingerprint
    """Of the newer key."""
    reference: Reference
    """As the newer key makes it of the number."""
    stands_for: Reference
    """As it was given first, and is everywhere."""


ReferenceRecord = Annotated[KeyInUse | CarriedReference, Field(discriminator="kind")]
"""What stands on the topic of references."""
