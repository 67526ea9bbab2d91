"""What the services say of themselves, on the page that Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from cordwatch.app.doctor.probing import Finding, Probe, good
from cordwatch.runtime.metrics_tls import MetricsTls
from cordwatch.runtime.web_asking import asking

ASK_S = 4.0
OFFSET_S_MAX = 2.0
_COUNTED = {
    "cordwatch_unreadable_patients": "patients of whom a stored row cannot be read",
    "cordwatch_heap_mismatches": "wake-ups that are missing",
    "cordwatch_held_partitions": "partitions whose alerts are held",
}
"""Series that are 0 wherever all is well; deploy/runbook.md says of each what to do."""


def probes(addresses: Iterable[str], version: str, tls: MetricsTls) -> dict[str, Probe]:
    """Return what to ask the services at *addresses*, of which all should be of *version*; *tls*: how they are verified."""
    return {f"service {one}": partial(_service, one, version, tls) for one in addresses}


def _service(address: str, version: str, tls: MetricsTls) -> Finding:
    try:
        healthy, text = asyncio.run(_asked(address.rstrip("/"), tls))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        kind = type(error).__name__
        return Finding(
            "bad", f"does not answer ({kind})", "start it, or mend its address in --service"
        )
    return judged(healthy, text, version)


def judged(healthy: int, text: str, version: str) -> Finding:
    """Return what a service's health (an HTTP status) and its series come to."""
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    faults = [] if healthy == HTTPStatus.OK else ["does not get on (its /healthz says why)"]
    shown = next((one for one in samples if one.name == "cordwatch_build_info"), None)
    theirs = shown.labels.get("version", "?") if shown else "unknown"
    if theirs != version:
        faults.append(f"is version {theirs}, this is {version}")
    faults += [
        f"{one.value:g} {_COUNTED[one.name]}"
        for one in samples
        if one.value and one.name in _COUNTED
    ]
    offsets = [abs(one.value) for one in samples if one.name == "cordwatch_clock_offset_seconds"]
    worst = max((one for one in offsets if one == one), default=0.0)  # noqa: PLR0124 - not a number: nothing came
    if worst > OFFSET_S_MAX:
        faults.append(f"its clock and one that stamps records are {worst:.1f} s apart")
    if faults:
        return Finding("bad", "; ".join(faults), "deploy/runbook.md; versions: upgrade all alike")
    return good(f"gets on, version {theirs}, clocks {worst:.1f} s apart at most")


async def _asked(address: str, tls: MetricsTls) -> tuple[int, str]:
    async with asking(ASK_S, tls.asking()) as session:
        async with session.get(f"{address}/healthz", allow_redirects=False) as health:
            status = health.status
        async with session.get(f"{address}/metrics", allow_redirects=False) as metrics:
            return status, await metrics.text()
