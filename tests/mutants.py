"""
`python -m tests.mutants [--seed S] [--sample N] [PATTERN...]`: how many mutants of the core the tests kill; `make mutants`.

mutmut changes one thing in the core at a time and runs the tests that reach
it. It wants packages and tests side by side, so both are copied to
`build/mutants` first. A whole run takes hours: by default a sample is drawn.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import random
import resource
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
STAGE = ROOT / "build" / "mutants"
KILLED = (1, 3, 36)
"""Exit codes of a run: a test failed, the run broke, or it did not come to an end."""
MEMORY_BYTES_MAX = 2 << 30
SETTINGS = """
[tool.mutmut]
source_paths = ["cordwatch/pathway"]
also_copy = ["cordwatch", "cordwatch_schemas"]
pytest_add_cli_args = ["-q", "-x", "-p", "no:cacheprovider", "--import-mode=importlib"]
pytest_add_cli_args_test_selection = [
    "tests/spec", "tests/unit/pathway", "tests/oracle/test_differences.py", "tests/oracle/test_corrections.py", "tests/oracle/test_doubtful_times.py", "tests/property/test_core.py",
]
[tool.pytest.ini_options]
pythonpath = ["."]
"""


def _stage() -> None:
    shutil.rmtree(STAGE, ignore_errors=True)
    STAGE.mkdir(parents=True)
    for folder in ("services/cordwatch", "schemas/cordwatch_schemas", "tests"):
        source = ROOT / folder
        shutil.copytree(source, STAGE / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    (STAGE / "pyproject.toml").write_text(SETTINGS)


def _mutmut(*names: str) -> None:
    # A mutant that never stops growing must not take the machine along.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    # Its own exit code says little; what became of each mutant is in its files.
    subprocess.run(["mutmut", "run", *names], cwd=STAGE, check=False)


def _outcomes() -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for file in (STAGE / "mutants" / "cordwatch" / "pathway").rglob("*.meta"):
        found |= json.loads(file.read_text())["exit_code_by_key"]
    return found


def main() -> int:
    """Run the sample, print who survived, and return 0 if enough were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", default=["*"], help="as `cordwatch.pathway.levels*`")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="of the sample")
    parser.add_argument("--sample", type=int, default=300, help="how many, 0 for all")
    parser.add_argument("--at-least", type=float, default=95, help="percent to be killed")
    wanted = parser.parse_args()
    _stage()
    _mutmut("none-of-them")
    names = sorted(n for n in _outcomes() if any(fnmatch.fnmatch(n, p) for p in wanted.patterns))
    chosen = random.Random(wanted.seed).sample(names, min(wanted.sample or len(names), len(names)))
    _mutmut(*chosen)
    became = _outcomes()
    counted = Counter(became[name] for name in chosen)
    killed = sum(counted[code] for code in KILLED)
    for name in sorted(name for name in chosen if became[name] not in KILLED):
        print(f"not killed ({became[name]}): mutmut show {name}")
    share = 100 * killed / max(len(chosen), 1)
    print(f"seed {wanted.seed}: {killed} of {len(chosen)} mutants killed, {share:.1f} %")
    return 0 if share >= wanted.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
