"""The one-host deployment is closed by default: each service of docker-compose.yml, read as data."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cordwatch.app.commands.secret_files import NAMES
from cordwatch.pager.plan import load_plan
from tests.kafka_harness.libraries import KAFKA_VERSION
from tests.unit.deploy.compose_rules import (
    DEFAULT,
    ROOT,
    RULES,
    broken,
    environment_of,
    is_one_shot,
    read,
    written,
)

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = read(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BROKERS = ("kafka", "kafka-2", "kafka-3")
OURS = ("feeds", "watch", "pager", "board", "synthetic")
PORTS = {"feeds": 9465, "watch": 9464, "pager": 9466, "board": 9467, "synthetic": 9468}
IMAGE = (ROOT / "deploy/Dockerfile").read_text()

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def pins(lock: str) -> set[str]:
    """Return a lock file's lines that fix a version or a hash."""
    lines = (ROOT / lock).read_text().splitlines()
    return {line.strip(" \\") for line in lines if "==" in line or "--hash" in line}


def test_the_services_of_this_deployment() -> None:
    """What runs, what runs once, and what only where its profile is asked for."""
    found: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        kind = "once" if is_one_shot(service) else "always"
        found.setdefault(" ".join([*service.get("profiles", []), kind]), set()).add(name)
    assert found == {
        "always": {"kafka", *OURS},
        "once": {"topics", "secrets"},
        "demo always": {"phones", "door"},
        "demo once": {"day"},
        "ops always": {"prometheus", "alertmanager", "grafana"},
        "tls once": {"certificates"},
        "ha always": {"kafka-2", "kafka-3"},
    }


@pytest.mark.parametrize("named", [(), ("demo",), ("tls",), ("ha",), ("tls", "ha")])
def test_every_service_obeys_every_rule(named: tuple[str, ...]) -> None:
    """No exception, not for one service and not for one rule, whichever environment file is named."""
    assert broken(read(TEXT, environment_of(*named))["services"]) == []


BREACHES: list[tuple[str, dict[str, Any]]] = [
    ("root is read-only", {"read_only": False}),
    ("no capability", {"cap_drop": ["NET_RAW"]}),
    ("no new privilege", {"security_opt": ["no-new-privileges:false"]}),
    ("stays in its container", {"privileged": True}),
    ("stays in its container", {"network_mode": "host"}),
    ("is not root", {"user": "0:0"}),
    ("is not root", {"user": "65532:0"}),
    ("is not root", {"user": "root"}),
    ("memory is limited", {"mem_limit": None}),
    ("log is limited", {"logging": {"options": {"max-size": "10m"}}}),
    ("ports on loopback alone", {"ports": ["8080:8080"]}),
    ("ports on loopback alone", {"ports": ["127.0.0.1:1:1", "0.0.0.0:8080:8080"]}),
    ("ports on loopback alone", {"ports": [{"target": 8080, "published": 8080}]}),
    ("image does not float", {"image": "grafana/grafana:latest"}),
    ("image does not float", {"image": "grafana/grafana"}),
    ("no secret in sight", {"environment": {"GF_SECURITY_ADMIN_PASSWORD": "admin"}}),
    ("no secret in sight", {"environment": {"CORDWATCH_KAFKA_KEY": "/etc/ssl/own.key"}}),
    ("no secret in sight", {"command": ["feeds", "--proxy-secret=changeme"]}),
    ("no secret in sight", {"command": "board --api-token abc"}),
    ("host is only read", {"volumes": ["./deploy:/etc/cordwatch"]}),
    ("host is only read", {"volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"]}),
    ("host is only read", {"volumes": [{"type": "bind", "bind": {"create_host_path": False}}]}),
    ("is started again", {"restart": "on-failure"}),
    ("is looked after", {"healthcheck": {"test": ["NONE"]}}),
]
"""One way or more to break each rule."""


@pytest.mark.parametrize(("rule", "breach"), BREACHES)
@pytest.mark.parametrize("name", ["watch", "board"])
def test_a_broken_rule_is_told_by_service_and_rule(
    name: str, rule: str, breach: dict[str, Any]
) -> None:
    """Exactly that one: each rule can fail, and no other takes its place."""
    assert broken({name: SERVICES[name] | breach}) == [f"{name}: {rule}"]


def test_each_rule_has_been_seen_broken() -> None:
    """A rule that nothing breaks holds nothing."""
    assert {rule for rule, _ in BREACHES} == RULES.keys()


@each_service
def test_every_image_can_be_replaced_by_a_local_one(name: str) -> None:
    """Where nothing can be pulled, what was built there is named by the environment."""
    service = written()["services"][name]
    assert DEFAULT.fullmatch(service["image"])
    assert all(DEFAULT.fullmatch(one) for one in service.get("build", {}).get("args", {}).values())


def test_the_local_kafka_is_the_one_that_is_pulled() -> None:
    """One version: in the compose file, in the image built here, and in the suite's own broker."""
    pom = (ROOT / "deploy/local/kafka/pom.xml").read_text().partition("<dependencies>")[2]
    versions = set(re.findall(r"<artifactId>kafka_?\S*</artifactId>\s*<version>([\d.]+)", pom))
    assert versions == {KAFKA_VERSION} == {SERVICES["kafka"]["image"].partition(":")[2]}
    assert (
        f"kafka=cordwatch-local/kafka:{KAFKA_VERSION}" in (ROOT / "deploy/local/build").read_text()
    )


def test_what_is_asked_for_health_is_progress() -> None:
    """`/healthz` of each of ours, on the port that it has: it is 503 while it does not get on."""
    for name in OURS:
        service = SERVICES[name]
        assert "/healthz" in service["healthcheck"]["test"][1]
        assert service["environment"]["PROGRESS"] == str(PORTS[name])
    assert "timestamp(up)" in SERVICES["prometheus"]["healthcheck"]["test"][1]


def test_the_ports_of_health_are_those_that_prometheus_asks() -> None:
    """Every job of the rules has a target, and it is where the service serves its page."""
    config = YAML(typ="safe").load(ROOT / "deploy/prometheus/compose.yml")
    jobs = {job["job_name"]: job["dns_sd_configs"] for job in config["scrape_configs"]}
    example = YAML(typ="safe").load(ROOT / "deploy/prometheus/prometheus.yml")
    assert jobs.keys() == {job["job_name"] for job in example["scrape_configs"]}
    asked = {name: jobs[f"cordwatch-{name}"] for name in OURS}
    assert {name: [(*one["names"], one["port"]) for one in how] for name, how in asked.items()} == {
        name: [(name, port)] for name, port in PORTS.items()
    }


CLIENTS = ("topics", *OURS, "day")


def test_with_tls_nobody_speaks_in_the_clear() -> None:
    """Each by a certificate of its own, brokers and their controllers among themselves too; HL7 only from who shows one."""
    services = read(TEXT, environment_of("tls", "ha"))["services"]
    for name in CLIENTS:
        told = services[name]["environment"]
        security = [told[f"CORDWATCH_KAFKA_{one}"] for one in ("SECURITY", "CA", "CERT", "KEY")]
        own = "/run/secrets/tls/own.pem"
        assert security == ["ssl", "/run/secrets/tls/ca.pem", own, own]
    for name in BROKERS:
        told = services[name]["environment"]
        spoken = dict(
            one.split(":") for one in told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
        )
        listens = dict(one.split("://") for one in told["KAFKA_LISTENERS"].split(","))
        assert spoken.keys() == listens.keys()
        clear = {listens[one] for one, how in spoken.items() if how != "SSL"}
        assert clear == {"127.0.0.1:39092"}
        assert told["KAFKA_SSL_CLIENT_AUTH"] == "required"
        assert "/dev/tcp/127.0.0.1/39092 " in services[name]["healthcheck"]["test"][-1]
    feeds = services["feeds"]["environment"]
    assert feeds["CORDWATCH_FEEDS_TLS_CLIENT_CA"] == "/run/secrets/tls/ca.pem"
    folders = [
        one["source"]
        for name in (*BROKERS, *CLIENTS)
        for one in services[name]["volumes"]
        if not isinstance(one, str) and one["target"] == "/run/secrets/tls"
    ]
    assert folders == [f"./secrets/tls/{name}" for name in (*BROKERS, *CLIENTS)]


def test_without_tls_nothing_is_said_of_certificates() -> None:
    """An empty setting is none: services would look for files that are not there."""
    for name in CLIENTS:
        told = SERVICES[name]["environment"]
        assert not any(told[f"CORDWATCH_KAFKA_{one}"] for one in ("SECURITY", "CA", "CERT", "KEY"))
    assert not any(
        value for name, value in SERVICES["feeds"]["environment"].items() if "_TLS_" in name
    )


def test_of_three_brokers_one_may_be_lost() -> None:
    """Each knows all, keeps its own data, is spoken to by its own name; three copies, two in step."""
    services = read(TEXT, environment_of("ha"))["services"]
    told = [services[name]["environment"] for name in BROKERS]
    assert [one["KAFKA_NODE_ID"] for one in told] == ["1", "2", "3"]
    voters = {one["KAFKA_CONTROLLER_QUORUM_VOTERS"] for one in told}
    assert voters == {",".join(f"{n}@{name}:29093" for n, name in enumerate(BROKERS, 1))}
    for name, one in zip(BROKERS, told, strict=True):
        assert f"CONTROLLER://{name}:29093" in one["KAFKA_LISTENERS"]
        assert f"INSIDE://{name}:19092" in one["KAFKA_ADVERTISED_LISTENERS"]
        assert (
            one["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"],
            one["KAFKA_MIN_INSYNC_REPLICAS"],
        ) == (
            "3",
            "2",
        )
    assert len({one["CLUSTER_ID"] for one in told}) == 1
    kept = {services[name]["volumes"][0] for name in BROKERS}
    assert kept == {f"{name}-data:/var/lib/kafka/data" for name in BROKERS}
    assert services["topics"]["command"] == ["topics", "apply", "--replication", "3"]
    asked = {services[name]["environment"]["CORDWATCH_KAFKA"] for name in CLIENTS}
    assert asked == {",".join(f"{name}:19092" for name in BROKERS)}


def test_watch_has_a_second_worker() -> None:
    """One crash is not an hour without clocks."""
    assert SERVICES["watch"]["deploy"] == {"replicas": 2}


def test_nobody_meets_a_broker_without_topics_or_begins_with_a_placeholder() -> None:
    """What reads topics waits for them; what reads a key, for the look at the keys."""
    waits = {
        name: {one: how["condition"] for one, how in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    assert waits["topics"] == dict.fromkeys(BROKERS, "service_healthy")
    for name in BROKERS:
        assert waits[name] == {"certificates": "service_completed_successfully"}
    asked_for = {name: set(one.get("profiles", [])) for name, one in SERVICES.items()}
    for name, service in SERVICES.items():
        for one, how in service.get("depends_on", {}).items():
            # Compose refuses to start who waits for somebody that is not asked for.
            assert (asked_for[one] <= asked_for[name]) or how["required"] is False
    for name in (*OURS, "day"):
        assert waits[name]["topics"] == "service_completed_successfully"
    keys = set(COMPOSE["secrets"])
    held = {name: set(service.get("secrets", [])) for name, service in SERVICES.items()}
    checked = {Path(one).name for one in SERVICES["secrets"]["command"][2:]}
    assert keys == checked == held["secrets"] == set(NAMES)
    waiting = {name for name, found in held.items() if found} - {"secrets", "door"}
    assert waiting == {"feeds", "board", "day"}
    assert {waits[name]["secrets"] for name in waiting} == {"service_completed_successfully"}
    # The door waits for the board, and so for the look.
    assert waits["door"] == {"board": "service_healthy"}


def test_every_file_that_is_mounted_is_there() -> None:
    """But for the secrets, which are made; where there are no certificates an empty folder stands in."""
    files = [one["file"] for one in COMPOSE["configs"].values()]
    mounts = [one for service in SERVICES.values() for one in service.get("volumes", [])]
    files += [one.partition(":")[0] for one in mounts if isinstance(one, str) and one[0] == "."]
    folders = [one["source"] for one in mounts if not isinstance(one, str)]
    files += [one for one in folders if not one.startswith("./secrets")]
    assert len(files) > len(COMPOSE["configs"])
    assert [one for one in files if not (ROOT / one).exists()] == []
    used = {one["source"] for service in SERVICES.values() for one in service.get("configs", [])}
    assert used == COMPOSE["configs"].keys()


def test_the_plan_that_is_shipped_tells_nobody_in_silence() -> None:
    """Its only phones are the demo's: elsewhere no page is taken, which is alarmed."""
    plan = load_plan(ROOT / "deploy/compose/pager-plan.yaml")
    assert {one.kind for one in plan.destinations.values()} == {"alertmanager"}
    urls = [getattr(one, "urls", ()) for one in plan.destinations.values()]
    assert {url for each in urls for url in each} == {"http://phones:9093"}
    assert SERVICES["phones"]["profiles"] == ["demo"]


def test_nobody_can_sign_in_to_grafana_by_a_default() -> None:
    """There is no account, and whoever looks changes nothing."""
    told = SERVICES["grafana"]["environment"]
    assert told["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert told["GF_AUTH_DISABLE_LOGIN_FORM"] == told["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert (told["GF_AUTH_BASIC_ENABLED"], told["GF_AUTH_ANONYMOUS_ORG_ROLE"]) == (
        "false",
        "Viewer",
    )


def test_kafka_makes_no_topic_by_itself() -> None:
    """A misspelt topic is an error, not a second one that nobody reads."""
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_the_image_is_not_root_and_checks_every_hash() -> None:
    """The user is a number, so that an orchestrator can see it; nothing unlocked gets in."""
    assert "\nUSER 65532:65532\n" in IMAGE
    installs = re.findall(r"pip(?: --python \S+)? install(.+?)(?:&&|\n(?! ))", IMAGE, re.DOTALL)
    assert [re.findall(r"--require-hashes|--no-index", one) for one in installs] == [
        ["--require-hashes"],
        ["--require-hashes"],
        ["--no-index"],
    ]


def test_the_image_holds_nothing_of_its_making() -> None:
    """One copy into nothing: no layer in which a compiler or pip is hidden; what is told to stop is cordwatch itself."""
    last = IMAGE.rpartition("\nFROM ")[2]
    assert last.startswith("scratch\nCOPY --from=root /image /\n")
    assert re.findall(r"^(?:COPY|ADD|RUN)\b", last, re.MULTILINE) == ["COPY"]
    assert '\nENTRYPOINT ["cordwatch"]\n' in last


def test_what_makes_the_image_is_locked_as_it_was_tested() -> None:
    """Where both lock files have a package they have the same one."""
    of_tests, of_build = (
        dict(one.split(" ;")[0].split("==") for one in pins(lock) if "==" in one)
        for lock in ("requirements.lock", "deploy/image/build.lock")
    )
    both = of_tests.keys() & of_build.keys()
    assert {"hatchling", "packaging"} <= both
    assert {name: of_build[name] for name in both} == {name: of_tests[name] for name in both}


def test_the_image_has_what_was_tested() -> None:
    """Its lock file is a part of the one that the tests ran with."""
    assert pins("deploy/requirements.lock") <= pins("requirements.lock")
    assert len(pins("deploy/requirements.lock")) > 100
