"""`cordwatch replay` as it is typed: files or the raw topic, and what goes with which."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cordwatch.app.cli import cordwatch
from cordwatch.runtime.kafka import BrokerUnreachable


def replay(*arguments: object) -> Result:
    """Run the command in this process; no broker answers at the address."""
    address = ["--kafka", "127.0.0.1:1", "--broker-timeout", "0.1", "replay"]
    return CliRunner().invoke(cordwatch, [*address, *(str(one) for one in arguments)])


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    """Return a file that is there."""
    path = tmp_path / "messages.hl7"
    path.write_text("MSH|^~\\&|A|B|||20260302||ADT^A01|1|P|2.5\r", encoding="utf-8")
    return path


def test_one_of_both_must_be_said(messages: Path) -> None:
    """And not both: a file has not been received before."""
    for arguments in ([], ["--from-raw", messages], ["--from-raw", "--as-recorded"]):
        done = replay(*arguments)
        assert (done.exit_code, "--from-raw" in done.stderr) == (2, True), arguments


@pytest.mark.parametrize(
    "option",
    [
        ["--since", "2026-03-02T08:00Z"],
        ["--until", "2026-03-02T08:00Z"],
        ["--source", "A|B"],
        ["--patient", "p_1"],
        ["--live"],
        ["--dry-run"],
    ],
)
def test_what_a_file_has_no_use_for_is_refused(messages: Path, option: list[str]) -> None:
    """A dry run of files would publish them: nobody must believe that it did not."""
    done = replay(messages, *option)
    assert (done.exit_code, f"{option[0]} goes with --from-raw" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--since", "yesterday"], "is not an ISO 8601 time"),
        (["--since", "2026-03-02T08:00"], "offset"),
        (["--since", "2026-03-02T08:00Z", "--until", "2026-03-02T08:00Z"], "must come before"),
    ],
)
def test_times_that_are_none_are_refused(options: list[str], reason: str) -> None:
    """Before anything is read."""
    done = replay("--from-raw", *options)
    assert (done.exit_code, reason in done.stderr) == (2, True), done.stderr


def test_without_a_broker_it_says_so() -> None:
    """With an instant from before the events that are kept: a warning first."""
    done = replay("--from-raw", "--since", "2020-01-01T00:00Z", "--dry-run")
    assert isinstance(done.exception, BrokerUnreachable)
    assert "cannot be seen, counts as missing" in done.stderr
