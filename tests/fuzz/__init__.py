"""Bytes that no sender should send, and what must hold all the same."""
