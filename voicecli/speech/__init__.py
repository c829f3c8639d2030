"""Is there speech in this window; has the utterance ended."""
