"""What there is to know without a broker: variables, keys, time zone, plan, disk."""

from __future__ import annotations

import asyncio
import shlex
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cordwatch.app.commands.effective import known_variables, unread
from cordwatch.app.commands.pager_checking import tried
from cordwatch.app.commands.secret_files import REFERENCE_KEY, fault_of
from cordwatch.app.doctor.probing import Finding, Probe, command, good, unknown
from cordwatch.pager.asked import rules_of
from cordwatch.pager.plan import load_plan
from cordwatch_schemas.pack_choice import load_packs
from cordwatch_schemas.positions import BadYaml

FREE_BYTES_MIN = 256 * 1024 * 1024


def probes(
    environment: Mapping[str, str], zone: str, pack: str, plan: Path | None, key: Path | None
) -> dict[str, Probe]:
    """Return what to look at on this host."""
    return {
        "variables": partial(_variables, environment),
        "time zone": partial(_zone, zone),
        "pathway pack": partial(_pack, pack),
        "reference key": partial(_key, key),
        "pager plan": partial(_plan, plan, pack),
        "disk here": _disk,
    }


def _variables(environment: Mapping[str, str]) -> Finding:
    lost = list(unread(environment, known_variables()))
    if lost:
        cure = "give it the name that is meant, or take it out of the environment"
        return Finding("bad", "; ".join(lost), cure)
    return good("each CORDWATCH_ variable is read by some command")


def _zone(zone: str) -> Finding:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Finding(
            "bad",
            "CORDWATCH_ZONE is no time zone that is known here",
            "set CORDWATCH_ZONE, or --zone, to one like Europe/Amsterdam",
        )
    return good(f"{zone} is known here")


def _pack(pack: str) -> Finding:
    try:
        return good(load_packs(pack).label)
    except (BadYaml, OSError) as error:
        return Finding("bad", str(error).splitlines()[0], command("pack", "check", pack))


def _key(key: Path | None) -> Finding:
    if key is None:
        return unknown("name it with --key-file to have it looked at")
    try:
        fault = fault_of(key.read_bytes())
    except FileNotFoundError:
        return Finding("bad", "is not there", _made(key))
    except OSError as error:
        cure = "let the user of this process read it"
        return Finding("bad", f"cannot be read: {error.strerror}", cure)
    if fault:
        # Never over a key: with another one every patient who is known is somebody else.
        aside = shlex.join(("mv", "-n", str(key), f"{key}.old"))
        return Finding("bad", fault, f"{aside} && {_made(key)}")
    return good("is a key")


def _made(key: Path) -> str:
    """Return how the key is made, which is once."""
    made = key.with_name(REFERENCE_KEY)
    name = "" if made == key else f"; then --key-file {shlex.quote(str(made))}"
    return f"{command('secrets', 'make', str(key.parent))}  # before the first patient{name}"


def _plan(plan: Path | None, pack: str) -> Finding:
    if plan is None:
        return unknown("name it with --plan to have its destinations tried")
    cure = command("pager", "check", "--plan", str(plan), "--pack", pack)
    try:
        found = load_plan(plan, rules_of(load_packs(pack)))
    except (BadYaml, OSError) as error:
        return Finding("bad", str(error).splitlines()[0], cure)
    lost = [one["text"] for one in asyncio.run(tried(found)) if one["kind"] != "good"]
    if lost:
        return Finding("bad", "; ".join(lost), cure)
    return good(f"{len(found.destinations)} destinations would take a page")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    found = f"{free // (1024 * 1024):,} MiB free"
    if free < FREE_BYTES_MIN:
        return Finding("bad", found, "make room: the downtime copy and logs are written here")
    return good(found)
