"""Settings: from the environment, closed by default, and refused by name."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import ValidationError

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands import feeds as command
from cordwatch.feeds.metrics import BAD_FRAMES, CLOSINGS, COMMITS, OUTCOMES, REFUSALS, FeedsMetrics
from cordwatch.feeds.settings import FeedsSettings


def test_without_a_word_it_listens_on_loopback() -> None:
    """Nothing is reachable that nobody opened."""
    settings = FeedsSettings()
    assert (settings.on_loopback, settings.host, settings.port) == (True, "127.0.0.1", 2575)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists with commas; what is given on the command line wins."""
    monkeypatch.setenv("CORDWATCH_FEEDS_ALLOW", "10.0.0.0/8, 192.0.2.7")
    monkeypatch.setenv("CORDWATCH_FEEDS_APPLICATIONS", "HIS,LAB")
    monkeypatch.setenv("CORDWATCH_FEEDS_MLLP", "2")
    monkeypatch.setenv("CORDWATCH_FEEDS_PORT", "2576")
    settings = FeedsSettings(port=2577)
    assert settings.allow == (ip_network("10.0.0.0/8"), ip_network("192.0.2.7/32"))
    assert (settings.applications, settings.mllp, settings.port) == (("HIS", "LAB"), 2, 2577)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": "0.0.0.0"}, "say who may connect"),  # noqa: S104 - refused is what is tested
        ({"host": "gateway"}, "is no IP address"),
        ({"tls_cert": "c.pem"}, "go together"),
        ({"tls_client_ca": "ca.pem"}, "needs tls_cert"),
        ({"max_frame_bytes": 1 << 25}, "less than or equal"),
        ({"port": 70_000}, "less than or equal"),
        ({"allow": "10.0.0.0/99"}, "valid IPv4"),
        ({"mllp": "3"}, "1 or 2"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    """Before anything listens."""
    with pytest.raises(ValidationError, match=said):
        FeedsSettings.model_validate(wrong)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "Zebrafinch"], "--port: Input should be a valid integer"),
        (["--host", "0.0.0.0"], "say who may connect"),  # noqa: S104 - refused is what is tested
        (["--host", "0.0.0.0", "--allow", "10.0.0.0/8"], "it takes --key-file"),  # noqa: S104
        (["--tls-cert", "c.pem"], "tls_cert and tls_key go together"),
    ],
)
def test_the_command_says_which_option_is_wrong(arguments: list[str], said: str) -> None:
    """Exit code 2 and a line, without the value."""
    done = CliRunner().invoke(cordwatch, ["feeds", *arguments])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert "Zebrafinch" not in done.output


def test_options_reach_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is an option; its exit code is the command's."""
    seen: list[FeedsSettings] = []

    def run(settings: FeedsSettings, *_: object, **__: object) -> int:
        seen.append(settings)
        return 1

    monkeypatch.setattr(command, "run", run)
    arguments = ["--port", "0", "--idle-s", "7", "--applications", "HIS", "--mllp", "2"]
    done = CliRunner().invoke(cordwatch, ["feeds", *arguments])
    assert done.exit_code == 1
    [settings] = seen
    assert (settings.port, settings.idle_s, settings.mllp) == (0, 7.0, 2)
    assert settings.applications == ("HIS",)


def test_every_setting_is_explained_in_the_help() -> None:
    """With the name that it has in the environment."""
    shown = " ".join(CliRunner().invoke(cordwatch, ["feeds", "--help"]).output.split())
    for name, field in FeedsSettings.model_fields.items():
        assert f"CORDWATCH_FEEDS_{name.upper()}]" in shown
        assert field.description


def test_every_series_is_there_before_anything_happened() -> None:
    """An alarm on a series that never came would never ring."""
    registry = CollectorRegistry()
    FeedsMetrics(registry)
    page = generate_latest(registry).decode()
    expected = [
        *(f'cordwatch_feeds_messages_total{{outcome="{one}"}} 0.0' for one in OUTCOMES),
        *(f'cordwatch_feeds_acks_total{{code="{one}"}} 0.0' for one in COMMITS),
        *(f'cordwatch_feeds_acks_total{{code="{one}"}} 0.0' for one in ("AA", "AE", "CR")),
        *(f'cordwatch_feeds_bad_frames_total{{kind="{one}"}} 0.0' for one in BAD_FRAMES),
        *(f'cordwatch_feeds_refused_peers_total{{reason="{one}"}} 0.0' for one in REFUSALS),
        *(f'cordwatch_feeds_closed_connections_total{{cause="{one}"}} 0.0' for one in CLOSINGS),
        "cordwatch_feeds_open_connections 0.0",
        "cordwatch_feeds_commit_seconds_count 0.0",
        "cordwatch_feeds_last_message_timestamp_seconds 0.0",
    ]
    assert [line for line in expected if line not in page] == []
