"""Who reads when, on a clock that moves by what is read."""

from __future__ import annotations

import asyncio

from voicecli.server.rota import Rota


class Line:
    """Readers that write down when they read, and the rounds of the event loop between."""

    def __init__(self) -> None:
        self.now = 0.0
        self.read: list[str] = []
        self.rota = Rota(lambda: self.now)

    async def rounds(self) -> list[str]:
        """What is read in each round of the loop until nothing is."""
        found = []
        while True:
            await asyncio.sleep(0)
            if not self.read:
                return found
            found.append("".join(self.read))
            self.read.clear()


class Reader:
    """Has so much to read, a millisecond each."""

    def __init__(self, line: Line, name: str, left: int, first: bool = True) -> None:
        self.line = line
        self.name = name
        self.left = left
        self.first = first

    def read(self) -> bool:
        self.line.now += 0.001
        self.line.read.append(self.name)
        self.left -= 1
        return self.left > 0


def rounds(*readers: tuple[str, int, bool]) -> list[str]:
    async def run() -> list[str]:
        line = Line()
        for name, left, first in readers:
            reader = Reader(line, name, left, first)
            line.rota.join(reader)
            line.rota.join(reader)  # once is enough
        return await line.rounds()

    return asyncio.run(run())


def test_a_little_of_everybody_and_then_the_loop_goes_on():
    assert rounds(("a", 6, True), ("b", 1, True)) == ["aba", "aaa", "a"]


def test_who_has_shown_no_token_waits_but_is_not_forgotten():
    assert rounds(("a", 4, True), ("g", 2, False)) == ["aaag", "ag"]
