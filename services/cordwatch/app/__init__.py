"""The command line, and what people run: replay, simulate, explain, demo."""
