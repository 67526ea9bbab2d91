"""
Writes the licence of each package into a list of materials: `licences.py LIST ENVIRONMENT`.

The list (CycloneDX) is made from the lock file, which knows no licences. What is
installed does: *ENVIRONMENT* is the same tool's list of an environment, from
each package's own metadata, an SPDX expression or id where it states one, else
its own words. A package that this platform does not install stays without.

Run in the environment of deploy/image/build.lock.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

Component = dict[str, Any]


def key(one: Component) -> tuple[str, str]:
    """Return name and version as every index compares them."""
    return re.sub(r"[-_.]+", "-", one["name"]).lower(), one["version"]


def licensed(listed: Component, installed: Component) -> Component:
    """
    Return the list with the licences of what is installed, in an order of their own.

    Raises:
        KeyError: something is installed and has no licence at all, or is of another version than the list says.
    """
    known = {key(one): one for one in installed["components"]}
    names = {name for name, _ in known}
    for one in listed["components"]:
        if key(one)[0] in names:
            one["licenses"] = sorted(known[key(one)]["licenses"], key=json.dumps)
    return listed


def main(listed: Path, installed: Path) -> int:
    """Write the list anew; return the exit code."""
    # Of that environment, and of no other.
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    found = licensed(json.loads(listed.read_text()), json.loads(installed.read_text()))
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        sys.stderr.write(f"licences: the list is none of CycloneDX any more: {fault}\n")
        return 1
    listed.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
