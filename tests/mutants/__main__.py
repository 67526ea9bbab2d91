"""
`python -m tests.mutants [--seed S] [--sample N] [PATTERN...]`: how many mutants of the core the tests kill; `make mutants`.

mutmut makes the mutants, each of which changes one thing in a function of the
core. A whole run takes hours: a sample is drawn, of every module its share.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import random
import secrets
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from tests.mutants.forking import KILLED, UNREACHED

ROOT = Path(__file__).parents[2]
STAGE = ROOT / "build" / "mutants"
TESTS = (
    "tests/spec",
    "tests/unit/pathway",
    "tests/oracle/test_differences.py",
    "tests/oracle/test_corrections.py",
    "tests/oracle/test_doubtful_times.py",
    "tests/oracle/test_moves.py",
    "tests/oracle/test_agreement.py::test_on_the_same_histories_every_time",
)
"""What is seeded or written down; generated cases of every run their own would kill by luck."""
LEAST_OF_A_MODULE = 5
SETTINGS = """
[tool.mutmut]
source_paths = ["cordwatch/pathway"]
also_copy = ["cordwatch", "cordwatch_schemas", "tests", "docs"]
[tool.pytest.ini_options]
pythonpath = ["."]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
timeout = 600
"""
GENERATE = """
from mutmut import __main__ as mutmut
mutmut.set_mutant_under_test("mutant_generation")
mutmut.copy_src_dir()
mutmut.copy_also_copy_files()
mutmut.setup_source_paths()
mutmut.store_lines_covered_by_tests()
mutmut.create_mutants(2)
"""


def _stage() -> list[str]:
    """Make all mutants from a copy of core and tests, side by side as mutmut wants them; return their names."""
    shutil.rmtree(STAGE, ignore_errors=True)
    (STAGE / "mutants").mkdir(parents=True)
    for folder in ("services/cordwatch", "schemas/cordwatch_schemas", "tests", "docs"):
        source = ROOT / folder
        shutil.copytree(source, STAGE / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    for place in (STAGE, STAGE / "mutants"):
        (place / "pyproject.toml").write_text(SETTINGS)
    subprocess.run(
        [sys.executable, "-c", GENERATE], cwd=STAGE, check=True, stdout=subprocess.DEVNULL
    )
    found: set[str] = set()
    for file in (STAGE / "mutants" / "cordwatch" / "pathway").rglob("*.meta"):
        found |= json.loads(file.read_text())["exit_code_by_key"].keys()
    return sorted(found)


def _module(mutant: str) -> str:
    return mutant.rpartition(".")[0].removeprefix("cordwatch.pathway.")


def _sample(names: list[str], size: int, seed: int) -> list[str]:
    """Return about *size* of *names*, by chance, of every module its share and some of the smallest."""
    of_module: dict[str, list[str]] = defaultdict(list)
    for name in names:
        of_module[_module(name)].append(name)
    chance, chosen = random.Random(seed), []
    for module in sorted(of_module):
        mutants = of_module[module]
        share = max(round(size * len(mutants) / len(names)), LEAST_OF_A_MODULE)
        chosen += chance.sample(mutants, min(share if size else len(mutants), len(mutants)))
    # In no order, so that a run that is cut short has looked at all modules alike.
    chance.shuffle(chosen)
    return chosen


def _run(chosen: list[str], workers: int) -> dict[str, str]:
    """Return what became of each of the *chosen*."""
    asked, answers = STAGE / "asked.json", STAGE / "answers.json"
    asked.write_text(json.dumps(chosen))
    command = [sys.executable, "-m", "tests.mutants.forking", str(asked), str(answers)]
    subprocess.run(
        [*command, str(workers), *TESTS],
        cwd=STAGE / "mutants",
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": "."},
    )
    became: dict[str, str] = json.loads(answers.read_text())
    return became


def _show(mutant: str, outcome: str) -> None:
    print(f"\n{mutant}: {outcome}", flush=True)
    code = f"from mutmut.mutation.file_mutation import *; from mutmut.__main__ import *; print(get_diff_for_mutant({mutant!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=STAGE, check=False)


def main() -> int:
    """Run the sample, print who survived and how each module did, and return 0 if enough were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", default=["*"], help="as `cordwatch.pathway.levels*`")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="of the sample")
    parser.add_argument("--sample", type=int, default=400, help="how many, 0 for all")
    parser.add_argument("--at-least", type=float, default=95, help="percent to be killed")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="forks at once")
    wanted = parser.parse_args()
    names = [n for n in _stage() if any(fnmatch.fnmatch(n, p) for p in wanted.patterns)]
    became = _run(_sample(names, wanted.sample, wanted.seed), wanted.workers)
    for name in sorted(name for name in became if became[name] != KILLED):
        _show(name, became[name])
    of_all, asked = Counter(map(_module, names)), Counter(map(_module, became))
    killed = Counter(_module(name) for name in became if became[name] == KILLED)
    print("\n| module | mutants | in the sample | killed |\n|---|---|---|---|")
    for module in sorted(asked):
        print(f"| `{module}` | {of_all[module]} | {asked[module]} | {killed[module]} |")
    unreached = sum(outcome == UNREACHED for outcome in became.values())
    share = 100 * killed.total() / max(len(became), 1)
    print(
        f"seed {wanted.seed}: {killed.total()} of {len(became)} killed ({share:.1f} %), "
        f"{unreached} reached by no test; {len(names)} mutants in all"
    )
    return 0 if share >= wanted.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
