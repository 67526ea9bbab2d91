"""What this version leaves behind is read by the last one too, which then tells the same: a roll-back forgets nobody."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.golden.stored import FOLDER, HISTORIES, stored

ROOT = Path(__file__).parents[2]
COMMITS = sorted(FOLDER.glob("*.commit"))
"""For each version whose rows are kept: the commit that wrote them."""
TELLS = """
import json, sys
import cordwatch, cordwatch_schemas
from tests.golden import stored
told = [stored.told_by(stored.told_since(json.loads(line))) for line in sys.stdin]
print(json.dumps({"code": [cordwatch.__file__, cordwatch_schemas.__file__, stored.__file__], "told": told}))
"""


def code_of(commit: str, folder: Path) -> None:
    """Lay out the code of *commit* in *folder*; skip where the history does not reach back to it."""
    command = ["git", "-C", str(ROOT), "archive", commit, "services", "schemas", "tests"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no git here")
    if done.returncode != 0:
        pytest.skip(f"{commit} is not in the history that is here")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


@pytest.mark.parametrize("path", COMMITS, ids=lambda path: path.stem)
def test_a_roll_back_changes_nothing_that_is_told(path: Path, tmp_path: Path) -> None:
    """The last version goes on from the rows of this one, with the same alerts under the same ids."""
    code_of(path.read_text().strip(), tmp_path)
    lines = [stored(seed) for seed in range(HISTORIES)]
    done = subprocess.run(
        [sys.executable, "-c", TELLS],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": ":".join(str(tmp_path / one) for one in ("services", "schemas", "."))},
        input="\n".join(json.dumps(one) for one in lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found = json.loads(done.stdout)
    assert all(one.startswith(str(tmp_path)) for one in found["code"])
    for line, told in zip(lines, found["told"], strict=True):
        assert told == line["alerts"], f"history {line['seed']}"
    assert sum(map(len, found["told"])) > 100
