"""A voicebot that answers the telephone, through Twilio Media Streams.

    uvicorn telephone:app --port 8080

The number's TwiML is <Response><Connect><Stream url="wss://your.host/call"/></Connect></Response>.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, WebSocket

from voicecli import streams


@asynccontextmanager
async def engines(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with streams.open_engines() as opened:  # once, for all calls
        yield {"engines": opened}


app = FastAPI(lifespan=engines)


@app.websocket("/call")
async def answer(websocket: WebSocket) -> None:
    recognizer, model, synthesizer = websocket.state.engines
    async with streams.TwilioCall(websocket) as call:
        blocks = streams.decode_step(call.audio(), streams.AudioFormat.WAV_MULAW_8KHZ)
        texts = streams.speech_to_text_step(streams.utterance_step(blocks), recognizer)
        phrases = streams.phrase_step(streams.language_model_step(texts, model))
        await call.play(streams.synthesis_step(phrases, synthesizer))
