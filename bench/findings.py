"""What was measured, and the page that says so."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "BENCH.md"


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be: at most or at least *bound*."""

    bound: float
    at_most: bool
    shown: str

    def verdict(self, value: float) -> str:
        """Return whether *value* meets it, and if not by how much it is missed."""
        if value <= self.bound if self.at_most else value >= self.bound:
            return f"{self.shown}: met"
        if not self.bound:
            return f"{self.shown}: **missed**"
        factor = value / self.bound if self.at_most else self.bound / max(value, 1e-9)
        return f"{self.shown}: **missed** by a factor of {factor:.2f}"


def at_most(bound: float, shown: str) -> Aim:
    """Return the aim to stay at or under *bound*."""
    return Aim(bound=bound, at_most=True, shown=f"at most {shown}")


def at_least(bound: float, shown: str) -> Aim:
    """Return the aim to reach *bound*."""
    return Aim(bound=bound, at_most=False, shown=f"at least {shown}")


@dataclass
class Findings:
    """Rows of the page, by heading."""

    sections: dict[str, list[tuple[str, str, str, str]]] = field(default_factory=dict)

    def add(
        self,
        section: str,
        what: str,
        figure: str,
        how: str,
        aim: tuple[Aim, float] | None = None,
        *,
        why_missed: str = "",
    ) -> None:
        """Note a figure under its heading, with its aim and the value to judge by, and say it; *why_missed* if it is."""
        verdict = "" if aim is None else aim[0].verdict(aim[1])
        if why_missed and "missed" in verdict:
            verdict = f"{verdict}: {why_missed}"
        self.sections.setdefault(section, []).append((what, figure, verdict, how))
        print(f"{section} | {what}: {figure} {verdict} ({how})", flush=True)

    def write(self, took_s: float) -> None:
        """Write the page."""
        lines = ["# Benchmarks", "", *_machine(took_s)]
        for section, rows in self.sections.items():
            lines += [f"## {section}", "", "| what | figure | aim | how |", "|---|---|---|---|"]
            lines += [f"| {' | '.join(row)} |" for row in rows]
            lines += [""]
        PAGE.write_text("\n".join(lines), encoding="utf-8")


def _machine(took_s: float) -> list[str]:
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `make bench`, all in one run of {took_s / 60:.0f} minutes, on "
        f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, "
        f"Python {platform.python_version()}. One process each, which shares the machine with its Kafka broker "
        "and with the process that measures; a fresh broker for each measurement.",
        "",
        "`bench/` says exactly what was done; this page is written by it and not by hand.",
        "",
    ]
