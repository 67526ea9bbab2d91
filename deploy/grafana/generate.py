"""Writes deploy/grafana/dashboards/*.json: `python -m deploy.grafana.generate`."""

from __future__ import annotations

import json
import sys
from functools import partial
from itertools import count
from pathlib import Path
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

from cordwatch.app.generated_files import write_or_check
from deploy.grafana.clinical_timeliness import CLINICAL_TIMELINESS
from deploy.grafana.feeds import FEEDS
from deploy.grafana.on_call_burden import ON_CALL_BURDEN
from deploy.grafana.panels import Dashboard, Panel
from deploy.grafana.service_health import SERVICE_HEALTH

DASHBOARDS = (SERVICE_HEALTH, FEEDS, CLINICAL_TIMELINESS, ON_CALL_BURDEN)
FOLDER = Path(__file__).parent / "dashboards"
HEIGHT = 8
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
GOOD, BAD = "green", "red"
FILL_PERCENT = 10
LEGEND = (
    common.VizLegendOptions()
    .show_legend(show_legend=True)
    .display_mode(LegendDisplayMode.LIST)
    .placement(LegendPlacement.BOTTOM)
)
TOOLTIP = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)


def _line(panel: Panel) -> GraphTresholdsStyleMode:
    off, dashed = GraphTresholdsStyleMode.OFF, GraphTresholdsStyleMode.DASHED
    return off if panel.bad_from is None else dashed


def _panel(number: int, panel: Panel) -> timeseries.Panel | stat.Panel:
    made: timeseries.Panel | stat.Panel
    if panel.show == "number":
        made = stat.Panel().color_mode(BigValueColorMode.VALUE).orientation(VizOrientation.AUTO)
    else:
        made = (
            timeseries.Panel()
            .fill_opacity(FILL_PERCENT)
            .axis_soft_min(0)
            .thresholds_style(common.GraphThresholdsStyleConfig().mode(_line(panel)))
            .legend(LEGEND)
            .tooltip(TOOLTIP)
        )
    made = (
        made.id(number)
        .title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .unit(panel.unit)
        .no_value("no data")
        .span(panel.width)
        .height(HEIGHT)
    )
    steps = [Threshold(value=None, color=GOOD)]
    if panel.bad_from is not None:
        steps.append(Threshold(value=panel.bad_from, color=BAD))
    made = made.thresholds(grafana.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    for letter, query in zip(ascii_uppercase, panel.queries, strict=False):
        asked = prometheus.Dataquery().expr(query.expression).ref_id(letter)
        if query.legend:
            asked = asked.legend_format(query.legend)
        made = made.with_target(asked.instant() if panel.show == "number" else asked.range())
    return made


def page(dashboard: Dashboard) -> str:
    """Return a dashboard as Grafana reads it."""
    made = (
        grafana.Dashboard(f"cordwatch: {dashboard.title}")
        .uid(f"cordwatch-{dashboard.name}")
        .description(dashboard.question)
        .tags(["cordwatch"])
        .timezone("browser")
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(grafana.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    numbers = count(1)
    for row in dashboard.rows:
        made = made.with_row(grafana.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            made = made.with_panel(_panel(next(numbers), panel))
    return json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write the dashboards, or with `--check` say which are not up to date (exit code 1)."""
    files = {f"{one.name}.json": partial(page, one) for one in DASHBOARDS}
    return write_or_check(FOLDER, files, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
