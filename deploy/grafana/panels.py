"""A panel as data: what is asked, in which unit, what it means, and what it means when nothing comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Show = Literal["lines", "number"]


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus, and what its answers are called."""

    expression: str
    legend: str = "{{job}} {{instance}}"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `bad_from`: where it turns red, the threshold of the rule where there is one."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    means: str
    no_data: str
    show: Show = "lines"
    width: int = 8
    bad_from: float | None = None

    @property
    def description(self) -> str:
        """Return what stands behind the panel's mark: what it means, and what no data means."""
        return f"{self.means}\n\nNo data: {self.no_data}"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page, for one question that somebody has."""

    name: str
    """Of its file, and its address in Grafana."""
    title: str
    question: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Return all panels of the page."""
        return tuple(panel for row in self.rows for panel in row.panels)


def quantiles(histogram: str, by: str = "job") -> tuple[Query, ...]:
    """Return the middle and the slowest of a hundred of a histogram of seconds."""
    return tuple(
        Query(
            f"histogram_quantile({part}, sum by ({by}, le) (rate({histogram}_bucket[$__rate_interval])))",
            words,
        )
        for part, words in ((0.5, "half are quicker"), (0.99, "99 of 100 are quicker"))
    )


def per_hour(counter: str, by: str) -> tuple[Query, ...]:
    """Return how often something happened in the hour before, by a label."""
    return (Query(f"sum by ({by}) (increase({counter}[1h]))", f"{{{{{by}}}}}"),)
