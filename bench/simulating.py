"""How fast a hospital's day can be tried out without a broker."""

from __future__ import annotations

import time

from bench.findings import Findings, at_most
from bench.hospital_day import bundled, noise, of_others
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.source import Source
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import load_pack

WELL_UNDER_A_MINUTE_S = 30


def simulating(found: Findings, messages: int) -> None:
    """Map and simulate a day: the bundled stories once, and the noise of other patients up to *messages*."""
    many, kept = bundled(), noise()
    while len(many) < messages:
        times = len(many) // len(kept)
        many += [type(one)(one.kind, one.format, of_others(one, times)) for one in kept]
    began = time.perf_counter()
    told = [
        one
        for item in many
        for one in translate(item, Source(), None).told
        if isinstance(one, Event)
    ]
    mapped_s = time.perf_counter() - began
    alerts = len(simulate(told, load_pack("mescc-lymphoma")))
    took_s = time.perf_counter() - began
    found.add(
        "Simulate",
        f"a day of {len(many):,} messages",
        f"{took_s:.1f} s, {len(many) / took_s:,.0f} messages/s",
        f"{mapped_s:.1f} s of it reading and mapping; {alerts} alerts",
        (at_most(WELL_UNDER_A_MINUTE_S, "30 s"), took_s),
    )
