"""On-call burden: how often who is told, and what keeps pages from them."""

from __future__ import annotations

from deploy.grafana.panels import Dashboard, Panel, Query, Row, per_hour, quantiles

NO_PAGER = "no pager leads."

PEOPLE = Row(
    "People",
    (
        Panel(
            "Pages to each recipient",
            "short",
            (Query("cordwatch_pager_pages_per_recipient", "{{role}} by {{destination}}"),),
            "In the plan's window of calm, two hours unless it says otherwise. Who is told too often hears nothing.",
            "nobody was told anything in this time, or no pager leads.",
            width=12,
        ),
        Panel(
            "Pages an hour",
            "short",
            (Query('sum(increase(cordwatch_pager_decisions_total{reason="told"}[1h]))', "pages"),),
            "Decisions to tell somebody: repeats and further steps count.",
            NO_PAGER,
            width=12,
        ),
        Panel(
            "Oldest page that nobody has answered",
            "s",
            (Query("cordwatch_pager_oldest_unacknowledged_seconds"),),
            "0: none waits. Long and often means that pages are not believed, or reach nobody.",
            NO_PAGER,
            bad_from=3600,
        ),
        Panel(
            "Answers at the board, an hour",
            "short",
            per_hour("cordwatch_board_answers_total", "outcome"),
            "Kept: it counts. Outdated: the clock was another one by then.",
            "no board runs.",
        ),
        Panel(
            "Answers from elsewhere, an hour",
            "short",
            per_hour("cordwatch_pager_inlet_answers_total", "outcome"),
            "From PagerDuty, by webhook, from Alertmanager's silences; by what became of them.",
            NO_PAGER,
        ),
    ),
)

DECISIONS = Row(
    "Why somebody is not told",
    (
        Panel(
            "Decisions an hour",
            "short",
            per_hour("cordwatch_pager_decisions_total", "reason"),
            "By the stage that decided. Nobody: no one stands for any role of the step, which the plan must mend.",
            NO_PAGER,
        ),
        Panel(
            "Matters that hold and wait",
            "short",
            (Query("sum by (reason) (cordwatch_pager_deferred_matters)", "{{reason}}"),),
            "By the stage that holds them back.",
            NO_PAGER,
        ),
        Panel(
            "Matters that hold",
            "short",
            (Query("sum by (kind) (cordwatch_pager_open_matters)", "{{kind}}"),),
            "Whether told or not.",
            NO_PAGER,
        ),
    ),
)

WAYS = Row(
    "Ways to tell",
    (
        Panel(
            "Attempts an hour",
            "short",
            (
                Query(
                    "sum by (kind, outcome) (increase(cordwatch_pager_attempts_total[1h])) > 0",
                    "{{kind}} {{outcome}}",
                ),
            ),
            "By kind of destination. Later: it may take it another time. Unknown: nobody can say whether it took it.",
            "nobody was told anything in this hour.",
        ),
        Panel(
            "Failures an hour",
            "short",
            (
                Query(
                    "sum by (reason) (increase(cordwatch_pager_attempt_failures_total[1h]))",
                    "{{reason}}",
                ),
            ),
            "By what stood in the way. Unauthorised, no-secret: a key. No-connection, timeout: the network. Untrusted: a certificate.",
            NO_PAGER,
            bad_from=1,
        ),
        Panel(
            "Another one was told, an hour",
            "short",
            (Query("increase(cordwatch_pager_fallbacks_total[1h])"),),
            "Since a destination refused, or did not take what presses.",
            NO_PAGER,
        ),
        Panel(
            "Who leads",
            "bool_yes_no",
            (Query("cordwatch_pager_leads"),),
            "One of all pagers tells; the others stand by.",
            "no pager runs.",
            show="number",
        ),
        Panel(
            "Behind the alerts",
            "s",
            (Query("cordwatch_pager_behind_seconds"),),
            "For how long there has been more to read than was taken in. 0: all is read.",
            NO_PAGER,
            bad_from=30,
        ),
        Panel(
            "Until a webhook is answered",
            "s",
            quantiles("cordwatch_pager_inlet_seconds"),
            "PagerDuty waits for five seconds, and then sends it again.",
            "no webhook came in this time.",
            bad_from=5,
        ),
        Panel(
            "Heartbeats to the outside, an hour",
            "short",
            (
                Query(
                    "sum by (way, outcome) (increase(cordwatch_pager_heartbeats_total[1h]))",
                    "{{way}} {{outcome}}",
                ),
            ),
            "Held: not sent, since the pager makes no progress. All at 0: no dead man's switch is set up.",
            NO_PAGER,
        ),
    ),
)

ON_CALL_BURDEN = Dashboard(
    "on-call-burden",
    "On-call burden",
    "How often is who told, and what keeps pages from them?",
    (PEOPLE, DECISIONS, WAYS),
)
