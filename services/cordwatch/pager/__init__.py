"""
Pager: nobody is forgotten, nobody is woken twice. Not built yet; this is its contract.

Consumes `cordwatch.alerts.v1` and `cordwatch.acks.v1`; keeps its ledger on
`cordwatch.pages.v1`. For every alert that is `paged` and neither `replayed`
nor ended it decides who must know, tells them through the hospital's own
on-call tools, and holds on until the alert is resolved, withdrawn or
superseded, or a named person stood the clock down. It deduplicates by
`alert_id`, believes the highest `revision`, and closes under the same id. A
page carries references only, never a name or a number. Replaying the topic
from its start pages nobody. It imports the contracts and `runtime`, never
another service.
"""
