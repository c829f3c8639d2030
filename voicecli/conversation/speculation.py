"""What starting on trust has won and cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Ledger"]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts over a conversation; every method returns the new ledger."""

    hits: int = 0  # short silences at which work was begun that was used
    misses: int = 0  # those after which the speaker went on
    saved: float = 0.0  # seconds by which the used work was ahead of the end of its turn
    wasted_tokens: int = 0  # tokens of replies thrown away

    def hit(self, saved: float) -> Ledger:
        """Work begun `saved` seconds before its turn surely ended is used."""
        return replace(self, hits=self.hits + 1, saved=self.saved + max(0.0, saved))

    def miss(self, tokens: int) -> Ledger:
        """Work is thrown away, and with it a reply of `tokens` tokens so far."""
        return replace(self, misses=self.misses + 1, wasted_tokens=self.wasted_tokens + tokens)
