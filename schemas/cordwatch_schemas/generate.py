"""
Write what is generated from the contracts: JSON Schema, examples, reference pages.

`python -m cordwatch_schemas.generate` writes it into the checkout; with
`--check` nothing is written, and anything missing, changed or left over is
named (exit code 1), so that a contract cannot change unseen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.admissions import AdmissionEvent
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.audit import AuditRecord
from cordwatch_schemas.base import Code, Contract
from cordwatch_schemas.examples import examples
from cordwatch_schemas.imaging import ImagingEvent
from cordwatch_schemas.medications import MedicationEvent
from cordwatch_schemas.operations import FeedRecord, OperationalAlert
from cordwatch_schemas.pages import Answered, Delivery, LedgerEntry, Matter
from cordwatch_schemas.records import (
    FeedPosition,
    Identity,
    Quarantined,
    RawMessage,
    Receipt,
    Receipts,
)
from cordwatch_schemas.reference import codes_page, events_page, fields, topics_page
from cordwatch_schemas.reference_keys import ReferenceRecord
from cordwatch_schemas.tokens import TokenUsed
from cordwatch_schemas.treatments import TreatmentEvent

GENERATED = Path("schemas/generated")
REFERENCE = Path("docs/reference")

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_UNIONS = {
    "AdmissionEvent": AdmissionEvent,
    "ImagingEvent": ImagingEvent,
    "MedicationEvent": MedicationEvent,
    "TreatmentEvent": TreatmentEvent,
    "Answer": Answer,
    "FeedRecord": FeedRecord,
    "ReferenceRecord": ReferenceRecord,
}
_SINGLE: dict[str, type[Contract]] = {
    "alert": Alert,
    "ledger-entry": LedgerEntry,
    "raw-message": RawMessage,
    "quarantined": Quarantined,
    "identity": Identity,
    "feed-position": FeedPosition,
    "receipts": Receipts,
    "operational-alert": OperationalAlert,
    "audit-record": AuditRecord,
    "token-used": TokenUsed,
}

_PARTS: dict[str, type[Contract]] = {
    "Code": Code,
    "Receipt": Receipt,
    "Matter": Matter,
    "Delivery": Delivery,
    "Answered": Answered,
}
"""Models that stand inside contracts."""

PENDING = {
    "StateRow": "a row of watch's own state; watch alone reads and writes it",
}
"""Contracts that a topic names and that are not written yet, with the reason."""


def holders() -> dict[str, list[str]]:
    """Return the names of the contracts that stand behind each topic's `contract`."""
    found = {
        name: [str(model.model_fields["kind"].default) for model in _members(union)]
        for name, union in _UNIONS.items()
    }
    return found | {model.__name__: [name] for name, model in _SINGLE.items()}


def contracts() -> dict[str, type[Contract]]:
    """Return every contract by its name; an event's or answer's name is its `kind`."""
    found = {
        str(model.model_fields["kind"].default): model
        for union in _UNIONS.values()
        for model in _members(union)
    }
    return found | _SINGLE


def contract_name(message: Contract) -> str:
    """Return the name of the contract that *message* is of."""
    names = {model: name for name, model in contracts().items()}
    return names[type(message)]


def files() -> dict[Path, str]:
    """Return every generated file, by its path in the checkout."""
    made: dict[Path, str] = {}
    for name, model in contracts().items():
        made[GENERATED / f"{name}.v{_version(model)}.schema.json"] = _json(_schema(name, model))
    for message in examples():
        name = f"{contract_name(message)}.v{_version(type(message))}.example.json"
        made[GENERATED / name] = _json(message.model_dump(mode="json", exclude_defaults=False))
    made[REFERENCE / "events.md"] = events_page(contracts(), holders())
    made[REFERENCE / "topics.md"] = topics_page(PENDING)
    made[REFERENCE / "codes.md"] = codes_page()
    return made


def faults(root: Path) -> list[str]:
    """Return what in the checkout at *root* is not as generated: missing, changed, left over."""
    expected = files()
    found = []
    for path, text in expected.items():
        target = root / path
        if not target.exists():
            found.append(f"{path}: is missing")
        elif target.read_text(encoding="utf-8") != text:
            found.append(f"{path}: is not as generated")
    return found + [f"{path}: belongs to no contract" for path in _left_over(root, expected)]


def write(root: Path) -> None:
    """Write everything into the checkout at *root*, and remove what belongs to no contract."""
    expected = files()
    for path, text in expected.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for path in _left_over(root, expected):
        (root / path).unlink()


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Write, or with `--check` compare; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cordwatch_schemas.generate")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    checkout = root or Path(__file__).resolve().parents[2]
    if not parser.parse_args(arguments).check:
        write(checkout)
        return 0
    found = faults(checkout)
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    if found:
        sys.stderr.write("run: python -m cordwatch_schemas.generate\n")
    return 1 if found else 0


def _members(union: object) -> tuple[type[Contract], ...]:
    members: tuple[type[Contract], ...] = get_args(get_args(union)[0])
    return members


def _version(model: type[Contract]) -> int:
    return int(model.model_fields["schema_version"].default)


def _left_over(root: Path, expected: dict[Path, str]) -> list[Path]:
    present = (path.relative_to(root) for path in sorted((root / GENERATED).glob("*")))
    return [path for path in present if path not in expected]


def _schema(name: str, model: type[Contract]) -> dict[str, Any]:
    schema = model.model_json_schema()
    _describe(schema, model)
    for inner, part in schema.get("$defs", {}).items():
        _describe(part, _PARTS[inner])
    return {"$schema": _DIALECT, "$id": f"urn:cordwatch:{name}:v{_version(model)}", **schema}


def _describe(schema: dict[str, Any], model: type[Contract]) -> None:
    """Put the docstrings of the fields where readers of a schema look for them."""
    for note in fields(model):
        if note.meaning:
            schema["properties"][note.name].setdefault("description", note.meaning)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
