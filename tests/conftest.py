"""What holds for every test."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Programs that a test starts can be interrupted.

    A shell that runs the suite in the background ignores Ctrl-C in it, a command that was interrupted inside
    this process does so when it ends, and both would be handed down.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)
