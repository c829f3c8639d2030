"""Split a file of numbers into the even and the odd ones.

    python even_odd.py NUMBERS EVEN ODD

Each file has a number on each line.
"""

import asyncio
import sys

from voicecli import streams


async def main(numbers: str, even: str, odd: str) -> None:
    values = streams.map_step(streams.text_file_source(numbers), int)
    evens, odds = streams.partition_step(values, lambda value: value % 2 == 0)
    await asyncio.gather(streams.text_file_sink(evens, even), streams.text_file_sink(odds, odd))


asyncio.run(main(*sys.argv[1:]))
