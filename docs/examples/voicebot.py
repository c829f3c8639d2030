import asyncio
import sys

from voicecli import streams


async def main(microphone: str = "", loudspeaker: str = "") -> None:
    async with streams.open_engines() as (recognizer, model, synthesizer):
        utterances = streams.utterance_step(streams.microphone_source(microphone, keep=0.2))
        texts = streams.speech_to_text_step(utterances, recognizer)
        phrases = streams.phrase_step(streams.language_model_step(texts, model))
        await streams.speaker_sink(streams.synthesis_step(phrases, synthesizer), loudspeaker)


asyncio.run(main(*sys.argv[1:]))
