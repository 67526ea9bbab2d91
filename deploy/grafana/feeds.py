"""Feeds: who is silent, who is not understood, and how long it takes until a message is safe."""

from __future__ import annotations

from deploy.grafana.panels import Dashboard, Panel, Query, Row, per_hour, quantiles

NO_GATEWAY = "no gateway runs."
NOT_HEARD = "no gateway runs, or it has heard nothing of any sender yet."

SILENCE = Row(
    "Silence",
    (
        Panel(
            "Silence, as a share of what is usual",
            "percentunit",
            (
                Query(
                    "cordwatch_feeds_silence_seconds / cordwatch_feeds_silence_limit_seconds",
                    "{{source}} {{type}}",
                ),
            ),
            "At 100 % the feed is told as silent. The limit is learnt for each hour of the week.",
            NOT_HEARD,
            width=12,
            bad_from=1,
        ),
        Panel(
            "Silence",
            "s",
            (Query("cordwatch_feeds_silence_seconds", "{{source}} {{type}}"),),
            "For how long nothing came of a feed, counting only time in which it could have been heard.",
            NOT_HEARD,
            width=12,
        ),
        Panel(
            "Told as silent",
            "bool_yes_no",
            (Query("cordwatch_feeds_silent", "{{source}} {{type}}"),),
            "Whether the gateway has told that the feed is silent.",
            NOT_HEARD,
            show="number",
            bad_from=1,
        ),
        Panel(
            "Operational alerts that hold",
            "short",
            (Query("sum by (kind) (cordwatch_feeds_open_operational_alerts)", "{{kind}}"),),
            "What the gateways tell of their senders and of themselves. `cordwatch operations` says since when, and why.",
            NO_GATEWAY,
        ),
        Panel(
            "Operational alerts an hour",
            "short",
            per_hour("cordwatch_feeds_operational_alerts_total", "kind"),
            "How many began in the hour before.",
            NO_GATEWAY,
        ),
    ),
)

MESSAGES = Row(
    "Messages",
    (
        Panel(
            "What becomes of messages",
            "mps",
            (
                Query(
                    "sum by (outcome) (rate(cordwatch_feeds_messages_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            "Mapped: events follow. Irrelevant: nothing of it is watched. Quarantined: not understood, or not wholly. Repeated: answered before.",
            NO_GATEWAY,
        ),
        Panel(
            "Not understood, as a share of what is usual",
            "percentunit",
            (
                Query(
                    "increase(cordwatch_feeds_quarantined_total[15m]) / cordwatch_feeds_quarantine_limit",
                    "{{source}}",
                ),
            ),
            "Of a quarter of an hour. Above 100 % the gateway tells it. The source - is all senders that fit no profile.",
            "no message of any sender has been put in quarantine since the start.",
            bad_from=1,
        ),
        Panel(
            "Since the last message of any sender",
            "s",
            (
                Query(
                    "time() - (cordwatch_feeds_last_message_timestamp_seconds > 0)", "{{instance}}"
                ),
            ),
            "A gateway that nobody talks to is a network that does not carry.",
            "nothing came since the start of the gateway, or none runs.",
        ),
        Panel(
            "Until it is safe",
            "s",
            quantiles("cordwatch_feeds_commit_seconds"),
            "From a message's last byte until Kafka has it and all its events; only then the sender is answered.",
            "no message came in this time.",
            bad_from=1,
        ),
        Panel(
            "Messages that Kafka has not acknowledged",
            "short",
            (Query("cordwatch_feeds_waiting_messages"),),
            "They wait in the gateway, and their senders for an answer.",
            NO_GATEWAY,
        ),
        Panel(
            "Bytes of these messages",
            "bytes",
            (Query("cordwatch_feeds_waiting_bytes"),),
            "Above its limit the gateway reads no more until some are safe.",
            NO_GATEWAY,
        ),
        Panel(
            "Answers",
            "mps",
            (
                Query(
                    "sum by (code) (rate(cordwatch_feeds_acks_total[$__rate_interval])) > 0",
                    "{{code}}",
                ),
            ),
            "By code. AE and AR: not taken in; the quarantine says why.",
            "nothing was answered in this time.",
        ),
    ),
)

CONNECTIONS = Row(
    "Connections",
    (
        Panel(
            "Connections",
            "short",
            (
                Query("cordwatch_feeds_open_connections", "open {{instance}}"),
                Query("cordwatch_feeds_paused_connections", "not read for now {{instance}}"),
            ),
            "Open ones, and those that are not read for now since too much waits for Kafka.",
            NO_GATEWAY,
        ),
        Panel(
            "Turned away, an hour",
            "short",
            per_hour("cordwatch_feeds_refused_peers_total", "reason"),
            "Address: not allowed by any profile. Limit: too many. TLS: no valid certificate.",
            NO_GATEWAY,
        ),
        Panel(
            "Ended, an hour",
            "short",
            per_hour("cordwatch_feeds_closed_connections_total", "cause"),
            "By cause. Unread: the peer did not read its answers.",
            NO_GATEWAY,
        ),
        Panel(
            "Bytes that are no message, an hour",
            "short",
            per_hour("cordwatch_feeds_bad_frames_total", "kind"),
            "Frames above the limit, and bytes that are no whole frame.",
            NO_GATEWAY,
        ),
        Panel(
            "Profiles",
            "bool_yes_no",
            (Query("cordwatch_feeds_profile_refused", "refused {{instance}}"),),
            "Yes: the profiles on disk have faults, so those from before are in use.",
            NO_GATEWAY,
            show="number",
            bad_from=1,
        ),
    ),
)

FHIR = Row(
    "FHIR",
    (
        Panel(
            "Since the last notification and the last whole search",
            "s",
            (
                Query(
                    "time() - (cordwatch_feeds_fhir_last_notification_timestamp_seconds > 0)",
                    "notification {{instance}}",
                ),
                Query(
                    "time() - (cordwatch_feeds_fhir_last_poll_timestamp_seconds > 0)",
                    "search {{instance}}",
                ),
            ),
            "Heartbeats count as notifications.",
            "none since the start, or this gateway has no FHIR side.",
        ),
        Panel(
            "Notifications that did not come, an hour",
            "short",
            (Query("increase(cordwatch_feeds_fhir_missing_events_total[1h])"),),
            "By their numbers. What is missing is asked for.",
            NO_GATEWAY,
            bad_from=1,
        ),
        Panel(
            "Questions without an answer, an hour",
            "short",
            per_hour("cordwatch_feeds_fhir_server_errors_total", "kind"),
            "Away: no answer. Refused: not allowed, or not understood.",
            NO_GATEWAY,
            bad_from=1,
        ),
    ),
)

FEEDS = Dashboard(
    "feeds",
    "Feeds",
    "Who is silent, who is not understood, and how long does it take until a message is safe?",
    (SILENCE, MESSAGES, CONNECTIONS, FHIR),
)
