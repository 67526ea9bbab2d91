"""What the doctor prints to mend a host: a command does it as it is printed, and what else it names is there."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import click
import pytest

from cordwatch.app.cli import cordwatch
from cordwatch.app.commands.effective import known_variables
from cordwatch.app.doctor import broker, here, probing, services
from cordwatch.app.doctor.probing import once
from cordwatch.feeds.key_in_use import Kept
from cordwatch.feeds.references import References
from cordwatch.runtime import topics_admin
from cordwatch.runtime.kafka import BrokerUnreachable, KafkaSettings
from cordwatch.runtime.kafka_faults import GroupsUnknown
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.reference_keys import KeyInUse
from tests.builders import T0
from tests.shell import as_printed, doctor

ROOT = Path(__file__).parents[3]
MODULES = (broker, here, probing, services)
PACK = ROOT / "schemas/cordwatch_schemas/packs/mescc-lymphoma.yaml"


def a_plan_of_nobody() -> str:
    """Return the plan of the deployment, its phones taken away."""
    plan = (ROOT / "deploy/compose/pager-plan.yaml").read_text()
    return re.sub(r"\{kind: alertmanager, .*\}", "{kind: nowhere}", plan)


def asked(probe: str, *options: str, **variables: str) -> dict[str, str]:
    """Return what the doctor finds of one thing on this host, with nobody at the broker's door."""
    return doctor("127.0.0.1:1", *options, **variables)[probe]


def test_a_key_that_is_missing_is_made_by_what_is_printed(tmp_path: Path) -> None:
    """And one that is a placeholder is put aside first, never written over."""
    key = tmp_path / "our keys" / "reference-key"
    missing = asked("reference key", "--key-file", str(key))
    assert (missing["state"], missing["found"]) == ("bad", "is not there")
    assert as_printed(missing["cure"]).returncode == 0
    assert asked("reference key", "--key-file", str(key))["state"] == "good"
    key.chmod(0o600)
    key.write_text("changeme")
    placeholder = asked("reference key", "--key-file", str(key))
    assert as_printed(placeholder["cure"]).returncode == 0
    assert asked("reference key", "--key-file", str(key))["state"] == "good"
    assert Path(f"{key}.old").read_text() == "changeme"


def test_a_key_of_another_name_is_said_where_it_will_be(tmp_path: Path) -> None:
    """The command makes it by its own name, and what is printed says so."""
    cure = asked("reference key", "--key-file", str(tmp_path / "k"))["cure"]
    assert as_printed(cure).returncode == 0
    option = shlex.split(cure.rpartition("; then ")[2])
    assert asked("reference key", *option)["state"] == "good"


def test_a_variable_that_nothing_reads_is_mended_by_the_name_that_is_meant() -> None:
    """The finding names it."""
    wrong = asked("variables", CORDWATCH_HODL="60")
    assert (wrong["state"], bool(wrong["cure"])) == ("bad", True)
    meant = wrong["found"].partition("; is ")[2].removesuffix(" meant?")
    assert asked("variables", **{meant: "60"})["state"] == "good"


@pytest.mark.parametrize(
    ("probe", "option", "bad", "good"),
    [
        ("pathway pack", "--pack", "pack: x\n", PACK.read_text()),
        ("pager plan", "--plan", "roster: [{role: nurse, by: [gone]}]\n", a_plan_of_nobody()),
    ],
)
def test_a_bad_file_is_looked_at_by_what_is_printed(
    tmp_path: Path, probe: str, option: str, bad: str, good: str
) -> None:
    """The command says the same fault of the same file, with its place, and none once it is mended."""
    file = tmp_path / "our file.yaml"
    file.write_text(bad)
    found = asked(probe, option, str(file))
    looked = as_printed(found["cure"])
    assert (found["state"], looked.returncode) == ("bad", 5)
    assert found["found"] in looked.stdout + looked.stderr
    assert re.search(r"our file\.yaml:\d+:\d+ ", looked.stdout + looked.stderr)
    file.write_text(good)
    assert as_printed(found["cure"]).returncode == 0
    assert asked(probe, option, str(file))["state"] == "good"


def calls(module: ModuleType, *names: str) -> Iterator[ast.Call]:
    """Yield the calls of what has one of *names* in *module*."""
    for one in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(one, ast.Call):
            called = one.func.attr if isinstance(one.func, ast.Attribute) else ""
            called = one.func.id if isinstance(one.func, ast.Name) else called
            if called in names:
                yield one


def test_what_is_bad_has_a_cure() -> None:
    """Every such finding in every module says three things: that, what, and what mends it."""
    found = [one for module in MODULES for one in calls(module, "Finding")]
    bad = [one for one in found if isinstance(one.args[0], ast.Constant)]
    assert len(bad) > 15
    assert {len(one.args) for one in bad if ast.literal_eval(one.args[0]) == "bad"} == {3}


def test_the_commands_that_are_named_exist() -> None:
    """Each word of them leads on in our command line."""
    named = [one for module in MODULES for one in calls(module, "command")]
    words = [[part.value for part in one.args if isinstance(part, ast.Constant)] for one in named]
    assert ["topics", "apply"] in words
    for path in filter(None, words):
        here_: click.Command = cordwatch
        context = click.Context(cordwatch)
        for word in path:
            if not isinstance(here_, click.Group):
                break
            inner = here_.get_command(context, str(word))
            assert inner is not None, path
            here_ = inner


@pytest.mark.parametrize("module", MODULES)
def test_the_options_variables_and_pages_that_are_named_exist(module: ModuleType) -> None:
    """In what is printed, and in what is said to whoever reads the code."""
    text = inspect.getsource(module).replace("{SECURITY_PAGE}", broker.SECURITY_PAGE)
    known = set(options_of(cordwatch, click.Context(cordwatch)))
    assert {"--kafka", "--plan", "--key-file"} <= known
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= known
    variables = set(re.findall(r"CORDWATCH_[A-Z_]*[A-Z]", text))
    assert variables <= known_variables()
    for page, heading in re.findall(r"((?:docs|deploy)/[\w/-]+\.md)(?:#([\w-]+))?", text):
        headings = re.findall(r"(?m)^#+ (.+)$", (ROOT / page).read_text())
        assert not heading or heading in {anchor(one) for one in headings}, page
    for zone in re.findall(r"one like (\w+/\w+)", text):
        ZoneInfo(zone)


def anchor(heading: str) -> str:
    """Return how a page's heading is pointed at."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def options_of(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield every option of every command."""
    for one in command.params:
        yield from one.opts
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from options_of(inner, click.Context(inner, parent=context))


def test_what_a_service_may_count_has_an_alert_and_so_a_page_in_the_runbook() -> None:
    """The cure of a service that is not well is to look there."""
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text()
    assert [one for one in services._COUNTED if one not in rules] == []


def test_what_two_probes_need_is_asked_once() -> None:
    """Both get the answer, or the same error; they do not ask one after the other."""
    asks: list[str] = []
    together = threading.Barrier(2)

    def ask() -> str:
        asks.append("asked")
        raise BrokerUnreachable("kafka:9092", 4)

    shared = once(ask)

    def probe() -> probing.Finding:
        together.wait(5)
        return probing.good(shared())

    found = probing.probed({"topics": probe, "retention": probe}, 5)
    assert {one.found for one in found.values()} == {str(BrokerUnreachable("kafka:9092", 4))}
    assert len(asks) == 1


def test_topics_and_retention_ask_the_broker_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow broker is not asked the same twice, and their findings cannot contradict each other."""
    asks: list[int] = []

    def plan(_: KafkaSettings, copies: int) -> list[topics_admin.Step]:
        asks.append(copies)
        return [topics_admin.Step("cordwatch.acks.v1", "alter", "retention.ms=1 (wanted 2)")]

    monkeypatch.setattr(topics_admin, "plan", plan)
    called = probing.Called(("--kafka", "a:1"), {"--replication": "3"})
    asked_ = broker.Asked(3, "look", WallClock().now(), called)
    probes = broker.probes(KafkaSettings("127.0.0.1:1"), asked_)
    found = probing.probed({one: probes[one] for one in ("topics", "retention")}, 5)
    assert {one.cure for one in found.values()} == {
        "cordwatch --kafka a:1 topics apply --replication 3"
    }
    assert asks == [3]


def test_a_broker_that_does_not_know_its_groups_yet_is_no_sign_that_nobody_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither that somebody does: it is not known, and nothing is to be done but to ask again."""

    def asked_in_vain(kafka: KafkaSettings, *_: object) -> None:
        raise GroupsUnknown(kafka.address, 4)

    monkeypatch.setattr(broker, "group_progress", asked_in_vain)
    asked_ = broker.Asked(1, "look", WallClock().now(), probing.Called())
    probes = broker.probes(KafkaSettings("kafka:9092"), asked_)
    for name in ("watch", "pager group"):
        found = probes[name]()
        assert (found.state, found.cure) == ("unknown", "")
        assert found.found == (
            "the Kafka broker at kafka:9092 does not say yet who reads (asked for 4 s)"
        )


@pytest.mark.parametrize(
    ("present", "former", "ours", "state", "cure"),
    [
        (None, None, "a", "unknown", ""),
        ("a", None, None, "unknown", ""),
        ("a", "b", "a", "good", ""),
        ("a", "b", "b", "bad", "put the present key in its place"),
        ("a", "b", "c", "bad", "put that key back; docs/keys.md"),
    ],
)
def test_a_key_by_which_nobody_is_known_is_found_before_a_gateway_does(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    present: str | None,
    former: str | None,
    ours: str | None,
    state: str,
    cure: str,
) -> None:
    """Also one that was exchanged; neither key shows."""

    def fingerprint(name: str | None) -> str | None:
        return References(name.encode() * 40).fingerprint if name else None

    mark = (
        KeyInUse.model_validate(
            {"fingerprint": fingerprint(present), "former": fingerprint(former), "since": T0}
        )
        if present
        else None
    )
    monkeypatch.setattr(broker, "require_topics", lambda *_: None)
    monkeypatch.setattr(broker, "read_references", lambda _: Kept(mark, {}))
    file = tmp_path / "key"
    file.write_text(f"{(ours or 'x') * 40}\n", encoding="utf-8")
    now, called = WallClock().now(), probing.Called()
    asked_ = broker.Asked(1, "look", now, called, file if ours else None)
    found = broker.probes(KafkaSettings("kafka:9092"), asked_)["key in use"]()
    assert (found.state, found.cure) == (state, cure)
    assert (ours or "x") * 40 not in found.found
