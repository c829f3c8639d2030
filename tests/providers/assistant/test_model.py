import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from voicecli.providers.assistant import Assistant, AssistantOptions
from voicecli.providers.language_model import Action, Announcer, Goodbye, Message, Token

Result = TypeVar("Result")
Simulate = Callable[[Coroutine[Any, Any, Any]], Any]


async def replied(assistant: Assistant, *lines: str) -> list[Token]:
    return [token async for token in assistant.complete([Message("user", line) for line in lines])]


def words(tokens: list[Token]) -> str:
    return "".join(token for token in tokens if isinstance(token, str))


def test_reply_streams_word_by_word(now: datetime) -> None:
    async def scene() -> list[Token]:
        async with Assistant(now=lambda: now) as assistant:
            return await replied(assistant, "what time is it")

    assert asyncio.run(scene()) == ["It's", " 3:45", " PM."]


def test_first_token_is_not_delayed(simulate: Simulate, now: datetime) -> None:
    async def scene() -> list[float]:
        async with Assistant(AssistantOptions(token_delay=0.5), now=lambda: now) as assistant:
            loop = asyncio.get_running_loop()
            start = loop.time()
            return [
                round(loop.time() - start, 3)
                async for _ in assistant.complete([Message("user", "what time is it")])
            ]

    assert simulate(scene()) == [0.0, 0.5, 1.0]


def test_answers_without_messages() -> None:
    async def scene() -> str:
        async with Assistant() as assistant:
            return words([token async for token in assistant.complete([Message("system", "Be brief.")])])

    assert asyncio.run(scene()) == "I didn't catch that."


def test_works_without_entering() -> None:
    assert words(asyncio.run(replied(Assistant(), "two plus two"))) == "2 plus 2 is 4."


def test_goodbye_comes_last() -> None:
    tokens = asyncio.run(replied(Assistant(), "goodbye"))
    assert tokens == ["Goodbye.", Goodbye()]


def test_seed_repeats_the_luck() -> None:
    rolls = [asyncio.run(replied(Assistant(AssistantOptions(seed=5)), "roll 9 dice")) for _ in range(2)]
    assert rolls[0] == rolls[1] == asyncio.run(replied(Assistant(random=Random(5)), "roll 9 dice"))


def test_thrown_away_reply_does_nothing() -> None:
    async def scene() -> int:
        async with Assistant() as assistant:
            async with aclosing(
                assistant.complete([Message("user", "set a timer for one second")])
            ) as tokens:
                async for _ in tokens:
                    break
            await replied(assistant, "set a timer for one second")
            return len(assistant.timers.running)

    assert asyncio.run(scene()) == 0


def act(tokens: list[Token]) -> None:
    for token in tokens:
        if isinstance(token, Action):
            token.run()


def heard(simulate: Simulate, start: datetime, *lines: str, seconds: float) -> list[tuple[float, str]]:
    """What is announced within so many seconds after the lines were said, and when."""

    async def scene() -> list[tuple[float, str]]:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        async with Assistant(now=lambda: start + timedelta(seconds=loop.time() - begin)) as assistant:
            assert isinstance(assistant, Announcer)
            rung: list[tuple[float, str]] = []

            def note(text: str) -> None:
                rung.append((round(loop.time() - begin, 1), text))

            async def listen() -> None:
                async for text in assistant.announcements():
                    note(text)

            listening = asyncio.create_task(listen())
            await asyncio.sleep(1)  # nothing is set yet: the announcer waits for a change
            for line in lines:
                act(await replied(assistant, line))
            await asyncio.sleep(seconds)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            return rung

    found: list[tuple[float, str]] = simulate(scene())
    return found


def test_timers_ring_when_due(simulate: Simulate, now: datetime) -> None:
    lines = ("set a tea timer for five minutes", "set a timer for ninety seconds")
    assert heard(simulate, now, *lines, seconds=600) == [
        (91.0, "Your 1 minute and 30 second timer is done."),
        (301.0, "Your tea timer is done."),
    ]


def test_cancelled_timers_are_silent(simulate: Simulate, now: datetime) -> None:
    assert heard(simulate, now, "set a timer for one minute", "cancel the timer", seconds=600) == []


def test_alarm_rings_on_the_minute(simulate: Simulate, now: datetime) -> None:
    assert heard(simulate, now, "wake me at 4 pm", seconds=1200) == [
        (900.0, "It's 4:00 PM. This is your alarm.")
    ]


def test_reminder_is_announced(simulate: Simulate, now: datetime) -> None:
    assert heard(simulate, now, "remind me in two minutes to call my mom", seconds=200) == [
        (121.0, "Reminder: call your mom.")
    ]


def test_alarm_rings_after_a_suspension(simulate: Simulate, now: datetime) -> None:
    async def scene() -> str:
        asleep = timedelta(0)
        async with Assistant(now=lambda: now + asleep) as assistant:
            act(await replied(assistant, "wake me at 4 pm"))
            asleep = timedelta(hours=8)  # the loop's clock stood still meanwhile
            async with aclosing(assistant.announcements()) as announcements:
                return await anext(announcements)

    assert simulate(scene()) == "It's 4:00 PM. This is your alarm."


def test_nothing_is_missing() -> None:
    assert Assistant.missing(AssistantOptions()) is None
    assert Assistant.name == "assistant"
    assert Assistant.Options is AssistantOptions
