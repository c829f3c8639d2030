"""A voice assistant in the terminal."""

__version__ = "0.1.0"
