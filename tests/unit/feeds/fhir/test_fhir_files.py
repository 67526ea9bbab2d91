"""Files of FHIR: one resource, a Bundle, one a line, an export in several files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cordwatch.feeds.files import read_file
from tests.golden.tellers import Fhir
from tests.golden.test_fhir_stories import to_treatment
from tests.unit.app.test_cli import cordwatch

BUNDLE = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps(BUNDLE), ["fhir"]),
        (json.dumps(BUNDLE, indent=2), ["fhir"]),
        (json.dumps([BUNDLE], indent=2), ["fhir"]),
        ("\ufeff" + json.dumps(BUNDLE, indent=2), ["fhir"]),
        ('{"resourceType":"Bundle",\n"entry":[]}', ["fhir"]),
        ('{"resourceType":"A"}\n\n{"resourceType":"B"}\n', ["fhir", "fhir"]),
        ('{"resourceType":"A"\n{"resourceType":"B"}\n', ["fhir", "fhir"]),
        ('{"kind":"admitted"}\n{"resourceType":"B"}', ["event-json", "fhir"]),
        ("MSH|^~\\&|A|B|||2026||ADT^A01|1|P|2.5\r", ["hl7v2"]),
    ],
)
def test_a_file_is_known_by_how_it_begins(text: str, expected: list[str], tmp_path: Path) -> None:
    """A broken line is one bad text, not the end of the file."""
    file = tmp_path / "file"
    file.write_bytes(text.encode())
    assert [item.format for item in read_file(file)] == expected


def test_a_document_above_the_limit_is_named(tmp_path: Path) -> None:
    """Its begin is kept."""
    file = tmp_path / "file"
    file.write_text(json.dumps(BUNDLE, indent=2))
    [item] = read_file(file, limit=50)
    assert (item.kind, item.format) == ("oversized", "fhir")


@pytest.mark.parametrize("shape", ["ndjson", "bundle", "export"])
def test_simulate_and_explain_read_a_story_in_fhir(shape: str, tmp_path: Path) -> None:
    """In one file or in a file of each type, in whatever order they are named."""
    tell = Fhir()
    to_treatment(tell)
    resources = [json.loads(line) for line in tell.data().splitlines()]
    texts: dict[str, str] = {}
    if shape == "bundle":
        entries = [{"resource": one} for one in resources]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        texts["story.json"] = json.dumps(bundle, indent=1)
    for one in resources if shape != "bundle" else []:
        name = f"{one['resourceType']}.ndjson" if shape == "export" else "story.ndjson"
        texts[name] = texts.get(name, "") + json.dumps(one) + "\n"
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in sorted(texts)]
    done = cordwatch("simulate", "--json", *files)
    assert done.returncode == 0
    rules = {json.loads(line)["rule"] for line in done.stdout.splitlines()}
    assert {"steroid.start", "treatment.start"} <= rules
    assert "quarantined" not in done.stderr
    told = cordwatch("explain", *files).stdout
    assert "medication-given" in told
