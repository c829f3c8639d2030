"""Steps that read ahead of a slow reader, a bounded way, and may join what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeVar, overload

from voicecli.flow.channel import SIZE, Branch, Channel, Trunk, pour
from voicecli.flow.scope import scoped

__all__ = ["buffer_step", "byte_buffer_step", "str_buffer_step"]

T = TypeVar("T")


@overload
def buffer_step(async_iter: AsyncIterator[T], join_func: None = None, *, size: int = SIZE) -> Branch[T]: ...
@overload
def buffer_step(
    async_iter: AsyncIterator[T], join_func: Callable[[list[T]], T], *, size: int = SIZE
) -> AsyncIterator[T]: ...
def buffer_step(
    async_iter: AsyncIterator[T], join_func: Callable[[list[T]], T] | None = None, *, size: int = SIZE
) -> AsyncIterator[T]:
    """Read at most `size` items ahead, from the first pull on; `join_func` makes one item of what waits."""
    channel: Channel[T] = Channel(size)
    ahead = Branch(channel, Trunk(lambda: pour(async_iter, channel), [channel], [async_iter]))
    return ahead if join_func is None else _joined(ahead, join_func)


async def _joined(ahead: Branch[T], join: Callable[[list[T]], T]) -> AsyncIterator[T]:
    async with scoped(ahead):
        while waiting := await ahead.take():
            yield join(waiting)


def byte_buffer_step(async_iter: AsyncIterator[bytes], *, size: int = SIZE) -> AsyncIterator[bytes]:
    """Read ahead, and join the bytes that wait."""
    return buffer_step(async_iter, b"".join, size=size)


def str_buffer_step(async_iter: AsyncIterator[str], *, size: int = SIZE) -> AsyncIterator[str]:
    """Read ahead, and join the text that waits."""
    return buffer_step(async_iter, "".join, size=size)
