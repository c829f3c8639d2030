"""Codecs without I/O: what goes over a wire, and what comes back."""
