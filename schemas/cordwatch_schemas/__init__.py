"""
The contracts of cordwatch: what its parts may say to each other, and nothing else.

Events, alerts, acknowledgements, the topics they travel on, the vetted code
table, and the pathway packs. Every service imports these and meets the others
only through them.
"""
