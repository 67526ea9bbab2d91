"""The core: facts in, clocks and alerts out. Pure; time is an argument."""
