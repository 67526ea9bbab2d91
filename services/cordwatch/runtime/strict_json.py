"""JSON from outside in which each name stands once: of two, one program believes the first and another the last."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


class TwiceNamed(ValueError):
    """A name stands twice in one object; says nothing of what was sent."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise TwiceNamed("a name stands twice in one object")
    return found


def read_once(data: bytes, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """
    Return what a JSON text holds.

    Raises:
        ValueError, RecursionError: it is none, or (`TwiceNamed`) a name stands twice in one of its objects.
    """
    return json.loads(data, object_pairs_hook=_each_once, parse_constant=parse_constant)
