"""
What operators say of their own resources: fetched by the clients of Go and Maven, kept in build/, never committed.

Runs in the environment of `make kubernetes`, which the product knows nothing of.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
KEPT: Final = ROOT / "build" / "kubernetes" / "definitions"
FETCH_S_MAX: Final = 300

GO_MODULES: Final = {
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "github.com/kedacore/keda/v2@v2.21.0": (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
}
STRIMZI: Final = {
    "io.strimzi.api.kafka.model.topic.KafkaTopic": "kafkatopics.yaml",
    "io.strimzi.api.kafka.model.user.KafkaUser": "kafkausers.yaml",
}
"""Strimzi publishes its API as Java classes, and the program that draws definitions from them."""


def fetch(go: str, java: str) -> list[Path]:
    """Return the files with the definitions, fetched where they are not here yet."""
    KEPT.mkdir(parents=True, exist_ok=True)
    found = [path for module, files in GO_MODULES.items() for path in _of_go(go, module, files)]
    return [*found, *_of_strimzi(java)]


def _of_go(go: str, module: str, files: tuple[str, ...]) -> list[Path]:
    kept = {file: KEPT / f"{module.rpartition('@')[2]}-{Path(file).name}" for file in files}
    if not all(path.exists() for path in kept.values()):
        said = _run(go, "mod", "download", "-json", module)
        folder = Path(json.loads(said)["Dir"])
        for file, path in kept.items():
            path.write_bytes((folder / file).read_bytes())
    return list(kept.values())


def _of_strimzi(java: str) -> list[Path]:
    pom = Path(__file__).parent / "strimzi" / "pom.xml"
    kept = {name: KEPT / file for name, file in STRIMZI.items()}
    if not all(path.exists() for path in kept.values()):
        jars = KEPT.parent / "strimzi"
        _run(
            "mvn",
            "-q",
            "-B",
            "-f",
            str(pom),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={jars}",
        )
        asked = [f"{name}={path}" for name, path in kept.items()]
        _run(java, "-cp", f"{jars}/*", "io.strimzi.crdgenerator.CrdGenerator", "--yaml", *asked)
    return list(kept.values())


def _run(*command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, check=False, text=True, timeout=FETCH_S_MAX, cwd=KEPT
        )
    except FileNotFoundError:
        raise SystemExit(f"make kubernetes needs {command[0]}, and there is none") from None
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:4])} ...: {done.stderr or done.stdout}")
    return done.stdout


def schemas_of(definition: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Return the closed schema of each version that is served, by `apiVersion` and kind."""
    spec = definition["spec"]
    return {
        (f"{spec['group']}/{one['name']}", spec["names"]["kind"]): closed(
            one["schema"]["openAPIV3Schema"]
        )
        for one in spec["versions"]
        if one["served"]
    }


def closed(schema: Any) -> Any:
    """Return *schema* as one that takes no word that it does not know: a cluster would drop a misspelt one unsaid."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(one) for name, one in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    # By `type`: a property may itself be called `properties`.
    if schema.get("type") == "object" and "properties" in schema and not is_open:
        found["additionalProperties"] = False
    return found
