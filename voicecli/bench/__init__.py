"""The same conversation, timed."""
