"""What every part of a pathway pack is made of: strict models, and spans of elapsed time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict

UNITS_S = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d)")


class PackData(BaseModel):
    """Part of a pack. An unknown key is an error: a misspelt rule must not pass for an absent one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


T = TypeVar("T")


def _not_empty(value: tuple[T, ...]) -> tuple[T, ...]:
    # Not a minimum length: pydantic counts only the good items, and would say of one bad item that there is none.
    if not value:
        raise ValueError("must not be empty")
    return value


NotEmpty = AfterValidator(_not_empty)
"""Goes with a list that must hold something."""


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


When = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An instant with its offset, as a person writes it into a pack."""


def _span(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a span is a number and a unit: '90 s', '15 min', '12 h', '14 d'")
    try:
        return timedelta(seconds=float(match[1]) * UNITS_S[match[2]])
    except OverflowError:
        raise ValueError("is longer than can be reckoned with") from None


Span = Annotated[timedelta, BeforeValidator(_span)]
"""Elapsed time: `24 h` is 86,400 s, whatever the wall clock does at night."""
