"""Who asks whom, read out of settings; and who may, read out of the policies of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cordwatch.pager.plan import Plan, load_plan
from tests.kustomize import Resource
from tests.unit.deploy.kubernetes_rules import Workload, selects, settings_of, workloads

NAME = "kubernetes.io/metadata.name"
DNS = ("kube-system", ("UDP", 53), ("TCP", 53))


class Way(NamedTuple):
    """A connection from a part of cordwatch, or a namespace, to another one."""

    begin: str
    end: str
    protocol: str
    port: int


def plan_of(one: Workload, folder: Path) -> Plan | None:
    """Return the pager plan that is mounted into its pods."""
    maps = {each["metadata"]["name"]: each["data"] for each in one.those_beside("ConfigMap")}
    for volume in one.pod.get("volumes", []):
        text = maps.get(volume.get("configMap", {}).get("name"), {}).get("pager-plan.yaml")
        if text is not None:
            path = folder / "pager-plan.yaml"
            path.write_text(StringIO(text).read())
            return load_plan(path)
    return None


def asked(one: Workload, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield every host and port that its settings name: brokers, addresses, destinations."""
    for container in one.containers:
        for name, value in settings_of(one, container).items():
            for part in value.split(","):
                if name == "CORDWATCH_KAFKA":
                    host, _, port = part.partition(":")
                    yield host, int(port)
                elif "://" in part and name.startswith("CORDWATCH_"):
                    yield _of_url(part)
    plan = plan_of(one, folder)
    for destination in plan.destinations.values() if plan else ():
        for url in getattr(destination, "urls", ()):
            yield _of_url(str(url))


def _of_url(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), parts.port or {"http": 80, "https": 443}[parts.scheme]


def _place(host: str, port: int, resources: Sequence[Resource]) -> tuple[str, int]:
    """Return what answers there: a part of cordwatch, by the port of its pods, or a namespace."""
    last = host.rsplit(".", maxsplit=1)[-1]
    services = {
        one["metadata"]["name"]: one["spec"] for one in resources if one["kind"] == "Service"
    }
    if last not in services:
        return last, port
    (served,) = (one for one in services[last]["ports"] if one["port"] == port)
    (end,) = (
        one
        for one in workloads(resources)
        if selects({"matchLabels": services[last]["selector"]}, one.labels)
    )
    return end.component, port_of(end, served["targetPort"])


def port_of(one: Workload, name: str | int) -> int:
    """Return the number of a port of its pods."""
    ports = [port for container in one.containers for port in container.get("ports", [])]
    (found,) = (
        each["containerPort"] for each in ports if name in (each["name"], each["containerPort"])
    )
    return int(found)


def wanted_out(resources: Sequence[Resource], folder: Path) -> set[Way]:
    """Return every connection that somebody here begins."""
    ways = set()
    for one in workloads(resources):
        namespace, *names = DNS
        ways |= {Way(one.component, namespace, protocol, port) for protocol, port in names}
        for host, port in asked(one, folder):
            ways.add(Way(one.component, *_ended(host, port, resources)))
    return ways


def _ended(host: str, port: int, resources: Sequence[Resource]) -> tuple[str, str, int]:
    end, number = _place(host, port, resources)
    return end, "TCP", number


def wanted_in(resources: Sequence[Resource], folder: Path) -> set[Way]:
    """Return every connection that somebody here takes: from another part, by a Service, from Prometheus."""
    parts = {one.component: one for one in workloads(resources)}
    ways = {one for one in wanted_out(resources, folder) if one.end in parts}
    for service in (one for one in resources if one["kind"] == "Service"):
        spec = service["spec"]
        (end,) = (
            one for one in parts.values() if selects({"matchLabels": spec["selector"]}, one.labels)
        )
        for port in spec["ports"]:
            number = port_of(end, port["targetPort"])
            if spec.get("clusterIP") != "None":
                ways.add(Way("outside", end.component, "TCP", number))
            for monitor in (one for one in resources if one["kind"] == "ServiceMonitor"):
                asked_ports = {one["port"] for one in monitor["spec"]["endpoints"]}
                labels = service["metadata"]["labels"]
                if selects(monitor["spec"]["selector"], labels) and port["name"] in asked_ports:
                    ways.add(Way("monitoring", end.component, "TCP", number))
    return ways


def allowed(resources: Sequence[Resource], direction: str) -> set[Way]:
    """
    Return every connection that the policies leave open, `egress` or `ingress`.

    Raises:
        AssertionError: a policy leaves open who, or by which port.
    """
    ways = set()
    for policy in (one for one in resources if one["kind"] == "NetworkPolicy"):
        spec = policy["spec"]
        of = [one for one in workloads(resources) if selects(spec["podSelector"], one.labels)]
        for rule in spec.get(direction, []):
            peers = rule.get("to" if direction == "egress" else "from")
            assert peers, policy["metadata"]["name"]
            assert rule.get("ports"), policy["metadata"]["name"]
            for peer in peers:
                for one in of:
                    ways |= set(_ways(one, peer, rule["ports"], direction, resources))
    return ways


def _ways(
    one: Workload,
    peer: Mapping[str, Any],
    ports: Sequence[Resource],
    direction: str,
    resources: Sequence[Resource],
) -> Iterator[Way]:
    for other in _others(peer, resources):
        for port in ports:
            if direction == "egress":
                yield Way(one.component, other, port["protocol"], int(port["port"]))
            else:
                yield Way(other, one.component, port["protocol"], port_of(one, port["port"]))


def _others(peer: Mapping[str, Any], resources: Sequence[Resource]) -> list[str]:
    """Return what a peer is: a namespace by its name, `outside` by a label of ours, or parts of cordwatch."""
    if "namespaceSelector" in peer:
        labels = peer["namespaceSelector"].get("matchLabels", {})
        assert labels, "every namespace"
        return [labels[NAME]] if NAME in labels else ["outside"]
    assert peer["podSelector"], "every pod"
    return [
        one.component for one in workloads(resources) if selects(peer["podSelector"], one.labels)
    ]
