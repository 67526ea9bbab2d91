"""A state file is believed only if it is whole: every byte of it counts."""

from __future__ import annotations

import gzip
import stat
from pathlib import Path

import pytest

from cordwatch.app.state_file import BadStateFile, Kept, check_state, read_state, write_state
from tests.builders import T

RECORDS = [
    Kept("facts", 3, 1_772_438_400_000, b"A|f1", b'{"v":1}'),
    Kept("facts", 3, 1_772_438_400_001, b"A|f1", None),
    Kept("alerts", 47, 0, b"", b"\x00\xff\n"),
]


def a_file(folder: Path) -> Path:
    """Write a state; return where."""
    path = folder / "state.gz"
    assert write_state(path, T(0), "0.1.0", RECORDS) == {"facts": 2, "alerts": 1}
    return path


def test_what_was_written_is_read_in_its_order(tmp_path: Path) -> None:
    """Keys, values, what was forgotten, partitions and stamps."""
    path = a_file(tmp_path)
    assert list(read_state(path)) == RECORDS
    assert check_state(path) == {"facts": 2, "alerts": 1}


def test_its_owner_alone_can_read_it_and_nothing_is_written_over(tmp_path: Path) -> None:
    """Names and numbers of patients are in it."""
    path = a_file(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_state(path, T(0), "0.1.0", [])
    assert list(read_state(path)) == RECORDS


@pytest.mark.parametrize("line", range(5))
def test_a_line_that_is_missing_is_noticed(tmp_path: Path, line: int) -> None:
    """The first, the last, or one in between."""
    path = a_file(tmp_path)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    assert len(lines) == 5
    path.write_bytes(gzip.compress(b"".join(lines[:line] + lines[line + 1 :])))
    with pytest.raises(BadStateFile):
        check_state(path)


def test_a_byte_that_is_another_is_noticed_and_not_shown(tmp_path: Path) -> None:
    """Wherever in the text it is; what is told of it names no patient."""
    path = a_file(tmp_path)
    text = gzip.decompress(path.read_bytes())
    for place in range(0, len(text), 7):
        changed = bytes((text[place] ^ 1,))
        path.write_bytes(gzip.compress(text[:place] + changed + text[place + 1 :]))
        with pytest.raises(BadStateFile) as told:
            check_state(path)
        assert "QXxm" not in str(told.value)


def test_a_cut_or_foreign_file_is_refused(tmp_path: Path) -> None:
    """With a reason for people."""
    path = a_file(tmp_path)
    whole = path.read_bytes()
    for content in (whole[:-9], whole[: len(whole) // 2], b"", b"hello", gzip.compress(b"{}\n")):
        path.write_bytes(content)
        with pytest.raises(BadStateFile, match="state"):
            check_state(path)
    path.write_bytes(gzip.compress(b'{"cordwatch-state":2}\n'))
    with pytest.raises(BadStateFile, match="is of format 2; this version reads 1"):
        check_state(path)
