"""
Pager: nobody is forgotten, nobody is woken twice.

Hears `cordwatch.alerts.v1`, `acks.v1` and `operations.v1`; decides who must know
(`decide`), tells them through the hospital's own on-call tools (`transports`),
and holds on until the alert has ended or a named person stood the clock down.
Its ledger is `cordwatch.pages.v1`: whoever holds its one partition leads. A page
carries references only, never a name or a number. It imports the contracts and
`runtime`, never another service.
"""
