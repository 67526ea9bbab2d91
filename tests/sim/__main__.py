"""`python -m tests.sim [--seed S] [--worlds N]`: as many worlds as wanted; `make sim SEED=... N=...`."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import secrets
import sys
import time

from cordwatch_schemas.pack import load_pack
from tests.sim.check import PATIENT_DAYS, Trial, differences, shrunk

PACK = load_pack("mescc-lymphoma")
PATIENTS = 6
OTHERS = 12
GARBAGE_MIN = 100_000


def differs(seed: int) -> bool:
    """Return whether watch and core differ in the world of *seed*."""
    return bool(differences(Trial.from_seed(seed, PATIENTS, OTHERS), PACK))


def show(seed: int) -> None:
    """Print the smallest story found in which the world of *seed* still differs."""
    print(f"seed={seed} differs; shrinking ...", flush=True)
    small = shrunk(
        Trial.from_seed(seed, PATIENTS, OTHERS), lambda one: bool(differences(one, PACK))
    )
    print(small.faults)
    for one in small.told:
        print(f"  {one.model_dump_json(exclude_defaults=True)}")
    print("\n".join(differences(small, PACK)))


def main() -> int:
    """Run the worlds; on the first that differs print its seed and the smallest story, and return 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**9), help="of the first world"
    )
    parser.add_argument("--worlds", type=int, default=200, help="how many")
    wanted = parser.parse_args()
    print(f"seed={wanted.seed} worlds={wanted.worlds}", flush=True)
    began = time.perf_counter()
    seeds = range(wanted.seed, wanted.seed + wanted.worlds)
    # A world is dropped whole: rings of objects in it need not be looked for as often as they are made.
    with multiprocessing.Pool(initializer=gc.set_threshold, initargs=(GARBAGE_MIN,)) as pool:
        for seed, is_wrong in zip(seeds, pool.imap(differs, seeds), strict=True):
            if is_wrong:
                pool.terminate()
                show(seed)
                return 1
    took = time.perf_counter() - began
    patients = PATIENTS + OTHERS
    days = wanted.worlds * patients * PATIENT_DAYS
    print(
        f"watch and core agree in {wanted.worlds} worlds of {patients} patients: "
        f"{days:,.0f} patient-days in {took:.0f} s, {days / took * 60:,.0f} a minute"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
