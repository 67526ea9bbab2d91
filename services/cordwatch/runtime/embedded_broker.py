"""
A broker inside this process, so that a demo needs nothing installed.

It is librdkafka's mock cluster, which the confluent-kafka wheel carries.
**In memory, for the life of one process: nothing that is told to it outlives
the demo.** Say so on the screen; never put a real patient on it.

The same cluster can be had with `Producer({"test.mock.num.brokers": 1})`, but
then every topic springs up on first use with 4 partitions, without a way to
choose. Ours must have the registry's count, so the mock is asked through its C
functions, which the wheel exports.

What works and what does not (confluent-kafka 2.16.1; `tests/unit/runtime`
holds each of these):

| client | |
|---|---|
| confluent-kafka | producer, metadata; CreateTopics times out: there is none |
| aiokafka 0.14 | producer (idempotent and transactional too), consumer with a group, commits, end offsets |
| kafka-python 3.0 | only with `api_version=KAFKA_PYTHON_API_VERSION`, and then all of it; without, it cannot read the mock's answer about versions and does not start |
| two members in one group | no: the second aiokafka member is refused (`InvalidRequestError`), so one worker per group |
| compaction, retention | none by policy; a partition keeps its newest 5 MiB and forgets the rest |
| unknown topics | spring up on first use with 4 partitions |
| groups | the first member is served at once: no initial rebalance delay |
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from confluent_kafka import cimpl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KAFKA_PYTHON_API_VERSION: Final = (2, 0)
"""What kafka-python must be told here, for it cannot find out by itself."""

_PRODUCER: Final = 0
_LOG_NOTHING: Final = b"0"
_REASON_BYTES: Final = 512
_ADDRESS: Final = ctypes.c_void_p
_TEXT: Final = ctypes.c_char_p
_SIZE: Final = ctypes.c_size_t

_FUNCTIONS: Final[dict[str, tuple[object, list[object]]]] = {
    "rd_kafka_conf_new": (_ADDRESS, []),
    "rd_kafka_conf_set": (ctypes.c_int, [_ADDRESS, _TEXT, _TEXT, _TEXT, _SIZE]),
    "rd_kafka_new": (_ADDRESS, [ctypes.c_int, _ADDRESS, _TEXT, _SIZE]),
    "rd_kafka_destroy": (None, [_ADDRESS]),
    "rd_kafka_mock_cluster_new": (_ADDRESS, [_ADDRESS, ctypes.c_int]),
    "rd_kafka_mock_cluster_destroy": (None, [_ADDRESS]),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, [_ADDRESS]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [_ADDRESS, ctypes.c_int32]),
    "rd_kafka_mock_topic_create": (
        ctypes.c_int,
        [_ADDRESS, _TEXT, ctypes.c_int, ctypes.c_int],
    ),
}


class NoEmbeddedBroker(RuntimeError):
    """The mock cluster could not be started or refused a topic; the text says which."""


@contextmanager
def embedded_broker(partitions: Mapping[str, int]) -> Iterator[str]:
    """
    Run a broker on a loopback port for the length of the block; yield its address.

    Args:
        partitions: how many partitions each topic has, by topic name.

    Raises:
        NoEmbeddedBroker: librdkafka would not start one, or refused a topic.
    """
    library = _library()
    client = _client(library)
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    try:
        if not cluster:
            raise NoEmbeddedBroker("librdkafka started no mock cluster")
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
        for topic, count in partitions.items():
            # The mock itself takes a topic without partitions, on which every client then waits.
            if count < 1 or library.rd_kafka_mock_topic_create(cluster, topic.encode(), count, 1):
                raise NoEmbeddedBroker(f"the mock cluster refused {topic} with {count} partitions")
        yield library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    finally:
        if cluster:
            library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(client)


def _library() -> ctypes.CDLL:
    """Return librdkafka as confluent-kafka loaded it, wherever its wheel put it."""
    library = ctypes.CDLL(cimpl.__file__)
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def _client(library: ctypes.CDLL) -> int:
    """Return the silent client that the mock cluster lives in."""
    reason = ctypes.create_string_buffer(_REASON_BYTES)
    settings = library.rd_kafka_conf_new()
    # Else it complains that it has no broker to connect to: it is the broker.
    library.rd_kafka_conf_set(settings, b"log_level", _LOG_NOTHING, reason, _REASON_BYTES)
    client: int | None = library.rd_kafka_new(_PRODUCER, settings, reason, _REASON_BYTES)
    if client is None:
        raise NoEmbeddedBroker(reason.value.decode())
    return client
