"""A source that counts, and says how it ended."""

import asyncio


class Spring:
    """Gives `items`, then raises `error`, waits for ever with `hold`, or ends."""

    def __init__(self, items, *, error=None, hold=False, pause=False):
        self.items, self.error, self.hold, self.pause = items, error, hold, pause
        self.read = 0
        self.waits = asyncio.Event()
        self.started = self.ended = self.closed = self.disturbed = False

    async def __call__(self):
        self.started = True
        try:
            for item in self.items:
                if self.pause:
                    await asyncio.sleep(0)
                self.read += 1
                yield item
            self.ended = not self.hold
            if self.error is not None:
                raise self.error
            if self.hold:
                self.waits.set()
                await asyncio.Event().wait()
        finally:
            self.closed = True
            try:
                await asyncio.sleep(0)  # as whatever closes a file or a socket
            except asyncio.CancelledError:
                self.disturbed = True
                raise


async def settled():
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


def run(main, seconds=20):
    """Run `main()`, and see that it leaves no task behind."""

    async def watched():
        async with asyncio.timeout(seconds):
            made = await main()
        await settled()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return made

    return asyncio.run(watched())
