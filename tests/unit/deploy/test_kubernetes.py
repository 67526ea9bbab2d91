"""The deployment on a cluster is closed by default: what each overlay would give to it, read as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from ruamel.yaml import YAML

from cordwatch.app.commands.effective import known_variables, unread
from cordwatch.runtime.topics_admin import wanted_config
from cordwatch.watch.settings import WatchSettings
from cordwatch_schemas.access import ACCESS
from cordwatch_schemas.topics import PARTITIONS, TOPICS, WATCHED
from deploy.kubernetes.generate import FILES, main
from tests.kustomize import FOLDER, OVERLAYS, ROOT, Resource, built
from tests.unit.deploy.kubernetes_rules import (
    HOST,
    RULES,
    Workload,
    broken,
    named,
    of_kind,
    selects,
    settings_of,
    workloads,
)

SERVICES = {"feeds", "watch", "pager", "board", "synthetic"}
MONITORED = OVERLAYS[2:]
SECRETS = {"cordwatch-reference-key", "cordwatch-board-proxy", "cordwatch-destinations"}
CERTIFICATES = {
    "cordwatch-kafka-ca",
    "cordwatch-feeds-tls",
    "cordwatch-board-tls",
    "cordwatch-topics",
    *(f"cordwatch-{one}" for one in SERVICES),
}
"""What somebody must make beforehand; the README says how."""

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def of(resources: list[Resource], component: str) -> Workload:
    """Return the workload of a part of cordwatch."""
    (found,) = (one for one in workloads(resources) if one.component == component)
    return found


def test_there_is_no_overlay_that_is_not_looked_at() -> None:
    """A folder that nobody builds would rot."""
    found = {str(path.parent.relative_to(FOLDER)) for path in FOLDER.rglob("kustomization.yaml")}
    assert found == {*OVERLAYS, "components/monitoring"}


@each_overlay
def test_every_workload_obeys_every_rule(overlay: str) -> None:
    """No exception, not for one workload and not for one rule."""
    found = workloads(built(overlay))
    assert {one.component for one in found} - {"kafka"} == {"topics", *SERVICES}
    assert broken(found) == []


POD, CONTAINER = "pod", "container"
BREACHES: list[tuple[str, str, dict[str, Any]]] = [
    ("no token", POD, {"automountServiceAccountToken": True}),
    ("an account of its own", POD, {"serviceAccountName": "default"}),
    ("no word of other services", POD, {"enableServiceLinks": True}),
    ("goes before others", POD, {"priorityClassName": None}),
    ("is not root", POD, {"securityContext": {"runAsUser": 0}}),
    ("is not root", POD, {"securityContext": {"runAsNonRoot": False}}),
    (
        "system calls are limited",
        POD,
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    ),
    ("stays in its pod", POD, {"hostNetwork": True}),
    ("stays in its pod", CONTAINER, {"ports": [{"name": "metrics", "hostPort": 80}]}),
    ("mounts what is limited or only read", POD, {"volumes": [{"name": "x", "emptyDir": {}}]}),
    (
        "mounts what is limited or only read",
        POD,
        {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    ),
    ("secrets are its own", POD, {"volumes": [{"name": "x", "secret": {"secretName": "x"}}]}),
    ("root is read-only", CONTAINER, {"securityContext": {"readOnlyRootFilesystem": False}}),
    (
        "no capability",
        CONTAINER,
        {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}},
    ),
    ("no new privilege", CONTAINER, {"securityContext": {"allowPrivilegeEscalation": True}}),
    ("no new privilege", CONTAINER, {"securityContext": {"privileged": True}}),
    (
        "memory is kept and limited",
        CONTAINER,
        {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
    ),
    ("memory is kept and limited", CONTAINER, {"resources": {"limits": {"memory": "9Gi"}}}),
    ("memory is kept and limited", CONTAINER, {"resources": {"limits": {"cpu": "1"}}}),
    ("image does not float", CONTAINER, {"image": "cordwatch:latest"}),
    ("image does not float", CONTAINER, {"image": "cordwatch"}),
    ("image is not pulled again", CONTAINER, {"imagePullPolicy": "Always"}),
    ("image is not pulled again", CONTAINER, {"imagePullPolicy": None}),
    ("no secret in sight", CONTAINER, {"env": [{"name": "BOARD_PASSWORD", "value": "x"}]}),
    (
        "no secret in sight",
        CONTAINER,
        {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "x"}}}]},
    ),
    ("no secret in sight", CONTAINER, {"envFrom": [{"secretRef": {"name": "x"}}]}),
    ("no secret in sight", CONTAINER, {"env": [{"name": "X_TLS_KEY", "value": "/run/secret"}]}),
    ("no secret in sight", CONTAINER, {"args": ["board", "--api-token", "x"]}),
    ("has time to finish", POD, {"terminationGracePeriodSeconds": 5}),
    ("is asked three things", CONTAINER, {"startupProbe": None}),
    ("is asked three things", CONTAINER, {"livenessProbe": {"httpGet": {"path": "/readyz"}}}),
    ("is asked three things", CONTAINER, {"livenessProbe": {"failureThreshold": 1}}),
    ("is asked three things", CONTAINER, {"startupProbe": {"failureThreshold": 3}}),
    ("is spread over nodes", POD, {"topologySpreadConstraints": []}),
    ("leaves a lost node", POD, {"tolerations": []}),
    ("is taken one by one", "workload", {"minReadySeconds": 0}),
]
"""One way or more to break each rule."""


def changed(resource: Any, change: Any) -> Any:
    """Return *resource* with *change* in it, at every depth; None takes away."""
    if not (isinstance(resource, dict) and isinstance(change, dict)):
        return change
    merged = {name: changed(resource.get(name, {}), value) for name, value in change.items()}
    return {name: one for name, one in (resource | merged).items() if one is not None}


@pytest.mark.parametrize(("rule", "where", "breach"), BREACHES)
@pytest.mark.parametrize("component", ["watch", "board"])
def test_a_broken_rule_is_told_by_workload_and_rule(
    component: str, rule: str, where: str, breach: dict[str, Any]
) -> None:
    """Exactly that one: each rule can fail, and no other takes its place."""
    one = of(built("base"), component)
    spec = one.resource["spec"]
    if where == CONTAINER:
        (container,) = one.pod["containers"]
        one.pod["containers"] = [changed(container, breach)]
    elif where == POD:
        spec["template"]["spec"] = changed(one.pod, breach)
    else:
        spec |= breach
    assert broken([one]) == [f"cordwatch-{component}: {rule}"]


def test_each_rule_has_been_seen_broken() -> None:
    """A rule that nothing breaks holds nothing."""
    assert {rule for rule, _, _ in BREACHES} == RULES.keys()


def test_what_a_budget_must_cover_is_told_where_it_covers_nobody() -> None:
    """Or covers another one: a node could be emptied of all at once."""
    resources = built("base")
    budgets = of_kind(resources, "PodDisruptionBudget")
    assert len(budgets) == len(SERVICES)
    budgets[0]["spec"]["maxUnavailable"] = 2
    del budgets[1]["spec"]["maxUnavailable"]
    assert len(broken(workloads(resources))) == 2


@each_overlay
def test_the_namespace_refuses_what_would_be_looser(overlay: str) -> None:
    """Restricted Pod Security, enforced by the cluster; and nothing of ours lies elsewhere."""
    resources = built(overlay)
    (namespace,) = of_kind(resources, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    of_the_cluster = {"Namespace", "PriorityClass"}
    assert {
        one["metadata"].get("namespace") for one in resources if one["kind"] not in of_the_cluster
    } == {"cordwatch"}
    kinds = {one["kind"] for one in resources}
    # Nobody here may ask the cluster anything, and no secret is written down.
    assert not kinds & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Secret"}


def _mounted(one: Workload) -> Iterator[tuple[str, str]]:
    for volume in one.pod.get("volumes", []):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        elif "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in one.containers:
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"]


@each_overlay
def test_what_is_referred_to_is_there_and_what_is_there_is_referred_to(overlay: str) -> None:
    """Settings, keys, accounts, volumes, priorities; the names of the secrets are those that are documented."""
    resources = built(overlay)
    mounted = {found for one in workloads(resources) for found in _mounted(one)}
    maps = {name for kind, name in mounted if kind == "ConfigMap"}
    assert maps == set(named(resources, "ConfigMap"))
    secrets = {name for kind, name in mounted if kind == "Secret"}
    assert secrets == SECRETS | (set() if overlay == "overlays/dev" else CERTIFICATES)
    told = (FOLDER / "README.md").read_text()
    assert [name for name in sorted(SECRETS | CERTIFICATES) if name not in told] == []
    accounts = of_kind(resources, "ServiceAccount")
    assert {one["metadata"]["name"] for one in accounts} == {
        one.name for one in workloads(resources)
    }
    assert all(one["automountServiceAccountToken"] is False for one in accounts)
    assert list(named(resources, "PriorityClass")) == ["cordwatch"]
    for one in workloads(resources):
        claimed = [claim["metadata"]["name"] for claim in one.spec.get("volumeClaimTemplates", [])]
        volumes = {*(volume["name"] for volume in one.pod.get("volumes", [])), *claimed}
        mounts = {m["name"] for container in one.containers for m in container["volumeMounts"]}
        assert volumes == mounts, one.name


@each_overlay
def test_every_service_leads_to_one_workload_and_a_port_of_it(overlay: str) -> None:
    """And a StatefulSet's names come from a Service that leads to it."""
    resources = built(overlay)
    leads = {}
    for service in of_kind(resources, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        (end,) = (one for one in workloads(resources) if selects(selector, one.labels))
        names = {port["name"] for one in end.containers for port in one.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
        leads[service["metadata"]["name"]] = end.name
    for one in workloads(resources):
        if one.resource["kind"] == "StatefulSet":
            assert leads[one.spec["serviceName"]] == one.name
        if one.goes_on:
            selected = [
                other.name
                for other in workloads(resources)
                if selects(one.spec["selector"], other.labels)
            ]
            assert selected == [one.name]


@each_overlay
def test_each_is_asked_on_the_page_that_it_serves(overlay: str) -> None:
    """Of health and metrics; on the ports that Prometheus asks on one host too."""
    config = YAML(typ="safe").load(ROOT / "deploy/prometheus/compose.yml")
    ports = {job["job_name"]: job["dns_sd_configs"][0]["port"] for job in config["scrape_configs"]}
    resources = built(overlay)
    for name in SERVICES:
        (container,) = of(resources, name).pod["containers"]
        served = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert served["metrics"] == ports[f"cordwatch-{name}"]
        probes = {
            one: container[f"{one}Probe"]["httpGet"] for one in ("startup", "liveness", "readiness")
        }
        assert probes == {
            "startup": {"path": "/healthz", "port": "metrics"},
            "liveness": {"path": "/livez", "port": "metrics"},
            "readiness": {"path": "/readyz", "port": "metrics"},
        }


def _recoveries_s() -> list[float]:
    section = (ROOT / "docs/BENCH.md").read_text().partition("## Recovery from the broker")[2]
    return [float(one) for one in re.findall(r"an open clock[^|]*\| ([\d.]+) s \|", section)]


@each_overlay
def test_a_start_has_time_for_a_broker_that_is_late_and_the_worst_recovery(overlay: str) -> None:
    """For the one that was measured, ten times over; and for the one after which watch itself gives up."""
    one = of(built(overlay), "watch")
    (container,) = one.pod["containers"]
    start = container["startupProbe"]
    has_s = start["failureThreshold"] * start["periodSeconds"]
    waits_s = float(settings_of(one, container)["CORDWATCH_BROKER_TIMEOUT"])
    assert len(_recoveries_s()) == 2
    assert has_s >= waits_s + WatchSettings().recovery_budget_s
    assert WatchSettings().recovery_budget_s >= 10 * max(_recoveries_s())
    # After ten minutes the kubelet has forgotten the last end: the next start comes in seconds.
    assert waits_s > 600


@each_overlay
def test_no_worker_of_watch_is_spared_and_none_has_nothing_to_do(overlay: str) -> None:
    """Never fewer than two, never more than there are partitions."""
    resources = built(overlay)
    scaled = of_kind(resources, "ScaledObject")
    spec = of(resources, "watch").spec
    if not scaled:
        assert 2 <= spec["replicas"] <= PARTITIONS
        return
    (found,) = (one["spec"] for one in scaled)
    assert "replicas" not in spec
    assert found["scaleTargetRef"] == {"name": "cordwatch-watch"}
    assert (found["minReplicaCount"], found["maxReplicaCount"]) == (2, PARTITIONS)
    assert "idleReplicaCount" not in found
    assert found["fallback"]["replicas"] >= 2
    behaviour = found["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert (
        min(behaviour[way]["stabilizationWindowSeconds"] for way in ("scaleUp", "scaleDown")) >= 600
    )
    asked = [trigger["metadata"] for trigger in found["triggers"]]
    assert {one["topic"] for one in asked} == {topic.name for topic in WATCHED}
    for one in asked:
        assert one["scaleToZeroOnInvalidOffset"] == one["allowIdleConsumers"] == "false"
        assert one["consumerGroup"] == WatchSettings().group
        watch = of(resources, "watch")
        assert one["bootstrapServers"] == settings_of(watch, watch.containers[0])["CORDWATCH_KAFKA"]
    authentications = set(named(resources, "TriggerAuthentication"))
    assert {one["authenticationRef"]["name"] for one in found["triggers"]} == authentications


def test_dev_has_a_broker_of_its_own_and_speaks_in_the_clear() -> None:
    """And says so: what counts in a production counts nowhere else."""
    resources = built("overlays/dev")
    told = {one.component: settings_of(one, one.containers[-1]) for one in workloads(resources)}
    assert told.pop("kafka")["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    for one in told.values():
        assert one["CORDWATCH_KAFKA"] == "cordwatch-kafka:9092"
        assert (one["CORDWATCH_ENVIRONMENT"], one["CORDWATCH_REPLICATION"]) == ("development", "1")
        assert not any(name.startswith("CORDWATCH_KAFKA_") or "_TLS_" in name for name in one)


@pytest.mark.parametrize("overlay", [one for one in OVERLAYS if one != "overlays/dev"])
def test_everywhere_else_is_a_production_that_is_known_by_certificates(overlay: str) -> None:
    """Each by one of its own, mounted as a file."""
    resources = built(overlay)
    for one in workloads(resources):
        told = settings_of(one, one.containers[-1])
        assert (told["CORDWATCH_ENVIRONMENT"], told["CORDWATCH_KAFKA_SECURITY"]) == (
            "production",
            "ssl",
        )
        assert told["CORDWATCH_REPLICATION"] == "3"
        secrets = {
            v["name"]: v["secret"]["secretName"] for v in one.pod["volumes"] if "secret" in v
        }
        assert (secrets["kafka"], secrets["kafka-ca"]) == (one.name, "cordwatch-kafka-ca")
        mounts = {m["name"]: m["mountPath"] for m in one.containers[-1]["volumeMounts"]}
        files = {name: told[f"CORDWATCH_KAFKA_{name}"] for name in ("CA", "CERT", "KEY")}
        folders = {name: path.rpartition("/")[0] for name, path in files.items()}
        assert folders == {
            "CA": mounts["kafka-ca"],
            "CERT": mounts["kafka"],
            "KEY": mounts["kafka"],
        }


@pytest.mark.parametrize("overlay", [one for one in OVERLAYS if one != "overlays/dev"])
def test_names_of_patients_cross_the_network_under_tls_alone(overlay: str) -> None:
    """What sends must show a certificate; the proxy to the board proves itself by its secret."""
    resources = built(overlay)
    for name, files in (("feeds", ["CERT", "CLIENT_CA", "KEY"]), ("board", ["CERT", "KEY"])):
        one = of(resources, name)
        (container,) = one.pod["containers"]
        told = settings_of(one, container)
        start = f"CORDWATCH_{name.upper()}_TLS_"
        found = {key.removeprefix(start): told[key] for key in told if key.startswith(start)}
        assert sorted(found) == files
        (mount,) = (m["mountPath"] for m in container["volumeMounts"] if m["name"] == "tls")
        assert {path.rpartition("/")[0] for path in found.values()} == {mount}
        secrets = [v["secret"]["secretName"] for v in one.pod["volumes"] if v["name"] == "tls"]
        assert secrets == [f"cordwatch-{name}-tls"]


@pytest.mark.parametrize("overlay", MONITORED)
def test_of_each_there_are_two_or_more_and_never_on_one_node(overlay: str) -> None:
    """Evenly over nodes, and over zones where there is room."""
    resources = built(overlay)
    for name in SERVICES:
        one = of(resources, name)
        assert one.spec.get("replicas", 2) >= 2
        (by_host,) = (s for s in one.pod["topologySpreadConstraints"] if s["topologyKey"] == HOST)
        assert (by_host["whenUnsatisfiable"], by_host["minDomains"]) == ("DoNotSchedule", 2)
        (apart,) = one.pod["affinity"]["podAntiAffinity"].values()
        term = apart[0]["podAffinityTerm"]
        assert term["topologyKey"] == "topology.kubernetes.io/zone"
        assert selects(term["labelSelector"], one.labels)


@each_overlay
def test_a_synthetic_patient_must_come_out_of_every_board_and_every_gateway(overlay: str) -> None:
    """One that is not asked could stand still unseen."""
    resources = built(overlay)
    one = of(resources, "synthetic")
    told = settings_of(one, one.containers[0])
    for setting, name in (("BOARDS", "board"), ("OTHERS", "feeds")):
        hosts = re.findall(r"//([\w.-]+):", told[f"CORDWATCH_SYNTHETIC_{setting}"])
        count = of(resources, name).spec["replicas"]
        assert hosts == [f"cordwatch-{name}-{n}.cordwatch-{name}" for n in range(count)]


@each_overlay
def test_whose_records_are_kept_under_a_name_has_one_that_stays(overlay: str) -> None:
    """Two boards with one audit chain would break it; a gateway with a new name has learnt nothing."""
    resources = built(overlay)
    for name in ("board", "feeds"):
        one = of(resources, name)
        assert one.resource["kind"] == "StatefulSet"
        (variable,) = (
            e for e in one.containers[-1]["env"] if e["name"] == f"CORDWATCH_{name.upper()}_NAME"
        )
        assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert of(resources, "watch").resource["kind"] == "Deployment"


def test_an_air_gap_is_asked_for_nothing_from_outside() -> None:
    """Every image comes from the hospital's own registry."""
    images = [c["image"] for one in workloads(built("overlays/airgap")) for c in one.containers]
    assert {one.partition("/")[0] for one in images} == {"registry.hospital.example"}
    assert len(images) == len(SERVICES) + 3


@pytest.mark.parametrize("overlay", MONITORED)
def test_prometheus_has_the_rules_that_are_tested_and_asks_everybody(overlay: str) -> None:
    """The same file, as data; and each job is called as the rules have it, by the name of its Service."""
    resources = built(overlay)
    (rule,) = of_kind(resources, "PrometheusRule")
    assert rule["spec"] == YAML(typ="safe").load(ROOT / "deploy/prometheus/rules.yml")
    (monitor,) = of_kind(resources, "ServiceMonitor")
    asked = [
        one["metadata"]["name"]
        for one in of_kind(resources, "Service")
        if selects(monitor["spec"]["selector"], one["metadata"]["labels"])
    ]
    assert sorted(asked) == sorted(f"cordwatch-{name}" for name in SERVICES)


def test_topics_are_made_by_a_job_or_by_strimzi_and_are_the_same() -> None:
    """Never by both: two who mend the same would undo each other's work."""
    for overlay in OVERLAYS:
        resources = built(overlay)
        (container,) = of(resources, "topics").containers
        made = of_kind(resources, "KafkaTopic")
        assert container["args"] == ["topics", "verify" if made else "apply"]
        assert bool(made) == (overlay == "overlays/strimzi")
    assert {one["metadata"]["name"]: one["spec"] for one in made} == {
        one.name: {"partitions": one.partitions, "replicas": 3, "config": wanted_config(one, 3)}
        for one in TOPICS
    }
    assert {one["apiVersion"] for one in made} == {"kafka.strimzi.io/v1"}


def test_each_that_runs_is_a_user_of_its_own_and_may_what_the_catalogue_says() -> None:
    """No rule more; and what the operator writes for a user is what its workload mounts."""
    resources = built("overlays/strimzi")
    users = {one["metadata"]["name"]: one["spec"] for one in of_kind(resources, "KafkaUser")}
    # KEDA's pods are its own; the secret is the one by which it knows itself.
    (way_in,) = of_kind(built("overlays/keda"), "TriggerAuthentication")
    own = {one["name"] for one in way_in["spec"]["secretTargetRef"]} & users.keys()
    assert own == {"cordwatch-keda"}
    assert users.keys() - own == {one.name for one in workloads(resources)}
    catalogue = {f"cordwatch-{one.service}": one for one in ACCESS}
    for name, user in users.items():
        assert user["authentication"] == {"type": "tls"}
        allowed = {
            (rule["resource"]["type"], rule["resource"]["name"], operation)
            for rule in user["authorization"]["acls"]
            for operation in rule["operations"]
        }
        assert allowed == {(one.kind, one.name, one.operation) for one in catalogue[name].rules()}
        patterns = {rule["resource"]["patternType"] for rule in user["authorization"]["acls"]}
        assert patterns == {"literal"}


@each_overlay
def test_no_setting_is_a_slip_of_the_pen(overlay: str) -> None:
    """A variable that no command reads would leave its default, and nobody would know."""
    for one in workloads(built(overlay)):
        for container in one.containers:
            assert list(unread(settings_of(one, container), known_variables())) == [], one.name


@pytest.mark.parametrize("name", FILES)
def test_what_is_generated_is_up_to_date_and_is_told_where_it_is_not(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rule that was changed for one host counts on a cluster too."""
    assert main(["--check"]) == 0
    made: Callable[[], str] = FILES[name]
    monkeypatch.setitem(FILES, name, lambda: made() + "# changed\n")
    assert main(["--check"]) == 1
    assert capsys.readouterr().err == f"deploy/kubernetes/{name} is not up to date: make docs\n"


def test_what_is_built_is_the_readers_own() -> None:
    """A test that breaks something must not break it for the next."""
    first = built("base")
    before = deepcopy(first)
    first[0]["kind"] = "changed"
    assert built("base") == before
