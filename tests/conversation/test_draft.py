"""A reply in the making, before and after its turn is certain."""

import asyncio

import pytest

from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.speaker import FastSpeaker, NullSink
from voicecli.conversation import events
from voicecli.conversation.draft import Reply, ReplyOptions
from voicecli.errors import TimedOut
from voicecli.providers.language_model import Action, Goodbye
from voicecli.providers.simulated import SimulatedSynthesizer, SimulatedSynthesizerOptions
from voicecli.reply.utterer import Utterer, UttererOptions


async def tokens_of(*tokens, pause=0.0):
    for token in tokens:
        await asyncio.sleep(pause)
        yield token


def made(tokens, script, *, timeout=5.0):
    """What is told of a reply while `script` has it, and what becomes of it."""
    told = []

    async def hold():
        async with AudioStreamPlayer(FastSpeaker("fast", NullSink(), 8000)) as player:
            voice = SimulatedSynthesizer(SimulatedSynthesizerOptions(ttfb=0.0, speed=0.0))
            utterer = Utterer(voice, player, UttererOptions())
            reply = Reply(tokens, utterer, ReplyOptions(timeout=timeout), told.append)
            reply.making = asyncio.create_task(reply.run(lambda: told.append("voiced")))
            await script(reply)
            (result,) = await asyncio.wait_for(asyncio.gather(reply.making, return_exceptions=True), 10)
            return reply, result

    reply, result = asyncio.run(hold())
    return reply, result, told


async def all_made(reply):
    while not reply.over:  # noqa: ASYNC110 - what is not committed tells nobody
        await asyncio.sleep(0.001)


def test_nothing_is_told_before_it_is_committed():
    seen = []

    async def script(reply):
        await all_made(reply)
        await asyncio.sleep(0.02)
        seen.append(reply.text)
        reply.commit(7)

    _, finished, told = made(tokens_of("Fine, ", "thank you."), script)
    assert seen == ["Fine, thank you."]
    assert told == [
        events.TokenCame(7, "Fine, thank you."),
        events.ReplyFinished(7, "Fine, thank you."),
        "voiced",
    ]
    assert finished is not None


def test_what_comes_afterwards_is_told_as_it_comes():
    async def script(reply):
        reply.commit(1)

    reply, _, told = made(tokens_of("Fine, ", "thank you.", pause=0.001), script)
    assert [event.text for event in told if isinstance(event, events.TokenCame)] == ["Fine, ", "thank you."]
    assert (reply.tokens, reply.over, reply.goodbye) == (2, True, False)


@pytest.mark.parametrize("early", [True, False])
def test_actions_wait_until_it_is_certain(early):
    done = []

    async def script(reply):
        if not early:
            await all_made(reply)
            assert done == []
        reply.commit(1)

    reply, _, _ = made(tokens_of(Action("set", lambda: done.append(1)), "Done.", Goodbye()), script)
    assert done == [1]
    assert reply.goodbye


def test_dropped_reply_does_and_says_nothing():
    done = []

    async def script(reply):
        await all_made(reply)
        reply.drop()

    _, result, told = made(tokens_of(Action("set", lambda: done.append(1)), "Done."), script)
    assert isinstance(result, asyncio.CancelledError)
    assert (done, told) == ([], [])


def test_reply_that_is_dropped_in_the_middle_is_silent_from_then_on():
    async def script(reply):
        reply.commit(1)
        reply.drop()

    _, _, told = made(tokens_of("Fine, ", "thank you.", pause=0.001), script)
    assert told == []


def test_silent_model_is_not_waited_for():
    async def script(reply):
        reply.commit(1)

    _, result, _ = made(tokens_of("Fine.", pause=5.0), script, timeout=0.02)
    assert isinstance(result, TimedOut)
