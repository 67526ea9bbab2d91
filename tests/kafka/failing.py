"""
The command with an error in a chosen place, whose text holds all that the place was given.

`failing.py MODULE:NAME ARGUMENTS...` runs `cordwatch ARGUMENTS...`. The error is
the worst that a library could raise: it quotes its input, as pydantic's and
JSON's do.
"""

from __future__ import annotations

import importlib
import sys

from cordwatch.app.cli import main


def arm(place: str) -> None:
    """Make what stands at *place* fail, quoting what it was given."""
    module, _, path = place.partition(":")
    *holders, name = path.split(".")
    held = importlib.import_module(module)
    for holder in holders:
        held = getattr(held, holder)
    assert callable(getattr(held, name))

    def fail(*given: object, **more: object) -> object:
        raise ValueError(f"cannot do {given!r} {more!r}")

    setattr(held, name, fail)


if __name__ == "__main__":
    place = sys.argv.pop(1)
    if place != "nowhere":
        arm(place)
    main()
