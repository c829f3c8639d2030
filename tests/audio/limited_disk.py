"""A disk with little room."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited_disk(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes: the system refuses as a full disk does."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
