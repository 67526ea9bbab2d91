"""Benchmarks: `make bench`. What is measured is what is shipped; baselines run in the same run."""
