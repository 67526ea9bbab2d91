"""Service health: whether every process is there, gets on, and stays so."""

from __future__ import annotations

from deploy.grafana.panels import Dashboard, Panel, Query, Row, quantiles

DOWN = "the process is down, or Prometheus does not ask it: see the panel *Answers*."

PROCESSES = Row(
    "Processes",
    (
        Panel(
            "Alerts that fire",
            "short",
            (
                Query(
                    'count(ALERTS{alertname=~"Cordwatch.+",alertstate="firing"}) or vector(0)', ""
                ),
            ),
            "How many rules of deploy/prometheus/rules.yml hold now. What each means, and what to do, is in deploy/runbook.md.",
            "Prometheus itself does not answer.",
            show="number",
            bad_from=1,
        ),
        Panel(
            "Answers",
            "bool_yes_no",
            (Query('up{job=~"cordwatch-.+"}'),),
            "Whether each process answered the last time it was asked. One that is frozen does not.",
            "Prometheus has no job whose name begins with cordwatch-.",
            show="number",
        ),
        Panel(
            "Makes progress",
            "bool_yes_no",
            (Query("cordwatch_healthy"),),
            "What each process says of itself on /healthz: that it answers is not enough.",
            DOWN,
            show="number",
        ),
        Panel(
            "Runs for",
            "s",
            (Query('time() - process_start_time_seconds{job=~"cordwatch-.+"}'),),
            "Time since the start of each process. A saw is a process that starts again and again.",
            DOWN,
        ),
        Panel(
            "Memory",
            "bytes",
            (Query('process_resident_memory_bytes{job=~"cordwatch-.+"}'),),
            "Memory in use. Watch and the board keep every patient that is watched.",
            DOWN,
        ),
        Panel(
            "Processor",
            "percentunit",
            (Query('rate(process_cpu_seconds_total{job=~"cordwatch-.+"}[$__rate_interval])'),),
            "Share of one processor. Each process has one thread that does the work: 100 % is all it can.",
            DOWN,
            bad_from=0.9,
        ),
        Panel(
            "Open files and connections",
            "percentunit",
            (
                Query(
                    'process_open_fds{job=~"cordwatch-.+"} / process_max_fds{job=~"cordwatch-.+"}'
                ),
            ),
            "Share of those that the system allows. At 100 % no sender can connect.",
            DOWN,
            bad_from=0.8,
        ),
    ),
)

BROKER = Row(
    "Kafka, as the services find it",
    (
        Panel(
            "Kafka is away",
            "bool_yes_no",
            (
                Query("cordwatch_feeds_broker_away", "feeds {{instance}}"),
                Query("cordwatch_pager_ledger_away", "pager {{instance}}"),
                Query("1 - cordwatch_board_live", "board {{instance}}"),
            ),
            "Yes: Kafka does not acknowledge to this process, or says nothing to it.",
            DOWN,
            show="number",
            bad_from=1,
        ),
        Panel(
            "Partitions that are watched",
            "short",
            (Query("cordwatch_owned_partitions"), Query("sum(cordwatch_owned_partitions)", "all")),
            "Of 48. Below that nobody looks after the patients on the others; for a moment at a take-over that is so.",
            "no watch runs.",
        ),
        Panel(
            "Last recovery",
            "s",
            (Query("cordwatch_recovery_seconds"),),
            "How long a worker read its state before it began to watch. Meanwhile nobody watches what it owns.",
            "no watch runs.",
        ),
        Panel(
            "Own clock against the stamps of records",
            "s",
            (Query("cordwatch_clock_offset_seconds", "{{topic}} {{instance}}"),),
            "By how much the clock of watch is ahead of those that stamp records, and how long a record takes at its quickest. Negative: it is behind.",
            "nothing came on this topic in the last five minutes.",
            bad_from=5,
        ),
        Panel(
            "Wake-ups that are missing",
            "short",
            (Query("cordwatch_heap_mismatches"),),
            "Patients with a wake-up that watch would not wake for. Anything but 0 is a fault of cordwatch.",
            "no watch runs.",
            bad_from=1,
        ),
        Panel(
            "Patients who cannot be read whole",
            "short",
            (Query("cordwatch_unreadable_patients"),),
            "Patients of whom a stored row is damaged, or of a newer version: a clock may be missing.",
            "no watch runs.",
            bad_from=1,
        ),
        Panel(
            "Records that could not be read",
            "short",
            (
                Query("increase(cordwatch_quarantined_total[1h])", "watch, {{topic}}"),
                Query("increase(cordwatch_pager_unreadable_total[1h])", "pager, {{topic}}"),
                Query("cordwatch_board_unreadable_records", "board, rows now"),
            ),
            "In the last hour; for the board: now. Each is an event without effect, a page or a row that may be missing.",
            DOWN,
            bad_from=1,
        ),
    ),
)

BOARD = Row(
    "Board",
    (
        Panel(
            "Pages that are live",
            "short",
            (Query("cordwatch_board_streams"),),
            "Browsers and wall screens that are shown changes as they come.",
            "no board runs.",
        ),
        Panel(
            "From Kafka to the pages",
            "s",
            quantiles("cordwatch_board_apply_seconds"),
            "From records in hand until the pages are told.",
            "no record came in this time, or no board runs.",
        ),
        Panel(
            "Reading everything at the start",
            "s",
            (Query("cordwatch_board_rebuild_seconds"),),
            "How long the board read before it showed anything.",
            "no board runs.",
        ),
    ),
)

CHAIN = Row(
    "The whole chain, tried with synthetic patients",
    (
        Panel(
            "Since the last whole round",
            "s",
            (
                Query(
                    'time() - max(cordwatch_synthetic_last_success_timestamp_seconds{leg="round"})',
                    "round",
                ),
            ),
            "Every minute an invented patient must come out at every end. Two misses are a restart, the third wakes somebody.",
            "the synthetic service is down, or Prometheus does not ask it.",
            bad_from=140,
        ),
        Panel(
            "Since each leg answered last",
            "s",
            (
                Query(
                    "time() - max by (leg) (cordwatch_synthetic_last_success_timestamp_seconds)",
                    "{{leg}}",
                ),
            ),
            "In the order told, alert, page, board, ended: the first that is old names the place. A leg that nobody asked for grows for ever.",
            "the synthetic service is down, or Prometheus does not ask it.",
        ),
        Panel(
            "Legs that did not answer in time",
            "short",
            (
                Query(
                    "sum by (leg) (increase(cordwatch_synthetic_leg_misses_total[1h]))", "{{leg}}"
                ),
            ),
            "Rounds of the last hour, by the legs that were missing.",
            "the synthetic service is down, or Prometheus does not ask it.",
        ),
    ),
)

SERVICE_HEALTH = Dashboard(
    "service-health",
    "Service health",
    "Is every process there, does it get on, and does it stay so?",
    (PROCESSES, CHAIN, BROKER, BOARD),
)
