"""What goes wrong with a feed: it falls silent, its quarantine grows, or the gateway itself was away."""
