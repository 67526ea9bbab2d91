"""`python -m tests.oracle [--seed S] [--histories N]`: core and oracle compared on as many histories as wanted; `make agreement`."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from cordwatch_schemas.pack import Pack, load_pack
from tests.oracle.agreement import differences
from tests.oracle.shrinking import shrunk
from tests.sim.wards import History, history

AT_ONCE = 50
SHOWN = 12


@cache
def _pack() -> Pack:
    return load_pack("mescc-lymphoma")


def _differences(one: History) -> list[str]:
    return differences(one.told, _pack(), one.until, one.stopped)


def first_difference(seeds: range) -> int | None:
    """Return the first of *seeds* on whose history core and oracle differ."""
    for seed in seeds:
        try:
            if _differences(history(seed)):
                return seed
        except Exception as error:
            raise RuntimeError(f"one of the two breaks on the history of seed {seed}") from error
    return None


def show(seed: int) -> None:
    """Print the smallest story found for *seed*, and the difference that it makes."""
    print(f"seed {seed} differs; shrinking ...", flush=True)
    small = shrunk(history(seed), lambda one: bool(_differences(one)))
    for one in small.told:
        # Made up, every name in it: a story may be printed whole.
        said = one.model_dump_json(exclude_defaults=True, exclude={"event_id", "source"})
        print(f"  {one.__dict__['kind']} {said}")
    print(f"looked at until {small.until}, nobody looking in {small.stopped}")
    found = _differences(small)
    print("\n".join(found[:SHOWN]))
    print(f"{max(len(found) - SHOWN, 0)} more")


def main() -> int:
    """Compare; on the first history that differs print its seed and the smallest story, and return 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="of the first")
    parser.add_argument("--histories", type=int, default=10_000, help="how many")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    wanted = parser.parse_args()
    print(f"{wanted.histories} histories from seed {wanted.seed}", flush=True)
    began, end = time.perf_counter(), wanted.seed + wanted.histories
    spans = [range(at, min(at + AT_ONCE, end)) for at in range(wanted.seed, end, AT_ONCE)]
    with ProcessPoolExecutor(wanted.workers) as pool:
        for seed in pool.map(first_difference, spans):
            if seed is not None:
                pool.shutdown(cancel_futures=True)
                show(seed)
                return 1
    took = time.perf_counter() - began
    print(f"core and oracle agree on all; {took:.0f} s, {wanted.histories / took:,.0f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
