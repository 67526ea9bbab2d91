"""What every workload on a cluster obeys: rules by name, each of which tells what breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.kustomize import Resource
from tests.unit.deploy.compose_rules import SECRET_NAME

HOST: Final = "kubernetes.io/hostname"
WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "Job", "DaemonSet", "CronJob", "Pod"})
PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")
VOLUMES: Final = frozenset({"emptyDir", "secret", "configMap"})
"""What may be mounted; a disk of its own is claimed by a StatefulSet."""
BEYOND_A_POD: Final = frozenset(
    ["hostNetwork", "hostPID", "hostIPC", "hostUsers", "hostAliases", "shareProcessNamespace"]
)
LOST_NODE_S_MAX: Final = 60
DRAIN_S: Final = 30
GONE: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that runs, and the other resources beside it."""

    resource: Resource
    beside: Sequence[Resource]

    @property
    def name(self) -> str:
        """Return its name."""
        return str(self.resource["metadata"]["name"])

    @property
    def component(self) -> str:
        """Return the part of cordwatch that it is."""
        return str(self.labels.get("app.kubernetes.io/component"))

    @property
    def spec(self) -> Resource:
        """Return what is said of the workload."""
        found: Resource = self.resource["spec"]
        return found

    @property
    def pod(self) -> Resource:
        """Return what is said of its pods."""
        found: Resource = self.spec["template"]["spec"]
        return found

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels of its pods."""
        found: Mapping[str, str] = self.spec["template"]["metadata"]["labels"]
        return found

    @property
    def containers(self) -> list[Resource]:
        """Return all of its containers, those that come first too."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def goes_on(self) -> bool:
        """Return whether it is meant to run for ever."""
        return bool(self.resource["kind"] != "Job")

    def those_beside(self, kind: str) -> list[Resource]:
        """Return the resources of a kind."""
        return [one for one in self.beside if one["kind"] == kind]


Rule = Callable[[Workload], bool]


def workloads(resources: Sequence[Resource]) -> list[Workload]:
    """Return whatever runs pods."""
    return [Workload(one, resources) for one in resources if one["kind"] in WORKLOADS]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector selects what has these labels."""
    wanted = selector.get("matchLabels", {})
    if any(labels.get(name) != value for name, value in wanted.items()):
        return False
    for one in selector.get("matchExpressions", []):
        if one["operator"] != "In":
            raise NotImplementedError(one["operator"])
        if labels.get(one["key"]) not in one["values"]:
            return False
    return True


def settings_of(one: Workload, container: Resource) -> dict[str, str]:
    """Return the environment of a container, from whatever it is told by."""
    maps = {each["metadata"]["name"]: each["data"] for each in one.those_beside("ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            found |= maps[source["configMapRef"]["name"]]
    return found | {each["name"]: each.get("value", "") for each in container.get("env", [])}


def every(rule: Callable[[Resource], bool]) -> Rule:
    """Return the rule that *rule* holds for each container."""
    return lambda workload: all(map(rule, workload.containers))


def long_running(rule: Rule) -> Rule:
    """Return the rule for what runs for ever; a job has an end."""
    return lambda workload: not workload.goes_on or rule(workload)


def _is_not_root(one: Workload) -> bool:
    context = one.pod.get("securityContext", {})
    numbers = [context.get(name) for name in ("runAsUser", "runAsGroup", "fsGroup")]
    return context.get("runAsNonRoot") is True and all(
        isinstance(number, int) and number >= 1000 for number in numbers
    )


def _no_privilege(container: Resource) -> bool:
    context = container.get("securityContext", {})
    return context.get("allowPrivilegeEscalation") is False and "privileged" not in context


def _resources(container: Resource) -> bool:
    asked = container.get("resources", {})
    requests, limits = asked.get("requests", {}), asked.get("limits", {})
    # What is asked for is what may be used: nobody is put out because a node is full. And nobody is throttled.
    return (
        bool(requests.get("cpu"))
        and bool(limits.get("memory"))
        and requests.get("memory") == limits["memory"]
        and limits.keys() == {"memory"}
    )


def _stays_in_its_pod(one: Workload) -> bool:
    ports = [port for container in one.containers for port in container.get("ports", [])]
    return not BEYOND_A_POD & one.pod.keys() and not any("hostPort" in port for port in ports)


def _volumes(one: Workload) -> bool:
    for volume in one.pod.get("volumes", []):
        (kind,) = volume.keys() - {"name"}
        if kind not in VOLUMES or (kind == "emptyDir" and not volume[kind].get("sizeLimit")):
            return False
    return True


def _secrets_are_its_own(one: Workload) -> bool:
    """Return whether nobody else in the pod could read one, and nobody could change one."""
    names = {volume["name"] for volume in one.pod.get("volumes", []) if "secret" in volume}
    modes = [v["secret"].get("defaultMode") for v in one.pod.get("volumes", []) if "secret" in v]
    mounts = [mount for container in one.containers for mount in container.get("volumeMounts", [])]
    read_only = all(mount.get("readOnly") for mount in mounts if mount["name"] in names)
    return all(mode == 0o440 for mode in modes) and read_only


def _no_secret_in_sight(one: Workload) -> bool:
    """Return whether no option and no setting is a secret itself, rather than the file of one."""
    for container in one.containers:
        words = [word for word in container.get("args", []) if word.startswith("--")]
        options = [word.partition("=")[0].lstrip("-").replace("-", "_") for word in words]
        mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        told = settings_of(one, container)
        secrets = [value for name, value in told.items() if SECRET_NAME.search(name)]
        are_files = all(value.startswith(tuple(f"{path}/" for path in mounts)) for value in secrets)
        from_secret = [each for each in container.get("env", []) if "secretKeyRef" in str(each)]
        if any(map(SECRET_NAME.search, options)) or not are_files or from_secret:
            return False
        if any("secretRef" in source for source in container.get("envFrom", [])):
            return False
    return True


def _image(container: Resource) -> bool:
    name, _, tag = str(container["image"]).rpartition(":")
    return bool(name) and re.search(r"\d", tag) is not None


def _is_asked_three_things(one: Workload) -> bool:
    """Return whether it is asked apart whether it has begun, is alive, may be relied on; and has time to begin."""
    for container in one.pod["containers"]:
        probes = [container.get(name) for name in PROBES]
        if None in probes:
            return False
        start, live, _ = probes
        paths = [probe["httpGet"]["path"] for probe in probes if "httpGet" in probe]
        if len(set(paths)) != len(paths) or live["failureThreshold"] * live["periodSeconds"] < 60:
            return False
        if start["failureThreshold"] * start["periodSeconds"] < 300:
            return False
    return True


def _is_spread(one: Workload) -> bool:
    for spread in one.pod.get("topologySpreadConstraints", []):
        alike = spread.get("matchLabelKeys") == ["app.kubernetes.io/component"]
        if spread["topologyKey"] == HOST and spread["maxSkew"] == 1 and alike:
            return selects(spread["labelSelector"], one.labels)
    return False


def _leaves_a_lost_node(one: Workload) -> bool:
    waits = {
        toleration["key"]: toleration.get("tolerationSeconds", LOST_NODE_S_MAX + 1)
        for toleration in one.pod.get("tolerations", [])
        if toleration.get("effect") == "NoExecute"
    }
    return sorted(waits) == sorted(GONE) and max(waits.values()) <= LOST_NODE_S_MAX


def _is_taken_one_by_one(one: Workload) -> bool:
    found = [
        budget["spec"]
        for budget in one.those_beside("PodDisruptionBudget")
        if selects(budget["spec"]["selector"], one.labels)
    ]
    strategy = one.spec.get("strategy", {}).get("rollingUpdate", {"maxUnavailable": 1})
    return (
        [budget.get("maxUnavailable") for budget in found] == [1]
        and strategy["maxUnavailable"] == 1
        and one.spec.get("minReadySeconds", 0) > 0
    )


RULES: Final[Mapping[str, Rule]] = {
    "no token": lambda one: one.pod.get("automountServiceAccountToken") is False,
    "an account of its own": lambda one: one.pod.get("serviceAccountName") == one.name,
    "no word of other services": lambda one: one.pod.get("enableServiceLinks") is False,
    "goes before others": lambda one: one.pod.get("priorityClassName") == "cordwatch",
    "is not root": _is_not_root,
    "system calls are limited": lambda one: (
        one.pod.get("securityContext", {}).get("seccompProfile") == {"type": "RuntimeDefault"}
    ),
    "stays in its pod": _stays_in_its_pod,
    "mounts what is limited or only read": _volumes,
    "secrets are its own": _secrets_are_its_own,
    "root is read-only": every(
        lambda one: one.get("securityContext", {}).get("readOnlyRootFilesystem") is True
    ),
    "no capability": every(
        lambda one: one.get("securityContext", {}).get("capabilities") == {"drop": ["ALL"]}
    ),
    "no new privilege": every(_no_privilege),
    "memory is kept and limited": every(_resources),
    "image does not float": every(_image),
    "image is not pulled again": every(lambda one: one.get("imagePullPolicy") == "IfNotPresent"),
    "no secret in sight": _no_secret_in_sight,
    "has time to finish": lambda one: (
        one.pod.get("terminationGracePeriodSeconds", DRAIN_S) >= DRAIN_S
    ),
    "is asked three things": long_running(_is_asked_three_things),
    "is spread over nodes": long_running(_is_spread),
    "leaves a lost node": long_running(_leaves_a_lost_node),
    "is taken one by one": long_running(_is_taken_one_by_one),
}
"""Each holds for each workload, without exception."""


def broken(found: Sequence[Workload]) -> list[str]:
    """Return every rule that is broken, with the workload that breaks it."""
    return [
        f"{one.name}: {name}" for one in found for name, holds in RULES.items() if not holds(one)
    ]


def named(resources: Sequence[Resource], kind: str) -> Iterator[str]:
    """Yield the names of a kind."""
    return (one["metadata"]["name"] for one in resources if one["kind"] == kind)


def of_kind(resources: Sequence[Resource], kind: str) -> list[Resource]:
    """Return the resources of a kind."""
    return [one for one in resources if one["kind"] == kind]
