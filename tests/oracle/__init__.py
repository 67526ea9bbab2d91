"""
A second, naive reading of the pathway, written apart from the core to check it.

Slow on purpose: everything is computed anew at every instant. Figures are
copied from the pathway text by hand, never read from the pack.
"""
