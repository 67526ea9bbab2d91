"""What is published together: a stream cut into groups of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def groups(many: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield *many* in lists of *size*, the last as long as it is: none waits for more than its own."""
    rest = iter(many)
    while group := list(islice(rest, size)):
        yield group
