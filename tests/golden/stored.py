"""
What a version of watch leaves behind half-way through some histories, and what it tells of the rest.

`python -m tests.golden.stored` writes the file of the present version, once, before it is released, and beside it
the commit that wrote it, whose code must read what later ones leave behind. What a released version wrote is never
written anew.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cordwatch.pathway.simulation import Told
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.events import topic_of
from tests.sim.wards import history
from tests.unit.watch.test_machine import Log, a_machine, run

FOLDER = Path(__file__).parent / "state"
HISTORIES = 16

Stored = dict[str, Any]
"""A line of the file: rows, when they were written, what came after, until when, and what was told then."""


def lived(
    log: Log, told: Iterable[tuple[datetime, str, str, str]], start: datetime, until: datetime
) -> None:
    """Let watch go from *start* to *until*, each of *told* (instant, noun, patient, record) coming at its time."""
    machine = a_machine(log)
    run(machine, log, start)
    for at, noun, patient, record in told:
        _sleep_through(log, machine, at)
        log.publish(noun, patient.encode(), record.encode())
        run(machine, log, at)
    _sleep_through(log, machine, until)
    run(machine, log, until)


def _sleep_through(log: Log, machine: Any, until: datetime) -> None:
    while (at := machine.wake_at()) is not None and at < until:
        run(machine, log, at)


def told_by(alerts: Iterable[Alert]) -> list[str]:
    """Return what is told, in order; the pack's version may change, what it says may not."""
    return [f"{one.alert_id} {one.revision} {one.rule} {one.level} {one.status}" for one in alerts]


def stored(seed: int) -> Stored:
    """Return what is left behind half-way through the history of *seed*."""
    one = history(seed)
    told = [_record(each) for each in sorted(one.told, key=lambda each: each.received_at)]
    start, half = told[0][0], len(told) // 2
    middle = told[half][0] if told[half:] else one.until
    log = Log()
    lived(log, told[:half], start, middle)
    rows = [
        [partition, key.decode(), value.decode()]
        for partition, found in sorted(log.facts.items())
        for key, value in sorted(found.items())
    ]
    later = [[at.isoformat(), *rest] for at, *rest in told[half:]]
    line = {"seed": seed, "rows": rows, "at": middle.isoformat(), "told": later}
    line["until"] = one.until.isoformat()
    return {**line, "alerts": told_by(told_since(line))}


def told_since(line: Stored) -> list[Alert]:
    """Return what the present version tells of the rest of a history, from the rows that another left behind."""
    log = Log()
    for partition, key, value in line["rows"]:
        log.facts[partition][key.encode()] = value.encode()
    told = [(datetime.fromisoformat(at), *rest) for at, *rest in line["told"]]
    middle, until = (datetime.fromisoformat(line[name]) for name in ("at", "until"))
    lived(log, told, middle, max(until, middle))
    return log.alerts


def read(path: Path) -> Iterator[Stored]:
    """Give the lines of a file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _record(one: Told) -> tuple[datetime, str, str, str]:
    noun = topic_of(one) if isinstance(one, Event) else "acks"
    return one.received_at, noun, one.patient, one.model_dump_json()


def main() -> None:
    """Write the file of this version, unless there is one, and the commit that it was written by."""
    path = FOLDER / f"{version('cordwatch')}.jsonl"
    asked = ["git", "-C", str(FOLDER), "rev-parse", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    lines = [json.dumps(stored(seed), separators=(",", ":")) for seed in range(HISTORIES)]
    with path.open("x", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    path.with_suffix(".commit").write_text(commit, encoding="utf-8")


if __name__ == "__main__":
    main()
