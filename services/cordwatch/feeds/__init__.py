"""Feeds: hospital messages to contracts. What cannot be understood is kept and named."""
