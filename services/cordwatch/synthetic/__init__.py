"""
The synthetic patient: somebody invented is told through the real topics, every minute, and must come out at every end.

Silence of a pager means that all is well, or that the chain stands still. This
service tells the two apart (docs/adr/0020-the-synthetic-patient.md).
"""
