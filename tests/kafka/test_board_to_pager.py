"""From a click on the board to the pager: over a real Kafka, to the phone that need not ring again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import median

import pytest

from tests.e2e.board_site import BoardSite, a_ward_now, on_topics
from tests.kafka.test_board import acknowledge
from tests.kafka.test_pager import CLOCK, Bench, until
from tests.kafka_harness.real_kafka import RealKafka
from tests.pager.fake_pager import FakePager

AT_PAGER_S_MAX = 1.0
PATIENTS = (
    "p_7qk2xm4dnv3t",
    "p_c9w8rjh5sy6f",
    "p_m3z6h1ke8upa",
    "p_q3w6e9r2t5zu",
    "p_t6r9e2y5u8io",
)
"""Of each somebody was paged."""


@pytest.mark.timeout(240)
async def test_what_is_acknowledged_at_the_board_is_at_the_pager_within_a_second(
    private_kafka: RealKafka, tmp_path: Path
) -> None:
    """From the moment at which the form is sent until the destination has heard of it; and it rings no more."""
    async with FakePager(CLOCK.now) as phones:
        bench = Bench(private_kafka, tmp_path, phones.enqueue)
        site = BoardSite(bench.address, tmp_path)
        now = CLOCK.now()
        site.publish(on_topics(a_ward_now(now), now))
        await asyncio.to_thread(site.start)
        process = bench.pager()
        try:
            await until(lambda: len(heard(phones)) >= len(PATIENTS), "nobody was told")
            took_s = [await taken_s(site, phones, patient) for patient in PATIENTS]
        finally:
            process.kill()
            site.kill()
    assert median(took_s) <= AT_PAGER_S_MAX, took_s


def heard(phones: FakePager) -> dict[str, str]:
    """Return the state of every incident that the destination knows."""
    return {one.dedup_key: one.state for one in phones.rules.incidents.values()}


async def taken_s(site: BoardSite, phones: FakePager, patient: str) -> float:
    """Acknowledge the most pressing clock of a patient; return how long it took until the destination knew."""
    loop = asyncio.get_running_loop()
    before = sum(state == "acknowledged" for state in heard(phones).values())
    began = loop.time()
    sending = asyncio.create_task(asyncio.to_thread(acknowledge, site, patient))
    await until(
        lambda: sum(state == "acknowledged" for state in heard(phones).values()) > before,
        f"the pager does not know of {patient}",
    )
    took_s = loop.time() - began
    assert await sending == 200
    return took_s
