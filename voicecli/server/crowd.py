"""Those who have something limited, by whose they are: how many one has, and who gives way to others."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["Crowd"]

M = TypeVar("M", bound=Hashable)


class Crowd(Generic[M]):
    """Members and their owners, in the order in which they came."""

    def __init__(self) -> None:
        self._owners: dict[M, Hashable] = {}
        self._of: dict[Hashable, dict[M, None]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def __contains__(self, member: M) -> bool:
        return member in self._owners

    def __iter__(self) -> Iterator[M]:
        return iter(self._owners)

    def add(self, member: M, owner: Hashable) -> None:
        """It comes, or has another owner; either way it is the youngest."""
        self.remove(member)
        self._owners[member] = owner
        self._of.setdefault(owner, {})[member] = None

    def remove(self, member: M) -> None:
        """It goes, if it is there."""
        if member in self._owners:
            owner = self._owners.pop(member)
            del self._of[owner][member]
            if not self._of[owner]:
                del self._of[owner]

    def count(self, owner: Hashable) -> int:
        """How many one owner has."""
        return len(self._of.get(owner, ()))

    def oldest(self, owner: Hashable) -> M | None:
        """Of those that one owner has."""
        return next(iter(self._of.get(owner, ())), None)

    def loser(self) -> M:
        """The oldest of whoever has most; somebody has to be there."""
        return next(iter(self._of[max(self._of, key=self.count)]))
