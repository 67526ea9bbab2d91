"""
Board: every clock at a glance, for coordinators. Not built yet; this is its contract.

Reads `cordwatch.facts.v1`, `cordwatch.alerts.v1`, `cordwatch.acks.v1` and, for
signed-in staff alone, `cordwatch.identities.v1`. One row per open clock, least
time left first; the clocks are derived with `cordwatch.pathway` from the same
facts as in watch, so that the board cannot disagree with the alerts. A calm
board that is stale is the worst failure there is: it shows how fresh every
feed is, and says NOT LIVE when it does not know. Acknowledgements go to
`cordwatch.acks.v1`. It imports the contracts, `pathway` and `runtime`, never
another service.
"""
