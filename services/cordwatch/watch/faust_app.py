"""The Faust application of watch: settings that lose nothing, and no part of it that starts itself again."""

from __future__ import annotations

import os
from typing import Any

import faust

from cordwatch.runtime.kafka_refusals import exit_code_of
from cordwatch.runtime.logging import get_logger
from cordwatch.watch.credentials import credentials
from cordwatch.watch.fast_consumer import FAUST_LOG, PARTITION_FETCH_BYTES, Transport
from cordwatch.watch.keeper import Keeper
from cordwatch.watch.row_batches import BATCH_BYTES
from cordwatch.watch.settings import WatchSettings
from cordwatch_schemas.topics import PARTITIONS

EXIT_BROKEN = 70

log = get_logger("cordwatch.watch")


class WatchApp(faust.App):  # type: ignore[misc]
    """A Faust app whose consumer hands over polls to a keeper."""

    keeper: Keeper
    logger = FAUST_LOG
    _rebalancing = False

    @property
    def rebalancing(self) -> bool:
        """
        Return whether partitions change hands, for a worker that goes on.

        Faust starts its fetcher again when that is ended meanwhile, by way of a crash. Of one that was told to
        stop it is ended because of that, and a crash would be the end of what it still has to commit.
        """
        return self._rebalancing and not self.should_stop

    @rebalancing.setter
    def rebalancing(self, rebalancing: bool) -> None:
        self._rebalancing = rebalancing

    def fail(self, error: BaseException) -> None:
        """End the process where Faust would start a part of itself again, past what was not done."""
        log.error("a part of Faust failed", exc_info=error)
        os._exit(exit_code_of(error, EXIT_BROKEN))

    async def _on_agent_error(self, _: Any, error: BaseException) -> None:
        self.fail(error)

    def _crash(self, reason: BaseException) -> None:
        self.fail(reason)

    def _create_directories(self) -> None:
        """Make no folder where it was started: the state is on the broker, and an image is read-only."""

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self, loop=self.loop)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self, loop=self.loop)


def make_app(settings: WatchSettings, group: str) -> WatchApp:
    """Return a Faust app with the settings that lose nothing (docs/faust-traps.md)."""
    return WatchApp(
        group,
        broker=";".join(f"kafka://{one.strip()}" for one in settings.kafka.address.split(",")),
        broker_credentials=credentials(settings.kafka.security),
        store="memory://",
        processing_guarantee="at_least_once",
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=PARTITIONS,
        table_standby_replicas=0,
        stream_publish_on_commit=False,
        producer_threaded=False,
        producer_max_batch_size=BATCH_BYTES,
        stream_wait_empty=True,
        web_enabled=False,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=max(0.5, settings.session_timeout_s / 5),
        broker_max_poll_interval=86_400.0,
        broker_max_poll_records=10_000,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=PARTITION_FETCH_BYTES,
        stream_recovery_delay=0.0,
        worker_redirect_stdouts=False,
    )
