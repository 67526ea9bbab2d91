"""
A deterministic simulation of watch: its own machine, on a log in memory and a virtual clock.

Everything that chance decides comes from one seed: who is ill with what, what
arrives late, twice or corrected, which worker dies between which two effects.
"""
