"""What watch needs to be told: brokers, group, pack, time-outs."""

from __future__ import annotations

from dataclasses import dataclass, field

from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.wall_clock import WallClock


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Settings of one watch worker; the defaults fit a single host."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    group: str = "cordwatch-watch"
    pack: str = "mescc-lymphoma"
    """Name of a shipped pack, a pack's file, or a file that says which pack where."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 9464
    """0 takes any free port; it is logged."""
    session_timeout_s: float = 10.0
    """After a crash another worker takes over in about this time."""
    hold_s: float = 60.0
    """How long alerts wait for a source that cannot be read up to now, before they go out marked."""
    recovery_budget_s: float = 600.0
    clock: WallClock = field(default_factory=WallClock)
