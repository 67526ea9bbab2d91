"""
Board: every clock at a glance, for coordinators (docs/board.md).

Reads `cordwatch.facts.v1`, `cordwatch.alerts.v1`, `cordwatch.acks.v1`, whom the
pager told (`cordwatch.pages.v1`), what is told of the feeds, and, for signed-in staff alone, `cordwatch.identities.v1`. One
row per open clock, the most pressing first; the clocks are derived with
`cordwatch.pathway` from the same facts as in watch, so that the board cannot
disagree with the alerts. A calm board that is stale is the worst failure there
is: it shows how fresh every feed is, and says NOT LIVE when it does not know.
Answers go to `cordwatch.acks.v1`, after what is done was recorded on
`cordwatch.audit.v1`. It imports the contracts, `pathway` and `runtime`, never
another service.
"""
