"""Arguments, terminal, wiring; the only room that prints."""
