"""Destinations of a plan: what of them is refused, and what is missing at start said all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from cordwatch.pager.plan import Plan
from cordwatch.pager.transports.build import BadDestinations, transports_of
from cordwatch.pager.transports.settings import ROOM_KINDS, Destination
from cordwatch.pager.transports.transport import Outcome
from tests.pager.builders import a_page
from tests.pager.matters import a_plan
from tests.pager.secret_file import SecretFile

MAIL = {"kind": "email", "host": "mail.example", "sender": "c@h.example", "to": ["w@h.example"]}


def plan_with(**destinations: dict[str, Any]) -> Plan:
    """Return a plan with these destinations."""
    roster = [{"role": "duty-manager", "by": list(destinations)}]
    return a_plan(destinations=destinations, roster=roster)


def test_what_is_missing_is_said_at_once(tmp_path: Path) -> None:
    """Destination and file, each on a line; nothing of what stands in a file."""
    (tmp_path / "empty").write_text("\n \n")
    (tmp_path / "short").write_text("whsec_aHVzaA==")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    plan = plan_with(
        pd={"kind": "pagerduty", "routing_key_file": f"{tmp_path}/none"},
        hook={"kind": "webhook", "url": "https://h.example", "secret_file": f"{tmp_path}/short"},
        room={"kind": "slack", "url_file": f"{tmp_path}/empty"},
        open={"kind": "teams", "url_file": f"{tmp_path}/short"},
        mail=MAIL | {"username": "c", "password_file": f"{tmp_path}/binary"},
        phones={"kind": "acm", "host": "h", "port": 1, "tls": True, "ca_file": f"{tmp_path}/empty"},
        env={"kind": "pagerduty", "routing_key_file": "env:CORDWATCH_TEST_NOT_SET"},
        fine={"kind": "nowhere"},
    )
    with pytest.raises(BadDestinations) as told:
        transports_of(plan)
    assert str(told.value).replace(str(tmp_path), "secrets").splitlines() == [
        "destination pd: secrets/none cannot be read (FileNotFoundError)",
        (
            "destination hook: secrets/short holds no signing secret"
            " (whsec_ and 24 to 64 bytes in base64)"
        ),
        "destination room: secrets/empty is empty",
        "destination open: secrets/short holds no https address",
        "destination mail: secrets/binary is no text",
        "destination phones: secrets/empty is no CA file (SSLError)",
        "destination env: env:CORDWATCH_TEST_NOT_SET is empty",
    ]


async def test_every_kind_is_built(secret: SecretFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, with its rate, and what it can be told; rooms are known as rooms."""
    monkeypatch.setenv("CORDWATCH_TEST_KEY", "k" * 32)
    monkeypatch.setenv("CORDWATCH_TEST_ROOM", "https://hooks.example/T1")
    signing = str(secret.holds("whsec_" + "k" * 40))
    plan = plan_with(
        pd={"kind": "pagerduty", "routing_key_file": "env:CORDWATCH_TEST_KEY"},
        am={"kind": "alertmanager", "urls": ["http://a:9093", "http://b:9093"]},
        hook={"kind": "webhook", "url": "https://h.example", "secret_file": signing},
        slack={"kind": "slack", "url_file": "env:CORDWATCH_TEST_ROOM"},
        teams={"kind": "teams", "url_file": "env:CORDWATCH_TEST_ROOM"},
        mail=MAIL,
        phones={"kind": "acm", "host": "h", "port": 2575},
        none={"kind": "nowhere"},
    )
    built = transports_of(plan)
    assert {name: (one.kind, one.per_minute, one.resend_s) for name, one in built.items()} == {
        "pd": ("pagerduty", 120, None),
        "am": ("alertmanager", None, 60.0),
        "hook": ("webhook", None, None),
        "slack": ("slack", 60, None),
        "teams": ("teams", 60, None),
        "mail": ("email", None, None),
        "phones": ("acm", None, None),
        "none": ("nowhere", None, None),
    }
    assert {one.kind for one in built.values() if "acknowledge" in one.actions} == {
        "pagerduty",
        "webhook",
        "nowhere",
    }
    assert {one.kind: one.closing_lasts_s for one in built.values() if one.closing_lasts_s} == {
        "alertmanager": 900.0
    }
    assert {one.kind for one in built.values()} >= ROOM_KINDS
    assert all(name == one.name for name, one in built.items())
    assert await built["none"].send(a_page()) == await built["none"].check()
    assert await built["none"].check() == Outcome("accepted", "accepted")
    for one in built.values():
        await one.close()


@pytest.mark.parametrize(
    ("destination", "why"),
    [
        ({"kind": "pagerduty", "routing_key_file": "k", "url": "http://pd.example"}, "https"),
        (
            {"kind": "pagerduty", "routing_key_file": "k", "url": "https://u:p@pd.example"},
            "name or",
        ),
        ({"kind": "pagerduty", "routing_key_file": "k", "url": "https://pd.example:x"}, "address"),
        ({"kind": "pagerduty", "routing_key_file": "k", "per_minute": 0}, "greater than"),
        ({"kind": "pagerduty"}, "Field required"),
        ({"kind": "pagerduty", "routing_key_file": "k", "routing_key": "k"}, "not permitted"),
        ({"kind": "webhook", "url": "http://h.example", "secret_file": "k"}, "https"),
        ({"kind": "alertmanager", "urls": []}, "must not be empty"),
        ({"kind": "alertmanager", "urls": ["http://a"], "labels": {"a-b": "c"}}, "pattern"),
        (MAIL | {"security": "none"}, "this very machine"),
        (MAIL | {"username": "c"}, "go together"),
        (MAIL | {"to": []}, "must not be empty"),
        (MAIL | {"to": ["w@h.example, x@h.example"]}, "pattern"),
        (MAIL | {"sender": "c@h.example\r\nBcc: x@y"}, "pattern"),
        ({"kind": "acm", "host": "h", "port": 70_000}, "less than"),
        ({"kind": "fax"}, "does not match any"),
    ],
)
def test_what_is_refused(destination: dict[str, Any], why: str) -> None:
    """A page in the open, a secret in the plan, a header in an address: said before anything is sent."""
    with pytest.raises(ValidationError, match=why):
        TypeAdapter(Destination).validate_python(destination)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.1:1", "https://h.example/x"])
def test_this_very_machine_may_be_told_in_the_open(url: str) -> None:
    """For a proxy beside, and for tests."""
    given = {"kind": "webhook", "url": url, "secret_file": "k"}
    assert TypeAdapter(Destination).validate_python(given).kind == "webhook"
