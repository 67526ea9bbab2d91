"""Who talks to whom, held against the compose file, the cluster's policies and every setting that names an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, get_args
from urllib.parse import urlsplit

import click
import pytest
from ruamel.yaml import YAML

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands.settings_options import SettingsOption
from cordwatch.pager.plan import load_plan
from cordwatch.pager.transports.settings import Destination
from tests.safety.evidence import ROOT
from tests.safety.inventories import Connections, connections
from tests.safety.papers import FOLDER
from tests.unit.deploy.compose_rules import environment_of, read

Way = tuple[str, str, int]
"""Who begins, who answers, and on which port."""

IN_PAPER: Final = {
    "kafka": "Kafka",
    "kafka-2": "Kafka",
    "kafka-3": "Kafka",
    "phones": "Alertmanager",
    "alertmanager": "Alertmanager",
    "prometheus": "Prometheus",
    "grafana": "Grafana",
    "door": "door of the demo",
}
"""What the paper calls the services that are not cordwatch's own."""
METRICS: Final = {"watch": 9464, "feeds": 9465, "pager": 9466, "board": 9467, "synthetic": 9468}
NO_CONNECTION: Final = frozenset({"CORDWATCH_BOARD_URL"})
"""Addresses that nobody connects to because of them: it is the board's own, as others know it."""
ADDRESS: Final = re.compile(
    r"CORDWATCH_\w*(?:_URL|PORT|_SERVER|_BOARDS|_OTHERS|_SILENCES|_ALERTMANAGERS|_HOST)\b|CORDWATCH_KAFKA\b"
)


def written(paper: Connections) -> set[Way]:
    """Return the connections of the paper that docker-compose.yml has, by the service that begins each."""
    return {
        (service, one.end, int(one.port)) for one in paper.connections for service in one.compose
    }


def of_compose() -> set[Way]:
    """Return every connection that the compose file makes possible: ports that it opens, and whom its services are told to ask."""
    text = (ROOT / "docker-compose.yml").read_text()
    services = read(text, environment_of("demo", "ha"))["services"]
    ways: set[Way] = set()
    for name, service in services.items():
        for one in service.get("ports", []):
            ways.add(("outside", IN_PAPER.get(name, name), int(one.rsplit(":", 1)[1])))
        if service.get("command", [""])[0] == "secrets":
            # It is told of Kafka as all of ours are, and looks at files.
            continue
        told = {key: str(value) for key, value in service.get("environment", {}).items()}
        for host, port in _asked(told):
            ways.add((name, IN_PAPER.get(host, host), port))
    return ways | set(_of_files())


def _asked(told: dict[str, str]) -> Iterator[tuple[str, int]]:
    for one in told.get("CORDWATCH_KAFKA", "").split(","):
        if one:
            yield one.partition(":")[0], int(one.rpartition(":")[2])
    listeners = told.get("KAFKA_ADVERTISED_LISTENERS", "")
    voters = told.get("KAFKA_CONTROLLER_QUORUM_VOTERS", "")
    for host, port in re.findall(r"INSIDE://([\w-]+):(\d+)", listeners):
        yield host, int(port)
    for host, port in re.findall(r"\d@(kafka[\w-]*):(\d+)", voters):
        yield host, int(port)
    for name, value in told.items():
        if name.startswith("CORDWATCH_") and "://" in value:
            for one in value.split(","):
                yield str(urlsplit(one).hostname), urlsplit(one).port or 0


def _of_files() -> Iterator[Way]:
    """Yield what mounted files say: the plan, Prometheus, Grafana, the door."""
    plan = load_plan(ROOT / "deploy/compose/pager-plan.yaml")
    for destination in plan.destinations.values():
        for url in getattr(destination, "urls", ()):
            yield _way("pager", urlsplit(str(url)).netloc)
    prometheus = YAML(typ="safe").load(ROOT / "deploy/prometheus/compose.yml")
    for job in prometheus["scrape_configs"]:
        for how in job["dns_sd_configs"]:
            yield from (_way("prometheus", f"{name}:{how['port']}") for name in how["names"])
    for manager in prometheus["alerting"]["alertmanagers"]:
        for target in manager["static_configs"][0]["targets"]:
            yield _way("prometheus", target)
    named = {"grafana": "deploy/grafana/provisioning/datasources/prometheus.yaml"}
    for service, file in (named | {"door": "deploy/compose/door.conf"}).items():
        text = (ROOT / file).read_text()
        yield from (_way(service, one) for one in re.findall(r"(?<=[/ $])[a-z]+:\d{4}\b", text))


def _way(begin: str, address: str) -> Way:
    host, _, port = address.partition(":")
    return begin, IN_PAPER.get(host, host), int(port)


def of_cluster() -> set[Way]:
    """Return every connection that the policies of the base, and of its monitoring, let through."""
    ways: set[Way] = set()
    for name in ("base", "components/monitoring"):
        for policy in YAML(typ="safe").load_all(ROOT / "deploy/kubernetes" / name / "network.yaml"):
            spec = policy["spec"]
            for of in _components(spec["podSelector"]):
                for rule in spec.get("egress", []):
                    ways |= {
                        (of, end, _port(one, of))
                        for end in _peers(rule["to"], "out")
                        for one in rule["ports"]
                    }
                for rule in spec.get("ingress", []):
                    ways |= {
                        (begin, of, _port(one, of))
                        for begin in _peers(rule["from"], "in")
                        for one in rule["ports"]
                    }
    return ways


def _components(selector: dict[str, Any]) -> list[str]:
    for one in selector.get("matchExpressions", []):
        return [str(value) for value in one["values"]]
    labels = selector.get("matchLabels", {})
    found = labels.get("app.kubernetes.io/component")
    return [found] if found else (["each part of cordwatch"] if labels else [])


def _peers(peers: list[dict[str, Any]], direction: str) -> Iterator[str]:
    namespaces = {
        "kafka": "Kafka",
        "kube-system": "name server",
        "monitoring": "Alertmanager" if direction == "out" else "Prometheus",
        "sends-messages": "sender of HL7",
        "signs-people-in": "proxy that signs people in",
    }
    for peer in peers:
        if "namespaceSelector" in peer:
            [label] = peer["namespaceSelector"]["matchLabels"].values()
            yield namespaces[label]
        else:
            yield from _components(peer["podSelector"])


def _port(one: dict[str, Any], of: str) -> int:
    return METRICS[of] if one["port"] == "metrics" else int(one["port"])


def variables(command: click.Command) -> Iterator[str]:
    """Yield the variable of every option of a command, and of those below it."""
    for one in command.params:
        variable = one.setting.variable if isinstance(one, SettingsOption) else one.envvar
        if isinstance(variable, str):
            yield variable
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from variables(below)


def test_the_compose_file_has_these_connections_and_no_other() -> None:
    """Ports that are open on the host, and whom each service is told to ask, by its settings or its files."""
    assert written(connections()) == of_compose()


def test_the_cluster_lets_these_through_and_no_other() -> None:
    """By who begins and who answers; the port, where the paper says one."""
    paper = {(one.begin, one.end): one.port for one in connections().connections if one.kubernetes}
    found = of_cluster()
    assert paper.keys() == {(begin, end) for begin, end, _ in found}
    wrong = [way for way in found if paper[way[:2]] not in {way[2], "named"}]
    assert wrong == []


def test_every_setting_that_names_an_address_is_in_it() -> None:
    """Where a user can say whom to connect to, or where to listen; and none that is not there."""
    text = (FOLDER / "connections.yaml").read_text(encoding="utf-8")
    told = {name for name in re.findall(r"CORDWATCH_[A-Z_]+", text) if not name.endswith("_")}
    known = set(variables(cordwatch))
    assert told - known == set()
    addresses = {name for name in known if ADDRESS.fullmatch(name) and not name.endswith("_HOST")}
    assert addresses - told - NO_CONNECTION == set()
    assert len(addresses) > 12


def test_every_kind_of_destination_is_in_it() -> None:
    """What a plan may name, each with its kind."""
    kinds = {
        get_args(one.model_fields["kind"].annotation)[0]
        for one in get_args(get_args(Destination)[0])
    }
    settings = " ".join(one.setting for one in connections().connections)
    assert {
        kind
        for kind in kinds - {"nowhere"}
        if not re.search(rf"plan: kind .*\b{kind}\b|or {kind} ", settings)
    } == set()


@pytest.mark.parametrize("name", ["feeds", "board", "pager", "synthetic", "watch", "topics"])
def test_every_part_of_cordwatch_is_in_it(name: str) -> None:
    """Each begins something."""
    assert any(one.begin == name for one in connections().connections)
