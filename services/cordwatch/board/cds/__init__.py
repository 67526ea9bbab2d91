"""
CDS Hooks 2.0: the open clocks of a patient as cards in the hospital's own record system (docs/board.md).

A card tells what the board tells, and changes nothing: what a clinician does
with it is written down, and no clock stops by it.
"""
