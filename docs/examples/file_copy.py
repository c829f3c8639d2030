"""Copy a file, and say how many bytes went by.

    python file_copy.py FROM TO

Both branches of a fork are awaited together.
"""

import asyncio
import sys

from voicecli import streams


async def main(original: str, copy: str) -> None:
    data = streams.binary_file_source(original)
    data, counted = streams.fork_step(data)
    sizes = streams.map_step(counted, len)
    _, lengths = await asyncio.gather(streams.binary_file_sink(data, copy), streams.array_sink(sizes))
    print(f"{sum(lengths)} bytes")


asyncio.run(main(*sys.argv[1:]))
