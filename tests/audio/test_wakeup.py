"""A device's thread wakes the event loop."""

import asyncio
import threading

from voicecli.audio.wakeup import Wakeup


def test_a_thread_wakes_who_waits():
    async def main() -> tuple[bool, str | None]:
        wakeup = Wakeup()
        wakeup.attach()
        thread = threading.Thread(target=wakeup.lose, args=("It went away.",))
        thread.start()
        woken = await wakeup.wait()
        thread.join()
        return woken, wakeup.lost

    assert asyncio.run(main()) == (True, "It went away.")


def test_what_rang_before_is_noticed_once():
    async def main() -> None:
        wakeup = Wakeup()
        wakeup.attach()
        wakeup.ring()
        assert await wakeup.wait()
        wakeup.clear()
        waiting = asyncio.create_task(wakeup.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        wakeup.ring()
        assert await waiting

    asyncio.run(main())


def test_a_loop_that_has_ended_is_left_alone():
    wakeup = Wakeup()
    wakeup.ring()  # not attached yet

    async def main() -> None:
        wakeup.attach()

    asyncio.run(main())
    wakeup.ring()
    wakeup.lose("It went away.")
    assert wakeup.lost == "It went away."
