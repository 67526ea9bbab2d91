"""Clinical timeliness: whether each step is in time, from what happened on the ward to somebody who knows."""

from __future__ import annotations

from deploy.grafana.panels import Dashboard, Panel, Query, Row, per_hour, quantiles

NO_WATCH = "no watch runs."
NO_PAGER = "no pager leads."

KNOWN = Row(
    "Is it known what happened?",
    (
        Panel(
            "Oldest unread record",
            "s",
            (Query("max by (topic) (cordwatch_oldest_unread_seconds)", "{{topic}}"),),
            "For how long the oldest record waits that watch has not read. What was told since does not count yet.",
            NO_WATCH,
            bad_from=60,
        ),
        Panel(
            "Until Kafka drops what is unread",
            "h",
            (
                Query(
                    "min by (topic) (cordwatch_retention_seconds - cordwatch_oldest_unread_seconds) / 3600",
                    "{{topic}}",
                ),
            ),
            "What is not read by then never becomes a fact. 336 hours where all is read; acks 1440.",
            NO_WATCH,
        ),
        Panel(
            "Since the last record",
            "s",
            (Query("time() - (cordwatch_last_event_timestamp_seconds > 0)", "{{topic}}"),),
            "Since watch last read a record of a topic. Quiet hours are quiet here too.",
            "watch has read nothing since its start, or none runs.",
        ),
        Panel(
            "Events, by what became of them",
            "cps",
            (
                Query(
                    "sum by (outcome) (rate(cordwatch_events_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            "Fact: it changes what is known of somebody. Known: told before. Irrelevant: of nobody who is watched.",
            NO_WATCH,
        ),
        Panel(
            "Patients with facts",
            "short",
            (Query("sum(cordwatch_patients)", "patients"),),
            "On all partitions, with the synthetic patients of the last hour.",
            NO_WATCH,
        ),
    ),
)

TOLD = Row(
    "Is it told in time?",
    (
        Panel(
            "Longest due and not looked at",
            "s",
            (Query("cordwatch_oldest_overdue_seconds"),),
            "0 but for moments. Anything else is somebody whose clock has run to a level, and nobody was told.",
            NO_WATCH,
            bad_from=60,
        ),
        Panel(
            "From the level to the alert",
            "s",
            quantiles("cordwatch_firing_lateness_seconds"),
            "From the instant of a level until Kafka has its alert. After a downtime: how late it made them.",
            "no clock reached a level in this time.",
            bad_from=5,
        ),
        Panel(
            "From the alert to the first attempt",
            "s",
            quantiles("cordwatch_pager_first_attempt_seconds"),
            "From the instant at which an alert was raised to the first attempt to tell it.",
            "nobody was told anything in this time.",
        ),
        Panel(
            "Alerts that are held",
            "short",
            (Query("cordwatch_held_partitions"),),
            "Partitions that are not read up to now: alerts wait for what may say otherwise, and then go out with a remark.",
            NO_WATCH,
            bad_from=1,
        ),
        Panel(
            "Oldest page that no destination has taken",
            "s",
            (Query("cordwatch_pager_oldest_unaccepted_seconds"),),
            "0: none waits.",
            NO_PAGER,
            bad_from=60,
        ),
        Panel(
            "Oldest page that nobody has answered",
            "s",
            (Query("cordwatch_pager_oldest_unacknowledged_seconds"),),
            "0: none waits.",
            NO_PAGER,
            bad_from=3600,
        ),
    ),
)

CLOCKS = Row(
    "Clocks and alerts",
    (
        Panel(
            "Clocks that run",
            "short",
            (
                Query(
                    'sum by (rule) (cordwatch_open_clocks{rule!="synthetic.patient"})', "{{rule}}"
                ),
            ),
            "By rule, of all patients.",
            NO_WATCH,
            width=12,
        ),
        Panel(
            "Clocks on the board",
            "short",
            (Query("max by (state) (cordwatch_board_open_rows)", "{{state}}"),),
            "As the wards see them.",
            "no board runs, or it has read nothing yet.",
            width=12,
        ),
        Panel(
            "Alerts an hour, by level",
            "short",
            per_hour("cordwatch_alerts_total", "level"),
            "None: notices and advisories. Many of the higher levels mean that wards learn of a clock and cannot act.",
            NO_WATCH,
        ),
        Panel(
            "Alerts of a day, by rule",
            "short",
            (Query("sum by (rule) (increase(cordwatch_alerts_total[24h])) > 0", "{{rule}}"),),
            "What the wards hear most of.",
            "no alert in a day.",
        ),
        Panel(
            "What becomes of alerts, an hour",
            "short",
            per_hour("cordwatch_alert_updates_total", "status"),
            "Resolved: what was missing was done. Withdrawn: it was not so. Superseded: a higher level, or another rule.",
            NO_WATCH,
        ),
    ),
)

CLINICAL_TIMELINESS = Dashboard(
    "clinical-timeliness",
    "Clinical timeliness",
    "From what happened on the ward to somebody who knows: is each step in time?",
    (KNOWN, TOLD, CLOCKS),
)
