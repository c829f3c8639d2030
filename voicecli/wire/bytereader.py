"""What every parser of a stream of bytes stands on: it asks for as many as it needs, however they come.

A parser is a generator. `yield from reader.take(4)` leaves it, by yielding None, until four bytes are there;
what it finds it yields. `Parsing` feeds one. (The way of websockets' `StreamReader`.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeAlias, TypeVar

__all__ = ["ByteReader", "Parser", "Parsing", "Reading"]

T = TypeVar("T")

Parser: TypeAlias = Iterator[T | None]
"""Yields what it finds, and None where it takes more bytes to go on."""

Reading: TypeAlias = Generator[None, None, T]
"""A part of a parser that finds one thing."""


class ByteReader:
    """Bytes that have come and were not taken yet, in `buffer`."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.ended = False  # no more will come

    def need(self, count: int) -> Reading[None]:
        """Wait until so many are there."""
        while len(self.buffer) < count:
            yield

    def take(self, count: int) -> Reading[bytes]:
        """The next so many."""
        while len(self.buffer) < count:
            yield
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def skip(self, count: int) -> Reading[None]:
        """Pass over so many, keeping none."""
        while count > len(self.buffer):
            count -= len(self.buffer)
            self.buffer.clear()
            yield
        del self.buffer[:count]

    def begins(self, *magics: bytes) -> Reading[bool]:
        """Whether one of `magics` comes next, told by as few bytes as tell it."""
        while True:
            possible = False
            for magic in magics:
                head = bytes(self.buffer[: len(magic)])
                if head == magic:
                    return True
                possible = possible or magic.startswith(head)
            if not possible:
                return False
            yield

    def search(self, magic: bytes, limit: int) -> Reading[bool]:
        """Drop at least a byte and all up to the next `magic`; False when that was more than `limit`."""
        del self.buffer[:1]
        junk = 1
        while True:
            place = self.buffer.find(magic)
            gone = place if place >= 0 else max(len(self.buffer) - len(magic) + 1, 0)
            del self.buffer[:gone]
            junk += gone
            if place >= 0 or junk > limit:
                return junk <= limit
            yield


class Parsing(Generic[T]):
    """Runs a parser over chunks of any length."""

    def __init__(self, parse: Callable[[ByteReader], Parser[T]]) -> None:
        self._reader = ByteReader()
        self._parser = parse(self._reader)
        self.started = False  # whether anything was found

    @property
    def rest(self) -> bytearray:
        """What has come and was not taken."""
        return self._reader.buffer

    def push(self, data: bytes | bytearray | memoryview) -> list[T]:
        """What has become certain. Raises what the parser raises, which ends it."""
        self._reader.buffer += data
        found: list[T] = []
        for item in self._parser:
            if item is None:
                break
            self.started = True
            found.append(item)
        return found

    def flush(self) -> list[T]:
        """What is certain only at the end."""
        self._reader.ended = True
        return self.push(b"")
