"""`python -m tests.sim [--seed S] [--worlds N] [--patients P]`: as many worlds as wanted; `make sim`."""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from cordwatch_schemas.pack import load_pack
from tests.sim.check import PATIENT_DAYS, Trial, differences, shrunk


def main() -> int:
    """Run the worlds; on the first that differs print its seed and the smallest story, and return 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**9), help="of the first world"
    )
    parser.add_argument("--worlds", type=int, default=200, help="how many")
    parser.add_argument("--patients", type=int, default=6, help="patients in each")
    wanted = parser.parse_args()
    pack = load_pack("mescc-lymphoma")
    began = time.perf_counter()
    for seed in range(wanted.seed, wanted.seed + wanted.worlds):
        trial = Trial.from_seed(seed, wanted.patients)
        if differences(trial, pack):
            print(f"seed {seed} differs; shrinking ...", flush=True)
            small = shrunk(trial, lambda one: bool(differences(one, pack)))
            print(f"{small.faults}")
            for one in small.told:
                print(f"  {one.model_dump_json(exclude_defaults=True)}")
            print("\n".join(differences(small, pack)))
            return 1
    took = time.perf_counter() - began
    days = wanted.worlds * wanted.patients * PATIENT_DAYS
    print(
        f"{wanted.worlds} worlds from seed {wanted.seed}: watch and core agree; "
        f"{days:,.0f} patient-days in {took:.0f} s, {days / took * 60:,.0f} a minute"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
