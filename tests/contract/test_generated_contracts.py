"""What stands in `schemas/generated` and `docs/reference`, and what it promises to other parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from cordwatch_schemas import generate
from cordwatch_schemas.alerts import Alert, Level, Severity
from cordwatch_schemas.base import Contract, Event
from cordwatch_schemas.events import TOPIC_KINDS, read_answer, read_event, topic_of
from cordwatch_schemas.examples import examples
from cordwatch_schemas.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = generate.contracts()
EXAMPLES = {generate.contract_name(message): message for message in examples()}
FILES = sorted((ROOT / generate.GENERATED).glob("*.example.json"))


def walk(value: object, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a JSON tree with the key that it stands under."""
    yield name, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, name)


def test_everything_generated_is_up_to_date() -> None:
    """A contract that changed without its schema, example or page fails the build."""
    assert generate.faults(ROOT) == []


def test_every_contract_has_exactly_one_example() -> None:
    """Nobody has to guess what a message looks like."""
    assert [generate.contract_name(message) for message in examples()] == list(CONTRACTS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_committed_example_is_still_valid(file: Path) -> None:
    """What a producer once was told to send is still accepted, and comes out as it went in."""
    model = CONTRACTS[file.name.split(".")[0]]
    text = file.read_text(encoding="utf-8")

    message = model.model_validate_json(text)

    assert json.loads(text) == message.model_dump(mode="json")


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_schema_describes_the_fields_of_its_contract(name: str) -> None:
    """The schema names every field, needs what the model needs, and carries its own name."""
    model = CONTRACTS[name]
    schema = json.loads((ROOT / generate.GENERATED / f"{name}.v1.schema.json").read_text())

    needed = {key for key, field in model.model_fields.items() if field.is_required()}
    assert set(model.model_fields) == set(schema["properties"])
    assert needed == set(schema.get("required", []))
    assert f"urn:cordwatch:{name}:v1" == schema["$id"]


@pytest.mark.parametrize(
    "message",
    [one for one in EXAMPLES.values() if isinstance(one, Event)],
    ids=generate.contract_name,
)
def test_a_source_event_comes_back_from_its_text(message: Event) -> None:
    """Written as JSON and read again, an event is the same, on a topic that may carry it."""
    again = read_event(message.model_dump_json())

    assert message == again
    assert again.kind in TOPIC_KINDS[topic_of(again)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["acknowledged", "unacknowledged", "stood-down", "classified"])
def test_an_answer_comes_back_from_its_text(name: str) -> None:
    """Written as JSON and read again, an answer is the same."""
    assert EXAMPLES[name] == read_answer(EXAMPLES[name].model_dump_json())


def test_every_topic_holds_a_contract_that_exists_or_is_said_to_come() -> None:
    """The registry names no contract that nobody knows of, and nothing pending is already there."""
    held = {topic.contract for topic in TOPICS}

    assert held == set(generate.holders()) | set(generate.PENDING)
    assert not set(generate.holders()) & set(generate.PENDING)
    assert all(generate.PENDING.values())


def test_every_contract_stands_on_a_topic() -> None:
    """There is no message that could never be sent."""
    assert set(CONTRACTS) == {name for names in generate.holders().values() for name in names}


def test_level_and_severity_stand_under_their_own_names_only() -> None:
    """`urgent` is a level in one field and a severity in another: neither goes without its name."""
    words = set(get_args(Level)) | set(get_args(Severity))
    vocabularies = {get_args(Level): "level", get_args(Severity): "severity"}
    for name in CONTRACTS:
        schema = json.loads((ROOT / generate.GENERATED / f"{name}.v1.schema.json").read_text())
        for key, property_ in schema["properties"].items():
            enums = [
                tuple(one) for _, one in walk(property_) if type(one) is list and "urgent" in one
            ]
            assert {key} >= {vocabularies[one] for one in enums}
            assert (key in {"level", "severity"}) <= (CONTRACTS[name] is Alert)
    for message in EXAMPLES.values():
        told = walk(message.model_dump(mode="json"))
        assert {"level", "severity"} >= {key for key, value in told if str(value) in words}


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_says_what_it_means(name: str) -> None:
    """Each contract has a docstring of its own, which the reference page shows."""
    page = (ROOT / generate.REFERENCE / "events.md").read_text(encoding="utf-8")
    first = (CONTRACTS[name].__doc__ or "").strip().splitlines()[0].strip()

    assert CONTRACTS[name].__doc__ != Contract.__doc__
    assert f"### `{name}`\n\n{first}" in page
