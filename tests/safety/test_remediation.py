"""How soon faults are mended is said by severity, and how a deployer looks for them is a command that is there."""

from __future__ import annotations

import re

from tests.safety.evidence import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| (critical|high|medium|low|none known)\b([^|]*)\| (\d+) days \|", re.MULTILINE
)
BOUND = re.compile(r"\d\.\d")


def test_each_severity_has_its_time() -> None:
    """The graver, the sooner; no severity between two of them is left out; and what has no known fault is renewed too."""
    rows = {name: (how, int(days)) for name, how, days in ROW.findall(TEXT)}
    assert list(rows) == ["critical", "high", "medium", "low", "none known"]
    days = [rows[name][1] for name in ("critical", "high", "medium", "low")]
    assert days == sorted(set(days))
    assert rows["none known"][1] <= 92, "four times a year"
    bounds = [tuple(map(float, BOUND.findall(how))) for how, _ in rows.values()]
    assert bounds == [(9.0,), (7.0, 8.9), (4.0, 6.9), (4.0,), ()]


def test_a_deployer_can_ask_and_is_told_that_nobody_else_did() -> None:
    """The command asks about what the image is made from, each package by its hash."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\naudit: ##")[2].partition("\n\n")[0]
    assert "pip-audit --strict --require-hashes" in recipe
    assert "-r deploy/requirements.lock" in recipe
    assert "COPY deploy/requirements.lock" in (ROOT / "deploy/Dockerfile").read_text("utf-8")
    assert "`make audit`" in TEXT
    assert "no version of cordwatch says by itself\n  that it has no known fault" in TEXT
