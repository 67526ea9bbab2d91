"""A sealed chain shows where somebody tampered with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from cordwatch.app.cli import cordwatch
from cordwatch.board.access import Reader
from cordwatch.board.audit_chain import faults, seal_of, sealed
from cordwatch.board.audit_event import Deed, audit_event
from cordwatch_schemas.audit import AuditRecord
from cordwatch_schemas.examples import examples
from tests.builders import T


def a_chain(length: int, name: str = "board") -> list[AuditRecord]:
    """Return a chain of *length* records."""
    records: list[AuditRecord] = []
    for number in range(length):
        last = records[-1] if records else None
        records.append(sealed(name, last, {"deed": number}))
    return records


def altered(records: list[AuditRecord]) -> list[AuditRecord]:
    """Somebody rewrote what record 2 tells."""
    forged = records[2].model_copy(update={"event": {"deed": "another"}})
    return [*records[:2], forged, *records[3:]]


def altered_and_sealed(records: list[AuditRecord]) -> list[AuditRecord]:
    """Somebody rewrote record 2 and sealed it anew."""
    forged = sealed("board", records[1], {"deed": "another"})
    return [*records[:2], forged, *records[3:]]


def taken_out(records: list[AuditRecord]) -> list[AuditRecord]:
    """Record 2 is gone."""
    return [*records[:2], *records[3:]]


def put_in(records: list[AuditRecord]) -> list[AuditRecord]:
    """A record that nobody wrote stands behind record 2."""
    return [*records[:3], sealed("board", records[2], {"deed": "invented"}), *records[3:]]


def exchanged(records: list[AuditRecord]) -> list[AuditRecord]:
    """Records 2 and 3 changed places."""
    return [*records[:2], records[3], records[2], *records[4:]]


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (altered, "board 2: does not fit its seal"),
        (altered_and_sealed, "board 3: does not hold the seal of the record before it"),
        (taken_out, "board 3: follows 1"),
        (put_in, "board 3: follows 3"),
        (exchanged, "board 3: follows 1"),
    ],
)
def test_tampering_is_named(
    tamper: Callable[[list[AuditRecord]], list[AuditRecord]], named: str
) -> None:
    """Whatever is done to a record, the verdict names one, and an honest chain none."""
    records = a_chain(6)
    assert faults(records) == []
    assert faults(tamper(records))[0] == named


def test_chains_of_several_boards_do_not_disturb_each_other() -> None:
    """Two boards write to one topic, in any mixture; each chain is held by itself."""
    one, other = a_chain(3, "one"), a_chain(3, "other")
    mixed = [one[0], other[0], other[1], one[1], one[2], other[2]]
    assert faults(mixed) == []
    assert faults([*mixed[:2], *mixed[3:]]) == ["other 2: follows 0"]


def test_a_chain_may_begin_late_where_its_beginning_is_past_its_retention() -> None:
    """After a year the oldest records go; what is left still holds together."""
    assert faults(a_chain(6)[3:]) == []


def test_a_record_repeated_by_the_broker_is_no_fault() -> None:
    """At least once means that one may come twice, one after the other."""
    records = a_chain(3)
    assert faults([records[0], records[1], records[1], records[2]]) == []


def test_the_example_of_the_contract_holds() -> None:
    """What the reference shows is a record as a board writes it."""
    (example,) = (one for one in examples() if isinstance(one, AuditRecord))
    assert faults([example]) == []
    assert example.seal == seal_of("board", 0, "0" * 64, example.event)


ACTIONS, OUTCOMES, NETWORKS = set("CRUDE"), {"0", "4", "8", "12"}, set("12345")


@pytest.mark.parametrize("deed", get_args(Deed))
@pytest.mark.parametrize(
    ("reader", "who"),
    [
        (None, {"identifier": {"value": "unknown"}}),
        (
            Reader("n.jansen", frozenset({"clinician", "coordinator"})),
            {"identifier": {"value": "n.jansen"}},
        ),
        (
            Reader("n.jansen", frozenset(), issuer="https://id.example", subject="4711"),
            {
                "identifier": {"system": "https://id.example", "value": "4711"},
                "display": "n.jansen",
            },
        ),
    ],
)
def test_what_is_written_down_has_the_shape_of_a_fhir_r4_audit_event(
    deed: Deed, reader: Reader | None, who: dict[str, Any]
) -> None:
    """What R4 asks for is there, once where it may be there once, and codes are those of its required value sets."""
    told = audit_event(
        deed, reader, T(0), board="board", peer="10.1.2.3", patients=["A"], about={"clock": "c1"}
    )
    assert told["resourceType"] == "AuditEvent"
    assert set(told["type"]) == {"system", "code"}
    assert told["subtype"][0]["code"] == deed
    assert told["action"] in ACTIONS
    assert told["outcome"] in OUTCOMES
    assert datetime.fromisoformat(told["recorded"]).tzinfo is not None
    (agent,) = told["agent"]
    assert agent["requestor"] is True
    assert agent["who"] == who
    assert agent["network"] == {"address": "10.1.2.3", "type": "2"}
    assert agent["network"]["type"] in NETWORKS
    assert told["source"]["observer"]["identifier"]["value"] == "board"
    patient, more = told["entity"]
    assert patient["what"]["identifier"]["value"] == "A"
    # R4, sev-1: a name or a query, never both; of each detail exactly one value.
    assert "query" not in more
    assert all(set(one) == {"type", "valueString"} for one in more["detail"])
    # FHIR's JSON knows no empty list, and no empty text.
    bare = audit_event(deed, reader, T(0), board="board", peer="10.1.2.3")
    assert "entity" not in bare
    assert not re.search(r'\[\]|\{\}|""|null', json.dumps([told, bare]))


def test_audit_show_tells_each_record_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """When, who, what, and about whom where it is about somebody; a record from before tokens were told apart too."""
    reader = Reader("n.jansen", frozenset())
    known = replace(reader, issuer="https://id.example", subject="4711")
    common: dict[str, Any] = {"board": "board", "peer": "10.1.2.3"}
    opened = sealed("board", None, audit_event("board-opened", reader, T(0), **common))
    seen = audit_event("row-opened", known, T(1), patients=["A"], **common)
    records = [opened, sealed("board", opened, seen)]
    monkeypatch.setattr("cordwatch.app.commands.audit.read_audit", lambda _: records)
    assert CliRunner().invoke(cordwatch, ["audit", "show"]).output.splitlines() == [
        "board 0 2026-03-02T08:00:00+00:00 n.jansen board-opened",
        "board 1 2026-03-02T09:00:00+00:00 n.jansen[4711] row-opened A",
    ]
