"""What a production refuses, and what is told where somebody accepts it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, generate_latest

from cordwatch.app.cli import cordwatch, report
from cordwatch.runtime.environment import DEVELOPMENT, RISKS, Environment, NotForProduction
from cordwatch.runtime.environment import UnknownRisk as Unknown
from cordwatch.runtime.process_metrics import tell_of_process

PRODUCTION = Environment("production")
ALL = frozenset(RISKS)
ROOT = Path(__file__).parents[3]


def test_a_production_does_not_speak_in_the_clear() -> None:
    """The message names the setting, and the risk by whose name it could be accepted."""
    with pytest.raises(NotForProduction, match="CORDWATCH_KAFKA_SECURITY") as refused:
        PRODUCTION.require_secret(is_secret=False)
    assert "CORDWATCH_ACCEPTED_RISKS=plaintext-kafka" in str(refused.value)
    PRODUCTION.require_secret(is_secret=True)
    DEVELOPMENT.require_secret(is_secret=False)
    Environment("production", frozenset({"plaintext-kafka"})).require_secret(is_secret=False)


def test_a_production_has_three_copies_of_everything() -> None:
    """Each topic that has fewer is named."""
    copies = [("cordwatch.facts.v1", 1), ("cordwatch.pages.v1", 2), ("cordwatch.acks.v1", 3)]
    with pytest.raises(NotForProduction, match="CORDWATCH_REPLICATION") as refused:
        PRODUCTION.require_copies(copies)
    assert "below 3: cordwatch.facts.v1 has 1, cordwatch.pages.v1 has 2." in str(refused.value)
    PRODUCTION.require_copies(copies[2:])
    DEVELOPMENT.require_copies(copies)
    Environment("production", frozenset({"low-replication"})).require_copies(copies)


def test_one_accepted_risk_accepts_no_other() -> None:
    """Each is answered for by its own name."""
    with pytest.raises(NotForProduction):
        Environment("production", frozenset({"low-replication"})).require_secret(is_secret=False)


def test_a_risk_that_is_none_of_ours_is_refused() -> None:
    """A slip of the pen accepts nothing; those that there are, are named."""
    with pytest.raises(Unknown, match="plaintxt: no such risk; there are plaintext-kafka"):
        Environment("production", frozenset({"plaintxt"}))


def test_what_is_accepted_is_told_where_it_counts() -> None:
    """Elsewhere nothing is refused, and nothing needs to be accepted."""
    assert Environment("development", ALL).stands == ()
    assert Environment("production", ALL).stands == tuple(RISKS)
    (line,) = Environment("production", frozenset({"low-replication"})).told()
    assert line.startswith("low-replication: one broker that is lost")


def test_a_production_believes_no_short_key() -> None:
    """3072 bits are as strong as a cipher of 128; elsewhere what most providers have is enough."""
    assert PRODUCTION.rsa_bits_min == 3072
    assert Environment("production", frozenset({"short-keys"})).rsa_bits_min == 2048
    assert Environment("production", frozenset({"low-replication"})).rsa_bits_min == 3072
    assert DEVELOPMENT.rsa_bits_min == 2048


def test_each_risk_can_be_found() -> None:
    """By its name, in the help of every command and in the paper that says when it is refused."""
    [shown] = (getattr(one, "help", "") for one in cordwatch.params if one.name == "accepted_risks")
    paper = (ROOT / "docs/kafka-security.md").read_text(encoding="utf-8")
    for name, meaning in RISKS.items():
        assert f"| `{name}`: {meaning} |" in paper
        assert name in shown


def test_every_process_tells_each_risk_as_a_series() -> None:
    """One that is not accepted is 0, so that a rule can tell it from a process that is silent."""
    registry = CollectorRegistry()
    tell_of_process(registry, lambda: (True, {}), ("plaintext-kafka",))
    lines = generate_latest(registry).decode().splitlines()
    assert [one for one in lines if one.startswith("cordwatch_accepted_risk{")] == [
        'cordwatch_accepted_risk{risk="plaintext-kafka"} 1.0',
        'cordwatch_accepted_risk{risk="low-replication"} 0.0',
        'cordwatch_accepted_risk{risk="short-keys"} 0.0',
        'cordwatch_accepted_risk{risk="pages-to-nobody"} 0.0',
        'cordwatch_accepted_risk{risk="plaintext-metrics"} 0.0',
    ]


@pytest.mark.parametrize(
    "command",
    [
        "watch",
        "feeds --port 0",
        "board --port 0",
        "synthetic --metrics-port 0",
        "pager run --plan {plan} --metrics-port 0",
        "topics verify",
    ],
)
def test_no_service_starts_in_the_clear_in_production(command: str) -> None:
    """Exit code 2 and two lines, before any broker is asked."""
    plan = ROOT / "deploy" / "compose" / "pager-plan.yaml"
    arguments = ("--environment", "production", *command.format(plan=plan).split())
    error = CliRunner().invoke(cordwatch, arguments).exception
    assert isinstance(error, NotForProduction)
    assert report(error) == (str(error), 2)
    assert str(error).startswith("environment is production, and kafka-security")
