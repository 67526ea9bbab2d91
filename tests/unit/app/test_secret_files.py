"""`cordwatch secrets`: keys by chance, closed to others; samples are refused, and nothing is shown."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cordwatch.app.commands.secret_files import NAMES, fault_of, secrets

GOOD = b"9f1c7e42a8d05b36" * 4


def run(*arguments: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(secrets, [str(one) for one in arguments])


def test_made_keys_are_keys_and_never_the_same(tmp_path: Path) -> None:
    """What is made passes the check, and no two are equal."""
    for one in ("a", "b"):
        assert run("make", tmp_path / one).exit_code == 0
    made = [tmp_path / one / name for one in ("a", "b") for name in NAMES]
    assert run("check", *made).exit_code == 0
    assert len({path.read_bytes() for path in made}) == len(made) == 4


def test_the_folder_is_closed_and_its_files_can_be_read_by_containers(tmp_path: Path) -> None:
    """Another user of the host comes not past the folder; uid 65532 of a container reads the file."""
    run("make", tmp_path / "secrets")
    folder = tmp_path / "secrets"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}
    assert modes == {"secrets": 0o700, "pager": 0o755, "reference-key": 0o444, "board-proxy": 0o444}


def test_a_key_in_use_is_never_made_anew(tmp_path: Path) -> None:
    """With another reference key every patient would be somebody else."""
    (tmp_path / "reference-key").write_bytes(GOOD)
    done = run("make", tmp_path)
    assert done.exit_code == 0
    assert "reference-key: there already" in done.output
    assert (tmp_path / "reference-key").read_bytes() == GOOD


@pytest.mark.parametrize(
    "secret",
    [
        b"",
        b" \n",
        b"changeme-changeme-changeme-changeme-0123456789",
        b"REPLACE-ME-0123456789-0123456789-0123456789",
        b"cordwatch exercise key: not for real patients",
        b"password0123456789abcdefghijklmnopqrstuvwx",
        b"0123456789abcdef0123456789abcde",
        b"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddd",
    ],
)
def test_what_could_be_guessed_is_refused_and_not_shown(tmp_path: Path, secret: bytes) -> None:
    """A placeholder, a short key, a monotonous one: told by file, never by what stands in it."""
    path = tmp_path / "key"
    path.write_bytes(secret)
    done = run("check", path)
    assert done.exit_code == 1
    assert done.output.startswith(f"{path}: ")
    assert len(secret) < 10 or secret.decode() not in done.output


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """Nothing starts for want of a look."""
    done = run("check", tmp_path / "none")
    assert (done.exit_code, "cannot be read (FileNotFoundError)" in done.output) == (1, True)


def test_one_good_key_does_not_excuse_another(tmp_path: Path) -> None:
    """Each is looked at."""
    (tmp_path / "good").write_bytes(GOOD)
    (tmp_path / "bad").write_bytes(b"secret")
    assert fault_of(GOOD) is None
    done = run("check", tmp_path / "good", tmp_path / "bad")
    assert (done.exit_code, f"{tmp_path}/good:" in done.output) == (1, False)
