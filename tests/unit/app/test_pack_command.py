"""`cordwatch pack` as a user meets it: check, show, diff; and a new pack taking over from an old one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from cordwatch.app.commands.packs import live_standings, pack
from cordwatch.app.pack_page import span
from cordwatch.pathway.difference import counted, differences
from cordwatch.pathway.simulation import simulate
from cordwatch.runtime.embedded_broker import KAFKA_PYTHON_API_VERSION, embedded_broker
from cordwatch.runtime.kafka import KafkaSettings, Publisher
from cordwatch.watch.machine import Machine
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.base import Event
from cordwatch_schemas.pack import Packs, load_pack
from cordwatch_schemas.pack_choice import PackTable
from cordwatch_schemas.topics import FACTS
from tests.builders import T, a_suspicion, a_transfer, an_admission, an_mri_done
from tests.unit.watch.test_machine import PARTITIONS, Log, run

NL, UK = load_pack("mescc-lymphoma"), load_pack("nice-ng234")
UK_SOURCE = (resources.files("cordwatch_schemas") / "packs" / "nice-ng234.yaml").read_text()
H12 = timedelta(hours=12)


def cordwatch_pack(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(pack, list(arguments), obj={})


def a_file(folder: Path, *told: Event) -> str:
    """Write events as JSON lines; return the path."""
    path = folder / "told.jsonl"
    path.write_text("\n".join(one.model_dump_json() for one in told), encoding="utf-8")
    return str(path)


def changes(done: Result) -> list[tuple[str, str, str, str | None]]:
    """Return change, what, rule and level of each line of a `--json` diff."""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [(one["change"], one["what"], one["rule"], one["level"]) for one in lines]


@pytest.mark.parametrize("name", ["mescc-lymphoma", "nice-ng234"])
def test_check_says_that_the_shipped_packs_are_good(name: str) -> None:
    """Every example comes out, and every rule is shown."""
    done = cordwatch_pack("check", name)
    total = len(load_pack(name).examples)
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"{total} of {total} worked examples come out" in done.stdout
    assert "shown by no example" not in done.stdout


def test_check_tells_a_wrong_example_at_its_place_and_fails(tmp_path: Path) -> None:
    """As file:line:column, what was expected and what came; exit code 1."""
    line = "{level: due, at: T25, severity: critical}"
    file = tmp_path / "ours.yaml"
    file.write_text(UK_SOURCE.replace(line, line.replace("T25", "T26")))
    where = UK_SOURCE[: UK_SOURCE.index(line)].count("\n") + 1
    done = cordwatch_pack("check", str(file))
    assert done.exit_code == 1
    assert done.stderr == (
        f"{file}:{where}:13 examples.0.clocks.0.alerts.3 (example suspected) "
        "expected mri.mescc-suspected due at T26; came mri.mescc-suspected due at T25\n"
    )
    assert "17 of 18 worked examples come out" in done.stdout


def test_check_tells_a_program_the_same(tmp_path: Path) -> None:
    """Faults with their places, and what a pack holds."""
    line = "{level: due, at: T25, severity: critical}"
    file = tmp_path / "ours.yaml"
    file.write_text(UK_SOURCE.replace(line, line.replace("T25", "T26")))
    done = cordwatch_pack("check", str(file), "--json")
    fault, pack_told = (json.loads(one) for one in done.stdout.splitlines())
    where = UK_SOURCE[: UK_SOURCE.index(line)].count("\n") + 1
    assert (done.exit_code, done.stderr) == (1, "")
    assert (fault["file"], fault["line"], fault["column"]) == (str(file), where, 13)
    assert "came mri.mescc-suspected due at T25" in fault["reason"]
    held = {name: pack_told[name] for name in ("deadline_rules", "examples", "examples_wrong")}
    assert held == {"deadline_rules": len(UK.rules), "examples": 18, "examples_wrong": 1}


def test_check_tells_a_program_the_faults_of_every_file(tmp_path: Path) -> None:
    """Of a pack that a file names too; exit code 5."""
    (tmp_path / "ours.yaml").write_text("nmae: x\n")
    chosen = tmp_path / "packs.yaml"
    chosen.write_text("default: ours.yaml\nwhere:\n- {facility: A, pack: ours-too.yaml}\n")
    done = cordwatch_pack("check", str(chosen), "--json")
    told = [json.loads(one) for one in done.stdout.splitlines()]
    assert done.exit_code == 5
    assert {"file": str(chosen), "line": 3, "column": 23, "field": "where.0.pack"}.items() <= {
        **told[0]
    }.items()
    assert (str(tmp_path / "ours.yaml"), "nmae") in {(one["file"], one["field"]) for one in told}


def test_show_gives_a_program_the_whole_pack() -> None:
    """As it is kept, with what is left to the defaults."""
    told = json.loads(cordwatch_pack("show", "nice-ng234", "--format", "json").stdout)
    assert [one["id"] for one in told["rules"]] == [one.id for one in UK.rules]


def test_check_takes_every_pack_of_a_file_that_says_which_where(tmp_path: Path) -> None:
    """A hospital checks what it runs."""
    file = tmp_path / "where.yaml"
    file.write_text("default: mescc-lymphoma\nwhere:\n  - {facility: LON, pack: nice-ng234}\n")
    done = cordwatch_pack("check", str(file))
    assert done.exit_code == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [NL.label, UK.label]


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_show_has_clause_source_basis_figures_and_examples(form: str) -> None:
    """A page that a physician reads before the pack is switched on."""
    done = cordwatch_pack("show", "nice-ng234", "--format", form)
    assert done.exit_code == 0
    page = " ".join(done.stdout.split())
    for words in (
        "QS56 statement 6: definitive treatment within 24 hours of the confirmed diagnosis",
        "second-hand",
        "Consulted must be: coordinator",
        "urgent after 21.6 h",
        "low_dose_mg",
        "Suspected cord compression, the whole spine imaged exactly at due",
    ):
        assert words in page, words


def test_show_as_html_obeys_nothing_that_a_pack_says(tmp_path: Path) -> None:
    """A pack is a hospital's file, its page may be put anywhere."""
    file = tmp_path / "ours.yaml"
    file.write_text(
        UK_SOURCE.replace("title: Suspected spinal", "title: <script>x</script> spinal", 1)
    )
    page = cordwatch_pack("show", str(file), "--format", "html").stdout
    assert ("<script>" in page, "&lt;script&gt;" in page) == (False, True)


def test_a_span_is_written_as_people_write_it() -> None:
    """Whole units first, then tenths; 24 h is not a day here."""
    spans = [
        timedelta(hours=24),
        timedelta(days=12.6),
        timedelta(hours=10.8),
        timedelta(seconds=90),
    ]
    assert [span(one) for one in spans] == ["24 h", "12.6 d", "10.8 h", "90 s"]


def test_diff_of_a_pack_with_itself_finds_nothing(tmp_path: Path) -> None:
    """Exit code 0: switch on what you like, nobody will notice."""
    done = cordwatch_pack(
        "diff", "nice-ng234", "nice-ng234", "--on", a_file(tmp_path, a_suspicion())
    )
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "no difference")


def test_diff_says_what_moves_appears_and_disappears(tmp_path: Path) -> None:
    """Scanned after 13 hours: late under the one pack, in time under the other."""
    path = a_file(tmp_path, a_suspicion(), an_mri_done(T(13)))
    done = cordwatch_pack("diff", "mescc-lymphoma", "nice-ng234", "--on", path, "--json")
    assert done.exit_code == 1
    rule = "mri.mescc-suspected"
    assert sorted(changes(done)[1:], key=str) == [
        ("disappears", "alert", rule, "due"),
        *[("disappears", "alert", rule, "overdue")] * 3,
        ("disappears", "alert", rule, "urgent"),
        ("disappears", "alert", rule, "warning"),
        ("due-moves", "alert", rule, "reminder"),
    ]
    assert changes(done)[0] == ("due-moves", "clock", rule, None)
    clock = json.loads(done.stdout.splitlines()[0])
    assert (clock["old"]["due"], clock["new"]["due"]) == (
        "2026-03-02T20:00:00Z",
        "2026-03-03T08:00:00Z",
    )
    assert (clock["old"]["reason"], clock["new"]["reason"]) == ("late by 1:00:00", "in time")
    assert (clock["old"]["pack"], clock["new"]["pack"]) == (NL.label, UK.label)
    back = cordwatch_pack("diff", "nice-ng234", "mescc-lymphoma", "--on", path)
    assert "6 alerts: appears" in back.stdout
    assert "mri.mescc-suspected overdue 1" in back.stdout
    assert "and 2 more repeats" in back.stdout


def test_diff_needs_messages_or_the_broker_and_not_both(tmp_path: Path) -> None:
    """Wrong use is exit code 2."""
    path = a_file(tmp_path, a_suspicion())
    assert cordwatch_pack("diff", "nice-ng234", "nice-ng234").exit_code == 2
    both = cordwatch_pack("diff", "nice-ng234", "nice-ng234", "--on", path, "--live")
    assert both.exit_code == 2


# --- a new pack takes over


STORY = (
    a_suspicion(T(0), patient="A"),
    a_suspicion(T(0), patient="B"),
    an_mri_done(T(1), patient="B"),
)


def a_worker(log: Log, packs: Packs) -> Machine:
    """Return a worker under *packs* that has just taken over everything."""
    machine = Machine(packs, Metrics(packs, CollectorRegistry()))
    machine.own(range(PARTITIONS))
    for partition in range(PARTITIONS):
        machine.restore(partition, list(log.facts[partition].items()))
    machine.restored(range(PARTITIONS), log.ends())
    return machine


def went_on(machine: Machine, log: Log, until: datetime) -> None:
    """Let *machine* work from wake-up to wake-up."""
    while (wake_at := machine.wake_at()) is not None and wake_at <= until:
        run(machine, log, wake_at)


def last_told(log: Log) -> dict[str, Alert]:
    """Return the last word on every alert that was published."""
    found: dict[str, Alert] = {}
    for alert in log.alerts:
        if alert.alert_id not in found or alert.revision >= found[alert.alert_id].revision:
            found[alert.alert_id] = alert
    return found


def under_the_old_pack(until: datetime) -> Log:
    """Return what a worker under the default pack leaves of the story."""
    log = Log()
    log.tell(*STORY)
    machine = a_worker(log, NL)
    run(machine, log, T(1))
    went_on(machine, log, until)
    return log


def test_a_new_pack_derives_the_open_clocks_anew() -> None:
    """Reminded at T6, 24 hours instead of 12: the same alert with its new due, then the new levels, once each."""
    log = under_the_old_pack(T(7))
    machine = a_worker(log, UK)
    run(machine, log, T(8))
    (reminder,) = last_told(log).values()
    assert (reminder.level, reminder.revision) == ("reminder", 1)
    assert (reminder.due_at, reminder.pack) == (T(24), UK.label)
    went_on(machine, log, T(24))
    raised = [(one.level, one.raised_at) for one in log.alerts if one.revision == 0]
    assert raised == [
        *[("reminder", T(6)), ("warning", T(18)), ("urgent", T(21.6)), ("due", T(24))],
    ]


def test_watch_and_simulate_take_the_same_pack_for_the_same_facts() -> None:
    """One code chooses: ids, packs, dues and ends are equal, through a transfer and a late admission."""
    packs = PackTable(NL, {("LON", None): UK, ("AMS", "H2"): UK})
    story = [
        an_admission(T(-2), facility="LON"),
        a_suspicion(T(0), encounter="V1"),
        a_transfer(T(1), "H1", facility="AMS"),
        a_suspicion(T(2), encounter="V1"),
        a_suspicion(T(0), patient="B", encounter="V2"),
        an_admission(T(-1), "V2", patient="B", facility="LON", received_at=T(7)),
        a_suspicion(T(0), patient="C"),
    ]
    log, expected = Log(), simulate(story, packs, T(25))
    machine = a_worker(log, packs)
    for event in sorted(story, key=lambda one: one.received_at):
        went_on(machine, log, event.received_at)
        log.tell(event)
        run(machine, log, event.received_at)
    went_on(machine, log, T(25))

    def shown(alerts: list[Alert]) -> set[tuple[str, str, datetime | None, str]]:
        return {(one.alert_id, one.pack, one.due_at, one.status) for one in alerts}

    assert shown(list(last_told(log).values())) == shown(expected)
    assert {one.pack for one in expected} == {NL.label, UK.label}


def rows(log: Log) -> Iterator[tuple[bytes, bytes]]:
    """Return the rows that the facts topic holds."""
    for partition in log.facts.values():
        yield from partition.items()


def test_live_says_what_the_new_pack_would_tell_if_it_took_over_now() -> None:
    """A's clock is overdue under the old pack and has half its window left under the new; B is untouched but for its due."""
    log = under_the_old_pack(T(12))
    with embedded_broker({FACTS.name: 4}) as address:
        kafka = KafkaSettings(address, api_version=KAFKA_PYTHON_API_VERSION)
        publisher = Publisher(kafka)
        for key, value in rows(log):
            publisher.send(FACTS.name, key, value)
        publisher.confirm()
        publisher.close()
        sides = live_standings(kafka, (NL, UK), T(12.1))
        same = live_standings(kafka, (NL, NL), T(12.1))
    found = differences(*sides)
    assert differences(*same) == []
    assert counted(found) == {("alert", "due-moves"): 4, ("clock", "due-moves"): 2}
    (clock, *_) = (one for one in found if one.thing.patient == "A")
    assert clock.moved == {"due": ("2026-03-02T20:00:00Z", "2026-03-03T08:00:00Z")}


def test_a_rule_that_the_new_pack_does_not_have_ends_with_that_word() -> None:
    """Withdrawn, not left on the board for ever."""
    log = under_the_old_pack(T(7))
    fewer = tuple(rule for rule in NL.rules if rule.id != "mri.mescc-suspected")
    without = NL.model_copy(update={"version": "2.0.0", "rules": fewer})
    run(a_worker(log, without), log, T(8))
    (reminder,) = last_told(log).values()
    assert (reminder.status, reminder.reason) == (
        *("withdrawn", "the pathway pack that holds has no such rule"),
    )
