"""A voicebot that can be interrupted: speak while it answers, and it falls silent and listens.

    python interruption.py [MICROPHONE [LOUDSPEAKER]]

Both are names of devices, or files. With a loudspeaker in the room it hears itself: wear headphones.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import partial

from voicecli import streams


async def main(microphone: str = "", loudspeaker: str = "") -> None:
    async with streams.open_engines() as (recognizer, model, synthesizer):
        history = streams.History()  # of the whole conversation, for each answer is a flow of its own

        def answer(texts: AsyncIterator[str]) -> AsyncIterator[streams.Block]:
            phrases = streams.phrase_step(streams.language_model_step(texts, model, history))
            return streams.block_rate_limit_step(streams.synthesis_step(phrases, synthesizer), 0.3)

        blocks = streams.microphone_source(microphone)
        listen = partial(streams.speech_recognition_step, recognizer=recognizer)
        texts, interruptions = streams.speech_with_start_detection_step(blocks, listen, threshold_secs=0.3)
        sound = streams.cancelable_substream_step(texts, interruptions, answer, [streams.Hush()])
        await streams.speaker_sink(sound, loudspeaker, wait=False)


asyncio.run(main(*sys.argv[1:]))
