"""Measures: `python -m bench [--small] [NAME...]`; everything at full size writes docs/BENCH.md."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.acknowledging import DAY, acknowledging
from bench.backlog import backlog
from bench.board import FULL, SMALL, boarding
from bench.catching_up import catching_up, catching_up_simply
from bench.findings import Findings
from bench.firing import firing
from bench.paging import paging
from bench.parsing import parsing
from bench.recovering import recovering
from bench.simulating import simulating

Measurement = Callable[[Findings, Path, bool], None]

MEASUREMENTS: dict[str, Measurement] = {
    "simulate": lambda found, _, small: simulating(found, 5_000 if small else 220_000),
    "parsing": lambda found, _, small: parsing(
        found, *((3_000, 300) if small else (48_000, 4_800))
    ),
    "gateway": lambda found, folder, small: acknowledging(
        found, folder, *((3, 10_000) if small else (20, DAY))
    ),
    "simple": lambda found, folder, small: catching_up_simply(
        found, folder, 10_000 if small else 100_000
    ),
    "pathway": lambda found, folder, small: catching_up(found, folder, 5_000 if small else 60_000),
    "backlog": lambda found, folder, small: backlog(found, folder, 1_000 if small else 10_000),
    "recovery": lambda found, folder, small: recovering(
        found, folder, *((20_000,) if small else (300_000, 1_000_000))
    ),
    "firing": lambda found, folder, small: firing(
        found, folder, *((2_000, 10) if small else (20_000, 60))
    ),
    "paging": lambda found, folder, small: paging(found, folder, 50 if small else 300, 5),
    "board": lambda found, folder, small: boarding(found, folder, SMALL if small else FULL),
}


def main() -> None:
    """Run what is named, else everything."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[*MEASUREMENTS, []], help="what to measure")
    parser.add_argument("--small", action="store_true", help="small sizes: to try it out")
    asked = parser.parse_args()
    found = Findings()
    began = time.perf_counter()
    for name in asked.name or MEASUREMENTS:
        with tempfile.TemporaryDirectory() as folder:
            MEASUREMENTS[name](found, Path(folder), asked.small)
    if not asked.name and not asked.small:
        found.write(time.perf_counter() - began)


if __name__ == "__main__":
    main()
