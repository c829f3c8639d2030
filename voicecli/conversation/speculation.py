"""What starting on trust has won and cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Ledger"]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts over a conversation; every method returns the new ledger."""

    hits: int = 0  # replies begun at a short silence that were used
    misses: int = 0  # those thrown away because the speaker went on
    saved: float = 0.0  # seconds by which the used ones were ahead of the end of their turns
    wasted_tokens: int = 0  # tokens of those thrown away

    def hit(self, saved: float) -> Ledger:
        """A reply begun `saved` seconds before its turn surely ended is used."""
        return replace(self, hits=self.hits + 1, saved=self.saved + max(0.0, saved))

    def miss(self, tokens: int) -> Ledger:
        """A reply that had `tokens` tokens already is thrown away."""
        return replace(self, misses=self.misses + 1, wasted_tokens=self.wasted_tokens + tokens)
