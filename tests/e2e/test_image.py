"""The image, built by a Docker engine: what is in it and what is not, the same each time, and gone when told to."""

from __future__ import annotations

import json
import re
import tarfile
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from packaging.markers import Marker

from cordwatch.app.commands.secret_files import make_secrets
from cordwatch.app.demo_day import DAY_FILE
from tests.e2e.compose import ROOT, NoDeployment, images_of_engine, none_here, run
from tests.kafka_harness.real_kafka import RealKafka, free_ports
from tests.unit.deploy.test_build_context import VERSION_CONTROL

pytestmark = pytest.mark.timeout(1800)

BYTES_MAX: Final = 250_000_000
DRAIN_S: Final = 25
READY_S_MAX: Final = 120
BUILDS: Final = re.compile(
    r"(.*-gnu-)?(as|ld|g?cc|[cg]\+\+|clang|tcc|c?make|rustc|cargo|go|javac)(-?[\d.]+)?"
)
INSTALLS: Final = re.compile(
    r"(apt(-get)?|pip|uv|npm|easy_install|setuptools|ensurepip|wheel)([-.\d].*)?"
)
SBOM: Final = "opt/cordwatch/sbom.cdx.json"
LOCKED: Final = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)
HARDENED: Final = ("--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@pytest.fixture(scope="module")
def built() -> Iterator[list[str]]:
    """Yield the names of two images of this checkout, the second one built without whatever the first one left."""
    try:
        base = images_of_engine()["CORDWATCH_BASE"]
    except NoDeployment as reason:
        none_here(reason)
    names = [f"cordwatch-test:{uuid.uuid4().hex[:8]}" for _ in range(2)]
    try:
        for name in names:
            options = ["--quiet", "--no-cache", "--build-arg", f"BASE={base}", "--tag", name]
            done = run("docker", "build", *options, "--file", "deploy/Dockerfile", ".")
            assert done.returncode == 0, done.stderr[-3_000:]
        yield names
    finally:
        run("docker", "image", "rm", *names)


@pytest.fixture(scope="module")
def image(built: list[str]) -> str:
    """Return the name of an image of this checkout."""
    return built[0]


@pytest.fixture(scope="module")
def files(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tarfile.TarFile]:
    """Yield what is in the image, as a container of it would have it."""
    made = run("docker", "create", image).stdout.strip()
    path = tmp_path_factory.mktemp("image") / "files.tar"
    try:
        assert run("docker", "export", "--output", str(path), made).returncode == 0
    finally:
        run("docker", "rm", made)
    with tarfile.open(path) as found:
        yield found


def inspected(name: str) -> dict[str, Any]:
    """Return what the engine knows of an image."""
    [found] = json.loads(run("docker", "image", "inspect", name).stdout)
    return dict(found)


def locked() -> dict[str, tuple[str, str]]:
    """Return by name the version and the marker of each package that the image is made from."""
    text = (ROOT / "deploy/requirements.lock").read_text()
    return {name: (version, marker) for name, version, marker in LOCKED.findall(text)}


def test_the_same_checkout_gives_the_same_layer(built: list[str]) -> None:
    """All of the file system to the byte, dates too; only the day of the build is not the same."""
    one, other = (inspected(name) for name in built)
    assert one["RootFS"] == other["RootFS"]
    assert len(one["RootFS"]["Layers"]) == 1
    assert one["Config"]["Env"] == other["Config"]["Env"]


def test_it_is_small(image: str) -> None:
    """It is carried into hospitals."""
    assert inspected(image)["Size"] < BYTES_MAX


def test_it_is_nobody_and_needs_nothing(image: str) -> None:
    """A number for a user; it runs without a capability, without a network, and writes nowhere."""
    assert inspected(image)["Config"]["User"] == "65532:65532"
    done = run("docker", "run", *HARDENED, "--network=none", image, "pack", "show")
    assert (done.returncode, "mescc-lymphoma" in done.stdout) == (0, True), done.stderr


def test_its_demo_runs_where_there_is_no_network(image: str) -> None:
    """Watch, board, pager and a broker of their own, with nothing but loopback and a disk that only /tmp is left of."""
    options = [*HARDENED, "--network=none", "--tmpfs=/tmp"]
    done = run("docker", "run", *options, image, "demo", "--once")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all as expected")


def test_nothing_in_it_builds_or_installs(files: tarfile.TarFile) -> None:
    """Whoever gets in finds no compiler and no pip: no such program, whatever its version, and no such module."""
    paths = [Path(one) for one in files.getnames()]
    programs = {one.name for one in paths if one.parent.name in {"bin", "sbin"}}
    assert {"python3", "cordwatch", "bash"} <= programs
    homes = {"site-packages", "dist-packages", "python3", "python3.11", "python-wheels"}
    modules = {one.name for one in paths if one.parent.name in homes}
    assert {"aiohttp", "cordwatch", "json", "ssl.py"} <= modules
    assert [one for one in programs if BUILDS.fullmatch(one)] == []
    assert [one for one in programs | modules if INSTALLS.fullmatch(one)] == []


def test_nothing_of_version_control_is_in_it(files: tarfile.TarFile) -> None:
    """No folder and no file of a repository, wherever."""
    parts = {part for one in files.getnames() for part in Path(one).parts}
    assert "cordwatch" in parts
    assert parts & VERSION_CONTROL == set()


def test_its_list_of_materials_is_the_lock_file(files: tarfile.TarFile) -> None:
    """Every locked package with its version, and cordwatch itself."""
    found = json.load(files.extractfile(SBOM) or pytest.fail("no list of materials"))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["name"] == "cordwatch"
    wanted = {name: version for name, (version, _) in locked().items()}
    assert {one["name"]: one["version"] for one in found["components"]} == wanted
    assert len(wanted) > 40
    # What another platform would install is listed, too; nobody knows its licence here.
    here = {
        name for name, (_, marker) in locked().items() if not marker or Marker(marker).evaluate()
    }
    assert here == {one["name"] for one in found["components"] if one.get("licenses")}


def test_what_is_listed_is_what_is_there(image: str) -> None:
    """Nothing more was installed, and nothing less than the lock file has for this machine."""
    look = "import json, importlib.metadata as m; print(json.dumps([(d.name, d.version) for d in m.distributions()]))"
    done = run("docker", "run", *HARDENED, "--entrypoint=python", image, "-c", look)
    there = {
        re.sub(r"[-_.]+", "-", name).lower(): version for name, version in json.loads(done.stdout)
    }
    assert there.pop("cordwatch")
    # Their markers ask for the platform alone, which is this one's.
    wanted = {
        name: version
        for name, (version, marker) in locked().items()
        if not marker or Marker(marker).evaluate()
    }
    assert there == wanted


def test_its_bytecode_is_what_python_takes(image: str) -> None:
    """On a read-only disk a file whose bytecode is stale is compiled at each start, and nobody notices but who waits."""
    options = ["--entrypoint=python", image, "-v", "-c", "import asyncio, aiohttp, faust"]
    said = run("docker", "run", *HARDENED, *options).stderr
    assert "aiohttp/__pycache__/__init__.cpython-311.pyc matches" in said
    assert re.findall(r"^# (?:bytecode is stale|wrote).*", said, re.MULTILINE) == []


def test_told_to_stop_each_service_ends_in_time(
    image: str, private_kafka: RealKafka, tmp_path: Path
) -> None:
    """A day was just read in: what is in hand is finished, and nobody has to be killed."""
    make_secrets(tmp_path / "secrets")
    kafka = f"CORDWATCH_KAFKA={private_kafka.bootstrap}"
    inputs = {
        tmp_path / "secrets/reference-key": "/run/secrets/reference-key",
        ROOT / "deploy/compose/pager-plan.yaml": "/run/pager-plan.yaml",
        DAY_FILE: "/run/day.hl7",
    }
    mounts = [f"--volume={here}:{there}:ro" for here, there in inputs.items()]
    key = "--env=CORDWATCH_KEY_FILE=/run/secrets/reference-key"
    common = ["--network=host", f"--env={kafka}", key, *mounts]
    assert run("docker", "run", *HARDENED, *common, image, "topics", "apply").returncode == 0

    names = ("watch", "feeds", "pager", "board", "synthetic")
    ports = dict(zip((*names, "mllp", "page"), free_ports(7), strict=True))
    services = {
        "watch": ["watch"],
        "feeds": ["feeds", "--port", str(ports["mllp"])],
        "pager": ["pager", "run", "--plan", "/run/pager-plan.yaml"],
        "board": ["board", "--port", str(ports["page"])],
        "synthetic": ["synthetic", "--boards", f"http://127.0.0.1:{ports['board']}"],
    }
    running: dict[str, str] = {}
    options = ["--detach", *HARDENED[1:], "--tmpfs=/tmp", *common, image]
    try:
        for name, command in services.items():
            at = ["--metrics-port", str(ports[name])]
            running[name] = run("docker", "run", *options, *command, *at).stdout.strip()
        for name in services:
            assert is_ready(ports[name]), run("docker", "logs", running[name]).stderr[-3_000:]
        # 1: one of the messages is none.
        done = run("docker", "run", *HARDENED, *common, image, "replay", "/run/day.hl7")
        assert done.returncode == 1, done.stderr
        with ThreadPoolExecutor(len(running)) as at_once:
            stops = [("docker", "stop", "--time", str(DRAIN_S), one) for one in running.values()]
            list(at_once.map(lambda command: run(*command), stops))
        codes = {name: ended(one) for name, one in running.items()}
        assert codes == dict.fromkeys(services, 0)
    finally:
        run("docker", "rm", "--force", *running.values())


def is_ready(port: int) -> bool:
    """Wait until a service is ready, or not any longer."""
    pause = threading.Event()
    for _ in range(READY_S_MAX * 5):
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            pause.wait(0.2)
    return False


def ended(container: str) -> int:
    """Return how a container ended: 137 is by being killed."""
    return int(run("docker", "inspect", "--format", "{{.State.ExitCode}}", container).stdout)
