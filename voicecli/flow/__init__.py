"""Async iterator steps."""
