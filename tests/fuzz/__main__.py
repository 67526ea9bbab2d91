"""`python -m tests.fuzz [--minutes M] [--seed S]`: the checks of `feeds.py` on fresh input for as long as wanted; `make fuzz`."""

from __future__ import annotations

import argparse
import secrets
import time

from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.feeds import CHECKS

EXAMPLES = 500


def main() -> None:
    """Run until the time is up; a failure is told by hypothesis, smallest first, with the seed of its round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="of the first round")
    arguments = parser.parse_args()
    until = time.monotonic() + arguments.minutes * 60
    number = arguments.seed if arguments.seed is not None else secrets.randbits(32)
    rounds = 0
    while rounds == 0 or time.monotonic() < until:
        for name, (strategy, check) in CHECKS.items():
            print(f"seed={number + rounds} {EXAMPLES} x {name}", flush=True)
            examples = settings(
                max_examples=EXAMPLES,
                deadline=10_000,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            seed(number + rounds)(examples(given(strategy)(check)))()
        rounds += 1
    print(f"{rounds} rounds of {EXAMPLES} each, nothing found")


if __name__ == "__main__":
    main()
