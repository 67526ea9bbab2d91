"""A network that lets through what is used: the policies of each overlay beside what its settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kustomize import OVERLAYS, built
from tests.unit.deploy.kubernetes_network import allowed, wanted_in, wanted_out
from tests.unit.deploy.kubernetes_rules import of_kind


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_network_lets_through_what_is_used_and_nothing_else(overlay: str, tmp_path: Path) -> None:
    """Out: brokers, addresses and destinations that settings name, and DNS. In: who is meant by that, and who is served."""
    resources = built(overlay)
    assert allowed(resources, "egress") == wanted_out(resources, tmp_path)
    assert allowed(resources, "ingress") == wanted_in(resources, tmp_path)
    closed = [
        one["spec"]
        for one in of_kind(resources, "NetworkPolicy")
        if one["spec"]["podSelector"] == {}
    ]
    assert closed == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]


@pytest.mark.parametrize("policy", ["names", "kafka", "destinations", "synthetic-asks"])
def test_a_way_out_that_is_missing_is_seen(policy: str, tmp_path: Path) -> None:
    """Each of these policies is needed."""
    resources = [one for one in built("overlays/ha") if one["metadata"]["name"] != policy]
    assert allowed(resources, "egress") < wanted_out(resources, tmp_path)


def test_a_way_that_nobody_uses_is_seen(tmp_path: Path) -> None:
    """A port more, a namespace more: it is open, and nothing here says why."""
    resources = built("base")
    (kafka,) = (one for one in resources if one["metadata"]["name"] == "kafka")
    (rule,) = kafka["spec"]["egress"]
    rule["ports"].append({"protocol": "TCP", "port": 443})
    assert {one.port for one in allowed(resources, "egress") - wanted_out(resources, tmp_path)} == {
        443
    }
    (people,) = (one for one in resources if one["metadata"]["name"] == "people")
    people["spec"]["ingress"][0]["ports"].append({"protocol": "TCP", "port": 9467})
    extra = allowed(resources, "ingress") - wanted_in(resources, tmp_path)
    assert {(one.begin, one.end, one.port) for one in extra} == {("outside", "board", 9467)}


@pytest.mark.parametrize("peers", [[], [{"namespaceSelector": {}}], [{"podSelector": {}}]])
def test_a_policy_that_says_not_who_is_refused(peers: list[dict[str, Any]]) -> None:
    """An empty list is everybody."""
    resources = built("base")
    (people,) = (one for one in resources if one["metadata"]["name"] == "people")
    people["spec"]["ingress"][0]["from"] = peers
    with pytest.raises(AssertionError):
        allowed(resources, "ingress")
