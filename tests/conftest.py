"""Brokers for the tests that need one, and what the run says about them."""

from collections.abc import Generator, Iterator

import pytest

from tests.kafka_harness.choice import Broker, chosen_broker, plan, real_demanded
from tests.kafka_harness.libraries import NoKafka
from tests.kafka_harness.real_kafka import RealKafka

BROKERS = ("kafka_broker", "spoilt_kafka", "kafka", "real_kafka", "private_kafka")
USED = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def kafka_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """Yield the broker of this run, and what kind it is."""
    with chosen_broker(tmp_path_factory.mktemp("kafka")) as broker:
        request.config.stash[USED] = broker.what
        yield broker


@pytest.fixture(scope="session")
def kafka(kafka_broker: Broker) -> str:
    """Return the address of the broker that all tests share; use topics of your own on it."""
    return kafka_broker.address


@pytest.fixture(scope="session")
def real_kafka(kafka_broker: Broker) -> str:
    """Return the address of a real broker; without one the test is skipped (in CI it fails)."""
    if not kafka_broker.real:
        pytest.skip(f"needs a real Kafka; this is the {kafka_broker.what}")
    return kafka_broker.address


@pytest.fixture
def private_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """Yield a broker of the test's own, which it may stop, kill and restart."""
    try:
        with RealKafka(tmp_path_factory.mktemp("private-kafka")) as broker:
            yield broker
    except NoKafka as failure:
        if real_demanded():
            raise
        pytest.skip(f"needs a local Kafka: {failure}")


@pytest.fixture(scope="module")
def spoilt_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a broker on which a module's tests may leave records that are none."""
    try:
        with RealKafka(tmp_path_factory.mktemp("spoilt-kafka")) as broker:
            yield broker.bootstrap
    except NoKafka as failure:
        if real_demanded():
            raise
        pytest.skip(f"needs a local Kafka: {failure}")


def pytest_report_header() -> str:
    """Say which broker this run plans to use."""
    return f"kafka: {plan()}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which broker the shared one really was."""
    if used := config.stash.get(USED, None):
        terminalreporter.write_line(f"kafka used: {used}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for a broker, so that nobody has to remember it."""
    for item in items:
        if isinstance(item, pytest.Function) and set(BROKERS) & set(item.fixturenames):
            item.add_marker(pytest.mark.kafka)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the broker's log beside the failure of a test that used it."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for fixture in ("kafka_broker", "private_kafka"):
            held = item.funcargs.get(fixture)
            broker = held.own if isinstance(held, Broker) else held
            if isinstance(broker, RealKafka):
                report.sections.append((f"log of {fixture}", broker.log_tail()))
    return report
