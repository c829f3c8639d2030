"""Processes that recognise: started, given utterances, watched, replaced, ended."""
