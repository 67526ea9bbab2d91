"""Where patients depend on it nothing of the demo can be used, and no page goes to nobody unless somebody answers for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cordwatch.app.cli import cordwatch, report
from cordwatch.app.demo import PAGER_PLAN
from cordwatch.app.demo_day import DAY_FILE
from cordwatch.app.demo_today import main as tell_day
from cordwatch.pager.gaps import deaf
from cordwatch.pager.plan import load_plan
from cordwatch.runtime.environment import DEVELOPMENT, RISKS, Environment, NotForProduction
from tests.unit.deploy.compose_rules import ROOT

PRODUCTION = Environment("production")
OF_COMPOSE = ROOT / "deploy" / "compose" / "pager-plan.yaml"
SECRET = ("--environment", "production", "--kafka-security", "ssl")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("demo", "cordwatch demo"),
        ("demo --once", "cordwatch demo"),
        ("watch --embedded", "--embedded"),
        ("watch --clock-speed 1500", "a clock that is not as in life"),
        ("watch --clock-start 2026-03-02T08:00:00+00:00", "a clock that is not as in life"),
        ("watch --clock-anchor 2026-03-02T08:00:00+00:00", "a clock that is not as in life"),
        ("board --embedded", "--embedded"),
        ("board --clock-speed 2", "a clock that is not as in life"),
        ("board --synthetic", "--synthetic"),
        (f"pager run --plan {OF_COMPOSE} --embedded", "--embedded"),
        (f"pager run --plan {OF_COMPOSE} --clock-speed 2", "a clock that is not as in life"),
    ],
)
@pytest.mark.parametrize("accepted", [(), ("--accepted-risks", ",".join(RISKS))])
def test_what_is_for_invented_patients_is_refused(
    command: str, named: str, accepted: tuple[str, ...]
) -> None:
    """Exit code 2 and one line that names it, before any broker is asked; whatever else was accepted."""
    error = CliRunner().invoke(cordwatch, (*SECRET, *accepted, *command.split())).exception
    assert isinstance(error, NotForProduction)
    assert report(error) == (str(error), 2)
    assert named in str(error)
    assert "CORDWATCH_ENVIRONMENT" in str(error)
    assert "ACCEPTED_RISKS" not in str(error)


def test_the_invented_day_is_not_told(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Nothing of it is written; elsewhere all of it is."""
    monkeypatch.setenv("CORDWATCH_ENVIRONMENT", "production")
    assert tell_day() == 2
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert b"the invented day is for invented patients alone" in err
    monkeypatch.setenv("CORDWATCH_ENVIRONMENT", "")
    assert tell_day() == 0
    assert len(capfdbinary.readouterr().out) == len(DAY_FILE.read_bytes())


def test_pages_to_nobody_take_somebody_who_answers_for_it() -> None:
    """The plan of the demo rings nowhere: it is refused by its destinations' names, unless that is accepted."""
    arguments = (*SECRET, "pager", "run", "--plan", str(PAGER_PLAN))
    error = CliRunner().invoke(cordwatch, arguments).exception
    assert isinstance(error, NotForProduction)
    assert report(error) == (str(error), 2)
    assert "leads to nobody: coordinator-phone, " in str(error)
    assert "CORDWATCH_ACCEPTED_RISKS=pages-to-nobody" in str(error)
    silent = deaf(load_plan(PAGER_PLAN))
    assert len(silent) == 7
    Environment("production", frozenset({"pages-to-nobody"})).require_listeners(silent)
    DEVELOPMENT.require_listeners(silent)


def test_a_plan_that_leads_to_people_is_not_refused(tmp_path: Path) -> None:
    """A destination that tells nobody, and that no line of the roster leads to, does no harm."""
    PRODUCTION.require_listeners(deaf(load_plan(OF_COMPOSE)))
    path = tmp_path / "plan.yaml"
    text = OF_COMPOSE.read_text()
    path.write_text(text.replace("destinations:\n", "destinations:\n  unused: {kind: nowhere}\n"))
    plan = load_plan(path)
    assert "unused" in plan.destinations
    assert deaf(plan) == frozenset()
