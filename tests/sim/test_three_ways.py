"""The bundled day through `simulate`, through the machine of watch, and through `report`: one account."""

from __future__ import annotations

import json
import random
from datetime import timedelta

from click.testing import CliRunner

from cordwatch.app.commands.report import known_from
from cordwatch.app.commands.simulate import simulate
from cordwatch.app.demo_day import DAY, DAY_FILE
from cordwatch.app.kept import facts_of
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import translate
from cordwatch.feeds.source import Source
from cordwatch.pathway.simulation import Told
from cordwatch.report.outcome import Period, outcome_report
from cordwatch.report.reading import Known, known
from cordwatch.report.render import render_json
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import load_pack
from tests.sim.world import Faults, World
from tests.unit.report.histories import UTC_ZONE

PACK = load_pack("mescc-lymphoma")
UNTIL = DAY + timedelta(hours=27)


def figures(found: Known) -> str:
    """Return the whole report as the user reads it by machine."""
    return render_json(outcome_report(found, Period(), UTC_ZONE, PACK.label, "the day"))


def test_simulate_watch_and_report_tell_the_same_of_one_day() -> None:
    """Every alert by id and end; and every figure, counted from a file or from the topics."""
    source = Source()
    told: list[Told] = [
        one for item in read_file(DAY_FILE) for one in translate(item, source, None).told
    ]
    done = CliRunner().invoke(
        simulate, [str(DAY_FILE), "--until", UNTIL.isoformat(), "--json"], obj={}
    )
    assert done.exit_code == 0
    simulated = [json.loads(line) for line in done.stdout.splitlines()]

    world = World(PACK, Faults(), random.Random(0))
    world.run(sorted(told, key=lambda one: one.received_at), UNTIL)
    watched: dict[str, Alert] = {one.alert_id: one for one in world.log.alerts}

    assert {
        one["alert_id"]: (one["rule"], one["level"], one["status"], one["reason"])
        for one in simulated
    } == {key: (one.rule, one.level, one.status, one.reason) for key, one in watched.items()}
    assert len(simulated) > 100

    rows = [row for partition in sorted(world.log.rows) for row in world.log.rows[partition]]
    facts, unread = facts_of(rows)
    assert unread == 0
    live = known(facts, watched.values(), (), PACK, UNTIL)
    assert figures(live) == figures(known_from(told, PACK, UNTIL))
