"""The outcome report: what was done in time, how late the rest was, and what the alerts cost."""
