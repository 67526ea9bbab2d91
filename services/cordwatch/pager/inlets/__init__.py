"""The ways in which an answer comes back: what a page's own system says that somebody did with it."""
