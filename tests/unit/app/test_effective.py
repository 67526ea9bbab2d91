"""What a service would run with, who said so, and that nothing secret is in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands.effective import SERVICES, known_variables, masked, unread
from cordwatch.feeds.settings import FeedsSettings


def shown(*arguments: str, **environment: str) -> Result:
    """Ask with a command line and an environment; what the run of the tests is told stands not in it."""
    without = {name: None for name in os.environ if name.startswith("CORDWATCH_")}
    command = ["config", "show", *arguments]
    return CliRunner().invoke(cordwatch, command, env={**without, **environment})


def told(result: Result) -> dict[str, tuple[str, str]]:
    """Return of each option its value and its source."""
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {one["option"]: (one["value"], one["source"]) for one in lines}


def test_the_command_line_goes_before_the_environment_and_both_before_a_default() -> None:
    """As for the service itself, whichever way it reads its options."""
    result = shown(
        "feeds",
        "--port",
        "2600",
        "--json",
        CORDWATCH_FEEDS_PORT="2700",
        CORDWATCH_FEEDS_IDLE_S="5",
        CORDWATCH_ZONE="Europe/Amsterdam",
    )
    found = told(result)
    assert found["--port"] == ("2600", "command line")
    assert found["--idle-s"] == ("5", "environment")
    assert found["--zone"] == ("Europe/Amsterdam", "environment")
    assert found["--drain-s"] == ("20.0", "default")
    assert found["--kafka"] == ("127.0.0.1:9092", "default")
    assert result.exit_code == 0


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_option_of_every_service_is_shown(service: str) -> None:
    """Each once, those of the demo alone left out, and none twice."""
    lines = shown(service, "--json").stdout.splitlines()
    options = [json.loads(line)["option"] for line in lines]
    assert "--kafka" in options
    assert len(options) == len(set(options)) > 5
    assert not [one for one in options if "clock" in one or "embedded" in one]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_variable_with_nothing_in_it_says_nothing(service: str) -> None:
    """As docker-compose.yml hands on what its own environment does not name: by the service too, not here alone."""
    without = shown(service, "--json")
    empty = shown(service, "--json", **dict.fromkeys(known_variables(), ""))
    assert told(empty) == told(without)
    assert (empty.exit_code, empty.stderr) == (without.exit_code, without.stderr)


def test_a_default_is_what_the_service_takes_by_itself() -> None:
    """The table is made from the options, the service from its settings: they say the same."""
    found = told(shown("feeds", "--json"))
    settings = FeedsSettings()
    assert found["--max-connections"][0] == str(settings.max_connections)
    assert found["--metrics-port"][0] == str(settings.metrics_port)
    assert found["--allow"][0] == ""


def test_what_a_url_hides_is_not_shown() -> None:
    """Nor an address that is itself the secret."""
    result = shown(
        "synthetic",
        "--heartbeat-alertmanagers",
        "https://us:hush@am:9093",
        CORDWATCH_SYNTHETIC_HEARTBEAT_URL="https://ping.example/hush",
    )
    assert "hush" not in result.output
    assert "https://***@am:9093" in result.output
    assert "(set, not shown)" in result.output
    assert masked("http://a/b?token=hush,http://c/d") == "http://a/b?***,http://c/d"


def test_a_slip_of_the_pen_is_named() -> None:
    """A variable that nothing reads changes nothing, and nobody would notice."""
    result = shown("watch", CORDWATCH_HODL="5", HOME="x")
    assert result.stderr == "CORDWATCH_HODL is read by no command; is CORDWATCH_HOLD meant?\n"
    assert result.exit_code == 1
    known = known_variables()
    assert not list(unread(["CORDWATCH_FEEDS_PORT", "CORDWATCH_BOARD_ACCESS", "PATH"], known))


def test_what_the_service_would_refuse_is_said_as_it_would_say_it() -> None:
    """And the table is there to see why."""
    result = shown("feeds", CORDWATCH_FEEDS_HOST="10.1.2.3")
    assert "would be refused: Value error, beyond loopback, say who may connect" in result.stderr
    assert "10.1.2.3" in result.stdout
    assert result.exit_code == 1
    assert "would be refused: --plan: Field required" in shown("pager").stderr


def test_wrong_use_is_the_services_own_error(tmp_path: Path) -> None:
    """A file that is not there, an option that there is not."""
    assert shown("feeds", "--key-file", str(tmp_path / "none")).exit_code == 2
    assert "No such option" in shown("feeds", "--prot", "1").stderr
    assert shown("feedz").exit_code == 2
