"""
Kafka itself, fetched once from Maven Central and kept in the user's cache.

Maven resolves the version and checks what it fetches; we only name it. The
folder is complete or absent: it is filled beside its place and then renamed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

KAFKA_VERSION: Final = "4.4.0"
LOG4J_VERSION: Final = "2.25.5"
"""As this Kafka brings it; its binding to slf4j is left to whoever packages Kafka."""

FETCH_S_MAX: Final = 300

_PROJECT: Final = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>cordwatch</groupId><artifactId>for-tests</artifactId><version>1</version>
  <dependencies>{}
  </dependencies>
</project>
"""
_DEPENDENCY: Final = """
    <dependency><groupId>{}</groupId>
      <artifactId>{}</artifactId><version>{}</version></dependency>"""

Dependencies = tuple[tuple[str, str, str], ...]
"""Group, artifact and version of each."""

_KAFKA: Final[Dependencies] = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
)


class NoKafka(RuntimeError):
    """A real Kafka cannot be had here; the text says what is missing."""


def why_unavailable() -> str | None:
    """Return what keeps this machine from running Kafka, or None."""
    if shutil.which("java") is None:
        return "no java on the path"
    if not cache_of(f"kafka-{KAFKA_VERSION}").is_dir() and shutil.which("mvn") is None:
        return f"Kafka {KAFKA_VERSION} is not in the cache, and no mvn on the path to fetch it"
    return None


def kafka_libraries() -> Path:
    """
    Return the folder of Kafka's jars, fetching them the first time (43 MB).

    Raises:
        NoKafka: no Java, no Maven, or Maven failed.
    """
    if reason := why_unavailable():
        raise NoKafka(reason)
    return fetched(f"kafka-{KAFKA_VERSION}", _KAFKA)


def fetched(name: str, dependencies: Dependencies) -> Path:
    """
    Return the folder *name* with the jars of *dependencies*, fetching them the first time.

    Raises:
        NoKafka: Maven failed.
    """
    folder = cache_of(name)
    if not folder.is_dir():
        _fetch(folder, dependencies)
    return folder


def cache_of(name: str) -> Path:
    """Return where jars are kept under *name*, whether or not they are there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "cordwatch" / name


def _fetch(folder: Path, dependencies: Dependencies) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as workplace:
        listed = "".join(_DEPENDENCY.format(*one) for one in dependencies)
        (Path(workplace) / "pom.xml").write_text(_PROJECT.format(listed))
        jars = Path(workplace) / "jars"
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        try:
            subprocess.run(
                command,
                cwd=workplace,
                check=True,
                capture_output=True,
                text=True,
                timeout=FETCH_S_MAX,
            )
        except subprocess.CalledProcessError as failure:
            raise NoKafka(
                f"Maven could not fetch {folder.name}:\n{failure.stdout[-2_000:]}"
            ) from failure
        except subprocess.TimeoutExpired as late:
            raise NoKafka(f"Maven did not fetch {folder.name} within {FETCH_S_MAX} s") from late
        try:
            jars.rename(folder)
        except OSError:
            # Another run was quicker; what it put there is the same.
            if not folder.is_dir():
                raise
