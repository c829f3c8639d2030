"""A loop whose time is virtual: it jumps to the next timer instead of waiting for it."""

import asyncio
import selectors


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self):
        return self.now


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop):
        super().__init__()
        self._loop = loop

    def select(self, timeout=None):
        self._loop.now += timeout or 0.0
        return super().select(0)


def simulate(main):
    """Run `main()` in virtual time, and see that it leaves no task behind."""

    async def watched():
        made = await main()
        for _ in range(20):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return made

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(watched())


async def timed(source):
    """Items with the moments at which they came."""
    loop = asyncio.get_running_loop()
    return [(round(loop.time(), 4), item) async for item in source]


async def script(*lines):
    """Wait and yield by turns: numbers are seconds, an exception is raised."""
    for line in lines:
        if isinstance(line, float | int):
            await asyncio.sleep(line)
        elif isinstance(line, Exception):
            raise line
        else:
            yield line
