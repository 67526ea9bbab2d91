"""Operators' own resources are checked as strictly as those of Kubernetes."""

from __future__ import annotations

from typing import Any

from deploy.kubernetes.definitions import schemas_of

SPEC = {
    "type": "object",
    "properties": {
        # A property may be called like a word of the schema.
        "properties": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "config": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {},
        },
        "acls": {
            "type": "array",
            "items": {"type": "object", "properties": {"host": {"type": "string"}}},
        },
    },
}


def a_definition(**version: Any) -> dict[str, Any]:
    """Return a definition with one version."""
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}}
    versions = [{"name": "v1", "served": True, "schema": schema, **version}]
    return {"spec": {"group": "example.io", "names": {"kind": "One"}, "versions": versions}}


def test_a_word_that_is_not_known_is_refused_at_every_depth() -> None:
    """But where anything may stand, by what the operator says."""
    schema = schemas_of(a_definition())["example.io/v1", "One"]
    spec = schema["properties"]["spec"]
    assert schema["additionalProperties"] is spec["additionalProperties"] is False
    found = spec["properties"]
    assert found["acls"]["items"]["additionalProperties"] is False
    assert found["labels"]["additionalProperties"] == {"type": "string"}
    assert "additionalProperties" not in found["config"]
    assert found["properties"] == {"type": "string"}


def test_a_version_that_is_not_served_is_none() -> None:
    """Strimzi's `v1beta2` is gone: what is written for it is refused."""
    assert schemas_of(a_definition(served=False)) == {}
